// A whole edge router between in-memory sockets and a real accounting server over TLS: keys arrive, packets are charged,
// statements agree to the last eighth, also when either side restarts or is away.
#include <QTemporaryDir>
#include <QTest>
#include <nlohmann/json.hpp>

#include "app/isp/edge_service.h"
#include "core/net/http_client.h"
#include "tests/core/accounting_fixture.h"
#include "tests/tun/edge_packets.h"
#include "tun/device/memory_tun.h"
#include "tun/udp/memory_udp_socket.h"

using namespace netpas;
using namespace netpas::accounting::test;
using namespace netpas::tun::edgetest;
using accounting::AccountingClient;
using accounting::ClientFailure;

namespace {

template <typename T>
using Result = std::optional<tl::expected<T, ClientFailure>>;

SessionKey payingKey(uint32_t id) {
    SessionKey key = sessionKey(id);
    key.cap = dollars("0.01");
    key.capPerSecond = dollars("0.01");
    key.allowed = {IspId(25), IspId(24)};
    key.expires = systemClock().now() + 1h;
    return key;
}

struct World {
    World() : server(io, 25) {
        server.addCustomer("B", "127.0.0.0/8");
        server.config.neighbours.push_back({IspId(24), "x", loopback(9), server.identity.publicKey(), {}});
        opened = server.open();
        server.start({});
        settings.edge = edgeConfig();
        settings.edge.router = "r";
        settings.edge.listen = {ip("192.0.2.1")};
        settings.edge.sampling.threshold = server.config.threshold;
        settings.stateFolder = folder.filePath("state").toStdString();
        settings.adminSocket = folder.filePath("edge.sock").toStdString();
        settings.accounting = server.address().endpoint;
        settings.accountingKey = server.identity.publicKey();
        b = *network.open({.local = {ip("192.0.2.9"), dataPort}});
        x = *network.open({.local = {ip("198.18.1.2"), dataPort}});
        customerClient = std::make_unique<AccountingClient>(io, customer, server.address());
        customerClient->start();
    }
    ~World() { stopEdge(); }

    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    bool startEdge() {
        auto started = isp::EdgeService::start(settings, {io, network, device, systemClock(), server.edgeIdentity});
        if (!started) qWarning("%s", started.error().c_str());
        if (started) edge = std::move(*started);
        return edge != nullptr;
    }
    // In good order.
    bool stopEdge() {
        if (!edge) return true;
        bool stopped = false;
        edge->stop([&] { stopped = true; });
        const bool done = run([&] { return stopped; });
        edge.reset();
        return done;
    }
    void crashServer() { server.server.reset(); }
    bool reopenServer() {
        const bool again = server.open();
        server.start({});
        return again;
    }

    template <typename T, typename Ask>
    Result<T> ask(Ask call) {
        Result<T> result;
        call([&](tl::expected<T, ClientFailure> answer) { result = std::move(answer); });
        (void)run([&] { return result.has_value(); });
        return result;
    }
    bool join() {
        const auto joined = ask<accounting::Joined>([&](auto done) { customerClient->join(done); });
        return joined && joined->has_value();
    }
    bool registerKey(const SessionKey& key) {
        const auto ready = ask<accounting::KeyReady>([&](auto done) { customerClient->registerKey(key, done); });
        return ready && ready->has_value();
    }
    Result<accounting::UsageStatement> revoke(SessionKeyId id) {
        return ask<accounting::UsageStatement>([&](auto done) { customerClient->revokeKey(id, done); });
    }
    Result<accounting::UsageStatement> usage(SessionKeyId id) {
        return ask<accounting::UsageStatement>([&](auto done) { customerClient->queryUsage(id, done); });
    }

