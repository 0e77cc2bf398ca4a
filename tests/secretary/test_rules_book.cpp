// What the book of rules keeps, and for how long: restarts, full disks, clocks, rules for once.
#include <QTest>

#include "secretary/rules/json.h"
#include "secretary/rules/rule_book.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::rules;
using namespace std::chrono;

namespace {

const SystemTime noon = utc("2026-11-22T12:00:00Z");

// Documents whose disk can be full.
class FullDocuments final : public store::Documents {
public:
    bool full = false;
    tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange> changes) override {
        if (full) return tl::unexpected(store::StoreError::Full);
        return m_inner.apply(changes);
    }
    tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view kind) const override {
        return m_inner.all(kind);
    }

private:
    store::MemoryDocuments m_inner;
};

RuleText onceForVideo() {
    RuleText rule = allow(purpose("video"), "1");
    rule.lifetime = Lifetime::once();
    return rule;
}

RuleText untilThree() {
    RuleText rule = allow(purpose("video"), "1");
    rule.lifetime = Lifetime::untilTime(utc("2026-11-22T15:00:00Z"));
    return rule;
}

}  // namespace

class RulesBookTest : public QObject {
    Q_OBJECT

private slots:
    void rulesSurviveARestart() {
        store::MemoryDocuments documents;
        RuleText rule = allow(purpose("video"), "0.02", PriceUnit::Minute, Beyond::Deny);
        rule.match.domain = "*.example.net";
        rule.match.schedule = Schedule{0x1f, hours(9), hours(17), "UTC"};
        rule.budget = RuleBudget{dollars("2"), Period::Week};
        rule.priority = -3;
        rule.origin = Origin::Learned;
        rule.note = "films, “quoted”";
        RuleId id;
        {
            auto book = RuleBook::open(documents, noon).value();
            id = book.add(rule, noon).value();
            book.addSpent(id, dollars("0.3"));
            QVERIFY(book.sweep(noon));
        }
        auto book = RuleBook::open(documents, noon).value();
        QCOMPARE(book.size(), size_t{1});
        const Rule* kept = book.find(id);
        QVERIFY(kept != nullptr && static_cast<const RuleText&>(*kept) == rule);
        QCOMPARE(kept->use.spent, dollars("0.3"));
        QCOMPARE(kept->created, noon);
    }

