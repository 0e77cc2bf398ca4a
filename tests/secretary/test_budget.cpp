#include <QtTest>

#include "secretary/budget.h"

using namespace netpas;
using namespace netpas::secretary;

class TestBudget : public QObject {
    Q_OBJECT

    static Money dollars(const char* text) { return *Money::parse(text); }
    static Terms terms(const char* cap, const char* perSecond = "0") {
        return {dollars(cap), dollars(perSecond), dollars("0.00001")};
    }
    const HardLimits m_limits{dollars("5"), dollars("20")};

private slots:
    void anExplicitRequestIsGrantedWithinItsCap() {
        const Decision decision = decide(terms("0.05"), m_limits, {});
        QCOMPARE(int(decision.verdict), int(Verdict::Approved));
        QCOMPARE(decision.rule, std::string("explicit request"));
    }
    void theLimitsThemselvesMayBeReached() {
        QCOMPARE(int(decide(terms("5"), m_limits, {dollars("10"), dollars("5")}).verdict), int(Verdict::Approved));
    }
    void oneEighthAboveALimitIsRefused() {
        const Money above = Money::fromEighths(dollars("5").eighths() + 1);
        const Terms tooMuch{above, Money::zero(), dollars("0.00001")};
        QCOMPARE(int(decide(tooMuch, m_limits, {}).verdict), int(Verdict::AbovePurchaseLimit));
        const Spending spending{dollars("10"), Money::fromEighths(dollars("5").eighths() + 1)};
        const Decision decision = decide(terms("5"), m_limits, spending);
        QCOMPARE(int(decision.verdict), int(Verdict::AboveDailyLimit));
        QVERIFY(isOverBudget(decision.verdict));
    }
    void sumsThatOverflowAreAboveEveryLimit() {
        const HardLimits none{Money::max(), Money::max()};
        QCOMPARE(int(decide(terms("5"), none, {Money::max(), dollars("1")}).verdict), int(Verdict::AboveDailyLimit));
    }
    void aCapThatPaysForNoPacketMakesNoSense() {
        QCOMPARE(int(decide(terms("0"), m_limits, {}).verdict), int(Verdict::CapNotPositive));
        QCOMPARE(int(decide(terms("-1"), m_limits, {}).verdict), int(Verdict::CapNotPositive));
        QCOMPARE(int(decide(terms("0.000009"), m_limits, {}).verdict), int(Verdict::CapBelowOnePacket));
        QCOMPARE(int(decide(terms("1", "0.000009"), m_limits, {}).verdict), int(Verdict::RateBelowOnePacket));
        QCOMPARE(int(decide(terms("1", "-1"), m_limits, {}).verdict), int(Verdict::RateBelowOnePacket));
        QVERIFY(!isOverBudget(Verdict::CapBelowOnePacket));
    }
};

QTEST_APPLESS_MAIN(TestBudget)
#include "test_budget.moc"
