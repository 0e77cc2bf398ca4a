// Rules in words, the paper's examples among them (NetPaS §5.3).
#include <QTest>

#include "secretary/rules/rule_book.h"
#include "secretary/rules/sentence.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::rules;

namespace {

QString words(const RuleText& rule) { return QString::fromStdString(sentence(rule)); }

Match withGroup(const char* group) {
    Match match = purpose("video-call");
    match.group = group;
    return match;
}

SpendRequest call(const char* group, const char* price) {
    SpendRequest request;
    request.app = "/usr/bin/jami";
    request.purpose = "video-call";
    request.group = group;
    request.price = dollars(price);
    return request;
}

Outcome decide(const RuleText& rule, const SpendRequest& request) {
    store::MemoryDocuments documents;
    const SystemTime now = utc("2026-11-22T12:00:00Z");
    auto book = RuleBook::open(documents, now).value();
    if (!book.add(rule, now)) return Outcome::None;
    return book.decide(request, now).outcome;
}

}  // namespace

class RulesSentenceTest : public QObject {
    Q_OBJECT

private slots:
    void fiftyCentsAMinuteWithBusinessPartners() {
        const RuleText rule = allow(withGroup("business partners"), "0.5");
        QCOMPARE(words(rule), "Up to 50¢ a minute for video calls with business partners; ask above that.");
        QCOMPARE(decide(rule, call("business partners", "0.5")), Outcome::Allow);
        QCOMPARE(decide(rule, call("business partners", "0.500000001")), Outcome::Ask);
        QCOMPARE(decide(rule, call("family", "0.01")), Outcome::None);
    }

    void askAboveTenCentsForFamily() {
        const RuleText rule = allow(withGroup("family"), "0.1");
        QCOMPARE(words(rule), "Up to 10¢ a minute for video calls with family; ask above that.");
        QCOMPARE(decide(rule, call("family", "0.1")), Outcome::Allow);
        QCOMPARE(decide(rule, call("family", "0.11")), Outcome::Ask);
    }

    void fiveCentsForComicsFromAnySite() {
        const RuleText rule = allow(purpose("comic"), "0.05", PriceUnit::Item);
        QCOMPARE(words(rule), "Up to 5¢ an item for comics from any site; ask above that.");
        SpendRequest comic;
        comic.purpose = "comic";
        comic.domain = "comics.example";
        comic.unit = PriceUnit::Item;
        comic.price = dollars("0.05");
        QCOMPARE(decide(rule, comic), Outcome::Allow);
        comic.unit = PriceUnit::Minute;  // prices of the two units are never compared
        QCOMPARE(decide(rule, comic), Outcome::None);
    }

    void alwaysForArticlesFromOneNewspaper() {
        RuleText rule = say(Action::Allow, purpose("article"));
        rule.match.domain = "*.economist.example";
        QCOMPARE(words(rule), "Always for articles from economist.example and its sub-domains.");
        SpendRequest article;
        article.purpose = "article";
        article.domain = "www.economist.example";
        article.unit = PriceUnit::Item;
        article.price = dollars("40");
        QCOMPARE(decide(rule, article), Outcome::Allow);
        article.domain = "noteconomist.example";
        QCOMPARE(decide(rule, article), Outcome::None);
    }

    void amounts_data() {
        QTest::addColumn<QString>("amount");
        QTest::addColumn<QString>("text");
        const auto row = [](const char* amount, const char* text) {
            QTest::newRow(amount) << QString(amount) << QString(text);
        };
        row("0", "0¢");
        row("0.01", "1¢");
        row("0.005", "0.5¢");
        row("0.000000000125", "0.0000000125¢");
        row("0.99", "99¢");
        row("1", "$1");
        row("1.5", "$1.50");
        row("12.34", "$12.34");
        row("2.125", "$2.125");
    }
    void amounts() {
        QFETCH(QString, amount);
        QFETCH(QString, text);
        QCOMPARE(QString::fromStdString(priceText(dollars(amount.toUtf8().constData()))), text);
    }

    void everyPartHasItsWords() {
        RuleText rule = allow(purpose("video"), "0.01", PriceUnit::Minute, Beyond::Deny);
        rule.match.app = "/usr/bin/mpv";
        rule.match.domain = "example.net";
        rule.lifetime = Lifetime::untilTime(utc("2026-11-22T23:30:00Z"));
        QCOMPARE(words(rule),
                 "Up to 1¢ a minute for video in mpv from example.net until 2026-11-22 23:30 UTC; refuse above that.");
        const Wording there{TimeZone::fromPosix("CET-1CEST,M3.5.0,M10.5.0/3").value(), "Europe/Berlin"};
        QVERIFY(sentence(rule, there).find("until 2026-11-23 00:30 Europe/Berlin") != std::string::npos);
        rule.budget = RuleBudget{dollars("2"), Period::Month};
        rule.lifetime = Lifetime::once();
        QCOMPARE(words(rule),
                 "Up to 1¢ a minute for video in mpv from example.net, at most $2 a month, once; refuse above that.");
        rule.budget = RuleBudget{dollars("2"), Period::Total};
        rule.lifetime = Lifetime::untilExit(7);
        rule.grant.quality = "gold";
        rule.match.domain.reset();
        QCOMPARE(words(rule),
                 "Up to 1¢ a minute in quality gold for video in mpv, at most $2 in all until mpv exits; refuse above "
                 "that.");
    }

    void refusalsAndQuestions() {
        QCOMPARE(words(say(Action::Deny, {})), "Never pay for anything.");
        Match match = app("/home/anna/mpv");
        match.user = "anna";
        match.node = "tablet";
        match.isp = IspId{26};
        QCOMPARE(words(say(Action::Ask, match)),
                 "Ask for anything in /home/anna/mpv through ISP 26 by anna on tablet.");
        match = {};
        match.node = "";
        match.schedule = Schedule{0x1f, std::chrono::hours(9), std::chrono::hours(17), "Europe/Berlin"};
        QCOMPARE(words(say(Action::Deny, match)),
                 "Never pay for anything on this machine, on working days from 09:00 to 17:00 (Europe/Berlin).");
        match.schedule->weekdays = 0x05;
        QVERIFY(words(say(Action::Deny, match)).contains("on Mondays, Wednesdays from 09:00"));
    }
};

QTEST_APPLESS_MAIN(RulesSentenceTest)
#include "test_rules_sentence.moc"
