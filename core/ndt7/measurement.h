// What the two ends of an ndt7 test tell each other while it runs (ndt7 protocol, version 7: JSON in text messages of a WebSocket).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netpas::ndt7 {

inline constexpr std::string_view subprotocol = "net.measurementlab.ndt.v7";
inline constexpr std::string_view downloadPath = "/ndt/v7/download";
inline constexpr std::string_view uploadPath = "/ndt/v7/upload";
inline constexpr uint16_t defaultPort = 46725;
inline constexpr std::chrono::seconds testTime{10};  // whoever sends stops then
inline constexpr std::chrono::seconds patience{15};  // nobody goes on for longer
inline constexpr std::chrono::milliseconds reportInterval{250};
inline constexpr size_t firstMessage = size_t{1} << 13;
inline constexpr size_t largestMessage = size_t{1} << 20;  // that is sent
inline constexpr size_t maxMessage = size_t{1} << 24;      // that is accepted

enum class Direction { Download, Upload };  // as the client sees it
[[nodiscard]] std::string_view name(Direction direction);

// Of the kernel, at the end that reports (Linux's struct tcp_info). Times in microseconds.
struct TcpInfo {
    uint64_t elapsed = 0;
    uint64_t bytesAcked = 0;
    uint64_t bytesReceived = 0;
    uint64_t bytesSent = 0;
    uint64_t bytesRetransmitted = 0;
    uint64_t minRtt = 0;
    uint64_t rtt = 0;
    uint64_t rttVariation = 0;
    uint64_t busyTime = 0;
    uint64_t receiveWindowLimited = 0;
    uint64_t sendBufferLimited = 0;
    friend bool operator==(const TcpInfo&, const TcpInfo&) = default;
};
// Nothing where the system has no such thing.
[[nodiscard]] std::optional<TcpInfo> tcpInfoOf(int socket, std::chrono::microseconds elapsed);

struct Measurement {
    std::string origin;  // "client" or "server"
    Direction test = Direction::Download;
    std::chrono::microseconds elapsed{};
    uint64_t bytes = 0;  // of the application, sent or received by `origin`
    std::optional<TcpInfo> tcp;
    std::string client;  // address and port as the server sees them; only the server says so
    std::string server;
    friend bool operator==(const Measurement&, const Measurement&) = default;
};

[[nodiscard]] std::string toJson(const Measurement& measurement);
// Nothing when it is no JSON object. What is missing reads as nothing: other implementations say less, or more.
[[nodiscard]] std::optional<Measurement> fromJson(std::string_view text);

}  // namespace netpas::ndt7
