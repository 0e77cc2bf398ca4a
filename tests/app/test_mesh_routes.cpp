// What this node asks, in babeld's costs, and the next hops that the secretary is told: also when babeld is started again or takes nothing.
#include <QtTest>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "app/agent/mesh_routes.h"
#include "app/common/asio_timers.h"
#include "tests/cartographer/fake_babel.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;

namespace {

Money nanodollars(int64_t amount) { return Money::fromEighths(amount * Money::eighthsPerNanodollar); }

const std::string interfaces = "add interface wb up true\nadd interface wc up true\nadd interface home up true\n";
std::string route(const char* id, const char* to, const char* via, const char* interface, const char* installed) {
    return std::string("add route ") + id + " prefix " + to + " from ::/0 installed " + installed +
           " id 02:00:00:00:00:00:00:02 metric 396 refmetric 96 via " + via + " if " + interface + "\n";
}

}  // namespace

class TestMeshRoutes : public QObject {
    Q_OBJECT

    boost::asio::io_context m_io;
    app::AsioTimers m_timers{m_io};
    std::vector<channel::MeshHops> m_told;
    std::vector<std::string> m_log;

    std::unique_ptr<MeshRoutes> open(const fake::Babel& babel) {
        m_told.clear();
        m_log.clear();
        auto made = std::make_unique<MeshRoutes>(
            MeshRoutes::Ports{m_io, m_timers, [this](app::LogLevel, const std::string& line) { m_log.push_back(line); },
                              [this](const channel::Message& one) {
                                  if (const auto* hops = std::get_if<channel::MeshHops>(&one)) m_told.push_back(*hops);
                              }},
            MeshRouteOptions{babel.place(), {"wb", "wc"}, 300ms});
        made->start();
        return made;
    }
    void run(std::chrono::milliseconds time) {
        m_io.restart();
        m_io.run_for(time);
    }
    // What babeld is told, once it is as long as expected.
    std::string heard(const fake::Babel& babel, const std::string& expected) {
        std::string all;
        for (int i = 0; i < 250 && all.size() < expected.size(); ++i) {
            run(20ms);
            all += babel.heard();
        }
        return all;
    }
    static std::string costs(const std::string& interface, const std::string& cost) {
        return "flush interface " + interface + "\ninterface " + interface + " rxcost " + cost + "\n";
    }

private slots:
    void thePriceIsTheCostOfTheLinksOfTheMeshAlone() {
        fake::Babel babel;
        const auto routes = open(babel);
        babel.accept();
        QCOMPARE(heard(babel, "monitor\n"), std::string("monitor\n"));
        routes->price(nanodollars(50));
        babel.say(fake::greeting + interfaces);
        run(50ms);
        QCOMPARE(babel.heard(), std::string());  // all of its answer is awaited
        babel.say("ok\n");
        const std::string both = costs("wb", "146") + costs("wc", "146");
        QCOMPARE(heard(babel, both), both);
        // Nothing is said twice, whatever changes; another price is.
        babel.say("ok\nok\nok\nok\n" + route("1a", "2001:db8::1/128", "fe80::2", "wb", "yes"));
        routes->price(nanodollars(50));
        run(100ms);
        QCOMPARE(babel.heard(), std::string());
        routes->price(std::nullopt);  // it passes nothing on
        const std::string most = costs("wb", "20000") + costs("wc", "20000");
        QCOMPARE(heard(babel, most), most);
    }

    void aHigherPriceIsTheHighestFirst() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        babel.accept();
        babel.say(fake::greeting + interfaces + "ok\n");
        const auto both = [](const std::string& cost) { return costs("wb", cost) + costs("wc", cost); };
        QCOMPARE(heard(babel, "monitor\n" + both("146")), "monitor\n" + both("146"));
        routes->price(nanodollars(700));
        routes->price(nanodollars(700));
        QCOMPARE(heard(babel, both("20000")), both("20000"));
        QCOMPARE(heard(babel, both("796")), both("796"));
        // A lower one is said at once, also while a higher one waits.
        routes->price(nanodollars(800));
        QCOMPARE(heard(babel, both("20000")), both("20000"));
        routes->price(nanodollars(20));
        QCOMPARE(heard(babel, both("116")), both("116"));
        run(500ms);
        QCOMPARE(babel.heard(), std::string());
    }

    void aBabelThatIsStartedAgainIsToldAgainAndOneThatKnowsIsNot() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        babel.accept();
        babel.say(fake::greeting + interfaces +
                  "add neighbour 5f address fe80::2 if wb reach ffff rxcost 146 txcost 300 cost 307\nok\n");
        const std::string other = "monitor\n" + costs("wc", "146");
        QCOMPARE(heard(babel, other), other);  // wb says it already
        babel.stop();
        run(50ms);
        QCOMPARE(routes->report({})["source"], "kernel");
        QVERIFY(!m_log.empty());
        babel.start();
        run(2500ms);
        babel.accept();
        babel.say(fake::greeting + interfaces + "ok\n");
        const std::string all = "monitor\n" + costs("wb", "146") + costs("wc", "146");
        QCOMPARE(heard(babel, all), all);
        QCOMPARE(routes->report({})["source"], "babeld");
    }

    void aBabelThatTakesNoPricesIsNamed() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        babel.accept();
        babel.say(fake::greeting + interfaces + "ok\n");
        const std::string all = "monitor\n" + costs("wb", "146") + costs("wc", "146");
        QCOMPARE(heard(babel, all), all);
        QCOMPARE(routes->report({})["trouble"], "");
        babel.say("no\nno\nno\nno\n");
        run(50ms);
        QVERIFY(routes->report({})["trouble"].get<std::string>().find("-G") != std::string::npos);
        QCOMPARE(m_log.size(), size_t{1});
        QCOMPARE(babel.heard(), std::string());
    }

    void nextHopsInUseAreTold() {
        fake::Babel babel;
        const auto routes = open(babel);
        babel.accept();
        babel.say(fake::greeting + interfaces + route("1", "2001:db8::1/128", "fe80::2", "wb", "yes") +
                  route("2", "2001:db8::2/128", "fe80::2", "wb", "yes") +
                  route("3", "2001:db8::3/128", "fe80::3", "wc", "no") +
                  route("4", "2001:db8::4/128", "fe80::4", "home", "yes") + "ok\n");
        const std::vector<channel::MeshHop> one{{"wb", *IpAddress::parse("fe80::2")}};
        const auto toldLast = [&](const std::vector<channel::MeshHop>& hops) {
            for (int i = 0; i < 400 && (m_told.empty() || m_told.back().inUse != hops); ++i) run(20ms);
            return !m_told.empty() && m_told.back().inUse == hops;
        };
        QVERIFY(toldLast(one));
        babel.say(
            "change route 3 prefix 2001:db8::3/128 from ::/0 installed yes id 02:00:00:00:00:00:00:02 metric 1 "
            "refmetric 0 via fe80::3 if wc\n");
        QVERIFY(toldLast({one.front(), {"wc", *IpAddress::parse("fe80::3")}}));
        // A secretary that comes is told all of it; nothing is repeated by itself.
        const size_t before = m_told.size();
        routes->secretaryUp();
        QCOMPARE(m_told.size(), before + 1);
        run(1500ms);
        QCOMPARE(m_told.size(), before + 1);
    }
};

QTEST_GUILESS_MAIN(TestMeshRoutes)
#include "test_mesh_routes.moc"
