// Whose program is at the other end of a TCP connection within this machine, as the kernel knows (Linux, sock_diag).
#pragma once

#include <cstdint>
#include <optional>

#include "core/net_address.h"

namespace netpas::net {

// 127.0.0.0/8 and ::1.
[[nodiscard]] bool isLoopback(const IpAddress& address);

// `theirs` and `ours` are the connection's two ends. Nothing when the kernel does not say, and when the other end was closed meanwhile:
// what nobody holds any more is nobody's. Good for sharing out what there is, not as proof of who somebody is.
[[nodiscard]] std::optional<uint32_t> loopbackOwner(const Endpoint& theirs, const Endpoint& ours);

}  // namespace netpas::net
