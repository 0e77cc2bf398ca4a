// Rules as files: round trip, and everything that is refused.
#include <QTest>

#include <nlohmann/json.hpp>

#include "secretary/rules/json.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::rules;
using namespace std::chrono;

namespace {

const SystemTime noon = utc("2026-11-22T12:00:00Z");

std::string file(const std::string& rules) { return "{\"version\": 1, \"rules\": [" + rules + "]}"; }

// What is wrong with it, one line each.
QString problems(const std::string& text) {
    Zones zones;
    const auto read = readRules(text, zones, noon);
    QString all;
    if (read) return all;
    for (const Finding& finding : read.error().findings) {
        all += QString::fromStdString(rules::text(finding, {}) + "; " + finding.remedy) + "\n";
    }
    return all;
}

std::vector<RuleText> everyField() {
    RuleText full = allow(purpose("video"), "0.02", PriceUnit::Minute, Beyond::Deny);
    full.match.payee = "ab";
    full.match.contact = "Bob";
    full.match.group = "family";
    full.match.domain = "*.example.net";
    full.match.app = "/usr/bin/mpv";
    full.match.user = "anna";
    full.match.node = "";
    full.match.isp = IspId{26};
    full.match.schedule = Schedule{0x15, hours(22), hours(2), "CET-1CEST,M3.5.0,M10.5.0/3"};
    full.budget = RuleBudget{dollars("2"), Period::Day};
    full.grant.quality = "gold";
    full.lifetime = Lifetime::untilTime(utc("2026-12-24T18:00:00Z"));
    full.priority = 5;
    full.note = "“ü”";
    RuleText once = allow(purpose("comic"), "0.000000000125", PriceUnit::Item);
    once.lifetime = Lifetime::once();
    RuleText app = allow({}, "1");
    app.match.app = "/usr/bin/vlc";
    app.lifetime = Lifetime::untilExit(12, 34);
    RuleText always = say(Action::Allow, site("news.example"));
    always.origin = Origin::Learned;
    RuleText off = say(Action::Deny, {});
    off.enabled = false;
    off.origin = Origin::Preset;
    return {full, once, app, always, off, say(Action::Ask, purpose(""))};
}

}  // namespace

class RulesJsonTest : public QObject {
    Q_OBJECT

private slots:
    void writingAndReadingIsTheIdentity() {
        const std::vector<RuleText> rules = everyField();
        const std::string text = writeRules(rules);
        Zones zones;
        const auto read = readRules(text, zones, noon);
        QVERIFY2(read.has_value(), problems(text).toUtf8());
        QCOMPARE(read->size(), rules.size());
        for (size_t i = 0; i < rules.size(); ++i) QVERIFY2((*read)[i] == rules[i], writeRule((*read)[i]).c_str());
        QCOMPARE(writeRules(*read), text);
    }

    void theShortestRules() {
        Zones zones;
        const auto read = readRules(file(R"({"match": {}, "grant": {"action": "deny"}})"), zones, noon);
        QVERIFY(read.has_value());
        QVERIFY(read->front() == say(Action::Deny, {}));
        QVERIFY(readRules(file(""), zones, noon)->empty());
    }

    void domainsAreBroughtIntoNormalForm() {
        Zones zones;
        const auto read =
            readRules(file(R"({"match": {"domain": "WWW.Example.NET."}, "grant": {"action": "deny"}})"), zones, noon);
        QCOMPARE(read->front().match.domain.value(), std::string("www.example.net"));
    }

