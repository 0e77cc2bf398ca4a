// TLS from the secretary to a server that only its agent can reach.
#include <QtTest>

#include "core/channel/relay.h"
#include "tests/core/channel_fixture.h"

using namespace netpas;
using namespace netpas::channel;
using namespace netpas::channel::test;
namespace asio = boost::asio;

namespace {

Endpoint loopback(uint16_t port) { return {IpAddress::parse("127.0.0.1").value(), port}; }

// The accounting server's place: sends back what it hears, unless it is told to stop reading.
struct Server {
    Identity identity = Identity::generate();
    std::vector<std::shared_ptr<net::TlsConnection>> connections;
    net::TlsListener listener;
    uint16_t port = 0;

    explicit Server(asio::io_context& io)
        : listener(io, identity,
                   {[](const PublicKey&, const Endpoint&) { return true; },
                    [this](std::shared_ptr<net::TlsConnection> made) {
                        made->onMessage = [raw = made.get()](ByteView message) {
                            (void)raw->send(Bytes(message.begin(), message.end()));
                        };
                        connections.push_back(made);
                    },
                    {}}) {
        port = listener.listen(loopback(0)).value_or(0);
    }
};

// Agent and secretary with a channel between them, and the secretary's TLS client.
struct Chain {
    asio::io_context io;
    Server server{io};
    Identity identity = Identity::generate();
    std::unique_ptr<End> agentEnd, secretaryEnd;
    std::unique_ptr<StreamRelay> relay;
    RelayedStreams streams{io, [this](const Message& message) { return sent(*secretaryEnd, message); }};
    std::unique_ptr<net::TlsDialer> dialer;
    std::shared_ptr<net::TlsConnection> connection;
    std::vector<Bytes> received;
    std::vector<net::NetError> downs;
    Endpoint allowed;
    size_t carried = 0;  // messages of streams from the agent

    Chain() : allowed(loopback(server.port)) {}
    ~Chain() { dialer = nullptr; }

    bool sent(End& end, const Message& message) { return end.channel->send(message).has_value(); }

    bool connectChannel() {
        const auto [one, two] = socketPair();
        agentEnd = std::make_unique<End>(io, Side::Agent, inheritedSource(io, one));
        secretaryEnd = std::make_unique<End>(io, Side::Secretary, inheritedSource(io, two));
        relay = std::make_unique<StreamRelay>(
            io, [this](const Message& message) { return sent(*agentEnd, message); },
            [this](const Endpoint& endpoint) { return endpoint == allowed; }, 0);
        agentEnd->onMessage = [this](const Message& message) { (void)relay->take(message); };
        secretaryEnd->onMessage = [this](const Message& message) {
            if (std::holds_alternative<StreamData>(message)) ++carried;
            (void)streams.take(message);
        };
        return runUntil(io, [this] { return agentEnd->ups == 1 && secretaryEnd->ups == 1; });
    }
    void cutChannel() {
        streams.cut();
        relay->cut();
        agentEnd->channel->stop();
        secretaryEnd->channel->stop();
    }
    void dial(const PublicKey& key) {
        dialer = std::make_unique<net::TlsDialer>(
            io, identity, loopback(server.port), key,
            net::TlsDialer::Handlers{[this](std::shared_ptr<net::TlsConnection> made) {
                                         made->onMessage = [this](ByteView message) {
                                             received.emplace_back(message.begin(), message.end());
                                         };
                                         connection = made;
                                     },
                                     [this](net::NetError error) {
                                         connection = nullptr;
                                         downs.push_back(error);
                                     }},
            net::LinkLimits{}, net::DialBackoff{std::chrono::milliseconds(10), std::chrono::milliseconds(50)},
            streams.connector());
        dialer->start();
    }
};

}  // namespace

class ChannelRelayTest : public QObject {
    Q_OBJECT

private slots:
    void tlsRunsFromEndToEnd() {
        Chain chain;
        QVERIFY(chain.connectChannel());
        chain.dial(chain.server.identity.publicKey());
        QVERIFY(runUntil(chain.io, [&] { return chain.connection != nullptr; }));
        QVERIFY(chain.connection->peerKey() == chain.server.identity.publicKey());
        QVERIFY(chain.server.connections[0]->peerKey() == chain.identity.publicKey());
        size_t total = 0;
        for (size_t i = 0; i < 60; ++i) {  // many windows in each direction
            QVERIFY(chain.connection->send(Bytes(i * 1000 + 1, static_cast<uint8_t>(i))));
            total += i * 1000 + 1;
        }
        QVERIFY(runUntil(chain.io, [&] { return chain.received.size() == 60; }));
        for (size_t i = 0; i < 60; ++i) QCOMPARE(chain.received[i], Bytes(i * 1000 + 1, static_cast<uint8_t>(i)));
        QVERIFY(chain.carried * maxStreamChunk >= total);
    }

