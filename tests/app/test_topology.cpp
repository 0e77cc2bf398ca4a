// The topology parser: what it accepts, and that every mistake is answered with file, line and remedy.
#include <QTest>

#include <QDir>
#include <algorithm>
#include <set>

#include "app/lab/plan.h"
#include "app/lab/topology.h"

using namespace netpas;
using namespace netpas::lab;

namespace {

const std::string isps = R"(name = "t"
[[isp]]
name = "Z"
id = 26
[[isp.class]]
id = 1
name = "gold"
dscp = 46
per_packet = "0.000000002"
[[isp]]
name = "Y"
id = 25
)";
const std::string rest = R"([[host]]
name = "b"
[[link]]
between = ["b", "z1"]
[[link]]
between = ["z1", "y1"]
)";

std::string messageOf(const std::string& text) {
    const auto topology = parseTopology(text, "t.toml");
    return topology ? std::string() : topology.error().text;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const size_t at = text.find(what);
    if (at == std::string::npos) qFatal("the test's text lacks %s", what.c_str());
    return text.replace(at, what.size(), by);
}

}  // namespace

class TestTopology : public QObject {
    Q_OBJECT
private slots:
    void smallestFileParses();
    void mistakesNameLineAndRemedy_data();
    void mistakesNameLineAndRemedy();
    void exitsAreNumberedPerIsp();
    void formattedFileParsesToTheSame_data();
    void formattedFileParsesToTheSame();
    void unitsRoundTrip();
    void addressesOfIspsDoNotOverlap_data();
    void addressesOfIspsDoNotOverlap();
    void routesCrossTheFewestIsps();
    void tooSmallPrefixIsRefused();
    void hostsBehindAModemShareOrGetTheirOwn();
};

void TestTopology::smallestFileParses() {
    const auto topology = parseTopology(isps + rest, "t.toml");
    if (!topology) QFAIL(topology.error().text.c_str());
    QCOMPARE(topology->isps.size(), size_t{2});
    QCOMPARE(topology->isps[0].routers, std::vector<std::string>{"z1"});
    QCOMPARE(topology->isps[0].classes[0].price.perPacket.eighths(), int64_t{16});
    QCOMPARE(topology->ispOfHost("b")->name, std::string("Z"));
    QCOMPARE(topology->attachment("b"), std::string("z1"));
}

