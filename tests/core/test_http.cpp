#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include <QTemporaryDir>
#include <QtTest>

#include "core/net/http_client.h"
#include "core/net/http_lines.h"
#include "core/net/http_server.h"
#include "core/net/http_stream.h"
#include "core/net/loopback_owner.h"

using namespace netpas;
using namespace netpas::net;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

// A server on its own thread, as in production: one thread runs the loop.
class Running {
public:
    explicit Running(HttpHandler handler, HttpLimits limits = {}) : m_server(m_io, std::move(handler), limits) {
        path = (folder.path() + "/api.sock").toStdString();
        unixListening = m_server.listenUnix(path, 0660).has_value();
        port = m_server.listenTls({*IpAddress::parse("127.0.0.1"), 0}, identity).value_or(0);
        plainPort = m_server.listenLoopback({*IpAddress::parse("127.0.0.1"), 0}).value_or(0);
        m_thread = std::thread([this] { m_io.run(); });
    }
    ~Running() {
        asio::post(m_io, [this] { m_server.close(); });
        m_thread.join();
    }
    HttpAnswer call(const HttpCall& call) { return httpCall(UnixTarget{path}, call); }
    HttpAnswer callTls(const HttpCall& call) {
        return httpCall(TlsTarget{{*IpAddress::parse("127.0.0.1"), port}, identity.publicKey()}, call);
    }
    // What comes back for bytes written as they are, until the server hangs up.
    std::string raw(std::string_view request) {
        asio::io_context io;
        asio::local::stream_protocol::socket socket(io);
        socket.connect(asio::local::stream_protocol::endpoint(path.string()));
        boost::system::error_code error;
        asio::write(socket, asio::buffer(request), error);
        std::string answer;
        asio::read(socket, asio::dynamic_buffer(answer), error);
        return answer;
    }

    Identity identity = Identity::generate();
    QTemporaryDir folder;
    std::filesystem::path path;
    bool unixListening = false;
    uint16_t port = 0, plainPort = 0;

private:
    asio::io_context m_io;
    HttpServer m_server;
    std::thread m_thread;
};

void echo(const HttpRequest& request, const HttpReply& reply) {
    HttpResponse response;
    response.body = request.method + " " + request.path;
    for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
    response.body += " " + request.body;
    if (request.peer) response.headers.push_back({"X-Uid", std::to_string(request.peer->uid)});
    if (request.remote) response.headers.push_back({"X-Remote", request.remote->address.toString()});
    reply(std::move(response));
}

}  // namespace

class TestHttp : public QObject {
    Q_OBJECT

private slots:
    void requestCrossesTheUnixSocketWithCredentials() {
        Running server(echo);
        QVERIFY(server.unixListening);
        HttpCall call{"POST", "/v1/a%20b?to=192.0.2.1&x=%26", "{\"k\":1}", {}};
        const auto answer = server.call(call);
        QVERIFY(answer.has_value());
        QCOMPARE(answer->status, 200U);
        QCOMPARE(answer->body, std::string("POST /v1/a b to=192.0.2.1 x=& {\"k\":1}"));
        QCOMPARE(std::string(answer->header("x-uid")), std::to_string(::getuid()));
        QCOMPARE(answer->contentType, std::string("application/json"));
    }

    void requestCrossesTlsWithThePinnedKey() {
        Running server(echo);
        const auto answer = server.callTls({"GET", "/v1/menu", "", {}});
        QVERIFY(answer.has_value());
        QCOMPARE(answer->body, std::string("GET /v1/menu "));
        QCOMPARE(std::string(answer->header("X-Remote")), std::string("127.0.0.1"));
    }

    void anotherPinnedKeyRefusesTheServer() {
        Running server(echo);
        const TlsTarget target{{*IpAddress::parse("127.0.0.1"), server.port}, Identity::generate().publicKey()};
        const auto answer = httpCall(target, {});
        QVERIFY(!answer.has_value());
        QCOMPARE(answer.error(), NetError::Refused);
    }

    void socketHasTheModeAndIsRemovedAtTheEnd() {
        std::filesystem::path path;
        {
            Running server(echo);
            path = server.path;
            struct stat status {};
            QCOMPARE(::stat(path.c_str(), &status), 0);
            QCOMPARE(status.st_mode & 0777U, 0660U);
        }
        QVERIFY(!std::filesystem::exists(path));
    }

    void secondServerOnALiveSocketIsRefusedAndADeadSocketIsReplaced() {
        Running server(echo);
        asio::io_context io;
        HttpServer second(io, echo);
        const auto refused = second.listenUnix(server.path, 0600);
        QVERIFY(!refused.has_value());
        QCOMPARE(refused.error(), NetError::CannotListen);
        QVERIFY(server.call({}).has_value());

        const std::string dead = (server.folder.path() + "/dead.sock").toStdString();
        { asio::local::stream_protocol::acceptor left(io, asio::local::stream_protocol::endpoint(dead)); }
        QVERIFY(std::filesystem::exists(dead));
        QVERIFY(second.listenUnix(dead, 0600).has_value());
    }

