// The decision desk over a real ledger, and its routes: budgets, questions, answers, modes, windows that watch.
#include <QtTest>
#include <nlohmann/json.hpp>

#include "app/secretary/decision_desk.h"
#include "app/secretary/routes.h"
#include "tests/app/purchase_fakes.h"
#include "tests/core/ledger_fixture.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace std::chrono_literals;
using ledger::dollars;
using nlohmann::json;

namespace {

constexpr uint32_t owner = 1000;

struct World {
    World() { start(); }
    void start() {
        state.decisions = nullptr;
        desk.reset();
        book.reopen();
        auto opened = DecisionDesk::open({*book.ledger, book.ledger->documents(), timers, clock,
                                          [this](app::LogLevel, const std::string& line) { log.push_back(line); }},
                                         {dollars("0.5"), dollars("1")}, owner);
        if (!opened) qFatal("cannot open the desk: %s", opened.error().c_str());
        desk = std::move(*opened);
        state.decisions = desk.get();
    }
    std::pair<unsigned, json> call(const std::string& method, const std::string& path, const json& body = nullptr,
                                   Capabilities may = ownerMay) {
        net::HttpRequest request;
        request.method = method;
        const size_t mark = path.find('?');
        request.path = path.substr(0, mark);
        for (size_t from = mark; from != std::string::npos;) {
            const size_t next = path.find('&', from + 1);
            const std::string pair = path.substr(from + 1, next - from - 1);
            request.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
            from = next;
        }
        if (!body.is_null()) request.body = body.dump();
        request.headers = {{"Host", "netpas"}};
        Caller caller;
        caller.uid = owner;
        caller.may = may;
        auto result = std::make_shared<std::pair<unsigned, json>>(0, nullptr);
        router.handle(request, caller, [this, result](const net::HttpResponse& response) {
            *result = {response.status, json::parse(response.body)};
            late = *result;
        });
        return *result;
    }
    void attend() {
        call("GET", "/v1/pending/watch?front_end=tray&revision=0");
        timers.run(1ms);
    }
    // A purchase as the purchase service would make it; its verdict is the last one in `verdicts`.
    PurchaseId buy(const std::string& app, const char* cap, bool byPerson = false) {
        ledger::NewPurchase purchase = ledger::request(cap);
        purchase.context.app = app;
        purchase.context.purpose = "video";
        const PurchaseId id = book.ledger->begin(purchase, clock.now())->id;
        secretary::SpendRequest request;
        request.app = app;
        request.purpose = "video";
        request.uid = owner;
        request.price = dollars("0.01");
        request.worstCase = purchase.cap;
        request.attended = true;
        request.facts = {"3 stalls in the last minute"};
        request.tiers = {{"silver", dollars("0.005")}, {"gold", dollars("0.01")}};
        desk->authorize(id, request, byPerson, [this, id](const Verdict& verdict) {
            verdicts[id.value()].push_back(verdict);
            if (const auto* approved = std::get_if<Approved>(&verdict)) {
                if (!book.ledger->reserve(id, ledger::pathOfTwo(), approved->why, clock.now()))
                    qFatal("cannot reserve");
            }
        });
        timers.run(1ms);
        return id;
    }
    void settle(PurchaseId id, const char* amount) {
        const SessionKeyId key{++lastKey};
        if (!book.ledger->addKey(id, key, dollars(amount), clock.now()) ||
            !book.ledger->closeKey(key, {dollars(amount), false, {}}, {}, clock.now()) ||
            !book.ledger->settle(id, ledger::EndReason::StoppedByUser, {}, clock.now())) {
            qFatal("cannot settle");
        }
        desk->settled(id, dollars(amount));
    }
    [[nodiscard]] bool approved(PurchaseId id) {
        return !verdicts[id.value()].empty() && std::holds_alternative<Approved>(verdicts[id.value()].back());
    }
    [[nodiscard]] std::string code(PurchaseId id) {
        const auto* denied = verdicts[id.value()].empty() ? nullptr : std::get_if<Denied>(&verdicts[id.value()].back());
        return denied == nullptr ? std::string() : denied->code;
    }

    ManualClock clock{ledger::ledgerStart + 12h};
    fake::Timers timers{clock};
    ledger::LedgerFolder book;
    SecretaryState state{.clock = clock, .version = "test", .limits = {}};
    Router router = [this] {
        Router made;
        addDecisionRoutes(made, state);
        return made;
    }();
    std::unique_ptr<DecisionDesk> desk;
    std::map<uint64_t, std::vector<Verdict>> verdicts;
    std::vector<std::string> log;
    std::pair<unsigned, json> late;
    uint32_t lastKey = 0;
};

json budgetNamed(const json& body, const std::string& scope, const std::string& period) {
    for (const json& budget : body["budgets"]) {
        if (budget["scope"] == scope && budget["period"] == period) return budget;
    }
    return nullptr;
}

}  // namespace

