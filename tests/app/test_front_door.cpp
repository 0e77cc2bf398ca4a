#include <QTemporaryDir>
#include <QtTest>
#include <nlohmann/json.hpp>

#include "app/agent/front_door.h"
#include "app/secretary/router.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::agent;
using nlohmann::json;

namespace {

constexpr uint32_t alice = 1000, bob = 1001;
constexpr uint16_t port = 46720;

class NoWeb final : public cartographer::Fetcher {
public:
    void get(const Endpoint&, const PublicKey&, const std::string&, const std::string&, Done done) override {
        done(tl::unexpected(cartographer::FetchFailure{}));
    }
};

struct World {
    World()
        : cartographer(web, clock, folder.path().toStdString()),
          door({clock,
                timers,
                cartographer,
                [](app::LogLevel, const std::string&) {},
                folder.path().toStdString(),
                {},
                [](const IpAddress&) { return true; },
                [this](const net::HttpRequest& request, const net::HttpReply& reply) {
                    inside.push_back(request);
                    reply(secretaryd::answer({{"purchases", json::array()}}));
                },
                [](const net::HttpRequest&, const auto&) {}}) {
        door.setTcpPort(port);
    }
    QTemporaryDir folder;
    ManualClock clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
    secretaryd::fake::Timers timers{clock};
    NoWeb web;
    cartographer::Cartographer cartographer;
    std::vector<net::HttpRequest> inside;  // what was let in
    FrontDoor door;

    static net::HttpRequest request(const std::string& method, const std::string& path) {
        net::HttpRequest made;
        made.method = method;
        made.path = path;
        return made;
    }
    static net::HttpRequest local(uint32_t uid, const std::string& method, const std::string& path) {
        net::HttpRequest made = request(method, path);
        made.peer = net::PeerCredentials{uid, uid, 1};
        made.headers = {{"Host", "netpas"}};
        return made;
    }
    static net::HttpRequest tcp(const std::string& token, const std::string& method, const std::string& path) {
        net::HttpRequest made = request(method, path);
        made.remote = Endpoint{*IpAddress::parse("127.0.0.1"), 50000};
        made.headers = {{"Host", "127.0.0.1:" + std::to_string(port)}};
        if (!token.empty()) made.headers.push_back({"Authorization", "Bearer " + token});
        return made;
    }
    net::HttpResponse ask(const net::HttpRequest& what) {
        net::HttpResponse given;
        given.status = 0;
        door.handle(what, [&](net::HttpResponse response) { given = std::move(response); });
        return given;
    }
    std::string token(uint32_t uid, const char* role, int lifetime = 3600) {
        net::HttpRequest made = local(uid, "POST", "/v1/tokens");
        made.body = json{{"client", "player"}, {"role", role}, {"lifetime_s", lifetime}}.dump();
        return json::parse(ask(made).body)["token"];
    }
};

}  // namespace

