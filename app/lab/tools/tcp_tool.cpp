// One TCP transfer of seeded bytes, checked byte by byte at the far end, with resets noticed at both.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/lab/tools/tools.h"

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t blockSize = 1 << 16;

// splitmix64: eight bytes of the stream at a time, from their position alone.
uint64_t word(uint64_t seed, uint64_t index) {
    uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint8_t byteAt(uint64_t seed, uint64_t position) {
    return static_cast<uint8_t>(word(seed, position / 8) >> (8 * (position % 8)));
}

// FNV-1a, 64 bits: the two ends compare it beside the byte-by-byte check.
class Checksum {
public:
    void add(const uint8_t* bytes, size_t size) {
        for (size_t i = 0; i < size; ++i) m_value = (m_value ^ bytes[i]) * 0x100000001b3ULL;
    }
    std::string hex() const {
        std::array<char, 17> text{};
        std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(m_value));
        return text.data();
    }

private:
    uint64_t m_value = 0xcbf29ce484222325ULL;
};

int failed(const std::string& what) {
    std::cerr << what << ": " << std::strerror(errno) << std::endl;
    return 1;
}

socklen_t makeAddress(const std::string& text, uint16_t port, sockaddr_storage& storage) {
    storage = {};
    if (auto* v4 = reinterpret_cast<sockaddr_in*>(&storage); ::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) != 1) return 0;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
}

uint64_t retransmissions(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_total_retrans : 0;
}

struct Transfer {
    uint64_t bytes = 0;
    bool reset = false;
    Checksum checksum;
};

// Sends until `seconds` are over or `bytes` are sent, at most at `bytesPerSecond`; says so when it is told to end.
void sendStream(int fd, uint64_t seed, double seconds, uint64_t limit, double bytesPerSecond, Transfer& transfer) {
    std::vector<uint8_t> block(blockSize);
    const auto begin = Clock::now();
    while (!toolShouldEnd()) {
        const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
        if (seconds > 0 && passed >= seconds) return;
        if (limit != 0 && transfer.bytes >= limit) return;
        if (bytesPerSecond > 0 && static_cast<double>(transfer.bytes) > passed * bytesPerSecond) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            continue;
        }
        const size_t size =
            limit == 0 ? blockSize : static_cast<size_t>(std::min<uint64_t>(blockSize, limit - transfer.bytes));
        for (size_t i = 0; i < size; ++i) block[i] = byteAt(seed, transfer.bytes + i);
        size_t done = 0;
        while (done < size) {
            const ssize_t n = ::send(fd, block.data() + done, size - done, MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) {
                transfer.reset = true;
                return;
            }
            transfer.checksum.add(block.data() + done, static_cast<size_t>(n));
            done += static_cast<size_t>(n);
            transfer.bytes += static_cast<uint64_t>(n);
        }
    }
}

// After our end of the stream the peer confirms with its count, then closes.
bool readCount(int fd, uint64_t& count) {
    std::array<uint8_t, 8> bytes{};
    size_t got = 0;
    while (got < bytes.size()) {
        const ssize_t n = ::recv(fd, bytes.data() + got, bytes.size() - got, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        got += static_cast<size_t>(n);
    }
    count = 0;
    for (const uint8_t byte : bytes) count = count << 8 | byte;
    return true;
}

}  // namespace

// to, port, from_port, seconds or bytes, mbit (at most), seed, congestion (default cubic)
int tcpSendTool(const ToolArguments& arguments) {
    sockaddr_storage target{};
    const socklen_t length =
        makeAddress(arguments.text("to"), static_cast<uint16_t>(arguments.number("port", 5002)), target);
    if (length == 0) {
        std::cerr << "tcp-send: to=ADDRESS is missing or wrong" << std::endl;
        return 2;
    }
    const int fd = ::socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return failed("tcp-send: socket");
    const std::string congestion = arguments.text("congestion", "cubic");
    if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion.data(), static_cast<socklen_t>(congestion.size())) !=
        0) {
        return failed("tcp-send: congestion control " + congestion);
    }
    if (const auto port = arguments.number("from_port", 0); port != 0) {
        sockaddr_storage own{};
        const socklen_t ownLength =
            makeAddress(target.ss_family == AF_INET ? "0.0.0.0" : "::", static_cast<uint16_t>(port), own);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), ownLength) != 0) return failed("tcp-send: from_port");
    }
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&target), length) != 0) return failed("tcp-send: connect");
    sayReady();
    Transfer transfer;
    const auto begin = Clock::now();
    sendStream(fd, arguments.number("seed", 1), arguments.real("seconds", 0), arguments.number("bytes", 0),
               arguments.real("mbit", 0) * 1e6 / 8, transfer);
    const uint64_t retransmitted = retransmissions(fd);
    uint64_t confirmed = 0;
    if (!transfer.reset) {
        ::shutdown(fd, SHUT_WR);
        if (!readCount(fd, confirmed)) transfer.reset = true;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    printResult(Json{{"sent", transfer.bytes},
                     {"confirmed", confirmed},
                     {"reset", transfer.reset},
                     {"checksum", transfer.checksum.hex()},
                     {"retransmitted_segments", retransmitted},
                     {"seconds", seconds}});
    ::close(fd);
    return 0;
}

// port, seed; serves one connection
int tcpSinkTool(const ToolArguments& arguments) {
    const uint64_t seed = arguments.number("seed", 1);
    const int listener = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    const int zero = 0;
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(static_cast<uint16_t>(arguments.number("port", 5002)));
    if (listener < 0) return failed("tcp-sink: socket");
    ::setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 || ::listen(listener, 1) != 0)
        return failed("tcp-sink: bind");
    sayReady();
    int fd = -1;
    while (fd < 0 && !toolShouldEnd()) {
        fd = ::accept(listener, nullptr, nullptr);
        if (fd < 0 && errno != EINTR) return failed("tcp-sink: accept");
    }
    std::vector<uint8_t> block(blockSize);
    Transfer transfer;
    uint64_t wrong = 0;
    auto last = Clock::now();
    Clock::duration longestPause{0};
    while (fd >= 0 && !toolShouldEnd()) {
        const ssize_t n = ::recv(fd, block.data(), block.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) transfer.reset = true;
        if (n <= 0) break;
        const auto now = Clock::now();
        longestPause = std::max(longestPause, now - last);
        last = now;
        for (size_t i = 0; i < static_cast<size_t>(n); ++i)
            wrong += block[i] != byteAt(seed, transfer.bytes + i) ? 1U : 0U;
        transfer.checksum.add(block.data(), static_cast<size_t>(n));
        transfer.bytes += static_cast<uint64_t>(n);
    }
    std::array<uint8_t, 8> count{};
    for (size_t i = 0; i < count.size(); ++i) count[i] = static_cast<uint8_t>(transfer.bytes >> (56 - 8 * i));
    if (fd >= 0 && !transfer.reset) (void)!::send(fd, count.data(), count.size(), MSG_NOSIGNAL);
    printResult(
        Json{{"received", transfer.bytes},
             {"wrong", wrong},
             {"reset", transfer.reset},
             {"checksum", transfer.checksum.hex()},
             {"longest_pause_ms", std::chrono::duration_cast<std::chrono::milliseconds>(longestPause).count()}});
    if (fd >= 0) ::close(fd);
    ::close(listener);
    return 0;
}

}  // namespace netpas::lab
