// The forwarding rule as text, and what may be in it.
#include <QtTest>

#include "tun/forwarding/forwarding_meters.h"
#include "tun/forwarding/forwarding_rules.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

ForwardingNeighbour neighbour(uint8_t last, const std::string& interface = "wlan0") {
    ForwardingNeighbour one;
    one.interface = interface;
    one.link = {2, 0, 0, 0, 0, last};
    one.nextHops = {*IpAddress::parse("10.0.0." + std::to_string(last)),
                    *IpAddress::parse("fe80::" + std::to_string(last))};
    return one;
}

ForwardingState state(std::vector<ForwardingNeighbour> neighbours) {
    return {{"wlan0"}, {"eth0"}, std::move(neighbours)};
}

// As the packet filter lists it: so many packets of 100 bytes.
using Counts = ForwardingMeters::Counts;
void count(Counts& counts, const char* set, const std::string& address, uint64_t packets) {
    counts[{set, "wlan0", address}] = {packets, packets * 100};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

class TestForwarding : public QObject {
    Q_OBJECT

private slots:
    void changesAreDifferences() {
        const LinuxForwardingOptions options;
        ForwardingState before = state({neighbour(1), neighbour(2)});
        ForwardingState after = before;
        QCOMPARE(nftChangeForwarding(options, before, after), std::string());
        after.neighbours[0].paysUpstream = true;
        after.neighbours[1].paysDownstream = true;
        const std::string text = nftChangeForwarding(options, before, after);
        QVERIFY(has(text, "add element inet netpas_mesh upstream { \"wlan0\" . 02:00:00:00:00:01 }"));
        QVERIFY(has(text, "add element inet netpas_mesh downstream4 { \"wlan0\" . 10.0.0.2 }"));
        QVERIFY(has(text, "add element inet netpas_mesh downstream6 { \"wlan0\" . fe80::2 }"));
        // Whoever stays keeps its counters.
        QVERIFY(!has(text, "arrived") && !has(text, "sent4") && !has(text, "flush"));
    }

    void whoIsGoneIsNowhere() {
        const LinuxForwardingOptions options{"t", 1000};
        ForwardingState before = state({neighbour(1)});
        before.neighbours[0].paysUpstream = before.neighbours[0].free = true;
        const std::string rights = nftChangeForwarding(options, before, state({}));
        // Counters are read before they go.
        QVERIFY(!has(rights, " arrived ") && !has(rights, " sent4 "));
        const std::string text = rights + nftDropCounters(options, before, state({}));
        for (const char* set : {"arrived", "taken", "upstream", "free", "sent4", "sent6", "free4", "free6"})
            QVERIFY2(has(text, std::string("delete element inet t ") + set + " "), set);
        QVERIFY(!has(text, "add"));
    }

    // A next hop goes while another one's counter grows, becomes somebody else's, and comes back.
    void whatWasCountedIsNeitherLostNorCountedTwice() {
        ForwardingMeters meters;
        ForwardingState both = state({neighbour(1), neighbour(2)}), one = both, other = both;
        one.neighbours[0].nextHops.erase(one.neighbours[0].nextHops.begin());  // without 10.0.0.1
        other.neighbours[1].nextHops.push_back(both.neighbours[0].nextHops[0]);
        other.neighbours[0] = one.neighbours[0];
        const auto sent = [&](size_t who) { return meters.of(both.neighbours[who]).sent.packets; };
        Counts counts;
        count(counts, "sent4", "10.0.0.1", 100);
        count(counts, "sent6", "fe80::1", 50);
        meters.read(both, counts);
        QCOMPARE(sent(0), uint64_t{150});
        count(counts, "sent4", "10.0.0.1", 110);
        count(counts, "sent6", "fe80::1", 80);
        meters.read(both, counts);
        meters.read(one, counts);
        QCOMPARE(sent(0), uint64_t{190});
        meters.keepOnly(one);
        counts.erase({"sent4", "wlan0", "10.0.0.1"});
        count(counts, "sent6", "fe80::1", 81);
        meters.read(one, counts);
        QCOMPARE(sent(0), uint64_t{191});
        count(counts, "sent4", "10.0.0.1", 300);  // from zero
        meters.read(both, counts);
        QCOMPARE(sent(0), uint64_t{491});
        meters.read(other, counts);
        QCOMPARE(sent(1), uint64_t{0});
        count(counts, "sent4", "10.0.0.1", 307);
        meters.read(other, counts);
        QCOMPARE(sent(0), uint64_t{491});
        QCOMPARE(sent(1), uint64_t{7});
        QCOMPARE(meters.of(both.neighbours[1]).sent.bytes, uint64_t{700});
        // A counter that is not listed has not grown.
        meters.read(both, {});
        QCOMPARE(sent(0), uint64_t{491});
    }

    void whoIsThereIsNeverForgotten() {
        ForwardingMeters meters;
        const auto other = [](size_t number) {
            ForwardingNeighbour one = neighbour(9);
            one.link = {2, 1, 0, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
            one.nextHops.clear();
            return one;
        };
        Counts counts;
        count(counts, "arrived", linkText(neighbour(1).link), 5);
        count(counts, "arrived", linkText(other(0).link), 6);
        count(counts, "arrived", linkText(other(4000).link), 7);
        for (size_t i = 0; i < 6000; i += 1000) {
            ForwardingState all = state({neighbour(1)});  // the first of all addresses
            for (size_t k = i; k < i + 1000; ++k) all.neighbours.push_back(other(k));
            meters.read(all, counts);
            meters.keepOnly(all);
        }
        QCOMPARE(meters.of(neighbour(1)).arrived.packets, uint64_t{5});
        QCOMPARE(meters.of(other(4000)).arrived.packets, uint64_t{7});
        QCOMPARE(meters.of(other(0)).arrived.packets, uint64_t{0});  // away longest
    }

    // In both families, before anybody pays for it: what one end counts, the other one does.
    void whatIsNotCountedIsNotForwarded() {
        const std::string text = nftCreateForwardingTable({});
        for (const char* to :
             {"ip daddr { 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255 }", "ip6 daddr { fe80::/10, ff00::/8 }"}) {
            for (const char* chain : {"arriving", "leaving"})
                QVERIFY(has(text, std::string("netpas_mesh ") + chain + " " + to + " return\n"));
            const size_t refused = text.find(std::string("netpas_mesh pass ") + to + " goto uncounted\n");
            QVERIFY(refused < text.find("@upstream") && refused < text.find("@downstream4"));
        }
    }

    void nothingThatIsNoNameGetsIn() {
        const auto error = [](auto change) {
            ForwardingState bad = state({neighbour(1), neighbour(2)});
            change(bad);
            const auto valid = validate(bad);
            return valid ? std::optional<ForwardingError>() : valid.error();
        };
        QVERIFY(!error([](ForwardingState&) {}));
        QCOMPARE(error([](ForwardingState& s) { s.mesh.insert("a\" }; flush ruleset"); }), ForwardingError::BadName);
        QCOMPARE(error([](ForwardingState& s) { s.uplinks.insert(""); }), ForwardingError::BadName);
        QCOMPARE(error([](ForwardingState& s) { s.neighbours[0].interface = "sixteen-letters-"; }),
                 ForwardingError::BadName);
        QCOMPARE(error([](ForwardingState& s) { s.neighbours[1].link = s.neighbours[0].link; }),
                 ForwardingError::TwiceThere);
        QCOMPARE(error([](ForwardingState& s) { s.neighbours[1].nextHops = s.neighbours[0].nextHops; }),
                 ForwardingError::TwiceThere);
        QCOMPARE(error([](ForwardingState& s) { s.neighbours[0].nextHops = {IpAddress()}; }),
                 ForwardingError::BadAddress);
        QCOMPARE(error([](ForwardingState& s) { s.neighbours[0].nextHops = {*IpAddress::parse("ff02::1")}; }),
                 ForwardingError::BadAddress);
        QCOMPARE(error([](ForwardingState& s) { s.neighbours.resize(maxForwardingNeighbours + 1); }),
                 ForwardingError::TooMany);
        // The same link-layer address on another interface is somebody else.
        QVERIFY(!error([](ForwardingState& s) { s.neighbours.push_back(neighbour(1, "wlan1")); }));
    }
};

QTEST_APPLESS_MAIN(TestForwarding)
#include "test_forwarding.moc"
