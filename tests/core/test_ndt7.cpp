// ndt7 capacity tests over loopback, client and server of ours, plain and with TLS.
#include <QtTest>

#include <boost/asio/io_context.hpp>

#include "core/ndt7/client.h"
#include "core/ndt7/server.h"

using namespace netpas;
using namespace netpas::ndt7;
using namespace std::chrono_literals;

namespace {

const IpAddress loopback = *IpAddress::parse("127.0.0.1");

struct World {
    explicit World(bool tls = false, ServerLimits limits = {.testTime = 600ms}) : secure(tls) {
        server = std::make_unique<Server>(io, limits, [this](const Served& one) { served.push_back(one); });
        port = server->listen({loopback, 0}, secure ? &identity : nullptr).value_or(0);
    }
    Target target() const {
        Target to;
        to.server = {loopback, port};
        if (secure) to.key = identity.publicKey();
        return to;
    }
    using Answer = tl::expected<Result, net::NetError>;
    std::unique_ptr<Client> begin(Direction direction, Options options, std::optional<Answer>& answer) {
        return begin(target(), direction, options, answer);
    }
    std::unique_ptr<Client> begin(const Target& to, Direction direction, Options options,
                                  std::optional<Answer>& answer) {
        Client::Handlers handlers;
        handlers.onProgress = [this](const Measurement& one) { reports.push_back(one); };
        handlers.onDone = [&answer](Answer result) { answer = std::move(result); };
        return std::make_unique<Client>(io, to, direction, options, std::move(handlers));
    }
    Answer test(Direction direction, Options options = {.testTime = 600ms}) {
        std::optional<Answer> answer;
        const auto client = begin(direction, options, answer);
        wait([&] { return answer.has_value(); });
        return answer.value_or(tl::unexpected(net::NetError::TimedOut));
    }
    bool wait(const std::function<bool()>& condition) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        io.restart();
        while (!condition() && std::chrono::steady_clock::now() < end) io.run_one_for(100ms);
        return condition();
    }

    boost::asio::io_context io;
    Identity identity = Identity::generate();
    bool secure;
    std::unique_ptr<Server> server;
    uint16_t port = 0;
    std::vector<Served> served;
    std::vector<Measurement> reports;
};

}  // namespace

class TestNdt7 : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void measurementsSurviveJson() {
        Measurement one{"server", Direction::Upload, 250ms, 12345, TcpInfo{}, "192.0.2.1:5", "192.0.2.2:6"};
        one.tcp->bytesReceived = 99;
        one.tcp->rtt = 20'000;
        QCOMPARE(*fromJson(toJson(one)), one);
        // As another implementation may put it.
        const auto sparse = fromJson(R"({"TCPInfo":{"BytesAcked":7,"RTT":"fast"},"Unknown":[1]})");
        QVERIFY(sparse && sparse->tcp->bytesAcked == 7 && sparse->tcp->rtt == 0 && sparse->bytes == 0);
        for (const char* bad : {"", "[]", "{", "null", "\"x\""}) QVERIFY(!fromJson(bad));
    }

    void bothDirectionsAreMeasuredAtBothEnds_data() {
        QTest::addColumn<bool>("tls");
        QTest::newRow("TCP") << false;
        QTest::newRow("TLS") << true;
    }
    void bothDirectionsAreMeasuredAtBothEnds() {
        QFETCH(bool, tls);
        World world(tls);
        for (const Direction direction : {Direction::Download, Direction::Upload}) {
            world.reports.clear();
            const auto result = world.test(direction);
            QVERIFY(result.has_value());
            QVERIFY(!result->stopped);
            QVERIFY(result->bytes > 1'000'000);
            QVERIFY(result->elapsed > 100ms && result->elapsed < 15s);
            QVERIFY(result->sender && result->sender->bytesAcked > 0);
            const auto from = [&](const std::string& origin) {
                return std::count_if(world.reports.begin(), world.reports.end(),
                                     [&](const Measurement& one) { return one.origin == origin; });
            };
            QVERIFY(from("client") >= 1);
            QVERIFY(from("server") >= 1);
        }
        QVERIFY(world.wait([&] { return world.served.size() == 2; }));
        QVERIFY(world.served[0].complete && world.served[1].complete);
        QCOMPARE(world.served[0].client.address, loopback);
        QVERIFY(world.served[1].bytes > 1'000'000);
    }

    void nobodyPaysForMoreBytesThanAllowed() {
        World world(false, {.testTime = 5s});
        for (const Direction direction : {Direction::Download, Direction::Upload}) {
            const auto result = world.test(direction, {.testTime = 5s, .mostBytes = 3'000'000});
            QVERIFY(result.has_value());
            QVERIFY(result->bytes >= 2'900'000);
            // What was on its way when we had enough arrives still.
            QVERIFY2(result->bytes <= 3'000'000 + maxMessage, std::to_string(result->bytes).c_str());
        }
    }

    void aTestCanBeStopped() {
        World world(false, {.testTime = 10s});
        for (const Direction direction : {Direction::Download, Direction::Upload}) {
            std::optional<World::Answer> answer;
            const auto client = world.begin(direction, {}, answer);
            world.reports.clear();
            QVERIFY(world.wait([&] { return !world.reports.empty(); }));
            client->stop();
            QVERIFY(world.wait([&] { return answer.has_value(); }));
            QVERIFY((*answer)->stopped);
        }
        // One that nobody wants any more ends at the server too.
        std::optional<World::Answer> answer;
        auto client = world.begin(Direction::Download, {}, answer);
        world.reports.clear();
        QVERIFY(world.wait([&] { return !world.reports.empty(); }));
        client.reset();
        QVERIFY(world.wait([&] { return world.served.size() == 3; }));
        QVERIFY(!world.served[2].complete);
        QVERIFY(!answer);
    }

    void oneAddressDoesNotTakeEveryPlace() {
        World world(false, {.tests = 16, .perAddress = 1, .testTime = 2s});
        std::optional<World::Answer> first;
        const auto client = world.begin(Direction::Download, {}, first);
        QVERIFY(world.wait([&] { return !world.reports.empty(); }));
        QCOMPARE(world.test(Direction::Download).error(), net::NetError::Malformed);
        QVERIFY(world.wait([&] { return first.has_value(); }));
        QVERIFY(first->has_value());
    }

    void anotherKeyIsRefusedAndNobodyIsNoServer() {
        World world(true);
        Target wrong = world.target();
        wrong.key = Identity::generate().publicKey();
        std::optional<World::Answer> answer;
        auto client = world.begin(wrong, Direction::Download, {}, answer);
        QVERIFY(world.wait([&] { return answer.has_value(); }));
        QCOMPARE(answer->error(), net::NetError::Refused);
        world.server->close();
        answer.reset();
        client = world.begin(world.target(), Direction::Download, {}, answer);
        QVERIFY(world.wait([&] { return answer.has_value(); }));
        QCOMPARE(answer->error(), net::NetError::CannotConnect);
    }
};

QTEST_GUILESS_MAIN(TestNdt7)
#include "test_ndt7.moc"
