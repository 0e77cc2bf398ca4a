// The agent's data plane between a device, an edge router and a way around, all in memory.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/wire/accounting_header.h"
#include "core/wire/shim.h"
#include "tests/tun/reference_packets.h"
#include "tun/agent/agent_plane.h"
#include "tun/agent/memory_bypass.h"
#include "tun/device/memory_tun.h"
#include "tun/udp/memory_udp_socket.h"

namespace agentrig {

using namespace netpas;
using namespace netpas::tun;
using reference::Packet;

inline Money nano(int64_t nanodollars) { return Money::fromEighths(nanodollars * 8); }

inline AgentHop hop(uint16_t isp, uint8_t service, uint16_t exit, Money perPacket, Money perKib = {},
                    uint32_t surcharge = 0) {
    return {IspId(isp), ServiceClass(service), ExitPoint(exit), {{perPacket, perKib, surcharge}, {}}};
}

// Z, Y and X of NetPaS Figure 3, 3, 10 and 2 n$ a packet.
inline std::vector<AgentHop> figure3() {
    return {hop(26, 1, 3, nano(3)), hop(25, 2, 0, nano(10)), hop(24, 1, 0, nano(2))};
}

struct Datagram {
    CustomerShim shim;
    Packet header;
    Packet inner;
    size_t train = 0;  // those of one train have the same number
    [[nodiscard]] Money paid() const { return AccountingHeader::decode(header)->total(); }
};

class Rig {
public:
    Rig() {
        UdpOptions options;
        options.local = edge;
        m_edge = std::move(*m_network.open(options));
        settings.edgeChanged = [this](const EdgeState& state) { changes.push_back(state.reachable); };
        m_plane = std::make_unique<AgentPlane>(device, m_network, bypass, clock, settings);
    }

    // A flow that covers everything, unless told otherwise.
    AgentFlow flow(uint64_t purchase, std::shared_ptr<SpendGate> gate,
                   std::string_view match = "any *:* -> *:*") const {
        AgentFlow made;
        made.purchase = PurchaseId(purchase);
        made.match = *FlowMatch::parse(match);
        made.path = figure3();
        made.key = SessionKeyId(0xa1b2c3d4);
        for (size_t i = 0; i < made.secret.size(); ++i) made.secret[i] = static_cast<uint8_t>(i);
        made.edge = edge;
        made.gate = std::move(gate);
        return made;
    }
    static std::shared_ptr<SpendGate> gate(Money cap = nano(1'000'000'000), Money perSecond = {},
                                           uint64_t sequence = 0) {
        return std::make_shared<SpendGate>(cap, perSecond, Money::zero(), sequence);
    }
    bool publish(std::vector<AgentFlow> flows) { return m_plane->publish({std::move(flows)}).has_value(); }

    void push(Packet packet) { device.push({{}, std::move(packet)}); }
    void push(reference::Offloaded frame) { device.push({frame.vnet, std::move(frame.packet)}); }
    void pollAll() {
        while (m_plane->poll()) {
        }
    }

    // What reached the edge router since the last call. Fails the test by an empty shim when a datagram makes no sense.
    std::vector<Datagram> arrived() {
        std::vector<Datagram> datagrams;
        std::vector<uint8_t> memory(65536);
        for (;;) {
            ReceivedTrain slot;
            slot.buffer = memory;
            const auto received = m_edge->receive(std::span(&slot, 1));
            if (!received || *received == 0) return datagrams;
            ++m_trains;
            for (size_t at = 0; at < slot.size; at += slot.segmentSize) {
                const auto bytes = slot.data().subspan(at, std::min(slot.segmentSize, slot.size - at));
                Datagram datagram;
                datagram.train = m_trains;
                const auto shim = decodeCustomerShim(bytes);
                const auto header =
                    shim ? AccountingHeader::decode(bytes.subspan(24)) : tl::unexpected(HeaderError::Truncated);
                if (shim && header) {
                    datagram.shim = *shim;
                    const auto rest = bytes.subspan(24);
                    datagram.header.assign(rest.begin(), rest.begin() + static_cast<long>(header->size()));
                    datagram.inner.assign(rest.begin() + static_cast<long>(header->size()), rest.end());
                }
                datagrams.push_back(std::move(datagram));
            }
        }
    }
    // Bytes of the next datagram as they are on the wire.
    Packet nextRaw() {
        Packet memory(65536);
        ReceivedTrain slot;
        slot.buffer = memory;
        const auto received = m_edge->receive(std::span(&slot, 1));
        memory.resize(received && *received == 1 ? slot.size : 0);
        return memory;
    }
    void closeEdge() { m_edge.reset(); }

    AgentPlane& plane() { return *m_plane; }
    MemoryUdpNetwork& network() { return m_network; }
    PurchaseCounters counters(uint64_t purchase = 1) const { return m_plane->counters(PurchaseId(purchase)); }
    static uint64_t unpaid(const PurchaseCounters& counters, BestEffortReason reason) {
        return counters.bestEffort[static_cast<size_t>(reason)];
    }

    const Endpoint edge{*IpAddress::parse("203.0.113.1"), dataPort};
    ManualClock clock{SystemTime{std::chrono::hours(12)}};
    MemoryTun device;
    MemoryBypass bypass;
    AgentPlaneOptions settings;
    std::vector<bool> changes;

private:
    MemoryUdpNetwork m_network;
    std::unique_ptr<UdpSocket> m_edge;
    std::unique_ptr<AgentPlane> m_plane;
    size_t m_trains = 0;
};

}  // namespace agentrig
