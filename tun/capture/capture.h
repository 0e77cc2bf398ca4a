// Which of this machine's packets go through the TUN device: exactly the paid flows, and nothing else (DESIGN §6).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/flow.h"
#include "core/link_address.h"

namespace netpas::tun {

enum class CaptureError : uint8_t {
    NotPermitted,  // needs CAP_NET_ADMIN
    AlreadyInUse,  // another agent diverts on this machine under the same names
    NoSuchDevice,  // the TUN device is not there (any more)
    InvalidFlow,  // two families in one match, ports of a protocol that has none, or a forwarded flow without its sender
    TooManyFlows,      // more than maxCapturedFlows
    PointUnsupported,  // this platform does not divert there
    GuardFailed,       // the guard process could not be started
    SystemRefused,     // any other refusal of the kernel's; diagnosis() has its words
};
[[nodiscard]] std::string_view describe(CaptureError error) noexcept;

inline constexpr size_t maxCapturedFlows = 4096;

enum class CaptureAction : uint8_t {
    Divert,  // into the TUN device
    Exempt,  // takes the ordinary way, whatever a later entry says
};

// Where in the kernel's path flows are taken.
enum class CapturePoint : uint8_t {
    Output,     // packets that this machine sends
    Forwarded,  // packets that it forwards for a host behind it (a modem); `local` is that host, as it calls itself
};

struct CapturedFlow {
    FlowMatch match;
    CaptureAction action = CaptureAction::Divert;
    CapturePoint point = CapturePoint::Output;
    // Forwarded only: the link-layer address that the packets must come from, so that no neighbour borrows another's IP address.
    std::optional<LinkAddress> sender = std::nullopt;

    friend bool operator==(const CapturedFlow&, const CapturedFlow&) = default;
};

// Control thread.
class Capture {
public:
    Capture() = default;
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    virtual ~Capture() = default;

    // Forwarded packets are taken behind the address translation, where they would leave for the uplink: the device reads them with the
    // source address that the network sees (translation.h finds the host again), and the connection's translation stays as it is.
    //
    // From now on exactly these flows, the first entry that matches deciding. Atomic: no packet meets a state in between, and on failure
    // nothing has changed. Packets that were diverted before and wait in the device are still read by its owner.
    [[nodiscard]] virtual tl::expected<void, CaptureError> set(std::span<const CapturedFlow> flows) = 0;
    // The system's words about the last failure, for the log.
    [[nodiscard]] virtual std::string diagnosis() const = 0;
};

// InvalidFlow, TooManyFlows or PointUnsupported; the same on every platform.
[[nodiscard]] tl::expected<void, CaptureError> validate(std::span<const CapturedFlow> flows) noexcept;

}  // namespace netpas::tun
