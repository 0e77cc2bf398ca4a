// What is believed about one payee's threshold: mostly like its kind, as the posterior has it, but with a small
// probability in a class of its own. Without the second part a Gaussian model that has met thirty payees worth a cent
// would never ask about the one worth a dollar.
#pragma once

#include <array>
#include <span>

#include "secretary/learning/gaussian.h"

namespace netpas::secretary::learning {

struct Belief {
    struct Part {
        Gaussian threshold;
        double weight = 0;
    };
    std::array<Part, 2> parts;  // like its kind; in a class of its own
};

// How answers are made from thresholds.
struct AnswerModel {
    double jitter;
    double slip;
};

struct PricedAnswer {
    double logPrice;
    bool accepted;
};

// The probability of the answer; the belief becomes what it is after the answer.
inline double condition(Belief& belief, const PricedAnswer& answer, const AnswerModel& model) {
    double total = 0;
    for (Belief::Part& part : belief.parts) {
        const AnswerMoments moments =
            answerMoments(part.threshold, answer.logPrice, answer.accepted, model.jitter, model.slip);
        Gaussian& threshold = part.threshold;
        threshold.mean += threshold.variance * moments.gradient;
        threshold.variance *= std::fmin(1.0, std::fmax(1e-6, 1 - threshold.variance * moments.curvature));
        part.weight *= moments.probability;
        total += part.weight;
    }
    for (Belief::Part& part : belief.parts) part.weight /= total;
    return total;
}

[[nodiscard]] inline Losses expectedLosses(const Belief& belief, double logPrice, const AnswerModel& model) {
    Losses sum{0, 0, 0};
    for (const Belief::Part& part : belief.parts) {
        if (part.weight < 1e-4) continue;
        const Losses losses = expectedLosses(
            Gaussian{part.threshold.mean, part.threshold.variance + model.jitter * model.jitter}, logPrice);
        sum.approve += part.weight * losses.approve;
        sum.refuse += part.weight * losses.refuse;
        sum.wrong += part.weight * losses.wrong;
    }
    return sum;
}

}  // namespace netpas::secretary::learning