    void numbersAreNeverUsedAgain() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        const RuleId first = book.add(say(Action::Deny, {}), noon).value();
        QVERIFY(book.remove(first));
        auto again = RuleBook::open(documents, noon).value();
        QVERIFY(again.add(say(Action::Deny, {}), noon).value() > first);
        QCOMPARE(again.remove(first).error().error, RuleError::Unknown);
    }

    void aFullDiskChangesNothing() {
        FullDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        const RuleId id = book.add(onceForVideo(), noon).value();
        documents.full = true;
        QCOMPARE(book.add(say(Action::Deny, {}), noon).error().error, RuleError::Storage);
        QCOMPARE(book.remove(id).error().error, RuleError::Storage);
        QCOMPARE(book.edit(id, say(Action::Deny, {}), noon).error().error, RuleError::Storage);
        const Verdict verdict = book.decide(videoRequest(), noon);
        QCOMPARE(verdict.outcome, Outcome::Allow);
        // What cannot be made durable is not used.
        QCOMPARE(book.use(verdict, noon).error().error, RuleError::Storage);
        documents.full = false;
        QVERIFY(book.use(verdict, noon));
        QCOMPARE(book.size(), size_t{1});
    }

    void onceIsOnceAlsoForRequestsThatRunTogether() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        const RuleId id = book.add(onceForVideo(), noon).value();
        // Many decided before the first was carried out.
        std::vector<Verdict> verdicts;
        for (int i = 0; i < 64; ++i) verdicts.push_back(book.decide(videoRequest(), noon));
        int used = 0;
        for (const Verdict& verdict : verdicts) {
            QCOMPARE(verdict.outcome, Outcome::Allow);
            const auto done = book.use(verdict, noon);
            used += done ? 1 : 0;
            if (!done) QCOMPARE(done.error().error, RuleError::Ended);
        }
        QCOMPARE(used, 1);
        QCOMPARE(book.decide(videoRequest(), noon).outcome, Outcome::None);
        // Without a sweep: a crash right after use() does not bring it back.
        auto again = RuleBook::open(documents, noon).value();
        QCOMPARE(again.decide(videoRequest(), noon).outcome, Outcome::None);
        QCOMPARE(again.find(id)->use.ended, Ended::UsedUp);
    }

    void onceIsGivenBackWhenNothingWasBought() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        const RuleId id = book.add(onceForVideo(), noon).value();
        QVERIFY(book.use(book.decide(videoRequest(), noon), noon));
        QVERIFY(book.giveBack(id, noon));
        QCOMPARE(book.decide(videoRequest(), noon).outcome, Outcome::Allow);
        auto again = RuleBook::open(documents, noon).value();
        QCOMPARE(again.decide(videoRequest(), noon).outcome, Outcome::Allow);
    }

    void onceIsNotUsedUpByWhatItDidNotGrant() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        static_cast<void>(book.add(onceForVideo(), noon).value());
        const Verdict above = book.decide(videoRequest("2"), noon);
        QCOMPARE(above.outcome, Outcome::Ask);
        QVERIFY(book.use(above, noon));
        QCOMPARE(book.decide(videoRequest(), noon).outcome, Outcome::Allow);
    }

    void anExpiredRuleDoesNotComeBackWhenTheClockIsSetBack() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        const RuleId id = book.add(untilThree(), noon).value();
        QCOMPARE(book.decide(videoRequest(), utc("2026-11-22T14:59:59.999999Z")).outcome, Outcome::Allow);
        QCOMPARE(book.decide(videoRequest(), utc("2026-11-22T15:00:00Z")).outcome, Outcome::None);
        QCOMPARE(book.decide(videoRequest(), noon).outcome, Outcome::None);
        auto again = RuleBook::open(documents, noon).value();
        QCOMPARE(again.decide(videoRequest(), noon).outcome, Outcome::None);
        QCOMPARE(again.find(id)->use.ended, Ended::Expired);
    }

    void whatExpiredDuringSuspendOrWhileStoppedIsOver() {
        store::MemoryDocuments documents;
        {
            auto book = RuleBook::open(documents, noon).value();
            static_cast<void>(book.add(untilThree(), noon).value());
            QVERIFY(book.sweep(noon + hours(24)));  // the first thing after a long sleep
            QCOMPARE(book.decide(videoRequest(), noon).outcome, Outcome::None);
        }
        store::MemoryDocuments others;
        {
            auto book = RuleBook::open(others, noon).value();
            static_cast<void>(book.add(untilThree(), noon).value());
        }
        static_cast<void>(RuleBook::open(others, noon + hours(24)).value());
        auto book = RuleBook::open(others, noon).value();
        QCOMPARE(book.decide(videoRequest(), noon).outcome, Outcome::None);
    }

    void expiryHoldsEvenWhenTheDiskIsFull() {
        FullDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        static_cast<void>(book.add(untilThree(), noon).value());
        documents.full = true;
        QCOMPARE(book.decide(videoRequest(), noon + hours(24)).outcome, Outcome::None);
        QCOMPARE(book.decide(videoRequest(), noon).outcome, Outcome::None);
        documents.full = false;
        QVERIFY(book.sweep(noon));  // catches up
        auto again = RuleBook::open(documents, noon).value();
        QCOMPARE(again.decide(videoRequest(), noon).outcome, Outcome::None);
    }

    void anEditedRuleBeginsAnew() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        const RuleId id = book.add(untilThree(), noon).value();
        QVERIFY(book.sweep(noon + hours(24)));
        RuleText longer = untilThree();
        QCOMPARE(book.edit(id, longer, noon + hours(24)).error().error, RuleError::Invalid);
        longer.lifetime = {};
        QVERIFY(book.edit(id, longer, noon + hours(24)));
        QCOMPARE(book.decide(videoRequest(), noon + hours(24)).outcome, Outcome::Allow);
    }

    void aRuleEndsWithItsApp() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        RuleText rule = allow(app("/usr/bin/mpv"), "1");
        rule.lifetime = Lifetime::untilExit(4711, 99);
        static_cast<void>(book.add(rule, noon).value());
        SpendRequest request = videoRequest();
        QCOMPARE(book.decide(request, noon).outcome, Outcome::None);
        request.process = 4712;
        QCOMPARE(book.decide(request, noon).outcome, Outcome::None);
        request.process = 4711;
        QVERIFY(book.endThoseOfExitedApps([](const std::string& app, uint32_t process, uint64_t started) {
            return app == "/usr/bin/mpv" && process == 4711 && started == 99;
        }));
        QCOMPARE(book.decide(request, noon).outcome, Outcome::Allow);
        QVERIFY(book.endThoseOfExitedApps([](const std::string&, uint32_t, uint64_t) { return false; }));
        QCOMPARE(book.decide(request, noon).outcome, Outcome::None);
        auto again = RuleBook::open(documents, noon).value();
        QCOMPARE(again.decide(request, noon).outcome, Outcome::None);
    }

    void contradictionsAreRefusedAndNameBoth() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        const RuleId id = book.add(allow(purpose("video"), "1"), noon).value();
        const auto refused = book.add(allow(purpose("video"), "2"), noon);
        QVERIFY(!refused);
        QCOMPARE(refused.error().error, RuleError::Conflict);
        QCOMPARE(refused.error().findings.front().inBook, std::optional(id));
        QVERIFY(refused.error().message.find("rule 1 in the book") != std::string::npos);
        QVERIFY(!refused.error().hint.empty());
        RuleText high = say(Action::Deny, purpose("video"));
        high.priority = 1;
        QVERIFY(!book.add(high, noon));
        high.lifetime = Lifetime::untilTime(noon + hours(1));  // for a while it may stand above
        QVERIFY(book.add(high, noon));
        // Of another unit.
        QVERIFY(book.add(allow(purpose("video"), "2", PriceUnit::Item), noon));
    }

    void importIsAllOrNothing() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, noon).value();
        static_cast<void>(book.add(allow(purpose("video"), "1"), noon).value());
        std::vector<RuleText> rules{say(Action::Deny, purpose("comic")), allow(purpose("video"), "2")};
        QCOMPARE(book.import(rules, ImportMode::Add, noon).error().error, RuleError::Conflict);
        QCOMPARE(book.size(), size_t{1});
        QCOMPARE(book.import(rules, ImportMode::Replace, noon).value(), size_t{2});
        QCOMPARE(book.decide(videoRequest("1.5"), noon).outcome, Outcome::Allow);
        // What is there already is left out.
        rules.push_back(say(Action::Ask, {}));
        QCOMPARE(book.import(rules, ImportMode::Add, noon).value(), size_t{1});
        QCOMPARE(RuleBook::open(documents, noon).value().size(), size_t{3});
    }

    void damagedRulesAreSaidSo() {
        store::MemoryDocuments documents;
        {
            auto book = RuleBook::open(documents, noon).value();
            static_cast<void>(book.add(allow(purpose("video"), "1"), noon).value());
        }
        QVERIFY(documents.put({"rule", "1", {'{'}}));
        const auto book = RuleBook::open(documents, noon);
        QVERIFY(!book);
        QCOMPARE(book.error().error, RuleError::Damaged);
        QVERIFY(book.error().hint.find("netpas doctor") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(RulesBookTest)
#include "test_rules_book.moc"
