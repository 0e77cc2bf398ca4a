// The user's rules: durable, checked, and indexed for deciding (NetPaS §5.3; UX, Rules). One thread.
//
// A decision goes: decide() → Allow: the caller sets the money aside (budgets, the rule's own among them) → use(), before
// anything is paid. A rule for once is consumed by use(): of two requests that it would both allow, the second gets Ended
// and is decided anew.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/rules/check.h"
#include "secretary/rules/index.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

enum class RuleError {
    Storage,   // a document was not written; nothing was changed
    Damaged,   // a stored rule cannot be read
    Unknown,   // no such rule
    Invalid,   // it makes no sense; see `findings`
    Conflict,  // it contradicts another; see `findings`
    Full,      // no more rules
    Ended,     // it was used up, or expired, in the meantime: decide anew
};

struct Failure {
    RuleError error = RuleError::Storage;
    std::string message;
    std::string hint;
    std::vector<Finding> findings;
};

struct Verdict {
    Outcome outcome = Outcome::None;  // None: no rule is about this
    Cause cause = Cause::Says;
    std::optional<RuleId> rule;  // the one that decides …
    std::optional<RuleId> runnerUp;
    Outcome runnerUpOutcome = Outcome::None;
    Advantage advantage = Advantage::Alone;  // … and why not the runner-up
    std::optional<Money> upTo;               // of the deciding rule, for one unit
    std::optional<RuleBudget> budget;        // of the deciding rule
    std::string sentence;                    // all of this in words
};

enum class ImportMode : uint8_t { Add, Replace };

class RuleBook {
public:
    // Reads the rules; those that are over by `now` are ended for good, even if the clock goes back later.
    [[nodiscard]] static tl::expected<RuleBook, Failure> open(store::Documents& documents, SystemTime now);
    RuleBook(RuleBook&&) noexcept;
    RuleBook& operator=(RuleBook&&) noexcept;
    ~RuleBook();

    // What is left of a rule's own budget. Without it a budget limits nothing here, but in Verdict::budget.
    void setBudgetLeft(BudgetLeft budgetLeft);

    // Exactly one rule decides, by this order: priority, specificity, shorter life, refuse before ask before allow, newest.
    [[nodiscard]] Verdict decide(const SpendRequest& request, SystemTime now);
    // The verdict is carried out: counts it, and consumes a rule for once, durably. Call before paying.
    [[nodiscard]] tl::expected<void, Failure> use(const Verdict& verdict, SystemTime now);
    // What use() allowed did not come to pass and nothing was spent: a rule for once is there again.
    [[nodiscard]] tl::expected<void, Failure> giveBack(RuleId id, SystemTime now);
    // What a purchase that a rule allowed cost in the end; for people, not for limits.
    void addSpent(RuleId id, Money amount);

    [[nodiscard]] tl::expected<RuleId, Failure> add(const RuleText& rule, SystemTime now);
    // Everything that is not written anew is over: what it was used for, whether it has ended.
    [[nodiscard]] tl::expected<void, Failure> edit(RuleId id, const RuleText& rule, SystemTime now);
    [[nodiscard]] tl::expected<void, Failure> remove(RuleId id);
    // All or nothing. Replace forgets all others. The answer is how many rules were added: Add leaves out those that are
    // in the book already.
    [[nodiscard]] tl::expected<size_t, Failure> import(std::span<const RuleText> rules, ImportMode mode,
                                                       SystemTime now);

    [[nodiscard]] const Rule* find(RuleId id) const;
    [[nodiscard]] std::vector<const Rule*> list() const;  // by id; valid until the next change
    [[nodiscard]] size_t size() const;

    // Ends what is over and writes the counters; call about every minute, and at the end.
    [[nodiscard]] tl::expected<void, Failure> sweep(SystemTime now);
    // Ends the rules that live until an app exits and for whose process this is false.
    using StillRuns = std::function<bool(const std::string& app, uint32_t process, uint64_t started)>;
    [[nodiscard]] tl::expected<void, Failure> endThoseOfExitedApps(const StillRuns& stillRuns);

    [[nodiscard]] Zones& zones();

private:
    struct Impl;
    explicit RuleBook(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::secretary::rules
