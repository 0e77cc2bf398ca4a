#include "secretary/budgets/budget.h"

#include <array>
#include <ctime>

namespace netpas::secretary::budgets {

namespace {

constexpr uint8_t capVersion = 1;
constexpr std::array scopes{Scope::Everything, Scope::App,  Scope::Payee, Scope::Purpose,
                            Scope::Node,       Scope::User, Scope::Rule};
constexpr std::array periods{Period::Day, Period::Week, Period::Month, Period::Total};

class LocalCalendar final : public Calendar {
public:
    LocalCalendar() { ::tzset(); }
    SystemTime startOf(Period period, SystemTime at) const override {
        if (period == Period::Total) return {};
        const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
        std::tm day{};
        if (::localtime_r(&seconds, &day) == nullptr) return std::chrono::floor<std::chrono::days>(at);
        day.tm_sec = day.tm_min = day.tm_hour = 0;
        if (period == Period::Month) day.tm_mday = 1;
        if (period == Period::Week) day.tm_mday -= (day.tm_wday + 6) % 7;
        day.tm_isdst = -1;
        const std::time_t start = ::mktime(&day);
        return start == -1 ? SystemTime(std::chrono::floor<std::chrono::days>(at))
                           : SystemTime(std::chrono::seconds(start));
    }
};

}  // namespace

std::string_view name(Scope scope) {
    switch (scope) {
    case Scope::Everything: return "everything";
    case Scope::App: return "app";
    case Scope::Payee: return "payee";
    case Scope::Purpose: return "purpose";
    case Scope::Node: return "node";
    case Scope::User: return "user";
    case Scope::Rule: return "rule";
    }
    return "unknown";
}

std::string_view name(Period period) {
    switch (period) {
    case Period::Day: return "day";
    case Period::Month: return "month";
    case Period::Total: return "total";
    case Period::Week: return "week";
    }
    return "unknown";
}

std::optional<Scope> scopeNamed(std::string_view text) {
    for (const Scope scope : scopes) {
        if (text == name(scope)) return scope;
    }
    return std::nullopt;
}

std::optional<Period> periodNamed(std::string_view text) {
    for (const Period period : periods) {
        if (text == name(period)) return period;
    }
    return std::nullopt;
}

const std::string& tagFor(Scope scope, const Tags& tags) {
    static const std::string none;
    switch (scope) {
    case Scope::Everything: return none;
    case Scope::App: return tags.app;
    case Scope::Payee: return tags.payee;
    case Scope::Purpose: return tags.purpose;
    case Scope::Node: return tags.node;
    case Scope::User: return tags.user;
    case Scope::Rule: return tags.rule;
    }
    return none;
}

std::string sentence(const Cap& cap) {
    std::string text = "$" + cap.amount.toString();
    switch (cap.period) {
    case Period::Day: text += " a day"; break;
    case Period::Month: text += " a month"; break;
    case Period::Total: text += " in all"; break;
    case Period::Week: text += " a week"; break;
    }
    if (cap.scope == Scope::Everything) return text + " for everything";
    if (cap.scope == Scope::Rule && cap.subject == learnedRule) return text + " without asking";
    if (cap.subject.empty()) return text + " for each " + std::string(name(cap.scope));
    return text + " for the " + std::string(name(cap.scope)) + " " + cap.subject;
}

Bytes encode(const Cap& cap) {
    Writer writer;
    writer.u8(capVersion);
    writer.u8(static_cast<uint8_t>(cap.scope));
    writer.u8(static_cast<uint8_t>(cap.period));
    writer.u64(static_cast<uint64_t>(cap.amount.eighths()));
    writer.blob16({reinterpret_cast<const uint8_t*>(cap.subject.data()), cap.subject.size()});
    return writer.take();
}

tl::expected<Cap, CapError> decodeCap(ByteView bytes) {
    Reader reader(bytes);
    const uint8_t version = reader.u8();
    if (reader.ok() && version != capVersion) return tl::unexpected(CapError::UnknownVersion);
    const uint8_t scope = reader.u8();
    const uint8_t period = reader.u8();
    const auto amount = Money::fromEighths(static_cast<int64_t>(reader.u64()));
    const ByteView subject = reader.blob16(longestSubject);
    const bool known = scope >= static_cast<uint8_t>(Scope::Everything) && scope <= static_cast<uint8_t>(Scope::Rule) &&
                       period >= static_cast<uint8_t>(Period::Day) && period <= static_cast<uint8_t>(Period::Week);
    if (!reader.finished() || !known || amount.isNegative()) return tl::unexpected(CapError::Malformed);
    Cap cap{static_cast<Scope>(scope), std::string(subject.begin(), subject.end()), static_cast<Period>(period),
            amount};
    if (cap.scope == Scope::Everything && !cap.subject.empty()) return tl::unexpected(CapError::Malformed);
    return cap;
}

const Calendar& localCalendar() {
    static const LocalCalendar calendar;
    return calendar;
}

}  // namespace netpas::secretary::budgets
