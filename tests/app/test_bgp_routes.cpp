// Paths that an ISP sells, as its router's dumps have them.
#include <QtTest>

#include <fstream>

#include "app/isp/bgp_routes.h"
#include "core/crypto/identity.h"
#include "tests/cartographer/mrt_writer.h"

using namespace netpas;
using namespace netpas::isp;
using routes::test::attributes;
using routes::test::MrtWriter;
using routes::test::raw;
namespace fs = std::filesystem;

namespace {

const IpAddress destination = *IpAddress::parse("203.0.113.9");
const std::vector<routes::Peer> peers{{*IpAddress::parse("198.18.0.2"), 65025},
                                      {*IpAddress::parse("198.18.0.6"), 65025},
                                      {*IpAddress::parse("198.18.0.10"), 65023},
                                      {*IpAddress::parse("0.0.0.0"), 0}};

BgpSettings settings(const fs::path& folder) {
    BgpSettings s;
    s.dumps = {folder / "rib-*.mrt"};
    s.isp = IspId(26);
    s.isps = {{65026, IspId(26)}, {65025, IspId(25)}, {65024, IspId(24)}, {65124, IspId(24)}, {65023, IspId(23)}};
    s.exits = {{peers[0].address, ExitPoint(1)}, {peers[1].address, ExitPoint(2)}};
    return s;
}

std::vector<directory::IspPath> soldWith(const std::vector<MrtWriter::Entry>& entries) {
    const QTemporaryDir folder;
    const fs::path file = folder.filePath("dump").toStdString();
    MrtWriter writer;
    writer.peers(peers);
    writer.rib(raw("203.0.113.0/24"), entries);
    writer.write(file);
    const BgpTable read = readBgpTable({file});
    if (!read.complete || !read.problem.empty()) qFatal("the test's own dump is damaged: %s", read.problem.c_str());
    const BgpSettings s = settings(folder.path().toStdString());
    const auto route = soldRoute(read.table, s, destination);
    if (!route) qFatal("no route");
    if (route->prefix != *IpPrefix::parse("203.0.113.0/24")) qFatal("another prefix");
    return route->paths;
}

directory::IspPath path(std::vector<uint16_t> isps, uint16_t exit) {
    directory::IspPath p;
    for (const uint16_t isp : isps) p.isps.emplace_back(isp);
    p.exits.resize(p.isps.size() - 1);
    if (!p.exits.empty()) p.exits.front() = ExitPoint(exit);
    return p;
}

void write(const fs::path& file, const std::string& text, std::chrono::seconds age) {
    std::ofstream(file) << text;
    fs::last_write_time(file, fs::file_time_type::clock::now() - age);
}

}  // namespace

