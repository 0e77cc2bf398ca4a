// The devices behind the agent: who is paired, who asks to be.
#include <QtTest>
#include <array>

#include "core/pairing.h"
#include "secretary/devices/device_book.h"

using namespace netpas;
using namespace netpas::secretary::devices;

namespace {

constexpr LinkAddress card(uint8_t last) { return {2, 0, 0, 0, 0, last}; }
const SteadyTime start{std::chrono::hours(1)};

IpAddress address(const char* text) { return *IpAddress::parse(text); }

struct World {
    store::MemoryDocuments documents;
    PublicKey door = Identity::generate().publicKey();
    DeviceBook book = *DeviceBook::open(documents);

    tl::expected<PairingRequest, DeviceError> ask(const std::string& name, const PublicKey& key, uint8_t link,
                                                  SteadyTime now = start) {
        return book.request(door, name, key, card(link), address("10.0.0.2"), now);
    }
};

}  // namespace

class TestDevices : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void codesNameBothKeysAndTheName() {
        const PublicKey modem = Identity::generate().publicKey(), alice = Identity::generate().publicKey(),
                        other = Identity::generate().publicKey();
        const std::string code = pairingCode(modem, alice, "alice");
        QCOMPARE(code.size(), size_t{14});
        QVERIFY(code[4] == '-' && code[9] == '-');
        QVERIFY(code != pairingCode(modem, other, "alice"));
        QVERIFY(code != pairingCode(other, alice, "alice"));
        QVERIFY(code != pairingCode(modem, alice, "alicf"));
        std::string typed = code;
        for (char& c : typed) c = static_cast<char>(std::tolower(c));
        std::erase(typed, '-');
        QCOMPARE(tidyPairingCode(typed), code);
        QCOMPARE(tidyPairingCode("oOiI lL00 1234"), std::string("0011-1100-1234"));
    }

    void devicesSurviveARestartAndPendingRequestsDoNot() {
        World world;
        const PublicKey alice = Identity::generate().publicKey(), bob = Identity::generate().publicKey();
        const auto asked = world.ask("alice", alice, 1);
        QVERIFY(asked.has_value());
        QVERIFY(world.ask("bob", bob, 2));
        QVERIFY(world.book.confirm(asked->code, start, SystemTime{}));
        QVERIFY(world.book.allow("alice", Capability::Read));
        auto again = DeviceBook::open(world.documents);
        QVERIFY(again.has_value());
        const Device* known = again->byKey(alice);
        QVERIFY(known != nullptr);
        QCOMPARE(known->name, std::string("alice"));
        QCOMPARE(known->link, card(1));
        QVERIFY(known->may == Capabilities(Capability::Read));
        QVERIFY(again->byName("bob") == nullptr);
        QVERIFY(again->requests(start).empty());
        // A number that stood for a device never stands for another.
        const uint32_t first = known->uid;
        QVERIFY(again->remove("alice"));
        auto third = DeviceBook::open(world.documents);
        const auto next = third->request(world.door, "carol", bob, card(2), address("10.0.0.3"), start);
        QVERIFY(next && third->confirm(next->code, start, SystemTime{}));
        QVERIFY(third->byName("carol")->uid > first);
    }

    void noDeviceMayMoreThanBuyForItself() {
        World world;
        const PublicKey alice = Identity::generate().publicKey();
        QVERIFY(world.book.confirm(world.ask("alice", alice, 1)->code, start, SystemTime{}));
        QVERIFY(world.book.byName("alice")->may == deviceMay);
        const Capabilities everything = Capability::Policy | Capability::Keys | Capability::Request;
        QVERIFY(world.book.allow("alice", everything)->may == Capabilities(Capability::Request));
        QCOMPARE(world.book.allow("bob", deviceMay).error(), DeviceError::NoSuchDevice);
    }

    void twoDevicesUnderOneName() {
        World world;
        const PublicKey alice = Identity::generate().publicKey(), thief = Identity::generate().publicKey();
        const auto first = world.ask("alice", alice, 1);
        const auto second = world.ask("alice", thief, 2);
        QVERIFY(first && second);  // which of them is meant, the code says
        QVERIFY(first->code != second->code);
        QVERIFY(world.book.confirm(first->code, start, SystemTime{}));
        QVERIFY(world.book.byName("alice")->key == alice);
        QCOMPARE(world.book.confirm(second->code, start, SystemTime{}).error(), DeviceError::NoSuchRequest);
        QCOMPARE(world.ask("alice", thief, 2).error(), DeviceError::NameTaken);
        QCOMPARE(world.ask("bob", alice, 1).error(), DeviceError::AlreadyPaired);
    }

    // What a hijacked agent says about a device that stands before it does not make the code that the device shows.
    void anAgentThatPutsItsOwnKeyInPlaceOfTheDevicesHasAnotherCode() {
        World world;
        const PublicKey alice = Identity::generate().publicKey(), agents = Identity::generate().publicKey();
        const std::string shown = pairingCode(world.door, alice, "alice");
        QVERIFY(world.ask("alice", agents, 1).has_value());
        QCOMPARE(world.book.confirm(shown, start, SystemTime{}).error(), DeviceError::NoSuchRequest);
        QVERIFY(world.book.devices().empty());
    }

    void requestsExpireAreCountedAndReplaysAreTheSameRequest() {
        World world;
        const PublicKey alice = Identity::generate().publicKey();
        const auto asked = world.ask("alice", alice, 1);
        for (int i = 0; i < 100; ++i) {
            const auto again = world.ask("alice", alice, 1, start + std::chrono::seconds(i));
            QVERIFY(again && again->code == asked->code && again->expires == asked->expires);
        }
        QCOMPARE(world.book.requests(start).size(), size_t{1});
        QCOMPARE(world.book.confirm(asked->code, start + pairingLifetime, SystemTime{}).error(),
                 DeviceError::NoSuchRequest);

        // One card that tries many keys does not keep the others out.
        size_t taken = 0;
        const SteadyTime later = start + std::chrono::hours(1);
        for (int i = 0; i < 50; ++i) {
            if (world.ask("eve" + std::to_string(i), Identity::generate().publicKey(), 9, later)) ++taken;
        }
        QCOMPARE(taken, DeviceBook::maxRequestsOfLink);
        QVERIFY(world.ask("alice", alice, 1, later));
        for (uint8_t i = 0; i < 100; ++i) {
            (void)world.ask("eve", Identity::generate().publicKey(), static_cast<uint8_t>(100 + i), later);
        }
        QCOMPARE(world.book.requests(later).size(), DeviceBook::maxRequests);
        QCOMPARE(world.ask("bad name", alice, 1, later).error(), DeviceError::BadName);
    }

    void whatCannotBeStoredDoesNotCount() {
        struct Full final : store::Documents {
            tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange>) override {
                return tl::unexpected(store::StoreError::Damaged);
            }
            tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view) const override {
                return {};
            }
        } full;
        auto book = *DeviceBook::open(full);
        const PublicKey alice = Identity::generate().publicKey();
        const auto asked = book.request(alice, "alice", alice, card(1), address("10.0.0.2"), start);
        QCOMPARE(book.confirm(asked->code, start, SystemTime{}).error(), DeviceError::CannotStore);
        QVERIFY(book.byName("alice") == nullptr);
    }

    void damagedListsAreNotTakenForEmptyOnes_data() {
        QTest::addColumn<QByteArray>("id");
        QTest::addColumn<QByteArray>("body");
        const auto entry = [](const QByteArray& key, const QByteArray& link, const QByteArray& uid) {
            return QByteArray("{\"key\":\"" + key + "\",\"link\":\"" + link + "\",\"uid\":" + uid +
                              ",\"may\":3,\"paired_at\":0}");
        };
        const QByteArray key(64, '1'), link("02:00:00:00:00:01");
        QTest::newRow("no JSON") << QByteArray("a") << QByteArray("{");
        QTest::newRow("no key") << QByteArray("a") << entry("", link, "1");
        QTest::newRow("bad link") << QByteArray("a") << entry(key, "02:00:00:00:00:0x", "1");
        QTest::newRow("bad name") << QByteArray("A b") << entry(key, link, "1");
        QTest::newRow("number not given out yet") << QByteArray("a") << entry(key, link, "2000000000");
    }
    void damagedListsAreNotTakenForEmptyOnes() {
        QFETCH(QByteArray, id);
        QFETCH(QByteArray, body);
        store::MemoryDocuments documents;
        QVERIFY(documents.put({"device", id.toStdString(), Bytes(body.begin(), body.end())}));
        QVERIFY(!DeviceBook::open(documents));
    }

    void linkAddressesAreReadAsTheyAreWritten() {
        QCOMPARE(linkText({2, 0, 0xab, 0, 1, 255}), std::string("02:00:ab:00:01:ff"));
        QVERIFY(parseLink("02:00:ab:00:01:ff") == LinkAddress({2, 0, 0xab, 0, 1, 255}));
        for (const char* wrong : {"", "02:00:ab:00:01", "02:00:ab:00:01:ff:", "02:00:ab:00:01:fg", "02-00-ab-00-01-ff",
                                  "+2:00:ab:00:01:ff", "2:000:ab:00:01:ff"}) {
            QVERIFY2(!parseLink(wrong), wrong);
        }
    }
};

QTEST_APPLESS_MAIN(TestDevices)
#include "test_devices.moc"
