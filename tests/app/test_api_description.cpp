#include <QTemporaryDir>
#include <QtTest>
#include <set>

#include "app/agent/api.h"
#include "app/agent/front_door.h"
#include "app/secretary/routes.h"
#include "app/secretary/watch_hub.h"
#include "core/net/http_stream.h"
#include "tests/app/api_description.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::agent;
using namespace netpas::secretaryd;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

class NoWeb final : public cartographer::Fetcher {
public:
    void get(const Endpoint&, const PublicKey&, const std::string&, const std::string&, Done done) override {
        done(tl::unexpected(cartographer::FetchFailure{}));
    }
};

std::string nameless(std::string pattern) {
    for (size_t from = pattern.find('{'); from != std::string::npos; from = pattern.find('{', from + 1))
        pattern.replace(from, pattern.find('}', from) - from + 1, "{}");
    return pattern;
}

std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(c - 'a' + 'A');
    return text;
}

}  // namespace

class TestApiDescription : public QObject {
    Q_OBJECT

    using Routes = std::set<std::pair<std::string, std::string>>;
    static Routes described(const char* by) {
        Routes routes;
        for (const auto& [path, item] : described::Description::get().document().at("paths").items()) {
            for (const auto& [method, operation] : item.items()) {
                const json& whom = operation.at("x-answered-by");
                if (std::find(whom.begin(), whom.end(), by) != whom.end())
                    routes.emplace(upper(method), nameless(path));
            }
        }
        return routes;
    }
    static Routes without(const Routes& some, const Routes& others) {
        Routes rest;
        for (const auto& one : some) {
            if (!others.contains(one)) rest.insert(one);
        }
        return rest;
    }
    static QString text(const Routes& routes) {
        QString all;
        for (const auto& [method, path] : routes) all += QString::fromStdString(method + " " + path + "; ");
        return all;
    }
    static Routes ofSecretary() {
        static const ManualClock clock{SystemTime{}};
        static SecretaryState state{clock, "1", {}};
        Router router;
        addRoutes(router, state);
        Routes routes{{"GET", "/v1/watch"}};  // of the process, not of the router
        for (const auto& [method, pattern] : router.routes()) routes.emplace(method, nameless(pattern));
        return routes;
    }

private slots:
    void everyRouteIsDescribedAndEveryDescribedOneExists() {
        Routes agents;
        for (const auto& [method, pattern] : agentRoutes()) agents.emplace(method, nameless(pattern));
        for (const auto& [by, routes] : {std::pair{"secretary", ofSecretary()}, std::pair{"agent", agents}}) {
            const Routes said = described(by);
            QVERIFY2(without(routes, said).empty(), qPrintable("not described: " + text(without(routes, said))));
            QVERIFY2(without(said, routes).empty(), qPrintable("not there: " + text(without(said, routes))));
        }
    }

    void theAgentAnswersWhatIsSaidToBeIts() {
        QTemporaryDir folder;
        ManualClock clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
        fake::Timers timers(clock);
        NoWeb web;
        cartographer::Cartographer cartographer(web, clock, folder.path().toStdString());
        int forwarded = 0;
        const auto secretary = [&](const net::HttpRequest&, const auto& reply) {
            ++forwarded;
            reply(net::HttpResponse::error(404, "NOT_FOUND", "the secretary was asked"));
        };
        ApiContext inside{cartographer, clock, [] { return AgentState{}; }, secretary,
                          [](const auto&) {
                              return json{{"measurements", json::array()}, {"test_packets", 0}};
                          }};
        Api api(std::move(inside));
        FrontDoor door({clock,
                        timers,
                        cartographer,
                        [](app::LogLevel, const std::string&) {},
                        folder.path().toStdString(),
                        {},
                        [](const IpAddress&) { return true; },
                        [&](const net::HttpRequest& request, net::HttpReply reply) { api.handle(request, reply); },
                        secretary});
        for (const auto& [method, pattern] : agentRoutes()) {
            net::HttpRequest request;
            request.method = method;
            request.path = pattern.substr(0, pattern.find('{'));
            if (pattern.find('{') != std::string::npos)
                request.path += "00000000-0000-4000-8000-000000000000" + pattern.substr(pattern.find('}') + 1);
            request.headers = {{"Host", "netpas"}};
            request.peer = net::PeerCredentials{0, 0, 1};
            const int before = forwarded;
            std::optional<net::HttpResponse> answered;
            door.handle(request, described::judged(request, [&](net::HttpResponse response) { answered = response; }));
            QVERIFY2(answered, pattern.c_str());
            // Of its own it asks only for what it adds to: the state, of which a stream is made, too.
            const bool adds = pattern == "/v1/status" || pattern == "/v1/watch";
            QVERIFY2(adds || forwarded == before, (method + " " + pattern).c_str());
            QVERIFY2(answered->status != 405, (method + " " + pattern).c_str());
        }
    }