    // Sends packets of 12 n$ each and returns how many the next ISP received.
    size_t pay(const SessionKey& key, uint64_t from, size_t count) {
        const Bytes inner = innerPacket({});
        const Bytes head = header({hop(25, 10, 3), hop(24, 2)});
        size_t arrived = 0;
        for (size_t i = 0; i < count; ++i) {
            const Bytes one = customer_(key, from + i, head, inner);
            tun::OutgoingTrain train{.data = one,
                                     .segmentSize = static_cast<uint16_t>(one.size()),
                                     .to = Endpoint{ip("192.0.2.1"), dataPort}};
            (void)b->send({&train, 1});
            if (i % 100 == 99) arrived += take();
        }
        for (int quiet = 0; quiet < 20 && arrived < count; ++quiet) {
            const size_t more = take();
            arrived += more;
            if (more != 0) quiet = 0;
        }
        return arrived;
    }
    size_t take() { return take(*x); }
    static size_t take(tun::UdpSocket& socket) {
        QTest::qWait(5);
        std::vector<Bytes> memory(64, Bytes(65535));
        std::vector<tun::ReceivedTrain> trains(memory.size());
        for (size_t i = 0; i < memory.size(); ++i) trains[i].buffer = memory[i];
        size_t datagrams = 0;
        while (const size_t count = socket.receive(trains).value_or(0)) {
            for (size_t i = 0; i < count; ++i)
                datagrams += (trains[i].size + trains[i].segmentSize - 1) / trains[i].segmentSize;
        }
        return datagrams;
    }
    static Bytes customer_(const SessionKey& key, uint64_t sequence, ByteView head, ByteView inner) {
        return tun::edgetest::customer(key, sequence, head, inner);
    }

    nlohmann::json get(const std::string& method = "GET", const std::string& target = "/v1/counters",
                       const std::string& body = {}) {
        std::optional<net::HttpAnswer> answer;
        net::HttpCall call;
        call.method = method;
        call.target = target;
        call.body = body;
        net::httpCall(io, net::UnixTarget{settings.adminSocket}, call,
                      [&](net::HttpAnswer a) { answer = std::move(a); });
        (void)run([&] { return answer.has_value(); });
        if (!answer || !answer->has_value()) return {};
        status = (*answer)->status;
        return nlohmann::json::parse((*answer)->body, nullptr, false);
    }

    boost::asio::io_context io;
    accounting::test::Isp server;
    Identity customer = Identity::generate();
    QTemporaryDir folder;
    isp::EdgeSettings settings;
    tun::MemoryUdpNetwork network;
    tun::MemoryTun device;
    std::unique_ptr<tun::UdpSocket> b, x;
    std::unique_ptr<AccountingClient> customerClient;
    std::unique_ptr<isp::EdgeService> edge;
    bool opened = false;
    unsigned status = 0;
};

Money times12(size_t packets) { return nano(12 * static_cast<int64_t>(packets)); }

}  // namespace

class TestEdgeService : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }
    void statementAgreesToTheLastEighth();
    void countersAreServedAndInvestigationsTaken();
    void nothingIsLostWhileTheAccountingServerIsAway();
    void nothingIsLostOverARestartOfTheRouter();
    void whatCouldNotBeSentIsSentByTheNextLife();
    void whatAnEndpointConfirmsComesWithItsHeaderWhileItTakesPart();
    void whatWasPromisedIsTakenUntilTheNoticeIsOver();
    void aSecondRouterOnTheSameStateIsRefused();
};

// The packets pay 10 n$ to this ISP.
void TestEdgeService::whatWasPromisedIsTakenUntilTheNoticeIsOver() {
    World w;
    QVERIFY(w.opened && w.startEdge() && w.join());
    const SessionKey key = payingKey(79);
    QVERIFY(w.registerKey(key));
    QCOMPARE(w.pay(key, 0, 20), size_t{20});
    isp::EdgeSettings next = w.settings;
    next.edge.classes[0].price.base.perPacket = nano(11);
    next.priceNotice = 0s;
    w.edge->reprice(next);
    QTest::qWait(150);
    QCOMPARE(w.pay(key, 20, 20), size_t{0});
    next.edge.classes[0].price.base.perPacket = nano(9);
    w.edge->reprice(next);
    QTest::qWait(150);
    QCOMPARE(w.pay(key, 20, 20), size_t{20});
    next.edge.classes[0].price.base.perPacket = nano(20);
    next.priceNotice = 3600s;
    w.edge->reprice(next);
    QTest::qWait(150);
    QCOMPARE(w.pay(key, 40, 20), size_t{20});
    next.edge.classes[0].price.base.perPacket = nano(30);
    next.priceNotice = 0s;
    w.edge->reprice(next);
    QTest::qWait(150);
    QVERIFY2(w.pay(key, 60, 20) == 20, "another change does not take back the promise before");
    QCOMPARE(w.get()["verdicts"]["underpaid"].get<int>(), 20);
    const auto statement = w.revoke(key.id);
    QVERIFY(statement && statement->has_value());
    QCOMPARE((*statement)->packets, uint64_t{80});
}

