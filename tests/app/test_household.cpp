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
#include "app/secretary/device_desk.h"
#include "app/secretary/routes.h"
#include "core/net/http_client.h"
#include "core/pairing.h"

using namespace netpas;
using namespace netpas::agent;
using nlohmann::json;

namespace {

constexpr LinkAddress card(uint8_t last) { return {2, 0, 0, 0, 0, last}; }

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

// A door on the loopback interface, with a network of its own invention, and the secretary's desk behind it.
struct Rig {
    Folder folder;
    boost::asio::io_context io;
    ManualClock clock;
    store::MemoryDocuments documents;
    std::vector<std::string> ended;  // purchases of these devices
    secretaryd::DeviceDesk desk;
    secretaryd::SecretaryState state{clock, "1", {}};
    secretaryd::Router router;
    std::map<IpAddress, LinkAddress> neighbours;
    std::vector<net::HttpRequest> inside;  // what came through
    std::unique_ptr<HouseholdDoor> door;
    Endpoint at;
    PublicKey key;

    Rig()
        : desk(*secretary::devices::DeviceBook::open(documents),
               {clock, [](app::LogLevel, const std::string&) {}, [this](const channel::Devices& all) { tell(all); },
                [this](const std::string& node) { ended.push_back(node); }}) {
        state.devices = &desk;
        secretaryd::addHouseholdRoutes(router, state);
        DoorContext context{io, folder.path(), [](app::LogLevel, const std::string&) {}, {}, {}, {}};
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
        context.secretary = [this](const channel::DeviceAsks& asks, const auto& reply) { reply(desk.asked(asks)); };
        context.roaming = {"rover"};
        auto opened = HouseholdDoor::open(std::move(context), {address("127.0.0.1"), 0});
        if (!opened) qFatal("%s", opened.error().c_str());
        door = std::move(*opened);
        const std::string url = door->url();
        const size_t colon = url.rfind(':'), hash = url.find('#');
        at = {address("127.0.0.1"), static_cast<uint16_t>(std::stoi(url.substr(colon + 1)))};
        key = *PublicKey::parse(url.substr(hash + 1));
        desk.tellAgent();
    }
    void tell(const channel::Devices& said) {
        std::vector<Device> devices;
        for (const channel::PairedDevice& one : *said.all) devices.push_back({one.name, one.key, one.link, {}});
        door->setDevices(std::move(devices));
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
    // As a user of the modem, at the agent's socket.
    json local(const std::string& method, const std::string& path, uint32_t uid = 0) {
        net::HttpRequest request;
        request.method = method;
        request.path = path;
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
    // At the secretary.
    json owner(const std::string& method, const std::string& path, const std::string& body = {},
               Capabilities may = secretaryd::ownerMay) {
        net::HttpRequest request;
        request.method = method;
        request.path = path;
        request.body = body;
        secretaryd::Caller caller;
        caller.may = may;
        json result;
        router.handle(request, caller, [&](const net::HttpResponse& response) {
            result = json::parse(response.body);
            result["status"] = response.status;
        });
        return result;
    }
    bool pair(const Identity& who, const char* name, const LinkAddress& link) {
        neighbours[address("127.0.0.1")] = link;
        if (ask(&who, "POST", "/v1/pairing", json{{"name", name}}.dump())->status != 202) return false;
        const std::string code = pairingCode(key, who.publicKey(), name);
        return owner("POST", "/v1/household/confirm", json{{"code", code}}.dump())["status"] == 200;
    }
};

}  // namespace

class TestHousehold : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

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

