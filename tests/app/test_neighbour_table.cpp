// Which adverts are believed.
#include <QtTest>

#include "app/secretary/neighbour_table.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace std::chrono_literals;
using agreement::Advert;

namespace {

const std::string mesh = "mesh0";
const Identity me = Identity::fromSeed({1});
const Identity ann = Identity::fromSeed({2});
const Identity bob = Identity::fromSeed({3});

LinkAddress link(uint8_t number) { return {2, 0, 0, 0, 0, number}; }
IpAddress address(uint8_t number) { return *IpAddress::parse("fe80::" + std::to_string(number)); }

struct Air {
    ManualClock clock{SystemTime(1'800'000'000s)};
    NeighbourTable table{clock, me.publicKey()};
    uint32_t number = 0;

    Advert advert(const Identity& of, uint8_t at) {
        Advert one;
        one.key = of.publicKey();
        one.run = 7;
        one.number = ++number;
        one.issued = clock.now();
        one.lifetime = 20s;
        one.link = link(at);
        one.address = address(at);
        one.isp = IspId(26);
        one.prices.upstream = Money::fromEighths(800);
        return one;
    }
    // What became of it; nothing: believed.
    std::optional<AdvertRefusal> hear(const Advert& advert, const Identity& signer, uint8_t from) {
        return hearBytes(sign(advert, signer), from);
    }
    std::optional<AdvertRefusal> hearBytes(const Bytes& bytes, uint8_t from, const std::string& on = mesh) {
        const auto heard = table.hear(on, link(from), address(from), bytes);
        return heard ? std::nullopt : std::optional(heard.error());
    }
};

}  // namespace

class TestNeighbourTable : public QObject {
    Q_OBJECT

private slots:
    void anAdvertIsBelievedForItsLifetime() {
        Air air;
        QVERIFY(!air.hear(air.advert(ann, 2), ann, 2));
        QVERIFY(air.table.find(ann.publicKey()) != nullptr);
        QVERIFY(air.table.at(mesh, link(2)) == air.table.find(ann.publicKey()));
        air.clock.advance(19s);
        air.table.forgetSilent({});
        QVERIFY(air.table.find(ann.publicKey()) != nullptr);
        air.clock.advance(2s);
        QVERIFY(!air.table.find(ann.publicKey())->asks(air.clock.steady()).upstream);
        air.table.forgetSilent({ann.publicKey()});
        QVERIFY(air.table.find(ann.publicKey()) != nullptr);  // something was agreed
        air.table.forgetSilent({});
        QVERIFY(air.table.find(ann.publicKey()) == nullptr);
        QVERIFY(air.table.at(mesh, link(2)) == nullptr);
    }

    void whoMovesIsFoundWhereItIs() {
        Air air;
        QVERIFY(!air.hear(air.advert(ann, 2), ann, 2));
        air.clock.advance(30s);
        QVERIFY(!air.hear(air.advert(ann, 3), ann, 3));
        QVERIFY(air.table.at(mesh, link(2)) == nullptr);
        QVERIFY(air.table.at(mesh, link(3)) == air.table.find(ann.publicKey()));
        // Another one in its place, when it is silent.
        air.clock.advance(30s);
        QVERIFY(!air.hear(air.advert(bob, 3), bob, 3));
        QVERIFY(air.table.find(ann.publicKey()) == nullptr);
        QVERIFY(air.table.at(mesh, link(3)) == air.table.find(bob.publicKey()));
        air.table.remember({ann.publicKey(), mesh, link(3), address(3), {}, {}}, 60s);
        QVERIFY(air.table.find(ann.publicKey()) == nullptr);
        air.table.remember({ann.publicKey(), mesh, link(4), address(4), {}, {}}, 60s);
        QVERIFY(air.table.at(mesh, link(4)) == air.table.find(ann.publicKey()));
    }

    void anotherAddressThanItsOwnIsRefused() {
        Air air;
        QCOMPARE(air.hear(air.advert(ann, 2), ann, 3), AdvertRefusal::NotFromIt);
        Advert advert = air.advert(ann, 2);
        advert.address = address(3);
        QCOMPARE(air.hear(advert, ann, 2), AdvertRefusal::NotFromIt);
        QCOMPARE(air.hear(air.advert(me, 2), me, 2), AdvertRefusal::Own);
    }

    void forgedAndBrokenOnesAreRefused() {
        Air air;
        Bytes bytes = sign(air.advert(ann, 2), ann);
        bytes[60] ^= 1;
        const auto why = air.hearBytes(bytes, 2);
        QVERIFY(why.has_value());
        Bytes price = sign(air.advert(ann, 2), ann);
        price[price.size() - 65] ^= 1;  // the last byte that is signed: of the price
        QCOMPARE(air.hearBytes(price, 2), AdvertRefusal::Forged);
        QCOMPARE(air.hearBytes(Bytes(200, 1), 2), AdvertRefusal::Malformed);
        QVERIFY(air.table.all().empty());
    }

    void whatWasHeardBeforeIsRefused() {
        Air air;
        const Bytes first = sign(air.advert(ann, 2), ann);
        const Bytes second = sign(air.advert(ann, 2), ann);
        QVERIFY(!air.hearBytes(second, 2));
        QCOMPARE(air.hearBytes(second, 2), AdvertRefusal::Replayed);
        QCOMPARE(air.hearBytes(first, 2), AdvertRefusal::Replayed);
        // Also when it is silent meanwhile.
        air.clock.advance(60s);
        air.table.forgetSilent({});
        QCOMPARE(air.hearBytes(second, 2), AdvertRefusal::Replayed);
    }

