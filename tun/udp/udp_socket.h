// UDP in trains: runs of equally long datagrams that cross the kernel's stack as one (UDP_SEGMENT when sending, UDP_GRO when receiving).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/net_address.h"

namespace netpas::tun {

inline constexpr size_t maxTrainSegments = 64;
inline constexpr size_t maxTrainBytes =
    65000;  // below the 65507 and 65527 that fit, and below every kernel's own limit

// What one receive() takes at most, but for what a last system call brings: more would leave the processor's cache before it is looked at.
inline constexpr size_t receiveBatchBytes = 256 * 1024;

enum class UdpError : uint8_t {
    NotPermitted,  // mark, device or buffer sizes need privileges
    AddressInUse,
    AddressNotHere,  // the local address is no address of this machine
    NoSuchDevice,
    FamilyMismatch,  // IPv4 socket and IPv6 peer, or the reverse
    Unreachable,     // no route to the peer
    NotConnected,    // the question needs a connected socket
    SystemRefused,   // any other refusal of the kernel's; see the log
};
[[nodiscard]] std::string_view describe(UdpError error) noexcept;

// What the kernel does about datagrams that are longer than the path MTU.
enum class PathMtuMode : uint8_t {
    Discover,  // IP_PMTUDISC_WANT: learn the path MTU; fragment here what exceeds it
    Strict,    // IP_PMTUDISC_DO: learn it; refuse what exceeds it (SendOutcome::TooBig)
    Fragment,  // IP_PMTUDISC_DONT: never set DF
};

struct UdpOptions {
    Endpoint local{};                // port 0: any; the address decides the family
    std::optional<Endpoint> peer{};  // connected: only the peer's datagrams are received, and path MTU is known
    std::string device{};            // SO_BINDTODEVICE, unless empty
    std::optional<uint32_t> mark{};  // SO_MARK
    PathMtuMode pathMtu = PathMtuMode::Discover;
    size_t receiveBuffer = 8u << 20;  // bytes; as much of it as privileges and system limits allow
    size_t sendBuffer = 4u << 20;
    bool receiveTrains = true;        // UDP_GRO: buffers need 65535 bytes
    bool reportTrafficClass = false;  // fill ReceivedTrain::trafficClass
    bool sharePort = false;           // SO_REUSEPORT
    bool reportUnreachable = false;   // connected sockets: hear of silent hosts and networks too (IP_RECVERR)
};

enum class SendOutcome : uint8_t {
    Pending,  // not tried
    Sent,
    Full,         // the socket's send buffer, or the interface's queue; try later
    TooBig,       // exceeds the path MTU (PathMtuMode::Strict), or 65507 bytes
    Unreachable,  // no route, interface down, or refused by the local firewall
    Failed,       // any other error
};
[[nodiscard]] std::string_view describe(SendOutcome outcome) noexcept;

// Datagrams that lie one behind the other, each `segmentSize` long, the last one at most that.
struct OutgoingTrain {
    std::span<const uint8_t> data{};             // 1 to maxTrainBytes bytes
    uint16_t segmentSize = 0;                    // at most maxTrainSegments of them
    uint8_t trafficClass = 0;                    // DSCP << 2 | ECN of the outer packet
    std::optional<Endpoint> to{};                // nothing: the connected peer
    SendOutcome outcome = SendOutcome::Pending;  // set by send(): of the first datagram that was not sent, or Sent
    uint16_t datagramsSent = 0;                  // set by send()

    [[nodiscard]] size_t datagrams() const noexcept {
        return segmentSize == 0 ? 0 : (data.size() + segmentSize - 1) / segmentSize;
    }
};

struct ReceivedTrain {
    std::span<uint8_t> buffer{};  // the caller's; 65535 bytes with receiveTrains
    size_t size = 0;              // the rest is set by receive()
    size_t segmentSize = 0;       // length of every datagram but the last; = size for a single one
    Endpoint from{};
    uint8_t trafficClass = 0;
    bool truncated = false;  // the buffer was too short: the last datagram is incomplete

    [[nodiscard]] std::span<const uint8_t> data() const noexcept { return buffer.first(size); }
};

struct UdpStatistics {
    uint64_t softErrors = 0;   // ICMP errors about earlier datagrams, which the kernel reported and we passed over
    uint64_t splitTrains = 0;  // trains that had to be sent as single datagrams
    uint64_t refused = 0;      // of the soft errors: nobody listens on the peer's port
    uint64_t unreachable = 0;  // of the soft errors: the peer's host or network; only with reportUnreachable
};

// One sending and one receiving thread at a time.
class UdpSocket {
public:
    UdpSocket() = default;
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;
    virtual ~UdpSocket() = default;

    [[nodiscard]] virtual Endpoint localEndpoint() const = 0;
    // A descriptor that polls readable while datagrams wait; -1 where the platform has none.
    [[nodiscard]] virtual int pollHandle() const noexcept = 0;

    // Tries all trains in order and never blocks; each train says what became of it. A train that was not sent does not hold up the next, except
    // when the socket is Full: what follows stays Pending. Returns how many were sent wholly.
    virtual size_t send(std::span<OutgoingTrain> trains) noexcept = 0;
    // Fills `into` from the front with what waits and returns how many; 0 means that nothing waits, less than all does not. Errors that ICMP reported
    // about what was sent earlier are counted and passed over.
    [[nodiscard]] virtual tl::expected<size_t, UdpError> receive(std::span<ReceivedTrain> into) noexcept = 0;

    // Greatest IP packet that reaches the connected peer unfragmented, as far as is known; outer IP and UDP headers included.
    [[nodiscard]] virtual tl::expected<uint32_t, UdpError> pathMtu() const noexcept = 0;
    // The same for any destination from this socket's address, device and mark. Control thread: opens a socket for the question.
    [[nodiscard]] virtual tl::expected<uint32_t, UdpError> pathMtuTo(const Endpoint& peer) const = 0;
    [[nodiscard]] virtual UdpStatistics statistics() const noexcept = 0;
};

class UdpFactory {
public:
    UdpFactory() = default;
    UdpFactory(const UdpFactory&) = delete;
    UdpFactory& operator=(const UdpFactory&) = delete;
    virtual ~UdpFactory() = default;

    [[nodiscard]] virtual tl::expected<std::unique_ptr<UdpSocket>, UdpError> open(const UdpOptions& options) = 0;
};

}  // namespace netpas::tun
