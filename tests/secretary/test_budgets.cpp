// Caps over scopes and periods: reserved before, settled after, rebuilt from the ledger, never passed together.
#include <QtTest>
#include <algorithm>

#include "core/random.h"
#include "tests/secretary/budget_fakes.h"

using namespace netpas;
using namespace netpas::secretary::budgets;
using namespace std::chrono_literals;

namespace {

const SystemTime noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 12h;

class FailingDocuments final : public store::Documents {
public:
    tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange> changes) override {
        if (failing) return tl::unexpected(store::StoreError::Failed);
        return inner.apply(changes);
    }
    tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view kind) const override {
        return inner.all(kind);
    }
    store::MemoryDocuments inner;
    bool failing = false;
};

struct World {
    FailingDocuments documents;
    FakeBook book;
    ManualClock clock{noon};
    UtcCalendar calendar;
    std::vector<Cap> hard;

    std::unique_ptr<Budgets> start() {
        auto budgets = std::make_unique<Budgets>(documents, book, clock, calendar, hard);
        const auto loaded = budgets->load();
        return loaded ? std::move(budgets) : nullptr;
    }
};

Tags tags(std::string app, std::string payee = {}, std::string purpose = {}, std::string rule = "r1") {
    return {std::move(app), std::move(payee), std::move(purpose), {}, {}, std::move(rule)};
}
Cap cap(Scope scope, std::string subject, Period period, Money amount) {
    return {scope, std::move(subject), period, amount};
}
Money spent(Budgets& budgets, const Cap& wanted) {
    for (const Standing& standing : budgets.standings()) {
        if (standing.cap.sameTarget(wanted)) return standing.spent;
    }
    return Money::fromEighths(-1);
}

}  // namespace

