// What the answers say about one unit's willingness to pay: a Gaussian process over requests with a probit likelihood
// that allows slips, approximated by expectation propagation.
#pragma once

#include <vector>

#include "secretary/learning/gaussian.h"
#include "secretary/learning/similarity.h"

namespace netpas::secretary::learning {

struct Observation {
    ContextKey key{};
    double logPrice = 0;
    double priorMean = 0;  // of the log threshold
    double day = 0;
    bool accepted = false;
};

// Holds at most `capacity` answers; time is days on any scale. One thread.
class Posterior {
public:
    explicit Posterior(size_t capacity) : m_capacity(capacity) {}

    [[nodiscard]] size_t size() const { return m_answers.size(); }
    [[nodiscard]] bool full() const { return size() >= m_capacity; }
    [[nodiscard]] const std::vector<Observation>& answers() const { return m_answers; }

    void setHyper(const Hyperparameters& hyper);
    // What `meanOf(key)` says of each answer; takes effect with refine().
    template <typename MeanOf>
    void setPriorMeans(const MeanOf& meanOf) {
        for (Observation& answer : m_answers) answer.priorMean = meanOf(answer.key);
    }
    [[nodiscard]] const Hyperparameters& hyper() const { return m_hyper; }

    void add(const Observation& answer);
    void remove(size_t index);
    // The answer whose loss would change the least.
    [[nodiscard]] size_t leastInformative() const;
    // Sweeps over all answers until they agree with each other, at most `sweeps` of them.
    void refine(int sweeps);
    // Of the answers under the prior, after refine(); for comparing hyperparameters.
    [[nodiscard]] double logEvidence() const { return m_logEvidence; }

    // A request and its relation to the answers; valid until the posterior changes.
    struct Probe {
        Gaussian threshold;              // without jitter
        std::vector<double> covariance;  // prior, with each answer
        std::vector<double> solved;      // S·B⁻¹·S applied to it; filled by solve()
    };
    [[nodiscard]] Probe probe(const ContextKey& key, double priorMean, double day) const;
    void solve(Probe& probe) const;
    // Posterior covariance of a solved probe with another.
    [[nodiscard]] double covariance(const Probe& solved, const Probe& other, double priorCovariance) const;
    [[nodiscard]] const Similarity& similarity() const { return m_similarity; }

private:
    struct Site {
        double precision = 0;
        double shift = 0;
        double logScale = 0;  // contribution to the evidence
    };

    [[nodiscard]] double factorise();
    bool updateSites(double damping);
    void updateMarginals();

    size_t m_capacity;
    Hyperparameters m_hyper;
    Similarity m_similarity{m_hyper};
    double m_logEvidence = 0;
    std::vector<Observation> m_answers;
    std::vector<Site> m_sites;
    std::vector<Gaussian> m_marginals;            // per answer, relative to the prior mean
    std::vector<std::vector<MatchMask>> m_masks;  // lower triangle, diagonal included
    std::vector<std::vector<float>> m_decays;
    std::vector<std::vector<double>> m_factor;  // lower Cholesky factor of B = I + S·K·S
    std::vector<double> m_root;                 // S: square roots of the site precisions
    std::vector<double> m_weights;              // posterior mean = prior covariance · weights
};

}  // namespace netpas::secretary::learning
