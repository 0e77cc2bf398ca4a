// Forwarded packets are read from the device as the network sees them (capture.h). This finds the host behind this machine again.
#pragma once

#include <optional>

#include "core/flow.h"

namespace netpas::tun {

// A packet that leaves this machine. ICMP echoes have no ports but an identifier, by which the kernel tells them apart.
struct LeavingPacket {
    FlowKey flow;
    uint8_t icmpType = 0;
    uint16_t icmpIdentifier = 0;
};

// Any thread.
class Translation {
public:
    Translation() = default;
    Translation(const Translation&) = delete;
    Translation& operator=(const Translation&) = delete;
    virtual ~Translation() = default;

    // The flow as the host behind this machine has it; nothing when the packet was not translated.
    [[nodiscard]] virtual std::optional<FlowKey> before(const LeavingPacket& packet) noexcept = 0;
};

}  // namespace netpas::tun
