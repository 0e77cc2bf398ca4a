#include "cartographer/share/combine.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace netpas::share {

namespace {

struct Weighted {
    double value = 0;
    double weight = 0;
};

// Half of the weight lies on either side; between two values when exactly half does.
double weightedMedian(std::vector<Weighted> all) {
    std::sort(all.begin(), all.end(), [](const Weighted& a, const Weighted& b) { return a.value < b.value; });
    const double half =
        std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const Weighted& one) { return sum + one.weight; }) /
        2;
    constexpr double rounding = 1e-12;
    double below = 0;
    for (size_t i = 0; i < all.size(); ++i) {
        below += all[i].weight;
        if (below > half * (1 + rounding)) return all[i].value;
        if (below >= half * (1 - rounding) && i + 1 < all.size()) return (all[i].value + all[i + 1].value) / 2;
    }
    return all.back().value;
}

// Nobody's weight is more than half of all others' together, if there are three or more. Lowering one lowers the limit of the next, so again.
void boundInfluence(std::vector<double>& weights) {
    if (weights.size() < 3) return;
    constexpr int rounds = 32;
    for (int round = 0; round < rounds; ++round) {
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        const auto largest = std::max_element(weights.begin(), weights.end());
        const double limit = (sum - *largest) / 2;
        if (*largest <= limit) return;
        *largest = limit;
    }
}

}  // namespace

std::optional<Combined> combine(const std::vector<Opinion>& opinions, const WeightOf& weightOf) {
    std::vector<const Opinion*> counted;
    std::vector<double> weights;
    // Else many who are hardly believed would outvote the few who are, since nobody may weigh more than half of the others.
    constexpr double hardly = 0.1;
    double largest = 0;
    for (const Opinion& opinion : opinions) largest = std::max(largest, std::clamp(weightOf(opinion.signer), 0.0, 1.0));
    for (const Opinion& opinion : opinions) {
        const double weight = std::clamp(weightOf(opinion.signer), 0.0, 1.0);
        if (weight <= 0 || weight < largest * hardly) continue;
        counted.push_back(&opinion);
        weights.push_back(weight);
    }
    if (counted.empty()) return std::nullopt;
    boundInfluence(weights);
    const auto medianOf = [&](auto field) {
        std::vector<Weighted> values;
        for (size_t i = 0; i < counted.size(); ++i) values.push_back({field(*counted[i]), weights[i]});
        return weightedMedian(std::move(values));
    };
    Combined out;
    out.value = medianOf([](const Opinion& one) { return one.value; });
    // A typical member's distance from the value, and what is left of it when as many are combined.
    constexpr double normal = 1.4826;  // of a normal distribution: its standard deviation by its median distance
    constexpr double interval = 1.96;
    const double scatter = medianOf([&](const Opinion& one) { return std::abs(one.value - out.value); });
    const double reach = interval * normal * scatter / std::sqrt(static_cast<double>(counted.size()));
    out.low = std::min(medianOf([](const Opinion& one) { return one.low; }), out.value - reach);
    out.high = std::max(medianOf([](const Opinion& one) { return one.high; }), out.value + reach);
    out.weight = std::accumulate(weights.begin(), weights.end(), 0.0);
    out.signers = counted.size();
    out.heard = opinions.size();
    return out;
}

}  // namespace netpas::share
