#include "core/sampling/sampler.h"

namespace netpas {

StratifiedSampler::StratifiedSampler(Money threshold, RandomSource& random)
    : m_threshold(static_cast<uint64_t>(threshold.eighths())), m_random(random) {
    draw();
}

void StratifiedSampler::draw() { m_point = m_random.below(m_threshold); }

SampleOutcome StratifiedSampler::observe(Money payment) {
    SampleOutcome outcome;
    auto rest = static_cast<uint64_t>(payment.eighths());
    // Most payments end inside the stratum; the loop runs once per stratum that this one completes.
    while (rest >= m_threshold - m_position) {
        if (m_point >= m_position) ++outcome.picked;
        ++outcome.released;
        rest -= m_threshold - m_position;
        m_position = 0;
        draw();
    }
    if (m_point >= m_position && m_point < m_position + rest) ++outcome.picked;
    m_position += rest;
    return outcome;
}

SmartSampler::SmartSampler(Money threshold, RandomSource& random)
    : m_threshold(static_cast<uint64_t>(threshold.eighths())), m_random(random) {}

SampleOutcome SmartSampler::observe(Money payment) {
    const auto amount = static_cast<uint64_t>(payment.eighths());
    auto picks = static_cast<uint32_t>(amount / m_threshold);
    if (m_random.below(m_threshold) < amount % m_threshold) ++picks;
    return {picks, picks};
}

}  // namespace netpas
