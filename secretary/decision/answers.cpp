// What a person's answer does: it ends the question, may make a rule, teaches, and decides what waited.
#include <algorithm>

#include "secretary/decision/decider.h"
#include "secretary/decision/suggestion.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::decision {

namespace {

using Said = prompts::Verdict;
using Kind = AnswerFailure::Kind;

bool approves(const prompts::Answer& answer) {
    return answer.verdict == Said::ApproveOnce || answer.verdict == Said::ApproveRule;
}

AnswerFailure failureFor(const prompts::Refused& refused) {
    switch (refused.problem) {
    case prompts::AnswerProblem::Unknown:
        return {Kind::Unknown, "there is no such question", "netpas pending list", {}};
    case prompts::AnswerProblem::Answered: {
        const bool person = refused.closed && refused.closed->answered;
        const std::string by = refused.closed ? refused.closed->by : "somebody else";
        return {Kind::Answered,
                person ? by + " answered it first: " + std::string(prompts::name(refused.closed->verdict))
                       : "it is decided already, by " + by,
                "netpas history", refused.closed};
    }
    case prompts::AnswerProblem::Changed:
        return {Kind::Changed, "the question has changed since it was shown", "look at it again, then answer", {}};
    case prompts::AnswerProblem::Storage:
        return {Kind::Storage, "the answer cannot be written down", "see `netpas doctor`", {}};
    }
    return {};
}

AnswerFailure invalid(std::string message, std::string hint) {
    return {Kind::Invalid, std::move(message), std::move(hint), {}};
}

}  // namespace

std::optional<AnswerFailure> Decider::objection(const prompts::Entry& entry, const prompts::Answer& answer) const {
    if (answer.lifetime == prompts::Lifetime::Until && answer.until <= m_parts.clock.now()) {
        return invalid("that time is over already", "give one that is still to come");
    }
    if (answer.lifetime == prompts::Lifetime::AppExit && (entry.request.process == 0 || entry.request.app.empty())) {
        return invalid("it is not known which running application asks", "choose another lifetime, such as today");
    }
    if (!approves(answer)) return std::nullopt;
    if (answer.upTo && *answer.upTo < entry.request.price) {
        return invalid(
            "the limit of $" + answer.upTo->toString() + " is below the price of $" + entry.request.price.toString(),
            "raise it, or refuse");
    }
    if (entry.state == prompts::EntryState::Missed) return std::nullopt;
    if (const auto limit = hardLimit(Money::zero()))
        return AnswerFailure{Kind::Stopped, limit->sentence, limit->hint, {}};
    return std::nullopt;
}

// The rule that the answer makes, if it makes one; `fresh` if it did not replace one about exactly the same.
tl::expected<std::optional<rules::RuleId>, AnswerFailure> Decider::makeRule(const prompts::Entry& entry,
                                                                            const prompts::Answer& answer,
                                                                            bool& fresh) {
    const SystemTime now = m_parts.clock.now();
    const auto rule = ruleFrom(entry, answer, m_settings.owner, m_parts.calendar, now);
    fresh = false;
    if (!rule) return std::nullopt;
    const auto known = m_parts.rules.list();
    const auto same = std::find_if(known.begin(), known.end(), [&](const rules::Rule* one) {
        return one->alive() && one->match == rule->match && one->origin == rules::Origin::User && !one->budget &&
               (!one->grant.unit || !rule->grant.unit || one->grant.unit == rule->grant.unit) &&
               one->priority == rule->priority;
    });
    if (same != known.end()) {
        const rules::RuleId id = (*same)->id;
        if (auto edited = m_parts.rules.edit(id, *rule, now); !edited) {
            return tl::unexpected(invalid(edited.error().message, edited.error().hint));
        }
        return id;
    }
    const auto made = m_parts.rules.add(*rule, now);
    if (!made) return tl::unexpected(invalid(made.error().message, made.error().hint));
    fresh = true;
    return *made;
}

