// Which door the command line goes through: money and policy in person where it may, secrets in person or not at all.
#include <QTest>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "core/net/http_server.h"

using namespace netpas;
namespace fs = std::filesystem;

namespace {

// A socket that answers everything with one body, and keeps what it was asked.
class Door {
public:
    Door(const fs::path& path, std::string body) : m_body(std::move(body)) {
        if (!m_server.listenUnix(path.string(), 0600)) qFatal("no socket");
        m_thread = std::thread([this] { m_io.run(); });
    }
    ~Door() {
        m_io.stop();
        m_thread.join();
    }
    std::vector<std::string> asked() {
        std::promise<std::vector<std::string>> promise;
        auto future = promise.get_future();
        boost::asio::post(m_io, [&] { promise.set_value(std::exchange(m_asked, {})); });
        return future.get();
    }

private:
    std::string m_body;
    std::vector<std::string> m_asked;
    boost::asio::io_context m_io;
    net::HttpServer m_server{m_io, [this](const net::HttpRequest& request, const auto& reply) {
                                 m_asked.push_back(request.method + " " + request.path + " " + request.body);
                                 net::HttpResponse response;
                                 response.body = m_body;
                                 reply(std::move(response));
                             }};
    std::thread m_thread;
};

struct Done {
    int exit = -1;
    QString out;
};

bool mentions(const std::vector<std::string>& asked, const std::string& text) {
    return std::any_of(asked.begin(), asked.end(),
                       [&](const auto& one) { return one.find(text) != std::string::npos; });
}

}  // namespace

class CliClientTest : public QObject {
    Q_OBJECT

    fs::path m_folder = fs::temp_directory_path() / ("netpas-client-" + std::to_string(::getpid()));
    fs::path m_agentSocket = m_folder / "netpasd.sock";
    fs::path m_secretarySocket = m_folder / "secretary.sock";

    Done netpas(const std::string& arguments) {
        const std::string command = NETPAS " --socket " + m_agentSocket.string() + " " + arguments + " 2>&1";
        FILE* const pipe = ::popen(command.c_str(), "r");
        if (pipe == nullptr) return {};
        Done done;
        std::array<char, 4096> block{};
        while (const size_t size = std::fread(block.data(), 1, block.size(), pipe)) {
            done.out += QString::fromUtf8(block.data(), static_cast<qsizetype>(size));
        }
        const int status = ::pclose(pipe);
        done.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return done;
    }
    std::string file(const char* name, const std::string& text) {
        const fs::path path = m_folder / name;
        std::ofstream(path, std::ios::binary) << text;
        return path.string();
    }

private slots:
    void init() { fs::create_directories(m_folder); }
    void cleanup() { fs::remove_all(m_folder); }

    void secretsGoToTheSecretaryItself() {
        Door agent(m_agentSocket, "{}");
        Door secretary(m_secretarySocket, R"({"state":"locked","protection":"passphrase","size":0})");
        const std::string secret = " --passphrase-file " + file("p", "open sesame\n");
        for (const std::string verb : {"unlock", "passphrase remove", "recovery-words"}) {
            const Done done = netpas(verb + secret);
            QVERIFY2(done.exit == 0, qPrintable(done.out));
            QVERIFY2(mentions(secretary.asked(), "open sesame"), verb.c_str());
        }
        QCOMPARE(netpas("restore " + file("backup", "x") + secret).exit, 0);
        QVERIFY(mentions(secretary.asked(), "PUT /v1/restore/content"));
        QCOMPARE(netpas("history --csv").exit, 0);
        QVERIFY(mentions(secretary.asked(), "GET /v1/history.csv"));
        QVERIFY(agent.asked().empty());
    }

    // The owner's player asks as any application does.
    void requestsGoThroughTheAgentEvenForTheOwner() {
        Door agent(m_agentSocket, R"({"id":"7","state":"active","flow":"","cap":"1","path":[]})");
        Door secretary(m_secretarySocket, R"({"id":"7","state":"active","flow":"","cap":"1","path":[]})");
        QCOMPARE(netpas("--request --json buy --to 192.0.2.1 --cap 1 --purpose video --domain example.net").exit, 0);
        const auto asked = agent.asked();
        QVERIFY(mentions(asked, "POST /v1/purchases"));
        QVERIFY(mentions(asked, R"("purpose":"video")") && mentions(asked, R"("domain":"example.net")"));
        QCOMPARE(netpas("--json purchases 7 --request").exit, 0);
        QVERIFY(mentions(agent.asked(), "GET /v1/purchases/7"));
        QVERIFY(secretary.asked().empty());
        // ... and has no way to the owner's own door.
        QCOMPARE(netpas("--request unlock --passphrase-file " + file("p", "open sesame\n")).exit, 4);
        QVERIFY(secretary.asked().empty());
        QVERIFY(!mentions(agent.asked(), "open sesame"));
        QCOMPARE(netpas("--json buy --to 192.0.2.1 --cap 1").exit, 0);
        QVERIFY(mentions(secretary.asked(), "POST /v1/purchases"));
    }

    void secretsAreNeverToldToAnAgent() {
        Door agent(m_agentSocket, R"({"state":"locked","protection":"passphrase"})");
        const std::string secret = " --passphrase-file " + file("p", "open sesame\n");
        for (const std::string verb : {"unlock", "passphrase remove", "recovery-words"}) {
            const Done done = netpas(verb + secret);
            QCOMPARE(done.exit, 4);
            QVERIFY2(done.out.contains("--secretary-socket"), qPrintable(done.out));
        }
        QVERIFY(!mentions(agent.asked(), "open sesame"));
    }

    void textThatIsNotUtf8IsWrongUsage() {
        Door agent(m_agentSocket, "{}");
        Door secretary(m_secretarySocket, R"({"state":"locked","protection":"passphrase"})");
        QCOMPARE(netpas("rules add \"$(printf 'up to 1c a minute for vid\\377eo')\"").exit, 2);
        const Done done = netpas("unlock --passphrase-file " + file("p", "\xff\xfe\n"));
        QCOMPARE(done.exit, 2);
        QVERIFY2(done.out.contains("UTF-8"), qPrintable(done.out));
    }

    void lockedIsSaidInStatus() {
        Door agent(m_agentSocket, R"({"version":"1","ledger":"locked","agent":null})");
        const Done done = netpas("status");
        QCOMPARE(done.exit, 0);
        QVERIFY2(done.out.contains("netpas unlock"), qPrintable(done.out));
        QVERIFY2(!done.out.contains("netpas join") && !done.out.contains("disk"), qPrintable(done.out));
    }

    void whatCannotBeWrittenIsAFailure() {
        Door agent(m_agentSocket, "{}");
        QCOMPARE(netpas("--json purchases > /dev/full").exit, 1);
    }
};

QTEST_GUILESS_MAIN(CliClientTest)
#include "test_cli_client.moc"
