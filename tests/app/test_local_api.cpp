#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/agent/api.h"
#include "app/secretary/purchase_service.h"
#include "app/secretary/routes.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::agent;
using namespace netpas::secretaryd;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr uint32_t ownerUid = 990;
constexpr uint32_t alice = 1000;
constexpr uint32_t bob = 1001;

class NoWeb final : public cartographer::Fetcher {
public:
    void get(const Endpoint&, const PublicKey&, const std::string&, const std::string&, Done done) override {
        ++fetches;
        done(tl::unexpected(cartographer::FetchFailure{}));
    }
    int fetches = 0;
};

// Nobody is joined, and nobody can be.
class OneIsp final : public IspDesk {
public:
    [[nodiscard]] std::optional<HomeIsp> home() const override { return std::nullopt; }
    void join(const std::string&, std::function<void(tl::expected<JoinedIsp, ApiFailure>)> done) override {
        ++joins;
        done(tl::unexpected(ApiFailure{400, "INVALID_ARGUMENT", "not a join URL", {}}));
    }
    int joins = 0;
};

}  // namespace

class TestLocalApi : public QObject {
    Q_OBJECT

    struct World {
        World()
            : timers(clock),
              quotes(timers, kill),
              mint(kill),
              first(isp, timers, kill),
              plane(isp, timers, kill),
              authority(kill),
              ledger(std::move(*ledger::Ledger::open(folder.filePath("l.db").toStdString(), store::DatabaseKey{}))),
              purchases(
                  {*ledger, quotes, mint, first, plane, authority, timers, clock, [](LogLevel, const std::string&) {}},
                  PurchaseSettings{}),
              cartographer(web, clock, folder.path().toStdString()),
              api(context()) {}
        ApiContext context() {
            plane.service = &purchases;
            purchases.agentUp({});
            state.ledger = ledger.get();
            state.purchases = &purchases;
            state.isp = &isps;
            addRoutes(router, state);
            return {cartographer,
                    clock,
                    [] { return AgentState{}; },
                    [this](const net::HttpRequest& request, secretaryd::Reply reply) {
                        Caller caller;
                        caller.uid = request.peer->uid;
                        caller.door = door;
                        caller.node = node;
                        caller.may = capabilitiesOf(door, caller.uid, ownerUid);
                        router.handle(request, caller, std::move(reply));
                    },
                    [this](const std::optional<IpAddress>& to) {
                        measured.push_back(to ? to->toString() : "all");
                        return json{{"measurements", json::array()}, {"test_packets", 0}};
                    },
                    [](const std::optional<IpAddress>& to) {
                        return json{{"source", "kernel"}, {"to", to ? to->toString() : "all"}};
                    }};
        }
        std::vector<std::string> measured;
        QTemporaryDir folder;
        ManualClock clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
        fake::KillSwitch kill;
        fake::Isp isp;
        fake::Timers timers;
        fake::Quotes quotes;
        fake::Mint mint;
        fake::FirstIsp first;
        fake::Flows plane;
        fake::Authority authority;
        NoWeb web;
        std::unique_ptr<ledger::Ledger> ledger;
        PurchaseService purchases;
        cartographer::Cartographer cartographer;
        OneIsp isps;
        SecretaryState state{clock, "1.2.3", {*Money::parse("1"), *Money::parse("2")}};
        Router router;
        Door door = Door::Secretary;
        std::string node;
        Api api;
    };
    std::unique_ptr<World> m_world;

    struct Result {
        unsigned status = 0;
        json body;
    };
    static net::HttpRequest request(const std::string& method, const std::string& path, uint32_t uid = alice,
                                    const std::string& body = {}) {
        net::HttpRequest made;
        made.method = method;
        made.path = path;
        made.headers = {{"Host", "netpas"}};
        made.body = body;
        made.peer = net::PeerCredentials{uid, uid, 1};
        return made;
    }
    Result send(const net::HttpRequest& what) {
        std::optional<Result> result;
        m_world->api.handle(what, [&](const net::HttpResponse& response) {
            result = Result{response.status, json::parse(response.body)};
        });
        m_world->timers.run(milliseconds(20));
        return result.value_or(Result{});
    }
    Result call(const std::string& method, const std::string& path, uint32_t uid = alice,
                const std::string& body = {}) {
        return send(request(method, path, uid, body));
    }
    static std::string order(const char* more = "") {
        return std::string("{\"to\":\"192.0.2.10\",\"cap\":\"0.05\"") + more + "}";
    }

private slots:
    // Five hours before UTC, so that days of the two differ.
    void initTestCase() { qputenv("TZ", "XXX-5"); }
    void init() { m_world = std::make_unique<World>(); }

