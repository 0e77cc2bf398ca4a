#include "cartographer/frontier.h"

#include <algorithm>
#include <iterator>

#include "core/price_code.h"

namespace netpas::cartographer {

namespace {

constexpr uint64_t billion = 1'000'000'000;

// What one packet costs and gets from some leg of a way to its end.
struct Point {
    int64_t price = 0;  // eighths of a nanodollar
    uint64_t latency = 0;
    uint64_t rate = 0;
    uint32_t loss = 0;
    uint16_t rank = 0;    // of the rate among those that occur, the highest is 0
    uint8_t choice = 0;   // at this leg
    uint32_t behind = 0;  // the point of the next leg
};

// Lower price first; then whatever could beat the rest.
bool goesBefore(const Point& a, const Point& b) {
    if (a.price != b.price) return a.price < b.price;
    if (a.latency != b.latency) return a.latency < b.latency;
    if (a.loss != b.loss) return a.loss < b.loss;
    return a.rate > b.rate;
}

// The points so far that nobody beats in latency and loss, among those with at least some rate: latency ascends, loss descends.
class Staircase {
public:
    void clear() { m_steps.clear(); }
    [[nodiscard]] bool covers(uint64_t latency, uint32_t loss) const {
        const auto after = std::upper_bound(m_steps.begin(), m_steps.end(), latency,
                                            [](uint64_t l, const Step& step) { return l < step.latency; });
        return after != m_steps.begin() && std::prev(after)->loss <= loss;
    }
    // False when it was covered.
    bool add(uint64_t latency, uint32_t loss) {
        if (covers(latency, loss)) return false;
        const auto from = std::lower_bound(m_steps.begin(), m_steps.end(), latency,
                                           [](const Step& step, uint64_t l) { return step.latency < l; });
        auto to = from;
        while (to != m_steps.end() && to->loss >= loss) ++to;
        if (from == to) {
            m_steps.insert(from, {latency, loss});
        } else {
            *from = {latency, loss};
            m_steps.erase(std::next(from), to);
        }
        return true;
    }

private:
    struct Step {
        uint64_t latency;
        uint32_t loss;
    };
    std::vector<Step> m_steps;
};

// Keeps what nothing before it beats. Points come in the order of goesBefore().
class Sieve {
public:
    void begin(size_t ranks) {
        if (m_stairs.size() < ranks) m_stairs.resize(ranks);
        for (size_t i = 0; i < ranks; ++i) m_stairs[i].clear();
        m_ranks = ranks;
    }
    bool passes(const Point& point) {
        if (m_stairs[point.rank].covers(point.latency, point.loss)) return false;
        // It beats whoever is content with less.
        for (size_t rank = point.rank; rank < m_ranks; ++rank) {
            if (!m_stairs[rank].add(point.latency, point.loss)) break;  // then nor is it news further down
        }
        return true;
    }

private:
    std::vector<Staircase> m_stairs;
    size_t m_ranks = 0;
};

bool same(const ClassOption& a, const ClassOption& b) {
    return a.service == b.service && a.price == b.price && a.quality == b.quality;
}

bool same(const Leg& a, const Leg& b) {
    return a.isp == b.isp && std::equal(a.options.begin(), a.options.end(), b.options.begin(), b.options.end(),
                                        [](const ClassOption& x, const ClassOption& y) { return same(x, y); });
}

class Search {
public:
    Search(std::span<const Way> ways, uint32_t innerBytes) : m_ways(ways), m_bytes(innerBytes) {
        for (const Way& way : ways) {
            for (const Leg& leg : way) {
                for (const ClassOption& option : leg.options) m_rates.push_back(option.quality.bitsPerSecond);
            }
        }
        std::sort(m_rates.begin(), m_rates.end(), std::greater<>());
        m_rates.erase(std::unique(m_rates.begin(), m_rates.end()), m_rates.end());
        m_tails.push_back({nullptr, 0, {Point{0, 0, UINT64_MAX, 0, 0, 0, 0}}});
        for (const Way& way : ways) m_starts.push_back(tailOf(way));
    }

