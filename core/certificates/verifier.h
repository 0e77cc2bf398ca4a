// Whether a payee's certificate makes it one whom the user may pay (NetPaS §4.1.2): path validation (RFC 5280, by OpenSSL) to an
// authority that the user trusts for that kind of payee.
#pragma once

#include <memory>
#include <span>
#include <string>

#include <tl/expected.hpp>

#include "core/certificates/payee_certificate.h"

namespace netpas::certificates {

// An authority that vouches for one kind of payee, and for no other.
struct Anchor {
    PayeeClass payeeClass{};
    Bytes certificate;  // DER
    friend bool operator==(const Anchor&, const Anchor&) = default;
};

struct AnchorStatement {
    std::string name;
    std::string fingerprint;  // SHA-256 in hexadecimal, for comparing by eye
    SystemTime notBefore;
    SystemTime notAfter;
};
// Refuses what is no authority's certificate.
[[nodiscard]] tl::expected<AnchorStatement, CertificateProblem> inspect(const Anchor& anchor);

struct Question {
    NodeId payee;        // who is to be paid
    std::string domain;  // the site on whose behalf, in normal form; empty: none
    PayeeClasses accepted = cautious;
    SystemTime now;
};

struct Verified {
    Statement statement;
    PayeeClasses classes;   // of those accepted, the ones that were proven
    std::string authority;  // who vouches
    SystemTime goodUntil;   // the earliest end of any certificate on the way
};

// Immutable: any thread may use it.
class Verifier {
public:
    // Lists of revoked certificates are optional, for each authority by itself. One that cannot be read is an error, as is an anchor.
    [[nodiscard]] static tl::expected<Verifier, CertificateProblem> make(std::span<const Anchor> anchors,
                                                                         std::span<const Bytes> revocations);
    Verifier(Verifier&&) noexcept;
    Verifier& operator=(Verifier&&) noexcept;
    ~Verifier();

    [[nodiscard]] tl::expected<Verified, CertificateProblem> verify(const Chain& chain, const Question& question) const;

private:
    struct Impl;
    explicit Verifier(std::unique_ptr<const Impl> impl);
    std::unique_ptr<const Impl> m_impl;
};

}  // namespace netpas::certificates