    void anAgentThatPosesAsTheServerIsNoticed() {
        Chain chain;
        QVERIFY(chain.connectChannel());
        chain.dial(Identity::generate().publicKey());  // the agent leads to a server with another key
        QVERIFY(runUntil(chain.io, [&] { return !chain.downs.empty(); }));
        QVERIFY(chain.downs[0] == net::NetError::Refused);
        QVERIFY(chain.connection == nullptr);
    }

    void aCutInTheMiddleIsNoticedAndTheNextSessionGoesOn() {
        Chain chain;
        QVERIFY(chain.connectChannel());
        chain.dial(chain.server.identity.publicKey());
        QVERIFY(runUntil(chain.io, [&] { return chain.connection != nullptr; }));
        for (int i = 0; i < 40; ++i) QVERIFY(chain.connection->send(Bytes(60000, 1)));
        QVERIFY(runUntil(chain.io, [&] { return chain.received.size() >= 3; }));
        QVERIFY(chain.received.size() < 40);
        chain.cutChannel();
        QVERIFY(runUntil(chain.io, [&] { return !chain.downs.empty() && chain.connection == nullptr; }));
        QVERIFY(runUntil(chain.io, [&] { return !chain.server.connections[0]->isOpen(); }));
        chain.received.clear();
        QVERIFY(chain.connectChannel());
        QVERIFY(runUntil(chain.io, [&] { return chain.connection != nullptr; }));
        QVERIFY(chain.connection->send(Bytes{1, 2, 3}));
        QVERIFY(runUntil(chain.io, [&] { return chain.received.size() == 1; }));
    }

    void theAgentConnectsNowhereElse() {
        Chain chain;
        chain.allowed = loopback(1);
        QVERIFY(chain.connectChannel());
        chain.dial(chain.server.identity.publicKey());
        QVERIFY(runUntil(chain.io, [&] { return !chain.downs.empty(); }));
        QVERIFY(chain.downs[0] == net::NetError::Refused);
        QVERIFY(chain.server.connections.empty());
    }

    void aServerThatIsNotThereIsNamed() {
        Chain chain;
        QVERIFY(chain.connectChannel());
        chain.server.listener.close();
        chain.dial(chain.server.identity.publicKey());
        QVERIFY(runUntil(chain.io, [&] { return !chain.downs.empty(); }));
        QVERIFY(chain.downs[0] == net::NetError::CannotConnect);
    }

    void withoutAChannelThereIsNoConnection() {
        Chain chain;
        QVERIFY(chain.connectChannel());
        chain.cutChannel();
        chain.dial(chain.server.identity.publicKey());
        QVERIFY(runUntil(chain.io, [&] { return chain.downs.size() >= 2; }));  // and it tries again
    }

    // A secretary that sends without credit cannot make the agent take memory for it.
    void whoDoesNotWaitForCreditIsCutOff() {
        asio::io_context io;
        std::vector<Message> answers;
        asio::io_context serverIo;  // never run: the server accepts and does not read
        Server server(serverIo);
        StreamRelay relay(
            io,
            [&](const Message& message) {
                answers.push_back(message);
                return true;
            },
            [](const Endpoint&) { return true; }, 0);
        QVERIFY(relay.take(StreamOpen{1, loopback(server.port)}));
        QVERIFY(runUntil(io, [&] { return !answers.empty(); }));
        QVERIFY(std::holds_alternative<StreamOpened>(answers[0]));
        int taken = 0;
        const auto isClosed = [&] { return std::holds_alternative<StreamClosed>(answers.back()); };
        for (; taken < 10000 && !isClosed(); ++taken) QVERIFY(relay.take(StreamData{1, Bytes(maxStreamChunk, 7)}));
        QVERIFY(isClosed());
        QVERIFY(taken < 10);
    }

    void aCreditThatWasNotOwedEndsTheStream() {
        asio::io_context io;
        Server server(io);
        std::vector<Message> answers;
        StreamRelay relay(
            io,
            [&](const Message& message) {
                answers.push_back(message);
                return true;
            },
            [](const Endpoint&) { return true; }, 0);
        QVERIFY(relay.take(StreamOpen{1, loopback(server.port)}));
        QVERIFY(runUntil(io, [&] { return !answers.empty(); }));
        QVERIFY(relay.take(StreamCredit{1, 5}));
        QVERIFY(std::holds_alternative<StreamClosed>(answers.back()));
        QVERIFY(!relay.take(Ping{1}));
    }

    void moreStreamsThanAllowedAreRefused() {
        asio::io_context io;
        Server server(io);
        size_t refused = 0;
        StreamRelay relay(
            io,
            [&](const Message& message) {
                const auto* closed = std::get_if<StreamClosed>(&message);
                if (closed != nullptr && closed->reason == StreamEnd::Refused) ++refused;
                return true;
            },
            [](const Endpoint&) { return true; }, 0);
        for (uint32_t stream = 1; stream <= maxStreams + 3; ++stream)
            QVERIFY(relay.take(StreamOpen{stream, loopback(server.port)}));
        QCOMPARE(refused, size_t{3});
    }
};

QTEST_GUILESS_MAIN(ChannelRelayTest)
#include "test_channel_relay.moc"
