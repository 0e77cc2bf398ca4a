#include <QtTest>

#include "tests/sim/population_line.h"

using namespace netpas;
using namespace netpas::secretary::learning;
using netpas::sim::parsePopulationLine;

class TestPopulationLine : public QObject {
    Q_OBJECT

private slots:
    void aLineIsRead() {
        const auto line = parsePopulationLine(
            R"({"user":"u1","app":"mpv","purpose":"video","payee":"p","group":"g","domain":"d","price_nano":375,)"
            R"("per":"minute","willing_nano":500,"answer":"accept"})");
        QVERIFY(line.has_value());
        QCOMPARE(line->user, std::string("u1"));
        QCOMPARE(line->request[Field::App], std::string("mpv"));
        QCOMPARE(line->request[Field::Domain], std::string("d"));
        QCOMPARE(line->request.price, Money::fromEighths(3000));
        QCOMPARE(line->willing, Money::fromEighths(4000));
        QVERIFY(line->request.unit == PriceUnit::Minute && line->answer == Answer::Accept);
    }
    void missingFieldsAreEmpty() {
        const auto line = parsePopulationLine(
            R"({"user":7,"payee":null,"price_nano":"375","per":"item","willing_nano":0,"answer":"refuse"})");
        QVERIFY(line.has_value());
        QCOMPARE(line->user, std::string("7"));
        for (const std::string& text : line->request.fields) QVERIFY(text.empty());
        QCOMPARE(line->request.price, Money::fromEighths(3000));
        QCOMPARE(line->willing, Money::zero());
    }
    void partsOfANanodollarAndBoundlessWorth() {
        const auto line =
            parsePopulationLine(R"({"user":"u","price_nano":0.5,"per":"item","willing_nano":1e300,"answer":"accept"})");
        QVERIFY(line.has_value());
        QCOMPARE(line->request.price, Money::fromEighths(4));
        QVERIFY(line->willing > Money::fromEighths(INT64_MAX / 2));
    }
    void errorsNameTheRemedy_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("message");
        const QString end = R"("per":"item","willing_nano":1,"answer":"accept"})";
        QTest::newRow("cut short") << R"({"user":"u")"
                                   << "one request a line";
        QTest::newRow("no object") << "[]"
                                   << "one request a line";
        QTest::newRow("not text") << "\xff\xfe"
                                  << "one request a line";
        QTest::newRow("two objects") << "{} {}"
                                     << "one request a line";
        QTest::newRow("no user") << R"({"price_nano":1,)" + end << "\"user\" is missing";
        QTest::newRow("no price") << R"({"user":"u",)" + end << "\"price_nano\" is missing";
        QTest::newRow("price") << R"({"user":"u","price_nano":"much",)" + end << "such as 375";
        QTest::newRow("negative") << R"({"user":"u","price_nano":-1,)" + end << "must not be negative";
        QTest::newRow("not a number") << R"({"user":"u","price_nano":"nan",)" + end << "such as 375";
        QTest::newRow("field") << R"({"user":"u","app":[],"price_nano":1,)" + end << "\"app\" must be a text";
        QTest::newRow("unit") << R"({"user":"u","price_nano":1,"per":"hour","willing_nano":1,"answer":"accept"})"
                              << "must be \"minute\" or \"item\"";
        QTest::newRow("answer") << R"({"user":"u","price_nano":1,"per":"item","willing_nano":1,"answer":"yes"})"
                                << "must be \"accept\" or \"refuse\"";
        QTest::newRow("no answer") << R"({"user":"u","price_nano":1,"per":"item","willing_nano":1})"
                                   << "\"answer\" is missing";
    }
    void errorsNameTheRemedy() {
        QFETCH(QString, text);
        QFETCH(QString, message);
        const auto line = parsePopulationLine(text.toStdString());
        QVERIFY(!line.has_value());
        QVERIFY2(QString::fromStdString(line.error()).contains(message), line.error().c_str());
    }
};

QTEST_APPLESS_MAIN(TestPopulationLine)
#include "test_population_line.moc"
