// The channel over pseudo-terminals: garbage, lost bytes, unplugging.
#include <QtTest>

#include <random>

#include "core/channel/frame.h"
#include "tests/core/channel_fixture.h"

using namespace netpas;
using namespace netpas::channel;
using namespace netpas::channel::test;
namespace asio = boost::asio;

namespace {

struct Dongle {
    TemporaryFolder folder;
    SerialCable cable{folder.path};
    asio::io_context io;
    std::unique_ptr<End> agent, secretary;

    void connect() {
        agent = std::make_unique<End>(io, Side::Agent, serialSource(io, cable.device(0)));
        secretary = std::make_unique<End>(io, Side::Secretary, serialSource(io, cable.device(1)));
    }
    bool up(int times) {
        return runUntil(io,
                        [&] { return agent->channel->isUp() && secretary->channel->isUp() && agent->ups >= times; });
    }
};

}  // namespace

class ChannelSerialTest : public QObject {
    Q_OBJECT

private slots:
    void cobsHasNoZeroAndComesBack() {
        std::mt19937 random(1);
        for (size_t size = 0; size < 1200; ++size) {
            Bytes bytes(size);
            for (uint8_t& byte : bytes)
                byte = size % 3 == 0 ? uint8_t{1} : static_cast<uint8_t>(random() % (size % 2 ? 256 : 2));
            const Bytes stuffed = cobsEncode(bytes);
            QVERIFY(std::ranges::find(stuffed, uint8_t{0}) == stuffed.end());
            QVERIFY(cobsDecode(stuffed) == bytes);
        }
        QVERIFY(!cobsDecode(Bytes{5, 1}));
        QVERIFY(!cobsDecode(Bytes{3, 0, 1}));
    }

    void crcIsTheCommonOne() {
        const std::string text = "123456789";
        QCOMPARE(crc32({reinterpret_cast<const uint8_t*>(text.data()), text.size()}), 0xcbf43926U);
    }

    void serialFramesSurviveEverySplitAndLeadingGarbage() {
        const auto sender = serialFraming();
        const Bytes frame = makeFrame({1, true, true, 3}, Bytes{0, 1, 0, 2});
        Bytes line{7, 7, 7};
        const Bytes wrapped = sender->wrap(frame);
        line.insert(line.end(), wrapped.begin(), wrapped.end());
        for (size_t split = 0; split <= line.size(); ++split) {
            const auto receiver = serialFraming();
            std::vector<Bytes> got;
            const auto take = [&](ByteView one) { got.emplace_back(one.begin(), one.end()); };
            const bool first = receiver->feed(ByteView(line).first(split), take);
            const bool second = receiver->feed(ByteView(line).subspan(split), take);
            QVERIFY(!(first && second));  // the garbage was noticed
            QCOMPARE(got.size(), size_t{1});
            QVERIFY(got[0] == frame);
        }
    }

