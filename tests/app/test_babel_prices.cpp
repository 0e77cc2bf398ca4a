// Two real babelds on a link, and what the neighbour hears of a price that changes: in routes all the time, and babeld lives on.
#include <QtTest>

#include <QProcess>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "app/agent/link_rest.h"
#include "app/agent/mesh_routes.h"
#include "app/agent/route_request.h"
#include "app/common/asio_timers.h"
#include "cartographer/routes/babel_socket.h"
#include "tests/tun/private_namespace.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;

namespace {

Money nanodollars(int64_t amount) { return Money::fromEighths(amount * Money::eighthsPerNanodollar); }

}  // namespace

class TestBabelPrices : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    lab::Namespace m_far, m_near;  // this thread is in the second one
    QProcess m_here, m_there;
    boost::asio::io_context m_io;
    app::AsioTimers m_timers{m_io};
    std::optional<routes::BabelSocket> m_neighbour;
    QStringList m_log;
    bool m_wasInUse = false, m_brokeOff = false;  // the way here

    std::string place(const char* name) { return m_folder.filePath(name).toStdString(); }
    bool start(QProcess& babel, const char* name, const QStringList& statements) {
        QStringList arguments{"-r",
                              "-G",
                              m_folder.filePath(name),
                              "-I",
                              "",
                              "-S",
                              m_folder.filePath(QString(name) + ".state"),
                              "-C",
                              "default hello-interval 1 update-interval 2",
                              "-C",
                              "redistribute local ip 2001:db8::/32 allow",
                              "-C",
                              "redistribute local deny"};
        for (const QString& one : statements) arguments << "-C" << one;
        babel.start("babeld", arguments);
        return babel.waitForStarted() &&
               QTest::qWaitFor([&] { return QFile::exists(m_folder.filePath(name)); }, 10'000);
    }
    std::unique_ptr<MeshRoutes> agent() {
        auto made = std::make_unique<MeshRoutes>(
            MeshRoutes::Ports{m_io, m_timers,
                              [this](app::LogLevel, const std::string& line) { m_log << QString::fromStdString(line); },
                              [](const channel::Message&) {},
                              [](const std::string& interface, bool rests) {
                                  return rests ? restLink(interface) : wakeLink(interface);
                              },
                              requestRoutes},
            MeshRouteOptions{place("near"),
                             {"here"},
                             "hello-interval 1 update-interval 2",
                             {1000ms, 3000ms, 20'000ms, 4000ms, 5000ms}});
        made->start();
        return made;
    }
    // What the other end has heard, and whether a way here is in use there.
    bool comes(routes::BabelCost cost) {
        for (int i = 0; i < 1500; ++i) {
            m_io.restart();
            m_io.run_for(20ms);
            if (!m_neighbour || !m_neighbour->read()) return false;
            m_wasInUse = m_wasInUse || inUse();
            m_brokeOff = m_brokeOff || (m_wasInUse && !inUse());
            for (const auto& [id, one] : m_neighbour->table().neighbours()) {
                if (one.asks == cost) return true;
            }
        }
        return false;
    }
    [[nodiscard]] bool inUse() const {
        return m_neighbour->table().routeTo(*IpAddress::parse("2001:db8:1::1")) != nullptr;
    }

private slots:
    void initTestCase() {
        QVERIFY(m_far.made() && m_near.made());
        QVERIFY(
            lab::run("ip link set lo up && ip addr add 2001:db8:1::1/128 dev lo && ip link add here type veth peer "
                     "name there netns " +
                     m_far.path()));
        QVERIFY(lab::run("ip link set here up"));
        QVERIFY(m_far.enter());
        QVERIFY(lab::run("ip link set lo up && ip link set there up"));
        QVERIFY(start(m_there, "far", {"interface there rxcost 96"}));
        QVERIFY(m_near.enter());
        QVERIFY(start(m_here, "near", {"interface none"}));
        auto socket = routes::BabelSocket::connect(place("far"));
        QVERIFY(socket.has_value());
        m_neighbour = std::move(*socket);
    }
    void cleanupTestCase() {
        for (QProcess* one : {&m_here, &m_there}) {
            one->terminate();
            one->waitForFinished();
        }
    }

    void aPriceChangesAsOftenAsItsOwnerLikes() {
        const auto routes = agent();
        QVERIFY(comes(20'000));  // nothing is known yet
        QVERIFY(QTest::qWaitFor([&] { return comes(20'000) && inUse(); }, 20'000));
        for (const int64_t price : {50, 20, 700, 30, 10}) {
            routes->price(nanodollars(price));
            QVERIFY2(comes(static_cast<routes::BabelCost>(96 + price)), std::to_string(price).c_str());
        }
        QVERIFY(QTest::qWaitFor([&] { return comes(106) && inUse(); }, 10'000));
        QVERIFY(!m_brokeOff);
        QCOMPARE(m_here.state(), QProcess::Running);
        QCOMPARE(routes->report({})["trouble"], "");
    }

    // By itself the neighbour would say them again after ten minutes.
    void theNodesOwnRoutesAreBackSoon() {
        m_there.terminate();
        QVERIFY(m_there.waitForFinished());
        QVERIFY(m_far.enter());
        QVERIFY(lab::run("ip addr add 2001:db8:2::1/128 dev lo"));
        QVERIFY(start(m_there, "far", {"interface there rxcost 96 update-interval 600"}));
        QVERIFY(m_near.enter());
        auto far = routes::BabelSocket::connect(place("far"));
        auto near = routes::BabelSocket::connect(place("near"));
        QVERIFY(far && near);
        m_neighbour = std::move(*far);
        const auto has = [&] {
            m_io.restart();
            m_io.run_for(20ms);
            return near->read() && near->table().routeTo(*IpAddress::parse("2001:db8:2::1")) != nullptr;
        };
        const auto routes = agent();
        QVERIFY(QTest::qWaitFor(has, 30'000));
        for (const int64_t price : {60, 50, 40}) {
            routes->price(nanodollars(price));
            QVERIFY(comes(static_cast<routes::BabelCost>(96 + price)));  // so the link has rested
            QVERIFY(QTest::qWaitFor(has, 30'000));
        }
    }

    void anAgentThatIsStartedAgainGoesOn() {
        const auto routes = agent();
        routes->price(nanodollars(10));
        QVERIFY(comes(106));
        routes->price(nanodollars(40));
        QVERIFY(comes(136));
        QCOMPARE(m_here.state(), QProcess::Running);
    }

    void whatAKilledAgentLeftDormantIsAwakeAgain() {
        QVERIFY(!wakeForgottenLink("here"));
        QVERIFY(restLink("here").has_value());
        QVERIFY(lab::run("ip link show here | grep -q 'state DORMANT'"));
        QVERIFY(wakeForgottenLink("here"));
        QVERIFY(lab::run("ip link show here | grep -q 'state UP'"));
        // Who has not logged in on a link is not let in by this.
        QVERIFY(lab::run("ip link set here mode dormant state dormant"));
        QVERIFY(!wakeForgottenLink("here"));
        QVERIFY(lab::run("ip link set here mode default state up"));
        QVERIFY(!wakeForgottenLink("nowhere"));
        QCOMPARE(restLink("nowhere").error(), ENODEV);
    }

    void anInterfaceThatBabeldWasStartedWithIsNamed() {
        m_here.terminate();
        QVERIFY(m_here.waitForFinished());
        QVERIFY(start(m_here, "near", {"interface here rxcost 300"}));
        const auto routes = agent();
        QVERIFY(comes(300));
        m_log.clear();
        routes->price(nanodollars(50));
        for (int i = 0; i < 1500 && m_log.isEmpty(); ++i) {
            m_io.restart();
            m_io.run_for(20ms);
        }
        QVERIFY2(m_log.join(' ').contains("leave here out"), qPrintable(m_log.join(' ')));
    }
};

QTEST_GUILESS_MAIN(TestBabelPrices)
#include "test_babel_prices.moc"
