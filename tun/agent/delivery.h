// Receiving at an endpoint that takes part: datagrams from last edge routers, whose inner packets go into the TUN device (DESIGN §6). One thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/net_address.h"
#include "tun/device/tun_device.h"
#include "tun/packet/coalesce.h"
#include "tun/udp/udp_socket.h"

namespace netpas::tun {

// Whoever may send here can make packets appear on this machine, so only known senders may, and only packets from elsewhere to us.
class Delivery {
public:
    Delivery(TunDevice& device, std::vector<IpAddress> to, std::vector<IpPrefix> from);

    // One socket for each address; false when one could not be opened.
    [[nodiscard]] bool open(UdpFactory& sockets, uint32_t mark);
    // Takes what waits; true if there was anything.
    bool round() noexcept;
    void appendPollHandles(std::vector<int>& handles) const;

    [[nodiscard]] uint64_t delivered() const noexcept { return m_delivered.load(std::memory_order_relaxed); }
    [[nodiscard]] uint64_t refused() const noexcept { return m_refused.load(std::memory_order_relaxed); }

private:
    void accept(const ReceivedTrain& train) noexcept;
    // The inner packet of a datagram, if it is one for us.
    [[nodiscard]] bool add(std::span<const uint8_t> datagram) noexcept;
    void flush() noexcept;

    TunDevice& m_device;
    std::vector<IpAddress> m_to;
    std::vector<IpPrefix> m_from;
    std::vector<std::unique_ptr<UdpSocket>> m_sockets;
    std::vector<uint8_t> m_memory;
    std::vector<ReceivedTrain> m_slots;
    Coalescer m_coalescer;
    std::atomic<uint64_t> m_delivered{0};
    std::atomic<uint64_t> m_refused{0};
};

}  // namespace netpas::tun
