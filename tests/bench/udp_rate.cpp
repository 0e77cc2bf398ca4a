// A UDP sender and sink that reach what the path carries: general tools top out near 200,000 packets a
// second.
//   udp_rate send ADDRESS PORT PAYLOAD_BYTES SECONDS     as fast as it can, no segmentation offload, like an
//   application udp_rate sink ADDRESS PORT SECONDS                   counts until nothing came for half a
//   second
// Both print one JSON object.
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr unsigned kBatch = 64;
constexpr int kBufferBytes = 8 << 20;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

double secondsSince(SteadyClock::time_point start) {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

int openSocket(const char* address, const char* port, bool bindIt) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (getaddrinfo(address, port, &hints, &found) != 0) {
        std::fprintf(stderr, "not an address and a port: %s %s\n", address, port);
        std::exit(2);
    }
    const int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    (void)setsockopt(fd, SOL_SOCKET, bindIt ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
    if ((bindIt ? bind : connect)(fd, found->ai_addr, found->ai_addrlen) != 0) fail(bindIt ? "bind" : "connect");
    freeaddrinfo(found);
    return fd;
}

int sendFor(int fd, std::size_t size, double seconds) {
    std::vector<std::uint8_t> payload(std::max<std::size_t>(size, 1), 0x5a);
    iovec part{payload.data(), payload.size()};
    std::array<mmsghdr, kBatch> batch{};
    for (auto& message : batch) {
        message.msg_hdr.msg_iov = &part;
        message.msg_hdr.msg_iovlen = 1;
    }
    std::uint64_t sent = 0;
    std::uint64_t refused = 0;
    const auto start = SteadyClock::now();
    while (secondsSince(start) < seconds) {
        const int done = sendmmsg(fd, batch.data(), kBatch, 0);
        if (done > 0) {
            sent += static_cast<std::uint64_t>(done);
        } else if (errno == ENOBUFS || errno == EAGAIN || errno == ECONNREFUSED) {
            ++refused;
        } else {
            fail("sendmmsg");
        }
    }
    const double took = secondsSince(start);
    std::printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.6f,\"per_second\":%.1f}\n",
                static_cast<unsigned long long>(sent), static_cast<unsigned long long>(refused), took,
                static_cast<double>(sent) / took);
    return 0;
}

int sinkFor(int fd, double seconds) {
    const timeval idle{0, 500'000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle) != 0) fail("SO_RCVTIMEO");
    std::vector<std::array<std::uint8_t, 2048>> buffers(kBatch);
    std::array<iovec, kBatch> parts{};
    std::array<mmsghdr, kBatch> batch{};
    for (unsigned i = 0; i < kBatch; ++i) {
        parts[i] = {buffers[i].data(), buffers[i].size()};
        batch[i].msg_hdr.msg_iov = &parts[i];
        batch[i].msg_hdr.msg_iovlen = 1;
    }
    std::uint64_t received = 0;
    std::uint64_t bytes = 0;
    auto first = SteadyClock::now();
    auto last = first;
    const auto start = first;
    for (;;) {
        const int done = recvmmsg(fd, batch.data(), kBatch, MSG_WAITFORONE, nullptr);
        if (done < 0) {
            if (errno != EAGAIN && errno != EINTR) fail("recvmmsg");
            // Before the first packet the sender may still be starting; never wait longer than twice the time plus
            // 5 s.
            if (received > 0 || secondsSince(start) > 2 * seconds + 5) break;
            continue;
        }
        last = SteadyClock::now();
        if (received == 0) first = last;
        received += static_cast<std::uint64_t>(done);
        for (unsigned i = 0; i < static_cast<unsigned>(done); ++i) bytes += batch[i].msg_len;
    }
    const double took = std::chrono::duration<double>(last - first).count();
    std::printf("{\"received\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"per_second\":%.1f}\n",
                static_cast<unsigned long long>(received), static_cast<unsigned long long>(bytes), took,
                took > 0 ? static_cast<double>(received) / took : 0.0);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode == "send" && argc == 6) {
        return sendFor(openSocket(argv[2], argv[3], false), static_cast<std::size_t>(std::atoi(argv[4])),
                       std::atof(argv[5]));
    }
    if (mode == "sink" && argc == 5) return sinkFor(openSocket(argv[2], argv[3], true), std::atof(argv[4]));
    std::fprintf(stderr, "usage: udp_rate send ADDRESS PORT PAYLOAD_BYTES SECONDS | sink ADDRESS PORT SECONDS\n");
    return 2;
}
