// The capture's rules as text, what is refused, and the in-memory capture.
#include <QTest>

#include "tun/capture/memory_capture.h"
#include "tun/capture/nft_rules.h"
#include "tun/capture/route_socket.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

CapturedFlow flow(const char* text, CaptureAction action = CaptureAction::Divert) {
    const auto match = FlowMatch::parse(text);
    if (!match) qFatal("not a flow: %s", text);
    return {*match, action, CapturePoint::Output};
}

bool hasLine(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

class TestCapture : public QObject {
    Q_OBJECT

private slots:
    void nothingToDivertMeansNoRules() {
        QCOMPARE(nftReplaceRules({}, {}), std::string("flush chain inet netpas divert\n"));
    }

    void tableIsOwnedAndNew() {
        const std::string text = nftCreateTable({});
        QVERIFY(hasLine(text, "create table inet netpas { flags owner; }"));
        QVERIFY(text.find("type route hook output priority mangle") != std::string::npos);
    }

    void eachPartOfAMatchBecomesACondition_data() {
        QTest::addColumn<QString>("match");
        QTest::addColumn<QString>("condition");
        QTest::newRow("tcp4") << "tcp 203.0.113.5:8080 -> 192.0.2.10:*"
                              << "ip saddr 203.0.113.5/32 ip daddr 192.0.2.10/32 meta l4proto 6 th sport 8080";
        QTest::newRow("udp6") << "udp *:* -> [2001:db8::/32]:53"
                              << "ip6 daddr 2001:db8::/32 meta l4proto 17 th dport 53";
        QTest::newRow("icmp of both families") << "icmp *:* -> *:*"
                                               << "meta l4proto { 1, 58 }";
        QTest::newRow("ports of any protocol") << "any *:* -> *:443"
                                               << "meta l4proto { 6, 17 } th dport 443";
        QTest::newRow("other protocol") << "47 *:* -> 192.0.2.0/24:*"
                                        << "ip daddr 192.0.2.0/24 meta l4proto 47";
    }
    void eachPartOfAMatchBecomesACondition() {
        QFETCH(QString, match);
        QFETCH(QString, condition);
        const CapturedFlow flows[] = {flow(match.toUtf8().constData())};
        const std::string text = nftReplaceRules({}, flows);
        QVERIFY2(hasLine(text, "add rule inet netpas divert " + condition.toStdString() +
                                   " meta mark set meta mark & 0x000fffff | 0x4e500000 return"),
                 text.c_str());
    }

    void exemptionsKeepTheirPlace() {
        const CapturedFlow flows[] = {flow("tcp *:* -> 192.0.2.1:46722", CaptureAction::Exempt),
                                      flow("any *:* -> 192.0.2.0/24:*")};
        const std::string text = nftReplaceRules({}, flows);
        const size_t exempt = text.find("th dport 46722 return\n");
        const size_t divert = text.find("ip daddr 192.0.2.0/24 meta mark set");
        QVERIFY(exempt != std::string::npos && divert != std::string::npos && exempt < divert);
    }

    void optionsNameEverything() {
        LinuxCaptureOptions options;
        options.table = "second";
        options.markMask = 0xff000000;
        options.mark = 0x51000000;
        const CapturedFlow flows[] = {flow("any *:* -> *:*")};
        const std::string text = nftReplaceRules(options, flows);
        QVERIFY(hasLine(text, "add rule inet second divert meta mark & 0xff000000 != 0 return"));
        QVERIFY(text.find("meta mark & 0x00ffffff | 0x51000000") != std::string::npos);
        QVERIFY(text.find("netpas") == std::string::npos);
    }

    void forwardedFlowsAreMarkedOnTheirWayAndTakenBehindTheTranslation() {
        CapturedFlow forwarded = flow("tcp 10.0.0.2:* -> 192.0.2.10:443");
        forwarded.point = CapturePoint::Forwarded;
        forwarded.sender = LinkAddress{2, 0, 0, 0xab, 0, 1};
        const CapturedFlow flows[] = {flow("udp *:* -> 192.0.2.10:53"), forwarded};
        const std::string text = nftReplaceRules({}, flows, true);
        QVERIFY2(
            hasLine(
                text,
                "add rule inet netpas through ip saddr 10.0.0.2/32 ip daddr 192.0.2.10/32 meta l4proto 6 th dport 443 "
                "ether saddr 02:00:00:ab:00:01 meta mark set meta mark & 0x000fffff | 0x4e500000 return"),
            text.c_str());
        QVERIFY(text.find("divert ip saddr 10.0.0.2") == std::string::npos);
        QVERIFY(text.find("through ip daddr 192.0.2.10/32 meta l4proto 17") == std::string::npos);
        for (const char* family : {"ip", "ip6"}) {
            const std::string rule = std::string("add rule ") + family + " netpas take ";
            const size_t copy = text.find(rule + "oifname \"netpas0\" return\n");
            const size_t take = text.find(rule + "meta mark & 0xfff00000 == 0x4e500000 ct status confirmed dup to ");
            QVERIFY(copy != std::string::npos && take != std::string::npos && copy < take);
        }
        // Without forwarded flows nothing asks for connection tracking.
        QVERIFY(nftReplaceRules({}, std::span(flows, 1), true).find(" ct ") == std::string::npos);
    }

    void namesCannotCarryCommands() {
        QVERIFY(isNftName("netpas-2"));
        QVERIFY(!isNftName(""));
        QVERIFY(!isNftName("2netpas"));
        QVERIFY(!isNftName("a; flush ruleset"));
        QVERIFY(!isNftName(std::string(32, 'a')));
    }

    void contradictionsAreRefused() {
        CapturedFlow mixed = flow("any 192.0.2.1:* -> *:*");
        mixed.match.remote = IpPrefix::parse("2001:db8::/32");
        QCOMPARE(validate(std::span(&mixed, 1)).error(), CaptureError::InvalidFlow);
        CapturedFlow portless = flow("icmp *:* -> 192.0.2.1:*");
        portless.match.remotePort = 7;
        QCOMPARE(validate(std::span(&portless, 1)).error(), CaptureError::InvalidFlow);
        CapturedFlow forwarded = flow("any *:* -> *:*");
        forwarded.point = CapturePoint::Forwarded;
        QCOMPARE(validate(std::span(&forwarded, 1)).error(), CaptureError::InvalidFlow);  // of whom?
        CapturedFlow own = flow("any *:* -> *:*");
        own.sender = LinkAddress{2, 0, 0, 0, 0, 1};  // this machine's own packets have no sender yet
        QCOMPARE(validate(std::span(&own, 1)).error(), CaptureError::InvalidFlow);
        const std::vector<CapturedFlow> many(maxCapturedFlows + 1, flow("any *:* -> *:*"));
        QCOMPARE(validate(many).error(), CaptureError::TooManyFlows);
    }

    void memoryCaptureIsDeclarativeAndAtomic() {
        MemoryCapture capture;
        const std::vector<CapturedFlow> flows = {flow("tcp *:* -> 192.0.2.1:22", CaptureAction::Exempt),
                                                 flow("tcp *:* -> 192.0.2.0/24:*")};
        QVERIFY(capture.set(flows));
        FlowKey key{*IpAddress::parse("203.0.113.1"), *IpAddress::parse("192.0.2.1"), ipproto::tcp, 1000, 80};
        QVERIFY(capture.diverts(key));
        key.dstPort = 22;
        QVERIFY(!capture.diverts(key));
        capture.failNext(CaptureError::SystemRefused);
        QCOMPARE(capture.set({}).error(), CaptureError::SystemRefused);
        QCOMPARE(capture.flows(), flows);
        QVERIFY(capture.set({}));
        QCOMPARE(capture.changes(), size_t{2});
        QVERIFY(capture.flows().empty());
    }

    void ruleRequestsNameMarkMaskAndTable() {
        const PolicyRule rule{IpFamily::V6, 5270, 0x4e500000, 0xfff00000, 20560};
        const std::vector<uint8_t> add = addRuleRequest(rule);
        const std::vector<uint8_t> remove = deleteRuleRequest(rule);
        // struct nlmsghdr: length, type (RTM_NEWRULE 32, RTM_DELRULE 33); struct fib_rule_hdr begins with the family.
        uint32_t length = 0;
        std::memcpy(&length, add.data(), sizeof length);
        QCOMPARE(size_t{length}, add.size());
        QCOMPARE(add[4], uint8_t{32});
        QCOMPARE(remove[4], uint8_t{33});
        QCOMPARE(add[16], uint8_t{10});  // AF_INET6
    }
};

QTEST_APPLESS_MAIN(TestCapture)
#include "test_capture.moc"
