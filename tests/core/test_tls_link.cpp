#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <QtTest>
#include <array>
#include <list>
#include <thread>

#include "core/net/tls_link.h"
#include "core/net/tls_threads.h"

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

// Every test runs twice: connections on the owner's thread, and carried by others.
bool carried = false;

std::unique_ptr<TlsThreads> threadsIfCarried() { return carried ? std::make_unique<TlsThreads>(2) : nullptr; }

struct Server {
    Server(asio::io_context& io, const Identity& identity,
           std::function<bool(const PublicKey&, const Endpoint&)> accepts, LinkLimits limits = {})
        : threads(threadsIfCarried()),
          listener(io, identity,
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
                   limits, 8, threads.get()),
          port(listener.listen(loopback(0)).value_or(0)) {}

    bool echo = true;
    int connections = 0;
    int closed = 0;
    std::vector<Bytes> received;
    std::vector<NetError> refused;
    std::shared_ptr<TlsConnection> connection;
    std::unique_ptr<TlsThreads> threads;
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
        const auto threads = threadsIfCarried();
        TlsListener listener(io, identity, {anybody, {}, {}}, {}, 1024, threads.get());
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
        QVERIFY(runUntil(io, [&] { return client.ups == 1 && server->connection; }));
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
        server.echo = false;
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
        quick.silenceTimeout = 1000ms;  // longer than a busy machine lets a process wait
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

// Only connections that others carry.
class TestTlsThreads : public QObject {
    Q_OBJECT

private slots:
    void ownerIsCalledOnItsThreadOnly() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        const auto self = std::this_thread::get_id();
        int elsewhere = 0;
        std::shared_ptr<TlsConnection> held;
        const auto note = [&] { elsewhere += std::this_thread::get_id() == self ? 0 : 1; };
        const auto threads = threadsIfCarried();
        TlsListener listener(io, a,
                             {[&](const PublicKey& key, const Endpoint&) { return note(), key == b.publicKey(); },
                              [&](std::shared_ptr<TlsConnection> c) {
                                  note();
                                  c->onMessage = [&, raw = c.get()](ByteView m) {
                                      note();
                                      QVERIFY(raw->send(Bytes(m.begin(), m.end())));
                                  };
                                  c->onClosed = [&](NetError) { note(), held = nullptr; };
                                  held = c;
                              },
                              [&](NetError, const Endpoint&) { note(); }},
                             {}, 64, threads.get());
        const uint16_t port = *listener.listen(loopback(0));
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 20; ++i) {
            const Identity& who = i % 4 == 0 ? a : b;
            clients.push_back(std::make_unique<Client>(io, who, port, a.publicKey()));
        }
        QVERIFY(runUntil(io, [&] {
            return std::all_of(clients.begin(), clients.end(),
                               [](const auto& c) { return c->ups > 0 || !c->downs.empty(); });
        }));
        for (const auto& client : clients) {
            if (client->ups == 1) QVERIFY(client->connection->send(Bytes(1000, 7)));
        }
        QVERIFY(runUntil(io, [&] {
            return std::all_of(clients.begin(), clients.end(),
                               [](const auto& c) { return c->ups == 0 || c->received.size() == 1; });
        }));
        QCOMPARE(elsewhere, 0);
    }

    // What a slow owner has not taken yet stays with the sender, and nothing of it is lost.
    void slowOwnerTakesLittleMemoryAndEverything() {
        asio::io_context owner;
        asio::io_context far;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        Server server(owner, a, anybody);
        server.echo = false;
        LinkLimits patient;
        patient.maxQueued = size_t{64} << 20;
        Client client(far, b, server.port, a.publicKey(), patient);
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (client.ups == 0 && std::chrono::steady_clock::now() < end) {
            owner.restart(), far.restart();
            owner.run_one_for(5ms), far.run_one_for(5ms);
        }
        QCOMPARE(client.ups, 1);
        for (int i = 0; i < 800; ++i) QVERIFY(client.connection->send(Bytes(60'000, static_cast<uint8_t>(i))));
        far.restart();
        far.run_for(500ms);  // the owner sleeps
        // Nothing was delivered behind its back; now it takes all, in order.
        QVERIFY(server.received.empty());
        const auto finish = std::chrono::steady_clock::now() + 20s;
        while (server.received.size() < 800 && std::chrono::steady_clock::now() < finish) {
            owner.restart(), far.restart();
            owner.run_for(5ms), far.run_for(5ms);
        }
        QCOMPARE(server.received.size(), size_t{800});
        for (size_t i = 0; i < 800; ++i) QCOMPARE(server.received[i], Bytes(60'000, static_cast<uint8_t>(i)));
    }

    void endOfTheThreadsEndsTheConnections() {
        asio::io_context io;
        const Identity a = Identity::generate();
        const Identity b = Identity::generate();
        auto own = std::make_unique<TlsThreads>(2);
        std::shared_ptr<TlsConnection> held;
        auto listener = std::make_unique<TlsListener>(
            io, a, TlsListener::Handlers{anybody, [&](std::shared_ptr<TlsConnection> c) { held = c; }, {}},
            LinkLimits{}, 64, own.get());
        Client client(io, b, *listener->listen(loopback(0)), a.publicKey());
        QVERIFY(runUntil(io, [&] { return client.ups == 1 && held; }));
        listener.reset();
        own.reset();
        QVERIFY(runUntil(io, [&] { return !client.downs.empty(); }));
        QVERIFY(!held->send(Bytes(1)));
        held->close();
        held = nullptr;
        io.restart();
        io.run_for(20ms);
    }
};

int main(int argc, char** argv) {
    int failed = 0;
    {
        TestTlsLink test;
        failed += QTest::qExec(&test, argc, argv);
    }
    carried = true;
    {
        TestTlsLink test;
        failed += QTest::qExec(&test, argc, argv);
    }
    {
        TestTlsThreads test;
        failed += QTest::qExec(&test, argc, argv);
    }
    return failed;
}
#include "test_tls_link.moc"
