// Dumps of routing tables (RFC 6396) and the longest match in what they say.
#include <QtTest>

#include <bzlib.h>
#include <zlib.h>
#include <map>
#include <random>
#include <set>

#include "cartographer/routes/mrt_parser.h"
#include "cartographer/routes/route_table.h"
#include "core/crypto/identity.h"
#include "tests/cartographer/mrt_writer.h"

using namespace netpas;
using namespace netpas::routes;
using namespace netpas::routes::test;

namespace {

const Peer north{*IpAddress::parse("198.51.100.1"), 64500};
const Peer south{*IpAddress::parse("2001:db8::2"), 4'200'000'000};

// What `bytes` say about an address: "PREFIX: PATH | PATH".
struct Said {
    MrtSummary summary;
    RouteTable table;

    [[nodiscard]] std::string of(const std::string& address) const {
        const auto match = table.find(*IpAddress::parse(address));
        if (!match) return "none";
        std::string text = match->prefix.toString() + ":";
        for (const auto& route : match->routes) text += " " + route.path.toString() + " |";
        text.resize(text.size() - 2);
        return text;
    }
};

Said read(const std::vector<Bytes>& files) {
    const QTemporaryDir folder;
    RouteTableBuilder builder;
    Said said;
    for (const Bytes& bytes : files) {
        QFile file(folder.filePath("dump"));
        if (!file.open(QIODevice::WriteOnly | QIODevice::Truncate)) qFatal("no temporary file");
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<qint64>(bytes.size()));
        file.close();
        said.summary = readMrt(file.fileName().toStdString(), builder);
    }
    said.table = builder.build();
    return said;
}

Said read(const MrtWriter& writer) { return read({writer.bytes()}); }

MrtWriter twoPeers() {
    MrtWriter writer;
    writer.peers({north, south});
    writer.rib(raw("192.0.2.0/24"), {{0, attributes({64500, 64501, 64501})}, {1, attributes({4'200'000'000, 64502})}});
    writer.rib(raw("2001:db8::/32"), {{1, attributes({4'200'000'000})}});
    return writer;
}

Bytes gzipped(const Bytes& bytes) {
    z_stream stream{};
    if (::deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
    Bytes out(::deflateBound(&stream, bytes.size()));
    stream.next_in = const_cast<Bytef*>(bytes.data());
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

Bytes bzipped(Bytes bytes) {
    auto size = static_cast<unsigned>(bytes.size() * 2 + 1000);
    Bytes out(size);
    ::BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &size, reinterpret_cast<char*>(bytes.data()),
                               static_cast<unsigned>(bytes.size()), 9, 0, 0);
    out.resize(size);
    return out;
}

Bytes joined(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

class TestRoutes : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void aTableHasTheRoutesOfEveryPeerTheShortestFirst() {
        const Said said = read(twoPeers());
        QVERIFY(said.summary.complete && !said.summary.problem);
        QCOMPARE(said.of("192.0.2.77"), std::string("192.0.2.0/24: 4200000000 64502 | 64500 64501 64501"));
        QCOMPARE(said.of("2001:db8:1::1"), std::string("2001:db8::/32: 4200000000"));
        QCOMPARE(said.of("192.0.3.1"), std::string("none"));
        QCOMPARE(said.of("2001:db9::"), std::string("none"));
        QCOMPARE(said.table.routes(), size_t{3});
        const auto hops = said.table.find(*IpAddress::parse("192.0.2.1"))->routes[1].path.hops();
        QCOMPARE(hops, (std::vector<uint32_t>{64500, 64501}));
    }

    void severalPathsOfOnePeerAreKept() {
        MrtWriter writer;
        writer.peers({north});
        writer.rib(raw("192.0.2.0/24"), {{0, attributes({1, 2, 3}), 7}, {0, attributes({1, 3}), 9}}, true);
        const Said said = read(writer);
        QCOMPARE(said.of("192.0.2.1"), std::string("192.0.2.0/24: 1 3 | 1 2 3"));
        QCOMPARE(said.table.find(*IpAddress::parse("192.0.2.1"))->routes[0].pathId, uint32_t{9});
    }

    void updatesChangeATable() {
        MrtWriter updates;
        updates.update(north, {raw("192.0.2.0/24")}, {}, {});
        updates.update(north, {}, attributes({64500, 9}), {raw("192.0.2.128/25"), raw("0.0.0.0/0")});
        const Said said = read({twoPeers().bytes(), updates.bytes()});
        QCOMPARE(said.of("192.0.2.1"), std::string("192.0.2.0/24: 4200000000 64502"));
        QCOMPARE(said.of("192.0.2.200"), std::string("192.0.2.128/25: 64500 9"));
        QCOMPARE(said.of("203.0.113.1"), std::string("0.0.0.0/0: 64500 9"));
    }

    void aLostSessionTakesItsRoutesAlong() {
        MrtWriter updates;
        updates.state(south, 6, 1);
        updates.state(south, 1, 6);
        Said said = read({twoPeers().bytes(), updates.bytes()});
        QCOMPARE(said.of("192.0.2.1"), std::string("192.0.2.0/24: 64500 64501 64501"));
        QCOMPARE(said.of("2001:db8::1"), std::string("none"));
        updates.update(south, {}, attributes({4'200'000'000, 5}), {raw("192.0.2.0/24")});
        said = read({twoPeers().bytes(), updates.bytes()});
        QCOMPARE(said.of("192.0.2.1"), std::string("192.0.2.0/24: 4200000000 5 | 64500 64501 64501"));
    }

    void oldTablesWithNarrowNumbersAreWidened() {
        MrtWriter writer;
        Writer body;
        body.u32(0);
        body.bytes(Bytes{192, 0, 2, 0});
        body.u8(24);
        body.u8(1);
        body.u32(0);
        body.bytes(north.address.bytes());
        body.u16(64500);
        // AS_PATH 64500 23456 23456; AS4_PATH 4200000000 64502 (RFC 6793 §4.2.3)
        Bytes all = attributes({64500, 23456, 23456}, false);
        Writer four;
        four.bytes(Bytes{0xc0, 17, 10, 2, 2});
        four.u32(4'200'000'000);
        four.u32(64502);
        all = joined(all, four.data());
        body.blob16(all);
        writer.record(12, 1, body.data());
        QCOMPARE(read(writer).of("192.0.2.1"), std::string("192.0.2.0/24: 64500 4200000000 64502"));
    }

    void setsAndConfederationsAreShownAsTheyAre() {
        MrtWriter writer;
        writer.peers({north});
        Writer path;
        path.bytes(Bytes{3, 1});
        path.u32(65001);
        path.bytes(Bytes{2, 2});
        path.u32(1);
        path.u32(2);
        path.bytes(Bytes{1, 2});
        path.u32(3);
        path.u32(4);
        Writer all;
        all.bytes(Bytes{0x50, 2});
        all.blob16(path.data());
        writer.rib(raw("192.0.2.0/24"), {{0, all.data()}});
        const Said said = read(writer);
        QCOMPARE(said.of("192.0.2.1"), std::string("192.0.2.0/24: (65001) 1 2 {3,4}"));
        const auto match = said.table.find(*IpAddress::parse("192.0.2.1"));
        QVERIFY(match->routes[0].path.hops().empty());  // in which order is not known
        QCOMPARE(match->routes[0].path.length(), size_t{3});
    }

    void multiprotocolUpdatesCarryIpv6() {
        MrtWriter writer;
        Writer reach;
        reach.u16(2);
        reach.u8(1);
        reach.u8(16);
        reach.bytes(Bytes(16, 0));
        reach.u8(0);
        nlri(reach, raw("2001:db8:5::/48"));
        Bytes all = attributes({64500, 7});
        all = joined(all, Bytes{0x80, 14, static_cast<uint8_t>(reach.data().size())});
        all = joined(all, reach.data());
        writer.update(north, {}, all, {});
        QCOMPARE(read(writer).of("2001:db8:5::1"), std::string("2001:db8:5::/48: 64500 7"));
        Writer unreach;
        unreach.u16(2);
        unreach.u8(1);
        nlri(unreach, raw("2001:db8:5::/48"));
        writer.update(north, {}, joined(Bytes{0x80, 15, static_cast<uint8_t>(unreach.data().size())}, unreach.data()),
                      {});
        QCOMPARE(read(writer).of("2001:db8:5::1"), std::string("none"));
    }

    // As old versions of BIRD wrote them.
    void pathIdentifiersThatNobodyAnnouncedAreFound() {
        MrtWriter writer;
        Writer message;
        message.u16(0);
        message.blob16(attributes({64500, 7}));
        for (const auto* prefix : {"172.17.0.0/24", "172.17.1.0/24"}) {
            message.u32(2);
            nlri(message, raw(prefix));
        }
        writer.bgp(north, 2, message.data());
        const Said said = read(writer);
        QCOMPARE(said.of("172.17.1.9"), std::string("172.17.1.0/24: 64500 7"));
        QCOMPARE(said.table.size(), size_t{2});
    }

    void packedDumpsAreReadLikePlainOnes() {
        const Bytes plain = twoPeers().bytes();
        const Bytes half(plain.begin(), plain.begin() + 40);
        const Bytes rest(plain.begin() + 40, plain.end());
        const std::string wanted = read({plain}).of("192.0.2.1");
        for (const Bytes& packed : {gzipped(plain), bzipped(plain), joined(gzipped(half), gzipped(rest)),
                                    joined(bzipped(half), bzipped(rest))}) {
            const Said said = read({packed});
            QVERIFY2(!said.summary.problem, said.summary.problem.value_or("").c_str());
            QCOMPARE(said.of("192.0.2.1"), wanted);
        }
        // Cut off: an error, and what could be read.
        for (Bytes packed : {gzipped(plain), bzipped(plain)}) {
            packed.resize(packed.size() - 3);
            const Said said = read({packed});
            QVERIFY(!said.summary.complete);
            QVERIFY(said.summary.problem->find("ends too soon") != std::string::npos);
        }
        Bytes damaged = gzipped(plain);
        damaged[damaged.size() / 2] ^= 0x55;
        QVERIFY(read({damaged}).summary.problem.has_value());
    }

    void whatIsDamagedIsNamedAndTheRestIsRead() {
        MrtWriter writer;
        writer.peers({north});
        writer.rib(raw("192.0.2.0/24"), {{0, attributes({1})}});
        const size_t at = writer.bytes().size();
        writer.rib(raw("198.51.100.0/24"), {{5, attributes({1})}});  // no such peer
        writer.rib(raw("203.0.113.0/24"), {{0, attributes({1, 2})}});
        Said said = read(writer);
        QCOMPARE(said.summary.damaged, uint64_t{1});
        QVERIFY(said.summary.complete);
        QVERIFY(said.summary.problem->find("at byte " + std::to_string(at)) != std::string::npos);
        QCOMPARE(said.of("203.0.113.1"), std::string("203.0.113.0/24: 1 2"));
        QCOMPARE(said.of("198.51.100.1"), std::string("none"));

        Bytes cut = writer.bytes();
        cut.resize(cut.size() - 5);
        said = read({cut});
        QVERIFY(!said.summary.complete);
        QVERIFY(said.summary.problem->find("cut off") != std::string::npos);
        QCOMPARE(said.of("192.0.2.1"), std::string("192.0.2.0/24: 1"));

        said = read({Bytes(1000, 'x')});
        QVERIFY(!said.summary.complete);
        QVERIFY(said.summary.problem->find("no MRT dump") != std::string::npos);
        QVERIFY(read({Bytes{}}).summary.problem->find("is empty") != std::string::npos);
    }

    void aFileThatIsNotThereIsNamed() {
        RouteTableBuilder builder;
        QVERIFY(readMrt("/nowhere/dump", builder).problem->find("/nowhere/dump cannot be opened") == 0);
        QVERIFY(readMrt("/tmp", builder).problem->find("folder") != std::string::npos);
    }

    // Against a search through all prefixes.
    void theLongestMatchIsFound() {
        std::mt19937 random(4711);
        for (int round = 0; round < 20; ++round) {
            RouteTableBuilder builder;
            const uint16_t peer = *builder.peer(north);
            std::set<std::string> known;
            std::vector<IpPrefix> prefixes;
            for (int i = 0; i < 400; ++i) {
                const bool v6 = random() % 2 == 0;
                std::array<uint8_t, 16> bytes{};
                for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() % 3 : 0);
                const auto length = static_cast<uint8_t>(random() % (v6 ? 129 : 33));
                RawPrefix prefix{v6, {}, length};
                for (size_t bit = 0; bit < length; ++bit)
                    prefix.bytes[bit / 8] |= static_cast<uint8_t>(bytes[bit / 8] & (0x80 >> bit % 8));
                const auto made =
                    *IpPrefix::make(*IpAddress::fromBytes(ByteView(prefix.bytes).first(v6 ? 16 : 4)), length);
                if (!known.insert(made.toString()).second) continue;
                prefixes.push_back(made);
                builder.announced(prefix, {peer, 0}, {});
            }
            const RouteTable table = builder.build();
            QCOMPARE(table.size(), prefixes.size());
            for (int i = 0; i < 2000; ++i) {
                std::array<uint8_t, 16> bytes{};
                for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() % 3 : 0);
                const auto address = *IpAddress::fromBytes(ByteView(bytes).first(random() % 2 == 0 ? 16 : 4));
                std::optional<IpPrefix> best;
                for (const IpPrefix& prefix : prefixes) {
                    const bool fits = prefix.address().isV6() == address.isV6() && prefix.contains(address);
                    if (fits && (!best || prefix.length() > best->length())) best = prefix;
                }
                const auto found = table.find(address);
                QCOMPARE(found.has_value(), best.has_value());
                if (best) QCOMPARE(found->prefix.toString(), best->toString());
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestRoutes)
#include "test_routes.moc"