    void bodyAndHeaderLimitsAnswerWithTheirStatus() {
        HttpLimits limits;
        limits.maxBody = 100;
        limits.maxHeader = 500;
        Running server(echo, limits);
        HttpCall large{"POST", "/", std::string(101, 'x'), {}};
        QCOMPARE(server.call(large).value().status, 413U);
        HttpCall wide{"GET", "/", "", {{"X-Long", std::string(600, 'y')}}};
        QCOMPARE(server.call(wide).value().status, 431U);
        HttpCall fits{"POST", "/", std::string(100, 'x'), {}};
        QCOMPARE(server.call(fits).value().status, 200U);
    }

    void garbageGetsA400() {
        Running server(echo);
        QVERIFY(server.raw("hello there\r\n\r\n").starts_with("HTTP/1.1 400"));
        QVERIFY(server.raw("GET nowhere HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400"));
        QVERIFY(server.raw("GET /%zz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400"));
        QVERIFY(server.call({}).has_value());
    }

    void slowRequestIsHungUpOn() {
        HttpLimits limits;
        limits.readTimeout = 50ms;
        Running server(echo, limits);
        QCOMPARE(server.raw("GET / HT"), std::string());
    }

    void connectionIsKeptForSeveralRequests() {
        Running server(echo);
        const std::string answers = server.raw("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nConnection: close\r\n\r\n");
        QVERIFY(answers.find("GET /a") != std::string::npos);
        QVERIFY(answers.find("GET /b") != std::string::npos);
    }

    void connectionsBeyondTheLimitAreClosed() {
        HttpLimits limits;
        limits.maxConnections = 2;
        Running server(echo, limits);
        asio::io_context io;
        std::vector<asio::local::stream_protocol::socket> held;
        for (int i = 0; i < 2; ++i) {
            held.emplace_back(io).connect(asio::local::stream_protocol::endpoint(server.path.string()));
        }
        std::this_thread::sleep_for(50ms);
        QVERIFY(!server.call({}).has_value());
        held.clear();
        const auto end = std::chrono::steady_clock::now() + 5s;
        bool served = false;
        while (!served && std::chrono::steady_clock::now() < end) served = server.call({}).has_value();
        QVERIFY(served);
    }