    void onlyAPersonAtTheSecretaryPairs() {
        Rig rig;
        rig.neighbours[address("127.0.0.1")] = card(1);
        const Identity alice = Identity::generate();
        QCOMPARE(rig.ask(&alice, "POST", "/v1/pairing", R"({"name":"alice"})")->status, 202U);
        QVERIFY(json::parse(rig.ask(&alice, "GET", "/v1/pairing")->body)["state"] == json("waiting"));
        const std::string code = json{{"code", pairingCode(rig.key, alice.publicKey(), "alice")}}.dump();
        QCOMPARE(rig.ask(&alice, "POST", "/v1/household/confirm", code)->status, 403U);
        QVERIFY(rig.local("POST", "/v1/household/confirm").is_null());  // not the agent's to answer
        // What comes through the agent, whoever it claims to be.
        QVERIFY(rig.owner("POST", "/v1/household/confirm", code, secretaryd::requestOnly)["status"] == json(403));
        QVERIFY(rig.owner("GET", "/v1/household", {}, secretaryd::requestOnly)["status"] == json(403));
        QVERIFY(rig.owner("GET", "/v1/household")["pending"][0]["name"] == json("alice"));
        QVERIFY(rig.owner("POST", "/v1/household/confirm", R"({"code":"AAAA-AAAA-AAAA"})")["status"] == json(404));
        QVERIFY(rig.owner("POST", "/v1/household/confirm", R"({"cod":"AAAA"})")["status"] == json(400));
        QCOMPARE(rig.ask(&alice, "GET", "/v1/purchases")->status, 403U);
        QVERIFY(rig.owner("POST", "/v1/household/confirm", code)["status"] == json(200));
        QVERIFY(json::parse(rig.ask(&alice, "GET", "/v1/pairing")->body)["state"] == json("paired"));
        QCOMPARE(rig.ask(&alice, "GET", "/v1/purchases")->status, 200U);
        // Where the door is, any user of the modem may know.
        const json door = rig.local("GET", "/v1/door", 1000);
        QVERIFY(door["status"] == json(200) && door["refused"]["unpaired"] == json(2));
        QVERIFY(rig.local("POST", "/v1/door")["status"] == json(405));
        QVERIFY(rig.local("GET", "/v1/purchases").is_null());
    }

    // NetPaS §3.1.4: who roams is known by its key alone, and may only ask for payments.
    void awayFromHomeOnlyPaymentsAreAskedFor() {
        Rig rig;
        const Identity rover = Identity::generate(), alice = Identity::generate();
        QVERIFY(rig.pair(rover, "rover", card(1)));
        QVERIFY(rig.pair(alice, "alice", card(2)));
        rig.neighbours.clear();  // both are far away
        const auto status = [&](const Identity& who, const char* method, const char* target) {
            const auto answer = rig.ask(&who, method, target, "{}");
            return answer ? answer->status : 0U;
        };
        rig.inside.clear();
        QCOMPARE(status(rover, "POST", "/v1/payments"), 200U);
        QCOMPARE(status(rover, "GET", "/v1/payments/7"), 200U);
        QCOMPARE(rig.inside.size(), size_t{2});
        QCOMPARE(rig.inside[0].node, std::string("rover"));
        for (const char* target : {"/v1/payments", "/v1/purchases", "/v1/status", "/v1/household", "/v1/measurements"})
            QCOMPARE(status(rover, "GET", target), 403U);
        QCOMPARE(status(rover, "POST", "/v1/purchases"), 403U);
        QCOMPARE(status(rover, "DELETE", "/v1/payments/7"), 403U);
        QCOMPARE(status(alice, "POST", "/v1/payments"), 403U);
        QCOMPARE(rig.inside.size(), size_t{2});
    }

    void whileTheSecretaryDoesNotSayNobodyIsTakenForAStranger() {
        Rig rig;
        const Identity alice = Identity::generate();
        QVERIFY(rig.pair(alice, "alice", card(1)));
        rig.door->setDevices(std::nullopt);
        const auto answer = rig.ask(&alice, "GET", "/v1/purchases");
        QCOMPARE(answer->status, 503U);
        QVERIFY(json::parse(answer->body)["code"] == json("NO_SECRETARY"));
        QCOMPARE(rig.door->counters().unpaired, uint64_t{0});
        rig.desk.tellAgent();
        QCOMPARE(rig.ask(&alice, "GET", "/v1/purchases")->status, 200U);
    }

