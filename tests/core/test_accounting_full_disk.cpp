// A really full disk under the books, the embedded ones and a database server's: nothing is acknowledged that is not durable,
// and all goes on when there is space again. In a mount namespace and a small file system of its own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <QtTest>

#include "tests/core/books_backend.h"
#include "tests/core/confirmation_chain.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

// Takes what is left of the file system; the rest belongs to whoever removes it.
class Filler {
public:
    explicit Filler(std::string path) : m_path(std::move(path)) {
        const int fd = ::open(m_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        std::vector<char> block(1 << 20);
        while (!block.empty()) {
            const ssize_t written = ::write(fd, block.data(), block.size());
            if (written > 0) continue;
            block.resize(block.size() / 2);
        }
        ::close(fd);
    }
    ~Filler() { ::unlink(m_path.c_str()); }
    Filler(const Filler&) = delete;
    Filler& operator=(const Filler&) = delete;

private:
    std::string m_path;
};

}  // namespace

class TestAccountingFullDisk : public QObject {
    Q_OBJECT

    QTemporaryDir m_place;

private slots:
    void initTestCase() {
        if (::geteuid() != 0) QSKIP("a file system of its own needs root");
        if (::unshare(CLONE_NEWNS) != 0) QSKIP("no mount namespace here");
        QCOMPARE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        const std::string place = m_place.path().toStdString();
        QCOMPARE(::mount("npt-books", place.c_str(), "tmpfs", 0, onPostgres() ? "size=192m,mode=755" : "size=8m"), 0);
        // Books and database server make their folders there.
        qputenv("TMPDIR", m_place.path().toUtf8());
        NETPAS_NEED_DATABASE();
    }
    void cleanupTestCase() {
        if (::geteuid() == 0) ::umount2(m_place.path().toStdString().c_str(), MNT_DETACH);
    }

    void nothingIsAcknowledgedAndNothingIsLost() {
        Chain c;
        QVERIFY(c.x.open());
        c.x.start({});
        c.x.startEdge();
        QVERIFY(c.run([&] { return c.x.edge->client.isUp(); }));
        QVERIFY(c.x.edge->client.sample(sampleOf(0, 25, c.header, c.t)));
        QVERIFY(c.run([&] { return c.x.edge->client.samplesWaiting() == 0; }));
        constexpr uint64_t count = 400;
        uint64_t acknowledged = 0;
        {
            const Filler filler((m_place.path() + "/filler").toStdString());
            for (uint64_t i = 1; i < count; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 25, c.header, c.t)));
            const auto refused = [&] {
                return std::any_of(c.x.logged.begin(), c.x.logged.end(), [](const std::string& line) {
                    return line.find("cannot be written") != std::string::npos;
                });
            };
            QVERIFY(c.run(refused));
            for (int i = 0; i < 5; ++i) settle(c.io);
            acknowledged = count - c.x.edge->client.samplesWaiting();
            QVERIFY(acknowledged < count);
            // Who died now would find exactly what was acknowledged, or a little more: never less.
            QVERIFY(!c.x.books().readable() || c.x.books().sum(SumKind::MadeFor, IspId(25)).count >= acknowledged);
        }
        QVERIFY(c.run([&] { return c.x.edge->client.samplesWaiting() == 0; }) ||
                c.run([&] { return c.x.edge->client.samplesWaiting() == 0; }));
        QCOMPARE(c.x.books().sum(SumKind::MadeFor, IspId(25)).count, count);
        c.x.edge.reset();
        c.x.server.reset();
        QVERIFY(c.x.open());
        QCOMPARE(c.x.books().sum(SumKind::MadeFor, IspId(25)).count, count);
        QCOMPARE(c.x.books().outbox().size(), size_t{count});
    }
};

QTEST_GUILESS_MAIN(TestAccountingFullDisk)
#include "test_accounting_full_disk.moc"
