#include "core/certificates/verifier.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>

#include "core/certificates/openssl_parts.h"
#include "core/crypto/hex.h"

namespace netpas::certificates {

namespace {

constexpr int maxDepth = 4;       // authorities between payee and anchor
constexpr int securityLevel = 2;  // 112 bits: RSA of 2048 bits, no SHA-1

struct Outcome {
    int error = X509_V_OK;
    int depth = 0;
    std::string at;  // whose certificate it is about
    std::string authority;
    SystemTime goodUntil;
};

CertificateProblem problem(CertificateFault fault, std::string message, std::string hint) {
    return {fault, std::move(message), std::move(hint)};
}

// How much a fault says when several paths fail: the highest is told.
int weight(CertificateFault fault) {
    switch (fault) {
    case CertificateFault::Revoked: return 9;
    case CertificateFault::Forged: return 8;
    case CertificateFault::Expired: return 7;
    case CertificateFault::NotYetValid: return 6;
    case CertificateFault::StaleRevocations: return 5;
    case CertificateFault::NotForPayments: return 4;
    case CertificateFault::TooWeak: return 3;
    case CertificateFault::PolicyNotAccepted: return 2;
    case CertificateFault::OtherName: return 2;
    case CertificateFault::UnknownAuthority: return 1;
    case CertificateFault::Malformed:
    case CertificateFault::KeyMismatch: return 0;
    }
    return 0;
}

CertificateFault faultOf(int error) {
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return CertificateFault::Expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return CertificateFault::NotYetValid;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE: return CertificateFault::Forged;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_CERT_UNTRUSTED: return CertificateFault::UnknownAuthority;
    case X509_V_ERR_NO_EXPLICIT_POLICY:
    case X509_V_ERR_INVALID_POLICY_EXTENSION: return CertificateFault::PolicyNotAccepted;
    case X509_V_ERR_CERT_REVOKED: return CertificateFault::Revoked;
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID: return CertificateFault::StaleRevocations;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION: return CertificateFault::OtherName;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK: return CertificateFault::TooWeak;
    default: return CertificateFault::NotForPayments;  // of OpenSSL's many, the rest is about misused certificates
    }
}

std::string dayOf(SystemTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", int(date.year()), unsigned(date.month()), unsigned(date.day()));
    return text;
}

CertificateProblem explain(const Outcome& outcome, const Statement& statement, PayeeClasses accepted) {
    const CertificateFault fault = faultOf(outcome.error);
    const std::string whose =
        outcome.depth == 0 ? "the payee's certificate" : "the certificate of the authority " + outcome.at;
    switch (fault) {
    case CertificateFault::Expired:
        return problem(fault, whose + " has expired" + (outcome.depth == 0 ? " on " + dayOf(statement.notAfter) : ""),
                       "ask the payee for a new certificate; if that day is still to come, set this machine's clock");
    case CertificateFault::NotYetValid:
        return problem(fault,
                       whose + " is not valid yet" +
                           (outcome.depth == 0 ? ", but from " + dayOf(statement.notBefore) + " on" : ""),
                       "check this machine's clock; if it is right, wait until then");
    case CertificateFault::Forged:
        return problem(fault, "the signature on " + whose + " is wrong: it was forged or damaged",
                       "do not pay; fetch the certificate again from the payee's ISP");
    case CertificateFault::UnknownAuthority:
        return problem(fault,
                       "no authority that you trust vouches for the payee; the certificate names " +
                           (statement.issuer.empty() ? "nobody" : statement.issuer),
                       "if you trust that authority: netpas payees trust CLASS FILE");
    case CertificateFault::PolicyNotAccepted:
        return problem(fault,
                       "the certificate is not one of those that you accept (" + names(accepted) + "); it states " +
                           names(statement.classes),
                       "to accept other kinds of payee: netpas payees accept CLASS...");
    case CertificateFault::Revoked:
        return problem(fault, "the authority has revoked " + whose, "do not pay; ask the payee what happened");
    case CertificateFault::StaleRevocations:
        return problem(fault, "the authority's list of revoked certificates is out of date",
                       "get the authority's new list: netpas payees revocations FILE; check this machine's clock");
    case CertificateFault::OtherName:
        return problem(fault, whose + " is for another site", "do not pay; the site may be an impostor's");
    case CertificateFault::TooWeak:
        return problem(fault, whose + " uses a key or hash that can be forged", "ask the payee for a new certificate");
    case CertificateFault::NotForPayments:
    case CertificateFault::Malformed:
    case CertificateFault::KeyMismatch: break;
    }
    return problem(CertificateFault::NotForPayments,
                   whose + " may not be used like this: " + X509_verify_cert_error_string(outcome.error),
                   "ask the payee for a certificate made for payees");
}

// A list of revoked certificates is optional for each authority by itself.
int tolerate(int good, X509_STORE_CTX* context) {
    if (good == 1 || X509_STORE_CTX_get_error(context) != X509_V_ERR_UNABLE_TO_GET_CRL) return good;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

bool isAuthority(X509* certificate) {
    constexpr uint32_t both = EXFLAG_CA | EXFLAG_BCONS;
    return (X509_get_extension_flags(certificate) & both) == both &&
           (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) != 0;
}

// A payee's own: an end entity's that signs.
bool isPayees(X509* certificate) {
    const uint32_t flags = X509_get_extension_flags(certificate);
    return X509_get_version(certificate) == X509_VERSION_3 && (flags & (EXFLAG_CA | EXFLAG_INVALID)) == 0 &&
           (flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0;
}

}  // namespace

tl::expected<AnchorStatement, CertificateProblem> inspect(const Anchor& anchor) {
    const Owned<X509> certificate = certificateFrom(anchor.certificate);
    if (!certificate) {
        return tl::unexpected(problem(CertificateFault::Malformed, "this is not a certificate",
                                      "get the authority's certificate as PEM"));
    }
    if (!isAuthority(certificate.get())) {
        return tl::unexpected(problem(CertificateFault::NotForPayments, "this is not an authority's certificate",
                                      "get the certificate of the authority, not that of a payee"));
    }
    std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    const auto notBefore = timeOf(X509_get0_notBefore(certificate.get()));
    const auto notAfter = timeOf(X509_get0_notAfter(certificate.get()));
    if (!notBefore || !notAfter || X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) != 1) {
        return tl::unexpected(problem(CertificateFault::Malformed, "the certificate cannot be read",
                                      "get the authority's certificate as PEM"));
    }
    return AnchorStatement{plainName(X509_get_subject_name(certificate.get())), toHex({digest.data(), size}),
                           *notBefore, *notAfter};
}

struct Verifier::Impl {
    // One store for each class: an anchor vouches for one kind of payee only.
    std::array<Owned<X509_STORE>, allPayeeClasses.size()> stores;

