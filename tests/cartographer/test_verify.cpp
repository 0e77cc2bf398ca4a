// Claims and statements byte by byte, and the link at which a claim became false, in chains of six with one liar and with none.
#include <QtTest>

#include "tests/cartographer/route_world.h"

using namespace world;

namespace {

constexpr size_t windows = 20;

const Identity& zack() {
    static const Identity identity = Identity::fromSeed({26});
    return identity;
}

Statement statement() {
    Statement out;
    out.signer = zack().publicKey();
    out.flow = {7};
    out.window = 3;
    out.packets = 1000;
    out.bytes = 1'000'000;
    out.activeNanoseconds = 1'000'000'000;
    out.times = {{5, 100}, {9, 50}};
    return out;
}

Claim claim() {
    Claim out;
    out.signer = zack().publicKey();
    out.destination = Identity::fromSeed({1}).publicKey();
    out.number = 4;
    out.arrives = 990'000'000;
    out.bitsPerSecond = 50'000'000;
    out.latencyNanoseconds = 20'000'000;
    return out;
}

}  // namespace

class TestVerify : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void whatIsSignedComesBack() {
        QVERIFY(*openStatement(sign(statement(), zack())) == statement());
        QVERIFY(*openClaim(sign(claim(), zack())) == claim());
        Statement large = statement();
        large.times.clear();
        for (uint64_t i = 0; i < maxTimes; ++i) large.times.push_back({i, i});
        QVERIFY(*openStatement(sign(large, zack())) == large);
    }

    void everyChangeIsNoticed() {
        for (const Bytes& good : {sign(statement(), zack()), sign(claim(), zack())}) {
            for (size_t i = 0; i < good.size(); ++i) {
                Bytes bad = good;
                bad[i] ^= 1;
                QVERIFY(!openStatement(bad).has_value() && !openClaim(bad).has_value());
                const ByteView shorter = ByteView(good).first(i);
                QVERIFY(!openStatement(shorter).has_value() && !openClaim(shorter).has_value());
            }
        }
        // In another's name.
        Statement stolen = statement();
        stolen.signer = claim().destination;
        QCOMPARE(openStatement(sign(stolen, zack())).error(), StatementError::Signature);
    }

    void impossibleStatementsAreRefused() {
        const auto refused = [](auto change) {
            Statement bad = statement();
            change(bad);
            const auto back = openStatement(sign(bad, zack()));
            return !isValid(bad) && !back && back.error() == StatementError::OutOfRange;
        };
        QVERIFY(refused([](Statement& s) { s.packets = s.bytes; }));  // packets without a header
        QVERIFY(refused([](Statement& s) { s.packets = 1; }));        // one of a megabyte
        QVERIFY(refused([](Statement& s) { s.bytes = UINT64_MAX; }));
        QVERIFY(refused([](Statement& s) { s.activeNanoseconds = UINT64_MAX; }));
        QVERIFY(refused([](Statement& s) { s.times[1].hash = s.times[0].hash; }));
        QVERIFY(refused([](Statement& s) { std::swap(s.times[0], s.times[1]); }));
        Claim better = claim();
        better.arrives = allArrive + 1;
        QCOMPARE(openClaim(sign(better, zack())).error(), StatementError::OutOfRange);
    }

    void countsThatFallFollowNothing() {
        Statement later = statement();
        later.window = 4;
        QVERIFY(between(statement(), later).has_value());
        later.packets = 999;
        QVERIFY(!between(statement(), later).has_value());
        later = statement();  // the same window again
        QVERIFY(!between(statement(), later).has_value());
        later.window = 4;
        later.flow = {8};
        QVERIFY(!between(statement(), later).has_value());
    }

    void qualitiesComposeByProductMinimumAndSum() {
        const Quality whole = compose({0.9, 20e6, 0.01}, compose({0.5, 10e6, 0.02}, {1, 30e6, 0}));
        QVERIFY(std::abs(whole.arrives - 0.45) < 1e-12);
        QCOMPARE(whole.bitsPerSecond, 10e6);
        QVERIFY(std::abs(whole.seconds - 0.03) < 1e-12);
    }

    void theLyingLinkIsNamed_data() {
        QTest::addColumn<int>("metric");
        QTest::newRow("loss") << static_cast<int>(Metric::Loss);
        QTest::newRow("throughput") << static_cast<int>(Metric::Throughput);
        QTest::newRow("latency") << static_cast<int>(Metric::Latency);
    }
    void theLyingLinkIsNamed() {
        QFETCH(int, metric);
        const auto which = static_cast<Metric>(metric);
        constexpr int seeds = 100;
        int right = 0, wrong = 0;
        size_t bytes = 0;
        for (uint64_t seed = 1; seed <= seeds; ++seed) {
            const Chain chain = ChainWorld(seed, which, false).run(windows);
            QCOMPARE(chain.views.size(), Chain::hops);
            bytes = chain.bytesSigned;
            const auto found = locate(chain.views, which);
            if (!found) continue;
            QVERIFY(found->confidence >= 0.99);
            // The liar is at one of its ends.
            (found->link == *chain.liar || found->link + 1 == *chain.liar ? right : wrong) += 1;
        }
        qInfo("%s: right %d, wrong %d of %d; %zu bytes for a route in %zu windows", std::string(name(which)).c_str(),
              right, wrong, seeds, bytes, windows);
        QVERIFY2(right >= seeds * 19 / 20, qPrintable(QString("%1 right, %2 wrong").arg(right).arg(wrong)));
        QVERIFY(wrong <= 1);
    }

    void theHonestAreNeverNamed_data() { theLyingLinkIsNamed_data(); }
    void theHonestAreNeverNamed() {
        QFETCH(int, metric);
        const auto which = static_cast<Metric>(metric);
        for (uint64_t seed = 1; seed <= 100; ++seed) {
            const Chain chain = ChainWorld(seed, which, true).run(windows);
            QCOMPARE(chain.views.size(), Chain::hops);
            QVERIFY2(!locate(chain.views, which), qPrintable(QString::number(seed)));
        }
    }

    void withoutSaturationThroughputIsNotJudged() {
        // Loss's chain sends little: whoever claims whatever throughput.
        Chain chain = ChainWorld(1, Metric::Loss, true).run(windows);
        for (Hop& hop : chain.views) {
            for (Hop::Window& window : hop.windows) window.claimed.bitsPerSecond = 1e12;
        }
        QVERIFY(!wasSaturated(chain.views));
        QVERIFY(!locate(chain.views, Metric::Throughput));
        QVERIFY(wasSaturated(ChainWorld(1, Metric::Throughput, true).run(windows).views));
    }

    void aViewOfMoreThanWasSentMakesItsOwnClaimFalse() {
        Chain chain = ChainWorld(1, Metric::Loss, true).run(windows);
        for (Hop::Window& window : chain.views[3].windows) window.packets *= 2;
        const auto found = locate(chain.views, Metric::Loss);
        QVERIFY(found && found->link == 3);
    }

    // Others may send in the same name over a neighbour: who sees more of a flow than the hop before has done nothing.
    void whereMoreOfTheFlowJoinsNobodyLies() {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            Chain chain = ChainWorld(seed, Metric::Loss, true).run(windows);
            for (size_t i = 0; i < 3; ++i) {
                QVERIFY(!isPart(chain.views[i], chain.views.back()));
                for (Hop::Window& window : chain.views[i].windows) window.packets /= 2;
                QVERIFY(isPart(chain.views[i], chain.views.back()));
            }
            QVERIFY2(!locate(chain.views, Metric::Loss), qPrintable(QString::number(seed)));
        }
    }

    // What was claimed for a window is what it is judged by.
    void everyWindowHasItsOwnClaim() {
        Chain chain = ChainWorld(1, Metric::Loss, true).run(windows);
        const auto claim = [&](size_t window, double arrives) {
            for (Hop& hop : chain.views) hop.windows[window].claimed.arrives = arrives;
        };
        // Most of a window is lost at the end of the way, and was said to be.
        chain.views.back().windows[5].packets /= 8;
        QVERIFY(locate(chain.views, Metric::Loss).has_value());
        claim(5, 0.1);
        QVERIFY(!locate(chain.views, Metric::Loss));
        // Said of another one it is no excuse.
        for (Hop& hop : chain.views) std::swap(hop.windows[5].claimed, hop.windows[6].claimed);
        for (Hop& hop : chain.views) hop.windows[6].packets /= 8;
        QVERIFY(locate(chain.views, Metric::Loss).has_value());
    }

    void whatCannotBeComparedNamesNobody() {
        QVERIFY(!locate({}, Metric::Loss));
        Chain chain = ChainWorld(1, Metric::Loss, false).run(windows);
        chain.views[2].windows.pop_back();
        QVERIFY(!locate(chain.views, Metric::Loss));
    }
};

QTEST_APPLESS_MAIN(TestVerify)
#include "test_verify.moc"
