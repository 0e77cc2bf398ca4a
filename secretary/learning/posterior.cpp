#include "secretary/learning/posterior.h"

#include <algorithm>
#include <cmath>

namespace netpas::secretary::learning {

namespace {

// Sites of slips would get a negative precision; they are kept at next to nothing instead.
constexpr double smallestPrecision = 1e-6;

// Four sums, so that the compiler may use vector instructions without reordering one sum.
double dot(const double* a, const double* b, size_t count) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        s0 += a[i] * b[i];
        s1 += a[i + 1] * b[i + 1];
        s2 += a[i + 2] * b[i + 2];
        s3 += a[i + 3] * b[i + 3];
    }
    for (; i < count; ++i) s0 += a[i] * b[i];
    return (s0 + s1) + (s2 + s3);
}

void subtractScaled(double* target, const double* source, double factor, size_t count) {
    for (size_t i = 0; i < count; ++i) target[i] -= factor * source[i];
}

}  // namespace

void Posterior::setHyper(const Hyperparameters& hyper) {
    m_hyper = hyper;
    m_similarity = Similarity(hyper);
}

void Posterior::add(const Observation& answer) {
    std::vector<MatchMask> masks;
    std::vector<float> decays;
    masks.reserve(size() + 1);
    decays.reserve(size() + 1);
    for (const Observation& other : m_answers) {
        masks.push_back(matchMask(answer.key, other.key));
        decays.push_back(static_cast<float>(decayOver(answer.day - other.day)));
    }
    masks.push_back(everyField);
    decays.push_back(1);
    const Gaussian before = probe(answer.key, 0, answer.day).threshold;
    m_masks.push_back(std::move(masks));
    m_decays.push_back(std::move(decays));
    m_answers.push_back(answer);
    m_sites.push_back({smallestPrecision, 0, 0});
    m_marginals.push_back(before);
}

void Posterior::remove(size_t index) {
    const auto at = static_cast<std::ptrdiff_t>(index);
    m_answers.erase(m_answers.begin() + at);
    m_sites.erase(m_sites.begin() + at);
    m_marginals.erase(m_marginals.begin() + at);
    m_masks.erase(m_masks.begin() + at);
    m_decays.erase(m_decays.begin() + at);
    for (size_t row = index; row < m_masks.size(); ++row) {
        m_masks[row].erase(m_masks[row].begin() + at);
        m_decays[row].erase(m_decays[row].begin() + at);
    }
    (void)factorise();
    updateMarginals();
}

size_t Posterior::leastInformative() const {
    size_t least = 0;
    double leastWorth = 0;
    for (size_t i = 0; i < size(); ++i) {
        const double age = m_answers.back().day - m_answers[i].day;
        const double worth = m_sites[i].precision * m_marginals[i].variance * (0.2 + decayOver(age / 8));
        if (i == 0 || worth < leastWorth) {
            least = i;
            leastWorth = worth;
        }
    }
    return least;
}

// Returns log det B / 2.
double Posterior::factorise() {
    const size_t n = size();
    m_root.resize(n);
    for (size_t i = 0; i < n; ++i) m_root[i] = std::sqrt(m_sites[i].precision);
    m_factor.resize(n);
    double halfLogDet = 0;
    for (size_t i = 0; i < n; ++i) {
        auto& row = m_factor[i];
        row.resize(n);  // the upper part is scratch
        for (size_t j = 0; j <= i; ++j) {
            const double k = m_similarity(m_masks[i][j], double(m_decays[i][j]));
            const double b = (i == j ? 1.0 : 0.0) + m_root[i] * m_root[j] * k;
            const double rest = b - dot(row.data(), m_factor[j].data(), j);
            row[j] = i == j ? std::sqrt(std::max(rest, 1e-12)) : rest / m_factor[j][j];
        }
        halfLogDet += std::log(row[i]);
    }
    return halfLogDet;
}

// Σ = K − VᵀV with V = L⁻¹·S·K; only its diagonal and Σ·shift are needed.
void Posterior::updateMarginals() {
    const size_t n = size();
    std::vector<std::vector<double>> v(n, std::vector<double>(n));
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) {
            const size_t low = std::max(i, j);
            const size_t high = std::min(i, j);
            v[i][j] = m_similarity(m_masks[low][high], double(m_decays[low][high]));
        }
    }
    std::vector<double> shift(n);
    std::vector<double> kShift(n);
    for (size_t i = 0; i < n; ++i) shift[i] = m_sites[i].shift;
    for (size_t i = 0; i < n; ++i) kShift[i] = dot(v[i].data(), shift.data(), n);
    std::vector<double> variance(n);
    for (size_t i = 0; i < n; ++i) variance[i] = v[i][i];
    std::vector<double> inner(n);  // V·shift = L⁻¹·S·K·shift
    std::vector<double> explained(n, 0.0);
    for (size_t i = 0; i < n; ++i) {
        for (double& x : v[i]) x *= m_root[i];
        inner[i] = m_root[i] * kShift[i];
        for (size_t k = 0; k < i; ++k) {
            subtractScaled(v[i].data(), v[k].data(), m_factor[i][k], n);
            inner[i] -= m_factor[i][k] * inner[k];
        }
        const double scale = 1 / m_factor[i][i];
        for (double& x : v[i]) x *= scale;
        inner[i] *= scale;
        for (size_t j = 0; j < n; ++j) {
            variance[j] -= v[i][j] * v[i][j];
            explained[j] += v[i][j] * inner[i];
        }
    }
    for (size_t i = 0; i < n; ++i) m_marginals[i] = {kShift[i] - explained[i], std::max(variance[i], 1e-9)};
    // weights = shift − S·L⁻ᵀ·(V·shift)
    for (size_t i = n; i-- > 0;) {
        inner[i] /= m_factor[i][i];
        subtractScaled(inner.data(), m_factor[i].data(), inner[i], i);
    }
    m_weights.resize(n);
    for (size_t i = 0; i < n; ++i) m_weights[i] = shift[i] - m_root[i] * inner[i];
}