void TestTopology::mistakesNameLineAndRemedy_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("line");
    QTest::addColumn<QString>("part");
    const auto row = [](const char* name, const std::string& text, int line, const char* part) {
        QTest::newRow(name) << QString::fromStdString(text) << line << part;
    };
    row("syntax", "name = \n", 1, "toml.io");
    row("unknown key", replaced(isps, "dscp", "dcsp") + rest, 8, "did you mean 'dscp'");
    row("unknown key without a neighbour", isps + rest + "[[host]]\nname = \"c\"\nwhatever = 1\n", 21,
        "use one of: name agent");
    row("wrong type", replaced(isps, "id = 26", "id = \"26\"") + rest, 4, "not a number from 1 to 65535");
    row("number out of range", replaced(isps, "id = 26", "id = 70000") + rest, 4, "1 to 65535");
    row("price", replaced(isps, "0.000000002", "2 cents") + rest, 9, "0.000000003");
    row("price too precise", replaced(isps, "0.000000002", "0.0000000000001") + rest, 9, "exact to");
    row("negative price", replaced(isps, "0.000000002", "-1") + rest, 9, "write it as");
    row("price beyond the code", replaced(isps, "0.000000002", "5") + rest, 5, "lower 'per_packet'");
    row("unit", isps + replaced(rest, "[\"z1\", \"y1\"]", "[\"z1\", \"y1\"]\nrate = \"20\""), 19, "\"20mbit\"");
    row("delay", isps + replaced(rest, "[\"z1\", \"y1\"]", "[\"z1\", \"y1\"]\ndelay = \"11s\""), 19, "\"10ms\"");
    row("loss", isps + replaced(rest, "[\"z1\", \"y1\"]", "[\"z1\", \"y1\"]\nloss = \"101%\""), 19, "\"0.5%\"");
    row("queue", isps + replaced(rest, "[\"z1\", \"y1\"]", "[\"z1\", \"y1\"]\nqueue = \"0p\""), 19, "\"100p\"");
    row("dangling node", isps + replaced(rest, "\"y1\"", "\"y2\""), 17, "no node; declare it");
    row("duplicate ISP name", replaced(isps, "\"Y\"", "\"Z\"") + rest, 10, "change one");
    row("duplicate ISP id", replaced(isps, "25", "26") + rest, 10, "duplicate ISP id 26");
    row("duplicate node", isps + replaced(rest, "name = \"b\"", "name = \"y1\""), 13, "already declared in line 10");
    row("duplicate link", isps + rest + "[[link]]\nbetween = [\"z1\", \"y1\"]\n", 19, "duplicate link name");
    row("unknown class", isps + rest + "[[link.class]]\nname = \"gould\"\n", 19, "unknown class 'gould'");
    row("unreachable", isps + "[[host]]\nname = \"b\"\n[[link]]\nbetween = [\"b\", \"z1\"]\n", 10,
        "add the missing [[link]]");
    row("unreachable inside an ISP",
        replaced(isps, "id = 25", "id = 25\nrouters = [\"y1\", \"y2\"]") + rest +
            "[[link]]\nbetween = [\"z1\", \"y2\"]\n",
        10, "between routers of this ISP");
    row("host without link", isps + rest + "[[host]]\nname = \"c\"\n", 19, "has no link");
    row("host with two links", isps + rest + "[[link]]\nbetween = [\"b\", \"y1\"]\n", 13, "several links");
    const std::string member =
        "[[isp]]\nname = \"M\"\nid = 30\noverlay_only = true\n[[link]]\nbetween = [\"m1\", \"z1\"]\n";
    const std::string joined = "[[overlay]]\nbetween = [\"Z\", \"M\"]\n";
    row("fee", replaced(isps, "id = 26", "id = 26\npayments = { fee = \"5 n$\" }") + rest, 5,
        "dollars for each payment");
    row("fee's part", replaced(isps, "id = 26", "id = 26\npayments = { fee_1024ths = 1025 }") + rest, 5, "0 to 1024");
    row("unknown payment key", replaced(isps, "id = 26", "id = 26\npayments = { fees = \"0\" }") + rest, 5,
        "did you mean 'fee'");
    row("unknown right", isps + replaced(rest, "name = \"b\"", "name = \"b\"\npayments = [\"take\"]"), 15,
        "write \"send\", \"receive\" or both");
    row("member without a neighbour", isps + rest + member, 19, "has no neighbour in the overlay");
    row("member with a class",
        isps + rest + replaced(member, "[[link]]", "[[isp.class]]\nid = 1\nname = \"gold\"\ndscp = 46\n[[link]]") +
            joined,
        19, "remove 'overlay_only' or every [[isp.class]]");
    row("member with two nodes",
        isps + rest + replaced(member, "id = 30", "id = 30\nrouters = [\"m1\", \"m2\"]") + joined, 19,
        "name the one node");
    row("host of a member",
        isps + rest + member + joined + "[[host]]\nname = \"c\"\n[[link]]\nbetween = [\"c\", \"m1\"]\n", 27,
        "attach it to another");
    row("exits at a member", isps + rest + replaced(member, "\"z1\"]", "\"z1\"]\nexits = [1, 1]") + joined, 23,
        "that carry packets");
    row("path through a member",
        isps + rest + member + joined + "[[path]]\nfrom = \"b\"\nto = \"b\"\nisps = [\"Z\", \"M\"]\n", 27,
        "are not neighbours");
    row("overlay with an unknown ISP", isps + rest + "[[overlay]]\nbetween = [\"Z\", \"Q\"]\n", 19, "unknown ISP 'Q'");
    row("overlay of one", isps + rest + "[[overlay]]\nbetween = [\"Z\"]\n", 19, "joins two ISPs");
    row("overlay with itself", isps + rest + "[[overlay]]\nbetween = [\"Z\", \"Z\"]\n", 19, "to itself");
    row("overlay beside a link", isps + rest + "[[overlay]]\nbetween = [\"Z\", \"Y\"]\n", 19, "neighbours by a link");
    row("overlay twice", isps + rest + member + joined + "[[overlay]]\nbetween = [\"M\", \"Z\"]\n", 27,
        "are joined in line 25 already");
    row("servers that cannot meet",
        isps + rest + member + joined +
            "[[isp]]\nname = \"N\"\nid = 31\n[[link]]\nbetween = [\"m1\", \"n1\"]\n[[overlay]]\nbetween = [\"N\", "
            "\"Z\"]\n",
        32, "nobody between them forwards");
    row("overlapping prefixes",
        replaced(replaced(isps, "id = 26", "id = 26\nipv4 = \"10.0.0.0/8\""), "id = 25",
                 "id = 25\nipv4 = \"10.1.0.0/16\"") +
            rest,
        11, "overlap");
    row("prefix for some ISPs only", replaced(isps, "id = 26", "id = 26\nipv4 = \"10.0.0.0/8\"") + rest, 2,
        "give it to all");
    row("prefix of the other family", replaced(isps, "id = 26", "id = 26\nipv4 = \"2001:db8::/32\"") + rest, 2, "swap");
    row("same dscp twice",
        replaced(isps, "[[isp]]\nname = \"Y\"",
                 "[[isp.class]]\nid = 2\nname = \"s\"\ndscp = 46\n[[isp]]\nname = \"Y\"") +
            rest,
        10, "share dscp");
    row("path through strangers", isps + rest + "[[path]]\nfrom = \"b\"\nto = \"b\"\nisps = [\"Z\", \"Q\"]\n", 19,
        "unknown ISP 'Q'");
    const std::string behind = isps + rest + "[[host]]\nname = \"c\"\nbehind = ";
    row("behind nobody", behind + "\"q\"\n", 19, "change 'behind'");
    row("behind a router", behind + "\"z1\"\n", 19, "change 'behind'");
    row("behind and linked", behind + "\"b\"\n[[link]]\nbetween = [\"c\", \"z1\"]\n", 19, "remove one of them");
    row("behind with an agent", behind + "\"b\"\nagent = true\n", 19, "remove 'agent'");
    row("behind one that is behind", behind + "\"b\"\n[[host]]\nname = \"d\"\nbehind = \"c\"\n", 22, "change 'behind'");
    row("path to one that is behind",
        isps + rest + "[[host]]\nname = \"c\"\nbehind = \"b\"\n[[path]]\nfrom = \"b\"\nto = \"c\"\nisps = [\"Z\"]\n",
        22, "use its modem");
    row("no ISP", "name = \"t\"\n", 1, "at least one");
    row("name missing", "[[isp]]\nname = \"Z\"\nid = 1\n", 1, "add name");
    row("family", "name = \"t\"\nfamilies = [\"ipx\"]\n", 2, "\"ipv4\" or \"ipv6\"");
}

