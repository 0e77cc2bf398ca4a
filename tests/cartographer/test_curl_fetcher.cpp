// Documents over HTTPS from real servers: an ISP's, and such as no ISP should run.
#include <QtTest>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <thread>

#include "cartographer/fetcher.h"
#include "core/directory/publisher.h"
#include "core/net/http_server.h"
#include "core/net/tls_context.h"

using namespace netpas;
using namespace netpas::cartographer;
namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

namespace {

using Answer = tl::expected<Fetched, FetchFailure>;
using TlsStream = asio::ssl::stream<tcp::socket>;

const IpAddress loopback = *IpAddress::parse("127.0.0.1");

// Greets every caller as `behave` does, one after the other, until it is destroyed.
class RawServer {
public:
    using Behave = std::function<void(TlsStream&, const std::atomic<bool>& stopping)>;
    RawServer(const Identity& identity, Behave behave) : m_behave(std::move(behave)) {
        auto acceptor = net::openAcceptor(m_io, {loopback, 0});
        if (!acceptor) qFatal("no port for a test server");
        m_acceptor.emplace(std::move(*acceptor));
        m_context.emplace(net::makeServerContext(identity, net::ClientCertificate::None));
        port = m_acceptor->local_endpoint().port();
        m_thread = std::thread([this] { run(); });
    }
    ~RawServer() {
        m_stopping = true;
        // A last caller, so that it notices.
        asio::io_context io;
        tcp::socket socket(io);
        boost::system::error_code ignored;
        socket.connect(m_acceptor->local_endpoint(), ignored);
        m_thread.join();
    }
    uint16_t port = 0;
    std::atomic<int> callers{0};

private:
    void run() {
        while (!m_stopping) {
            tcp::socket socket(m_io);
            boost::system::error_code error;
            m_acceptor->accept(socket, error);
            if (error || m_stopping) return;
            ++callers;
            TlsStream stream(std::move(socket), *m_context);
            stream.handshake(asio::ssl::stream_base::server, error);
            if (error) continue;
            std::array<char, 4096> request{};
            stream.read_some(asio::buffer(request), error);
            if (!error) m_behave(stream, m_stopping);
        }
    }
    Behave m_behave;
    asio::io_context m_io;
    std::optional<tcp::acceptor> m_acceptor;
    std::optional<asio::ssl::context> m_context;
    std::atomic<bool> m_stopping{false};
    std::thread m_thread;
};

void say(TlsStream& stream, const std::string& text) {
    boost::system::error_code ignored;
    asio::write(stream, asio::buffer(text), ignored);
}

// Says something again and again as long as somebody listens.
void goOn(TlsStream& stream, const std::atomic<bool>& stopping, const std::string& text, milliseconds pause) {
    for (boost::system::error_code error; !error && !stopping;) {
        asio::write(stream, asio::buffer(text), error);
        std::this_thread::sleep_for(pause);
    }
}

struct Caller {
    explicit Caller(FetchLimits limits = {}) : fetcher(std::make_unique<CurlFetcher>(io, limits)) {}

    Answer get(uint16_t port, const PublicKey& key, const std::string& tag = {},
               const std::string& target = "/v1/menu") {
        std::optional<Answer> answer;
        const auto thread = std::this_thread::get_id();
        fetcher->get({loopback, port}, key, target, tag, [&](Answer got) {
            if (std::this_thread::get_id() != thread) qFatal("an answer came on another thread");
            answer = std::move(got);
        });
        io.restart();
        const auto work = asio::make_work_guard(io);
        while (!answer) io.run_one();
        return std::move(*answer);
    }

    asio::io_context io;
    std::unique_ptr<CurlFetcher> fetcher;
};

FetchLimits impatient() {
    FetchLimits limits;
    limits.connect = milliseconds(300);
    limits.whole = milliseconds(400);
    limits.body = 10'000;
    limits.header = 2'000;
    return limits;
}

FetchFailure::Kind failureOf(const Answer& answer) {
    if (answer) qFatal("a document came where none should");
    return answer.error().kind;
}

}  // namespace

class TestCurlFetcher : public QObject {
    Q_OBJECT

    const Identity m_isp = Identity::generate();

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void documentsComeWithTheirTagAndAreNotSentTwice() {
        directory::Content content;
        content.isp = IspId(26);
        directory::Publisher publisher(content, m_isp, systemClock());
        Caller caller;
        net::HttpServer server(caller.io, [&](const net::HttpRequest& request, const net::HttpReply& reply) {
            reply(publisher.answer(request));
        });
        const auto port = server.listenTls({loopback, 0}, m_isp);
        QVERIFY(port.has_value());
        const Answer first = caller.get(*port, m_isp.publicKey());
        QVERIFY2(first.has_value(), first ? "" : first.error().what.c_str());
        QVERIFY(!first->unchanged && !first->tag.empty());
        QVERIFY(directory::openMenu(first->body, m_isp.publicKey(), IspId(26), systemClock().now()).has_value());
        QVERIFY(first->maxAge && *first->maxAge == content.refresh);
        const Answer second = caller.get(*port, m_isp.publicKey(), first->tag);
        QVERIFY(second && second->unchanged && second->body.empty());
        const Answer other = caller.get(*port, m_isp.publicKey(), "\"other\"");
        QVERIFY(other && !other->unchanged && other->body == first->body);
        QCOMPARE(failureOf(caller.get(*port, m_isp.publicKey(), {}, "/v1/nothing")), FetchFailure::Kind::NotServed);
        // What would be a header of its own is not sent.
        QVERIFY(caller.get(*port, m_isp.publicKey(), "\"a\"\r\nX: y").has_value());
    }

