// BGP among the ISPs of a topology that asks for it: one BIRD 2 for each edge router, which speaks eBGP over each link to another ISP
// and iBGP to the other routers of its own. Pure: text comes out.
#pragma once

#include <cstdint>
#include <string>

#include "app/lab/plan.h"

namespace netpas::lab {

// AS numbers have 32 bits: these are private ones (RFC 6996).
[[nodiscard]] constexpr uint32_t asOf(const IspSpec& isp) { return 4'200'000'000U + isp.id; }

// Where the router's dumps go, in the ISP's folder; every address family writes its own.
[[nodiscard]] std::string dumpPattern(bool v6);
// bird.conf; `folder` is the ISP's. Only the first router, beside which the directory runs, writes dumps.
[[nodiscard]] std::string birdConfig(const Topology& topology, const NetworkPlan& plan, const IspSpec& isp,
                                     const std::string& router, const std::string& folder);

}  // namespace netpas::lab
