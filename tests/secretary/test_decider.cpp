// Hard limits, rules, experience, people: exactly one decides, nothing passes a budget, and what nobody answers costs nothing.
#include <QtTest>

#include "core/random.h"
#include "secretary/decision/decider.h"
#include "tests/secretary/budget_fakes.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::decision;
using namespace std::chrono_literals;
using budgets::cents;
using prompts::EntryId;

namespace {

const SystemTime noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 12h;

SpendRequest request(std::string app = "/usr/bin/mpv", Money price = cents(1)) {
    SpendRequest wanted;
    wanted.app = std::move(app);
    wanted.purpose = "video";
    wanted.domain = "example.net";
    wanted.uid = 1000;
    wanted.user = "ann";
    wanted.price = price;
    wanted.worstCase = cents(10);
    wanted.attended = true;
    wanted.process = 4711;
    return wanted;
}

struct World {
    explicit World(DeciderSettings chosen = {}) : settings(chosen) {
        settings.owner = 1000;
        start();
    }
    void start() {
        decider.reset();
        rules.reset();
        queue.reset();
        budgets = std::make_unique<budgets::Budgets>(documents, book, clock, calendar, hard);
        queue = std::make_unique<prompts::Queue>(documents, clock);
        auto opened = rules::RuleBook::open(documents, clock.now());
        if (!budgets->load() || !queue->load() || !opened) qFatal("cannot start");
        rules = std::make_unique<rules::RuleBook>(std::move(*opened));
        decider =
            std::make_unique<Decider>(Decider::Parts{documents, *budgets, *queue, *rules, calendar, clock}, settings);
    }
    // The verdicts that came for this purchase so far.
    std::vector<Verdict>& ask(uint64_t id, const SpendRequest& wanted, bool byPerson = false) {
        decider->authorize(PurchaseId(id), wanted, byPerson, [this, id](Verdict verdict) {
            if (std::holds_alternative<Approved>(verdict)) {
                book.reserve(id, *budgets->tagsOf(PurchaseId(id)), cents(10));
            }
            verdicts[id].push_back(std::move(verdict));
        });
        return verdicts[id];
    }
    void settle(uint64_t id, Money amount) {
        if (book.reserved.contains(id)) book.post(id, amount, clock.now());
        decider->settled(PurchaseId(id), amount);
    }
    rules::RuleId rule(rules::Action action, std::optional<Money> upTo = {},
                       std::optional<rules::RuleBudget> budget = {}, rules::Lifetime lifetime = {}) {
        rules::RuleText text;
        text.match.purpose = "video";
        text.grant.action = action;
        text.grant.upTo = upTo;
        if (upTo) text.grant.unit = PriceUnit::Minute;
        text.budget = budget;
        text.lifetime = lifetime;
        return rules->add(text, clock.now()).value();
    }
    auto answer(EntryId id, prompts::Verdict verdict, prompts::Lifetime lifetime = prompts::Lifetime::Always) {
        prompts::Answer given;
        given.verdict = verdict;
        given.lifetime = lifetime;
        return decider->answer(id, std::nullopt, given, "window");
    }

    DeciderSettings settings;
    store::MemoryDocuments documents;
    budgets::FakeBook book;
    ManualClock clock{noon};
    budgets::UtcCalendar calendar;
    std::vector<budgets::Cap> hard;
    std::unique_ptr<budgets::Budgets> budgets;
    std::unique_ptr<prompts::Queue> queue;
    std::unique_ptr<rules::RuleBook> rules;
    std::unique_ptr<Decider> decider;
    std::map<uint64_t, std::vector<Verdict>> verdicts;
};

const Denied* refused(const std::vector<Verdict>& verdicts) {
    return verdicts.empty() ? nullptr : std::get_if<Denied>(&verdicts.back());
}
const Approved* granted(const std::vector<Verdict>& verdicts) {
    return verdicts.empty() ? nullptr : std::get_if<Approved>(&verdicts.back());
}
const Pending* waits(const std::vector<Verdict>& verdicts) {
    return verdicts.empty() ? nullptr : std::get_if<Pending>(&verdicts.back());
}

}  // namespace

