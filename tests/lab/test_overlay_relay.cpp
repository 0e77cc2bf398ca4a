// The lab's man in the middle, between real accounting servers over real TLS: what passes it, and what its misbehaviour does to the
// books at both ends.
#include <QtTest>

#include "app/lab/tools/overlay_relay.h"
#include "tests/core/accounting_fixture.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;
using lab::OverlayRelay;
using lab::Partition;
using lab::RelayOptions;
using lab::RelayWeather;
using Direction = OverlayRelay::Direction;

namespace {

// X (24) reaches Y (25) through a relay with both keys; Y reaches X directly. X confirms Y's service.
struct Pair {
    explicit Pair(const RelayWeather& weather = {}) : x(io, 24), y(io, 25) {
        x.addNeighbour(y);
        y.addNeighbour(x);
        ok = x.open() && y.open();
        RelayOptions options{loopback(0), &y.identity, y.address(), {}, weather, 7};
        options.mask = [this](const PublicKey& key) { return key == x.identity.publicKey() ? &x.identity : nullptr; };
        relay = std::make_unique<OverlayRelay>(io, options);
        const auto listening = relay->start();
        ok = ok && listening;
        port = listening.value_or(0);
        x.server->setNeighbourAddress(IspId(25), loopback(port));
        x.server->start();
        y.start({&x});
        x.startEdge();
    }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    bool up() {
        return ok && run([&] { return relay->connections() == 1 && x.edge->client.isUp(); });
    }
    void confirm(int from, int to) {
        for (int i = from; i < to; ++i) {
            (void)x.edge->client.sample(
                sampleOf(static_cast<uint64_t>(i), 25, headerOf({{25, 10}, {24, 3}}), dollars("0.0001")));
        }
    }
    // What Y's books hold of its own service, as X confirmed it.
    [[nodiscard]] Money confirmed() const { return y.sum(SumKind::ConfirmedOwn, 24); }
    bool settlesAt(const char* amount) {
        const bool reached = run([&] { return confirmed() == dollars(amount) && x.books().outbox().empty(); });
        settle(io);
        return reached && confirmed() == dollars(amount);
    }

    boost::asio::io_context io;
    Isp x, y;
    std::unique_ptr<OverlayRelay> relay;
    uint16_t port = 0;
    bool ok = false;
};

// Two ends that only count, for what must be repeatable.
std::vector<uint64_t> passedWith(const RelayWeather& weather, uint64_t seed, int messages) {
    boost::asio::io_context io;
    const Identity server = Identity::generate();
    const Identity client = Identity::generate();
    std::vector<uint64_t> got;
    net::TlsListener listener(io, server,
                              {[](const PublicKey&, const Endpoint&) { return true; },
                               [&](std::shared_ptr<net::TlsConnection> c) {
                                   c->onMessage = [&got](ByteView bytes) {
                                       const auto message = decode(bytes);
                                       got.push_back(message ? std::get<UsageQuery>(*message).request : ~uint64_t{0});
                                   };
                               },
                               nullptr});
    const uint16_t port = listener.listen(loopback(0)).value_or(0);
    RelayOptions options{loopback(0), &server, {loopback(port), server.publicKey()}, {}, weather, seed};
    options.mask = [&](const PublicKey&) { return &client; };
    OverlayRelay relay(io, options);
    const uint16_t relayPort = relay.start().value_or(0);
    std::shared_ptr<net::TlsConnection> up;
    net::TlsDialer dialer(io, client, loopback(relayPort), server.publicKey(),
                          {[&](std::shared_ptr<net::TlsConnection> c) { up = std::move(c); }, nullptr});
    dialer.start();
    if (!runUntil(io, [&] { return up && relay.connections() == 1; })) return {};
    for (int i = 0; i < messages; ++i)
        (void)up->send(encode(Message(UsageQuery{static_cast<uint32_t>(i), SessionKeyId(1)})));
    const auto& count = relay.count(Direction::Forth);
    runUntil(io, [&] {
        return count.seen == static_cast<uint64_t>(messages) &&
               count.passed == count.seen - count.dropped + count.duplicated;
    });
    settle(io);
    return got;
}

}  // namespace

