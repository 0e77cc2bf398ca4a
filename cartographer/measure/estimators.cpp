#include "cartographer/measure/estimators.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace netpas::measure {

namespace {

constexpr uint64_t fewRoundTrips = 20;
constexpr double wideRoundTrip = 0.5;      // of the value, to either side
constexpr double narrowRoundTrip = 0.001;  // seconds: never too wide
constexpr double wideLoss = 0.03;          // to either side; a loss above half of that may be known by half of itself
constexpr double usualBurst = 4;
constexpr double supposedLost = 6;  // how much that counts against what is seen
constexpr uint64_t fewPackets = 100;
constexpr size_t fewRates = 8;
constexpr double wideRate = 0.5;

Series::Options asShare(Series::Options options) {
    options.share = true;
    return options;
}

}  // namespace

LatencyEstimator::LatencyEstimator(std::chrono::nanoseconds systematic, Series::Options options)
    : m_systematic(std::chrono::duration<double>(systematic).count()), m_series(options) {}

void LatencyEstimator::add(SteadyTime at, std::chrono::nanoseconds latency) {
    m_series.add(at, std::chrono::duration<double>(latency).count());
}

Estimate LatencyEstimator::estimate(SteadyTime now) {
    const Series::Summary seen = m_series.summary(now);
    Estimate out;
    if (seen.samples < 2) return out;  // one says nothing of how far it may be from the truth
    const double width = seen.deviation * student95(seen.freedom) + m_systematic;
    out.value = seen.mean;
    out.low = std::max(seen.mean - width, 0.0);
    out.high = seen.mean + width;
    out.systematic = m_systematic;
    out.samples = seen.samples;
    out.newest = seen.newest;
    const bool narrow = width <= std::max(wideRoundTrip * seen.mean, narrowRoundTrip);
    out.grade = seen.samples >= fewRoundTrips && narrow ? Grade::Good : Grade::Scarce;
    return out;
}

LossEstimator::LossEstimator(Series::Options options) : m_series(asShare(options)) {}

void LossEstimator::add(SteadyTime at, uint64_t sent, uint64_t lost) {
    if (sent == 0) return;
    m_series.add(at, static_cast<double>(std::min(lost, sent)), static_cast<double>(sent));
}

// Wilson's interval of as many independent packets as would be spread as these are. Where few or none were lost, or all was counted at once, bursts
// cannot be seen: then losses are taken to come by fours.
Estimate LossEstimator::estimate(SteadyTime now) {
    const Series::Summary seen = m_series.summary(now);
    Estimate out;
    if (seen.samples == 0) return out;
    const double count = static_cast<double>(seen.samples);
    const double lost = seen.mean * count;
    const double chance = seen.mean * (1 - seen.mean) / count;  // variance of the mean of independent packets
    const double spread = seen.deviation * seen.deviation;
    const double ratio = student95(seen.freedom) / student95(1e9);
    double burst = chance > 0 ? std::max(spread / chance * ratio * ratio, 1.0) : 1.0;
    const double supposed =
        seen.judged ? (burst * lost + usualBurst * supposedLost) / (lost + supposedLost) : usualBurst;
    burst = std::max(burst, supposed);
    const double n = std::max(count / std::max(burst, 1.0), 1.0);
    constexpr double z = 1.96;
    const double center = (seen.mean + z * z / (2 * n)) / (1 + z * z / n);
    const double width = z / (1 + z * z / n) * std::sqrt(seen.mean * (1 - seen.mean) / n + z * z / (4 * n * n));
    out.value = seen.mean;
    out.low = lost > 0 ? std::max(center - width, 0.0) : 0.0;
    out.high = lost < count ? std::min(center + width, 1.0) : 1.0;
    out.samples = seen.samples;
    out.newest = seen.newest;
    const double widest = std::max(out.value - out.low, out.high - out.value);
    out.grade = seen.samples >= fewPackets && widest <= std::max(wideLoss, seen.mean / 2) ? Grade::Good : Grade::Scarce;
    return out;
}

void RateEstimator::add(SteadyTime at, double bitsPerSecond) {
    forget(at);
    if (m_samples.size() >= m_options.samples) m_samples.pop_front();
    m_samples.push_back({at, bitsPerSecond});
    lookForChange();
}

void RateEstimator::forget(SteadyTime now) {
    while (!m_samples.empty() && now - m_samples.front().at > m_options.memory) m_samples.pop_front();
}

// The last ones all lie on one side of nearly all before them.
void RateEstimator::lookForChange() {
    constexpr size_t recent = 8;
    if (m_samples.size() < 2 * recent) return;
    const auto edge = m_samples.end() - recent;
    const auto [least, most] =
        std::minmax_element(edge, m_samples.end(), [](const Sample& a, const Sample& b) { return a.rate < b.rate; });
    size_t below = 0;
    size_t above = 0;
    for (auto one = m_samples.begin(); one != edge; ++one) {
        below += one->rate < least->rate * 0.9 ? 1U : 0U;
        above += one->rate > most->rate * 1.1 ? 1U : 0U;
    }
    const size_t before = m_samples.size() - recent;
    if (std::max(below, above) * 10 >= before * 9) m_samples.erase(m_samples.begin(), edge);
}

// The median with the interval of its ranks, which holds whatever the distribution; neighbours that resemble each other make it wider.
Estimate RateEstimator::estimate(SteadyTime now) {
    forget(now);
    Estimate out;
    const size_t count = m_samples.size();
    if (count < 2) return out;
    std::vector<double> sorted;
    for (const Sample& sample : m_samples) sorted.push_back(sample.rate);
    std::sort(sorted.begin(), sorted.end());
    const double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    double same = 0;
    double shifted = 0;
    for (size_t i = 0; i < count; ++i) {  // of being above the median or not
        const double sign = m_samples[i].rate > median ? 1 : -1;
        same += 1;
        if (i > 0) shifted += sign * (m_samples[i - 1].rate > median ? 1 : -1);
    }
    const double likeness = std::clamp(shifted / same, 0.0, 0.9);
    const double n = static_cast<double>(count) * (1 - likeness) / (1 + likeness);
    const double reach = 0.98 * std::sqrt(1 / std::max(n, 1.0)) * static_cast<double>(count);  // ranks to either side
    const double middle = static_cast<double>(count - 1) / 2;
    const auto at = [&](double rank) {
        return sorted[static_cast<size_t>(std::clamp(rank, 0.0, static_cast<double>(count - 1)))];
    };
    out.value = median;
    out.systematic = m_options.systematic * median;
    out.low = std::max(at(std::floor(middle - reach)) - out.systematic, 0.0);
    out.high = at(std::ceil(middle + reach)) + out.systematic;
    out.samples = count;
    out.newest = m_samples.back().at;
    const bool narrow = out.high - out.low <= 2 * wideRate * median;
    // A sender that recovers from a loss gets less than there is for it; nobody gets more.
    constexpr double unhindered = 0.9;
    out.high = std::max(out.high, at(std::floor(unhindered * static_cast<double>(count - 1))) + out.systematic);
    out.grade = count >= fewRates && narrow ? Grade::Good : Grade::Scarce;
    return out;
}

}  // namespace netpas::measure
