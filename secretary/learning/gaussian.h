// The normal distribution, and what a decision costs when willingness to pay is log-normal.
#pragma once

#include <cmath>
#include <numbers>

namespace netpas::secretary::learning {

// The logarithm of a willingness to pay.
struct Gaussian {
    double mean = 0;
    double variance = 1;
};

[[nodiscard]] inline double normalCdf(double z) { return 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2); }
[[nodiscard]] inline double normalDensity(double z) {
    return std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

// One answer at a log price, for a Gaussian threshold: probability of the answer, and the first and second
// derivative of its logarithm with respect to the mean, from which the updated mean and variance follow.
struct AnswerMoments {
    double probability;
    double gradient;
    double curvature;  // negated second derivative
};
[[nodiscard]] inline AnswerMoments answerMoments(const Gaussian& threshold, double logPrice, bool accepted,
                                                 double jitter, double slip) {
    const double spread = std::sqrt(jitter * jitter + threshold.variance);
    const double sign = accepted ? 1 : -1;
    const double z = sign * (threshold.mean - logPrice) / spread;
    const double probability = slip + (1 - 2 * slip) * normalCdf(z);
    const double ratio = (1 - 2 * slip) * normalDensity(z) / probability;
    return {probability, sign * ratio / spread, (z * ratio + ratio * ratio) / (spread * spread)};
}

// Expected losses in the unit of exp(log price): of money, therefore statistics and not amounts.
struct Losses {
    double approve;  // E[(price − willingness)⁺]
    double refuse;   // E[(willingness − price)⁺]
    double wrong;    // P(willingness < price)
};
[[nodiscard]] inline Losses expectedLosses(const Gaussian& willingness, double logPrice) {
    const double deviation = std::sqrt(willingness.variance);
    const double distance = (logPrice - willingness.mean) / deviation;
    const double price = std::exp(logPrice);
    const double mean = std::exp(willingness.mean + 0.5 * willingness.variance);
    const double below = normalCdf(distance);
    const double meanBelow = mean * normalCdf(distance - deviation);
    const double approve = std::fmax(0, price * below - meanBelow);
    return {approve, std::fmax(0, approve + mean - price), below};
}

}  // namespace netpas::secretary::learning
