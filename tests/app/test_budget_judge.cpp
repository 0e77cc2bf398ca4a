// The judge of the budget race finds what must not be, and only that.
#include <QtTest>
#include <nlohmann/json.hpp>

#include "app/lab/scenario/budget_judge.h"

using namespace netpas;
using namespace netpas::lab;

namespace {

Money units(int64_t count) { return Money::fromEighths(count); }

GrantedPurchase purchase(uint64_t granted, uint64_t given, int64_t cap, int64_t charged, std::string app = "a") {
    GrantedPurchase one;
    one.granted = granted;
    one.given = given;
    one.cap = units(cap);
    one.charged = units(charged);
    one.app = std::move(app);
    one.purpose = "p";
    one.payee = "q";
    return one;
}

}  // namespace

class TestBudgetJudge : public QObject {
    Q_OBJECT
private slots:
    void whatIsHeldTogetherCountsTogether() {
        const auto judged = judgeCaps({purchase(10, 30, 5, 5), purchase(20, 40, 6, 0)}, {{"", "", units(10), {}}});
        QCOMPARE(judged[0].over, uint64_t(1));
        QCOMPARE(judged[0].most, units(11));
        QCOMPARE(judged[0].spent, units(5));
    }
    void whatWasGivenBackCountsAsItWasCharged() {
        const auto judged = judgeCaps({purchase(10, 20, 5, 2), purchase(20, 40, 8, 1)}, {{"", "", units(10), {}}});
        QCOMPARE(judged[0].over, uint64_t(0));
        QCOMPARE(judged[0].most, units(10));
        QCOMPARE(judged[0].spent, units(3));
    }
    void capsCountWhatTheyAreFor() {
        const std::vector<GrantedPurchase> both{purchase(10, 30, 5, 1, "a"), purchase(15, 30, 5, 1, "b")};
        const auto judged =
            judgeCaps(both, {{"app", "a", units(5), {}}, {"purpose", "p", units(9), {}}, {"payee", "x", units(0), {}}});
        QCOMPARE(judged[0].over, uint64_t(0));
        QCOMPARE(judged[1].over, uint64_t(1));
        QCOMPARE(judged[2].most, units(0));
    }
    void reportsAreReadAndNonsenseLeftOut() {
        const Json report{{"approved", Json::array({Json::array({"7", 10, 20, 1, 3, 25}), Json::array({"8"}), "x"})}};
        const auto list = grantedIn(report);
        QCOMPARE(list.size(), size_t(1));
        QCOMPARE(list[0].id, std::string("7"));
        QCOMPARE(list[0].purpose, std::string("race-1"));
        QVERIFY(list[0].payee.ends_with("03"));
        QCOMPARE(list[0].packets, uint64_t(25));
    }
    void whatCostsMoreThanWasSentWasSpentTwice() {
        GrantedPurchase fair = purchase(1, 2, 100, 20), greedy = purchase(1, 2, 100, 21),
                        shared = purchase(1, 2, 100, 0);
        fair.id = shared.id = "1";
        greedy.id = "2";
        fair.packets = greedy.packets = 10;
        QCOMPARE(spentTwice({fair}, units(2)), uint64_t(0));
        QCOMPARE(spentTwice({fair, greedy}, units(2)), uint64_t(1));
        QCOMPARE(spentTwice({fair, greedy, shared}, units(2)), uint64_t(2));
    }
};

QTEST_APPLESS_MAIN(TestBudgetJudge)
#include "test_budget_judge.moc"
