#include <QTemporaryDir>
#include <QtTest>
#include <nlohmann/json.hpp>

#include "app/agent/access_tokens.h"
#include "app/agent/camara/profiles.h"
#include "app/agent/camara/session.h"
#include "app/agent/camara/shapes.h"
#include "app/agent/camara/sinks.h"
#include "app/agent/camara/words.h"
#include "app/agent/token_api.h"

using namespace netpas;
using namespace netpas::agent;
using namespace netpas::agent::camara;
using nlohmann::json;

class TestCamara : public QObject {
    Q_OBJECT

    static json good() {
        return json::parse(
            R"({"applicationServer": {"ipv4Address": "203.0.113.6"}, "qosProfile": "most", "duration": 60})");
    }
    static json with(const char* pointer, const json& value) {
        json body = good();
        body[json::json_pointer(pointer)] = value;
        return body;
    }
    static QString codeOf(const json& body) {
        const auto made = createSessionFrom(body);
        return made ? "" : QString::fromStdString(made.error().code);
    }
    QTemporaryDir m_folder;
    ManualClock m_clock{SystemTime{std::chrono::hours{24 * 365 * 50}}};

    Grant grant(uint32_t uid = 1000) const {
        Grant made;
        made.uid = uid;
        made.client = "player";
        made.role = TokenRole::Request;
        made.scopes = scopesOf(TokenRole::Request);
        made.expires = m_clock.now() + std::chrono::hours(1);
        return made;
    }
    std::filesystem::path file(const char* name) const { return m_folder.filePath(name).toStdString(); }

private slots:
    void aSessionIsAFlowForEachServerProtocolAndPort() {
        const auto plain = createSessionFrom(good());
        QVERIFY(plain);
        QCOMPARE(plain->flows.size(), size_t{1});
        QCOMPARE(plain->flows[0].toString(), std::string("any *:* -> 203.0.113.6:*"));
        json body =
            with("/applicationServerPorts", json::parse(R"({"ports": [443], "ranges": [{"from": 5000, "to": 5001}]})"));
        body["applicationServer"] = json::parse(R"({"ipAddresses": ["203.0.113.6", "2001:db8::1"]})");
        const auto many = createSessionFrom(body);
        QVERIFY(many);
        QCOMPARE(many->flows.size(), size_t{12});
        body["devicePorts"] = json::parse(R"({"ports": [1, 2]})");
        QCOMPARE(codeOf(body), QString("OUT_OF_RANGE"));
    }

    void bitsBehindTheMaskDoNotCount() {
        const auto made = createSessionFrom(with("/applicationServer/ipv4Address", "198.51.100.77/24"));
        QVERIFY(made);
        QCOMPARE(made->flows[0].remote->toString(), std::string("198.51.100.0/24"));
    }

    void whatTheSchemaDoesNotSayIsWrong_data() {
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("value");
        QTest::newRow("unknown") << "/price"
                                 << "1";
        QTest::newRow("unknown below") << "/applicationServer/port"
                                       << "80";
        QTest::newRow("no number") << "/duration"
                                   << "\"60\"";
        QTest::newRow("fraction") << "/duration"
                                  << "1.5";
        QTest::newRow("nothing") << "/duration"
                                 << "0";
        QTest::newRow("null device") << "/device"
                                     << "null";
        QTest::newRow("empty device") << "/device"
                                      << "{}";
        QTest::newRow("phone") << "/device"
                               << "{\"phoneNumber\":\"+0123456\"}";
        QTest::newRow("public address alone") << "/device"
                                              << "{\"ipv4Address\":{\"publicAddress\":\"192.0.2.1\"}}";
        QTest::newRow("IPv6 as IPv4") << "/device"
                                      << "{\"ipv6Address\":\"192.0.2.1\"}";
        QTest::newRow("mask of 33") << "/applicationServer/ipv4Address"
                                    << "\"192.0.2.0/33\"";
        QTest::newRow("profile") << "/qosProfile"
                                 << "\"a b c\"";
        QTest::newRow("ports") << "/devicePorts"
                               << "{}";
        QTest::newRow("port") << "/devicePorts"
                              << "{\"ports\":[65536]}";
        QTest::newRow("range") << "/devicePorts"
                               << "{\"ranges\":[{\"from\":2,\"to\":1}]}";
        QTest::newRow("credential") << "/sinkCredential"
                                    << "{\"credentialType\":\"PLAIN\"}";
        QTest::newRow("header in a token")
            << "/sinkCredential"
            << "{\"credentialType\":\"ACCESSTOKEN\",\"accessToken\":\"a\\r\\nHost: x\",\"accessTokenType\":\"bearer\","
               "\"accessTokenExpiresUtc\":\"2031-01-01T00:00:00Z\"}";
        QTest::newRow("plain sink") << "/sink"
                                    << "\"http://example.net/\"";
        QTest::newRow("sink with a name in it") << "/sink"
                                                << "\"https://example.net@192.0.2.1/\"";
        QTest::newRow("sink with a line in it") << "/sink"
                                                << "\"https://example.net/\\r\\nX: y\"";
    }
    void whatTheSchemaDoesNotSayIsWrong() {
        QFETCH(QString, pointer);
        QFETCH(QString, value);
        const auto made = createSessionFrom(with(qPrintable(pointer), json::parse(value.toStdString())));
        QVERIFY(!made);
        QCOMPARE(made.error().status, 400U);
        QVERIFY(!made.error().message.empty());
    }

