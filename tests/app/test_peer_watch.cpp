// Processes that have asked for something: until they end.
#include <sys/wait.h>
#include <unistd.h>
#include <QtTest>
#include <boost/asio/io_context.hpp>
#include <csignal>

#include "app/agent/peer_watch.h"

using netpas::agent::PeerWatch;

namespace {

// Sleeps until it is killed.
struct Child {
    pid_t pid = ::fork();
    Child() {
        if (pid == 0) {
            ::pause();
            ::_exit(0);
        }
    }
    ~Child() { end(); }
    void end() {
        if (pid <= 0) return;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        pid = 0;
    }
    [[nodiscard]] uint32_t number() const { return static_cast<uint32_t>(pid); }
};

}  // namespace

class TestPeerWatch : public QObject {
    Q_OBJECT

    boost::asio::io_context m_io;
    int m_ends = 0;

    bool ended(int times) {
        for (int i = 0; i < 500 && m_ends < times; ++i) {
            m_io.restart();
            m_io.run_one_for(std::chrono::milliseconds(20));
        }
        return m_ends == times;
    }

private slots:
    void init() { m_ends = 0; }

    void aProcessIsThereUntilItEnds() {
        PeerWatch watch(m_io, [this] { ++m_ends; });
        Child first, second;
        watch.saw(first.pid);
        watch.saw(second.pid);
        watch.saw(first.pid);
        std::vector<uint32_t> both{first.number(), second.number()};
        std::sort(both.begin(), both.end());
        QCOMPARE(watch.running(), both);
        first.end();
        QVERIFY(ended(1));
        QCOMPARE(watch.running(), std::vector<uint32_t>{second.number()});
    }

    void aProcessThatIsGoneAlreadyIsNotThere() {
        PeerWatch watch(m_io, [this] { ++m_ends; });
        Child child;
        const pid_t gone = child.pid;
        child.end();
        watch.saw(gone);
        QVERIFY(watch.running().empty());
    }

    void theOneSeenLongestAgoMakesRoom() {
        PeerWatch watch(
            m_io, [this] { ++m_ends; }, 2);
        Child first, second, third;
        watch.saw(first.pid);
        watch.saw(second.pid);
        watch.saw(first.pid);
        watch.saw(third.pid);
        const auto running = watch.running();
        QCOMPARE(running.size(), size_t{2});
        QVERIFY(std::find(running.begin(), running.end(), second.number()) == running.end());
        second.end();
        first.end();
        QVERIFY(ended(1));
    }

    void nothingIsToldAfterwards() {
        Child child;
        {
            PeerWatch watch(m_io, [this] { ++m_ends; });
            watch.saw(child.pid);
        }
        child.end();
        m_io.restart();
        m_io.run_for(std::chrono::milliseconds(50));
        QCOMPARE(m_ends, 0);
    }
};

QTEST_GUILESS_MAIN(TestPeerWatch)
#include "test_peer_watch.moc"
