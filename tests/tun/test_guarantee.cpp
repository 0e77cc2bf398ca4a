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

Money encoded(int64_t nanodollars) { return PriceCode::roundUp(nano(nanodollars))->value(); }
// What packets without payload pay on the way of World.
const Money asking = nano(12);
const Money setUp = *checkedAdd(encoded(6010), nano(2));
const Money minuteCharge = *checkedAdd(encoded(1010), nano(2));

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
    void advance(std::chrono::milliseconds by) {
        rig.clock.advance(by);
        router.advance(by);
    }
    // What left since the last call, and what the router said to each; its answers reach the agent.
    std::vector<std::pair<agentrig::Datagram, Verdict>> carried() {
        std::vector<std::pair<agentrig::Datagram, Verdict>> all;
        for (;;) {
            rig.pollAll();
            const auto arrived = rig.arrived();
            if (arrived.empty()) return all;
            for (const agentrig::Datagram& one : arrived) {
                if (loseNext > 0 && isPayloadFree(one.inner) && one.paid() > nano(1000)) {
                    --loseNext;
                    continue;
                }
                std::array<uint8_t, customerShimSize> shim{};
                encodeCustomerShim(one.shim, shim);
                all.emplace_back(one, router.verdict(edgetest::join({shim, one.header, one.inner})));
            }
            for (const EdgeProcessor::Notice& notice : router.processor.takeNotices()) {
                if (deaf) continue;
                const auto bytes = encodeReservation(notice.answer);
                tell(bytes, notice.to);
            }
        }
    }
    void tell(std::span<const uint8_t> bytes, const Endpoint& to) {
        if (!answers) {
            UdpOptions options;
            options.local = {edgetest::ip("198.51.100.25"), dataPort};
            answers = std::move(*rig.network().open(options));
        }
        OutgoingTrain train;
        train.data = bytes;
        train.segmentSize = static_cast<uint16_t>(bytes.size());
        train.to = to;
        answers->send({&train, 1});
    }
    // Of packets without payload: what they paid, in order.
    static std::vector<Money> payments(const std::vector<std::pair<agentrig::Datagram, Verdict>>& all) {
        std::vector<Money> paid;
        for (const auto& [datagram, verdict] : all) {
            if (isPayloadFree(datagram.inner)) paid.push_back(datagram.paid());
        }
        return paid;
    }
    // Reserved, and a packet has been carried.
    void begin() {
        QVERIFY(rig.publish({flow}));
        data();
        QCOMPARE(payments(carried()), (std::vector<Money>{asking, setUp}));
        data();
        QCOMPARE(carried().at(0).second, Verdict::Forwarded);
    }
    void data() { rig.push(edgetest::innerPacket({})); }

    uint64_t unpaid(BestEffortReason why, uint64_t purchase = 1) {
        return agentrig::Rig::unpaid(rig.plane().counters(PurchaseId(purchase)), why);
    }

    agentrig::Rig rig;
    Router router;
    AgentFlow flow;
    std::unique_ptr<UdpSocket> answers;
    int loseNext = 0;   // so many charges are lost on the way
    bool deaf = false;  // so are answers
};

}  // namespace