class TestBgpRoutes : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void alternatesAndExitsAreOffered() {
        const auto paths = soldWith({{0, attributes({65025, 65024}), 0},
                                     {1, attributes({65025, 65024}), 0},
                                     {2, attributes({65023, 65025, 65024}), 0}});
        QCOMPARE(paths.size(), size_t{3});
        QVERIFY(paths[0] == path({26, 25, 24}, 1));
        QVERIFY(paths[1] == path({26, 25, 24}, 2));
        QVERIFY(paths[2] == path({26, 23, 25, 24}, 0));
    }

    void prependedNumbersAndSeveralOfOneIspAreOneStep() {
        const auto paths = soldWith({{0, attributes({65025, 65025, 65025, 65124, 65024}), 0}});
        QCOMPARE(paths.size(), size_t{1});
        QVERIFY(paths[0] == path({26, 25, 24}, 1));
    }

    void whatCannotBeBoughtIsLeftOut() {
        const auto paths = soldWith({{0, attributes({65025, 64999, 65024}), 0},  // nobody's AS
                                     {1, attributes({65025, 65026, 65024}), 0},  // through us again
                                     {2, attributes({65023, 65025, 65023, 65024}), 0}});
        QVERIFY(paths.empty());
    }

    void ownNetworksAreOneIspAway() {
        const auto paths = soldWith({{3, attributes({}), 0}});
        QCOMPARE(paths.size(), size_t{1});
        QVERIFY(paths[0] == path({26}, 0));
    }

    void newestDumpIsTakenWhenItStandsStill() {
        const QTemporaryDir dir;
        const fs::path folder = dir.path().toStdString();
        BgpSettings s = settings(folder);
        s.keep = 2;
        DumpWatch watch(s);
        QVERIFY(!watch.poll());
        write(folder / "rib-1.mrt", "old", std::chrono::seconds(9));
        write(folder / "rib-2.mrt", "older", std::chrono::seconds(12));
        write(folder / "rib-3.mrt", "oldest", std::chrono::seconds(20));
        write(folder / "other.mrt", "newest, but another's", std::chrono::seconds(0));
        QVERIFY(!watch.poll());
        QVERIFY(watch.poll() == std::vector{folder / "rib-1.mrt"});
        QVERIFY2(!fs::exists(folder / "rib-3.mrt"), "only two are kept");
        QVERIFY(fs::exists(folder / "rib-2.mrt") && fs::exists(folder / "other.mrt"));
        QVERIFY2(!watch.poll(), "it was handed out");
        write(folder / "rib-4.mrt", "x", std::chrono::seconds(1));
        QVERIFY(!watch.poll());
        write(folder / "rib-4.mrt", "xy", std::chrono::seconds(1));
        QVERIFY2(!watch.poll(), "it still grows");
        QVERIFY(watch.poll() == std::vector{folder / "rib-4.mrt"});
    }

    void oneFileIsReadAgainWhenItChanges() {
        const QTemporaryDir dir;
        const fs::path folder = dir.path().toStdString();
        BgpSettings s = settings(folder);
        s.dumps = {folder / "table"};
        s.keep = 1;  // means nothing here
        DumpWatch watch(s);
        write(folder / "table", "a", std::chrono::seconds(5));
        QVERIFY(!watch.poll());
        QVERIFY(watch.poll());
        write(folder / "table", "b", std::chrono::seconds(3));
        QVERIFY(!watch.poll());
        QVERIFY(watch.poll());
        QVERIFY(fs::exists(folder / "table"));
    }

    void partsOfATableGoTogether() {
        const QTemporaryDir dir;
        const fs::path folder = dir.path().toStdString();
        BgpSettings s = settings(folder);
        s.dumps = {folder / "four-*", folder / "six-*"};
        DumpWatch watch(s);
        write(folder / "four-1", "a", std::chrono::seconds(5));
        QVERIFY(!watch.poll());
        QVERIFY(watch.poll() == std::vector{folder / "four-1"});
        write(folder / "six-1", "b", std::chrono::seconds(4));
        QVERIFY(!watch.poll());
        QVERIFY((watch.poll() == std::vector{folder / "four-1", folder / "six-1"}));
        write(folder / "four-2", "c", std::chrono::seconds(3));
        QVERIFY(!watch.poll());
        QVERIFY((watch.poll() == std::vector{folder / "four-2", folder / "six-1"}));
        QVERIFY(!watch.poll());
    }

    void halfADumpSaysSo() {
        const QTemporaryDir dir;
        const fs::path file = dir.filePath("dump").toStdString();
        MrtWriter writer;
        writer.peers(peers);
        writer.rib(raw("203.0.113.0/24"), {{0, attributes({65025}), 0}});
        writer.rib(raw("203.0.114.0/24"), {{0, attributes({65025}), 0}});
        writer.write(file);
        QVERIFY(readBgpTable({file}).complete);
        fs::resize_file(file, fs::file_size(file) - 5);
        const BgpTable read = readBgpTable({file});
        QVERIFY(!read.complete && !read.problem.empty());
        QCOMPARE(read.table.size(), size_t{1});
    }
};

QTEST_GUILESS_MAIN(TestBgpRoutes)
#include "test_bgp_routes.moc"
