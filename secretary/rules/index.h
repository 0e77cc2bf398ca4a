// Finds the rule that decides among many: each rule lies in one bucket, that of its rarest value, and each bucket is in
// the order of decision, so that a request looks at a few buckets and leaves each early. One thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/time_zone.h"
#include "secretary/rules/rule.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::rules {

enum class Outcome : uint8_t { None, Allow, Ask, Deny };
// Why a rule comes to its outcome for a request.
enum class Cause : uint8_t { Says, Within, AboveLimit, OverBudget, OtherQuality };
// The rule did what it is for: one for once is used up by it.
[[nodiscard]] constexpr bool carriedOut(Cause cause) { return cause == Cause::Says || cause == Cause::Within; }
// Why the deciding rule comes before the runner-up, in the order in which they are compared (UX, Rules).
enum class Advantage : uint8_t { Alone, Priority, Specificity, Lifetime, Strictness, Newest };

[[nodiscard]] std::string_view name(Outcome outcome);

// How much a match names: first the number of things, then how narrow they are.
struct Specificity {
    uint32_t named = 0;
    uint32_t narrowness = 0;
    friend auto operator<=>(const Specificity&, const Specificity&) = default;
};
[[nodiscard]] Specificity specificity(const Match& match);

struct Judgement {
    const Rule* rule = nullptr;
    Outcome outcome = Outcome::None;
    Cause cause = Cause::Says;
};
struct Decision {
    Judgement decides, runnerUp;
    Advantage advantage = Advantage::Alone;
};

// What is left of a rule's own budget; nothing: it is not known to be limited.
using BudgetLeft = std::function<std::optional<Money>(const Rule&)>;

class RuleIndex {
public:
    RuleIndex();
    ~RuleIndex();
    RuleIndex(RuleIndex&&) noexcept;
    RuleIndex& operator=(RuleIndex&&) noexcept;

    // `rule` and `zone` stay where they are until remove(). `zone` is that of the schedule; without it a rule that
    // grants does not apply, and one that asks or denies always does.
    void add(const Rule& rule, const TimeZone* zone);
    void remove(const Rule& rule);
    [[nodiscard]] Decision find(const SpendRequest& request, SystemTime now, const BudgetLeft& budgetLeft = {}) const;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::secretary::rules
