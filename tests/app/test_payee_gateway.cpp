// netpas-payee without an ISP: which proofs are taken, what its configuration must say, and how its site is addressed.
#include <QTemporaryDir>
#include <QtTest>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "app/payee/facilitator.h"
#include "app/payee/payee_config.h"
#include "app/payee/proof_book.h"
#include "app/payee/site.h"

using namespace netpas;
using namespace netpas::payee;
using std::chrono::hours;

namespace {

const SystemTime now{hours{24 * 365 * 57}};

payments::Payment payment(uint8_t number) {
    payments::Payment made;
    made.id[0] = number;
    made.amount = *Money::parse("0.05");
    made.time = now;
    made.expires = now + std::chrono::seconds(5);
    return made;
}

const std::string good =
    "isp = \"https://192.0.2.1:46723/#cb8cf0c0249309d55ca1df837e8f260a36aa1bf6a19034163cfa7c9c2e8910c4\"\n"
    "state_dir = \"state\"\n"
    "[facilitator]\n"
    "listen = \"127.0.0.1:4021\"\n"
    "[site]\n"
    "listen = \"127.0.0.1:8402\"\n"
    "url = \"http://comics.example:8402/\"\n"
    "root = \"www\"\n"
    "[[site.price]]\n"
    "path = \"/comics/*\"\n"
    "amount = \"0.05\"\n"
    "purpose = \"comic\"\n"
    "[[site.price]]\n"
    "path = \"/article.html\"\n"
    "amount = \"0.01\"\n";

}  // namespace

