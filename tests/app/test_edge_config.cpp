// edge.toml: everything is read, and every mistake is named with its line and its remedy.
#include <QTest>

#include "app/isp/edge_config.h"

using namespace netpas;
using namespace netpas::isp;

namespace {

const std::string good = R"(isp = 26
router = "z1"
identity = "z1.key"
state_dir = "/var/lib/z1"
admin_socket = "edge.sock"
listen = ["192.0.2.1", "2001:db8::1"]
underpaid = "best-effort"
blacklist = [7, 8]
[accounting]
address = "198.51.100.1"
port = 4000
key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
[sampling]
threshold = "0.001"
kind = "smart"
seed = 5
[[class]]
id = 1
name = "gold"
dscp = 46
per_packet = "0.000000002"
per_kib = "0.000000001"
surcharge_1024ths = 10
  [[class.period]]
  from = "18:00"
  to = "22:30"
  per_packet = "0.000000004"
[[customer]]
name = "B"
prefixes = ["192.0.2.0/26", "2001:db8:b::/48"]
rate = "0.01"
burst = "1"
[[neighbour]]
isp = 25
name = "y"
  [[neighbour.link]]
  exit = 1
  interface = "y0"
  local = "198.18.0.1"
  remote = "198.18.0.2"
[[internal]]
router = "z2"
local = "198.18.9.1"
remote = "198.18.9.2"
exits = [{ isp = 25, exit = 2 }]
prefixes = ["203.0.115.0/24"]
[[delivery]]
prefix = "203.0.113.0/24"
[[delivery]]
prefix = "203.0.114.0/24"
participate = "203.0.114.1:46721"
)";

std::string problemsOf(const std::string& text) {
    const auto settings = parseEdgeConfig(text, "edge.toml", "/etc/netpas");
    if (settings) return {};
    std::string all;
    for (const ConfigProblem& problem : settings.error()) all += problem.toString() + "\n";
    return all;
}

std::string replaced(const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    return at == std::string::npos ? "no such text: " + from : text.replace(at, from.size(), to);
}

}  // namespace

class TestEdgeConfig : public QObject {
    Q_OBJECT

private slots:
    void everythingIsRead();
    void mistakesAreNamedWithLineAndRemedy_data();
    void mistakesAreNamedWithLineAndRemedy();
    void allMistakesAreNamedAtOnce();
    void deliveriesOfACustomersBorderRouter();
    void unreadableFilesAreNamed();
    void anyCutOfTheFileIsSurvived();
};

void TestEdgeConfig::everythingIsRead() {
    const auto settings = parseEdgeConfig(good, "edge.toml", "/etc/netpas");
    QVERIFY2(settings.has_value(), problemsOf(good).c_str());
    const tun::EdgeConfig& edge = settings->edge;
    QCOMPARE(edge.isp, IspId(26));
    QCOMPARE(settings->identity.string(), std::string("/etc/netpas/z1.key"));
    QCOMPARE(settings->stateFolder.string(), std::string("/var/lib/z1"));
    QCOMPARE(settings->accounting.toString(), std::string("198.51.100.1:4000"));
    QCOMPARE(edge.listen.size(), size_t{2});
    QCOMPARE(edge.underpaid, tun::UnderpaidAction::BestEffort);
    QCOMPARE(edge.blacklist.size(), size_t{2});
    QCOMPARE(edge.sampling.threshold, *Money::parse("0.001"));
    QCOMPARE(edge.sampling.kind, tun::SamplerKind::Smart);
    QCOMPARE(edge.sampling.seed, uint64_t{5});
    QCOMPARE(edge.classes[0].dscp, uint8_t{46});
    QCOMPARE(edge.classes[0].price.base.perKib, Money::fromEighths(8));
    QCOMPARE(edge.classes[0].price.periods[0].fromMinute, uint16_t{1080});
    QCOMPARE(edge.classes[0].price.periods[0].toMinute, uint16_t{1350});
    QCOMPARE(edge.customers[0].limit->burst, *Money::parse("1"));
    QVERIFY(!edge.neighbours[0].limit);
    QCOMPARE(edge.neighbours[0].links[0].interface, std::string("y0"));
    QCOMPARE(edge.internals[0].exits[0].exit, ExitPoint(2));
    QCOMPARE(edge.deliveries[1].participate->toString(), std::string("203.0.114.1:46721"));
    // With an IPv6 address, and the port that is the default.
    const auto v6 = parseEdgeConfig(
        replaced("participate = \"203.0.114.1:46721\"", "participate = \"[2001:db8::5]:9\""), "edge.toml", "/");
    QCOMPARE(v6->edge.deliveries[1].participate->toString(), std::string("[2001:db8::5]:9"));
    QCOMPARE(parseEdgeConfig(replaced("port = 4000\n", ""), "e", "/")->accounting.port, uint16_t{46722});
}

