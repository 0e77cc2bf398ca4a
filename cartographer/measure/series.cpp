#include "cartographer/measure/series.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace netpas::measure {

namespace {

constexpr size_t fewestBatches = 6;    // from which a spread is judged
constexpr size_t changeEdge = 6;       // on either side of a change, at least: bins, …
constexpr double lastingSamples = 12;  // … samples, …
constexpr double lastingPackets = 48;  // … packets of a share: bursts of losses are shorter
constexpr double changeLimit = 6;      // standard deviations that no chance explains

struct Batches {
    double mean = 0;
    double deviation = 0;
    double freedom = 0;
};

// From means of batches of `size` neighbouring bins. Longer batches hold more of what neighbours have in common.
template <typename Bins>
Batches judged(const Bins& bins, size_t size, double mean, double weight) {
    const size_t count = bins.size() / size;
    const size_t skip = bins.size() - count * size;  // the oldest
    double spread = 0;
    double used = 0;
    for (size_t batch = 0; batch < count; ++batch) {
        double sum = 0;
        double own = 0;
        for (size_t i = 0; i < size; ++i) {
            sum += bins[skip + batch * size + i].sum;
            own += bins[skip + batch * size + i].weight;
        }
        spread += std::pow(sum - own * mean, 2);
        used += own;
    }
    const double batches = static_cast<double>(count);
    // Of the whole: the batches' spread, carried over to the bins that fill no batch.
    const double variance = spread / (used * used) * batches / (batches - 1) * used / weight;
    return {mean, std::sqrt(variance), batches - 1};
}

}  // namespace

