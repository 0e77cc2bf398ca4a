#include <QtTest>

#include <QLocale>
#include <nlohmann/json.hpp>

#include "secretary/ui/money_text.h"

using namespace netpas;
using namespace netpas::ui;

namespace {

QString cost(const char* dollars) { return moneyText(*Money::parse(dollars), Amount::Cost); }
QString credit(const char* dollars) { return moneyText(*Money::parse(dollars), Amount::Credit); }

}  // namespace

class TestMoneyText : public QObject {
    Q_OBJECT

private slots:
    void init() { QLocale::setDefault(QLocale::c()); }

    void roundsNeverInTheUsersDisfavour() {
        QCOMPARE(cost("0.000223375"), "0.0224 ¢");
        QCOMPARE(credit("0.000223375"), "0.0223 ¢");
        QCOMPARE(cost("12.341"), "$12.35");
        QCOMPARE(credit("12.349"), "$12.34");
        QCOMPARE(cost("0.9991"), "$1.00");
        QCOMPARE(credit("0.9999"), "99.9 ¢");
        QCOMPARE(cost("-0.000223375"), "−0.0223 ¢");
        QCOMPARE(credit("-0.000223375"), "−0.0224 ¢");
        QCOMPARE(cost("0"), "$0");
        QCOMPARE(cost("0.05"), "5 ¢");
        QCOMPARE(cost("0.000000000125"), "0.0000000125 ¢");
    }
    void everyAmountIsShownAsNoLessAndNoMore() {
        const Money amounts[] = {
            Money::fromEighths(1),       Money::fromEighths(7'999'999'999), Money::max(),
            Money::fromEighths(8000001), Money::fromEighths(79'999'999),    Money::fromEighths(12345678901)};
        for (const Money amount : amounts) {
            const auto up = moneyTyped(moneyText(amount, Amount::Cost)),
                       down = moneyTyped(moneyText(amount, Amount::Credit));
            if (amount != Money::max()) QVERIFY(up && *up >= amount);
            QVERIFY(down && *down <= amount);
            QCOMPARE(moneyTyped(exactMoney(amount)), std::optional(amount));
        }
    }
    void exactMeansEveryDigit() {
        QCOMPARE(exactMoney(*Money::parse("0.000223375")), "$0.000223375");
        QCOMPARE(exactMoney(*Money::parse("-1234.5")), "−$1234.5");
    }
    void followsTheLocale() {
        QLocale::setDefault(QLocale(QLocale::German, QLocale::Germany));
        QCOMPARE(cost("12.341"), "$12,35");
        QCOMPARE(cost("0.015"), "1,5 ¢");
        QCOMPARE(moneyTyped("1,5 ¢"), Money::parse("0.015").value());
        QCOMPARE(moneyTyped("0.02"), Money::parse("0.02").value());
    }
    void understandsWhatPeopleType() {
        for (const char* same : {"2 ¢", "2c", "2ct", "0.02", "$0.02", " $ 0.02 "}) {
            QCOMPARE(moneyTyped(same), std::optional(*Money::parse("0.02")));
        }
        for (const char* wrong : {"", "¢", "two", "-1", "1.2.3", "0.00000000001 ¢", "1e3"}) {
            QVERIFY2(!moneyTyped(wrong), wrong);
        }
    }
    void nonsenseOfTheApiIsNothing() {
        QVERIFY(!moneyFrom(nullptr));
        QVERIFY(!moneyFrom(0.5));
        QVERIFY(!moneyFrom("x"));
        QCOMPARE(moneyFrom("0.5"), std::optional(*Money::parse("0.5")));
    }
};

QTEST_GUILESS_MAIN(TestMoneyText)
#include "test_money_text.moc"
