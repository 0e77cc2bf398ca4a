// Classes with a guarantee (NetPaS §3.1.1), from the agent that pays for them to the router that admits and polices.
#include <QTest>

#include "tests/tun/agent_rig.h"
#include "tests/tun/edge_packets.h"

using namespace netpas;
using namespace netpas::tun;
using namespace std::chrono_literals;
using edgetest::nano;
using edgetest::Router;

namespace {

constexpr uint64_t rate = 80'000;  // bits a second
const Guarantee guarantee{nano(5000), nano(1000), rate};

EdgeConfig guarded(uint32_t most = 1) {
    EdgeConfig config = edgetest::edgeConfig();
    config.customers[0].limit.reset();
    config.classes[0].guarantee = guarantee;
    config.classes[0].reservations = most;
    return config;
}

SessionKey keyOf(const AgentFlow& flow) {
    SessionKey key = edgetest::sessionKey();
    key.id = flow.key;
    key.secret = flow.secret;
    return key;
}

// An agent whose datagrams go into a router of ISP 25.
struct World {
    World() : router(guarded()) {
        rig.clock.setWall(router.now.wall);
        flow = rig.flow(1, agentrig::Rig::gate());
        flow.path = {{IspId(25), ServiceClass(1), ExitPoint(3), {{nano(10), {}, 0}, {}}, guarantee},
                     {IspId(24), ServiceClass(1), ExitPoint(0), {{nano(2), {}, 0}, {}}}};
        flow.reservation = std::make_shared<ReservationClock>();
        router.install(keyOf(flow));
    }
    void advance(std::chrono::seconds by) {
        rig.clock.advance(by);
        router.advance(by);
    }
    // What left since the last call, and what the router said to each.
    std::vector<std::pair<agentrig::Datagram, Verdict>> carried() {
        rig.pollAll();
        std::vector<std::pair<agentrig::Datagram, Verdict>> all;
        for (const agentrig::Datagram& one : rig.arrived()) {
            std::array<uint8_t, customerShimSize> shim{};
            encodeCustomerShim(one.shim, shim);
            all.emplace_back(one, router.verdict(edgetest::join({shim, one.header, one.inner})));
        }
        return all;
    }
    void data() { rig.push(edgetest::innerPacket({})); }

    agentrig::Rig rig;
    Router router;
    AgentFlow flow;
};

Money encoded(int64_t nanodollars) { return PriceCode::roundUp(nano(nanodollars))->value(); }

}  // namespace

class TestGuarantee : public QObject {
    Q_OBJECT

private slots:
    void theFirstPacketOnlyPaysAndSoDoesOneEachMinute() {
        World w;
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        auto all = w.carried();
        QCOMPARE(all.size(), size_t{2});
        QVERIFY(isPayloadFree(all[0].first.inner) && !isPayloadFree(all[1].first.inner));
        QCOMPARE(all[0].first.paid(), *checkedAdd(encoded(6010), nano(2)));
        QCOMPARE(all[1].first.paid(), nano(12));
        QCOMPARE(all[0].second, Verdict::Forwarded);
        QCOMPARE(all[1].second, Verdict::Forwarded);
        w.advance(49s);
        w.data();
        all = w.carried();
        QCOMPARE(all.size(), size_t{1});
        QCOMPARE(all[0].second, Verdict::Forwarded);
        // Nothing to send: the reservation is kept all the same, for three minutes.
        for (const auto wait : {1s, 60s, 60s}) {
            w.advance(wait);
            all = w.carried();
            QCOMPARE(all.size(), size_t{1});
            QVERIFY(isPayloadFree(all[0].first.inner));
            QCOMPARE(all[0].first.paid(), *checkedAdd(encoded(1010), nano(2)));
            QCOMPARE(all[0].second, Verdict::Forwarded);
        }
        w.advance(59s);
        w.data();
        QCOMPARE(w.carried().at(0).second, Verdict::Forwarded);
        // The books hold exactly what was carried.
        const auto counters = w.rig.plane().counters(PurchaseId(1));
        const auto report = w.router.report();
        QCOMPARE(report.keys.size(), size_t{1});
        QCOMPARE(report.keys[0].counters.amount, counters.amount);
        QCOMPARE(report.keys[0].counters.packets, counters.packets);
    }

    void whoStopsPayingLosesTheReservation() {
        World w;
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        QCOMPARE(w.carried().size(), size_t{2});
        w.router.advance(61s);  // the agent is asleep
        w.data();
        QCOMPARE(w.carried().at(0).second, Verdict::NotReserved);
        QCOMPARE(w.router.report().keys[0].counters.packets, uint64_t{2});
    }

    void anotherKeyOfThePurchaseDoesNotSetUpAgain() {
        World w;
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        QCOMPARE(w.carried().size(), size_t{2});
        AgentFlow next = w.flow;
        next.key = SessionKeyId(99);
        next.purchase = PurchaseId(2);
        next.gate = agentrig::Rig::gate();
        w.router.install(keyOf(next));
        QVERIFY(w.rig.publish({next}));
        w.data();
        auto all = w.carried();
        QCOMPARE(all.size(), size_t{1});
        QCOMPARE(all[0].second, Verdict::Forwarded);
        // Another way is.
        next.path[0].guarantee.reset();
        next.path[1].guarantee = guarantee;
        QVERIFY(w.rig.publish({next}));
        w.data();
        QCOMPARE(w.carried().size(), size_t{2});
    }