double student95(double freedom) {
    // Cornish-Fisher around the normal quantile; below 3 exactly.
    if (freedom < 1.5) return 12.706;
    if (freedom < 2.5) return 4.303;
    constexpr double z = 1.959964;
    const double z3 = z * z * z;
    const double z5 = z3 * z * z;
    const double z7 = z5 * z * z;
    const double n = freedom;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

void Series::add(SteadyTime at, double sum, double weight) {
    forget(at);
    if (m_bins.empty() || m_bins.back().samples >= m_perBin) {
        if (!m_bins.empty()) lookForChange();
        if (m_bins.size() >= m_options.bins) mergePairs();
        m_bins.push_back({at, at, 0, 0, 0, 0});
    }
    Bin& bin = m_bins.back();
    bin.end = at;
    bin.sum += sum;
    bin.squares += sum * sum / weight;
    bin.weight += weight;
    ++bin.samples;
}

void Series::clear() {
    m_bins.clear();
    m_perBin = 1;
}

void Series::forget(SteadyTime now) {
    const auto old = [&](const Bin& bin) { return now - bin.end > m_options.memory; };
    m_bins.erase(m_bins.begin(), std::find_if_not(m_bins.begin(), m_bins.end(), old));
    if (m_bins.empty()) m_perBin = 1;
}

void Series::mergePairs() {
    std::vector<Bin> merged;
    merged.reserve(m_options.bins);
    for (size_t i = 0; i + 1 < m_bins.size(); i += 2) {
        const Bin& a = m_bins[i];
        const Bin& b = m_bins[i + 1];
        merged.push_back(
            {a.begin, b.end, a.sum + b.sum, a.squares + b.squares, a.weight + b.weight, a.samples + b.samples});
    }
    if (m_bins.size() % 2 != 0) merged.push_back(m_bins.back());
    m_bins = std::move(merged);
    m_perBin *= 2;
}

// The split of the past after which everything is most unlike before.
Series::Split Series::likeliestSplit() const {
    const size_t count = m_bins.size();
    double sum = 0;
    double weight = 0;
    double squares = 0;  // of the bins' sums
    for (const Bin& bin : m_bins) {
        sum += bin.sum;
        weight += bin.weight;
        squares += bin.sum * bin.sum / bin.weight;
    }
    const double share = std::clamp(sum / weight, 0.0, 1.0);
    Split best;
    double before = 0;
    double weightBefore = 0;
    for (size_t split = 1; split + changeEdge <= count; ++split) {
        before += m_bins[split - 1].sum;
        weightBefore += m_bins[split - 1].weight;
        if (split < changeEdge) continue;
        const double weightAfter = weight - weightBefore;
        const double least = m_options.share ? lastingPackets : lastingSamples;
        if (std::min(weightBefore, weightAfter) < least) continue;
        const double difference = (sum - before) / weightAfter - before / weightBefore;
        const double inside = squares - before * before / weightBefore - (sum - before) * (sum - before) / weightAfter;
        double variance = std::max(inside, 0.0) / static_cast<double>(count - 2);
        if (m_options.share) variance = std::max(variance, share * (1 - share));
        constexpr double nothing = 1e-18;  // all alike
        const double score =
            std::abs(difference) / std::sqrt(variance * (1 / weightBefore + 1 / weightAfter) + nothing);
        if (score > best.score) best = {split, score, before / weightBefore, difference};
    }
    return best;
}

// A change lasts when each part of what comes after lies well beyond each part of what came before: a burst does not.
bool Series::lasts(const Split& split) const {
    constexpr size_t parts = 3;
    double nearestBefore = -1e300;
    double nearestAfter = 1e300;
    const double sign = split.difference < 0 ? -1 : 1;
    const auto meanOf = [&](size_t from, size_t to) {
        double sum = 0;
        double weight = 0;
        for (size_t i = from; i < to; ++i) {
            sum += m_bins[i].sum;
            weight += m_bins[i].weight;
        }
        return sign * sum / weight;
    };
    const size_t after = m_bins.size() - split.at;
    for (size_t part = 0; part < parts; ++part) {
        nearestBefore = std::max(nearestBefore, meanOf(split.at * part / parts, split.at * (part + 1) / parts));
        nearestAfter =
            std::min(nearestAfter, meanOf(split.at + after * part / parts, split.at + after * (part + 1) / parts));
    }
    return nearestAfter - nearestBefore > std::abs(split.difference) / 2;
}

void Series::lookForChange() {
    if (m_bins.size() < 2 * changeEdge) return;
    const Split split = likeliestSplit();
    if (split.score < changeLimit) return;
    // Neighbours that resemble each other make large differences by chance.
    const double alike = likeness([&](size_t i) {
        return m_bins[i].sum / m_bins[i].weight - split.before - (i >= split.at ? split.difference : 0);
    });
    if (split.score < changeLimit * std::sqrt((1 + alike) / (1 - alike)) || !lasts(split)) return;
    m_bins.erase(m_bins.begin(), m_bins.begin() + static_cast<ptrdiff_t>(split.at));
    ++m_changes;
}

// How much a bin resembles the one before (correlation), with what the estimate of it is too small by (Kendall 1954).
template <typename Rest>
double Series::likeness(Rest rest) const {
    const size_t count = m_bins.size();
    double same = 0;
    double shifted = 0;
    for (size_t i = 0; i < count; ++i) {
        same += rest(i) * rest(i);
        if (i > 0) shifted += rest(i) * rest(i - 1);
    }
    if (same <= 0) return 0;
    const double seen = shifted / same;
    constexpr double most = 0.99;
    return std::clamp(seen + (1 + 4 * seen) / static_cast<double>(count), 0.0, most);
}

Series::Summary Series::summary(SteadyTime now) {
    forget(now);
    Summary out;
    double sum = 0;
    double weight = 0;
    double squares = 0;
    uint64_t added = 0;
    for (const Bin& bin : m_bins) {
        sum += bin.sum;
        weight += bin.weight;
        squares += bin.squares;
        added += bin.samples;
    }
    if (weight <= 0) return out;
    out.samples = static_cast<uint64_t>(weight + 0.5);
    out.mean = sum / weight;
    out.newest = m_bins.back().end;
    out.judged = m_bins.size() >= fewestBatches;
    // As if no sample resembled its neighbour: the least that chance can do.
    const double own =
        m_options.share ? out.mean * (1 - out.mean) : std::max(squares / weight - out.mean * out.mean, 0.0);
    out.deviation = std::sqrt(own / weight);
    out.freedom = std::max((m_options.share ? weight : static_cast<double>(added)) - 1, 1.0);
    widenByLikeness(out);
    double widest = out.deviation * student95(out.freedom);
    for (size_t size = 1; m_bins.size() / size >= fewestBatches; size *= 2) {
        const Batches batches = judged(m_bins, size, out.mean, weight);
        const double width = batches.deviation * student95(batches.freedom);
        if (width <= widest) continue;
        widest = width;
        out.deviation = batches.deviation;
        out.freedom = batches.freedom;
    }
    return out;
}

// As many bins as resemble each other so much are worth fewer independent ones.
void Series::widenByLikeness(Summary& out) const {
    const double count = static_cast<double>(m_bins.size());
    if (m_bins.size() < fewestBatches) return;
    double spread = 0;
    double weight = 0;
    for (const Bin& bin : m_bins) {
        spread += std::pow(bin.sum - bin.weight * out.mean, 2) / bin.weight;
        weight += bin.weight;
    }
    const double alike = likeness([&](size_t i) { return m_bins[i].sum / m_bins[i].weight - out.mean; });
    const double worth = std::max(count * (1 - alike) / (1 + alike), 1.5);
    const double variance = spread / (count - count / worth) / weight * count / worth;
    const double freedom = std::max(worth - 1, 1.0);
    if (std::sqrt(variance) * student95(freedom) <= out.deviation * student95(out.freedom)) return;
    out.deviation = std::sqrt(variance);
    out.freedom = freedom;
}

}  // namespace netpas::measure
