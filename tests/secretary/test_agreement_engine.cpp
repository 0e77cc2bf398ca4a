// Agreements between two neighbours: what is charged, paid and forwarded, step by step.
#include <QtTest>

#include "tests/secretary/agreement_world.h"

using namespace world;

namespace {

// Until nothing is under way: no traffic, everything ended.
void windUp(World& world) {
    world.calm();
    for (size_t i = 0; i < 2; ++i) {
        std::vector<AgreementId> running;
        for (const auto& [id, one] : world.engine(i).agreements()) {
            if (one.running()) running.push_back(id);
        }
        for (const auto& id : running) world.at(i, [&](Engine& engine) { engine.end(id, EndReason::Wish); });
    }
    for (int i = 0; i < 600; ++i) world.step();
}

const Pair* pairAt(World& world, size_t i) {
    const auto& pairs = world.engine(i).pairs();
    const auto at = pairs.find(world.key(1 - i));
    return at == pairs.end() ? nullptr : &at->second;
}

// Why the two books are not one; empty: they are.
std::string disagreement(World& world) {
    for (size_t i = 0; i < 2; ++i) {
        for (const auto& [id, one] : world.engine(i).agreements()) {
            if (one.state != State::Ended) return "an agreement has not ended: " + std::string(name(one.state));
        }
    }
    const Pair* const a = pairAt(world, 0);
    const Pair* const b = pairAt(world, 1);
    if (a == nullptr || b == nullptr) return a == b ? "" : "only one knows the other";
    for (const auto& [mine, theirs, payer] :
         {std::tuple(a->mine, b->theirs, size_t{0}), std::tuple(b->mine, a->theirs, size_t{1})}) {
        if (mine.charged != theirs.charged)
            return "charged " + mine.charged.toString() + " and " + theirs.charged.toString();
        if (mine.paid != theirs.paid) return "paid " + mine.paid.toString() + " and " + theirs.paid.toString();
        if (mine.paid != world.posted(payer)) return "the world knows of other payments";
    }
    if (a->paying || b->paying) return "a payment is still under way";
    const Money left = std::max(due(a->mine, a->theirs), due(b->mine, b->theirs));
    if (left >= EngineOptions{}.smallest) return "still due: " + left.toString();
    if (world.payingTwice()) return "one payment was ordered with two amounts";
    if (world.paidTooMuch()) return "more was paid than charged";
    return {};
}

// Bytes that an end has received and counted.
uint64_t counted(World& world, size_t i) {
    uint64_t all = 0;
    for (const auto& [id, one] : world.engine(i).agreements()) all += one.sends() ? 0 : one.bytes;
    return all;
}

// A buys both directions from B, B one from A for what the other way leaves open; traffic both ways.
void life(World& world, int steps) {
    const auto offer = [&](size_t buyer, const Wish& what) { (void)world.offers(buyer, what); };
    for (int i = 0; i < steps; ++i) {
        if (i % 60 == 0) offer(0, wish(Direction::Upstream, 800));
        if (i % 60 == 20) offer(1, wish(Direction::Upstream, 300));
        if (i % 60 == 45) offer(0, wish(Direction::Upstream, 900));  // before the end of the one that runs
        world.traffic(0, 100);
        world.traffic(1, 150);
        world.step();
    }
}

}  // namespace

