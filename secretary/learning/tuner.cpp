#include "secretary/learning/tuner.h"

namespace netpas::secretary::learning {

namespace {

// Half a nat is noise; a step must explain more than that would.
constexpr double worthwhile = 0.05;
constexpr int sweepsPerTrial = 3;

double objective(std::span<Posterior> posteriors, const Hyperparameters& hyper) {
    double sum = hyper.logPrior();
    for (Posterior& posterior : posteriors) {
        posterior.setHyper(hyper);
        posterior.refine(sweepsPerTrial);
        sum += posterior.logEvidence();
    }
    return sum;
}

}  // namespace

void tune(std::span<Posterior> posteriors) {
    std::vector<Posterior> best(posteriors.begin(), posteriors.end());
    Hyperparameters hyper = posteriors.front().hyper();
    double highest = objective(best, hyper);
    for (size_t i = 0; i < Hyperparameters::count; ++i) {
        for (const int direction : {-1, 1}) {
            const int step = hyper.step[i] + direction;
            if (step < 0 || step >= Hyperparameters::steps) continue;
            Hyperparameters candidate = hyper;
            candidate.step[i] = static_cast<uint8_t>(step);
            std::vector<Posterior> trial = best;
            const double value = objective(trial, candidate);
            if (value <= highest + worthwhile) continue;
            highest = value;
            hyper = candidate;
            best = std::move(trial);
            break;
        }
    }
    for (size_t i = 0; i < posteriors.size(); ++i) {
        best[i].setHyper(hyper);
        best[i].refine(sweepsPerTrial);
        posteriors[i] = std::move(best[i]);
    }
}

}  // namespace netpas::secretary::learning
