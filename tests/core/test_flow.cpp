#include <QtTest>

#include "core/flow.h"

using namespace netpas;

namespace {

FlowKey key(const char* src, uint16_t srcPort, const char* dst, uint16_t dstPort, uint8_t protocol = ipproto::tcp) {
    return {*IpAddress::parse(src), *IpAddress::parse(dst), protocol, srcPort, dstPort};
}

}  // namespace

class TestFlow : public QObject {
    Q_OBJECT
private slots:
    void addressesAndPrefixesKeepTheirText() {
        for (const char* text : {"192.0.2.1", "2001:db8::1", "::"}) {
            QCOMPARE(IpAddress::parse(text)->toString(), std::string(text));
        }
        for (const char* text : {"192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0", "192.0.2.1/32"}) {
            QCOMPARE(IpPrefix::parse(text)->toString(), std::string(text));
        }
        for (const char* text :
             {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2/24", "2001:db8::1/64", "", "x"}) {
            QVERIFY2(!IpPrefix::parse(text), text);
        }
        QCOMPARE((Endpoint{*IpAddress::parse("2001:db8::1"), 9}).toString(), std::string("[2001:db8::1]:9"));
    }
    void prefixesContainTheirAddressesOnly() {
        const auto prefix = *IpPrefix::parse("198.18.4.0/22");
        QVERIFY(prefix.contains(*IpAddress::parse("198.18.7.255")));
        QVERIFY(!prefix.contains(*IpAddress::parse("198.18.8.0")));
        QVERIFY(!IpPrefix().contains(*IpAddress::parse("2001:db8::1")));
        QVERIFY(IpPrefix().contains(*IpAddress::parse("203.0.113.9")));
        QVERIFY(IpPrefix::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:7fff::")));
        QVERIFY(!IpPrefix::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:8000::")));
    }
    void matchesAreAsNarrowAsTheyAreWritten() {
        const auto match = FlowMatch::parse("tcp 203.0.113.5:8080 -> 192.0.2.10:*");
        QVERIFY(match.has_value());
        QVERIFY(match->matches(key("203.0.113.5", 8080, "192.0.2.10", 40000)));
        QVERIFY(!match->matches(key("203.0.113.5", 8081, "192.0.2.10", 40000)));
        QVERIFY(!match->matches(key("203.0.113.6", 8080, "192.0.2.10", 40000)));
        QVERIFY(!match->matches(key("203.0.113.5", 8080, "192.0.2.11", 40000)));
        QVERIFY(!match->matches(key("203.0.113.5", 8080, "192.0.2.10", 40000, ipproto::udp)));
        const auto ping = FlowMatch::parse("icmp *:* -> [2001:db8::/32]:*");
        QVERIFY(ping->matches(key("2001:db8::1", 0, "2001:db8::2", 0, ipproto::icmp6)));
        QVERIFY(!ping->matches(key("192.0.2.1", 0, "192.0.2.2", 0, ipproto::icmp)));
    }
    void matchTextIsReversible() {
        for (const char* text : {"tcp 203.0.113.5:8080 -> 192.0.2.10:*", "any *:* -> *:*", "47 *:* -> 192.0.2.0/24:*",
                                 "udp [2001:db8::1]:53 -> [2001:db8:1::/48]:*"}) {
            const auto match = FlowMatch::parse(text);
            QVERIFY2(match.has_value(), text);
            QCOMPARE(match->toString(), std::string(text));
        }
        for (const char* text : {"", "tcp", "tcp -> ", "tcp *:* -> *", "tcp *:0 -> *:*", "tcp *:70000 -> *:*",
                                 "xyz *:* -> *:*", "tcp 192.0.2.1:* -> [2001:db8::1]:*", "0 *:* -> *:*"}) {
            QVERIFY2(!FlowMatch::parse(text), text);
        }
    }
};

QTEST_APPLESS_MAIN(TestFlow)
#include "test_flow.moc"
