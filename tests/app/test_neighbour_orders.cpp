// What may be bought, replaced, taken on credit and turned down at the desk of neighbours, and what is shown when payments fail or the disk is full.
#include <QtTest>

#include <set>

#include "tests/app/neighbour_world.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace netpas::test;
using namespace std::chrono_literals;
using agreement::Direction;
using agreement::RefuseReason;

namespace {

constexpr AgreementOrigin owner{0, true, false}, anApp{1000, false, false}, otherApp{1001, false, false};

MeshSettings asking(const char* upstream) {
    MeshSettings settings = sells(upstream);
    settings.acceptsAlone = false;
    return settings;
}

size_t waiting(const Node& node) {
    const auto all = node.desk->agreements();
    return static_cast<size_t>(
        std::count_if(all.begin(), all.end(), [](const auto& one) { return one.state == "asked"; }));
}

bool refused(const Stranger& who, const agreement::AgreementId& id, RefuseReason why) {
    const auto all = who.heard<agreement::Refuse>();
    return std::find(all.begin(), all.end(), agreement::Refuse{id, why}) != all.end();
}
bool accepted(const Stranger& who, const agreement::AgreementId& id) {
    const auto all = who.heard<agreement::Accept>();
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.id == id; });
}

}  // namespace

class TestNeighbourOrders : public QObject {
    Q_OBJECT

private slots:
    // A test of a way goes on for a while, and buys again what was refused.
    void whatIsNotSoldAnyMoreOrTooDearIsNotBoughtForATest() {
        const agreement::Prices cheap{dollars("0.0000005"), {}}, nothing{}, dear{dollars("0.00001"), {}};
        for (const agreement::Prices& then : {nothing, dear}) {
            World world(1);
            Node& buyer = world[0];
            buyer.tests = true;
            buyer.start();
            Stranger seller(world, 1);
            seller.advertise(buyer, cheap);
            QVERIFY(buyer.desk->set(buys(MeshBuys::Best)));
            world.run(2s);
            const auto offers = seller.heard<agreement::Offer>();
            QVERIFY(!offers.empty());
            QCOMPARE(offers.back().terms.perKb, dollars("0.0000005"));
            for (const agreement::Offer& one : offers)
                seller.say(buyer, agreement::Refuse{one.terms.id, RefuseReason::Price});
            seller.advertise(buyer, then);
            world.run(10s);
            QCOMPARE(seller.heard<agreement::Offer>().size(), offers.size());
            // As soon as it is sold again, it is bought.
            seller.advertise(buyer, cheap);
            world.run(30s);
            QVERIFY(seller.heard<agreement::Offer>().size() > offers.size());
        }
    }