    void everyFlippedBitIsNoticed() {
        const Bytes frame = makeFrame({1, true, true, 3}, Bytes{0, 1, 0, 2});
        const Bytes wrapped = serialFraming()->wrap(frame);
        for (size_t bit = 8; bit < (wrapped.size() - 1) * 8; ++bit) {
            Bytes damaged = wrapped;
            damaged[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            size_t taken = 0;
            const bool whole = serialFraming()->feed(damaged, [&](ByteView) { ++taken; });
            QVERIFY(!whole);
            QCOMPARE(taken, size_t{0});
        }
    }

    void theLineCarriesLargeMessagesBothWays() {
        Dongle dongle;
        dongle.cable.plug();
        dongle.connect();
        QVERIFY(dongle.up(1));
        QVERIFY(dongle.secretary->channel->send(ApiAnswer{1, 200, "text/plain", std::string(100000, '\0')}));
        ApiRequest request;
        request.body = std::string(60000, '\x7f');
        QVERIFY(dongle.agent->channel->send(request));
        QVERIFY(runUntil(dongle.io,
                         [&] { return dongle.agent->messages.size() == 1 && dongle.secretary->messages.size() == 1; }));
        QCOMPARE(std::get<ApiAnswer>(dongle.agent->messages[0]).body.size(), size_t{100000});
        QVERIFY(dongle.agent->downs.empty());
    }

    void aLineFullOfGarbageBeforeTheSessionIsNoObstacle() {
        Dongle dongle;
        dongle.cable.plug();
        dongle.connect();
        std::mt19937 random(2);
        for (int round = 0; round < 20; ++round) {
            std::string noise(500, '\0');
            for (char& byte : noise) byte = static_cast<char>(random());
            dongle.cable.noise(round % 2, noise);
        }
        QVERIFY(dongle.up(1));
        QVERIFY(dongle.agent->channel->send(Counters{}));
        QVERIFY(runUntil(dongle.io, [&] { return !dongle.secretary->messages.empty(); }));
    }

    // Whichever end notices, both begin anew and no message is taken twice or out of order.
    void lostBytesEndTheSessionAndTheNextOneBegins() {
        for (const int towards : {0, 1}) {
            Dongle dongle;
            dongle.cable.plug();
            dongle.connect();
            QVERIFY(dongle.up(1));
            dongle.cable.lose(towards, 5);
            for (uint32_t i = 0; i < 20; ++i) {
                (void)dongle.agent->channel->send(AgentState{true, std::to_string(i)});
                (void)dongle.secretary->channel->send(ApiAnswer{i, 200, {}, {}});
            }
            QVERIFY(
                runUntil(dongle.io, [&] { return !dongle.agent->downs.empty() && !dongle.secretary->downs.empty(); }));
            QVERIFY(dongle.up(2));
            uint32_t next = 0;
            for (const Message& message : dongle.agent->messages)
                QCOMPARE(std::get<ApiAnswer>(message).request, next++);
        }
    }

    void aWholeLostFrameIsNoticedToo() {
        Dongle dongle;
        dongle.cable.plug();
        dongle.connect();
        QVERIFY(dongle.up(1));
        // A frame that skips a number, as if the one before had been swallowed with its delimiters.
        const Bytes later = serialFraming()->wrap(makeFrame({1, true, true, 9}, encode(Pong{1}).value()));
        dongle.cable.noise(1, {later.begin(), later.end()});
        QVERIFY(runUntil(dongle.io, [&] { return !dongle.secretary->downs.empty(); }));
        QVERIFY(dongle.up(2));
    }

    void unpluggedFiftyTimes() {
        Dongle dongle;
        dongle.connect();  // before the device is there
        for (int round = 1; round <= 50; ++round) {
            dongle.cable.plug();
            QVERIFY(dongle.up(round));
            QVERIFY(dongle.agent->channel->send(Counters{}));
            // In the middle of a message that takes many frames.
            (void)dongle.secretary->channel->send(ApiAnswer{1, 200, {}, std::string(500000, 'x')});
            (void)runUntil(dongle.io, [&] { return dongle.secretary->messages.size() >= static_cast<size_t>(round); });
            dongle.cable.unplug();
            QVERIFY(runUntil(dongle.io,
                             [&] { return !dongle.agent->channel->isUp() && !dongle.secretary->channel->isUp(); }));
        }
        QVERIFY(dongle.secretary->messages.size() >= 50);
    }

    void whatIsNoSerialDeviceIsNamed() {
        TemporaryFolder folder;
        asio::io_context io;
        End missing(io, Side::Agent, serialSource(io, folder.path + "/none"));
        End file(io, Side::Agent, serialSource(io, "/dev/null"));
        End odd(io, Side::Agent, serialSource(io, "/dev/null", 12345));
        QVERIFY(
            runUntil(io, [&] { return !missing.troubles.empty() && !file.troubles.empty() && !odd.troubles.empty(); }));
        QVERIFY(missing.troubles[0].find("plug the device in") != std::string::npos);
        QVERIFY(file.troubles[0].find("not a serial device") != std::string::npos);
        QVERIFY(odd.troubles[0].find("115200") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(ChannelSerialTest)
#include "test_channel_serial.moc"