    void aRunThatWasLeftIsOver() {
        Air air;
        const Advert old = air.advert(ann, 2);
        QVERIFY(!air.hear(old, ann, 2));
        air.clock.advance(1s);
        Advert next = air.advert(ann, 2);
        next.run = 8;
        next.number = 1;
        QVERIFY(!air.hear(next, ann, 2));
        Advert again = air.advert(ann, 2);  // of the first run
        QCOMPARE(air.hear(again, ann, 2), AdvertRefusal::Replayed);
        // One that was made before, of a run that was never heard, ends no run that is going on.
        Advert older = air.advert(ann, 2);
        older.run = 9;
        older.issued = next.issued - 10s;
        QCOMPARE(air.hear(older, ann, 2), AdvertRefusal::Replayed);
        next.number = 2;
        QVERIFY(!air.hear(next, ann, 2));
    }

    void clocksMayDifferByAQuarterOfAnHour() {
        Air air;
        Advert advert = air.advert(ann, 2);
        advert.issued = air.clock.now() - 16min;
        QCOMPARE(air.hear(advert, ann, 2), AdvertRefusal::WrongTime);
        advert.issued = air.clock.now() + 16min;
        QCOMPARE(air.hear(advert, ann, 2), AdvertRefusal::WrongTime);
        advert.issued = air.clock.now() + 14min;
        QVERIFY(!air.hear(advert, ann, 2));
    }

    void anAddressThatIsClaimedIsNotGivenAway() {
        Air air;
        QVERIFY(!air.hear(air.advert(ann, 2), ann, 2));
        QCOMPARE(air.hear(air.advert(bob, 2), bob, 2), AdvertRefusal::Claimed);
        Advert advert = air.advert(bob, 3);
        advert.address = address(2);
        const auto heard = air.table.hear(mesh, link(3), address(2), sign(advert, bob));
        QVERIFY(!heard && heard.error() == AdvertRefusal::Claimed);
        // Silence frees it.
        air.clock.advance(21s);
        QVERIFY(!air.hear(air.advert(bob, 2), bob, 2));
        QVERIFY(air.table.find(ann.publicKey()) == nullptr);
    }

    // It is not proved by the frame: who names another's first would keep it out.
    void anotherOnesIPv4AddressKeepsNobodyOut() {
        Air air;
        Advert stranger = air.advert(bob, 3), owner = air.advert(ann, 2);
        stranger.address4 = owner.address4 = *IpAddress::parse("10.0.0.2");
        QVERIFY(!air.hear(stranger, bob, 3));
        QVERIFY(!air.hear(owner, ann, 2));
        QCOMPARE(air.table.all().size(), size_t{2});
    }

    void oneLinkOfANeighbourIsUsed() {
        Air air;
        QVERIFY(!air.hear(air.advert(ann, 2), ann, 2));
        const Bytes other = sign(air.advert(ann, 2), ann);
        QCOMPARE(air.hearBytes(other, 2, "mesh1"), AdvertRefusal::Elsewhere);
        air.clock.advance(21s);
        QVERIFY(!air.hearBytes(sign(air.advert(ann, 2), ann), 2, "mesh1"));
        QCOMPARE(air.table.find(ann.publicKey())->place.interface, std::string("mesh1"));
    }

    void announcedPricesHoldWhenTheirTimeHasCome() {
        Air air;
        Advert advert = air.advert(ann, 2);
        advert.notice = agreement::PriceNotice{10s, {std::nullopt, Money::fromEighths(1600)}};
        QVERIFY(!air.hear(advert, ann, 2));
        const KnownNeighbour& known = *air.table.find(ann.publicKey());
        QCOMPARE(*known.asks(air.clock.steady()).upstream, Money::fromEighths(800));
        air.clock.advance(11s);
        QVERIFY(!known.asks(air.clock.steady()).upstream);
        QCOMPARE(*known.asks(air.clock.steady()).downstream, Money::fromEighths(1600));
    }

    void thereIsABound() {
        Air air;
        for (uint32_t i = 0; i < NeighbourTable::most + 3; ++i) {
            std::array<uint8_t, 32> seed{};
            store32(seed.data(), i + 100);
            const Identity one = Identity::fromSeed(seed);
            Advert advert = air.advert(one, 2);
            advert.link = {2, 1, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
            advert.address = *IpAddress::parse("fe80::1:" + QString::number(i, 16).toStdString());
            const auto heard = air.table.hear(mesh, advert.link, advert.address, sign(advert, one));
            QCOMPARE(heard.has_value(), i < NeighbourTable::most);
        }
    }

    void aPlaceIsKeptAsItIs() {
        NeighbourPlace place{ann.publicKey(), mesh, link(2), address(2), *IpAddress::parse("10.0.0.2"), IspId(26)};
        QVERIFY(decodePlace(encode(place)) == place);
        place.address4.reset();
        QVERIFY(decodePlace(encode(place)) == place);
        Bytes bytes = encode(place);
        for (size_t length = 0; length < bytes.size(); ++length) QVERIFY(!decodePlace(ByteView(bytes).first(length)));
        bytes.push_back(0);
        QVERIFY(!decodePlace(bytes));
    }
};

QTEST_APPLESS_MAIN(TestNeighbourTable)
#include "test_neighbour_table.moc"
