// What a budget is: a cap on what is spent for something within a period (UX, Rules). Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"

namespace netpas::secretary::budgets {

// Numbers are stored: never reuse one.
enum class Scope : uint8_t { Everything = 1, App = 2, Payee = 3, Purpose = 4, Node = 5, User = 6, Rule = 7 };
// Calendar days, weeks from Monday, and months, of the local time; Total never starts anew.
enum class Period : uint8_t { Day = 1, Month = 2, Total = 3, Week = 4 };

[[nodiscard]] std::string_view name(Scope scope);
[[nodiscard]] std::string_view name(Period period);
[[nodiscard]] std::optional<Scope> scopeNamed(std::string_view text);
[[nodiscard]] std::optional<Period> periodNamed(std::string_view text);

// What money is spent for, as budgets tell it apart.
struct Tags {
    std::string app, payee, purpose, node, user, rule;
    friend bool operator==(const Tags&, const Tags&) = default;
};
[[nodiscard]] const std::string& tagFor(Scope scope, const Tags& tags);  // "" for Everything

// What the secretary approves from experience, with nobody asked and no rule, counts as spent by this rule.
inline constexpr std::string_view learnedRule = "learned";

struct Cap {
    Scope scope = Scope::Everything;
    // Which one. Empty: each of its kind for itself ("each payee: 10¢ a day"); of no meaning for Everything.
    std::string subject;
    Period period = Period::Day;
    Money amount;

    [[nodiscard]] bool sameTarget(const Cap& other) const {
        return scope == other.scope && subject == other.subject && period == other.period;
    }
    friend bool operator==(const Cap&, const Cap&) = default;
};

// "$0.5 a day for the app /usr/bin/mpv".
[[nodiscard]] std::string sentence(const Cap& cap);

inline constexpr size_t longestSubject = 256;  // bytes of UTF-8

enum class CapError {
    Malformed,       // stored bytes that are no cap
    UnknownVersion,  // written by a newer version
};
// version (1) | scope | period | amount in eighths (64 bits) | subject (16-bit length)
[[nodiscard]] Bytes encode(const Cap& cap);
[[nodiscard]] tl::expected<Cap, CapError> decodeCap(ByteView bytes);

// When periods start.
class Calendar {
public:
    virtual ~Calendar() = default;
    [[nodiscard]] virtual SystemTime startOf(Period period, SystemTime at) const = 0;
};
// The process's time zone. Call once before the process gives up its access to files.
[[nodiscard]] const Calendar& localCalendar();

}  // namespace netpas::secretary::budgets
