#include "secretary/rules/check.h"

#include <algorithm>
#include <unordered_map>

#include "secretary/rules/match.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::rules {

namespace {

using Findings = std::vector<Finding>;

class RuleCheck {
public:
    RuleCheck(const RuleText& rule, size_t index, Zones& zones, SystemTime now, Findings& findings)
        : m_rule(rule), m_index(index), m_zones(zones), m_now(now), m_findings(findings) {}

    void run() {
        texts();
        grant();
        budget();
        schedule();
        lifetime();
        if (m_rule.priority > highestPriority || m_rule.priority < -highestPriority) {
            add("priority", "out of range", "give one from -1000 to 1000");
        }
    }

private:
    void add(const char* where, std::string message, std::string remedy) {
        m_findings.push_back({m_index, where, std::nullopt, std::nullopt, std::move(message), std::move(remedy)});
    }

    void texts() {
        const Match& match = m_rule.match;
        const std::pair<const char*, const std::optional<std::string>*> all[] = {
            {"match.purpose", &match.purpose}, {"match.payee", &match.payee}, {"match.contact", &match.contact},
            {"match.group", &match.group},     {"match.app", &match.app},     {"match.user", &match.user},
            {"match.node", &match.node}};
        for (const auto& [where, value] : all) {
            if (*value && (*value)->size() > longestText) add(where, "longer than 256 bytes", "shorten it");
        }
        if (m_rule.grant.quality.size() > longestText) add("grant.quality", "longer than 256 bytes", "shorten it");
        if (m_rule.note.size() > longestNote) add("note", "longer than 1024 bytes", "shorten it");
        if (match.domain && !match.domain->empty() && !isDomainPattern(*match.domain)) {
            add("match.domain", "\"" + *match.domain + "\" is no site",
                "write example.net for that site, *.example.net for it and all below it, or leave it out for any");
        }
    }

    void grant() {
        const Grant& grant = m_rule.grant;
        if (grant.action != Action::Allow) {
            if (grant.upTo) add("grant.up_to", "only what is allowed has a limit", "leave it out, or allow");
            if (!grant.quality.empty()) add("grant.quality", "only what is allowed has one", "leave it out, or allow");
            return;
        }
        if (!grant.upTo) return;
        if (!grant.unit) add("grant.per", "a limit needs a unit", "say per minute or per item");
        if (*grant.upTo <= Money::zero()) {
            add("grant.up_to", "allows nothing", "give an amount above 0, or deny instead");
        }
    }

    void budget() {
        if (!m_rule.budget) return;
        if (m_rule.grant.action != Action::Allow) {
            add("budget", "nothing is spent by a rule that does not allow", "leave it out, or allow");
            return;
        }
        const Money amount = m_rule.budget->amount;
        if (amount <= Money::zero()) {
            add("budget.amount", "allows nothing", "give an amount above 0, or deny instead");
        } else if (m_rule.grant.upTo && amount < *m_rule.grant.upTo && m_rule.grant.unit) {
            const std::string one = m_rule.grant.unit == PriceUnit::Minute ? "a minute" : "an item";
            add("budget.amount",
                "the budget of " + priceText(amount) + " is smaller than the " + priceText(*m_rule.grant.upTo) +
                    " that " + one + " may cost",
                "raise the budget or lower up_to");
        }
    }

    void schedule() {
        if (!m_rule.match.schedule) return;
        const Schedule& schedule = *m_rule.match.schedule;
        constexpr Minutes day{24 * 60};
        if (schedule.weekdays == 0 || schedule.weekdays > Schedule::everyDay) {
            add("match.schedule.weekdays", "names no day, so the rule never applies",
                "name at least one, or none for all");
        }
        const bool fits =
            schedule.from >= Minutes(0) && schedule.from < day && schedule.to >= Minutes(0) && schedule.to <= day;
        if (!fits) add("match.schedule", "not times of a day", "write times from 00:00 to 24:00");
        if (fits && schedule.from == schedule.to) {
            add("match.schedule", "begins when it ends, so the rule never applies", "leave both out for the whole day");
        }
        const TimeZone* zone = m_zones.find(schedule.zone);
        if (zone == nullptr) {
            add("match.schedule.zone", "this machine does not know the time zone \"" + schedule.zone + "\"",
                "write UTC, a name such as Europe/Berlin, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3");
            return;
        }
        if (!fits || schedule.from == schedule.to || m_rule.lifetime.kind != Lifetime::Kind::Until) return;
        const auto opens = scheduleOpens(schedule, *zone, m_now);
        if (m_rule.lifetime.until > m_now && (!opens || *opens >= m_rule.lifetime.until)) {
            add("match.schedule", "the rule ends before its times come, so it never applies",
                "let it live longer, or change its times");
        }
    }

