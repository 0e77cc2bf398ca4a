#include "cartographer/verify/evidence.h"

#include <algorithm>

namespace netpas::verification {

std::vector<Hop> sideBySide(const std::vector<Seen>& nodes) {
    if (nodes.empty()) return {};
    std::vector<uint32_t> common;
    for (const auto& [window, statement] : *nodes.front().views) {
        if (std::all_of(nodes.begin(), nodes.end(),
                        [number = window](const Seen& node) { return node.views->contains(number); }))
            common.push_back(window);
    }
    if (common.size() < 2) return {};
    std::vector<Hop> hops;
    for (const Seen& node : nodes) {
        Hop hop{node.claimed, {}};
        for (size_t i = 1; i < common.size(); ++i) {
            const auto window = between(node.views->at(common[i - 1]), node.views->at(common[i]));
            if (!window) return {};
            hop.windows.push_back(*window);
        }
        hops.push_back(std::move(hop));
    }
    return hops;
}

}  // namespace netpas::verification
