// Adverts and messages of neighbours, byte by byte.
#include <QtTest>

#include "core/agreement/messages.h"

using namespace netpas;
using namespace netpas::agreement;
using namespace std::chrono_literals;

namespace {

const Identity& alice() {
    static const Identity identity = Identity::fromSeed({1});
    return identity;
}
const Identity& bob() {
    static const Identity identity = Identity::fromSeed({2});
    return identity;
}

Advert advert() {
    Advert out;
    out.key = bob().publicKey();
    out.run = 7;
    out.number = 3;
    out.issued = SystemTime(1'800'000'000s);
    out.lifetime = 30s;
    out.link = {0x02, 0, 0, 0, 0, 1};
    out.address = *IpAddress::parse("fe80::1");
    out.address4 = IpAddress::parse("10.0.0.1");
    out.isp = IspId(25);
    out.reflectorPort = 862;
    out.prices = {Money::fromEighths(800), Money::fromEighths(400)};
    out.notice = PriceNotice{60s, {Money::fromEighths(900), std::nullopt}};
    return out;
}

Terms terms() {
    Terms out;
    out.id = {9};
    out.buyer = alice().publicKey();
    out.seller = bob().publicKey();
    out.direction = Direction::Upstream;
    out.perKb = Money::fromEighths(800);
    out.limit = Money::fromEighths(Money::eighthsPerDollar);
    out.payAt = Money::fromEighths(8'000'000);
    out.closeAt = Money::fromEighths(32'000'000);
    out.lifetime = 600s;
    out.interval = 10s;
    out.allowance1024ths = 51;
    return out;
}

const AgreementId id{9};

std::vector<Message> messages() {
    return {Offer{terms()},
            Accept{id, hashOf(terms())},
            Refuse{id, RefuseReason::Price},
            Count{id, 4, 1000, 1'000'000, true},
            Paying{id, 2, Money::fromEighths(8'000'000)},
            End{id, EndReason::Limit},
            Ended{id, 4}};
}

// Refused by value, by its signature, or never equal to what was said.
template <typename Decode, typename Verify>
bool everyChangeIsNoticed(const Bytes& good, Decode decode, Verify verified) {
    for (size_t i = 0; i < good.size(); ++i) {
        Bytes bad = good;
        bad[i] ^= 1;
        const auto back = decode(bad);
        if (back && verified(bad, *back)) return false;
    }
    for (size_t i = 0; i < good.size(); ++i) {
        const Bytes shorter(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i));
        const auto back = decode(shorter);
        if (back && verified(shorter, *back)) return false;
    }
    Bytes longer = good;
    longer.push_back(0);
    const auto back = decode(longer);
    return !back || !verified(longer, *back);
}

}  // namespace

