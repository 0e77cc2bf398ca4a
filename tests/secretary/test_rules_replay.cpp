// What a rule would have changed, and rules made from what was learnt.
#include <QTest>

#include "secretary/rules/proposal.h"
#include "secretary/rules/replay.h"
#include "secretary/rules/rule_book.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::rules;
using namespace std::chrono;

namespace {

const SystemTime monday = utc("2026-11-16T12:00:00Z");

PastRequest paid(const char* price, SystemTime when, bool asked = false) {
    PastRequest past{videoRequest(price), when, true, asked, dollars(price)};
    return past;
}
PastRequest unpaid(const char* price, SystemTime when, bool asked = false) {
    return {videoRequest(price), when, false, asked, Money::zero()};
}

Replay run(const RuleText& candidate, const std::vector<PastRequest>& past, const std::vector<const Rule*>& book = {},
           std::optional<RuleId> replaced = std::nullopt) {
    Zones zones;
    return replay(candidate, replaced, book, past, zones, {});
}

}  // namespace

class RulesReplayTest : public QObject {
    Q_OBJECT

private slots:
    void whatWouldHaveBeenPaidRefusedAndAsked() {
        const std::vector<PastRequest> past{paid("0.01", monday),          // stays
                                            unpaid("0.02", monday),        // would be paid
                                            unpaid("0.02", monday, true),  // would be paid without asking
                                            paid("0.01", monday, true),    // would be paid without asking
                                            paid("0.5", monday),           // above: asked
                                            unpaid("0.5", monday, true)};  // asked then too
        const Replay report = run(allow(purpose("video"), "0.02"), past);
        QCOMPARE(report.requests, uint64_t{6});
        QCOMPARE(report.decided, uint64_t{6});
        QCOMPARE(report.paidInstead.count, uint64_t{2});
        QCOMPARE(report.paidInstead.sum, dollars("0.04"));
        QCOMPARE(report.askedInstead.count, uint64_t{1});
        QCOMPARE(report.askedInstead.sum, dollars("0.5"));
        QCOMPARE(report.questionsSaved, uint64_t{2});
        QCOMPARE(report.refusedInstead.count, uint64_t{0});
        QCOMPARE(report.changed, (std::vector<size_t>{1, 2, 3, 4}));
    }

    void refusingCountsWhatWasPaid() {
        const Replay report =
            run(say(Action::Deny, {}), {paid("0.01", monday), paid("0.02", monday), unpaid("1", monday)});
        QCOMPARE(report.refusedInstead.count, uint64_t{2});
        QCOMPARE(report.refusedInstead.sum, dollars("0.03"));
    }

    void onlyWhatTheRuleDecidesCounts() {
        store::MemoryDocuments documents;
        auto book = RuleBook::open(documents, monday).value();
        RuleText first = say(Action::Ask, {});
        first.priority = 5;
        const RuleId id = book.add(first, monday).value();
        const std::vector<PastRequest> past{paid("0.01", monday)};
        QCOMPARE(run(say(Action::Deny, {}), past, book.list()).decided, uint64_t{0});
        QCOMPARE(run(say(Action::Deny, {}), past, book.list(), id).decided, uint64_t{1});
    }

    void theBudgetIsKeptToWithinEachPeriod() {
        RuleText rule = allow(purpose("video"), "0.02", PriceUnit::Minute, Beyond::Deny);
        rule.budget = RuleBudget{dollars("0.03"), Period::Week};
        const std::vector<PastRequest> past{unpaid("0.02", monday), unpaid("0.02", monday + days(6)),  // Sunday: beyond
                                            unpaid("0.01", monday + days(6)), unpaid("0.02", monday + days(7))};
        QCOMPARE(run(rule, past).paidInstead.sum, dollars("0.05"));
        rule.budget->period = Period::Total;
        QCOMPARE(run(rule, past).paidInstead.sum, dollars("0.03"));
        rule.budget->period = Period::Day;
        QCOMPARE(run(rule, past).paidInstead.sum, dollars("0.07"));
        rule.budget->period = Period::Month;
        QCOMPARE(run(rule, past).paidInstead.sum, dollars("0.03"));
    }

    void onceIsOnce() {
        RuleText rule = say(Action::Deny, {});
        rule.lifetime = Lifetime::once();
        QCOMPARE(run(rule, {paid("0.01", monday), paid("0.01", monday)}).refusedInstead.count, uint64_t{1});
    }

    void whatWasLearntBecomesARule() {
        learning::RuleProposal proposal;
        proposal.match = {{learning::Field::Purpose, "video-call"}, {learning::Field::Group, "business partners"}};
        proposal.upTo = dollars("0.5");
        proposal.answers = 23;
        proposal.agreeing = 22;
        proposal.highestAccepted = dollars("0.48");
        proposal.lowestRefused = dollars("0.55");
        const RuleText rule = ruleFrom(proposal);
        QCOMPARE(sentence(rule),
                 std::string("Up to 50¢ a minute for video calls with business partners; ask above that."));
        QCOMPARE(rule.origin, Origin::Learned);
        QCOMPARE(rule.note,
                 std::string("22 of 23 answers agree: accepted up to 48¢ a minute, refused from 55¢ a minute."));
        store::MemoryDocuments documents;
        QVERIFY(RuleBook::open(documents, monday).value().add(rule, monday));
    }

    void alwaysIsLearntForItsUnit() {
        learning::RuleProposal proposal;
        proposal.match = {{learning::Field::Domain, "News.Example."}};
        proposal.unit = PriceUnit::Item;
        proposal.answers = proposal.agreeing = 8;
        proposal.highestAccepted = dollars("2");
        const RuleText rule = ruleFrom(proposal);
        QCOMPARE(sentence(rule), std::string("Always, whatever an item costs, for anything from news.example."));
        QVERIFY(!rule.grant.upTo);
        QVERIFY(rule.note.ends_with("accepted up to $2 an item, never refused."));
    }
};

QTEST_APPLESS_MAIN(RulesReplayTest)
#include "test_rules_replay.moc"
