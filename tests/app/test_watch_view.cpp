#include <QtTest>

#include "app/cli/watch_view.h"

using namespace netpas;
using namespace netpas::cli;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

json purchase(const std::string& id, const std::string& sent) {
    return {{"id", id},
            {"state", "active"},
            {"flow", "udp *:* -> 192.0.2.10:5004"},
            {"sent", {{"amount", sent}}},
            {"path", {{{"isp", 26}, {"class", 1}}}},
            {"price_per_packet", {{"1400", "0.000000003"}}}};
}

json snapshot(json purchases) {
    return {{"event", "snapshot"},
            {"status",
             {{"isp", {{"id", 26}, {"name", "Z"}, {"connected", true}}},
              {"spent_today", "0.25"},
              {"reserved", "0.5"},
              {"limits", {{"per_day", "20"}}}}},
            {"trouble", nullptr},
            {"purchases", std::move(purchases)}};
}

bool shows(const WatchView& view, const char* text) { return QString::fromStdString(view.text()).contains(text); }

}  // namespace

class TestWatchView : public QObject {
    Q_OBJECT

private slots:
    void purchasesComeChangeAndGo() {
        WatchView view;
        const auto now = WatchView::Time{};
        view.take(snapshot(json::array({purchase("7", "0")})), now);
        QVERIFY(shows(view, "26 Z, connected") && shows(view, "$0.25 of $20, set aside $0.5"));
        QVERIFY(shows(view, "192.0.2.10:5004") && shows(view, "$0.000000003") && view.anyRuns());
        view.take({{"event", "purchase"}, {"purchase", purchase("8", "0.125")}}, now);
        QVERIFY(shows(view, "$0.125"));
        view.take({{"event", "gone"}, {"id", "8"}}, now);
        QVERIFY(!shows(view, "$0.125"));
        view.take({{"event", "gone"}, {"id", "7"}}, now);
        QVERIFY(shows(view, "nothing is bought") && !view.anyRuns());
    }

    void whatIsSpentAMinuteIsOfTheLastSeconds() {
        WatchView view;
        auto now = WatchView::Time{} + 1h;
        view.take(snapshot(json::array({purchase("7", "0")})), now);
        QVERIFY(!view.perMinute("7").has_value());
        view.take({{"event", "purchase"}, {"purchase", purchase("7", "0.01")}}, now + 500ms);
        QVERIFY(!view.perMinute("7").has_value());  // too short to say
        view.take({{"event", "purchase"}, {"purchase", purchase("7", "0.05")}}, now + 5s);
        QCOMPARE(QString::fromStdString(view.perMinute("7")->toString()), QString("0.6"));
        // It stops: after the window nothing is left of the rate.
        view.take({{"event", "purchase"}, {"purchase", purchase("7", "0.05")}}, now + 20s);
        view.take({{"event", "purchase"}, {"purchase", purchase("7", "0.05")}}, now + 31s);
        QCOMPARE(QString::fromStdString(view.perMinute("7")->toString()), QString("0"));
        QVERIFY(!view.perMinute("8").has_value());
    }

    void qualityIsOfItsOwnWay() {
        WatchView view;
        view.take(snapshot(json::array({purchase("7", "0")})), {});
        const auto good = [](double value) {
            return json{{"grade", "good"}, {"value", value}, {"low", value}, {"high", value}};
        };
        const json elsewhere{
            {"source", "stamp"}, {"classes", json::array()}, {"round_trip_ms", good(99)}, {"loss_there", good(0.5)}};
        view.takeMeasurements({{"measurements", json::array({elsewhere})}});
        QVERIFY(!shows(view, "99.0"));
        json there = elsewhere;
        there["classes"] = {{{"isp", 26}, {"class", 1}}};
        there["round_trip_ms"] = good(12.5);
        view.takeMeasurements({{"measurements", json::array({elsewhere, there})}});
        QVERIFY(shows(view, "12.5") && !shows(view, "99.0"));
        json connection{
            {"source", "tcp"}, {"destination", "192.0.2.10"}, {"round_trip_ms", good(8.5)}, {"loss_there", good(0)}};
        view.takeMeasurements({{"measurements", json::array({connection, there})}});
        QVERIFY(shows(view, "8.5"));
    }

    void questionsAndTroublesNameTheNextCommand() {
        WatchView view;
        json asked = purchase("7", "0");
        asked["decision"] = "3";
        json troubled = purchase("8", "0");
        troubled["trouble"] = "edge router \033[31m unreachable";
        view.take(snapshot(json::array({asked, troubled})), {});
        QVERIFY(shows(view, "netpas pending approve 3"));
        QVERIFY(shows(view, "unreachable") && !shows(view, "\033[31m"));
        view.take({{"event", "trouble"}, {"trouble", {{"code", "LOCKED"}, {"message", "the secretary is locked"}}}},
                  {});
        QVERIFY(shows(view, "the secretary is locked"));
        WatchView without;
        without.take(
            {{"event", "snapshot"}, {"status", {{"isp", nullptr}}}, {"trouble", nullptr}, {"purchases", json::array()}},
            {});
        QVERIFY(shows(without, "netpas join"));
    }

    void whatIsNotUnderstoodIsLeftOut() {
        WatchView view;
        for (const json& event :
             {json(nullptr), json("x"), json{{"event", 3}}, json{{"event", "snapshot"}, {"purchases", 7}},
              json{{"event", "purchase"}}, json{{"event", "purchase"}, {"purchase", {{"id", 7}, {"path", 3}}}}})
            view.take(event, {});
        view.takeMeasurements("x");
        view.takeMeasurements({{"measurements", {1, "x"}}});
        QVERIFY(!view.text().empty());
    }
};

QTEST_APPLESS_MAIN(TestWatchView)
#include "test_watch_view.moc"