class TestDecisions : public QObject {
    Q_OBJECT
private slots:
    void verdictNeverComesInsideTheCall() {
        World world;
        bool inside = true;
        secretary::SpendRequest request;
        request.worstCase = dollars("0.01");
        world.desk->authorize(PurchaseId(1), request, true, [&](const Verdict&) { QVERIFY(!inside); });
        inside = false;
        world.timers.run(1ms);
    }
    void aRuleUntilAnAppExitsEndsWithItsProcess() {
        World world;
        secretary::rules::RuleText rule;
        rule.match.app = "/usr/bin/mpv";
        rule.grant.action = secretary::rules::Action::Deny;
        rule.lifetime = secretary::rules::Lifetime::untilExit(42);
        const auto id = world.desk->rules().add(rule, world.clock.now());
        QVERIFY(id);
        const auto alive = [&] { return world.desk->rules().find(*id)->alive(); };
        world.timers.run(2min);
        QVERIFY(alive());  // nobody has said anything of processes
        world.desk->stillRun(std::vector<uint32_t>{7, 42});
        QVERIFY(alive());
        world.desk->stillRun(std::vector<uint32_t>{7});
        QVERIFY(!alive());
        QCOMPARE(int(world.desk->rules().find(*id)->use.ended), int(secretary::rules::Ended::AppExited));
    }
    void rulesObjectToOtherIsps() {
        World world;
        using secretary::rules::Action;
        const auto add = [&](Action action, std::optional<uint16_t> isp, const char* app) {
            secretary::rules::RuleText rule;
            rule.match.app = app;
            if (isp) rule.match.isp = IspId{*isp};
            rule.grant.action = action;
            QVERIFY(world.desk->rules().add(rule, world.clock.now()));
        };
        const auto over = [](const char* app, uint16_t isp) {
            secretary::SpendRequest request;
            request.app = app;
            request.isps = {IspId{26}, IspId{isp}, IspId{24}};
            request.worstCase = request.price = dollars("0.01");
            return request;
        };
        add(Action::Deny, 23, "/usr/bin/mpv");
        add(Action::Allow, 25, "/usr/bin/vlc");
        const auto objects = [&](const char* app, uint16_t from, uint16_t to) {
            return world.desk->objection(over(app, from), over(app, to)).has_value();
        };
        QVERIFY(objects("/usr/bin/mpv", 25, 23));
        QVERIFY(!objects("/usr/bin/mpv", 25, 22));
        QVERIFY2(!objects("/usr/bin/mpv", 23, 23), "the same ISPs as when it was asked for");
        QVERIFY2(objects("/usr/bin/vlc", 25, 22), "what is allowed over 25 only");
        QVERIFY(!objects("/usr/bin/other", 25, 23));
    }
    void aRuleForAnAppThatExitedBeforeTheAnswerEndsSoon() {
        World world;
        world.desk->stillRun(std::vector<uint32_t>{7});
        secretary::SpendRequest request;
        request.worstCase = dollars("0.01");
        request.process = 8;  // came after that, and runs
        world.desk->authorize(PurchaseId(1), request, true, [](const Verdict&) {});
        secretary::rules::RuleText rule;
        rule.match.app = "/usr/bin/mpv";
        rule.grant.action = secretary::rules::Action::Deny;
        rule.lifetime = secretary::rules::Lifetime::untilExit(8);
        const auto running = world.desk->rules().add(rule, world.clock.now());
        rule.match.app = "/usr/bin/vlc";
        rule.lifetime = secretary::rules::Lifetime::untilExit(9);
        const auto gone = world.desk->rules().add(rule, world.clock.now());
        QVERIFY(running && gone);
        world.timers.run(2min);
        QVERIFY(world.desk->rules().find(*running)->alive());
        QVERIFY(!world.desk->rules().find(*gone)->alive());
    }
    void hardLimitsAreBudgetsThatNobodyChanges() {
        World world;
        QCOMPARE(budgetNamed(world.call("GET", "/v1/budget").second, "everything", "day")["kind"], "hard");
        const auto [status, body] =
            world.call("POST", "/v1/budget/remove", {{"scope", "everything"}, {"period", "day"}});
        QCOMPARE(status, 403U);
        QCOMPARE(world.code(world.buy("mpv", "0.6", true)), std::string("QUOTA_EXCEEDED"));
        QVERIFY(world.approved(world.buy("mpv", "0.5", true)));
        QVERIFY(world.approved(world.buy("mpv", "0.5", true)));
        QCOMPARE(world.code(world.buy("mpv", "0.1", true)), std::string("QUOTA_EXCEEDED"));
    }
    void budgetIsSetShownAndRemoved() {
        World world;
        const json app{{"scope", "app"}, {"subject", "/usr/bin/mpv"}, {"period", "month"}, {"amount", "0.3"}};
        const auto [status, body] = world.call("PUT", "/v1/budget", app);
        QCOMPARE(status, 200U);
        QCOMPARE(budgetNamed(body, "app", "month")["left"], "0.3");
        const PurchaseId id = world.buy("/usr/bin/mpv", "0.2", true);
        world.settle(id, "0.05");
        json now = budgetNamed(world.call("GET", "/v1/budget").second, "app", "month");
        QCOMPARE(now["spent"], "0.05");
        QCOMPARE(now["reserved"], "0");
        QCOMPARE(world.code(world.buy("/usr/bin/mpv", "0.26", true)), std::string("QUOTA_EXCEEDED"));
        json target = app;
        target.erase("amount");
        QCOMPARE(world.call("POST", "/v1/budget/remove", target).first, 200U);
        QCOMPARE(world.call("POST", "/v1/budget/remove", target).first, 404U);
    }
    void budgetsCountAgainFromTheLedgerAfterARestart() {
        World world;
        QVERIFY(
            world
                .call("PUT", "/v1/budget", {{"scope", "app"}, {"subject", "mpv"}, {"period", "day"}, {"amount", "0.3"}})
                .first == 200U);
        world.settle(world.buy("mpv", "0.2", true), "0.1");
        const PurchaseId open = world.buy("mpv", "0.15", true);
        QVERIFY(world.approved(open));
        world.start();
        const json now = budgetNamed(world.call("GET", "/v1/budget").second, "app", "day");
        QCOMPARE(now["spent"], "0.1");
        QCOMPARE(now["reserved"], "0.15");
        QCOMPARE(world.code(world.buy("mpv", "0.06", true)), std::string("QUOTA_EXCEEDED"));
        world.settle(open, "0.01");
        QVERIFY(world.approved(world.buy("mpv", "0.19", true)));
    }
    void wrongBudgetsAreRefusedWithARemedy_data() {
        QTest::addColumn<QString>("body");
        QTest::newRow("no scope") << R"({"period":"day","amount":"1"})";
        QTest::newRow("unknown scope") << R"({"scope":"planet","period":"day","amount":"1"})";
        QTest::newRow("unknown period") << R"({"scope":"app","period":"hour","amount":"1"})";
        QTest::newRow("no amount") << R"({"scope":"app","period":"day"})";
        QTest::newRow("below zero") << R"({"scope":"app","period":"day","amount":"-1"})";
        QTest::newRow("a number") << R"({"scope":"app","period":"day","amount":1})";
        QTest::newRow("unknown member") << R"({"scope":"app","period":"day","amount":"1","limit":"2"})";
        QTest::newRow("a name for everything") << R"({"scope":"everything","subject":"x","period":"day","amount":"1"})";
    }
    void wrongBudgetsAreRefusedWithARemedy() {
        QFETCH(QString, body);
        World world;
        const auto [status, answer] = world.call("PUT", "/v1/budget", json::parse(body.toStdString()));
        QCOMPARE(status, 400U);
        QCOMPARE(answer["code"], "INVALID_ARGUMENT");
        QVERIFY(!answer["message"].get<std::string>().empty());
    }
    void envelopeIsProposedAndAccepted() {
        World world;
        QCOMPARE(world.call("GET", "/v1/budget").second["envelope"]["open"], true);
        QCOMPARE(world.call("POST", "/v1/budget/envelope", json::object()).first, 400U);
        const auto [status, body] = world.call("POST", "/v1/budget/envelope", {{"accept", true}});
        QCOMPARE(status, 200U);
        QCOMPARE(body["envelope"]["open"], false);
        QCOMPARE(budgetNamed(body, "everything", "month")["amount"], "2");
        QCOMPARE(budgetNamed(body, "rule", "day")["amount"], "0.05");
    }
    void clockThatWasSetBackIsShownAndMayBeAccepted() {
        World world;
        world.settle(world.buy("mpv", "0.2", true), "0.1");
        world.clock.setWall(world.clock.now() - 48h);
        const json body = world.call("GET", "/v1/budget").second;
        QVERIFY(!body["clock"]["trouble"].is_null());
        QCOMPARE(world.code(world.buy("mpv", "0.1", true)), std::string("RESTRICTED"));
        QCOMPARE(world.call("POST", "/v1/budget/accept-clock", json::object()).first, 200U);
        QVERIFY(world.approved(world.buy("mpv", "0.1", true)));
        QCOMPARE(budgetNamed(world.call("GET", "/v1/budget").second, "everything", "day")["spent"], "0.1");
    }
    void questionIsShownAndAnswered() {
        World world;
        world.attend();
        const PurchaseId id = world.buy("/usr/bin/mpv", "0.2");
        QVERIFY(std::holds_alternative<Pending>(world.verdicts[id.value()].back()));
        const json board = world.call("GET", "/v1/pending").second;
        QCOMPARE(board["visible"], 1);
        const json question = board["pending"][0];
        QCOMPARE(question["who"]["name"], "mpv");
        QCOMPARE(question["claim"]["purpose"], "video");
        QCOMPARE(question["facts"][0], "3 stalls in the last minute");
        QCOMPARE(question["cost"]["tiers"].size(), size_t(2));
        QCOMPARE(question["cost"]["worst_case"], "0.2");
        QVERIFY(!question["suggestion"]["sentence"].get<std::string>().empty());
        QCOMPARE(world.call("POST", "/v1/pending/1", {{"answer", "approve_once"}, {"revision", 7}}).first, 409U);
        const auto [status, body] = world.call("POST", "/v1/pending/1",
                                               {{"answer", "approve_rule"},
                                                {"lifetime", "always"},
                                                {"revision", question["revision"]},
                                                {"match", {"purpose"}},
                                                {"up_to", "0.02"},
                                                {"front_end", "tray"}});
        QCOMPARE(status, 200U);
        QCOMPARE(body["approved"], 1);
        QVERIFY(!body["rule"]["sentence"].get<std::string>().empty());
        world.timers.run(1ms);
        QVERIFY(world.approved(id));
        const auto [again, late] = world.call("POST", "/v1/pending/1", {{"answer", "refuse"}});
        QCOMPARE(again, 409U);
        QCOMPARE(late["code"], "ALREADY_ANSWERED");
        QCOMPARE(world.call("GET", "/v1/pending").second["closed"][0]["by"], "tray");
        QCOMPARE(world.call("POST", "/v1/pending/9", {{"answer", "refuse"}}).first, 404U);
        QCOMPARE(world.call("GET", "/v1/pending/x").first, 404U);
    }
    void windowThatWatchesIsToldOfChanges() {
        World world;
        const json board = world.call("GET", "/v1/pending").second;
        world.late = {};
        QCOMPARE(world.call("GET", "/v1/pending/watch?front_end=tray").first, 0U);
        world.timers.run(1ms);
        QCOMPARE(world.late.first, 200U);  // the first one gets what there is
        const auto revision = std::to_string(world.late.second["revision"].get<uint64_t>());
        world.late = {};
        world.call("GET", "/v1/pending/watch?front_end=tray&revision=" + revision);
        world.timers.run(5s);
        QCOMPARE(world.late.first, 0U);
        world.buy("/usr/bin/mpv", "0.2");
        world.timers.run(1ms);
        QCOMPARE(world.late.first, 200U);
        QCOMPARE(world.late.second["visible"], 1);
        const auto next = std::to_string(world.late.second["revision"].get<uint64_t>());
        world.late = {};
        world.call("GET", "/v1/pending/watch?front_end=tray&revision=" + next);
        world.timers.run(DecisionDesk::longestWatch + 1s);
        QCOMPARE(world.late.first, 200U);
        QCOMPARE(world.call("GET", "/v1/pending/watch").first, 400U);
        QCOMPARE(world.call("GET", "/v1/pending/watch?front_end=a&revision=x").first, 400U);
    }
    void tooManyWindowsAreRefused() {
        World world;
        world.attend();
        const auto revision = std::to_string(world.late.second["revision"].get<uint64_t>());
        for (size_t i = 0; i < DecisionDesk::mostWatchers; ++i) {
            world.call("GET", "/v1/pending/watch?front_end=tray&revision=" + revision);
        }
        QCOMPARE(world.call("GET", "/v1/pending/watch?front_end=tray&revision=" + revision).first, 429U);
    }
    void quoteThatRunsOutIsMissedWithoutAnybodyCalling() {
        World world;
        world.attend();
        const PurchaseId id = world.buy("/usr/bin/mpv", "0.2");
        world.timers.run(3min);
        QCOMPARE(world.code(id), std::string("EXPIRED"));
        const json question = world.call("GET", "/v1/pending").second["pending"][0];
        QCOMPARE(question["state"], "missed");
        QCOMPARE(question["missed"], "expired");
        QCOMPARE(world.call("DELETE", "/v1/pending/1").first, 200U);
        QCOMPARE(world.call("DELETE", "/v1/pending/1").first, 404U);
    }
    void withoutAWindowTheCallerIsTold() {
        World world;
        QCOMPARE(world.code(world.buy("/usr/bin/mpv", "0.2")), std::string("NO_AGENT"));
        QCOMPARE(world.call("GET", "/v1/pending").second["pending"][0]["missed"], "no-window");
    }
    void modeIsKept() {
        World world;
        QCOMPARE(world.call("PUT", "/v1/mode", {{"mode", "loud"}}).first, 400U);
        QCOMPARE(world.call("PUT", "/v1/mode", {{"mode", "pause"}}).second["mode"], "pause");
        QCOMPARE(world.code(world.buy("mpv", "0.1", true)), std::string("RESTRICTED"));
        world.start();
        QCOMPARE(world.call("GET", "/v1/mode", nullptr, requestOnly).second["mode"], "pause");
    }
    void whoMayOnlyRequestDecidesNothing() {
        World world;
        for (const auto& [method, path] :
             std::vector<std::pair<std::string, std::string>>{{"GET", "/v1/pending"},
                                                              {"POST", "/v1/pending/1"},
                                                              {"PUT", "/v1/mode"},
                                                              {"GET", "/v1/budget"},
                                                              {"PUT", "/v1/budget"},
                                                              {"POST", "/v1/budget/accept-clock"},
                                                              {"GET", "/v1/pending/watch"}}) {
            QCOMPARE(world.call(method, path, method == "GET" ? json(nullptr) : json::object(), requestOnly).first,
                     403U);
        }
    }
    void wrongAnswersAreRefused_data() {
        QTest::addColumn<QString>("body");
        QTest::newRow("none") << "{}";
        QTest::newRow("unknown") << R"({"answer":"perhaps"})";
        QTest::newRow("unknown lifetime") << R"({"answer":"approve_rule","lifetime":"forever"})";
        QTest::newRow("until without a time") << R"({"answer":"approve_rule","lifetime":"until"})";
        QTest::newRow("a time without until") << R"({"answer":"refuse","until":"2040-01-01T00:00:00Z"})";
        QTest::newRow("not a time") << R"({"answer":"refuse","lifetime":"until","until":"soon"})";
        QTest::newRow("over") << R"({"answer":"refuse","lifetime":"until","until":"2001-01-01T00:00:00Z"})";
        QTest::newRow("match") << R"({"answer":"approve_rule","lifetime":"always","match":["colour"]})";
        QTest::newRow("match no list") << R"({"answer":"approve_rule","lifetime":"always","match":"app"})";
        QTest::newRow("below the price") << R"({"answer":"approve_rule","lifetime":"always","up_to":"0.001"})";
        QTest::newRow("unknown member") << R"({"answer":"refuse","when":"now"})";
        QTest::newRow("no object") << R"([])";
    }
    void wrongAnswersAreRefused() {
        QFETCH(QString, body);
        World world;
        world.attend();
        world.buy("/usr/bin/mpv", "0.2");
        QCOMPARE(world.call("POST", "/v1/pending/1", json::parse(body.toStdString())).first, 400U);
        QCOMPARE(world.call("GET", "/v1/pending").second["visible"], 1);
    }
    void budgetThatIsNearlyUsedUpIsLogged() {
        World world;
        world.settle(world.buy("mpv", "0.5", true), "0.4");
        world.settle(world.buy("mpv", "0.5", true), "0.4");
        QCOMPARE(world.log.size(), size_t(1));
        QVERIFY(world.log[0].find("nearly used up") != std::string::npos);
        QCOMPARE(budgetNamed(world.call("GET", "/v1/budget").second, "everything", "day")["warning"], true);
    }
    void budgetIsWatchedWhileAPurchaseRuns() {
        World world;
        const PurchaseId first = world.buy("mpv", "0.5", true), second = world.buy("mpv", "0.5", true);
        world.desk->progressed(first, dollars("0.5"));
        world.desk->progressed(second, dollars("0.29"));
        QVERIFY(world.log.empty());
        world.desk->progressed(second, dollars("0.3"));
        QCOMPARE(world.log.size(), size_t(1));
        QVERIFY(world.log[0].find("nearly used up") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestDecisions)
#include "test_decisions.moc"
