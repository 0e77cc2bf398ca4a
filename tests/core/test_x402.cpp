#include <QtTest>
#include <nlohmann/json.hpp>

#include "core/x402/receipt.h"
#include "core/x402/site.h"
#include "core/x402/text.h"

using namespace netpas;
using namespace netpas::x402;
using nlohmann::json;

namespace {

const SystemTime now{std::chrono::hours{24 * 365 * 57}};

json entry() {
    return {{"scheme", "batch-settlement"},
            {"network", "netpas:24"},
            {"amount", "50000000"},
            {"asset", "USD"},
            {"payTo", std::string(64, 'a')},
            {"maxTimeoutSeconds", 60},
            {"extra", {{"purpose", "comic"}, {"ours", {1, 2.5, "x"}}}}};
}
json offerOf(const json& accepts) {
    return {{"x402Version", 2},
            {"resource", {{"url", "https://comics.example/1.png"}, {"description", "a comic"}}},
            {"accepts", accepts}};
}
std::string base64(const json& body) {
    const std::string text = body.dump();
    return toBase64({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

struct Paid {
    Identity payee = Identity::generate();
    Terms terms;
    Proof proof;
    Paid() {
        json one = entry();
        one["payTo"] = payee.nodeId().hex();
        terms = decodeOffer(base64(offerOf(json::array({one}))))->terms.front();
        proof.resource = "https://comics.example/1.png";
        proof.salt[3] = 7;
        proof.payment.id = payments::newPaymentId();
        proof.payment.payee = payee.nodeId();
        proof.payment.amount = terms.amount;
        proof.payment.description = payments::describe(descriptionOf(proof.resource), proof.salt);
        proof.payment.time = now;
        proof.payment.expires = now + std::chrono::seconds(5);
        proof.confirmation = payments::confirm(proof.payment, payee, now);
    }
};

}  // namespace

class TestX402 : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void anOfferIsUnderstoodAndItsTermsAreKeptAsTheyCame() {
        json strange = entry();
        strange["network"] = "eip155:8453";
        strange["scheme"] = "exact";
        const auto offer = decodeOffer(base64(offerOf({strange, entry()})));
        QVERIFY(offer);
        QCOMPARE(offer->url, std::string("https://comics.example/1.png"));
        QCOMPARE(offer->terms.size(), size_t{1});
        const Terms& terms = offer->terms.front();
        QCOMPARE(terms.isp, IspId{24});
        QCOMPARE(terms.amount, *Money::parse("0.05"));
        QCOMPARE(terms.timeout, std::chrono::seconds(60));
        QCOMPARE(terms.purpose, std::string("comic"));
        QCOMPARE(json::parse(terms.asOffered), entry());
        QCOMPARE(offer->others.front(), std::string("exact on eip155:8453"));
    }

    void versionOneIsUnderstood() {
        json one = entry();
        one["maxAmountRequired"] = one["amount"];
        one.erase("amount");
        one["resource"] = "https://comics.example/1.png";
        one["description"] = "a comic";
        const auto offer = decodeOfferJson(json{{"x402Version", 1}, {"accepts", json::array({one})}}.dump());
        QVERIFY(offer);
        QCOMPARE(int(offer->version), 1);
        QCOMPARE(offer->url, std::string("https://comics.example/1.png"));
        QCOMPARE(offer->terms.front().amount, *Money::parse("0.05"));
    }

    void whatASellerWritesABuyerReads() {
        for (const Version version : {Version::One, Version::Two}) {
            Offer offer;
            offer.version = version;
            offer.url = "http://[2001:db8::1]:8402/a%20b";
            offer.description = "an article";
            Terms terms;
            terms.isp = IspId{65535};
            terms.payee = *NodeId::parse(std::string(64, 'b'));
            terms.amount = *Money::fromNanodollars(1);
            terms.purpose = "article";
            offer.terms.push_back(terms);
            const auto read =
                version == Version::One ? decodeOfferJson(encodeOfferJson(offer)) : decodeOffer(encodeOffer(offer));
            QVERIFY(read);
            QCOMPARE(read->url, offer.url);
            QCOMPARE(read->description, offer.description);
            Terms again = read->terms.front();
            again.asOffered.clear();
            QVERIFY(again == terms);
        }
    }

    void garbledOffersAreRefused_data() {
        QTest::addColumn<QString>("member");
        QTest::addColumn<QString>("value");
        const auto row = [](const char* name, const char* member, const char* value) {
            QTest::newRow(name) << member << value;
        };
        row("no amount", "amount", "null");
        row("a number", "amount", "5");
        row("nothing", "amount", "\"0\"");
        row("negative", "amount", "\"-5\"");
        row("decimals", "amount", "\"0.05\"");
        row("too large", "amount", "\"99999999999999999999\"");
        row("other money", "asset", "\"EUR\"");
        row("no payee", "payTo", "\"merchant\"");
        row("no ISP", "network", "\"netpas:\"");
        row("ISP 0", "network", "\"netpas:0\"");
        row("written otherwise", "network", "\"netpas:024\"");
        row("too many", "network", "\"netpas:65536\"");
        row("expired", "maxTimeoutSeconds", "0");
        row("long ago", "maxTimeoutSeconds", "-1");
        row("no time", "maxTimeoutSeconds", "\"60\"");
    }
    void garbledOffersAreRefused() {
        QFETCH(QString, member);
        QFETCH(QString, value);
        json one = entry();
        one[member.toStdString()] = json::parse(value.toStdString());
        const auto offer = decodeOffer(base64(offerOf(json::array({one}))));
        QVERIFY(!offer);
        QCOMPARE(int(offer.error().error), int(OfferError::Malformed));
        QVERIFY(!offer.error().detail.empty());
    }

    void whatCannotBePaidHereSaysWhatTheSiteTakes() {
        json one = entry();
        one["network"] = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
        const auto offer = decodeOffer(base64(offerOf(json::array({one}))));
        QCOMPARE(int(offer.error().error), int(OfferError::OtherNetwork));
        QVERIFY(offer.error().detail.find("solana") != std::string::npos);
    }

    void formIsCheckedBeforeContents() {
        QCOMPARE(int(decodeOffer("***").error().error), int(OfferError::NotBase64));
        QCOMPARE(int(decodeOffer("e30=\n").error().error), int(OfferError::NotBase64));
        QCOMPARE(int(decodeOffer(std::string(maxHeader + 1, 'A')).error().error), int(OfferError::TooLarge));
        QCOMPARE(int(decodeOfferJson("[]").error().error), int(OfferError::NotJson));
        QCOMPARE(int(decodeOfferJson("{}").error().error), int(OfferError::OtherVersion));
        QCOMPARE(int(decodeOfferJson(std::string(5000, '[')).error().error), int(OfferError::TooDeep));
        json many = json::array();
        for (size_t i = 0; i <= maxAccepts; ++i) many.push_back(entry());
        QCOMPARE(int(decodeOfferJson(offerOf(many).dump()).error().error), int(OfferError::Malformed));
    }

    void aProofIsShownAndChecked() {
        const Paid paid;
        for (const Version version : {Version::One, Version::Two}) {
            const Header header = encodeProof(version, paid.terms, paid.proof);
            QCOMPARE(header.name, std::string(version == Version::One ? "X-PAYMENT" : "PAYMENT-SIGNATURE"));
            const auto shown = decodeProof(header.value);
            QVERIFY(shown);
            QVERIFY(shown->proof == paid.proof);
            QCOMPARE(shown->isp, paid.terms.isp);
            QVERIFY(!check(shown->proof, paid.terms, paid.proof.resource));
            if (version == Version::Two) QCOMPARE(json::parse(shown->accepted), json::parse(paid.terms.asOffered));
        }
    }

    void aProofForSomethingElseIsRefused() {
        const Paid paid;
        const auto fault = [&](const Proof& proof, const Terms& terms,
                               const char* url = "https://comics.example/1.png") {
            const auto wrong = check(proof, terms, url);
            return wrong ? int(*wrong) : -1;
        };
        Terms terms = paid.terms;
        terms.payee = Identity::generate().nodeId();
        QCOMPARE(fault(paid.proof, terms), int(ProofError::OtherPayee));
        terms = paid.terms;
        terms.amount = *Money::parse("0.050000001");
        QCOMPARE(fault(paid.proof, terms), int(ProofError::TooLittle));
        QCOMPARE(fault(paid.proof, paid.terms, "https://comics.example/2.png"), int(ProofError::OtherResource));
        Proof proof = paid.proof;
        proof.resource = "https://comics.example/2.png";  // it says so, but nobody paid for that
        QCOMPARE(fault(proof, paid.terms, "https://comics.example/2.png"), int(ProofError::OtherResource));
        proof = paid.proof;
        proof.payment.amount = *Money::parse("1");  // not what was signed
        QCOMPARE(fault(proof, paid.terms), int(ProofError::BadSignature));
        proof = paid.proof;
        proof.confirmation.signature.bytes[0] ^= 1;
        QCOMPARE(fault(proof, paid.terms), int(ProofError::BadSignature));
        const Identity thief = Identity::generate();
        proof = paid.proof;
        proof.confirmation = payments::confirm(proof.payment, thief, now);
        QCOMPARE(fault(proof, paid.terms), int(ProofError::BadSignature));
    }

    void aLedgersEvidenceIsAProof() {
        const Paid paid;
        const Bytes message = payments::confirmationMessage(paid.proof.payment, paid.proof.confirmation.payee,
                                                            paid.proof.confirmation.time);
        const auto& signature = paid.proof.confirmation.signature.bytes;
        const auto proof = proofFrom(message, signature, paid.proof.salt, paid.proof.resource);
        QVERIFY(proof && *proof == paid.proof);
        Bytes longer = message;
        longer.push_back(0);
        QVERIFY(!proofFrom(longer, signature, paid.proof.salt, {}));
        auto wrong = signature;
        wrong[5] ^= 1;
        QVERIFY(!proofFrom(message, wrong, paid.proof.salt, {}));
        QVERIFY(!proofFrom({}, {}, {}, {}));
    }

    void aFacilitatorIsAskedWithTermsAndProof() {
        const Paid paid;
        const std::string shown(
            reinterpret_cast<const char*>(fromBase64(encodeProof(Version::Two, paid.terms, paid.proof).value)->data()),
            fromBase64(encodeProof(Version::Two, paid.terms, paid.proof).value)->size());
        json body{{"x402Version", 2},
                  {"paymentPayload", json::parse(shown)},
                  {"paymentRequirements", json::parse(paid.terms.asOffered)}};
        const auto asked = decodeFacilitatorRequest(body.dump());
        QVERIFY(asked);
        QVERIFY(asked->presented.proof == paid.proof);
        QCOMPARE(asked->required.amount, paid.terms.amount);
        QVERIFY(asked->resource.empty());
        body["paymentRequirements"]["amount"] = "x";
        QCOMPARE(int(decodeFacilitatorRequest(body.dump()).error()), int(ProofError::Malformed));
        body.erase("paymentRequirements");
        QVERIFY(!decodeFacilitatorRequest(body.dump()));
    }

    void receiptsComeBack() {
        Receipt receipt;
        receipt.success = true;
        receipt.transaction = std::string(32, 'c');
        receipt.network = "netpas:24";
        receipt.amount = *Money::parse("0.05");
        receipt.again = true;
        const auto read = decodeReceipt(encodeReceipt(Version::Two, receipt).value);
        QVERIFY(read && read->success && read->again && read->amount == receipt.amount &&
                read->transaction == receipt.transaction);
        QVERIFY(!decodeReceipt(toBase64({})));
    }

    void sitesOfUrls_data() {
        QTest::addColumn<QString>("url");
        QTest::addColumn<QString>("host");
        QTest::addColumn<int>("port");
        const auto row = [](const char* url, const char* host, int port) { QTest::newRow(url) << url << host << port; };
        row("https://Example.NET/a?b#c", "example.net", 443);
        row("HTTP://example.net", "example.net", 80);
        row("http://192.0.2.1:8402/x", "192.0.2.1", 8402);
        row("http://[2001:DB8::1]:1/x", "2001:db8::1", 1);
        row("https://example.net?x=/", "example.net", 443);
        row("ftp://example.net/", "", 0);
        row("https://user@example.net/", "", 0);
        row("https://good.example\\@evil.example/", "", 0);
        row("https://example.net:0/", "", 0);
        row("https://example.net:99999/", "", 0);
        row("https://exam ple.net/", "", 0);
        row("https:///x", "", 0);
        row("//example.net/x", "", 0);
        row("http://[::1/x", "", 0);
        row("http://[::1]x/", "", 0);
    }
    void sitesOfUrls() {
        QFETCH(QString, url);
        QFETCH(QString, host);
        QFETCH(int, port);
        const auto site = siteOf(url.toStdString());
        QCOMPARE(site.has_value(), !host.isEmpty());
        if (!site) return;
        QCOMPARE(QString::fromStdString(site->host), host);
        QCOMPARE(int(site->port), port);
    }
};

QTEST_APPLESS_MAIN(TestX402)
#include "test_x402.moc"
