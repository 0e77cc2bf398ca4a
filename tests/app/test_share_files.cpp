// The community's file, and what an agent and its netpas-dht say to each other.
#include <sys/stat.h>
#include <QtTest>
#include <filesystem>
#include <fstream>

#include "app/share/community_file.h"
#include "app/share/dht_messages.h"

using namespace netpas;
using namespace netpas::dht;

namespace {

const std::string secret(64, 'a');
const std::string member(64, 'b');

std::string file(const std::string& changed = {}, const std::string& by = {}) {
    std::string text = "name = \"office\"\nsecret = \"" + secret + "\"\nmembers = [\"" + member +
                       "\"]\nbootstrap = [\"192.0.2.1:46726\"]\n";
    if (!changed.empty()) text.replace(text.find(changed), changed.size(), by);
    return text;
}

std::string problem(const std::string& text) {
    const auto parsed = parseCommunity(text, "c.toml");
    return parsed ? std::string() : parsed.error();
}

}  // namespace

class TestShareFiles : public QObject {
    Q_OBJECT

private slots:
    void aCommunityIsRead() {
        const auto community = parseCommunity(file() + "port = 0\nnetwork = 7\npublish_seconds = 5\n", "c.toml");
        QVERIFY(community.has_value());
        QCOMPARE(community->name, std::string("office"));
        QCOMPARE(community->secret[0], uint8_t{0xaa});
        QCOMPARE(community->members.size(), size_t{1});
        QCOMPARE(community->bootstrap.at(0), std::string("192.0.2.1:46726"));
        QCOMPARE(community->port, uint16_t{0});
        QCOMPARE(community->network, uint32_t{7});
        QCOMPARE(community->publishEvery, std::chrono::seconds(5));
    }

    void mistakesNameTheLineAndTheRemedy_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, const std::string& text, const char* says) {
            QTest::newRow(name) << QString::fromStdString(text) << QString(says);
        };
        row("short secret", file(secret, "aa"), "c.toml:2: secret must be 64");
        row("no member", file("\"" + member + "\"", ""), "c.toml:3: members must have 1");
        row("bad member", file(member, "me"), "netpasd --show-share-key");
        row("not a list", file("[\"" + member + "\"]", "\"x\""), "c.toml:3: members must be a list");
        row("no port", file("192.0.2.1:46726", "192.0.2.1"), "c.toml:4: '192.0.2.1' is not HOST:PORT");
        row("an option in disguise", file("192.0.2.1:46726", "-x:1"), "is not HOST:PORT");
        row("unknown key", file() + "secrets = 1\n", "c.toml:5: unknown key 'secrets'");
        row("port too large", file() + "port = 70000\n", "c.toml:5: port must be a number from 0 to 65535");
        row("no name", file("name = \"office\"", ""), "name must be a text");
        row("no TOML", "name = [", "c.toml:1:");
    }
    void mistakesNameTheLineAndTheRemedy() {
        QFETCH(QString, text);
        QFETCH(QString, says);
        const std::string found = problem(text.toStdString());
        QVERIFY2(QString::fromStdString(found).contains(says), found.c_str());
    }

    void aSecretThatOthersCanReadIsNone() {
        const auto path = std::filesystem::temp_directory_path() / ("npt-community-" + std::to_string(::getpid()));
        std::ofstream(path) << file();
        ::chmod(path.c_str(), 0644);
        const auto open = loadCommunity(path);
        ::chmod(path.c_str(), 0640);
        const auto closed = loadCommunity(path);
        std::filesystem::remove(path);
        QVERIFY(!open && open.error().find("chmod o=") != std::string::npos);
        QVERIFY(closed.has_value());
        QVERIFY(!loadCommunity(path).has_value());
    }

    void messagesComeBackAsTheyWere() {
        Follow follow;
        for (uint8_t i = 0; i < maxTopics; ++i) follow.topics.insert(Topic{i});
        const Message messages[] = {follow, Follow{}, Kept{Topic{9}, Bytes(maxValue, 5)}, Kept{Topic{9}, {}},
                                    Nodes{300}};
        for (const Message& message : messages) {
            const Bytes bytes = encode(message);
            QVERIFY(bytes.size() <= maxMessage);
            const auto back = decode(bytes);
            QVERIFY(back.has_value());
            QVERIFY(*back == message);
            for (size_t i = 0; i < bytes.size(); ++i) QVERIFY(!decode(ByteView(bytes).first(i)).has_value());
            Bytes longer = bytes;
            longer.push_back(0);
            QVERIFY(!decode(longer).has_value());
        }
    }

    void messagesBeyondTheLimitsAreRefused() {
        Follow follow;
        for (uint8_t i = 0; i <= maxTopics; ++i) follow.topics.insert(Topic{i});
        QVERIFY(!decode(encode(follow)).has_value());
        QVERIFY(!decode(encode(Kept{Topic{}, Bytes(maxValue + 1)})).has_value());
        Bytes twice = encode(Follow{{Topic{1}, Topic{2}}});
        std::copy(twice.begin() + 3, twice.begin() + 23, twice.begin() + 23);
        QVERIFY(!decode(twice).has_value());
        QVERIFY(!decode(Bytes{9}).has_value());
    }
};

QTEST_APPLESS_MAIN(TestShareFiles)
#include "test_share_files.moc"