    void aPurchaseFromRequestToSettlement() {
        const Result bought =
            call("POST", "/v1/purchases", alice, order(",\"protocol\":\"tcp\",\"to_port\":80,\"duration_s\":60"));
        QCOMPARE(bought.status, 200U);
        QCOMPARE(bought.body["state"], "active");
        QCOMPARE(bought.body["cap"], "0.05");
        QCOMPARE(bought.body["price_per_packet"]["1400"], "0.000000015");
        QCOMPARE(bought.body["worst_price_per_mb"]["1400"], "0.000010725");
        QCOMPARE(bought.body["path"].size(), size_t{3});
        QCOMPARE(bought.body["path"][1]["price_per_packet"], "0.00000001");
        QCOMPARE(bought.body["decided_by"], "explicit request");
        QVERIFY(bought.body["charged"].is_null());
        const std::string id = bought.body["id"];
        m_world->plane.traffic(10);
        m_world->timers.run(milliseconds(100));
        const Result running = call("GET", "/v1/purchases");
        QCOMPARE(running.body["purchases"].size(), size_t{1});
        QCOMPARE(running.body["purchases"][0]["sent"]["amount"], "0.00000015");
        QCOMPARE(call("GET", "/v1/status").body["reserved"], "0.05");
        QCOMPARE(call("DELETE", "/v1/purchases/" + id).status, 202U);
        m_world->timers.run(milliseconds(700));
        const Result after = call("GET", "/v1/purchases/" + id);
        QCOMPARE(after.body["state"], "settled");
        QCOMPARE(after.body["charged"], "0.00000015");
        QCOMPARE(call("DELETE", "/v1/purchases/" + id).status, 200U);
        const Result history = call("GET", "/v1/history");
        QCOMPARE(history.body["entries"].size(), size_t{1});
        QCOMPARE(history.body["entries"][0]["charged"], "0.00000015");
        QVERIFY(call("GET", "/v1/purchases").body["purchases"].empty());
    }

    void usersSeeAndStopOnlyTheirOwn() {
        const std::string id = call("POST", "/v1/purchases", alice, order()).body["id"];
        QCOMPARE(call("GET", "/v1/purchases/" + id, bob).status, 404U);
        QCOMPARE(call("DELETE", "/v1/purchases/" + id, bob).status, 404U);
        QVERIFY(call("GET", "/v1/purchases", bob).body["purchases"].empty());
        QVERIFY(call("GET", "/v1/history", bob).body["entries"].empty());
        QCOMPARE(call("GET", "/v1/status", bob).body["purchases"]["active"], 0);
        for (const uint32_t admin : {0U, ownerUid}) {
            QCOMPARE(call("GET", "/v1/purchases", admin).body["purchases"].size(), size_t{1});
        }
        QCOMPARE(m_world->plane.diverted(), size_t{1});
        QCOMPARE(call("DELETE", "/v1/purchases/" + id, 0).status, 202U);
    }

    void sumsAreOnesOwnOrTheOwners() {
        const std::string id = call("POST", "/v1/purchases", alice, order()).body["id"];
        QCOMPARE(call("GET", "/v1/status", alice).body["reserved"], "0.05");
        QCOMPARE(call("GET", "/v1/status", bob).body["reserved"], "0");
        m_world->plane.traffic(10);
        QCOMPARE(call("DELETE", "/v1/purchases/" + id).status, 202U);
        m_world->timers.run(milliseconds(700));
        for (const uint32_t user : {alice, ownerUid, 0U}) {
            QCOMPARE(call("GET", "/v1/status", user).body["spent_today"], "0.00000015");
        }
        QCOMPARE(call("GET", "/v1/status", bob).body["spent_today"], "0");
        m_world->node = "tv";  // a device whose user has the same number
        QCOMPARE(call("GET", "/v1/status", alice).body["spent_today"], "0");
    }

