#include <QtTest>

#include "core/channel/frame.h"
#include "tests/core/channel_fixture.h"

using namespace netpas;
using namespace netpas::channel;
using namespace netpas::channel::test;
namespace asio = boost::asio;

namespace {

// The socket pair as a channel at both ends.
struct Pair {
    asio::io_context io;
    std::pair<int, int> sockets = socketPair();
    End secretary{io, Side::Secretary, inheritedSource(io, sockets.second)};
    End agent{io, Side::Agent, inheritedSource(io, sockets.first)};

    bool up() {
        return runUntil(io, [this] { return agent.ups == 1 && secretary.ups == 1; });
    }
};

Bytes framed(Bytes message, uint32_t sequence, uint8_t version = protocolVersion) {
    return lengthFraming()->wrap(makeFrame({version, true, true, sequence}, message));
}

void writeAll(int socket, const Bytes& bytes) {
    QCOMPARE(::write(socket, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

}  // namespace

class ChannelTest : public QObject {
    Q_OBJECT

private slots:
    void bothEndsAreUpAndKnowWhatTheOtherSaid() {
        Pair pair;
        QVERIFY(pair.up());
        QCOMPARE(pair.secretary.hello.incarnation, uint64_t{1});
        QCOMPARE(pair.secretary.hello.held.size(), size_t{1});
        QVERIFY(pair.agent.welcome.granted == agentCapabilities);
        QVERIFY(pair.agent.channel->isUp() && pair.secretary.channel->isUp());
    }

    void messagesArriveWholeAndInOrder() {
        Pair pair;
        QVERIFY(pair.up());
        for (uint32_t i = 0; i < 50; ++i) {
            const std::string body(i * 5000, static_cast<char>('a' + i % 26));  // up to 15 frames each
            QVERIFY(pair.secretary.channel->send(ApiAnswer{i, 200, "text/plain", body}));
        }
        QVERIFY(runUntil(pair.io, [&] { return pair.agent.messages.size() == 50; }));
        for (uint32_t i = 0; i < 50; ++i) {
            const auto& answer = std::get<ApiAnswer>(pair.agent.messages[i]);
            QCOMPARE(answer.request, i);
            QCOMPARE(answer.body.size(), size_t{i} * 5000);
        }
    }

    void aPeerThatHangsUpIsDownAtOnce() {
        Pair pair;
        QVERIFY(pair.up());
        pair.secretary.channel = nullptr;
        QVERIFY(runUntil(pair.io, [&] { return pair.agent.downs.size() == 1; }));
        QVERIFY(!pair.agent.channel->isUp());
        QCOMPARE(pair.agent.channel->send(Counters{}).error(), SendError::Down);
    }

    void aSilentPeerIsDownWhileBrisk() {
        asio::io_context io;
        const auto [mine, other] = socketPair();
        ChannelTiming timing;
        timing.silence = std::chrono::milliseconds(100);
        timing.heartbeat = std::chrono::milliseconds(30);
        End agent(io, Side::Agent, inheritedSource(io, mine), 1, timing);
        // A secretary that says Welcome and nothing more.
        Bytes input(4096);
        QVERIFY(
            runUntil(io, [&, peer = other] { return ::recv(peer, input.data(), 4, MSG_PEEK | MSG_DONTWAIT) == 4; }));
        const ssize_t count = ::read(other, input.data(), input.size());
        QVERIFY(count > 0);
        std::optional<Message> hello;
        QVERIFY(lengthFraming()->feed(ByteView(input).first(static_cast<size_t>(count)),
                                      [&](ByteView frame) { hello = decode(frame.subspan(frameHeaderSize)).value(); }));
        writeAll(other, framed(encode(Welcome{std::get<Hello>(*hello).nonce, 30, agentCapabilities}).value(), 0));
        QVERIFY(runUntil(io, [&] { return agent.ups == 1; }));
        agent.channel->setBrisk(true);
        QVERIFY(runUntil(io, [&] { return agent.downs.size() == 1; }));
        QVERIFY(agent.downs[0].find("nothing was heard") != std::string::npos);
        ::close(other);
    }

    void aSilentButLivingPeerStaysUp() {
        ChannelTiming timing;
        timing.silence = std::chrono::milliseconds(1000);  // longer than a busy machine lets a process wait
        timing.heartbeat = std::chrono::milliseconds(20);
        asio::io_context io;
        const auto [one, two] = socketPair();
        End secretary(io, Side::Secretary, inheritedSource(io, two), 1, timing);
        End agent(io, Side::Agent, inheritedSource(io, one), 1, timing);
        QVERIFY(runUntil(io, [&] { return agent.ups == 1; }));
        agent.channel->setBrisk(true);
        const auto end = std::chrono::steady_clock::now() + 5 * timing.silence;
        QVERIFY(runUntil(io, [&] { return std::chrono::steady_clock::now() > end; }));
        QVERIFY(agent.downs.empty());
    }

    void whatAnAgentMayNotSendEndsTheSession() {
        Pair pair;
        QVERIFY(pair.up());
        QVERIFY(pair.agent.channel->send(SetFlows{}));
        QVERIFY(runUntil(pair.io, [&] { return pair.secretary.downs.size() == 1; }));
        QVERIFY(pair.secretary.messages.empty());
        QVERIFY(runUntil(pair.io, [&] { return pair.agent.downs.size() == 1; }));
        QVERIFY(pair.agent.downs[0].find("not granted") != std::string::npos);
    }

    void onAnInheritedPairTheNextSessionBeginsOnTheSameLine() {
        Pair pair;
        QVERIFY(pair.up());
        QVERIFY(pair.agent.channel->send(SetFlows{}));
        QVERIFY(runUntil(pair.io, [&] { return pair.agent.downs.size() == 1; }));
        QVERIFY(runUntil(pair.io, [&] { return pair.agent.ups == 2 && pair.secretary.ups == 2; }));
        QVERIFY(pair.agent.channel->send(Counters{}));
        QVERIFY(runUntil(pair.io, [&] { return pair.secretary.messages.size() == 1; }));
    }

    void signsOfLifeForWhoDoesNotReadAreNotKept() {
        asio::io_context io;
        const auto [mine, other] = socketPair();
        End secretary(io, Side::Secretary, inheritedSource(io, mine));
        writeAll(other, framed(encode(Hello{1, 1, "intruder", {}}).value(), 0));
        QVERIFY(runUntil(io, [&] { return secretary.ups == 1; }));
        constexpr uint32_t pings = 100'000;
        for (uint32_t i = 1; i <= pings; ++i) {
            writeAll(other, framed(encode(Ping{i}).value(), i));
            if (i % 100 == 0) io.poll();
        }
        size_t answered = 0;
        Bytes input(65536);
        for (bool more = true; more;) {
            io.poll();
            const ssize_t count = ::recv(other, input.data(), input.size(), MSG_DONTWAIT);
            more = count > 0;
            answered += more ? static_cast<size_t>(count) : 0;
        }
        const size_t ifAll = pings * framed(encode(Pong{1}).value(), 1).size();
        QVERIFY2(answered < ifAll / 2, qPrintable(QString::number(answered) + " of " + QString::number(ifAll)));
        ::close(other);
    }

    void aMaskBoundsWhatIsTaken() {
        const Capabilities onlyRead = Capability::Read;
        QVERIFY(mayCome(ApiRequest{}, Side::Agent, onlyRead));
        QVERIFY(!mayCome(ApiRequest{}, Side::Agent, Capability::Agent));
        QVERIFY(!mayCome(Counters{}, Side::Agent, onlyRead));
        QVERIFY(!mayCome(StreamData{}, Side::Agent, onlyRead));
        QVERIFY(mayCome(Counters{}, Side::Agent, agentCapabilities));
        QVERIFY(!mayCome(SetFlows{}, Side::Agent, agentCapabilities));
        QVERIFY(mayCome(SetFlows{}, Side::Secretary, {}));
        QVERIFY(!mayCome(Counters{}, Side::Secretary, agentCapabilities));
    }

    void aFrameOfAnotherVersionIsAnsweredClearly() {
        asio::io_context io;
        const auto [mine, other] = socketPair();
        End secretary(io, Side::Secretary, inheritedSource(io, mine));
        writeAll(other, framed({1, 2, 3}, 0, protocolVersion + 1));
        QVERIFY(runUntil(io, [&] { return !secretary.troubles.empty(); }));
        QVERIFY(secretary.troubles[0].find("different releases") != std::string::npos);
        Bytes input(4096);
        const ssize_t count = ::read(other, input.data(), input.size());
        std::vector<Message> answers;
        QVERIFY(lengthFraming()->feed(ByteView(input).first(static_cast<size_t>(count)), [&](ByteView frame) {
            answers.push_back(decode(frame.subspan(frameHeaderSize)).value());
        }));
        QCOMPARE(answers.size(), size_t{1});
        QVERIFY(std::get<Goodbye>(answers[0]).reason == Farewell::OtherVersion);
        ::close(other);
    }

    void halfAFrameAndACutIsNoMessage() {
        Pair pair;
        QVERIFY(pair.up());
        asio::io_context io;
        const auto [mine, other] = socketPair();
        End secretary(io, Side::Secretary, inheritedSource(io, mine));
        const Bytes hello = framed(encode(Hello{1, 2, "half", {}}).value(), 0);
        writeAll(other, Bytes(hello.begin(), hello.end() - 3));
        ::close(other);
        (void)runUntil(io, [end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200)] {
            return std::chrono::steady_clock::now() > end;
        });
        QCOMPARE(secretary.ups, 0);
    }

    void garbageOnASocketEndsIt() {
        Pair pair;
        QVERIFY(pair.up());
        asio::io_context io;
        const auto [mine, other] = socketPair();
        End secretary(io, Side::Secretary, inheritedSource(io, mine));
        writeAll(other, Bytes(100, 0xff));
        char byte = 0;
        QVERIFY(runUntil(io, [&, peer = other] { return ::recv(peer, &byte, 1, MSG_DONTWAIT) == 0; }));
        QCOMPARE(secretary.ups, 0);
        ::close(other);
    }

    // --- Unix sockets

    void anAgentComesBackToARestartedSecretary() {
        TemporaryFolder folder;
        asio::io_context io;
        const std::string path = folder.path + "/channel.sock";
        End agent(io, Side::Agent, unixDialer(io, path, {::getuid()}));
        QVERIFY(runUntil(io, [&] { return !agent.troubles.empty(); }));  // nobody is there yet
        for (int round = 1; round <= 3; ++round) {
            End secretary(io, Side::Secretary, unixListener(io, path, {::getuid()}));
            QVERIFY(runUntil(io, [&] { return agent.ups == round; }));
            secretary.channel->stop();
            QVERIFY(runUntil(io, [&] { return agent.downs.size() == static_cast<size_t>(round); }));
        }
    }

    void aSecondAgentIsToldThatTheSecretaryIsBusy() {
        TemporaryFolder folder;
        asio::io_context io;
        const std::string path = folder.path + "/channel.sock";
        End secretary(io, Side::Secretary, unixListener(io, path, {::getuid()}));
        End first(io, Side::Agent, unixDialer(io, path, {::getuid()}), 1);
        QVERIFY(runUntil(io, [&] { return first.ups == 1; }));
        End second(io, Side::Agent, unixDialer(io, path, {::getuid()}), 2);
        const auto isTold = [&] {
            return std::ranges::any_of(second.troubles, [](const std::string& text) {
                return text.find("agent 1 is connected") != std::string::npos;
            });
        };
        QVERIFY(runUntil(io, isTold));
        QCOMPARE(second.ups, 0);
        QVERIFY(first.downs.empty() && first.channel->isUp());
        first.channel->stop();
        QVERIFY(runUntil(io, [&] { return second.ups == 1; }));  // it kept trying
    }

    void theSameAgentTakesItsOwnPlace() {
        TemporaryFolder folder;
        asio::io_context io;
        const std::string path = folder.path + "/channel.sock";
        End secretary(io, Side::Secretary, unixListener(io, path, {::getuid()}));
        End first(io, Side::Agent, unixDialer(io, path, {::getuid()}), 5);
        QVERIFY(runUntil(io, [&] { return first.ups == 1; }));
        End again(io, Side::Agent, unixDialer(io, path, {::getuid()}), 5);
        QVERIFY(runUntil(io, [&] { return again.ups >= 1; }));
        QVERIFY(!secretary.downs.empty());
    }

    void otherUsersAreTurnedAway() {
        TemporaryFolder folder;
        asio::io_context io;
        const std::string path = folder.path + "/channel.sock";
        End secretary(io, Side::Secretary, unixListener(io, path, {::getuid() + 1}));
        End agent(io, Side::Agent, unixDialer(io, path, {::getuid()}));
        QVERIFY(runUntil(io, [&] { return !secretary.troubles.empty(); }));
        QCOMPARE(agent.ups, 0);
        secretary.channel->stop();
        End right(io, Side::Secretary, unixListener(io, path, {::getuid()}));
        End picky(io, Side::Agent, unixDialer(io, path, {::getuid() + 1}));
        QVERIFY(runUntil(io, [&] {
            return std::ranges::any_of(
                picky.troubles, [](const std::string& text) { return text.find("another user") != std::string::npos; });
        }));
        QCOMPARE(picky.ups, 0);
    }

    void theSocketIsOnlyItsOwners() {
        TemporaryFolder folder;
        asio::io_context io;
        const std::string path = folder.path + "/channel.sock";
        End secretary(io, Side::Secretary, unixListener(io, path, {::getuid()}));
        QVERIFY(runUntil(io, [&] { return std::filesystem::exists(path); }));
        const auto mode = std::filesystem::status(path).permissions() & std::filesystem::perms::all;
        QVERIFY(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    }

    // --- TLS

    void overTlsBothKeysCount() {
        asio::io_context io;
        const Identity agentKey = Identity::fromSeed({1});
        const Identity secretaryKey = Identity::fromSeed({2});
        const Identity stranger = Identity::fromSeed({3});
        const Endpoint at{IpAddress::parse("127.0.0.1").value(), 46799};
        End secretary(io, Side::Secretary, tlsListener(io, secretaryKey, at, [&](const PublicKey& key) {
                          return key == agentKey.publicKey();
                      }));
        End unknown(io, Side::Agent, tlsDialer(io, stranger, at, secretaryKey.publicKey()), 9);
        End deceived(io, Side::Agent, tlsDialer(io, agentKey, at, stranger.publicKey()), 8);
        End agent(io, Side::Agent, tlsDialer(io, agentKey, at, secretaryKey.publicKey()), 1);
        QVERIFY(
            runUntil(io, [&] { return agent.ups == 1 && !unknown.troubles.empty() && !deceived.troubles.empty(); }));
        QCOMPARE(unknown.ups, 0);
        QCOMPARE(deceived.ups, 0);
        QVERIFY(secretary.channel->send(ApiAnswer{1, 200, "text/plain", std::string(900000, 'x')}));
        QVERIFY(runUntil(io, [&] { return agent.messages.size() == 1; }));
        secretary.channel->stop();
        QVERIFY(runUntil(io, [&] { return agent.downs.size() == 1; }));
    }
};

QTEST_GUILESS_MAIN(ChannelTest)
#include "test_channel.moc"