    std::vector<Combination> run(const Quality& bestEffort) {
        std::vector<End> ends;
        for (size_t way = 0; way < m_ways.size(); ++way) {
            if (m_ways[way].empty()) continue;
            const auto& points = m_tails[m_starts[way]].points;
            for (uint32_t i = 0; i < points.size(); ++i) {
                const Point& point = points[i];
                const bool beaten = point.latency >= bestEffort.latencyMicroseconds &&
                                    point.loss >= bestEffort.lossPerBillion && point.rate <= bestEffort.bitsPerSecond;
                if (!beaten) ends.push_back({&point, way});
            }
        }
        std::stable_sort(ends.begin(), ends.end(),
                         [](const End& a, const End& b) { return goesBefore(*a.point, *b.point); });
        std::vector<Combination> out{{Combination::bestEffort, {}, Money::zero(), bestEffort}};
        m_sieve.begin(m_rates.size());
        for (const End& end : ends) {
            const Point& point = *end.point;
            if (!m_sieve.passes(point)) continue;
            out.push_back({end.way,
                           choices(m_starts[end.way], point),
                           Money::fromEighths(point.price),
                           {point.latency, point.loss, point.rate}});
        }
        return out;
    }

private:
    using Points = std::vector<Point>;
    struct End {
        const Point* point;
        size_t way;
    };
    // From a leg to the end of a way; ways that end alike share it.
    struct Tail {
        const Leg* leg;
        uint32_t next;  // tail 0 is the end itself
        Points points;  // the frontier
    };

    uint32_t tailOf(const Way& way) {
        uint32_t at = 0;
        for (size_t leg = way.size(); leg-- > 0;) {
            const auto known = std::find_if(m_tails.begin() + 1, m_tails.end(), [&](const Tail& tail) {
                return tail.next == at && same(*tail.leg, way[leg]);
            });
            if (known != m_tails.end()) {
                at = static_cast<uint32_t>(known - m_tails.begin());
                continue;
            }
            Points points = extend(way[leg], m_tails[at].points);
            m_tails.push_back({&way[leg], at, std::move(points)});
            at = static_cast<uint32_t>(m_tails.size() - 1);
        }
        return at;
    }

    uint16_t rankOf(uint64_t rate) const {
        return static_cast<uint16_t>(std::lower_bound(m_rates.begin(), m_rates.end(), rate, std::greater<>()) -
                                     m_rates.begin());
    }

    // A price further on never makes an earlier one cheaper, so what is beaten here is beaten in every combination.
    Points extend(const Leg& leg, const Points& next) {
        m_candidates.clear();
        for (size_t choice = 0; choice < leg.options.size(); ++choice) {
            const ClassOption& option = leg.options[choice];
            const uint16_t rank = rankOf(option.quality.bitsPerSecond);
            for (uint32_t i = 0; i < next.size(); ++i) {
                const Point& rest = next[i];
                const auto code = PriceCode::roundUp(option.price.cost(m_bytes, Money::fromEighths(rest.price)));
                if (!code) continue;
                const Quality quality = option.quality.then({rest.latency, rest.loss, rest.rate});
                m_candidates.push_back({rest.price + code->value().eighths(), quality.latencyMicroseconds,
                                        quality.bitsPerSecond, quality.lossPerBillion, std::max(rank, rest.rank),
                                        static_cast<uint8_t>(choice), i});
            }
        }
        std::sort(m_candidates.begin(), m_candidates.end(), goesBefore);
        Points kept;
        m_sieve.begin(m_rates.size());
        for (const Point& point : m_candidates) {
            if (m_sieve.passes(point)) kept.push_back(point);
        }
        return kept;
    }

    std::vector<uint8_t> choices(uint32_t tail, const Point& first) const {
        std::vector<uint8_t> list;
        for (const Point* point = &first; tail != 0; point = &m_tails[tail].points[point->behind]) {
            list.push_back(point->choice);
            tail = m_tails[tail].next;
            if (tail == 0) break;
        }
        return list;
    }

    std::span<const Way> m_ways;
    uint32_t m_bytes;
    std::vector<uint64_t> m_rates;  // that occur, descending
    std::vector<Tail> m_tails;
    std::vector<uint32_t> m_starts;  // of each way
    Points m_candidates;
    Sieve m_sieve;
};

}  // namespace

Quality Quality::then(const Quality& next) const {
    const uint64_t both = uint64_t{lossPerBillion} * next.lossPerBillion / billion;
    const uint64_t latency = latencyMicroseconds + next.latencyMicroseconds;
    return {latency < latencyMicroseconds ? UINT64_MAX : latency,
            static_cast<uint32_t>(uint64_t{lossPerBillion} + next.lossPerBillion - both),
            std::min(bitsPerSecond, next.bitsPerSecond)};
}

std::vector<Combination> frontier(std::span<const Way> ways, uint32_t innerBytes, const Quality& bestEffort) {
    return Search(ways, innerBytes).run(bestEffort);
}

}  // namespace netpas::cartographer
