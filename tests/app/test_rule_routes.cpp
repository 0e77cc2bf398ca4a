// The API of rules, through the router.
#include <QTest>

#include <nlohmann/json.hpp>

#include "app/secretary/routes.h"
#include "core/store/documents.h"
#include "secretary/rules/rule_book.h"
#include "secretary/rules/sentence.h"

using namespace netpas;
using namespace netpas::secretaryd;
using nlohmann::json;

namespace {

using secretary::rules::RuleBook;

class RuleApi {
public:
    RuleApi() {
        state.rules = &book;
        state.rulesChanged = [this] { ++changes; };
        addRuleRoutes(router, state);
    }

    json call(const char* method, const std::string& target, const json& body = nullptr, unsigned expected = 200,
              Capabilities may = ownerMay) {
        net::HttpRequest request;
        request.method = method;
        const size_t mark = target.find('?');
        request.path = target.substr(0, mark);
        if (mark != std::string::npos) {
            const std::string query = target.substr(mark + 1);
            request.query[query.substr(0, query.find('='))] = query.substr(query.find('=') + 1);
        }
        if (!body.is_null()) request.body = body.dump();
        json answered;
        Caller caller;
        caller.may = may;
        router.handle(request, caller, [&](const net::HttpResponse& response) {
            if (response.status != expected) qWarning("%u: %s", response.status, response.body.c_str());
            status = response.status;
            text = response.body;
            answered = json::parse(response.body, nullptr, false);
        });
        return status == expected ? answered : json(nullptr);
    }

    ManualClock clock{parseTimestamp("2026-11-22T12:00:00Z").value()};
    store::MemoryDocuments documents;
    RuleBook book = RuleBook::open(documents, clock.now()).value();
    SecretaryState state{clock, "test", {}};
    Router router;
    unsigned status = 0;
    std::string text;
    int changes = 0;
};

bool same(const json& is, const json& wanted) {
    if (is == wanted) return true;
    qWarning("%s instead of %s", is.dump().c_str(), wanted.dump().c_str());
    return false;
}

const json family = {{"match", {{"purpose", "video-call"}, {"group", "family"}}},
                     {"grant", {{"action", "allow"}, {"per", "minute"}, {"up_to", "0.1"}, {"above", "ask"}}}};

}  // namespace

class RuleRoutesTest : public QObject {
    Q_OBJECT

private slots:
    void rulesAreMadeShownChangedAndRemoved() {
        RuleApi api;
        const json made = api.call("POST", "/v1/rules", family, 201);
        QVERIFY(same(made["id"], "1"));
        QVERIFY(same(made["sentence"], "Up to 10¢ a minute for video calls with family; ask above that."));
        QVERIFY(same(made["state"], "active"));
        QCOMPARE(api.call("GET", "/v1/rules")["rules"].size(), size_t{1});
        json changed = family;
        changed["grant"]["up_to"] = "0.2";
        QVERIFY(same(api.call("PUT", "/v1/rules/1", changed)["grant"]["up_to"], "0.2"));
        QVERIFY(same(api.call("GET", "/v1/rules/1")["grant"]["up_to"], "0.2"));
        api.call("DELETE", "/v1/rules/1");
        api.call("GET", "/v1/rules/1", nullptr, 404);
        QCOMPARE(api.changes, 3);
    }

    void onlyWhoMaySetPoliciesSeesRules() {
        RuleApi api;
        for (const char* target : {"/v1/rules", "/v1/rules/export", "/v1/rules/proposals", "/v1/rules/1"}) {
            api.call("GET", target, nullptr, 403, requestOnly);
        }
        api.call("POST", "/v1/rules", family, 403, requestOnly);
        QCOMPARE(api.book.size(), size_t{0});
    }

