// Bad input for the accounting protocol, on real connections of every kind of peer: whatever is said, in whatever state, nothing
// changes in the books, nobody crashes, no connection is left behind, and honest peers are served on.
#include <filesystem>
#include <utility>

#include <QtTest>
#include <nlohmann/json.hpp>

#include "tests/core/accounting_fixture.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

const Identity payerIdentity = Identity::fromSeed({2});
const Identity payeeIdentity = Identity::fromSeed({3});

SessionKey sessionKey() {
    SessionKey key;
    key.id = SessionKeyId(77);
    key.secret.fill(7);
    key.cap = key.capPerSecond = dollars("0.05");
    key.allowed = {IspId(25), IspId(24)};
    key.expires = systemClock().now() + 1h;
    return key;
}

payments::SignedOrder order() {
    payments::SignedOrder made;
    payments::Payment& payment = made.order.payment;
    payment.id = idOf(6);
    payment.payee = payeeIdentity.nodeId();
    payment.amount = dollars("0.0001");
    payment.time = systemClock().now();
    payment.expires = payment.time + 3s;
    made.order.payer = payerIdentity.nodeId();
    made.order.fees = {{IspId(25), dollars("0.0000005")}, {IspId(24), dollars("0.000002")}};
    made.signature = payerIdentity.sign(payments::orderMessage(made.order));
    return made;
}

Confirmation confirmation() {
    Confirmation made;
    made.id = idOf(5);
    made.time = systemClock().now();
    made.confirming = IspId(24);
    made.beneficiary = IspId(25);
    made.amount = dollars("0.0001");
    made.header = headerOf({{25, 10}, {24, 3}});
    return made;  // nobody has signed it
}

template <size_t... I>
std::vector<Message> plainOnes(std::index_sequence<I...>) {
    return {Message(std::in_place_index<I>)...};
}

// At least one of every type that can be decoded; what needs contents for that has some, but no signature that counts.
std::vector<Message> everyMessage() {
    std::vector<Message> all = plainOnes(std::make_index_sequence<std::variant_size_v<Message>>());
    all.push_back(RegisterKey{2, sessionKey(), {}});
    all.push_back(InstallKey{sessionKey(), "B", 12});
    all.push_back(sampleOf(1, 24, headerOf({{25, 10}, {24, 3}}), dollars("0.0001")));
    all.push_back(ConfirmationToCountersign{confirmation()});
    all.push_back(ForwardedConfirmation{confirmation()});
    all.push_back(SendPayment{order()});
    all.push_back(ForwardPayment{1, order().order.payment, {{IspId(24), dollars("0.000002")}}});
    all.push_back(PaymentConfirmed{payments::confirm(order().order.payment, payeeIdentity, systemClock().now())});
    all.push_back(PaymentStatement{8, idOf(6), PaymentState::Confirmed, dollars("1"), true, systemClock().now(), {}});
    all.push_back(PaymentRefused{idOf(6), IspId(24), PaymentRefusal::CreditLimit, dollars("0.00005"), "pay less"});
    all.push_back(Refused{6, Refusal::NotJoined, "join first"});
    ConfirmationBatch batch;
    Signature nobodys;
    nobodys.bytes.fill(9);
    batch.roots = {{IspId(24), 3, nobodys, {{}, {}}}, {IspId(25), 1, {}, {}}};
    batch.entries = {{confirmation(), 0, 1, 1, 0}};
    all.push_back(batch);
    all.push_back(BatchAbility{{{IspId(24), 0}}});
    all.push_back(BatchAck{9, {{3, AckResult::Duplicate}}});
    all.push_back(Complaint{3,
                            IspId(25),
                            IspId(24),
                            Subject::Via,
                            IspId(24),
                            true,
                            dollars("1"),
                            dollars("2"),
                            dollars("0.5"),
                            {IspId(25), IspId(24)},
                            systemClock().now(),
                            nobodys});
    all.push_back(ComplaintAnswer{3, IspId(24), IspId(25), ComplaintReply::Rectified, dollars("1"), dollars("2"),
                                  dollars("0.5"), systemClock().now(), nobodys});
    all.push_back(CountPaths{{{4, {IspId(26), IspId(25)}}}});
    all.push_back(PathCounts{{{4, 99, {dollars("1"), dollars("2")}}}});
    all.push_back(ReceivingSet{10, PaymentRefusal::MayNotReceive});
    all.push_back(DelegatedConfirmation{confirmation()});
    all.push_back(TakePart{7, {*IpAddress::parse("192.0.2.9"), 46721}, {*IpAddress::parse("2001:db8::9")}});
    all.push_back(PartTaken{7, true, IspId(24), Money::fromEighths(800), false});
    all.push_back(
        SetDeliveries{{{ExitPoint(9), {*IpAddress::parse("192.0.2.9"), 46721}, {*IpAddress::parse("192.0.2.9")}}}});
    return all;
}