class TestOverlayRelay : public QObject {
    Q_OBJECT

private slots:
    void whatPassesIsWhatWasSent() {
        Pair w;
        QVERIFY(w.up());
        w.confirm(0, 10);
        QVERIFY(w.settlesAt("0.001"));
        const auto& forth = w.relay->count(Direction::Forth);
        QVERIFY(forth.seen >= 10);
        QCOMPARE(forth.passed, forth.seen);
        QCOMPARE(forth.dropped + forth.changed + forth.injected + forth.undecodable, uint64_t{0});
        QVERIFY(w.relay->count(Direction::Back).passed >= 1);
    }

    void aStrangerIsTurnedAway() {
        Pair w;
        QVERIFY(w.up());
        const Identity stranger = Identity::generate();
        std::optional<net::NetError> error;
        net::TlsDialer dialer(w.io, stranger, loopback(w.port), w.y.identity.publicKey(),
                              {nullptr, [&](net::NetError e) { error = e; }});
        dialer.start();
        QVERIFY(w.run([&] { return error.has_value(); }));
        QCOMPARE(w.relay->connections(), size_t{1});
    }

    void whatItLosesIsSentAgainAfterTheConnectionBroke() {
        RelayWeather weather;
        weather.drop = 1;
        Pair w(weather);
        QVERIFY(w.up());
        w.confirm(0, 5);
        QVERIFY(w.run([&] { return w.relay->count(Direction::Forth).dropped >= 5; }));
        QCOMPARE(w.confirmed(), Money::zero());
        w.relay->setWeather({});
        w.relay->breakConnections();
        QVERIFY(w.settlesAt("0.0005"));
    }

    void lossesThatBreakTheConnectionHealByThemselves() {
        RelayWeather weather;
        weather.drop = 0.15;
        weather.breakOnDrop = true;
        Pair w(weather);
        w.confirm(0, 8);
        QVERIFY(w.settlesAt("0.0008"));
        QVERIFY(w.relay->count(Direction::Forth).dropped > 0);
    }

    void twiceSentIsOnceOwed() {
        RelayWeather weather;
        weather.duplicate = 1;
        Pair w(weather);
        QVERIFY(w.up());
        w.confirm(0, 10);
        QVERIFY(w.settlesAt("0.001"));
        QVERIFY(w.relay->count(Direction::Forth).duplicated >= 10);
        QVERIFY(w.relay->count(Direction::Forth).passed >= 20);
    }

    void reorderedAndLateArrivesAll() {
        RelayWeather weather;
        weather.reorder = 0.5;
        weather.delay = 20ms;
        weather.jitter = 20ms;
        Pair w(weather);
        w.confirm(0, 20);
        QVERIFY(w.settlesAt("0.002"));
        QVERIFY(w.relay->count(Direction::Forth).reordered > 0);
    }

    void aPartitionHeals_data() {
        QTest::addColumn<int>("kind");
        QTest::newRow("silent") << static_cast<int>(Partition::Silent);
        QTest::newRow("refused") << static_cast<int>(Partition::Refused);
    }
    void aPartitionHeals() {
        QFETCH(int, kind);
        Pair w;
        QVERIFY(w.up());
        w.relay->setPartition(static_cast<Partition>(kind));
        w.confirm(0, 5);
        QVERIFY(w.run([&] { return w.x.books().outbox().size() == 5; }));
        settle(w.io);
        QCOMPARE(w.confirmed(), Money::zero());
        QCOMPARE(w.relay->connections(), static_cast<Partition>(kind) == Partition::Silent ? size_t{1} : size_t{0});
        w.relay->setPartition(Partition::None);
        QVERIFY(w.settlesAt("0.0005"));
    }

