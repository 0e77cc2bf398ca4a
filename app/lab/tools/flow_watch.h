// Sees on a host's own link when its flows are paid for and when they go best effort.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "app/lab/capture.h"
#include "core/money.h"

namespace netpas::lab {

class Lab;

struct FlowTimes {
    using Time = std::chrono::system_clock::time_point;
    Time lastPaid;
    Time lastUnpaid;  // of one of the watched ports
    uint64_t paid = 0;
    uint64_t unpaid = 0;
    Money amount;  // of all hops of all paid packets
};

class FlowWatch {
public:
    // Packets that `node` sends over the link to these ports, paid or not, from now on.
    static Expected<std::unique_ptr<FlowWatch>> start(Lab& lab, const std::string& link, const std::string& node,
                                                      std::set<uint16_t> ports);
    [[nodiscard]] FlowTimes times() const;
    // Of the packets to one of the ports, paid or not.
    [[nodiscard]] FlowTimes times(uint16_t port) const;
    // Final afterwards. An error when packets escaped the capture.
    Expected<FlowTimes> stop();

private:
    FlowWatch() = default;
    void take(const CapturedPacket& packet);

    std::set<uint16_t> m_ports;
    mutable std::mutex m_mutex;
    FlowTimes m_times;
    std::map<uint16_t, FlowTimes> m_ofPort;
    std::unique_ptr<LinkCapture> m_capture;  // last: its thread uses the rest
};

}  // namespace netpas::lab