    void lifetime() {
        const Lifetime& lifetime = m_rule.lifetime;
        switch (lifetime.kind) {
        case Lifetime::Kind::Once:
        case Lifetime::Kind::Always: return;
        case Lifetime::Kind::Until:
            if (lifetime.until <= m_now) {
                add("lifetime.until", timeText(lifetime.until) + " is over", "give a time to come, or remove the rule");
            }
            return;
        case Lifetime::Kind::AppExit:
            if (!m_rule.match.app || m_rule.match.app->empty()) {
                add("match.app", "the rule ends with an app, but names none", "name the app");
            }
            if (lifetime.process == 0)
                add("lifetime.process", "names no process", "give the number of the running app");
            return;
        }
    }

    const RuleText& m_rule;
    size_t m_index;
    Zones& m_zones;
    SystemTime m_now;
    Findings& m_findings;
};

// Rules with the same text are about the same requests, whatever their unit.
std::string matchKey(const Match& match) {
    std::string key;
    const auto add = [&](const std::optional<std::string>& text) {
        key += text ? std::to_string(text->size()) + ":" + *text : "-";
    };
    for (const auto* text : {&match.purpose, &match.payee, &match.contact, &match.group, &match.domain, &match.app,
                             &match.user, &match.node}) {
        add(*text);
    }
    key += match.isp ? std::to_string(match.isp->value()) : "-";
    if (match.schedule) {
        key += "s" + std::to_string(match.schedule->weekdays) + "," + std::to_string(match.schedule->from.count()) +
               "," + std::to_string(match.schedule->to.count()) + match.schedule->zone;
    }
    return key;
}

// Shorter lives first; equal ones only when they end together.
bool livesAsLong(const Lifetime& a, const Lifetime& b) {
    if (a.kind != b.kind) return a.kind > b.kind;
    return a.kind == Lifetime::Kind::Until ? a.until >= b.until : a == b;
}

std::string quoted(const RuleText& rule) { return "(" + sentence(rule) + ")"; }

}  // namespace

std::string text(const Finding& finding, std::span<const RuleText> rules) {
    const auto named = [&](size_t index) {
        const std::string number = "rule " + std::to_string(index + 1);
        return index < rules.size() && !finding.unreadable ? number + " " + quoted(rules[index]) : number;
    };
    if (finding.index == SIZE_MAX) return finding.message;
    std::string line = named(finding.index);
    if (finding.other) line += " and " + named(*finding.other);
    if (finding.inBook) line += " and rule " + std::to_string(finding.inBook->value()) + " in the book";
    if (!finding.where.empty()) line += ", " + finding.where;
    return line + ": " + finding.message;
}

void checkRule(const RuleText& rule, size_t index, Zones& zones, SystemTime now, Findings& findings) {
    RuleCheck(rule, index, zones, now, findings).run();
}

std::optional<Contradiction> contradiction(const RuleText& a, const RuleText& b) {
    if (!a.enabled || !b.enabled || a.match != b.match) return std::nullopt;
    if (a.grant.unit && b.grant.unit && *a.grant.unit != *b.grant.unit) return std::nullopt;
    if (a.priority == b.priority) {
        if (a.lifetime != b.lifetime) return std::nullopt;
        if (a.grant == b.grant && a.budget == b.budget) {
            return Contradiction{"the same rule twice", "remove one of them"};
        }
        return Contradiction{"the same match, priority and lifetime, but different grants",
                             "remove one of them, narrow one, or give one the higher priority"};
    }
    const RuleText& high = a.priority > b.priority ? a : b;
    const RuleText& low = a.priority > b.priority ? b : a;
    // What is beyond the narrower unit is still the other's.
    const bool covers = !high.grant.unit || high.grant.unit == low.grant.unit;
    if (!covers || !livesAsLong(high.lifetime, low.lifetime)) return std::nullopt;
    const std::string what = high.grant.action == Action::Deny && low.grant.action == Action::Allow
                                 ? "what one allows the other denies with a higher priority"
                                 : "both are about the same, so the one with the lower priority never decides";
    return Contradiction{
        what, "remove the one with the lower priority (" + std::to_string(low.priority) + "), or narrow the other"};
}

void checkTogether(std::span<const RuleText> rules, std::span<const Rule* const> book, Findings& findings) {
    struct Peer {
        const RuleText* rule;
        std::optional<size_t> index;
        std::optional<RuleId> id;
    };
    std::unordered_map<std::string, std::vector<Peer>> byMatch;
    for (const Rule* rule : book) {
        if (rule->alive()) byMatch[matchKey(rule->match)].push_back({rule, std::nullopt, rule->id});
    }
    for (size_t i = 0; i < rules.size(); ++i) {
        std::vector<Peer>& peers = byMatch[matchKey(rules[i].match)];
        for (const Peer& peer : peers) {
            if (findings.size() >= mostFindings) return;
            const auto found = contradiction(*peer.rule, rules[i]);
            if (!found) continue;
            std::string message = found->message;
            if (peer.id) message += " " + quoted(*peer.rule);
            findings.push_back({i, "", peer.index, peer.id, std::move(message), found->remedy});
        }
        peers.push_back({&rules[i], i, std::nullopt});
    }
}

}  // namespace netpas::secretary::rules