    void timesHaveAZone() {
        const auto time = timeFrom("2031-01-31T12:00:00+01:00");
        QVERIFY(time);
        QCOMPARE(timeText(*time).substr(0, 19), std::string("2031-01-31T11:00:00"));
        QCOMPARE(timeFrom("2031-01-31T11:00:00.25Z"), time);
        for (const char* bad : {"", "2031-01-31T11:00:00", "2031-02-30T11:00:00Z", "2031-01-31T24:00:00Z",
                                "2031-01-31T11:00:00.Z", "2031-01-31T11:00:00+1:00"}) {
            QVERIFY2(!timeFrom(bad), bad);
        }
    }

    void flowsOverlapWhereAPacketIsInBoth() {
        const auto flow = [](const char* text) { return *FlowMatch::parse(text); };
        QVERIFY(overlap(flow("any *:* -> 192.0.2.0/24:*"), flow("tcp *:1 -> 192.0.2.7:80")));
        QVERIFY(!overlap(flow("udp *:* -> 192.0.2.7:80"), flow("tcp *:* -> 192.0.2.7:80")));
        QVERIFY(!overlap(flow("tcp *:* -> 192.0.2.7:80"), flow("tcp *:* -> 192.0.2.7:81")));
        QVERIFY(!overlap(flow("any *:* -> 192.0.2.7:*"), flow("any *:* -> 192.0.2.8:*")));
    }

    void sinksAreWhereEverybodyCouldReachThem() {
        for (const char* hidden : {"127.0.0.1", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254",
                                   "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1",
                                   "ff02::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"}) {
            QVERIFY2(!isPublicAddress(*IpAddress::parse(hidden)), hidden);
        }
        for (const char* open : {"203.0.113.6", "8.8.8.8", "2001:db8::1", "64:ff9b::808:808"}) {
            QVERIFY2(isPublicAddress(*IpAddress::parse(open)), open);
        }
    }

    void aSessionComesBackFromItsFileAsItWas() {
        Session session;
        session.id = newUuid();
        session.owner = "1000/player";
        session.uid = 1000;
        session.client = "player";
        session.applicationServer = {{"ipv4Address", "203.0.113.6"}};
        session.profile = "most";
        session.sink = "https://example.net/";
        session.credential = SinkCredential{"secret", m_clock.now()};
        session.duration = 60;
        session.status = QosStatus::Available;
        session.started = m_clock.now();
        session.expires = m_clock.now() + std::chrono::seconds(60);
        session.flows.push_back(
            {*FlowMatch::parse("any *:* -> 203.0.113.6:*"), "26-1_8_2524608300", *Money::parse("0.01"), "7"});
        QCOMPARE(allow(session.flows[0], 60), std::optional(*Money::parse("0.01")));
        const auto back = keptFrom(keptJson(session));
        QVERIFY(back);
        QCOMPARE(infoJson(*back), infoJson(session));
        QCOMPARE(quoteJson(*back), quoteJson(session));
        QVERIFY(back->flows == session.flows);
        QCOMPARE(infoJson(session).dump().find("secret"), std::string::npos);
        json broken = keptJson(session);
        broken["flows"][0]["flow"] = "nonsense";
        QVERIFY(!keptFrom(broken));
        QVERIFY(!keptFrom(json::array()));
    }

    void anExtensionCostsWhatIsLeftOfTheWhole() {
        const auto money = [](const char* text) { return *Money::parse(text); };
        SessionFlow flow;
        QVERIFY(!atMost(flow, 60));
        flow.perMinute = money("0.01");
        QCOMPARE(atMost(flow, 61), std::optional(money("0.02")));
        QCOMPARE(allow(flow, 61), std::optional(money("0.02")));
        // Another 59 seconds of minutes that are paid for already: what the first purchase left.
        flow.spent = money("0.015");
        QCOMPARE(atMost(flow, 120), std::optional(money("0.02")));
        QCOMPARE(allow(flow, 120), std::optional(money("0.005")));
        // What was allowed at another price stays.
        flow.perMinute = money("0.03");
        QCOMPARE(atMost(flow, 180), std::optional(money("0.05")));
        QCOMPARE(allow(flow, 180), std::optional(money("0.035")));
        flow.spent = money("0.05");
        QVERIFY(!allow(flow, 180));
        SessionFlow free;
        free.perMinute = Money::zero();
        QCOMPARE(allow(free, 60), std::optional(Money::zero()));
        QCOMPARE(allow(free, 120), std::optional(Money::zero()));
    }

