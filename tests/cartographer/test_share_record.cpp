// What members of a community tell each other, byte by byte.
#include <QtTest>

#include "cartographer/share/community.h"

using namespace netpas;
using namespace netpas::share;
using namespace std::chrono_literals;

namespace {

const Identity& member() {
    static const Identity identity = Identity::fromSeed({1});
    return identity;
}

Figure figure(Metric metric, uint8_t toClass, uint64_t value) {
    return {{ServiceClass(0), ServiceClass(toClass), metric}, value, value / 2, value, 100, 3};
}

Record record() {
    Record out;
    out.signer = member().publicKey();
    out.issued = SystemTime(1'800'000'000'000ms);
    out.lifetimeSeconds = 300;
    out.segment = {IspId(25), IspId(24), true};
    out.figures = {figure(Metric::RoundTrip, 0, 20'000'000), figure(Metric::LossThere, 0, 10'000'000),
                   figure(Metric::RoundTrip, 1, 5'000'000)};
    return out;
}

const CommunityId ours{7};

Bytes encoded(const Record& what) { return encode(sign(what, ours, member())); }

}  // namespace

class TestShareRecord : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void whatIsEncodedDecodes() {
        const SignedRecord signedRecord = sign(record(), ours, member());
        const auto back = decode(encode(signedRecord));
        QVERIFY(back.has_value());
        QVERIFY(*back == signedRecord);
        QVERIFY(verify(*back, ours));
    }

    void theLargestRecordFits() {
        Record large = record();
        large.figures.clear();
        for (uint8_t i = 0; i < maxFigures; ++i) large.figures.push_back(figure(Metric::RoundTrip, i, 1000));
        QVERIFY(check(large).has_value());
        QCOMPARE(encoded(large).size(), maxRecordBytes);
        large.figures.push_back(figure(Metric::RoundTrip, maxFigures, 1000));
        QVERIFY(!check(large).has_value());
    }

    void everyChangedByteIsRefusedOrUnsigned() {
        const Bytes good = encoded(record());
        for (size_t i = 0; i < good.size(); ++i) {
            Bytes bad = good;
            bad[i] ^= 1;
            const auto back = decode(bad);
            QVERIFY2(!back || !verify(*back, ours), qPrintable(QString::number(i)));
        }
    }

    void everyShorterRecordIsRefused() {
        const Bytes good = encoded(record());
        for (size_t i = 0; i < good.size(); ++i) QVERIFY(!decode(ByteView(good).first(i)).has_value());
        Bytes longer = good;
        longer.push_back(0);
        QCOMPARE(decode(longer).error(), RecordError::Trailing);
    }

    void aRecordOfAnotherCommunityDoesNotVerify() { QVERIFY(!verify(sign(record(), ours, member()), CommunityId{8})); }

    void impossibleFieldsAreRefused() {
        const auto refused = [](auto change, RecordError why) {
            Record bad = record();
            change(bad);
            const auto checked = check(bad);
            const auto decoded = decode(encoded(bad));
            return !checked && checked.error() == why && !decoded && decoded.error() == why;
        };
        QVERIFY(refused([](Record& r) { r.figures.clear(); }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { r.segment.to = r.segment.from; }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { r.lifetimeSeconds = 0; }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { r.lifetimeSeconds = 901; }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { r.figures[0].low = r.figures[0].value + 1; }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { r.figures[0].high = maxRoundTrip + 1; }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { r.figures[1].high = wholeLoss + 1; }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { r.figures[0].samples = 0; }, RecordError::OutOfRange));
        QVERIFY(refused([](Record& r) { std::swap(r.figures[0], r.figures[1]); }, RecordError::Order));
        QVERIFY(refused([](Record& r) { r.figures[1] = r.figures[0]; }, RecordError::Order));
    }

    void whatIsKeptLooksTheSameWhateverItSays() {
        const Community community({9}, {member().publicKey()});
        const Topic topic = community.topicOf(record().segment);
        Record little = record();
        little.figures.resize(1);
        const Bytes one = community.close(sign(little, community.id(), member()), topic);
        const Bytes many = community.close(sign(record(), community.id(), member()), topic);
        QCOMPARE(one.size(), many.size());
        const auto opened = community.open(many, topic);
        QVERIFY(opened.has_value());
        QVERIFY(decode(*opened)->record == record());
    }

    void nobodyElseReadsOrFindsIt() {
        const Community community({9}, {member().publicKey()});
        const Community others({10}, {member().publicKey()});
        const Topic topic = community.topicOf(record().segment);
        const Bytes sealed = community.close(sign(record(), community.id(), member()), topic);
        QVERIFY(!others.open(sealed, topic).has_value());
        QVERIFY(others.topicOf(record().segment) != topic);
        // Nor is it at home under another topic.
        const Topic elsewhere = community.topicOf({IspId(24), IspId(25), true});
        QVERIFY(elsewhere != topic);
        QVERIFY(!community.open(sealed, elsewhere).has_value());
    }

    void onlyListedKeysAreMembers() {
        const Community community({9}, {member().publicKey(), member().publicKey()});
        QCOMPARE(community.members().size(), size_t{1});
        QVERIFY(community.isMember(member().publicKey()));
        QVERIFY(!community.isMember(Identity::fromSeed({2}).publicKey()));
    }
};

QTEST_APPLESS_MAIN(TestShareRecord)
#include "test_share_record.moc"
