// The configurations that the lab writes are understood by the programs that read them, for every topology that comes with it.
#include <QTest>

#include <QDir>

#include "app/isp/edge_config.h"
#include "app/isp/server_configs.h"
#include "app/lab/party_configs.h"
#include "core/crypto/identity.h"

using namespace netpas;
using namespace netpas::lab;

namespace {

PartyKeys keysFor(const Topology& topology) {
    PartyKeys keys;
    uint8_t next = 1;
    const auto key = [&next] {
        Identity::Seed seed{};
        seed[0] = next++;
        return Identity::fromSeed(seed).publicKey().hex();
    };
    for (const IspSpec& isp : topology.isps) {
        keys.accounting[isp.name] = key();
        keys.directory[isp.name] = key();
        for (const std::string& router : isp.routers) keys.edge[router] = key();
    }
    return keys;
}

template <typename Problems>
std::string firstOf(const Problems& problems) {
    return problems.empty() ? std::string("no problem named") : problems.front().toString();
}

}  // namespace

class TestLabParties : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() { QVERIFY(initCrypto()); }
    void programsUnderstandTheirConfigurations_data();
    void programsUnderstandTheirConfigurations();
    void edgesKnowTheirExitsAndTheirFellows();
    void membersOfTheOverlayCarryNoPackets();
};

void TestLabParties::programsUnderstandTheirConfigurations_data() {
    QTest::addColumn<QString>("file");
    const QDir folder(TOPOLOGIES);
    const auto files = folder.entryList({"*.toml"});
    QVERIFY(!files.isEmpty());
    for (const QString& file : files) QTest::newRow(qPrintable(file)) << folder.filePath(file);
}

void TestLabParties::programsUnderstandTheirConfigurations() {
    QFETCH(QString, file);
    const auto topology = loadTopology(file.toStdString());
    QVERIFY(topology.has_value());
    const auto plan = makePlan(*topology);
    QVERIFY(plan.has_value());
    const PartyKeys keys = keysFor(*topology);
    const PartyInput input{*topology, *plan, keys, "/run/x"};
    for (const IspSpec& isp : topology->isps) {
        const std::string accounting = accountingConfig(input, isp);
        const auto server = isp::parseAccountingConfig(accounting, "accounting.toml", "/run/x");
        if (!server) QFAIL((firstOf(server.error()) + "\n" + accounting).c_str());
        QCOMPARE(server->server.isp.value(), isp.id);
        QCOMPARE(server->server.threshold, isp.samplingThreshold);
        if (isp.overlayOnly) continue;
        const std::string directory = directoryConfig(input, isp);
        const auto published = isp::parseDirectoryConfig(directory, "directory.toml", "/run/x");
        if (!published) QFAIL((firstOf(published.error()) + "\n" + directory).c_str());
        const auto sold = std::count_if(topology->isps.begin(), topology->isps.end(), [&](const IspSpec& other) {
            return !other.overlayOnly && !plan->ispPath(*topology, isp.routers[0], other.routers[0]).empty();
        });
        // Where routers decide, the routes come from their dumps.
        QCOMPARE(published->bgp.has_value(), topology->bgp);
        if (topology->bgp) {
            QCOMPARE(published->bgp->dumps.size(), size_t{2});
            QCOMPARE(published->bgp->isps.size(), topology->isps.size());
        }
        const size_t configured = topology->bgp ? 0 : static_cast<size_t>(sold) * plan->ispPrefix.at(isp.name).size();
        // Access to everywhere, of either family, where there is a line for strangers.
        const bool access = std::any_of(topology->hosts.begin(), topology->hosts.end(), [&](const HostSpec& host) {
            return host.visitor && topology->ispOfHost(host.name) == &isp;
        });
        QCOMPARE(published->content.routes.size(), configured + (access ? 2 : 0));
        for (const std::string& router : isp.routers) {
            const std::string text = edgeConfig(input, isp, router);
            const auto edge = isp::parseEdgeConfig(text, "edge.toml", "/run/x");
            if (!edge) QFAIL((firstOf(edge.error()) + "\n" + text).c_str());
            QCOMPARE(edge->edge.isp.value(), isp.id);
            QCOMPARE(edge->edge.classes.size(), isp.classes.size());
        }
    }
}

void TestLabParties::edgesKnowTheirExitsAndTheirFellows() {
    const auto topology = loadTopology(std::string(TOPOLOGIES) + "/four-isps.toml");
    QVERIFY(topology.has_value());
    const auto plan = makePlan(*topology);
    const PartyKeys keys = keysFor(*topology);
    const PartyInput input{*topology, *plan, keys, "/run/x"};
    const auto edge = isp::parseEdgeConfig(edgeConfig(input, *topology->isp("Y"), "y2"), "edge.toml", "/run/x");
    QVERIFY(edge.has_value());
    QCOMPARE(edge->edge.neighbours.size(), size_t{1});
    QCOMPARE(edge->edge.neighbours[0].isp.value(), uint16_t{24});
    QCOMPARE(edge->edge.internals.size(), size_t{2});
    QCOMPARE(edge->edge.internals[0].router, std::string("y1"));
    QCOMPARE(edge->edge.internals[0].exits.size(), size_t{1});
    QCOMPARE(edge->edge.deliveries.size(), size_t{2});  // no host here: only the ISP's own prefixes, one a family
    const auto last = isp::parseEdgeConfig(edgeConfig(input, *topology->isp("W"), "w1"), "edge.toml", "/run/x");
    QVERIFY(last.has_value());
    QCOMPARE(last->edge.deliveries.size(), size_t{4});  // a's networks and the ISP's own, one of each family
    QCOMPARE(last->edge.customers.size(), size_t{1});
}

void TestLabParties::membersOfTheOverlayCarryNoPackets() {
    const auto topology = loadTopology(std::string(TOPOLOGIES) + "/overlay-only.toml");
    QVERIFY(topology.has_value());
    const auto plan = makePlan(*topology);
    QVERIFY(plan.has_value());
    const PartyKeys keys = keysFor(*topology);
    const PartyInput input{*topology, *plan, keys, "/run/x"};
    const auto serverOf = [&](const char* name) {
        return isp::parseAccountingConfig(accountingConfig(input, *topology->isp(name)), "accounting.toml", "/run/x");
    };
    const auto member = serverOf("M");
    QVERIFY(member.has_value());
    QCOMPARE(member->server.neighbours.size(), size_t{2});
    QVERIFY(member->server.edges.empty());
    QVERIFY(member->server.customers.empty());
    QCOMPARE(member->server.paymentFee.fixed, *Money::parse("0.000001"));
    const auto first = serverOf("Y");
    QVERIFY(first.has_value());
    QCOMPARE(first->server.neighbours.size(), size_t{1});
    QCOMPARE(first->server.neighbours[0].name, std::string("M"));
    // Neither packets nor even best effort from one to the other.
    for (const RoutePlan& route : plan->routes) {
        if (route.node == "y1")
            QVERIFY(route.destination.find(plan->hostAddress.at("a")[0].toString()) == std::string::npos);
    }
    QVERIFY(plan->ispPath(*topology, "y1", "x1").empty());
    QVERIFY(!plan->ispPath(*topology, "y1", "m1").empty());
    const auto edge = isp::parseEdgeConfig(edgeConfig(input, *topology->isp("Y"), "y1"), "edge.toml", "/run/x");
    QVERIFY(edge.has_value());
    QVERIFY(edge->edge.neighbours.empty());
}

QTEST_APPLESS_MAIN(TestLabParties)
#include "test_lab_parties.moc"
