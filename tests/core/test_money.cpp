#include <QtTest>

#include "core/money.h"

using namespace netpas;

class TestMoney : public QObject {
    Q_OBJECT
private slots:
    void textIsExactToAnEighthOfANanodollar_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<qlonglong>("eighths");
        QTest::newRow("zero") << "0" << 0LL;
        QTest::newRow("an eighth") << "0.000000000125" << 1LL;
        QTest::newRow("three nanodollars") << "0.000000003" << 24LL;
        QTest::newRow("375 nanodollars") << "0.000000375" << 3000LL;
        QTest::newRow("a cent") << "0.01" << 80'000'000LL;
        QTest::newRow("negative") << "-2.5" << -20'000'000'000LL;
        QTest::newRow("largest") << "1152921504.606846975875" << qlonglong(INT64_MAX);
    }
    void textIsExactToAnEighthOfANanodollar() {
        QFETCH(QString, text);
        QFETCH(qlonglong, eighths);
        const auto money = Money::parse(text.toStdString());
        QVERIFY(money.has_value());
        QCOMPARE(qlonglong(money->eighths()), eighths);
        QCOMPARE(QString::fromStdString(money->toString()), text);
    }
    void smallestAmountPrintsAndTrailingZerosAreAccepted() {
        QCOMPARE(Money::fromEighths(INT64_MIN).toString(), std::string("-1152921504.606846976"));
        QCOMPARE(Money::parse("1.500000000000000")->eighths(), int64_t{12'000'000'000});
    }
    void badTextIsRefused_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<int>("error");
        for (const char* text : {"", "-", ".5", "1.", "1e3", "0x1", " 1", "1 ", "1,5", "+1", "--1", "1.2.3", "nan"}) {
            QTest::newRow(text) << text << int(MoneyError::NotANumber);
        }
        QTest::newRow("too precise") << "0.0000000001251" << int(MoneyError::TooPrecise);
        QTest::newRow("between eighths") << "0.000000000124" << int(MoneyError::TooPrecise);
        QTest::newRow("too large") << "1152921504.606846976" << int(MoneyError::Overflow);
        QTest::newRow("very long") << "99999999999999999999999999" << int(MoneyError::Overflow);
    }
    void badTextIsRefused() {
        QFETCH(QString, text);
        QFETCH(int, error);
        const auto money = Money::parse(text.toStdString());
        QVERIFY(!money.has_value());
        QCOMPARE(int(money.error()), error);
    }
    void arithmeticThatOverflowsFails() {
        const Money one = Money::fromEighths(1);
        QVERIFY(!checkedAdd(Money::max(), one));
        QVERIFY(!checkedSub(Money::fromEighths(INT64_MIN), one));
        QVERIFY(!checkedMul(Money::max(), 2));
        QVERIFY(!Money::fromNanodollars(INT64_MAX));
        QCOMPARE(checkedAdd(Money::max(), Money::fromEighths(-1))->eighths(), INT64_MAX - 1);
        QCOMPARE(checkedMul(Money::fromEighths(-3), 5)->eighths(), int64_t{-15});
        QCOMPARE(Money::fromNanodollars(3)->eighths(), int64_t{24});
    }
};

QTEST_APPLESS_MAIN(TestMoney)
#include "test_money.moc"