class TestBudgets : public QObject {
    Q_OBJECT
private slots:
    void reservationsCountTogether() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(10))));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(6)));
        const auto second = budgets->reserve(PurchaseId(2), tags("b"), cents(5));
        QVERIFY(!second);
        QCOMPARE(second.error().error, BudgetError::OverCap);
        QCOMPARE(second.error().standing->left(), cents(4));
        QVERIFY(budgets->reserve(PurchaseId(3), tags("b"), cents(4)));
        QCOMPARE(budgets->reservations(), size_t(2));
    }
    void refusalSaysWhyAndWhatHelps() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::App, "mpv", Period::Day, cents(10))));
        const auto refused = budgets->reserve(PurchaseId(1), tags("mpv"), cents(11));
        QVERIFY(!refused);
        QCOMPARE(refused.error().sentence,
                 std::string("The budget of $0.1 a day for the app mpv has $0.1 left: $0 are spent and $0 set aside, "
                             "and this may cost $0.11."));
        QVERIFY(refused.error().hint.find("netpas budget set") != std::string::npos);
    }
    void refusedReservationLeavesNoTraceInAnyCap() {
        World world;
        auto budgets = world.start();
        const Cap wide = cap(Scope::Everything, {}, Period::Month, cents(100));
        QVERIFY(budgets->set(wide));
        QVERIFY(budgets->set(cap(Scope::Purpose, "video", Period::Day, cents(5))));
        QVERIFY(!budgets->reserve(PurchaseId(1), tags("a", {}, "video"), cents(6)));
        for (const Standing& standing : budgets->standings()) QCOMPARE(standing.reserved, Money::zero());
    }
    void settlingGivesBackTheRest() {
        World world;
        auto budgets = world.start();
        const Cap day = cap(Scope::Everything, {}, Period::Day, cents(10));
        QVERIFY(budgets->set(day));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(10)));
        budgets->settle(PurchaseId(1), cents(3));
        QCOMPARE(spent(*budgets, day), cents(3));
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(8)));
        QVERIFY(budgets->reserve(PurchaseId(3), tags("a"), cents(7)));
        budgets->release(PurchaseId(3));
        QVERIFY(budgets->reserve(PurchaseId(4), tags("a"), cents(7)));
    }
    void settlingTwiceCountsOnce() {
        World world;
        auto budgets = world.start();
        const Cap day = cap(Scope::Everything, {}, Period::Day, cents(10));
        QVERIFY(budgets->set(day));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(10)));
        budgets->settle(PurchaseId(1), cents(3));
        budgets->settle(PurchaseId(1), cents(3));
        QCOMPARE(spent(*budgets, day), cents(3));
    }
    void everyScopeBinds_data() {
        QTest::addColumn<int>("scope");
        for (int scope = 2; scope <= 7; ++scope) QTest::newRow(name(Scope(scope)).data()) << scope;
    }
    void everyScopeBinds() {
        QFETCH(int, scope);
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope(scope), "x", Period::Day, cents(5))));
        const Tags bound{"x", "x", "x", "x", "x", "x"};
        const Tags free{"y", "y", "y", "y", "y", "y"};
        QVERIFY(budgets->reserve(PurchaseId(1), bound, cents(5)));
        QVERIFY(!budgets->reserve(PurchaseId(2), bound, cents(1)));
        QVERIFY(budgets->reserve(PurchaseId(3), free, cents(500)));
    }
    void capForEachCountsEachForItself() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Payee, {}, Period::Day, cents(5))));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a", "p1"), cents(5)));
        QVERIFY(budgets->reserve(PurchaseId(2), tags("a", "p2"), cents(5)));
        QVERIFY(!budgets->reserve(PurchaseId(3), tags("a", "p2"), cents(1)));
    }
    void capOfARuleBindsOnlyWhereTheRuleDecides() {
        World world;
        auto budgets = world.start();
        const std::vector<Cap> ofRule{cap(Scope::Rule, "r1", Period::Month, cents(5))};
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(5), ofRule));
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(1), ofRule));
        QVERIFY(budgets->reserve(PurchaseId(3), tags("a", {}, {}, "r2"), cents(1)));
        // The rule was edited.
        const std::vector<Cap> raised{cap(Scope::Rule, "r1", Period::Month, cents(7))};
        QVERIFY(budgets->reserve(PurchaseId(4), tags("a"), cents(2), raised));
    }
    void capOfARuleCountsWhatTheLedgerKnows() {
        World world;
        world.book.reserve(1, tags("a"), cents(4));
        world.book.post(1, cents(4), noon - 1h);
        world.book.reserve(2, tags("a"), cents(3));
        auto budgets = world.start();
        const std::vector<Cap> ofRule{cap(Scope::Rule, "r1", Period::Day, cents(10))};
        QVERIFY(!budgets->reserve(PurchaseId(3), tags("a"), cents(4), ofRule));
        QVERIFY(budgets->reserve(PurchaseId(4), tags("a"), cents(3), ofRule));
    }
    void manyRulesAreStillAllCounted() {
        World world;
        auto budgets = world.start();
        uint64_t id = 0;
        for (size_t i = 0; i < Budgets::mostRuleCaps + 50; ++i) {
            const std::string rule = "rule" + std::to_string(i);
            const std::vector<Cap> ofRule{cap(Scope::Rule, rule, Period::Day, cents(2)),
                                          cap(Scope::Rule, rule, Period::Month, cents(1))};
            QVERIFY(budgets->reserve(PurchaseId(++id), tags("a", {}, {}, rule), cents(1), ofRule));
            QVERIFY(!budgets->reserve(PurchaseId(++id), tags("a", {}, {}, rule), cents(1), ofRule));
        }
    }
    void hardLimitsCannotBeRemoved() {
        World world;
        world.hard = {cap(Scope::Everything, {}, Period::Day, cents(5))};
        auto budgets = world.start();
        const auto removed = budgets->remove(world.hard[0]);
        QVERIFY(!removed);
        QCOMPARE(removed.error().error, BudgetError::HardLimit);
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(500))));
        QVERIFY(!budgets->reserve(PurchaseId(1), tags("a"), cents(6)));
    }
    void capsSurviveARestart() {
        World world;
        const Cap app = cap(Scope::App, "mpv", Period::Month, cents(5));
        QVERIFY(world.start()->set(app));
        auto budgets = world.start();
        QVERIFY(!budgets->reserve(PurchaseId(1), tags("mpv"), cents(6)));
        QVERIFY(budgets->remove(app));
        QVERIFY(world.start()->reserve(PurchaseId(1), tags("mpv"), cents(6)));
    }
    void reservationsAndSpendingAreRebuiltFromTheLedger() {
        World world;
        const Cap day = cap(Scope::Everything, {}, Period::Day, cents(10));
        QVERIFY(world.start()->set(day));
        world.book.reserve(1, tags("a"), cents(4));
        world.book.post(1, cents(2), noon - 1h);
        world.book.reserve(2, tags("a"), cents(5));
        auto budgets = world.start();
        QVERIFY(!budgets->reserve(PurchaseId(3), tags("a"), cents(4)));
        budgets->settle(PurchaseId(2), cents(1));
        QCOMPARE(spent(*budgets, day), cents(3));
        QVERIFY(budgets->reserve(PurchaseId(3), tags("a"), cents(7)));
    }
    void dayAndMonthStartAnewAndTotalDoesNot() {
        World world;
        auto budgets = world.start();
        const Cap day = cap(Scope::Everything, {}, Period::Day, cents(10));
        const Cap month = cap(Scope::Everything, {}, Period::Month, cents(15));
        const Cap total = cap(Scope::Everything, {}, Period::Total, cents(25));
        for (const Cap& one : {day, month, total}) QVERIFY(budgets->set(one));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(10)));
        budgets->settle(PurchaseId(1), cents(10));
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(1)));
        world.clock.advance(24h);
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(6)));
        QVERIFY(budgets->reserve(PurchaseId(2), tags("a"), cents(5)));
        budgets->settle(PurchaseId(2), cents(5));
        world.clock.advance(24h * 30);
        QVERIFY(!budgets->reserve(PurchaseId(3), tags("a"), cents(11)));
        QVERIFY(budgets->reserve(PurchaseId(3), tags("a"), cents(10)));
    }
    void reservationThatCrossesMidnightCountsInTheNewDay() {
        World world;
        auto budgets = world.start();
        const Cap day = cap(Scope::Everything, {}, Period::Day, cents(10));
        QVERIFY(budgets->set(day));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(8)));
        world.clock.advance(24h);
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(3)));
        budgets->settle(PurchaseId(1), cents(8));
        QCOMPARE(spent(*budgets, day), cents(8));
    }
    void clockSetBackSpendsNothingAndNamesTheRemedy() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(10))));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(10)));
        budgets->settle(PurchaseId(1), cents(10));
        world.clock.setWall(noon - 48h);
        const auto refused = budgets->reserve(PurchaseId(2), tags("a"), cents(1));
        QVERIFY(!refused);
        QCOMPARE(refused.error().error, BudgetError::ClockSetBack);
        QVERIFY(refused.error().hint.find("netpas budget accept-clock") != std::string::npos);
        QVERIFY(budgets->clockTrouble());
    }
    void clockSetBackIsNoticedAfterARestart() {
        World world;
        {
            auto budgets = world.start();
            QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(10))));
            QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(1)));
        }
        world.clock.setWall(noon - 48h);
        auto budgets = world.start();
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(1)));
    }
    void periodNeverStartsTwice() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(10))));
        world.clock.setWall(noon + 12h + 1min);
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(10)));
        world.book.reserve(1, tags("a"), cents(10));
        budgets->settle(PurchaseId(1), cents(10));
        world.book.post(1, cents(10), world.clock.now());
        // Set back by little: over midnight and forth again.
        world.clock.setWall(noon + 12h - 2min);
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(1)));
        world.clock.setWall(noon + 12h + 2min);
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(1)));
        QVERIFY(!world.start()->reserve(PurchaseId(2), tags("a"), cents(1)));
    }
    void acceptedClockKeepsWhatWasSpentCounted() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(10))));
        world.clock.setWall(noon + 24h * 365);
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(7)));
        world.book.reserve(1, tags("a"), cents(7));
        budgets->settle(PurchaseId(1), cents(7));
        world.book.post(1, cents(7), world.clock.now());
        world.clock.setWall(noon);
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(1)));
        QVERIFY(budgets->acceptClock());
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), cents(4)));
        QVERIFY(budgets->reserve(PurchaseId(2), tags("a"), cents(3)));
    }
    void nothingIsGrantedInAPeriodThatCouldNotBeWrittenDown() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(10))));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(1)));
        world.clock.advance(24h);
        world.documents.failing = true;
        const auto refused = budgets->reserve(PurchaseId(2), tags("a"), cents(1));
        QVERIFY(!refused);
        QCOMPARE(refused.error().error, BudgetError::Storage);
        world.documents.failing = false;
        QVERIFY(budgets->reserve(PurchaseId(2), tags("a"), cents(1)));
    }
    void unreadableLedgerIsAnError() {
        World world;
        world.book.broken = true;
        QVERIFY(!world.start());
    }
    void damagedDocumentIsAnError() {
        World world;
        QVERIFY(world.documents.put({"budget", "x", {9, 9, 9}}));
        QVERIFY(!world.start());
    }
    void warningComesOnceInAPeriod() {
        World world;
        auto budgets = world.start();
        std::vector<Standing> warnings;
        budgets->onWarning([&](const Standing& standing) { warnings.push_back(standing); });
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, cents(100))));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), cents(90)));
        QVERIFY(warnings.empty());
        budgets->progressed(PurchaseId(1), cents(79));
        QVERIFY(warnings.empty());
        budgets->progressed(PurchaseId(1), cents(80));
        QCOMPARE(warnings.size(), size_t(1));
        budgets->settle(PurchaseId(1), cents(85));
        QCOMPARE(warnings.size(), size_t(1));
        world.book.reserve(1, tags("a"), cents(90));
        world.book.post(1, cents(85), world.clock.now());
        auto again = world.start();
        again->onWarning([&](const Standing& standing) { warnings.push_back(standing); });
        QVERIFY(again->reserve(PurchaseId(2), tags("a"), cents(5)));
        again->settle(PurchaseId(2), cents(5));
        QCOMPARE(warnings.size(), size_t(1));
        world.clock.advance(24h);
        QVERIFY(again->reserve(PurchaseId(3), tags("a"), cents(100)));
        again->settle(PurchaseId(3), cents(95));
        QCOMPARE(warnings.size(), size_t(2));
    }
    void warningsOfPeriodsThatAreOverAreForgotten() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Payee, {}, Period::Day, cents(10))));
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Total, cents(10))));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a", "p"), cents(10)));
        budgets->settle(PurchaseId(1), cents(10));
        QCOMPARE(world.documents.all("budget-warning")->size(), size_t(2));
        world.clock.advance(24h * 40);
        budgets = world.start();
        QCOMPARE(world.documents.all("budget-warning")->size(), size_t(1));
    }
    void envelopeIsProposedUntilItIsAnswered() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->envelopeOpen());
        // Until then little is spent without asking.
        QVERIFY(!budgets->test(tags("a", {}, {}, std::string(learnedRule)), cents(6)));
        QVERIFY(budgets->test(tags("a", {}, {}, std::string(learnedRule)), cents(5)));
        QVERIFY(budgets->answerEnvelope(true));
        QVERIFY(!budgets->test(tags("a"), cents(201)));
        QVERIFY(!world.start()->envelopeOpen());
    }
    void envelopeDeclinedSpendsNothingWithoutAsking() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->answerEnvelope(false));
        QVERIFY(!budgets->test(tags("a", {}, {}, std::string(learnedRule)), cents(1)));
        QVERIFY(budgets->test(tags("a"), cents(10000)));
        QVERIFY(!world.start()->envelopeOpen());
    }
    void ownerRaisesWhatIsSpentWithoutAsking() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Rule, std::string(learnedRule), Period::Day, cents(50))));
        QVERIFY(budgets->test(tags("a", {}, {}, std::string(learnedRule)), cents(50)));
        QVERIFY(budgets->remove(cap(Scope::Rule, std::string(learnedRule), Period::Day, {})));
        QVERIFY(!budgets->test(tags("a", {}, {}, std::string(learnedRule)), cents(50)));
    }
    void sumsThatOverflowAreRefused() {
        World world;
        auto budgets = world.start();
        QVERIFY(budgets->set(cap(Scope::Everything, {}, Period::Day, Money::fromEighths(INT64_MAX - 1))));
        QVERIFY(budgets->reserve(PurchaseId(1), tags("a"), Money::fromEighths(INT64_MAX - 1)));
        QVERIFY(!budgets->reserve(PurchaseId(2), tags("a"), Money::fromEighths(INT64_MAX - 1)));
    }
    void capsAreBounded() {
        World world;
        auto budgets = world.start();
        for (size_t i = 0; i < Budgets::mostCaps; ++i) {
            QVERIFY(budgets->set(cap(Scope::App, std::to_string(i), Period::Day, cents(1))));
        }
        const auto more = budgets->set(cap(Scope::App, "more", Period::Day, cents(1)));
        QVERIFY(!more);
        QCOMPARE(more.error().error, BudgetError::TooMany);
        QVERIFY(budgets->set(cap(Scope::App, "0", Period::Day, cents(2))));
    }

    // Random interleavings of reserving, settling, crashing, midnight and editing: no cap is ever passed by what was granted
    // under it, and counting from the ledger gives what was counted on the way.
    void noInterleavingPassesACap_data() {
        QTest::addColumn<quint64>("seed");
        for (quint64 seed = 1; seed <= 20; ++seed) QTest::addRow("%llu", seed) << seed;
    }
    void noInterleavingPassesACap() {
        QFETCH(quint64, seed);
        SeededRandom random(seed);
        World world;
        auto budgets = world.start();
        const std::vector<Cap> caps{
            cap(Scope::Everything, {}, Period::Day, cents(200)), cap(Scope::Everything, {}, Period::Month, cents(900)),
            cap(Scope::App, "a0", Period::Day, cents(50)),       cap(Scope::App, {}, Period::Month, cents(300)),
            cap(Scope::Payee, {}, Period::Day, cents(60)),       cap(Scope::Purpose, "v1", Period::Total, cents(1500))};
        for (const Cap& one : caps) QVERIFY(budgets->set(one));
        struct Held {
            uint64_t id;
            Money worst;
        };
        std::vector<Held> held;
        uint64_t next = 1;
        uint64_t granted = 0;
        uint64_t refused = 0;
        for (int step = 0; step < 4000; ++step) {
            const uint64_t what = random.below(100);
            if (what < 55) {
                const Tags wanted = tags("a" + std::to_string(random.below(3)), "p" + std::to_string(random.below(4)),
                                         "v" + std::to_string(random.below(2)));
                const Money worst = cents(static_cast<int64_t>(random.below(30)));
                if (budgets->reserve(PurchaseId(next), wanted, worst)) {
                    world.book.reserve(next, wanted, worst);
                    held.push_back({next, worst});
                    ++granted;
                } else {
                    ++refused;
                }
                ++next;
            } else if (what < 90 && !held.empty()) {
                const size_t which = random.below(held.size());
                const Held done = held[which];
                held.erase(held.begin() + static_cast<ptrdiff_t>(which));
                const auto worst = static_cast<uint64_t>(done.worst.eighths());
                const Money actual = Money::fromEighths(static_cast<int64_t>(random.below(worst + 1)));
                world.book.post(done.id, actual, budgets->now());
                budgets->settle(PurchaseId(done.id), actual);
            } else if (what < 92) {
                const auto before = budgets->standings();
                budgets = world.start();
                QVERIFY(budgets != nullptr);
                for (const Standing& old : before) {
                    for (const Standing& fresh : budgets->standings()) {
                        if (!fresh.cap.sameTarget(old.cap) || fresh.subject != old.subject) continue;
                        QCOMPARE(fresh.spent, old.spent);
                        QCOMPARE(fresh.reserved, old.reserved);
                    }
                }
            } else {
                world.clock.advance(std::chrono::minutes(random.below(120)));
            }
            for (const Standing& standing : budgets->standings()) {
                QVERIFY(checkedAdd(standing.spent, standing.reserved).value() <= standing.cap.amount);
            }
        }
        QVERIFY(granted > 100);
        QVERIFY(refused > 100);
    }

    void capsAreReadBackAsWritten() {
        const Cap one = cap(Scope::Node, "küche", Period::Total, cents(123));
        QCOMPARE(decodeCap(encode(one)).value(), one);
        Bytes newer = encode(one);
        newer[0] = 2;
        QCOMPARE(decodeCap(newer).error(), CapError::UnknownVersion);
        Bytes cut = encode(one);
        cut.pop_back();
        QCOMPARE(decodeCap(cut).error(), CapError::Malformed);
    }
    void localDaysAndMonthsStartAtLocalMidnight() {
        ::setenv("TZ", "America/New_York", 1);
        ::tzset();
        const Calendar& calendar = localCalendar();
        const SystemTime at =
            std::chrono::sys_days(std::chrono::year(2026) / 11 / 1) + 12h;  // clocks changed at 6:00 UTC
        QCOMPARE(calendar.startOf(Period::Day, at), std::chrono::sys_days(std::chrono::year(2026) / 11 / 1) + 4h);
        QCOMPARE(calendar.startOf(Period::Month, at + 48h),
                 std::chrono::sys_days(std::chrono::year(2026) / 11 / 1) + 4h);
        QCOMPARE(calendar.startOf(Period::Week, at + 1h),
                 std::chrono::sys_days(std::chrono::year(2026) / 10 / 26) + 4h);
        QCOMPARE(calendar.startOf(Period::Day, at + 24h), std::chrono::sys_days(std::chrono::year(2026) / 11 / 2) + 5h);
        ::unsetenv("TZ");
        ::tzset();
    }
};

QTEST_APPLESS_MAIN(TestBudgets)
#include "test_budgets.moc"