class TestPayeeGateway : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void aProofCountsOnceAndIsGoodAgainForTheSame() {
        store::MemoryDocuments documents;
        auto book = *ProofBook::open(documents, {});
        QCOMPARE(int(book.judge(payment(1), "a", now)), int(ProofVerdict::NotPaid));
        QVERIFY(book.paid(payment(1)));
        QVERIFY(book.paid(payment(1)));
        QCOMPARE(int(book.judge(payment(1), "a", now)), int(ProofVerdict::First));
        QCOMPARE(book.totals().redeemed, uint64_t{0});
        QCOMPARE(int(*book.redeem(payment(1), "a", now)), int(ProofVerdict::First));
        QCOMPARE(int(*book.redeem(payment(1), "a", now)), int(ProofVerdict::Again));
        QCOMPARE(int(*book.redeem(payment(1), "b", now)), int(ProofVerdict::OtherResource));
        QCOMPARE(book.totals().redeemed, uint64_t{1});
        QCOMPARE(book.totals().shows, uint64_t{2});
        QCOMPARE(book.totals().amount, *Money::parse("0.05"));
    }

    void aPaymentWhoseTransactionWasUndoneIsNone() {
        store::MemoryDocuments documents;
        auto book = *ProofBook::open(documents, {});
        QVERIFY(book.paid(payment(1)));
        book.written(true);
        QVERIFY(book.paid(payment(2)));
        book.written(false);
        QCOMPARE(int(book.judge(payment(1), "a", now)), int(ProofVerdict::First));
        QCOMPARE(int(book.judge(payment(2), "a", now)), int(ProofVerdict::NotPaid));
    }

    void aRestartForgetsNothing() {
        store::MemoryDocuments documents;
        {
            auto book = *ProofBook::open(documents, {});
            QVERIFY(book.paid(payment(1)) && book.paid(payment(2)));
            QVERIFY(book.redeem(payment(1), "a", now));
        }
        auto book = *ProofBook::open(documents, {});
        QCOMPARE(int(book.judge(payment(1), "a", now)), int(ProofVerdict::Again));
        QCOMPARE(int(book.judge(payment(1), "b", now)), int(ProofVerdict::OtherResource));
        QCOMPARE(int(book.judge(payment(2), "b", now)), int(ProofVerdict::First));
        QVERIFY(book.takenBack(payment(2).id));
        QCOMPARE(int(ProofBook::open(documents, {})->judge(payment(2), "b", now)), int(ProofVerdict::NotPaid));
    }

    void proofsEndWithTheirWindowAndTheirNumber() {
        store::MemoryDocuments documents;
        auto book = *ProofBook::open(documents, {.window = hours(2), .mostShows = 3, .mostKept = 2});
        QVERIFY(book.paid(payment(1)));
        for (int i = 0; i < 3; ++i) QVERIFY(isGood(*book.redeem(payment(1), "a", now)));
        QCOMPARE(int(*book.redeem(payment(1), "a", now)), int(ProofVerdict::TooOften));
        QVERIFY(book.hasRoom() && book.paid(payment(2)) && !book.hasRoom());
        QCOMPARE(int(book.judge(payment(2), "a", now + hours(3))), int(ProofVerdict::Expired));
        QVERIFY(book.forgetExpired(now + hours(3)));
        QCOMPARE(book.totals().kept, uint64_t{0});
        // Forgotten is not new again.
        QCOMPARE(int(book.judge(payment(1), "a", now + hours(3))), int(ProofVerdict::Expired));
    }

    void aConfigurationIsRead() {
        const auto settings = parsePayeeConfig(good, "/etc/netpas/payee.toml");
        QVERIFY(settings);
        QCOMPARE(settings->stateFolder, std::filesystem::path("/etc/netpas/state"));
        QCOMPARE(settings->site->url, std::string("http://comics.example:8402"));
        QCOMPARE(settings->site->prices.size(), size_t{2});
        QVERIFY(settings->site->prices[0].matches("/comics/7.png") && !settings->site->prices[0].matches("/comic"));
        QVERIFY(settings->site->prices[1].matches("/article.html") &&
                !settings->site->prices[1].matches("/article.htmlx"));
    }

    void mistakesAreNamedWithTheirLine_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("to");
        QTest::addColumn<QString>("part");
        QTest::newRow("amount") << "\"0.05\""
                                << "\"0\""
                                << "more than nothing";
        QTest::newRow("too fine") << "\"0.05\""
                                  << "\"0.050000000125\""
                                  << "whole number of nanodollars";
        QTest::newRow("path") << "\"/comics/*\""
                              << "\"comics\""
                              << "begin with a slash";
        QTest::newRow("url") << "\"http://comics.example:8402/\""
                             << "\"comics.example\""
                             << "how buyers reach";
        QTest::newRow("isp") << "https://192.0.2.1"
                             << "http://192.0.2.1"
                             << "as your ISP gave it";
        QTest::newRow("unknown") << "purpose"
                                 << "purpos"
                                 << "unknown key";
        QTest::newRow("nothing served") << "root = \"www\""
                                        << ""
                                        << "either 'root'";
    }
    void mistakesAreNamedWithTheirLine() {
        QFETCH(QString, from);
        QFETCH(QString, to);
        QFETCH(QString, part);
        const std::string text = QString::fromStdString(good).replace(from, to).toStdString();
        const auto settings = parsePayeeConfig(text, "payee.toml");
        QVERIFY(!settings);
        const QString said = QString::fromStdString(settings.error().front().toString());
        QVERIFY2(said.contains(part), qPrintable(said));
    }

    void aSiteHasOneAddressForEachThing() {
        QTemporaryDir folder;
        auto ledger = *ledger::Ledger::open(folder.filePath("l.db").toStdString(), store::DatabaseKey{});
        boost::asio::io_context io;
        const auto settings = *parsePayeeConfig(good, "payee.toml");
        const auto cashier = *Cashier::open(io, {settings.isp, settings.rules}, Identity::generate(), *ledger,
                                            systemClock(), [](app::LogLevel, const std::string&) {});
        const Site site(io, *cashier, *settings.site, {});
        net::HttpRequest request;
        QVERIFY(net::decodeTarget("/comics/%61%20b?x=1", request));
        QCOMPARE(site.urlOf(request), std::string("http://comics.example:8402/comics/a%20b"));
        const auto statusOf = [&](const char* target) {
            unsigned status = 0;
            net::HttpRequest asked;
            if (!net::decodeTarget(target, asked)) return status;
            site.handle(asked, [&](const net::HttpResponse& response) { status = response.status; });
            return status;
        };
        QCOMPARE(statusOf("/comics/1.png"), 503U);  // the ISP is not known yet: nothing is sold
        QCOMPARE(statusOf("//comics/1.png"), 404U);
        QCOMPARE(statusOf("/./comics/1.png"), 404U);
        QCOMPARE(statusOf("/x/../comics/1.png"), 404U);
        QCOMPARE(statusOf("/x/%2e%2e/comics/1.png"), 404U);
        QCOMPARE(statusOf("/../../etc/passwd"), 404U);
        QCOMPARE(statusOf("/nothing"), 404U);
        request.method = "POST";
        unsigned status = 0;
        site.handle(request, [&](const net::HttpResponse& response) { status = response.status; });
        QCOMPARE(status, 405U);
        // The facilitator answers whatever it is asked.
        const Facilitator facilitator(*cashier, "0123456789abcdef", {});
        net::HttpRequest ask;
        ask.method = "POST";
        ask.path = "/settle";
        facilitator.handle(ask, [&](const net::HttpResponse& response) { status = response.status; });
        QCOMPARE(status, 401U);
        ask.headers.push_back({"Authorization", "Bearer 0123456789abcdef"});
        std::string body;
        facilitator.handle(ask, [&](const net::HttpResponse& response) { body = response.body; });
        QCOMPARE(nlohmann::json::parse(body)["success"], nlohmann::json(false));
        QCOMPARE(nlohmann::json::parse(body)["errorReason"], nlohmann::json("invalid_json"));
    }
};

QTEST_APPLESS_MAIN(TestPayeeGateway)
#include "test_payee_gateway.moc"