    void whatTheKeyCannotPayIsTriedAgain() {
        World w;
        w.flow.gate = agentrig::Rig::gate(nano(100));
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        auto all = w.carried();
        QCOMPARE(all.size(), size_t{1});
        QCOMPARE(all[0].second, Verdict::NotReserved);
        w.flow.gate = agentrig::Rig::gate();
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        QCOMPARE(w.carried().size(), size_t{2});
    }

    void thereIsRoomForSoMany() {
        Router router(guarded(1));
        const SessionKey key = edgetest::sessionKey();
        router.install(key);
        const Bytes plainPrice = edgetest::header({edgetest::hop(25, 10, 3), edgetest::hop(24, 2)});
        const Bytes setUp = edgetest::header({edgetest::hop(25, 6010, 3), edgetest::hop(24, 2)});
        const Bytes first = edgetest::innerPacket({});
        const Bytes second = edgetest::innerPacket({.src = "192.0.2.6"});
        QCOMPARE(router.verdict(edgetest::customer(key, 0, plainPrice, first)), Verdict::NotReserved);
        QCOMPARE(router.verdict(edgetest::customer(key, 1, setUp, first)), Verdict::Forwarded);
        QCOMPARE(router.verdict(edgetest::customer(key, 2, setUp, second)), Verdict::NotReserved);
        QCOMPARE(router.verdict(edgetest::customer(key, 3, plainPrice, first)), Verdict::Forwarded);
        router.advance(62s);
        QCOMPARE(router.verdict(edgetest::customer(key, 4, setUp, second)), Verdict::Forwarded);
        QCOMPARE(router.verdict(edgetest::customer(key, 5, plainPrice, first)), Verdict::NotReserved);
        QVERIFY2(router.verdict(edgetest::customer(
                     key, 6, edgetest::header({edgetest::hop(25, 2, 3, 2), edgetest::hop(24, 2)}), first)) ==
                     Verdict::Forwarded,
                 "a class without a guarantee needs no reservation");
    }

    void moreThanWasReservedIsNotCarried() {
        Router router(guarded());
        SessionKey key = edgetest::sessionKey();
        key.cap = key.capPerSecond = nano(1'000'000'000);
        router.install(key);
        const Bytes plainPrice = edgetest::header({edgetest::hop(25, 10, 3), edgetest::hop(24, 2)});
        const Bytes inner = edgetest::innerPacket({.payload = 972});  // 1000 bytes: ten a second
        uint64_t sequence = 0;
        QCOMPARE(router.verdict(edgetest::customer(
                     key, sequence++, edgetest::header({edgetest::hop(25, 6010, 3), edgetest::hop(24, 2)}), inner)),
                 Verdict::Forwarded);
        const auto burst = [&] {
            int carried = 0;
            for (int i = 0; i < 40; ++i) {
                if (router.verdict(edgetest::customer(key, sequence++, plainPrice, inner)) == Verdict::Forwarded)
                    ++carried;
            }
            return carried;
        };
        QCOMPARE(burst(), 9);
        router.advance(500ms);
        QCOMPARE(burst(), 5);
        router.advance(10s);
        QCOMPARE(burst(), 10);
    }

    void bestEffortWhereConfigured() {
        EdgeConfig config = guarded();
        config.underpaid = UnderpaidAction::BestEffort;
        Router router(config);
        router.install(edgetest::sessionKey());
        const Bytes plainPrice = edgetest::header({edgetest::hop(25, 10, 3), edgetest::hop(24, 2)});
        QCOMPARE(router.verdict(edgetest::customer(edgetest::sessionKey(), 0, plainPrice, edgetest::innerPacket({}))),
                 Verdict::NotReservedBestEffort);
        QVERIFY(router.report().keys.empty());
    }

    // The last ISP is paid, and there is nothing to deliver.
    void packetsThatOnlyPayEndAtTheLastRouter() {
        for (const bool v6 : {false, true}) {
            World w;
            w.flow.path = {{IspId(25), ServiceClass(1), ExitPoint(0), {{nano(10), {}, 0}, {}}, guarantee}};
            QVERIFY(w.rig.publish({w.flow}));
            w.rig.push(v6 ? edgetest::innerPacket({.src = "2001:db8:c::5", .dst = "2001:db8:a::9"})
                          : edgetest::innerPacket({}));
            w.rig.pollAll();
            const auto sent = w.rig.arrived();
            QCOMPARE(sent.size(), size_t{2});
            for (size_t i = 0; i < sent.size(); ++i) {
                std::array<uint8_t, customerShimSize> shim{};
                encodeCustomerShim(sent[i].shim, shim);
                Bytes packet = edgetest::join({shim, sent[i].header, sent[i].inner});
                const EdgeResult result = w.router.process(packet);
                QCOMPARE(result.verdict, Verdict::Delivered);
                QCOMPARE(result.leaves, i == 1);
            }
            QCOMPARE(w.router.report().delivered.packets, uint64_t{2});
        }
    }
};

QTEST_APPLESS_MAIN(TestGuarantee)
#include "test_guarantee.moc"