void TestTopology::mistakesNameLineAndRemedy() {
    QFETCH(QString, text);
    QFETCH(int, line);
    QFETCH(QString, part);
    const QString message = QString::fromStdString(messageOf(text.toStdString()));
    QVERIFY2(message.startsWith(QString("t.toml:%1: ").arg(line)), qPrintable(message));
    QVERIFY2(message.contains(part), qPrintable(message));
}

void TestTopology::exitsAreNumberedPerIsp() {
    const std::string text =
        replaced(isps, "id = 25", "id = 25\nrouters = [\"y1\", \"y2\"]") + rest +
        "[[link]]\nbetween = [\"y1\", \"y2\"]\n[[link]]\nbetween = [\"z1\", \"y2\"]\nexits = [1, 7]\n";
    const auto topology = parseTopology(text, "t.toml");
    if (!topology) QFAIL(topology.error().text.c_str());
    const auto exits = [&](const char* name) { return topology->link(name)->exits; };
    QCOMPARE(exits("b-z1"), (std::array<uint16_t, 2>{0, 0}));
    QCOMPARE(exits("z1-y1"), (std::array<uint16_t, 2>{2, 1}));  // 1 of Z was taken by the link below
    QCOMPARE(exits("y1-y2"), (std::array<uint16_t, 2>{0, 0}));
    QCOMPARE(exits("z1-y2"), (std::array<uint16_t, 2>{1, 7}));
}

namespace {

void shippedTopologies() {
    QTest::addColumn<QString>("file");
    const QDir folder(TOPOLOGIES);
    const auto files = folder.entryList({"*.toml"});
    if (files.isEmpty()) qFatal("no topologies in %s", TOPOLOGIES);
    for (const QString& file : files) QTest::newRow(qPrintable(file)) << folder.filePath(file);
}

}  // namespace

void TestTopology::formattedFileParsesToTheSame_data() { shippedTopologies(); }

void TestTopology::formattedFileParsesToTheSame() {
    QFETCH(QString, file);
    const auto topology = loadTopology(file.toStdString());
    if (!topology) QFAIL(topology.error().text.c_str());
    QCOMPARE(QString::fromStdString(topology->name), QFileInfo(file).completeBaseName());
    const std::string text = formatTopology(*topology);
    const auto again = parseTopology(text, "again.toml");
    if (!again) QFAIL((again.error().text + "\n" + text).c_str());
    QVERIFY(*again == *topology);
}

