// What several nodes have said of the same windows of a flow, side by side. Pure.
#pragma once

#include <map>
#include <vector>

#include "cartographer/verify/locate.h"

namespace netpas::verification {

// By window.
using Views = std::map<uint32_t, Statement>;
// What was claimed when each window ended.
using Claims = std::map<uint32_t, Quality>;

struct Seen {
    const Claims* claimed = nullptr;  // nothing: the destination
    const Views* views = nullptr;
};

// As locate() takes them: only windows between statements that everybody has. Empty: there is none, or somebody's counts fall. For each window counts the weakest
// claim from its beginning until a little after its end: a way becomes worse before anybody can say so.
[[nodiscard]] std::vector<Hop> sideBySide(const std::vector<Seen>& nodes);

}  // namespace netpas::verification
