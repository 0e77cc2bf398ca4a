// Frozen accounts, complaints between ISPs and blacklists (NetPaS §4.1.4, §4.1.5): what they do, and that they last.
#include <QtTest>

#include "tests/core/figure2.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

struct World : Figure2 {
    World() {
        x.config.freeze = {3, 4, nano(250'000)};
        x.config.customers[0].payments.perSecond = y.config.customers[0].payments.perSecond = 1000;
    }
    payments::PaymentId payOnce() {
        const auto made = order(nano(100'000), fees(24, nano(100'000)));
        const auto outcome = pay(made);
        const auto* refused = outcome ? std::get_if<PaymentRefused>(&*outcome) : nullptr;
        last = refused != nullptr ? std::optional(refused->reason) : std::nullopt;
        return made.order.payment.id;
    }
    // Until everybody is connected again.
    template <typename Condition>
    bool again(Condition condition) {
        for (int i = 0; i < 40; ++i) {
            if (condition()) return true;
            settle(io);
        }
        return false;
    }
    bool frozen() { return x.books().blocks().contains(Party{"A", {}}); }
    std::optional<PaymentRefusal> last;
};

}  // namespace

class TestAccountingBlocks : public QObject {
    Q_OBJECT

private slots:
    void complaintsWithAGrowingBalanceFreezeTheAccountUntilTheOperatorLooks() {
        World w;
        QVERIFY(w.up());
        std::vector<payments::PaymentId> paid;
        for (int i = 0; i < 3; ++i) {
            paid.push_back(w.payOnce());
            QVERIFY(!w.last);
        }
        QVERIFY(w.y.server->complain(paid[0], "stolen"));
        QVERIFY(w.y.server->complain(paid[1], "stolen"));
        QVERIFY(w.y.server->complain(paid[1], "stolen, again"));  // counts once
        QVERIFY(w.run([&] { return w.x.books().complaints("A").size() == 2; }));
        settle(w.io);
        QVERIFY(!w.frozen());
        QVERIFY(w.y.server->complain(paid[2], "stolen"));
        QVERIFY(w.run([&] { return w.frozen(); }));
        // It holds when it is written: one that was on its way before may still pass.
        int64_t passed = 3;
        QVERIFY(w.again([&] {
            (void)w.payOnce();
            passed += w.last ? 0 : 1;
            return w.last == PaymentRefusal::Frozen;
        }));
        const std::string held = Money::fromEighths(nano(100'000).eighths() * passed).toString();
        QVERIFY(w.x.server->blocksJson().find("\"held\": \"" + held + "\"") != std::string::npos);

        w.x.server.reset();
        QVERIFY(w.x.open());
        w.x.start({&w.y});
        QVERIFY(w.frozen());
        QVERIFY(w.again([&] {
            (void)w.payOnce();
            return w.last == PaymentRefusal::Frozen;
        }));

        QVERIFY(w.x.server->setFrozen("A", false, ""));
        QVERIFY(w.x.books().complaints("A").empty());
        // It has asked to receive while it was frozen, and need not ask again.
        QVERIFY(w.again([&] { return w.payOnce() != payments::PaymentId{} && !w.last; }));
    }

    // A complaint is durable before the command answers, and is told when there is a connection.
    void aComplaintWaitsForAnIspThatIsAway() {
        World w;
        QVERIFY(w.up());
        const auto paid = w.payOnce();
        QVERIFY(!w.last);
        w.x.server.reset();
        settle(w.io);
        QVERIFY(w.y.server->complain(paid, "stolen"));
        QCOMPARE(w.y.books().complaintOutbox().size(), size_t{1});
        w.y.server.reset();  // and Y's server dies as well
        QVERIFY(w.y.open());
        w.y.start({&w.x});
        QCOMPARE(w.y.books().complaintOutbox().size(), size_t{1});
        QVERIFY(w.x.open());
        w.x.start({&w.y});
        QVERIFY(w.run([&] { return w.x.books().complaints("A").size() == 1; }));
        QVERIFY(w.run([&] { return w.y.books().complaintOutbox().empty(); }));
        QVERIFY(!w.x.books().complaints("A").begin()->second.reason.empty());
    }

    // What the operator has looked into does not freeze the account again, told once more.
    void aComplaintThatWasLookedIntoDoesNotCountAgain() {
        World w;
        QVERIFY(w.up());
        std::vector<payments::PaymentId> paid;
        for (int i = 0; i < 3; ++i) paid.push_back(w.payOnce());
        const auto complainAboutAll = [&] {
            for (const auto& id : paid) QVERIFY(w.y.server->complain(id, "stolen"));
            QVERIFY(w.run([&] { return w.y.books().complaintOutbox().empty(); }));
        };
        complainAboutAll();
        QVERIFY(w.run([&] { return w.frozen(); }));
        QVERIFY(w.x.server->setFrozen("A", false, ""));
        complainAboutAll();
        QVERIFY(w.x.books().complaints("A").empty() && !w.frozen());
        w.x.server.reset();
        QVERIFY(w.x.open());
        w.x.start({&w.y});
        QVERIFY(w.again([&] { return w.y.server->booksJson().find("\"connected\": true") != std::string::npos; }));
        complainAboutAll();
        QVERIFY(w.x.books().complaints("A").empty() && !w.frozen());
    }

    void complaintsAloneFreezeNobody() {
        World w;
        w.x.config.freeze.least = dollars("1");
        QVERIFY(w.up());
        for (int i = 0; i < 4; ++i) QVERIFY(w.y.server->complain(w.payOnce(), "I did not want that"));
        QVERIFY(w.run([&] { return w.x.books().complaints("A").size() == 4; }));
        settle(w.io);
        QVERIFY(!w.frozen());
        QVERIFY(w.x.books().alarmCount() >= 4);
    }

    void nobodyComplainsAboutAPaymentThatHeDidNotBring() {
        World w;
        QVERIFY(w.up());
        QVERIFY(!w.y.server->complain(payments::newPaymentId(), "invented"));
        const auto paid = w.payOnce();
        // Only the payer's ISP.
        QVERIFY(!w.x.server->complain(paid, "not ours"));
        settle(w.io);
        QVERIFY(w.x.books().complaints("A").empty());
    }

    void anAccountIsFrozenByHandForPayingToo() {
        World w;
        QVERIFY(w.up());
        QVERIFY(!w.y.server->setFrozen("nobody", true, ""));
        QVERIFY(w.y.server->setFrozen("B", true, "looked at"));
        (void)w.payOnce();
        QVERIFY(w.last == PaymentRefusal::Frozen);
        QVERIFY(w.y.server->blocksJson().find("looked at") != std::string::npos);
        QVERIFY(w.y.server->setFrozen("B", false, ""));
        (void)w.payOnce();
        QVERIFY(!w.last);
    }

    void theBlacklistOutlivesTheServer() {
        World w;
        QVERIFY(w.up());
        w.y.startEdge();
        QVERIFY(w.run([&] { return w.y.edge->client.isUp(); }));
        w.y.server->setBlacklist({IspId(66), IspId(67)});
        const std::vector<IspId> both{IspId(66), IspId(67)};
        QVERIFY(w.run([&] { return w.y.edge->blacklist == both; }));
        w.y.server.reset();
        QVERIFY(w.y.open());
        w.y.start({&w.x});
        w.y.edge->blacklist.clear();
        QVERIFY(w.run([&] { return w.y.edge->blacklist == both; }));
        w.y.server->setBlacklist({IspId(67)});
        QVERIFY(w.run([&] { return w.y.edge->blacklist == std::vector<IspId>{IspId(67)}; }));
    }
};

QTEST_APPLESS_MAIN(TestAccountingBlocks)
#include "test_accounting_blocks.moc"