class TestAgreementEngine : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void whatIsSentUpstreamIsChargedToTheLastUnit() {
        World world(1, {});
        QVERIFY(world.offers(0, wish(Direction::Upstream, 801)).has_value());
        for (int i = 0; i < 4; ++i) world.step();
        QVERIFY(world.engine(1).standing(world.key(0)).paysUpstream);
        QVERIFY(!world.engine(1).standing(world.key(0)).paysDownstream);
        for (int i = 0; i < 20; ++i) {
            world.traffic(0, 37);
            world.traffic(1, 37);  // nobody pays for that
            world.step();
        }
        windUp(world);
        QCOMPARE(disagreement(world), std::string());
        QCOMPARE(world.carried(1), uint64_t{0});
        QCOMPARE(world.carried(0), uint64_t{20 * 37 * 1000});
        const Money all = agreement::chargeFor(world.carried(0), Money::fromEighths(801), Money::max());
        QCOMPARE(pairAt(world, 0)->mine.charged, all);
        QCOMPARE(world.posted(0), all);
        QCOMPARE(world.posted(1), Money::zero());
    }

    void whatComesDownstreamIsChargedToTheLastUnit() {
        World world(1, {});
        QVERIFY(world.offers(0, wish(Direction::Downstream, 801)).has_value());
        for (int i = 0; i < 4; ++i) world.step();
        QVERIFY(world.engine(1).standing(world.key(0)).paysDownstream);
        for (int i = 0; i < 20; ++i) {
            world.traffic(1, 41);
            world.step();
        }
        windUp(world);
        QCOMPARE(disagreement(world), std::string());
        const Money all = agreement::chargeFor(world.carried(1), Money::fromEighths(801), Money::max());
        QVERIFY(world.carried(1) > 0);
        QCOMPARE(world.posted(0), all);
    }

    void onlyTheDifferenceIsPaid() {
        World world(1, {});
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        QVERIFY(world.offers(1, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 60; ++i) {
            world.traffic(0, 50);
            world.traffic(1, 50);
            world.step();
        }
        windUp(world);
        QCOMPARE(disagreement(world), std::string());
        QVERIFY(world.carried(0) == world.carried(1) && world.carried(0) > 0);
        // Equal services: not a cent went round.
        QCOMPARE(world.payments().size(), size_t{0});
    }

    void aFlowIsSoldOnce() {
        World world(1, {});
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 4; ++i) world.step();
        // The same packets, paid by the other one.
        QVERIFY(!world.offers(1, wish(Direction::Downstream, 800)).has_value());
        QVERIFY(world.offers(0, wish(Direction::Downstream, 800)).has_value());
    }

    void whoDoesNotPayIsCutAndServedAgainWhenItPays() {
        Weather weather;
        weather.failedPayments = 100;
        World world(1, weather);
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 4; ++i) world.step();
        bool cut = false;
        for (int i = 0; i < 100 && !cut; ++i) {
            world.traffic(0, 50);
            world.step();
            cut = !world.engine(1).standing(world.key(0)).paysUpstream;
        }
        QVERIFY(cut);
        const Money owed = world.engine(1).standing(world.key(0)).exposure;
        QVERIFY(owed > wish(Direction::Upstream, 800).closeAt);
        const uint64_t before = world.carried(0);
        world.traffic(0, 50);
        QCOMPARE(world.carried(0), before);
        world.calm();  // payments succeed again
        for (int i = 0; i < 20; ++i) world.step();
        QVERIFY(world.engine(1).standing(world.key(0)).paysUpstream);
        windUp(world);
        QCOMPARE(disagreement(world), std::string());
    }

    // At most the close threshold and what passes while a promised payment is waited for.
    void aPromiseHoldsOnce() {
        Weather weather;
        weather.failedPayments = 100;
        World world(1, weather);
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 110; ++i) {
            world.traffic(0, 20);
            world.step();
        }
        QVERIFY(!world.engine(1).standing(world.key(0)).paysUpstream);
        const uint64_t then = world.carried(0);
        for (int i = 0; i < 50; ++i) {
            world.traffic(0, 20);
            world.step();
        }
        QCOMPARE(world.carried(0), then);  // whatever it promises
    }

    void anOverPaymentIsACreditAndNeverADebt() {
        const Account nothing{}, over{Money::fromEighths(10), Money::fromEighths(100)},
            owing{Money::fromEighths(50), Money::fromEighths(20)};
        QCOMPARE(due(over, nothing), Money::zero());
        QCOMPARE(due(nothing, over), Money::zero());  // nobody pays it back
        QCOMPARE(due(owing, over), Money::fromEighths(30));
        QCOMPARE(due(owing, owing), Money::zero());
        QCOMPARE(due(nothing, owing), Money::fromEighths(-30));
    }

    void whoCountsTooMuchGetsWhatWasSentAndNoMore() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        QVERIFY(id.has_value());
        for (int i = 0; i < 4; ++i) world.step();
        world.traffic(0, 10);
        world.engine(0).meter(world.key(1), {1, 10'000, 0, 0, 0, 0});
        const Identity bob = Identity::fromSeed({2});
        const Bytes lie = sign(agreement::Count{*id, 1, 1000, 1'000'000, false}, bob);
        QVERIFY(world.engine(0).receive(world.key(1), lie).has_value());
        QCOMPARE(pairAt(world, 0)->mine.charged, agreement::chargeFor(10'000, Money::fromEighths(800), Money::max()));
        const Agreement& one = world.engine(0).agreements().at(*id);
        QVERIFY(one.state == State::Ending && one.why == EndReason::Disagreement);
    }

    // As headers of fragments: nothing is paid for them, and nothing ends.
    void aFewBytesMoreThanWereSentAreNoDisagreement() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        world.engine(0).meter(world.key(1), {1, 10'000'000, 0, 0, 0, 0});
        const Identity bob = Identity::fromSeed({2});
        for (uint32_t number = 1; number < 4; ++number) {
            const Bytes count = sign(agreement::Count{*id, number, 1000, 10'135'000 + number, number == 3}, bob);
            QVERIFY(world.engine(0).receive(world.key(1), count).has_value());
        }
        const Agreement& one = world.engine(0).agreements().at(*id);
        QVERIFY(one.state == State::Ended && one.why == EndReason::Wish);
        QCOMPARE(pairAt(world, 0)->mine.charged, Money::fromEighths(8'000'000));
    }

    void whoCountsTooLittleIsLeft() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Downstream, 100));
        QVERIFY(id.has_value());
        for (int i = 0; i < 4; ++i) world.step();
        // B sends ten times what A admits.
        const Identity alice = Identity::fromSeed({1});
        uint64_t sent = 0;
        for (uint32_t number = 1; number <= 3; ++number) {
            sent += 1'000'000;
            world.engine(1).meter(world.key(0), {2, sent, 0, 0, 0, 0});
            (void)world.engine(1).receive(
                world.key(0), sign(agreement::Count{*id, number, 100 * number, 100'000 * number, false}, alice));
        }
        const Agreement& one = world.engine(1).agreements().at(*id);
        QVERIFY(one.state == State::Ending && one.why == EndReason::Disagreement);
    }

    void strangersAndForgersChangeNothing() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        Engine& engine = world.engine(1);
        const Pair before = *pairAt(world, 1);
        const Identity mallory = Identity::fromSeed({66});
        const Bytes end = sign(agreement::End{*id, EndReason::Wish}, mallory);
        QCOMPARE(engine.receive(world.key(0), end).error(), Ignored::Forged);
        QCOMPARE(engine.receive(mallory.publicKey(), end).error(), Ignored::Stranger);
        QCOMPARE(engine.receive(world.key(0), Bytes{1, 2, 3}).error(), Ignored::Malformed);
        // An offer in A's name, and one that names another seller.
        Terms terms = engine.agreements().at(*id).terms;
        terms.id = {1};
        QCOMPARE(engine.receive(mallory.publicKey(), sign(agreement::Offer{terms}, alice())).error(), Ignored::Forged);
        QVERIFY(engine.receive(mallory.publicKey(), sign(agreement::Offer{terms}, mallory)).has_value());
        QCOMPARE(engine.agreements().size(), size_t{1});
        QVERIFY(*pairAt(world, 1) == before);
        QVERIFY(engine.paymentReceived({9}, Money::fromEighths(1)) == false);
    }

    void aPaymentCountsOnce() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        const auto payment = nameOf(*id, 3);  // two before it came to nothing
        QVERIFY(world.engine(1).paymentReceived(payment, Money::fromEighths(500)) == true);
        QVERIFY(world.engine(1).paymentReceived(payment, Money::fromEighths(500)) == true);
        QCOMPARE(pairAt(world, 1)->theirs.paid, Money::fromEighths(500));
    }

    // A payee that is away for a moment is paid as soon as it is back; one that stays away is not tried all the time.
    void aPaymentThatFailedIsTriedAgainSoonAndThenLessOften() {
        Weather weather;
        weather.failedPayments = 100;
        World world(1, weather);
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 4; ++i) world.step();
        world.traffic(0, 200);
        std::chrono::milliseconds now{0};
        std::vector<std::chrono::milliseconds> tried;
        while (now < 600s) {
            world.step(100ms);
            now += 100ms;
            if (world.payments().size() > tried.size()) tried.push_back(now);
        }
        QVERIFY(tried.size() > 8);
        QVERIFY(tried[1] - tried[0] <= 1200ms);  // up to 600 ms until it is known
        QVERIFY(tried.back() - tried[tried.size() - 2] >= 120s);
        QVERIFY(tried.size() < 16);
    }

    // However many have come to nothing before; and whoever pays in its place does not know how.
    void aPaymentIsKnownAfterManyThatFailed() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        Engine& seller = world.engine(1);
        QVERIFY(seller.paymentReceived(nameOf(*id, 500), Money::fromEighths(500)) == false);
        QVERIFY(
            seller.receive(world.key(0), sign(agreement::Paying{*id, 500, Money::fromEighths(500)}, alice())).error() ==
            Ignored::Stale);  // nothing is owed
        QVERIFY(seller.paymentReceived(nameOf(*id, 500), Money::fromEighths(500)) == true);
        QCOMPARE(pairAt(world, 1)->theirs.paid, Money::fromEighths(500));
        const auto guess = agreement::paymentId(SharedSecret{}, *id, 501);
        QVERIFY(seller.paymentReceived(guess, Money::fromEighths(1)) == false);
    }

    // The payment is not lost: whoever tells of it keeps it, and tells it again.
    void aPaymentThatCannotBeKeptIsToldAgain() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        const auto payment = nameOf(*id, 1);
        world.refusesToWrite(1, true);
        QCOMPARE(world.engine(1).paymentReceived(payment, Money::fromEighths(500)).error(), Ignored::Storage);
        QCOMPARE(world.engine(1).paymentReceived(payment, Money::fromEighths(500)).error(), Ignored::Storage);
        QVERIFY(world.engine(1).paymentReceived({9}, Money::fromEighths(500)) == false);  // of something else
        world.refusesToWrite(1, false);
        world.startAgain(1);
        QVERIFY(world.engine(1).paymentReceived(payment, Money::fromEighths(500)) == true);
        QCOMPARE(pairAt(world, 1)->theirs.paid, Money::fromEighths(500));
    }

    // It agrees to no count any more, and owes what it has sent.
    void whoForgetsAnAgreementOwesWhatItHasHad() {
        for (const Direction direction : {Direction::Upstream, Direction::Downstream}) {
            World world(1, {});
            Wish rarely = wish(direction, 800);
            rarely.interval = 3600s;
            const auto id = world.offers(0, rarely);
            for (int i = 0; i < 4; ++i) world.step();
            const size_t sender = direction == Direction::Upstream ? 0 : 1;
            world.traffic(sender, 600);
            world.step();
            QVERIFY(world.receives(1, agreement::Refuse{*id, agreement::RefuseReason::Unknown}).has_value());
            const Agreement& one = world.engine(1).agreements().at(*id);
            QCOMPARE(one.state, State::Ended);
            const Money all = agreement::chargeFor(world.carried(sender), Money::fromEighths(800), Money::max());
            const Money owed = pairAt(world, 1)->theirs.charged;
            QVERIFY(owed <= all && owed >= Money::fromEighths(all.eighths() / 100 * 94));
            // The next one is not for who owes too much.
            QVERIFY(world.offers(0, wish(direction, 800)).has_value());
            for (int i = 0; i < 4; ++i) world.step();
            QVERIFY(!world.engine(1).standing(world.key(0)).paysUpstream);
            QVERIFY(!world.engine(1).standing(world.key(0)).paysDownstream);
        }
    }

    // Whatever is promised, and an eighth of a nanodollar paid on it each time.
    void aPromiseIsWorthWhatIsOwedAndMustBeKept() {
        Weather weather;
        weather.failedPayments = 100;
        World world(1, weather);
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        const Money most = Money::fromEighths(2 * wish(Direction::Upstream, 800).closeAt.eighths() + 100'000);
        for (uint32_t number = 1; number < 200; ++number) {
            world.traffic(0, 20);
            world.step();
            (void)world.receives(1, agreement::Paying{*id, number + 1, Money::fromEighths(8'000'000'000)});
            (void)world.engine(1).paymentReceived(nameOf(*id, number), Money::fromEighths(1));
            QVERIFY(world.engine(1).standing(world.key(0)).exposure <= most);
        }
        QVERIFY(!world.engine(1).standing(world.key(0)).paysUpstream);
    }

    // One agreement's limit for each restart of this node's agent, and nothing under those that come later.
    void whatWasUnseenIsBelievedOnlyOfWhatRanThen() {
        World world(1, {});
        (void)world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        world.restartMeter(0);
        for (int i = 0; i < 4; ++i) world.step();
        for (int round = 0; round < 3; ++round) {
            const auto next = world.offers(0, wish(Direction::Upstream, 800));
            for (int i = 0; i < 4; ++i) world.step();
            const Identity bob = Identity::fromSeed({2});
            (void)world.engine(0).receive(world.key(1),
                                          sign(agreement::Count{*next, 1000, 1'000'000, 1'000'000'000, true}, bob));
        }
        QCOMPARE(pairAt(world, 0)->mine.charged, Money::zero());
    }

    void whoComesBackToAFormerPlaceIsChargedOnce() {
        World world(1, {});
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 60; ++i) {
            if (i % 9 == 8) {
                for (size_t end = 0; end < 2; ++end) world.moves(end, static_cast<uint64_t>(i / 9 % 2 + 1));
            }
            world.traffic(0, 10);
            world.step();
        }
        for (const auto& [id, one] : world.engine(0).agreements()) QCOMPARE(one.state, State::Active);
        windUp(world);
        QCOMPARE(disagreement(world), std::string());
        QCOMPARE(pairAt(world, 0)->mine.charged,
                 agreement::chargeFor(world.carried(0), Money::fromEighths(800), Money::max()));
    }

    // The link is down until both have given up; when they agree on something again, what one of them has counted comes after all.
    void aFinalCountThatWasLostComesWithTheNextAgreement() {
        World world(1, {});
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 4; ++i) world.step();
        world.loseMessages(100);
        world.traffic(0, 50);
        for (int i = 0; i < 1400; ++i) world.step();
        QVERIFY(pairAt(world, 1)->theirs.charged > pairAt(world, 0)->mine.charged);
        world.loseMessages(0);
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 20; ++i) world.step();
        windUp(world);
        QCOMPARE(disagreement(world), std::string());
        QCOMPARE(pairAt(world, 0)->mine.charged, Money::fromEighths(40'000));
    }

    // What a downstream buyer's agent has forgotten is no reason to leave it for ever.
    void aLossOfLongAgoIsNoDisagreementNow() {
        World world(1, {});
        QVERIFY(world.offers(0, wish(Direction::Downstream, 8)).has_value());
        for (int i = 0; i < 4; ++i) world.step();
        world.leave(1, 1000);  // a megabyte that never arrives
        for (int i = 0; i < 20; ++i) world.step();
        for (int round = 0; round < 3; ++round) {
            const auto id = world.offers(0, wish(Direction::Downstream, 8));
            QVERIFY(id.has_value());
            for (int i = 0; i < 20; ++i) {
                world.traffic(1, 20);
                world.step();
            }
            QVERIFY(world.engine(1).agreements().contains(*id));
            if (round > 0) QCOMPARE(world.engine(1).agreements().at(*id).state, State::Active);
        }
    }

    void oneNeighbourHasOnlySoManyAgreements() {
        World world(1, {});
        world.loseMessages(100);
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        agreement::Terms terms = world.engine(0).agreements().begin()->second.terms;
        for (int i = 0; i < 50; ++i) {
            terms.id = agreement::newAgreementId();
            (void)world.receives(1, agreement::Offer{terms});
        }
        QCOMPARE(world.engine(1).with(world.key(0)).size(), EngineOptions{}.maxOfOne);
    }

    void clocksMayJumpAndCountersMayBeginAnew() {
        World world(3, {});
        QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
        for (int i = 0; i < 100; ++i) {
            if (i == 20) world.wallJumps(0, 600s);
            if (i == 30) world.wallJumps(1, -1200s);
            if (i == 40) world.restartMeter(0);
            if (i == 50) world.restartMeter(1);
            world.traffic(0, 20);
            world.step();
        }
        for (const auto& [id, one] : world.engine(0).agreements()) QVERIFY(one.state == State::Active);
        windUp(world);
        QCOMPARE(disagreement(world), std::string());
    }

    // The agent is away for a moment, packets pass uncounted, and others are on their way whenever a count is made.
    void whatNobodyCountedIsNoDisagreement() {
        for (const uint64_t unseen : {uint64_t{1}, uint64_t{20}, uint64_t{100}}) {
            World world(5, {});
            QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
            for (int i = 0; i < 100; ++i) {
                const uint64_t packets = i > 4 && i < 90 ? 20 : 0;
                if (i == 40 || i == 43 || i == 70) {
                    world.restartMeter(0);
                    world.arrive(0, unseen);
                }
                world.leave(0, packets);
                world.step();
                world.arrive(0, packets);
            }
            for (const auto& [id, one] : world.engine(0).agreements())
                QVERIFY2(one.state == State::Active, qPrintable(QString::number(unseen)));
            windUp(world);
            QCOMPARE(disagreement(world), std::string());
            QCOMPARE(pairAt(world, 1)->theirs.charged,
                     Money::fromEighths(static_cast<int64_t>(world.carried(0) * 800 / 1000)));
        }
    }

    // What passes while the agent is away, and after the count that arrives first when it is back was made.
    void theFirstCountAfterAnAgentIsBackMayBeOld() {
        for (int away = 10; away < 18; ++away) {
            World world(9, {});
            QVERIFY(world.offers(0, wish(Direction::Upstream, 800)).has_value());
            for (int i = 0; i < 60; ++i) {
                if (i == away) {
                    world.underWay = [&world] {
                        world.restartMeter(0);
                        world.arrive(0, 5);
                    };
                }
                if (i > 4 && i < 40) world.traffic(0, 1);
                world.step();
            }
            for (const auto& [id, one] : world.engine(0).agreements()) QCOMPARE(one.state, State::Active);
            windUp(world);
            QCOMPARE(disagreement(world), std::string());
        }
    }

    // Who was killed after it had turned an offer down does not know of that any more.
    void whoHasStartedAgainTakesNoOfferThatMayBeOld() {
        World world(11, {});
        const auto first = world.offers(0, wish(Direction::Upstream, 800));
        QVERIFY(first.has_value());
        world.step();
        agreement::Terms terms = world.engine(1).agreements().at(*first).terms;
        terms.id = agreement::newAgreementId();
        world.startAgain(1);
        const auto early = world.receives(1, agreement::Offer{terms});
        QVERIFY(!early && early.error() == Ignored::Stale);
        QVERIFY(!world.engine(1).agreements().contains(terms.id));
        world.step(1000ms);
        QVERIFY(world.receives(1, agreement::Offer{terms}).has_value());
        QVERIFY(world.engine(1).agreements().at(terms.id).running());
    }

    // The seller has accepted what its buyer had withdrawn, and nothing that was said about it has arrived.
    void aSellerThatCountsWhatHasEndedIsToldSo() {
        World world(12, {});
        world.loseMessages(100);
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        QVERIFY(id.has_value());
        for (int i = 0; i < 130; ++i) world.step(5s);
        const Agreement& withdrawn = world.engine(0).agreements().at(*id);
        QCOMPARE(withdrawn.state, State::Ended);
        QVERIFY(world.receives(1, agreement::Offer{withdrawn.terms}).has_value());
        world.traffic(0, 10);
        world.loseMessages(0);
        for (int i = 0; i < 12; ++i) world.step();
        QCOMPARE(world.engine(1).agreements().at(*id).state, State::Ended);
        QCOMPARE(world.carried(0), uint64_t{10'000});
    }

    void whatAnEarlierVersionHasKeptIsRead() {
        World world(1, {});
        const auto id = world.offers(0, wish(Direction::Upstream, 800));
        for (int i = 0; i < 4; ++i) world.step();
        world.traffic(0, 50);
        for (int i = 0; i < 8; ++i) world.step();
        const Agreement one = world.engine(1).agreements().at(*id);
        const Pair pair = *pairAt(world, 1);
        Bytes bytes = encode(one);
        constexpr auto refused = static_cast<ptrdiff_t>(agreement::termsSize + 12), payments = ptrdiff_t{4};
        bytes[0] = 1;
        bytes.erase(bytes.end() - payments - 1);
        bytes.erase(bytes.begin() + refused);
        QVERIFY(decodeAgreement(bytes) == one);
        bytes = encode(pair);
        constexpr ptrdiff_t place = 1 + 32 + 32 + 16 + 48;
        bytes[0] = 2;
        bytes.erase(bytes.begin() + place, bytes.begin() + place + 7);
        QVERIFY(decodePair(bytes) == pair);
        bytes[0] = 1;
        QVERIFY(!decodePair(bytes) && !decodeAgreement(encode(pair)));
    }

    // Every effect of either engine is once its last, before and after it happened.
    void killedAtEveryStep() {
        World quiet(7, {});
        life(quiet, 100);
        windUp(quiet);
        QCOMPARE(disagreement(quiet), std::string());
        QVERIFY(quiet.payments().size() > 3);
        const uint64_t most = std::max(quiet.effects(0), quiet.effects(1));
        uint64_t kills = 0;
        for (size_t victim = 0; victim < 2; ++victim) {
            for (uint64_t at = 1; at <= std::min<uint64_t>(most, 400); ++at) {
                Weather weather;
                weather.victim = victim;
                weather.killAt = static_cast<int>(at);
                World world(7, weather);
                life(world, 100);
                kills += world.kills();
                windUp(world);
                const std::string why = disagreement(world);
                QVERIFY2(why.empty(),
                         qPrintable(QString("killed %1 at %2: ").arg(victim).arg(at) + QString::fromStdString(why)));
                for (size_t sender = 0; sender < 2; ++sender)
                    QCOMPARE(counted(world, 1 - sender), world.carried(sender));
            }
        }
        QVERIFY(kills >= 400);
    }

    void bothBooksAgreeInAnyWeather() {
        uint64_t kills = 0, payments = 0;
        for (uint64_t seed = 1; seed <= 60; ++seed) {
            Weather weather;
            weather.lostMessages = 25;
            weather.doubled = 10;
            weather.late = 20;
            weather.lostPackets = 2;
            weather.failedPayments = 30;
            weather.killed = 10;
            World world(seed, weather);
            life(world, 200);
            kills += world.kills();
            windUp(world);
            payments += world.payments().size();
            const std::string why = disagreement(world);
            QVERIFY2(why.empty(), qPrintable(QString("seed %1: ").arg(seed) + QString::fromStdString(why)));
        }
        QVERIFY(kills > 60 && payments > 60);
    }

private:
    static const Identity& alice() {
        static const Identity identity = Identity::fromSeed({1});
        return identity;
    }
    static payments::PaymentId nameOf(const AgreementId& id, uint32_t number) {
        static const auto secret = sharedSecret(alice(), Identity::fromSeed({2}).publicKey());
        return agreement::paymentId(*secret, id, number);
    }
};

QTEST_APPLESS_MAIN(TestAgreementEngine)
#include "test_agreement_engine.moc"
