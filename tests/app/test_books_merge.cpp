// The books of several servers of one ISP as one.
#include <QtTest>

#include <nlohmann/json.hpp>

#include "app/isp/books_merge.h"

using netpas::isp::mergeBooks;
using nlohmann::json;

namespace {

json books(const char* name, const char* owedTo, const char* owedBy, const char* sibling, const char* to,
           const char* by) {
    return {{"isp", 25},
            {"name", name},
            {"time", 1},
            {"customers", {{{"name", name}, {"amount", "0.5"}, {"keys", json::array()}}}},
            {"neighbours",
             {{{"isp", 24},
               {"name", "x"},
               {"connected", true},
               {"owed_to", owedTo},
               {"owed_by", owedBy},
               {"waiting", 2},
               {"own", {{"counted", "1"}, {"difference", "-0.25"}, {"verdict", "fits"}}}}}},
            {"servers", {{{"name", sibling}, {"owed_to", to}, {"owed_by", by}}}},
            {"alarms", {{{"number", 1}, {"text", name}}}},
            {"alarm_count", 1},
            {"counts", {{"commits", 3}}}};
}

}  // namespace

class TestBooksMerge : public QObject {
    Q_OBJECT

private slots:
    void amountsAreAddedAndNamesAreNot() {
        json other = books("y2", "0.000000000125", "1", "y1", "0", "0.5");
        other["neighbours"][0]["own"]["verdict"] = "too-much";
        other["neighbours"].push_back({{"isp", 26}, {"name", "z"}, {"connected", false}, {"owed_by", "7"}});
        const auto merged = mergeBooks({books("y1", "0.5", "2", "y2", "0.5", "0").dump(), other.dump()});
        QVERIFY(merged.has_value());
        const json sum = json::parse(*merged);
        QCOMPARE(sum["isp"], 25);
        QCOMPARE(sum["time"], 1);
        QCOMPARE(sum["customers"].size(), size_t{2});
        QCOMPARE(sum["neighbours"].size(), size_t{2});
        const json& x = sum["neighbours"][0];
        QCOMPARE(x["isp"], 24);
        QCOMPARE(x["owed_to"], "0.500000000125");
        QCOMPARE(x["owed_by"], "3");
        QCOMPARE(x["waiting"], 4);
        QCOMPARE(x["own"]["difference"], "-0.5");
        QCOMPARE(x["own"]["verdict"], "too-much");
        QCOMPARE(sum["alarms"].size(), size_t{2});
        QCOMPARE(sum["alarm_count"], 2);
        QCOMPARE(sum["counts"]["commits"], 6);
        QCOMPARE(sum["between_servers"]["net"], "0");
    }

    void whatIsStillUnderWayShows() {
        const auto merged = mergeBooks(
            {books("y1", "0", "0", "y2", "0.5", "0").dump(), books("y2", "0", "0", "y1", "0", "0.25").dump()});
        QCOMPARE(json::parse(*merged)["between_servers"]["net"], "-0.25");
    }

    void serversOfDifferentIspsAreNotAdded() {
        json other = books("z", "0", "0", "z2", "0", "0");
        other["isp"] = 26;
        const auto merged = mergeBooks({books("y1", "0", "0", "y2", "0", "0").dump(), other.dump()});
        QVERIFY(!merged.has_value());
        QVERIFY(merged.error().find("ISP 26") != std::string::npos);
        QVERIFY(!mergeBooks({"[]"}).has_value());
        QVERIFY(!mergeBooks({}).has_value());
    }
};

QTEST_APPLESS_MAIN(TestBooksMerge)
#include "test_books_merge.moc"
