// Devices behind a modem: pairing, names, and the door that lets each of them speak for itself only.
#include <QTest>

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/agent/household_door.h"
#include "app/common/pairing.h"
#include "core/net/http_client.h"

using namespace netpas;
using namespace netpas::agent;
using nlohmann::json;

namespace {

constexpr LinkAddress card(uint8_t last) { return {2, 0, 0, 0, 0, last}; }
const SteadyTime start{std::chrono::hours(1)};

IpAddress address(const char* text) { return *IpAddress::parse(text); }

class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "netpas-household-XXXXXX").string();
        m_path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(m_path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::filesystem::path operator/(const char* name) const { return m_path / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

private:
    std::filesystem::path m_path;
};

// A door on the loopback interface, with a network of its own invention.
struct Rig {
    Folder folder;
    boost::asio::io_context io;
    std::map<IpAddress, LinkAddress> neighbours;
    std::vector<net::HttpRequest> inside;  // what came through
    std::unique_ptr<HouseholdDoor> door;
    Endpoint at;
    PublicKey key;

    Rig() {
        DoorContext context{io, systemClock(), folder.path(), [](app::LogLevel, const std::string&) {}, {}, {}, {}};
        context.neighbour = [this](const IpAddress& who) -> std::optional<LinkAddress> {
            const auto found = neighbours.find(who);
            if (found == neighbours.end()) return std::nullopt;
            return found->second;
        };
        context.api = [this](const net::HttpRequest& request, const auto& reply) {
            inside.push_back(request);
            net::HttpResponse response;
            response.body = R"({"purchases":[{"id":"7"}]})";
            reply(response);
        };
        context.mayPair = [](uint32_t uid) { return uid == 0; };
        auto opened = HouseholdDoor::open(std::move(context), {address("127.0.0.1"), 0});
        if (!opened) qFatal("%s", opened.error().c_str());
        door = std::move(*opened);
        const std::string url = door->url();
        const size_t colon = url.rfind(':'), hash = url.find('#');
        at = {address("127.0.0.1"), static_cast<uint16_t>(std::stoi(url.substr(colon + 1)))};
        key = *PublicKey::parse(url.substr(hash + 1));
    }
    // Over the wire, as a device.
    net::HttpAnswer ask(const Identity* who, const std::string& method, const std::string& target,
                        const std::string& body = {}, std::optional<PublicKey> pinned = std::nullopt) {
        net::HttpCall call;
        call.method = method;
        call.target = target;
        call.body = body;
        std::optional<net::HttpAnswer> answer;
        net::httpCall(io, net::TlsTarget{at, pinned.value_or(key), who}, call,
                      [&](net::HttpAnswer came) { answer = std::move(came); });
        io.restart();
        while (!answer) io.run_one();
        return *answer;
    }
    // As a user of the modem.
    json local(const std::string& method, const std::string& path, const std::string& body = {}, uint32_t uid = 0) {
        net::HttpRequest request;
        request.method = method;
        request.path = path;
        request.body = body;
        request.peer = net::PeerCredentials{uid, uid, 1};
        json result;
        if (!door->handleLocal(request, [&](const net::HttpResponse& response) {
                result = json::parse(response.body);
                result["status"] = response.status;
            })) {
            return nullptr;
        }
        return result;
    }
    bool pair(const Identity& who, const char* name, const LinkAddress& link) {
        neighbours[address("127.0.0.1")] = link;
        if (ask(&who, "POST", "/v1/pairing", json{{"name", name}}.dump())->status != 202) return false;
        const std::string code = app::pairingCode(key, who.publicKey(), name);
        return local("POST", "/v1/household/confirm", json{{"code", code}}.dump())["status"] == 200;
    }
};

}  // namespace

