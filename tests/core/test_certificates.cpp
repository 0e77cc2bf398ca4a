// Certificates of payees: every way in which one can be wrong, and its remedy (NetPaS §4.1.2; core/certificates/README.md).
#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>

#include "core/certificates/authority.h"
#include "core/certificates/verifier.h"

using namespace netpas;
using namespace netpas::certificates;

namespace {

constexpr std::chrono::days day{1};
const SystemTime now = SystemTime(std::chrono::sys_days(std::chrono::year(2027) / 6 / 15));
const Lifetime decade{now - 1000 * day, now + 1000 * day};
const Lifetime year{now - 100 * day, now + 100 * day};

Identity key(uint8_t n) { return Identity::fromSeed({n}); }
const uint8_t payeeKey = 50;

Authority root(uint8_t n, const std::string& name = "Consumer Watch") {
    return *Authority::makeRoot(key(n), name, decade);
}

PayeeRequest comics() {
    return {key(payeeKey).publicKey(),
            "Comics & Co",
            {"comics.example", "www.comics.example"},
            PayeeClass::FewComplaints,
            year};
}

Question ask(const std::string& domain = {}) { return {key(payeeKey).nodeId(), domain, cautious, now}; }

Anchor anchor(const Authority& authority, PayeeClass one = PayeeClass::FewComplaints) {
    return {one, authority.certificate()};
}

tl::expected<Verified, CertificateProblem> judge(const std::vector<Anchor>& anchors, const Chain& chain,
                                                 const Question& question, const std::vector<Bytes>& lists = {}) {
    return Verifier::make(anchors, lists)->verify(chain, question);
}

#define REFUSED(result, expected)                                                       \
    do {                                                                                \
        const auto& refused = (result);                                                 \
        QVERIFY(!refused);                                                              \
        QVERIFY2(refused.error().fault == (expected), refused.error().message.c_str()); \
        QVERIFY(!refused.error().message.empty() && !refused.error().hint.empty());     \
    } while (false)

// What our own authority would never make: written with OpenSSL directly.
struct Strange {
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;
    Strange() = default;
    Strange(const Strange&) = delete;
    ~Strange() {
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    [[nodiscard]] Bytes der() const {
        Bytes bytes(static_cast<size_t>(i2d_X509(certificate, nullptr)));
        uint8_t* at = bytes.data();
        i2d_X509(certificate, &at);
        return bytes;
    }
};

using Extensions = std::vector<std::pair<int, std::string>>;

void make(Strange& out, EVP_PKEY* publicKey, const Strange* issuer, const char* name, const Extensions& extensions,
          const EVP_MD* digest) {
    out.certificate = X509_new();
    X509* x = out.certificate;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    ASN1_TIME_set(X509_getm_notBefore(x), std::chrono::system_clock::to_time_t(now - 10 * day));
    ASN1_TIME_set(X509_getm_notAfter(x), std::chrono::system_clock::to_time_t(now + 10 * day));
    X509_set_pubkey(x, publicKey);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509* above = issuer != nullptr ? issuer->certificate : x;
    X509_set_issuer_name(x, X509_get_subject_name(above));
    for (const auto& [nid, value] : extensions) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, above, x, nullptr, nullptr, 0);
        CONF* none = NCONF_new(nullptr);
        X509V3_set_nconf(&context, none);
        X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
        QVERIFY(made != nullptr);
        X509_add_ext(x, made, -1);
        X509_EXTENSION_free(made);
        NCONF_free(none);
    }
    QVERIFY(X509_sign(x, issuer != nullptr ? issuer->key : out.key, digest) > 0);
}

EVP_PKEY* ed25519(uint8_t n) {
    const auto seed = key(n).seed();
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
}

const Extensions authorityExtensions{{NID_basic_constraints, "critical,CA:TRUE"},
                                     {NID_key_usage, "critical,keyCertSign"},
                                     {NID_subject_key_identifier, "hash"}};
