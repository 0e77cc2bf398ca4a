// What a link is worth, by datagrams that come back and by what it has carried.
#include <QtTest>

#include "app/agent/link_echo.h"

using namespace netpas;
using namespace netpas::agent;
using namespace std::chrono_literals;

namespace {

const LinkEchoes::Place there{"mesh0", LinkAddress{2, 0, 0, 0, 0, 1}};
const LinkEchoes::Place elsewhere{"mesh0", LinkAddress{2, 0, 0, 0, 0, 2}};

}  // namespace

class TestLinkEcho : public QObject {
    Q_OBJECT

private slots:
    void lossAndTimeAreMeasured() {
        LinkEchoes echoes;
        SteadyTime now{};
        QVERIFY(!echoes.worth(there, now));
        for (int i = 0; i < 100; ++i) {
            const auto answer = LinkEchoes::answerTo(echoes.ask(there, now));
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

    void theHighestRateIsWhatItCarries() {
        LinkEchoes echoes;
        SteadyTime now{};
        uint64_t bytes = 0;
        for (int i = 0; i < 20; ++i) {
            echoes.answered(there, *LinkEchoes::answerTo(echoes.ask(there, now)), now);
            echoes.sent(there, bytes, now);
            echoes.sent(there, bytes + 1'000'000, now + 1ms);  // a burst is no rate
            bytes += i == 7 ? 5'000'000 : 1'000'000;
            now += 1s;
        }
        QCOMPARE(echoes.worth(there, now + 5s)->bitsPerSecond, uint64_t{40'000'000});
        echoes.sent(there, 0, now);  // counted anew
        QCOMPARE(echoes.worth(there, now + 5s)->bitsPerSecond, uint64_t{40'000'000});
    }

    void onlyAnswersToQuestionsCount() {
        LinkEchoes echoes;
        SteadyTime now{};
        for (int i = 0; i < 20; ++i) {
            const Bytes asked = echoes.ask(there, now);
            const auto answer = LinkEchoes::answerTo(asked);
            echoes.answered(elsewhere, *answer, now);  // by another
            echoes.answered(there, asked, now);        // no answer
            Bytes guessed = *answer;
            guessed[5] ^= 1;
            echoes.answered(there, guessed, now);
            echoes.answered(there, *answer, now + 3s);  // too late
            now += 1s;
        }
        QVERIFY(!echoes.worth(there, now + 5s));
        QVERIFY(!LinkEchoes::answerTo(Bytes(63, 1)) && !LinkEchoes::answerTo(Bytes(64, 1)));
        QVERIFY(!LinkEchoes::answerTo(*LinkEchoes::answerTo(echoes.ask(there, now))));
    }
};

QTEST_APPLESS_MAIN(TestLinkEcho)
#include "test_link_echo.moc"