void TestEdgeService::statementAgreesToTheLastEighth() {
    World w;
    QVERIFY(w.opened && w.startEdge() && w.join());
    const SessionKey key = payingKey(70);
    QCOMPARE(w.pay(key, 0, 10), size_t{0});  // the router does not know the key yet
    QVERIFY(w.registerKey(key));
    QCOMPARE(w.pay(key, 0, 1000), size_t{1000});
    const auto statement = w.revoke(key.id);
    QVERIFY(statement && statement->has_value());
    QCOMPARE((*statement)->packets, uint64_t{1000});
    QCOMPARE((*statement)->amount, times12(1000));
    QVERIFY((*statement)->final);
    QCOMPARE(w.pay(key, 1000, 10), size_t{0});  // revoking takes effect at the router
    const auto again = w.revoke(key.id);
    QVERIFY(again && again->has_value());
    QCOMPARE((*again)->amount, times12(1000));
    const auto counters = w.get();
    QCOMPARE(counters["verdicts"]["unknown_key"].get<int>(), 20);
    QVERIFY(counters["keys"].empty());
}

void TestEdgeService::countersAreServedAndInvestigationsTaken() {
    World w;
    QVERIFY(w.opened && w.startEdge() && w.join());
    const SessionKey key = payingKey(71);
    QVERIFY(w.registerKey(key));
    (void)w.get("PUT", "/v1/investigations", R"({"paths": [[25, 24], [25, 24, 23]]})");
    QCOMPARE(w.status, 200U);
    QTest::qWait(150);
    QCOMPARE(w.pay(key, 0, 50), size_t{50});
    const auto counters = w.get();
    QCOMPARE(counters["isp"].get<int>(), 25);
    QCOMPARE(counters["verdicts"]["forwarded"].get<int>(), 50);
    QCOMPARE(counters["links"][1]["exit"].get<int>(), 3);
    QCOMPARE(counters["links"][1]["own"].get<std::string>(), nano(500).toString());
    QCOMPARE(counters["links"][1]["downstream"].get<std::string>(), nano(100).toString());
    QCOMPARE(counters["downstream"][0]["amount"].get<std::string>(), nano(100).toString());
    QCOMPARE(counters["keys"][0]["amount"].get<std::string>(), times12(50).toString());
    QCOMPARE(counters["investigations"][0]["packets"].get<int>(), 50);
    QCOMPARE(counters["investigations"][0]["amounts"][0].get<std::string>(), nano(500).toString());
    QCOMPARE(counters["investigations"][1]["packets"].get<int>(), 0);
    QVERIFY(counters["accounting"]["connected"].get<bool>());
    for (const char* body : {"", "[]", "{}", R"({"paths": 3})", R"({"paths": [[]]})", R"({"paths": [[70000]]})",
                             R"({"paths": [[-1]]})", R"({"paths": [[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]]})"}) {
        (void)w.get("PUT", "/v1/investigations", body);
        QCOMPARE(w.status, 400U);
    }
    (void)w.get("GET", "/v1/nothing");
    QCOMPARE(w.status, 404U);
}

void TestEdgeService::nothingIsLostWhileTheAccountingServerIsAway() {
    World w;
    QVERIFY(w.opened && w.startEdge() && w.join());
    const SessionKey key = payingKey(72);
    QVERIFY(w.registerKey(key));
    QCOMPARE(w.pay(key, 0, 100), size_t{100});
    w.crashServer();
    QCOMPARE(w.pay(key, 100, 200), size_t{200});  // the router goes on with the keys it has
    QVERIFY(w.reopenServer());
    QVERIFY(w.run([&] { return w.get()["accounting"]["connected"] == true; }));
    QCOMPARE(w.pay(key, 300, 50), size_t{50});
    const auto statement = w.revoke(key.id);
    QVERIFY(statement && statement->has_value());
    QCOMPARE((*statement)->amount, times12(350));
}

void TestEdgeService::nothingIsLostOverARestartOfTheRouter() {
    World w;
    QVERIFY(w.opened && w.startEdge() && w.join());
    const SessionKey key = payingKey(73);
    QVERIFY(w.registerKey(key));
    QCOMPARE(w.pay(key, 0, 100), size_t{100});
    QVERIFY(w.stopEdge());
    QVERIFY(w.startEdge());
    QVERIFY(w.run([&] { return w.get()["keys_installed"] == 1; }));
    QCOMPARE(w.pay(key, 0, 100), size_t{0});  // all of these were spent in the life before
    QCOMPARE(w.pay(key, 100, 30), size_t{30});
    const auto counters = w.get();
    QCOMPARE(counters["verdicts"]["stale"].get<int>(), 100);
    QCOMPARE(counters["verdicts"]["forwarded"].get<int>(), 130);  // cumulative
    const auto statement = w.revoke(key.id);
    QVERIFY(statement && statement->has_value());
    QCOMPARE((*statement)->amount, times12(130));
}

