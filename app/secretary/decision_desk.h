// Everything that decides about money, composed: budgets, rules, prompts and the decider, over the ledger and the event
// loop's timers. The purchase service's authority. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "app/secretary/ledger_spending.h"
#include "app/secretary/ports.h"
#include "core/store/documents.h"
#include "secretary/budget.h"
#include "secretary/decision/decider.h"

namespace netpas::secretaryd {

class DecisionDesk final : public Authority {
public:
    static constexpr std::chrono::seconds longestWatch{25};
    static constexpr size_t mostWatchers = 32;

    struct Parts {
        ledger::Ledger& ledger;
        store::Documents& documents;
        app::Timers& timers;
        const Clock& clock;
        app::LogSink log;
    };
    // Reads everything; the failure is for people. `owner`: whose rules these are.
    [[nodiscard]] static tl::expected<std::unique_ptr<DecisionDesk>, std::string> open(
        const Parts& parts, const secretary::HardLimits& limits, uint32_t owner);
    ~DecisionDesk() override;

    [[nodiscard]] std::optional<Denied> precheck(const ledger::NewPurchase& purchase) override;
    void authorize(PurchaseId id, const secretary::SpendRequest& request, bool byPerson,
                   std::function<void(Verdict)> done) override;
    [[nodiscard]] std::optional<Denied> objection(const secretary::SpendRequest& before,
                                                  const secretary::SpendRequest& after) override;
    void progressed(PurchaseId id, Money used) override;
    void spent(PurchaseId id, Money part) override;
    void settled(PurchaseId id, Money amount) override;

    // Of the processes that have asked for something, those that still run: rules until an app exits end with the others.
    void stillRun(std::span<const uint32_t> processes);

    [[nodiscard]] secretary::decision::Decider& decider() { return *m_decider; }
    [[nodiscard]] secretary::budgets::Budgets& budgets() { return *m_budgets; }
    [[nodiscard]] secretary::prompts::Queue& queue() { return *m_queue; }
    [[nodiscard]] secretary::rules::RuleBook& rules() { return *m_rules; }
    [[nodiscard]] uint32_t owner() const { return m_owner; }

    // A window waits for the queue to change from `revision`; `done` is called then, or after a while. It counts as there
    // for as long as it goes on watching. False: too many watch.
    [[nodiscard]] bool watch(const std::string& frontEnd, uint64_t revision, std::function<void()> done);

private:
    struct Watcher {
        uint64_t revision = 0;
        SteadyTime end;
        std::function<void()> done;
    };

    explicit DecisionDesk(Parts parts) : m_parts(std::move(parts)), m_book(m_parts.ledger) {}
    [[nodiscard]] tl::expected<void, std::string> load(const secretary::HardLimits& limits, uint32_t owner);
    void arm();
    void tick();
    void release();
    void endRulesOfExitedApps();

    Parts m_parts;
    LedgerSpending m_book;
    std::unique_ptr<secretary::budgets::Budgets> m_budgets;
    std::unique_ptr<secretary::prompts::Queue> m_queue;
    std::unique_ptr<secretary::rules::RuleBook> m_rules;
    std::unique_ptr<secretary::decision::Decider> m_decider;
    std::vector<Watcher> m_watchers;
    std::set<uint32_t> m_running;  // as last told, and what has asked since
    bool m_toldOfProcesses = false;
    app::Timers::Id m_timer = 0;
    uint32_t m_owner = 0;
};

}  // namespace netpas::secretaryd
