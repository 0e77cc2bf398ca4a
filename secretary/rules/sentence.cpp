#include "secretary/rules/sentence.h"

#include <algorithm>
#include <vector>

namespace netpas::secretary::rules {

using namespace std::chrono;

namespace {

std::string twoDigits(int64_t number, size_t width = 2) {
    std::string text = std::to_string(number);
    return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
}

std::string dateText(local_days day) {
    const year_month_day date{day};
    return twoDigits(int{date.year()}, 4) + "-" + twoDigits(unsigned{date.month()}) + "-" +
           twoDigits(unsigned{date.day()});
}

std::string minuteText(Minutes minute) { return twoDigits(minute.count() / 60) + ":" + twoDigits(minute.count() % 60); }

// Purposes are words of applications; the common ones have a plural.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> plurals{{
    {"article", "articles"},
    {"audio-call", "audio calls"},
    {"book", "books"},
    {"call", "calls"},
    {"comic", "comics"},
    {"conference", "conferences"},
    {"download", "downloads"},
    {"film", "films"},
    {"game", "games"},
    {"movie", "movies"},
    {"song", "songs"},
    {"video-call", "video calls"},
    {"video-conference", "video conferences"},
    {"voice-call", "voice calls"},
}};

std::string purposeText(const std::string& purpose) {
    for (const auto& [one, many] : plurals) {
        if (purpose == one) return std::string(many);
    }
    std::string text = purpose;
    std::replace(text.begin(), text.end(), '-', ' ');
    return text;
}

// Programs of the system by their name, all others by their place: a name can be borrowed.
std::string appText(const std::string& app) {
    for (const std::string_view folder : {"/usr/bin/", "/bin/", "/usr/local/bin/"}) {
        if (app.starts_with(folder) && app.find('/', folder.size()) == std::string::npos &&
            app.size() > folder.size()) {
            return app.substr(folder.size());
        }
    }
    return app;
}

std::string payeeText(const std::string& payee) {
    constexpr size_t shown = 12;
    return payee.size() > 2 * shown ? payee.substr(0, shown) + "…" : payee;
}

std::string priceOf(const Grant& grant) {
    const std::string quality = grant.quality.empty() ? "" : " in quality " + grant.quality;
    switch (grant.action) {
    case Action::Allow: break;
    case Action::Ask: return grant.unit ? "Ask about prices by the " + std::string(name(*grant.unit)) : "Ask";
    case Action::Deny: return grant.unit ? "Never pay by the " + std::string(name(*grant.unit)) : "Never pay";
    }
    if (grant.upTo && grant.unit) return "Up to " + priceText(*grant.upTo, *grant.unit) + quality;
    if (!grant.unit) return "Always" + quality;
    const std::string unit = *grant.unit == PriceUnit::Minute ? "a minute" : "an item";
    return "Always, whatever " + unit + " costs," + quality;
}

std::string whomText(const Match& match) {
    std::string text;
    const auto add = [&](const std::optional<std::string>& value, const char* before, const char* none) {
        if (value) text += value->empty() ? none : before + *value;
    };
    if (match.app) text += match.app->empty() ? " in unknown apps" : " in " + appText(*match.app);
    add(match.contact, " with ", " with strangers");
    add(match.group, " with ", " with nobody of a group");
    if (match.payee) text += match.payee->empty() ? " to bare addresses" : " to " + payeeText(*match.payee);
    if (match.domain && match.domain->starts_with("*.")) {
        text += " from " + match.domain->substr(2) + " and its sub-domains";
    } else {
        add(match.domain, " from ", " without a site");
    }
    if (match.isp) text += " through ISP " + std::to_string(match.isp->value());
    add(match.user, " by ", " by nobody known");
    add(match.node, " on ", " on this machine");
    return text;
}

std::string scheduleText(const Schedule& schedule) {
    std::string text;
    constexpr std::array<std::string_view, 7> days{"Mondays", "Tuesdays",  "Wednesdays", "Thursdays",
                                                   "Fridays", "Saturdays", "Sundays"};
    if (schedule.weekdays == 0x1f) {
        text = "on working days";
    } else if (schedule.weekdays == 0x60) {
        text = "at weekends";
    } else if (schedule.weekdays != Schedule::everyDay) {
        for (size_t i = 0; i < days.size(); ++i) {
            if ((schedule.weekdays >> i & 1) == 0) continue;
            text += (text.empty() ? "on " : ", ") + std::string(days[i]);
        }
    }
    if (schedule.from != Minutes(0) || schedule.to != Minutes(24 * 60)) {
        text += (text.empty() ? "" : " ") + std::string("from ") + minuteText(schedule.from) + " to " +
                minuteText(schedule.to);
    }
    return ", " + (text.empty() ? "every day" : text) + " (" + schedule.zone + ")";
}