void TestTopology::unitsRoundTrip() {
    QCOMPARE(parseBitRate("2.5gbit")->bitsPerSecond, uint64_t{2'500'000'000});
    QCOMPARE(toString(*parseBitRate("2.5gbit")), std::string("2500mbit"));
    QVERIFY(!parseBitRate("0mbit") && !parseBitRate("1.5bit") && !parseBitRate("-1mbit") && !parseBitRate("500gbit"));
    QVERIFY(!parseBitRate("99999999999999999999gbit") && !parseBitRate("1.mbit") && !parseBitRate(""));
    QCOMPARE(parseDelay("1.5ms")->count(), int64_t{1500});
    QCOMPARE(toString(*parsePercent("0.05%")), std::string("0.05%"));
    QVERIFY(parsePercent("100%") && !parsePercent("100.0001%"));
    QCOMPARE(toString(*parseQueueLimit("64kB")), std::string("64kB"));
    QVERIFY(!parseQueueLimit("64") && !parseQueueLimit("100B"));
}

void TestTopology::addressesOfIspsDoNotOverlap_data() { shippedTopologies(); }

void TestTopology::addressesOfIspsDoNotOverlap() {
    QFETCH(QString, file);
    const auto topology = loadTopology(file.toStdString());
    const auto plan = makePlan(*topology);
    if (!plan) QFAIL(plan.error().text.c_str());
    std::set<std::string> seen;
    const auto unique = [&](const IpAddress& address) { return seen.insert(address.toString()).second; };
    for (const auto& [router, addresses] : plan->loopbacks) {
        for (const IpAddress& address : addresses) QVERIFY(unique(address));
    }
    for (const auto& ends : plan->links) {
        for (const InterfacePlan& end : ends) {
            QVERIFY(end.name.size() <= 15);
            QVERIFY(!end.addresses.empty());
            for (const AddressWithLength& address : end.addresses) {
                QVERIFY2(unique(address.address), address.toString().c_str());
                QVERIFY(address.address.isV4() ? topology->ipv4 : topology->ipv6);
            }
        }
    }
    for (const auto& [isp, prefixes] : plan->ispPrefix) {
        for (const auto& [other, others] : plan->ispPrefix) {
            if (isp == other) continue;
            for (const IpPrefix& prefix : prefixes) {
                for (const IpPrefix& foreign : others) QVERIFY(!prefix.contains(foreign.address()));
            }
        }
    }
}

void TestTopology::routesCrossTheFewestIsps() {
    const auto four = loadTopology(std::string(TOPOLOGIES) + "/four-isps.toml");
    const auto plan = makePlan(*four);
    QCOMPARE(plan->ispPath(*four, "z1", "w1"), (IspPath{"Z", "Y", "X", "W"}));
    QCOMPARE(plan->nextNode.at("y1").at("a"), std::string("y2"));
    const auto chain = loadTopology(std::string(TOPOLOGIES) + "/sixteen-isps.toml");
    QCOMPARE(makePlan(*chain)->ispPath(*chain, "i1r", "i16r").size(), size_t{16});
}

void TestTopology::hostsBehindAModemShareOrGetTheirOwn() {
    const auto topology = loadTopology(std::string(TOPOLOGIES) + "/household.toml");
    QVERIFY(topology.has_value());
    const auto plan = makePlan(*topology);
    QVERIFY(plan.has_value());
    QCOMPARE(plan->homes.size(), size_t{2});
    const auto within = [](const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](const IpPrefix& prefix) { return prefix.contains(address); });
    };
    std::set<std::string> seen;
    for (const HomePlan& home : plan->homes) {
        QCOMPARE(home.translates, home.modem == "nat");
        QCOMPARE(home.members.size(), size_t{3});
        for (const HomePlan::Member& host : home.members) {
            for (const bool ipv6 : {false, true}) {
                const auto address = plan->address(host.node, ipv6);
                QVERIFY(address && seen.insert(address->toString()).second);
                QCOMPARE(within(plan->ispPrefix.at("Z"), *address), ipv6 || !home.translates);
                // What the first ISP takes payments from.
                QCOMPARE(within(plan->hostPrefix.at(home.modem), *address), ipv6 || !home.translates);
            }
        }
        // The router in front of the modem knows where the home network is.
        const auto toHome = std::count_if(plan->routes.begin(), plan->routes.end(), [&](const RoutePlan& route) {
            return route.node == "z1" &&
                   (route.via == plan->address(home.modem, false) || route.via == plan->address(home.modem, true));
        });
        QCOMPARE(toHome, home.translates ? 1 : 2);
    }
}

void TestTopology::tooSmallPrefixIsRefused() {
    std::string text = replaced(replaced(isps, "id = 26", "id = 26\nipv4 = \"10.0.0.0/29\""), "id = 25",
                                "id = 25\nipv4 = \"10.1.0.0/16\"") +
                       rest;
    text += "[[host]]\nname = \"c\"\n[[link]]\nbetween = [\"c\", \"z1\"]\n";
    const auto topology = parseTopology(text, "t.toml");
    if (!topology) QFAIL(topology.error().text.c_str());
    const auto plan = makePlan(*topology);
    QVERIFY(!plan);
    QVERIFY(plan.error().text.find("too small") != std::string::npos);
}

QTEST_APPLESS_MAIN(TestTopology)
#include "test_topology.moc"
