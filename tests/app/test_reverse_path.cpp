// Buyer and seller of the reverse path (app/secretary/REVERSE.md) against each other, with fakes for everything around them.
#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "app/secretary/reverse_json.h"
#include "app/secretary/reverse_purchases.h"
#include "app/secretary/reverse_sales.h"
#include "tests/app/payment_fakes.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using ledger::EndReason;
using ledger::PurchaseState;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Money dollars(const char* text) { return *Money::parse(text); }
Money minus(Money a, Money b) { return *checkedSub(a, b); }

secretary::Wallet walletOf(uint8_t number) {
    Identity::Seed seed{};
    seed[3] = number;
    return secretary::Wallet::fromSeed(seed);
}

struct Books {
    QTemporaryDir folder;
    std::unique_ptr<ledger::Ledger> ledger = *ledger::Ledger::open(folder.filePath("l.db").toStdString(), {});
    secretary::Wallet wallet = walletOf(1);
    void log(const std::string& line) { lines.push_back(line); }
    std::vector<std::string> lines;
};

// An access router that sells: one life of its secretary.
struct Seller {
    Seller(Books& books, fake::PaymentBooks& refunds, fake::Isp& network, ManualClock& clock, fake::Timers& timers,
           fake::KillSwitch& kill)
        : quotes(timers, kill),
          firstIsp(network, timers, kill),
          flows(network, timers, kill),
          authority(kill),
          mint(kill),
          isp(refunds, clock, timers, kill),
          journal(*ledger::PaymentJournal::open(books.ledger->documents())),
          purchases({*books.ledger, quotes, mint, firstIsp, flows, authority, timers, clock, sink(books)}, {}),
          payments({*books.ledger, journal, books.wallet, isp, authority, timers, clock, sink(books), {}}, {}) {
        flows.service = &purchases;
        sales = *ReverseSales::open(
            {purchases, payments, isp, quotes, books.ledger->documents(), timers, clock, sink(books), payee,
             [] { return IspId{24}; }, [this] { return receives; }, dollars("1")},
            {});
        purchases.onSettled([this](PurchaseId id) { sales->settled(id); });
        purchases.agentUp({});
    }
    static LogSink sink(Books& books) {
        return [&books](LogLevel, const std::string& line) { books.log(line); };
    }
    fake::Quotes quotes;
    fake::FirstIsp firstIsp;
    fake::Flows flows;
    fake::Authority authority;
    fake::Mint mint;
    fake::PaymentIsp isp;
    ledger::PaymentJournal journal;
    PurchaseService purchases;
    PaymentService payments;
    NodeId payee;
    bool receives = true;
    std::unique_ptr<ReverseSales> sales;
};

// HTTPS between the two, and the kernel's count at the viewer's.
class Line final : public Sellers {
public:
    explicit Line(fake::Timers& timers) : m_timers(timers) {}
    void find(const IpAddress&, std::function<void(tl::expected<SellerAddress, QuoteFailure>)> done) override {
        tl::expected<SellerAddress, QuoteFailure> found = SellerAddress{};
        if (!seller) found = tl::unexpected(QuoteFailure{QuoteFailure::Kind::NoPath, "nobody sells", {}});
        m_timers.after(milliseconds(1), [done, found] { done(found); });
    }
    void call(const SellerAddress&, const std::string& method, const std::string& path, const std::string& body,
              const std::optional<FlowMatch>& flow, std::function<void(SellerReply)> done) override {
        ++calls;
        SellerReply reply;
        if (flow) reply.receivedSegments = received;
        const auto answer = [this, done, head = reply](uint16_t status, const json& said) {
            SellerReply full = head;
            full.status = status;
            full.body = garbage.empty() ? said.dump() : garbage;
            m_timers.after(milliseconds(20), [done, full] { done(full); });
        };
        if (cut || seller == nullptr) {
            m_timers.after(milliseconds(20), [done, reply] { done(reply); });
            return;
        }
        if (method == "POST") {
            json wish = json::parse(body);
            wish["to"] = "192.0.2.10";
            const auto parsed = reverseWishFromJson(wish);
            if (!parsed) return answer(400, {{"code", ""}, {"message", parsed.error().message}, {"hint", ""}});
            seller->sales->offer(*parsed, [answer](const auto& offer) {
                if (!offer) return answer(503, {{"code", ""}, {"message", offer.error().message}, {"hint", ""}});
                answer(201, offerJson(*offer, SystemTime{}));
            });
            return;
        }
        order = path.substr(path.rfind('/') + 1);
        if (method == "DELETE") (void)seller->sales->stop(order);
        const auto standing = seller->sales->find(order);
        if (!standing) return answer(404, {{"code", ""}, {"message", "no such order"}, {"hint", ""}});
        answer(200, standingJson(*standing));
    }
    Seller* seller = nullptr;
    bool cut = false;
    std::string garbage;
    std::string order;
    uint64_t received = 0;
    int calls = 0;

private:
    fake::Timers& m_timers;
};