std::string lifetimeText(const RuleText& rule, const Wording& wording) {
    switch (rule.lifetime.kind) {
    case Lifetime::Kind::Once: return ", once";
    case Lifetime::Kind::AppExit: return " until " + (rule.match.app ? appText(*rule.match.app) : "the app") + " exits";
    case Lifetime::Kind::Until: {
        const LocalTime local = wording.zone.local(rule.lifetime.until);
        const local_days day = floor<days>(local);
        return " until " + dateText(day) + " " + minuteText(floor<minutes>(local - day)) + " " + wording.zoneName;
    }
    case Lifetime::Kind::Always: return "";
    }
    return "";
}

std::string budgetText(const RuleBudget& budget) {
    return ", at most " + priceText(budget.amount) +
           (budget.period == Period::Total ? " in all" : " a " + std::string(name(budget.period)));
}

std::string beyondText(const RuleText& rule) {
    const Grant& grant = rule.grant;
    if (grant.action != Action::Allow) return "";
    const std::string what = grant.above == Beyond::Ask ? "; ask " : "; refuse ";
    if (grant.upTo) return what + "above that";
    if (rule.budget) return what + "beyond that";
    return grant.quality.empty() ? "" : what + "about others";
}

}  // namespace

std::string priceText(Money amount) {
    constexpr int64_t centsPerDollar = 100;
    const auto cents = checkedMul(amount, centsPerDollar);
    if (cents && amount < Money::fromEighths(Money::eighthsPerDollar)) return cents->toString() + "¢";
    std::string dollars = amount.toString();
    // $1.5 reads like a slip.
    if (const size_t point = dollars.find('.'); point != std::string::npos && dollars.size() == point + 2)
        dollars += '0';
    return "$" + dollars;
}

std::string priceText(Money amount, PriceUnit unit) {
    return priceText(amount) + (unit == PriceUnit::Minute ? " a minute" : " an item");
}

std::string purposeNamed(std::string_view words) {
    for (const auto& [one, many] : plurals) {
        if (words == many) return std::string(one);
    }
    std::string purpose(words);
    std::replace(purpose.begin(), purpose.end(), ' ', '-');
    return purpose;
}

std::string sentence(const RuleText& rule, const Wording& wording) {
    const Match& match = rule.match;
    std::string text = priceOf(rule.grant) + " for ";
    text += !match.purpose ? "anything" : match.purpose->empty() ? "what has no purpose" : purposeText(*match.purpose);
    text += whomText(match);
    const bool anySeller = !match.domain && !match.payee && !match.contact && !match.group;
    if (rule.grant.unit == PriceUnit::Item && anySeller && match.purpose) text += " from any site";
    if (match.schedule) text += scheduleText(*match.schedule);
    if (rule.budget) text += budgetText(*rule.budget);
    return text + lifetimeText(rule, wording) + beyondText(rule) + ".";
}

std::string namedFields(const Match& match) {
    std::vector<std::string> names;
    const auto add = [&](bool given, const char* what) {
        if (given) names.emplace_back(what);
    };
    add(match.purpose.has_value(), "purpose");
    add(match.payee.has_value(), "payee");
    add(match.contact.has_value(), "contact");
    add(match.group.has_value(), "group");
    add(match.domain.has_value(), match.domain && match.domain->starts_with("*.") ? "group of sites" : "site");
    add(match.app.has_value(), "app");
    add(match.user.has_value(), "user");
    add(match.node.has_value(), "device");
    add(match.isp.has_value(), "ISP");
    add(match.schedule.has_value(), "times");
    if (names.empty()) return "nothing";
    std::string text = names.front();
    for (size_t i = 1; i < names.size(); ++i) text += (i + 1 == names.size() ? " and " : ", ") + names[i];
    return text;
}

}  // namespace netpas::secretary::rules
