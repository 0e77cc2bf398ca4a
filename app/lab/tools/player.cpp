#include "app/lab/tools/player.h"

#include <algorithm>

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortestStall{700};

milliseconds rounded(PlayerTime::duration duration) { return std::chrono::duration_cast<milliseconds>(duration); }

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
        if (before.at < from || after.at > to) continue;
        const std::chrono::duration<double> passed = after.at - before.at;
        if (after.position - before.position < passed.count() / 10) sum += after.at - before.at;
    }
    return rounded(sum);
}

std::pair<const PositionSample*, const PositionSample*> PlayerReport::ends(PlayerTime from, PlayerTime to) const {
    const PositionSample* first = nullptr;
    const PositionSample* last = nullptr;
    for (const PositionSample& sample : samples) {
        if (sample.at < from || sample.at > to) continue;
        if (first == nullptr) first = &sample;
        last = &sample;
    }
    return {first, last};
}

double PlayerReport::played(PlayerTime from, PlayerTime to) const {
    const auto [first, last] = ends(from, to);
    return first != nullptr ? last->position - first->position : 0;
}

double PlayerReport::pace(PlayerTime from, PlayerTime to) const {
    const auto [first, last] = ends(from, to);
    if (first == last) return 0;
    return (last->position - first->position) / std::chrono::duration<double>(last->at - first->at).count();
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
