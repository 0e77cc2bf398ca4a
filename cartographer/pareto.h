// What beats what in price, latency, loss and rate, quickly: for the frontier's search (frontier.h). One thread; no errors.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace netpas::cartographer::pareto {

// What one packet costs and gets from some leg of a way to its end.
struct Point {
    int64_t price = 0;     // eighths of a nanodollar
    uint64_t latency = 0;  // microseconds
    uint32_t loss = 0;     // per billion
    uint32_t behind = 0;   // the point of the next leg
    uint32_t way = 0;      // of a whole one
    uint16_t rank = 0;     // of the rate among those that occur, the highest is 0
    uint8_t choice = 0;    // at this leg
};

// Lower price first; then whatever could beat the rest.
[[nodiscard]] inline bool goesBefore(const Point& a, const Point& b) {
    if (a.price != b.price) return a.price < b.price;
    if (a.latency != b.latency) return a.latency < b.latency;
    if (a.loss != b.loss) return a.loss < b.loss;
    if (a.rank != b.rank) return a.rank < b.rank;
    return a.way < b.way;
}

// Where points lie.
struct Range {
    int64_t priceFrom = INT64_MAX, priceTo = 0;
    uint64_t latencyFrom = UINT64_MAX, latencyTo = 0;
    uint32_t lossFrom = UINT32_MAX, lossTo = 0;
    void add(const Point& point) {
        priceFrom = std::min(priceFrom, point.price);
        priceTo = std::max(priceTo, point.price);
        latencyFrom = std::min(latencyFrom, point.latency);
        latencyTo = std::max(latencyTo, point.latency);
        lossFrom = std::min(lossFrom, point.loss);
        lossTo = std::max(lossTo, point.loss);
    }
};

// Sorts by goesBefore(), indices only. Prices are small integers: each has its heap, mostly.
class Sorter {
public:
    // Until the next call.
    const std::vector<uint32_t>& order(const std::vector<Point>& points, const Range& range);

private:
    std::vector<uint32_t> m_begin, m_heap, m_order;
};

// Keeps what nothing before it beats. Points come by goesBefore(), so that their prices need no look. They are kept by bins of latency: in the
// bins before a point's own only the least loss for each rate matters; in its own, eight are compared at once, roughly, and exactly those that may beat it.
class Sieve {
public:
    // For points in this range, of ranks below `ranks`.
    void begin(size_t ranks, const Range& range);
    [[nodiscard]] bool passes(const Point& point) {
        const auto latency =
            static_cast<int16_t>(static_cast<double>(point.latency - m_range.latencyFrom) * m_latencyScale);
        const auto loss = static_cast<int16_t>(static_cast<float>(point.loss - m_range.lossFrom) * m_lossScale);
        const auto rank = static_cast<int16_t>(std::min<int>(point.rank, most));
        const size_t bin = static_cast<size_t>(latency) >> binBits;
        if (m_least[point.rank * bins + bin] <= point.loss) return false;
        for (const Eight& eight : m_in[bin]) {
            const Lanes maybe = (eight.latency <= latency) & (eight.loss <= loss) & (eight.rank <= rank);
            const auto any = std::bit_cast<std::array<uint64_t, 2>>(maybe);
            if ((any[0] | any[1]) != 0 && eight.beats(point)) return false;
        }
        keep(point, bin, latency, loss, rank);
        return true;
    }

private:
    using Lanes [[gnu::vector_size(16)]] = int16_t;
    static constexpr size_t lanes = 8;
    static constexpr int most = 32'000;  // of what is compared roughly
    static constexpr int16_t unused = 32'767;
    static constexpr size_t bins = 16, binBits = 11;
    struct Eight {
        Lanes latency, loss, rank;
        std::array<uint64_t, lanes> exactLatency;
        std::array<uint32_t, lanes> exactLoss;
        std::array<uint16_t, lanes> exactRank;
        size_t count;
        [[nodiscard]] bool beats(const Point& point) const {
            for (size_t i = 0; i < count; ++i) {
                if (exactLatency[i] <= point.latency && exactLoss[i] <= point.loss && exactRank[i] <= point.rank)
                    return true;
            }
            return false;
        }
    };
    void keep(const Point& point, size_t bin, int16_t latency, int16_t loss, int16_t rank);

    size_t m_ranks = 0;
    Range m_range;
    double m_latencyScale = 0;
    float m_lossScale = 0;
    std::vector<uint32_t> m_least;  // by rank and bin: the smallest loss kept with at least this rate in bins before
    std::array<std::vector<Eight>, bins> m_in;
};

// Combinations that are known to exist, on a coarse grid: what one of them beats clearly needs no closer look.
class Known {
public:
    void begin(size_t ranks, uint64_t latencyFrom, uint64_t latencyTo, uint32_t lossFrom, uint32_t lossTo);
    // True: something known costs no more, and has less latency and loss and no less rate. `loss` may be too high by `rounding`.
    [[nodiscard]] bool beats(int64_t price, uint64_t latency, uint32_t loss, size_t rank) const {
        const auto asked = static_cast<uint32_t>(std::min<int64_t>(price, nothing - 1));
        const size_t cell = ((rank >> m_coarse) * latencyBins + m_latency.bin(static_cast<float>(latency))) * lossBins +
                            m_loss.bin(static_cast<float>(loss > rounding ? loss - rounding : 0));
        return m_price[cell] <= asked;
    }
    // Quickest when the cheapest come first.
    void add(const Point& point);

    static constexpr uint32_t rounding = 64;

private:
    // Of about the same ratio from one to the next: the bits of a float are nearly its logarithm.
    struct Scale {
        int32_t base = 0;
        float perBit = 0;
        int32_t last = 0;
        void set(float from, float to, size_t bins);
        [[nodiscard]] size_t bin(float value) const {
            const int32_t bits = std::max(std::bit_cast<int32_t>(value) - base, 0);
            return static_cast<size_t>(std::min(static_cast<int32_t>(static_cast<float>(bits) * perBit), last));
        }
    };
    static constexpr size_t latencyBins = 32;
    static constexpr size_t lossBins = 64;
    static constexpr size_t mostRanks = 64;
    static constexpr uint32_t nothing = std::numeric_limits<uint32_t>::max();
    Scale m_latency, m_loss;
    size_t m_ranks = 0;     // after they are made coarse
    unsigned m_coarse = 0;  // bits
    std::vector<uint32_t> m_price;
};

}  // namespace netpas::cartographer::pareto