    void testSaysWhichRuleDecidesAndWhyNotTheOther() {
        RuleApi api;
        api.call("POST", "/v1/rules", family, 201);
        api.call("POST", "/v1/rules", {{"match", json::object()}, {"grant", {{"action", "deny"}}}}, 201);
        const json verdict = api.call(
            "POST", "/v1/rules/test",
            {{"purpose", "video-call"}, {"group", "family"}, {"per", "minute"}, {"price", "0.11"}, {"isps", {26, 25}}});
        QVERIFY(same(verdict["outcome"], "ask"));
        QVERIFY(same(verdict["rule"]["id"], "1"));
        QVERIFY(same(verdict["runner_up"]["id"], "2"));
        QVERIFY(same(verdict["runner_up"]["outcome"], "deny"));
        QVERIFY(same(verdict["because_of"], "specificity"));
        QVERIFY(verdict["sentence"].get<std::string>().find("11¢ a minute is above its 10¢, so you are asked.") !=
                std::string::npos);
        // Asking what if uses nothing up.
        QVERIFY(same(api.call("GET", "/v1/rules/1")["hits"], 0));
        api.call("POST", "/v1/rules/test", {{"prise", "1"}, {"price", "1"}}, 400);
        api.call("POST", "/v1/rules/test", json::object(), 400);
    }

    void whatIsWrongIsSaidWithTheRemedy() {
        RuleApi api;
        json bad = family;
        bad["grant"]["up_to"] = "0";
        const json refused = api.call("POST", "/v1/rules", bad, 400);
        QVERIFY(same(refused["code"], "INVALID_ARGUMENT"));
        QVERIFY(same(refused["findings"][0]["where"], "grant.up_to"));
        QVERIFY(!refused["hint"].get<std::string>().empty());
        api.call("POST", "/v1/rules", family, 201);
        bad["grant"]["up_to"] = "0.5";
        const json conflict = api.call("POST", "/v1/rules", bad, 409);
        QVERIFY(same(conflict["code"], "CONFLICT"));
        QVERIFY(same(conflict["findings"][0]["in_book"], "1"));
        QCOMPARE(api.book.size(), size_t{1});
    }

    void exportAndImportIsTheIdentity() {
        RuleApi api;
        api.call("POST", "/v1/rules", family, 201);
        api.call("POST", "/v1/rules", {{"match", {{"domain", "*.example.net"}}}, {"grant", {{"action", "deny"}}}}, 201);
        api.call("GET", "/v1/rules/export");
        const std::string file = api.text;
        RuleApi other;
        QVERIFY(same(other.call("POST", "/v1/rules/import", {{"file", file}, {"dry_run", true}})["rules"], 2));
        QCOMPARE(other.book.size(), size_t{0});
        QVERIFY(same(other.call("POST", "/v1/rules/import", {{"file", file}})["imported"], 2));
        other.call("GET", "/v1/rules/export");
        QCOMPARE(other.text, file);
        QVERIFY(same(other.call("POST", "/v1/rules/import", {{"file", file}})["imported"], 0));
        QVERIFY(same(other.call("POST", "/v1/rules/import", {{"file", file}, {"replace", true}})["imported"], 2));
        QCOMPARE(other.book.size(), size_t{2});
    }

    void aFileWithContradictionsIsRefusedWhole() {
        RuleApi api;
        json other = family;
        other["grant"]["up_to"] = "0.2";
        const json file = {{"version", 1},
                           {"rules", {family, other, {{"match", {{"x", 1}}}, {"grant", {{"action", "deny"}}}}}}};
        const json refused = api.call("POST", "/v1/rules/import", {{"file", file.dump()}}, 400);
        QCOMPARE(refused["findings"].size(), size_t{2});
        const std::string message = refused["message"];
        QVERIFY2(
            message.find("rule 2 (Up to 20¢ a minute for video calls with family; ask above that.) and rule 1 (") !=
                std::string::npos,
            message.c_str());
        QVERIFY2(message.find("rule 3, match: there is no \"x\" here") != std::string::npos, message.c_str());
        QCOMPARE(api.book.size(), size_t{0});
    }

