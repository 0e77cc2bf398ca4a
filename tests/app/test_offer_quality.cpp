// What was measured beside what is promised; what is scarce stays scarce.
#include <QtTest>

#include <nlohmann/json.hpp>

#include "app/agent/offer_quality.h"

using namespace netpas::agent;
using nlohmann::json;

namespace {

json estimate(const char* grade) {
    if (std::string(grade) == "unknown") return {{"grade", grade}};
    return {{"grade", grade}, {"value", 20.0}, {"low", 18.0}, {"high", 22.0}};
}

json classes(std::initializer_list<int> all) {
    json list = json::array();
    int isp = 26;
    for (const int one : all) list.push_back({{"isp", isp--}, {"class", one}});
    return list;
}

json measured(int isp, const json& bought, const char* roundTrip, const char* loss) {
    return {{"source", "stamp"},
            {"isp", isp},
            {"classes", bought},
            {"round_trip_ms", estimate(roundTrip)},
            {"loss_there", estimate(loss)}};
}

json offers() {
    json path = classes({1, 2});
    for (json& hop : path) hop["class_name"] = "gold";
    return {{"offers",
             {{{"tier", "best effort"}, {"quality_is", "not measured"}},
              {{"tier", "enough"}, {"path", path}, {"quality_is", "promised, not measured"}}}}};
}

}  // namespace

class TestOfferQuality : public QObject {
    Q_OBJECT
private slots:

    void eachOfferHasItsOwn() {
        json shown = offers();
        addMeasuredQuality(
            shown, {{"measurements",
                     {measured(26, json::array(), "good", "good"), measured(25, classes({1, 1}), "good", "good"),
                      measured(25, json::array(), "good", "good"), measured(25, classes({1, 2}), "good", "scarce")}}});
        const json& free = shown["offers"][0];
        QVERIFY(free["quality_is"] == "measured" && free["measured"]["to_isp"] == 25);
        const json& paid = shown["offers"][1];
        QVERIFY(paid["quality_is"] == "promised; measured a little: not yet a fact");
        QVERIFY(paid["measured"]["loss_there"]["grade"] == "scarce" &&
                paid["measured"]["round_trip_ms"]["value"] == 20.0);
    }

    void whatIsUnknownIsNotSaid() {
        json shown = offers();
        addMeasuredQuality(
            shown, {{"measurements",
                     {measured(25, json::array(), "unknown", "unknown"), measured(25, classes({1}), "good", "good"),
                      json{{"source", "tcp"}, {"isp", 25}, {"classes", json::array()}}}}});
        QVERIFY(shown["offers"][0]["measured"].is_null() && shown["offers"][0]["quality_is"] == "not measured");
        QVERIFY(shown["offers"][1]["measured"].is_null());
        QVERIFY(shown["offers"][1]["quality_is"] == "promised, not measured");
        json nothing = json::object();
        addMeasuredQuality(nothing, json::object());
        QVERIFY(nothing.empty());
    }
};

QTEST_APPLESS_MAIN(TestOfferQuality)
#include "test_offer_quality.moc"
