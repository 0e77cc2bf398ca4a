// Rules as people write them.
#include <QTest>

#include "core/amount.h"
#include "core/when.h"
#include "secretary/rules/grammar.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary::rules;

namespace {

const SystemTime noon = utc("2026-11-22T12:00:00Z");
const TimeZone berlin = TimeZone::fromPosix("CET-1CEST,M3.5.0,M10.5.0/3").value();

RuleText read(const char* text) {
    auto rule = parseSentence(text, noon, berlin);
    if (!rule) qFatal("%s: %s", text, rule.error().message.c_str());
    return *rule;
}

}  // namespace

class RulesGrammarTest : public QObject {
    Q_OBJECT

private slots:
    void aRuleAsItIsTyped() {
        RuleText rule = allow(purpose("video"), "0.01");
        rule.match.app = "mpv";
        rule.match.domain = "example.net";
        rule.lifetime = Lifetime::untilTime(utc("2026-11-22T23:00:00Z"));  // midnight in Berlin
        QVERIFY(read("up to 1c a minute for video in mpv from example.net until today") == rule);
        QVERIFY(read("Up to 1¢ per minute, in mpv, for video, from Example.NET. until today.") == rule);
    }

    void alwaysAtTheEndIsForHowLong() {
        QVERIFY(read("up to 1c a minute for video always") == allow(purpose("video"), "0.01"));
        QVERIFY(read("always for one always newspaper") == say(Action::Allow, purpose("one-always-newspaper")));
    }

    void thePapersExamples() {
        RuleText partners = allow(purpose("video-call"), "0.5");
        partners.match.group = "business partners";
        QVERIFY(read("Up to 50¢ a minute for video calls with business partners; ask above that.") == partners);
        RuleText family = allow(purpose("video-call"), "0.1");
        family.match.group = "family";
        QVERIFY(read("up to 10 cents a minute for video calls with family, ask above that") == family);
        QVERIFY(read("up to 5¢ each for comics from any site") == allow(purpose("comic"), "0.05", PriceUnit::Item));
        RuleText articles = say(Action::Allow, purpose("article"));
        articles.match.domain = "*.news.example";
        QVERIFY(read("always for articles from news.example and its sub-domains") == articles);
    }

    // What is shown can be read again.
    void sentencesRoundTrip() {
        for (const RuleText& rule : everyKind()) {
            const auto again = parseSentence(sentence(rule), noon, {});
            QVERIFY2(again.has_value(), (sentence(rule) + " " + (again ? "" : again.error().message)).c_str());
            QVERIFY2(*again == rule, sentence(rule).c_str());
        }
    }

    void quotationMarksKeepWordsTogether() {
        QCOMPARE(read("never for \"on and off\" with \"friends from work\"").match.group.value(),
                 std::string("friends from work"));
        QCOMPARE(read("ask with contact Bob Jones in mpv").match.contact.value(), std::string("Bob Jones"));
    }

    void whatIsNoRule_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* text, const char* says) {
            QTest::addRow("%s", text) << QString(text) << QString(says);
        };
        row("", "a rule begins with");
        row("perhaps", "a rule begins with");
        row("up to", "there is no amount");
        row("up to much a minute", "\"much\" is no amount");
        row("up to -1 a minute", "is no amount");
        row("up to 1c", "a limit is \"a minute\" or \"an item\"");
        row("up to 1c a minute sideways", "\"sideways\" has no meaning here");
        row("always for", "there is no purpose");
        row("always for a, for b", "one too many");
        row("always from https://x", "is no site");
        row("always until never", "is no time");
        row("always once until today", "ends only once");
        row("always at most $1", "a budget is for");
        row("always through isp x", "is no ISP");
        row("never; ask above that", "only what is allowed has a limit");
        row("always for \"x", "quotation mark is missing");
    }
    void whatIsNoRule() {
        QFETCH(QString, text);
        QFETCH(QString, says);
        const auto rule = parseSentence(text.toStdString(), noon, {});
        QVERIFY(!rule);
        QVERIFY2(rule.error().message.find(says.toStdString()) != std::string::npos, rule.error().message.c_str());
        QVERIFY(!rule.error().hint.empty());
    }

    void amounts() {
        for (const char* text : {"0.05", "5c", "5¢", "$0.05", "5 cents", "0.05 dollars"}) {
            QVERIFY2(parseAmount(text) == dollars("0.05"), text);
        }
        QVERIFY(parseAmount("0.5¢") == dollars("0.005"));
        for (const char* text : {"", "c", "¢", "$", "-1c", "1e3", "0.0000000001¢", "5 c c"})
            QVERIFY2(!parseAmount(text), text);
    }

    void times() {
        const auto when = [](const char* text) { return parseWhen(text, noon, berlin).value_or(SystemTime{}); };
        QCOMPARE(when("today"), utc("2026-11-22T23:00:00Z"));
        QCOMPARE(when("tomorrow"), utc("2026-11-23T23:00:00Z"));
        QCOMPARE(when("18:00"), utc("2026-11-22T17:00:00Z"));
        QCOMPARE(when("09:00"), utc("2026-11-23T08:00:00Z"));
        QCOMPARE(when("2026-12-24"), utc("2026-12-24T23:00:00Z"));
        QCOMPARE(when("2027-07-01 18:00"), utc("2027-07-01T16:00:00Z"));
        QCOMPARE(when("2026-12-24 18:00 UTC"), utc("2026-12-24T18:00:00Z"));
        QCOMPARE(when("2026-12-24T18:00:07Z"), utc("2026-12-24T18:00:07Z"));
        for (const char* text :
             {"", "now", "24:00", "2026-02-30", "2026-12-24 25:00", "2026-12-24T18:00:60Z", "1:00"}) {
            QVERIFY2(!parseWhen(text, noon, berlin), text);
        }
    }
};

QTEST_APPLESS_MAIN(RulesGrammarTest)
#include "test_rules_grammar.moc"