class TestGuarantee : public QObject {
    Q_OBJECT

private slots:
    // First it asks, then it pays; its packets wait for neither: they go best effort until it is reserved.
    void whatIsFreeIsReservedAndKeptWithNothingToSend() {
        World w;
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        auto all = w.carried();
        QCOMPARE(World::payments(all), (std::vector<Money>{asking, setUp}));
        QCOMPARE(all.size(), size_t{2});
        QCOMPARE(w.unpaid(BestEffortReason::NotReserved), uint64_t{1});
        for (const auto& [datagram, verdict] : all) QCOMPARE(verdict, Verdict::Forwarded);
        w.advance(49s);
        w.data();
        all = w.carried();
        QCOMPARE(all.size(), size_t{1});
        QCOMPARE(all[0].first.paid(), nano(12));
        QCOMPARE(all[0].second, Verdict::Forwarded);
        for (const auto wait : {2s, 60s, 60s}) {
            w.advance(wait);
            all = w.carried();
            QCOMPARE(World::payments(all), (std::vector<Money>{asking, minuteCharge}));
            for (const auto& [datagram, verdict] : all) QCOMPARE(verdict, Verdict::Forwarded);
        }
        w.advance(49s);
        w.data();
        QCOMPARE(w.carried().at(0).second, Verdict::Forwarded);
        // The books hold exactly what was carried.
        const auto counters = w.rig.plane().counters(PurchaseId(1));
        const auto report = w.router.report();
        QCOMPARE(report.keys.size(), size_t{1});
        QCOMPARE(report.keys[0].counters.amount, counters.amount);
        QCOMPARE(report.keys[0].counters.packets, counters.packets);
    }

    // The agent slept: it finds out before it pays for anything, and sets up again.
    void whoStopsPayingLosesTheReservation() {
        World w;
        w.begin();
        w.advance(61s);
        w.data();
        auto all = w.carried();
        QCOMPARE(World::payments(all), (std::vector<Money>{asking, setUp}));
        QCOMPARE(all.size(), size_t{2});
    }

    void aLostChargeIsPaidAgainAndALostAnswerIsNot() {
        World w;
        w.begin();
        w.loseNext = 1;
        w.advance(51s);
        QCOMPARE(World::payments(w.carried()), std::vector<Money>{asking});
        w.advance(1100ms);  // no answer came: it asks, and hears that nothing was paid
        QCOMPARE(World::payments(w.carried()), (std::vector<Money>{asking, minuteCharge}));

        w.advance(58s);
        QCOMPARE(World::payments(w.carried()), (std::vector<Money>{asking, minuteCharge}));
        w.deaf = true;
        w.advance(61s);
        QCOMPARE(World::payments(w.carried()), std::vector<Money>{asking});  // and does not pay unheard
        w.deaf = false;
        w.advance(1100ms);
        QCOMPARE(World::payments(w.carried()), (std::vector<Money>{asking, minuteCharge}));
        w.data();
        QCOMPARE(w.carried().at(0).second, Verdict::Forwarded);
    }

    // Only the answer to the charge is lost.
    void aChargeIsNotPaidTwice() {
        ReservationClock clock;
        const std::vector<ReservationClock::Hop> way{{0, IspId(25), ServiceClass(1), rate}};
        using Place = ReservationAnswer::Place;
        SteadyTime now{100s};
        auto task = clock.take(way, now);
        QVERIFY(task.send && task.charges == HopCharges{});
        clock.heard({task.nonce + 1, IspId(25), ServiceClass(1), Place::Held, 60}, now);
        QVERIFY2(clock.admit(100, now) == ReservationClock::Admission::NotYet, "somebody else's answer");
        clock.heard({task.nonce, IspId(25), ServiceClass(1), Place::Free, 0}, now);
        task = clock.take(way, now);
        QCOMPARE(task.charges[0], HopCharge::First);
        now += 1100ms;
        task = clock.take(way, now);
        QVERIFY(task.send && task.charges == HopCharges{});
        clock.heard({task.nonce, IspId(25), ServiceClass(1), Place::Held, 58}, now);
        QVERIFY(!clock.take(way, now).send);
        QVERIFY(clock.admit(100, now) == ReservationClock::Admission::Yes);
    }

    // A router that takes charges and reserves nothing is not fed for long.
    void chargesInVainEnd() {
        ReservationClock clock;
        const std::vector<ReservationClock::Hop> way{{0, IspId(25), ServiceClass(1), rate}};
        SteadyTime now{100s};
        int paid = 0;
        for (int i = 0; i < 200; ++i, now += 100ms) {
            const auto task = clock.take(way, now);
            if (!task.send) continue;
            if (task.charges[0] != HopCharge::None) ++paid;
            clock.heard({task.nonce, IspId(25), ServiceClass(1), ReservationAnswer::Place::Free, 0}, now);
        }
        QVERIFY2(paid > 0 && paid <= 6, std::to_string(paid).c_str());
    }

