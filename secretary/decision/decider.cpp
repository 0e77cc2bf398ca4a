#include "secretary/decision/decider.h"

#include <algorithm>
#include <charconv>

#include "secretary/decision/suggestion.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::decision {

namespace {

constexpr std::string_view personRule = "person";

budgets::Tags tagsFor(const SpendRequest& request, std::string rule) {
    return {request.app,
            request.payee,
            request.purpose,
            request.node,
            request.user.empty() ? std::to_string(request.uid) : request.user,
            std::move(rule)};
}

budgets::Period periodOf(rules::Period period) {
    switch (period) {
    case rules::Period::Day: return budgets::Period::Day;
    case rules::Period::Week: return budgets::Period::Week;
    case rules::Period::Month: return budgets::Period::Month;
    case rules::Period::Total: return budgets::Period::Total;
    }
    return budgets::Period::Total;
}

budgets::Cap capOf(rules::RuleId id, const rules::RuleBudget& budget) {
    return {budgets::Scope::Rule, std::to_string(id.value()), periodOf(budget.period), budget.amount};
}

std::optional<rules::RuleId> ruleIn(const budgets::Tags* tags) {
    uint64_t number = 0;
    if (tags == nullptr) return std::nullopt;
    const char* const end = tags->rule.data() + tags->rule.size();
    const auto [stop, error] = std::from_chars(tags->rule.data(), end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return rules::RuleId::from(number);
}

std::string nameOf(std::optional<rules::RuleId> id) { return id ? "rule " + std::to_string(id->value()) : ""; }

ledger::Why because(std::string_view decider, std::string_view rule, std::string sentence, std::string runnerUp = {}) {
    return {std::string(rule), std::string(decider), std::move(sentence), std::move(runnerUp)};
}

Denied denied(std::string_view decider, std::string_view rule, std::string code, std::string sentence,
              std::string hint) {
    return {std::move(code), sentence, std::move(hint), because(decider, rule, sentence)};
}

Denied overBudget(const budgets::Refusal& refusal) {
    switch (refusal.error) {
    case budgets::BudgetError::ClockSetBack:
        return denied("limit", "clock", "RESTRICTED", refusal.sentence, refusal.hint);
    case budgets::BudgetError::OverCap: break;
    case budgets::BudgetError::Storage:
    case budgets::BudgetError::Duplicate:
    case budgets::BudgetError::Unknown:
    case budgets::BudgetError::HardLimit:
    case budgets::BudgetError::Invalid:
    case budgets::BudgetError::TooMany:
        return denied("limit", "budget", "LOCAL_FAILURE", refusal.sentence, refusal.hint);
    }
    const std::string budget = refusal.standing ? budgets::sentence(refusal.standing->cap) : std::string("budget");
    return denied("budget", budget, "QUOTA_EXCEEDED", refusal.sentence, refusal.hint);
}

std::string answersText(uint32_t count) { return count == 1 ? "one answer" : std::to_string(count) + " answers"; }

std::string learnedSentence(const learning::Decision& decision, const SpendRequest& request) {
    const int percent = static_cast<int>(decision.acceptance * 100 + 0.5);
    return "From " + answersText(decision.answersRelated) + " of yours (" + std::to_string(decision.answersHere) +
           " about exactly this) you pay " + rules::priceText(request.price, request.unit) + " for this with " +
           std::to_string(percent) + " % probability; your limit lies between " +
           rules::priceText(decision.thresholdLow) + " and " + rules::priceText(decision.thresholdHigh) + ".";
}

}  // namespace

Decider::Decider(Parts parts, const DeciderSettings& settings)
    : m_parts(parts), m_settings(settings), m_experience(parts.documents) {
    m_parts.queue.onUnanswered(
        [this](prompts::Ticket ticket, prompts::Unanswered how) { unanswered(PurchaseId(ticket.value()), how); });
    m_parts.rules.setBudgetLeft([this](const rules::Rule& rule) -> std::optional<Money> {
        if (!rule.budget) return std::nullopt;
        return m_parts.budgets.left(capOf(rule.id, *rule.budget));
    });
}

Decider::~Decider() {
    m_parts.queue.onUnanswered({});
    m_parts.rules.setBudgetLeft({});
}

std::optional<Denied> Decider::hardLimit(Money worstCase) const {
    if (m_locked) return denied("limit", "lock", "LOCKED", "The secretary is locked.", "netpas unlock");
    if (mode() == prompts::Mode::Pause) {
        return denied("limit", "pause", "RESTRICTED", "Spending is paused.", "netpas mode ask");
    }
    if (const auto trouble = m_parts.budgets.clockTrouble()) return overBudget(*trouble);
    if (worstCase > m_settings.perPurchase) {
        return denied("limit", "hard limit per purchase", "QUOTA_EXCEEDED",
                      "The cap of " + worstCase.toString() + " is above the limit of " +
                          m_settings.perPurchase.toString() + " for one purchase.",
                      "ask for a smaller --cap, or restart netpasd with a higher --max-purchase");
    }
    return std::nullopt;
}

std::optional<Denied> Decider::precheck(budgets::Tags tags, Money worstCase) {
    if (auto limit = hardLimit(worstCase)) return limit;
    tags.rule = personRule;
    if (auto fits = m_parts.budgets.test(tags, worstCase); !fits) return overBudget(fits.error());
    return std::nullopt;
}

void Decider::authorize(PurchaseId id, const SpendRequest& request, bool byPerson, Done done) {
    if (auto limit = hardLimit(request.worstCase)) return done(std::move(*limit));
    if (byPerson) {
        Verdict verdict = this->byPerson(id, request, "You asked for it, and the whole cap is within the limits.");
        const bool approved = std::holds_alternative<Approved>(verdict);
        done(std::move(verdict));
        if (!approved) return;
        (void)m_experience.observe(request, learning::Answer::Accept, m_parts.clock.now());
        return reconsider();
    }
    RuleSays says = byRules(id, request);
    if (says.verdict) return done(std::move(*says.verdict));
    if (!says.ask) {
        if (auto verdict = byLearning(id, request, false)) return done(std::move(*verdict));
    }
    Verdict asked = ask(id, request, says.ask ? says.sentence : std::string());
    if (std::holds_alternative<Pending>(asked)) m_waiting[id.value()] = done;
    done(std::move(asked));
}

Decider::RuleSays Decider::byRules(PurchaseId id, const SpendRequest& request) {
    constexpr int attempts = 4;  // a rule for once may be used up in between
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const SystemTime now = m_parts.clock.now();
        const rules::Verdict says = m_parts.rules.decide(request, now);
        if (says.outcome == rules::Outcome::None || !says.rule) return {};
        const std::string rule = std::to_string(says.rule->value());
        if (says.outcome == rules::Outcome::Ask) {
            (void)m_parts.rules.use(says, now);
            return {std::nullopt, true, says.sentence};
        }
        ledger::Why why = because("rule", rule, says.sentence, nameOf(says.runnerUp));
        if (says.outcome == rules::Outcome::Deny) {
            (void)m_parts.rules.use(says, now);
            return {Denied{"RESTRICTED", says.sentence, "netpas rules explain", std::move(why)}, false, {}};
        }
        std::vector<budgets::Cap> extra;
        if (says.budget) extra.push_back(capOf(*says.rule, *says.budget));
        if (auto reserved = m_parts.budgets.reserve(id, tagsFor(request, rule), request.worstCase, extra); !reserved) {
            return {overBudget(reserved.error()), false, {}};
        }
        if (const auto used = m_parts.rules.use(says, now))
            return {Approved{std::move(why)}, false, {}};
        else if (m_parts.budgets.release(id); used.error().error != rules::RuleError::Ended) {
            return {denied("limit", "rules", "LOCAL_FAILURE", used.error().message, used.error().hint), false, {}};
        }
    }
    return {};
}