Extensions payeeExtensions() {
    return {{NID_basic_constraints, "critical,CA:FALSE"},
            {NID_key_usage, "critical,digitalSignature"},
            {NID_subject_key_identifier, "hash"},
            {NID_authority_key_identifier, "keyid"},
            {NID_certificate_policies, policyOid(PayeeClass::FewComplaints)}};
}
void replace(Extensions& extensions, int nid, const std::string& value) {
    for (auto& [id, text] : extensions) {
        if (id == nid) text = value;
    }
}

}  // namespace

class TestCertificates : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void certifiedPayeesAreAccepted() {
        const Authority authority = root(1);
        const Chain chain{*authority.certify(comics())};
        const auto verified = judge({anchor(authority)}, chain, ask("comics.example"));
        QVERIFY2(verified.has_value(), verified ? "" : verified.error().message.c_str());
        QVERIFY(verified->classes == PayeeClasses(PayeeClass::FewComplaints));
        QCOMPARE(verified->authority, std::string("Consumer Watch"));
        QCOMPARE(verified->statement.name, std::string("Comics & Co"));
        QCOMPARE(verified->statement.domains, comics().domains);
        QVERIFY(verified->goodUntil == year.notAfter);
        QVERIFY(judge({anchor(authority)}, chain, ask()));
    }

    void authoritiesBelowTheTrustedOneAreAccepted() {
        const Authority top = root(1);
        const Lifetime shorter{now - day, now + 50 * day};
        const Authority below = *top.makeBelow(key(2), "Watch, comics", PayeeClass::FewComplaints, shorter);
        const Chain chain{*below.certify(comics()), below.certificate()};
        const auto verified = judge({anchor(top)}, chain, ask());
        QVERIFY(verified);
        QVERIFY(verified->goodUntil == shorter.notAfter);
        REFUSED(judge({anchor(top)}, {chain[0]}, ask()), CertificateFault::UnknownAuthority);
        // The one below may be trusted alone.
        QVERIFY(judge({anchor(below)}, {chain[0]}, ask()));
        REFUSED(judge({anchor(top)}, chain, Question{key(payeeKey).nodeId(), "", cautious, now + 51 * day}),
                CertificateFault::Expired);
    }

    void timesAreKept() {
        const Authority authority = root(1);
        const Chain chain{*authority.certify(comics())};
        const auto at = [&](SystemTime time) {
            Question question = ask();
            question.now = time;
            return judge({anchor(authority)}, chain, question);
        };
        QVERIFY(at(year.notBefore));
        QVERIFY(at(year.notAfter - std::chrono::seconds(1)));
        REFUSED(at(year.notAfter), CertificateFault::Expired);
        REFUSED(at(year.notBefore - std::chrono::seconds(1)), CertificateFault::NotYetValid);
        // A clock that stands at 1970, as after an empty battery.
        const auto early = at(SystemTime{});
        REFUSED(early, CertificateFault::NotYetValid);
        QVERIFY(early.error().hint.find("clock") != std::string::npos);
        QVERIFY(at(year.notAfter + day).error().message.find("2027-09-23") != std::string::npos);
    }

    void forgeriesAreRefused() {
        const Authority authority = root(1);
        const Authority impostor = root(2);  // of the same name
        REFUSED(judge({anchor(authority)}, {*impostor.certify(comics())}, ask()), CertificateFault::UnknownAuthority);
        REFUSED(judge({anchor(authority)}, {*impostor.certify(comics()), impostor.certificate()}, ask()),
                CertificateFault::UnknownAuthority);
        // An impostor who names the authority's key as well, but has not got it.
        Strange fake;
        const uint8_t* at = authority.certificate().data();
        fake.certificate = d2i_X509(nullptr, &at, static_cast<long>(authority.certificate().size()));
        fake.key = ed25519(2);
        Strange forged;
        forged.key = ed25519(payeeKey);
        make(forged, forged.key, &fake, "Comics & Co", payeeExtensions(), nullptr);
        REFUSED(judge({anchor(authority)}, {forged.der()}, ask()), CertificateFault::Forged);
    }

    // No bit of a certificate can be changed, except in ways that make no difference to anybody.
    void noBitOfACertificateCanBeChanged() {
        const Authority authority = root(1);
        const Bytes good = *authority.certify(comics());
        const std::vector<Anchor> anchors{anchor(authority)};
        const auto verifier = Verifier::make(anchors, {});
        int forged = 0;
        for (size_t bit = 0; bit < good.size() * 8; ++bit) {
            Bytes bytes = good;
            bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            const auto judged = verifier->verify({bytes}, ask("comics.example"));
            QVERIFY2(!judged, qPrintable(QString("bit %1").arg(bit)));
            forged += judged.error().fault == CertificateFault::Forged;
        }
        QVERIFY2(forged > 512, "the signature alone has that many bits");
    }

    void strangersAuthoritiesAreRefused() {
        const Authority stranger = root(3, "Honest Joe");
        const auto judged = judge({anchor(root(1))}, {*stranger.certify(comics())}, ask());
        REFUSED(judged, CertificateFault::UnknownAuthority);
        QVERIFY(judged.error().message.find("Honest Joe") != std::string::npos);
        QVERIFY(judged.error().hint.find("netpas payees trust") != std::string::npos);
        REFUSED(judge({}, {*stranger.certify(comics())}, ask()), CertificateFault::UnknownAuthority);
    }

    // NetPaS §4.1.2: phishers who imitate a site, and attackers who change the payee that it names.
    void certificatesAreForOneSiteAndOnePayee() {
        const Authority authority = root(1);
        const Chain chain{*authority.certify(comics())};
        for (const char* other : {"c0mics.example", "example", "shop.comics.example", "comics.example.net"})
            REFUSED(judge({anchor(authority)}, chain, ask(other)), CertificateFault::OtherName);
        PayeeRequest anywhere = comics();
        anywhere.domains.clear();
        QVERIFY(judge({anchor(authority)}, {*authority.certify(anywhere)}, ask()));
        REFUSED(judge({anchor(authority)}, {*authority.certify(anywhere)}, ask("comics.example")),
                CertificateFault::OtherName);
        Question question = ask("comics.example");
        question.payee = key(51).nodeId();
        REFUSED(judge({anchor(authority)}, chain, question), CertificateFault::KeyMismatch);
    }

    void onlyAcceptedKindsOfPayeeArePaid() {
        const Authority watch = root(1);
        const Authority police = root(2, "Register of Companies");
        const std::vector<Anchor> anchors{anchor(watch), anchor(police, PayeeClass::Accountable)};
        PayeeRequest request = comics();
        request.classes = PayeeClass::Accountable;
        const Chain chain{*police.certify(request)};
        const auto cautiously = judge(anchors, chain, ask());
        REFUSED(cautiously, CertificateFault::PolicyNotAccepted);
        QVERIFY(cautiously.error().hint.find("netpas payees accept accountable") != std::string::npos);
        Question question = ask();
        question.accepted = PayeeClasses(PayeeClass::FewComplaints) | PayeeClass::Accountable;
        const auto verified = judge(anchors, chain, question);
        QVERIFY(verified && verified->classes == PayeeClasses(PayeeClass::Accountable));
        question.accepted = {};
        REFUSED(judge(anchors, chain, question), CertificateFault::PolicyNotAccepted);
    }

    // The register of companies cannot call anybody a merchant with few complaints.
    void authoritiesVouchForTheirOwnKindOnly() {
        const Authority police = root(2);
        const std::vector<Anchor> anchors{anchor(police, PayeeClass::Accountable)};
        REFUSED(judge(anchors, {*police.certify(comics())}, ask()), CertificateFault::PolicyNotAccepted);
        PayeeRequest both = comics();
        both.classes |= PayeeClass::Accountable;
        Question question = ask();
        question.accepted |= PayeeClass::Accountable;
        const auto verified = judge(anchors, {*police.certify(both)}, question);
        QVERIFY(verified && verified->classes == PayeeClasses(PayeeClass::Accountable));
        // Nor can an authority below do more than it was allowed.
        const Authority top = root(1);
        const Authority below = *top.makeBelow(key(3), "below", PayeeClass::Regulated, decade);
        REFUSED(judge({anchor(top)}, {*below.certify(comics()), below.certificate()}, ask()),
                CertificateFault::PolicyNotAccepted);
    }

    void revokedCertificatesAreRefused() {
        const Authority authority = root(1);
        const Chain chain{*authority.certify(comics())};
        const std::string serial = inspect(chain)->serial;
        const Lifetime week{now - day, now + 6 * day};
        const Bytes with = *authority.revoke(std::vector{serial}, week);
        const Bytes without = *authority.revoke(std::vector<std::string>{"01AB"}, week);
        REFUSED(judge({anchor(authority)}, chain, ask(), {with}), CertificateFault::Revoked);
        QVERIFY(judge({anchor(authority)}, chain, ask(), {without}));
        // Another authority's list says nothing about it.
        QVERIFY(judge({anchor(authority)}, chain, ask(), {*root(2, "Other").revoke(std::vector{serial}, week)}));
        // Nor does one that only pretends to be the authority's.
        QVERIFY(!judge({anchor(authority)}, chain, ask(), {*root(2).revoke(std::vector<std::string>{}, week), with}));
        Question later = ask();
        later.now = week.notAfter + day;
        REFUSED(judge({anchor(authority)}, chain, later, {without}), CertificateFault::StaleRevocations);
    }

    void revokedAuthoritiesAreRefused() {
        const Authority top = root(1);
        const Authority below = *top.makeBelow(key(2), "below", PayeeClass::FewComplaints, decade);
        const Chain chain{*below.certify(comics()), below.certificate()};
        const std::string serial = inspect({below.certificate()})->serial;
        const Bytes list = *top.revoke(std::vector{serial}, {now - day, now + day});
        const auto judged = judge({anchor(top)}, chain, ask(), {list});
        REFUSED(judged, CertificateFault::Revoked);
        QVERIFY(judged.error().message.find("below") != std::string::npos);
    }

    void certificatesAreUsedForWhatTheyAreMadeFor() {
        const Authority authority = root(1);
        // A payee that plays authority.
        const Bytes merchant = *authority.certify(comics());
        const Authority pretender = *Authority::load(key(payeeKey), merchant);
        PayeeRequest friendOf = comics();
        friendOf.key = key(60).publicKey();
        Question question = ask();
        question.payee = key(60).nodeId();
        REFUSED(judge({anchor(authority)}, {*pretender.certify(friendOf), merchant}, question),
                CertificateFault::NotForPayments);
        // An authority that plays payee.
        question.payee = key(1).nodeId();
        REFUSED(judge({anchor(authority)}, {authority.certificate()}, question), CertificateFault::NotForPayments);
        // A payee's certificate is no anchor.
        QVERIFY(inspect(Anchor{PayeeClass::FewComplaints, merchant}).error().fault == CertificateFault::NotForPayments);
        QVERIFY(!Verifier::make(std::vector{Anchor{PayeeClass::FewComplaints, merchant}}, {}));
    }

    void longPathsAreRefused() {
        const Authority top = root(1);
        const Authority below = *top.makeBelow(key(2), "below", PayeeClass::FewComplaints, decade);  // pathlen 0
        const Authority further = *below.makeBelow(key(3), "further", PayeeClass::FewComplaints, decade);
        const Chain chain{*further.certify(comics()), further.certificate(), below.certificate()};
        REFUSED(judge({anchor(top)}, chain, ask()), CertificateFault::NotForPayments);
        REFUSED(judge({anchor(top)}, Chain(6, chain[0]), ask()), CertificateFault::Malformed);
    }

    void strangeCertificatesAreRefused_data() {
        QTest::addColumn<int>("extension");
        QTest::addColumn<QByteArray>("value");
        QTest::addColumn<int>("fault");
        const auto row = [](const char* name, int nid, const char* value, CertificateFault fault) {
            QTest::newRow(name) << nid << QByteArray(value) << int(fault);
        };
        row("any policy", NID_certificate_policies, "2.5.29.32.0", CertificateFault::PolicyNotAccepted);
        row("another's policy", NID_certificate_policies, "1.2.3.4", CertificateFault::PolicyNotAccepted);
        row("encryption only", NID_key_usage, "critical,keyEncipherment", CertificateFault::NotForPayments);
        row("authority", NID_basic_constraints, "critical,CA:TRUE", CertificateFault::NotForPayments);
    }

    void strangeCertificatesAreRefused() {
        QFETCH(int, extension);
        QFETCH(QByteArray, value);
        QFETCH(int, fault);
        Strange top;
        top.key = ed25519(1);
        make(top, top.key, nullptr, "top", authorityExtensions, nullptr);
        const std::vector<Anchor> anchors{{PayeeClass::FewComplaints, top.der()}};
        Strange good;
        good.key = ed25519(payeeKey);
        make(good, good.key, &top, "good", payeeExtensions(), nullptr);
        QVERIFY(judge(anchors, {good.der()}, ask()));  // so that what follows differs in one thing
        Strange strange;
        strange.key = ed25519(payeeKey);
        Extensions extensions = payeeExtensions();
        replace(extensions, extension, value.toStdString());
        make(strange, strange.key, &top, "strange", extensions, nullptr);
        REFUSED(judge(anchors, {strange.der()}, ask()), CertificateFault(fault));
    }

    void weakAuthoritiesAreRefused() {
        for (const bool weakKey : {true, false}) {
            Strange top;
            top.key = EVP_RSA_gen(weakKey ? 1024U : 2048U);
            make(top, top.key, nullptr, "top", authorityExtensions, EVP_sha256());
            Strange leaf;
            leaf.key = ed25519(payeeKey);
            make(leaf, leaf.key, &top, "leaf", payeeExtensions(), weakKey ? EVP_sha256() : EVP_sha1());
            REFUSED(judge({{PayeeClass::FewComplaints, top.der()}}, {leaf.der()}, ask()), CertificateFault::TooWeak);
        }
    }

    void payeesHaveEd25519Keys() {
        Strange top;
        top.key = ed25519(1);
        make(top, top.key, nullptr, "top", authorityExtensions, nullptr);
        Strange leaf;
        leaf.key = EVP_EC_gen("P-256");
        make(leaf, leaf.key, &top, "leaf", payeeExtensions(), nullptr);
        REFUSED(judge({{PayeeClass::FewComplaints, top.der()}}, {leaf.der()}, ask()), CertificateFault::Malformed);
    }

    void namesAreMadePlain() {
        Strange top;
        top.key = ed25519(1);
        make(top, top.key, nullptr, "\x1b[2Jtop", authorityExtensions, nullptr);
        QCOMPARE(inspect(Anchor{PayeeClass::FewComplaints, top.der()})->name, std::string("?[2Jtop"));
    }

    void pemIsReadAndWritten() {
        const Authority authority = root(1);
        const Chain chain{*authority.certify(comics()), authority.certificate()};
        QVERIFY(*chainFromPem(toPem(chain)) == chain);
        QVERIFY(*chainFromPem("a comment\n" + toPem(chain) + "another\n") == chain);
        const Bytes list = *authority.revoke({}, year);
        QVERIFY(*revocationsFromPem(revocationsToPem(list)) == list);
        QVERIFY(!chainFromPem(""));
        QVERIFY(!chainFromPem("rubbish"));
        QVERIFY(!chainFromPem(toPem(chain).substr(0, 200)));
        QVERIFY(!chainFromPem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
        QVERIFY(!chainFromPem(toPem(Chain(6, chain[0]))));
        const auto secret = chainFromPem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        QVERIFY(secret.error().message.find("never give a private key away") != std::string::npos);
        QVERIFY(!revocationsFromPem(toPem(chain)));
    }

    void theAuthorityRefusesWhatItCannotVouchFor() {
        const Authority authority = root(1);
        const auto fault = [&](auto change) {
            PayeeRequest request = comics();
            change(request);
            const auto made = authority.certify(request);
            return made ? -1 : int(made.error());
        };
        QCOMPARE(fault([](PayeeRequest& r) { r.name = ""; }), int(IssueError::BadName));
        QCOMPARE(fault([](PayeeRequest& r) { r.name = "a\nb"; }), int(IssueError::BadName));
        QCOMPARE(fault([](PayeeRequest& r) { r.domains = {"a.example,IP:192.0.2.1"}; }), int(IssueError::BadDomain));
        QCOMPARE(fault([](PayeeRequest& r) { r.classes = {}; }), int(IssueError::NoClass));
        QCOMPARE(fault([](PayeeRequest& r) { r.lifetime.notAfter = r.lifetime.notBefore; }),
                 int(IssueError::BadLifetime));
        QCOMPARE(int(Authority::load(key(9), authority.certificate()).error()), int(IssueError::KeyMismatch));
        QVERIFY(Authority::load(key(1), authority.certificate()));
    }

    void classesHaveNames() {
        for (const PayeeClass one : allPayeeClasses) QVERIFY(payeeClassFrom(name(one)) == one);
        QVERIFY(!payeeClassFrom("friends"));
        QCOMPARE(names(PayeeClasses(PayeeClass::Regulated) | PayeeClass::FewComplaints),
                 std::string("few-complaints, regulated"));
        QVERIFY(PayeeClasses::fromBits(0xff) ==
                (PayeeClasses(PayeeClass::FewComplaints) | PayeeClass::Accountable | PayeeClass::Regulated));
    }

    // The openssl command as a second opinion on what we make.
    void opensslAgrees() {
        if (QStandardPaths::findExecutable("openssl").isEmpty()) QSKIP("needs the openssl command");
        const QTemporaryDir folder;
        const auto write = [&](const char* file, const std::string& text) {
            std::ofstream(folder.filePath(file).toStdString()) << text;
            return folder.filePath(file);
        };
        const Authority authority = root(1);
        const Bytes leaf = *authority.certify(comics());
        const QString ca = write("ca.pem", toPem(Chain{authority.certificate()}));
        const QString certificate = write("leaf.pem", toPem(Chain{leaf}));
        const auto verify = [&](const std::string& policy, const QString& file) {
            QProcess process;
            process.start("openssl", {"verify", "-x509_strict", "-CAfile", ca, "-attime",
                                      QString::number(std::chrono::system_clock::to_time_t(now)), "-policy",
                                      QString::fromStdString(policy), "-explicit_policy", "-verify_hostname",
                                      "comics.example", file});
            return process.waitForFinished() && process.exitCode() == 0;
        };
        QVERIFY(verify(policyOid(PayeeClass::FewComplaints), certificate));
        QVERIFY(!verify(policyOid(PayeeClass::Accountable), certificate));
        const QString list =
            write("list.pem",
                  revocationsToPem(*authority.revoke(std::vector{inspect({leaf})->serial}, {now - day, now + day})));
        QProcess crl;
        crl.start("openssl", {"crl", "-in", list, "-CAfile", ca, "-noout", "-text"});
        QVERIFY(crl.waitForFinished() && crl.exitCode() == 0);
        QVERIFY(crl.readAllStandardError().contains("verify OK"));
    }
};

QTEST_APPLESS_MAIN(TestCertificates)
#include "test_certificates.moc"
