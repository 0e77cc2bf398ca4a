#include "cartographer/frontier.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "cartographer/pareto.h"
#include "core/price_code.h"

namespace netpas::cartographer {

namespace {

constexpr uint64_t billion = 1'000'000'000;
using pareto::goesBefore;
using pareto::Point;

bool same(const ClassOption& a, const ClassOption& b) {
    return a.service == b.service && a.price == b.price && a.quality == b.quality;
}

bool same(const Leg& a, const Leg& b) {
    return a.isp == b.isp && std::equal(a.options.begin(), a.options.end(), b.options.begin(), b.options.end(),
                                        [](const ClassOption& x, const ClassOption& y) { return same(x, y); });
}

uint64_t sumOf(uint64_t a, uint64_t b) { return a + b < a ? UINT64_MAX : a + b; }

uint32_t lossOf(uint32_t a, uint32_t b) { return static_cast<uint32_t>(uint64_t{a} + b - uint64_t{a} * b / billion); }

// The encoded price of an option by what is paid further on: it climbs by steps, and is asked for in ascending order.
class Climb {
public:
    Climb(const PriceModel& model, uint32_t bytes) : m_model(model), m_bytes(bytes) {}
    // Nothing: no code says it.
    std::optional<int64_t> at(int64_t further) {
        if (further > m_until) step(further);
        return m_price;
    }

private:
    void step(int64_t further) {
        const Money cost = m_model.cost(m_bytes, Money::fromEighths(further));
        const auto code = PriceCode::roundUp(cost);
        m_price = code ? std::optional(code->value().eighths()) : std::nullopt;
        // As much further on as keeps the cost within the code: of each 1024 the surcharge is added, rounded up.
        const int64_t room = code ? code->value().eighths() - cost.eighths() : 0;
        m_until = m_model.surcharge1024ths == 0 ? INT64_MAX : further + room * 1024 / m_model.surcharge1024ths - 1;
    }
    const PriceModel& m_model;
    uint32_t m_bytes;
    int64_t m_until = -1;
    std::optional<int64_t> m_price;
};

// What the legs before a stretch add to it at least.
struct Step {
    int64_t price = 0;
    uint64_t latency = 0;
    uint32_t loss = 0;
    uint16_t rank = 0;
};

Step both(const Step& a, const Step& b) {
    return {a.price + b.price, sumOf(a.latency, b.latency), lossOf(a.loss, b.loss), std::max(a.rank, b.rank)};
}

// What there is to choose at each leg of a way: never dearer nor worse than it turns out to be.
struct Prospect {
    std::vector<std::vector<Step>> options;  // of each leg
    std::vector<Step> best;                  // of each leg and all before it, of different options
    Step worst;                              // price means nothing
    bool buyable = false;
};

class Search {
public:
    Search(std::span<const Way> ways, uint32_t innerBytes) : m_ways(ways), m_bytes(innerBytes) {
        for (const Way& way : ways) {
            for (const Leg& leg : way) {
                for (const ClassOption& option : leg.options) m_rates.push_back(option.quality.bitsPerSecond);
            }
        }
        m_rates.push_back(UINT64_MAX);
        std::sort(m_rates.begin(), m_rates.end(), std::greater<>());
        m_rates.erase(std::unique(m_rates.begin(), m_rates.end()), m_rates.end());
        m_tails.push_back({nullptr, 0, {Point{}}, 0, true});
        for (const Way& way : ways) m_starts.push_back(tailOf(way));
        for (const Way& way : ways) m_prospects.push_back(prospectOf(way));
    }

    std::vector<Combination> run(const Quality& bestEffort) {
        m_bestEffort.latency = bestEffort.latencyMicroseconds;
        m_bestEffort.loss = bestEffort.lossPerBillion;
        m_bestEffort.rank = rankOf(bestEffort.bitsPerSecond);
        beginKnown();
        for (const size_t way : promising()) follow(way);
        std::vector<Combination> out;
        out.reserve(m_ends.size() + 1);
        out.push_back({Combination::bestEffort, {}, Money::zero(), bestEffort});
        pareto::Range range;
        for (const Point& end : m_ends) range.add(end);
        m_sieve.begin(m_rates.size(), range);
        for (const uint32_t i : m_sorter.order(m_ends, range)) {
            const Point& point = m_ends[i];
            if (!m_sieve.passes(point)) continue;
            out.push_back({point.way,
                           choices(m_starts[point.way], point),
                           Money::fromEighths(point.price),
                           {point.latency, point.loss, m_rates[point.rank]}});
        }
        return out;
    }

private:
    using Points = std::vector<Point>;
    // From a leg to the end of a way; ways that end alike share it.
    struct Tail {
        const Leg* leg;
        uint32_t next;  // tail 0 is the end itself
        Points points;  // the frontier; without what is worth nothing to its only way
        uint32_t ways;
        bool done;
    };

