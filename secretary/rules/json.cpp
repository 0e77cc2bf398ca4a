#include "secretary/rules/json.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "secretary/rules/match.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::rules {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr int version = 1;
constexpr size_t deepest = 32;

// Reads one object and remembers the first thing that is wrong with it.
class Fields {
public:
    Fields(const json& object, std::string where, std::optional<Finding>& problem)
        : m_object(object), m_where(std::move(where)), m_problem(problem) {
        if (!object.is_object()) fail("", "not an object", "write {...}");
    }

    const json* get(const char* name) {
        m_known.emplace_back(name);
        if (!m_object.is_object()) return nullptr;
        const auto found = m_object.find(name);
        return found == m_object.end() ? nullptr : &*found;
    }
    std::optional<std::string> text(const char* name, size_t longest = longestText) {
        const json* value = get(name);
        if (value == nullptr) return std::nullopt;
        if (!value->is_string()) {
            fail(name, "not a text", "write it in quotation marks");
            return std::nullopt;
        }
        std::string text = value->get<std::string>();
        if (text.size() > longest) fail(name, "longer than " + std::to_string(longest) + " bytes", "shorten it");
        return text;
    }
    std::optional<Money> money(const char* name) {
        const auto written = text(name);
        if (!written) return std::nullopt;
        const auto amount = Money::parse(*written);
        if (!amount || amount->isNegative()) {
            fail(name, "\"" + *written + "\" is no amount", "write dollars in decimal, such as \"0.05\"");
            return std::nullopt;
        }
        return *amount;
    }
    // One of the values of an enum, by name.
    template <typename Enum>
    std::optional<Enum> choice(const char* name, std::initializer_list<Enum> values) {
        const auto written = text(name);
        if (!written) return std::nullopt;
        std::string known;
        for (const Enum value : values) {
            if (*written == rules::name(value)) return value;
            known += (known.empty() ? "" : ", ") + std::string(rules::name(value));
        }
        fail(name, "\"" + *written + "\" is none of " + known, "write one of them");
        return std::nullopt;
    }
    std::optional<int64_t> number(const char* name, int64_t least, int64_t most) {
        const json* value = get(name);
        if (value == nullptr) return std::nullopt;
        const std::string range = std::to_string(least) + " to " + std::to_string(most);
        const bool fits = value->is_number_unsigned() ? value->get<uint64_t>() <= static_cast<uint64_t>(most)
                                                      : value->is_number_integer();
        if (!fits || value->get<int64_t>() < least || value->get<int64_t>() > most) {
            fail(name, "not a whole number from " + range, "write one");
            return std::nullopt;
        }
        return value->get<int64_t>();
    }
    void fail(const char* name, std::string message, std::string remedy) {
        if (m_problem) return;
        const bool inner = *name != '\0';
        std::string where = m_where + (inner && !m_where.empty() ? "." : "") + name;
        m_problem = Finding{0, std::move(where), std::nullopt, std::nullopt, std::move(message), std::move(remedy)};
    }
    [[nodiscard]] std::string inside(const char* name) const { return m_where.empty() ? name : m_where + "." + name; }
    std::optional<Finding>& problem() { return m_problem; }
    // Call last: what was not asked for is unknown.
    void close() {
        if (!m_object.is_object()) return;
        for (const auto& [name, value] : m_object.items()) {
            if (std::find(m_known.begin(), m_known.end(), name) != m_known.end()) continue;
            std::string known;
            for (const std::string& one : m_known) known += (known.empty() ? "" : ", ") + one;
            return fail("", "there is no \"" + name + "\" here", "known are " + known);
        }
    }

private:
    const json& m_object;
    std::string m_where;
    std::vector<std::string> m_known;
    std::optional<Finding>& m_problem;
};