    void aServerWithAnotherKeyIsNotHeard() {
        RawServer server(m_isp, [](TlsStream& stream, const auto&) {
            say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        });
        Caller caller;
        QVERIFY(caller.get(server.port, m_isp.publicKey()).has_value());
        QCOMPARE(failureOf(caller.get(server.port, Identity::generate().publicKey())), FetchFailure::Kind::WrongKey);
    }

    void aConnectionThatIsKeptIsNotTakenForAnotherKey() {
        directory::Content content;
        directory::Publisher publisher(content, m_isp, systemClock());
        Caller caller;
        net::HttpServer server(caller.io, [&](const net::HttpRequest& request, const net::HttpReply& reply) {
            reply(publisher.answer(request));
        });
        const auto port = server.listenTls({loopback, 0}, m_isp);
        QVERIFY(caller.get(*port, m_isp.publicKey()).has_value());
        QCOMPARE(failureOf(caller.get(*port, Identity::generate().publicKey())), FetchFailure::Kind::WrongKey);
        QVERIFY(caller.get(*port, m_isp.publicKey()).has_value());
    }

    void nobodyThere() {
        Caller caller(impatient());
        uint16_t port = 0;
        {
            RawServer server(m_isp, [](TlsStream&, const auto&) {});
            port = server.port;
        }
        QCOMPARE(failureOf(caller.get(port, m_isp.publicKey())), FetchFailure::Kind::Unreachable);
    }

    void badServers_data() {
        QTest::addColumn<QString>("what");
        for (const char* name :
             {"hangs", "trickles the header", "trickles the body", "redirects to itself", "announces too much",
              "sends too much", "floods with headers", "speaks no HTTP", "says unchanged without being asked",
              "ends in the middle", "hangs after the header"}) {
            QTest::newRow(name) << name;
        }
    }
    void badServers() {
        QFETCH(QString, what);
        badServer(what.toStdString());
    }

private:
    void badServer(const std::string& what) {
        const std::string big(4096, 'x');
        RawServer server(m_isp, [&](TlsStream& stream, const std::atomic<bool>& stopping) {
            if (what == "hangs" || what.starts_with("trickles the h")) {
                goOn(stream, stopping, what == "hangs" ? "" : "H", milliseconds(20));
            } else if (what == "trickles the body") {
                say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n");
                goOn(stream, stopping, "x", milliseconds(20));
            } else if (what == "redirects to itself") {
                say(stream, "HTTP/1.1 302 Found\r\nLocation: /v1/menu\r\nContent-Length: 0\r\n\r\n");
            } else if (what == "announces too much") {
                say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n");
                goOn(stream, stopping, "x", milliseconds(20));
            } else if (what == "sends too much") {
                say(stream, "HTTP/1.1 200 OK\r\n\r\n");
                goOn(stream, stopping, big, milliseconds(0));
            } else if (what == "floods with headers") {
                say(stream, "HTTP/1.1 200 OK\r\n");
                goOn(stream, stopping, "X-More: " + std::string(500, 'x') + "\r\n", milliseconds(0));
            } else if (what == "speaks no HTTP") {
                say(stream, "220 mail.example ESMTP\r\n");
            } else if (what == "says unchanged without being asked") {
                say(stream, "HTTP/1.1 304 Not Modified\r\n\r\n");
            } else if (what == "ends in the middle") {
                say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}");
            } else {
                say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
                goOn(stream, stopping, "", milliseconds(20));
            }
        });
        Caller caller(impatient());
        const auto kind = failureOf(caller.get(server.port, m_isp.publicKey()));
        const bool answered = what.starts_with("redirects") || what.starts_with("announces") ||
                              what.starts_with("sends") || what.starts_with("floods") || what.starts_with("says");
        QCOMPARE(kind, answered ? FetchFailure::Kind::NotServed : FetchFailure::Kind::Unreachable);
        if (what.starts_with("redirects")) QCOMPARE(server.callers.load(), 1);
    }

private slots:

    void aServerThatNeverGreetsIsGivenUp() {
        asio::io_context io;
        auto acceptor = net::openAcceptor(io, {loopback, 0});
        QVERIFY(acceptor.has_value());
        Caller caller(impatient());
        QCOMPARE(failureOf(caller.get(acceptor->local_endpoint().port(), m_isp.publicKey())),
                 FetchFailure::Kind::Unreachable);
    }

    void whatIsThereAlreadyIsNotWaitedForSoLong() {
        RawServer server(m_isp, [](TlsStream& stream, const std::atomic<bool>& stopping) {
            goOn(stream, stopping, "", milliseconds(20));
        });
        FetchLimits limits;
        limits.whole = std::chrono::minutes(10);
        limits.again = milliseconds(300);
        Caller caller(limits);
        QCOMPARE(failureOf(caller.get(server.port, m_isp.publicKey(), "\"known\"")), FetchFailure::Kind::Unreachable);
    }

    void onesThatHangDoNotKeepOthersWaiting() {
        RawServer slow(m_isp, [](TlsStream& stream, const std::atomic<bool>& stopping) {
            goOn(stream, stopping, "", milliseconds(20));
        });
        RawServer good(m_isp, [](TlsStream& stream, const auto&) {
            say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        });
        FetchLimits limits;
        limits.whole = std::chrono::seconds(60);
        Caller caller(limits);
        bool late = false;
        for (int i = 0; i < 8; ++i) {
            caller.fetcher->get({loopback, slow.port}, m_isp.publicKey(), "/", {}, [&](const auto&) { late = true; });
        }
        QVERIFY(caller.get(good.port, m_isp.publicKey()).has_value());
        QVERIFY(!late);
        caller.fetcher.reset();  // what has not come does not come
        caller.io.restart();
        caller.io.poll();
        QVERIFY(!late);
    }
};

QTEST_GUILESS_MAIN(TestCurlFetcher)
#include "test_curl_fetcher.moc"