    void anAppTakesNothingOver() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        const auto bought = [&] {
            for (const AgreementView& one : buyer.desk->agreements()) {
                if (one.state == "active") return one;
            }
            return AgreementView{};
        };
        AgreementWish wish{seller.key(), Direction::Upstream, {}, {}, 60s, anApp};
        const auto refusal = buyer.desk->offer(wish);
        QVERIFY(!refusal && refusal.error().status == 409 && !refusal.error().hint.empty());
        world.run(5s);
        QVERIFY(bought().origin.automatic);
        // The owner may, and what was asked for is neither replaced by an app nor renewed by the node itself.
        wish.origin = owner;
        const auto his = buyer.desk->offer(wish);
        QVERIFY(his);
        world.run(50s);
        QVERIFY(bought().terms.id == *his);
        wish.origin = anApp;
        QVERIFY(!buyer.desk->offer(wish));
        world.run(15s);
        QVERIFY(bought().origin.automatic);
        QCOMPARE(buyer.active(), size_t{1});
    }

    void anAppReplacesItsOwn() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(seller.desk->set(sells("0.000001")));
        world.run(6s);
        AgreementWish wish{seller.key(), Direction::Upstream, {}, {}, {}, anApp};
        QVERIFY(buyer.desk->offer(wish));
        world.run(1s);
        const auto second = buyer.desk->offer(wish);
        QVERIFY(second);
        world.run(1s);
        QCOMPARE(buyer.active(), size_t{1});
        QCOMPARE(buyer.desk->find(*second)->state, std::string("active"));
        wish.origin = otherApp;
        QCOMPARE(buyer.desk->offer(wish).error().status, 409U);
    }

    // Accepted last, the app's would take the place of the owner's.
    void whatAnAppHasOfferedGoesWhenTheOwnerOffers() {
        World world(1);
        Node& buyer = world[0];
        Stranger seller(world, 1);
        seller.advertise(buyer, {dollars("0.000001"), {}});
        world.run(1s);
        AgreementWish wish{seller.me.publicKey(), Direction::Upstream, {}, {}, {}, anApp};
        QVERIFY(buyer.desk->offer(wish));
        wish.origin = owner;
        const auto his = buyer.desk->offer(wish);
        QVERIFY(his);
        world.run(1s);
        const auto offers = seller.heard<agreement::Offer>();
        QCOMPARE(offers.size(), size_t{2});
        for (const agreement::Offer& one : {offers[1], offers[0]})
            seller.say(buyer, agreement::Accept{one.terms.id, agreement::hashOf(one.terms)});
        QCOMPARE(buyer.active(), size_t{1});
        QCOMPARE(buyer.desk->find(*his)->state, std::string("active"));
    }

    // One name after another, each gone with what it has got: neither that, nor a restart, nor many agreements after it make room.
    void namesThatNeverPayGetSoMuchADay() {
        World world(1);
        Node& seller = world[0];
        seller.options.maxRemembered = 4;
        seller.start();
        QVERIFY(seller.desk->set(sells("0.000001")));
        std::vector<Stranger> names;
        for (uint8_t i = 0; i < UnprovenCustomers::most + 3; ++i) names.emplace_back(world, i);
        for (Stranger& one : names) one.advertise(seller);
        world.run(1s);
        const auto take = [&](Stranger& one, uint64_t bytes) {
            const agreement::Terms terms = one.offer(seller, Direction::Upstream, "0.000001");
            if (!accepted(one, terms.id)) return agreement::AgreementId{};
            seller.counts.at(one.link()).arrivedBytes += bytes;
            seller.counts.at(one.link()).takenBytes += bytes;
            world.count(seller);
            one.say(seller, agreement::End{terms.id, agreement::EndReason::Wish});
            for (const agreement::Count& count : one.heard<agreement::Count>()) {
                if (count.final) one.say(seller, agreement::Ended{count.id, count.number});
            }
            world.run(1s);
            return terms.id;
        };
        const agreement::AgreementId none{};
        // Who has got nothing takes no place.
        Stranger &idle = names[0], &first = names[1], &next = names[UnprovenCustomers::most + 1], &last = names.back();
        QVERIFY(take(idle, 0) != none);
        agreement::AgreementId used{};
        for (size_t i = 1; i <= UnprovenCustomers::most; ++i) {
            const auto id = take(names[i], 100'000);
            QVERIFY2(id != none, std::to_string(i).c_str());
            if (i == 1) used = id;
        }
        QVERIFY(seller.desk->agreements().size() <= 5);
        QVERIFY(refused(next, next.offer(seller, Direction::Upstream, "0.000001").id, RefuseReason::TooMany));
        seller.desk.reset();
        seller.start();
        for (Stranger& one : names) one.advertise(seller);
        world.run(2s);
        QVERIFY(refused(next, next.offer(seller, Direction::Upstream, "0.000001").id, RefuseReason::TooMany));
        // Each of them gets what is left of its own credit; who pays comes as often as it likes, and makes room.
        Stranger& payer = names[UnprovenCustomers::most];
        const agreement::Terms paid = payer.offer(seller, Direction::Upstream, "0.000001");
        QVERIFY(accepted(payer, paid.id));
        const auto secret = sharedSecret(seller.me, payer.me.publicKey());
        QVERIFY(secret && seller.desk->received(agreement::paymentId(*secret, paid.id, 1), dollars("0.0001")));
        QVERIFY(take(next, 100'000) != none);
        QVERIFY(refused(last, last.offer(seller, Direction::Upstream, "0.000001").id, RefuseReason::TooMany));
        QVERIFY(take(payer, 100'000) != none);
        // The next day.
        world.clock.setWall(world.clock.now() + 25h);
        world.run(1s);
        QVERIFY(take(last, 100'000) != none);
        QVERIFY(take(first, 100'000) != none);
    }

    void oneOfferOfEachNeighbourWaits() {
        World world(1);
        Node& seller = world[0];
        MeshSettings settings = asking("0.000001");
        settings.asks.downstream = dollars("0.000001");
        QVERIFY(seller.desk->set(settings));
        Stranger loud(world, 1), quiet(world, 2);
        for (Stranger* one : {&loud, &quiet}) one->advertise(seller);
        world.run(1s);
        agreement::Terms before, newest;
        for (int i = 0; i < 100; ++i) {
            before = newest;
            newest = loud.offer(seller, Direction::Upstream, "0.000001");
        }
        const auto other = quiet.offer(seller, Direction::Upstream, "0.000001");
        QCOMPARE(waiting(seller), size_t{2});
        QVERIFY(seller.desk->find(newest.id) && seller.desk->find(other.id));
        // What was replaced does not come back.
        loud.say(seller, agreement::Offer{before});
        QVERIFY(refused(loud, before.id, RefuseReason::Unknown));
        QVERIFY(seller.desk->find(newest.id) && !seller.desk->find(before.id));
        (void)loud.offer(seller, Direction::Downstream, "0.000001");
        QCOMPARE(waiting(seller), size_t{3});
        QVERIFY(seller.desk->accept(newest.id));
        QVERIFY(accepted(loud, newest.id) && !accepted(quiet, other.id));
        QVERIFY(seller.desk->accept(other.id));
        QVERIFY(accepted(quiet, other.id));
        // Nobody puts an offer into another's name.
        agreement::Terms forged = other;
        forged.id = agreement::newAgreementId();
        loud.say(seller, agreement::Offer{forged});
        QCOMPARE(waiting(seller), size_t{1});
    }

    void whatIsWithdrawnDoesNotWaitAnyMore() {
        World world(1);
        Node& seller = world[0];
        QVERIFY(seller.desk->set(asking("0.000001")));
        Stranger buyer(world, 1), other(world, 2);
        for (Stranger* one : {&buyer, &other}) one->advertise(seller);
        world.run(1s);
        const auto terms = buyer.offer(seller, Direction::Upstream, "0.000001");
        other.say(seller, agreement::End{terms.id, agreement::EndReason::Withdrawn});
        QCOMPARE(waiting(seller), size_t{1});
        buyer.say(seller, agreement::End{terms.id, agreement::EndReason::Withdrawn});
        QCOMPARE(waiting(seller), size_t{0});
    }

    void whatTheOwnerTurnsDownIsAnsweredAndNotShownAgain() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(seller.desk->set(asking("0.000001")));
        QVERIFY(buyer.desk->set(buys(MeshBuys::Every)));
        world.run(10s);
        QCOMPARE(waiting(seller), size_t{1});
        const auto id = seller.only()->terms.id;
        QVERIFY(seller.desk->end(id));
        world.run(1s);
        QCOMPARE(buyer.desk->find(id)->state, std::string("ended"));
        QVERIFY(buyer.desk->find(id)->why.find("the neighbour refused the offer: ") == 0);
        // The buyer buys by itself, and offers again and again.
        for (int i = 0; i < 120; ++i) {
            world.run(2s);
            QCOMPARE(waiting(seller), size_t{0});
        }
        // Who would pay more is heard.
        Stranger other(world, 1);
        other.advertise(seller);
        world.run(1s);
        const auto cheap = other.offer(seller, Direction::Upstream, "0.000001");
        QVERIFY(seller.desk->end(cheap.id));
        QVERIFY(refused(other, cheap.id, RefuseReason::NotSold));
        const auto again = other.offer(seller, Direction::Upstream, "0.000001");
        QVERIFY(refused(other, again.id, RefuseReason::NotSold));
        QVERIFY(!seller.desk->find(again.id));
        const auto better = other.offer(seller, Direction::Upstream, "0.000002");
        QVERIFY(seller.desk->find(better.id));
        QVERIFY(seller.desk->end(better.id));
        // Other settings are another matter.
        QVERIFY(seller.desk->set(asking("0.0000011")));
        (void)other.offer(seller, Direction::Upstream, "0.0000011");
        QCOMPARE(waiting(seller), size_t{1});
    }

    void whoIsCutOffSeesThatAndWhy() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        const auto says = [&](const char* what) {
            const auto why = buyer.only()->why;
            return why.find(what) != std::string::npos;
        };
        QVERIFY(buyer.only()->forwarding && says("as long as it is paid"));
        // A budget, or a rule, refuses the payment.
        world.bankrupt = true;
        world.send(buyer, seller, 300);
        world.run(5s);
        QVERIFY(buyer.only()->forwarding && says("the last payment failed: no money"));
        QVERIFY(seller.lets(buyer, true));
        for (int i = 0; i < 30; ++i) {
            world.send(buyer, seller, 100);
            world.run(2s);
        }
        QVERIFY(!seller.lets(buyer, true));
        QVERIFY(!buyer.only()->forwarding && says("close threshold") && says("the last payment failed: no money"));
        world.bankrupt = false;
        world.run(200s);
        QVERIFY(seller.lets(buyer, true));
        QVERIFY(buyer.only()->forwarding && says("as long as it is paid") && !says("failed"));
        // Somebody is asked, and is not there: the seller believes for a while that a payment is on its way.
        world.undecided = true;
        world.send(buyer, seller, 2000);
        world.run(5s);
        QVERIFY(seller.lets(buyer, true));
        QVERIFY(buyer.only()->forwarding && says("close threshold") && says("a payment waits: undecided"));
        world.run(40s);
        QVERIFY(!seller.lets(buyer, true));
        QVERIFY(!buyer.only()->forwarding && says("a payment waits: undecided"));
    }

    // Downstream the buyer knows before its count what it will owe.
    void whoReceivesMoreThanItPaysForSeesThat() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        MeshSettings settings = sells("0.000001");
        settings.asks = {{}, dollars("0.000001")};
        QVERIFY(seller.desk->set(settings));
        MeshSettings buying = buys(MeshBuys::Best);
        buying.interval = 60s;
        QVERIFY(buyer.desk->set(buying));
        world.run(10s);
        QVERIFY(seller.lets(buyer, false) && buyer.only()->forwarding);
        world.send(seller, buyer, 2000);
        world.run(1s);
        QVERIFY(!seller.lets(buyer, false));
        QVERIFY(!buyer.only()->forwarding);
        QVERIFY(buyer.only()->why.find("this node owes 0.002 USD") == 0);
    }

    void aFullDiskCutsNobody() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        QVERIFY(seller.lets(buyer, true));
        seller.documents.full = true;
        const auto said = [&] { return seller.desk->trouble().find("cannot be written") != std::string::npos; };
        for (int i = 0; i < 10; ++i) {
            world.send(buyer, seller, 10);
            world.run(1s);
        }
        QVERIFY(said());
        const int before = seller.tellings;
        world.run(10s);
        QVERIFY(seller.lets(buyer, true));
        QCOMPARE(seller.tellings, before);
        const auto view = seller.only();
        QVERIFY(view->forwarding && view->why.find("forwarded last") != std::string::npos);
        QVERIFY(seller.desk->neighbours()[0].passesUpstream);
        // Until the agreement's lifetime is over, which the agent knows.
        world.run(600s);
        QVERIFY(!seller.only()->forwarding);
        QVERIFY(!seller.desk->neighbours()[0].passesUpstream);
    }
};

QTEST_GUILESS_MAIN(TestNeighbourOrders)
#include "test_neighbour_orders.moc"
