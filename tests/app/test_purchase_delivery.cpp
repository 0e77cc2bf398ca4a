// What is paid for and not delivered: the next best offer for no more money, or best effort; and what is remembered of it.
#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <optional>

#include "app/secretary/purchase_service.h"
#include "secretary/delivery/delivery_book.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using ledger::EndReason;
using ledger::PurchaseState;
using secretary::delivery::DeliveryBook;
using std::chrono::milliseconds;

namespace {

const SoldClass gold{IspId(25), ServiceClass(1)};
const SoldClass silver{IspId(25), ServiceClass(2)};
const SoldClass last{IspId(24), ServiceClass(1)};

Money nano(int64_t amount) { return *Money::fromNanodollars(amount); }

// Z, then gold (10) or silver (4) of Y, then X.
cartographer::Quote quoted(const IpAddress& destination, std::optional<SoldClass> middle, int64_t price) {
    cartographer::Quote quote{destination, {}, SystemTime::max()};
    const auto hop = [&](SoldClass sold, const char* name, int64_t nanodollars) {
        PriceSchedule prices;
        prices.base.perPacket = nano(nanodollars);
        quote.path.push_back({sold.isp, "isp", sold.service, name, ExitPoint{0}, prices});
    };
    hop({IspId(26), ServiceClass(1)}, "gold", 3);
    if (middle) hop(*middle, *middle == gold ? "gold" : "silver", price);
    hop(last, "gold", 2);
    return quote;
}

struct World {
    World(ledger::Ledger& ledger, store::Documents& documents, ManualClock& manual)
        : clock(manual),
          timers(clock),
          quotes(timers, kill),
          mint(kill),
          first(isp, timers, kill),
          plane(isp, timers, kill),
          authority(kill),
          book(*DeliveryBook::open(documents)),
          service({ledger, quotes, mint, first, plane, authority, timers, clock, [](LogLevel, const std::string&) {},
                   &book},
                  PurchaseSettings{}) {
        plane.service = &service;
        quotes.choose = [this](const cartographer::QuoteRequest& request) { return choose(request); };
        service.agentUp({});
    }

    // As the cartographer does.
    tl::expected<cartographer::Quote, QuoteFailure> choose(const cartographer::QuoteRequest& request) const {
        for (const auto& [sold, price] : {std::pair(gold, goldPrice), std::pair(silver, silverPrice)}) {
            const std::pair<IspId, ServiceClass> one(sold.isp, sold.service);
            if (std::find(request.without.begin(), request.without.end(), one) != request.without.end()) continue;
            auto quote = quoted(request.destination, sold, price);
            if (request.atMost &&
                cartographer::dearestPacket(quote.path, cartographer::fullPacketBytes)->total > *request.atMost)
                continue;
            return quote;
        }
        return tl::unexpected(QuoteFailure{QuoteFailure::Kind::NoPath, "nothing is left", {}});
    }

    std::optional<PurchaseId> buy(uint16_t port = 80) {
        BuyOrder order;
        order.purchase.uid = 1000;
        order.purchase.flow.remote = IpPrefix::parse("192.0.2.10");
        order.purchase.flow.protocol = ipproto::tcp;
        order.purchase.flow.remotePort = port;
        order.purchase.cap = *Money::parse("0.05");
        order.what.destination = *IpAddress::parse("192.0.2.10");
        std::optional<PurchaseId> id;
        service.buy(order, [&](const auto& result) {
            if (result) id = result->book.id;
        });
        timers.run(milliseconds(20));
        return id;
    }
    void complain(PurchaseId id, std::vector<SoldClass> suspects) {
        service.notDelivered({{id}, std::move(suspects), R"({"windows":[]})"});
        timers.run(milliseconds(20));
    }
    [[nodiscard]] std::optional<SoldClass> paidAtY() const {
        for (const PaidFlow& flow : plane.flows) {
            if (!flow.diverted) continue;
            for (const cartographer::QuotedHop& hop : flow.path) {
                if (hop.isp == IspId(25)) return SoldClass{hop.isp, hop.service};
            }
        }
        return std::nullopt;
    }

    int64_t goldPrice = 10;
    int64_t silverPrice = 4;
    ManualClock& clock;
    fake::KillSwitch kill;
    fake::Isp isp;
    fake::Timers timers;
    fake::Quotes quotes;
    fake::Mint mint;
    fake::FirstIsp first;
    fake::Flows plane;
    fake::Authority authority;
    DeliveryBook book;
    PurchaseService service;
};

}  // namespace

class TestPurchaseDelivery : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ledger::Ledger> m_ledger;
    std::unique_ptr<store::MemoryDocuments> m_documents;
    ManualClock m_clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};