    void todayBeginsAtMidnightHere() {
        m_world->clock.advance(std::chrono::hours{18} + std::chrono::minutes{30});  // half past 23 here
        const std::string id = call("POST", "/v1/purchases", alice, order()).body["id"];
        m_world->plane.traffic(10);
        QCOMPARE(call("DELETE", "/v1/purchases/" + id).status, 202U);
        m_world->timers.run(milliseconds(700));
        QCOMPARE(call("GET", "/v1/balance", 0).body["spent_today"], "0.00000015");
        m_world->clock.advance(std::chrono::hours{1});
        QCOMPARE(call("GET", "/v1/balance", 0).body["spent_today"], "0");
        QCOMPARE(call("GET", "/v1/status", 0).body["spent_today"], "0");
        QCOMPARE(call("GET", "/v1/status", alice).body["spent_today"], "0");
        QCOMPARE(call("GET", "/v1/balance", 0).body["spent"], "0.00000015");
    }

    void whatAnApplicationPaysIsKeptToItsPriceAMinute() {
        const auto applications =
            call("POST", "/v1/purchases", alice, order(",\"protocol\":\"udp\",\"duration_s\":60"));
        QCOMPARE(applications.body["cap_per_second"], "0.000833333375");
        QCOMPARE(m_world->plane.flows[0].capPerSecond, *Money::parse("0.000833333375"));
        QCOMPARE(m_world->authority.requests.at(0).price, *Money::parse("0.05"));
        QCOMPARE(call("GET", "/v1/history").body["entries"][0]["price"], "0.05");
        // A cap per second that allows all of it at once is judged as that.
        call(
            "POST", "/v1/purchases", alice,
            "{\"to\":\"192.0.2.12\",\"cap\":\"0.05\",\"duration_s\":60,\"cap_per_second\":\"0.01\",\"attended\":true}");
        QCOMPARE(m_world->authority.requests.at(1).price, *Money::parse("0.6"));
        // A question may be shown at once only where the asker says that a person has just acted.
        QVERIFY(!m_world->authority.requests.at(0).attended);
        QVERIFY(m_world->authority.requests.at(1).attended);
        // The owner in person said the cap, and means it.
        const auto owners = call("POST", "/v1/purchases", 0, order(",\"duration_s\":60"));
        QVERIFY(owners.body["cap_per_second"].is_null());
        // Rules name users.
        QCOMPARE(owners.body["user"], "root");
        const std::string& user = m_world->authority.requests.at(0).user;
        QVERIFY(!user.empty() && user != "root");
        const auto endless = call("POST", "/v1/purchases", alice, order(",\"protocol\":\"tcp\""));
        QVERIFY(endless.body["cap_per_second"].is_null());  // an item of the whole cap
        const auto tooLong =
            call("POST", "/v1/purchases", alice, "{\"to\":\"192.0.2.11\",\"cap\":\"0.00001\",\"duration_s\":2592000}");
        QCOMPARE(tooLong.status, 400U);
        QVERIFY(tooLong.body["hint"].get<std::string>().find("shorter") != std::string::npos);
    }

    void onlyAdminsJoin() {
        QCOMPARE(call("POST", "/v1/join", alice, "{\"url\":\"https://192.0.2.9:1/#00\"}").status, 403U);
        QCOMPARE(call("POST", "/v1/join", 0, "{\"url\":\"https://192.0.2.9:1/#00\"}").status, 400U);
        QCOMPARE(call("POST", "/v1/join", 0, "{}").body["code"], "INVALID_ARGUMENT");
        QCOMPARE(m_world->web.fetches, 0);
        QCOMPARE(m_world->isps.joins, 1);
    }

    void throughAnAgentNobodyIsMoreThanARequester() {
        m_world->door = Door::Agent;
        const std::string id = call("POST", "/v1/purchases", alice, order()).body["id"];
        QCOMPARE(call("POST", "/v1/join", 0, "{\"url\":\"https://192.0.2.9:1/#00\"}").status, 403U);
        QVERIFY(call("GET", "/v1/purchases", 0).body["purchases"].empty());
        QCOMPARE(call("DELETE", "/v1/purchases/" + id, ownerUid).status, 404U);
        QCOMPARE(call("GET", "/v1/status", 0).body["role"], "request");
        QCOMPARE(m_world->isps.joins, 0);
    }