    // What an option and all before it add at least, and each pair of it with an option of the leg before.
    struct Ahead {
        Step least;
        std::vector<Step> pairs;
    };

    uint32_t tailOf(const Way& way) {
        uint32_t at = 0;
        for (size_t leg = way.size(); leg-- > 0;) {
            const auto known = std::find_if(m_tails.begin() + 1, m_tails.end(), [&](const Tail& tail) {
                return tail.next == at && same(*tail.leg, way[leg]);
            });
            if (known == m_tails.end()) {
                m_tails.push_back({&way[leg], at, {}, 1, false});
                at = static_cast<uint32_t>(m_tails.size() - 1);
            } else {
                ++known->ways;
                at = static_cast<uint32_t>(known - m_tails.begin());
            }
        }
        return at;
    }

    uint16_t rankOf(uint64_t rate) const {
        return static_cast<uint16_t>(std::lower_bound(m_rates.begin(), m_rates.end(), rate, std::greater<>()) -
                                     m_rates.begin());
    }

    Prospect prospectOf(const Way& way) const {
        Prospect out;
        out.options.resize(way.size());
        out.best.resize(way.size());
        int64_t further = 0;
        for (size_t leg = way.size(); leg-- > 0;) {
            Step best{INT64_MAX, UINT64_MAX, UINT32_MAX, UINT16_MAX};
            Step worst;
            for (const ClassOption& option : way[leg].options) {
                const auto price = Climb(option.price, m_bytes).at(further);
                if (!price) continue;
                const Quality& quality = option.quality;
                const Step step{*price, quality.latencyMicroseconds, quality.lossPerBillion,
                                rankOf(quality.bitsPerSecond)};
                out.options[leg].push_back(step);
                best = {std::min(best.price, step.price), std::min(best.latency, step.latency),
                        std::min(best.loss, step.loss), std::min(best.rank, step.rank)};
                worst = {0, std::max(worst.latency, step.latency), std::max(worst.loss, step.loss), 0};
            }
            if (out.options[leg].empty()) return {};
            further += best.price;
            out.best[leg] = best;
            out.worst.latency = sumOf(out.worst.latency, worst.latency);
            out.worst.loss = lossOf(out.worst.loss, worst.loss);
        }
        for (size_t leg = 1; leg < way.size(); ++leg) out.best[leg] = both(out.best[leg], out.best[leg - 1]);
        out.buyable = !way.empty() && way.size() <= Choices::most;
        return out;
    }

    void beginKnown() {
        Step least{0, UINT64_MAX, UINT32_MAX, 0}, most;
        for (const Prospect& one : m_prospects) {
            if (!one.buyable) continue;
            least.latency = std::min(least.latency, one.best.back().latency);
            least.loss = std::min(least.loss, one.best.back().loss);
            most.latency = std::max(most.latency, one.worst.latency);
            most.loss = std::max(most.loss, one.worst.loss);
        }
        m_known.begin(m_rates.size() + 1, least.latency, most.latency, least.loss, most.loss);
        m_known.add(m_bestEffort);
    }

    // The ways that probably have most to offer first: what they have rules out much of the others.
    std::vector<size_t> promising() const {
        double price = 0, latency = 0, loss = 0;
        for (const Prospect& one : m_prospects) {
            for (const auto& options : one.options) {
                for (const Step& step : options) {
                    price += static_cast<double>(step.price);
                    latency += static_cast<double>(step.latency);
                    loss += step.loss;
                }
            }
        }
        const auto costOf = [&](const Prospect& one) {
            double cost = 0;
            for (const double thrift : {0.5, 1.0, 2.0, 4.0}) {
                for (const auto& options : one.options) {
                    double least = std::numeric_limits<double>::max();
                    for (const Step& step : options) {
                        least = std::min(least, thrift * static_cast<double>(step.price) / (price + 1) +
                                                    static_cast<double>(step.latency) / (latency + 1) +
                                                    step.loss / (loss + 1));
                    }
                    cost += least;
                }
            }
            return cost;
        };
        std::vector<std::pair<double, size_t>> order;
        for (size_t way = 0; way < m_ways.size(); ++way) {
            if (m_prospects[way].buyable) order.emplace_back(costOf(m_prospects[way]), way);
        }
        std::sort(order.begin(), order.end());
        std::vector<size_t> ways;
        for (const auto& [cost, way] : order) ways.push_back(way);
        return ways;
    }

    void follow(size_t way) {
        std::vector<uint32_t> chain;  // tails from the first leg on
        for (uint32_t at = m_starts[way]; at != 0; at = m_tails[at].next) chain.push_back(at);
        const Prospect& prospect = m_prospects[way];
        for (size_t leg = chain.size(); leg-- > 0;) {
            Tail& tail = m_tails[chain[leg]];
            if (tail.done) continue;
            tail.done = true;
            const bool shared = tail.ways > 1;
            extend(tail, m_tails[tail.next].points, shared ? nullptr : &prospect, leg);
        }
        for (const Point& point : m_tails[m_starts[way]].points) {
            if (isBeaten(point)) continue;
            m_ends.push_back(point);
            m_ends.back().way = static_cast<uint32_t>(way);
        }
    }

