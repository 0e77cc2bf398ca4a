// STAMP test packets, sender and reflector (RFC 8762, RFC 8972), in memory and over loopback.
#include <QtTest>

#include <poll.h>

#include "core/crypto/identity.h"
#include "core/stamp/reflector.h"
#include "core/stamp/sender.h"
#include "core/stamp/stamp_socket.h"

using namespace netpas;
using namespace netpas::stamp;
using namespace std::chrono_literals;

namespace {

const SystemTime start{std::chrono::hours(490'000)};
const Endpoint somebody{*IpAddress::parse("192.0.2.1"), 40000};

Key keyOf(uint8_t byte) {
    Key key{};
    key.fill(byte);
    return key;
}

Arrival arrival(SystemTime time = start) { return {somebody, time, 250, 46 << 2}; }

// Sender and reflector with a network between them that loses what it is told to.
struct Loop {
    explicit Loop(std::optional<Key> key = {})
        : sender({key, {}, 77, 0, 2000ms}), reflector({key, {}, 100'000, 16, 900s}) {}

    enum class Fate { Arrives, LostThere, LostBack };
    std::optional<Sample> exchange(Fate fate) {
        const Bytes request = sender.next(clock, steady);
        if (fate == Fate::LostThere) return step();
        const auto reply = reflector.answer(request, arrival(clock + 10ms), clock + 13ms);
        if (!reply || fate == Fate::LostBack) return step();
        const auto sample = sender.take(*reply, clock + 20ms, steady + 20ms);
        step();
        return sample;
    }
    std::optional<Sample> step() {
        clock += 100ms;
        steady += 100ms;
        return std::nullopt;
    }

    SystemTime clock = start;
    SteadyTime steady{1h};
    SenderSession sender;
    Reflector reflector;
};

}  // namespace

class TestStamp : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    // Sizes and places of the fields are those of RFC 8762 §4.2.1 and §4.3.1, with the session of RFC 8972 §3.
    void openPacketsHaveTheirFieldsInTheirPlaces() {
        const SenderPacket packet{0x01020304, 0x1112131415161718, {true, false, 5, 9}, 0xabcd, {}};
        const Bytes bytes = encode(packet, {});
        QCOMPARE(bytes.size(), openSize);
        QCOMPARE(load32(bytes.data()), packet.sequence);
        QCOMPARE(load64(bytes.data() + 4), packet.timestamp);
        QCOMPARE(load16(bytes.data() + 12), uint16_t{0x8509});
        QCOMPARE(load16(bytes.data() + 14), packet.session);
        QCOMPARE(*decodeSender(bytes, {}), packet);
        ReflectorPacket reply{7, 8, {}, 0xabcd, 9, 10, 11, {true, false, 1, 2}, 200, {}};
        const Bytes answer = encode(reply, {});
        QCOMPARE(answer.size(), openSize);
        QCOMPARE(load64(answer.data() + 16), reply.received);
        QCOMPARE(load32(answer.data() + 24), reply.senderSequence);
        QCOMPARE(load64(answer.data() + 28), reply.senderTimestamp);
        QCOMPARE(load16(answer.data() + 36), uint16_t{0x8102});
        QCOMPARE(answer[40], uint8_t{200});
        QCOMPARE(*decodeReflector(answer, {}), reply);
    }

    void sealedPacketsAreOfTheKeysOwner() {
        SenderPacket packet;
        packet.sequence = 5;
        Bytes bytes = encode(packet, keyOf(1));
        QCOMPARE(bytes.size(), sealedSize);
        QCOMPARE(*decodeSender(bytes, keyOf(1)), packet);
        QCOMPARE(decodeSender(bytes, keyOf(2)).error(), StampError::WrongMac);
        bytes[17] ^= 1;
        QCOMPARE(decodeSender(bytes, keyOf(1)).error(), StampError::WrongMac);
        ReflectorPacket reply;
        reply.senderTtl = 3;
        reply.received = 4;
        const Bytes answer = encode(reply, keyOf(1));
        QCOMPARE(answer.size(), sealedSize);
        QCOMPARE(*decodeReflector(answer, keyOf(1)), reply);
    }

    void timesSurviveTheWayToNtpAndBack() {
        for (const auto since : {0us, 1us, 999'999us, std::chrono::microseconds(1'700'000'000'123'457)}) {
            const SystemTime time{since};
            QVERIFY(fromTimestamp(toNtp(time), false) - time < 1us);
            QVERIFY(fromTimestamp(toNtp(time), false) >= time);
        }
        QCOMPARE(fromTimestamp((uint64_t{100} << 32) | 250'000'000, true), SystemTime(100s + 250ms));
    }

    void anAnswerSaysWhatArrived() {
        Reflector reflector({{}, {}, 200, 16, 900s});
        SenderPacket packet;
        packet.sequence = 40;
        packet.timestamp = toNtp(start);
        packet.session = 9;
        const auto reply =
            decodeReflector(*reflector.answer(encode(packet, {}), arrival(start + 5ms), start + 6ms), {});
        QVERIFY(reply.has_value());
        QCOMPARE(reply->sequence, uint32_t{0});
        QCOMPARE(reply->senderSequence, uint32_t{40});
        QCOMPARE(reply->senderTimestamp, packet.timestamp);
        QCOMPARE(reply->received, toNtp(start + 5ms));
        QCOMPARE(reply->timestamp, toNtp(start + 6ms));
        QCOMPARE(reply->session, uint16_t{9});
        QCOMPARE(reply->senderTtl, uint8_t{250});
    }

    void extensionsAreAnsweredOrMarked() {
        Reflector reflector({{}, {}, 200, 16, 900s});
        SenderPacket packet;
        packet.tlvs = {{tlv::unrecognized, tlv::extraPadding, Bytes(100, 3)},
                       {tlv::unrecognized, tlv::classOfService, Bytes{0x28, 0, 0, 0}},  // DSCP1 = 10
                       {tlv::unrecognized, 200, Bytes{1, 2}},
                       {tlv::unrecognized, tlv::directMeasurement, Bytes(12, 0)}};
        const Bytes request = encode(packet, {});
        const auto answer = reflector.answer(request, arrival(), start);
        QCOMPARE(answer->size(), request.size());
        const auto reply = decodeReflector(*answer, {});
        QCOMPARE(reply->tlvs.size(), size_t{4});
        QCOMPARE(reply->tlvs[0], (Tlv{0, tlv::extraPadding, Bytes(100, 3)}));
        QCOMPARE(load32(reply->tlvs[1].value.data()) >> 26, uint32_t{10});
        QCOMPARE(load32(reply->tlvs[1].value.data()) >> 20 & 63, uint32_t{46});  // what arrived
        QCOMPARE(reply->tlvs[2].flags, tlv::unrecognized);
        QCOMPARE(load32(reply->tlvs[3].value.data() + 4), uint32_t{1});
        // One that claims more than there is.
        Bytes broken = encode(SenderPacket{}, {});
        broken.insert(broken.end(), {0x80, tlv::extraPadding, 0xff, 0xff, 1, 2});
        const auto marked = reflector.answer(broken, arrival(), start);
        QCOMPARE(marked->size(), broken.size());
        QCOMPARE(decodeReflector(*marked, {})->tlvs.at(0).flags, tlv::malformed);
    }

    void whatIsNoTestPacketIsNotAnswered() {
        Reflector reflector({keyOf(1), {}, 200, 16, 900s});
        QVERIFY(!reflector.answer(Bytes(43, 0), arrival(), start));
        QVERIFY(!reflector.answer(encode(SenderPacket{}, keyOf(2)), arrival(), start));
        QVERIFY(!reflector.answer(Bytes(maxSize + 1, 0), arrival(), start));
        QCOMPARE(reflector.counts().malformed, uint64_t{2});
        QCOMPARE(reflector.counts().unauthenticated, uint64_t{1});
        QCOMPARE(reflector.counts().answered, uint64_t{0});
    }

    void nobodyMakesTheReflectorWorkOrRememberWithoutEnd() {
        Reflector reflector({{}, {}, 10, 16, 900s});
        const Bytes request = encode(SenderPacket{}, {});
        int answered = 0;
        for (int i = 0; i < 50; ++i) answered += reflector.answer(request, arrival(), start) ? 1 : 0;
        QCOMPARE(answered, 10);
        QVERIFY(reflector.answer(request, arrival(), start + 1s));
        for (uint16_t port = 1; port < 500; ++port) {
            Arrival other = arrival();
            other.from.port = port;
            (void)reflector.answer(request, other, start + std::chrono::seconds(2 + port));
        }
        QVERIFY(reflector.sessions() <= 16);
        (void)reflector.answer(request, arrival(), start + 2h);
        QCOMPARE(reflector.sessions(), size_t{1});
    }

    void aRoundTripDoesNotCountTheReflectorsTime() {
        Loop loop;
        const auto sample = loop.exchange(Loop::Fate::Arrives);
        QVERIFY(sample);
        QVERIFY(sample->roundTrip > 16'990us && sample->roundTrip < 17'010us);  // 20 ms less 3
        QVERIFY(!sample->there);                                                // nobody says that the clocks agree
        QCOMPARE(sample->hopsThere, uint8_t{5});
    }

    void lossesAreToldApart() {
        for (const auto& key : {std::optional<Key>(), std::optional(keyOf(4))}) {
            Loop loop(key);
            using enum Loop::Fate;
            for (const auto fate :
                 {Arrives, LostThere, LostThere, LostBack, Arrives, LostBack, Arrives, Arrives, LostThere})
                loop.exchange(fate);
            loop.sender.expire(loop.steady + 2s);
            const Tally& tally = loop.sender.tally();
            QCOMPARE(tally.sent, uint64_t{9});
            QCOMPARE(tally.answered, uint64_t{4});
            QCOMPARE(tally.lost, uint64_t{5});
            QCOMPARE(tally.lostThere, uint64_t{2});  // the last one is not known
            QCOMPARE(tally.lostBack, uint64_t{2});
            QVERIFY(!loop.sender.waiting());
        }
    }

    void answersThatAreForgedDoubledOrLateCountForNothing() {
        Loop loop;
        const Bytes request = loop.sender.next(loop.clock, loop.steady);
        const Bytes reply = *loop.reflector.answer(request, arrival(loop.clock), loop.clock);
        Bytes forged = reply;
        forged[30] ^= 1;  // our timestamp
        QVERIFY(!loop.sender.take(forged, loop.clock, loop.steady));
        Bytes other = reply;
        other[15] ^= 1;  // session
        QVERIFY(!loop.sender.take(other, loop.clock, loop.steady));
        QVERIFY(!loop.sender.take(Bytes(20, 0), loop.clock, loop.steady));
        QVERIFY(loop.sender.take(reply, loop.clock, loop.steady + 5ms));
        const Bytes second = loop.sender.next(loop.clock, loop.steady);
        const Bytes answer = *loop.reflector.answer(second, arrival(loop.clock), loop.clock);
        loop.sender.expire(loop.steady + 3s);
        QVERIFY(!loop.sender.take(answer, loop.clock, loop.steady + 3s));
        QVERIFY(!loop.sender.take(reply, loop.clock, loop.steady));
        const Tally& tally = loop.sender.tally();
        QCOMPARE(tally.foreign, uint64_t{3});
        QCOMPARE(tally.late, uint64_t{2});
        QCOMPARE(tally.answered, uint64_t{1});
        QCOMPARE(tally.lost, uint64_t{1});
    }

    void answersThatNoHonestReflectorGivesAreNoSamples() {
        using enum Loop::Fate;
        const auto lie = [](Loop& loop, const std::function<void(ReflectorPacket&)>& change) {
            const Bytes request = loop.sender.next(loop.clock, loop.steady);
            auto reply = *decodeReflector(*loop.reflector.answer(request, arrival(loop.clock), loop.clock + 1ms), {});
            change(reply);
            const auto sample = loop.sender.take(encode(reply, {}), loop.clock + 5ms, loop.steady + 5ms);
            loop.step();
            return sample.has_value();
        };
        Loop loop;
        QVERIFY(lie(loop, [](ReflectorPacket&) {}));
        QVERIFY(!lie(loop, [&](ReflectorPacket& p) { p.timestamp = toNtp(loop.clock + 1h); }));   // had it for an hour
        QVERIFY(!lie(loop, [&](ReflectorPacket& p) { p.timestamp = toNtp(loop.clock - 1ms); }));  // answered before
        QVERIFY(!lie(loop, [&](ReflectorPacket& p) { p.sequence = 0; }));    // a number for the second time
        QVERIFY(!lie(loop, [&](ReflectorPacket& p) { p.sequence = 100; }));  // of so many that were never sent
        QVERIFY(lie(loop, [](ReflectorPacket&) {}));
        QCOMPARE(loop.sender.tally().impossible, uint64_t{4});
        QCOMPARE(loop.sender.tally().answered, uint64_t{2});
        loop.sender.expire(loop.steady + 3s);
        QCOMPARE(loop.sender.tally().lost, uint64_t{0});  // a lie is no loss
    }

    void whatAReflectorSaysToHaveTakenIsBelievedToALimit() {
        Loop loop;
        loop.sender = SenderSession({{}, {}, 77, 0, 2000ms, 1ms});
        const auto sample = loop.exchange(Loop::Fate::Arrives);  // 3 of 20 ms
        QVERIFY(sample);
        QCOMPARE(sample->roundTrip, 19ms);
    }

    void eachAnswerSaysWhatWasLostSinceTheOneBefore() {
        Loop loop;
        using enum Loop::Fate;
        QCOMPARE(loop.exchange(Arrives)->sent, 0U);  // before it nothing is known
        for (const auto fate : {LostThere, LostBack, LostThere}) loop.exchange(fate);
        const auto sample = loop.exchange(Arrives);
        QCOMPARE(sample->sent, 4U);
        QCOMPARE(sample->arrived, 2U);
    }

    void overLoopbackInBothFamilies() {
        for (const char* address : {"127.0.0.1", "::1"}) {
            const IpAddress here = *IpAddress::parse(address);
            auto far = StampSocket::open({{here, 0}, {}, 0, {}});
            if (!far) QSKIP(("no sockets: " + far.error()).c_str());
            auto near = StampSocket::open({{here, 0}, far->local(), 46 << 2, {}});
            QVERIFY2(near.has_value(), near.error().c_str());
            Reflector reflector({{}, {}, 200, 16, 900s});
            SenderSession sender({{}, {}, 12, 200, 2000ms});
            const auto wait = [](const StampSocket& socket) {
                pollfd entry{socket.descriptor(), POLLIN, 0};
                ::poll(&entry, 1, 5000);
                return socket.receive(systemClock().now());
            };
            QVERIFY(near->send(sender.next(systemClock().now(), systemClock().steady())));
            const auto request = wait(*far);
            QVERIFY(request);
            QCOMPARE(request->packet.size(), size_t{200});
            QCOMPARE(request->arrival.ttl, uint8_t{255});
            QCOMPARE(request->arrival.trafficClass, uint8_t{46 << 2});
            QCOMPARE(request->arrival.from.toString(), near->local().toString());
            const auto reply = reflector.answer(request->packet, request->arrival, systemClock().now());
            QVERIFY(reply && far->send(*reply, request->arrival.from));
            const auto answer = wait(*near);
            QVERIFY(answer);
            const auto sample = sender.take(answer->packet, answer->arrival.time, systemClock().steady());
            QVERIFY(sample);
            QCOMPARE(sample->hopsThere, uint8_t{0});
        }
    }
};

QTEST_GUILESS_MAIN(TestStamp)
#include "test_stamp.moc"