    void severalIdentifiersAreTriedInOrder() {
        const auto made =
            createSessionFrom(with("/device", json::parse(R"({"phoneNumber": "+123456789", "ipv6Address": "2001:db8::1",
                "ipv4Address": {"publicAddress": "192.0.2.1", "privateAddress": "10.0.0.1"}})")));
        QVERIFY(made);
        const auto& all = made->device->identifiers;
        QCOMPARE(all.size(), size_t{3});
        QCOMPARE(all[0].address, IpAddress::parse("10.0.0.1"));
        QCOMPARE(all[1].address, IpAddress::parse("2001:db8::1"));
        QVERIFY(!all[2].address);
        for (const Identifier& one : all) QCOMPARE(one.named.size(), size_t{1});
    }

    void jsonIsWhatIsSaidAndTaken() {
        for (const char* good : {"", "application/json", "Application/JSON ; charset=utf-8"})
            QVERIFY2(isJsonType(good), good);
        for (const char* bad :
             {"text/plain", "application/json2", "application/x-www-form-urlencoded", "x; application/json"})
            QVERIFY2(!isJsonType(bad), bad);
        for (const char* good : {"", "*/*", "text/html, application/*;q=0.5", "application/json;v=1;q=0.001",
                                 "*/*;q=0, application/json", " , application/json,"})
            QVERIFY2(acceptsJson(good), good);
        for (const char* bad : {"text/html", "application/json;q=0, */*", "application/json;q=0.000", "*/*;q=0", ";,;"})
            QVERIFY2(!acceptsJson(bad), bad);
    }

    void profilesAreThereWithoutAnIspButCannotBeUsed() {
        const json profiles = profilesJson(std::nullopt, m_clock.now());
        QCOMPARE(profiles.size(), size_t{4});
        for (const json& one : profiles) QCOMPARE(one["status"], "INACTIVE");
        QVERIFY(isProfile("best-effort") && !tierOf("best-effort"));
        QVERIFY(!isProfile("QOS_L"));
        QVERIFY(offerFor("most", {}) == nullptr);
    }

    void aTokenIsKnownUntilItIsOverOrRevoked() {
        AccessTokens tokens(file("a.json"), m_clock);
        const auto made = tokens.make(grant());
        QVERIFY(made);
        QCOMPARE(tokens.find(made->secret)->uid, 1000U);
        QVERIFY(!tokens.find(made->secret + "0"));
        QVERIFY(!tokens.find(""));
        // Kept over a restart, as a hash.
        AccessTokens again(file("a.json"), m_clock);
        QCOMPARE(again.find(made->secret)->scopes, scopesOf(TokenRole::Request));
        QFile kept(m_folder.filePath("a.json"));
        QVERIFY(kept.open(QIODevice::ReadOnly));
        QVERIFY(!kept.readAll().contains(made->secret.substr(7).c_str()));
        QVERIFY(!again.revoke(made->grant.id, 1001));
        QVERIFY(again.revoke(made->grant.id, 1000));
        QVERIFY(!again.find(made->secret));
        m_clock.advance(std::chrono::hours(1));
        QVERIFY(!tokens.find(made->secret));
    }

    void oneUserCannotTakeAllTokens() {
        AccessTokens tokens(file("b.json"), m_clock);
        for (size_t i = 0; i < AccessTokens::mostOfOne; ++i) QVERIFY(tokens.make(grant()));
        QVERIFY(!tokens.make(grant()));
        QVERIFY(tokens.make(grant(1001)));
    }

    void tokensAreMadeByLocalUsersForThemselves() {
        AccessTokens tokens(file("c.json"), m_clock);
        net::HttpRequest request;
        request.method = "POST";
        request.path = "/v1/tokens";
        request.body = R"({"client": "player", "role": "request", "scopes": ["qos-profiles:read"]})";
        QCOMPARE(answerTokens(tokens, m_clock, request).status, 403U);
        request.peer = net::PeerCredentials{1000, 1000, 1};
        const auto made = answerTokens(tokens, m_clock, request);
        QCOMPARE(made.status, 201U);
        const json told = json::parse(made.body);
        QCOMPARE(tokens.find(told["token"].get<std::string>())->scopes, std::set<std::string>{"qos-profiles:read"});
        for (const char* wrong : {R"({})", R"({"client": "a b"})", R"({"client": "x", "role": "admin"})",
                                  R"({"client": "x", "scopes": ["quality-on-demand:sessions:create"]})",
                                  R"({"client": "x", "lifetime_s": 99999999999})", "no JSON"}) {
            request.body = wrong;
            QCOMPARE(answerTokens(tokens, m_clock, request).status, 400U);
        }
        // Another user neither sees nor ends it.
        request.peer->uid = 1001;
        request.method = "GET";
        QVERIFY(json::parse(answerTokens(tokens, m_clock, request).body)["tokens"].empty());
        request.method = "DELETE";
        request.path += "/" + told["id"].get<std::string>();
        QCOMPARE(answerTokens(tokens, m_clock, request).status, 404U);
        request.peer->uid = 0;
        QCOMPARE(answerTokens(tokens, m_clock, request).status, 200U);
    }
};

QTEST_APPLESS_MAIN(TestCamara)
#include "test_camara.moc"