    void whatIsRefusedAndWhatIsSaid_data() {
        QTest::addColumn<QString>("rules");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, const char* rules, const char* says) {
            QTest::newRow(name) << QString(rules) << QString(says);
        };
        row("unknown member", R"({"match": {"porpose": "video"}, "grant": {"action": "deny"}})",
            "rule 1, match: there is no \"porpose\" here; known are purpose");
        row("unknown at the top", R"({"match": {}, "grant": {"action": "deny"}, "cap": "1"})",
            "there is no \"cap\" here");
        row("no match", R"({"grant": {"action": "deny"}})", "match: missing; write {} for everything");
        row("no grant", R"({"match": {}})", "grant: missing");
        row("no limit", R"({"match": {}, "grant": {"action": "allow", "per": "item"}})", "grant.up_to: missing");
        row("number as amount", R"({"match": {}, "grant": {"action": "allow", "per": "item", "up_to": 0.05}})",
            "grant.up_to: not a text; write it in quotation marks");
        row("negative", R"({"match": {}, "grant": {"action": "allow", "per": "item", "up_to": "-1"}})",
            "\"-1\" is no amount");
        row("exponent", R"({"match": {}, "grant": {"action": "allow", "per": "item", "up_to": "1e2"}})",
            "is no amount");
        row("zero", R"({"match": {}, "grant": {"action": "allow", "per": "item", "up_to": "0"}})", "allows nothing");
        row("no unit", R"({"match": {}, "grant": {"action": "allow", "up_to": "1"}})",
            "grant.per: a limit needs a unit");
        row("unit", R"({"match": {}, "grant": {"action": "allow", "per": "hour", "up_to": "1"}})",
            "none of minute, item");
        row("limit of a refusal", R"({"match": {}, "grant": {"action": "deny", "up_to": "1"}})",
            "only what is allowed has a limit");
        row("site", R"({"match": {"domain": "https://a.b/"}, "grant": {"action": "deny"}})",
            "is no site; write example.net");
        row("isp", R"({"match": {"isp": 70000}, "grant": {"action": "deny"}})",
            "match.isp: not a whole number from 0 to 65535");
        row("isp text", R"({"match": {"isp": "26"}, "grant": {"action": "deny"}})", "match.isp: not a whole number");
        row("priority", R"({"match": {}, "grant": {"action": "deny"}, "priority": 1.5})",
            "priority: not a whole number");
        row("enabled", R"({"match": {}, "grant": {"action": "deny"}, "enabled": "no"})",
            "enabled: neither true nor false");
        row("zone missing", R"({"match": {"schedule": {"from": "09:00", "to": "17:00"}}, "grant": {"action": "deny"}})",
            "match.schedule.zone: missing");
        row("zone unknown", R"({"match": {"schedule": {"zone": "Mars/Olympus"}}, "grant": {"action": "deny"}})",
            "does not know the time zone \"Mars/Olympus\"");
        row("time", R"({"match": {"schedule": {"zone": "UTC", "from": "9"}}, "grant": {"action": "deny"}})",
            "\"9\" is no time of the day");
        row("late", R"({"match": {"schedule": {"zone": "UTC", "to": "24:01"}}, "grant": {"action": "deny"}})",
            "is no time of the day");
        row("day", R"({"match": {"schedule": {"zone": "UTC", "weekdays": ["Monday"]}}, "grant": {"action": "deny"}})",
            "is no day");
        row("no day", R"({"match": {"schedule": {"zone": "UTC", "weekdays": []}}, "grant": {"action": "deny"}})",
            "names no day, so the rule never applies");
        row("empty window",
            R"({"match": {"schedule": {"zone": "UTC", "from": "09:00", "to": "09:00"}}, "grant": {"action": "deny"}})",
            "begins when it ends, so the rule never applies");
        // Noon of a Sunday: the next Monday is after the end.
        row("over before it opens",
            R"({"match": {"schedule": {"zone": "UTC", "weekdays": ["mon"]}}, "grant": {"action": "deny"}, "lifetime": {"kind": "until", "until": "2026-11-22T23:00:00Z"}})",
            "ends before its times come");
        row("expired",
            R"({"match": {}, "grant": {"action": "deny"}, "lifetime": {"kind": "until", "until": "2026-11-22T11:00:00Z"}})",
            "lifetime.until: 2026-11-22T11:00:00Z is over; give a time to come");
        row("no time", R"({"match": {}, "grant": {"action": "deny"}, "lifetime": {"kind": "until"}})",
            "missing, or no time");
        row("time of once",
            R"({"match": {}, "grant": {"action": "deny"}, "lifetime": {"kind": "once", "until": "2027-01-01T00:00:00Z"}})",
            "there is no \"until\" here");
        row("exit of nothing",
            R"({"match": {}, "grant": {"action": "deny"}, "lifetime": {"kind": "app-exit", "process": 5}})",
            "names none; name the app");
        row("budget of a refusal",
            R"({"match": {}, "grant": {"action": "deny"}, "budget": {"amount": "1", "period": "day"}})",
            "nothing is spent by a rule that does not allow");
        row("small budget",
            R"({"match": {}, "grant": {"action": "allow", "per": "item", "up_to": "2"}, "budget": {"amount": "1", "period": "day"}})",
            "the budget of $1 is smaller than the $2 that an item may cost; raise the budget or lower up_to");
        row("period",
            R"({"match": {}, "grant": {"action": "allow", "up_to": "always"}, "budget": {"amount": "1", "period": "year"}})",
            "none of day, week, month, total");
        row("twice", R"({"match": {}, "grant": {"action": "deny"}}, {"match": {}, "grant": {"action": "deny"}})",
            "rule 2 and rule 1: the same rule twice; remove one of them");
        row("different grants",
            R"({"match": {"purpose": "video"}, "grant": {"action": "allow", "per": "minute", "up_to": "1"}},
               {"match": {}, "grant": {"action": "ask"}},
               {"match": {"purpose": "video"}, "grant": {"action": "allow", "per": "minute", "up_to": "2"}})",
            "rule 3 and rule 1: the same match, priority and lifetime, but different grants; remove one");
        row("deny above allow",
            R"({"match": {"purpose": "video"}, "grant": {"action": "allow", "per": "minute", "up_to": "1"}},
               {"match": {"purpose": "video"}, "grant": {"action": "deny"}, "priority": 1})",
            "rule 2 and rule 1: what one allows the other denies with a higher priority; remove the one with the lower "
            "priority (0)");
        row("member twice", R"({"match": {}, "match": {"purpose": "video"}, "grant": {"action": "deny"}})",
            "\"match\" stands twice in one object");
        row("not an object", "7", "rule 1: not an object");
    }
    void whatIsRefusedAndWhatIsSaid() {
        QFETCH(QString, rules);
        QFETCH(QString, says);
        const QString found = problems(file(rules.toStdString()));
        QVERIFY2(found.contains(says), found.toUtf8());
    }

    void whatIsNoFileOfRules() {
        for (const auto& [text, says] : std::vector<std::pair<std::string, const char*>>{
                 {"", "not JSON"},
                 {"{", "not JSON"},
                 {"[]", "not an object"},
                 {"{}", "version"},
                 {R"({"version": 2, "rules": []})", "not version 1"},
                 {R"({"version": 1})", "rules: missing"},
                 {R"({"version": 1, "rules": [], "more": 1})", "there is no \"more\" here"},
                 {std::string(100'000, '['), "nested too deeply"},
                 {R"({"version": 1e999, "rules": []})", "out of range"}}) {
            QVERIFY2(problems(text).contains(says), problems(text).toUtf8());
        }
    }

    void everythingWrongIsSaidAtOnce() {
        const QString found = problems(file(R"({"match": {}, "grant": {"action": "maybe"}},
            {"match": {"domain": "a b"}, "grant": {"action": "deny"}, "lifetime": {"kind": "until", "until": "2020-01-01T00:00:00Z"}})"));
        QCOMPARE(found.count('\n'), 3);
    }

    void manyFindingsAreCutShort() {
        std::string rules;
        for (int i = 0; i < 500; ++i)
            rules += std::string(i > 0 ? "," : "") + R"({"match": {}, "grant": {"action": "deny"}})";
        Zones zones;
        QVERIFY(readRules(file(rules), zones, noon).error().findings.size() <= mostFindings + 1);
    }
};

QTEST_APPLESS_MAIN(RulesJsonTest)
#include "test_rules_json.moc"
