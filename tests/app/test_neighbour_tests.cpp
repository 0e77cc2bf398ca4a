// Ways through neighbours are bought before they are tested, one at a time and seldom; a failure says something of a neighbour only if another one works.
#include <QtTest>
#include <set>

#include "app/secretary/neighbour_tests.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace std::chrono_literals;
using agreement::Direction;
using neighbours::Candidate;

namespace {

const PublicKey ann = Identity::fromSeed({2}).publicKey();
const PublicKey bob = Identity::fromSeed({3}).publicKey();

struct Household {
    ManualClock clock{SystemTime(1'800'000'000s)};
    std::map<PublicKey, NeighbourPlace> places;
    std::set<std::pair<PublicKey, Direction>> bought;
    std::vector<std::pair<PublicKey, Money>> wanted;
    std::vector<channel::TestNeighbour> asked;
    std::optional<double> verified;
    bool sells = true;
    NeighbourTests tests{{clock, [](LogLevel, const std::string&) {},
                          [this](const PublicKey& key, Direction direction) {
                              return bought.contains({key, direction});
                          },
                          [this](const PublicKey& key, Direction direction, Money limit) {
                              wanted.emplace_back(key, limit);
                              if (sells) bought.insert({key, direction});
                          },
                          [this](const PublicKey& key) -> const NeighbourPlace* {
                              const auto at = places.find(key);
                              return at == places.end() ? nullptr : &at->second;
                          },
                          [this](const channel::TestNeighbour& one) { asked.push_back(one); },
                          [this](const PublicKey&) { return verified; }}};

    explicit Household(const std::vector<PublicKey>& there) {
        uint8_t number = 0;
        for (const PublicKey& key : there) {
            ++number;
            places[key] = {key, "mesh0",  {2, 0, 0, 0, 0, number}, *IpAddress::parse("fe80::" + std::to_string(number)),
                           {},  IspId(26)};
        }
    }
    // Seconds, a look in each.
    void pass(int seconds) {
        std::vector<Candidate> all;
        for (const auto& [key, place] : places) all.push_back({key, Money::fromEighths(8), {}});
        for (int i = 0; i < seconds; ++i) {
            tests.run(all, all);
            clock.advance(1s);
        }
    }
    void count(const PublicKey& key, uint64_t sent, uint64_t arrived) {
        channel::MeshCount count{"mesh0", places[key].link};
        count.sentBytes = sent;
        count.arrivedBytes = arrived;
        tests.counted(key, count);
    }
    void answer(std::optional<channel::WayTested> up, std::optional<channel::WayTested> down,
                const std::string& trouble = {}) {
        tests.answered({asked.back().number, up, down, trouble});
        pass(3);
    }
    [[nodiscard]] double rate(const PublicKey& key, Direction direction) const {
        const auto measured = tests.of(key, direction);
        return measured ? measured->bitsPerSecond : -1;
    }
};

}  // namespace

class TestNeighbourTests : public QObject {
    Q_OBJECT
private slots:
    void isBoughtThenAsked() {
        Household home({ann});
        home.sells = false;
        home.verified = 0.99;
        home.pass(3);
        QVERIFY(home.asked.empty());
        QVERIFY(home.wanted.size() >= 2);
        // At a nanodollar a kB, with room for what is sent again.
        QCOMPARE(home.wanted.front().second, Money::fromEighths(8 * 2500));
        home.bought = {{ann, Direction::Upstream}, {ann, Direction::Downstream}};
        home.pass(1);
        QCOMPARE(home.asked.size(), size_t(1));
        QVERIFY(home.asked[0].up && home.asked[0].down && home.asked[0].bytes < 1'000'000);
        QCOMPARE(home.asked[0].via, home.places[ann].address);
        QVERIFY(home.tests.isUnderWay(ann));
        home.count(ann, 0, 0);
        home.pass(1);
        home.count(ann, 900'000, 950'000);
        home.answer(channel::WayTested{900'000, 7'000'000}, channel::WayTested{900'000, 9'000'000});
        QVERIFY(!home.tests.isUnderWay(ann));
        QCOMPARE(home.rate(ann, Direction::Upstream), 7e6);
        QCOMPARE(home.rate(ann, Direction::Downstream), 9e6);
        QCOMPARE(home.tests.of(ann, Direction::Upstream)->arrives, 0.99);  // by statements, not by the test
    }
    void whoDoesNotSellIsLeft() {
        Household home({ann});
        home.sells = false;
        home.pass(60);
        QVERIFY(home.asked.empty() && !home.tests.isUnderWay(ann));
    }
    void whatCameAnotherWaySaysNothing() {
        Household home({ann});
        home.count(ann, 0, 0);
        home.pass(2);
        home.count(ann, 900'000, 20'000);
        home.answer(channel::WayTested{900'000, 7'000'000}, channel::WayTested{900'000, 9'000'000});
        QCOMPARE(home.rate(ann, Direction::Upstream), 7e6);
        QCOMPARE(home.rate(ann, Direction::Downstream), -1.0);
    }
    void aFailureAccusesOnlyWhereOthersWork() {
        Household home({ann, bob});
        home.pass(2);
        home.answer({}, {}, "nothing answers");
        QCOMPARE(home.rate(ann, Direction::Upstream), -1.0);
        QCOMPARE(home.rate(bob, Direction::Upstream), -1.0);
        // Not again at once: it is the server, as far as anybody knows.
        home.pass(300);
        QCOMPARE(home.asked.size(), size_t(1));
        home.pass(304);
        QCOMPARE(home.asked.size(), size_t(2));
        const bool annFirst = home.asked.back().via == home.places[ann].address;
        home.answer(channel::WayTested{900'000, 7'000'000}, {});
        home.pass(5);
        QCOMPARE(home.asked.size(), size_t(3));
        home.answer({}, {}, "nothing answers");
        QCOMPARE(home.rate(annFirst ? bob : ann, Direction::Upstream), 0.0);
        QCOMPARE(home.rate(annFirst ? ann : bob, Direction::Upstream), 7e6);
    }
    void nobodyIsTestedOften() {
        Household home({ann});
        for (int minute = 0; minute < 60; ++minute) {
            home.pass(57);
            if (home.tests.isUnderWay(ann)) home.answer(channel::WayTested{900'000, 7'000'000}, {});
        }
        QVERIFY(home.asked.size() >= 4 && home.asked.size() <= 7);
        QVERIFY(home.tests.spent() <= Money::fromEighths(2 * 8 * 2000 * 7));
    }
    void usefulTrafficSparesTests() {
        Household home({ann});
        home.verified = 0.99;
        uint64_t bytes = 0;
        home.count(ann, 0, 0);
        for (int i = 0; i < 200; ++i) {
            home.clock.advance(2s);
            bytes += 2'000'000;  // 8 Mbit/s
            home.count(ann, bytes, bytes);
        }
        home.pass(5);
        QVERIFY(home.asked.empty());
        QCOMPARE(home.rate(ann, Direction::Upstream), 8e6);
        QCOMPARE(home.tests.of(ann, Direction::Upstream)->arrives, 0.99);
        QCOMPARE(home.rate(ann, Direction::Downstream), 8e6);
    }
    void littleTrafficIsNoSlowWay() {
        Household home({ann});
        home.verified = 1;
        home.count(ann, 0, 0);
        home.clock.advance(2s);
        home.count(ann, 10'000, 10'000);
        QCOMPARE(home.rate(ann, Direction::Upstream), -1.0);
    }
    void answersThatNobodyAskedForAreNone() {
        Household home({ann});
        home.tests.answered({1, channel::WayTested{1, 1}, {}, {}});
        home.pass(2);
        home.tests.answered({home.asked.back().number + 1, channel::WayTested{1, 1}, {}, {}});
        home.pass(3);
        QCOMPARE(home.rate(ann, Direction::Upstream), -1.0);
        QVERIFY(home.tests.isUnderWay(ann));
        home.pass(60);
        QVERIFY(!home.tests.isUnderWay(ann));
    }
};

QTEST_APPLESS_MAIN(TestNeighbourTests)
#include "test_neighbour_tests.moc"
