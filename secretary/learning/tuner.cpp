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

// The best so far, and how it is challenged.
class Search {
public:
    explicit Search(std::span<Posterior> posteriors)
        : m_best(posteriors.begin(), posteriors.end()), m_hyper(posteriors.front().hyper()) {
        m_highest = objective(m_best, m_hyper);
    }
    [[nodiscard]] const Hyperparameters& hyper() const { return m_hyper; }
    [[nodiscard]] const std::vector<Posterior>& best() const { return m_best; }

    // Refined from `start`; true when it is better. A step that does not exist never is.
    bool challenge(const std::vector<Posterior>& start, size_t which, int step) {
        if (step < 0 || step >= Hyperparameters::steps || step == m_hyper.step[which]) return false;
        Hyperparameters candidate = m_hyper;
        candidate.step[which] = static_cast<uint8_t>(step);
        std::vector<Posterior> trial = start;
        const double value = objective(trial, candidate);
        if (value <= m_highest + worthwhile) return false;
        m_highest = value;
        m_hyper = candidate;
        m_best = std::move(trial);
        return true;
    }
    void store(std::span<Posterior> posteriors) {
        for (size_t i = 0; i < posteriors.size(); ++i) {
            m_best[i].setHyper(m_hyper);
            m_best[i].refine(sweepsPerTrial);
            posteriors[i] = std::move(m_best[i]);
        }
    }

private:
    std::vector<Posterior> m_best;
    Hyperparameters m_hyper;
    double m_highest = 0;
};

}  // namespace

void tuneNoise(std::span<Posterior> posteriors) {
    Search search(posteriors);
    const std::vector<Posterior> start = search.best();
    for (int step = 0; step < Hyperparameters::steps; ++step) {
        (void)search.challenge(start, Hyperparameters::driftAt, step);
    }
    for (const size_t which : {Hyperparameters::jitterAt, Hyperparameters::slipAt}) {
        const int step = search.hyper().step[which];
        if (!search.challenge(start, which, step - 1)) (void)search.challenge(start, which, step + 1);
    }
    search.store(posteriors);
}

void tune(std::span<Posterior> posteriors) {
    Search search(posteriors);
    for (size_t which = 0; which < Hyperparameters::count; ++which) {
        const int step = search.hyper().step[which];
        if (!search.challenge(search.best(), which, step - 1)) (void)search.challenge(search.best(), which, step + 1);
    }
    search.store(posteriors);
}

}  // namespace netpas::secretary::learning
