// Routes of a mesh as babeld tells them: lines in any order, a socket that breaks in the middle, prices as costs.
#include <QtTest>

#include "cartographer/routes/babel_request.h"
#include "cartographer/routes/babel_socket.h"
#include "tests/cartographer/fake_babel.h"

using namespace netpas;
using namespace netpas::routes;
using Line = BabelTable::Line;

namespace {

using fake::greeting;
const std::string routeLine =
    "add route 1a prefix 203.0.113.0/24 from 0.0.0.0/0 installed yes id 02:00:00:00:00:00:00:02 metric 396 "
    "refmetric 96 via fe80::2 if wb";

IpAddress address(const char* text) { return IpAddress::parse(text).value_or(IpAddress()); }

}  // namespace

class TestBabel : public QObject {
    Q_OBJECT

private slots:
    void everyKindOfLineIsRead() {
        BabelTable table;
        QVERIFY(table.take("BABEL 1.0") == Line::Greeting);
        QVERIFY(table.take("version babeld-1.12.1") == Line::Nothing);
        QVERIFY(table.take("ok") == Line::Ok);
        QVERIFY(table.take("no") == Line::Refused);
        QVERIFY(table.take("add interface wb up true ipv6 fe80::1 ipv4 198.18.0.1") == Line::Change);
        QVERIFY(table.take("add neighbour 5f address fe80::2 if wb reach ffff ureach 0000 rxcost 96 txcost 300 rtt "
                           "1.2 rttcost 7 cost 307") == Line::Change);
        QVERIFY(table.take("add xroute 10.0.0.1/32-0.0.0.0/0 prefix 10.0.0.1/32 from 0.0.0.0/0 metric 0") ==
                Line::Change);
        QVERIFY(table.take(routeLine) == Line::Change);
        QVERIFY(table.interfaces().at("wb").up);
        const BabelNeighbour neighbour = table.neighbours().at(0x5f);
        QVERIFY((neighbour == BabelNeighbour{"wb", address("fe80::2"), 300, 96, 307}));
        const BabelRoute& route = table.routes().at(0x1a);
        QVERIFY(route.to == *IpPrefix::parse("203.0.113.0/24") && route.metric == 396 && route.claimed == 96);
        QVERIFY(route.installed && route.via == address("fe80::2") && route.interface == "wb");
    }

    void changesAndFlushesAreFollowed() {
        BabelTable table;
        QVERIFY(table.take(routeLine) == Line::Change);
        QVERIFY(table.take(routeLine) == Line::Nothing);
        std::string worse = routeLine;
        worse.replace(0, 3, "change").replace(worse.find("installed yes"), 13, "installed no");
        QVERIFY(table.take(worse) == Line::Change);
        QVERIFY(table.routeTo(address("203.0.113.9")) == nullptr);
        QVERIFY(table.take("flush route 1a") == Line::Change);
        QVERIFY(table.take("flush route 1a") == Line::Nothing);
        QVERIFY(table.routes().empty());
    }

    void theLongestPrefixDecides() {
        BabelTable table;
        std::string closer = routeLine;
        closer.replace(closer.find("1a"), 2, "1b").replace(closer.find("0/24"), 4, "8/29");
        std::string fromSome = routeLine;
        fromSome.replace(fromSome.find("1a"), 2, "1c").replace(fromSome.find("0/24"), 4, "9/32");
        fromSome.replace(fromSome.find("from 0.0.0.0/0"), 14, "from 10.0.0.0/8");
        for (const std::string& line : {routeLine, closer, fromSome}) QVERIFY(table.take(line) == Line::Change);
        QCOMPARE(table.routeTo(address("203.0.113.9"))->to.length(), uint8_t{29});
        QCOMPARE(table.routeTo(address("203.0.113.99"))->to.length(), uint8_t{24});
        QVERIFY(table.routeTo(address("192.0.2.1")) == nullptr);
        QVERIFY(table.routeTo(address("2001:db8::1")) == nullptr);
    }

    void damagedLinesChangeNothing() {
        for (const char* line : {"", "add", "add route", "add route zz prefix 10.0.0.0/8",
                                 "add route 1 prefix 10.0.0.0/8 from 0.0.0.0/0 installed maybe id 0 metric 1 refmetric "
                                 "0 via fe80::1 if a",
                                 "add route 1 prefix 10.0.0.0/8 from 0.0.0.0/0 installed yes id 0 metric 70000 "
                                 "refmetric 0 via fe80::1 if a",
                                 "add route 1 prefix 10.0.0.0/8 from 0.0.0.0/0 installed yes id 0 metric -1 refmetric "
                                 "0 via fe80::1 if a",
                                 "add neighbour 1 address nowhere if a txcost 1 cost 1", "BABEL 2.0"}) {
            BabelTable table;
            QVERIFY2(table.take(line) == Line::Malformed, line);
            QVERIFY(table.routes().empty() && table.neighbours().empty());
        }
        BabelTable table;
        QVERIFY(table.take(std::string(maxBabelLine + 1, 'a')) == Line::Malformed);
    }

    void tooManyInterfacesAreNotTaken() {
        BabelTable table;
        for (size_t i = 0; i < maxBabelInterfaces; ++i)
            QVERIFY(table.take("add interface i" + std::to_string(i) + " up true") == Line::Change);
        QVERIFY(table.take("add interface more up true") == Line::TooMany);
        QVERIFY(table.take("flush interface i0 up true") == Line::Change);
        QVERIFY(table.take("add interface more up true") == Line::Change);
    }

