// UDP sender with sequence numbers and pacing, and the sink that accounts for every datagram.
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
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
#include "core/net_address.h"

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;

// A datagram: magic, stream (the seed), sequence, then bytes that follow from both.
constexpr uint32_t magic = 0x6e705544;
constexpr size_t headSize = 16;
constexpr size_t maxDatagram = 65000;

void put32(uint8_t* at, uint32_t value) {
    for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}
uint32_t get32(const uint8_t* at) {
    return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}

uint8_t filler(uint32_t stream, uint64_t sequence, size_t index) {
    return static_cast<uint8_t>((sequence * 31 + index * 7 + stream) & 0xff);
}

void fillDatagram(uint8_t* bytes, size_t size, uint32_t stream, uint64_t sequence) {
    put32(bytes, magic);
    put32(bytes + 4, stream);
    put32(bytes + 8, static_cast<uint32_t>(sequence >> 32));
    put32(bytes + 12, static_cast<uint32_t>(sequence));
    for (size_t i = headSize; i < size; ++i) bytes[i] = filler(stream, sequence, i);
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

int failed(const std::string& what) {
    std::cerr << what << ": " << std::strerror(errno) << std::endl;
    return 1;
}

// Sleeps until a moment; short rests are left to the caller's batching.
void sleepUntil(Clock::time_point moment) {
    if (moment > Clock::now()) std::this_thread::sleep_until(moment);
}

struct SendPlan {
    uint64_t packets = 0;  // 0: until told to end
    size_t size = 0;
    double perSecond = 0;  // 0: as fast as possible
    size_t train = 1;      // datagrams handed to the kernel as one (UDP_SEGMENT)
    uint32_t stream = 0;
};

Json sendAll(int fd, const SendPlan& plan) {
    std::vector<uint8_t> buffer(plan.size * plan.train);
    uint64_t sent = 0;
    uint64_t refused = 0;
    const auto begin = Clock::now();
    while ((plan.packets == 0 || sent < plan.packets) && !toolShouldEnd()) {
        const size_t left =
            plan.packets == 0 ? plan.train : static_cast<size_t>(std::min<uint64_t>(plan.train, plan.packets - sent));
        for (size_t i = 0; i < left; ++i) fillDatagram(buffer.data() + i * plan.size, plan.size, plan.stream, sent + i);
        if (plan.perSecond > 0) {
            const auto due = std::chrono::duration<double>(static_cast<double>(sent) / plan.perSecond);
            const auto moment = begin + std::chrono::duration_cast<Clock::duration>(due);
            // Sleeps are coarse: only when at least a millisecond early, so that the average holds exactly.
            if (moment - Clock::now() > std::chrono::milliseconds(1)) sleepUntil(moment);
        }
        if (::send(fd, buffer.data(), left * plan.size, 0) < 0) {
            if (errno == EINTR) continue;
            ++refused;
            if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED) break;
            std::this_thread::sleep_for(std::chrono::microseconds(100));
            continue;  // nothing was sent: the same sequence numbers again
        }
        sent += left;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return Json{{"sent", sent}, {"bytes", sent * plan.size}, {"refused", refused}, {"seconds", seconds}};
}

class Sink {
public:
    Sink(uint64_t expected, uint32_t stream) : m_seen(expected, false), m_stream(stream) {}

    void take(const uint8_t* bytes, size_t size) {
        if (size < headSize || get32(bytes) != magic || get32(bytes + 4) != m_stream) {
            ++m_foreign;
            return;
        }
        const uint64_t sequence = uint64_t{get32(bytes + 8)} << 32 | get32(bytes + 12);
        for (size_t i = headSize; i < size; ++i) {
            if (bytes[i] == filler(m_stream, sequence, i)) continue;
            ++m_corrupt;
            return;
        }
        ++m_received;
        m_bytes += size;
        if (sequence >= m_seen.size()) {
            constexpr uint64_t most = 1ULL << 32;
            if (sequence >= most) return;
            m_seen.resize(std::max<size_t>(sequence + 1, m_seen.size() * 2), false);
        }
        if (m_seen[sequence]) {
            ++m_duplicates;
            return;
        }
        m_seen[sequence] = true;
        ++m_distinct;
        if (sequence < m_highest) ++m_reordered;
        m_highest = std::max(m_highest, sequence);
    }

    uint64_t distinct() const { return m_distinct; }
    Json result() const {
        return Json{{"received", m_received},   {"distinct", m_distinct}, {"duplicates", m_duplicates},
                    {"reordered", m_reordered}, {"corrupt", m_corrupt},   {"foreign", m_foreign},
                    {"bytes", m_bytes}};
    }

private:
    std::vector<bool> m_seen;
    uint32_t m_stream;
    uint64_t m_received = 0;
    uint64_t m_distinct = 0;
    uint64_t m_duplicates = 0;
    uint64_t m_reordered = 0;
    uint64_t m_corrupt = 0;
    uint64_t m_foreign = 0;
    uint64_t m_bytes = 0;
    uint64_t m_highest = 0;
};

// One datagram, or a train of them when the kernel coalesced (UDP_GRO).
void takeMessage(Sink& sink, const msghdr& message, const uint8_t* bytes, size_t size) {
    size_t segment = size;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
        if (part->cmsg_level != SOL_UDP || part->cmsg_type != UDP_GRO) continue;
        int value = 0;
        std::memcpy(&value, CMSG_DATA(part), sizeof value);
        if (value > 0) segment = static_cast<size_t>(value);
    }
    if (size == 0) sink.take(bytes, 0);
    for (size_t at = 0; at < size; at += segment) sink.take(bytes + at, std::min(segment, size - at));
}

