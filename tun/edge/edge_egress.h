// What leaves an edge router after a batch: grouped by destination, class and size, so that the kernel sends trains.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/net_address.h"
#include "tun/udp/udp_socket.h"

namespace netpas::tun {

// One per place that packets go to. Owner: the packet thread. The packets' bytes stay where they are until sent.
class EdgeEgress {
public:
    struct Counters {
        uint64_t datagrams = 0;
        uint64_t trains = 0;
        uint64_t full = 0;    // datagrams lost because the socket's buffer or the interface's queue was full
        uint64_t failed = 0;  // lost for any other reason
    };

    // `to` is where every datagram goes; the socket outlives this.
    EdgeEgress(UdpSocket& socket, const Endpoint& to) : m_socket(&socket), m_to(to) {}

    void add(std::span<const uint8_t> datagram, uint8_t dscp) {
        if (m_last == nullptr || m_last->dscp != dscp) m_last = &laneOf(dscp);
        m_last->datagrams.push_back(datagram);
    }
    // Sends everything, class by class. `arena` has room for all datagrams added; what lies contiguous is not copied.
    void flush(std::span<uint8_t>& arena);

    [[nodiscard]] bool empty() const;
    [[nodiscard]] const Counters& counters() const { return m_counters; }

private:
    struct Lane {
        uint8_t dscp = 0;
        std::vector<std::span<const uint8_t>> datagrams;
    };
    Lane& laneOf(uint8_t dscp);
    void buildTrains(const Lane& lane, std::span<uint8_t>& arena);
    void send();

    UdpSocket* m_socket;
    Endpoint m_to;
    std::vector<Lane> m_lanes;  // one per class that was ever used
    Lane* m_last = nullptr;
    std::vector<OutgoingTrain> m_trains;
    Counters m_counters;
};

}  // namespace netpas::tun