tl::expected<Answered, AnswerFailure> Decider::answer(prompts::EntryId id, std::optional<uint32_t> revision,
                                                      const prompts::Answer& answer, const std::string& by) {
    m_parts.queue.tick();
    const auto entry = m_parts.queue.find(id);
    if (entry && revision && *revision != entry->revision) {
        return tl::unexpected(failureFor({prompts::AnswerProblem::Changed, {}}));
    }
    std::optional<rules::RuleId> rule;
    bool fresh = false;
    if (entry) {
        if (auto why = objection(*entry, answer)) return tl::unexpected(std::move(*why));
        auto made = makeRule(*entry, answer, fresh);
        if (!made) return tl::unexpected(std::move(made.error()));
        rule = *made;
    }
    const auto taken = m_parts.queue.take(id, revision, answer, by);
    if (!taken) {
        if (rule && fresh) (void)m_parts.rules.remove(*rule);
        return tl::unexpected(failureFor(taken.error()));
    }
    Answered result;
    result.entry = taken->entry;
    result.rule = rule;
    learn(taken->entry, answer);
    conclude(result, *taken, answer);
    reconsider();
    return result;
}

void Decider::learn(const prompts::Entry& entry, const prompts::Answer& answer) {
    switch (answer.verdict) {
    case Said::NotNow: return;  // says nothing about the price
    case Said::ApproveOnce:
    case Said::ApproveRule:
        (void)m_experience.observe(entry.request, learning::Answer::Accept, m_parts.clock.now());
        return;
    case Said::Refuse: (void)m_experience.observe(entry.request, learning::Answer::Refuse, m_parts.clock.now()); return;
    }
}

// Decides the requests that waited for this answer.
void Decider::conclude(Answered& result, const prompts::Taken& taken, const prompts::Answer& answer) {
    const std::string no = answer.verdict == Said::NotNow ? "You said \"not now\"." : "You refused it.";
    for (const prompts::Taken::Waiting& waiting : taken.tickets) {
        const PurchaseId id(waiting.ticket.value());
        if (!m_waiting.contains(id.value())) continue;
        Verdict verdict = Denied{"RESTRICTED", no, {}, ledger::Why{"person", "person", no, {}}};
        if (approves(answer)) {
            const auto ofRule =
                result.rule ? m_parts.rules.decide(waiting.request, m_parts.clock.now()) : rules::Verdict{};
            RuleSays says;
            if (ofRule.rule == result.rule && ofRule.outcome == rules::Outcome::Allow)
                says = byRules(id, waiting.request);
            verdict = says.verdict ? std::move(*says.verdict)
                                   : byPerson(id, waiting.request, "You were asked, and approved it.");
        }
        if (const auto* refused = std::get_if<Denied>(&verdict)) {
            ++result.denied;
            if (approves(answer)) result.note = refused->sentence;
        } else {
            ++result.approved;
        }
        finish(id, std::move(verdict));
    }
}

std::optional<Content> Decider::content(prompts::EntryId id) {
    const auto entry = m_parts.queue.find(id);
    if (!entry) return std::nullopt;
    Content content;
    content.entry = *entry;
    content.visible = m_parts.queue.visible() == id;
    for (const prompts::Taken::Waiting& waiting : m_parts.queue.waitingFor(id)) {
        ++content.tickets;
        content.worstCase = checkedAdd(content.worstCase, waiting.request.worstCase).value_or(Money::max());
    }
    const SpendRequest& request = entry->request;
    const std::string user = request.user.empty() ? std::to_string(request.uid) : request.user;
    content.budget =
        m_parts.budgets.tightest({request.app, request.payee, request.purpose, request.node, user, "person"});
    const prompts::Answer suggested = suggestedAnswer(request, m_settings.owner);
    content.suggestedParts = *suggested.parts;
    if (auto rule = ruleFrom(*entry, suggested, m_settings.owner, m_parts.calendar, m_parts.clock.now())) {
        content.suggested = std::move(*rule);
        content.sentence = rules::sentence(content.suggested);
    }
    return content;
}

}  // namespace netpas::secretary::decision
