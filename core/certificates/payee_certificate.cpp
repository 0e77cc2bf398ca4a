#include "core/certificates/payee_certificate.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "core/certificates/openssl_parts.h"
#include "core/crypto/hex.h"
#include "core/domain_name.h"
#include "core/plain_text.h"

namespace netpas::certificates {

namespace {

constexpr size_t maxPem = 4 << 20;
constexpr size_t maxShownName = 128;
constexpr size_t maxDomains = 64;

CertificateProblem malformed(std::string message) {
    return {CertificateFault::Malformed, std::move(message), "ask the payee for its certificate anew, as a PEM file"};
}

std::string_view certificateLabel() { return "CERTIFICATE"; }
std::string_view revocationLabel() { return "X509 CRL"; }

// The next block's contents; nothing when there is no further one, Malformed when it is broken.
tl::expected<std::optional<Bytes>, CertificateProblem> nextBlock(std::string_view& pem, std::string_view label) {
    const std::string begin = "-----BEGIN " + std::string(label) + "-----";
    const std::string end = "-----END " + std::string(label) + "-----";
    const size_t from = pem.find("-----BEGIN ");
    if (from == std::string_view::npos) return std::nullopt;
    pem.remove_prefix(from);
    if (!pem.starts_with(begin)) {
        return tl::unexpected(malformed("the file has a PEM block that is no " + std::string(label) +
                                        (pem.starts_with("-----BEGIN PRIV") || pem.find("PRIVATE KEY") < 40
                                             ? "; never give a private key away"
                                             : "")));
    }
    pem.remove_prefix(begin.size());
    const size_t to = pem.find(end);
    if (to == std::string_view::npos) return tl::unexpected(malformed("the file's last PEM block has no end"));
    const std::string_view base64 = pem.substr(0, to);
    pem.remove_prefix(to + end.size());
    Bytes der(base64.size() / 4 * 3 + 3);
    size_t size = 0;
    if (sodium_base642bin(der.data(), der.size(), base64.data(), base64.size(), " \t\r\n", &size, nullptr,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        return tl::unexpected(malformed("a PEM block is not base64"));
    }
    der.resize(size);
    return der;
}

std::string pemBlock(std::string_view label, ByteView der) {
    std::string base64(sodium_base64_encoded_len(der.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(base64.data(), base64.size(), der.data(), der.size(), sodium_base64_VARIANT_ORIGINAL);
    base64.pop_back();  // the terminating zero
    std::string pem = "-----BEGIN " + std::string(label) + "-----\n";
    for (size_t at = 0; at < base64.size(); at += 64) pem += base64.substr(at, 64) + "\n";
    return pem + "-----END " + std::string(label) + "-----\n";
}

template <typename Object, typename Decode>
Owned<Object> decoded(ByteView der, size_t limit, Decode decode) {
    if (der.empty() || der.size() > limit) return nullptr;
    const uint8_t* at = der.data();
    Owned<Object> object(decode(nullptr, &at, static_cast<long>(der.size())));
    ERR_clear_error();
    return object && at == der.data() + der.size() ? std::move(object) : nullptr;
}

template <typename Object, typename Encode>
Bytes encoded(const Object* object, Encode encode) {
    const int size = encode(object, nullptr);
    if (size <= 0) return {};
    Bytes der(static_cast<size_t>(size));
    uint8_t* at = der.data();
    encode(object, &at);
    return der;
}

std::vector<std::string> domainsOf(const X509* certificate) {
    const Owned<GENERAL_NAMES> alternatives(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> domains;
    for (int i = 0; alternatives && i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        const GENERAL_NAME* alternative = sk_GENERAL_NAME_value(alternatives.get(), i);
        if (alternative->type != GEN_DNS || domains.size() == maxDomains) continue;
        const ASN1_IA5STRING* text = alternative->d.dNSName;
        const auto domain = parseDomain({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                         static_cast<size_t>(ASN1_STRING_length(text))});
        if (domain && std::find(domains.begin(), domains.end(), *domain) == domains.end()) domains.push_back(*domain);
    }
    ERR_clear_error();
    return domains;
}

PayeeClasses statedClasses(const X509* certificate) {
    const Owned<CERTIFICATEPOLICIES> policies(
        static_cast<CERTIFICATEPOLICIES*>(X509_get_ext_d2i(certificate, NID_certificate_policies, nullptr, nullptr)));
    PayeeClasses classes;
    for (const PayeeClass one : allPayeeClasses) {
        const Owned<ASN1_OBJECT> object = policyObject(one);
        for (int i = 0; policies && i < sk_POLICYINFO_num(policies.get()); ++i) {
            if (OBJ_cmp(sk_POLICYINFO_value(policies.get(), i)->policyid, object.get()) == 0) classes |= one;
        }
    }
    ERR_clear_error();
    return classes;
}

std::string serialOf(const X509* certificate) {
    const Owned<BIGNUM> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    char* text = number ? BN_bn2hex(number.get()) : nullptr;
    std::string serial = text != nullptr ? text : "";
    OPENSSL_free(text);
    return serial;
}

}  // namespace

std::string_view code(CertificateFault fault) {
    switch (fault) {
    case CertificateFault::Malformed: return "CERTIFICATE_MALFORMED";
    case CertificateFault::KeyMismatch: return "CERTIFICATE_KEY_MISMATCH";
    case CertificateFault::Expired: return "CERTIFICATE_EXPIRED";
    case CertificateFault::NotYetValid: return "CERTIFICATE_NOT_YET_VALID";
    case CertificateFault::Forged: return "CERTIFICATE_FORGED";
    case CertificateFault::OtherName: return "CERTIFICATE_OTHER_NAME";
    case CertificateFault::UnknownAuthority: return "CERTIFICATE_UNKNOWN_AUTHORITY";
    case CertificateFault::PolicyNotAccepted: return "CERTIFICATE_POLICY_NOT_ACCEPTED";
    case CertificateFault::Revoked: return "CERTIFICATE_REVOKED";
    case CertificateFault::StaleRevocations: return "CERTIFICATE_STALE_REVOCATIONS";
    case CertificateFault::NotForPayments: return "CERTIFICATE_NOT_FOR_PAYMENTS";
    case CertificateFault::TooWeak: return "CERTIFICATE_TOO_WEAK";
    }
    return "CERTIFICATE_UNKNOWN_FAULT";
}

Owned<X509> certificateFrom(ByteView der) { return decoded<X509>(der, maxCertificate, d2i_X509); }
Owned<X509_CRL> revocationsFrom(ByteView der) { return decoded<X509_CRL>(der, maxRevocationList, d2i_X509_CRL); }
Bytes derOf(const X509* certificate) { return encoded(certificate, i2d_X509); }
Bytes derOf(const X509_CRL* list) { return encoded(list, i2d_X509_CRL); }

std::optional<PublicKey> ed25519KeyOf(const X509* certificate) {
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    PublicKey out;
    size_t size = out.bytes.size();
    const bool good = key != nullptr && EVP_PKEY_id(key) == EVP_PKEY_ED25519 &&
                      EVP_PKEY_get_raw_public_key(key, out.bytes.data(), &size) == 1 && size == out.bytes.size();
    ERR_clear_error();
    return good ? std::optional(out) : std::nullopt;
}

std::optional<SystemTime> timeOf(const ASN1_TIME* time) {
    const Owned<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
    int days = 0;
    int seconds = 0;
    const bool good = epoch && time != nullptr && ASN1_TIME_diff(&days, &seconds, epoch.get(), time) == 1;
    ERR_clear_error();
    if (!good) return std::nullopt;
    return SystemTime(std::chrono::hours(24) * days + std::chrono::seconds(seconds));
}

std::string plainName(const X509_NAME* name) {
    const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0) return {};
    uint8_t* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    std::string text;
    if (size > 0) text = toPlainText({reinterpret_cast<const char*>(utf8), static_cast<size_t>(size)}, maxShownName);
    OPENSSL_free(utf8);
    ERR_clear_error();
    return text;
}

Owned<ASN1_OBJECT> policyObject(PayeeClass payeeClass) {
    Owned<ASN1_OBJECT> object(OBJ_txt2obj(policyOid(payeeClass).c_str(), 1));
    if (!object) std::abort();  // only without memory
    return object;
}

tl::expected<Statement, CertificateProblem> inspect(const Chain& chain) {
    if (chain.empty()) return tl::unexpected(malformed("there is no certificate"));
    if (chain.size() > maxChain) return tl::unexpected(malformed("the chain has more than 5 certificates"));
    const Owned<X509> certificate = certificateFrom(chain.front());
    if (!certificate) return tl::unexpected(malformed("this is not a certificate"));
    const auto key = ed25519KeyOf(certificate.get());
    if (!key) return tl::unexpected(malformed("the certificate's key is not an Ed25519 key, as every payee has"));
    const auto notBefore = timeOf(X509_get0_notBefore(certificate.get()));
    const auto notAfter = timeOf(X509_get0_notAfter(certificate.get()));
    if (!notBefore || !notAfter) return tl::unexpected(malformed("the certificate's times cannot be read"));
    return Statement{key->nodeId(),
                     *key,
                     plainName(X509_get_subject_name(certificate.get())),
                     domainsOf(certificate.get()),
                     statedClasses(certificate.get()),
                     plainName(X509_get_issuer_name(certificate.get())),
                     serialOf(certificate.get()),
                     *notBefore,
                     *notAfter};
}

tl::expected<RevocationStatement, CertificateProblem> inspectRevocations(const Bytes& der) {
    const Owned<X509_CRL> list = revocationsFrom(der);
    const auto issued = list ? timeOf(X509_CRL_get0_lastUpdate(list.get())) : std::nullopt;
    if (!issued) {
        return tl::unexpected(CertificateProblem{CertificateFault::Malformed,
                                                 "this is not a list of revoked certificates (CRL)",
                                                 "get the authority's list anew, as PEM"});
    }
    const X509_NAME* issuer = X509_CRL_get_issuer(list.get());
    const Bytes name = encoded(issuer, i2d_X509_NAME);
    const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(list.get());
    return RevocationStatement{plainName(issuer), toHex(blake2b256(name)),
                               revoked == nullptr ? size_t{0} : static_cast<size_t>(sk_X509_REVOKED_num(revoked)),
                               *issued, timeOf(X509_CRL_get0_nextUpdate(list.get()))};
}

bool isSignedBy(const Bytes& der, const Bytes& authority) {
    const Owned<X509_CRL> list = revocationsFrom(der);
    const Owned<X509> certificate = certificateFrom(authority);
    EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate.get()) : nullptr;
    const bool good = list && key != nullptr &&
                      X509_NAME_cmp(X509_CRL_get_issuer(list.get()), X509_get_subject_name(certificate.get())) == 0 &&
                      X509_CRL_verify(list.get(), key) == 1;
    ERR_clear_error();
    return good;
}

tl::expected<Chain, CertificateProblem> chainFromPem(std::string_view pem) {
    if (pem.size() > maxPem) return tl::unexpected(malformed("the file is larger than 4 MiB"));
    Chain chain;
    while (true) {
        auto block = nextBlock(pem, certificateLabel());
        if (!block) return tl::unexpected(std::move(block.error()));
        if (!*block) break;
        if (chain.size() == maxChain) return tl::unexpected(malformed("the chain has more than 5 certificates"));
        if (!certificateFrom(**block)) return tl::unexpected(malformed("a PEM block is not a certificate"));
        chain.push_back(std::move(**block));
    }
    if (chain.empty()) return tl::unexpected(malformed("the file has no certificate in it"));
    return chain;
}

std::string toPem(std::span<const Bytes> certificates) {
    std::string pem;
    for (const Bytes& certificate : certificates) pem += pemBlock(certificateLabel(), certificate);
    return pem;
}

tl::expected<Bytes, CertificateProblem> revocationsFromPem(std::string_view pem) {
    if (pem.size() > maxPem) return tl::unexpected(malformed("the file is larger than 4 MiB"));
    auto block = nextBlock(pem, revocationLabel());
    if (!block) return tl::unexpected(std::move(block.error()));
    if (!*block || !revocationsFrom(**block))
        return tl::unexpected(malformed("the file has no list of revoked certificates (CRL) in it"));
    return std::move(**block);
}

std::string revocationsToPem(const Bytes& list) { return pemBlock(revocationLabel(), list); }

}  // namespace netpas::certificates
