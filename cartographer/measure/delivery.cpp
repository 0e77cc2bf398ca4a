#include "cartographer/measure/delivery.h"

#include <algorithm>
#include <cmath>

namespace netpas::measure {

namespace {

using std::chrono::nanoseconds;

constexpr size_t spans = 16;  // of the memory of a least value
constexpr uint32_t fewestPaid = 3;
constexpr uint32_t fewestControl = 2;
constexpr double clearlyBetter = 0.6;  // of best effort's delay or loss, or less
constexpr double chance = 0.05;        // of so many losses by the promised share alone
// A queue's length changes all the time; a longer way's does not.
constexpr double steadyShare = 0.05;
constexpr nanoseconds steady = std::chrono::milliseconds(3);
constexpr double steadyLoss = 0.1;  // a queue that is always full loses more
constexpr size_t steadyWindows = 12;

nanoseconds medianOf(std::vector<nanoseconds>& values) {
    const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// Of `trials` with this probability each, so many or more.
double atLeast(uint32_t successes, uint32_t trials, double probability) {
    double below = 0;
    double term = std::pow(1 - probability, trials);
    for (uint32_t k = 0; k < successes; ++k) {
        below += term;
        term *= static_cast<double>(trials - k) / (k + 1) * probability / (1 - probability);
    }
    return 1 - below;
}

bool losesMore(const WindowSide& side, double allowed) {
    return side.lostThere >= 2 && side.counted > 0 && atLeast(side.lostThere, side.counted, allowed) < chance;
}

double lossShare(const WindowSide& side) {
    return side.counted > 0 ? static_cast<double>(side.lostThere) / side.counted : 0;
}

bool isBeginningOf(const std::vector<ClassOn>& part, const std::vector<ClassOn>& whole) {
    return part.size() < whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

}  // namespace

std::string_view name(Vote vote) {
    switch (vote) {
    case Vote::None: return "none";
    case Vote::Better: return "better";
    case Vote::Fine: return "fine";
    case Vote::Unclear: return "unclear";
    case Vote::Bad: return "bad";
    }
    return "none";
}

void DeliveryJudge::Least::add(SteadyTime at, nanoseconds value, nanoseconds memory) {
    while (!m_spans.empty() && at - m_spans.front().begin > memory) m_spans.pop_front();
    const auto length = memory / static_cast<int64_t>(spans);
    if (m_spans.empty() || at - m_spans.back().begin > length) {
        m_spans.push_back({at, value});
    } else {
        m_spans.back().least = std::min(m_spans.back().least, value);
    }
}

std::optional<nanoseconds> DeliveryJudge::Least::value(SteadyTime at, double drift) const {
    std::optional<nanoseconds> least;
    for (const Span& span : m_spans) {
        const auto age = std::chrono::duration<double, std::nano>(std::max(at - span.begin, SteadyTime::duration(0)));
        const nanoseconds value = span.least + nanoseconds(static_cast<int64_t>(age.count() * drift));
        least = std::min(least.value_or(value), value);
    }
    return least;
}

void DeliveryJudge::watch(SteadyTime now, const std::vector<WatchedWay>& ways) {
    std::map<std::vector<ClassOn>, std::map<Endpoint, Watched>> before;
    before.swap(m_ways);
    std::set<Endpoint> targets;
    for (const WatchedWay& way : ways) {
        const Endpoint& reflector = way.paid.reflector;
        targets.insert(reflector);
        Watched& one = m_ways[way.paid.classes][reflector];
        if (one.since != SteadyTime{}) continue;
        const auto classes = before.find(way.paid.classes);
        if (classes != before.end() && classes->second.contains(reflector)) {
            one = std::move(classes->second.at(reflector));
        } else {
            one.since = now;
            one.closeUntil = now + m_options.firstLook;
        }
        one.way = way;
    }
    // What was seen of a reflector before anything was bought is the best comparison: kept while there is room for it.
    constexpr size_t most = 64;
    if (m_targets.size() > most)
        std::erase_if(m_targets, [&](const auto& entry) { return !targets.contains(entry.first); });
}

DeliveryJudge::Open* DeliveryJudge::windowAt(Watched& one, SteadyTime at) {
    const auto length = std::chrono::duration_cast<SteadyTime::duration>(m_options.window);
    const SteadyTime begin{at.time_since_epoch() / length * length};
    const auto found =
        std::find_if(one.open.rbegin(), one.open.rend(), [&](const Open& open) { return open.begin == begin; });
    if (found != one.open.rend()) return &*found;
    if (!one.open.empty() && begin < one.open.back().begin) return nullptr;  // closed already
    if (!one.closed.empty() && begin <= one.closed.back().begin) return nullptr;
    one.open.push_back({begin, {}, {}});
    return &one.open.back();
}

void DeliveryJudge::sent(const ProbeRoute& route, SteadyTime at) {
    for (auto& [classes, byReflector] : m_ways) {
        const auto found = byReflector.find(route.reflector);
        if (found == byReflector.end() || (!route.classes.empty() && route.classes != classes)) continue;
        Open* const open = windowAt(found->second, at);
        if (open != nullptr) ++(route.classes.empty() ? open->control : open->paid).counts.sent;
    }
}

void DeliveryJudge::answered(const ProbeRoute& route, const stamp::Sample& sample) {
    Target& target = m_targets[route.reflector];
    target.there.add(sample.sentAt, sample.toReflector, m_options.memory);
    target.roundTrip.add(sample.sentAt, sample.roundTrip, m_options.memory);
    const Packet packet{sample.sentAt, sample.toReflector, sample.roundTrip};
    for (auto& [classes, byReflector] : m_ways) {
        const auto found = byReflector.find(route.reflector);
        if (found == byReflector.end() || (!route.classes.empty() && route.classes != classes)) continue;
        Watched& one = found->second;
        const bool lostSome = sample.sent > sample.arrived;
        if (!route.classes.empty() && (lostSome || delayOf(route, packet) > allowedDelay(one)))
            one.closeUntil = std::max(one.closeUntil, sample.sentAt + m_options.closely);
        Open* const open = windowAt(one, sample.sentAt);
        if (open == nullptr) continue;
        Side& side = route.classes.empty() ? open->control : open->paid;
        ++side.counts.answered;
        side.counts.counted += sample.sent;
        side.counts.lostThere += sample.sent - sample.arrived;
        side.packets.push_back(packet);
    }
}

// The two ends' clocks do not agree, but the least that was seen takes their difference away. They drift apart, too: whatever did not make the
// round trip longer is not queueing.
nanoseconds DeliveryJudge::delayOf(const ProbeRoute& route, const Packet& packet) const {
    const auto target = m_targets.find(route.reflector);
    if (target == m_targets.end()) return nanoseconds(0);
    const auto there = target->second.there.value(packet.at, m_options.drift);
    const auto roundTrip = target->second.roundTrip.value(packet.at, 0);
    if (!there || !roundTrip) return nanoseconds(0);
    return std::max(nanoseconds(0), std::min(packet.there - *there, packet.roundTrip - *roundTrip));
}

void DeliveryJudge::finish(const ProbeRoute& route, Side& side) const {
    std::vector<nanoseconds> delays;
    for (const Packet& packet : side.packets) delays.push_back(delayOf(route, packet));
    if (delays.empty()) return;
    side.counts.delay = medianOf(delays);
    side.counts.leastDelay = *std::min_element(delays.begin(), delays.end());
}

// What is promised beyond the time that the way takes anyway.
nanoseconds DeliveryJudge::allowedDelay(const Watched& one) const {
    nanoseconds allowed = m_options.leastDelay;
    const auto target = m_targets.find(one.way.paid.reflector);
    const auto roundTrip = target != m_targets.end() ? target->second.roundTrip.value(SteadyTime{}, 0) : std::nullopt;
    if (!roundTrip) return allowed;
    const nanoseconds oneWay = *roundTrip / 2;
    return std::max(allowed, one.way.promised.latency ? *one.way.promised.latency - oneWay : oneWay);
}

double DeliveryJudge::allowedLoss(const Watched& one) const {
    return std::clamp(one.way.promised.loss.value_or(0), m_options.leastLoss, 0.9);
}

Vote DeliveryJudge::vote(const Watched& one, const DeliveryWindow& window) const {
    const WindowSide& paid = window.paid;
    const WindowSide& control = window.control;
    if (paid.sent < fewestPaid || control.sent < fewestControl) return Vote::None;
    if (paid.answered == 0 && control.answered == 0) return Vote::None;
    const bool ownDoing = window.load > one.way.fairLoad;
    if (paid.answered == 0 && paid.counted == 0)
        return control.answered < fewestControl ? Vote::None : ownDoing ? Vote::Unclear : Vote::Bad;
    if (paid.answered + paid.lostThere < fewestPaid) return Vote::None;
    const nanoseconds allowed = allowedDelay(one);
    const double loss = allowedLoss(one);
    const bool late = paid.delay && *paid.delay > allowed;
    const bool losing = losesMore(paid, loss);
    const bool controlSilent = control.answered == 0;
    const bool controlSuffers =
        controlSilent || (control.delay && *control.delay > allowed) || losesMore(control, loss);
    if (!late && !losing) return controlSuffers ? Vote::Better : Vote::Fine;
    const auto share = [](nanoseconds of, nanoseconds whole) {
        return static_cast<double>(of.count()) / static_cast<double>(std::max<int64_t>(whole.count(), 1));
    };
    const bool sooner =
        !late || controlSilent || share(*paid.delay, control.delay.value_or(nanoseconds(0))) <= clearlyBetter;
    const bool keepsMore = !losing || controlSilent || lossShare(paid) <= clearlyBetter * lossShare(control);
    return (sooner && keepsMore) || ownDoing ? Vote::Unclear : Vote::Bad;
}

DeliveryWindow DeliveryJudge::withLossesBefore(const Watched& one, DeliveryWindow window) const {
    const auto add = [](WindowSide& sum, const WindowSide& side) {
        sum.counted += side.counted;
        sum.lostThere += side.lostThere;
    };
    const auto length = m_options.window * static_cast<int64_t>(m_options.lossWindows);
    for (auto at = one.closed.rbegin(); at != one.closed.rend() && window.begin - at->begin < length; ++at) {
        add(window.paid, at->paid);
        add(window.control, at->control);
    }
    return window;
}

void DeliveryJudge::close(Watched& one, Open& open) {
    finish(one.way.paid, open.paid);
    finish(one.way.control, open.control);
    DeliveryWindow window{open.begin, open.paid.counts, open.control.counts, m_load, Vote::None};
    window.vote = vote(one, withLossesBefore(one, window));
    switch (window.vote) {
    case Vote::None: one.doubt += m_options.nothingSeen; break;
    case Vote::Unclear: break;
    case Vote::Better: one.doubt += m_options.better; break;
    case Vote::Fine: one.doubt += m_options.fine; break;
    case Vote::Bad:
        one.doubt += m_options.bad;
        one.closeUntil =
            std::max(one.closeUntil, open.begin + m_options.window + m_options.patience + m_options.closely);
        break;
    }
    one.doubt = std::max(one.doubt, 0.0);
    if (window.vote != Vote::None) {
        ++one.votes;
        one.last = window.vote;
    }
    one.closed.push_back(window);
    while (one.closed.size() > m_options.windows) one.closed.pop_front();
}

// Both are later by the same in most windows, and no more is lost than may be: packets go another way than before.
bool DeliveryJudge::isLongerWay(const Watched& one) const {
    const nanoseconds allowed = allowedDelay(one);
    std::vector<nanoseconds> delays;
    WindowSide both;
    size_t bad = 0;
    for (auto at = one.closed.rbegin(); at != one.closed.rend() && bad < steadyWindows; ++at) {
        if (at->vote != Vote::Bad) continue;
        ++bad;
        const bool late =
            at->paid.delay && *at->paid.delay > allowed && at->control.delay && *at->control.delay > allowed;
        if (!late) continue;
        delays.push_back(*at->control.leastDelay);
        both.counted += at->paid.counted + at->control.counted;
        both.lostThere += at->paid.lostThere + at->control.lostThere;
    }
    if (2 * delays.size() <= bad || lossShare(both) > std::max(steadyLoss, allowedLoss(one))) return false;
    std::sort(delays.begin(), delays.end());
    const nanoseconds spread = delays[delays.size() * 3 / 4] - delays[delays.size() / 4];  // a burst changes nothing
    const nanoseconds middle = delays[delays.size() / 2];
    return spread <=
           std::max(steady, nanoseconds(static_cast<int64_t>(steadyShare * static_cast<double>(middle.count()))));
}

// Where the way to an ISP before is in doubt, too, it is that one's turn; but not for ever.
bool DeliveryJudge::blameIsClear(const Watched& one) const {
    if (one.doubt >= 2 * m_options.verdict) return true;
    for (const auto& [classes, byReflector] : m_ways) {
        if (!isBeginningOf(classes, one.way.paid.classes)) continue;
        for (const auto& [reflector, other] : byReflector) {
            if (other.doubt >= m_options.verdict / 3) return false;
        }
    }
    return true;
}

std::vector<NotDelivered> DeliveryJudge::run(SteadyTime now) {
    std::vector<NotDelivered> verdicts;
    for (auto& [classes, byReflector] : m_ways) {
        for (auto& [reflector, one] : byReflector) {
            while (!one.open.empty() && one.open.front().begin + m_options.window + m_options.patience <= now) {
                close(one, one.open.front());
                one.open.pop_front();
            }
        }
    }
    for (auto& [classes, byReflector] : m_ways) {
        for (auto& [reflector, one] : byReflector) {
            if (one.doubt < m_options.verdict || now < one.quietUntil || !blameIsClear(one)) continue;
            if (isLongerWay(one)) {
                m_targets.erase(reflector);
                one.doubt = 0;
                continue;
            }
            verdicts.push_back({one.way, one.since, {one.closed.begin(), one.closed.end()}});
        }
    }
    // Whoever comes behind a culprit suffers with it.
    for (const NotDelivered& verdict : verdicts) {
        for (auto& [classes, byReflector] : m_ways) {
            const bool behind = classes == verdict.way.paid.classes || isBeginningOf(verdict.way.paid.classes, classes);
            if (!behind) continue;
            for (auto& [reflector, one] : byReflector) {
                one.doubt = 0;
                one.quietUntil = now + m_options.pause;
            }
        }
    }
    return verdicts;
}

std::set<ProbeRoute> DeliveryJudge::urgent(SteadyTime now) const {
    std::set<ProbeRoute> routes;
    for (const auto& [classes, byReflector] : m_ways) {
        for (const auto& [reflector, one] : byReflector) {
            if (now >= one.closeUntil && one.doubt <= 0) continue;
            routes.insert(one.way.paid);
            routes.insert(one.way.control);
        }
    }
    return routes;
}

std::vector<Standing> DeliveryJudge::standing() const {
    std::vector<Standing> all;
    for (const auto& [classes, byReflector] : m_ways) {
        for (const auto& [reflector, one] : byReflector)
            all.push_back({one.way, std::min(1.0, one.doubt / m_options.verdict), one.votes, one.last});
    }
    return all;
}

}  // namespace netpas::measure
