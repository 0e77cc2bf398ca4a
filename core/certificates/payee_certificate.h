// Certificates of payees (X.509, RFC 5280; NetPaS §4.1.2) as bytes, and what they state. core/certificates/README.md has the profile.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/certificates/payee_class.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/ids.h"

namespace netpas::certificates {

inline constexpr size_t maxCertificate = 16 * 1024;
inline constexpr size_t maxChain = 5;
inline constexpr size_t maxRevocationList = size_t{1} << 20;

// DER, the payee's certificate first, then those of the authorities above it; the trusted one may be missing.
using Chain = std::vector<Bytes>;

enum class CertificateFault {
    Malformed,          // not a certificate, or not of this profile
    KeyMismatch,        // another key than the one that names the payee
    Expired,            // it, or an authority's on the way
    NotYetValid,        // likewise
    Forged,             // a signature is wrong
    OtherName,          // for another site
    UnknownAuthority,   // nobody whom the user trusts has signed
    PolicyNotAccepted,  // of a kind of payee that the user does not accept, or of none
    Revoked,
    StaleRevocations,  // the list of revoked certificates has expired
    NotForPayments,    // an authority's certificate used as a payee's, or the other way round
    TooWeak,           // keys or hashes that can be forged
};
[[nodiscard]] std::string_view code(CertificateFault fault);  // stable, for programs

struct CertificateProblem {
    CertificateFault fault{};
    std::string message;
    std::string hint;  // the remedy
    friend bool operator==(const CertificateProblem&, const CertificateProblem&) = default;
};

// What a certificate says of itself; nothing of it is checked.
struct Statement {
    NodeId payee;  // from the key
    PublicKey key;
    std::string name;                  // made plain
    std::vector<std::string> domains;  // in normal form
    PayeeClasses classes;
    std::string issuer;  // made plain
    std::string serial;  // hexadecimal
    SystemTime notBefore;
    SystemTime notAfter;
    friend bool operator==(const Statement&, const Statement&) = default;
};

[[nodiscard]] tl::expected<Statement, CertificateProblem> inspect(const Chain& chain);

// What a list of revoked certificates says of itself; nothing of it is checked.
struct RevocationStatement {
    std::string issuer;    // made plain
    std::string issuerId;  // hash of the whole name: the same for all lists of one authority
    size_t revoked = 0;
    SystemTime issued;
    std::optional<SystemTime> expires;
};
[[nodiscard]] tl::expected<RevocationStatement, CertificateProblem> inspectRevocations(const Bytes& list);
[[nodiscard]] bool isSignedBy(const Bytes& list, const Bytes& authority);

// PEM blocks "CERTIFICATE", nothing else between them but text that is no block.
[[nodiscard]] tl::expected<Chain, CertificateProblem> chainFromPem(std::string_view pem);
[[nodiscard]] std::string toPem(std::span<const Bytes> certificates);
// One block "X509 CRL".
[[nodiscard]] tl::expected<Bytes, CertificateProblem> revocationsFromPem(std::string_view pem);
[[nodiscard]] std::string revocationsToPem(const Bytes& list);

}  // namespace netpas::certificates