    void aRouterThatForgotIsNoticedBeforeItIsPaidForAnotherMinute() {
        World w;
        w.begin();
        w.router.processor = EdgeProcessor(w.router.config, w.router.now.steady);
        w.router.install(keyOf(w.flow));
        w.advance(51s);
        QCOMPARE(World::payments(w.carried()), (std::vector<Money>{asking, setUp}));
    }

    // A router that was started again knows who has paid; time that has passed is over.
    void placesOutliveTheRouter() {
        const Bytes plainPrice = edgetest::header({edgetest::hop(25, 10, 3), edgetest::hop(24, 2)});
        const Bytes pays = edgetest::header({edgetest::hop(25, 6010, 3), edgetest::hop(24, 2)});
        const Bytes inner = edgetest::innerPacket({});
        for (const auto& [away, verdict] : {std::pair{30s, Verdict::Forwarded}, std::pair{61s, Verdict::NotReserved}}) {
            Router before(guarded());
            before.install(edgetest::sessionKey());
            QCOMPARE(before.verdict(edgetest::customer(edgetest::sessionKey(), 0, pays, inner)), Verdict::Forwarded);
            const std::vector<HeldPlace> places = before.report().places;
            QCOMPARE(places.size(), size_t{1});
            Router after(guarded());
            after.now.wall = before.now.wall + away;
            after.now.steady = SteadyTime{7s};  // a machine that was started again
            after.install(edgetest::sessionKey());
            for (const HeldPlace& place : places) after.processor.restorePlace(place, after.now);
            QCOMPARE(after.verdict(edgetest::customer(edgetest::sessionKey(), 1, plainPrice, inner)), verdict);
        }
    }

    void whereThereIsNoPlaceNothingIsPaid() {
        World w;
        const SessionKey other = edgetest::sessionKey(77);
        w.router.install(other);
        const Bytes pays = edgetest::header({edgetest::hop(25, 6010, 3), edgetest::hop(24, 2)});
        QCOMPARE(w.router.verdict(edgetest::customer(other, 0, pays, edgetest::innerPacket({.src = "192.0.2.6"}))),
                 Verdict::Forwarded);
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        w.data();
        QCOMPARE(World::payments(w.carried()), std::vector<Money>{asking});
        w.data();
        QVERIFY(w.carried().empty());
        QCOMPARE(w.unpaid(BestEffortReason::NoPlace), uint64_t{1});
        QCOMPARE(w.rig.plane().counters(PurchaseId(1)).amount, asking);
        // Once the other one has gone it is its turn.
        w.advance(62s);
        QCOMPARE(World::payments(w.carried()), (std::vector<Money>{asking, setUp}));
        w.data();
        QCOMPARE(w.carried().at(0).second, Verdict::Forwarded);
    }

    // What is more than was reserved is neither paid for nor lost.
    void theRestGoesBestEffort() {
        World w;
        w.begin();
        w.advance(1s);
        for (int i = 0; i < 100; ++i) w.data();  // 128 bytes each; half a second of 10,000 bytes a second
        const auto all = w.carried();
        for (const auto& [datagram, verdict] : all) QCOMPARE(verdict, Verdict::Forwarded);
        QCOMPARE(all.size(), size_t{39});
        QCOMPARE(w.unpaid(BestEffortReason::OverReserved), uint64_t{61});
    }

    void anotherKeyOfThePurchaseDoesNotSetUpAgain() {
        World w;
        w.begin();
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
        // Another way is: this router is not asked.
        next.path[0].guarantee.reset();
        next.path[1].guarantee = guarantee;
        QVERIFY(w.rig.publish({next}));
        w.data();
        QCOMPARE(World::payments(w.carried()), std::vector<Money>{asking});
    }