enum class Peer { Candidate, Customer, SilentEdge, Edge, Neighbour };

struct World {
    World() : y(io, 25), x(io, 24) {
        y.addCustomer("B", "127.0.0.0/8");
        y.config.customers[0].payments.mayReceive = true;
        y.addNeighbour(x);
        x.addNeighbour(y);
        y.config.edges.push_back({"r2", edge2.publicKey()});
        y.config.neighbours[0].credit = x.config.neighbours[0].credit = dollars("100");
        // The server's own dialer must not find X: every connection of X's key is the test's.
        ok = y.open() && x.open();
        y.start({});
        customer = std::make_unique<AccountingClient>(io, honest, y.address());
        customer->start();
        bool joined = false;
        customer->join([&](auto done) { joined = done.has_value(); });
        ok = ok && runUntil(io, [&] { return joined; });
    }
    [[nodiscard]] const Identity& identityOf(Peer peer) const {
        switch (peer) {
        case Peer::Candidate: return stranger;
        case Peer::Customer: return honest;
        case Peer::SilentEdge:
        case Peer::Edge: return edge2;
        case Peer::Neighbour: return x.identity;
        }
        return stranger;
    }
    // What a book-keeper would ask: everything that is money, or leads to it.
    [[nodiscard]] std::string books() const {
        auto json = nlohmann::json::parse(y.server->booksJson());
        for (const char* volatile_ : {"time", "counts", "alarms", "alarm_count", "edges"}) json.erase(volatile_);
        for (auto& neighbour : json["neighbours"]) neighbour.erase("connected");
        return json.dump() + " keys " + std::to_string(y.books().keys().size()) + " payments " +
               std::to_string(y.books().payments().size()) + " outbox " + std::to_string(y.books().outbox().size());
    }
    // One connection that says these frames; ends when the server hangs up or has been silent for a moment. True: hung up.
    bool say(Peer peer, const std::vector<Bytes>& frames, bool untilHungUp = false) {
        bool down = false;
        std::shared_ptr<net::TlsConnection> link;
        net::TlsDialer dialer(io, identityOf(peer), loopback(y.port), y.identity.publicKey(),
                              {[&](std::shared_ptr<net::TlsConnection> up) { link = std::move(up); },
                               [&](net::NetError) { down = true; }});
        dialer.start();
        if (!runUntil(io, [&] { return link != nullptr || down; }) || !link) return down;
        if (peer == Peer::Edge) (void)link->send(encode(Message(EdgeHello{"r2", 9, {}})));
        for (const Bytes& frame : frames) {
            if (!link->isOpen() || !link->send(frame)) break;
        }
        if (untilHungUp) return runUntil(io, [&] { return down; });
        const auto end = std::chrono::steady_clock::now() + 15ms;
        while (!down && std::chrono::steady_clock::now() < end) io.run_one_for(1ms);
        return down;
    }
    bool honestIsServed() {
        bool answered = false;
        customer->queryInvoice([&](auto done) { answered = done.has_value() && done->total == Money::zero(); });
        return runUntil(io, [&] { return answered; });
    }

    boost::asio::io_context io;
    Isp y, x;
    Identity honest = Identity::generate();
    Identity stranger = Identity::generate();
    Identity edge2 = Identity::generate();
    std::unique_ptr<AccountingClient> customer;
    bool ok = false;
};

size_t openFiles() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

}  // namespace

class TestAccountingBadInput : public QObject {
    Q_OBJECT