class TestAgreementMessages : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void anAdvertComesBack() {
        const Bytes bytes = sign(advert(), bob());
        QVERIFY(bytes.size() <= maxDatagram);
        QVERIFY(looksLikeAdvert(bytes));
        const auto back = decodeAdvert(bytes);
        QVERIFY(back.has_value());
        QVERIFY(*back == advert());
        QVERIFY(verifyAdvert(bytes, back->key));
        QVERIFY(!verifyAdvert(bytes, alice().publicKey()));
    }

    void anAdvertOfLittleComesBack() {
        Advert little = advert();
        little.address4.reset();
        little.notice.reset();
        little.prices = {};
        QVERIFY(*decodeAdvert(sign(little, bob())) == little);
    }

    void everyChangeOfAnAdvertIsNoticed() {
        QVERIFY(everyChangeIsNoticed(sign(advert(), bob()), decodeAdvert, [](const Bytes& bytes, const Advert&) {
            return verifyAdvert(bytes, bob().publicKey());
        }));
    }

    void impossibleAdvertsAreRefused() {
        const auto refused = [](auto change) {
            Advert bad = advert();
            change(bad);
            const auto back = decodeAdvert(sign(bad, bob()));
            return !isValid(bad) && !back && back.error() == DatagramError::OutOfRange;
        };
        QVERIFY(refused([](Advert& a) { a.lifetime = 0s; }));
        QVERIFY(refused([](Advert& a) { a.lifetime = 301s; }));
        QVERIFY(refused([](Advert& a) { a.link[0] |= 1; }));
        QVERIFY(refused([](Advert& a) { a.address = *IpAddress::parse("2001:db8::1"); }));
        QVERIFY(refused([](Advert& a) { a.address4 = IpAddress::parse("224.0.0.1"); }));
        QVERIFY(refused([](Advert& a) { a.address4 = IpAddress::parse("0.0.0.0"); }));
        QVERIFY(refused([](Advert& a) { a.notice->in = 0s; }));
        // Absurd in price.
        QVERIFY(refused([](Advert& a) { a.prices.upstream = Money::fromEighths(maxPricePerKb.eighths() + 1); }));
        QVERIFY(refused([](Advert& a) { a.prices.downstream = Money::max(); }));
        QVERIFY(refused([](Advert& a) { a.notice->prices.upstream = Money::max(); }));
    }

    void messagesComeBack() {
        for (const Message& message : messages()) {
            const Bytes bytes = sign(message, alice());
            QVERIFY(bytes.size() <= maxDatagram && !looksLikeAdvert(bytes));
            const auto back = decodeMessage(bytes);
            QVERIFY(back.has_value());
            QVERIFY(*back == message);
            QVERIFY(idOf(*back) == id);
            QVERIFY(verifyMessage(bytes, *back, alice().publicKey()));
            QVERIFY(!verifyMessage(bytes, *back, bob().publicKey()));
        }
    }

    void everyChangeOfAMessageIsNoticed() {
        for (const Message& message : messages()) {
            QVERIFY(everyChangeIsNoticed(
                sign(message, alice()), decodeMessage,
                [](const Bytes& bytes, const Message& m) { return verifyMessage(bytes, m, alice().publicKey()); }));
        }
    }

    void noSignatureStandsForAnother() {
        // The same fields, another kind: End and Refuse differ in nothing else.
        Bytes refuse = sign(Refuse{id, RefuseReason::NotSold}, alice());
        refuse[1] = sign(End{id, EndReason::Wish}, alice())[1];
        const auto back = decodeMessage(refuse);
        QVERIFY(back.has_value());
        QVERIFY(!verifyMessage(refuse, *back, alice().publicKey()));
    }

    void impossibleMessagesAreRefused() {
        const auto refused = [](const Message& message) {
            const auto back = decodeMessage(sign(message, alice()));
            return !back && back.error() == DatagramError::OutOfRange;
        };
        const auto badTerms = [&](auto change) {
            Terms bad = terms();
            change(bad);
            return !check(bad) && refused(Offer{bad});
        };
        QVERIFY(badTerms([](Terms& t) { t.seller = t.buyer; }));
        QVERIFY(badTerms([](Terms& t) { t.perKb = Money::fromEighths(maxPricePerKb.eighths() + 1); }));
        QVERIFY(badTerms([](Terms& t) { t.payAt = Money::zero(); }));
        QVERIFY(badTerms([](Terms& t) { t.closeAt = t.payAt; }));
        QVERIFY(badTerms([](Terms& t) { t.limit = Money::fromEighths(t.closeAt.eighths() - 1); }));
        QVERIFY(badTerms([](Terms& t) { t.lifetime = 9s; }));
        QVERIFY(badTerms([](Terms& t) { t.lifetime = 86'401s; }));
        QVERIFY(badTerms([](Terms& t) { t.interval = 0s; }));
        QVERIFY(badTerms([](Terms& t) { t.allowance1024ths = 513; }));
        Terms sideways = terms();
        sideways.direction = static_cast<Direction>(3);
        QVERIFY(refused(Offer{sideways}));
        QVERIFY(refused(Refuse{id, static_cast<RefuseReason>(8)}));
        QVERIFY(refused(End{id, EndReason::Lost}));
        // More packets than fit into the bytes, and a count that comes before the first one.
        QVERIFY(refused(Count{id, 1, 51, 1000, false}));
        QVERIFY(refused(Count{id, 0, 0, 0, false}));
        QVERIFY(refused(Count{id, 1, 1, UINT64_MAX, false}));
        QVERIFY(refused(Paying{id, 1, Money::zero()}));
    }

    void chargesAreExactAndNeverAboveTheLimit() {
        const Money price = Money::fromEighths(801), limit = Money::fromEighths(1'000'000);
        QCOMPARE(chargeFor(0, price, limit).eighths(), int64_t{0});
        QCOMPARE(chargeFor(1, price, limit).eighths(), int64_t{0});
        QCOMPARE(chargeFor(2, price, limit).eighths(), int64_t{1});
        QCOMPARE(chargeFor(999, price, limit).eighths(), int64_t{800});
        QCOMPARE(chargeFor(1000, price, limit).eighths(), int64_t{801});
        QCOMPARE(chargeFor(1'500, price, limit).eighths(), int64_t{1201});
        QCOMPARE(chargeFor(UINT64_MAX, maxPricePerKb, limit), limit);
        QCOMPARE(chargeFor(UINT64_MAX, maxPricePerKb, Money::max()), Money::max());
        QCOMPARE(chargeFor(1'000'000'000, Money::zero(), limit), Money::zero());
    }

    // Both ends know the name of a payment, and nobody who has heard everything between them does.
    void paymentsAreNamedByBothEndsAgreementAndNumber() {
        const Identity a = Identity::fromSeed({1}), b = Identity::fromSeed({2}), c = Identity::fromSeed({3});
        const auto secret = sharedSecret(a, b.publicKey());
        QVERIFY(secret && secret == sharedSecret(b, a.publicKey()));
        QVERIFY(secret != sharedSecret(c, a.publicKey()) && secret != sharedSecret(c, b.publicKey()));
        QVERIFY(!sharedSecret(a, PublicKey{}));
        QVERIFY(paymentId(*secret, id, 1) == paymentId(*secret, id, 1));
        QVERIFY(paymentId(*secret, id, 1) != paymentId(*secret, id, 2));
        QVERIFY(paymentId(*secret, id, 1) != paymentId(*secret, AgreementId{8}, 1));
        QVERIFY(paymentId(*secret, id, 1) != paymentId(*sharedSecret(a, c.publicKey()), id, 1));
    }
};

QTEST_APPLESS_MAIN(TestAgreementMessages)
#include "test_agreement_messages.moc"
