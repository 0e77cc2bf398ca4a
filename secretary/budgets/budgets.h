// Sets the worst case aside before anything is paid and settles to what was really spent, so that purchases that run
// together cannot pass a cap together (NetPaS §5.3). What is set aside and spent is durable in the ledger, from which
// this is rebuilt at start; caps and the highest time ever seen are documents. One thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/budgets/budget.h"

namespace netpas::secretary::budgets {

// Money of an open purchase that is still set aside.
struct OpenSpending {
    PurchaseId purchase;
    Tags tags;
    Money reserved;
};
// Money that is gone.
struct PostedSpending {
    Tags tags;
    Money amount;
};
// The ledger, as budgets read it.
class SpendingBook {
public:
    virtual ~SpendingBook() = default;
    // Nothing: the ledger cannot be read.
    [[nodiscard]] virtual std::optional<std::vector<OpenSpending>> open() const = 0;
    // Everything that was posted at `since` or later, and whatever was posted after the first such posting even if
    // the clock had been set back in between.
    [[nodiscard]] virtual std::optional<std::vector<PostedSpending>> postedSince(SystemTime since) const = 0;
};

enum class BudgetError {
    Storage,       // the ledger cannot be read, or a document not written; nothing was changed
    OverCap,       // the worst case does not fit
    ClockSetBack,  // the clock stands before a time that has already been
    Duplicate,     // that purchase has a reservation
    Unknown,       // no such cap
    HardLimit,     // a cap of the administrator's, which only the command line of netpasd changes
    Invalid,       // a negative amount, a text that is too long
    TooMany,       // caps
};

// How a cap stands, for one subject.
struct Standing {
    Cap cap;
    std::string subject;  // of a cap for each of its kind: which one
    Money spent;          // since `since`
    Money reserved;
    SystemTime since;
    bool hard = false;

    [[nodiscard]] Money left() const;  // never negative
};

struct Refusal {
    BudgetError error = BudgetError::OverCap;
    std::optional<Standing> standing;  // of the cap that is in the way
    std::string sentence;              // why, for people
    std::string hint;                  // what helps
};

class Budgets {
public:
    static constexpr size_t mostCaps = 256;       // that are set
    static constexpr size_t mostRuleCaps = 1024;  // that are remembered; others are counted anew
    static constexpr std::chrono::minutes clockTolerance{5};
    static constexpr int warnPercent = 80;

    // `hard` caps are there whatever the documents say.
    Budgets(store::Documents& documents, const SpendingBook& book, const Clock& clock, const Calendar& calendar,
            std::vector<Cap> hard);

    // Reads documents and ledger; call once, before anything else.
    [[nodiscard]] tl::expected<void, Refusal> load();

    // All or nothing over every cap that applies, `extra` among them (of the rule that decided; kept with the
    // reservation, and counted from the ledger).
    [[nodiscard]] tl::expected<void, Refusal> reserve(PurchaseId purchase, const Tags& tags, Money worstCase,
                                                      std::span<const Cap> extra = {});
    // Whether reserve() would succeed now; nothing is set aside.
    [[nodiscard]] tl::expected<void, Refusal> test(const Tags& tags, Money worstCase, std::span<const Cap> extra = {});
    // What is left of a cap of a rule, whether it was met before or not; nothing when that cannot be told.
    [[nodiscard]] Money left(const Cap& ofRule);
    // What a purchase with a reservation is for.
    [[nodiscard]] const Tags* tagsOf(PurchaseId purchase) const;
    // What a running purchase has used so far; for warnings only.
    void progressed(PurchaseId purchase, Money used);
    // Part of what is set aside is gone for good, whatever becomes of the rest.
    void spend(PurchaseId purchase, Money part);
    // The purchase is over and cost this much; its reservation is gone. Without a reservation: nothing.
    void settle(PurchaseId purchase, Money actual);
    void release(PurchaseId purchase) { settle(purchase, Money::zero()); }

    // Replaces the cap of the same target; durable when it returns. Caps below what is committed stop new spending.
    [[nodiscard]] tl::expected<void, Refusal> set(const Cap& cap);
    [[nodiscard]] tl::expected<void, Refusal> remove(const Cap& target);
    [[nodiscard]] std::vector<Standing> standings();
    // The tightest of all caps that apply to these tags.
    [[nodiscard]] std::optional<Standing> tightest(const Tags& tags);

    // The first start's proposal: $2 a month for everything, and 5¢ a day without asking. Until it is answered the
    // second part holds; declined, nothing is spent without asking.
    [[nodiscard]] static std::vector<Cap> envelope();
    [[nodiscard]] bool envelopeOpen() const { return !m_envelopeAnswered; }
    [[nodiscard]] tl::expected<void, Refusal> answerEnvelope(bool accept);

    // The later of the clock and of the highest time ever seen: what periods go by.
    [[nodiscard]] SystemTime now() const;
    // Set when the clock stands before a time that has already been, by more than the tolerance.
    [[nodiscard]] std::optional<Refusal> clockTrouble() const;
    // A person says that the clock is right. Spending stays counted.
    [[nodiscard]] tl::expected<void, Refusal> acceptClock();

    // Called once in each period in which a cap's spending reaches `warnPercent`.
    void onWarning(std::function<void(const Standing&)> listener) { m_warn = std::move(listener); }

    [[nodiscard]] size_t reservations() const { return m_reservations.size(); }

private:
    struct Count {
        Money reserved;
        Money spent;
        Money used;  // of what is reserved
    };
    enum class Origin : uint8_t { Hard, Set, Default, OfRule };
    struct State {
        Cap cap;
        Origin origin = Origin::Set;
        SystemTime since;
        std::map<std::string, Count, std::less<>> counts;
    };
    struct Reservation {
        Tags tags;
        Money amount;
        Money used;
    };

    [[nodiscard]] static const std::string* subjectOf(const Cap& cap, const Tags& tags);
    [[nodiscard]] tl::expected<void, Refusal> roll();
    [[nodiscard]] tl::expected<void, Refusal> keepTime(SystemTime highest);
    [[nodiscard]] tl::expected<void, Refusal> count(std::span<State> states) const;
    [[nodiscard]] tl::expected<void, Refusal> learn(std::span<const Cap> extra);
    [[nodiscard]] std::optional<Refusal> obstacle(const Tags& tags, Money worstCase, std::span<const Cap> extra) const;
    [[nodiscard]] State* find(const Cap& target, Origin origin);
    [[nodiscard]] static std::optional<Money> amountOf(const State& state, std::span<const Cap> extra);
    [[nodiscard]] Standing standing(const State& state, const std::string& subject, const Count& count) const;
    void warnWhereDue(const Tags& tags);
    void forgetOldWarnings(const std::vector<store::Document>& warnings);

    store::Documents& m_documents;
    const SpendingBook& m_book;
    const Clock& m_clock;
    const Calendar& m_calendar;
    std::vector<State> m_states;
    std::map<std::string, SystemTime, std::less<>> m_warned;  // by what(), the period in which it was said
    std::map<uint64_t, Reservation> m_reservations;
    std::function<void(const Standing&)> m_warn;
    SystemTime m_highest;      // in this run
    SystemTime m_rolledAt;     // the second for which no period is missing
    SystemTime m_highestKept;  // durable
    bool m_envelopeAnswered = false;
};

}  // namespace netpas::secretary::budgets
