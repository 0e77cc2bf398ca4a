// `netpas fetch` itself, with an agent that knows of one paid order: where redirects may lead, and to whom a proof is shown.
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "core/net/http_server.h"
#include "tests/app/fake_web.h"

using namespace netpas;
using nlohmann::json;
using test::FakeWeb;

namespace {

constexpr const char* proofLine = "PAYMENT-SIGNATURE: proof-of-payment\r\n";

// Knows that this address is paid for.
class Agent {
public:
    Agent(const std::string& socket, std::string paid) : m_paid(std::move(paid)) {
        if (!m_server.listenUnix(socket, 0600)) qFatal("no socket");
        m_thread = std::thread([this] { m_io.run(); });
    }
    ~Agent() {
        m_io.stop();
        m_thread.join();
    }
    [[nodiscard]] bool delivered() const { return m_delivered; }

private:
    [[nodiscard]] json order() const {
        return {{"id", "7"},
                {"url", m_paid},
                {"state", m_delivered ? "delivered" : "paid"},
                {"amount", "0.05"},
                {"header", {{"name", "PAYMENT-SIGNATURE"}, {"value", "proof-of-payment"}}}};
    }

    std::string m_paid;
    std::atomic<bool> m_delivered{false};
    boost::asio::io_context m_io;
    net::HttpServer m_server{m_io, [this](const net::HttpRequest& request, const auto& reply) {
                                 net::HttpResponse response;
                                 const auto url = request.query.find("url");
                                 if (request.method == "PUT" && request.path == "/v1/content/7") {
                                     m_delivered = true;
                                     response.body = order().dump();
                                 } else {
                                     json orders = json::array();
                                     if (url != request.query.end() && url->second == m_paid) orders.push_back(order());
                                     response.body = json{{"orders", orders}}.dump();
                                 }
                                 reply(std::move(response));
                             }};
    std::thread m_thread;
};

FakeWeb::Answer page(const std::string& text) { return {FakeWeb::reply("200 OK", text)}; }
FakeWeb::Answer leadsTo(const std::string& url) { return {FakeWeb::reply("302 Found\r\nLocation: " + url, "")}; }

struct Fetched {
    int exit = -1;
    QByteArray content;
    QJsonObject said;
    [[nodiscard]] QString code() const { return said["error"].toObject()["code"].toString(); }
};

}  // namespace

