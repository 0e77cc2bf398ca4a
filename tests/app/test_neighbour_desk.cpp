// Two secretaries whose agents are on one link, without agents: adverts, agreements by themselves and by their owners, money, restarts, and what is not believed.
#include <QtTest>

#include <nlohmann/json.hpp>

#include "tests/app/neighbour_world.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace netpas::test;
using namespace std::chrono_literals;
using agreement::Direction;

class TestNeighbourDesk : public QObject {
    Q_OBJECT

private slots:
    void neighboursAreKnownByTheirAdverts() {
        World world(2);
        QVERIFY(world[1].desk->set(sells("0.000001")));
        world.run(6s);
        const auto seen = world[0].desk->neighbours();
        QCOMPARE(seen.size(), size_t{1});
        QVERIFY(seen[0].known->place.key == world[1].key());
        QCOMPARE(*seen[0].known->asks(world.clock.steady()).upstream, dollars("0.000001"));
        QVERIFY(!seen[0].passesUpstream);
        QVERIFY(world[0].desk->agreements().empty());
        // It is silent, and gone.
        world[1].desk.reset();
        world.run(30s);
        QVERIFY(world[0].desk->neighbours().empty());
    }

    void anAgreementIsMadeByItselfCountedAndPaid() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        QCOMPARE(buyer.active(), size_t{1});
        QVERIFY(seller.lets(buyer, true) && !seller.lets(buyer, false));
        for (int i = 0; i < 20; ++i) {
            world.send(buyer, seller, 100);
            world.run(500ms);
        }
        world.run(5s);
        const Money price = dollars("0.002");  // 2000 packets of 1000 bytes
        QCOMPARE(buyer.with(seller)->mine.charged, price);
        QCOMPARE(seller.with(buyer)->theirs.charged, price);
        QVERIFY(buyer.with(seller)->mine.paid > dollars("0.0018"));
        QCOMPARE(seller.with(buyer)->theirs.paid, buyer.with(seller)->mine.paid);
        QCOMPARE(world.paid(), buyer.with(seller)->mine.paid);
        QVERIFY(buyer.lastOrigin->byPerson && buyer.lastOrigin->automatic);
        // The rest is paid at the end.
        QVERIFY(buyer.desk->set(buys(MeshBuys::Nothing)));
        QVERIFY(buyer.desk->end(buyer.only()->terms.id));
        world.run(5s);
        QCOMPARE(world.paid(), price);
        QVERIFY(!seller.lets(buyer, true));
    }

    void whoDoesNotPayIsCutAndServedAgain() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        world.bankrupt = true;
        for (int i = 0; i < 100; ++i) {
            world.send(buyer, seller, 100);
            world.run(500ms);
        }
        QVERIFY(!seller.lets(buyer, true));
        const auto view = seller.only();
        QVERIFY(view && !view->forwarding && view->why.find("close threshold") != std::string::npos);
        world.bankrupt = false;
        world.run(200s);  // it has tried for a while and waits longer each time
        QVERIFY(seller.lets(buyer, true));
    }

    void theCheapestIsChosenAndTheOtherLeft() {
        World world(3);
        QVERIFY(world.trade(world[0], world[1]));
        QVERIFY(world[1].lets(world[0], true));
        QVERIFY(world[2].desk->set(sells("0.0000005")));
        world.run(90s);  // clearly better for a while
        QVERIFY(world[2].lets(world[0], true));
        QVERIFY(!world[1].lets(world[0], true));
        const auto seen = world[0].desk->neighbours();
        for (const NeighbourView& one : seen) QCOMPARE(one.upstream->chosen, one.known->place.key == world[2].key());
    }

    void nothingIsBoughtAboveTheMostOrWithoutAnIsp() {
        World world(2);
        QVERIFY(world[1].desk->set(sells("0.00001")));
        QVERIFY(world[0].desk->set(buys(MeshBuys::Every)));
        world.run(20s);
        QVERIFY(world[0].desk->agreements().empty());
        world[0].canPay = false;
        QVERIFY(world[1].desk->set(sells("0.000001")));
        world.run(20s);
        QVERIFY(world[0].desk->agreements().empty());
        world[0].canPay = true;
        world.run(20s);
        QCOMPARE(world[0].active(), size_t{1});
    }

    void whatRoutesGoThroughIsBoughtAndLeftWhenTheyHaveGoneForGood() {
        World world(3);
        Node &near = world[0], &one = world[1], &other = world[2];
        for (Node* node : {&near, &one, &other}) {
            MeshSettings settings = buys(MeshBuys::Routes);
            settings.asks = sells("0.000001").asks;
            QVERIFY(node->desk->set(settings));
        }
        const auto hop = [](const Node& to) { return channel::MeshHop{mesh, to.address()}; };
        world.run(20s);
        QVERIFY(!one.lets(near, true));  // the agent has not said yet
        near.desk->hops({{hop(one), {"elsewhere", other.address()}}});
        one.desk->hops({{hop(near)}});
        world.run(10s);
        QVERIFY(one.lets(near, true) && near.lets(one, true));  // each pays for what it sends
        QVERIFY(!other.lets(near, true) && !near.lets(other, true));
        // Routes come and go.
        near.desk->hops({{hop(other)}});
        world.run(40s);
        QVERIFY(one.lets(near, true) && other.lets(near, true));
        near.desk->hops({{hop(one)}});
        world.run(40s);
        QVERIFY(one.lets(near, true) && other.lets(near, true));
        world.run(40s);
        QVERIFY(one.lets(near, true) && !other.lets(near, true));
        // While the agent is away nothing is left, and what it finds has its time when it is back.
        near.desk->agentLost();
        world.run(100s);
        near.desk->links(near.links());
        near.desk->hops({});
        world.run(40s);
        QVERIFY(one.lets(near, true));
        world.run(40s);
        QVERIFY(!one.lets(near, true) && near.lets(one, true));
    }

    void theAgentIsToldWhatIsAsked() {
        World world(1);
        Node& node = world[0];
        world.run(1s);
        QVERIFY(!node.filter.perKb);
        QVERIFY(node.desk->set(sells("0.000001")));
        world.run(1s);
        QVERIFY(node.filter.perKb == dollars("0.000001"));
        // With the notice that neighbours have.
        MeshSettings dearer = sells("0.000002");
        dearer.notice = 10s;
        QVERIFY(node.desk->set(dearer));
        world.run(8s);
        QVERIFY(node.filter.perKb == dollars("0.000001"));
        world.run(4s);
        QVERIFY(node.filter.perKb == dollars("0.000002"));
        node.canBePaid = false;
        world.run(1s);
        QVERIFY(!node.filter.perKb);
    }

    void manyWhoComeAtOnceAreToldTogetherAndNobodyWaitsForThem() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        QVERIFY(seller.lets(buyer, true));
        const int before = seller.tellings;
        constexpr uint8_t many = 100;
        for (uint8_t i = 0; i < many; ++i) {
            const Identity who = Identity::fromSeed({9, i});
            agreement::Advert advert;
            advert.key = who.publicKey();
            advert.run = 1;
            advert.number = 1;
            advert.issued = world.clock.now();
            advert.lifetime = 60s;
            advert.link = {2, 9, 0, 0, 0, i};
            advert.address = *IpAddress::parse("fe80::9:" + std::to_string(i + 1));
            seller.desk->heard({mesh, advert.link, advert.address, sign(advert, who)});
            world.timers.run(20ms);
            if (i == 0) QCOMPARE(seller.filter.neighbours.size(), size_t{2});  // the first at once
            if (i == many / 2) {
                QVERIFY(seller.lets(buyer, true));
                QVERIFY(seller.desk->end(seller.only()->terms.id));
                QVERIFY(!seller.lets(buyer, true));
            }
        }
        QVERIFY2(seller.tellings - before < 15, std::to_string(seller.tellings - before).c_str());
        world.timers.run(1s);
        QCOMPARE(seller.filter.neighbours.size(), size_t{many + 1});
    }

    void anAgreementIsRenewedBeforeItEnds() {
        World world(2);
        QVERIFY(world[1].desk->set(sells("0.000001")));
        MeshSettings settings = buys(MeshBuys::Best);
        settings.lifetime = 60s;
        QVERIFY(world[0].desk->set(settings));
        world.run(10s);
        for (int i = 0; i < 300; ++i) {
            world.run(1s);
            QVERIFY2(world[1].lets(world[0], true), std::to_string(i).c_str());
        }
        QCOMPARE(world[0].active(), size_t{1});
        QVERIFY(world[0].desk->agreements().size() >= 4);
        const auto shown = world[0].desk->agreements(2);  // and those that run
        QCOMPARE(shown.size(), size_t{3});
        QVERIFY(shown[0].state == "active" && shown[2].state == "ended");
    }

    // Lifetimes are durations: whoever pays has packets forwarded, whatever the wall clock says.
    void aClockThatJumpsEndsNothing() {
        for (const auto by : {std::chrono::seconds(-3600), std::chrono::seconds(3600)}) {
            World world(2);
            QVERIFY(world[1].desk->set(sells("0.000001")));
            MeshSettings settings = buys(MeshBuys::Best);
            settings.lifetime = 60s;
            QVERIFY(world[0].desk->set(settings));
            world.run(10s);
            world.clock.setWall(world.clock.now() + by);
            for (int i = 0; i < 100; ++i) {
                world.run(1s);
                QVERIFY2(world[1].lets(world[0], true), std::to_string(i).c_str());
                QVERIFY(world[1].filter.neighbours.at(0).seconds > 0);
            }
            QCOMPARE(world[0].active(), size_t{1});
            QVERIFY(world[0].desk->agreements().size() <= 5);
        }
    }

    void otherPricesAreAnnouncedAndDoNotTouchWhatRuns() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        MeshSettings dearer = sells("0.0000011");
        dearer.notice = 20s;
        QVERIFY(seller.desk->set(dearer));
        world.run(2s);
        const auto now = world.clock.steady();
        QCOMPARE(*buyer.desk->neighbours()[0].known->asks(now).upstream, dollars("0.000001"));
        QVERIFY(buyer.desk->neighbours()[0].known->advert->notice.has_value());
        world.run(30s);
        QCOMPARE(*buyer.desk->neighbours()[0].known->asks(world.clock.steady()).upstream, dollars("0.0000011"));
        QCOMPARE(buyer.only()->terms.perKb, dollars("0.000001"));
        QCOMPARE(buyer.active(), size_t{1});
    }

    void anOwnerWhoWantsToBeAskedIsAsked() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        MeshSettings asks = sells("0.000001");
        asks.acceptsAlone = false;
        QVERIFY(seller.desk->set(asks));
        world.run(6s);
        const auto id = buyer.desk->offer(
            {buyer.desk->neighbours()[0].known->place.key, Direction::Upstream, {}, {}, {}, {1000, false, false}});
        QVERIFY(id);
        world.run(4s);
        QCOMPARE(seller.only()->state, std::string("asked"));
        QVERIFY(!seller.lets(buyer, true));
        QVERIFY(seller.desk->accept(*id));
        world.run(1s);
        QCOMPARE(buyer.only()->state, std::string("active"));
        QVERIFY(seller.lets(buyer, true));
        QVERIFY(!seller.desk->accept(*id));
        // What a user asked for is put to rules and questions.
        for (int i = 0; i < 20; ++i) {
            world.send(buyer, seller, 1000);
            world.run(1s);
        }
        QVERIFY(buyer.lastOrigin && !buyer.lastOrigin->byPerson);
        QCOMPARE(buyer.lastOrigin->uid, 1000U);
    }

    void anOfferIsRefusedWithTheRemedy() {
        World world(2);
        QVERIFY(world[1].desk->set(sells("0.000001")));
        const AgreementWish stranger{world[0].key(), Direction::Upstream, {}, {}, {}, {}};
        QCOMPARE(world[0].desk->offer(stranger).error().status, 404U);
        world.run(6s);
        AgreementWish wish{world[1].key(), Direction::Downstream, {}, {}, {}, {}};
        QCOMPARE(world[0].desk->offer(wish).error().code, std::string("CONFLICT"));
        wish.direction = Direction::Upstream;
        wish.perKb = dollars("0.0000005");
        QCOMPARE(world[0].desk->offer(wish).error().hint, std::string("--per-kb 0.000001"));
        QVERIFY(!world[0].desk->end(books::AgreementId{}));
        // A limit below the usual thresholds brings its own.
        wish.perKb.reset();
        wish.limit = dollars("0.001");
        const auto id = world[0].desk->offer(wish);
        QVERIFY(id);
        const agreement::Terms terms = world[0].desk->find(*id)->terms;
        QVERIFY(terms.closeAt == dollars("0.001") && terms.payAt == dollars("0.0005") && terms.limit == terms.closeAt);
    }

    void whatStandsInTheWayIsSaid() {
        World world(2);
        QVERIFY(world[0].desk->trouble().empty());
        QVERIFY(world[0].desk->set(buys(MeshBuys::Best)));
        world[0].canPay = false;
        QVERIFY(world[0].desk->trouble().find("netpas join") != std::string::npos);
    }

    // Either secretary is killed in the middle; nothing is paid twice, and the books are one.
    void secretariesThatAreKilledGoOn() {
        World world(2);
        Node &buyer = world[0], &seller = world[1];
        QVERIFY(world.trade(buyer, seller));
        for (int i = 0; i < 60; ++i) {
            world.send(buyer, seller, 50);
            world.run(300ms);
            if (i % 7 == 3) {
                buyer.desk.reset();
                world.send(buyer, seller, 10);
                buyer.start();
            }
            if (i % 11 == 5) {
                seller.desk.reset();
                seller.start();
                QVERIFY(seller.lets(buyer, true));  // the agent forwards on, and so does the new secretary
            }
        }
        world.run(20s);
        const books::Account mine = buyer.with(seller)->mine, theirs = seller.with(buyer)->theirs;
        QCOMPARE(mine.charged, theirs.charged);
        QCOMPARE(mine.charged, dollars("0.00309"));  // all that passed: 60 × 50 and 9 × 10 packets
        QCOMPARE(mine.paid, theirs.paid);
        QCOMPARE(mine.paid, world.paid());
    }

    void theAgentIsToldHowLongARightLasts() {
        World world(2);
        QVERIFY(world[1].desk->set(sells("0.000001")));
        MeshSettings settings = buys(MeshBuys::Best);
        settings.lifetime = 100s;
        QVERIFY(world[0].desk->set(settings));
        world.run(10s);
        const channel::MeshNeighbour& one = world[1].filter.neighbours.at(0);
        QVERIFY(one.paysUpstream && one.seconds > 80 && one.seconds <= 100);
        QCOMPARE(one.nextHops, std::vector{world[0].address()});
    }

    void whatIsForgedIsNotBelieved() {
        World world(2);
        QVERIFY(world.trade(world[0], world[1]));
        const auto refused = [&](const char* why) {
            const auto& all = world[0].desk->refused();
            return all.contains(why) ? all.at(why) : uint64_t{0};
        };
        // Somebody else ends the agreement, from the seller's addresses.
        const Identity liar = Identity::fromSeed({9});
        const Bytes end = agreement::sign(agreement::End{world[0].only()->terms.id, agreement::EndReason::Wish}, liar);
        world[0].desk->heard({mesh, world[1].link(), world[1].address(), end});
        QCOMPARE(refused("message_forged"), uint64_t{1});
        QCOMPARE(world[0].active(), size_t{1});
        // … and from addresses that nobody has named.
        world[0].desk->heard({mesh, {2, 9, 9, 9, 9, 9}, *IpAddress::parse("fe80::99"), end});
        QCOMPARE(refused("unknown_neighbour"), uint64_t{1});
        world[0].desk->heard({mesh, world[1].link(), world[1].address(), {1}});
        world[0].desk->heard({mesh, world[1].link(), world[1].address(), Bytes(300, 3)});
        QVERIFY(refused("malformed") + refused("message_malformed") >= 2);
    }

    // Said from this machine's own addresses, it would take the liar's later, true place.
    void whoClaimsThisMachinesAddressesIsNoNeighbour() {
        World world(2);
        world.run(5s);
        const Identity liar = Identity::fromSeed({9});
        agreement::Advert advert;
        advert.key = liar.publicKey();
        advert.run = 1;
        advert.number = 1;
        advert.issued = world.clock.now();
        advert.lifetime = 60s;
        advert.link = world[0].link();
        advert.address = world[0].address();
        const size_t before = world[0].desk->neighbours().size();
        world[0].desk->heard({mesh, advert.link, advert.address, agreement::sign(advert, liar)});
        QCOMPARE(world[0].desk->refused().at("address_claimed"), uint64_t{1});
        QCOMPARE(world[0].desk->neighbours().size(), before);
    }

    void settingsAreKept() {
        World world(1);
        MeshSettings settings = buys(MeshBuys::Every);
        settings.asks = {dollars("0.000001"), std::nullopt};
        settings.acceptsAlone = false;
        QVERIFY(world[0].desk->set(settings));
        world[0].desk.reset();
        world[0].start();
        QVERIFY(world[0].desk->settings() == settings);
        using nlohmann::json;
        const MeshSettings given;
        QVERIFY(!meshSettingsFromJson(json{{"upstream_per_kb", "1"}}, given));
        QVERIFY(!meshSettingsFromJson(json{{"pay_at", "0"}}, given));
        QVERIFY(!meshSettingsFromJson(json{{"close_at", "0.00001"}}, given));
        QVERIFY(!meshSettingsFromJson(json{{"automatic", "yes"}}, given));
        QVERIFY(!meshSettingsFromJson(json{{"price", "1"}}, given));
        const auto none = meshSettingsFromJson(json{{"upstream_per_kb", nullptr}}, settings);
        QVERIFY(none && !none->asks.upstream && none->buys == MeshBuys::Every);
        const auto routes = meshSettingsFromJson(json{{"automatic", "routes"}}, settings);
        QVERIFY(routes && routes->buys == MeshBuys::Routes);
    }
};

QTEST_GUILESS_MAIN(TestNeighbourDesk)
#include "test_neighbour_desk.moc"
