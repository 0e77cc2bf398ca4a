// Our reading of dumps beside bgpdump's, prefix by prefix.
#include <QtTest>

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

using Routes = std::map<std::string, std::set<std::string>>;  // of a prefix: "PEER AS: PATH"

const std::vector<Peer> peers{{*IpAddress::parse("198.51.100.1"), 64500},
                              {*IpAddress::parse("198.51.100.2"), 4'200'000'001},
                              {*IpAddress::parse("2001:db8::3"), 64502}};

// 0 to below − 1.
uint32_t draw(std::mt19937& random, uint32_t below) { return static_cast<uint32_t>(random() % below); }

std::vector<uint32_t> somePath(std::mt19937& random) {
    std::vector<uint32_t> path(1 + draw(random, 6));
    for (uint32_t& as : path) as = draw(random, 3) == 0 ? 4'200'000'000 + draw(random, 9) : 64'000 + draw(random, 500);
    return path;
}

MrtWriter someTable(uint32_t seed) {
    std::mt19937 random(seed);
    MrtWriter writer;
    writer.peers(peers);
    for (uint32_t i = 0; i < 500; ++i) {
        RawPrefix prefix;
        prefix.v6 = i % 4 == 0;
        prefix.length = static_cast<uint8_t>(8 + draw(random, prefix.v6 ? 57 : 25));
        store32(prefix.bytes.data(), (prefix.v6 ? 0x2000'0000U : 0x0100'0000U) + i * 0x10'0000U);
        for (size_t bit = prefix.length; bit < 128; ++bit)
            prefix.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
        std::vector<MrtWriter::Entry> entries;
        for (uint16_t peer = 0; peer < peers.size(); ++peer) {
            if (draw(random, 3) != 0) entries.push_back({peer, attributes(somePath(random)), 0});
        }
        if (!entries.empty()) writer.rib(prefix, entries);
    }
    for (int i = 0; i < 100; ++i) {
        const Peer& peer = peers[draw(random, 2)];
        RawPrefix prefix{false, {}, 16};
        store32(prefix.bytes.data(), 0x0100'0000U + draw(random, 500) * 0x10'0000U);
        if (draw(random, 4) == 0) {
            writer.update(peer, {prefix}, {}, {});
        } else {
            writer.update(peer, {}, attributes(somePath(random)), {prefix});
        }
    }
    return writer;
}

// TYPE|TIME|KIND|PEER|AS|PREFIX|PATH|...
Routes theirs(const QString& file) {
    QProcess process;
    process.start("bgpdump", {"-m", file});
    process.waitForFinished(60000);
    Routes routes;
    for (const QString& line : QString::fromUtf8(process.readAllStandardOutput()).split('\n')) {
        const QStringList parts = line.split('|');
        if (parts.size() < 6) continue;
        const std::string peer = (parts[3] + " " + parts[4]).toStdString();
        auto& of = routes[parts[5].toStdString()];
        std::erase_if(of, [&](const std::string& known) { return known.starts_with(peer + ":"); });
        if (parts[2] != "W") of.insert(peer + ": " + parts[6].toStdString());
    }
    std::erase_if(routes, [](const auto& entry) { return entry.second.empty(); });
    return routes;
}

Routes ours(const QString& file) {
    RouteTableBuilder builder;
    const MrtSummary summary = readMrt(file.toStdString(), builder);
    if (summary.problem) qWarning("%s", summary.problem->c_str());
    const RouteTable table = builder.build();
    Routes routes;
    for (uint32_t i = 0; i < table.size(); ++i) {
        const auto match = table.at(i);
        for (const auto& route : match.routes)
            routes[match.prefix.toString()].insert(route.peer.address.toString() + " " + std::to_string(route.peer.as) +
                                                   ": " + route.path.toString());
    }
    return routes;
}

}  // namespace

class TestBgpdump : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() {
        QVERIFY(initCrypto());
        if (QStandardPaths::findExecutable("bgpdump").isEmpty()) QSKIP("bgpdump is not installed");
    }

    void bothReadTheSame() {
        const QTemporaryDir folder;
        for (uint32_t seed = 1; seed <= 5; ++seed) {
            const QString file = folder.filePath("dump");
            someTable(seed).write(file.toStdString());
            const Routes expected = theirs(file);
            QVERIFY(expected.size() > 300);
            const Routes found = ours(file);
            QCOMPARE(found.size(), expected.size());
            for (const auto& [prefix, routes] : expected) {
                const auto known = found.find(prefix);
                QVERIFY2(known != found.end(), prefix.c_str());
                QVERIFY2(known->second == routes, prefix.c_str());
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestBgpdump)
#include "test_bgpdump.moc"