    void oneAddressCannotTakeTheOthersConnections() {
        HttpLimits limits;
        limits.maxConnections = 6;
        limits.maxPerPeer = 4;
        Running server(echo, limits);
        asio::io_context io;
        std::vector<asio::ip::tcp::socket> held;
        for (int i = 0; i < 6; ++i) {
            auto& socket = held.emplace_back(io, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.2"), 0));
            socket.connect({asio::ip::make_address("127.0.0.1"), server.port});
        }
        std::this_thread::sleep_for(50ms);
        QCOMPARE(server.callTls({}).value().status, 200U);
    }

    // Addresses are free within a machine; whose the program is, the kernel knows.
    void anotherLoopbackAddressIsNoOtherPeer() {
        HttpLimits limits;
        limits.maxPerPeer = 3;
        Running server(echo, limits);
        QVERIFY(server.plainPort != 0);
        asio::io_context io;
        std::vector<asio::ip::tcp::socket> held;
        size_t open = 0;
        for (int i = 0; i < 6; ++i) {
            const std::string from = "127.0.0." + std::to_string(2 + i);
            auto& socket = held.emplace_back(io, asio::ip::tcp::endpoint(asio::ip::make_address(from), 0));
            socket.connect({asio::ip::make_address("127.0.0.1"), server.plainPort});
        }
        std::this_thread::sleep_for(50ms);
        for (auto& socket : held) {
            boost::system::error_code gone;
            asio::write(socket, asio::buffer(std::string_view("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")), gone);
            std::string answer;
            asio::read(socket, asio::dynamic_buffer(answer), gone);
            open += answer.starts_with("HTTP/1.1 200") ? 1U : 0U;
        }
        QCOMPARE(open, size_t{3});
    }

    void theKernelKnowsWhoseAConnectionIs() {
        asio::io_context io;
        using asio::ip::tcp;
        for (const char* address : {"127.0.0.1", "::1"}) {
            boost::system::error_code none;
            const auto at = asio::ip::make_address(address);
            tcp::acceptor acceptor(io);
            acceptor.open(at.is_v4() ? tcp::v4() : tcp::v6(), none);
            if (!none) acceptor.bind({at, 0}, none);
            if (none) continue;  // a machine without IPv6
            acceptor.listen();
            tcp::socket client(io);
            client.connect(acceptor.local_endpoint());
            const tcp::socket server = acceptor.accept();
            const auto ours = [](const tcp::endpoint& one) {
                return Endpoint{*IpAddress::parse(one.address().to_string()), one.port()};
            };
            const Endpoint theirs = ours(server.remote_endpoint()), here = ours(server.local_endpoint());
            QVERIFY(isLoopback(theirs.address));
            QCOMPARE(loopbackOwner(theirs, here), std::optional<uint32_t>(::getuid()));
            QCOMPARE(loopbackOwner({theirs.address, 1}, here), std::nullopt);
            client.close();
            QCOMPARE(loopbackOwner(theirs, here), std::nullopt);
        }
        QVERIFY(!isLoopback(*IpAddress::parse("192.0.2.1")) && !isLoopback(*IpAddress::parse("2001:db8::1")));
    }

    void oneUsersShareEnds() {
        HttpLimits limits;
        limits.maxPerPeer = 2;
        Running server(echo, limits);
        asio::io_context io;
        std::vector<asio::local::stream_protocol::socket> held;
        for (int i = 0; i < 2; ++i) {
            held.emplace_back(io).connect(asio::local::stream_protocol::endpoint(server.path.string()));
        }
        std::this_thread::sleep_for(50ms);
        QVERIFY(!server.call({}).has_value());
        QVERIFY(server.callTls({}).has_value());
    }

    void handlerThatNeverAnswersEndsIn504AndALateAnswerIsHarmless() {
        HttpLimits limits;
        limits.answerTimeout = 50ms;
        HttpReply kept;
        Running server(
            [&](const HttpRequest&, HttpReply reply) {
                if (kept) kept({});
                kept = std::move(reply);
            },
            limits);
        QCOMPARE(server.call({}).value().status, 504U);
        QCOMPARE(server.call({}).value().status, 504U);
    }

    void nobodyThereIsCannotConnect() {
        const auto answer = httpCall(UnixTarget{"/nonexistent/netpas.sock"}, {});
        QVERIFY(!answer.has_value());
        QCOMPARE(answer.error(), NetError::CannotConnect);
    }

    void answerAboveTheLimitIsTooLarge() {
        Running server([](const HttpRequest&, const HttpReply& reply) {
            HttpResponse response;
            response.body = std::string(5000, 'z');
            reply(response);
        });
        HttpCall call;
        call.maxBody = 4999;
        QCOMPARE(server.call(call).error(), NetError::TooLarge);
        call.maxBody = 5000;
        QCOMPARE(server.call(call).value().body.size(), size_t{5000});
    }

    void queryValuesSurviveEncoding() {
        HttpRequest request;
        const std::string text = "a&b=c d%/ü";
        QVERIFY(decodeTarget("/p?v=" + encodeQueryValue(text), request));
        QCOMPARE(request.query["v"], text);
    }

    void anAnswerWithoutAnEndComesLineByLine() {
        for (const bool tls : {false, true}) {
            Running server([](const HttpRequest& request, const HttpReply& reply) {
                if (request.path != "/watch") return echo(request, reply);
                HttpResponse response;
                response.stream = std::make_shared<HttpStream>();
                const auto stream = response.stream;
                reply(std::move(response));
                for (const char* const part : {"one\ntw", "o\n", "\nhalf"}) (void)stream->push(part);
            });
            HttpTarget target = UnixTarget{server.path};
            if (tls) target = TlsTarget{{*IpAddress::parse("127.0.0.1"), server.port}, server.identity.publicKey()};
            std::vector<std::string> lines;
            std::vector<HttpAnswer> ends;
            const auto read = [&](const char* path) {
                HttpLines reader;
                reader.target = path;
                reader.longestSilence = 300ms;
                reader.line = [&](const std::string& line) { lines.push_back(line); };
                reader.ended = [&](const HttpAnswer& answer) { ends.push_back(answer); };
                asio::io_context io;
                httpLines(io, target, reader);
                io.run();
            };
            read("/watch");
            QCOMPARE(lines, (std::vector<std::string>{"one", "two", ""}));
            QCOMPARE(ends.size(), size_t{1});
            QVERIFY(!ends[0].has_value());
            QCOMPARE(ends[0].error(), NetError::TimedOut);
        }
    }

    void whoStreamsNothingIsHeardAsHeIs() {
        Running server([](const HttpRequest&, const HttpReply& reply) {
            reply(HttpResponse::error(429, "RATE_LIMITED", "too many"));
        });
        HttpLines reader;
        std::optional<HttpAnswer> end;
        reader.line = [](const std::string&) { QFAIL("this is no line"); };
        reader.ended = [&](const HttpAnswer& answer) { end = answer; };
        asio::io_context io;
        httpLines(io, UnixTarget{server.path}, reader);
        io.run();
        QVERIFY(end && end->has_value());
        QCOMPARE((*end)->status, 429U);
    }
};

QTEST_APPLESS_MAIN(TestHttp)
#include "test_http.moc"
