// Orders for content: one offer, one payment, one proof, whatever dies in between.
#include <QTemporaryDir>
#include <QtTest>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/secretary/content_desk.h"
#include "app/secretary/content_json.h"
#include "secretary/contacts/contact_book.h"
#include "secretary/payees/payee_book.h"
#include "tests/app/payment_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const std::string comic = "http://comics.example/1.png";

// One life of the program: everything but the ledger's file and the ISP goes with it.
struct Buyer {
    Buyer(ledger::Ledger& book, const secretary::Wallet& wallet, fake::PaymentBooks& books, ManualClock& clock)
        : timers(clock),
          isp(books, clock, timers, kill),
          authority(kill),
          journal(*ledger::PaymentJournal::open(book.documents())),
          contacts(*secretary::contacts::ContactBook::open(book.documents())),
          payees(*secretary::payees::PayeeBook::open(book.documents())),
          service({book, journal, wallet, isp, authority, timers, clock, [](LogLevel, const std::string&) {}, {}},
                  PaymentSettings{}),
          desk(*ContentDesk::open(
              {book, service, book.documents(), contacts, payees, clock, [](LogLevel, const std::string&) {}})) {
        secretary::contacts::Contact shop;
        shop.name = "Comics";
        shop.payees = {books.payee.nodeId()};
        if (contacts.size() == 0) (void)contacts.put(shop);
    }
    tl::expected<ContentView, ContentRefusal> ask(const ContentWish& wish, milliseconds patience = milliseconds(40)) {
        std::optional<tl::expected<ContentView, ContentRefusal>> answer;
        desk->ask(wish, [&](auto result) { answer = std::move(result); });
        timers.run(patience);
        return answer ? std::move(*answer) : tl::unexpected(ContentRefusal{0, "NO_ANSWER", {}, {}});
    }

    fake::KillSwitch kill;
    fake::Timers timers;
    fake::PaymentIsp isp;
    fake::Authority authority;
    ledger::PaymentJournal journal;
    secretary::contacts::ContactBook contacts;
    secretary::payees::PayeeBook payees;
    PaymentService service;
    std::unique_ptr<ContentDesk> desk;
};

}  // namespace

class TestContentDesk : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ledger::Ledger> m_ledger;
    ManualClock m_clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};
    std::optional<secretary::Wallet> m_wallet;
    fake::PaymentBooks m_isp;

    void reopen() {
        m_ledger.reset();
        auto opened = ledger::Ledger::open(m_folder->filePath("ledger.db").toStdString(), store::DatabaseKey{});
        QVERIFY(opened);
        m_ledger = std::move(*opened);
    }
    [[nodiscard]] std::unique_ptr<Buyer> buyer() {
        return std::make_unique<Buyer>(*m_ledger, *m_wallet, m_isp, m_clock);
    }
    [[nodiscard]] ContentWish wish(const char* price = "0.05", const std::string& url = comic) const {
        x402::Offer offer;
        offer.url = url;
        x402::Terms terms;
        terms.isp = IspId{24};
        terms.payee = m_isp.payee.nodeId();
        terms.amount = *Money::parse(price);
        terms.purpose = "comic";
        offer.terms = {terms};
        ContentWish wish;
        wish.asker = {1000, {}};
        wish.url = url;
        wish.offer = *x402::decodeOffer(x402::encodeOffer(offer));
        return wish;
    }

