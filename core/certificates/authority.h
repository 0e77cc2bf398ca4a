// Makes certificates of payees: for authorities, tests and the lab (core/certificates/README.md). Not used where money is spent.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/certificates/payee_certificate.h"

namespace netpas::certificates {

struct Lifetime {
    SystemTime notBefore;
    SystemTime notAfter;
};

struct PayeeRequest {
    PublicKey key;
    std::string name;                  // 1 to 64 bytes of plain text
    std::vector<std::string> domains;  // in normal form
    PayeeClasses classes;
    Lifetime lifetime;
};

enum class IssueError {
    BadName,
    BadDomain,
    NoClass,
    BadLifetime,  // empty, before 1970 or after 9999
    KeyMismatch,  // the authority's certificate belongs to another key
    Failed,       // OpenSSL refused
};
[[nodiscard]] std::string_view describe(IssueError error);

class Authority {
public:
    // Signs itself: an anchor.
    [[nodiscard]] static tl::expected<Authority, IssueError> makeRoot(Identity key, const std::string& name,
                                                                      const Lifetime& lifetime);
    [[nodiscard]] static tl::expected<Authority, IssueError> load(Identity key, const Bytes& certificate);

    [[nodiscard]] const Bytes& certificate() const { return m_certificate; }
    // An authority below this one, for these classes only.
    [[nodiscard]] tl::expected<Authority, IssueError> makeBelow(Identity key, const std::string& name,
                                                                PayeeClasses classes, const Lifetime& lifetime) const;
    [[nodiscard]] tl::expected<Bytes, IssueError> certify(const PayeeRequest& request) const;
    // The list of everything that was revoked: `serials` as in Statement.
    [[nodiscard]] tl::expected<Bytes, IssueError> revoke(std::span<const std::string> serials,
                                                         const Lifetime& lifetime) const;

private:
    Authority(Identity key, Bytes certificate) : m_key(std::move(key)), m_certificate(std::move(certificate)) {}

    Identity m_key;
    Bytes m_certificate;
};

}  // namespace netpas::certificates
