// How alike two requests are: the covariance of what a user would pay for them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "secretary/learning/request.h"

namespace netpas::secretary::learning {

// Fields by digest, so that comparing is cheap and long texts cost no memory. Keyed by nothing, but a cryptographic
// hash: a payee cannot choose a name that is taken for another.
using ContextKey = std::array<uint64_t, fieldCount>;
[[nodiscard]] ContextKey contextKey(const FieldTexts& fields);

// One bit per Field that is equal.
using MatchMask = uint8_t;
inline constexpr MatchMask everyField = (1U << fieldCount) - 1;
[[nodiscard]] inline MatchMask matchMask(const ContextKey& a, const ContextKey& b) {
    unsigned mask = 0;
    for (size_t i = 0; i < fieldCount; ++i) mask |= (a[i] == b[i] ? 1U : 0U) << i;
    return static_cast<MatchMask>(mask);
}

constexpr MatchMask bit(Field field) { return static_cast<MatchMask>(1U << static_cast<unsigned>(field)); }

// The effects that add up to a willingness to pay (in log price). Each is shared by the requests whose fields in
// `effectMasks` agree.
inline constexpr std::array<MatchMask, 11> effectMasks{
    0,  // the user
    bit(Field::App),
    bit(Field::Purpose),
    bit(Field::Payee),
    bit(Field::Group),
    bit(Field::Domain),
    bit(Field::Purpose) | bit(Field::Group),
    bit(Field::Purpose) | bit(Field::Payee),
    bit(Field::Purpose) | bit(Field::Domain),
    bit(Field::App) | bit(Field::Purpose),
    everyField,
};
inline constexpr size_t effectCount = effectMasks.size();

// What is fitted by empirical Bayes, each as a step of a fixed grid: a state is small, and nothing can be out of range.
struct Hyperparameters {
    static constexpr size_t jitterAt = effectCount;     // spread of willingness from request to request
    static constexpr size_t slipAt = effectCount + 1;   // share of answers that are slips
    static constexpr size_t driftAt = effectCount + 2;  // deviation by which worth wanders, half of it with the purpose
    static constexpr size_t count = effectCount + 3;
    static constexpr uint8_t steps = 8;

    std::array<uint8_t, count> step = prior();

    [[nodiscard]] static std::array<uint8_t, count> prior();
    [[nodiscard]] double effectVariance(size_t effect) const;
    [[nodiscard]] double jitter() const;
    [[nodiscard]] double slip() const;
    [[nodiscard]] double drift() const;
    // Logarithm of the prior density, up to a constant.
    [[nodiscard]] double logPrior() const;

    friend bool operator==(const Hyperparameters&, const Hyperparameters&) = default;
};

// Days in which the wandering part of an effect falls to 1/e.
inline constexpr double driftDays = 25;
[[nodiscard]] double decayOver(double days);

// Covariances for one set of hyperparameters, one table look-up each.
class Similarity {
public:
    explicit Similarity(const Hyperparameters& hyper);
    // `decay` = decayOver(days between the two requests).
    [[nodiscard]] double operator()(MatchMask mask, double decay) const {
        return m_static[mask] + m_wandering[mask] * decay;
    }
    [[nodiscard]] double variance() const { return m_static[everyField] + m_wandering[everyField]; }

private:
    std::array<double, everyField + 1> m_static{};
    std::array<double, everyField + 1> m_wandering{};
};

}  // namespace netpas::secretary::learning
