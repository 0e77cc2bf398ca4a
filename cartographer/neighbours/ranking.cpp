#include "cartographer/neighbours/ranking.h"

#include <algorithm>

namespace netpas::neighbours {

namespace {

constexpr size_t mostRemembered = 1024;

std::optional<Measured> fresh(const Candidate& one, const Need& need, SteadyTime now) {
    return one.measured && now - one.measured->at <= need.forget ? one.measured : std::nullopt;
}

bool goodEnough(const Measured& measured, const Need& need) {
    return measured.bitsPerSecond >= need.bitsPerSecond && measured.arrives >= need.arrives;
}

// What a kB that arrives costs, in eighths of a nanodollar; only to compare by.
double price(const Candidate& one, const std::optional<Measured>& measured) {
    const double arrives = measured ? std::clamp(measured->arrives, 0.01, 1.0) : 1;
    return static_cast<double>(one.perKb.eighths()) / arrives;
}

struct Standing {
    const Candidate* candidate = nullptr;
    Reason reason = Reason::CheapestKnown;
    double price = 0;
    double rate = 0;
};

int group(Reason reason) {
    switch (reason) {
    case Reason::CheapestGood: return 0;
    case Reason::CheapestKnown: return 1;  // may be good; a test will tell
    case Reason::BestThereIs: return 2;
    }
    return 3;
}

bool before(const Standing& a, const Standing& b) {
    if (a.reason != b.reason) return group(a.reason) < group(b.reason);
    if (a.reason == Reason::BestThereIs && a.rate != b.rate) return a.rate > b.rate;
    if (a.price != b.price) return a.price < b.price;
    return a.candidate->neighbour < b.candidate->neighbour;
}

std::vector<Standing> standings(const std::vector<Candidate>& candidates, const Need& need, SteadyTime now) {
    std::vector<Standing> all;
    for (const Candidate& one : candidates) {
        const auto measured = fresh(one, need, now);
        Standing standing{&one, Reason::CheapestKnown, price(one, measured), 0};
        if (measured) {
            standing.reason = goodEnough(*measured, need) ? Reason::CheapestGood : Reason::BestThereIs;
            standing.rate = measured->bitsPerSecond * measured->arrives;
        }
        all.push_back(standing);
    }
    std::sort(all.begin(), all.end(), before);
    return all;
}

// So clearly that it is worth a change.
bool clearlyBetter(const Standing& rival, const Standing& chosen, double by) {
    if (rival.reason != chosen.reason) return group(rival.reason) < group(chosen.reason);
    if (rival.reason == Reason::BestThereIs) return rival.rate > chosen.rate * (1 + by);
    return rival.price * (1 + by) < chosen.price;
}

}  // namespace

std::string_view describe(Reason reason) {
    switch (reason) {
    case Reason::CheapestGood: return "the cheapest of those that are good enough";
    case Reason::BestThereIs: return "none is good enough; this is the best";
    case Reason::CheapestKnown: return "the cheapest; its quality is not known yet";
    }
    return {};
}

std::vector<Choice> rank(const std::vector<Candidate>& candidates, const Need& need, SteadyTime now) {
    std::vector<Choice> ranked;
    for (const Standing& one : standings(candidates, need, now))
        ranked.push_back({one.candidate->neighbour, one.reason});
    return ranked;
}

std::optional<Choice> Chooser::choose(const std::vector<Candidate>& candidates, const Need& need, SteadyTime now) {
    const auto all = standings(candidates, need, now);
    if (all.empty()) {
        m_chosen.reset();
        m_rival.reset();
        return std::nullopt;
    }
    const auto chosen =
        std::find_if(all.begin(), all.end(), [&](const Standing& one) { return one.candidate->neighbour == m_chosen; });
    const Standing& best = all.front();
    const bool stays = chosen != all.end();
    if (!stays || !clearlyBetter(best, *chosen, m_options.betterBy)) {
        m_rival.reset();
        if (!stays) m_chosen = best.candidate->neighbour;
        const Standing& answer = stays ? *chosen : best;
        return Choice{answer.candidate->neighbour, answer.reason};
    }
    if (m_rival != best.candidate->neighbour) {
        m_rival = best.candidate->neighbour;
        m_rivalSince = now;
    }
    if (now - m_rivalSince < m_options.forSoLong) return Choice{chosen->candidate->neighbour, chosen->reason};
    m_chosen = m_rival;
    m_rival.reset();
    return Choice{best.candidate->neighbour, best.reason};
}

Money TestAllowance::costOf(Money perKb) const { return agreement::chargeFor(m_options.bytes, perKb, Money::max()); }

void TestAllowance::refill(SteadyTime now) {
    using Seconds = std::chrono::seconds;
    constexpr int64_t hour = 3600;
    if (!m_filled) {
        m_left = m_options.perHour;
        m_filled = now;
        return;
    }
    const auto whole = std::chrono::duration_cast<Seconds>(now - *m_filled);
    if (whole < Seconds(1)) return;
    *m_filled += whole;
    const int64_t seconds = std::min<int64_t>(whole.count(), hour);
    const Money more = Money::fromEighths(m_options.perHour.eighths() / hour * seconds);
    m_left = std::min(m_options.perHour, checkedAdd(m_left, more).value_or(m_options.perHour));
}

std::optional<PublicKey> TestAllowance::next(const std::vector<Candidate>& candidates, SteadyTime now) {
    refill(now);
    std::erase_if(m_tested, [&](const auto& one) { return now - one.second >= m_options.every; });
    const Candidate* oldest = nullptr;
    for (const Candidate& one : candidates) {
        if (m_tested.contains(one.neighbour) || costOf(one.perKb) > m_left) continue;
        if (one.measured && now - one.measured->at < m_options.useful) continue;
        const bool older = oldest == nullptr || (oldest->measured && !one.measured) ||
                           (oldest->measured && one.measured && one.measured->at < oldest->measured->at);
        if (older) oldest = &one;
    }
    if (oldest == nullptr || m_tested.size() >= mostRemembered) return std::nullopt;
    const Money cost = costOf(oldest->perKb);
    m_left = checkedSub(m_left, cost).value_or(Money::zero());
    m_spent = checkedAdd(m_spent, cost).value_or(Money::max());
    m_tested[oldest->neighbour] = now;
    return oldest->neighbour;
}

}  // namespace netpas::neighbours