    // A liar in the middle without the keys of who signed.
    void aChangedConfirmationIsRefused() {
        Pair w;
        w.relay->setHook([](Direction direction, const Message& message) {
            std::vector<Message> pass{message};
            if (auto* c = std::get_if<ConfirmationToCountersign>(&pass[0]); c && direction == Direction::Forth)
                c->confirmation.amount = dollars("0.00005");
            return pass;
        });
        QVERIFY(w.up());
        w.confirm(0, 3);
        QVERIFY(w.run([&] { return w.x.books().outbox().empty() && w.relay->count(Direction::Forth).changed == 3; }));
        QVERIFY(w.run([&] { return w.y.books().alarmCount() > 0; }));
        QCOMPARE(w.y.books().alarms().back().kind, AlarmKind::BadConfirmation);
        QCOMPARE(w.confirmed(), Money::zero());
    }

    // A liar with its own key: what the hook adds counts like what it saw.
    void theHookMayWithholdAndAdd() {
        Pair w;
        int number = 1000;
        w.relay->setHook([&](Direction, const Message& message) {
            const auto* c = std::get_if<ConfirmationToCountersign>(&message);
            if (c == nullptr) return std::vector<Message>{message};
            if (c->confirmation.id == idOf(0)) return std::vector<Message>{};
            Confirmation extra = c->confirmation;
            extra.id = idOf(static_cast<uint64_t>(++number));
            signAsConfirming(extra, w.x.identity);
            return std::vector<Message>{message, ConfirmationToCountersign{extra}};
        });
        QVERIFY(w.up());
        w.confirm(0, 4);
        QVERIFY(w.run([&] { return w.confirmed() == dollars("0.0006"); }));
        settle(w.io);
        QCOMPARE(w.confirmed(), dollars("0.0006"));
        QCOMPARE(w.x.books().outbox().size(), size_t{1});
    }

    void injectedGarbageIsHungUpOnAndChangesNothing() {
        Pair w;
        QVERIFY(w.up());
        QVERIFY(w.relay->injectBytes(Direction::Forth, Bytes{200, 1, 2, 3}));
        QVERIFY(w.run([&] { return w.relay->connections() == 0; }));
        QVERIFY(w.up());
        w.confirm(0, 2);
        QVERIFY(w.settlesAt("0.0002"));
        QVERIFY(w.relay->inject(Direction::Forth, SetReceiving{1, true}));  // nothing that a neighbour may say
        QVERIFY(w.run([&] { return w.relay->connections() == 0; }));
    }

    void theSameSeedTheSameFate() {
        RelayWeather weather;
        weather.drop = 0.2;
        weather.duplicate = 0.2;
        const auto first = passedWith(weather, 11, 300);
        QVERIFY(first.size() > 200 && first.size() < 350);
        QCOMPARE(passedWith(weather, 11, 300), first);
        QVERIFY(passedWith(weather, 12, 300) != first);
        weather = {};
        weather.jitter = 3ms;  // never out of order by itself
        const auto inOrder = passedWith(weather, 11, 300);
        QCOMPARE(inOrder.size(), size_t{300});
        QVERIFY(std::is_sorted(inOrder.begin(), inOrder.end()));
        weather.reorder = 0.1;
        const auto mixed = passedWith(weather, 11, 300);
        QCOMPARE(mixed.size(), size_t{300});
        QVERIFY(!std::is_sorted(mixed.begin(), mixed.end()));
    }

    void weatherAsText() {
        const auto weather = lab::parseWeather("drop=0.1 reorder=1 delay_ms=20 break=1");
        QVERIFY(weather && weather->drop == 0.1 && weather->reorder == 1 && weather->delay == 20ms);
        QVERIFY(weather->breakOnDrop && weather->duplicate == 0);
        QCOMPARE(lab::parseWeather("drop=0", *weather)->delay, std::chrono::milliseconds(20));
        for (const char* bad :
             {"drop", "drop=", "drop=2", "drop=-1", "drop=nan", "storm=1", "delay_ms=1e99", "drop=0.1x"})
            QVERIFY2(!lab::parseWeather(bad), bad);
    }
};

QTEST_APPLESS_MAIN(TestOverlayRelay)
#include "test_overlay_relay.moc"