int bindSink(uint16_t port) {
    const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    const int zero = 0;
    const int buffer = 256 << 20;
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    if (fd < 0) return -1;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    ::setsockopt(fd, SOL_UDP, UDP_GRO, &one, sizeof one);
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 ? fd : -1;
}

}  // namespace

// to, port, packets (0: until ended), size (of the UDP payload), rate (packets a second) or mbit, train, seed, from_port
int udpSendTool(const ToolArguments& arguments) {
    SendPlan plan;
    plan.packets = arguments.number("packets", 0);
    plan.size = std::clamp<size_t>(arguments.number("size", 64), headSize, maxDatagram);
    plan.perSecond = arguments.real("rate", 0);
    if (const double mbit = arguments.real("mbit", 0); mbit > 0)
        plan.perSecond = mbit * 1e6 / 8 / static_cast<double>(plan.size + 28);
    plan.train = std::clamp<size_t>(arguments.number("train", 1), 1, std::min<size_t>(64, maxDatagram / plan.size));
    plan.stream = static_cast<uint32_t>(arguments.number("seed", 1));
    sockaddr_storage target{};
    const socklen_t length =
        makeAddress(arguments.text("to"), static_cast<uint16_t>(arguments.number("port", 5001)), target);
    if (length == 0) {
        std::cerr << "udp-send: to=ADDRESS is missing or wrong" << std::endl;
        return 2;
    }
    const int fd = ::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return failed("udp-send: socket");
    if (const auto port = arguments.number("from_port", 0); port != 0) {
        sockaddr_storage own{};
        const socklen_t ownLength =
            makeAddress(target.ss_family == AF_INET ? "0.0.0.0" : "::", static_cast<uint16_t>(port), own);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), ownLength) != 0) return failed("udp-send: from_port");
    }
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&target), length) != 0) return failed("udp-send: connect");
    const int segment = static_cast<int>(plan.size);
    if (plan.train > 1 && ::setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0)
        return failed("udp-send: UDP_SEGMENT");
    // Larger than any queue of a link: this sender saturates, it does not wait for the queue.
    const int buffer = 64 << 20;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    sayReady();
    printResult(sendAll(fd, plan));
    ::close(fd);
    return 0;
}

// port, packets (expected: ends when all came), idle_ms (ends after so long without a datagram; 0: never), seed
int udpSinkTool(const ToolArguments& arguments) {
    const uint64_t expected = arguments.number("packets", 0);
    const auto idle = std::chrono::milliseconds(arguments.number("idle_ms", 0));
    const int fd = bindSink(static_cast<uint16_t>(arguments.number("port", 5001)));
    if (fd < 0) return failed("udp-sink: bind");
    Sink sink(expected, static_cast<uint32_t>(arguments.number("seed", 1)));
    constexpr size_t batch = 32;
    constexpr size_t slot = 65536;
    std::vector<uint8_t> bytes(batch * slot);
    std::array<mmsghdr, batch> messages{};
    std::array<iovec, batch> vectors{};
    std::array<std::array<uint8_t, 64>, batch> controls{};
    sayReady();
    auto last = Clock::now();
    while (!toolShouldEnd() && (expected == 0 || sink.distinct() < expected)) {
        for (size_t i = 0; i < batch; ++i) {
            vectors[i] = {bytes.data() + i * slot, slot};
            messages[i].msg_hdr = {};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_control = controls[i].data();
            messages[i].msg_hdr.msg_controllen = controls[i].size();
        }
        const int count = ::recvmmsg(fd, messages.data(), batch, MSG_DONTWAIT, nullptr);
        if (count > 0) {
            for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
                takeMessage(sink, messages[i].msg_hdr, bytes.data() + i * slot, messages[i].msg_len);
            }
            last = Clock::now();
            continue;
        }
        if (idle.count() > 0 && Clock::now() - last > idle) break;
        pollfd wait{fd, POLLIN, 0};
        ::poll(&wait, 1, 50);
    }
    printResult(sink.result());
    ::close(fd);
    return 0;
}

}  // namespace netpas::lab
