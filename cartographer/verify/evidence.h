// What several nodes have said of the same windows of a flow, side by side. Pure.
#pragma once

#include <map>
#include <vector>

#include "cartographer/verify/locate.h"

namespace netpas::verification {

// By window.
using Views = std::map<uint32_t, Statement>;

struct Seen {
    Quality claimed;
    const Views* views = nullptr;
};

// As locate() takes them: only windows between statements that everybody has. Empty: there is none, or somebody's counts fall.
[[nodiscard]] std::vector<Hop> sideBySide(const std::vector<Seen>& nodes);

}  // namespace netpas::verification
