#include "secretary/budgets/budgets.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "core/crypto/hex.h"

namespace netpas::secretary::budgets {

namespace {

constexpr std::string_view capKind = "budget";
constexpr std::string_view stateKind = "budget-state";
constexpr std::string_view warningKind = "budget-warning";
constexpr std::string_view clockId = "highest-time";
constexpr std::string_view envelopeId = "envelope";

// The same for every cap with the same target; short, whatever the subject.
std::string idOf(const Cap& cap, std::string_view subject) {
    Cap target = cap;
    target.amount = Money::zero();
    target.subject = cap.scope == Scope::Everything ? std::string() : std::string(subject);
    Bytes bytes = encode(target);
    bytes.push_back(cap.subject.empty() ? 1 : 0);
    std::array<uint8_t, 16> digest{};
    ::crypto_generichash(digest.data(), digest.size(), bytes.data(), bytes.size(), nullptr, 0);
    return toHex(digest);
}

Bytes timeBytes(SystemTime time) {
    Writer writer;
    writer.u64(static_cast<uint64_t>(time.time_since_epoch().count()));
    return writer.take();
}

std::optional<SystemTime> timeFrom(ByteView bytes) {
    Reader reader(bytes);
    const auto count = static_cast<int64_t>(reader.u64());
    if (!reader.finished()) return std::nullopt;
    return SystemTime(std::chrono::microseconds(count));
}

std::string text(SystemTime time) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm local{};
    std::array<char, 64> buffer{};
    if (::localtime_r(&seconds, &local) == nullptr) return "an unknown time";
    return {buffer.data(), std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M", &local)};
}

Refusal storageRefusal(const std::string& what) {
    return {BudgetError::Storage, {}, what, "see `netpas doctor`; nothing is spent meanwhile"};
}

Refusal invalid(std::string why, std::string hint) {
    return {BudgetError::Invalid, {}, std::move(why), std::move(hint)};
}

// Sums saturate: more than everything is still above every cap.
Money sum(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money less(Money a, Money b) { return b >= a ? Money::zero() : Money::fromEighths(a.eighths() - b.eighths()); }

}  // namespace

Money Standing::left() const { return less(cap.amount, sum(spent, reserved)); }

Budgets::Budgets(store::Documents& documents, const SpendingBook& book, const Clock& clock, const Calendar& calendar,
                 std::vector<Cap> hard)
    : m_documents(documents), m_book(book), m_clock(clock), m_calendar(calendar) {
    for (Cap& cap : hard) m_states.push_back({std::move(cap), Origin::Hard, {}, {}});
}

std::vector<Cap> Budgets::envelope() {
    return {{Scope::Everything, {}, Period::Month, Money::fromEighths(2 * Money::eighthsPerDollar)},
            {Scope::Rule, std::string(learnedRule), Period::Day, Money::fromEighths(Money::eighthsPerDollar / 20)}};
}

tl::expected<void, Refusal> Budgets::load() {
    const auto caps = m_documents.all(capKind);
    const auto state = m_documents.all(stateKind);
    const auto warnings = m_documents.all(warningKind);
    if (!caps || !state || !warnings) return tl::unexpected(storageRefusal("the budgets cannot be read"));
    for (const store::Document& document : *caps) {
        auto cap = decodeCap(document.body);
        if (!cap) return tl::unexpected(storageRefusal("a stored budget is damaged or of a newer version"));
        m_states.push_back({std::move(*cap), Origin::Set, {}, {}});
    }
    for (const store::Document& document : *state) {
        if (document.id == envelopeId) m_envelopeAnswered = true;
        if (document.id != clockId) continue;
        const auto highest = timeFrom(document.body);
        if (!highest) return tl::unexpected(storageRefusal("the stored time is damaged"));
        m_highest = m_highestKept = *highest;
    }
    forgetOldWarnings(*warnings);
    // Until a person says otherwise, little is spent without asking.
    if (const Cap quiet = envelope()[1]; find(quiet, Origin::Set) == nullptr) {
        m_states.push_back({quiet, Origin::Default, {}, {}});
    }
    const auto open = m_book.open();
    if (!open) return tl::unexpected(storageRefusal("the ledger's reservations cannot be read"));
    for (const OpenSpending& spending : *open) {
        m_reservations[spending.purchase.value()] = {spending.tags, spending.reserved, Money::zero()};
    }
    for (State& known : m_states) known.since = m_calendar.startOf(known.cap.period, now());
    return count(m_states);
}

// Warnings of periods that are over do not matter any more; those of caps without periods do.
void Budgets::forgetOldWarnings(const std::vector<store::Document>& warnings) {
    constexpr std::chrono::days longestPeriod{32};
    std::vector<store::DocumentChange> old;
    for (const store::Document& document : warnings) {
        const auto since = timeFrom(document.body);
        if (since && (*since == SystemTime{} || *since + longestPeriod > now())) {
            m_warned[document.id] = *since;
        } else {
            old.push_back({{document.kind, document.id, {}}, true});
        }
    }
    // What is not forgotten now is forgotten later.
    if (!old.empty()) (void)m_documents.apply(old);
}

SystemTime Budgets::now() const { return std::max(m_clock.now(), m_highest); }

std::optional<Refusal> Budgets::clockTrouble() const {
    if (m_clock.now() + clockTolerance >= m_highest) return std::nullopt;
    return Refusal{BudgetError::ClockSetBack,
                   {},
                   "The clock says " + text(m_clock.now()) + ", but it has been " + text(m_highest) +
                       " already; nothing is spent, for no budget may start twice.",
                   "set the clock right, or say that it is with `netpas budget accept-clock`"};
}

tl::expected<void, Refusal> Budgets::acceptClock() {
    const SystemTime clock = m_clock.now();
    if (!m_documents.put({std::string(stateKind), std::string(clockId), timeBytes(clock)})) {
        return tl::unexpected(storageRefusal("the time cannot be written"));
    }
    m_highest = m_highestKept = clock;
    for (State& state : m_states) state.since = m_calendar.startOf(state.cap.period, clock);
    return count(m_states);
}

tl::expected<void, Refusal> Budgets::keepTime(SystemTime highest) {
    if (!m_documents.put({std::string(stateKind), std::string(clockId), timeBytes(highest)})) {
        return tl::unexpected(storageRefusal("the time cannot be written"));
    }
    m_highestKept = highest;
    return {};
}

// Starts the periods that have come; the time is durable before anything is granted in them.
tl::expected<void, Refusal> Budgets::roll() {
    if (auto trouble = clockTrouble()) return tl::unexpected(std::move(*trouble));
    const SystemTime present = now();
    // Periods start at whole seconds.
    const auto second = std::chrono::floor<std::chrono::seconds>(present);
    const bool seen = second == m_rolledAt;
    bool starts = false;
    for (const State& state : m_states) {
        starts = starts || (!seen && m_calendar.startOf(state.cap.period, present) > state.since);
    }
    if (starts || present - m_highestKept > clockTolerance) {
        if (auto kept = keepTime(present); !kept) return kept;
    }
    m_highest = present;
    m_rolledAt = second;
    if (!starts) return {};
    for (State& state : m_states) {
        const SystemTime since = m_calendar.startOf(state.cap.period, present);
        if (since <= state.since) continue;
        state.since = since;
        for (auto it = state.counts.begin(); it != state.counts.end();) {
            it->second.spent = Money::zero();
            it = it->second.reserved == Money::zero() ? state.counts.erase(it) : std::next(it);
        }
    }
    return {};
}

// The subject under which spending counts for a cap; null when it does not.
const std::string* Budgets::subjectOf(const Cap& cap, const Tags& tags) {
    const std::string& tag = tagFor(cap.scope, tags);
    return cap.subject.empty() || cap.subject == tag ? &tag : nullptr;
}

// Counts of the states from reservations and ledger; their `since` is set.
tl::expected<void, Refusal> Budgets::count(std::span<State> states) const {
    std::map<SystemTime, std::vector<State*>> byStart;
    for (State& state : states) {
        byStart[state.since].push_back(&state);
        state.counts.clear();
        for (const auto& [id, held] : m_reservations) {
            if (const std::string* subject = subjectOf(state.cap, held.tags)) {
                Count& counted = state.counts[*subject];
                counted.reserved = sum(counted.reserved, held.amount);
                counted.used = sum(counted.used, held.used);
            }
        }
    }
    for (const auto& [since, group] : byStart) {
        const auto posted = m_book.postedSince(since);
        if (!posted) return tl::unexpected(storageRefusal("what was spent cannot be read from the ledger"));
        for (const PostedSpending& spending : *posted) {
            for (State* state : group) {
                if (const std::string* subject = subjectOf(state->cap, spending.tags)) {
                    Money& spent = state->counts[*subject].spent;
                    spent = sum(spent, spending.amount);
                }
            }
        }
    }
    return {};
}

Budgets::State* Budgets::find(const Cap& target, Origin origin) {
    const auto found = std::find_if(m_states.begin(), m_states.end(), [&](const State& state) {
        return state.origin == origin && state.cap.sameTarget(target);
    });
    return found == m_states.end() ? nullptr : &*found;
}

// Counts the caps of a rule that was not met before in this run.
tl::expected<void, Refusal> Budgets::learn(std::span<const Cap> extra) {
    const auto ofRules = std::count_if(m_states.begin(), m_states.end(),
                                       [](const State& state) { return state.origin == Origin::OfRule; });
    if (static_cast<size_t>(ofRules) + extra.size() > mostRuleCaps) {
        std::erase_if(m_states, [](const State& state) { return state.origin == Origin::OfRule; });
    }
    for (const Cap& cap : extra) {
        if (State* known = find(cap, Origin::OfRule)) {
            known->cap.amount = cap.amount;
            continue;
        }
        State fresh{cap, Origin::OfRule, m_calendar.startOf(cap.period, now()), {}};
        if (auto counted = count({&fresh, 1}); !counted) return counted;
        m_states.push_back(std::move(fresh));
    }
    return {};
}

// What a cap allows this request; nothing when it is of another rule.
std::optional<Money> Budgets::amountOf(const State& state, std::span<const Cap> extra) {
    if (state.origin != Origin::OfRule) return state.cap.amount;
    const auto found =
        std::find_if(extra.begin(), extra.end(), [&](const Cap& cap) { return cap.sameTarget(state.cap); });
    if (found == extra.end()) return std::nullopt;
    return found->amount;
}

Standing Budgets::standing(const State& state, const std::string& subject, const Count& counted) const {
    return {state.cap, subject, counted.spent, counted.reserved, state.since, state.origin == Origin::Hard};
}

std::optional<Refusal> Budgets::obstacle(const Tags& tags, Money worstCase, std::span<const Cap> extra) const {
    for (const State& state : m_states) {
        const auto amount = amountOf(state, extra);
        const std::string* subject = subjectOf(state.cap, tags);
        if (!amount || subject == nullptr) continue;
        const auto found = state.counts.find(*subject);
        const Count counted = found == state.counts.end() ? Count{} : found->second;
        if (sum(sum(counted.spent, counted.reserved), worstCase) <= *amount) continue;
        Standing standing = this->standing(state, *subject, counted);
        const std::string which = state.cap.subject.empty() && state.cap.scope != Scope::Everything && !subject->empty()
                                      ? " (" + *subject + ")"
                                      : "";
        std::string why = "The budget of " + sentence(state.cap) + which + " has $" + standing.left().toString() +
                          " left: $" + counted.spent.toString() + " are spent and $" + counted.reserved.toString() +
                          " set aside, and this may cost $" + worstCase.toString() + ".";
        std::string hint = state.origin == Origin::Hard ? "ask for less, or restart netpasd with a higher limit"
                                                        : "ask for less, or raise it with `netpas budget set`";
        return Refusal{BudgetError::OverCap, std::move(standing), std::move(why), std::move(hint)};
    }
    return std::nullopt;
}

tl::expected<void, Refusal> Budgets::test(const Tags& tags, Money worstCase, std::span<const Cap> extra) {
    if (worstCase.isNegative()) return tl::unexpected(invalid("an amount below zero", "ask for more than nothing"));
    if (auto rolled = roll(); !rolled) return rolled;
    if (auto learnt = learn(extra); !learnt) return learnt;
    if (auto refusal = obstacle(tags, worstCase, extra)) return tl::unexpected(std::move(*refusal));
    return {};
}

tl::expected<void, Refusal> Budgets::reserve(PurchaseId purchase, const Tags& tags, Money worstCase,
                                             std::span<const Cap> extra) {
    if (m_reservations.contains(purchase.value())) {
        return tl::unexpected(Refusal{BudgetError::Duplicate, {}, "the purchase has a reservation already", {}});
    }
    if (auto tested = test(tags, worstCase, extra); !tested) return tested;
    m_reservations[purchase.value()] = {tags, worstCase, Money::zero()};
    for (State& state : m_states) {
        if (const std::string* subject = subjectOf(state.cap, tags)) {
            Money& reserved = state.counts[*subject].reserved;
            reserved = sum(reserved, worstCase);
        }
    }
    return {};
}

Money Budgets::left(const Cap& ofRule) {
    if (!roll() || !learn({&ofRule, 1})) return Money::zero();
    const State* known = find(ofRule, Origin::OfRule);
    const auto found = known->counts.find(ofRule.subject);
    const Count counted = found == known->counts.end() ? Count{} : found->second;
    return less(ofRule.amount, sum(counted.spent, counted.reserved));
}

const Tags* Budgets::tagsOf(PurchaseId purchase) const {
    const auto found = m_reservations.find(purchase.value());
    return found == m_reservations.end() ? nullptr : &found->second.tags;
}

void Budgets::progressed(PurchaseId purchase, Money used) {
    const auto found = m_reservations.find(purchase.value());
    if (found == m_reservations.end()) return;
    Reservation& held = found->second;
    const Money more = less(std::min(used, held.amount), held.used);
    if (more == Money::zero()) return;
    held.used = sum(held.used, more);
    for (State& state : m_states) {
        if (const std::string* subject = subjectOf(state.cap, held.tags)) {
            Count& counted = state.counts[*subject];
            counted.used = sum(counted.used, more);
        }
    }
    warnWhereDue(held.tags);
}

void Budgets::spend(PurchaseId purchase, Money part) {
    const auto found = m_reservations.find(purchase.value());
    if (found == m_reservations.end()) return;
    Reservation& held = found->second;
    const Money covered = std::min(part, held.amount);
    held.amount = less(held.amount, covered);
    (void)roll();
    for (State& state : m_states) {
        const std::string* subject = subjectOf(state.cap, held.tags);
        if (subject == nullptr) continue;
        Count& counted = state.counts[*subject];
        counted.reserved = less(counted.reserved, covered);
        counted.spent = sum(counted.spent, part);
    }
    warnWhereDue(held.tags);
}

void Budgets::settle(PurchaseId purchase, Money actual) {
    const auto found = m_reservations.find(purchase.value());
    if (found == m_reservations.end()) return;
    const Reservation held = std::move(found->second);
    m_reservations.erase(found);
    // What is posted now belongs to the period of now, as it does in the ledger. That a period could not be started
    // only means that the older one goes on.
    (void)roll();
    for (State& state : m_states) {
        const std::string* subject = subjectOf(state.cap, held.tags);
        if (subject == nullptr) continue;
        Count& counted = state.counts[*subject];
        counted.reserved = less(counted.reserved, held.amount);
        counted.used = less(counted.used, held.used);
        counted.spent = sum(counted.spent, actual);
    }
    warnWhereDue(held.tags);
}

void Budgets::warnWhereDue(const Tags& tags) {
    for (const State& state : m_states) {
        const std::string* subject = subjectOf(state.cap, tags);
        if (subject == nullptr || state.cap.amount == Money::zero()) continue;
        const Count& counted = state.counts.find(*subject)->second;
        const Money quiet = Money::fromEighths(state.cap.amount.eighths() / 100 * (100 - warnPercent));
        if (sum(counted.spent, counted.used) < less(state.cap.amount, quiet)) continue;
        const std::string id = idOf(state.cap, *subject);
        const auto said = m_warned.find(id);
        if (said != m_warned.end() && said->second >= state.since) continue;
        m_warned[id] = state.since;
        // A warning that comes twice after a crash harms nobody.
        (void)m_documents.put({std::string(warningKind), id, timeBytes(state.since)});
        if (m_warn) m_warn(standing(state, *subject, counted));
    }
}

tl::expected<void, Refusal> Budgets::set(const Cap& cap) {
    if (cap.amount.isNegative()) return tl::unexpected(invalid("a budget below zero", "give an amount such as 0.50"));
    if (cap.subject.size() > longestSubject)
        return tl::unexpected(invalid("the name is too long", "at most 256 bytes"));
    if (cap.scope == Scope::Everything && !cap.subject.empty()) {
        return tl::unexpected(
            invalid("everything has no name", "for example `netpas budget set everything 2 --per month`"));
    }
    if (auto rolled = roll(); !rolled && rolled.error().error == BudgetError::Storage) return rolled;
    const auto present =
        std::count_if(m_states.begin(), m_states.end(), [](const State& state) { return state.origin == Origin::Set; });
    State* known = find(cap, Origin::Set);
    if (known == nullptr && static_cast<size_t>(present) >= mostCaps) {
        return tl::unexpected(Refusal{BudgetError::TooMany, {}, "there are too many budgets", "remove one first"});
    }
    State fresh{cap, Origin::Set, m_calendar.startOf(cap.period, now()), {}};
    if (auto counted = count({&fresh, 1}); !counted) return counted;
    if (!m_documents.put({std::string(capKind), idOf(cap, cap.subject), encode(cap)})) {
        return tl::unexpected(storageRefusal("the budget cannot be written"));
    }
    std::erase_if(m_states, [&](const State& state) {
        return (state.origin == Origin::Set || state.origin == Origin::Default) && state.cap.sameTarget(cap);
    });
    m_states.push_back(std::move(fresh));
    return {};
}

tl::expected<void, Refusal> Budgets::remove(const Cap& target) {
    if (find(target, Origin::Hard) != nullptr && find(target, Origin::Set) == nullptr) {
        return tl::unexpected(Refusal{
            BudgetError::HardLimit, {}, "that limit is the administrator's", "restart netpasd with another limit"});
    }
    if (find(target, Origin::Set) == nullptr) {
        return tl::unexpected(Refusal{BudgetError::Unknown, {}, "there is no such budget", "see `netpas budget show`"});
    }
    if (!m_documents.erase(std::string(capKind), idOf(target, target.subject))) {
        return tl::unexpected(storageRefusal("the budget cannot be removed"));
    }
    std::erase_if(m_states,
                  [&](const State& state) { return state.origin == Origin::Set && state.cap.sameTarget(target); });
    const Cap quiet = envelope()[1];
    if (!target.sameTarget(quiet)) return {};
    State fresh{quiet, Origin::Default, m_calendar.startOf(quiet.period, now()), {}};
    if (auto counted = count({&fresh, 1}); !counted) return counted;
    m_states.push_back(std::move(fresh));
    return {};
}

tl::expected<void, Refusal> Budgets::answerEnvelope(bool accept) {
    std::vector<Cap> wanted = envelope();
    if (!accept) {
        wanted.erase(wanted.begin());
        wanted.front().amount = Money::zero();
    }
    for (const Cap& cap : wanted) {
        if (auto done = set(cap); !done) return done;
    }
    if (!m_documents.put({std::string(stateKind), std::string(envelopeId), Bytes{uint8_t{accept}}})) {
        return tl::unexpected(storageRefusal("the answer cannot be written"));
    }
    m_envelopeAnswered = true;
    return {};
}

std::vector<Standing> Budgets::standings() {
    (void)roll();
    std::vector<Standing> list;
    for (const State& state : m_states) {
        if (state.counts.empty() || !state.cap.subject.empty()) {
            const auto found = state.counts.find(state.cap.subject);
            list.push_back(standing(state, state.cap.subject, found == state.counts.end() ? Count{} : found->second));
            continue;
        }
        for (const auto& [subject, counted] : state.counts) list.push_back(standing(state, subject, counted));
    }
    return list;
}

std::optional<Standing> Budgets::tightest(const Tags& tags) {
    (void)roll();
    std::optional<Standing> least;
    for (const State& state : m_states) {
        const std::string* subject = subjectOf(state.cap, tags);
        if (subject == nullptr || state.origin == Origin::OfRule) continue;
        const auto found = state.counts.find(*subject);
        Standing candidate = standing(state, *subject, found == state.counts.end() ? Count{} : found->second);
        if (!least || candidate.left() < least->left()) least = std::move(candidate);
    }
    return least;
}

}  // namespace netpas::secretary::budgets