std::string clockText(Minutes minute) {
    const auto digits = [](int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return digits(minute.count() / 60) + ":" + digits(minute.count() % 60);
}

std::optional<Minutes> clockFrom(Fields& in, const char* name) {
    const auto text = in.text(name);
    if (!text) return std::nullopt;
    const auto digit = [&](size_t i) { return (*text)[i] >= '0' && (*text)[i] <= '9'; };
    if (text->size() == 5 && digit(0) && digit(1) && (*text)[2] == ':' && digit(3) && digit(4)) {
        const int hour = ((*text)[0] - '0') * 10 + (*text)[1] - '0';
        const int minute = ((*text)[3] - '0') * 10 + (*text)[4] - '0';
        if (minute < 60 && hour * 60 + minute <= 24 * 60) return Minutes(hour * 60 + minute);
    }
    in.fail(name, "\"" + *text + "\" is no time of the day", "write it as \"09:30\"");
    return std::nullopt;
}

Schedule scheduleFrom(const json& object, Fields& parent) {
    Fields in(object, parent.inside("schedule"), parent.problem());
    Schedule schedule;
    if (const json* days = in.get("weekdays")) {
        schedule.weekdays = 0;
        if (!days->is_array()) in.fail("weekdays", "not a list", "write [\"mon\", \"fri\"]");
        for (const json& day : days->is_array() ? *days : json::array()) {
            const auto found = day.is_string() ? std::find(weekdayNames.begin(), weekdayNames.end(),
                                                           std::string_view(day.get_ref<const std::string&>()))
                                               : weekdayNames.end();
            if (found == weekdayNames.end()) {
                in.fail("weekdays", day.dump() + " is no day", "write mon, tue, wed, thu, fri, sat or sun");
                break;
            }
            schedule.weekdays |= static_cast<uint8_t>(1U << (found - weekdayNames.begin()));
        }
    }
    if (const auto from = clockFrom(in, "from")) schedule.from = *from;
    if (const auto to = clockFrom(in, "to")) schedule.to = *to;
    const auto zone = in.text("zone");
    if (!zone) in.fail("zone", "missing", "say in which time zone, such as \"UTC\" or \"Europe/Berlin\"");
    schedule.zone = zone.value_or("UTC");
    in.close();
    return schedule;
}

Match matchFrom(const json& object, std::optional<Finding>& problem) {
    Fields in(object, "match", problem);
    Match match;
    match.purpose = in.text("purpose");
    match.payee = in.text("payee");
    match.contact = in.text("contact");
    match.group = in.text("group");
    match.domain = in.text("domain");
    if (match.domain) match.domain = normalDomain(*match.domain);
    match.app = in.text("app");
    match.user = in.text("user");
    match.node = in.text("node");
    if (const auto isp = in.number("isp", 0, IspId::maxValue)) match.isp = IspId{static_cast<uint16_t>(*isp)};
    if (const json* schedule = in.get("schedule")) match.schedule = scheduleFrom(*schedule, in);
    in.close();
    return match;
}

Grant grantFrom(const json& object, std::optional<Finding>& problem) {
    Fields in(object, "grant", problem);
    Grant grant;
    const auto action = in.choice("action", {Action::Allow, Action::Ask, Action::Deny});
    if (!action) in.fail("action", "missing", "write allow, ask or deny");
    grant.action = action.value_or(Action::Ask);
    grant.unit = in.choice("per", {PriceUnit::Minute, PriceUnit::Item});
    const json* upTo = in.get("up_to");
    if (upTo != nullptr && !(*upTo == "always")) grant.upTo = in.money("up_to");
    if (grant.action == Action::Allow && upTo == nullptr) {
        in.fail("up_to", "missing", "write an amount such as \"0.05\", or \"always\" for any price");
    }
    if (grant.action != Action::Allow && upTo != nullptr) {
        in.fail("up_to", "only what is allowed has a limit", "leave it out, or allow");
    }
    const auto above = in.choice("above", {Beyond::Ask, Beyond::Deny});
    if (above && grant.action != Action::Allow)
        in.fail("above", "only what is allowed has one", "leave it out, or allow");
    grant.above = above.value_or(Beyond::Ask);
    grant.quality = in.text("quality").value_or("");
    in.close();
    return grant;
}

RuleBudget budgetFrom(const json& object, std::optional<Finding>& problem) {
    Fields in(object, "budget", problem);
    RuleBudget budget;
    const auto amount = in.money("amount");
    if (!amount) in.fail("amount", "missing", "write dollars in decimal, such as \"2\"");
    budget.amount = amount.value_or(Money::zero());
    const auto period = in.choice("period", {Period::Day, Period::Week, Period::Month, Period::Total});
    if (!period) in.fail("period", "missing", "write day, week, month or total");
    budget.period = period.value_or(Period::Total);
    in.close();
    return budget;
}

Lifetime lifetimeFrom(const json& object, std::optional<Finding>& problem) {
    Fields in(object, "lifetime", problem);
    using Kind = Lifetime::Kind;
    Lifetime lifetime;
    const auto kind = in.choice("kind", {Kind::Once, Kind::AppExit, Kind::Until, Kind::Always});
    if (!kind) in.fail("kind", "missing", "write once, app-exit, until or always");
    lifetime.kind = kind.value_or(Kind::Always);
    if (lifetime.kind == Kind::Until) {
        const auto written = in.text("until");
        const auto until = written ? parseTimestamp(*written) : std::nullopt;
        if (!until) in.fail("until", "missing, or no time", "write UTC as \"2026-12-24T18:00:00Z\"");
        lifetime.until = until.value_or(SystemTime{});
    }
    if (lifetime.kind == Kind::AppExit) {
        lifetime.process = static_cast<uint32_t>(in.number("process", 1, INT32_MAX).value_or(0));
        if (lifetime.process == 0) in.fail("process", "missing", "give the number of the running app");
        lifetime.started = static_cast<uint64_t>(in.number("started", 0, INT64_MAX).value_or(0));
    }
    in.close();
    return lifetime;
}

// Before anything is built from the text.
bool isTooDeep(std::string_view text) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"') quoted = !quoted;
        if (quoted && c == '\\') ++i;
        if (quoted) continue;
        if ((c == '{' || c == '[') && ++depth > deepest) return true;
        if ((c == '}' || c == ']') && depth > 0) --depth;
    }
    return false;
}