    void browsersAndStrangersAreTurnedAwayAtThePort() {
        QTemporaryDir folder;
        ManualClock clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
        fake::Timers timers(clock);
        NoWeb web;
        cartographer::Cartographer cartographer(web, clock, folder.path().toStdString());
        std::vector<uint32_t> asked;
        const auto inside = [&](const net::HttpRequest& request, const auto& reply) {
            asked.push_back(request.peer->uid);
            reply(answer(json::object()));
        };
        FrontDoor door({clock,
                        timers,
                        cartographer,
                        [](app::LogLevel, const std::string&) {},
                        folder.path().toStdString(),
                        {},
                        [](const IpAddress&) { return true; },
                        inside,
                        inside});
        door.setTcpPort(46720);
        const auto ask = [&](std::vector<net::HttpHeader> headers, const std::string& method = "GET",
                             const std::string& path = "/v1/purchases") {
            net::HttpRequest request;
            request.method = method;
            request.path = path;
            request.headers = std::move(headers);
            request.remote = Endpoint{*IpAddress::parse("127.0.0.1"), 50000};
            net::HttpResponse answered;
            door.handle(request, [&](net::HttpResponse response) { answered = std::move(response); });
            return answered.status;
        };
        net::HttpRequest making;
        making.method = "POST";
        making.path = "/v1/tokens";
        making.headers = {{"Host", "netpas"}};
        making.body = R"({"client": "reader"})";
        making.peer = net::PeerCredentials{1000, 1000, 1};
        std::string token;
        door.handle(making, [&](const net::HttpResponse& response) { token = json::parse(response.body)["token"]; });
        const net::HttpHeader bearer{"Authorization", "Bearer " + token}, host{"Host", "127.0.0.1:46720"};
        QCOMPARE(ask({host, bearer}), 200U);
        QCOMPARE(ask({{"Host", "localhost:46720"}, bearer}), 200U);
        QCOMPARE(asked, (std::vector<uint32_t>{1000, 1000}));
        QCOMPARE(ask({host}), 401U);
        QCOMPARE(ask({host, {"Authorization", "Bearer netpas_00"}}), 401U);
        QCOMPARE(ask({{"Host", "evil.example:46720"}, bearer}), 403U);  // DNS rebinding
        QCOMPARE(ask({{"Host", "127.0.0.1:80"}, bearer}), 403U);
        QCOMPARE(ask({bearer}), 403U);
        QCOMPARE(ask({host, host, bearer}), 403U);
        QCOMPARE(ask({host, bearer, {"Origin", "http://127.0.0.1:46720"}}), 403U);
        QCOMPARE(ask({host, bearer, {"Sec-Fetch-Site", "none"}}), 403U);
        QCOMPARE(ask({host, bearer}, "POST"), 403U);  // may only read
        QCOMPARE(ask({host, bearer}, "POST", "/v1/tokens"), 403U);
        QCOMPARE(asked.size(), size_t{2});
    }

    void aWatcherSeesASnapshotThenWhatChanges() {
        ManualClock clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
        fake::Timers timers(clock);
        json purchases = json::array({{{"id", "1"}, {"state", "active"}}});
        bool there = true;
        WatchHub hub(timers, [&](const net::HttpRequest& request, const auto& reply) {
            if (!there) return reply(refusal(503, "NO_SECRETARY", "it is gone"));
            if (request.path == "/v1/status") return reply(answer({{"version", "1"}}));
            reply(answer({{"purchases", purchases}}));
        });
        net::HttpRequest request;
        request.path = "/v1/watch";
        request.peer = net::PeerCredentials{1000, 1000, 1};
        std::shared_ptr<net::HttpStream> stream;
        const auto watch = [&] {
            unsigned status = 0;
            hub.watch(request, [&](const net::HttpResponse& response) {
                status = response.status;
                if (response.stream) stream = response.stream;
            });
            return status;
        };
        QCOMPARE(watch(), 200U);
        const json snapshot = json::parse(stream->take());
        QCOMPARE(snapshot["event"], "snapshot");
        QCOMPARE(snapshot["purchases"], purchases);
        timers.run(milliseconds(1100));
        QCOMPARE(stream->take(), std::string());  // nothing has changed
        purchases[0]["state"] = "stopping";
        timers.run(milliseconds(600));
        QCOMPARE(json::parse(stream->take())["purchase"]["state"], "stopping");
        purchases.clear();
        timers.run(milliseconds(600));
        QCOMPARE(json::parse(stream->take()), (json{{"event", "gone"}, {"id", "1"}}));
        there = false;
        timers.run(milliseconds(600));
        QVERIFY(stream->take().find("NO_SECRETARY") != std::string::npos);
        timers.run(WatchHub::aliveEvery + milliseconds(600));
        QCOMPARE(stream->take(), std::string("{\"event\":\"alive\"}\n"));
        const auto first = stream;
        for (size_t i = 1; i < WatchHub::mostOfUser; ++i) QCOMPARE(watch(), 200U);
        QCOMPARE(watch(), 429U);
        first->end();  // its reader is gone
        timers.run(milliseconds(600));
        QCOMPARE(watch(), 200U);
    }

    void whoDoesNotReadAStreamIsGivenUp() {
        net::HttpStream stream(10);
        bool told = false;
        stream.onEnd([&] { told = true; });
        QVERIFY(stream.push("12345678"));
        QVERIFY(!stream.push("12345678"));
        QVERIFY(stream.over() && told);
        QVERIFY(!stream.push("1"));
    }
};

QTEST_APPLESS_MAIN(TestApiDescription)
#include "test_api_description.moc"
