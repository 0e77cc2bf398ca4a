#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <QtTest>
#include <array>
#include <list>

#include "core/net/tls_link.h"

using namespace netpas;
using namespace netpas::net;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

Endpoint loopback(uint16_t port) { return {*IpAddress::parse("127.0.0.1"), port}; }

// Runs the loop until the condition holds; false after ten seconds.
template <typename Condition>
bool runUntil(asio::io_context& io, Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    io.restart();
    while (!condition() && std::chrono::steady_clock::now() < end) io.run_one_for(20ms);
    return condition();
}

struct Server {
    Server(asio::io_context& io, const Identity& identity,
           std::function<bool(const PublicKey&, const Endpoint&)> accepts, LinkLimits limits = {})
        : listener(io, identity,
                   {std::move(accepts),
                    [this](std::shared_ptr<TlsConnection> c) {
                        c->onMessage = [this, raw = c.get()](ByteView m) {
                            received.emplace_back(m.begin(), m.end());
                            if (echo) QVERIFY(raw->send(Bytes(m.begin(), m.end())));
                        };
                        c->onClosed = [this](NetError) { ++closed; };
                        connection = c;
                        ++connections;
                    },
                    [this](NetError error, const Endpoint&) { refused.push_back(error); }},
                   limits, 8),
          port(listener.listen(loopback(0)).value_or(0)) {}

    bool echo = true;
    int connections = 0;
    int closed = 0;
    std::vector<Bytes> received;
    std::vector<NetError> refused;
    std::shared_ptr<TlsConnection> connection;
    TlsListener listener;
    uint16_t port;
};

struct Client {
    Client(asio::io_context& io, const Identity& identity, uint16_t port, const PublicKey& serverKey,
           LinkLimits limits = {})
        : dialer(io, identity, loopback(port), serverKey,
                 {[this](std::shared_ptr<TlsConnection> c) {
                      ++ups;
                      c->onMessage = [this](ByteView m) { received.emplace_back(m.begin(), m.end()); };
                      connection = c;
                  },
                  [this](NetError error) { downs.push_back(error); }},
                 limits, {10ms, 50ms}) {
        dialer.start();
    }

    int ups = 0;
    std::vector<NetError> downs;
    std::vector<Bytes> received;
    std::shared_ptr<TlsConnection> connection;
    TlsDialer dialer;
};

bool anybody(const PublicKey&, const Endpoint&) { return true; }

}  // namespace

