// What strangers on an access line reach without paying, judged by the kernel's own packet filter where there is one to ask.
#include <QtTest>

#include "app/isp/visitor_gate.h"

using namespace netpas;
using namespace netpas::isp;

namespace {

VisitorGate gate() {
    VisitorGate out;
    out.visitors = {*IpPrefix::parse("198.51.100.64/26"), *IpPrefix::parse("2001:db8:1b::/64")};
    out.open = {*IpPrefix::parse("198.51.100.1/32")};
    out.kibPerSecond = 32;
    return out;
}

}  // namespace

class TestVisitorGate : public QObject {
    Q_OBJECT

private slots:
    void whatIsPaidForComesOutOfTheDevice() {
        const std::string rules = gateRules(gate(), "npedge3");
        const size_t paid = rules.find("iifname \"npedge3\" return"), dropped = rules.find(" drop\n");
        QVERIFY(paid != std::string::npos && dropped != std::string::npos && paid < dropped);
    }

    void theLastWordOnEachFamilyIsDrop() {
        const std::string rules = gateRules(gate(), "npedge0");
        QVERIFY(rules.find("ip saddr { 198.51.100.64/26 } drop\n") != std::string::npos);
        QVERIFY(rules.find("ip6 saddr { 2001:db8:1b::/64 } drop\n") != std::string::npos);
        QVERIFY(rules.find("ip6 daddr") == std::string::npos);  // nothing of that family is open
        QVERIFY(rules.find("tcp dport 46724 update @speaking4 { ip saddr limit rate 32 kbytes/second") !=
                std::string::npos);
    }

    void itTakesThePlaceOfAnEarlierOne() {
        const std::string rules = gateRules(gate(), "npedge0");
        QCOMPARE(rules.find("add table inet netpas-visitors\ndelete table inet netpas-visitors\n"), size_t{0});
    }

    void withoutVisitorsNobodyIsKeptOut() { QVERIFY(gateRules({}, "npedge0").find("drop") == std::string::npos); }
};

QTEST_APPLESS_MAIN(TestVisitorGate)
#include "test_visitor_gate.moc"
