// The starter: a secretary beside the agent that is started again when it dies and ends with its agent.
#include <QtTest>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "app/secretary/launch.h"
#include "tests/core/channel_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
using channel::test::End;
using channel::test::runUntil;
namespace asio = boost::asio;

namespace {

volatile std::sig_atomic_t stopAsked = 0;

// What is launched: this program again, as a secretary that does nothing but answer on its channel.
int secretaryMain(const std::string& mode) {
    if (mode == "dies") return 3;
    if (mode == "descriptors") {  // tells over the listening socket's place which descriptors it has
        std::string open;
        for (int descriptor = 0; descriptor < 256; ++descriptor)
            if (::fcntl(descriptor, F_GETFD) >= 0) open += std::to_string(descriptor) + " ";
        (void)!::write(launchedListening, open.data(), open.size());
    }
    ::signal(SIGTERM, [](int) { stopAsked = 1; });
    asio::io_context io;
    End end(io, channel::Side::Secretary, channel::inheritedSource(io, launchedChannel),
            static_cast<uint64_t>(::getpid()));
    end.onMessage = [&](const channel::Message&) {
        (void)end.channel->send(channel::ApiAnswer{static_cast<uint32_t>(::getpid()), 200, {}, {}});
    };
    while (stopAsked == 0) {
        io.restart();
        io.run_one_for(std::chrono::milliseconds(20));
    }
    if (mode == "stubborn") ::pause();
    return 0;
}

LaunchOptions optionsFor(const std::string& mode) {
    LaunchOptions options;
    options.arguments = {"test_launch", "--secretary", mode};
    options.firstPause = std::chrono::milliseconds(10);
    options.longestPause = std::chrono::milliseconds(50);
    return options;
}

bool isGone(pid_t process) {
    for (int i = 0; i < 500; ++i) {
        std::ifstream status("/proc/" + std::to_string(process) + "/stat");
        std::string text;
        if (!std::getline(status, text) || text.find(") Z") != std::string::npos) return true;
        ::usleep(10000);
    }
    return false;
}

// The agent's side.
struct Agent {
    asio::io_context io;
    std::unique_ptr<LaunchedSecretary> launched;
    channel::InheritedSource* source = nullptr;
    std::unique_ptr<End> end;
    int channels = 0;
    bool gone = false;

    explicit Agent(const LaunchOptions& options) {
        auto started = LaunchedSecretary::start(options);
        if (!started) return;
        launched = std::move(*started);
        auto made = channel::inheritedSource(io);
        source = made.get();
        end = std::make_unique<End>(io, channel::Side::Agent, std::move(made));
        launched->watch(
            io,
            [this](int descriptor) {
                ++channels;
                source->give(descriptor);
            },
            [this] { gone = true; });
    }
    // The process that answers.
    pid_t askWho() {
        end->messages.clear();
        if (!end->channel->send(channel::Counters{})) return -1;
        if (!runUntil(io, [this] { return !end->messages.empty(); })) return -1;
        return static_cast<pid_t>(std::get<channel::ApiAnswer>(end->messages[0]).request);
    }
};

}  // namespace

class LaunchTest : public QObject {
    Q_OBJECT

private slots:
    void aSecretaryIsStartedAndAnswers() {
        Agent agent(optionsFor("serves"));
        QVERIFY(runUntil(agent.io, [&] { return agent.end->ups == 1; }));
        const pid_t secretary = agent.askWho();
        QVERIFY(secretary > 0 && secretary != ::getpid());
        agent.launched = nullptr;
        QVERIFY(isGone(secretary));
    }

    void oneThatIsKilledIsStartedAgain() {
        Agent agent(optionsFor("serves"));
        pid_t before = 0;
        for (int round = 1; round <= 5; ++round) {
            QVERIFY(runUntil(agent.io, [&] { return agent.end->ups == round; }));
            const pid_t secretary = agent.askWho();
            QVERIFY(secretary > 0 && secretary != before);
            before = secretary;
            QCOMPARE(::kill(secretary, SIGKILL), 0);
            QVERIFY(runUntil(agent.io, [&] { return agent.end->downs.size() == static_cast<size_t>(round); }));
        }
        QVERIFY(!agent.gone);
    }

    void oneThatCannotRunIsTriedAgainWithPauses() {
        Agent agent(optionsFor("dies"));
        QVERIFY(runUntil(agent.io, [&] { return agent.channels >= 4; }));
        QCOMPARE(agent.end->ups, 0);
    }

    void oneThatIsAskedToStopIsNotStartedAgain() {
        Agent agent(optionsFor("serves"));
        QVERIFY(runUntil(agent.io, [&] { return agent.end->ups == 1; }));
        const pid_t secretary = agent.askWho();
        agent.launched->askToStop();
        QVERIFY(runUntil(agent.io, [&] { return agent.gone; }));
        QVERIFY(isGone(secretary));
        QCOMPARE(agent.channels, 1);
    }

    void oneThatDoesNotStopIsKilled() {
        auto options = optionsFor("stubborn");
        options.patience = std::chrono::milliseconds(200);
        Agent agent(options);
        QVERIFY(runUntil(agent.io, [&] { return agent.end->ups == 1; }));
        const pid_t secretary = agent.askWho();
        agent.launched->askToStop();
        QVERIFY(runUntil(agent.io, [&] { return agent.gone; }));
        QVERIFY(isGone(secretary));
    }

    void itEndsWithAnAgentThatIsKilled() {
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        const pid_t process = ::fork();
        if (process == 0) {
            Agent agent(optionsFor("serves"));
            (void)runUntil(agent.io, [&] { return agent.end->ups == 1; });
            const pid_t secretary = agent.askWho();
            (void)!::write(ends[1], &secretary, sizeof secretary);
            ::pause();
        }
        pid_t secretary = 0;
        QCOMPARE(::read(ends[0], &secretary, sizeof secretary), static_cast<ssize_t>(sizeof secretary));
        QVERIFY(secretary > 0);
        ::kill(process, SIGKILL);
        ::waitpid(process, nullptr, 0);
        QVERIFY(isGone(secretary));
    }

    void itInheritsNothingButItsChannelAndItsSocket() {
        const int secret = ::open("/dev/null", O_RDONLY);  // without close-on-exec
        QVERIFY(secret > launchedListening);
        const auto [mine, childs] = channel::test::socketPair();
        auto options = optionsFor("descriptors");
        options.listening = childs;
        Agent agent(options);
        std::string text(1000, '\0');
        const ssize_t count = ::read(mine, text.data(), text.size());
        QVERIFY(count > 0);
        text.resize(static_cast<size_t>(count));
        QCOMPARE(text, std::string("0 1 2 3 4 "));
        ::close(secret);
        ::close(mine);
        ::close(childs);
    }
};

int main(int argc, char** argv) {
    if (argc > 2 && std::string(argv[1]) == "--secretary") return secretaryMain(argv[2]);
    LaunchTest test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_launch.moc"