    // The agent names the device of a request; what it may, the secretary looks up.
    void theSecretaryDecidesWhatADeviceMay() {
        Rig rig;
        const Identity alice = Identity::generate();
        QVERIFY(rig.pair(alice, "alice", card(1)));
        secretaryd::Caller caller;
        caller.uid = 0;
        caller.may = secretaryd::requestOnly;
        caller.node = "alice";
        QVERIFY(!rig.desk.admit(caller));
        QVERIFY(caller.uid >= 2'000'000'000U);
        QVERIFY(caller.may == secretaryd::requestOnly);
        caller.may = secretaryd::ownerMay;  // whoever asks: a device is no owner
        QVERIFY(!rig.desk.admit(caller));
        QVERIFY(caller.may == secretaryd::requestOnly);
        QVERIFY(rig.owner("PUT", "/v1/household/alice", R"({"may":"read"})")["may"] == json("read"));
        QCOMPARE(rig.ended, std::vector<std::string>{"alice"});
        QVERIFY(!rig.desk.admit(caller));
        QVERIFY(caller.may == Capabilities(Capability::Read));
        QVERIFY(rig.owner("PUT", "/v1/household/alice", R"({"may":"policy"})")["status"] == json(400));
        QVERIFY(rig.owner("PUT", "/v1/household/bob", R"({"may":"read"})")["status"] == json(404));
        caller.node = "mallory";  // an invention of the agent's
        const auto stranger = rig.desk.admit(caller);
        QVERIFY(stranger && stranger->status == 403U);
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
        QCOMPARE(buy({{"to", "192.0.2.1"}, {"from", "10.0.0.3"}}), 403U);   // bob's
        QCOMPARE(buy({{"to", "192.0.2.1"}, {"from", "10.0.0.99"}}), 403U);  // nobody's
        QCOMPARE(buy({{"to", "2001:db8:9::1"}}), 409U);                     // has not spoken over IPv6
        QCOMPARE(buy({{"to", "2001:db8:9::1"}, {"from", "2001:db8::2"}}), 200U);
        QCOMPARE(buy({{"to", "2001:db8:9::1"}, {"from", "127.0.0.1"}}), 400U);
        QCOMPARE(buy({{"from", "127.0.0.1"}}), 400U);
        QCOMPARE(rig.door->counters().foreignAddress, uint64_t{2});

        rig.neighbours[address("127.0.0.1")] = card(2);
        QCOMPARE(rig.ask(&bob, "GET", "/v1/purchases")->status, 200U);
        QCOMPARE(rig.inside.back().node, std::string("bob"));
        // A key that was carried to another device.
        QCOMPARE(rig.ask(&alice, "GET", "/v1/purchases")->status, 403U);
        QCOMPARE(rig.door->counters().foreignLink, uint64_t{1});
    }

    void removalEndsWhatTheDeviceBought() {
        Rig rig;
        const Identity alice = Identity::generate();
        QVERIFY(rig.pair(alice, "alice", card(1)));
        QCOMPARE(rig.door->linkOf("alice"), std::optional(card(1)));
        QVERIFY(rig.owner("DELETE", "/v1/household/alice")["status"] == json(200));
        QCOMPARE(rig.ended, std::vector<std::string>{"alice"});
        QVERIFY(!rig.door->linkOf("alice"));
        QCOMPARE(rig.ask(&alice, "GET", "/v1/status")->status, 403U);
        QVERIFY(rig.owner("DELETE", "/v1/household/alice")["status"] == json(404));
    }

    void anAddressBelongsToWhoSpokeLast() {
        const PublicKey alice = Identity::generate().publicKey(), bob = Identity::generate().publicKey();
        const std::vector<Device> both{{"alice", alice, card(2), {}}, {"bob", bob, card(3), {}}};
        Household household;
        QVERIFY(!household.known());
        household.set(both);
        QVERIFY(household.known());
        household.spokeFrom(alice, address("10.0.0.2"));
        household.spokeFrom(bob, address("10.0.0.2"));
        QVERIFY(household.byName("alice")->addresses.empty());
        QCOMPARE(household.byName("bob")->addresses.front(), address("10.0.0.2"));
        household.set(both);  // the secretary says it again
        QCOMPARE(household.byName("bob")->addresses.front(), address("10.0.0.2"));
        for (int i = 0; i < 100; ++i) household.spokeFrom(bob, address(("10.0.1." + std::to_string(i)).c_str()));
        QCOMPARE(household.byName("bob")->addresses.size(), Household::maxAddresses);
        household.set(std::nullopt);
        QVERIFY(!household.known() && household.byName("bob") == nullptr);
    }
};

QTEST_APPLESS_MAIN(TestHousehold)
#include "test_household.moc"
