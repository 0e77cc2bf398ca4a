#include <QtTest>

#include <algorithm>

#include "core/channel/messages.h"

using namespace netpas;
using namespace netpas::channel;

namespace {

Money dollars(const char* text) { return Money::parse(text).value(); }
IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

PathHop hop(uint16_t isp) {
    PathHop h{IspId(isp), "z.example", ServiceClass(3), "gold", ExitPoint(1), {}};
    h.guarantee = Guarantee{Money::fromEighths(8), Money::fromEighths(4), 5'000'000};
    h.prices.base = {dollars("0.000000002"), dollars("0"), 10};
    h.prices.periods = {{1080, 1320, {dollars("0.000000003"), dollars("0.000000001"), 0}}};
    return h;
}

FlowCounters counters() {
    return {PurchaseId(7), SessionKeyId(8), 9, 1400, dollars("0.01"), 2, true, "the cap is used up"};
}

PaidFlow paidFlow() {
    PaidFlow flow;
    flow.purchase = PurchaseId(7);
    flow.match = FlowMatch::parse("tcp 203.0.113.5:8080 -> 192.0.2.10:*").value();
    flow.path = {hop(26), hop(25)};
    flow.key.id = SessionKeyId(8);
    flow.key.secret.fill(5);
    flow.key.cap = dollars("0.05");
    flow.key.allowed = {IspId(26), IspId(25)};
    flow.key.expires = SystemTime(std::chrono::seconds(1'800'000'000));
    flow.diverted = true;
    flow.node = "tv";
    return flow;
}

PairedDevice device(const char* name) {
    PairedDevice d{name, {}, {2, 0, 0, 0, 0, static_cast<uint8_t>(name[0])}};
    d.key.bytes.fill(static_cast<uint8_t>(name[0]));
    return d;
}

MeshNeighbour meshNeighbour() {
    return {"mesh0", device("b").link, {address("fe80::2"), address("10.0.0.2")}, true, false, 600};
}

std::vector<Message> oneOfEach() {
    const SystemTime time(std::chrono::seconds(1'800'000'000));
    QuoteRequest request;
    request.request = 1;
    request.destination = address("192.0.2.10");
    request.everywhere = {ClassRule::Best, {}, {}};
    request.atMost = Money::fromEighths(108);
    request.firstCharge = Money::fromEighths(9000);
    request.minuteCharge = Money::fromEighths(3000);
    request.without = {{IspId(25), ServiceClass(1)}, {IspId(23), ServiceClass(63)}};
    request.perIsp = {{IspId(25), {ClassRule::Named, "gold", {}}},
                      {IspId(26), {ClassRule::Numbered, {}, ServiceClass(3)}}};
    ApiRequest api{3,        {1000, 42, "/usr/bin/mpv", ""}, "POST", "/v1/purchases",
                   "wait=1", {{"Idempotency-Key", "a"}},     "{}"};
    return {
        Hello{1, 2, "laptop", {counters()}},
        Welcome{1, 200, agentCapabilities},
        Goodbye{Farewell::Busy, "another agent is connected: stop it first"},
        Ping{4},
        Pong{4},
        Home{"https://198.51.100.1:46723/#00", "{}"},
        AgentState{true, ""},
        request,
        QuoteAnswer{1, QuotedPath{address("2001:db8::1"), {hop(26), hop(25)}, time}},
        QuoteAnswer{1, NoQuote{QuoteTrouble::NoPath, "no path", "ask your ISP"}},
        Join{2, "https://198.51.100.1:46723/#00"},
        JoinAnswer{2, Home{"https://198.51.100.1:46723/#00", "{}"}},
        JoinAnswer{2, NotJoined{"no answer", "check the address"}},
        SetFlows{5, {paidFlow()}},
        FlowsApplied{5, {}},
        FlowsApplied{5, FlowsFailure{FlowsTrouble::Capture, "no nftables"}},
        Counters{{counters()}},
        Drain{PurchaseId(7), SessionKeyId(8)},
        Drained{counters()},
        StreamOpen{1, {address("198.51.100.1"), 46722}},
        StreamOpened{1},
        StreamData{1, {1, 2, 3}},
        StreamCredit{1, 3},
        StreamClosed{1, StreamEnd::CannotConnect},
        api,
        ApiAnswer{3, 200, "application/json", "{}", {{"X-Next", "7"}}},
        DeviceAsks{4, device("tv").key, device("door").key, device("tv").link, address("10.0.0.2"), "tv"},
        DeviceAnswer{4, DeviceStanding{DeviceState::Waiting, "tv", 300}},
        DeviceAnswer{4, DeviceRefused{409, "CONFLICT", "another device has this name", "choose another"}},
        Devices{std::vector{device("laptop"), device("tv")}},
        Devices{},
        Processes{{17, 42, 4'194'304}},
        NotDelivered{{PurchaseId(7)}, {{IspId(25), ServiceClass(1)}}, "{}"},
        FindSeller{5, address("203.0.113.1")},
        SellerFound{5, ReverseSeller{{address("203.0.113.9"), 46726}, device("seller").key}},
        SellerFound{5, NoQuote{QuoteTrouble::NoPath, "nobody sells", "ask your ISP"}},
        SellerCall{6, {{address("203.0.113.9"), 46726}, device("seller").key}, "POST", "/v1/orders", "{}", FlowMatch{}},
        SellerAnswer{6, 201, "{}", 1'000'000},
        SellerAnswer{},
        MeshLinks{true, {{"mesh0", device("a").link, address("fe80::1"), address("10.0.0.1")}}, ""},
        MeshHeard{"mesh0", device("b").link, address("fe80::2"), {1, 1}},
        MeshCounts{9, {{"mesh0", device("b").link, 1, 100, 2, 200, 3, 300}}},
        MeshSay{"mesh0", address("fe80::2"), {1, 2}},
        MeshSay{"mesh0", {}, {1, 1}},
        SetMesh{{meshNeighbour()}},
        SetMesh{{}, Money::fromEighths(400)},
        FlowsSeen{true,
                  {{address("10.0.0.1"),
                    address("10.0.0.2"),
                    9,
                    {{6, 8, 5, 500}},
                    MeshPlace{"mesh0", device("b").link},
                    {},
                    {{7, 8}}}},
                  {{{"mesh0", device("b").link}, 990'000'000, 1'000'000, 2'000'000}}},
        MeshHops{{{"mesh0", address("fe80::2")}, {"mesh0", address("10.0.0.2")}}},
        TestNeighbour{7, {"mesh0", device("b").link}, address("fe80::2"), address("10.0.0.2"), 2'000'000, true, true},
        NeighbourTested{7, WayTested{1'000'000, 20'000'000}, {}, "nothing answers"}};
}

}  // namespace

class ChannelMessagesTest : public QObject {
    Q_OBJECT

private slots:
    void everyMessageComesBackAsItWasSent() {
        std::vector<size_t> kinds;
        for (const Message& message : oneOfEach()) {
            const auto bytes = encode(message);
            QVERIFY(bytes.has_value());
            const auto back = decode(*bytes);
            QVERIFY(back.has_value());
            QCOMPARE(back->index(), message.index());
            QCOMPARE(encode(*back).value(), *bytes);
            kinds.push_back(message.index());
            // Set to regenerate the fuzzer's corpus.
            if (const auto folder = qEnvironmentVariable("NETPAS_WRITE_CORPUS"); !folder.isEmpty()) {
                QFile file(folder + QString("/%1.bin").arg(kinds.size()));
                QVERIFY(file.open(QIODevice::WriteOnly));
                file.write(reinterpret_cast<const char*>(bytes->data()), static_cast<qint64>(bytes->size()));
            }
        }
        std::ranges::sort(kinds);
        const auto unique = std::ranges::unique(kinds);
        kinds.erase(unique.begin(), unique.end());
        QCOMPARE(kinds.size(), std::variant_size_v<Message>);
    }

    void fieldsKeepTheirValues() {
        const auto back = decode(encode(SetFlows{5, {paidFlow()}}).value());
        const auto& flow = std::get<SetFlows>(*back).flows.at(0);
        QCOMPARE(flow.purchase.value(), uint64_t{7});
        QVERIFY(flow.match == paidFlow().match);
        QVERIFY(flow.path.at(1).prices == hop(25).prices);
        QCOMPARE(flow.key.secret, paidFlow().key.secret);
        QVERIFY(flow.key.cap == dollars("0.05"));
        QVERIFY(flow.diverted);
        QCOMPARE(flow.node, std::string("tv"));
    }

    void whatIsCutShortOrTooLongIsMalformed() {
        for (const Message& message : oneOfEach()) {
            Bytes bytes = encode(message).value();
            for (size_t length = 1; length < bytes.size(); ++length) QVERIFY(!decode(ByteView(bytes).first(length)));
            bytes.push_back(0);
            QCOMPARE(decode(bytes).error(), MessageError::Malformed);
        }
    }

    void processesStandInOrderAndEachOnce() {
        QVERIFY(encode(Processes{{}}));
        QVERIFY(!encode(Processes{{42, 17}}));
        QVERIFY(!encode(Processes{{42, 42}}));
        QVERIFY(!encode(Processes{std::vector<uint32_t>(maxProcesses + 1)}));
        Bytes swapped = encode(Processes{{17, 42}}).value();
        std::swap_ranges(swapped.end() - 8, swapped.end() - 4, swapped.end() - 4);
        QCOMPARE(decode(swapped).error(), MessageError::Malformed);
    }

    void unknownTypesAndEmptyMessagesAreNamed() {
        QCOMPARE(decode({}).error(), MessageError::Empty);
        QCOMPARE(decode(Bytes{255}).error(), MessageError::UnknownType);
    }

    void whatExceedsALimitIsNotSent() {
        SetFlows flows;
        flows.flows.assign(maxFlows + 1, paidFlow());
        QCOMPARE(encode(flows).error(), MessageError::TooLarge);
        flows.flows.resize(maxFlows);
        QVERIFY(encode(flows).has_value());
        QCOMPARE(encode(StreamData{1, Bytes(maxStreamChunk + 1, 0)}).error(), MessageError::TooLarge);
        QCOMPARE(encode(StreamData{1, {}}).error(), MessageError::TooLarge);
        Counters negative{{counters()}};
        negative.flows[0].amount = Money::fromEighths(-1);
        QCOMPARE(encode(negative).error(), MessageError::TooLarge);
    }

    void devicesKeepTheirKeysAndAreBounded() {
        const auto back = decode(encode(Devices{std::vector{device("laptop"), device("tv")}}).value());
        const auto& all = std::get<Devices>(*back).all;
        QVERIFY(all && all->size() == 2);
        QVERIFY(all->at(1).key == device("tv").key && all->at(1).link == device("tv").link);
        QVERIFY(!std::get<Devices>(decode(encode(Devices{}).value()).value()).all);
        Devices many{std::vector(maxDevices + 1, device("tv"))};
        QCOMPARE(encode(many).error(), MessageError::TooLarge);
        many.all->resize(maxDevices);
        QVERIFY(encode(many).has_value());
        DeviceAsks asks;
        asks.name.assign(maxDeviceName + 1, 'a');
        QCOMPARE(encode(asks).error(), MessageError::TooLarge);
    }

    void neighboursKeepTheirRightsAndAreBounded() {
        const auto back = decode(encode(SetMesh{{meshNeighbour()}}).value());
        const MeshNeighbour& one = std::get<SetMesh>(*back).neighbours.at(0);
        QVERIFY(one.interface == "mesh0" && one.link == device("b").link && one.nextHops == meshNeighbour().nextHops);
        QVERIFY(one.paysUpstream && !one.paysDownstream);
        QCOMPARE(one.seconds, 600U);
        MeshNeighbour many = meshNeighbour();
        many.nextHops.resize(maxNextHops + 1);
        QCOMPARE(encode(SetMesh{{many}}).error(), MessageError::TooLarge);
        QCOMPARE(encode(SetMesh{std::vector(maxMeshNeighbours + 1, meshNeighbour())}).error(), MessageError::TooLarge);
        QVERIFY(encode(SetMesh{std::vector(maxMeshNeighbours, meshNeighbour())}).has_value());
        QCOMPARE(encode(MeshHeard{"mesh0", {}, {}, Bytes(maxMeshBytes + 1)}).error(), MessageError::TooLarge);
        QCOMPARE(encode(MeshSay{std::string(maxInterface + 1, 'm'), {}, {}}).error(), MessageError::TooLarge);
    }

    void textForPeopleIsCutInsteadOfRefused() {
        const auto bytes = encode(Goodbye{Farewell::Stopping, std::string(maxText + 5, 'x')});
        QCOMPARE(std::get<Goodbye>(decode(bytes.value()).value()).text.size(), maxText);
    }

    void wishesForIspsMustAscend() {
        QuoteRequest request;
        request.perIsp = {{IspId(26), {}}, {IspId(25), {}}};
        QVERIFY(!encode(request));
        request.perIsp = {{IspId(25), {}}, {IspId(25), {}}};
        QVERIFY(!encode(request));
    }

    void unknownCapabilitiesAreRefused() {
        Bytes bytes = encode(Welcome{1, 200, agentCapabilities}).value();
        bytes.back() = 64;
        QVERIFY(!decode(bytes));
    }

    void anAgentNeverGetsWhatDecides() {
        QVERIFY(agentCapabilities.has(Capability::Agent));
        QVERIFY(!agentCapabilities.has(Capability::Decide));
        QVERIFY(!agentCapabilities.has(Capability::Policy));
        QVERIFY(!agentCapabilities.has(Capability::Keys));
    }
};

QTEST_APPLESS_MAIN(ChannelMessagesTest)
#include "test_channel_messages.moc"