void TestEdgeConfig::deliveriesOfACustomersBorderRouter() {
    const std::string participate = "participate = \"203.0.114.1:46721\"\n";
    const auto delegating = parseEdgeConfig(replaced(participate, participate + "counter = 7\n"), "e", "/");
    QVERIFY(delegating.has_value());
    QCOMPARE(delegating->edge.deliveries[1].counter, ExitPoint(7));
    QVERIFY(problemsOf(replaced(participate, "counter = 7\n")).find("name the customer's border router") !=
            std::string::npos);

    const std::string provider = "[[provider]]\nlocal = \"203.0.114.1\"\nremote = \"192.0.2.1\"\n";
    const std::string sells = problemsOf(good + provider);
    QVERIFY(sells.find("customer's border router") != std::string::npos);
    const std::string plain =
        "isp = 26\nrouter = \"b\"\nidentity = \"b.key\"\nstate_dir = \"b\"\nadmin_socket = \"b.sock\"\n[accounting]\n"
        "address = \"203.0.114.2\"\nkey = \"" +
        std::string(64, '1') + "\"\n[[delivery]]\nprefix = \"203.0.114.0/24\"\n";
    const auto border = parseEdgeConfig(plain + provider, "e", "/");
    QVERIFY2(border.has_value(), problemsOf(plain + provider).c_str());
    QCOMPARE(border->edge.providers.size(), size_t{1});
    QCOMPARE(border->edge.providers[0].remote.toString(), std::string("192.0.2.1"));
    QVERIFY(
        problemsOf(plain + "counter = 3\nparticipate = \"203.0.114.9:1\"\n" + provider).find("leave 'counter' out") !=
        std::string::npos);
    QVERIFY(problemsOf(plain + replaced("192.0.2.1", "2001:db8::1")).size() > 0);
}

void TestEdgeConfig::mistakesAreNamedWithLineAndRemedy_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("expected");
    const auto add = [](const char* name, const std::string& text, const char* expected) {
        QTest::newRow(name) << QString::fromStdString(text) << QString(expected);
    };
    add("unknown key", replaced("rate = ", "rat = "),
        "edge.toml:31: unknown key 'rat' in [[customer]]; did you mean 'rate'?");
    add("half a limit", replaced("burst = \"1\"\n", ""), "edge.toml:31: [[customer]] needs both");
    add("no burst", replaced("burst = \"1\"", "burst = \"0\""),
        "edge.toml:32: 'burst' in [[customer]] must be more than 0");
    add("missing key", replaced("router = \"z1\"\n", ""), "the file has no 'router'; add router = ");
    add("money as a number", replaced("rate = \"0.01\"", "rate = 0.01"),
        "edge.toml:31: 'rate' in [[customer]] must be an amount of dollars as text");
    add("negative money", replaced("rate = \"0.01\"", "rate = \"-1\""), "edge.toml:31: 'rate'");
    add("too fine money", replaced("per_packet = \"0.000000002\"", "per_packet = \"0.0000000000001\""),
        "edge.toml:21: 'per_packet'");
    add("DSCP", replaced("dscp = 46", "dscp = 64"),
        "edge.toml:20: 'dscp' in [[class]] must be a whole number from 0 to 63");
    add("class twice", good + "[[class]]\nid = 1\nname = \"x\"\ndscp = 0\nper_packet = \"0\"\n",
        "this class stands twice");
    add("prefix with host bits", replaced("192.0.2.0/26", "192.0.2.1/26"), "edge.toml:30: every entry of 'prefixes'");
    add("delivery twice", replaced("203.0.114.0/24", "203.0.113.0/24"), "this destination prefix stands twice");
    add("own neighbour", replaced("isp = 25\nname = \"y\"", "isp = 26\nname = \"y\""),
        "an ISP is not its own neighbour");
    add("exit 0", replaced("exit = 1\n", "exit = 0\n"),
        "'exit' in [[neighbour.link]] must be a whole number from 1 to 1023");
    add("mixed families", replaced("remote = \"198.18.0.2\"", "remote = \"2001:db8::2\""),
        "must both be IPv4 or both be IPv6");
    add("link on a customers' address", replaced("local = \"198.18.0.1\"", "local = \"192.0.2.1\""),
        "a link needs an address of its own");
    add("key", replaced("key = \"0011", "key = \"zz11"), "64 hexadecimal digits");
    add("time of day", replaced("\"22:30\"", "\"24:30\""),
        "edge.toml:26: 'to' in [[class.period]] must be a time of day in UTC");
    add("underpaid", replaced("\"best-effort\"", "\"maybe\""),
        "edge.toml:7: 'underpaid' must be \"drop\" or \"best-effort\"");
    add("threshold", replaced("\"0.001\"", "\"0.0000000005\""), "'threshold' must be at least");
    add("no accounting", replaced("[accounting]", "[accountin]"), "there is no [accounting]; add it");
    add("not TOML", replaced("isp = 26", "isp = = 26"), "edge.toml:1: not TOML");
    add("no class", std::string("isp = 1\n"), "there is no [[class]]");
}

void TestEdgeConfig::mistakesAreNamedWithLineAndRemedy() {
    QFETCH(QString, text);
    QFETCH(QString, expected);
    const QString problems = QString::fromStdString(problemsOf(text.toStdString()));
    QVERIFY2(problems.contains(expected), qPrintable(problems));
}

void TestEdgeConfig::allMistakesAreNamedAtOnce() {
    std::string text = good;
    text.replace(text.find("dscp = 46"), 9, "dscp = 99");
    text.replace(text.find("rate = "), 7, "rat  = ");
    const QString problems = QString::fromStdString(problemsOf(text));
    QVERIFY(problems.contains(":20:") && problems.contains(":31:"));
}

void TestEdgeConfig::unreadableFilesAreNamed() {
    QVERIFY(
        readEdgeConfig("/nowhere/edge.toml").error()[0].toString().starts_with("/nowhere/edge.toml: cannot be read"));
}

void TestEdgeConfig::anyCutOfTheFileIsSurvived() {
    for (size_t length = 0; length < good.size(); length += 3) (void)problemsOf(good.substr(0, length));
    for (size_t at = 0; at < good.size(); at += 2) {
        std::string text = good;
        text[at] = '\'';
        (void)problemsOf(text);
    }
}

QTEST_APPLESS_MAIN(TestEdgeConfig)
#include "test_edge_config.moc"
