// The nftables commands behind the counts of flows, as text; pure, so that tests can read it. Names have been validated.
#pragma once

#include <set>
#include <string>

namespace netpas::tun {

[[nodiscard]] std::string nftCreateFlowTable(const std::string& table);
// The interfaces of the mesh, from one set to the next.
[[nodiscard]] std::string nftChangeMesh(const std::string& table, const std::set<std::string>& before,
                                        const std::set<std::string>& after);
[[nodiscard]] std::string nftFlowSet(bool v6);

}  // namespace netpas::tun
