// A rule of the user's about spending money (NetPaS §5.3). Plain data.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::rules {

// Grows with every rule that is made and is never used again: the newer rule has the higher one.
using RuleId = Id<struct RuleIdTag, uint64_t, INT64_MAX>;

// Texts of a rule are at most this long, as those of a request.
inline constexpr size_t longestText = 256;
inline constexpr size_t longestNote = 1024;
inline constexpr int32_t highestPriority = 1000;  // … and the lowest is its negative

using Minutes = std::chrono::minutes;

// When, in local time. A window that ends at or before it begins goes on over midnight and belongs to the day on which
// it begins.
struct Schedule {
    static constexpr uint8_t everyDay = 0x7f;
    uint8_t weekdays = everyDay;  // bit 0 is Monday
    Minutes from{0};              // minute of the day …
    Minutes to{24 * 60};          // … first one after
    std::string zone = "UTC";     // see TimeZone::load
    friend bool operator==(const Schedule&, const Schedule&) = default;
};

// What a rule is about: everything that is given must hold. An empty text is a value too: "none".
struct Match {
    std::optional<std::string> purpose, payee, contact, group;
    std::optional<std::string> domain;  // "example.net": that site; "*.example.net": it and everything below it
    std::optional<std::string> app, user, node;
    std::optional<IspId> isp;  // is among those that are paid
    std::optional<Schedule> schedule;
    friend bool operator==(const Match&, const Match&) = default;
};

enum class Action : uint8_t { Allow, Ask, Deny };
enum class Beyond : uint8_t { Ask, Deny };

struct Grant {
    Action action = Action::Ask;
    // Prices of this unit only; none: of both.
    std::optional<PriceUnit> unit;
    // Of Allow: the highest price for one unit; none: any. With a limit there is a unit.
    std::optional<Money> upTo;
    // Of Allow: when the price, the budget or the quality is beyond what is granted.
    Beyond above = Beyond::Ask;
    std::string quality;  // of Allow: this one only; empty: any
    friend bool operator==(const Grant&, const Grant&) = default;
};

enum class Period : uint8_t { Day, Week, Month, Total };

struct RuleBudget {
    Money amount;
    Period period = Period::Total;
    friend bool operator==(const RuleBudget&, const RuleBudget&) = default;
};

struct Lifetime {
    enum class Kind : uint8_t { Once, AppExit, Until, Always };
    Kind kind = Kind::Always;
    SystemTime until;      // Until: wall clock, across suspend
    uint32_t process = 0;  // AppExit: the running instance of match.app …
    uint64_t started = 0;  // … that began at this tick of its machine; 0: not known
    friend bool operator==(const Lifetime&, const Lifetime&) = default;

    [[nodiscard]] static Lifetime once() { return {Kind::Once, {}, 0, 0}; }
    [[nodiscard]] static Lifetime untilTime(SystemTime time) { return {Kind::Until, time, 0, 0}; }
    [[nodiscard]] static Lifetime untilExit(uint32_t process, uint64_t started = 0) {
        return {Kind::AppExit, {}, process, started};
    }
};

enum class Origin : uint8_t { User, Learned, Preset };

// What a person decides; what the file of `rules export` holds.
struct RuleText {
    Match match;
    Grant grant;
    std::optional<RuleBudget> budget;
    Lifetime lifetime;
    int32_t priority = 0;
    Origin origin = Origin::User;
    std::string note;
    bool enabled = true;
    friend bool operator==(const RuleText&, const RuleText&) = default;
};

// Why a rule decides nothing any more. It stays in the book, so that old payments can be explained.
enum class Ended : uint8_t { No, UsedUp, Expired, AppExited };

struct RuleUse {
    uint64_t hits = 0;
    Money spent;
    std::optional<SystemTime> lastUsed;
    Ended ended = Ended::No;
    friend bool operator==(const RuleUse&, const RuleUse&) = default;
};

struct Rule : RuleText {
    RuleId id;
    SystemTime created;
    SystemTime changed;
    RuleUse use;
    [[nodiscard]] bool alive() const { return enabled && use.ended == Ended::No; }
};

// Names as in JSON.
[[nodiscard]] std::string_view name(Action action);
[[nodiscard]] std::string_view name(Beyond above);
[[nodiscard]] std::string_view name(PriceUnit unit);
[[nodiscard]] std::string_view name(Period period);
[[nodiscard]] std::string_view name(Lifetime::Kind kind);
[[nodiscard]] std::string_view name(Origin origin);
[[nodiscard]] std::string_view name(Ended ended);
inline constexpr std::array<std::string_view, 7> weekdayNames{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

}  // namespace netpas::secretary::rules
