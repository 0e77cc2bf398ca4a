// What a film in a browser can get from netpas-browser-host: prices, what has them, its own purchase; and who can start it.
#include <QTest>

#include <QCryptographicHash>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "app/browser/desk.h"
#include "app/browser/origins.h"

using namespace netpas;
using namespace netpas::browser;
using nlohmann::json;

namespace {

struct Asked {
    std::string what;
    json body;
};

// An agent that sells two tiers and does what it is told.
struct Agent {
    std::vector<Asked> asked;
    json offers = json::array({{{"tier", "best effort"}, {"per_minute_at_most", "0"}},
                               {{"id", "a"}, {"tier", "thrifty"}, {"per_minute_at_most", "0.0001"}},
                               {{"id", "b"}, {"tier", "most"}, {"per_minute_at_most", "0.00036123"}}});
    json purchase{{"id", "7"}, {"state", "active"}, {"sent", {{"packets", 3}, {"amount", "0.00001"}}}};

    Desk::Ask ask() {
        return [this](const std::string& method, const std::string& target,
                      const json& body) -> tl::expected<json, Failure> {
            asked.push_back({method + " " + target, body});
            if (target == "/v1/quotes") return json{{"offers", offers}, {"valid_until", "2031-01-31T18:00:00Z"}};
            return purchase;
        };
    }
};

Endpoint fromOf(const QuoteWish& wish) { return {*wish.address, wish.port}; }
std::optional<MediaFlow> asTcp(const QuoteWish& wish) { return MediaFlow{fromOf(wish), "tcp"}; }

Request quote(const std::string& domain = "film.example") {
    return {1, QuoteWish{"a.example", 443, IpAddress::parse("192.0.2.7"), "video", domain, 5'200'000}};
}
Request buy(const std::string& offer, uint32_t minutes) { return {2, BuyWish{offer, minutes}}; }

std::string errorOf(const json& answer) {
    return answer.contains("error") ? answer["error"]["code"].get<std::string>() : std::string();
}

std::string quoteText(const std::string& url, const std::string& address, const std::string& purpose) {
    return json{{"id", 1},
                {"verb", "quote"},
                {"url", url},
                {"address", address},
                {"purpose", purpose},
                {"bits_per_second", 9},
                {"domain", "a.example"}}
        .dump();
}

QJsonObject fileOf(const char* name) {
    QFile file(QString(NETPAS_BROWSER_RESOURCES) + "/" + name);
    return file.open(QIODevice::ReadOnly) ? QJsonDocument::fromJson(file.readAll()).object() : QJsonObject();
}

}  // namespace

class BrowserHostTest : public QObject {
    Q_OBJECT

private slots:
    void aPriceIsForWhatTheBrowserReads() {
        Agent agent;
        Desk desk(agent.ask(), asTcp);
        const json answer = desk.answer(quote());
        QCOMPARE(answer["id"].get<int>(), 1);
        QCOMPARE(answer["quote"]["per_minute_at_most"].get<std::string>(), std::string("0.00036123"));
        QCOMPARE(answer["quote"]["offer"].get<std::string>(), std::string("b"));
        QCOMPARE(answer["quote"]["valid_until"].get<std::string>(), std::string("2031-01-31T18:00:00Z"));
        QCOMPARE(agent.asked.size(), size_t{1});
        const json expected{{"to", "192.0.2.7"},
                            {"to_port", 443},
                            {"protocol", "tcp"},
                            {"direction", "incoming"},
                            {"stream_bit_per_second", 5'200'000}};
        QCOMPARE(agent.asked[0].body.dump(), expected.dump());
    }

    void aFilmThatTheBrowserDoesNotReadHasNoPrice() {
        Agent agent;
        Desk desk(agent.ask(), [](const QuoteWish&) { return std::nullopt; });
        QCOMPARE(errorOf(desk.answer(quote())), std::string("NO_STREAM"));
        QVERIFY(agent.asked.empty());
    }

