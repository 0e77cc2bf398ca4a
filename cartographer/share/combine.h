// One estimate from what several members say, such that a minority of liars moves it little (NetPaS §5.3; README.md here). Pure; any thread.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/crypto/identity.h"

namespace netpas::share {

// What one member says of one quantity; low ≤ value ≤ high.
struct Opinion {
    PublicKey signer;
    double value = 0;
    double low = 0;
    double high = 0;
    friend bool operator==(const Opinion&, const Opinion&) = default;
};

// What a member's word counts: 0..1.
using WeightOf = std::function<double(const PublicKey&)>;

struct Combined {
    double value = 0;  // weighted median
    double low = 0;    // weighted medians of the members' intervals, and as far as they scatter around the value
    double high = 0;
    double weight = 0;   // together, after nobody's is more than half of what the others have
    size_t signers = 0;  // who count: all but those who weigh less than a tenth of the most trusted one
    size_t heard = 0;    // who said something, whether it counts or not
};

// One opinion of each signer, in any order; the result does not depend on it. How many samples or how narrow an interval somebody claims makes the word
// no heavier: who lies about the value lies about those. Nothing: no opinion has weight.
[[nodiscard]] std::optional<Combined> combine(const std::vector<Opinion>& opinions, const WeightOf& weightOf);

}  // namespace netpas::share
