// A cheating ISP's box on its own link: takes the datagrams of its edge router and passes on what the cheat makes of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "app/lab/error.h"
#include "core/bytes.h"
#include "core/net_address.h"

namespace netpas::lab {

class PacketRelay {
public:
    // What goes on in the datagram's place, nothing: it is dropped. Runs on the relay's own thread.
    using Hook = std::function<std::optional<Bytes>(bool fromFirst, Bytes)>;

    // Both ends believe that the box is the other one. `at`: its own address and the port that all three use.
    static Expected<std::unique_ptr<PacketRelay>> start(const std::string& netns, const Endpoint& at,
                                                        const IpAddress& first, const IpAddress& second);
    ~PacketRelay();
    PacketRelay(const PacketRelay&) = delete;
    PacketRelay& operator=(const PacketRelay&) = delete;

    void setHook(Hook hook);
    [[nodiscard]] uint64_t seen() const { return m_seen; }
    [[nodiscard]] uint64_t dropped() const { return m_dropped; }
    [[nodiscard]] uint64_t changed() const { return m_changed; }
    // Lost because a socket was full: then nothing can be concluded.
    [[nodiscard]] uint64_t lost() const { return m_lost; }

private:
    PacketRelay(int fd, const Endpoint& at, const IpAddress& first, const IpAddress& second)
        : m_fd(fd), m_port(at.port), m_first(first), m_second(second) {}
    void run();

    int m_fd;
    uint16_t m_port;
    IpAddress m_first, m_second;
    std::mutex m_mutex;
    Hook m_hook;
    std::atomic<bool> m_ending{false};
    std::atomic<uint64_t> m_seen{0}, m_dropped{0}, m_changed{0}, m_lost{0};
    std::thread m_thread;
};

// A UDP socket in a namespace, bound; large buffers. IPv4 only.
Expected<int> boundUdpSocket(const std::string& netns, const Endpoint& at);
// False: not sent.
bool sendDatagram(int fd, const Endpoint& to, ByteView bytes);
// Waits at most so long for a datagram.
std::optional<Bytes> receiveDatagram(int fd, std::chrono::milliseconds limit, Endpoint* from = nullptr);

}  // namespace netpas::lab
