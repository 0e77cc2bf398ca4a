// What this node asks, in babeld's costs, and the next hops that the secretary is told: also when babeld is started again or takes nothing.
#include <QtTest>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "app/agent/mesh_routes.h"
#include "app/common/asio_timers.h"
#include "tests/cartographer/fake_babel.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;

namespace {

Money nanodollars(int64_t amount) { return Money::fromEighths(amount * Money::eighthsPerNanodollar); }

// Of the mesh are wb and wc; babeld has wb already.
const std::string some = "add interface wb up true\nadd interface home up true\n";
std::string neighbour(const char* change, const char* told) {
    return std::string(change) + " neighbour 5f address fe80::2 if wb reach ffff rxcost " + told +
           " txcost 300 cost 307\n";
}
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
    std::vector<std::string> m_log, m_rests, m_questions;
    int m_cannotRest = 0;

    std::unique_ptr<MeshRoutes> open(const fake::Babel& babel) {
        m_told.clear();
        m_log.clear();
        m_rests.clear();
        m_questions.clear();
        m_cannotRest = 0;
        auto made = std::make_unique<MeshRoutes>(
            MeshRoutes::Ports{
                m_io, m_timers, [this](app::LogLevel, const std::string& line) { m_log.push_back(line); },
                [this](const channel::Message& one) {
                    if (const auto* hops = std::get_if<channel::MeshHops>(&one)) m_told.push_back(*hops);
                },
                [this](const std::string& interface, bool rests) -> tl::expected<void, int> {
                    m_rests.push_back(interface + (rests ? " rests" : " wakes"));
                    if (m_cannotRest != 0) return tl::unexpected(m_cannotRest);
                    return {};
                },
                [this](const std::string& interface, const IpAddress& neighbour, const std::vector<IpPrefix>& ways) {
                    std::string question = interface + " " + neighbour.toString();
                    for (const IpPrefix& to : ways) question += " " + to.toString();
                    m_questions.push_back(std::move(question));
                }},
            MeshRouteOptions{babel.place(), {"wb", "wc"}, {}, {300ms, 300ms, 2000ms, 200ms, 300ms}});
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
        return "link-detect true\ninterface " + interface + " rxcost " + cost + "\n";
    }
    bool heardExactly(const fake::Babel& babel, const std::string& expected) {
        const std::string all = heard(babel, expected);
        if (all != expected) qWarning("heard: %s", all.c_str());
        return all == expected;
    }
    // Takes another cost for wb, as babeld does.
    bool changes(const fake::Babel& babel, const std::string& cost) {
        m_rests.clear();
        if (!heardExactly(babel, costs("wb", cost)) || !m_rests.empty()) return false;
        babel.say("ok\nok\n");
        run(50ms);
        if (m_rests != std::vector<std::string>{"wb rests"}) return false;
        babel.say("change interface wb up false\n");
        run(50ms);
        if (m_rests != std::vector<std::string>{"wb rests", "wb wakes"}) return false;
        babel.say("change interface wb up true\n" + neighbour("change", cost.c_str()));
        return true;
    }
    // babeld and what it has said; wc was added at this cost.
    bool connects(fake::Babel& babel, const std::string& said, const std::string& cost) {
        babel.accept();
        babel.say(fake::greeting + some + said + "ok\n");
        if (!heardExactly(babel, "monitor\n" + costs("wc", cost))) return false;
        babel.say("ok\nok\nadd interface wc up true\n");
        run(50ms);
        return true;
    }

private slots:
    void anInterfaceIsAddedWithThePriceAndWhatIsNotOfTheMeshIsLeftAlone() {
        fake::Babel babel;
        const auto routes = open(babel);
        babel.accept();
        QVERIFY(heardExactly(babel, "monitor\n"));
        routes->price(nanodollars(50));
        babel.say(fake::greeting + some + neighbour("add", "146"));
        run(50ms);
        QCOMPARE(babel.heard(), std::string());  // all of its answer is awaited
        babel.say("ok\n");
        QVERIFY(heardExactly(babel, costs("wc", "146")));  // wb says it already
        // Nothing is said twice, whatever changes.
        babel.say("ok\nok\nadd interface wc up true\n" + route("1a", "2001:db8::1/128", "fe80::2", "wb", "yes"));
        routes->price(nanodollars(50));
        run(100ms);
        QCOMPARE(babel.heard(), std::string());
        QVERIFY(m_rests.empty());
    }