std::optional<Verdict> Decider::byLearning(PurchaseId id, const SpendRequest& request, bool again) {
    const SystemTime now = m_parts.clock.now();
    const auto learnt = again ? m_experience.decideAgain(request, now) : m_experience.decide(request, now);
    if (!learnt || learnt->verdict == learning::Verdict::Ask) return std::nullopt;
    ledger::Why why = because("learning", budgets::learnedRule, learnedSentence(*learnt, request));
    if (learnt->verdict == learning::Verdict::Refuse) {
        return Denied{"RESTRICTED", why.sentence, "a rule says otherwise: netpas rules add", why};
    }
    const budgets::Tags tags = tagsFor(request, std::string(budgets::learnedRule));
    // What may be spent without asking is a reason to ask, not to refuse.
    if (!m_parts.budgets.reserve(id, tags, request.worstCase)) return std::nullopt;
    return Approved{std::move(why)};
}

Verdict Decider::byPerson(PurchaseId id, const SpendRequest& request, const std::string& sentence) {
    const rules::Verdict otherwise = m_parts.rules.decide(request, m_parts.clock.now());
    const budgets::Tags tags = tagsFor(request, std::string(personRule));
    if (auto reserved = m_parts.budgets.reserve(id, tags, request.worstCase); !reserved) {
        return overBudget(reserved.error());
    }
    return Approved{because("person", personRule, sentence, nameOf(otherwise.rule))};
}

