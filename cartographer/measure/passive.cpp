#include "cartographer/measure/passive.h"

#include <algorithm>

namespace netpas::measure {

namespace {

constexpr double mostlyBusy = 0.9;  // of the time between two looks: then the network is what limits
constexpr uint32_t tcpHeader = 32;  // with timestamps

uint64_t more(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

}  // namespace

PassiveTcp::Lines::Lines(const Options& options)
    : average(options.systematic, options.series),
      fewest(options.series),
      most(options.series),
      rate({options.series.memory, 128, 0.02}) {}

PassiveTcp::Lines& PassiveTcp::linesOf(const PassiveSubject& subject, SteadyTime now) {
    const auto known = m_lines.find(subject);
    if (known == m_lines.end() && m_lines.size() >= m_options.subjects) {
        m_lines.erase(std::min_element(m_lines.begin(), m_lines.end(),
                                       [](const auto& a, const auto& b) { return a.second.usedAt < b.second.usedAt; }));
    }
    Lines& lines = known != m_lines.end() ? known->second : m_lines.try_emplace(subject, m_options).first->second;
    lines.usedAt = now;
    return lines;
}

void PassiveTcp::learn(Lines& lines, const Known& before, const TcpCounts& now, SteadyTime at,
                       std::chrono::seconds memory) {
    const uint64_t sent = more(now.segmentsSent, before.counts.segmentsSent);
    if (sent == 0) return;  // nothing of it is new
    const uint64_t again = more(now.retransmitted, before.counts.retransmitted);
    const uint64_t needlessly = more(now.needlessly, before.counts.needlessly);
    lines.fewest.add(at, sent, more(again, needlessly));
    lines.most.add(at, sent, again);
    if (now.roundTrip.count() > 0) lines.average.add(at, now.roundTrip);
    const bool old = at - lines.leastAt > memory;
    if (now.leastRoundTrip.count() > 0 && (old || now.leastRoundTrip <= lines.least)) {
        lines.least = now.leastRoundTrip;
        lines.leastAt = at;
    }
    const auto busy = std::chrono::duration<double>(now.busy - before.counts.busy).count();
    const auto held = std::chrono::duration<double>(now.held - before.counts.held).count();
    const double passed = std::chrono::duration<double>(at - before.at).count();
    if (now.applicationLimited || passed <= 0 || busy - held < mostlyBusy * passed || now.segmentBytes == 0) return;
    const double header = (now.flow.dst.isV6() ? 40 : 20) + tcpHeader;
    const double perPayload = (now.segmentBytes + header) / now.segmentBytes;
    lines.rate.add(at, static_cast<double>(now.deliveryRate) * 8 * perPayload);
}

void PassiveTcp::take(SteadyTime now, const std::vector<Seen>& connections) {
    std::map<uint64_t, Known> next;
    for (const Seen& seen : connections) {
        if (next.size() >= m_options.connections) break;
        const auto before = m_known.find(seen.counts.cookie);
        // What was counted while the purchase changed belongs to neither.
        if (before != m_known.end() && before->second.subject == seen.subject)
            learn(linesOf(seen.subject, now), before->second, seen.counts, now, m_options.series.memory);
        next.insert_or_assign(seen.counts.cookie, Known{seen.counts, seen.subject, now});
    }
    m_known = std::move(next);
}

Estimate PassiveTcp::roundTripOf(Lines& lines, SteadyTime now) const {
    Estimate average = lines.average.estimate(now);
    if (!average.known() || lines.least == std::chrono::microseconds::max()) return {};
    const double least = std::chrono::duration<double>(lines.least).count();
    const double systematic = std::chrono::duration<double>(m_options.systematic).count();
    Estimate out = average;
    out.value = least;
    out.low = std::max(least - systematic, 0.0);
    out.high = std::max(least + systematic, average.high);
    constexpr double wide = 0.5;
    if (out.high - least > std::max(wide * least, 2 * systematic)) out.grade = Grade::Scarce;
    return out;
}

Estimate PassiveTcp::lossOf(Lines& lines, SteadyTime now) {
    const Estimate fewest = lines.fewest.estimate(now);
    const Estimate most = lines.most.estimate(now);
    Estimate out = most;
    out.grade = std::min(fewest.grade, most.grade);
    out.value = (fewest.value + most.value) / 2;
    out.low = fewest.low;
    out.systematic = (most.value - fewest.value) / 2;
    constexpr double wide = 0.03;
    if (out.known() && out.high - out.low > 2 * std::max(wide, out.value / 2)) out.grade = Grade::Scarce;
    return out;
}

std::vector<PassiveReport> PassiveTcp::report(SteadyTime now) {
    std::vector<PassiveReport> all;
    for (auto& [subject, lines] : m_lines)
        all.push_back({subject, roundTripOf(lines, now), lossOf(lines, now), lines.rate.estimate(now)});
    return all;
}

}  // namespace netpas::measure