// One parallel sweep; true when the sites hardly moved.
bool Posterior::updateSites(double damping) {
    double largest = 0;
    for (size_t i = 0; i < size(); ++i) {
        Site& site = m_sites[i];
        const Gaussian& marginal = m_marginals[i];
        const double cavityPrecision = std::max(1 / marginal.variance - site.precision, 1e-3);
        const Gaussian cavity{(marginal.mean / marginal.variance - site.shift) / cavityPrecision, 1 / cavityPrecision};
        const AnswerMoments moments = answerMoments(cavity, m_answers[i].logPrice - m_answers[i].priorMean,
                                                    m_answers[i].accepted, m_hyper.jitter(), m_hyper.slip());
        const double curvature = std::max(moments.curvature, smallestPrecision);
        const double precision =
            std::clamp(curvature / std::max(1 - curvature * cavity.variance, 1e-6), smallestPrecision, 1e6);
        // The shift that gives the tilted mean with this precision.
        const double tilted = cavity.mean + cavity.variance * moments.gradient;
        const double shift = tilted * (cavityPrecision + precision) - cavity.mean * cavityPrecision;
        const double moved = std::abs(precision - site.precision) / (cavityPrecision + precision);
        largest = std::max(largest, moved);
        site.precision += damping * (precision - site.precision);
        site.shift += damping * (shift - site.shift);
        // log Z̃ of the site: see the evidence in refine().
        const double spread = 1 + site.precision * cavity.variance;
        const double distance = cavity.mean * site.precision - site.shift;
        site.logScale = std::log(moments.probability) + 0.5 * std::log(spread) +
                        0.5 * distance * distance / (site.precision * spread);
    }
    return largest < 1e-3;
}

void Posterior::refine(int sweeps) {
    if (m_answers.empty()) {
        m_logEvidence = 0;
        return;
    }
    (void)factorise();
    updateMarginals();
    for (int sweep = 0; sweep < sweeps; ++sweep) {
        const bool settled = updateSites(sweep == 0 ? 1.0 : 0.8);
        const double halfLogDet = factorise();
        updateMarginals();
        // −½·log|B| − ½·m̃ᵀ(K + S⁻²)⁻¹m̃ + Σ log Z̃, where m̃ᵀ(K + S⁻²)⁻¹m̃ = |L⁻¹·shift/S|².
        m_logEvidence = -halfLogDet;
        std::vector<double> scaled(size());
        for (size_t i = 0; i < size(); ++i) {
            scaled[i] = (m_sites[i].shift / m_root[i] - dot(m_factor[i].data(), scaled.data(), i)) / m_factor[i][i];
            m_logEvidence += m_sites[i].logScale - 0.5 * scaled[i] * scaled[i];
        }
        if (settled) return;
    }
}

Posterior::Probe Posterior::probe(const ContextKey& key, double priorMean, double day) const {
    Probe probe;
    const size_t n = m_weights.size();
    probe.covariance.resize(n);
    for (size_t i = 0; i < n; ++i) {
        probe.covariance[i] = m_similarity(matchMask(key, m_answers[i].key), decayOver(day - m_answers[i].day));
    }
    probe.solved.resize(n);
    double explained = 0;
    for (size_t i = 0; i < n; ++i) {
        const double x =
            (m_root[i] * probe.covariance[i] - dot(m_factor[i].data(), probe.solved.data(), i)) / m_factor[i][i];
        probe.solved[i] = x;
        explained += x * x;
    }
    probe.threshold = {priorMean + dot(probe.covariance.data(), m_weights.data(), n),
                       std::max(m_similarity.variance() - explained, 1e-9)};
    return probe;
}

void Posterior::solve(Probe& probe) const {
    const size_t n = probe.solved.size();
    for (size_t i = n; i-- > 0;) {
        probe.solved[i] /= m_factor[i][i];
        subtractScaled(probe.solved.data(), m_factor[i].data(), probe.solved[i], i);
    }
    for (size_t i = 0; i < n; ++i) probe.solved[i] *= m_root[i];
}

double Posterior::covariance(const Probe& solved, const Probe& other, double priorCovariance) const {
    return priorCovariance - dot(solved.solved.data(), other.covariance.data(), solved.solved.size());
}

}  // namespace netpas::secretary::learning
