// How far a member's word is believed, learnt from how it agrees with what this host measures itself and, where it measures nothing, with what most
// others say (README.md here). Lost fast, regained slowly. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cartographer/share/combine.h"

namespace netpas::share {

class TrustBook {
public:
    // Distances up to this from the truth that was found are nobody's fault: share of it, and absolute in the quantity's unit.
    struct Tolerance {
        double relative = 0.05;
        double absolute = 0;
    };

    // In (0, 1]; of a stranger: what a newcomer has.
    [[nodiscard]] double weight(const PublicKey& signer) const;
    // `said` is new; `others` are the opinions of all other members on the same; `own` is this host's own.
    // `said` is judged by `own`, else by the others when at least three of them count, and together no less than who said it; else nothing is learnt.
    void learn(const Opinion& said, const std::vector<Opinion>& others, const std::optional<Opinion>& own,
               Tolerance tolerance);
    // Forgets everybody else: those who have left the community.
    void keepOnly(const std::vector<PublicKey>& members);

    // For a restart: lines of a key and a score. What does not read is left out.
    [[nodiscard]] std::string save() const;
    void load(std::string_view text);

private:
    std::map<PublicKey, double> m_scores;  // 0..1
};

}  // namespace netpas::share