class TestFetch : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<test::Paper> m_paper;

    [[nodiscard]] QString file(const char* name) const { return m_folder->filePath(name); }
    Fetched fetch(const std::string& url, const QStringList& more = {}) {
        QProcess process;
        process.start(NETPAS, QStringList{"--socket", file("agent.sock"), "--json", "fetch", url.c_str(), "--timeout",
                                          "20s", "--cacert", file("authorities.pem"), "-o", file("content")} +
                                  more);
        if (!process.waitForFinished(60'000)) process.kill();
        QFile content(file("content"));
        (void)content.open(QIODevice::ReadOnly);
        return {process.exitCode(), content.readAll(),
                QJsonDocument::fromJson(process.readAllStandardOutput()).object()};
    }

private slots:
    void initTestCase() { m_paper = std::make_unique<test::Paper>("IP:127.0.0.1", 3600); }
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_paper->save(file("authorities.pem"));
        QFile before(file("content"));
        QVERIFY(before.open(QIODevice::WriteOnly) && before.write("from before") > 0);
    }

    void whatIsFreeNeedsNoAgent() {
        const FakeWeb web([](const std::string&) { return page("free"); }, m_paper.get());
        const Fetched got = fetch(web.url("/page"));
        QCOMPARE(got.exit, 0);
        QCOMPARE(got.content, QByteArray("free"));
        QCOMPARE(got.said["paid"].toBool(true), false);
    }

    void aProofIsShownToNobodyButWhoWasPaid() {
        const FakeWeb other([](const std::string&) { return page("there"); }, m_paper.get());
        const FakeWeb paid([&](const std::string&) { return leadsTo(other.url("/there")); }, m_paper.get());
        const Agent agent(file("agent.sock").toStdString(), paid.url("/comic"));
        const Fetched got = fetch(paid.url("/comic"));
        QCOMPARE(got.exit, 0);
        QCOMPARE(got.content, QByteArray("there"));
        QCOMPARE(paid.requests().size(), size_t(1));
        QVERIFY(paid.requests()[0].find(proofLine) != std::string::npos);
        QCOMPARE(other.requests().size(), size_t(1));
        QVERIFY(other.requests()[0].find("PAYMENT") == std::string::npos);
        // What was paid for has not come.
        QVERIFY(!agent.delivered());
    }

    void whereARedirectLeadsMayBePaidFor() {
        std::string there;
        const FakeWeb web([&](const std::string& request) {
            return request.starts_with("GET /comic ") ? page("comic") : leadsTo(there);
        });
        there = web.url("/comic");
        const Agent agent(file("agent.sock").toStdString(), there);
        const Fetched got = fetch(web.url("/latest"));
        QCOMPARE(got.content, QByteArray("comic"));
        QVERIFY(web.requests()[0].find("PAYMENT") == std::string::npos);
        QVERIFY(web.requests()[1].find(proofLine) != std::string::npos);
        QVERIFY(agent.delivered());
    }

    void httpsLeadsNowhereUnsafe_data() {
        QTest::addColumn<QString>("scheme");
        for (const char* const scheme : {"http", "file", "ftp", "gopher"}) QTest::newRow(scheme) << scheme;
    }
    void httpsLeadsNowhereUnsafe() {
        QFETCH(QString, scheme);
        const FakeWeb plain([](const std::string&) { return page("not safe"); });
        const std::string to = scheme.toStdString() + plain.url("/etc/passwd").substr(4);
        const FakeWeb web([&](const std::string&) { return leadsTo(to); }, m_paper.get());
        const Fetched got = fetch(web.url());
        QVERIFY(got.exit != 0);
        QCOMPARE(got.code(), QString("REDIRECTS"));
        QCOMPARE(got.content, QByteArray("from before"));
        QVERIFY(plain.requests().empty());
    }

    void aCircleEnds() {
        const FakeWeb web([](const std::string&) { return leadsTo("/again"); });
        QCOMPARE(fetch(web.url()).code(), QString("REDIRECTS"));
        QVERIFY(web.requests().size() <= 6);
    }

    void aBadCertificateGetsNeitherProofNorContent() {
        const test::Paper other("DNS:example.net", 3600);
        other.save(file("authorities.pem"));
        const FakeWeb web([](const std::string&) { return page("not theirs"); }, &other);
        const Agent agent(file("agent.sock").toStdString(), web.url("/comic"));
        const Fetched got = fetch(web.url("/comic"));
        QVERIFY(got.exit != 0);
        QCOMPARE(got.code(), QString("NOT_FETCHED"));
        QCOMPARE(got.content, QByteArray("from before"));
        QVERIFY(web.requests().empty() && !agent.delivered());
        // Nobody believes that the money is gone.
        QVERIFY(got.said["error"].toObject()["message"].toString().contains("will not be paid for again"));
    }

    void itComesThroughConnectionsThatBreak() {
        std::atomic<int> number{0};
        const std::string whole = FakeWeb::reply("200 OK", "comic");
        const FakeWeb web(
            [&](const std::string&) {
                const int now = number++;
                return FakeWeb::Answer{now < 3 ? whole.substr(0, whole.size() - size_t(3 + 15 * now)) : whole,
                                       now == 1 ? FakeWeb::End::Reset : FakeWeb::End::Close};
            },
            m_paper.get());
        const Agent agent(file("agent.sock").toStdString(), web.url("/comic"));
        const Fetched got = fetch(web.url("/comic"));
        QCOMPARE(got.exit, 0);
        QCOMPARE(got.content, QByteArray("comic"));
        QCOMPARE(web.requests().size(), size_t(4));
        for (const std::string& request : web.requests()) QVERIFY(request.find(proofLine) != std::string::npos);
        QVERIFY(agent.delivered());
    }
};

QTEST_GUILESS_MAIN(TestFetch)
#include "test_fetch.moc"
