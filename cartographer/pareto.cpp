#include "cartographer/pareto.h"

namespace netpas::cartographer::pareto {

const std::vector<uint32_t>& Sorter::order(const std::vector<Point>& points, const Range& range) {
    m_order.resize(points.size());
    if (points.empty()) return m_order;
    const auto width = static_cast<uint64_t>(range.priceTo - range.priceFrom);
    unsigned shift = 0;
    while ((width >> shift) > 4 * points.size() + 64) ++shift;
    const size_t heaps = (width >> shift) + 1;
    m_begin.assign(heaps + 1, 0);
    m_heap.resize(points.size());
    for (size_t i = 0; i < points.size(); ++i) {
        m_heap[i] = static_cast<uint32_t>(static_cast<uint64_t>(points[i].price - range.priceFrom) >> shift);
        ++m_begin[m_heap[i] + 1];
    }
    uint32_t sum = 0;
    for (uint32_t& begin : m_begin) begin = sum += begin;
    for (size_t i = 0; i < points.size(); ++i) m_order[m_begin[m_heap[i]]++] = static_cast<uint32_t>(i);
    // Now each entry is where its heap ends. Few are in one.
    uint32_t begin = 0;
    for (size_t heap = 0; heap < heaps; ++heap) {
        const uint32_t end = m_begin[heap];
        constexpr uint32_t few = 16;
        if (end - begin > few) {
            std::sort(m_order.begin() + begin, m_order.begin() + end,
                      [&](uint32_t a, uint32_t b) { return goesBefore(points[a], points[b]); });
            begin = end;
            continue;
        }
        for (uint32_t i = begin + 1; i < end; ++i) {
            const uint32_t moved = m_order[i];
            uint32_t at = i;
            for (; at > begin && goesBefore(points[moved], points[m_order[at - 1]]); --at)
                m_order[at] = m_order[at - 1];
            m_order[at] = moved;
        }
        begin = end;
    }
    return m_order;
}

void Sieve::begin(size_t ranks, const Range& range) {
    m_ranks = ranks;
    m_range = range;
    m_latencyScale = most / (static_cast<double>(range.latencyTo - range.latencyFrom) + 1);
    m_lossScale = static_cast<float>(most) / (static_cast<float>(range.lossTo - range.lossFrom) * 1.0001F + 1);
    m_least.assign(ranks * bins, std::numeric_limits<uint32_t>::max());
    for (auto& bin : m_in) bin.clear();
}

void Sieve::keep(const Point& point, size_t bin, int16_t latency, int16_t loss, int16_t rank) {
    auto& in = m_in[bin];
    if (in.empty() || in.back().count == lanes) {
        const Lanes none{unused, unused, unused, unused, unused, unused, unused, unused};
        in.push_back({none, none, none, {}, {}, {}, 0});
    }
    Eight& last = in.back();
    const size_t at = last.count++;
    last.latency[at] = latency;
    last.loss[at] = loss;
    last.rank[at] = rank;
    last.exactLatency[at] = point.latency;
    last.exactLoss[at] = point.loss;
    last.exactRank[at] = point.rank;
    for (size_t lower = point.rank; lower < m_ranks; ++lower) {
        uint32_t* const row = &m_least[lower * bins];
        size_t to = bin + 1;
        for (; to < bins && row[to] > point.loss; ++to) row[to] = point.loss;
        if (to == bin + 1) return;  // then nor is it news to those with less rate
    }
}

void Known::Scale::set(float from, float to, size_t bins) {
    base = std::bit_cast<int32_t>(from);
    last = static_cast<int32_t>(bins) - 1;
    perBit = static_cast<float>(bins) / static_cast<float>(std::max(std::bit_cast<int32_t>(to) - base, 1));
}

void Known::begin(size_t ranks, uint64_t latencyFrom, uint64_t latencyTo, uint32_t lossFrom, uint32_t lossTo) {
    m_coarse = 0;
    while ((ranks >> m_coarse) >= mostRanks) ++m_coarse;
    m_ranks = (ranks >> m_coarse) + 1;
    m_latency.set(static_cast<float>(std::max<uint64_t>(latencyFrom, 1)), static_cast<float>(latencyTo), latencyBins);
    m_loss.set(static_cast<float>(std::max<uint32_t>(lossFrom, 1000)), static_cast<float>(lossTo), lossBins);
    m_price.assign(m_ranks * latencyBins * lossBins, nothing);
}

void Known::add(const Point& point) {
    if (point.price >= nothing) return;
    const auto price = static_cast<uint32_t>(point.price);
    // Behind its own cell, where all is worse for certain.
    const size_t latency = m_latency.bin(static_cast<float>(point.latency)) + 1;
    const size_t loss = m_loss.bin(static_cast<float>(point.loss)) + 1;
    if (latency >= latencyBins || loss >= lossBins) return;
    for (size_t rank = (point.rank + (size_t{1} << m_coarse) - 1) >> m_coarse; rank < m_ranks; ++rank) {
        for (size_t row = latency; row < latencyBins; ++row) {
            uint32_t* const cells = &m_price[(rank * latencyBins + row) * lossBins];
            size_t at = loss;
            for (; at < lossBins && cells[at] > price; ++at) cells[at] = price;
            if (at != loss) continue;
            if (row == latency) return;  // then it is no news further on either
            break;
        }
    }
}

}  // namespace netpas::cartographer::pareto