    void theSocketReadsInPiecesAndAsksPrices() {
        fake::Babel daemon;
        auto socket = BabelSocket::connect(daemon.place());
        QVERIFY(socket.has_value());
        daemon.accept();
        QCOMPARE(daemon.heard(), std::string("monitor\n"));
        daemon.say(greeting + routeLine.substr(0, 30));
        QCOMPARE(socket->read().value_or(true), false);
        daemon.say(routeLine.substr(30) + "\n");
        QCOMPARE(socket->read().value_or(false), true);
        QVERIFY(!socket->complete());
        daemon.say("ok\n");
        QVERIFY(socket->read().has_value() && socket->complete());
        QVERIFY(socket->ask("wb", 500).has_value());
        QCOMPARE(daemon.heard(), std::string("link-detect true\ninterface wb rxcost 500\n"));
        daemon.say("ok\nno\n");
        QVERIFY(socket->read().has_value());
        QCOMPARE(socket->refused(), uint64_t{1});
        QVERIFY(socket->ask("wb", 500, "type wireless key MESH").has_value());
        QCOMPARE(daemon.heard(), std::string("link-detect true\ninterface wb type wireless key MESH rxcost 500\n"));
        QVERIFY(!socket->ask("wb\nredistribute", 1).has_value());
        for (const char* bad : {"type wired\nout deny", "rxcost 1", "type wired # x", "\x01"})
            QVERIFY(!socket->ask("wb", 1, bad).has_value());
        QCOMPARE(daemon.heard(), std::string());
        daemon.hangUp();
        QVERIFY(socket->read().error() == BabelError::Closed);
    }

    void aPortOfThisMachineWillDoToo() {
        fake::Babel daemon(true);
        auto socket = BabelSocket::connect(daemon.place());
        QVERIFY(socket.has_value());
        daemon.accept();
        QCOMPARE(daemon.heard(), std::string("monitor\n"));
        daemon.say(greeting + "ok\n");
        QVERIFY(socket->read().has_value() && socket->complete());
        const std::string port = daemon.place();
        daemon.stop();
        QVERIFY(BabelSocket::connect(port).error() == BabelError::NobodyThere);
        QVERIFY(BabelSocket::connect("65536").error() == BabelError::NobodyThere);  // a file of that name
    }

    void whatNeighboursAreToldIsKnown() {
        BabelTable table;
        QVERIFY(!table.tells("wb", 96));
        QVERIFY(table.take("add neighbour 5f address fe80::2 if wb reach ffff rxcost 96 txcost 300 cost 307") ==
                Line::Change);
        QVERIFY(table.tells("wb", 96) && !table.tells("wb", 300) && !table.tells("wc", 96));
    }

    void whoIsNotBabelIsLeft() {
        fake::Babel daemon;
        QVERIFY(BabelSocket::connect(daemon.place() + "x").error() == BabelError::NobodyThere);
        QVERIFY(BabelSocket::connect(std::string(200, 'x')).error() == BabelError::BadPath);
        auto other = BabelSocket::connect(daemon.place());
        daemon.accept();
        daemon.say("220 mail.example ESMTP\n");
        QVERIFY(other->read().error() == BabelError::NotBabel);
        daemon.hangUp();
        auto endless = BabelSocket::connect(daemon.place());
        daemon.accept();
        daemon.say(std::string(2 * maxBabelLine, 'x'));
        QVERIFY(endless->read().error() == BabelError::Behind);
        daemon.hangUp();
        auto nonsense = BabelSocket::connect(daemon.place());
        daemon.accept();
        std::string lines = greeting;
        for (int i = 0; i < 30; ++i) lines += "add route\n";
        daemon.say(lines);
        QVERIFY(nonsense->read().error() == BabelError::Behind);
    }

    void requestsAreAsRfc8966HasThem() {
        const std::vector<IpPrefix> wanted{*IpPrefix::parse("203.0.113.128/25"), *IpPrefix::parse("2001:db8:1::/48"),
                                           *IpPrefix::parse("0.0.0.0/0"), *IpPrefix::parse("::/0")};
        const std::vector<Bytes> expected{{42, 2, 0, 26,                         //
                                           9,  6, 1, 25, 203,  0,    113,  128,  //
                                           9,  8, 2, 48, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 9, 2, 1, 0, 9, 2, 2, 0}};
        QCOMPARE(encodeRouteRequests(wanted), expected);
        QVERIFY(encodeRouteRequests({}).empty());
        // Many do not fit into one packet.
        const std::vector<IpPrefix> many(1000, *IpPrefix::parse("2001:db8::1/128"));
        size_t requests = 0;
        for (const Bytes& one : encodeRouteRequests(many)) {
            QVERIFY(one.size() <= maxBabelDatagram && load16(one.data() + 2) == one.size() - 4);
            requests += (one.size() - 4) / 20;
        }
        QCOMPARE(requests, many.size());
    }

    void pricesAreCosts() {
        QCOMPARE(pricedCost(Money::zero()), hopCost);
        QCOMPARE(pricedCost(Money::fromEighths(1)), BabelCost{hopCost + 1});  // rounded up
        QCOMPARE(pricedCost(Money::fromEighths(8)), BabelCost{hopCost + 1});
        QCOMPARE(pricedCost(Money::fromEighths(800)), BabelCost{hopCost + 100});
        QCOMPARE(pricedCost(Money::max()), maxPricedCost);
        QCOMPARE(pricedCost(Money::fromEighths(-1)), hopCost);
        QVERIFY(announcedPrice(hopCost + 100) == Money::fromEighths(800));
        QVERIFY(!announcedPrice(hopCost - 1) && !announcedPrice(maxPricedCost) && !announcedPrice(babelUnreachable));
    }
};

QTEST_GUILESS_MAIN(TestBabel)
#include "test_babel.moc"
