// Sends UDP datagrams with any source address whatever, fast: whole IP packets over a raw socket, many in one system call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/lab/error.h"
#include "core/net_address.h"

namespace netpas::lab {

struct Datagram {
    Endpoint src;
    Endpoint dst;
    std::vector<uint8_t> payload;
};

// Nothing else in a lab sends with so many hops to live: captures tell a hostile datagram from a genuine one by it, as far as
// routers only forward it.
inline constexpr uint8_t hostileHops = 222;
inline constexpr uint8_t hostileHopsLeast = 200;
// Whether a captured frame is a datagram of a RawSender.
bool isHostileFrame(std::span<const uint8_t> frame);

class RawSender {
public:
    static constexpr size_t batch = 64;

    static Expected<std::unique_ptr<RawSender>> open(const std::string& netns, bool ipv6);
    ~RawSender();
    RawSender(const RawSender&) = delete;
    RawSender& operator=(const RawSender&) = delete;

    // A full batch is sent at once. False: not of this sender's family. What the kernel refuses is not counted as sent.
    [[nodiscard]] bool add(const Datagram& datagram);
    void flush();
    [[nodiscard]] uint64_t sent() const { return m_sent; }
    [[nodiscard]] uint64_t refused() const { return m_refused; }

private:
    RawSender(int fd, bool ipv6) : m_fd(fd), m_ipv6(ipv6) {}

    int m_fd;
    bool m_ipv6;
    std::vector<std::vector<uint8_t>> m_packets;
    std::vector<IpAddress> m_targets;
    uint64_t m_sent = 0;
    uint64_t m_refused = 0;
};

}  // namespace netpas::lab
