#include "tests/sim/simulated_secretary.h"

#include <stdexcept>

#include "secretary/decision/decider.h"

namespace netpas::sim {

using namespace secretary;

namespace {

constexpr uint32_t uid = 1000;

// Simulated users have no budgets, so nothing is ever looked up here.
class NothingSpent final : public budgets::SpendingBook {
public:
    std::optional<std::vector<budgets::OpenSpending>> open() const override {
        return std::vector<budgets::OpenSpending>();
    }
    std::optional<std::vector<budgets::PostedSpending>> postedSince(SystemTime) const override {
        return std::vector<budgets::PostedSpending>();
    }
};

class DaysOfUtc final : public budgets::Calendar {
public:
    SystemTime startOf(budgets::Period, SystemTime at) const override {
        return std::chrono::floor<std::chrono::days>(at);
    }
};

rules::RuleBook emptyRules(store::Documents& documents, SystemTime now) {
    auto rules = rules::RuleBook::open(documents, now);
    if (!rules) throw std::runtime_error("the rules cannot be opened");
    return std::move(*rules);
}

SpendRequest spendRequest(const learning::Request& request) {
    SpendRequest asked;
    asked.app = request[learning::Field::App];
    asked.purpose = request[learning::Field::Purpose];
    asked.payee = request[learning::Field::Payee];
    asked.group = request[learning::Field::Group];
    asked.domain = request[learning::Field::Domain];
    asked.uid = uid;
    asked.unit = request.unit;
    asked.price = request.price;
    asked.worstCase = request.price;
    asked.attended = true;
    return asked;
}

}  // namespace

struct SimulatedSecretary::Parts {
    Parts() {
        // What is judged is what the secretary infers, not what a budget leaves of it.
        const budgets::Cap unasked{budgets::Scope::Rule, std::string(budgets::learnedRule), budgets::Period::Day,
                                   Money::max()};
        if (!budgets.load() || !budgets.set(unasked) || !queue.load())
            throw std::runtime_error("the secretary cannot start");
    }
    store::MemoryDocuments documents;
    NothingSpent book;
    ManualClock clock;
    DaysOfUtc calendar;
    budgets::Budgets budgets{documents, book, clock, calendar, {}};
    prompts::Queue queue{documents, clock};
    rules::RuleBook rules = emptyRules(documents, clock.now());
    decision::Decider decider{{documents, budgets, queue, rules, calendar, clock}, {Money::max(), uid}};
    uint64_t purchases = 0;
};

SimulatedSecretary::SimulatedSecretary() : m_parts(std::make_unique<Parts>()) {}
SimulatedSecretary::~SimulatedSecretary() = default;
SimulatedSecretary::SimulatedSecretary(SimulatedSecretary&&) noexcept = default;

Outcome SimulatedSecretary::decide(const learning::Request& request, learning::Answer ifAsked, SystemTime now) {
    Parts& parts = *m_parts;
    parts.clock.advance(now - parts.clock.now());
    parts.queue.attend("person");
    const PurchaseId id(++parts.purchases);
    std::optional<decision::Verdict> verdict;
    parts.decider.authorize(id, spendRequest(request), false,
                            [&](decision::Verdict said) { verdict = std::move(said); });
    Outcome outcome;
    if (const auto* asked = std::get_if<decision::Pending>(&*verdict)) {
        outcome.prompted = true;
        prompts::Answer answer;
        answer.verdict = ifAsked == learning::Answer::Accept ? prompts::Verdict::ApproveOnce : prompts::Verdict::Refuse;
        answer.lifetime = prompts::Lifetime::Once;
        const auto taken = parts.decider.answer(asked->entry, std::nullopt, answer, "person");
        if (!taken) throw std::runtime_error("an answer did not count: " + taken.error().message);
    }
    if (const auto* approved = std::get_if<decision::Approved>(&*verdict)) {
        outcome.decided = learning::Answer::Accept;
        outcome.reason = approved->why.sentence;
    } else if (const auto* denied = std::get_if<decision::Denied>(&*verdict)) {
        outcome.reason = denied->sentence;
    }
    parts.decider.settled(id, outcome.decided == learning::Answer::Accept ? request.price : Money::zero());
    return outcome;
}

std::vector<learning::RuleProposal> SimulatedSecretary::proposals(SystemTime now) {
    return m_parts->decider.experience().proposals(uid, {}, now);
}

}  // namespace netpas::sim