    // Another agent process, or another purchase: what is held is not set up twice.
    void whatIsHeldAlreadyIsOnlyKept() {
        World w;
        w.begin();
        AgentFlow next = w.flow;
        next.reservation = std::make_shared<ReservationClock>();
        QVERIFY(w.rig.publish({next}));
        w.data();
        QCOMPARE(World::payments(w.carried()), std::vector<Money>{asking});
        w.data();
        QCOMPARE(w.carried().at(0).second, Verdict::Forwarded);
    }

    void whatTheKeyCannotPayIsTriedAgain() {
        World w;
        w.flow.gate = agentrig::Rig::gate(nano(100));
        QVERIFY(w.rig.publish({w.flow}));
        w.data();
        QCOMPARE(World::payments(w.carried()), std::vector<Money>{asking});
        w.flow.gate = agentrig::Rig::gate(nano(1'000'000), {}, 10);  // the router knows the numbers before
        QVERIFY(w.rig.publish({w.flow}));
        w.advance(1100ms);
        QCOMPARE(World::payments(w.carried()), (std::vector<Money>{asking, setUp}));
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
            const auto push = [&] {
                w.rig.push(v6 ? edgetest::innerPacket({.src = "2001:db8:c::5", .dst = "2001:db8:a::9"})
                              : edgetest::innerPacket({}));
            };
            QVERIFY(w.rig.publish({w.flow}));
            push();
            QCOMPARE(w.carried().size(), size_t{2});
            push();
            w.rig.pollAll();
            const auto sent = w.rig.arrived();
            QCOMPARE(sent.size(), size_t{1});
            std::array<uint8_t, customerShimSize> shim{};
            encodeCustomerShim(sent[0].shim, shim);
            Bytes packet = edgetest::join({shim, sent[0].header, sent[0].inner});
            const EdgeResult result = w.router.process(packet);
            QCOMPARE(result.verdict, Verdict::Delivered);
            QVERIFY(result.leaves);
            QCOMPARE(w.router.report().delivered.packets, uint64_t{3});
        }
    }

    // Who only asks is no burden to those who have reserved.
    void questionsWithoutAReservationTravelLikeBestEffort() {
        Router router(guarded());
        const SessionKey key = edgetest::sessionKey();
        router.install(key);
        Bytes inner(48);
        inner[0] = 0x45;
        inner[3] = 48;
        inner[8] = 64;
        inner[9] = noNextHeader;
        inner[12] = 192;
        inner[14] = 2;
        inner[15] = 5;
        inner[16] = 203;
        inner[18] = 113;
        inner[19] = 9;
        storeIpv4HeaderChecksum(std::span(inner).first<20>());
        const auto asked = encodeReservation(ReservationQuestion{7, {edgetest::ip("192.0.2.5"), 4711}});
        std::copy(asked.begin(), asked.end(), inner.begin() + 20);
        Bytes packet =
            edgetest::customer(key, 0, edgetest::header({edgetest::hop(25, 10, 3), edgetest::hop(24, 2)}), inner);
        const EdgeResult result = router.process(packet);
        QCOMPARE(result.verdict, Verdict::Forwarded);
        QCOMPARE(result.dscp, uint8_t{0});
        const auto notices = router.processor.takeNotices();
        QCOMPARE(notices.size(), size_t{1});
        QVERIFY(notices[0].to == (Endpoint{edgetest::ip("192.0.2.5"), 4711}));
        QVERIFY(notices[0].answer ==
                (ReservationAnswer{7, IspId(25), ServiceClass(1), ReservationAnswer::Place::Free, 0}));
    }
};

QTEST_APPLESS_MAIN(TestGuarantee)
#include "test_guarantee.moc"