    void replayOfAGivenHistory() {
        RuleApi api;
        const json past = {{{"when", "2026-11-20T12:00:00Z"},
                            {"purpose", "video-call"},
                            {"group", "family"},
                            {"per", "minute"},
                            {"price", "0.05"},
                            {"worst_case", "0.5"},
                            {"asked", true}},
                           {{"when", "2026-11-19T12:00:00Z"},
                            {"purpose", "video-call"},
                            {"group", "family"},
                            {"per", "minute"},
                            {"price", "0.3"},
                            {"paid", true},
                            {"charged", "0.2"}}};
        const json report = api.call("POST", "/v1/rules/replay", {{"rule", family}, {"history", past}});
        QVERIFY(same(report["requests"], 2));
        QVERIFY(same(report["decided"], 2));
        QVERIFY(same(report["paid_instead"]["sum"], "0.5"));
        QVERIFY(same(report["asked_instead"]["sum"], "0.2"));
        QVERIFY(same(report["questions_saved"], 1));
        api.call("POST", "/v1/rules/replay", {{"rule", family}, {"history", {{{"price", "1"}}}}}, 400);
        api.call("POST", "/v1/rules/replay", {{"rule", family}, {"replaces", "9"}, {"history", past}}, 404);
        QCOMPARE(api.book.size(), size_t{0});
    }

    void proposalsShowTheirEvidence() {
        RuleApi api;
        api.state.ruleProposals = [] {
            secretary::learning::RuleProposal proposal;
            proposal.match = {{secretary::learning::Field::Purpose, "video-call"},
                              {secretary::learning::Field::Group, "family"}};
            proposal.upTo = Money::parse("0.1").value();
            proposal.answers = proposal.agreeing = 9;
            proposal.highestAccepted = Money::parse("0.09").value();
            return std::vector{proposal};
        };
        const json proposal = api.call("GET", "/v1/rules/proposals")["proposals"][0];
        QVERIFY(same(proposal["sentence"], "Up to 10¢ a minute for video calls with family; ask above that."));
        QVERIFY(proposal["evidence"].get<std::string>().starts_with("9 of 9 answers agree"));
        QVERIFY(same(proposal["in_book"], false));
        api.call("POST", "/v1/rules", proposal["rule"], 201);
        QVERIFY(same(api.call("GET", "/v1/rules/proposals")["proposals"][0]["in_book"], true));
    }

    void sentencesAreUnderstood() {
        RuleApi api;
        const json read = api.call("POST", "/v1/rules/parse",
                                   {{"sentence", "up to 1c a minute for video until today"}, {"zone", "CET-1"}});
        QVERIFY(same(read["rule"]["lifetime"]["until"], "2026-11-22T23:00:00Z"));
        api.call("POST", "/v1/rules/parse", {{"sentence", "whatever"}}, 400);
        api.call("POST", "/v1/rules/parse", {{"sentence", "always"}, {"zone", "Mars"}}, 400);
    }

    void endedRulesAreClearedAway() {
        RuleApi api;
        json soon = family;
        soon["lifetime"] = {{"kind", "until"}, {"until", "2026-11-22T13:00:00Z"}};
        api.call("POST", "/v1/rules", soon, 201);
        api.call("POST", "/v1/rules", family, 201);
        QVERIFY(api.book.sweep(parseTimestamp("2026-11-22T14:00:00Z").value()));
        QVERIFY(same(api.call("GET", "/v1/rules/1")["state"], "expired"));
        api.call("DELETE", "/v1/rules", nullptr, 400);
        QVERIFY(same(api.call("DELETE", "/v1/rules?ended=true")["removed"], 1));
        QCOMPARE(api.book.size(), size_t{1});
    }
};

QTEST_APPLESS_MAIN(RuleRoutesTest)
#include "test_rule_routes.moc"
