#include <QtTest>

#include "core/price_code.h"
#include "core/price_model.h"

using namespace netpas;

class TestPrice : public QObject {
    Q_OBJECT
private slots:
    void codesHaveThePropertiesOfThePaper() {
        QCOMPARE(PriceCode::fromCode(0).value(), *Money::fromNanodollars(1));
        const double ratio = double(PriceCode::fromCode(255).value().eighths()) / 8.0;
        QVERIFY(ratio > 4.0e9 && ratio < 4294967296.0);  // almost 2^32
        for (int code = 0; code < 255; ++code) {
            const auto low = double(PriceCode::fromCode(uint8_t(code)).value().eighths());
            const auto high = double(PriceCode::fromCode(uint8_t(code + 1)).value().eighths());
            QVERIFY(high / low <= 1.125);
            QVERIFY(high / low >= 1.0666);
        }
    }
    void encodingRoundsUpToTheNearestCode() {
        for (int code = 0; code < 256; ++code) {
            const PriceCode price = PriceCode::fromCode(uint8_t(code));
            QCOMPARE(int(PriceCode::roundUp(price.value())->code()), code);
            const auto more = PriceCode::roundUp(Money::fromEighths(price.value().eighths() + 1));
            QCOMPARE(more.has_value(), code < 255);
            if (more) QCOMPARE(int(more->code()), code + 1);
        }
        QCOMPARE(int(PriceCode::roundUp(Money::zero())->code()), 0);
        QCOMPARE(int(PriceCode::roundUp(Money::fromEighths(-1)).error()), int(MoneyError::Negative));
        QCOMPARE(int(PriceCode::roundUp(Money::max()).error()), int(MoneyError::Overflow));
    }
    void costsAddUpAndRoundUp() {
        const PriceModel model{Money::fromEighths(24), Money::fromEighths(1000), 10};
        // 24 + ceil(1000 · 1432 / 1024) + ceil(120 · 10 / 1024)
        QCOMPARE(model.cost(1432, Money::fromEighths(120)).eighths(), int64_t{24 + 1399 + 2});
        QCOMPARE(model.cost(0, Money::zero()).eighths(), int64_t{24});
        QCOMPARE((PriceModel{Money::max(), Money::max(), 1024}).cost(65535, Money::max()), Money::max());
    }
    void theTimeOfDayChoosesTheModel() {
        PriceSchedule schedule;
        schedule.base.perPacket = Money::fromEighths(1);
        schedule.periods = {{18 * 60, 22 * 60, {Money::fromEighths(2), {}, 0}},
                            {23 * 60, 60, {Money::fromEighths(3), {}, 0}}};
        const auto at = [&](int minute) { return schedule.modelAt(uint16_t(minute)).perPacket.eighths(); };
        QCOMPARE(at(18 * 60 - 1), int64_t{1});
        QCOMPARE(at(18 * 60), int64_t{2});
        QCOMPARE(at(22 * 60), int64_t{1});
        QCOMPARE(at(23 * 60 + 30), int64_t{3});
        QCOMPARE(at(59), int64_t{3});
        QCOMPARE(at(60), int64_t{1});
        QCOMPARE(minuteOfDay(SystemTime(std::chrono::hours(25) + std::chrono::seconds(61))), uint16_t(61));
        QCOMPARE(minuteOfDay(SystemTime(std::chrono::seconds(-1))), uint16_t(1439));
    }
};

QTEST_APPLESS_MAIN(TestPrice)
#include "test_price.moc"