    void withoutASecretaryAnInterfaceIsTheLastToBeTakenAndOneThatIsThereStays() {
        fake::Babel babel;
        const auto routes = open(babel);
        QVERIFY(connects(babel, neighbour("add", "146"), "20000"));
        run(100ms);
        QCOMPARE(babel.heard(), std::string());
        QVERIFY(m_rests.empty());
    }

    void anotherPriceIsTakenByAnInterfaceThatRestsForAMoment() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        QVERIFY(connects(babel, neighbour("add", "146"), "146"));
        routes->price(nanodollars(20));
        QVERIFY(changes(babel, "116"));
        QVERIFY(heardExactly(babel, costs("wc", "116")));  // one after the other
        QCOMPARE(routes->report({})["trouble"], "");
    }

    void theNextInterfaceWaitsForTheRoutesOfThisOneWhichNeighboursAreAskedFor() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        const std::string first = route("1a", "2001:db8::1/128", "fe80::2", "wb", "yes");
        const std::string second = route("1b", "2001:db8::2/128", "fe80::2", "wb", "no");
        const std::string other = route("1c", "203.0.113.0/24", "fe80::3", "wb", "yes");
        QVERIFY(connects(babel, neighbour("add", "146") + first + second + other, "146"));
        routes->price(nanodollars(20));
        QVERIFY(heardExactly(babel, costs("wb", "116")));
        babel.say("ok\nok\n");
        run(50ms);
        babel.say("flush" + first.substr(3) + "flush" + second.substr(3) + "flush" + other.substr(3) +
                  "change interface wb up false\n");
        run(50ms);
        QVERIFY(m_questions.empty());  // it would not be heard
        babel.say("change interface wb up true\n");
        run(50ms);
        QCOMPARE(m_questions,
                 (std::vector<std::string>{"wb fe80::2 2001:db8::1/128 2001:db8::2/128", "wb fe80::3 203.0.113.0/24"}));
        m_questions.clear();
        babel.say(first + other);
        for (int i = 0; i < 100 && m_questions.empty(); ++i) run(20ms);
        QCOMPARE(m_questions, std::vector<std::string>{"wb fe80::2 2001:db8::2/128"});
        QCOMPARE(babel.heard(), std::string());
        babel.say(second);
        QVERIFY(heardExactly(babel, costs("wc", "116")));
    }

    void aNeighbourThatHasNoSuchWayAnyMoreIsNotWaitedFor() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        const std::string first = route("1a", "2001:db8::1/128", "fe80::2", "wb", "yes");
        const std::string second = route("1b", "2001:db8::2/128", "fe80::2", "wb", "no");
        QVERIFY(connects(babel, neighbour("add", "146") + first + second, "146"));
        routes->price(nanodollars(20));
        QVERIFY(heardExactly(babel, costs("wb", "116")));
        babel.say("ok\nok\n");
        run(50ms);
        babel.say("flush" + first.substr(3) + "flush" + second.substr(3) + "change interface wb up false\n");
        run(50ms);
        babel.say("change interface wb up true\n" + first);
        QVERIFY(heardExactly(babel, costs("wc", "116")));
        QCOMPARE(m_questions, std::vector<std::string>(3, "wb fe80::2 2001:db8::2/128"));
    }

    void whatDoesNotHappenIsNotWaitedForForever() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        QVERIFY(connects(babel, neighbour("add", "146"), "146"));
        routes->price(nanodollars(20));
        QVERIFY(heardExactly(babel, costs("wb", "116")));
        babel.say("ok\nok\n");
        // It never says that wb went down: the link is awake again all the same, and wc has its turn.
        QVERIFY(heardExactly(babel, costs("wc", "116")));
        QCOMPARE(m_rests, (std::vector<std::string>{"wb rests", "wb wakes"}));
        // A connection that ends while a link rests does not leave it so.
        babel.say("ok\nok\n");
        run(50ms);
        QCOMPARE(m_rests.back(), std::string("wc rests"));
        babel.hangUp();
        run(50ms);
        QCOMPARE(m_rests.back(), std::string("wc wakes"));
    }

    void aHigherPriceIsTheHighestFirst() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        babel.accept();
        babel.say(fake::greeting + "add interface wb up true\nadd interface wc up false\n" + neighbour("add", "146") +
                  "ok\n");
        // What is down has nothing to rest from.
        QVERIFY(heardExactly(babel, "monitor\n" + costs("wc", "146")));
        babel.say("ok\nok\n");
        routes->price(nanodollars(700));
        routes->price(nanodollars(700));
        QVERIFY(changes(babel, "20000"));
        QVERIFY(heardExactly(babel, costs("wc", "20000")));
        babel.say("ok\nok\n");
        QVERIFY(changes(babel, "796"));
        QVERIFY(heardExactly(babel, costs("wc", "796")));
        babel.say("ok\nok\n");
        // A lower one is said at once, also while a higher one waits.
        routes->price(nanodollars(800));
        QVERIFY(changes(babel, "20000"));
        QVERIFY(heardExactly(babel, costs("wc", "20000")));
        babel.say("ok\nok\n");
        routes->price(nanodollars(20));
        QVERIFY(changes(babel, "116"));
        QVERIFY(heardExactly(babel, costs("wc", "116")));
        babel.say("ok\nok\n");
        run(500ms);
        QCOMPARE(babel.heard(), std::string());
    }

    void aBabelThatIsStartedAgainIsToldAgain() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        QVERIFY(connects(babel, neighbour("add", "146"), "146"));
        babel.stop();
        run(50ms);
        QCOMPARE(routes->report({})["source"], "kernel");
        QVERIFY(!m_log.empty());
        babel.start();
        run(2500ms);
        babel.accept();
        babel.say(fake::greeting + "ok\n");
        QVERIFY(heardExactly(babel, "monitor\n" + costs("wb", "146") + costs("wc", "146")));
        QVERIFY(m_rests.empty());
        QCOMPARE(routes->report({})["source"], "babeld");
    }

    void aBabelThatTakesNoPricesIsNamed() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        babel.accept();
        babel.say(fake::greeting + some + "ok\n");
        QVERIFY(heardExactly(babel, "monitor\n" + costs("wb", "146")));
        QCOMPARE(routes->report({})["trouble"], "");
        babel.say("no\nno\n");
        QVERIFY(heardExactly(babel, costs("wc", "146")));
        babel.say("no\nno\n");
        run(50ms);
        QVERIFY(routes->report({})["trouble"].get<std::string>().find("-G") != std::string::npos);
        QCOMPARE(m_log.size(), size_t{1});
        QCOMPARE(babel.heard(), std::string());
        QVERIFY(m_rests.empty());
    }

    void anInterfaceThatKeepsItsCostIsNamedWithTheRemedy() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        babel.accept();
        babel.say(fake::greeting + some + neighbour("add", "96") + "ok\n");
        QVERIFY(heardExactly(babel, "monitor\n" + costs("wb", "146")));
        // It was started with wb: it leaves and comes back, and says the same as before.
        babel.say("ok\nok\n");
        run(50ms);
        babel.say("change interface wb up false\n");
        run(50ms);
        babel.say("change interface wb up true\n" + neighbour("change", "96"));
        run(800ms);
        babel.say(neighbour("change", "96"));
        run(100ms);
        const std::string trouble = routes->report({})["trouble"];
        QVERIFY2(trouble.find("leave wb out") != std::string::npos, trouble.c_str());
    }

    void aLinkThatCannotRestIsNamed() {
        fake::Babel babel;
        const auto routes = open(babel);
        routes->price(nanodollars(50));
        QVERIFY(connects(babel, neighbour("add", "146"), "146"));
        m_cannotRest = EPERM;
        routes->price(nanodollars(20));
        QVERIFY(heardExactly(babel, costs("wb", "116")));
        babel.say("ok\nok\n");
        run(50ms);
        const std::string trouble = routes->report({})["trouble"];
        QVERIFY2(trouble.find("not permitted") != std::string::npos, trouble.c_str());
    }

    void nextHopsInUseAreTold() {
        fake::Babel babel;
        const auto routes = open(babel);
        babel.accept();
        babel.say(fake::greeting + some + route("1", "2001:db8::1/128", "fe80::2", "wb", "yes") +
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
