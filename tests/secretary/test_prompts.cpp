// The queue of questions: what is shown when, what is merged, what becomes of what nobody answers.
#include <QtTest>

#include "core/random.h"
#include "secretary/prompts/queue.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::prompts;
using namespace std::chrono_literals;

namespace {

const SystemTime noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 12h;

Money cents(int64_t count) { return Money::fromEighths(count * (Money::eighthsPerDollar / 100)); }

SpendRequest request(std::string app, Money price = cents(1)) {
    SpendRequest wanted;
    wanted.app = std::move(app);
    wanted.purpose = "video";
    wanted.domain = "example.net";
    wanted.uid = 1000;
    wanted.user = "ann";
    wanted.price = price;
    wanted.worstCase = price;
    wanted.attended = true;
    return wanted;
}

struct World {
    store::MemoryDocuments documents;
    ManualClock clock{noon};
    QueueSettings settings;
    std::vector<std::pair<uint64_t, Unanswered>> over;
    std::unique_ptr<Queue> queue = start();

    std::unique_ptr<Queue> start() {
        auto fresh = std::make_unique<Queue>(documents, clock, settings);
        if (!fresh->load()) return nullptr;
        fresh->onUnanswered([this](Ticket ticket, Unanswered how) { over.emplace_back(ticket.value(), how); });
        return fresh;
    }
    EntryId ask(uint64_t ticket, const SpendRequest& wanted) {
        return queue->ask(Ticket(ticket), wanted).value().entry;
    }
    auto answer(EntryId id, Verdict verdict, const std::string& by = "window") {
        Answer given;
        given.verdict = verdict;
        return queue->take(id, std::nullopt, given, by);
    }
};

}  // namespace

