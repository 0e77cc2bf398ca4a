#include "cartographer/measure/prober.h"

#include <algorithm>
#include <set>
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
    : m_options(options), m_clock(clock), m_random(random), m_send(std::move(send)) {}

void Prober::begin(Line& line) {
    if (line.session) line.before = sum(line.before, line.session->tally());
    stamp::SenderSession::Options options;
    options.session = static_cast<uint16_t>(1 + m_random.below(UINT16_MAX));
    options.clock = errorOf(m_options.systematic);
    options.patience = m_options.patience;
    options.believed = m_options.believed;
    line.session = std::make_unique<stamp::SenderSession>(options);
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
        const auto [at, fresh] = m_lines.try_emplace(route, route, m_options);
        Line& line = at->second;
        if (fresh) begin(line);
        if (line.active) continue;
        line.active = true;
        ++active;
        // Spread over the interval, so that routes do not measure each other.
        const auto spread = interval().count();
        if (!before.contains(route))
            line.due = now + std::chrono::nanoseconds(m_random.below(static_cast<uint64_t>(spread)));
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

void Prober::run() {
    const SteadyTime now = m_clock.steady();
    for (auto& [route, line] : m_lines) {
        line.session->expire(now);
        countFates(line);
        if (!line.active || now < line.due) continue;
        line.due = std::max(line.due + interval(), now);  // what was missed is not made good
        if (now < line.distrustedUntil) continue;
        line.usedAt = now;
        // The time is taken as late as can be: what this machine does before is not the network's.
        const Bytes packet = line.session->next(m_clock.now(), m_clock.steady());
        line.refused = !m_send(route, packet);
        ++m_packets;
    }
}

std::optional<SteadyTime> Prober::nextDue() const {
    std::optional<SteadyTime> next;
    for (const auto& [route, line] : m_lines) {
        if (line.active && (!next || line.due < *next)) next = line.due;
    }
    return next;
}

void Prober::take(const ProbeRoute& route, ByteView packet, SystemTime arrived, SteadyTime steady) {
    const auto at = m_lines.find(route);
    if (at == m_lines.end()) return;
    Line& line = at->second;
    if (m_clock.steady() < line.distrustedUntil) return;
    const auto sample = line.session->take(packet, arrived, steady);
    countFates(line);
    if (sample) {
        line.roundTrip.add(steady, sample->roundTrip);
        line.lossThere.add(steady, sample->sent, sample->sent - sample->arrived);
        if (sample->arrived > 0) line.lossBack.add(steady, sample->arrived, sample->arrived - 1);
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
