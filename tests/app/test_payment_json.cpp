#include <QtTest>
#include <nlohmann/json.hpp>

#include "app/secretary/payment_json.h"
#include "core/crypto/identity.h"

using namespace netpas;
using namespace netpas::secretaryd;
using nlohmann::json;

class TestPaymentJson : public QObject {
    Q_OBJECT

    static json request() { return {{"payee", std::string(64, 'a')}, {"amount", "0.0001"}, {"isp", 24U}}; }

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void aRequestIsUnderstood() {
        json body = request();
        body.update({{"description", "a comic"}, {"max_fees", "0"}, {"lifetime_s", 10U}, {"purpose", "comic"}});
        const auto order = payOrderFromJson(body, IspId{25});
        QVERIFY(order);
        QCOMPARE(order->purchase.payment->isp, IspId{24});
        QCOMPARE(order->purchase.payment->amount, *Money::parse("0.0001"));
        QCOMPARE(order->purchase.context.payee, std::string(64, 'a'));
        QCOMPARE(order->purchase.context.purpose, std::string("comic"));
        QVERIFY(order->maxFees == Money::zero());  // nothing is a limit, too
        QVERIFY(order->lifetime == std::chrono::seconds(10));
        QVERIFY(!order->purchase.fingerprint.empty());
        body.erase("isp");
        QCOMPARE(payOrderFromJson(body, IspId{25})->purchase.payment->isp, IspId{25});
    }

    void aWayOfOnesOwnLeadsToThePayeesIsp() {
        json body = request();
        body.erase("isp");
        body["fees"] = json::array({{{"isp", 25U}, {"amount", "0.0000005"}}, {{"isp", 24U}, {"amount", "0"}}});
        const auto order = payOrderFromJson(body, IspId{25});
        QVERIFY(order);
        QCOMPARE(order->fees->size(), size_t{2});
        QCOMPARE(order->purchase.payment->isp, IspId{24});
    }

    void mistakesAreNamed_data() {
        QTest::addColumn<QString>("member");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("part");
        const auto row = [](const char* name, const char* member, const char* value, const char* part) {
            QTest::newRow(name) << member << value << part;
        };
        row("no payee", "payee", "null", "payee is missing");
        row("short payee", "payee", "\"abc\"", "64 hexadecimal digits");
        row("no amount", "amount", "null", "amount is missing");
        row("nothing", "amount", "\"0\"", "more than nothing");
        row("negative", "amount", "\"-1\"", "not an amount");
        row("too many digits", "amount", "\"0.0000000000001\"", "not an amount");
        row("a number instead of a string", "amount", "1", "must be a short string");
        row("too large", "amount", "\"99999999999999999999\"", "not an amount");
        row("ISP 0", "isp", "0", "not the number of an ISP");
        row("ISP too large", "isp", "65536", "whole number up to 65535");
        row("fees that lead elsewhere", "fees", R"([{"isp": 23, "amount": "0"}])", "do not lead");
        row("no fees", "fees", "[]", "list of 1 to 16");
        row("fees that are none", "fees", R"([{"isp": 24}])", "amount is missing");
        row("fees with more", "fees", R"([{"isp": 24, "amount": "0", "to": 1}])", "unknown member");
        row("negative fees", "max_fees", "\"-1\"", "not an amount");
        row("lives too long", "lifetime_s", "86401", "whole number up to 86400");
        row("somebody else's key", "payee_key", "\"1111111111111111111111111111111111111111111111111111111111111111\"",
            "another payee's key");
        row("control characters", "description", "\"\\u001b[2J\"", "not plain text");
        row("unknown member", "ammount", "\"1\"", "unknown member");
    }
    void mistakesAreNamed() {
        QFETCH(QString, member);
        QFETCH(QString, value);
        QFETCH(QString, part);
        json body = request();
        body[member.toStdString()] = json::parse(value.toStdString());
        const auto order = payOrderFromJson(body, IspId{25});
        QVERIFY(!order);
        QVERIFY2(QString::fromStdString(order.error().message).contains(part) ||
                     QString::fromStdString(order.error().hint).contains(part),
                 order.error().message.c_str());
    }
    void refusalsSayWhereWhyAndHowMuch() {
        ledger::Purchase book;
        book.state = ledger::PurchaseState::Settled;
        book.charged = Money::zero();
        ledger::PaymentResult result;
        result.where = IspId{24};
        result.reason = static_cast<uint8_t>(accounting::PaymentRefusal::CreditLimit);
        result.limit = *Money::parse("0.5");
        result.remedy = "pay less";
        book.payment = ledger::PaymentBook{{NodeId{}, IspId{24}, *Money::parse("1"), ""}, {}, {}, {}, result};
        const json said = paymentJson({book, {}, {}});
        QCOMPARE(said["state"].get<std::string>(), std::string("refused"));
        QCOMPARE(said["refusal"]["code"].get<std::string>(), std::string("CREDIT_LIMIT"));
        QCOMPARE(said["refusal"]["isp"].get<int>(), 24);
        QCOMPARE(said["refusal"]["limit"].get<std::string>(), std::string("0.5"));
        QCOMPARE(said["refusal"]["remedy"].get<std::string>(), std::string("pay less"));
        QCOMPARE(said["charged"].get<std::string>(), std::string("0"));
    }
};

QTEST_APPLESS_MAIN(TestPaymentJson)
#include "test_payment_json.moc"