    void webPagesAndStrangersAreRefused_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("value");
        QTest::newRow("origin") << "Origin"
                                << "http://localhost";
        QTest::newRow("referer") << "referer"
                                 << "http://localhost/";
        QTest::newRow("host") << "Host"
                              << "evil.example";
        QTest::newRow("rebound host") << "Host"
                                      << "127.0.0.1:80";
    }
    void webPagesAndStrangersAreRefused() {
        QFETCH(QString, name);
        QFETCH(QString, value);
        net::HttpRequest hostile = request("POST", "/v1/purchases", 0, order());
        if (name == "Host") hostile.headers.clear();
        hostile.headers.push_back({name.toStdString(), value.toStdString()});
        QCOMPARE(send(hostile).status, 403U);
        if (name == "Host") {  // a second one decides nothing
            hostile.headers.insert(hostile.headers.begin(), {"Host", "netpas"});
            QCOMPARE(send(hostile).status, 403U);
        }
        net::HttpRequest nobody = request("GET", "/v1/status");
        nobody.peer.reset();
        QCOMPARE(send(nobody).status, 403U);
        QVERIFY(m_world->ledger->history(std::nullopt, 1)->empty());
    }

    void nonsenseBuysNothing_data() {
        QTest::addColumn<QByteArray>("body");
        QTest::newRow("empty") << QByteArray("");
        QTest::newRow("no object") << QByteArray("[]");
        QTest::newRow("no cap") << QByteArray("{\"to\":\"192.0.2.10\"}");
        QTest::newRow("no destination") << QByteArray("{\"cap\":\"0.05\"}");
        QTest::newRow("a name") << QByteArray("{\"to\":\"example.net\",\"cap\":\"0.05\"}");
        QTest::newRow("cap as a number") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":0.05}");
        QTest::newRow("negative cap") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"-0.05\"}");
        QTest::newRow("too precise cap") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0.0000000000001\"}");
        QTest::newRow("no money") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0\"}");
        QTest::newRow("mistyped limit") << QByteArray(
            "{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"cap_per_secnd\":\"1\"}");
        QTest::newRow("port too high") << QByteArray(
            "{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"protocol\":\"tcp\",\"to_port\":65536}");
        QTest::newRow("port of nothing") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"to_port\":80}");
        QTest::newRow("port of icmp") << QByteArray(
            "{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"protocol\":\"icmp\",\"to_port\":80}");
        QTest::newRow("no protocol") << QByteArray(
            "{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"protocol\":\"carrier pigeon\"}");
        QTest::newRow("no ISP number") << QByteArray(
            "{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"per_isp\":{\"Z\":\"1\"}}");
        QTest::newRow("ISP too high") << QByteArray(
            "{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"per_isp\":{\"65536\":\"1\"}}");
        QTest::newRow("endless") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"duration_s\":99999999999}");
        QTest::newRow("no money a second")
            << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"cap_per_second\":\"0\"}");
        QTest::newRow("no time") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"duration_s\":0}");
        QTest::newRow("deep") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"per_isp\":") +
                                     QByteArray(3000, '[') + QByteArray(3000, ']') + "}";
        QTest::newRow("no UTF-8") << QByteArray("{\"to\":\"192.0.2.10\",\"cap\":\"0.05\",\"class\":\"\xff\"}");
        QTest::newRow("long") << QByteArray(20000, ' ');
    }
    void nonsenseBuysNothing() {
        QFETCH(QByteArray, body);
        const Result answer = call("POST", "/v1/purchases", alice, body.toStdString());
        QVERIFY(answer.status == 400 || answer.status == 413);
        QCOMPARE(answer.body["code"], "INVALID_ARGUMENT");
        QVERIFY(!answer.body["message"].get<std::string>().empty());
        QVERIFY(m_world->isp.keys.empty());
    }

    void oneKeyIsOnePurchase() {
        net::HttpRequest keyed = request("POST", "/v1/purchases", alice, order());
        keyed.headers.push_back({"Idempotency-Key", "k1"});
        const Result first = send(keyed);
        keyed.body = "{ \"cap\": \"0.05\", \"to\": \"192.0.2.10\" }";  // the same, written otherwise
        const Result second = send(keyed);
        QCOMPARE(second.status, 200U);
        QCOMPARE(second.body["id"], first.body["id"]);
        keyed.body = "{\"cap\":\"0.06\",\"to\":\"192.0.2.10\"}";
        QCOMPARE(send(keyed).status, 409U);
        keyed.peer->uid = bob;  // another user's key is another key; only the flow is taken
        QCOMPARE(send(keyed).body["code"], "CONFLICT");
        QCOMPARE(m_world->isp.keys.size(), size_t{1});
    }

    void aDevicesKeyIsNotAnothers() {
        m_world->door = Door::Agent;
        m_world->node = "tv";
        net::HttpRequest keyed = request("POST", "/v1/purchases", alice, order(",\"from\":\"198.51.100.7\""));
        keyed.headers.push_back({"Idempotency-Key", "k1"});
        const std::string first = send(keyed).body["id"];
        QCOMPARE(send(keyed).body["id"], first);
        m_world->node = "phone";
        const Result others = send(keyed);
        QCOMPARE(others.status, 200U);
        QVERIFY(others.body["id"] != first);
    }

    void refusalsHaveStableCodes() {
        QCOMPARE(call("POST", "/v1/purchases", alice, "{\"to\":\"192.0.2.10\",\"cap\":\"1.5\"}").status, 402U);
        m_world->quotes.fails = true;
        m_world->quotes.failure = {QuoteFailure::Kind::NotJoined, "no ISP was joined", "netpas join"};
        const Result notJoined = call("POST", "/v1/purchases", alice, order());
        QCOMPARE(notJoined.status, 409U);
        QCOMPARE(notJoined.body["code"], "NOT_JOINED");
        QCOMPARE(notJoined.body["hint"], "netpas join");
        m_world->quotes.fails = false;
        m_world->isp.refuses = true;
        QCOMPARE(call("POST", "/v1/purchases", alice, order()).body["code"], "ISP_REFUSED");
        QCOMPARE(call("GET", "/v1/services").body["code"], "NOT_JOINED");
        QCOMPARE(call("GET", "/v1/nothing").status, 404U);
        QCOMPARE(call("PUT", "/v1/status").status, 405U);
        QCOMPARE(call("GET", "/v1/purchases/x").status, 404U);
        QCOMPARE(call("GET", "/v1/purchases/99999999999999999999").status, 404U);
        net::HttpRequest history = request("GET", "/v1/history");
        history.query["limit"] = "0";
        QCOMPARE(send(history).status, 400U);
    }

    void measurementsAreForThisMachinesUsers() {
        QCOMPARE(call("GET", "/v1/measurements").status, 200U);
        net::HttpRequest way = request("GET", "/v1/measurements");
        way.query["to"] = "203.0.113.9";
        QCOMPARE(send(way).status, 200U);
        way.query["to"] = "nowhere";
        QCOMPARE(send(way).status, 400U);
        way.query.clear();
        way.node = "alice-phone";  // a device behind this machine
        QCOMPARE(send(way).status, 403U);
        QVERIFY(m_world->measured == std::vector<std::string>({"all", "203.0.113.9"}));
    }

    void routesAreForThisMachinesUsers() {
        QCOMPARE(call("GET", "/v1/routes").body["to"], json("all"));
        net::HttpRequest way = request("GET", "/v1/routes");
        way.query["to"] = "203.0.113.9";
        QCOMPARE(send(way).body["to"], json("203.0.113.9"));
        way.query["to"] = "nowhere";
        QCOMPARE(send(way).status, 400U);
        way.query.clear();
        way.node = "alice-phone";
        QCOMPARE(send(way).status, 403U);
    }

    void statusNeverTouchesTheNetwork() {
        const Result status = call("GET", "/v1/status");
        QCOMPARE(status.status, 200U);
        QVERIFY(status.body["isp"].is_null());
        QCOMPARE(status.body["version"], "1.2.3");
        QCOMPARE(m_world->web.fetches, 0);
    }
};

QTEST_GUILESS_MAIN(TestLocalApi)
#include "test_local_api.moc"