struct World {
    static constexpr uint32_t uid = 1000;
    static constexpr uint16_t port = 40000;
    World() : line(timers) {
        sellerPayments.payee = Identity::generate();
        restartSeller();
        line.seller = seller.get();
        payments = std::make_unique<PaymentService>(PaymentService::Ports{*buyerBooks.ledger,
                                                                          journal,
                                                                          buyerBooks.wallet,
                                                                          isp,
                                                                          authority,
                                                                          timers,
                                                                          clock,
                                                                          Seller::sink(buyerBooks),
                                                                          {}},
                                                    PaymentSettings{});
        buyer = std::make_unique<ReversePurchases>(
            ReversePurchases::Ports{*buyerBooks.ledger, line, *payments, authority, timers, clock,
                                    Seller::sink(buyerBooks),
                                    [this]() -> std::optional<Refund> {
                                        if (!refunds) return std::nullopt;
                                        return Refund{buyerPayments.payee.nodeId(), IspId{24}};
                                    }},
            ReversePurchaseSettings{});
    }
    void restartSeller() {
        seller.reset();
        timers.run(milliseconds(0));
        seller = std::make_unique<Seller>(sellerBooks, buyerPayments, network, clock, timers, kill);
        seller->sales.reset();
        seller->payee = sellerPayments.payee.nodeId();
        seller->sales = *ReverseSales::open(
            {seller->purchases, seller->payments, seller->isp, seller->quotes, sellerBooks.ledger->documents(), timers,
             clock, Seller::sink(sellerBooks), seller->payee, [] { return IspId{24}; },
             [this] { return seller->receives; }, dollars("1")},
            {});
        line.seller = seller.get();
    }
    // Packets of the flow, as many a second; the payments that were confirmed reach the seller.
    void run(milliseconds time, uint64_t packetsPerSecond = 0, bool arrives = true) {
        constexpr milliseconds step{50};
        for (milliseconds done{0}; done < time; done += step) {
            timers.run(step);
            deliver();
            const uint64_t packets = packetsPerSecond / 20;
            if (packets > 0) seller->flows.traffic(packets);
            if (arrives) line.received += packets;
        }
    }
    void deliver() {
        for (const auto& [id, entry] : sellerPayments.entries) {
            if (entry.state != accounting::PaymentState::Confirmed || !delivered.insert(id).second) continue;
            const bool done =
                sellerBooks.ledger->group([&] { return seller->sales->received(entry.order.order.payment); })
                    .has_value();
            seller->sales->written(done);
            QVERIFY(done);
        }
    }
    static ReverseBuyOrder wish(const char* cap, uint32_t uid, uint16_t port) {
        ReverseBuyOrder order;
        order.order.purchase.uid = uid;
        order.order.purchase.cap = dollars(cap);
        order.order.byPerson = true;
        order.order.what.destination = *IpAddress::parse("203.0.113.5");
        order.sent.remote = IpPrefix::make(order.order.what.destination, 32);
        order.sent.protocol = ipproto::tcp;
        order.sent.remotePort = 80;
        order.sent.localPort = port;
        order.order.purchase.flow = {order.sent.remote, std::nullopt, ipproto::tcp, 80, port};
        order.wish = {{"from", "203.0.113.5"}, {"from_port", 80}, {"to_port", port}, {"protocol", "tcp"}, {"cap", cap}};
        return order;
    }
    [[nodiscard]] tl::expected<std::vector<ReverseQuote>, BuyRefusal> quote() {
        const auto offers = std::make_shared<std::optional<tl::expected<std::vector<ReverseQuote>, BuyRefusal>>>();
        buyer->quotes().offers(wish("1", uid, port), [offers](auto found) { *offers = std::move(found); });
        run(milliseconds(200));
        return *offers ? **offers : tl::unexpected(BuyRefusal{});
    }
    // `offer` empty: the seller is asked now.
    tl::expected<PurchaseView, BuyRefusal> tryToBuy(const char* cap, const std::string& offer, uint16_t fromPort = port,
                                                    uint32_t user = uid) {
        ReverseBuyOrder order = wish(cap, user, fromPort);
        order.order.purchase.duration = lasts;
        order.order.prepared = offer;
        if (offer.empty()) order.wish["class"] = "best";
        const auto said = std::make_shared<std::optional<tl::expected<PurchaseView, BuyRefusal>>>();
        buyer->buy(order, [said](auto result) { *said = std::move(result); });
        run(milliseconds(500));
        // With payments on hold there is no answer yet.
        return *said ? **said : tl::unexpected(BuyRefusal{});
    }
    void buy(const char* cap = "0.01", const std::string& offer = {}) { answer = tryToBuy(cap, offer); }
    [[nodiscard]] PurchaseView view() const { return *buyer->find(answer->value().book.id); }
    [[nodiscard]] Money sellerSpent() const {
        Money sum;
        for (const auto& [id, key] : network.keys) sum = *checkedAdd(sum, key.amount);
        return sum;
    }
    [[nodiscard]] Money sellerReceived() const {
        Money sum;
        for (const auto& id : delivered) {
            sum = *checkedAdd(sum, sellerPayments.entries.at(id).order.order.payment.amount);
        }
        return sum;
    }
    void booksAreGood() {
        QVERIFY(buyerBooks.ledger->check()->empty());
        QVERIFY(sellerBooks.ledger->check()->empty());
    }

