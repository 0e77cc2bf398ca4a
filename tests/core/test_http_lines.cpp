#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include <QTemporaryDir>
#include <QtTest>

#include "core/net/http_lines.h"
#include "core/net/http_server.h"
#include "core/net/http_stream.h"

using namespace netpas;
using namespace netpas::net;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using Unix = asio::local::stream_protocol;

namespace {

// A server and a reader in one loop, until the reader is told of its end.
class Reading {
public:
    explicit Reading(HttpHandler handler) : m_server(io, std::move(handler)) {
        path = (folder.path() + "/api.sock").toStdString();
        listens = m_server.listenUnix(path, 0600).has_value();
    }
    void run(HttpLines lines = {}) {
        lines.target = "/v1/watch";
        lines.line = [this](std::string line) {
            heard.push_back(std::move(line));
            if (onLine) onLine();
        };
        lines.ended = [this](HttpAnswer why) {
            ++ends;
            end = std::move(why);
            io.stop();
        };
        httpLines(io, UnixTarget{path}, std::move(lines));
        io.run_for(10s);
    }

    QTemporaryDir folder;
    std::string path;
    bool listens = false;
    asio::io_context io;
    std::vector<std::string> heard;
    std::function<void()> onLine;
    std::optional<HttpAnswer> end;
    int ends = 0;

private:
    HttpServer m_server;
};

HttpHandler streaming(std::shared_ptr<HttpStream> stream) {
    return [stream](const HttpRequest&, const HttpReply& reply) {
        HttpResponse response;
        response.stream = stream;
        reply(std::move(response));
    };
}

}  // namespace

class TestHttpLines : public QObject {
    Q_OBJECT

private slots:
    void linesComeWholeHoweverTheyWereCut() {
        const auto stream = std::make_shared<HttpStream>();
        Reading reading(streaming(stream));
        QVERIFY(reading.listens);
        QVERIFY(stream->push("first\nsec"));
        reading.onLine = [&] {
            if (reading.heard.size() == 1)
                asio::post(reading.io, [&] { (void)stream->push("ond\n\nfourth\nnever ended"); });
            if (reading.heard.size() == 4) asio::post(reading.io, [&] { stream->end(); });
        };
        reading.run();
        QCOMPARE(reading.heard, (std::vector<std::string>{"first", "second", "", "fourth"}));
        QCOMPARE(reading.ends, 1);
        QVERIFY(!reading.end->has_value());
        QCOMPARE(reading.end->error(), NetError::Closed);
    }

    void aRefusalIsTheEnd() {
        Reading reading([](const HttpRequest&, const HttpReply& reply) {
            reply(HttpResponse::error(429, "RATE_LIMITED", "too many watch"));
        });
        reading.run();
        QVERIFY(reading.end);
        QVERIFY2(reading.end->has_value(), reading.end->has_value() ? "" : describe(reading.end->error()).data());
        QCOMPARE((*reading.end)->status, 429U);
        QVERIFY(QString::fromStdString((*reading.end)->body).contains("RATE_LIMITED"));
        QVERIFY(reading.heard.empty());
    }

    void aLineWithoutEndIsGivenUp() {
        const auto stream = std::make_shared<HttpStream>();
        Reading reading(streaming(stream));
        QVERIFY(stream->push(std::string(5000, 'x')));
        HttpLines call;
        call.longestLine = 4000;
        reading.run(call);
        QCOMPARE(reading.end->error(), NetError::TooLarge);
    }

    void silenceIsGivenUpButEachByteIsALife() {
        const auto stream = std::make_shared<HttpStream>();
        Reading reading(streaming(stream));
        asio::steady_timer timer(reading.io);
        std::function<void(int)> beat = [&](int left) {
            timer.expires_after(100ms);
            timer.async_wait([&, left](const boost::system::error_code&) {
                if (left == 0) return;
                (void)stream->push("alive\n");
                beat(left - 1);
            });
        };
        beat(8);
        HttpLines call;
        call.longestSilence = 400ms;
        reading.run(call);
        QCOMPARE(reading.heard.size(), size_t{8});
        QCOMPARE(reading.end->error(), NetError::TimedOut);
    }

    void nobodyThere() {
        Reading reading(streaming(std::make_shared<HttpStream>()));
        reading.path = "/nonexistent/netpas.sock";
        reading.run();
        QCOMPARE(reading.end->error(), NetError::CannotConnect);
        reading.end.reset();
        reading.path = "/" + std::string(200, 'x');
        reading.io.restart();
        reading.run();
        QCOMPARE(reading.end->error(), NetError::CannotConnect);
    }

    // Linux refuses a connection for the moment while as many wait as the listener lets wait.
    void aFullQueueIsWaitedFor() {
        QTemporaryDir folder;
        const std::string path = (folder.path() + "/full.sock").toStdString();
        asio::io_context io;
        Unix::acceptor acceptor(io);
        acceptor.open();
        acceptor.bind(Unix::endpoint(path));
        acceptor.listen(0);
        std::vector<Unix::socket> waiting;
        boost::system::error_code full;
        while (!full && waiting.size() < 8) {
            auto& one = waiting.emplace_back(io);
            one.open();
            one.non_blocking(true);
            one.native_non_blocking(true);
            const Unix::endpoint at(path);
            if (::connect(one.native_handle(), at.data(), static_cast<socklen_t>(at.size())) != 0) {
                full = {errno, boost::system::system_category()};
            }
        }
        QVERIFY(full == asio::error::would_block);
        std::thread server([&] {
            std::this_thread::sleep_for(100ms);
            for (size_t i = 0; i < waiting.size(); ++i) {
                Unix::socket socket = acceptor.accept();
                boost::system::error_code gone;
                std::string request;  // of the one that came last; the others never say anything
                if (i + 1 == waiting.size()) asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", gone);
                const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                asio::write(socket, asio::buffer(answer), gone);
                socket.shutdown(Unix::socket::shutdown_send, gone);
            }
        });
        const auto answer = httpCall(UnixTarget{path}, {});
        server.join();
        QVERIFY(answer.has_value());
        QCOMPARE(answer->body, std::string("ok"));
    }
};

QTEST_APPLESS_MAIN(TestHttpLines)
#include "test_http_lines.moc"
