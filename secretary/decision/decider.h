// Whether money may be spent, decided by exactly one of: hard limits, a rule, what was learnt, a person (NetPaS §5.3; UX,
// Rules). One thread; time is injected. A listener may be called before the call that was given it returns.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "core/ledger/types.h"
#include "core/store/documents.h"
#include "secretary/budgets/budgets.h"
#include "secretary/decision/experience.h"
#include "secretary/prompts/queue.h"
#include "secretary/rules/rule_book.h"

namespace netpas::secretary::decision {

// Its worst case is set aside until settled().
struct Approved {
    ledger::Why why;
};
// A person is asked; a second verdict follows.
struct Pending {
    prompts::EntryId entry;
    std::string sentence;
};
struct Denied {
    std::string code;  // of the local API (UX): QUOTA_EXCEEDED, RESTRICTED, LOCKED, NO_AGENT, EXPIRED, RATE_LIMITED
    std::string sentence;
    std::string hint;
    std::optional<ledger::Why> why;
};
using Verdict = std::variant<Approved, Pending, Denied>;
using Done = std::function<void(Verdict)>;

// Why an answer did not count; nothing was decided or spent.
struct AnswerFailure {
    enum class Kind : uint8_t { Unknown, Answered, Changed, Invalid, Stopped, Storage };
    Kind kind = Kind::Unknown;
    std::string message;
    std::string hint;
    std::optional<prompts::Closed> closed;  // of Answered
};

struct Answered {
    prompts::Entry entry;
    size_t approved = 0;  // of the requests that waited
    size_t denied = 0;
    std::optional<rules::RuleId> rule;  // that it made
    std::string note;                   // why something was denied though the answer was yes
};

// What a window shows of a question (UX, The decision, 1 to 5).
struct Content {
    prompts::Entry entry;
    bool visible = false;
    size_t tickets = 0;
    Money worstCase;                          // of all that wait
    std::optional<budgets::Standing> budget;  // the tightest that applies
    rules::RuleText suggested;                // what "Approve…" would make if nothing is changed
    std::vector<prompts::Part> suggestedParts;
    std::string sentence;  // of the suggested rule
};

struct DeciderSettings {
    Money perPurchase = Money::max();  // no purchase may cost more
    uint32_t owner = 0;                // whose rules need not say for whom they are
};

class Decider {
public:
    struct Parts {
        store::Documents& documents;
        budgets::Budgets& budgets;
        prompts::Queue& queue;
        rules::RuleBook& rules;
        const budgets::Calendar& calendar;
        const Clock& clock;
    };
    Decider(Parts parts, const DeciderSettings& settings);
    ~Decider();
    Decider(const Decider&) = delete;
    Decider& operator=(const Decider&) = delete;

    // What is refused whatever rules and people say, before anybody was asked for a price: limits, and budgets that hold
    // whichever rule decides. Of `tags` the rule is not looked at.
    [[nodiscard]] std::optional<Denied> precheck(budgets::Tags tags, Money worstCase);
    // `byPerson`: the owner asks for it in person, which is an answer. `done` is called once, or twice after Pending.
    void authorize(PurchaseId id, const SpendRequest& request, bool byPerson, Done done);
    // The purchase is over and cost this much; also of one that waits, or that was never authorized.
    void settled(PurchaseId id, Money amount);
    void progressed(PurchaseId id, Money used) { m_parts.budgets.progressed(id, used); }

    // A person's answer to a question, or to one that was missed: then it decides for the next time.
    [[nodiscard]] tl::expected<Answered, AnswerFailure> answer(prompts::EntryId id, std::optional<uint32_t> revision,
                                                               const prompts::Answer& answer, const std::string& by);
    [[nodiscard]] std::optional<Content> content(prompts::EntryId id);
    // Rules, budgets or answers have changed: what waits may be decided now.
    void reconsider();

    [[nodiscard]] prompts::Mode mode() const { return m_parts.queue.mode(); }
    [[nodiscard]] tl::expected<void, store::StoreError> setMode(prompts::Mode mode);
    void setLocked(bool locked);
    // Spending was paused (true) or locked (false): every session key is to be revoked now.
    void onStop(std::function<void(bool paused)> listener) { m_stop = std::move(listener); }

    [[nodiscard]] Experience& experience() { return m_experience; }
    // Deadlines and expiry; call at nextEvent() and at least every minute.
    void tick();
    [[nodiscard]] std::optional<SystemTime> nextEvent() const { return m_parts.queue.nextEvent(); }

private:
    // What rules come to: a verdict, or that somebody must be asked, or nothing.
    struct RuleSays {
        std::optional<Verdict> verdict;
        bool ask = false;
        std::string sentence;
    };

    [[nodiscard]] std::optional<Denied> hardLimit(Money worstCase) const;
    [[nodiscard]] RuleSays byRules(PurchaseId id, const SpendRequest& request);
    [[nodiscard]] std::optional<Verdict> byLearning(PurchaseId id, const SpendRequest& request, bool again);
    [[nodiscard]] Verdict byPerson(PurchaseId id, const SpendRequest& request, const std::string& sentence);
    [[nodiscard]] Verdict ask(PurchaseId id, const SpendRequest& request, const std::string& why);
    void finish(PurchaseId id, Verdict verdict);
    void unanswered(PurchaseId id, prompts::Unanswered how);

    [[nodiscard]] std::optional<AnswerFailure> objection(const prompts::Entry& entry,
                                                         const prompts::Answer& answer) const;
    [[nodiscard]] tl::expected<std::optional<rules::RuleId>, AnswerFailure> makeRule(const prompts::Entry& entry,
                                                                                     const prompts::Answer& answer,
                                                                                     bool& fresh);
    void conclude(Answered& result, const prompts::Taken& taken, const prompts::Answer& answer);
    void learn(const prompts::Entry& entry, const prompts::Answer& answer);

    Parts m_parts;
    DeciderSettings m_settings;
    Experience m_experience;
    std::map<uint64_t, Done> m_waiting;
    std::function<void(bool)> m_stop;
    bool m_locked = false;
    bool m_reconsidering = false;
};

}  // namespace netpas::secretary::decision