    static void peers() {
        QTest::addColumn<int>("peer");
        QTest::newRow("candidate") << static_cast<int>(Peer::Candidate);
        QTest::newRow("customer") << static_cast<int>(Peer::Customer);
        QTest::newRow("edge before its hello") << static_cast<int>(Peer::SilentEdge);
        QTest::newRow("edge") << static_cast<int>(Peer::Edge);
        QTest::newRow("neighbour") << static_cast<int>(Peer::Neighbour);
    }

private slots:
    void everyTypeIsAmongThem() {
        std::set<size_t> decodable;
        for (const Message& message : everyMessage()) {
            const auto decoded = decode(encode(message));
            if (decoded) decodable.insert(decoded->index());
        }
        std::string missing;
        for (size_t i = 0; i < std::variant_size_v<Message>; ++i) {
            if (!decodable.contains(i)) missing += " " + std::to_string(i);
        }
        QVERIFY2(missing.empty(), ("everyMessage() has none of the variant's types" + missing).c_str());
    }

    void damagedMessages_data() { peers(); }
    void damagedMessages() {
        QFETCH(int, peer);
        World w;
        QVERIFY(w.ok);
        const std::string before = w.books();
        const size_t files = openFiles();
        for (const Message& message : everyMessage()) {
            const Bytes whole = encode(message);
            std::vector<Bytes> damaged{Bytes(whole.begin(), whole.begin() + static_cast<long>(whole.size() / 2)),
                                       Bytes(whole.begin(), whole.end() - 1), whole, Bytes(maxMessageSize, whole[0])};
            damaged[2].push_back(0);
            for (const Bytes& bytes : damaged) {
                if (bytes.empty() || decode(bytes)) continue;
                QVERIFY2(w.say(static_cast<Peer>(peer), {bytes}, true),
                         "a message that does not decode was put up with");
            }
        }
        QCOMPARE(w.books(), before);
        QVERIFY(w.honestIsServed());
        QVERIFY(runUntil(w.io, [&] { return openFiles() <= files; }));
    }

    // Whole messages, but of somebody who may not send them, in a state in which they make no sense, or with contents that
    // nobody has signed.
    void messagesOutOfPlace_data() { peers(); }
    void messagesOutOfPlace() {
        QFETCH(int, peer);
        World w;
        QVERIFY(w.ok);
        // An edge that says hello has counters; all that may change is that they are there.
        (void)w.say(static_cast<Peer>(peer), {});
        const std::string before = w.books();
        const size_t files = openFiles();
        for (const Message& message : everyMessage()) {
            if (peer == static_cast<int>(Peer::Candidate) && std::holds_alternative<Join>(message)) continue;
            const bool may = peer == static_cast<int>(Peer::Edge) && std::holds_alternative<EdgeSample>(message);
            if (may && decode(encode(message))) continue;  // its own business: it would be confirmed
            (void)w.say(static_cast<Peer>(peer), {encode(message), encode(message)});
        }
        settle(w.io);
        QCOMPARE(w.books(), before);
        QVERIFY(w.honestIsServed());
        QVERIFY(runUntil(w.io, [&] { return openFiles() <= files; }));
    }

    // All of it on one connection, as long as it lasts, in an order drawn from a seed.
    void stormsOfMessages_data() { peers(); }
    void stormsOfMessages() {
        QFETCH(int, peer);
        World w;
        QVERIFY(w.ok);
        (void)w.say(static_cast<Peer>(peer), {});
        const std::string before = w.books();
        SeededRandom random(static_cast<uint64_t>(peer) + 1);
        const std::vector<Message> all = everyMessage();
        for (int storm = 0; storm < 60; ++storm) {
            std::vector<Bytes> frames;
            for (int i = 0; i < 20; ++i) {
                const Message& message = all[random.below(all.size())];
                if (std::holds_alternative<Join>(message) || std::holds_alternative<EdgeSample>(message)) continue;
                frames.push_back(encode(message));
                if (random.below(4) == 0) frames.back()[random.below(frames.back().size())] ^= 0x55;
            }
            (void)w.say(static_cast<Peer>(peer), frames);
        }
        settle(w.io);
        QCOMPARE(w.books(), before);
        QVERIFY(w.honestIsServed());
    }

    void aFrameAboveTheLimitIsNotTaken() {
        World w;
        QVERIFY(w.ok);
        const std::string before = w.books();
        for (const Peer peer : {Peer::Candidate, Peer::Customer, Peer::Edge, Peer::Neighbour})
            QVERIFY(w.say(peer, {Bytes(maxMessageSize, 1), Bytes(maxMessageSize, 1)}, true));
        QCOMPARE(w.books(), before);
        QVERIFY(w.honestIsServed());
    }

