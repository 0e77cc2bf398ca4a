// What keeps one client from costing the others: requests that come too fast wait, readers that do not read are given up.
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>

#include <QTemporaryDir>
#include <QtTest>

#include "core/net/http_session.h"

using namespace netpas;
using namespace netpas::net;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using Unix = asio::local::stream_protocol;

namespace {

HttpPeer user(uint32_t uid) {
    HttpPeer peer;
    peer.credentials = PeerCredentials{uid, uid, 1};
    return peer;
}
HttpPeer from(const char* address) {
    HttpPeer peer;
    peer.remote = Endpoint{*IpAddress::parse(address), 1};
    return peer;
}
HttpLimits paced(uint32_t perSecond, uint32_t burst) {
    HttpLimits limits;
    limits.perSecond = perSecond;
    limits.burst = burst;
    return limits;
}

// A server of streams on a thread of its own; what is pushed goes to all.
class Streams {
public:
    Streams() : m_server(m_io, [this](const HttpRequest&, const HttpReply& reply) { begin(reply); }) {
        path = (m_folder.path() + "/s").toStdString();
        listening = m_server.listenUnix(path, 0600).has_value();
        m_thread = std::thread([this] { m_io.run(); });
    }
    ~Streams() {
        asio::post(m_io, [this] { m_server.close(); });
        m_thread.join();
    }
    // On the server's thread, and waited for.
    template <typename Work>
    auto there(Work work) {
        std::packaged_task<decltype(work())()> task(std::move(work));
        auto done = task.get_future();
        asio::post(m_io, [&task] { task(); });
        return done.get();
    }
    void push(const std::string& text) {
        there([&] {
            for (const auto& one : m_streams) (void)one->push(text);
        });
    }
    size_t open() {
        return there([this] {
            return static_cast<size_t>(
                std::count_if(m_streams.begin(), m_streams.end(), [](const auto& one) { return !one->over(); }));
        });
    }
    std::string path;
    bool listening = false;

private:
    void begin(const HttpReply& reply) {
        HttpResponse response;
        response.stream = std::make_shared<HttpStream>();
        m_streams.push_back(response.stream);
        reply(std::move(response));
    }
    QTemporaryDir m_folder;
    asio::io_context m_io;
    std::vector<std::shared_ptr<HttpStream>> m_streams;
    HttpServer m_server;
    std::thread m_thread;
};

// One who asks for a stream; the answer's head has been read.
struct Reader {
    explicit Reader(const std::string& path) : socket(io) {
        socket.connect(Unix::endpoint(path));
        asio::write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: netpas\r\n\r\n")));
        asio::read_until(socket, asio::dynamic_buffer(text), "\r\n\r\n");
    }
    void readUntil(const std::string& word) { asio::read_until(socket, asio::dynamic_buffer(text), word); }
    asio::io_context io;
    Unix::socket socket;
    std::string text;
};

}  // namespace

class TestHttpPacing : public QObject {
    Q_OBJECT

private slots:
    void whatComesTooFastWaitsAndOnlyItself() {
        HttpShared shared({}, paced(1, 3));
        constexpr auto now = std::chrono::steady_clock::duration::zero();
        int atOnce = 0;
        while (shared.turn(user(1000)) <= now) QVERIFY(++atOnce < 100);
        QVERIFY(atOnce >= 3);
        QVERIFY(shared.turn(user(1000)) > now);
        QVERIFY(shared.turn(user(1001)) <= now);
        QVERIFY(shared.turn(from("192.0.2.1")) <= now);
        for (int i = 0; i < 100; ++i) QVERIFY(shared.turn(user(0)) <= now);
    }

    void eachRequestWaitsForThoseBeforeIt() {
        HttpShared shared({}, paced(1, 1));
        auto last = shared.turn(from("192.0.2.1"));
        for (int i = 0; i < 10; ++i) {
            const auto next = shared.turn(from("192.0.2.1"));
            QVERIFY(next > last);
            last = next;
        }
        QVERIFY(last > 5s);
    }

    void withoutALimitNobodyWaitsAndNothingIsKept() {
        HttpShared shared({}, HttpLimits());
        for (int i = 0; i < 1000; ++i) QVERIFY(shared.turn(user(1000)) <= 0s);
        QVERIFY(shared.pace.kept() == 0);
    }

    void whatIsKeptOfPeersIsBounded() {
        HttpShared shared({}, paced(1'000'000'000, 1));  // every turn is over at once
        for (uint32_t uid = 1; uid < 5000; ++uid) (void)shared.turn(user(uid));
        QVERIFY(shared.pace.kept() <= 1025);
    }

    void aStreamKeepsNoMoreThanItsBound() {
        HttpStream stream(10);
        int ended = 0;
        stream.onEnd([&] { ++ended; });
        QVERIFY(stream.push("12345"));
        QVERIFY(stream.push("67890"));
        QCOMPARE(stream.take(), std::string("1234567890"));
        QVERIFY(stream.push("1234567890"));
        QVERIFY(!stream.push("1"));
        QVERIFY(stream.over());
        QVERIFY(stream.take().empty());
        QVERIFY(!stream.push("1"));
        stream.end();
        QCOMPARE(ended, 1);
    }

    void whoReadsGetsEverythingInOrder() {
        Streams server;
        QVERIFY(server.listening);
        Reader reader(server.path);
        for (int i = 0; i < 50; ++i) {
            server.push("line " + std::to_string(i) + "\n");
            reader.readUntil("line " + std::to_string(i) + "\n");
        }
    }

    void whoDoesNotReadIsGivenUpAndTheOthersGoOn() {
        Streams server;
        QVERIFY(server.listening);
        Reader slow(server.path), brisk(server.path);
        QCOMPARE(server.open(), size_t{2});
        const std::string much(size_t{64} << 10, 'x');
        int pushed = 0;
        while (server.open() == 2) {
            const std::string mark = "mark" + std::to_string(pushed) + ";";
            server.push(much + mark);
            brisk.readUntil(mark);
            brisk.text.clear();
            QVERIFY(++pushed < 1000);
        }
        QCOMPARE(server.open(), size_t{1});
        server.push("the end");
        brisk.readUntil("the end");
        // The slow one's connection ends.
        boost::system::error_code error;
        asio::read(slow.socket, asio::dynamic_buffer(slow.text), error);
        QVERIFY(error == asio::error::eof || error == asio::error::connection_reset);
    }

    void aReaderThatLeavesIsNoticed() {
        Streams server;
        QVERIFY(server.listening);
        { const Reader gone(server.path); }
        QTRY_COMPARE(server.open(), size_t{0});
    }
};

QTEST_GUILESS_MAIN(TestHttpPacing)
#include "test_http_pacing.moc"