    void whatIsBoughtIsWhatWasShown() {
        Agent agent;
        {
            Desk desk(agent.ask(), [](const QuoteWish& wish) { return MediaFlow{fromOf(wish), "udp"}; });
            (void)desk.answer(quote());
            const json answer = desk.answer(buy("b", 7));
            QCOMPARE(answer["purchase"]["id"].get<std::string>(), std::string("7"));
            QCOMPARE(answer["purchase"]["spent"].get<std::string>(), std::string("0.00001"));
            const json expected{{"to", "192.0.2.7"},       {"to_port", 443},     {"protocol", "udp"},
                                {"direction", "incoming"}, {"offer", "b"},       {"cap", "0.00252861"},
                                {"duration_s", 420},       {"purpose", "video"}, {"domain", "film.example"},
                                {"attended", true}};
            QCOMPARE(agent.asked.back().what, std::string("POST /v1/purchases"));
            QCOMPARE(agent.asked.back().body.dump(), expected.dump());
            // One click, one purchase.
            QCOMPARE(errorOf(desk.answer(buy("b", 7))), std::string("CONFLICT"));
            (void)desk.answer({3, FollowWish{}});
            QCOMPARE(agent.asked.back().what, std::string("GET /v1/purchases/7"));
        }
        // The film is over.
        QCOMPARE(agent.asked.back().what, std::string("DELETE /v1/purchases/7"));
    }

    void onlyWhatWasQuotedLastIsBought() {
        Agent agent;
        Desk desk(agent.ask(), asTcp);
        QCOMPARE(errorOf(desk.answer(buy("b", 7))), std::string("EXPIRED"));
        (void)desk.answer(quote());
        QCOMPARE(errorOf(desk.answer(buy("a", 7))), std::string("EXPIRED"));
        QCOMPARE(errorOf(desk.answer({4, FollowWish{}})), std::string("NOT_FOUND"));
        QCOMPARE(agent.asked.size(), size_t{1});
    }

    void aClickBuysForADollarAtMost() {
        Agent agent;
        agent.offers[1]["per_minute_at_most"] = "0.3";
        agent.offers[2]["per_minute_at_most"] = "1.01";
        Desk desk(agent.ask(), asTcp);
        (void)desk.answer(quote());
        (void)desk.answer(buy("a", 100));
        QCOMPARE(agent.asked.back().body["cap"].get<std::string>(), std::string("0.9"));
        QCOMPARE(agent.asked.back().body["duration_s"].get<int>(), 180);
        agent.offers.erase(1);
        Desk other(agent.ask(), asTcp);
        QCOMPARE(errorOf(other.answer(quote())), std::string("NO_OFFER"));
    }

    void messagesAreBoundedAndExact() {
        const auto length = [](uint32_t value) {
            std::array<uint8_t, lengthBytes> bytes{};
            std::memcpy(bytes.data(), &value, sizeof value);
            return lengthFrom(bytes);
        };
        QVERIFY(!length(0) && !length(longestMessage + 1) && !length(UINT32_MAX));
        QVERIFY(length(longestMessage) == longestMessage);
        const std::string good = quoteText("https://a.example/f", "2001:db8::1", "video");
        const auto request = requestFrom(good);
        QVERIFY(request);
        QVERIFY(*request ==
                (Request{1, QuoteWish{"a.example", 443, IpAddress::parse("2001:db8::1"), "video", "a.example", 9}}));
        QVERIFY(requestFrom(quoteText("http://a.example/", "", "audio")));
        const std::string same(longestMessage, 'x');
        const std::vector<json> bad{
            json::array(),
            {{"verb", "stop"}},
            {{"id", 1}, {"verb", "purchase"}, {"of", "8"}},
            {{"id", -1}, {"verb", "purchase"}},
            {{"id", 1}, {"verb", "buy"}, {"offer", "x"}, {"minutes", 0}},
            {{"id", 1}, {"verb", "buy"}, {"offer", "x"}, {"minutes", 721}},
            {{"id", 1}, {"verb", "buy"}, {"minutes", 1}},
            {{"id", 1}, {"verb", "purchase"}, {"x", same}},
        };
        for (const json& one : bad) QVERIFY2(!requestFrom(one.dump()), one.dump().substr(0, 60).c_str());
        QVERIFY(!requestFrom("") && !requestFrom(std::string(60000, '[')));
        QVERIFY(!requestFrom(quoteText("file:///f", "2001:db8::1", "video")));
        QVERIFY(!requestFrom(quoteText("https://a.example/f", "a.example", "video")));
        QVERIFY(!requestFrom(quoteText("https://a.example/f", "2001:db8::1", "groceries")));
    }

