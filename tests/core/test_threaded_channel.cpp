#include <QtTest>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>

#include "core/channel/threaded_channel.h"
#include "tests/core/channel_fixture.h"

using namespace netpas;
using namespace netpas::channel;
using namespace netpas::channel::test;
using std::chrono::milliseconds;

namespace {

// The agent runs on a thread of its own, as if it were another process.
struct Apart {
    boost::asio::io_context io;   // the secretary's control thread: this one
    boost::asio::io_context far;  // the agent's
    std::unique_ptr<ThreadedChannel> secretary;
    std::unique_ptr<End> agent;
    std::thread thread;
    std::vector<Message> messages;
    std::vector<std::string> downs;
    int ups = 0;

    explicit Apart(ChannelTiming timing) {
        const auto [mine, other] = socketPair();
        Channel::Handlers handlers;
        handlers.onHello = [this](const Hello&) { ++ups; };
        handlers.onDown = [this](const std::string& why) { downs.push_back(why); };
        handlers.onMessage = [this](Message message) { messages.push_back(std::move(message)); };
        secretary = std::make_unique<ThreadedChannel>(
            io, [end = other](boost::asio::io_context& line) { return inheritedSource(line, end); },
            std::move(handlers), agentCapabilities, timing);
        agent = std::make_unique<End>(far, Side::Agent, inheritedSource(far, mine), 1, timing);
    }
    // What the agent's thread says of itself.
    template <typename Function>
    auto ask(Function function) {
        std::promise<decltype(function(*agent))> answer;
        boost::asio::post(far, [&] { answer.set_value(function(*agent)); });
        return answer.get_future().get();
    }
    bool up() {
        if (!secretary->start()) return false;
        thread = std::thread([this] {
            const auto guard = boost::asio::make_work_guard(far);
            far.run();
        });
        // Each side greets, and is up when it has heard the other.
        return runUntil(io, [this] { return ups == 1; }) &&
               runUntil(io, [this] { return ask([](End& end) { return end.channel->isUp(); }); });
    }
    ~Apart() {
        secretary = nullptr;
        boost::asio::post(far, [this] { agent = nullptr; });
        boost::asio::post(far, [this] { far.stop(); });
        if (thread.joinable()) thread.join();
    }
};

ChannelTiming brief() {
    ChannelTiming timing;
    timing.heartbeat = milliseconds(100);
    timing.silence = milliseconds(2000);  // longer than a busy machine lets a thread wait
    return timing;
}

}  // namespace

class TestThreadedChannel : public QObject {
    Q_OBJECT

private slots:
    void messagesGoBothWays() {
        Apart apart(brief());
        QVERIFY(apart.up());
        for (uint32_t i = 0; i < 20; ++i) QVERIFY(apart.secretary->send(ApiAnswer{i, 200, "text/plain", "x"}));
        QVERIFY(apart.ask([](End& agent) { return agent.channel->send(AgentState{true, "here"}).has_value(); }));
        QVERIFY(runUntil(apart.io, [&] { return apart.messages.size() == 1; }));
        QVERIFY(runUntil(apart.io, [&] { return apart.ask([](End& agent) { return agent.messages.size(); }) == 20; }));
    }

    // The disk takes its time, and the connection stays paid.
    void aControlThreadThatWaitsIsNotMissed() {
        Apart apart(brief());
        QVERIFY(apart.up());
        apart.secretary->setBrisk(true);
        apart.ask([](End& agent) { return agent.channel->setBrisk(true), 0; });
        std::this_thread::sleep_for(2 * brief().silence);
        QCOMPARE(apart.ask([](End& agent) { return agent.downs.size(); }), size_t{0});
        QVERIFY(apart.secretary->isUp());
    }

    // What the agent says waits in a bounded queue, and an agent that is not heard any more notices.
    void aControlThreadThatHangsIsNoticed() {
        Apart apart(brief());
        QVERIFY(apart.up());
        apart.ask([](End& agent) { return agent.channel->setBrisk(true), 0; });
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        // Again and again, as an agent does: what does not fit into the channel at once is not taken.
        while (apart.ask([](End& agent) {
            for (int i = 0; i < 100; ++i) (void)agent.channel->send(AgentState{true, "still here"});
            return agent.downs.empty();
        })) {
            QVERIFY(std::chrono::steady_clock::now() < end);
            std::this_thread::sleep_for(milliseconds(20));
        }
        QVERIFY(apart.messages.empty());
        // It hears everything that was said when it runs again, and a new session begins.
        QVERIFY(runUntil(apart.io, [&] { return apart.ups >= 2; }));
        QVERIFY(apart.messages.size() >= 256);
    }

    void aSessionThatIsOverTakesNothingMore() {
        Apart apart(brief());
        QVERIFY(apart.up());
        apart.ask([](End& agent) { return agent.channel = nullptr, 0; });
        QVERIFY(runUntil(apart.io, [&] { return apart.downs.size() == 1; }));
        QVERIFY(!apart.secretary->isUp());
        QCOMPARE(apart.secretary->send(ApiAnswer{1, 200, "text/plain", "x"}).error(), SendError::Down);
    }

    void whatIsTooLongIsRefusedAtOnce() {
        Apart apart(brief());
        QVERIFY(apart.up());
        QCOMPARE(apart.secretary->send(ApiAnswer{1, 200, "text/plain", std::string(maxAnswerBody + 1, 'x')}).error(),
                 SendError::TooLarge);
        QVERIFY(apart.secretary->isUp());
    }

    void aChannelThatNeverStartedEnds() { Apart apart(brief()); }

    void anAgentThatFloodsDoesNotKeepTheEndFromEnding() {
        Apart apart(brief());
        QVERIFY(apart.up());
        apart.ask([](End& agent) {
            for (int i = 0; i < 1000; ++i) (void)agent.channel->send(AgentState{true, "still here"});
            return 0;
        });
        std::this_thread::sleep_for(milliseconds(50));  // its thread waits for room
        apart.secretary = nullptr;
    }
};

QTEST_GUILESS_MAIN(TestThreadedChannel)
#include "test_threaded_channel.moc"