class TestHousehold : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void codesNameBothKeysAndTheName() {
        const Identity modem = Identity::generate(), alice = Identity::generate(), other = Identity::generate();
        const std::string code = app::pairingCode(modem.publicKey(), alice.publicKey(), "alice");
        QCOMPARE(code.size(), size_t{9});
        QCOMPARE(code[4], '-');
        QVERIFY(code != app::pairingCode(modem.publicKey(), other.publicKey(), "alice"));
        QVERIFY(code != app::pairingCode(other.publicKey(), alice.publicKey(), "alice"));
        QVERIFY(code != app::pairingCode(modem.publicKey(), alice.publicKey(), "alicf"));
        std::string typed = code;
        for (char& c : typed) c = static_cast<char>(std::tolower(c));
        typed.erase(4, 1);
        QCOMPARE(app::tidyPairingCode(typed), code);
        QCOMPARE(app::tidyPairingCode("oOiI lL00"), std::string("0011-1100"));
    }

    void devicesSurviveARestartAndPendingRequestsDoNot() {
        const Folder folder;
        const Identity modem = Identity::generate(), alice = Identity::generate(), bob = Identity::generate();
        {
            auto household = Household::load(folder / "devices.json", modem.publicKey());
            QVERIFY(household.has_value());
            const auto asked = household->request("alice", alice.publicKey(), card(1), address("10.0.0.2"), start);
            QVERIFY(asked.has_value());
            QVERIFY(household->request("bob", bob.publicKey(), card(2), address("10.0.0.3"), start));
            QVERIFY(household->confirm(asked->code, start, SystemTime{}));
        }
        auto again = Household::load(folder / "devices.json", modem.publicKey());
        QVERIFY(again.has_value());
        const Device* known = again->byKey(alice.publicKey());
        QVERIFY(known != nullptr);
        QCOMPARE(known->name, std::string("alice"));
        QCOMPARE(known->link, card(1));
        QVERIFY(again->byName("bob") == nullptr);
        QVERIFY(again->requests(start).empty());
        struct stat file {};
        QCOMPARE(::stat((folder / "devices.json").c_str(), &file), 0);
        QCOMPARE(file.st_mode & 0777U, 0600U);
        // A number that stood for a device never stands for another.
        const uint32_t first = known->uid;
        QVERIFY(again->remove("alice"));
        const auto next = again->request("carol", bob.publicKey(), card(2), address("10.0.0.3"), start);
        QVERIFY(next && again->confirm(next->code, start, SystemTime{}));
        QVERIFY(again->byName("carol")->uid > first);
    }

    void twoDevicesUnderOneName() {
        const Folder folder;
        const Identity modem = Identity::generate(), alice = Identity::generate(), thief = Identity::generate();
        auto household = *Household::load(folder / "devices.json", modem.publicKey());
        const auto first = household.request("alice", alice.publicKey(), card(1), address("10.0.0.2"), start);
        const auto second = household.request("alice", thief.publicKey(), card(2), address("10.0.0.3"), start);
        QVERIFY(first && second);  // which of them is meant, the code says
        QVERIFY(first->code != second->code);
        QVERIFY(household.confirm(first->code, start, SystemTime{}));
        QCOMPARE(household.byName("alice")->key, alice.publicKey());
        QCOMPARE(household.confirm(second->code, start, SystemTime{}).error(), PairingError::NoSuchRequest);
        QCOMPARE(household.request("alice", thief.publicKey(), card(2), address("10.0.0.3"), start).error(),
                 PairingError::NameTaken);
        QCOMPARE(household.request("bob", alice.publicKey(), card(1), address("10.0.0.2"), start).error(),
                 PairingError::AlreadyPaired);
    }

    void requestsExpireAreCountedAndReplaysAreTheSameRequest() {
        const Folder folder;
        const Identity modem = Identity::generate(), alice = Identity::generate();
        auto household = *Household::load(folder / "devices.json", modem.publicKey());
        const auto asked = household.request("alice", alice.publicKey(), card(1), address("10.0.0.2"), start);
        for (int i = 0; i < 100; ++i) {
            const auto again = household.request("alice", alice.publicKey(), card(1), address("10.0.0.2"),
                                                 start + std::chrono::seconds(i));
            QVERIFY(again && again->code == asked->code && again->expires == asked->expires);
        }
        QCOMPARE(household.requests(start).size(), size_t{1});
        QCOMPARE(household.confirm(asked->code, start + app::pairingLifetime, SystemTime{}).error(),
                 PairingError::NoSuchRequest);

        // One card that tries many keys does not keep the others out.
        size_t taken = 0;
        const SteadyTime later = start + std::chrono::hours(1);
        for (int i = 0; i < 50; ++i) {
            const auto one = household.request("eve" + std::to_string(i), Identity::generate().publicKey(), card(9),
                                               address("10.0.0.9"), later);
            if (one) ++taken;
        }
        QCOMPARE(taken, Household::maxRequestsOfLink);
        QVERIFY(household.request("alice", alice.publicKey(), card(1), address("10.0.0.2"), later));
        for (uint8_t i = 0; i < 100; ++i) {
            (void)household.request("eve", Identity::generate().publicKey(), card(static_cast<uint8_t>(100 + i)),
                                    address("10.0.0.9"), later);
        }
        QCOMPARE(household.requests(later).size(), Household::maxRequests);
        QCOMPARE(household.request("bad name", alice.publicKey(), card(1), address("10.0.0.2"), later).error(),
                 PairingError::BadName);
    }

    void damagedFilesAreNotTakenForEmptyOnes_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("no JSON") << QByteArray("{\"version\":1,");
        QTest::newRow("another version") << QByteArray(R"({"version":2,"next_uid":2000000001,"devices":[]})");
        QTest::newRow("no key") << QByteArray(
            R"({"version":1,"next_uid":2000000001,"devices":[{"name":"a","key":"","link":"02:00:00:00:00:01","uid":2000000000,"paired_at":0}]})");
        QTest::newRow("a bad link address")
            << QByteArray(R"({"version":1,"next_uid":2000000001,"devices":[{"name":"a","key":")") +
                   QByteArray(64, '1') +
                   QByteArray(R"(","link":"02:00:00:00:00:01x","uid":2000000000,"paired_at":0}]})");
    }
    void damagedFilesAreNotTakenForEmptyOnes() {
        QFETCH(QByteArray, text);
        const Folder folder;
        std::ofstream(folder / "devices.json", std::ios::binary) << text.toStdString();
        const auto loaded = Household::load(folder / "devices.json", Identity::generate().publicKey());
        QVERIFY(!loaded.has_value());
        QVERIFY(loaded.error().find("pair the devices again") != std::string::npos);
    }

    void theUnpairedMayAskToBePairedAndNothingElse() {
        Rig rig;
        rig.neighbours[address("127.0.0.1")] = card(1);
        const Identity stranger = Identity::generate();
        for (const char* target : {"/v1/status", "/v1/purchases", "/v1/history", "/v1/household", "/v1/rules"}) {
            const auto answer = rig.ask(&stranger, "GET", target);
            QVERIFY(answer.has_value());
            QCOMPARE(answer->status, 403U);
            QVERIFY(json::parse(answer->body)["code"] == json("NOT_PAIRED"));
        }
        QVERIFY(rig.inside.empty());
        QCOMPARE(rig.door->counters().unpaired, uint64_t{5});
        QVERIFY(!rig.ask(nullptr, "GET", "/v1/status").has_value());                              // no key at all
        QVERIFY(!rig.ask(&stranger, "GET", "/v1/status", {}, stranger.publicKey()).has_value());  // not the modem's key
        QVERIFY(json::parse(rig.ask(&stranger, "GET", "/v1/pairing")->body)["state"] == json("unknown"));
        QCOMPARE(rig.ask(&stranger, "POST", "/v1/pairing", R"({"name":"x","also":1})")->status, 400U);
        QCOMPARE(rig.ask(&stranger, "DELETE", "/v1/pairing")->status, 405U);
        rig.neighbours.clear();  // beyond another router
        QCOMPARE(rig.ask(&stranger, "POST", "/v1/pairing", R"({"name":"x"})")->status, 403U);
    }

    void onlyAPersonOnTheModemPairs() {
        Rig rig;
        rig.neighbours[address("127.0.0.1")] = card(1);
        const Identity alice = Identity::generate();
        QCOMPARE(rig.ask(&alice, "POST", "/v1/pairing", R"({"name":"alice"})")->status, 202U);
        const std::string code = json{{"code", app::pairingCode(rig.key, alice.publicKey(), "alice")}}.dump();
        QCOMPARE(rig.ask(&alice, "POST", "/v1/household/confirm", code)->status, 403U);
        QVERIFY(rig.local("POST", "/v1/household/confirm", code, 1000)["status"] == json(403));
        QVERIFY(rig.local("GET", "/v1/household", {}, 1000)["status"] == json(403));
        QVERIFY(rig.local("GET", "/v1/household")["pending"][0]["name"] == json("alice"));
        QVERIFY(rig.local("POST", "/v1/household/confirm", R"({"code":"AAAA-AAAA"})")["status"] == json(404));
        QVERIFY(rig.local("POST", "/v1/household/confirm", code)["status"] == json(200));
        QVERIFY(json::parse(rig.ask(&alice, "GET", "/v1/pairing")->body)["state"] == json("paired"));
        QVERIFY(rig.local("GET", "/v1/purchases").is_null());  // somebody else's path
    }

    void aDeviceSpeaksForItselfAndItsAddresses() {
        Rig rig;
        const Identity alice = Identity::generate(), bob = Identity::generate();
        QVERIFY(rig.pair(bob, "bob", card(2)));
        QVERIFY(rig.pair(alice, "alice", card(1)));
        rig.neighbours[address("10.0.0.3")] = card(2);
        rig.neighbours[address("2001:db8::2")] = card(1);
        const auto buy = [&](json body) {
            body["cap"] = "0.01";
            return rig.ask(&alice, "POST", "/v1/purchases", body.dump())->status;
        };
        QCOMPARE(buy({{"to", "192.0.2.1"}}), 200U);
        QCOMPARE(rig.inside.back().node, std::string("alice"));
        QVERIFY(json::parse(rig.inside.back().body)["from"] == json("127.0.0.1"));
        const auto aliceUser = rig.inside.back().peer->uid;
        QCOMPARE(buy({{"to", "192.0.2.1"}, {"from", "10.0.0.3"}}), 403U);   // bob's
        QCOMPARE(buy({{"to", "192.0.2.1"}, {"from", "10.0.0.99"}}), 403U);  // nobody's
        QCOMPARE(buy({{"to", "2001:db8:9::1"}}), 409U);                     // has not spoken over IPv6
        QCOMPARE(buy({{"to", "2001:db8:9::1"}, {"from", "2001:db8::2"}}), 200U);
        QCOMPARE(buy({{"to", "2001:db8:9::1"}, {"from", "127.0.0.1"}}), 400U);
        QCOMPARE(buy({{"from", "127.0.0.1"}}), 400U);
        QCOMPARE(rig.door->counters().foreignAddress, uint64_t{2});

        // The stand-in for a user is another for each device.
        rig.neighbours[address("127.0.0.1")] = card(2);
        QCOMPARE(rig.ask(&bob, "GET", "/v1/purchases")->status, 200U);
        QCOMPARE(rig.inside.back().node, std::string("bob"));
        QVERIFY(rig.inside.back().peer->uid != aliceUser);
        // A key that was carried to another device.
        QCOMPARE(rig.ask(&alice, "GET", "/v1/purchases")->status, 403U);
        QCOMPARE(rig.door->counters().foreignLink, uint64_t{1});
    }

    void removalEndsWhatTheDeviceBought() {
        Rig rig;
        const Identity alice = Identity::generate();
        QVERIFY(rig.pair(alice, "alice", card(1)));
        QCOMPARE(rig.door->linkOf("alice"), std::optional(card(1)));
        rig.inside.clear();
        QVERIFY(rig.local("DELETE", "/v1/household/alice")["status"] == json(200));
        QCOMPARE(rig.inside.size(), size_t{2});
        QCOMPARE(rig.inside[1].method, std::string("DELETE"));
        QCOMPARE(rig.inside[1].path, std::string("/v1/purchases/7"));
        QCOMPARE(rig.inside[1].node, std::string("alice"));
        QVERIFY(!rig.door->linkOf("alice"));
        QCOMPARE(rig.ask(&alice, "GET", "/v1/status")->status, 403U);
        QVERIFY(rig.local("DELETE", "/v1/household/alice")["status"] == json(404));
    }

    void anAddressBelongsToWhoSpokeLast() {
        const Folder folder;
        const Identity modem = Identity::generate(), alice = Identity::generate(), bob = Identity::generate();
        auto household = *Household::load(folder / "devices.json", modem.publicKey());
        for (const auto& [who, name, last] : {std::tuple{&alice, "alice", 2}, {&bob, "bob", 3}}) {
            const auto asked =
                household.request(name, who->publicKey(), card(static_cast<uint8_t>(last)), address("10.0.0.1"), start);
            QVERIFY(asked && household.confirm(asked->code, start, SystemTime{}));
        }
        household.spokeFrom(alice.publicKey(), address("10.0.0.2"));
        household.spokeFrom(bob.publicKey(), address("10.0.0.2"));
        QVERIFY(household.byName("alice")->addresses.empty());
        QCOMPARE(household.byName("bob")->addresses.front(), address("10.0.0.2"));
        for (int i = 0; i < 100; ++i)
            household.spokeFrom(bob.publicKey(), address(("10.0.1." + std::to_string(i)).c_str()));
        QCOMPARE(household.byName("bob")->addresses.size(), Household::maxAddresses);
    }
};

QTEST_APPLESS_MAIN(TestHousehold)
#include "test_household.moc"
