#include "cartographer/measure/prober.h"

#include <algorithm>
#include <utility>

namespace netpas::measure {

namespace {

constexpr uint64_t fewLies = 3;    // from which a session is not believed, …
constexpr uint64_t lieShare = 20;  // … when one of so many answers or more is impossible
constexpr unsigned patientSessions =
    1;                            // that may end so (a reflector was started anew) before the reflector is distrusted
constexpr uint64_t silence = 10;  // packets without any answer

stamp::Tally sum(stamp::Tally a, const stamp::Tally& b) {
    a.sent += b.sent;
    a.answered += b.answered;
    a.lost += b.lost;
    a.lostThere += b.lostThere;
    a.lostBack += b.lostBack;
    a.duplicates += b.duplicates;
    a.late += b.late;
    a.reordered += b.reordered;
    a.foreign += b.foreign;
    a.impossible += b.impossible;
    return a;
}

// RFC 4656 §4.1.2: multiplier · 2^-32 · 2^scale seconds.
stamp::ErrorEstimate errorOf(std::chrono::microseconds error) {
    stamp::ErrorEstimate out;
    double units = std::chrono::duration<double>(error).count() * 4294967296.0;
    while (units > 255 && out.scale < 63) {
        units /= 2;
        ++out.scale;
    }
    out.multiplier = static_cast<uint8_t>(std::clamp(units, 1.0, 255.0));
    return out;
}

}  // namespace

Prober::Line::Line(const ProbeRoute& measured, const Options& options)
    : route(measured),
      roundTrip(2 * options.systematic, options.series),
      loss(options.series),
      lossThere(options.series),
      lossBack(options.series) {}

Prober::Prober(Options options, const Clock& clock, RandomSource& random, Send send)
    : m_options(options),
      m_clock(clock),
      m_random(random),
      m_send(std::move(send)),
      m_haste(mostHaste()),
      m_refilledAt(clock.steady()) {}

std::unique_ptr<stamp::SenderSession> Prober::newSession() {
    stamp::SenderSession::Options options;
    options.session = static_cast<uint16_t>(1 + m_random.below(UINT16_MAX));
    options.clock = errorOf(m_options.systematic);
    options.patience = m_options.patience;
    options.believed = m_options.believed;
    return std::make_unique<stamp::SenderSession>(options);
}

void Prober::begin(Line& line) {
    if (line.session) line.before = sum(line.before, line.session->tally());
    line.session = newSession();
    line.counted = {};
}

void Prober::setRoutes(const std::vector<ProbeRoute>& routes) {
    const SteadyTime now = m_clock.steady();
    std::set<ProbeRoute> before;
    for (auto& [route, line] : m_lines) {
        if (std::exchange(line.active, false)) before.insert(route);
    }
    size_t active = 0;
    for (const ProbeRoute& route : routes) {
        if (active >= m_options.routes || m_options.perMinute == 0) break;
        Line& line = m_lines.try_emplace(route, route, m_options).first->second;
        if (line.active) continue;
        line.active = true;
        ++active;
        if (before.contains(route)) continue;
        // Its socket may be another one by now, and then the reflector counts anew: numbers that come again look like lies.
        begin(line);
        // Spread over the interval, so that routes do not measure each other.
        const auto spread = interval().count();
        line.due = now + std::chrono::nanoseconds(m_random.below(static_cast<uint64_t>(spread)));
    }
    for (auto& [route, line] : m_lines) {
        if (line.active) continue;
        line.hurried = false;
        line.closer.reset();
    }
    std::erase_if(m_lines, [&](const auto& entry) {
        const Line& line = entry.second;
        return !line.active && now - line.usedAt > m_options.series.memory;
    });
    while (m_lines.size() > 2 * m_options.routes) {
        auto oldest = m_lines.end();
        for (auto at = m_lines.begin(); at != m_lines.end(); ++at) {
            if (!at->second.active && (oldest == m_lines.end() || at->second.usedAt < oldest->second.usedAt))
                oldest = at;
        }
        if (oldest == m_lines.end()) break;
        m_lines.erase(oldest);
    }
}

std::vector<ProbeRoute> Prober::routes() const {
    std::vector<ProbeRoute> routes;
    for (const auto& [route, line] : m_lines) {
        if (line.active) routes.push_back(route);
    }
    return routes;
}

std::chrono::nanoseconds Prober::interval() const {
    const auto active =
        std::count_if(m_lines.begin(), m_lines.end(), [](const auto& line) { return line.second.active; });
    const std::chrono::nanoseconds least = std::chrono::minutes(1);
    return std::max<std::chrono::nanoseconds>(
        m_options.every, least * std::max<int64_t>(active, 1) / std::max<uint32_t>(m_options.perMinute, 1));
}

std::chrono::nanoseconds Prober::hurriedInterval() const {
    const auto hurried =
        std::count_if(m_lines.begin(), m_lines.end(), [](const auto& line) { return line.second.hurried; });
    const std::chrono::nanoseconds minute = std::chrono::minutes(1);
    const int64_t most =
        int64_t{std::max<uint32_t>(m_options.perMinute, 1)} * std::max<uint32_t>(m_options.hurryFactor, 1);
    return std::min(interval(), std::max<std::chrono::nanoseconds>(m_options.hurried,
                                                                   minute * std::max<int64_t>(hurried, 1) / most));
}

double Prober::mostHaste() const {
    return static_cast<double>(m_options.perMinute) * m_options.hurryFactor *
           std::chrono::duration<double, std::ratio<60>>(m_options.hurryFor).count();
}

void Prober::refill(SteadyTime now) {
    const double minutes = std::chrono::duration<double, std::ratio<60>>(now - m_refilledAt).count();
    m_haste = std::min(mostHaste(), m_haste + minutes * m_options.perMinute);
    m_refilledAt = now;
}

void Prober::hurry(const std::set<ProbeRoute>& routes) {
    const SteadyTime now = m_clock.steady();
    for (auto& [route, line] : m_lines) {
        line.hurried = line.active && routes.contains(route);
        if (!line.hurried) {
            line.closer.reset();
        } else if (!line.closer) {
            line.closer = newSession();
            const auto spread = static_cast<uint64_t>(hurriedInterval().count());
            line.closerDue = now + std::chrono::nanoseconds(m_random.below(spread));
        }
    }
}

// The time is taken as late as can be: what this machine does before is not the network's.
void Prober::send(Line& line, stamp::SenderSession& session) {
    const SteadyTime leaves = m_clock.steady();
    const Bytes packet = session.next(m_clock.now(), leaves);
    line.refused = !m_send(line.route, packet);
    ++m_packets;
    if (m_listener.sent && !line.refused) m_listener.sent(line.route, leaves);
}

void Prober::runCloser(Line& line, SteadyTime now) {
    line.closer->expire(now);
    if (now < line.closerDue) return;
    line.closerDue = std::max(line.closerDue + hurriedInterval(), now);
    if (m_haste < 1 || now < line.distrustedUntil) return;
    m_haste -= 1;
    send(line, *line.closer);
}

void Prober::run() {
    const SteadyTime now = m_clock.steady();
    refill(now);
    for (auto& [route, line] : m_lines) {
        line.session->expire(now);
        countFates(line);
        if (line.closer) runCloser(line, now);
        if (!line.active || now < line.due) continue;
        line.due = std::max(line.due + interval(), now);  // what was missed is not made good
        if (now < line.distrustedUntil) continue;
        line.usedAt = now;
        send(line, *line.session);
    }
}

std::optional<SteadyTime> Prober::nextDue() const {
    std::optional<SteadyTime> next;
    for (const auto& [route, line] : m_lines) {
        if (line.active && (!next || line.due < *next)) next = line.due;
        if (line.closer && (!next || line.closerDue < *next)) next = line.closerDue;
    }
    return next;
}

void Prober::take(const ProbeRoute& route, ByteView packet, SystemTime arrived, SteadyTime steady) {
    const auto at = m_lines.find(route);
    if (at == m_lines.end()) return;
    Line& line = at->second;
    if (m_clock.steady() < line.distrustedUntil) return;
    if (line.closer && line.closer->isAsked(packet)) {
        const auto closer = line.closer->take(packet, arrived, steady);
        if (closer && m_listener.answered) m_listener.answered(route, *closer);
        return;
    }
    const auto sample = line.session->take(packet, arrived, steady);
    countFates(line);
    if (sample) {
        line.roundTrip.add(steady, sample->roundTrip);
        line.lossThere.add(steady, sample->sent, sample->sent - sample->arrived);
        if (sample->arrived > 0) line.lossBack.add(steady, sample->arrived, sample->arrived - 1);
        if (m_listener.answered) m_listener.answered(route, *sample);
    }
    judge(line);
}

// Packets whose fate has become known, with the losses among them.
void Prober::countFates(Line& line) {
    const stamp::Tally& tally = line.session->tally();
    const uint64_t lost = tally.lost - line.counted.lost;
    const uint64_t settled = tally.answered - line.counted.answered + lost;
    if (settled == 0) return;
    line.loss.add(m_clock.steady(), settled, lost);
    line.counted = tally;
}

// Lies end a session, with everything that it seemed to show.
void Prober::judge(Line& line) {
    const stamp::Tally& tally = line.session->tally();
    if (tally.impossible < fewLies || tally.impossible * lieShare < tally.answered + tally.impossible) {
        if (tally.answered > lieShare * fewLies) line.lies = 0;
        return;
    }
    line.roundTrip.clear();
    line.loss.clear();
    line.lossThere.clear();
    line.lossBack.clear();
    begin(line);
    if (++line.lies > patientSessions) line.distrustedUntil = m_clock.steady() + m_options.distrust;
}

std::vector<ProbeReport> Prober::report() {
    const SteadyTime now = m_clock.steady();
    std::vector<ProbeReport> all;
    for (auto& [route, line] : m_lines) {
        ProbeReport one;
        one.route = route;
        one.roundTrip = line.roundTrip.estimate(now);
        one.loss = line.loss.estimate(now);
        one.lossThere = line.lossThere.estimate(now);
        one.lossBack = line.lossBack.estimate(now);
        one.tally = sum(line.before, line.session->tally());
        if (now < line.distrustedUntil) {
            one.trouble = "its reflector gives impossible answers and is not believed";
        } else if (line.refused) {
            one.trouble = "the test packets cannot be sent";
        } else if (one.tally.answered == 0 && one.tally.lost >= silence) {
            one.trouble = "its reflector does not answer";
        }
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace netpas::measure