    void halfAMessageIsNone() {
        std::array<int, 2> ends{};
        QCOMPARE(::pipe(ends.data()), 0);
        const json sent{{"a", 1}};
        QVERIFY(writeMessage(ends[1], sent));
        QVERIFY(readMessage(ends[0]) == sent.dump());
        const uint32_t five = 5;
        QCOMPARE(::write(ends[1], &five, sizeof five), ssize_t{4});
        QCOMPARE(::write(ends[1], "abc", 3), ssize_t{3});
        ::close(ends[1]);
        QVERIFY(!readMessage(ends[0]));
        ::close(ends[0]);
    }

    // QUIC: a UDP socket that has one other end, in a process that the browser has started.
    void flowsOfTheBrowsersProcessesAreFound() {
        const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in there{};
        there.sin_family = AF_INET;
        there.sin_port = htons(47);
        there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        QCOMPARE(::connect(socket, reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
        const std::vector<IpAddress> addresses{*IpAddress::parse("127.0.0.2"), *IpAddress::parse("127.0.0.1")};
        const auto flow = flowOf(::getppid(), addresses, 47);
        QVERIFY(flow && flow->protocol == "udp" && flow->from == (Endpoint{addresses[1], 47}));
        QVERIFY(!flowOf(::getpid(), addresses, 48));
        QVERIFY(!flowOf(::getpid(), {addresses[0]}, 47));
        // Two of them: which one is meant is not known.
        const int second = ::socket(AF_INET, SOCK_DGRAM, 0);
        there.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
        QCOMPARE(::connect(second, reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
        QVERIFY(!flowOf(::getpid(), addresses, 47));
        for (const int one : {socket, second}) ::close(one);
        QVERIFY(!flowOf(::getpid(), addresses, 47));
    }

    // A Chromium extension is named by the hash of its key.
    void theExtensionIsTheOneThatIsLetIn() {
        const QJsonObject extension = fileOf("extension/manifest.json");
        const QByteArray key = QByteArray::fromBase64(extension["key"].toString().toLatin1());
        QVERIFY(key.size() > 200);
        QString name;
        for (const QChar digit : QCryptographicHash::hash(key, QCryptographicHash::Sha256).left(16).toHex())
            name += QChar('a' + QString(digit).toInt(nullptr, 16));
        const QString origin = "chrome-extension://" + name + "/";
        QCOMPARE(QString::fromStdString(std::string(origins[0])), origin);
        QCOMPARE(fileOf("chromium.json.in")["allowed_origins"].toArray(), QJsonArray{origin});
        const QJsonValue gecko = extension["browser_specific_settings"].toObject()["gecko"].toObject()["id"];
        QCOMPARE(fileOf("firefox.json.in")["allowed_extensions"].toArray(), QJsonArray{gecko});
        QCOMPARE(QString::fromStdString(std::string(origins[1])), gecko.toString());
    }

    void othersAreTurnedAway() {
        const auto exitWith = [](const QStringList& arguments) {
            QProcess host;
            host.start(NETPAS_BROWSER_HOST, arguments);
            host.closeWriteChannel();
            host.waitForFinished();
            return host.exitCode();
        };
        const QString ours = QString::fromStdString(std::string(origins[0]));
        QCOMPARE(exitWith({ours}), 0);
        QCOMPARE(exitWith({"/etc/netpas.browser_host.json", "browser@netpas.example"}), 0);
        for (const QStringList& others :
             {QStringList(), {"chrome-extension://aaaa/"}, {"--help", ours}, {"/etc/x.json", "other@example"}})
            QCOMPARE(exitWith(others), 2);
    }
};

QTEST_APPLESS_MAIN(BrowserHostTest)
#include "test_browser_host.moc"