class TestDecider : public QObject {
    Q_OBJECT
private slots:
    void ruleThatAllowsApprovesAndIsNamed() {
        World world;
        const auto id = world.rule(rules::Action::Allow, cents(2));
        const auto& verdicts = world.ask(1, request());
        QVERIFY(granted(verdicts));
        QCOMPARE(granted(verdicts)->why.decider, std::string("rule"));
        QCOMPARE(granted(verdicts)->why.rule, std::to_string(id.value()));
        QVERIFY(!granted(verdicts)->why.sentence.empty());
        QCOMPARE(world.budgets->reservations(), size_t(1));
        QCOMPARE(world.rules->find(id)->use.hits, uint64_t(1));
        world.settle(1, cents(3));
        QCOMPARE(world.budgets->reservations(), size_t(0));
        QCOMPARE(world.rules->find(id)->use.spent, cents(3));
    }
    void ruleThatDeniesAsksNobody() {
        World world;
        world.queue->attend("window");
        world.rule(rules::Action::Deny);
        QCOMPARE(refused(world.ask(1, request()))->code, std::string("RESTRICTED"));
        QVERIFY(world.queue->entries().empty());
        QCOMPARE(world.budgets->reservations(), size_t(0));
    }
    void ruleThatAsksAsksEvenWhereExperienceIsSure() {
        World world;
        world.queue->attend("window");
        world.rule(rules::Action::Ask);
        const auto& verdicts = world.ask(1, request());
        QVERIFY(waits(verdicts));
        QVERIFY(waits(verdicts)->sentence.find("Rule 1 decides") != std::string::npos);
    }
    void budgetsBindRules() {
        World world;
        world.rule(rules::Action::Allow);
        QVERIFY(world.budgets->set({budgets::Scope::App, "/usr/bin/mpv", budgets::Period::Day, cents(15)}));
        QVERIFY(granted(world.ask(1, request())));
        const Denied* second = refused(world.ask(2, request()));
        QVERIFY(second);
        QCOMPARE(second->code, std::string("QUOTA_EXCEEDED"));
        QCOMPARE(second->why->decider, std::string("budget"));
        world.settle(1, cents(1));
        QVERIFY(granted(world.ask(3, request())));
    }
    void ruleBeyondItsOwnBudgetAsks() {
        World world;
        world.queue->attend("window");
        world.rule(rules::Action::Allow, {}, rules::RuleBudget{cents(15), rules::Period::Day});
        QVERIFY(granted(world.ask(1, request())));
        QVERIFY(waits(world.ask(2, request())));
    }
    void budgetOfARuleIsCountedAgainAfterARestart() {
        World world;
        world.rule(rules::Action::Allow, {}, rules::RuleBudget{cents(15), rules::Period::Day});
        QVERIFY(granted(world.ask(1, request())));
        world.start();
        world.queue->attend("window");
        QVERIFY(waits(world.ask(2, request())));
        world.settle(1, cents(2));
        QVERIFY(granted(world.ask(3, request())));
    }
    void ruleForOnceGrantsOnce() {
        World world;
        world.queue->attend("window");
        world.rule(rules::Action::Allow, {}, {}, rules::Lifetime::once());
        QVERIFY(granted(world.ask(1, request())));
        QVERIFY(waits(world.ask(2, request())));
        world.settle(1, cents(1));
        QVERIFY(waits(world.ask(3, request("other"))));
    }
    void ruleForOnceComesBackWhenNothingWasSpent() {
        World world;
        world.rule(rules::Action::Allow, {}, {}, rules::Lifetime::once());
        QVERIFY(granted(world.ask(1, request())));
        world.settle(1, Money::zero());
        QVERIFY(granted(world.ask(2, request())));
    }
    void pauseAndLockSpendNothing() {
        World world;
        world.rule(rules::Action::Allow);
        std::vector<bool> stops;
        world.decider->onStop([&](bool paused) { stops.push_back(paused); });
        QVERIFY(world.decider->setMode(prompts::Mode::Pause));
        QCOMPARE(refused(world.ask(1, request()))->code, std::string("RESTRICTED"));
        QVERIFY(refused(world.ask(2, request(), true)));
        QVERIFY(world.decider->setMode(prompts::Mode::Ask));
        world.decider->setLocked(true);
        QCOMPARE(refused(world.ask(3, request()))->code, std::string("LOCKED"));
        QVERIFY(world.decider->precheck({}, cents(1)));
        world.decider->setLocked(false);
        QVERIFY(granted(world.ask(4, request())));
        QCOMPARE(stops, (std::vector<bool>{true, false}));
    }
    void clockSetBackSpendsNothing() {
        World world;
        world.rule(rules::Action::Allow);
        QVERIFY(granted(world.ask(1, request())));
        world.clock.setWall(noon - 48h);
        const Denied* no = refused(world.ask(2, request()));
        QVERIFY(no);
        QVERIFY(no->hint.find("accept-clock") != std::string::npos);
        QVERIFY(refused(world.ask(3, request(), true)));
    }
    void hardLimitPerPurchaseBindsThePersonToo() {
        DeciderSettings settings;
        settings.perPurchase = cents(9);
        World world(settings);
        QCOMPARE(refused(world.ask(1, request(), true))->code, std::string("QUOTA_EXCEEDED"));
    }
    void whatTheOwnerAsksForInPersonIsItsOwnAnswer() {
        World world;
        world.rule(rules::Action::Deny);
        const auto& verdicts = world.ask(1, request(), true);
        QVERIFY(granted(verdicts));
        QCOMPARE(granted(verdicts)->why.decider, std::string("person"));
        QCOMPARE(granted(verdicts)->why.runnerUp, std::string("rule 1"));
        QCOMPARE(world.documents.all("learning")->size(), size_t(1));
    }
    void whatTheOwnerOrderedOnceIsNotRefusedToAProgram() {
        World world;
        world.queue->attend("window");
        QVERIFY(granted(world.ask(1, request(), true)));
        const auto& verdicts = world.ask(2, request());
        QVERIFY2(!refused(verdicts), refused(verdicts) ? refused(verdicts)->sentence.c_str() : "");
    }
    void withoutAWindowTheCallerIsToldAndTheEntryIsKept() {
        World world;
        const Denied* no = refused(world.ask(1, request()));
        QVERIFY(no);
        QCOMPARE(no->code, std::string("NO_AGENT"));
        QVERIFY(no->hint.find("netpas pending approve 1") != std::string::npos);
        // Approved afterwards, it is granted once, the next time.
        const auto answered = world.answer(EntryId(1), prompts::Verdict::ApproveOnce);
        QVERIFY(answered);
        QVERIFY(answered->rule);
        QVERIFY(granted(world.ask(2, request())));
        QVERIFY(refused(world.ask(3, request())));
    }
    void answerDecidesWhatWaited() {
        World world;
        world.queue->attend("window");
        const auto& verdicts = world.ask(1, request());
        QVERIFY(waits(verdicts));
        QCOMPARE(world.budgets->reservations(), size_t(0));
        const auto answered = world.answer(waits(verdicts)->entry, prompts::Verdict::ApproveOnce);
        QVERIFY(answered);
        QCOMPARE(answered->approved, size_t(1));
        QVERIFY(!answered->rule);
        QVERIFY(granted(verdicts));
        QCOMPARE(granted(verdicts)->why.decider, std::string("person"));
        QCOMPARE(world.budgets->reservations(), size_t(1));
    }
    void approvalWithARuleDecidesTheNextOnesToo() {
        World world;
        world.queue->attend("window");
        const auto& verdicts = world.ask(1, request());
        const auto answered = world.answer(waits(verdicts)->entry, prompts::Verdict::ApproveRule);
        QVERIFY(answered && answered->rule);
        QCOMPARE(granted(verdicts)->why.decider, std::string("rule"));
        QVERIFY(granted(world.ask(2, request())));
        QVERIFY(waits(world.ask(3, request("/usr/bin/mpv", cents(2)))));  // above the limit
        QVERIFY(waits(world.ask(4, request("/usr/bin/other"))));          // another app
    }
    void newRuleSettlesTheOthersThatWait() {
        World world;
        world.queue->attend("window");
        const auto& one = world.ask(1, request("a", cents(1)));
        const auto& two = world.ask(2, request("b", cents(1)));
        prompts::Answer wide;
        wide.verdict = prompts::Verdict::ApproveRule;
        wide.lifetime = prompts::Lifetime::Always;
        wide.parts = {prompts::Part::Purpose};
        QVERIFY(world.decider->answer(waits(one)->entry, std::nullopt, wide, "window"));
        QVERIFY(granted(one));
        QVERIFY(granted(two));
        QVERIFY(world.queue->entries().empty());
    }
    void refusalForALifetimeRefusesTheNextOnes() {
        World world;
        world.queue->attend("window");
        const auto& verdicts = world.ask(1, request());
        const auto answered = world.answer(waits(verdicts)->entry, prompts::Verdict::Refuse, prompts::Lifetime::Hour);
        QVERIFY(answered && answered->rule);
        QVERIFY(refused(verdicts));
        QVERIFY(refused(world.ask(2, request())));
        world.clock.advance(1h);
        world.queue->attend("window");
        QVERIFY(waits(world.ask(3, request())));
    }
    void notNowMakesNoRuleAndTeachesNothing() {
        World world;
        world.queue->attend("window");
        const auto& verdicts = world.ask(1, request());
        const auto answered = world.answer(waits(verdicts)->entry, prompts::Verdict::NotNow);
        QVERIFY(answered && !answered->rule);
        QVERIFY(refused(verdicts));
        QCOMPARE(world.rules->size(), size_t(0));
        QVERIFY(world.documents.all("learning")->empty());
        QCOMPARE(refused(world.ask(2, request()))->code, std::string("RESTRICTED"));
    }
    void expiredQuoteIsMissedAndAnswersOnlyTheNextTime() {
        World world;
        world.queue->attend("window");
        SpendRequest wanted = request();
        wanted.quoteExpires = noon + 20s;
        const auto& verdicts = world.ask(1, wanted);
        const EntryId entry = waits(verdicts)->entry;
        world.clock.advance(20s);
        world.decider->tick();
        QCOMPARE(refused(verdicts)->code, std::string("EXPIRED"));
        QCOMPARE(world.rules->size(), size_t(0));
        QVERIFY(world.answer(entry, prompts::Verdict::ApproveRule));
        QCOMPARE(world.budgets->reservations(), size_t(0));
        QVERIFY(granted(world.ask(2, request())));
    }
    void answerAboutASameThingReplacesTheRule() {
        World world;
        world.queue->attend("window");
        QVERIFY(world.answer(waits(world.ask(1, request()))->entry, prompts::Verdict::ApproveRule));
        const auto& dearer = world.ask(2, request("/usr/bin/mpv", cents(2)));
        QVERIFY(world.answer(waits(dearer)->entry, prompts::Verdict::ApproveRule));
        QVERIFY(granted(dearer));
        QCOMPARE(world.rules->size(), size_t(1));
    }
    void answersThatCannotBeAreRefusedAndLeaveTheQuestion() {
        World world;
        world.queue->attend("window");
        SpendRequest unknown = request();
        unknown.process = 0;
        const EntryId entry = waits(world.ask(1, unknown))->entry;
        QCOMPARE(world.answer(entry, prompts::Verdict::ApproveRule, prompts::Lifetime::AppExit).error().kind,
                 AnswerFailure::Kind::Invalid);
        QCOMPARE(world.answer(entry, prompts::Verdict::Refuse, prompts::Lifetime::Until).error().kind,
                 AnswerFailure::Kind::Invalid);
        prompts::Answer low;
        low.verdict = prompts::Verdict::ApproveRule;
        low.lifetime = prompts::Lifetime::Always;
        low.upTo = Money::fromEighths(1);
        QCOMPARE(world.decider->answer(entry, std::nullopt, low, "window").error().kind, AnswerFailure::Kind::Invalid);
        QVERIFY(world.decider->setMode(prompts::Mode::Pause));
        QCOMPARE(world.answer(entry, prompts::Verdict::ApproveOnce).error().kind, AnswerFailure::Kind::Stopped);
        QCOMPARE(world.queue->entries().size(), size_t(1));
        QCOMPARE(world.rules->size(), size_t(0));
        QCOMPARE(world.answer(EntryId(99), prompts::Verdict::ApproveOnce).error().kind, AnswerFailure::Kind::Unknown);
        QVERIFY(world.answer(entry, prompts::Verdict::NotNow));
        QCOMPARE(world.answer(entry, prompts::Verdict::NotNow).error().kind, AnswerFailure::Kind::Answered);
    }
    void staleAnswerMakesNoRule() {
        World world;
        world.queue->attend("window");
        const EntryId entry = waits(world.ask(1, request("/usr/bin/mpv", cents(4))))->entry;
        const uint32_t seen = world.queue->find(entry)->revision;
        world.ask(2, request("/usr/bin/mpv", cents(5)));
        prompts::Answer yes;
        yes.verdict = prompts::Verdict::ApproveRule;
        yes.lifetime = prompts::Lifetime::Always;
        QCOMPARE(world.decider->answer(entry, seen, yes, "window").error().kind, AnswerFailure::Kind::Changed);
        QCOMPARE(world.rules->size(), size_t(0));
    }
    void approvalDoesNotPassABudget() {
        World world;
        world.queue->attend("window");
        QVERIFY(world.budgets->set({budgets::Scope::Everything, {}, budgets::Period::Day, cents(15)}));
        const auto& one = world.ask(1, request());
        const auto& two = world.ask(2, request());  // merged
        const auto answered = world.answer(waits(one)->entry, prompts::Verdict::ApproveOnce);
        QCOMPARE(answered->approved, size_t(1));
        QCOMPARE(answered->denied, size_t(1));
        QVERIFY(!answered->note.empty());
        QVERIFY(granted(one));
        QCOMPARE(refused(two)->code, std::string("QUOTA_EXCEEDED"));
    }
    void budgetsAreLookedAtBeforeAnybodyAsksForAPrice() {
        World world;
        QVERIFY(world.budgets->set({budgets::Scope::App, "mpv", budgets::Period::Day, cents(5)}));
        QCOMPARE(world.decider->precheck({"mpv", {}, {}, {}, {}, {}}, cents(6))->code, std::string("QUOTA_EXCEEDED"));
        QVERIFY(!world.decider->precheck({"mpv", {}, {}, {}, {}, {}}, cents(5)));
        QVERIFY(!world.decider->precheck({"vlc", {}, {}, {}, {}, {}}, cents(6)));
        QCOMPARE(world.budgets->reservations(), size_t(0));
    }
    void nobodyIsAskedForWhatTheBudgetForbids() {
        World world;
        world.queue->attend("window");
        QVERIFY(world.budgets->set({budgets::Scope::Everything, {}, budgets::Period::Day, cents(5)}));
        QCOMPARE(refused(world.ask(1, request()))->code, std::string("QUOTA_EXCEEDED"));
        QVERIFY(world.queue->entries().empty());
    }
    void callerThatLeavesTakesItsQuestionAlong() {
        World world;
        world.queue->attend("window");
        world.ask(1, request());
        world.settle(1, Money::zero());
        QVERIFY(world.queue->entries().empty());
        QCOMPARE(world.verdicts[1].size(), size_t(1));
    }
    void questionShowsWhatItIsAbout() {
        World world;
        world.queue->attend("window");
        QVERIFY(world.budgets->set({budgets::Scope::Everything, {}, budgets::Period::Day, cents(50)}));
        const EntryId entry = waits(world.ask(1, request()))->entry;
        const auto content = world.decider->content(entry);
        QVERIFY(content);
        QVERIFY(content->visible);
        QCOMPARE(content->worstCase, cents(10));
        QCOMPARE(content->budget->left(), cents(50));
        QVERIFY(content->sentence.find("1¢ a minute") != std::string::npos);
        QCOMPARE(content->suggested.lifetime.kind, rules::Lifetime::Kind::AppExit);
        QVERIFY(!content->suggested.match.user);
    }

