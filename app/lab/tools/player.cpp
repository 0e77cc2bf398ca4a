#include "app/lab/tools/player.h"

#include <algorithm>

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortestStall{700};

milliseconds rounded(PlayerTime::duration duration) { return std::chrono::duration_cast<milliseconds>(duration); }

// All the time, as far as the player says it.
bool filmAhead(const PositionSample& before, const PositionSample& after) {
    constexpr double enough = 0.5;  // seconds
    return before.cached.value_or(0) >= enough && after.cached.value_or(0) >= enough;
}

}  // namespace

size_t PlayerReport::stallsIn(PlayerTime from, PlayerTime to) const {
    return static_cast<size_t>(std::count_if(
        stalls.begin(), stalls.end(), [&](const Stall& stall) { return stall.begin >= from && stall.begin < to; }));
}

milliseconds PlayerReport::stalledByProperty(PlayerTime from, PlayerTime to) const {
    PlayerTime::duration sum{0};
    for (const Stall& stall : stalls) {
        const PlayerTime begin = std::max(stall.begin, from);
        const PlayerTime end = std::min(stall.end.value_or(to), to);
        if (end > begin) sum += end - begin;
    }
    return rounded(sum);
}

milliseconds PlayerReport::stalledByPosition(PlayerTime from, PlayerTime to) const {
    PlayerTime::duration sum{0};
    for (size_t i = 1; i < samples.size(); ++i) {
        const PositionSample& before = samples[i - 1];
        const PositionSample& after = samples[i];
        if (before.at < from || after.at > to || filmAhead(before, after)) continue;
        const std::chrono::duration<double> passed = after.at - before.at;
        if (after.position - before.position < passed.count() / 10) sum += after.at - before.at;
    }
    return rounded(sum);
}

double PlayerReport::behind(PlayerTime from, PlayerTime to) const {
    double sum = 0;
    for (size_t i = 1; i < samples.size(); ++i) {
        const PositionSample& before = samples[i - 1];
        const PositionSample& after = samples[i];
        if (before.at < from || after.at > to || filmAhead(before, after)) continue;
        const std::chrono::duration<double> passed = after.at - before.at;
        sum += passed.count() - (after.position - before.position);
    }
    return sum;
}

double PlayerReport::played(PlayerTime from, PlayerTime to) const {
    const PositionSample* first = nullptr;
    const PositionSample* last = nullptr;
    for (const PositionSample& sample : samples) {
        if (sample.at < from || sample.at > to) continue;
        if (first == nullptr) first = &sample;
        last = &sample;
    }
    return first != nullptr ? last->position - first->position : 0;
}

void PositionRecord::take(const PositionSample& sample, bool playing) {
    PlayerReport& report = m_report;
    const bool moved = report.samples.empty() || sample.position != report.samples.back().position;
    if (!report.firstPicture && sample.position > 0) report.firstPicture = sample.at;
    if (moved || !playing || !report.firstPicture) {
        m_moved = sample.at;
        if (report.stalledNow()) report.stalls.back().end = sample.at;
    } else if (!report.stalledNow() && sample.at - m_moved >= shortestStall) {
        report.stalls.push_back({m_moved, std::nullopt});
    }
    // Players look at themselves less often than they are asked: that is no standstill.
    if (moved || report.stalledNow()) report.samples.push_back(sample);
}

}  // namespace netpas::lab