    // What was good in one session is worth nothing in another's.
    void replayedFromAnotherSession() {
        boost::asio::io_context io;
        Isp y(io, 25), x(io, 24);
        for (Isp* isp : {&y, &x}) {
            isp->addCustomer("B", "127.0.0.0/8");
            QVERIFY(isp->open());
            isp->start({});
            isp->startEdge();
        }
        const Identity b = Identity::generate();
        const Identity c = Identity::generate();
        AccountingClient atY(io, b, y.address());
        AccountingClient atX(io, c, x.address());
        atY.start();
        atX.start();
        int joined = 0;
        atY.join([&](auto done) { joined += done.has_value() ? 1 : 0; });
        atX.join([&](auto done) { joined += done.has_value() ? 1 : 0; });
        QVERIFY(runUntil(io, [&] { return joined == 2; }));
        bool ready = false;
        const SessionKey key = sessionKey();
        atY.registerKey(key, [&](auto done) { ready = done.has_value(); });
        QVERIFY(runUntil(io, [&] { return ready; }));
        // B's registration at Y, word for word, at X in C's session.
        const RegisterKey recorded{3, key, b.sign(registerKeyMessage(key, y.identity.nodeId()))};
        std::vector<Message> heard;
        std::shared_ptr<net::TlsConnection> link;
        const auto dial = [&](const Identity& as, const Isp& at) {
            link = nullptr;
            heard.clear();
            return std::make_unique<net::TlsDialer>(
                io, as, loopback(at.port), at.identity.publicKey(),
                net::TlsDialer::Handlers{[&](std::shared_ptr<net::TlsConnection> up) {
                                             up->onMessage = [&](ByteView bytes) { heard.push_back(*decode(bytes)); };
                                             link = std::move(up);
                                         },
                                         nullptr});
        };
        auto replay = dial(c, x);
        replay->start();
        QVERIFY(runUntil(io, [&] { return link != nullptr; }));
        QVERIFY(link->send(encode(Message(recorded))));
        QVERIFY(runUntil(io, [&] { return !heard.empty(); }));
        const auto* refused = std::get_if<Refused>(&heard.front());
        QVERIFY(refused && refused->reason == Refusal::BadSignature);
        QVERIFY(x.books().keys().empty());
        // In its own session it may be repeated, and is one key.
        replay = dial(b, y);
        replay->start();
        QVERIFY(runUntil(io, [&] { return link != nullptr; }));
        QVERIFY(link->send(encode(Message(recorded))));
        QVERIFY(runUntil(io, [&] { return !heard.empty(); }));
        QVERIFY(std::holds_alternative<KeyReady>(heard.front()));
        QCOMPARE(y.books().keys().size(), size_t{1});
        // B's payment in C's session.
        payments::SignedOrder paid = order();
        paid.order.payer = b.nodeId();
        paid.order.fees = {{IspId(24), Money::zero()}};
        paid.signature = b.sign(payments::orderMessage(paid.order));
        replay = dial(c, x);
        replay->start();
        QVERIFY(runUntil(io, [&] { return link != nullptr; }));
        QVERIFY(link->send(encode(Message(SendPayment{paid}))));
        QVERIFY(runUntil(io, [&] { return !heard.empty(); }));
        const auto* no = std::get_if<PaymentRefused>(&heard.front());
        QVERIFY(no && no->reason == PaymentRefusal::BadOrder);
        QVERIFY(x.books().paymentSums().empty() && x.books().payments().empty());
        replay = nullptr;
    }

    void anUnknownKeyChangesNothing() {
        World w;
        QVERIFY(w.ok);
        w.y.config.customers[0].prefixes = {*IpPrefix::parse("192.0.2.0/24")};
        w.customer = nullptr;
        w.y.server = nullptr;
        QVERIFY(w.y.open());
        w.y.start({});
        const std::string before = w.books();
        for (const Message& message : everyMessage()) QVERIFY(w.say(Peer::Candidate, {encode(message)}));
        QCOMPARE(w.books(), before);
    }
};

QTEST_APPLESS_MAIN(TestAccountingBadInput)
#include "test_accounting_bad_input.moc"
