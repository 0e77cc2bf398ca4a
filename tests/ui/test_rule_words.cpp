// Rules and reasons in German: nothing of what the secretary says stays English, and what is shown can be typed back.
#include <QtTest>

#include "secretary/rules/explain.h"
#include "secretary/rules/grammar.h"
#include "secretary/ui/rule_words.h"
#include "secretary/ui/said.h"
#include "secretary/ui/translations.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary::rules;

namespace {

const SystemTime noon = utc("2026-11-22T12:00:00Z");

QString shown(const RuleText& rule) { return ui::ruleInWords(QString::fromStdString(sentence(rule))); }

Rule numbered(const RuleText& text, uint64_t id) {
    Rule rule;
    static_cast<RuleText&>(rule) = text;
    rule.id = RuleId(id);
    return rule;
}

// Words that are English and nothing else.
QString english(const QString& text) {
    static const QRegularExpression words(
        QStringLiteral("\\b(up|to|the|a|for|with|from|of|until|above|beyond|that|always|never|ask|refuse|rule|decides|"
                       "so|you|is|are|it|about)\\b"));
    return words.match(text.toLower()).captured();
}

}  // namespace

class TestRuleWords : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { ui::speak("de"); }

    void aRuleAsGermansReadIt() {
        RuleText partners = allow(purpose("video-call"), "0.5");
        partners.match.group = "family";
        QCOMPARE(shown(partners),
                 QStringLiteral("Bis zu 50\u00a0¢ pro Minute für Videoanrufe mit family; darüber fragen."));
        RuleText comics = allow(purpose("comic"), "0.003", PriceUnit::Item);
        QCOMPARE(shown(comics),
                 QStringLiteral("Bis zu 0,3\u00a0¢ pro Stück für Comics von jeder Website; darüber fragen."));
        RuleText evening = say(Action::Deny, {});
        evening.match.schedule = Schedule{0x1f, Minutes(20 * 60), Minutes(22 * 60), "Europe/Berlin"};
        QCOMPARE(shown(evening),
                 QStringLiteral("Nie zahlen für alles, an Werktagen von 20:00 bis 22:00 Uhr (Europe/Berlin)."));
    }

    void whatIsShownCanBeTypedBack() {
        for (const RuleText& rule : everyKind()) {
            const QString german = shown(rule);
            QVERIFY2(english(german).isEmpty(), qPrintable(english(german) + ": " + german));
            const std::string back = ui::ruleFromWords(german).toStdString();
            const auto again = parseSentence(back, noon, {});
            QVERIFY2(again.has_value(), (back + " " + (again ? "" : again.error().message)).c_str());
            QVERIFY2(*again == rule, (german.toStdString() + " → " + back).c_str());
        }
    }

    void aRuleAsGermansTypeIt() {
        const auto read = [](const char* text) {
            return parseSentence(ui::ruleFromWords(QString::fromUtf8(text)).toStdString(), noon, {});
        };
        RuleText rule = allow(purpose("video"), "0.015");
        rule.match.app = "mpv";
        rule.match.domain = "example.net";
        for (const char* const text : {"bis zu 1,5 ct pro Minute für Video in mpv von example.net",
                                       "Bis zu 1,5 Cent pro Minute für Video in mpv von example.net.",
                                       "bis zu $0,015 pro Minute, für video in mpv von example.net",
                                       "up to 1.5c a minute for video in mpv from example.net"}) {
            const auto got = read(text);
            QVERIFY2(got && *got == rule, text);
        }
        QCOMPARE(read("nie für \"bis und von\"")->match.purpose.value(), std::string("bis-und-von"));
    }

    void whyIsGermanToo() {
        const secretary::SpendRequest request = videoRequest("0.02");
        const Rule first = numbered(allow(purpose("video"), "0.01"), 7);
        Rule second = numbered(say(Action::Deny, site("example.net")), 3);
        for (const Cause cause :
             {Cause::Says, Cause::Within, Cause::AboveLimit, Cause::OverBudget, Cause::OtherQuality}) {
            for (const Outcome outcome : {Outcome::Allow, Outcome::Ask, Outcome::Deny}) {
                for (const Advantage advantage : {Advantage::Alone, Advantage::Priority, Advantage::Specificity,
                                                  Advantage::Lifetime, Advantage::Strictness, Advantage::Newest}) {
                    Decision decision{{&first, outcome, cause}, {&second, Outcome::Deny, Cause::Says}, advantage};
                    if (advantage == Advantage::Alone) decision.runnerUp = {};
                    const QString text = QString::fromStdString(explain(decision, request, {}));
                    const QString german = ui::said(text);
                    QVERIFY2(english(german).isEmpty(), qPrintable(english(german) + ": " + german));
                    QVERIFY2(german.startsWith(QStringLiteral("Regel 7 entscheidet: ")), qPrintable(german));
                }
            }
        }
        QCOMPARE(ui::said("From 5 answers of yours (2 about exactly this) you pay 1.5¢ a minute for this with 87 % "
                          "probability; your "
                          "limit lies between 1¢ and 3¢."),
                 QStringLiteral(
                     "Nach 5 Antworten von Ihnen (2 zu genau diesem) zahlen Sie 1,5\u00a0¢ pro Minute dafür mit 87 % "
                     "Wahrscheinlichkeit; Ihre Grenze liegt zwischen 1\u00a0¢ und 3\u00a0¢."));
        QCOMPARE(ui::said("No sentence of ours."), QStringLiteral("No sentence of ours."));
    }

    // Last: the language changes back.
    void englishStaysAsItIs() {
        ui::speak("en");
        const RuleText rule = allow(purpose("video-call"), "0.5");
        QCOMPARE(shown(rule), QStringLiteral("Up to 50\u00a0¢ a minute for video calls; ask above that."));
        const auto again = parseSentence(ui::ruleFromWords(shown(rule)).toStdString(), noon, {});
        QVERIFY(again && *again == rule);
        QCOMPARE(ui::said("You refused it."), QStringLiteral("You refused it."));
    }
};

QTEST_GUILESS_MAIN(TestRuleWords)
#include "test_rule_words.moc"
