#include "tun/agent/memory_bypass.h"

#include <utility>

namespace netpas::tun {

void MemoryBypass::send(std::span<BypassPacket> packets) noexcept {
    const std::lock_guard lock(m_mutex);
    for (BypassPacket& packet : packets) {
        if (m_refuse > 0) {
            --m_refuse;
            packet.outcome = BypassOutcome::Refused;
        } else if (packet.packet.size() > m_mtu) {
            packet.outcome = BypassOutcome::TooBig;
        } else {
            m_sent.emplace_back(packet.packet.begin(), packet.packet.end());
            packet.outcome = BypassOutcome::Sent;
        }
    }
}

std::vector<std::vector<uint8_t>> MemoryBypass::take() {
    const std::lock_guard lock(m_mutex);
    return std::exchange(m_sent, {});
}

void MemoryBypass::setMtu(size_t mtu) {
    const std::lock_guard lock(m_mutex);
    m_mtu = mtu;
}

void MemoryBypass::refuseNext(size_t packets) {
    const std::lock_guard lock(m_mutex);
    m_refuse = packets;
}

}  // namespace netpas::tun
