#include "app/secretary/decision_desk.h"

#include <algorithm>
#include <utility>

namespace netpas::secretaryd {

namespace budgets = secretary::budgets;
namespace decision = secretary::decision;
namespace prompts = secretary::prompts;
namespace rules = secretary::rules;
using namespace std::chrono_literals;

namespace {

Denied refused(const decision::Denied& denied) { return {denied.code, denied.sentence, denied.hint, denied.why}; }

Verdict answerOf(const decision::Verdict& verdict) {
    if (const auto* approved = std::get_if<decision::Approved>(&verdict)) return Approved{approved->why};
    if (const auto* pending = std::get_if<decision::Pending>(&verdict)) {
        return Pending{std::to_string(pending->entry.value()), pending->sentence};
    }
    return refused(std::get<decision::Denied>(verdict));
}

}  // namespace

tl::expected<std::unique_ptr<DecisionDesk>, std::string> DecisionDesk::open(const Parts& parts,
                                                                            const secretary::HardLimits& limits,
                                                                            uint32_t owner) {
    std::unique_ptr<DecisionDesk> desk(new DecisionDesk(parts));
    if (auto loaded = desk->load(limits, owner); !loaded) return tl::unexpected(std::move(loaded.error()));
    return desk;
}

tl::expected<void, std::string> DecisionDesk::load(const secretary::HardLimits& limits, uint32_t owner) {
    m_owner = owner;
    const budgets::Calendar& calendar = budgets::localCalendar();
    m_budgets = std::make_unique<budgets::Budgets>(
        m_parts.documents, m_book, m_parts.clock, calendar,
        std::vector<budgets::Cap>{{budgets::Scope::Everything, {}, budgets::Period::Day, limits.perDay}});
    if (auto loaded = m_budgets->load(); !loaded) return tl::unexpected(loaded.error().sentence);
    m_queue = std::make_unique<prompts::Queue>(m_parts.documents, m_parts.clock);
    if (auto loaded = m_queue->load(); !loaded) {
        return tl::unexpected("the pending questions cannot be read: " + std::string(describe(loaded.error())));
    }
    auto book = rules::RuleBook::open(m_parts.documents, m_budgets->now());
    if (!book) return tl::unexpected(book.error().message + "; " + book.error().hint);
    m_rules = std::make_unique<rules::RuleBook>(std::move(*book));
    m_decider = std::make_unique<decision::Decider>(
        decision::Decider::Parts{m_parts.documents, *m_budgets, *m_queue, *m_rules, calendar, m_parts.clock},
        decision::DeciderSettings{limits.perPurchase, owner});
    m_budgets->onWarning([this](const budgets::Standing& standing) {
        m_parts.log(app::LogLevel::Warning, "the budget of " + budgets::sentence(standing.cap) +
                                                " is nearly used up: $" + standing.left().toString() + " left");
    });
    m_queue->onChange([this] {
        m_parts.timers.cancel(m_timer);
        m_timer = m_parts.timers.after(0ms, [this] { tick(); });
    });
    if (const auto trouble = m_budgets->clockTrouble()) {
        m_parts.log(app::LogLevel::Error, trouble->sentence + " Remedy: " + trouble->hint);
    }
    arm();
    return {};
}

DecisionDesk::~DecisionDesk() {
    m_parts.timers.cancel(m_timer);
    if (m_queue) m_queue->onChange({});
}

std::optional<Denied> DecisionDesk::precheck(const ledger::NewPurchase& purchase) {
    const budgets::Tags tags = spendingTags(purchase.context, purchase.uid, {});
    if (auto denied = m_decider->precheck(tags, purchase.cap)) return refused(*denied);
    return std::nullopt;
}

void DecisionDesk::authorize(PurchaseId id, const secretary::SpendRequest& request, bool byPerson,
                             std::function<void(Verdict)> done) {
    constexpr size_t mostRemembered = 4096;
    if (request.process != 0 && request.node.empty() && m_running.size() < mostRemembered) {
        m_running.insert(request.process);
    }
    // Never from inside this call, nor from inside that of another purchase.
    m_decider->authorize(id, request, byPerson, [this, done = std::move(done)](const decision::Verdict& verdict) {
        m_parts.timers.after(0ms, [done, answer = answerOf(verdict)] { done(answer); });
    });
}

std::optional<Denied> DecisionDesk::objection(const secretary::SpendRequest& before,
                                              const secretary::SpendRequest& after) {
    using secretary::rules::Outcome;
    if (before.isps == after.isps) return std::nullopt;
    const SystemTime now = m_parts.clock.now();
    const auto then = m_rules->decide(before, now);
    const auto said = m_rules->decide(after, now);
    const bool denied = said.outcome == Outcome::Deny && then.outcome != Outcome::Deny;
    const bool notMeant = then.outcome == Outcome::Allow && said.outcome != Outcome::Allow;
    if (!denied && !notMeant) return std::nullopt;
    return Denied{"RESTRICTED",
                  denied ? said.sentence : "The rule that allows it does not speak of the ISPs on the way now.",
                  "netpas rules explain", std::nullopt};
}

void DecisionDesk::progressed(PurchaseId id, Money used) { m_decider->progressed(id, used); }

void DecisionDesk::spent(PurchaseId id, Money part) { m_budgets->spend(id, part); }

void DecisionDesk::settled(PurchaseId id, Money amount) { m_decider->settled(id, amount); }

bool DecisionDesk::watch(const std::string& frontEnd, uint64_t revision, std::function<void()> done) {
    if (m_watchers.size() >= mostWatchers) return false;
    m_queue->attend(frontEnd);
    m_watchers.push_back({revision, m_parts.clock.steady() + longestWatch, std::move(done)});
    m_parts.timers.cancel(m_timer);
    m_timer = m_parts.timers.after(0ms, [this] { tick(); });
    return true;
}

void DecisionDesk::arm() {
    constexpr std::chrono::milliseconds soonest{20};
    constexpr std::chrono::milliseconds latest{60'000};
    std::chrono::milliseconds delay = latest;
    if (const auto next = m_decider->nextEvent()) {
        delay = std::min(delay, std::chrono::ceil<std::chrono::milliseconds>(*next - m_parts.clock.now()));
    }
    for (const Watcher& watcher : m_watchers) {
        delay = std::min(delay, std::chrono::ceil<std::chrono::milliseconds>(watcher.end - m_parts.clock.steady()));
    }
    m_timer = m_parts.timers.after(std::max(delay, soonest), [this] { tick(); });
}

void DecisionDesk::stillRun(std::span<const uint32_t> processes) {
    m_running = {processes.begin(), processes.end()};
    m_toldOfProcesses = true;
    endRulesOfExitedApps();
}

// A rule may also be made after its app has exited: by an answer that came late.
void DecisionDesk::endRulesOfExitedApps() {
    if (!m_toldOfProcesses) return;
    const auto done = m_rules->endThoseOfExitedApps(
        [this](const std::string&, uint32_t process, uint64_t) { return m_running.contains(process); });
    if (!done) m_parts.log(app::LogLevel::Error, "rules of apps that have exited: " + done.error().message);
}

void DecisionDesk::tick() {
    m_decider->tick();
    endRulesOfExitedApps();
    m_parts.timers.cancel(m_timer);  // of a change that the tick brought about
    release();
    arm();
}

// Answers those who watched for what has come.
void DecisionDesk::release() {
    std::vector<Watcher> ready;
    std::erase_if(m_watchers, [&](Watcher& watcher) {
        if (watcher.revision == m_queue->revision() && watcher.end > m_parts.clock.steady()) return false;
        ready.push_back(std::move(watcher));
        return true;
    });
    for (const Watcher& watcher : ready) watcher.done();
}

}  // namespace netpas::secretaryd