    ManualClock clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
    fake::Timers timers{clock};
    fake::KillSwitch kill;
    Books buyerBooks, sellerBooks;
    fake::PaymentBooks sellerPayments, buyerPayments;  // what goes to each
    fake::Isp network;
    Line line;
    fake::PaymentIsp isp{sellerPayments, clock, timers, kill};
    fake::Authority authority{kill};
    ledger::PaymentJournal journal = *ledger::PaymentJournal::open(buyerBooks.ledger->documents());
    std::unique_ptr<Seller> seller;
    std::unique_ptr<PaymentService> payments;
    std::unique_ptr<ReversePurchases> buyer;
    std::set<payments::PaymentId> delivered;
    std::optional<tl::expected<PurchaseView, BuyRefusal>> answer;
    bool refunds = true;
    std::optional<seconds> lasts;
};

}  // namespace

class TestReversePath : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void whatIsNotSpentComesBack() {
        World world;
        world.buy();
        QVERIFY(world.answer);
        QVERIFY2(world.answer->has_value(), world.answer->has_value() ? "" : world.answer->error().message.c_str());
        QCOMPARE(world.view().book.state, PurchaseState::Active);
        world.run(seconds(10), 1000);
        QVERIFY(world.view().reverse->slices > 1);
        // The seller never had keys for more than it was paid.
        QVERIFY(world.sellerSpent() <= world.sellerReceived());
        QVERIFY(world.sellerSpent() > Money::zero());
        QVERIFY(world.buyer->stop(world.view().book.id, EndReason::StoppedByUser));
        world.run(seconds(10));
        const PurchaseView end = world.view();
        QCOMPARE(end.book.state, PurchaseState::Settled);
        QVERIFY(end.reverse->refunded);
        // To the last unit: paid = spent + given back + what the ISPs on the way back took.
        const Money rest = minus(world.sellerReceived(), world.sellerSpent());
        QCOMPARE(world.buyerPayments.owed(), rest);
        QCOMPARE(*checkedAdd(*end.reverse->refunded, dollars("0.0000025")), rest);
        QCOMPARE(end.reverse->charged, world.sellerPayments.owed());
        world.booksAreGood();
    }

    void noPacketIsPaidForThatNobodyPaid() {
        World world;
        world.buy();
        // Far more than the slices are for.
        for (int second = 0; second < 20; ++second) {
            world.run(seconds(1), 40'000);
            QVERIFY(world.sellerSpent() <= world.sellerReceived());
            Money caps;
            for (const auto& [id, key] : world.network.keys) {
                caps = *checkedAdd(caps, key.revoked ? key.amount : key.key.cap);
            }
            QVERIFY(caps <= world.sellerReceived());
        }
    }

    void theCapHoldsWithAllFees() {
        World world;
        world.buy("0.0003");
        QVERIFY(world.answer);
        QVERIFY2(world.answer->has_value(), world.answer->has_value() ? "" : world.answer->error().message.c_str());
        world.run(seconds(30), 2000);
        QVERIFY(world.sellerPayments.owed() <= dollars("0.0003"));
        QCOMPARE(world.view().book.state, PurchaseState::Settled);
        QCOMPARE(world.view().book.reason, EndReason::CapReached);
        world.booksAreGood();
    }

    // Whatever the packets that come: the price of a minute is for every minute that has begun, the next one a slice early.
    void aMinuteCostsNoMoreThanItsPrice() {
        World world;
        world.lasts = std::chrono::minutes(10);
        world.buy("0.01");
        QVERIFY(world.answer);
        QVERIFY2(world.answer->has_value(), world.answer->has_value() ? "" : world.answer->error().message.c_str());
        QCOMPARE(world.view().book.request.context.unitPrice, dollars("0.001"));
        for (int second = 1; second <= 200; ++second) {
            world.run(seconds(1), 5'000);
            const int minutes = (second + 9) / 60 + 1;
            const Money most = *checkedMul(dollars("0.001"), minutes);
            QVERIFY2(world.view().reverse->charged <= most,
                     (std::to_string(second) + " s: " + world.view().reverse->charged.toString()).c_str());
        }
        // ... and goes on for the next minutes.
        QVERIFY(world.view().reverse->charged > dollars("0.003"));
        QCOMPARE(world.view().book.state, PurchaseState::Active);
        world.booksAreGood();
    }

    // A button may be looked at for longer than a seller waits for those whom it serves.
    void whoPaysLongAfterTheOfferIsServed() {
        World world;
        const auto offers = world.quote();
        QVERIFY(offers && !offers->empty());
        world.run(seconds(25));
        world.buy("0.01", offers->front().id);
        QVERIFY2(world.answer->has_value(), world.answer->has_value() ? "" : world.answer->error().message.c_str());
        world.run(seconds(5), 1000);
        QVERIFY(world.view().book.usage.packets > 0);
        QCOMPARE(world.view().book.state, PurchaseState::Active);
    }

    void aMinuteThatPaysForNoSliceIsRefused() {
        World world;
        world.lasts = std::chrono::hours(24);
        world.buy("0.0001");
        QVERIFY(world.answer && !world.answer->has_value());
        QVERIFY(world.answer->error().kind == BuyRefusal::Kind::Invalid);
        QCOMPARE(world.sellerPayments.confirmed(), size_t{0});
    }

    void whoIsNotHeardAnyMoreIsStopped() {
        World world;
        world.buy();
        world.run(seconds(2), 1000);
        world.line.cut = true;
        world.run(seconds(20), 100);
        QCOMPARE(world.seller->flows.diverted(), size_t{0});
        // The buyer has given up by himself, too, and has paid no more.
        const size_t slices = world.sellerPayments.confirmed();
        world.run(seconds(40), 100);
        QCOMPARE(world.sellerPayments.confirmed(), slices);
        QCOMPARE(world.view().book.state, PurchaseState::Settled);
        const Money rest = minus(world.sellerReceived(), world.sellerSpent());
        QVERIFY2(world.buyerPayments.owed() == rest,
                 (world.buyerPayments.owed().toString() + " of " + rest.toString()).c_str());
    }

    void whatDoesNotArriveIsNotPaidForLong() {
        World world;
        world.buy();
        world.run(seconds(3), 1000);
        const Money before = world.sellerPayments.owed();
        world.run(seconds(12), 1000, false);
        QCOMPARE(world.view().book.reason, EndReason::Alarm);
        QVERIFY2(world.view().book.note.find("not delivered") != std::string::npos, world.view().book.note.c_str());
        // Seconds, not minutes: at most two slices of eight seconds more.
        QVERIFY(minus(world.sellerPayments.owed(), before) <= dollars("0.00025"));
    }

    void anHonestSellerWithLossesIsKept() {
        World world;
        world.buy("0.5");
        for (int second = 0; second < 60; ++second) {
            world.run(seconds(1), 1000);
            world.line.received -= std::min<uint64_t>(world.line.received, 300);  // of 1,000
        }
        QCOMPARE(world.view().book.state, PurchaseState::Active);
    }

    void aSellerThatWasKilledPaysBackOnce() {
        World world;
        world.buy();
        world.run(seconds(2), 1000);
        const Money paid = world.sellerReceived();
        world.line.cut = true;
        world.restartSeller();
        // Its agent still holds the keys: nothing goes on with them, or would be paid for by nobody.
        const size_t keys = world.network.keys.size();
        const auto held = world.seller->flows.held();
        QVERIFY(world.seller->purchases.recover());
        world.seller->sales->recovered();
        world.seller->purchases.onSettled([&](PurchaseId id) { world.seller->sales->settled(id); });
        world.seller->purchases.agentUp(held);
        world.run(seconds(60));
        QCOMPARE(world.network.keys.size(), keys);
        QCOMPARE(world.buyerPayments.confirmed(), size_t{1});
        QVERIFY(world.buyerPayments.owed() <= minus(paid, world.sellerSpent()));
        world.restartSeller();
        world.run(seconds(60));
        QCOMPARE(world.buyerPayments.confirmed(), size_t{1});
        QVERIFY(world.sellerBooks.ledger->check()->empty());
    }

    // Paid for while the seller was down: the order is known to the next run, and the money goes back.
    void whatIsPaidToASellerThatWasKilledComesBack() {
        World world;
        world.sellerPayments.holds = true;
        world.buy();
        world.line.cut = true;
        world.restartSeller();
        world.seller->sales->recovered();
        world.isp.confirmAll();
        world.run(seconds(30));
        QCOMPARE(world.delivered.size(), size_t{1});
        QCOMPARE(world.buyerPayments.owed(), world.sellerReceived());
    }

    void aTransactionThatWasUndoneIsNotCounted() {
        World world;
        world.buy();
        const std::string order = [&] {
            world.run(seconds(2));
            return world.line.order;
        }();
        const Money paid = world.seller->sales->find(order)->paid;
        const auto& payment = world.sellerPayments.entries.begin()->second.order.order.payment;
        QVERIFY(world.seller->sales->received(payment));
        world.seller->sales->written(false);
        QCOMPARE(world.seller->sales->find(order)->paid, paid);
    }

    void aBuyerThatWasKilledLeavesNothingOpen() {
        World world;
        world.buy();
        const PurchaseId id = world.view().book.id;
        world.buyer.reset();
        fake::Quotes quotes(world.timers, world.kill);
        fake::FirstIsp isp(world.network, world.timers, world.kill);
        fake::Flows flows(world.network, world.timers, world.kill);
        fake::Mint mint(world.kill);
        PurchaseService next({*world.buyerBooks.ledger, quotes, mint, isp, flows, world.authority, world.timers,
                              world.clock, Seller::sink(world.buyerBooks)},
                             {});
        QVERIFY(next.recover());
        next.agentUp({});
        world.run(seconds(5));
        QVERIFY(next.idle());
        QCOMPARE(world.buyerBooks.ledger->find(id)->state, PurchaseState::Settled);
        QCOMPARE(*world.buyerBooks.ledger->find(id)->charged, Money::zero());
        QVERIFY(world.buyerBooks.ledger->check()->empty());
    }

    void aRefundThatWasRefusedIsTriedAgain() {
        World world;
        world.buy();
        world.run(seconds(2), 1000);
        world.buyerPayments.refuses = accounting::PaymentRefusal::PayeeAway;
        world.buyer->stopAll(EndReason::StoppedByUser);
        world.run(seconds(5));
        QCOMPARE(world.buyerPayments.confirmed(), size_t{0});
        world.buyerPayments.refuses.reset();
        world.run(seconds(60));
        QCOMPARE(world.buyerPayments.confirmed(), size_t{1});
        QCOMPARE(world.buyerPayments.owed(), minus(world.sellerReceived(), world.sellerSpent()));
        QVERIFY(world.sellerBooks.ledger->check()->empty());
    }

    void aSellersRefusalIsPassedOnInItsOwnWords() {
        World world;
        world.seller->receives = false;
        const auto refused = world.tryToBuy("0.01", {});
        QVERIFY(!refused);
        QVERIFY2(refused.error().message.find("takes no payments") != std::string::npos,
                 refused.error().message.c_str());
    }

    // The price is shown, somebody clicks: nothing is asked again, and the same offer is bought once.
    void anOfferThatWasShownIsBought() {
        World world;
        const auto offers = world.quote();
        QVERIFY(offers && !offers->empty());
        const int asked = world.line.calls;
        QCOMPARE(world.quote()->front().id, offers->front().id);  // the same wish, the same offers
        QCOMPARE(world.line.calls, asked);
        world.buy("0.01", offers->front().id);
        QCOMPARE(world.line.calls, asked);
        world.run(seconds(2), 1000);
        QCOMPARE(world.view().book.state, PurchaseState::Active);
        QVERIFY(world.sellerSpent() > Money::zero());
        const auto again = world.tryToBuy("0.01", offers->front().id);
        QVERIFY(!again && again.error().code == "EXPIRED");
    }

    void anOfferIsForItsUserFlowAndCap() {
        World world;
        const std::string id = world.quote()->front().id;
        const auto none = world.tryToBuy("0.01", std::string(32, '0'));
        QVERIFY(!none && none.error().code == "EXPIRED");
        QVERIFY(!world.tryToBuy("2", id));  // the seller was told of one dollar
        QVERIFY(!world.tryToBuy("0.01", id, 40001));
        QVERIFY(!world.tryToBuy("0.01", id, World::port, 555));
        QCOMPARE(world.sellerPayments.entries.size(), size_t{0});
        world.clock.advance(std::chrono::minutes(3));
        const auto late = world.tryToBuy("0.01", id);
        QVERIFY(!late && late.error().code == "EXPIRED");
        QCOMPARE(world.sellerPayments.entries.size(), size_t{0});
    }

    // What is paid after the seller has given up waiting is the buyer's.
    void whatIsPaidTooLateComesBack() {
        World world;
        world.sellerPayments.holds = true;
        world.buy();
        world.line.cut = true;
        world.run(seconds(130));
        world.isp.confirmAll();
        world.run(seconds(30));
        QCOMPARE(world.buyerPayments.owed(), world.sellerReceived());
    }

    void withoutSellerOrAnswerNothingIsPaid() {
        World world;
        world.line.seller = nullptr;
        world.buy();
        QCOMPARE(world.answer->error().kind, BuyRefusal::Kind::NoOffer);
        world.line.seller = world.seller.get();
        for (const char* nonsense :
             {"no json", "[]", "{}", "{\"order\": 7}", "\xff\xfe", "{\"order\":\"00\",\"payee\":\"\"}"}) {
            world.line.garbage = nonsense;
            world.buy();
            QVERIFY(!*world.answer);
        }
        QCOMPARE(world.sellerPayments.entries.size(), size_t{0});
        world.line.garbage.clear();
        world.seller->receives = false;
        world.buy();
        QVERIFY(!*world.answer);
        QVERIFY(world.authority.reserved.empty());
        world.booksAreGood();
    }

    void ordersThatNobodyPaysForAreForgotten() {
        World world;
        json wish{{"from", "203.0.113.5"}, {"to", "192.0.2.10"}, {"cap", "0.01"}, {"protocol", "any"}};
        const auto parsed = reverseWishFromJson(wish);
        QVERIFY(parsed);
        std::string last;
        int offers = 0, refusals = 0;
        for (int i = 0; i < 20; ++i) {
            world.seller->sales->offer(*parsed, [&](const auto& offer) {
                if (offer) last = offer->order;
                ++(offer ? offers : refusals);
            });
            world.run(milliseconds(50));
        }
        QCOMPARE(offers, 16);  // for one address
        QCOMPARE(refusals, 4);
        world.run(seconds(122));
        world.seller->sales->offer(*parsed, [&](const auto& offer) { offers += offer ? 1 : 0; });
        world.run(milliseconds(50));
        QCOMPARE(offers, 17);
        QVERIFY(world.network.keys.empty());
    }

    void wishesThatMakeNoSenseAreRefused() {
        const json good{{"from", "203.0.113.5"}, {"to", "192.0.2.10"},
                        {"cap", "0.01"},         {"protocol", "tcp"},
                        {"to_port", 5},          {"refund", {{"payee", std::string(64, 'a')}, {"isp", 24}}}};
        QVERIFY(reverseWishFromJson(json::parse(good.dump())));
        const auto without = [&](const char* name) {
            json less = good;
            less.erase(name);
            return less;
        };
        const auto with = [&](const char* name, const json& value) {
            json other = good;
            other[name] = value;
            return other;
        };
        for (const json& bad : {without("from"), without("cap"), with("from", "2001:db8::1"), with("unknown", 1),
                                with("cap", "-1"), with("refund", 7), with("refund", {{"payee", "x"}, {"isp", 24}}),
                                with("direction", "incoming"), with("to_port", 70000), json(7)}) {
            QVERIFY2(!reverseWishFromJson(json::parse(bad.dump())), bad.dump().c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TestReversePath)
#include "test_reverse_path.moc"
