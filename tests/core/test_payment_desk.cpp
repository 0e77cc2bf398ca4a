// Micropayments at the ISPs on their way (NetPaS Figure 2, §4.1, §4.2, §4.3.1, §5.2).
#include <QtTest>

#include "tests/core/books_backend.h"
#include "tests/core/payment_world.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;
using namespace std::chrono_literals;

namespace {

// NetPaS Figure 2: B pays A through Y and X.
struct Figure2 : World {
    Figure2() {
        addIsp("Y", 25, "0.0000005");
        addIsp("X", 24, "0.000002");
        addCustomer("B", "Y", false);
        addCustomer("A", "X", true);
    }
    payments::SignedOrder pay(int64_t amount = 100'000) {
        const auto made = order("B", "A", nano(amount), fees({{"Y", 500}, {"X", 2'000}}));
        say("B", SendPayment{made});
        return made;
    }
    PaymentState at(const char* isp, const payments::SignedOrder& order) {
        const auto known = isps.at(isp)->books->paymentEver(order.order.payment.id);
        return known ? known->state : PaymentState::Unknown;
    }
    bool nothingIsOwed() {
        return isps.at("Y")->owedBy("B") == Money::zero() && isps.at("Y")->owedTo("X") == Money::zero() &&
               isps.at("X")->owedBy("Y") == Money::zero() && isps.at("X")->owedTo("A") == Money::zero();
    }
    // The payee's confirmations have a wrong signature from now on.
    void forgesFor(const std::string& payee) {
        onEndpoint = [this, payee](const std::string& name, const Message& message) {
            const auto* offer = std::get_if<ForwardPayment>(&message);
            if (name != payee || offer == nullptr) return false;
            auto forged = payments::confirm(offer->payment, identities.at(payee), clock.now());
            forged.signature.bytes[7] ^= 1;
            say(payee, PaymentConfirmed{forged});
            return true;
        };
    }
    void tick() {
        for (auto& [name, isp] : isps) isp->desk->tick();
        run();
    }
    Isp& y() { return *isps.at("Y"); }
    Isp& x() { return *isps.at("X"); }
};

}  // namespace

class TestPaymentDesk : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { NETPAS_NEED_DATABASE(); }

    void commitmentsTakeEffectWithTheConfirmation() {
        Figure2 world;
        world.open();
        bool before = false;
        world.touch = [&](World::Wire& wire) {
            if (std::holds_alternative<PaymentConfirmed>(wire.message) && wire.from == "A")
                before = world.nothingIsOwed();
            return true;
        };
        const auto order = world.pay();
        world.run();
        QVERIFY(before);
        QCOMPARE(world.y().owedBy("B"), nano(102'500));
        QCOMPARE(world.y().owedTo("X"), nano(102'000));
        QCOMPARE(world.x().owedBy("Y"), nano(102'000));
        QCOMPARE(world.x().owedTo("A"), nano(100'000));
        QCOMPARE(world.confirmed["B"].size(), size_t{1});
        QVERIFY(payments::verify(world.confirmed["B"][0], order.order.payment));
    }

    void whatIsDoubledOrReplayedIsPaidOnce() {
        Figure2 world;
        world.open();
        world.touch = [&](World::Wire& wire) {
            world.deliver(wire);  // and once more afterwards
            return true;
        };
        const auto order = world.pay();
        world.run();
        world.touch = nullptr;
        world.say("B", SendPayment{order});
        world.clock.advance(1h);
        world.say("B", SendPayment{order});
        world.say("A", PaymentConfirmed{world.confirmed["B"][0]});
        world.run();
        QCOMPARE(world.y().owedBy("B"), nano(102'500));
        QCOMPARE(world.x().owedTo("A"), nano(100'000));
    }

    void anotherPaymentUnderTheSameIdIsRefused() {
        Figure2 world;
        world.open();
        auto order = world.pay();
        world.run();
        order.order.payment.amount = nano(200'000);
        world.say("B", SendPayment{world.signedBy("B", order)});
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::Conflict);
        QCOMPARE(world.y().owedBy("B"), nano(102'500));
    }

    void refusalsSayWhereWhyAndHowMuchWouldHavePassed() {
        Figure2 world;
        world.x().terms.credit[IspId(25)] = nano(150'000);
        world.x().terms.smallest = nano(1'000);
        world.open();
        world.say("B", SendPayment{world.order("B", "A", nano(100'000), world.fees({{"Y", 500}, {"X", 1'999}}))});
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::FeeTooSmall);
        QCOMPARE(world.refused["B"].back().where, IspId(24));
        QCOMPARE(world.refused["B"].back().limit, nano(2'000));
        world.pay(500);
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::TooSmall);
        QCOMPARE(world.refused["B"].back().limit, nano(1'000));
        world.pay();
        world.run();
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::CreditLimit);
        QCOMPARE(world.refused["B"].back().limit, nano(48'000));
        QCOMPARE(world.y().owedBy("B"), nano(102'500));
    }

    void thePayersOwnLimitsHold() {
        Figure2 world;
        auto& account = world.y().terms.accounts["B"];
        account.perDay = nano(250'000);
        account.perPayment = nano(150'000);
        account.perSecond = 100;
        world.open();
        world.pay(200'000);
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::RateLimit);
        QCOMPARE(world.refused["B"].back().limit, nano(150'000));
        world.pay();
        world.pay();
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::RateLimit);
        QCOMPARE(world.refused["B"].back().limit, nano(45'000));
        world.y().open();  // a restarted server still knows
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().limit, nano(45'000));
        world.clock.advance(25h);
        world.pay();
        world.run();
        QCOMPARE(world.y().owedBy("B"), nano(3 * 102'500));
    }

    void tooManyPaymentsASecondAreRefused() {
        Figure2 world;
        world.y().terms.accounts["B"].perSecond = 3;
        world.open();
        for (int i = 0; i < 10; ++i) world.pay();
        world.run();
        QCOMPARE(world.confirmed["B"].size(), size_t{3});
        QCOMPARE(world.refused["B"].size(), size_t{7});
        // Not for the sum: the same order would pass a little later.
        for (const PaymentRefused& one : world.refused["B"]) {
            QCOMPARE(one.reason, PaymentRefusal::RateLimit);
            QVERIFY(one.limit >= nano(102'500));
        }
    }

    void aServerThatOnlyReceivesCannotPay() {
        Figure2 world;
        world.x().terms.accounts["A"].maySend = false;
        world.addCustomer("C", "X", false);
        world.open();
        world.say("A", SendPayment{world.order("A", "C", nano(1'000), world.fees({{"X", 2'000}}))});
        world.run();
        QCOMPARE(world.refused["A"].back().reason, PaymentRefusal::MayNotSend);
        world.say("B", SendPayment{world.order("B", "C", nano(1'000), world.fees({{"Y", 500}, {"X", 2'000}}))});
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::MayNotReceive);
        QVERIFY(world.nothingIsOwed());
    }

    void frozenAccountsNeitherPayNorReceive() {
        Figure2 world;
        world.open();
        world.x().desk->setFrozen("A", true);
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::Frozen);
        QCOMPARE(world.refused["B"].back().where, IspId(24));
        world.y().desk->setFrozen("B", true);
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().where, IspId(25));
    }

    void onlyPayeesOfTheChosenClassesArePaid() {
        Figure2 world;
        world.y().terms.accounts["B"].payees = 0b001;
        world.open();
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::NotCertified);
        world.clock.advance(10min);
        world.certificates[world.identities.at("A").nodeId()] = 0b011;
        world.pay();
        world.run();
        QCOMPARE(world.confirmed["B"].size(), size_t{1});
        const int asked = world.y().certifications;
        world.pay();
        world.run();
        QCOMPARE(world.confirmed["B"].size(), size_t{2});
        QCOMPARE(world.y().certifications, asked);  // known by now
    }

    void aCertificateIsNotRememberedBeyondItsEnd() {
        Figure2 world;
        world.y().terms.accounts["B"].payees = 0b001;
        world.open();
        world.certificates[world.identities.at("A").nodeId()] = 0b001;
        world.certificatesEnd = world.clock.now() + 1min;
        world.pay();
        world.run();
        QCOMPARE(world.confirmed["B"].size(), size_t{1});
        world.certificates.clear();
        world.clock.advance(2min);
        world.pay();
        world.run();
        QCOMPARE(world.confirmed["B"].size(), size_t{1});
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::NotCertified);
    }

    // Whoever cannot be served now is told so, and is served afterwards.
    void aRepositoryThatHangsLeavesNobodyWithoutAnAnswer() {
        Figure2 world;
        auto& account = world.y().terms.accounts["B"];
        account.payees = 0b010;
        account.perSecond = 5000;
        world.open();
        world.certificates[world.identities.at("A").nodeId()] = 0b010;
        world.repositoryHangs = true;
        constexpr size_t most = 1024;
        for (size_t i = 0; i < most + 3; ++i) world.pay(1'000);
        world.run();
        QCOMPARE(world.refused["B"].size(), size_t{3});
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::RateLimit);
        world.repositoryHangs = false;
        world.run();
        QCOMPARE(world.confirmed["B"].size(), most);
    }

    void anOrderOfSomebodyElseIsRefused() {
        Figure2 world;
        world.addCustomer("M", "Y", false);
        world.open();
        world.say("M", SendPayment{world.order("B", "A", nano(1'000), world.fees({{"Y", 500}, {"X", 2'000}}))});
        world.run();
        QCOMPARE(world.refused["M"].back().reason, PaymentRefusal::BadOrder);
        QVERIFY(world.nothingIsOwed());
    }

    // Two ISPs: the payer knows after five seconds.
    void withoutConfirmationNothingIsOwed() {
        Figure2 world;
        world.open();
        world.onEndpoint = [](const std::string& name, const Message&) { return name == "A"; };
        const auto order = world.pay();
        world.run();
        world.clock.advance(5s);
        world.tick();
        QVERIFY(world.refused["B"].empty());
        QCOMPARE(world.at("X", order), PaymentState::Expired);
        QCOMPARE(world.at("Y", order), PaymentState::Pending);
        world.clock.advance(1ms);
        world.tick();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::Expired);
        QCOMPARE(world.at("Y", order), PaymentState::Expired);
        QVERIFY(world.nothingIsOwed());
    }

    void eachHopHasASecondMore() {
        for (const bool late : {false, true}) {
            Figure2 world;
            world.open();
            std::optional<payments::PaymentConfirmation> held;
            world.onEndpoint = [&](const std::string& name, const Message& message) {
                const auto* offer = std::get_if<ForwardPayment>(&message);
                if (offer != nullptr && name == "A") {
                    held = payments::confirm(offer->payment, world.identities.at("A"), world.clock.now());
                }
                return offer != nullptr;
            };
            const auto order = world.pay();
            world.run();
            world.clock.advance(late ? 4s + 1ms : 4s);
            world.say("A", PaymentConfirmed{*held});
            world.run();
            QCOMPARE(world.at("X", order), late ? PaymentState::Pending : PaymentState::Confirmed);
            QCOMPARE(world.acknowledged["A"].back().result, late ? PaymentResult::TooLate : PaymentResult::Done);
        }
    }

    // Whoever discards a late confirmation pays for it; whoever receives it late need not.
    void aConfirmationThatIsHeldUpIsBorneByTheOneWhoHeldIt() {
        Figure2 world;
        world.open();
        std::optional<World::Wire> held;
        world.touch = [&](World::Wire& wire) {
            if (wire.from != "X" || !std::holds_alternative<PaymentConfirmed>(wire.message)) return true;
            held = wire;
            return false;
        };
        const auto order = world.pay();
        world.run();
        world.touch = nullptr;
        world.clock.advance(5s + 1ms);
        world.wires.push_back(*held);
        world.run();
        QCOMPARE(world.at("Y", order), PaymentState::Pending);
        QCOMPARE(world.y().owedBy("B"), Money::zero());
        QCOMPARE(world.x().owedTo("A"), nano(100'000));
        QCOMPARE(world.x().sum(PaymentSum::LateBy, "Y"), nano(102'000));
        world.tick();
        QCOMPARE(world.at("Y", order), PaymentState::Expired);
    }

    // Lost once, it comes again within the second that the hop has (NetPaS §5.2), whatever becomes of the connection.
    void aConfirmationThatIsLostIsSaidAgain() {
        Figure2 world;
        world.open();
        int lost = 0;
        world.touch = [&](World::Wire& wire) {
            const bool drop = wire.from == "X" && std::holds_alternative<PaymentConfirmed>(wire.message) && lost < 2;
            lost += drop ? 1 : 0;
            return !drop;
        };
        const auto order = world.pay();
        world.run();
        QCOMPARE(world.at("Y", order), PaymentState::Pending);
        for (int i = 0; i < 4; ++i) {
            world.clock.advance(250ms);
            world.tick();
        }
        QCOMPARE(lost, 2);
        QCOMPARE(world.at("Y", order), PaymentState::Confirmed);
        QCOMPARE(world.y().owedTo("X"), nano(102'000));
        QCOMPARE(world.x().sum(PaymentSum::LateBy, "Y"), Money::zero());
        // Once it is heard nothing more is said.
        world.touch = [](World::Wire&) {
            qFatal("said again");
            return false;
        };
        world.clock.advance(1min);
        world.x().desk->tick();
        world.run();
    }

    void aCancellationThatIsLostIsSaidAgain() {
        Figure2 world;
        world.open();
        world.forgesFor("A");
        const auto order = world.pay();
        world.run();
        bool lost = false;
        world.touch = [&](World::Wire& wire) {
            if (wire.from != "Y" || !std::holds_alternative<CancelPayment>(wire.message) || lost) return true;
            lost = true;
            return false;
        };
        world.say("B", CancelPayment{order.order.payment.id, world.identities.at("A").publicKey()});
        world.run();
        QVERIFY(lost);
        QCOMPARE(world.at("X", order), PaymentState::Confirmed);
        world.clock.advance(250ms);
        world.tick();
        QCOMPARE(world.at("X", order), PaymentState::Cancelled);
        QCOMPARE(world.y().sum(PaymentSum::LateTo, "X"), Money::zero());
    }

    // The acknowledgement was lost, and what it is said again for has been taken back meanwhile.
    void aConfirmationSaidAgainAfterItWasTakenBackIsNobodysLoss() {
        Figure2 world;
        world.open();
        world.forgesFor("A");
        std::optional<World::Wire> held;
        world.touch = [&](World::Wire& wire) {
            if (wire.from == "X" && std::holds_alternative<PaymentConfirmed>(wire.message)) held = wire;
            return wire.from != "Y" || wire.to != "X" || !std::holds_alternative<PaymentAck>(wire.message);
        };
        const auto order = world.pay();
        world.run();
        world.touch = nullptr;
        std::vector<World::Wire> cancellations;
        world.touch = [&](World::Wire& wire) {
            const bool cancels = wire.from == "Y" && std::holds_alternative<CancelPayment>(wire.message);
            if (cancels) cancellations.push_back(wire);
            return !cancels;
        };
        world.say("B", CancelPayment{order.order.payment.id, world.identities.at("A").publicKey()});
        world.run();
        world.wires.push_back(*held);
        world.run();
        QCOMPARE(world.x().sum(PaymentSum::LateBy, "Y"), Money::zero());
        QCOMPARE(cancellations.size(), size_t{1});
        world.wires.push_back(cancellations.front());
        world.touch = nullptr;
        world.run();
        QCOMPARE(world.x().sum(PaymentSum::TakenBackFrom, "Y"), world.x().owedBy("Y"));
        const PaymentRecord record = *world.x().books->paymentEver(order.order.payment.id);
        QVERIFY(record.toldFrom && record.toldTo);
    }

    void aPayeeThatWasAwayHearsThatItWasTakenBack() {
        Figure2 world;
        world.open();
        world.forgesFor("A");
        const auto order = world.pay();
        world.run();
        const auto forger = world.onEndpoint;
        int heard = 0;
        world.onEndpoint = [&](const std::string& name, const Message& message) {
            if (name != "A" || !std::holds_alternative<CancelPayment>(message)) return forger(name, message);
            ++heard;
            return true;
        };
        world.touch = [](World::Wire& wire) { return wire.to != "A"; };
        world.say("B", CancelPayment{order.order.payment.id, world.identities.at("A").publicKey()});
        world.run();
        world.touch = nullptr;
        QCOMPARE(world.at("X", order), PaymentState::Cancelled);
        QCOMPARE(heard, 0);
        world.x().desk->connected(Party{"A", {}});
        world.run();
        QCOMPARE(heard, 1);
    }

    // A neighbour that is gone for long: its payments wait on disk, not in memory, and are settled when it is there again.
    void aNeighbourThatVanishesTakesNoMemory() {
        Figure2 world;
        world.open();
        world.touch = [](World::Wire& wire) { return wire.to != "Y" || wire.from != "X"; };
        std::vector<payments::SignedOrder> orders;
        for (int i = 0; i < 5; ++i) orders.push_back(world.pay());
        world.run();
        for (const auto& order : orders) QCOMPARE(world.at("X", order), PaymentState::Confirmed);
        world.clock.advance(20min);
        world.x().books->prunePayments(world.clock.now());
        world.x().commit();
        QCOMPARE(world.x().books->payments().size(), size_t{0});
        world.x().open();
        QCOMPARE(world.x().books->payments().size(), size_t{0});
        world.touch = nullptr;
        world.x().desk->connected(Party{{}, world.y().isp});
        world.run();
        // Y owes nothing any more, and X knows that now.
        QCOMPARE(world.x().sum(PaymentSum::LateBy, "Y"), nano(5 * 102'000));
        QVERIFY(world.x().books->unheardBy(Party{{}, world.y().isp}, 10).empty());
        QCOMPARE(world.x().owedTo("A"), nano(500'000));
    }

    // … and do not free its credit: whoever says that everything came too late would have no limit.
    void confirmationsThatANeighbourDidNotTakeCountAgainstItsCredit() {
        Figure2 world;
        world.x().terms.credit[IspId(25)] = nano(250'000);
        world.open();
        world.touch = [](World::Wire& wire) { return wire.to != "Y" || wire.from != "X"; };
        world.pay();
        world.pay();
        world.run();
        world.clock.advance(20min);
        world.touch = nullptr;
        world.x().desk->connected(Party{{}, world.y().isp});
        world.run();
        QCOMPARE(world.x().sum(PaymentSum::LateBy, "Y"), nano(2 * 102'000));
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::CreditLimit);
        QCOMPARE(world.refused["B"].back().limit, nano(46'000));
    }

    void aSettledBillFreesTheCredit() {
        Figure2 world;
        world.x().terms.credit[IspId(25)] = nano(150'000);
        world.open();
        world.pay();
        world.run();
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].size(), size_t{1});
        world.clock.advance(24h * 70);
        Books& books = *world.x().books;
        QCOMPARE(books.closeBills(world.x().isp, Identity::generate(), world.clock.now()), size_t{1});
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].size(), size_t{2});  // closed is not paid
        const CycleNumber cycle = books.bills().begin()->first.second;
        QVERIFY(books.settle(IspId(25), cycle, {world.clock.now(), "wire 1"}));
        QVERIFY(books.settle(IspId(25), cycle, {world.clock.now(), "wire 1, said again"}));
        world.x().commit();
        world.x().open();
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].size(), size_t{2});
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].size(), size_t{3});
        QCOMPARE(world.refused["B"].back().limit, nano(48'000));
    }

    // What was taken back is billed a cycle later here, and settled first: it must not free credit twice.
    void theOrderInWhichBillsAreSettledDoesNotMatter() {
        Figure2 world;
        world.open();
        Books& books = *world.x().books;
        const auto billed = [&](BillItem item) {
            books.bill(IspId(25), item, true, nano(100'000), world.clock.now(), world.clock.now());
            world.clock.advance(24h * 70);
        };
        billed(BillItem::Payments);
        billed(BillItem::TakenBack);
        QCOMPARE(books.closeBills(world.x().isp, Identity::generate(), world.clock.now()), size_t{2});
        for (auto bill = books.bills().rbegin(); bill != books.bills().rend(); ++bill)
            QVERIFY(books.settle(IspId(25), bill->first.second, {world.clock.now(), "wire"}));
        QCOMPARE(books.settledPaymentsOf(IspId(25)), Money::zero());
    }

    // That of an acknowledgement is not worth a commit: when it is lost the confirmation is said once more.
    void anAcknowledgementIsWrittenWithTheNextChange() {
        Figure2 world;
        world.open();
        const auto order = world.pay();
        world.run();
        QVERIFY(!world.x().books->dirty());
        QVERIFY(world.x().books->payment(order.order.payment.id)->toldFrom);
        world.x().open();
        QVERIFY(!world.x().books->payment(order.order.payment.id)->toldFrom);
        world.x().desk->connected(Party{{}, world.y().isp});
        world.run();
        world.x().books->writeLate();
        world.x().commit();
        world.x().open();
        QVERIFY(world.x().books->payment(order.order.payment.id)->toldFrom);
        QCOMPARE(world.y().owedTo("X"), nano(102'000));
        QCOMPARE(world.x().sum(PaymentSum::LateBy, "Y"), Money::zero());
    }

    void confirmationsThatComeFromElsewhereChangeNothing() {
        Figure2 world;
        world.addIsp("M", 66);
        world.addCustomer("C", "X", true);
        world.open();
        std::optional<payments::Payment> offered;
        world.onEndpoint = [&](const std::string& name, const Message& message) {
            if (const auto* offer = std::get_if<ForwardPayment>(&message)) offered = offer->payment;
            return name == "A" && std::holds_alternative<ForwardPayment>(message);
        };
        const auto order = world.pay();
        world.run();
        const auto good = payments::confirm(*offered, world.identities.at("A"), world.clock.now());
        world.wires.push_back({"C", "X", PaymentConfirmed{good}});
        world.wires.push_back({"M", "Y", PaymentConfirmed{good}});
        const auto bad = payments::confirm(*offered, world.identities.at("C"), world.clock.now());
        world.say("A", PaymentConfirmed{bad});
        world.run();
        QVERIFY(world.nothingIsOwed());
        QCOMPARE(world.at("X", order), PaymentState::Pending);
        QCOMPARE(world.acknowledged["A"].back().result, PaymentResult::BadProof);
        QCOMPARE(world.acknowledged["C"].back().result, PaymentResult::NotYours);
    }

    void aWrongSignatureIsTakenBackAlongTheWholeWay() {
        Figure2 world;
        world.open();
        world.forgesFor("A");
        const auto order = world.pay();
        world.run();
        QCOMPARE(world.at("Y", order), PaymentState::Confirmed);
        QVERIFY(!payments::verify(world.confirmed["B"][0], order.order.payment));
        world.say("B", CancelPayment{order.order.payment.id, world.identities.at("A").publicKey()});
        world.run();
        QCOMPARE(world.at("Y", order), PaymentState::Cancelled);
        QCOMPARE(world.at("X", order), PaymentState::Cancelled);
        QCOMPARE(world.y().sum(PaymentSum::TakenBackFrom, "B"), nano(102'500));
        QCOMPARE(world.y().sum(PaymentSum::TakenBackTo, "X"), nano(102'000));
        QCOMPARE(world.x().sum(PaymentSum::TakenBackTo, "A"), nano(100'000));
        QCOMPARE(world.acknowledged["B"].back().result, PaymentResult::Done);
    }

    void aGoodSignatureIsNotTakenBack() {
        Figure2 world;
        world.open();
        const auto order = world.pay();
        world.run();
        world.say("B", CancelPayment{order.order.payment.id, world.identities.at("A").publicKey()});
        world.say("B", CancelPayment{order.order.payment.id, world.identities.at("B").publicKey()});
        world.run();
        QCOMPARE(world.at("Y", order), PaymentState::Confirmed);
        for (size_t i = 0; i < 2; ++i) QCOMPARE(world.acknowledged["B"][i].result, PaymentResult::BadProof);
    }

    void thePayerHasOneSecond() {
        for (const bool late : {false, true}) {
            Figure2 world;
            world.open();
            world.touch = [&](World::Wire& wire) {
                if (auto* m = std::get_if<PaymentConfirmed>(&wire.message); m && wire.from == "A") {
                    m->confirmation.signature.bytes[0] ^= 1;
                }
                return true;
            };
            const auto order = world.pay();
            world.run();
            world.clock.advance(late ? 1s + 1ms : 1s);
            world.say("B", CancelPayment{order.order.payment.id, world.identities.at("A").publicKey()});
            world.run();
            QCOMPARE(world.at("Y", order), late ? PaymentState::Confirmed : PaymentState::Cancelled);
            QCOMPARE(world.at("X", order), late ? PaymentState::Confirmed : PaymentState::Cancelled);
        }
    }

    void aServerThatDiesHasLostNothingThatItSaid() {
        Figure2 world;
        world.open();
        std::vector<World::Wire> lost;
        world.touch = [&](World::Wire& wire) {
            const bool back = wire.from == "X" && std::holds_alternative<PaymentConfirmed>(wire.message);
            if (back) lost.push_back(wire);
            return !back;
        };
        const auto order = world.pay();
        world.run();
        QCOMPARE(lost.size(), size_t{1});
        world.touch = nullptr;
        world.x().open();
        world.y().open();
        world.x().desk->connected({{}, IspId(25)});
        world.run();
        QCOMPARE(world.at("Y", order), PaymentState::Confirmed);
        QCOMPARE(world.y().owedBy("B"), nano(102'500));
        world.x().open();
        QCOMPARE(world.x().owedTo("A"), nano(100'000));
        world.x().desk->connected({{}, IspId(25)});
        world.run();
        QCOMPARE(world.y().owedBy("B"), nano(102'500));
    }

    void whoAsksIsTold() {
        Figure2 world;
        world.open();
        const auto order = world.pay();
        PaymentQuery query{7, order.order.payment.id};
        QCOMPARE(world.y().desk->statement("B", query).state, PaymentState::Unknown);
        world.run();
        auto said = world.y().desk->statement("B", query);
        QCOMPARE(said.state, PaymentState::Confirmed);
        QVERIFY(!said.final);
        world.clock.advance(2s);
        said = world.y().desk->statement("B", query);
        QVERIFY(said.final);
        QCOMPARE(said.charged, nano(102'500));
        QVERIFY(verify(world.y().identity.publicKey(), paymentStatementMessage(said, world.identities.at("B").nodeId()),
                       said.signature));
        world.addCustomer("M", "Y", false);
        QCOMPARE(world.y().desk->statement("M", query).state, PaymentState::Unknown);
    }

    void aNeighbourThatIsAwayIsNoWay() {
        Figure2 world;
        world.open();
        world.cut.insert({"Y", "X"});
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::NoRoute);
        QCOMPARE(world.refused["B"].back().where, IspId(25));
        world.cut = {{"X", "A"}};
        world.pay();
        world.run();
        QCOMPARE(world.refused["B"].back().reason, PaymentRefusal::PayeeAway);
        QCOMPARE(world.refused["B"].back().where, IspId(24));
        QVERIFY(world.nothingIsOwed());
    }
};

QTEST_GUILESS_MAIN(TestPaymentDesk)
#include "test_payment_desk.moc"