    [[nodiscard]] static size_t indexOf(PayeeClass one) { return static_cast<size_t>(one) - 1; }
    [[nodiscard]] Outcome validate(PayeeClass one, X509* leaf, STACK_OF(X509) * others, SystemTime now) const;
};

Outcome Verifier::Impl::validate(PayeeClass one, X509* leaf, STACK_OF(X509) * others, SystemTime now) const {
    Outcome outcome;
    const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), stores[indexOf(one)].get(), leaf, others) != 1) {
        outcome.error = X509_V_ERR_OUT_OF_MEM;
        return outcome;
    }
    X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(rules, std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
    X509_VERIFY_PARAM_set_depth(rules, maxDepth);
    X509_VERIFY_PARAM_set_auth_level(rules, securityLevel);
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK |
                                           X509_V_FLAG_EXPLICIT_POLICY | X509_V_FLAG_INHIBIT_ANY |
                                           X509_V_FLAG_INHIBIT_MAP | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_VERIFY_PARAM_add0_policy(rules, policyObject(one).release());
    X509_STORE_CTX_set_verify_cb(context.get(), tolerate);
    if (X509_verify_cert(context.get()) != 1) {
        outcome.error = X509_STORE_CTX_get_error(context.get());
        if (outcome.error == X509_V_OK) outcome.error = X509_V_ERR_UNSPECIFIED;
        outcome.depth = X509_STORE_CTX_get_error_depth(context.get());
        if (const X509* at = X509_STORE_CTX_get_current_cert(context.get()))
            outcome.at = plainName(X509_get_subject_name(at));
    } else {
        STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context.get());
        outcome.goodUntil = SystemTime::max();
        for (int i = 0; i < sk_X509_num(path); ++i) {
            const auto end = timeOf(X509_get0_notAfter(sk_X509_value(path, i)));
            if (end) outcome.goodUntil = std::min(outcome.goodUntil, *end);
        }
        outcome.authority = plainName(X509_get_subject_name(sk_X509_value(path, sk_X509_num(path) - 1)));
    }
    ERR_clear_error();
    return outcome;
}

