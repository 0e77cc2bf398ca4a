// A small internet for tests of the agent with real kernels: this host, a router, an edge router's host and a server, in a row.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <netinet/tcp.h>
#include <sys/mman.h>

#include "core/bytes.h"
#include "core/crypto/tag.h"
#include "core/wire/accounting_header.h"
#include "core/wire/shim.h"
#include "tests/tun/net_lab.h"
#include "tun/device/linux_tun.h"
#include "tun/packet/ip_packet.h"
#include "tun/udp/linux_udp_socket.h"

namespace agentlab {

using namespace netpas;
using namespace netpas::tun;

inline constexpr uint16_t serverPort = 8080;

// Runs in a child process in another namespace until it is killed.
class Child {
public:
    Child() = default;
    Child(const netlab::Namespace& where, const std::function<void()>& work) {
        m_process = fork();
        if (m_process != 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int space = open(("/proc/" + where.process() + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
        if (setns(space, CLONE_NEWNET) != 0) _exit(1);
        // A device or table of the test's own would live on in here.
        close_range(3, ~0U, 0);
        work();
        _exit(0);
    }
    Child(Child&& other) noexcept : m_process(std::exchange(other.m_process, -1)) {}
    Child& operator=(Child&& other) noexcept {
        stop();
        m_process = std::exchange(other.m_process, -1);
        return *this;
    }
    ~Child() { stop(); }
    void stop() {
        if (m_process <= 0) return;
        kill(m_process, SIGKILL);
        waitpid(m_process, nullptr, 0);
        m_process = -1;
    }

private:
    pid_t m_process = -1;
};

// What the edge router counted, in memory that its process shares with the test.
struct EdgeCounts {
    std::atomic<uint64_t> packets{0};
    std::atomic<int64_t> eighths{0};
    std::atomic<uint64_t> badTags{0};
    std::atomic<uint64_t> malformed{0};
    std::atomic<uint64_t> otherDatagrams{0};  // no customer shim: the agent's tries
    std::atomic<bool> ready{false};
};

// Takes customers' datagrams, checks their tags, and hands the inner packets to the kernel for forwarding.
inline void runEdge(const std::vector<IpAddress>& addresses, const TagKey& key, EdgeCounts& counts) {
    auto device = openLinuxTun({"edge0", 1, true, true, 65535, true});
    std::vector<std::unique_ptr<UdpSocket>> sockets;
    for (const IpAddress& address : addresses) {
        UdpOptions options;
        options.local = {address, dataPort};
        auto opened = LinuxUdpFactory().open(options);
        if (!opened) return;
        sockets.push_back(std::move(*opened));
    }
    if (!device) return;
    std::vector<std::vector<uint8_t>> memory(32, std::vector<uint8_t>(65535));
    std::vector<ReceivedTrain> into(memory.size());
    for (size_t i = 0; i < memory.size(); ++i) into[i].buffer = memory[i];
    const auto accept = [&](std::span<const uint8_t> bytes) {
        const auto shim = decodeCustomerShim(bytes);
        if (!shim) {
            ++counts.otherDatagrams;
            return;
        }
        const auto header = AccountingHeader::decode(bytes.subspan(customerShimSize));
        const auto inner = header ? bytes.subspan(customerShimSize + header->size()) : bytes.first(0);
        const auto packet = parseHeaders(inner);
        if (!packet) {
            ++counts.malformed;
            return;
        }
        const bool first = !packet->fragment || packet->firstFragment;
        const uint64_t tag =
            customerTag(key, bytes.first<taggedShimSize>(), bytes.subspan(customerShimSize, header->size()),
                        {packet->version, packet->protocol, packet->source(), packet->destination(),
                         first ? packet->sourcePort : uint16_t{0}, first ? packet->destinationPort : uint16_t{0}});
        if (tag != shim->tag || inner.size() > shim->segmentLimit) ++counts.badTags;
        ++counts.packets;
        counts.eighths += header->total().eighths();
        const std::span<const uint8_t> pieces[] = {inner};
        const OutgoingFrame frame{{}, pieces};
        (void)(*device)->writeBatch(0, std::span(&frame, 1));
    };
    counts.ready = true;
    for (;;) {
        std::vector<pollfd> events;
        for (const auto& socket : sockets) events.push_back({socket->pollHandle(), POLLIN, 0});
        poll(events.data(), events.size(), -1);
        for (const auto& socket : sockets) {
            const auto received = socket->receive(into);
            for (size_t i = 0; received && i < *received; ++i) {
                const auto data = into[i].data();
                for (size_t at = 0; at < data.size(); at += into[i].segmentSize) {
                    accept(data.subspan(at, std::min(into[i].segmentSize, data.size() - at)));
                }
            }
        }
    }
}

// Reads a TCP connection to its end and answers with the number of bytes and their hash; echoes datagrams.
inline uint64_t hashOf(uint64_t hash, std::span<const uint8_t> bytes) {
    for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
    return hash;
}
inline constexpr uint64_t emptyHash = 0xcbf29ce484222325;

inline void runServer(const std::vector<std::string>& addresses) {
    std::vector<int> listeners, datagrams;
    for (const std::string& host : addresses) {
        const netlab::Address address(host, serverPort);
        const int one = 1;
        const int tcp = ::socket(address.family(), SOCK_STREAM, 0), udp = ::socket(address.family(), SOCK_DGRAM, 0);
        setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(tcp, address.get(), address.length) != 0 || listen(tcp, 8) != 0) return;
        if (bind(udp, address.get(), address.length) != 0) return;
        listeners.push_back(tcp);
        datagrams.push_back(udp);
    }
    for (const int udp : datagrams) {
        std::thread([udp] {
            std::vector<uint8_t> buffer(65536);
            for (;;) {
                sockaddr_storage from{};
                socklen_t length = sizeof from;
                const ssize_t size =
                    recvfrom(udp, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
                // The answer is short: it says how long the question was, so that only the way there matters.
                const auto answer = static_cast<uint32_t>(size);
                if (size > 0) sendto(udp, &answer, sizeof answer, 0, reinterpret_cast<sockaddr*>(&from), length);
            }
        }).detach();
    }
    for (;;) {
        std::vector<pollfd> events;
        for (const int tcp : listeners) events.push_back({tcp, POLLIN, 0});
        poll(events.data(), events.size(), -1);
        for (const pollfd& event : events) {
            if ((event.revents & POLLIN) == 0) continue;
            const int connection = accept(event.fd, nullptr, nullptr);
            std::thread([connection] {
                std::vector<uint8_t> buffer(1 << 18);
                std::array<uint64_t, 2> result{0, emptyHash};
                while (true) {
                    const ssize_t size = read(connection, buffer.data(), buffer.size());
                    if (size <= 0) break;
                    result[0] += static_cast<uint64_t>(size);
                    result[1] = hashOf(result[1], std::span(buffer).first(static_cast<size_t>(size)));
                }
                if (write(connection, result.data(), sizeof result) > 0) shutdown(connection, SHUT_WR);
                close(connection);
            }).detach();
        }
    }
}

// How long a datagram to the server was when it arrived; 0 when it did not. What ICMP reports in between is no answer.
inline uint32_t roundTrip(int socket, size_t size, int milliseconds) {
    const std::vector<uint8_t> payload(size, 0x77);
    if (send(socket, payload.data(), payload.size(), 0) < 0 && send(socket, payload.data(), payload.size(), 0) < 0) {
        return 0;
    }
    for (int i = 0; i < milliseconds; ++i) {
        pollfd event{socket, POLLIN, 0};
        uint32_t length = 0;
        if (poll(&event, 1, 1) > 0 && recv(socket, &length, sizeof length, MSG_DONTWAIT) == sizeof length)
            return length;
    }
    return 0;
}

// The row. Middle links have the MTU that tests give them.
class Row {
public:
    // Empty, or what did not work.
    std::string build() {
        if (!netlab::enterOwn()) return "no namespace";
        if (!m_router.valid() || !m_edge.valid() || !m_server.valid()) return "no namespaces";
        const auto link = [](const netlab::Namespace* left, const char* leftName, const netlab::Namespace& right,
                             const char* rightName) {
            const std::string command = std::string("ip link add ") + leftName + " type veth peer name " + rightName +
                                        " netns " + right.process();
            // Without a queue of its own a veth pair drops nothing but what its peer's backlog cannot take.
            return left == nullptr ? netlab::run(command)
                                   : netlab::run("nsenter -t " + left->process() + " -n " + command);
        };
        bool good = link(nullptr, "up0", m_router, "r0") && link(&m_router, "r1", m_edge, "e0") &&
                    link(&m_edge, "e1", m_server, "s0");
        good = good &&
               netlab::run(
                   "ip addr add 192.0.2.1/24 dev up0; ip addr add 2001:db8:1::1/64 dev up0 nodad; ip link set up0 up;"
                   "ip route add default via 192.0.2.254; ip -6 route add default via 2001:db8:1::fe");
        good = good &&
               m_router.exec(
                   "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
                   "ip addr add 192.0.2.254/24 dev r0; ip addr add 2001:db8:1::fe/64 dev r0 nodad; ip link set r0 up;"
                   "ip addr add 198.18.0.1/24 dev r1; ip addr add 2001:db8:2::1/64 dev r1 nodad; ip link set r1 up;"
                   "ip route add default via 198.18.0.2; ip -6 route add default via 2001:db8:2::2");
        good = good &&
               m_edge.exec(
                   "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
                   "ip addr add 198.18.0.2/24 dev e0; ip addr add 2001:db8:2::2/64 dev e0 nodad; ip link set e0 up;"
                   "ip addr add 198.51.100.1/24 dev e1; ip addr add 2001:db8:3::1/64 dev e1 nodad; ip link set e1 up;"
                   "ip route add default via 198.18.0.1; ip -6 route add default via 2001:db8:2::1");
        good = good &&
               m_server.exec(
                   "ip addr add 198.51.100.2/24 dev s0; ip addr add 2001:db8:3::2/64 dev s0 nodad; ip link set s0 up;"
                   "ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:3::1");
        if (!good) return "no links";
        void* memory = mmap(nullptr, sizeof(EdgeCounts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return "no shared memory";
        counts = new (memory) EdgeCounts;
        m_serverProcess = Child(m_server, [] { runServer({"198.51.100.2", "2001:db8:3::2"}); });
        if (!startEdge()) return "no edge router";
        return reaches(server(false)) && reaches(server(true)) ? "" : "no way to the server";
    }
    bool startEdge() {
        counts->ready = false;
        m_edgeProcess = Child(m_edge, [this] {
            runEdge({*IpAddress::parse("198.18.0.2"), *IpAddress::parse("2001:db8:2::2")}, key(), *counts);
        });
        for (int i = 0; i < 300 && !counts->ready; ++i) usleep(10'000);
        return counts->ready;
    }
    static bool reaches(const std::string& host) {
        const netlab::Address address(host, serverPort);
        const int probe = ::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool answered = connect(probe, address.get(), address.length) == 0;
        for (int i = 0; answered && roundTrip(probe, 8, 100) != 8; ++i) answered = i < 100;
        close(probe);
        return answered;
    }
    // Networks behind this host.
    bool routeBack(const std::string& prefix) {
        const bool v6 = prefix.find(':') != std::string::npos;
        return m_router.exec("ip route add " + prefix + " via " + (v6 ? "2001:db8:1::1" : "192.0.2.1"));
    }
    void stopEdge() { m_edgeProcess.stop(); }
    bool setMiddleMtu(int mtu) {
        const std::string text = std::to_string(mtu);
        return m_router.exec("ip link set r1 mtu " + text) && m_edge.exec("ip link set e0 mtu " + text) &&
               netlab::run("ip route flush cache; ip -6 route flush cache");
    }
    static TagKey key() {
        TagKey bytes;
        bytes.fill(0x5a);
        return bytes;
    }
    static std::string server(bool v6) { return v6 ? "2001:db8:3::2" : "198.51.100.2"; }
    static Endpoint edgeEndpoint(bool v6) { return {*IpAddress::parse(v6 ? "2001:db8:2::2" : "198.18.0.2"), dataPort}; }

    EdgeCounts* counts = nullptr;

private:
    netlab::Namespace m_router, m_edge, m_server;
    Child m_serverProcess, m_edgeProcess;
};

// Sends bytes over TCP in a thread until it is told to finish, then asks the server what arrived.
class Transfer {
public:
    // `where`: the namespace that sends; null: the caller's.
    explicit Transfer(const std::string& host, const netlab::Namespace* where = nullptr) {
        const netlab::Address address(host, serverPort);
        m_socket = where == nullptr ? ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)
                                    : where->socket(address.family(), SOCK_STREAM);
        const timeval patience{20, 0};
        setsockopt(m_socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(m_socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        m_connected = connect(m_socket, address.get(), address.length) == 0;
        m_thread = std::thread([this] { run(); });
    }
    ~Transfer() {
        m_finish = true;
        if (m_thread.joinable()) m_thread.join();
        close(m_socket);
    }
    [[nodiscard]] uint64_t sent() const { return m_sent; }
    // True while bytes keep flowing: at least `bytes` more within the time.
    [[nodiscard]] bool flows(uint64_t bytes, int milliseconds = 15'000) const {
        const uint64_t goal = m_sent + bytes;
        for (int i = 0; i < milliseconds / 5 && m_sent < goal && !m_failed; ++i) usleep(5'000);
        return m_sent >= goal;
    }
    // Empty when every byte arrived as it was sent.
    [[nodiscard]] std::string finish() {
        m_finish = true;
        m_thread.join();
        if (!m_connected || m_failed) return std::string("the connection broke: ") + strerror(m_error);
        shutdown(m_socket, SHUT_WR);
        std::array<uint64_t, 2> result{};
        if (recv(m_socket, result.data(), sizeof result, MSG_WAITALL) != sizeof result) return "no answer";
        if (result[0] != m_sent) return "sent " + std::to_string(m_sent) + ", arrived " + std::to_string(result[0]);
        return result[1] == m_hash ? "" : "other bytes arrived";
    }

private:
    void run() {
        std::vector<uint8_t> buffer(1 << 16);
        uint64_t state = 88172645463325252;
        while (!m_finish && m_connected) {
            for (size_t i = 0; i + 8 <= buffer.size(); i += 8) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                std::memcpy(&buffer[i], &state, 8);
            }
            for (size_t at = 0; at < buffer.size();) {
                const ssize_t size = send(m_socket, buffer.data() + at, buffer.size() - at, MSG_NOSIGNAL);
                if (size <= 0) {
                    m_error = errno;
                    m_failed = true;
                    return;
                }
                m_hash = hashOf(m_hash, std::span(buffer).subspan(at, static_cast<size_t>(size)));
                at += static_cast<size_t>(size);
                m_sent += static_cast<uint64_t>(size);
            }
        }
    }

    int m_socket = -1;
    int m_error = 0;
    bool m_connected = false;
    uint64_t m_hash = emptyHash;
    std::atomic<uint64_t> m_sent{0};
    std::atomic<bool> m_finish{false}, m_failed{false};
    std::thread m_thread;
};

}  // namespace agentlab
