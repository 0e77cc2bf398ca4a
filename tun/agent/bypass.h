// The ordinary way out for packets that were diverted and cannot be paid for, and the way back to a sender on this machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <tl/expected.hpp>

namespace netpas::tun {

enum class BypassError : uint8_t {
    NotPermitted,  // raw sockets and marks need CAP_NET_RAW and CAP_NET_ADMIN
    SystemRefused,
};
[[nodiscard]] std::string_view describe(BypassError error) noexcept;

enum class BypassOutcome : uint8_t {
    Pending,  // not tried
    Sent,
    TooBig,   // longer than the interface's MTU
    Refused,  // no route, local firewall, or no packet at all
};

struct BypassPacket {
    std::span<const uint8_t> packet;                 // a whole IP packet with complete checksums
    BypassOutcome outcome = BypassOutcome::Pending;  // set by send()
    // Forwarded, and its source address is not the one that its host gave it: the kernel must not track it a second time.
    bool translated = false;
};

// One sending thread at a time.
class Bypass {
public:
    Bypass() = default;
    Bypass(const Bypass&) = delete;
    Bypass& operator=(const Bypass&) = delete;
    virtual ~Bypass() = default;

    // Sends the packets as they are, in order, never to be diverted again. A packet to an address of this machine is delivered here: so
    // ICMP errors reach their sender. Waits at most some milliseconds for room in the socket's buffer.
    virtual void send(std::span<BypassPacket> packets) noexcept = 0;
};

// Raw sockets of both families with the given marks, in the calling thread's network namespace. `translatedMark`: of translated packets;
// 0: there are none.
[[nodiscard]] tl::expected<std::unique_ptr<Bypass>, BypassError> openLinuxBypass(uint32_t mark,
                                                                                 uint32_t translatedMark = 0);

}  // namespace netpas::tun