Verifier::Verifier(std::unique_ptr<const Impl> impl) : m_impl(std::move(impl)) {}
Verifier::Verifier(Verifier&&) noexcept = default;
Verifier& Verifier::operator=(Verifier&&) noexcept = default;
Verifier::~Verifier() = default;

tl::expected<Verifier, CertificateProblem> Verifier::make(std::span<const Anchor> anchors,
                                                          std::span<const Bytes> revocations) {
    auto impl = std::make_unique<Impl>();
    for (auto& store : impl->stores) {
        store.reset(X509_STORE_new());
        if (!store) return tl::unexpected(problem(CertificateFault::Malformed, "out of memory", "end other programs"));
    }
    for (const Anchor& anchor : anchors) {
        if (const auto good = inspect(anchor); !good) return tl::unexpected(good.error());
        const Owned<X509> certificate = certificateFrom(anchor.certificate);
        X509_STORE_add_cert(impl->stores[Impl::indexOf(anchor.payeeClass)].get(), certificate.get());
    }
    for (const Bytes& der : revocations) {
        const Owned<X509_CRL> list = revocationsFrom(der);
        if (!list) {
            return tl::unexpected(problem(CertificateFault::Malformed, "a list of revoked certificates cannot be read",
                                          "get the authority's list anew, as PEM"));
        }
        for (auto& store : impl->stores) X509_STORE_add_crl(store.get(), list.get());
    }
    ERR_clear_error();
    return Verifier(std::move(impl));
}

tl::expected<Verified, CertificateProblem> Verifier::verify(const Chain& chain, const Question& question) const {
    auto statement = inspect(chain);
    if (!statement) return tl::unexpected(statement.error());
    if (statement->payee != question.payee) {
        return tl::unexpected(problem(CertificateFault::KeyMismatch,
                                      "the certificate belongs to another payee, " + statement->payee.hex(),
                                      "do not pay; ask for the certificate of " + question.payee.hex()));
    }
    std::vector<Owned<X509>> certificates;
    for (const Bytes& der : chain) {
        certificates.push_back(certificateFrom(der));
        if (!certificates.back()) {
            return tl::unexpected(problem(CertificateFault::Malformed, "an authority's certificate cannot be read",
                                          "ask the payee for its certificate anew, as a PEM file"));
        }
    }
    X509* leaf = certificates.front().get();
    if (!isPayees(leaf)) {
        return tl::unexpected(problem(CertificateFault::NotForPayments,
                                      "this is an authority's certificate, or one that may not sign",
                                      "ask the payee for a certificate made for payees"));
    }
    const Owned<STACK_OF(X509)> others(sk_X509_new_null());
    for (size_t i = 1; i < certificates.size(); ++i) sk_X509_push(others.get(), certificates[i].get());

    Verified verified{*statement, {}, {}, {}};
    PayeeClasses unaccepted;
    std::optional<CertificateProblem> worst;
    for (const PayeeClass one : allPayeeClasses) {
        const Outcome outcome = m_impl->validate(one, leaf, others.get(), question.now);
        if (outcome.error != X509_V_OK) {
            CertificateProblem fault = explain(outcome, *statement, question.accepted);
            if (!worst || weight(fault.fault) > weight(worst->fault)) worst = std::move(fault);
        } else if (!question.accepted.has(one)) {
            unaccepted |= one;
        } else if (verified.classes.empty() || outcome.goodUntil > verified.goodUntil) {
            verified.authority = outcome.authority;
            verified.goodUntil = outcome.goodUntil;
            verified.classes |= one;
        } else {
            verified.classes |= one;
        }
    }
    if (verified.classes.empty() && !unaccepted.empty()) {
        return tl::unexpected(problem(
            CertificateFault::PolicyNotAccepted,
            "the payee is certified as " + names(unaccepted) + ", but you accept " + names(question.accepted) + " only",
            "to accept such payees: netpas payees accept " + names(unaccepted)));
    }
    if (verified.classes.empty()) return tl::unexpected(std::move(*worst));
    const auto& domains = verified.statement.domains;
    if (!question.domain.empty() && std::find(domains.begin(), domains.end(), question.domain) == domains.end()) {
        const std::string known = domains.empty() ? "no site" : domains.front();
        return tl::unexpected(problem(CertificateFault::OtherName,
                                      "the certificate is for " + known + ", not for " + question.domain,
                                      "do not pay; the site may be an impostor's"));
    }
    return verified;
}

}  // namespace netpas::certificates
