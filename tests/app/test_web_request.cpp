// One GET of `netpas fetch` against servers whose replies break off at every byte, and whose certificates are not what they should be.
#include <QTemporaryDir>
#include <QtTest>

#include "app/cli/web_request.h"
#include "tests/app/fake_web.h"

using namespace netpas;
using namespace netpas::cli;
using test::FakeWeb;

namespace {

class Kept final : public Content {
public:
    bool restart() override {
        text.clear();
        return true;
    }
    bool take(std::span<const char> part) override {
        text.append(part.data(), part.size());
        return true;
    }
    std::string text = "from before";
};

constexpr uint64_t plenty = 1'000'000;
const std::string content = "content that is paid for";

WebRequest ask(const std::string& url, uint64_t most = plenty) {
    WebRequest request;
    request.url = url;
    request.mostBytes = most;
    request.timeout = std::chrono::seconds(20);
    return request;
}

std::string chunked(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + body.substr(0, 5) + "\r\n" +
           [](size_t size) { return QString::number(size, 16).toStdString(); }(body.size() - 5) + "\r\n" +
           body.substr(5) + "\r\n0\r\n\r\n";
}

}  // namespace

class TestWebRequest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() {
        // Of whoever runs this.
        for (const char* const name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"})
            qunsetenv(name);
    }

    void aReplyThatBreaksOffIsNone_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("length") << QByteArray::fromStdString(
            FakeWeb::reply("200 OK\r\nContent-Type: text/plain", content));
        QTest::newRow("chunks") << QByteArray::fromStdString(chunked(content));
        QTest::newRow("sold") << QByteArray::fromStdString(
            FakeWeb::reply("402 Payment Required\r\nPAYMENT-REQUIRED: eyJ4NDAyVmVyc2lvbiI6Mn0=", "{}"));
        QTest::newRow("elsewhere") << QByteArray::fromStdString(
            FakeWeb::reply("302 Found\r\nLocation: http://other.example/there", ""));
        QTest::newRow("after a hint") << QByteArray::fromStdString(
            "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + FakeWeb::reply("200 OK", content));
    }
    // Wherever it is cut, and however the connection ends: never taken for a reply, and worth another try.
    void aReplyThatBreaksOffIsNone() {
        QFETCH(QByteArray, bytes);
        size_t cut = 0;
        FakeWeb::End end = FakeWeb::End::Close;
        const FakeWeb web([&](const std::string&) { return FakeWeb::Answer{bytes.left(int(cut)).toStdString(), end}; });
        for (const FakeWeb::End how : {FakeWeb::End::Close, FakeWeb::End::Reset}) {
            end = how;
            // Of chunks the very last byte, a line feed, says nothing any more.
            const qsizetype needed = bytes.contains("chunked") ? bytes.size() - 1 : bytes.size();
            for (cut = 0; cut < size_t(needed); ++cut) {
                Kept kept;
                const auto reply = webGet(ask(web.url()), kept);
                QVERIFY2(!reply, qPrintable(QString("taken for a reply after %1 bytes").arg(cut)));
                QVERIFY2(reply.error().mayPass, reply.error().what.c_str());
            }
        }
        end = FakeWeb::End::Close;
        cut = size_t(bytes.size());
        Kept kept;
        const auto whole = webGet(ask(web.url()), kept);
        QVERIFY2(whole, whole ? "" : whole.error().what.c_str());
        QVERIFY(whole->framed);
        if (whole->status == 200) QCOMPARE(kept.text, content);
        if (whole->status == 402) QCOMPARE(whole->required, std::string("eyJ4NDAyVmVyc2lvbiI6Mn0="));
        if (whole->status == 302) QCOMPARE(whole->redirect, std::string("http://other.example/there"));
    }

    // Old servers end the content with the connection: nobody can tell whether it is whole, and that is said.
    void contentThatOnlyEndsIsNotCalledWhole() {
        const std::string head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", bytes = head + content;
        size_t cut = 0;
        const FakeWeb web([&](const std::string&) { return FakeWeb::Answer{bytes.substr(0, cut)}; });
        for (cut = 0; cut <= bytes.size(); ++cut) {
            Kept kept;
            const auto reply = webGet(ask(web.url()), kept);
            QCOMPARE(reply.has_value(), cut >= head.size());
            if (!reply) continue;
            QVERIFY(!reply->framed);
            QCOMPARE(kept.text, content.substr(0, cut - head.size()));
        }
    }