class TestTlsLink : public QObject {
    Q_OBJECT

private slots:
    void messagesOfEverySizeGoBothWaysInOrder() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(io, a, [&](const PublicKey& key, const Endpoint&) { return key == b.publicKey(); });
        Client client(io, b, server.port, a.publicKey());
        QVERIFY(runUntil(io, [&] { return client.ups == 1; }));
        std::vector<Bytes> sent;
        for (size_t size : std::vector<size_t>{1, 2, 3, 100, 16383, 16384, 16385, 65535, 65536}) {
            sent.emplace_back(size, static_cast<uint8_t>(size));
            QVERIFY(client.connection->send(sent.back()));
        }
        QVERIFY(runUntil(io, [&] { return client.received.size() == sent.size(); }));
        QVERIFY(server.received == sent);
        QVERIFY(client.received == sent);
        QVERIFY(server.connection->peerKey() == b.publicKey());
        QVERIFY(client.connection->peerKey() == a.publicKey());
    }

    void unknownClientIsRefusedInTheHandshake() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(io, a, [](const PublicKey&, const Endpoint&) { return false; });
        Client client(io, b, server.port, a.publicKey());
        QVERIFY(runUntil(io, [&] { return !client.downs.empty() && !server.refused.empty(); }));
        QCOMPARE(client.downs.front(), NetError::Refused);
        QCOMPARE(server.refused.front(), NetError::Refused);
        QCOMPARE(client.ups, 0);
        QCOMPARE(server.connections, 0);
    }

    void serverWithAnotherKeyIsRefused() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(io, a, anybody);
        Client client(io, b, server.port, b.publicKey());
        QVERIFY(runUntil(io, [&] { return client.downs.size() >= 2; }));
        QCOMPARE(client.downs.front(), NetError::Refused);
        QCOMPARE(client.ups, 0);
    }

    void garbageInsteadOfTlsIsClosed() {
        asio::io_context io;
        const Identity a = Identity::generate();
        Server server(io, a, anybody);
        asio::ip::tcp::socket socket(io);
        socket.connect({asio::ip::address_v4::loopback(), server.port});
        const std::string garbage(5000, 'x');
        asio::write(socket, asio::buffer(garbage));
        QVERIFY(runUntil(io, [&] { return server.refused.size() == 1; }));
        QCOMPARE(server.connections, 0);
    }

    void silentPeerIsClosedAtTheHandshakeTimeout() {
        asio::io_context io;
        const Identity a = Identity::generate();
        LinkLimits limits;
        limits.handshakeTimeout = 50ms;
        limits.pingInterval = 20ms;
        Server server(io, a, anybody, limits);
        asio::ip::tcp::socket socket(io);
        socket.connect({asio::ip::address_v4::loopback(), server.port});
        QVERIFY(runUntil(io, [&] { return server.refused.size() == 1; }));
        QCOMPARE(server.refused.front(), NetError::TimedOut);
    }

    void connectionsBeyondTheLimitAreClosed() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(io, a, anybody);
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 8; ++i) {
            clients.push_back(std::make_unique<Client>(io, b, server.port, a.publicKey()));
        }
        QVERIFY(runUntil(io, [&] { return server.connections == 8; }));
        Client ninth(io, b, server.port, a.publicKey());
        QVERIFY(runUntil(io, [&] { return ninth.downs.size() >= 2; }));
        QCOMPARE(server.connections, 8);
        // A place that becomes free is taken by the client that keeps trying.
        clients.pop_back();
        QVERIFY(runUntil(io, [&] { return ninth.ups == 1; }));
    }

    void oneAddressCannotTakeEveryPlace() {
        asio::io_context io;
        const Identity identity = Identity::generate();
        TlsListener listener(io, identity, {anybody, {}, {}});
        const asio::ip::tcp::endpoint at(asio::ip::make_address("127.0.0.1"), *listener.listen(loopback(0)));
        size_t closed = 0;
        std::list<asio::ip::tcp::socket> sockets;
        std::array<char, 1> byte{};
        const auto connectFrom = [&](const char* address) {
            asio::ip::tcp::socket& socket = sockets.emplace_back(io, asio::ip::tcp::v4());
            socket.bind({asio::ip::make_address(address), 0});
            socket.connect(at);
            socket.async_read_some(asio::buffer(byte), [&](const boost::system::error_code& error, size_t) {
                if (error) ++closed;
            });
        };
        for (size_t i = 0; i < maxConnectionsOfAddress + 3; ++i) connectFrom("127.0.0.1");
        QVERIFY(runUntil(io, [&] { return closed == 3; }));
        connectFrom("127.0.0.2");
        io.restart();
        io.run_for(200ms);
        QCOMPARE(closed, size_t{3});
        sockets.front().close();  // makes room for one more
        QVERIFY(runUntil(io, [&] { return closed == 4; }));
        io.restart();
        io.run_for(100ms);
        connectFrom("127.0.0.1");
        io.restart();
        io.run_for(200ms);
        QCOMPARE(closed, size_t{4});
    }
    void frameAboveTheLimitClosesTheLink() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        LinkLimits small;
        small.maxMessage = 1000;
        Server server(io, a, anybody, small);
        Client client(io, b, server.port, a.publicKey());
        QVERIFY(runUntil(io, [&] { return client.ups == 1; }));
        QVERIFY(client.connection->send(Bytes(1001)));
        QVERIFY(runUntil(io, [&] { return server.closed == 1 && !client.downs.empty(); }));
        QVERIFY(server.received.empty());
    }

    void fullQueueRefusesAndKeepsWhatItTook() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(io, a, anybody);
        server.echo = false;
        LinkLimits limits;
        limits.maxQueued = 100'000;
        Client client(io, b, server.port, a.publicKey(), limits);
        QVERIFY(runUntil(io, [&] { return client.ups == 1; }));
        size_t taken = 0;
        while (client.connection->send(Bytes(10'000, 1))) ++taken;
        QCOMPARE(taken, size_t{9});
        QVERIFY(runUntil(io, [&] { return server.received.size() == taken; }));
        QVERIFY(client.connection->send(Bytes(10'000, 2)));
    }

    void dialerComesBackAfterALoss() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        auto server = std::make_unique<Server>(io, a, anybody);
        const uint16_t port = server->port;
        Client client(io, b, port, a.publicKey());
        QVERIFY(runUntil(io, [&] { return client.ups == 1; }));
        server->connection->close();
        QVERIFY(runUntil(io, [&] { return client.ups == 2; }));
        QCOMPARE(client.downs.size(), size_t{1});
        QVERIFY(client.connection->send(Bytes{1, 2, 3}));
        QVERIFY(runUntil(io, [&] { return client.received.size() == 1; }));
    }

    void messagesTakenBeforeCloseStillArrive() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(io, a, anybody);
        Client client(io, b, server.port, a.publicKey());
        QVERIFY(runUntil(io, [&] { return client.ups == 1; }));
        for (int i = 0; i < 10; ++i) QVERIFY(client.connection->send(Bytes(60'000, static_cast<uint8_t>(i))));
        client.connection->close();
        QVERIFY(!client.connection->send(Bytes{1}));
        QVERIFY(runUntil(io, [&] { return server.received.size() == 10; }));
    }

    void silenceEndsTheLinkAndSignsOfLifeKeepIt() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        LinkLimits quick;
        quick.pingInterval = 20ms;
        quick.silenceTimeout = 200ms;
        Server server(io, a, anybody, quick);
        Client lively(io, b, server.port, a.publicKey(), quick);
        LinkLimits mute = quick;
        mute.pingInterval = 60s;
        mute.silenceTimeout = 60s;
        QVERIFY(runUntil(io, [&] { return lively.ups == 1; }));
        Client silent(io, b, server.port, a.publicKey(), mute);
        QVERIFY(runUntil(io, [&] { return server.closed == 1 && silent.downs.size() == 1; }));
        QVERIFY(lively.downs.empty());
    }

    void stoppedDialerCallsNobody() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(io, a, anybody);
        auto client = std::make_unique<Client>(io, b, server.port, a.publicKey());
        QVERIFY(runUntil(io, [&] { return client->ups == 1; }));
        client->dialer.stop();
        QVERIFY(runUntil(io, [&] { return server.closed == 1; }));
        QVERIFY(client->downs.empty());
        client.reset();
    }
};

QTEST_APPLESS_MAIN(TestTlsLink)
#include "test_tls_link.moc"