private slots:
    void initTestCase() {
        QVERIFY(initCrypto());
        Identity::Seed seed{};
        seed[3] = 9;
        m_wallet = secretary::Wallet::fromSeed(seed);
    }
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_isp = {};
        reopen();
    }

    void anOfferBecomesAProof() {
        const auto one = buyer();
        const auto view = one->ask(wish());
        QVERIFY(view && view->proof);
        QVERIFY(!x402::check(*view->proof, view->order.terms, comic));
        QCOMPARE(view->order.purpose, std::string("comic"));
        QCOMPARE(view->payment->book.request.context.domain, std::string("comics.example"));
        QCOMPARE(m_isp.confirmed(), size_t{1});
        const auto shown = x402::decodeProof(contentJson(*view)["header"]["value"].get<std::string>());
        QVERIFY(shown && shown->proof == *view->proof);
    }

    void theSameAgainIsPaidOnceUntilItHasCome() {
        const auto one = buyer();
        const auto first = one->ask(wish());
        const auto second = one->ask(wish());
        QVERIFY(first && second);
        QVERIFY(*first->proof == *second->proof);
        QCOMPARE(m_isp.confirmed(), size_t{1});
        // Without an offer, as after a restart of the one who asks.
        ContentWish bare = wish();
        bare.offer.reset();
        QVERIFY(*one->ask(bare)->proof == *first->proof);
        QVERIFY(one->desk->deliver(first->order.id));
        const auto third = one->ask(wish());
        QVERIFY(third && !(*third->proof == *first->proof));
        QCOMPARE(m_isp.confirmed(), size_t{2});
    }

    void underAWordOfItsOwnAnOrderIsTheSameForGood() {
        const auto one = buyer();
        ContentWish named = wish();
        named.key = "monday";
        const auto first = one->ask(named);
        QVERIFY(one->desk->deliver(first->order.id));
        QVERIFY(*one->ask(named)->proof == *first->proof);
        QCOMPARE(m_isp.confirmed(), size_t{1});
        ContentWish other = wish("0.05", "http://comics.example/2.png");
        other.key = "monday";
        QCOMPARE(one->ask(other).error().code, std::string("CONFLICT"));
        // Others' words are others'.
        named.asker.uid = 1001;
        QVERIFY(one->ask(named));
        QCOMPARE(m_isp.confirmed(), size_t{2});
    }

    void requestsThatComeTogetherPayOnce() {
        const auto one = buyer();
        std::vector<x402::Proof> proofs;
        for (int i = 0; i < 5; ++i) one->desk->ask(wish(), [&](auto result) { proofs.push_back(*result->proof); });
        one->timers.run(milliseconds(100));
        QCOMPARE(proofs.size(), size_t{5});
        QVERIFY(std::all_of(proofs.begin(), proofs.end(), [&](const auto& proof) { return proof == proofs[0]; }));
        QCOMPARE(m_isp.confirmed(), size_t{1});
    }

    void whateverCallItIsKilledAtItIsPaidOnce() {
        for (int step = 0;; ++step) {
            init();
            bool killed = false;
            try {
                const auto one = buyer();
                one->kill.at = one->kill.calls + step;
                (void)one->ask(wish());
            } catch (const fake::Killed&) {
                killed = true;
            }
            reopen();
            const auto next = buyer();
            QVERIFY(next->service.recover());
            next->timers.run(seconds(1));
            const auto view = next->ask(wish(), seconds(30));
            QVERIFY2(view && view->proof, qPrintable(QString("killed at call %1").arg(step)));
            QCOMPARE(m_isp.confirmed(), size_t{1});
            QCOMPARE(m_ledger->wallet()->debitsPosted, m_isp.owed());
            if (!killed) {
                QVERIFY(step >= 4);
                return;
            }
        }
    }

    void anUnknownEndIsAskedForAndNotPaidAgain() {
        const auto one = buyer();
        one->desk->ask(wish(), [](const auto&) {});  // the fees are on their way
        m_isp.losesTheAnswer = true;
        one->timers.run(seconds(3));
        QCOMPARE(m_isp.confirmed(), size_t{1});
        m_isp.losesTheAnswer = false;
        const auto view = one->ask(wish(), seconds(60));
        QVERIFY(view && view->proof);
        QCOMPARE(m_isp.confirmed(), size_t{1});
    }

    void whatCameToNothingIsTriedAgain() {
        const auto one = buyer();
        m_isp.refuses = accounting::PaymentRefusal::PayeeAway;
        QCOMPARE(one->ask(wish()).error().code, std::string("NOT_PAID"));
        m_isp.refuses.reset();
        const auto view = one->ask(wish("0.06"));  // by the offer of now
        QVERIFY(view && view->proof);
        QCOMPARE(view->order.attempt, 2U);
        QCOMPARE(view->proof->payment.amount, *Money::parse("0.06"));
        QCOMPARE(m_isp.confirmed(), size_t{1});
    }

    void limitsHoldBeforeAnythingIsPaid() {
        const auto one = buyer();
        ContentWish dear = wish();
        dear.maxPrice = *Money::parse("0.049");
        QCOMPARE(one->ask(dear).error().code, std::string("PRICE_TOO_HIGH"));
        dear.maxPrice = *Money::parse("0.05");  // nothing left for the ISPs
        QCOMPARE(one->ask(dear).error().code, std::string("FEES_TOO_HIGH"));
        dear.maxPrice = *Money::parse("0.051");
        QVERIFY(one->ask(dear));
        ContentWish elsewhere = wish();
        elsewhere.url = "http://other.example/1.png";
        QCOMPARE(one->ask(elsewhere).error().code, std::string("OTHER_RESOURCE"));
        ContentWish nothing = wish("0.05", "http://comics.example/3.png");
        nothing.offer.reset();
        QCOMPARE(one->ask(nothing).error().code, std::string("NOT_FOUND"));
        QCOMPARE(m_isp.confirmed(), size_t{1});
    }

    void whoIsNotKnownIsNotPaid() {
        const auto one = buyer();
        ContentWish stranger = wish();
        stranger.offer->terms[0].payee = Identity::generate().nodeId();
        QCOMPARE(one->ask(stranger).error().code, std::string("NOT_CERTIFIED"));
        stranger.certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        QCOMPARE(one->ask(stranger).error().status, 403U);
        QCOMPARE(m_isp.entries.size(), size_t{0});
    }

    void anExpiredOfferIsNotPaid() {
        const auto one = buyer();
        one->authority.asks = true;
        const auto asked = one->ask(wish());
        QVERIFY(asked && !asked->proof && asked->payment->decision == "7");
        one->timers.run(seconds(301));
        one->authority.waiting(Approved{{"r", "person", "yes", {}}});
        one->timers.run(milliseconds(40));
        QCOMPARE(m_isp.entries.size(), size_t{0});
    }

    void ordersComeBackFromTheDisk() {
        const auto view = buyer()->ask(wish());
        const auto again = contentFromDocument(view->order.id, toDocument(view->order));
        QVERIFY(again);
        QCOMPARE(again->url, view->order.url);
        QVERIFY(again->terms == view->order.terms);
        QVERIFY(again->created == view->order.created && again->payBefore == view->order.payBefore);
        QVERIFY(!contentFromDocument("x", Bytes{'{', '}'}));
    }

    void whatWaitsForAnAnswerCanBeGivenUp() {
        const auto one = buyer();
        one->authority.asks = true;
        const auto asked = one->ask(wish());
        QVERIFY(one->desk->forget(asked->order.id));
        QVERIFY(one->desk->list(std::nullopt).empty());
        QCOMPARE(m_isp.entries.size(), size_t{0});
    }
};

QTEST_GUILESS_MAIN(TestContentDesk)
#include "test_content_desk.moc"
