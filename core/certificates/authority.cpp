#include "core/certificates/authority.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <sodium.h>

#include <algorithm>

#include "core/certificates/openssl_parts.h"
#include "core/domain_name.h"
#include "core/plain_text.h"

namespace netpas::certificates {

namespace {

constexpr size_t maxName = 64;  // RFC 5280, ub-common-name

Owned<EVP_PKEY> privateKeyOf(const Identity& identity) {
    Identity::Seed seed = identity.seed();
    Owned<EVP_PKEY> key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    sodium_memzero(seed.data(), seed.size());
    return key;
}

Owned<EVP_PKEY> publicKeyOf(const PublicKey& key) {
    return Owned<EVP_PKEY>(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
}

std::optional<IssueError> faultOf(const std::string& name, const Lifetime& lifetime) {
    if (name.empty() || name.size() > maxName || !isPlainText(name)) return IssueError::BadName;
    constexpr std::chrono::days last{2932896};  // 9999-12-31
    if (lifetime.notBefore < SystemTime{} || lifetime.notAfter <= lifetime.notBefore ||
        lifetime.notAfter >= SystemTime(last)) {
        return IssueError::BadLifetime;
    }
    return std::nullopt;
}

time_t secondsOf(SystemTime time) { return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count(); }

// Collects the steps of one certificate; once a step has failed the rest is passed over.
class Builder {
public:
    Builder(const X509* issuer, const std::string& name, EVP_PKEY* key, const Lifetime& lifetime)
        : m_certificate(X509_new()) {
        X509* x = m_certificate.get();
        m_good = x != nullptr && key != nullptr && X509_set_version(x, X509_VERSION_3) == 1 && setSerial() &&
                 ASN1_TIME_set(X509_getm_notBefore(x), secondsOf(lifetime.notBefore)) != nullptr &&
                 ASN1_TIME_set(X509_getm_notAfter(x), secondsOf(lifetime.notAfter)) != nullptr &&
                 X509_set_pubkey(x, key) == 1 &&
                 X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8,
                                            reinterpret_cast<const unsigned char*>(name.data()),
                                            static_cast<int>(name.size()), -1, 0) == 1;
        m_issuer = issuer != nullptr ? issuer : x;
        m_good = m_good && X509_set_issuer_name(x, X509_get_subject_name(m_issuer)) == 1;
    }

    // In the words of OpenSSL's configuration; `value` is never a stranger's text.
    Builder& extension(int nid, const std::string& value) {
        if (!m_good) return *this;
        X509V3_CTX context;
        X509V3_set_ctx(&context, const_cast<X509*>(m_issuer), m_certificate.get(), nullptr, nullptr, 0);
        const Owned<X509_EXTENSION> made(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
        m_good = made && X509_add_ext(m_certificate.get(), made.get(), -1) == 1;
        return *this;
    }

    Builder& policies(PayeeClasses classes) {
        const Owned<CERTIFICATEPOLICIES> list(sk_POLICYINFO_new_null());
        for (const PayeeClass one : allPayeeClasses) {
            if (!classes.has(one)) continue;
            POLICYINFO* policy = POLICYINFO_new();
            m_good = m_good && list && policy != nullptr && sk_POLICYINFO_push(list.get(), policy) > 0;
            if (policy != nullptr) policy->policyid = policyObject(one).release();
        }
        m_good = m_good && X509_add1_ext_i2d(m_certificate.get(), NID_certificate_policies, list.get(), 0, 0) == 1;
        return *this;
    }

    tl::expected<Bytes, IssueError> sign(EVP_PKEY* key) {
        m_good = m_good && X509_sign(m_certificate.get(), key, nullptr) > 0;
        ERR_clear_error();
        if (!m_good) return tl::unexpected(IssueError::Failed);
        return derOf(m_certificate.get());
    }

private:
    bool setSerial() {
        std::array<uint8_t, 16> bytes{};
        randombytes_buf(bytes.data(), bytes.size());
        bytes[0] = static_cast<uint8_t>((bytes[0] & 0x7f) | 0x40);  // positive, of one length
        const Owned<BIGNUM> number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
        return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(m_certificate.get())) != nullptr;
    }

    Owned<X509> m_certificate;
    const X509* m_issuer = nullptr;
    bool m_good = false;
};

}  // namespace

std::string_view describe(IssueError error) {
    switch (error) {
    case IssueError::BadName: return "a name is 1 to 64 bytes of plain text";
    case IssueError::BadDomain: return "a domain is given like example.net, at most 64 of them";
    case IssueError::NoClass: return "name at least one class: few-complaints, accountable or regulated";
    case IssueError::BadLifetime: return "the certificate must end after it begins, and before the year 10000";
    case IssueError::KeyMismatch: return "the authority's certificate belongs to another key";
    case IssueError::Failed: return "OpenSSL could not make it";
    }
    return "unknown issue error";
}

tl::expected<Authority, IssueError> Authority::makeRoot(Identity key, const std::string& name,
                                                        const Lifetime& lifetime) {
    if (const auto fault = faultOf(name, lifetime)) return tl::unexpected(*fault);
    const Owned<EVP_PKEY> pair = privateKeyOf(key);
    auto der = Builder(nullptr, name, pair.get(), lifetime)
                   .extension(NID_basic_constraints, "critical,CA:TRUE")
                   .extension(NID_key_usage, "critical,keyCertSign,cRLSign")
                   .extension(NID_subject_key_identifier, "hash")
                   .extension(NID_authority_key_identifier, "keyid:always")
                   .sign(pair.get());
    if (!der) return tl::unexpected(der.error());
    return Authority(std::move(key), std::move(*der));
}

tl::expected<Authority, IssueError> Authority::load(Identity key, const Bytes& certificate) {
    const Owned<X509> x = certificateFrom(certificate);
    if (!x || ed25519KeyOf(x.get()) != key.publicKey()) return tl::unexpected(IssueError::KeyMismatch);
    return Authority(std::move(key), certificate);
}

tl::expected<Authority, IssueError> Authority::makeBelow(Identity key, const std::string& name, PayeeClasses classes,
                                                         const Lifetime& lifetime) const {
    if (const auto fault = faultOf(name, lifetime)) return tl::unexpected(*fault);
    if (classes.empty()) return tl::unexpected(IssueError::NoClass);
    const Owned<X509> issuer = certificateFrom(m_certificate);
    auto der = Builder(issuer.get(), name, publicKeyOf(key.publicKey()).get(), lifetime)
                   .extension(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
                   .extension(NID_key_usage, "critical,keyCertSign,cRLSign")
                   .extension(NID_subject_key_identifier, "hash")
                   .extension(NID_authority_key_identifier, "keyid:always")
                   .policies(classes)
                   .sign(privateKeyOf(m_key).get());
    if (!der) return tl::unexpected(der.error());
    return Authority(std::move(key), std::move(*der));
}

tl::expected<Bytes, IssueError> Authority::certify(const PayeeRequest& request) const {
    if (const auto fault = faultOf(request.name, request.lifetime)) return tl::unexpected(*fault);
    if (request.classes.empty()) return tl::unexpected(IssueError::NoClass);
    std::string names;
    for (const std::string& domain : request.domains) {
        if (parseDomain(domain) != domain) return tl::unexpected(IssueError::BadDomain);
        names += (names.empty() ? "DNS:" : ",DNS:") + domain;
    }
    if (request.domains.size() > 64) return tl::unexpected(IssueError::BadDomain);
    const Owned<X509> issuer = certificateFrom(m_certificate);
    Builder builder(issuer.get(), request.name, publicKeyOf(request.key).get(), request.lifetime);
    builder.extension(NID_basic_constraints, "critical,CA:FALSE")
        .extension(NID_key_usage, "critical,digitalSignature")
        .extension(NID_subject_key_identifier, "hash")
        .extension(NID_authority_key_identifier, "keyid:always")
        .policies(request.classes);
    if (!names.empty()) builder.extension(NID_subject_alt_name, names);
    return builder.sign(privateKeyOf(m_key).get());
}

tl::expected<Bytes, IssueError> Authority::revoke(std::span<const std::string> serials,
                                                  const Lifetime& lifetime) const {
    if (faultOf("list", lifetime)) return tl::unexpected(IssueError::BadLifetime);
    const Owned<X509> issuer = certificateFrom(m_certificate);
    const Owned<X509_CRL> list(X509_CRL_new());
    const Owned<ASN1_TIME> from(ASN1_TIME_set(nullptr, secondsOf(lifetime.notBefore)));
    const Owned<ASN1_TIME> to(ASN1_TIME_set(nullptr, secondsOf(lifetime.notAfter)));
    bool good = issuer && list && from && to && X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get())) == 1 &&
                X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1 &&
                X509_CRL_set1_nextUpdate(list.get(), to.get()) == 1;
    for (const std::string& serial : serials) {
        BIGNUM* raw = nullptr;
        const bool hex = !serial.empty() && serial.size() <= 40 &&
                         static_cast<size_t>(BN_hex2bn(&raw, serial.c_str())) == serial.size();
        const Owned<BIGNUM> number(raw);
        const Owned<ASN1_INTEGER> integer(hex ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
        Owned<X509_REVOKED> entry(X509_REVOKED_new());
        good = good && integer && entry && X509_REVOKED_set_serialNumber(entry.get(), integer.get()) == 1 &&
               X509_REVOKED_set_revocationDate(entry.get(), from.get()) == 1 &&
               X509_CRL_add0_revoked(list.get(), entry.get()) == 1;
        if (good) (void)entry.release();
    }
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer.get(), nullptr, nullptr, list.get(), 0);
    if (good) {
        const Owned<X509_EXTENSION> made(
            X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
        good = made && X509_CRL_add_ext(list.get(), made.get(), -1) == 1;
    }
    const Owned<ASN1_INTEGER> sequence(ASN1_INTEGER_new());
    good = good && sequence && ASN1_INTEGER_set_int64(sequence.get(), secondsOf(lifetime.notBefore)) == 1 &&
           X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, sequence.get(), 0, 0) == 1 &&
           X509_CRL_sort(list.get()) == 1 && X509_CRL_sign(list.get(), privateKeyOf(m_key).get(), nullptr) > 0;
    ERR_clear_error();
    if (!good) return tl::unexpected(IssueError::Failed);
    return derOf(list.get());
}

}  // namespace netpas::certificates
