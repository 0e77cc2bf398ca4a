#include "secretary/rules/replay.h"

namespace netpas::secretary::rules {

using namespace std::chrono;

namespace {

constexpr size_t mostChanged = 100;

// Equal for two times of one period.
int64_t periodOf(Period period, LocalTime time) {
    const local_days day = floor<days>(time);
    switch (period) {
    case Period::Day: return day.time_since_epoch().count();
    case Period::Week: return (day - days(weekday(day).iso_encoding() - 1)).time_since_epoch().count();
    case Period::Month: {
        const year_month_day date{day};
        return int{date.year()} * 12 + static_cast<int>(unsigned{date.month()});
    }
    case Period::Total: return 0;
    }
    return 0;
}

void add(Tally& tally, Money amount) {
    ++tally.count;
    tally.sum = checkedAdd(tally.sum, amount).value_or(Money::max());
}

// What the candidate has spent of its budget so far.
class Spending {
public:
    Spending(const Rule& rule, const TimeZone& zone) : m_rule(rule), m_zone(zone) {}

    void moveTo(SystemTime time) {
        if (!m_rule.budget) return;
        const int64_t period = periodOf(m_rule.budget->period, m_zone.local(time));
        if (period != m_period) m_spent = Money::zero();
        m_period = period;
    }
    void spend(Money amount) { m_spent = checkedAdd(m_spent, amount).value_or(Money::max()); }
    [[nodiscard]] std::optional<Money> left(const Rule& rule) const {
        if (&rule != &m_rule || !rule.budget) return std::nullopt;
        return checkedSub(rule.budget->amount, m_spent).value_or(Money::zero());
    }

private:
    const Rule& m_rule;
    const TimeZone& m_zone;
    int64_t m_period = INT64_MIN;
    Money m_spent;
};

// Whether the outcome differs from what happened; counts it.
bool compare(Replay& report, const PastRequest& past, Outcome outcome) {
    switch (outcome) {
    case Outcome::None: return false;
    case Outcome::Allow:
        report.questionsSaved += past.asked ? 1 : 0;
        if (!past.paid) add(report.paidInstead, past.request.worstCase);
        return !past.paid || past.asked;
    case Outcome::Deny:
        report.questionsSaved += past.asked ? 1 : 0;
        if (past.paid) add(report.refusedInstead, past.charged);
        return past.paid || past.asked;
    case Outcome::Ask:
        if (!past.asked) add(report.askedInstead, past.charged);
        return !past.asked;
    }
    return false;
}

}  // namespace

Replay replay(const RuleText& candidate, std::optional<RuleId> replaced, std::span<const Rule* const> book,
              std::span<const PastRequest> past, Zones& zones, const TimeZone& zone) {
    const auto zoneOf = [&](const Rule& rule) {
        return rule.match.schedule ? zones.find(rule.match.schedule->zone) : nullptr;
    };
    RuleIndex index;
    for (const Rule* rule : book) {
        if (rule->alive() && rule->id != replaced) index.add(*rule, zoneOf(*rule));
    }
    Rule tried;
    static_cast<RuleText&>(tried) = candidate;
    tried.enabled = true;
    tried.id = replaced.value_or(RuleId{RuleId::maxValue});
    index.add(tried, zoneOf(tried));
    Spending spending(tried, zone);
    const BudgetLeft budgetLeft = [&](const Rule& rule) { return spending.left(rule); };

    Replay report;
    for (size_t i = 0; i < past.size(); ++i) {
        ++report.requests;
        spending.moveTo(past[i].when);
        SpendRequest request = past[i].request;
        // As if every instance of the app had been this one.
        if (tried.lifetime.kind == Lifetime::Kind::AppExit) request.process = tried.lifetime.process;
        const Judgement decides = index.find(request, past[i].when, budgetLeft).decides;
        if (decides.rule != &tried) continue;
        ++report.decided;
        if (compare(report, past[i], decides.outcome) && report.changed.size() < mostChanged)
            report.changed.push_back(i);
        if (decides.outcome == Outcome::Allow) spending.spend(past[i].paid ? past[i].charged : request.worstCase);
        if (tried.lifetime.kind == Lifetime::Kind::Once && carriedOut(decides.cause)) index.remove(tried);
    }
    return report;
}

}  // namespace netpas::secretary::rules