Verdict Decider::ask(PurchaseId id, const SpendRequest& request, const std::string& why) {
    // Nobody is asked for what the answer could not allow.
    const budgets::Tags tags = tagsFor(request, std::string(personRule));
    if (auto fits = m_parts.budgets.test(tags, request.worstCase); !fits) return overBudget(fits.error());
    const auto asked = m_parts.queue.ask(prompts::Ticket(id.value()), request);
    if (!asked) {
        return denied("limit", "queue", "LOCAL_FAILURE", "The question cannot be written down.", "see `netpas doctor`");
    }
    const std::string number = std::to_string(asked->entry.value());
    if (!asked->over) {
        return Pending{asked->entry, why.empty() ? "A person is asked." : "A person is asked. " + why};
    }
    const std::string later = "for the next time: netpas pending approve " + number;
    switch (*asked->over) {
    case prompts::Unanswered::NoFrontEnd:
        return denied("nobody", "ask", "NO_AGENT", "Nobody is there to be asked.", later);
    case prompts::Unanswered::CoolingDown:
        return denied("person", "not now", "RESTRICTED", "You said \"not now\" to this a while ago.", later);
    case prompts::Unanswered::Full:
        return denied("nobody", "ask", "RATE_LIMITED", "Too many questions wait for an answer.", "netpas pending list");
    case prompts::Unanswered::Expired: return denied("nobody", "ask", "EXPIRED", "The quote has run out.", later);
    }
    return denied("nobody", "ask", "EXPIRED", "The quote has run out.", later);
}

void Decider::finish(PurchaseId id, Verdict verdict) {
    const auto found = m_waiting.find(id.value());
    if (found == m_waiting.end()) return;
    const Done done = std::move(found->second);
    m_waiting.erase(found);
    done(std::move(verdict));
}

void Decider::unanswered(PurchaseId id, prompts::Unanswered how) {
    const std::string sentence =
        how == prompts::Unanswered::Expired ? "Nobody answered before the quote ran out." : "Nobody could be asked.";
    finish(id, denied("nobody", "ask", "EXPIRED", sentence, "for the next time: netpas review"));
}

void Decider::settled(PurchaseId id, Money amount) {
    if (m_waiting.erase(id.value()) > 0) m_parts.queue.withdraw(prompts::Ticket(id.value()), "caller");
    const auto rule = ruleIn(m_parts.budgets.tagsOf(id));
    m_parts.budgets.settle(id, amount);
    if (!rule) return;
    if (amount > Money::zero()) return m_parts.rules.addSpent(*rule, amount);
    // Should this fail, the rule stays used up, and a person is asked again.
    (void)m_parts.rules.giveBack(*rule, m_parts.clock.now());
}

void Decider::reconsider() {
    if (m_reconsidering) return;
    m_reconsidering = true;
    for (const prompts::Taken::Waiting& waiting : m_parts.queue.waiting()) {
        const PurchaseId id(waiting.ticket.value());
        if (!m_waiting.contains(id.value()) || hardLimit(waiting.request.worstCase)) continue;
        RuleSays says = byRules(id, waiting.request);
        std::optional<Verdict> verdict = std::move(says.verdict);
        if (!verdict && !says.ask) verdict = byLearning(id, waiting.request, true);
        if (!verdict) continue;
        m_parts.queue.withdraw(waiting.ticket, says.verdict ? "rules" : "learning");
        finish(id, std::move(*verdict));
    }
    m_reconsidering = false;
}

tl::expected<void, store::StoreError> Decider::setMode(prompts::Mode mode) {
    const bool pauses = mode == prompts::Mode::Pause;
    auto done = m_parts.queue.setMode(mode);
    if (done && pauses && m_stop) m_stop(true);
    return done;
}

void Decider::setLocked(bool locked) {
    m_locked = locked;
    m_parts.queue.setLocked(locked);
    if (locked && m_stop) m_stop(false);
}

void Decider::tick() {
    m_parts.queue.tick();
    (void)m_parts.rules.sweep(m_parts.clock.now());
}

}  // namespace netpas::secretary::decision