class TestFrontDoor : public QObject {
    Q_OBJECT
    std::unique_ptr<World> m_world;
    [[nodiscard]] unsigned status(const net::HttpRequest& what) const { return m_world->ask(what).status; }

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }
    void init() { m_world = std::make_unique<World>(); }

    void overTcpATokenSaysWhoAsks() {
        const std::string token = m_world->token(alice, "request");
        QCOMPARE(status(World::tcp(token, "POST", "/v1/purchases")), 200U);
        QCOMPARE(m_world->inside.size(), size_t{1});
        QCOMPARE(m_world->inside[0].peer->uid, alice);
        QVERIFY(m_world->inside[0].peer->pid == 0);
        QCOMPARE(m_world->inside[0].header("Host"), std::string_view("netpas"));
    }

    void nobodyPassesWithoutOne() {
        std::string token = m_world->token(alice, "request");
        auto asked = World::tcp({}, "GET", "/v1/status");
        QCOMPARE(status(asked), 401U);
        const std::vector<std::string> others{"Basic " + token,
                                              token,
                                              "Bearer",
                                              "Bearer ",
                                              "Bearer " + token + "0",
                                              "Bearer " + token.substr(0, token.size() - 1),
                                              "Bearer  " + token};
        for (const std::string& wrong : others) {
            asked.headers = {{"Host", "localhost:46720"}, {"Authorization", wrong}};
            QCOMPARE(status(asked), 401U);
        }
        token.back() = token.back() == 'a' ? 'b' : 'a';
        QCOMPARE(status(World::tcp(token, "GET", "/v1/status")), 401U);
        QVERIFY(m_world->inside.empty());
    }

    void aTokenEnds() {
        const std::string token = m_world->token(alice, "read", 60);
        m_world->clock.advance(std::chrono::seconds(59));
        QCOMPARE(status(World::tcp(token, "GET", "/v1/status")), 200U);
        m_world->clock.advance(std::chrono::seconds(1));
        QCOMPARE(status(World::tcp(token, "GET", "/v1/status")), 401U);
    }

    void aReadersTokenOnlyReads() {
        const std::string token = m_world->token(alice, "read");
        QCOMPARE(status(World::tcp(token, "GET", "/v1/purchases")), 200U);
        for (const char* method : {"POST", "PUT", "DELETE", "PATCH"})
            QCOMPARE(status(World::tcp(token, method, "/v1/purchases")), 403U);
        QCOMPARE(m_world->inside.size(), size_t{1});
    }

    void tokensAreNotMadeByTokens() {
        const std::string token = m_world->token(alice, "request");
        for (const char* method : {"GET", "POST"}) {
            auto asked = World::tcp(token, method, "/v1/tokens");
            asked.body = R"({"client": "more"})";
            QCOMPARE(status(asked), 403U);
        }
        QCOMPARE(status(World::tcp({}, "GET", "/v1/tokens")), 401U);
    }

    void hostNamesThisMachineAndThisPort_data() {
        QTest::addColumn<QStringList>("hosts");
        QTest::addColumn<bool>("own");
        QTest::newRow("address") << QStringList{"127.0.0.1:46720"} << true;
        QTest::newRow("version 6") << QStringList{"[::1]:46720"} << true;
        QTest::newRow("name") << QStringList{"localhost:46720"} << true;
        QTest::newRow("rebound") << QStringList{"evil.example:46720"} << false;
        QTest::newRow("another port") << QStringList{"127.0.0.1:80"} << false;
        QTest::newRow("no port") << QStringList{"127.0.0.1"} << false;
        QTest::newRow("longer") << QStringList{"localhost:46720.evil.example"} << false;
        QTest::newRow("none") << QStringList{} << false;
        QTest::newRow("two") << QStringList{"localhost:46720", "evil.example"} << false;
        QTest::newRow("the same twice") << QStringList{"localhost:46720", "localhost:46720"} << false;
        QTest::newRow("of the Unix socket") << QStringList{"netpas"} << false;
    }
    void hostNamesThisMachineAndThisPort() {
        QFETCH(QStringList, hosts);
        QFETCH(bool, own);
        auto asked = World::tcp(m_world->token(alice, "request"), "GET", "/v1/status");
        asked.headers.erase(asked.headers.begin());
        for (const QString& host : hosts) asked.headers.push_back({"Host", host.toStdString()});
        QCOMPARE(status(asked), own ? 200U : 403U);
    }

    void noBrowserIsServed_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("value");
        QTest::newRow("origin") << "Origin"
                                << "https://evil.example";
        QTest::newRow("null origin") << "origin"
                                     << "null";
        QTest::newRow("referer") << "Referer"
                                 << "https://evil.example/page";
        QTest::newRow("site") << "Sec-Fetch-Site"
                              << "cross-site";
        QTest::newRow("the user's own") << "Sec-Fetch-Site"
                                        << "none";
        QTest::newRow("mode") << "sec-fetch-MODE"
                              << "no-cors";
        QTest::newRow("destination") << "Sec-Fetch-Dest"
                                     << "image";
    }
    void noBrowserIsServed() {
        QFETCH(QString, name);
        QFETCH(QString, value);
        const net::HttpHeader told{name.toStdString(), value.toStdString()};
        for (const char* path : {"/v1/status", "/v1/tokens", "/v1/watch", "/quality-on-demand/v1/sessions"}) {
            auto asked = World::tcp(m_world->token(alice, "request"), "GET", path);
            asked.headers.push_back(told);
            QCOMPARE(status(asked), 403U);
            auto near = World::local(0, "GET", path);
            near.headers.push_back(told);
            QCOMPARE(status(near), 403U);
        }
        QVERIFY(m_world->inside.empty());
    }

    void quotesArePacedUserByUser() {
        const auto quote = [&](uint32_t uid) { return status(World::local(uid, "POST", "/v1/quotes")); };
        int good = 0;
        while (quote(alice) == 200U) QVERIFY(++good < 1000);
        QVERIFY(good > 1);
        QCOMPARE(quote(alice), 429U);
        QCOMPARE(quote(bob), 200U);
        QCOMPARE(status(World::local(alice, "GET", "/v1/purchases")), 200U);
        // By whichever way the same user comes.
        QCOMPARE(status(World::tcp(m_world->token(alice, "request"), "POST", "/v1/quotes")), 429U);
        m_world->clock.advance(std::chrono::milliseconds(250));
        QCOMPARE(quote(alice), 200U);
        QCOMPARE(quote(alice), 200U);
        QCOMPARE(quote(alice), 429U);
        // Who waited long enough has the whole burst again, and no more.
        m_world->clock.advance(std::chrono::hours(1));
        for (int i = 0; i < good; ++i) QCOMPARE(quote(alice), 200U);
        QCOMPARE(quote(alice), 429U);
        for (int i = 0; i < 5 * good; ++i) QCOMPARE(quote(0), 200U);
    }

    void otherMethodsAreRefusedWithThoseThatThereAre() {
        const auto given = m_world->ask(World::local(alice, "PUT", "/v1/tokens"));
        QCOMPARE(given.status, 405U);
        QCOMPARE(given.header("Allow"), std::string_view("GET, POST"));
        QCOMPARE(status(World::local(alice, "POST", "/v1/watch")), 405U);
        QCOMPARE(status(World::local(alice, "DELETE", "/v1/quotes/1")), 405U);
        // What is not its own goes on.
        QCOMPARE(status(World::local(alice, "PATCH", "/v1/tokensmith")), 200U);
    }

    void aStreamOverTcpIsTheTokensUsers() {
        const auto given = m_world->ask(World::tcp(m_world->token(bob, "read"), "GET", "/v1/watch"));
        QCOMPARE(given.status, 200U);
        QVERIFY(given.stream);
        QVERIFY(!m_world->inside.empty());
        for (const auto& asked : m_world->inside) QCOMPARE(asked.peer->uid, bob);
    }
};

QTEST_GUILESS_MAIN(TestFrontDoor)
#include "test_front_door.moc"
