// Whom the user may pay: certificates of payees, the authorities that the user trusts for each class of them, and the classes that the
// user accepts (NetPaS §4.1.2). Durable. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tl/expected.hpp>

#include "core/certificates/verifier.h"
#include "core/store/documents.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::payees {

struct PayeeProblem {
    std::string code;     // stable, for programs
    std::string message;  // for people
    std::string hint;     // the remedy
    friend bool operator==(const PayeeProblem&, const PayeeProblem&) = default;
};

struct TrustedAuthority {
    std::string id;  // class, colon, SHA-256 of the certificate
    certificates::Anchor anchor;
    certificates::AnchorStatement statement;
};

class PayeeBook {
public:
    static constexpr size_t maxPayees = 10000;
    static constexpr size_t maxAuthorities = 64;
    static constexpr size_t maxRevocationLists = 64;

    // `documents` must outlive the book.
    [[nodiscard]] static tl::expected<PayeeBook, store::StoreError> open(store::Documents& documents);

    [[nodiscard]] certificates::PayeeClasses accepted() const { return m_accepted; }
    [[nodiscard]] tl::expected<void, PayeeProblem> accept(certificates::PayeeClasses classes);

    [[nodiscard]] const std::vector<TrustedAuthority>& authorities() const { return m_authorities; }
    // The id of the authority, which vouches for that class from now on.
    [[nodiscard]] tl::expected<std::string, PayeeProblem> trust(certificates::PayeeClass payeeClass,
                                                                const Bytes& certificate, SystemTime now);
    [[nodiscard]] tl::expected<void, PayeeProblem> distrust(std::string_view id);

    // A list of revoked certificates, signed by a trusted authority; replaces an older one of the same.
    [[nodiscard]] tl::expected<certificates::RevocationStatement, PayeeProblem> addRevocations(const Bytes& list);

    // Keeps the certificate of a payee who may be paid now.
    [[nodiscard]] tl::expected<certificates::Verified, PayeeProblem> add(const certificates::Chain& chain,
                                                                         SystemTime now);
    [[nodiscard]] tl::expected<void, PayeeProblem> erase(const NodeId& payee);
    // In no order.
    [[nodiscard]] std::vector<NodeId> payees() const;
    [[nodiscard]] const certificates::Chain* find(const NodeId& payee) const;
    [[nodiscard]] size_t size() const { return m_chains.size(); }

    // Checks a certificate that is not kept.
    [[nodiscard]] tl::expected<certificates::Verified, PayeeProblem> verify(const certificates::Chain& chain,
                                                                            const NodeId& payee,
                                                                            const std::string& domain,
                                                                            SystemTime now) const;
    // Whether this payee may be paid on behalf of this site (normal form; empty: none). What was found safe is remembered
    // for a while, so that most payments cost no cryptography (NetPaS §5.2).
    [[nodiscard]] tl::expected<certificates::Verified, PayeeProblem> judge(const NodeId& payee,
                                                                           const std::string& domain, SystemTime now);
    // Why the request's payee may not be paid; nothing when it may. Service to a bare address has no payee; one that the user has in the contacts
    // is vouched for by the user. `request` has been enriched by the contacts.
    [[nodiscard]] std::optional<PayeeProblem> refusal(const SpendRequest& request, SystemTime now);

private:
    struct Known {
        certificates::Verified verified;
        SystemTime checked;
    };
    explicit PayeeBook(store::Documents& documents) : m_documents(&documents) {}
    [[nodiscard]] tl::expected<void, store::StoreError> load();
    [[nodiscard]] tl::expected<void, PayeeProblem> store(const store::DocumentChange& change);
    void rebuild();

    store::Documents* m_documents;
    certificates::PayeeClasses m_accepted = certificates::cautious;
    std::vector<TrustedAuthority> m_authorities;
    std::unordered_map<std::string, Bytes> m_revocations;  // by the list's issuer
    std::unordered_map<NodeId, certificates::Chain> m_chains;
    std::optional<certificates::Verifier> m_verifier;
    std::unordered_map<NodeId, Known> m_known;  // found safe
};

}  // namespace netpas::secretary::payees
