// What stays of visits to foreign ISPs, and what goes.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>

#include "app/agent/visits.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr auto day = 24h;

void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}
std::string read(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}
std::string nameOf(SystemTime at) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
}
size_t countIn(const fs::path& folder) {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

class TestVisits : public QObject {
    Q_OBJECT

private slots:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_state = m_folder->path().toStdString();
    }

    void whatWasBeforeIsPutAwayWhole() {
        QVERIFY(beginVisit(m_state, m_now));  // nothing yet
        QVERIFY(!fs::exists(m_state / "visits"));
        write(m_state / "secretary" / "ledger.db", "paid");
        write(m_state / "agent" / "share.key", "key");
        QVERIFY(beginVisit(m_state, m_now));
        QVERIFY(!fs::exists(m_state / "secretary") && !fs::exists(m_state / "agent"));
        QCOMPARE(read(m_state / "visits" / nameOf(m_now) / "secretary" / "ledger.db"), std::string("paid"));
        QCOMPARE(read(m_state / "visits" / nameOf(m_now) / "agent" / "share.key"), std::string("key"));
        QCOMPARE(fs::status(m_state / "visits").permissions(), fs::perms::owner_all);
    }

    void oldVisitsGoAndTheNewestStay() {
        VisitsKept kept;
        kept.least = 3;
        for (int i = 0; i < 10; ++i) visit(m_now + i * 30 * day, kept);
        // The last three months and the one that begins them.
        QCOMPARE(countIn(m_state / "visits"), size_t{4});
        for (int i = 6; i < 10; ++i)
            QCOMPARE(read(m_state / "visits" / nameOf(m_now + i * 30 * day) / "secretary" / "ledger.db"),
                     nameOf(m_now + i * 30 * day));
        // Years later, or with a clock that says so.
        visit(m_now + 5000 * day, kept);
        QCOMPARE(countIn(m_state / "visits"), size_t{3});
        QVERIFY(fs::exists(m_state / "visits" / nameOf(m_now + 8 * 30 * day)));
    }

    void thereAreNeverMoreThanTheMost() {
        VisitsKept kept;
        kept.least = 2;
        kept.most = 5;
        for (int i = 0; i < 20; ++i) visit(m_now + i * 1h, kept);
        QCOMPARE(countIn(m_state / "visits"), size_t{5});
        QVERIFY(fs::exists(m_state / "visits" / nameOf(m_now + 19h)));
    }

    void whatIsNoVisitIsLeftAlone() {
        const fs::path elsewhere = m_state / "elsewhere";
        write(elsewhere / "precious", "kept");
        write(m_state / "visits" / "notes" / "mine", "kept");
        write(m_state / "visits" / "12", "a file");
        fs::create_directory_symlink(elsewhere, m_state / "visits" / "1");
        VisitsKept kept;
        kept.least = 0;
        kept.most = 1;
        visit(m_now, kept);
        QCOMPARE(read(elsewhere / "precious"), std::string("kept"));
        QCOMPARE(read(m_state / "visits" / "notes" / "mine"), std::string("kept"));
        QCOMPARE(read(m_state / "visits" / "12"), std::string("a file"));
        QCOMPARE(countIn(m_state / "visits"), size_t{4});
    }

    void aFolderThatCannotBeWrittenIsSaid() {
        write(m_state / "secretary" / "ledger.db", "paid");
        write(m_state / "visits", "in the way");
        QVERIFY(!beginVisit(m_state, m_now));
        QCOMPARE(read(m_state / "secretary" / "ledger.db"), std::string("paid"));
    }

private:
    void visit(SystemTime at, const VisitsKept& kept) {
        write(m_state / "secretary" / "ledger.db", nameOf(at));
        QVERIFY(beginVisit(m_state, at, kept));
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_state;
    const SystemTime m_now{20'000 * day};
};

QTEST_APPLESS_MAIN(TestVisits)
#include "test_visits.moc"