json scheduleJson(const Schedule& schedule) {
    json days = json::array();
    for (size_t i = 0; i < weekdayNames.size(); ++i) {
        if ((schedule.weekdays >> i & 1) != 0) days.push_back(weekdayNames[i]);
    }
    json object{{"zone", schedule.zone}, {"from", clockText(schedule.from)}, {"to", clockText(schedule.to)}};
    if (schedule.weekdays != Schedule::everyDay) object["weekdays"] = std::move(days);
    return object;
}

json matchJson(const Match& match) {
    json object = json::object();
    const std::pair<const char*, const std::optional<std::string>*> all[] = {
        {"purpose", &match.purpose}, {"payee", &match.payee}, {"contact", &match.contact}, {"group", &match.group},
        {"domain", &match.domain},   {"app", &match.app},     {"user", &match.user},       {"node", &match.node}};
    for (const auto& [name, value] : all) {
        if (*value) object[name] = **value;
    }
    if (match.isp) object["isp"] = match.isp->value();
    if (match.schedule) object["schedule"] = scheduleJson(*match.schedule);
    return object;
}

json grantJson(const Grant& grant) {
    json object{{"action", name(grant.action)}};
    if (grant.unit) object["per"] = name(*grant.unit);
    if (grant.action == Action::Allow) {
        object["up_to"] = grant.upTo ? grant.upTo->toString() : "always";
        object["above"] = name(grant.above);
    }
    if (!grant.quality.empty()) object["quality"] = grant.quality;
    return object;
}

json lifetimeJson(const Lifetime& lifetime) {
    json object{{"kind", name(lifetime.kind)}};
    if (lifetime.kind == Lifetime::Kind::Until) object["until"] = timeText(lifetime.until);
    if (lifetime.kind == Lifetime::Kind::AppExit) {
        object["process"] = lifetime.process;
        if (lifetime.started != 0) object["started"] = lifetime.started;
    }
    return object;
}

}  // namespace

json toJson(const RuleText& rule) {
    json object{
        {"match", matchJson(rule.match)}, {"grant", grantJson(rule.grant)}, {"lifetime", lifetimeJson(rule.lifetime)},
        {"priority", rule.priority},      {"origin", name(rule.origin)},    {"note", rule.note},
        {"enabled", rule.enabled}};
    if (rule.budget) {
        object["budget"] = {{"amount", rule.budget->amount.toString()}, {"period", name(rule.budget->period)}};
    }
    return object;
}

