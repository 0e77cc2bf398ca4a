// What a link is worth, by datagrams that come back and by what it has carried.
#include <QtTest>

#include "app/agent/link_echo.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;

namespace {

const LinkEchoes::Place there{"mesh0", LinkAddress{2, 0, 0, 0, 0, 1}};
const LinkEchoes::Place elsewhere{"mesh0", LinkAddress{2, 0, 0, 0, 0, 2}};
const LinkEchoes::Place here{"mesh0", LinkAddress{2, 0, 0, 0, 0, 3}};

// A link with both of its ends, second by second.
struct Ends {
    // So many bytes are sent; of these no more come than it carries.
    void second(uint64_t bytes, uint64_t carries, bool answered = true) {
        now += 1s;
        sent += bytes;
        came += std::min(bytes, carries);
        (void)other.ask(here, now);
        const Bytes asked = one.ask(there, now);
        one.sent(there, sent, now);
        one.sent(there, sent + 1'000'000, now + 1ms);  // a burst is no rate
        other.came(here, came, now);
        const auto answer = other.answerTo(here, asked);
        if (answered) one.answered(there, *answer, now + 5ms);
    }
    [[nodiscard]] double rate() const {
        const auto worth = one.worth(there, now + 5s);
        return worth ? static_cast<double>(worth->bitsPerSecond) : -1;
    }

    LinkEchoes one, other;
    SteadyTime now{1s};
    uint64_t sent = 0, came = 0;
};

bool isAbout(double rate, double expected) { return std::abs(rate - expected) < expected / 50; }

}  // namespace

class TestLinkEcho : public QObject {
    Q_OBJECT

private slots:
    void lossAndTimeAreMeasured() {
        LinkEchoes echoes;
        const LinkEchoes other;
        SteadyTime now{};
        QVERIFY(!echoes.worth(there, now));
        for (int i = 0; i < 100; ++i) {
            const auto answer = other.answerTo(here, echoes.ask(there, now));
            QVERIFY(answer.has_value());
            if (i % 5 != 0) echoes.answered(there, *answer, now + 10ms);
            now += 1s;
        }
        const auto worth = echoes.worth(there, now + 5s);
        QVERIFY(worth.has_value());
        QVERIFY(std::abs(worth->arrives - std::sqrt(0.8)) < 0.01);
        QVERIFY(std::abs(worth->seconds - 0.005) < 1e-6);
        QCOMPARE(worth->bitsPerSecond, uint64_t{0});  // nothing was sent
    }

    void theHighestRateAtWhichItCameIsWhatItCarries() {
        Ends ends;
        for (int i = 0; i < 20; ++i) ends.second(i == 7 ? 5'000'000 : 1'000'000, UINT64_MAX);
        QVERIFY(isAbout(ends.rate(), 40e6));
        // Counted anew, at either end.
        ends.sent = 0;
        ends.second(1'000'000, UINT64_MAX);
        ends.came = 0;
        for (int i = 0; i < 20; ++i) ends.second(1'000'000, UINT64_MAX);
        QVERIFY(isAbout(ends.rate(), 40e6));
    }

    // What is sent into a full queue does not come.
    void whatIsSentInVainIsNotClaimed() {
        Ends ends;
        for (int i = 0; i < 30; ++i) ends.second(10'000'000, 5'000'000);
        QVERIFY(isAbout(ends.rate(), 40e6));
        // The link has become worse; nobody can tell until more is sent than it carries.
        for (int i = 0; i < 30; ++i) ends.second(1'000'000, 2'000'000);
        QVERIFY(isAbout(ends.rate(), 40e6));
        for (int i = 0; i < 25; ++i) ends.second(4'000'000, 2'000'000);
        QVERIFY(isAbout(ends.rate(), 16e6));
        for (int i = 0; i < 25; ++i) ends.second(4'000'000, UINT64_MAX);
        QVERIFY(isAbout(ends.rate(), 32e6));
    }

    // What the link loses anyhow is said of it already.
    void whatIsLostDoesNotFillIt() {
        Ends ends;
        ends.second(8'000'000, UINT64_MAX);
        ends.second(8'000'000, UINT64_MAX);
        for (int i = 0; i < 60; ++i) ends.second(1'000'000, 800'000, i % 3 != 0);
        QVERIFY(isAbout(ends.rate(), 64e6));
    }

    void neighboursDoNotMakeALinkFaster() {
        Ends ends;
        for (int i = 0; i < 20; ++i) {
            ends.came += 100'000'000;
            ends.second(1'000'000, UINT64_MAX);
        }
        QVERIFY(isAbout(ends.rate(), 8e6));
        // Nor does one that says nothing.
        LinkEchoes echoes, silent;
        SteadyTime now{};
        for (uint64_t i = 0; i < 20; ++i) {
            echoes.answered(there, *silent.answerTo(here, echoes.ask(there, now)), now);
            echoes.sent(there, i * 1'000'000, now);
            now += 1s;
        }
        QCOMPARE(echoes.worth(there, now + 5s)->bitsPerSecond, uint64_t{0});
    }

    void onlyAnswersToQuestionsCount() {
        LinkEchoes echoes;
        const LinkEchoes other;
        SteadyTime now{};
        for (int i = 0; i < 20; ++i) {
            const Bytes asked = echoes.ask(there, now);
            const auto answer = other.answerTo(here, asked);
            echoes.answered(elsewhere, *answer, now);  // by another
            echoes.answered(there, asked, now);        // no answer
            Bytes guessed = *answer;
            guessed[5] ^= 1;
            echoes.answered(there, guessed, now);
            echoes.answered(there, *answer, now + 3s);  // too late
            now += 1s;
        }
        QVERIFY(!echoes.worth(there, now + 5s));
        QVERIFY(!other.answerTo(here, Bytes(63, 1)) && !other.answerTo(here, Bytes(64, 1)));
        QVERIFY(!other.answerTo(here, *other.answerTo(here, echoes.ask(there, now))));
    }
};

QTEST_APPLESS_MAIN(TestLinkEcho)
#include "test_link_echo.moc"
