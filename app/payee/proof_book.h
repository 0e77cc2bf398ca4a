// Which payments have come, and what their proofs were shown for: each counts once, for one thing, and may be shown again for that thing
// for a while, because connections break. Durable. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tl/expected.hpp>

#include "core/payments/micropayment.h"
#include "core/store/documents.h"

namespace netpas::payee {

struct ProofRules {
    std::chrono::hours window{24};  // from the payment on; afterwards its proof is worthless
    uint32_t mostShows = 64;        // within that window
    size_t mostKept = 500'000;      // payments; beyond that no more are taken
};

enum class ProofVerdict : uint8_t {
    First,          // good, and shown for the first time
    Again,          // good, shown before for the same
    NotPaid,        // no such payment has come (yet)
    OtherResource,  // was shown for something else
    Expired,
    TooOften,
};
[[nodiscard]] std::string_view code(ProofVerdict verdict);  // stable, for programs; empty for good ones
[[nodiscard]] constexpr bool isGood(ProofVerdict verdict) {
    return verdict == ProofVerdict::First || verdict == ProofVerdict::Again;
}

struct ProofTotals {
    uint64_t kept = 0;      // payments within the window
    uint64_t redeemed = 0;  // … whose proof was taken, each once
    uint64_t shows = 0;     // … how often, in all
    Money amount;           // of those redeemed
};

class ProofBook {
public:
    // `documents` outlives it.
    [[nodiscard]] static tl::expected<ProofBook, store::StoreError> open(store::Documents& documents, ProofRules rules);

    // The ISP owes it from now on. Again: nothing changes. Call inside the transaction that records it.
    [[nodiscard]] tl::expected<void, store::StoreError> paid(const payments::Payment& payment);
    // The end of that transaction; false: it was undone, and so is what was paid in it.
    void written(bool done);
    // The payer took it back.
    [[nodiscard]] tl::expected<void, store::StoreError> takenBack(const payments::PaymentId& id);
    // Would it be taken? Nothing changes.
    [[nodiscard]] ProofVerdict judge(const payments::Payment& payment, std::string_view resource, SystemTime now) const;
    // Takes it: durable before a good answer.
    [[nodiscard]] tl::expected<ProofVerdict, store::StoreError> redeem(const payments::Payment& payment,
                                                                       std::string_view resource, SystemTime now);
    // Drops what is older than the window.
    [[nodiscard]] tl::expected<void, store::StoreError> forgetExpired(SystemTime now);
    [[nodiscard]] bool hasRoom() const { return m_entries.size() < m_rules.mostKept; }
    [[nodiscard]] ProofTotals totals() const;

private:
    struct Entry {
        SystemTime made;  // the payment
        Money amount;
        std::string resource;  // empty: not shown yet
        uint32_t shows = 0;
    };
    ProofBook(store::Documents& documents, ProofRules rules) : m_documents(&documents), m_rules(rules) {}
    [[nodiscard]] tl::expected<void, store::StoreError> keep(const payments::PaymentId& id, const Entry& entry);

    store::Documents* m_documents;
    ProofRules m_rules;
    std::unordered_map<payments::PaymentId, Entry, payments::PaymentIdHash> m_entries;
    std::vector<payments::PaymentId> m_arriving;  // in a transaction that has not ended
};

}  // namespace netpas::payee
