#include "core/accounting/watch.h"

#include <algorithm>
#include <cmath>

namespace netpas::accounting {

namespace {

Money saturatingAdd(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

}  // namespace

Money stratifiedTolerance(Money threshold, size_t samplers) {
    return checkedMul(threshold, static_cast<int64_t>(std::max<size_t>(samplers, 1)) + 1).value_or(Money::max());
}

// A tolerance is a statistical statement and no amount that anybody owes: floating point is right here, rounded up.
Money sampledTolerance(Money total, Money threshold, double probability) {
    const long double t = static_cast<long double>(threshold.eighths());
    const long double p = static_cast<long double>(std::max<int64_t>(total.eighths(), 0));
    const long double l = -std::log(static_cast<long double>(std::clamp(probability, 1e-300, 0.5)));
    const long double linear = t * l / 3;
    const long double bound = std::ceil(linear + std::sqrt(linear * linear + 2 * p * t * l));
    if (!(bound < 9.2e18L)) return Money::max();
    return Money::fromEighths(static_cast<int64_t>(bound));
}

Money Watch::tolerance(Subject subject, const Observation& observation) const {
    Money chance;
    // Only our own service is sampled by samplers that see nothing but what we counted.
    if (subject == Subject::Own && m_options.sampler == SamplerKind::Stratified) {
        chance = stratifiedTolerance(observation.threshold, observation.samplers);
    } else {
        chance = sampledTolerance(observation.counted, observation.threshold, m_options.falseAlarm);
    }
    return saturatingAdd(chance, observation.allowance);
}

Comparison Watch::compare(Subject subject, const Observation& observation) const {
    // Both are non-negative, so the difference fits.
    const Money difference = Money::fromEighths(observation.confirmed.eighths() - observation.counted.eighths());
    return {observation.counted, observation.confirmed, difference, tolerance(subject, observation)};
}

bool Watch::observe(Subject subject, IspId isp, const Observation& observation, SteadyTime now) {
    History& history = m_histories[{subject, isp}];
    if (!observation.reachable) {
        history.unreachable = now;
        history.everUnreachable = true;
    }
    if (!observation.fresh) {
        history.stale = now;
        history.everStale = true;
    }
    if (!history.points.empty() && observation.counted > history.points.back().counted) {
        const Money step = Money::fromEighths(observation.counted.eighths() - history.points.back().counted.eighths());
        history.largestStep = std::max(history.largestStep, step);
    }
    history.points.push_back({now, observation.counted, observation.confirmed});
    // The front is the newest point that is at least `grace` old.
    while (history.points.size() > 1 && history.points[1].time + m_options.grace <= now) history.points.pop_front();
    const WatchVerdict before = history.verdict;
    history.verdict = judge(subject, history, observation, now);
    return history.verdict != before;
}

WatchVerdict Watch::judge(Subject subject, const History& history, const Observation& observation,
                          SteadyTime now) const {
    const Point& old = history.points.front();
    if (old.time + m_options.grace > now || observation.threshold == Money::zero()) return history.verdict;
    const Money slack = tolerance(subject, observation);
    const bool fresh = !history.everStale || history.stale + m_options.grace <= now;
    const bool reachable = !history.everUnreachable || history.unreachable + m_options.grace <= now;
    if (fresh && old.confirmed > saturatingAdd(observation.counted, slack)) return WatchVerdict::TooMuch;
    const Money lost = Money::fromEighths(old.counted.eighths() / 1000 * m_options.lossPerMille);
    const Money least = saturatingAdd(saturatingAdd(observation.confirmed, slack), lost);
    if (reachable && least < old.counted) return WatchVerdict::TooLittle;
    return WatchVerdict::Fits;
}

WatchVerdict Watch::verdict(Subject subject, IspId isp) const {
    const auto found = m_histories.find({subject, isp});
    return found == m_histories.end() ? WatchVerdict::Fits : found->second.verdict;
}

Money Watch::largestStep(Subject subject, IspId isp) const {
    const auto found = m_histories.find({subject, isp});
    return found == m_histories.end() ? Money::zero() : found->second.largestStep;
}

}  // namespace netpas::accounting