    // By best effort.
    [[nodiscard]] bool isBeaten(const Point& point) const {
        return point.latency >= m_bestEffort.latency && point.loss >= m_bestEffort.loss &&
               point.rank >= m_bestEffort.rank;
    }

    void lookAhead(const Prospect& prospect, size_t leg) {
        const auto& options = prospect.options[leg];
        const Step rest = leg > 0 ? prospect.best[leg - 1] : Step{};
        const Step before = leg > 1 ? prospect.best[leg - 2] : Step{};
        m_ahead.resize(options.size());
        for (size_t i = 0; i < options.size(); ++i) {
            m_ahead[i].least = both(options[i], rest);
            m_ahead[i].pairs.clear();
            if (leg == 0) continue;
            for (const Step& other : prospect.options[leg - 1])
                m_ahead[i].pairs.push_back(both(both(options[i], other), before));
        }
        m_hint = m_pairHint = 0;
    }

    // Whether anything that ends so may be on the frontier.
    bool mayBeGood(const Point& rest) {
        const auto isGood = [&](const Step& step) {
            return !m_known.beats(rest.price + step.price, sumOf(rest.latency, step.latency),
                                  lossOf(rest.loss, step.loss), std::max(rest.rank, step.rank));
        };
        // What was good for the one before is likely to be.
        if (m_hint < m_ahead.size()) {
            const Ahead& ahead = m_ahead[m_hint];
            if (isGood(ahead.pairs.empty() ? ahead.least : ahead.pairs[m_pairHint])) return true;
        }
        for (size_t i = 0; i < m_ahead.size(); ++i) {
            if (!isGood(m_ahead[i].least)) continue;
            m_hint = i;
            m_pairHint = 0;
            if (m_ahead[i].pairs.empty()) return true;
            for (; m_pairHint < m_ahead[i].pairs.size(); ++m_pairHint) {
                if (isGood(m_ahead[i].pairs[m_pairHint])) return true;
            }
            m_hint = SIZE_MAX;
        }
        return false;
    }

    // A price further on never makes an earlier one cheaper, so what is beaten here is beaten in every combination.
    void extend(Tail& tail, const Points& next, const Prospect* only, size_t leg) {
        const Leg& here = *tail.leg;
        m_usable.clear();
        if (only != nullptr) lookAhead(*only, leg);
        for (uint32_t i = 0; i < next.size(); ++i) {
            if (only == nullptr || mayBeGood(next[i])) m_usable.push_back(i);
        }
        m_candidates.resize(m_usable.size() * here.options.size());
        const bool first = only != nullptr && leg == 0;
        size_t count = 0;
        pareto::Range range;
        for (size_t choice = 0; choice < here.options.size(); ++choice) {
            const ClassOption& option = here.options[choice];
            const Quality& quality = option.quality;
            const uint16_t rank = rankOf(quality.bitsPerSecond);
            Climb climb(option.price, m_bytes);
            for (const uint32_t i : m_usable) {
                const Point& rest = next[i];
                const auto price = climb.at(rest.price);
                if (!price) continue;
                Point& point = m_candidates[count];
                point.price = rest.price + *price;
                point.latency = sumOf(quality.latencyMicroseconds, rest.latency);
                point.loss = lossOf(quality.lossPerBillion, rest.loss);
                point.behind = i;
                point.rank = std::max(rank, rest.rank);
                point.choice = static_cast<uint8_t>(choice);
                if (first && m_known.beats(point.price, point.latency, point.loss, point.rank)) continue;
                range.add(point);
                ++count;
            }
        }
        m_candidates.resize(count);
        if (count == 0) return;
        const auto& order = m_sorter.order(m_candidates, range);
        m_sieve.begin(m_rates.size(), range);
        for (const uint32_t i : order) {
            const Point& point = m_candidates[i];
            if (!m_sieve.passes(point)) continue;
            tail.points.push_back(point);
            if (leg == 0) m_known.add(point);
        }
    }

    Choices choices(uint32_t tail, const Point& first) const {
        Choices list;
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
    std::vector<Prospect> m_prospects;
    Point m_bestEffort;
    pareto::Known m_known;
    pareto::Sorter m_sorter;
    pareto::Sieve m_sieve;
    std::vector<Ahead> m_ahead;  // of the options at the leg that is added
    size_t m_hint = 0, m_pairHint = 0;
    std::vector<uint32_t> m_usable;
    Points m_candidates;
    Points m_ends;
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