private slots:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_documents = std::make_unique<store::MemoryDocuments>();
        auto opened = ledger::Ledger::open(m_folder->filePath("ledger.db").toStdString(), store::DatabaseKey{});
        QVERIFY(opened);
        m_ledger = std::move(*opened);
    }
    void cleanup() {
        const auto found = m_ledger->check();
        QVERIFY(found && found->empty());
        m_ledger.reset();
    }

    void theNextBestOfferIsTaken() {
        World world(*m_ledger, *m_documents, m_clock);
        const auto id = world.buy();
        QVERIFY(id && world.paidAtY() == gold);
        world.complain(*id, {gold, last});
        QVERIFY(world.paidAtY() == silver);
        QCOMPARE(int(m_ledger->find(*id)->state), int(PurchaseState::Active));
        const auto cases = world.book.cases();
        QCOMPARE(cases.size(), size_t{1});
        QVERIFY(cases[0].suspects == std::vector<SoldClass>{gold} && cases[0].purchase == *id && cases[0].uid == 1000);
        QVERIFY(QString::fromStdString(cases[0].outcome).startsWith("next offer"));
        QVERIFY(world.book.avoided(m_clock.now()) == std::vector<SoldClass>{gold});
        // It stays there: routes and prices are followed by what it has now, and the mark's end brings nothing back.
        world.timers.run(std::chrono::minutes(15));
        QVERIFY(world.paidAtY() == silver);
        QVERIFY(world.book.avoided(m_clock.now()).empty());
        QVERIFY(world.service.stop(*id, EndReason::StoppedByUser));
        world.timers.run(milliseconds(2000));
        QVERIFY(world.service.idle());
    }

    void whereNothingIsLeftItGoesBestEffort() {
        World world(*m_ledger, *m_documents, m_clock);
        const auto id = world.buy();
        world.plane.traffic(100);
        world.timers.run(milliseconds(100));
        world.complain(*id, {gold});
        world.complain(*id, {silver, last});
        QVERIFY(!world.paidAtY() && world.plane.diverted() == 0);
        world.timers.run(milliseconds(2000));
        const auto over = *m_ledger->find(*id);
        QCOMPARE(int(over.state), int(PurchaseState::Settled));
        QCOMPARE(int(over.reason), int(EndReason::NotDelivered));
        QCOMPARE(*over.charged, nano(1500));
        const auto cases = world.book.cases();
        QCOMPARE(cases.size(), size_t{2});
        QCOMPARE(cases[0].outcome, std::string("best effort"));
        // A second class of the same ISP: it may be the one behind it as well.
        QVERIFY(cases[0].suspects == (std::vector<SoldClass>{silver, last}));
        QVERIFY(cases[0].paid == nano(1500));
        // And nothing of it is bought again for now, …
        QVERIFY(!world.buy());
        // … but after a while.
        world.timers.run(std::chrono::minutes(11));
        QVERIFY(world.buy());
    }

    void itNeverCostsMoreThanWasAgreedTo() {
        World world(*m_ledger, *m_documents, m_clock);
        world.silverPrice = 11;
        const auto id = world.buy();
        world.complain(*id, {gold});
        world.timers.run(milliseconds(2000));
        QCOMPARE(int(m_ledger->find(*id)->reason), int(EndReason::NotDelivered));
    }

    // A complaint that comes late, or about others.
    void whatIsNotPaidForIsNoCase() {
        World world(*m_ledger, *m_documents, m_clock);
        const auto id = world.buy();
        world.complain(*id, {silver});
        world.complain(*id, {});
        world.complain(PurchaseId(99), {gold});
        world.service.notDelivered({{*id, *id}, {gold}, "{}"});  // twice before anything else is found
        world.timers.run(milliseconds(20));
        world.complain(*id, {gold});
        QCOMPARE(world.book.cases().size(), size_t{1});
        QVERIFY(world.paidAtY() == silver);
    }

    void whoFindsNothingElseInTimeIsNotWaitedFor() {
        World world(*m_ledger, *m_documents, m_clock);
        const auto id = world.buy();
        world.quotes.silent = true;
        world.service.notDelivered({{*id}, {gold}, "{}"});
        world.timers.run(milliseconds(1900));
        QVERIFY(world.paidAtY() == gold);
        world.timers.run(milliseconds(200));
        QVERIFY(!world.paidAtY());
        QCOMPARE(int(m_ledger->find(*id)->reason), int(EndReason::NotDelivered));
        QCOMPARE(world.book.cases().front().outcome, std::string("best effort"));
    }

    void eachPurchaseThatSuffersIsMoved() {
        World world(*m_ledger, *m_documents, m_clock);
        const auto one = world.buy(80), two = world.buy(81);
        world.service.notDelivered({{*one, *two}, {gold}, "{}"});
        world.timers.run(milliseconds(20));
        for (const PaidFlow& flow : world.plane.flows) QVERIFY(flow.path[1].service == silver.service);
        QCOMPARE(world.book.cases().size(), size_t{2});
        QCOMPARE(world.book.marks().front().times, 1U);
    }
};

QTEST_GUILESS_MAIN(TestPurchaseDelivery)
#include "test_purchase_delivery.moc"
