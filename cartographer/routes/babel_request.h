// Requests for routes as Babel's speakers exchange them (RFC 8966 §4.6.9). Pure; one thread.
#pragma once

#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/net_address.h"

namespace netpas::routes {

inline constexpr uint16_t babelPort = 6696;
inline constexpr size_t maxBabelDatagram = 1232;  // bytes; fits into the smallest packets that IPv6 knows

// Datagrams that ask a neighbour for its routes to these prefixes: all of them, in this order.
[[nodiscard]] std::vector<Bytes> encodeRouteRequests(std::span<const IpPrefix> prefixes);

}  // namespace netpas::routes