void TestEdgeService::whatCouldNotBeSentIsSentByTheNextLife() {
    World w;
    QVERIFY(w.opened && w.startEdge() && w.join());
    const SessionKey key = payingKey(74);
    QVERIFY(w.registerKey(key));
    QCOMPARE(w.pay(key, 0, 10), size_t{10});
    w.crashServer();
    settle(w.io);
    QCOMPARE(w.pay(key, 10, 40), size_t{40});
    QVERIFY(w.stopEdge());  // with nobody to tell
    QVERIFY(w.startEdge());
    QVERIFY(w.reopenServer());
    QVERIFY(w.run([&] { return w.get()["keys_installed"] == 1; }));
    QCOMPARE(w.pay(key, 50, 5), size_t{5});
    const auto statement = w.revoke(key.id);
    QVERIFY(statement && statement->has_value());
    QCOMPARE((*statement)->amount, times12(55));
}

// Packets of 10 n$ to the customer's own address.
void sendHome(World& w, const SessionKey& key, uint64_t from, size_t count) {
    const Bytes inner = innerPacket({.dst = "192.0.2.9"});
    for (size_t i = 0; i < count; ++i) {
        const Bytes one = customer(key, from + i, header({hop(25, 10)}), inner);
        tun::OutgoingTrain train{
            .data = one, .segmentSize = static_cast<uint16_t>(one.size()), .to = Endpoint{ip("192.0.2.1"), dataPort}};
        (void)w.b->send({&train, 1});
    }
}

void TestEdgeService::whatAnEndpointConfirmsComesWithItsHeaderWhileItTakesPart() {
    World w;
    w.server.config.customers[0].prefixes.push_back(prefix("192.0.2.0/26"));
    w.server.config.customers[0].delegation = accounting::Delegation{{}, ExitPoint(9), true};
    w.settings.edge.sampling.threshold = w.server.config.threshold = nano(1000);
    w.crashServer();
    QVERIFY(w.reopenServer());
    w.settings.edge.deliveries.push_back({prefix("192.0.2.0/26"), std::nullopt});
    QVERIFY(w.startEdge() && w.join());
    const SessionKey key = payingKey(75);
    QVERIFY(w.registerKey(key));
    const auto delivered = [&] { return w.get()["delivered"]["packets"].get<uint64_t>(); };
    const auto delegated = [&] {
        const auto all = w.get()["delegated"];
        return all.empty() ? uint64_t{0} : all[0]["packets"].get<uint64_t>();
    };
    sendHome(w, key, 0, 150);
    QVERIFY(w.run([&] { return delivered() == 150; }));
    const auto part = w.ask<accounting::PartTaken>([&](auto done) {
        w.customerClient->takePart({ip("192.0.2.9"), dataPort}, {ip("192.0.2.9")}, done);
    });
    QVERIFY(part && part->has_value() && (*part)->on);
    settle(w.io);
    QCOMPARE(World::take(*w.b), size_t{0});
    sendHome(w, key, 150, 250);
    size_t arrived = 0;
    QVERIFY(w.run([&] { return (arrived += World::take(*w.b)) == 250; }));
    QVERIFY(w.run([&] { return delegated() == 250; }));
    QCOMPARE(delivered(), uint64_t{150});
    // The endpoint is gone: at once its packets are bare again.
    w.customerClient->stop();
    settle(w.io);
    sendHome(w, key, 400, 50);
    QVERIFY(w.run([&] { return delivered() == 200; }));
    QCOMPARE(delegated(), uint64_t{250});
    QCOMPARE(World::take(*w.b), size_t{0});
    // What was sampled is what was delivered bare: 2000 n$ at T = 1000 n$.
    QVERIFY(w.stopEdge());
    QCOMPARE(w.server.sum(accounting::SumKind::ConfirmedOwn, 25), nano(2000));
}

void TestEdgeService::aSecondRouterOnTheSameStateIsRefused() {
    World w;
    QVERIFY(w.opened && w.startEdge());
    tun::MemoryUdpNetwork other;
    const auto second =
        isp::EdgeService::start(w.settings, {w.io, other, w.device, systemClock(), w.server.edgeIdentity});
    QVERIFY(!second);
    QVERIFY(second.error().find("state_dir") != std::string::npos);
}

QTEST_GUILESS_MAIN(TestEdgeService)
#include "test_edge_service.moc"
