// A way out that leads into memory, for tests.
#pragma once

#include <mutex>
#include <vector>

#include "tun/agent/bypass.h"

namespace netpas::tun {

// Any threads.
class MemoryBypass final : public Bypass {
public:
    void send(std::span<BypassPacket> packets) noexcept override;

    [[nodiscard]] std::vector<std::vector<uint8_t>> take();
    // From now on longer packets are TooBig.
    void setMtu(size_t mtu);
    // The next packets are Refused.
    void refuseNext(size_t packets);

private:
    std::mutex m_mutex;
    std::vector<std::vector<uint8_t>> m_sent;
    size_t m_mtu = 65535;
    size_t m_refuse = 0;
};

}  // namespace netpas::tun