tl::expected<RuleText, Finding> ruleFromJson(const json& object, size_t index) {
    std::optional<Finding> problem;
    Fields in(object, "", problem);
    RuleText rule;
    const json* match = in.get("match");
    if (match == nullptr) in.fail("match", "missing", "write {} for everything");
    if (match != nullptr) rule.match = matchFrom(*match, problem);
    const json* grant = in.get("grant");
    if (grant == nullptr) in.fail("grant", "missing", "write {\"action\": \"allow\"|\"ask\"|\"deny\", ...}");
    if (grant != nullptr) rule.grant = grantFrom(*grant, problem);
    if (const json* budget = in.get("budget")) rule.budget = budgetFrom(*budget, problem);
    if (const json* lifetime = in.get("lifetime")) rule.lifetime = lifetimeFrom(*lifetime, problem);
    rule.priority = static_cast<int32_t>(in.number("priority", -highestPriority, highestPriority).value_or(0));
    rule.origin = in.choice("origin", {Origin::User, Origin::Learned, Origin::Preset}).value_or(Origin::User);
    rule.note = in.text("note", longestNote).value_or("");
    if (const json* enabled = in.get("enabled")) {
        if (!enabled->is_boolean()) in.fail("enabled", "neither true nor false", "write one of them");
        rule.enabled = !enabled->is_boolean() || enabled->get<bool>();
    }
    in.close();
    if (!problem) return rule;
    problem->index = index;
    problem->unreadable = true;
    return tl::unexpected(std::move(*problem));
}

std::string writeRule(const RuleText& rule) {
    return toJson(rule).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string writeRules(std::span<const RuleText> rules) {
    json list = json::array();
    for (const RuleText& rule : rules) list.push_back(toJson(rule));
    ordered_json file;
    file["version"] = version;
    file["rules"] = std::move(list);
    return file.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

tl::expected<json, std::string> parseStrictly(std::string_view text) {
    if (isTooDeep(text)) return tl::unexpected(std::string("nested too deeply"));
    std::string twice;
    std::vector<std::set<std::string>> names;
    const auto watch = [&](int, json::parse_event_t event, json& value) {
        if (event == json::parse_event_t::object_start) names.emplace_back();
        if (event == json::parse_event_t::object_end) names.pop_back();
        if (event == json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second) {
            twice = value.get<std::string>();
        }
        return true;
    };
    json parsed;
    try {
        parsed = json::parse(text, watch);
    } catch (const json::parse_error& error) {
        return tl::unexpected("not JSON at byte " + std::to_string(error.byte));
    } catch (const json::exception&) {
        return tl::unexpected(std::string("a number that is out of range"));
    }
    if (!twice.empty()) return tl::unexpected("\"" + twice + "\" stands twice in one object");
    return parsed;
}

tl::expected<std::vector<RuleText>, Unusable> readRules(std::string_view text, Zones& zones, SystemTime now) {
    const auto whole = [](std::string message, std::string remedy) {
        return tl::unexpected(
            Unusable{{{SIZE_MAX, "", std::nullopt, std::nullopt, std::move(message), std::move(remedy)}}, {}});
    };
    if (text.size() > largestFile) return whole("the file is larger than 16 MiB", "split it");
    const auto file = parseStrictly(text);
    if (!file) return whole(file.error(), "write {\"version\": 1, \"rules\": [...]}");
    std::optional<Finding> problem;
    Fields in(*file, "", problem);
    const json* given = in.get("version");
    if (given == nullptr || *given != version) {
        in.fail("version", "not version 1", "write \"version\": 1; a newer file needs a newer netpas");
    }
    const json* list = in.get("rules");
    if (list == nullptr || !list->is_array()) in.fail("rules", "missing, or not a list", "write \"rules\": [...]");
    in.close();
    if (problem)
        return whole(problem->where + (problem->where.empty() ? "" : ": ") + problem->message, problem->remedy);
    if (list->size() > mostRules) return whole("more than 20,000 rules", "leave out those that never decide");
    std::vector<RuleText> rules;
    std::vector<Finding> findings;
    for (size_t i = 0; i < list->size() && findings.size() < mostFindings; ++i) {
        auto rule = ruleFromJson((*list)[i], i);
        if (rule) {
            checkRule(*rule, i, zones, now, findings);
            rules.push_back(std::move(*rule));
        } else {
            findings.push_back(std::move(rule.error()));
            rules.emplace_back();
            rules.back().enabled = false;  // takes part in no contradiction
        }
    }
    checkTogether(rules, {}, findings);
    if (!findings.empty()) return tl::unexpected(Unusable{std::move(findings), std::move(rules)});
    return rules;
}

}  // namespace netpas::secretary::rules
