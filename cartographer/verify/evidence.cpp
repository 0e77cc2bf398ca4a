#include "cartographer/verify/evidence.h"

#include <algorithm>

namespace netpas::verification {

namespace {

constexpr int statementsLater = 2;

std::optional<Quality> claimedFor(const Claims& claims, uint32_t first, uint32_t last) {
    std::optional<Quality> weakest;
    int later = 0;
    for (auto at = claims.lower_bound(first); at != claims.end(); ++at) {
        if (at->first > last && ++later > statementsLater) break;
        weakest = weakest ? weaker(*weakest, at->second) : at->second;
    }
    return weakest;
}

}  // namespace

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
        Hop hop;
        for (size_t i = 1; i < common.size(); ++i) {
            auto window = between(node.views->at(common[i - 1]), node.views->at(common[i]));
            if (!window) return {};
            if (node.claimed != nullptr) {
                const auto claimed = claimedFor(*node.claimed, common[i - 1], common[i]);
                if (!claimed) return {};
                window->claimed = *claimed;
            }
            hop.windows.push_back(*std::move(window));
        }
        hops.push_back(std::move(hop));
    }
    return hops;
}

}  // namespace netpas::verification