    // Consistent answers make it ask less and less, and never act beyond the envelope.
    void experienceActsAloneWithinTheEnvelope() {
        World world;
        SeededRandom random(7);
        uint64_t id = 0;
        size_t asked = 0;
        size_t alone = 0;
        Money spentAlone;
        for (int day = 0; day < 30; ++day) {
            spentAlone = Money::zero();
            for (int i = 0; i < 12; ++i) {
                world.queue->attend("window");
                SpendRequest wanted = request("/usr/bin/mpv", cents(1 + static_cast<int64_t>(random.below(10))));
                wanted.worstCase = cents(1);
                const bool worth = wanted.price <= cents(5);
                const auto& verdicts = world.ask(++id, wanted);
                if (const Pending* question = waits(verdicts)) {
                    ++asked;
                    const EntryId entry = question->entry;
                    QVERIFY(world.answer(entry, worth ? prompts::Verdict::ApproveOnce : prompts::Verdict::Refuse,
                                         prompts::Lifetime::Once));
                }
                if (const Approved* approved = granted(verdicts)) {
                    if (approved->why.decider == "learning") {
                        ++alone;
                        spentAlone = checkedAdd(spentAlone, cents(1)).value();
                        QVERIFY(!approved->why.sentence.empty());
                        QVERIFY(spentAlone <= cents(5));
                    }
                    world.settle(id, cents(1));
                }
                world.clock.advance(20min);
            }
            world.clock.advance(20h);
        }
        QVERIFY(alone > 50);
        QVERIFY(asked < 250);
    }
    void experienceSurvivesARestart() {
        World world;
        for (uint64_t id = 1; id <= 30; ++id) {
            world.queue->attend("window");
            SpendRequest wanted = request("/usr/bin/mpv", id % 2 == 0 ? cents(1) : cents(50));
            wanted.worstCase = cents(1);
            const auto& verdicts = world.ask(id, wanted);
            if (const Pending* question = waits(verdicts)) {
                QVERIFY(world.answer(question->entry,
                                     id % 2 == 0 ? prompts::Verdict::ApproveOnce : prompts::Verdict::Refuse,
                                     prompts::Lifetime::Once));
            }
            world.settle(id, Money::zero());
            world.clock.advance(1h);
        }
        world.start();
        world.queue->attend("window");
        SpendRequest wanted = request("/usr/bin/mpv", cents(50));
        wanted.worstCase = cents(1);
        const auto& verdicts = world.ask(100, wanted);
        QVERIFY(refused(verdicts));
        QCOMPARE(refused(verdicts)->why->decider, std::string("learning"));
    }
    void damagedExperienceDecidesNothing() {
        World world;
        QVERIFY(world.documents.put({"learning", "1000", {1, 2, 3}}));
        world.start();
        world.queue->attend("window");
        QVERIFY(waits(world.ask(1, request())));
        QCOMPARE(world.documents.all("learning")->front().body, (Bytes{1, 2, 3}));
    }
};

QTEST_APPLESS_MAIN(TestDecider)
#include "test_decider.moc"