class TestPrompts : public QObject {
    Q_OBJECT
private slots:
    void oneQuestionIsShownAndTheRestWait() {
        World world;
        world.queue->attend("window");
        const EntryId first = world.ask(1, request("a"));
        const EntryId second = world.ask(2, request("b"));
        QCOMPARE(world.queue->visible(), std::optional(first));
        QCOMPARE(world.queue->entries().size(), size_t(2));
        QVERIFY(world.answer(first, Verdict::ApproveOnce));
        QCOMPARE(world.queue->visible(), std::optional(second));
    }
    void queuedQuestionMayBeAnsweredOutOfOrder() {
        World world;
        world.queue->attend("window");
        const EntryId first = world.ask(1, request("a"));
        const EntryId second = world.ask(2, request("b"));
        const auto taken = world.answer(second, Verdict::ApproveOnce);
        QVERIFY(taken);
        QCOMPARE(taken->tickets.at(0).ticket, Ticket(2));
        QCOMPARE(world.queue->visible(), std::optional(first));
    }
    void duplicatesMerge() {
        World world;
        world.queue->attend("window");
        const EntryId first = world.ask(1, request("a", cents(4)));
        const EntryId second = world.ask(2, request("a", cents(5)));
        QCOMPARE(first, second);
        const Entry entry = world.queue->find(first).value();
        QCOMPARE(entry.requests, 2u);
        QCOMPARE(entry.request.price, cents(5));
        const auto taken = world.answer(first, Verdict::ApproveOnce);
        QCOMPARE(taken->tickets.size(), size_t(2));
    }
    void whatDiffersIsAskedApart_data() {
        QTest::addColumn<int>("field");
        for (const char* name : {"app", "purpose", "payee", "domain", "group", "node", "uid", "price", "unit"}) {
            static int field = 0;
            QTest::newRow(name) << field++;
        }
    }
    void whatDiffersIsAskedApart() {
        QFETCH(int, field);
        World world;
        world.queue->attend("window");
        const SpendRequest one = request("a");
        SpendRequest other = one;
        switch (field) {
        case 0: other.app = "b"; break;
        case 1: other.purpose = "comic"; break;
        case 2: other.payee = "ff"; break;
        case 3: other.domain = "example.org"; break;
        case 4: other.group = "family"; break;
        case 5: other.node = "kitchen"; break;
        case 6: other.uid = 1001; break;
        case 7: other.price = cents(4); break;
        default: other.unit = PriceUnit::Item; break;
        }
        QVERIFY(world.ask(1, one) != world.ask(2, other));
    }
    void answerToWhatIsNoLongerShownIsRefused() {
        World world;
        world.queue->attend("window");
        const EntryId id = world.ask(1, request("a", cents(4)));
        const uint32_t seen = world.queue->find(id)->revision;
        world.ask(2, request("a", cents(5)));
        Answer approve;
        approve.verdict = Verdict::ApproveOnce;
        const auto stale = world.queue->take(id, seen, approve, "window");
        QVERIFY(!stale);
        QCOMPARE(stale.error().problem, AnswerProblem::Changed);
        QVERIFY(world.queue->take(id, world.queue->find(id)->revision, approve, "window"));
    }
    void firstAnswerWinsAndTheOthersAreTold() {
        World world;
        world.queue->attend("window");
        world.queue->attend("telephone");
        const EntryId id = world.ask(1, request("a"));
        QVERIFY(world.answer(id, Verdict::ApproveOnce, "telephone"));
        const auto late = world.answer(id, Verdict::Refuse, "window");
        QVERIFY(!late);
        QCOMPARE(late.error().problem, AnswerProblem::Answered);
        QCOMPARE(late.error().closed->by, std::string("telephone"));
        QCOMPARE(late.error().closed->verdict, Verdict::ApproveOnce);
    }
    void expiredQuoteMovesToMissed() {
        World world;
        world.queue->attend("window");
        SpendRequest wanted = request("a");
        wanted.quoteExpires = noon + 30s;
        const EntryId id = world.ask(7, wanted);
        QCOMPARE(world.queue->nextEvent(), std::optional<SystemTime>(noon + 30s));
        world.clock.advance(30s);
        world.queue->tick();
        QCOMPARE(world.over.size(), size_t(1));
        QCOMPARE(world.over[0].first, uint64_t(7));
        QCOMPARE(world.over[0].second, Unanswered::Expired);
        QCOMPARE(world.queue->find(id)->state, EntryState::Missed);
        QVERIFY(!world.queue->visible());
        const auto later = world.answer(id, Verdict::ApproveRule);
        QVERIFY(later);
        QVERIFY(later->tickets.empty());
    }
    void eachOfMergedRequestsExpiresForItself() {
        World world;
        world.queue->attend("window");
        SpendRequest early = request("a");
        early.quoteExpires = noon + 10s;
        const EntryId id = world.ask(1, early);
        SpendRequest late = request("a");
        late.quoteExpires = noon + 20s;
        world.ask(2, late);
        world.clock.advance(10s);
        world.queue->tick();
        QCOMPARE(world.over.size(), size_t(1));
        QCOMPARE(world.queue->find(id)->state, EntryState::Waiting);
        QCOMPARE(world.queue->waiting().size(), size_t(1));
    }
    void answerThatComesTooLatePaysNothing() {
        World world;
        world.queue->attend("window");
        SpendRequest wanted = request("a");
        wanted.quoteExpires = noon + 10s;
        const EntryId id = world.ask(1, wanted);
        world.clock.advance(11s);
        const auto taken = world.answer(id, Verdict::ApproveOnce);
        QVERIFY(taken);
        QVERIFY(taken->tickets.empty());
        QCOMPARE(taken->entry.state, EntryState::Missed);
    }
    void notNowCoolsDownForTenMinutes() {
        World world;
        world.queue->attend("window");
        const auto refused = world.answer(world.ask(1, request("a")), Verdict::NotNow);
        QVERIFY(refused);
        const auto soon = world.queue->ask(Ticket(2), request("a", cents(50)));
        QCOMPARE(soon->over, std::optional(Unanswered::CoolingDown));
        QCOMPARE(world.queue->find(soon->entry)->why, Missed::CoolingDown);
        world.clock.advance(10min);
        world.queue->attend("window");
        QVERIFY(!world.queue->ask(Ticket(3), request("a"))->over);
    }
    void thirdNotNowInARowCoolsDownForAWeek() {
        World world;
        for (int i = 0; i < 3; ++i) {
            world.queue->attend("window");
            const auto asked = world.queue->ask(Ticket(1), request("a"));
            QVERIFY(!asked->over);
            QVERIFY(world.answer(asked->entry, Verdict::NotNow));
            world.clock.advance(10min);
        }
        world.queue->attend("window");
        QVERIFY(world.queue->ask(Ticket(2), request("a"))->over);
        // … and after a restart.
        world.queue = world.start();
        world.clock.advance(24h * 6);
        world.queue->attend("window");
        QVERIFY(world.queue->ask(Ticket(3), request("a"))->over);
        world.clock.advance(24h);
        world.queue->attend("window");
        QVERIFY(!world.queue->ask(Ticket(4), request("a"))->over);
    }
    void decisionBreaksTheRow() {
        World world;
        for (int i = 0; i < 2; ++i) {
            world.queue->attend("window");
            QVERIFY(world.answer(world.ask(1, request("a")), Verdict::NotNow));
            world.clock.advance(10min);
        }
        world.queue->attend("window");
        QVERIFY(world.answer(world.ask(1, request("a")), Verdict::ApproveOnce));
        QVERIFY(world.answer(world.ask(1, request("a")), Verdict::NotNow));
        world.clock.advance(10min);
        world.queue->attend("window");
        QVERIFY(!world.queue->ask(Ticket(1), request("a"))->over);
    }
    void atMostSixAreShownInAnHour() {
        World world;
        for (int i = 0; i < 6; ++i) {
            world.queue->attend("window");
            const EntryId id = world.ask(static_cast<uint64_t>(i), request("a" + std::to_string(i)));
            QCOMPARE(world.queue->visible(), std::optional(id));
            QVERIFY(world.answer(id, Verdict::ApproveOnce));
            world.clock.advance(1min);
        }
        world.queue->attend("window");
        SpendRequest seventh = request("b");
        seventh.quoteExpires = noon + 2h;
        const EntryId id = world.ask(9, seventh);
        QVERIFY(!world.queue->visible());
        QCOMPARE(world.queue->find(id)->state, EntryState::Waiting);
        QVERIFY(world.answer(id, Verdict::ApproveOnce));
        world.clock.advance(54min);
        world.queue->attend("window");
        const EntryId next = world.ask(10, request("c"));
        QCOMPARE(world.queue->visible(), std::optional(next));
    }
    void whatNobodyDidInterruptsNobody() {
        World world;
        world.queue->attend("window");
        SpendRequest background = request("a");
        background.attended = false;
        const EntryId id = world.ask(1, background);
        QVERIFY(!world.queue->visible());
        QCOMPARE(world.queue->find(id)->state, EntryState::Waiting);
        // The same, now after somebody's act.
        world.ask(2, request("a"));
        QCOMPARE(world.queue->visible(), std::optional(id));
    }
    void quietShowsNothing() {
        World world;
        world.queue->attend("window");
        const EntryId id = world.ask(1, request("a"));
        QVERIFY(world.queue->setMode(Mode::Quiet));
        QVERIFY(!world.queue->visible());
        QVERIFY(world.queue->setMode(Mode::Ask));
        QCOMPARE(world.queue->visible(), std::optional(id));
        world.queue->setLocked(true);
        QVERIFY(!world.queue->visible());
    }
    void modeSurvivesARestart() {
        World world;
        QVERIFY(world.queue->setMode(Mode::Pause));
        QCOMPARE(world.start()->mode(), Mode::Pause);
    }
    void withoutAWindowNobodyIsAskedAndTheEntryIsKept() {
        World world;
        const auto asked = world.queue->ask(Ticket(1), request("a"));
        QCOMPARE(asked->over, std::optional(Unanswered::NoFrontEnd));
        QCOMPARE(world.queue->find(asked->entry)->why, Missed::NoFrontEnd);
        for (uint64_t i = 0; i < 50; ++i) world.ask(i, request("a"));
        QCOMPARE(world.queue->entries().size(), size_t(1));
        QCOMPARE(world.queue->entries()[0].requests, 51u);
    }
    void windowThatIsNotHeardOfIsGone() {
        World world;
        world.queue->attend("window");
        world.clock.advance(world.settings.lease + 1s);
        world.queue->tick();
        QCOMPARE(world.queue->frontEnds(), size_t(0));
        QVERIFY(world.queue->ask(Ticket(1), request("a"))->over);
    }
    void missedEntryGoesWhenTheSameIsAskedAgain() {
        World world;
        const EntryId missed = world.ask(1, request("a"));
        world.queue->attend("window");
        const EntryId asked = world.ask(2, request("a"));
        QVERIFY(missed != asked);
        QCOMPARE(world.queue->entries().size(), size_t(1));
    }
    void entriesSurviveARestartAsMissed() {
        World world;
        world.queue->attend("window");
        const EntryId id = world.ask(1, request("a"));
        const auto again = world.start();
        QCOMPARE(again->find(id)->state, EntryState::Missed);
        QCOMPARE(again->find(id)->why, Missed::Restarted);
        QCOMPARE(again->find(id)->request, world.queue->find(id)->request);
    }
    void oldestMissedGoesFirstWhenTheQueueIsFull() {
        World world;
        world.settings.mostEntries = 10;
        world.queue = world.start();
        for (uint64_t i = 0; i < 25; ++i) world.ask(i, request("a" + std::to_string(i)));
        const auto left = world.queue->entries();
        QCOMPARE(left.size(), size_t(10));
        QCOMPARE(left.front().request.app, std::string("a15"));
        QCOMPARE(world.documents.all("pending")->size(), size_t(10));
    }
    void oneUserCannotCrowdOutTheOthers() {
        World world;
        world.queue->attend("window");
        for (uint64_t i = 0; i < 40; ++i) world.ask(i, request("a" + std::to_string(i)));
        QCOMPARE(world.queue->waiting().size(), world.settings.mostWaitingEach);
        SpendRequest other = request("a");
        other.uid = 1001;
        QVERIFY(!world.queue->ask(Ticket(99), other)->over);
    }
    void floodOfTheSameIsBounded() {
        World world;
        world.queue->attend("window");
        for (uint64_t i = 0; i < world.settings.mostTickets; ++i)
            QVERIFY(!world.queue->ask(Ticket(i), request("a"))->over);
        QCOMPARE(world.queue->ask(Ticket(99), request("a"))->over, std::optional(Unanswered::Full));
        const uint32_t revision = world.queue->entries()[0].revision;
        QVERIFY(world.queue->ask(Ticket(100), request("a"))->over);
        QCOMPARE(world.queue->entries()[0].revision, revision);  // no flood keeps a person from answering
    }
    void withdrawnTicketTakesItsQuestionAlong() {
        World world;
        world.queue->attend("window");
        const EntryId id = world.ask(1, request("a"));
        const EntryId next = world.ask(2, request("b"));
        world.queue->withdraw(Ticket(1), "rules");
        QVERIFY(!world.queue->find(id));
        QCOMPARE(world.queue->visible(), std::optional(next));
        QCOMPARE(world.answer(id, Verdict::ApproveOnce).error().closed->answered, false);
    }
    void missedEntryMayBeDismissed() {
        World world;
        const EntryId id = world.ask(1, request("a"));
        QVERIFY(world.queue->dismiss(id));
        QVERIFY(!world.queue->dismiss(id));
        QVERIFY(world.documents.all("pending")->empty());
        world.queue->attend("window");
        QVERIFY(!world.queue->dismiss(world.ask(2, request("b"))));
    }
    void damagedEntryIsAnError() {
        World world;
        QVERIFY(world.documents.put({"pending", "x", {1, 2, 3}}));
        QVERIFY(!world.start());
    }
    void whatIsTooLongIsCutAtACharacter() {
        SpendRequest wanted = request("a");
        wanted.purpose = std::string(255, 'x') + "ü";
        wanted.facts.assign(20, std::string(1000, 'y'));
        wanted.tiers.assign(9, {"gold", cents(1)});
        const SpendRequest kept = bounded(wanted);
        QCOMPARE(kept.purpose, std::string(255, 'x'));
        QCOMPARE(kept.facts.size(), mostFacts);
        QCOMPARE(kept.facts[0].size(), longestText);
        QCOMPARE(kept.tiers.size(), mostTiers);
    }
    void entriesAreReadBackAsWritten() {
        Entry entry;
        entry.id = EntryId(77);
        entry.request = request("a", cents(12));
        entry.request.isps = {IspId(26), IspId(25)};
        entry.request.facts = {"3 stalls in the last minute"};
        entry.request.tiers = {{"silver", cents(1)}, {"gold", cents(3)}};
        entry.request.quoteExpires = noon + 1min;
        entry.request.process = 4711;
        entry.requests = 3;
        entry.revision = 5;
        entry.since = noon;
        entry.deadline = noon + 1min;
        const Bytes bytes = encode(entry);
        QCOMPARE(decodeEntry(bytes).value(), entry);
        for (size_t length = 0; length < bytes.size(); ++length) {
            QVERIFY(!decodeEntry(ByteView(bytes).first(length)));
        }
    }
};

QTEST_APPLESS_MAIN(TestPrompts)
#include "test_prompts.moc"