    void emptyContentReplacesWhatWasThere() {
        const FakeWeb web([](const std::string&) { return FakeWeb::Answer{FakeWeb::reply("200 OK", "")}; });
        Kept kept;
        QVERIFY(webGet(ask(web.url()), kept));
        QCOMPARE(kept.text, std::string());
    }

    void whatIsTooLongIsNotTriedAgain_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("said") << QByteArray::fromStdString(FakeWeb::reply("200 OK", content));
        QTest::newRow("not said") << QByteArray::fromStdString(chunked(content));
    }
    void whatIsTooLongIsNotTriedAgain() {
        QFETCH(QByteArray, bytes);
        const FakeWeb web([&](const std::string&) { return FakeWeb::Answer{bytes.toStdString()}; });
        Kept kept;
        const auto reply = webGet(ask(web.url(), content.size() - 1), kept);
        QVERIFY(!reply && !reply.error().mayPass);
        QVERIFY(reply.error().what.find("longer than") != std::string::npos);
    }

    void whatASiteSaysOfItselfIsBounded() {
        const std::string page(1'000'000, 'x');
        const FakeWeb web([&](const std::string&) { return FakeWeb::Answer{FakeWeb::reply("404 Not Found", page)}; });
        Kept kept;
        const auto reply = webGet(ask(web.url()), kept);
        QVERIFY(reply && reply->status == 404 && reply->body.size() <= 65'536);
        QCOMPARE(kept.text, std::string("from before"));
    }

    void certificatesAreChecked_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("seconds");
        QTest::addColumn<bool>("known");
        QTest::addColumn<bool>("good");
        QTest::newRow("good") << "IP:127.0.0.1" << 3600 << true << true;
        QTest::newRow("of an unknown authority") << "IP:127.0.0.1" << 3600 << false << false;
        QTest::newRow("for another host") << "DNS:example.net" << 3600 << true << false;
        QTest::newRow("expired") << "IP:127.0.0.1" << -60 << true << false;
    }
    void certificatesAreChecked() {
        QFETCH(QString, name);
        QFETCH(int, seconds);
        QFETCH(bool, known);
        QFETCH(bool, good);
        QTemporaryDir folder;
        const test::Paper paper(name.toStdString(), seconds), other("IP:127.0.0.1", 3600);
        (known ? paper : other).save(folder.filePath("authorities.pem"));
        const FakeWeb web([](const std::string&) { return FakeWeb::Answer{FakeWeb::reply("200 OK", content)}; },
                          &paper);
        WebRequest request = ask(web.url());
        request.authorities = folder.filePath("authorities.pem").toStdString();
        request.proof = x402::Header{"PAYMENT-SIGNATURE", "secret"};
        Kept kept;
        const auto reply = webGet(request, kept);
        QCOMPARE(reply.has_value(), good);
        // A proof is shown to nobody whose certificate is not good.
        QCOMPARE(web.requests().size(), size_t(good ? 1 : 0));
        if (!good) QVERIFY2(!reply.error().mayPass, reply.error().what.c_str());
        if (good) QVERIFY(web.requests().front().find("PAYMENT-SIGNATURE: secret\r\n") != std::string::npos);
    }

    void overHttpsToo() {
        QTemporaryDir folder;
        const test::Paper paper("IP:127.0.0.1", 3600);
        paper.save(folder.filePath("authorities.pem"));
        const std::string bytes = FakeWeb::reply("200 OK", content);
        size_t cut = 0;
        const FakeWeb web([&](const std::string&) { return FakeWeb::Answer{bytes.substr(0, cut)}; }, &paper);
        WebRequest request = ask(web.url());
        request.authorities = folder.filePath("authorities.pem").toStdString();
        for (cut = 0; cut < bytes.size(); cut += 5) {
            Kept kept;
            const auto reply = webGet(request, kept);
            QVERIFY(!reply && reply.error().mayPass);
        }
    }

    void nobodyStandsInBetween() {
        const FakeWeb proxy([](const std::string&) { return FakeWeb::Answer{FakeWeb::reply("200 OK", "not it")}; });
        const FakeWeb web([](const std::string&) { return FakeWeb::Answer{FakeWeb::reply("200 OK", content)}; });
        for (const char* const name : {"http_proxy", "ALL_PROXY"}) {
            qputenv(name, proxy.url().c_str());
            Kept kept;
            const auto reply = webGet(ask(web.url()), kept);
            qunsetenv(name);
            QVERIFY(reply);
            QCOMPARE(kept.text, content);
        }
        QVERIFY(proxy.requests().empty());
    }
};

QTEST_GUILESS_MAIN(TestWebRequest)
#include "test_web_request.moc"
