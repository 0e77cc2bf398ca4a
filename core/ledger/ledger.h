// The agent's book of purchases (NetPaS §5.3): double entry, transfers are never changed or deleted.
// A reservation is a pending transfer of the cap from the wallet to the first ISP; it is posted with
// what was really used, or voided. Each call is one transaction, durable before it returns.
// Not thread-safe: the agent's control thread owns it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/ledger/types.h"
#include "core/store/database.h"

namespace netpas::ledger {

enum class LedgerError {
    CannotOpen,   // missing folder, not a database, or encrypted with another key
    InUse,        // another agent has it open
    NewerSchema,  // written by a newer version of the program
    Storage,      // the disk refused; nothing of the call was kept
    Damaged,      // what is stored cannot be true
    KeyUsed,      // the session key identifier belongs to another purchase
    UnknownPurchase,
    WrongState,           // the transition is not one of the purchase's life
    IdempotencyConflict,  // the same key was used for another request
    AmountTooHigh,        // a posting above its reservation
    Overflow,
};
[[nodiscard]] std::string_view describe(LedgerError error);

struct UsageUpdate {
    PurchaseId id;
    Usage usage;  // cumulative
};

// A book-keeping error found by check().
struct Discrepancy {
    std::string what;
};

class Ledger {
public:
    // Opens or creates the book at `file`; one process at a time.
    [[nodiscard]] static tl::expected<std::unique_ptr<Ledger>, LedgerError> open(const std::filesystem::path& file,
                                                                                 const store::DatabaseKey& key);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    struct Begun {
        PurchaseId id;
        bool existing = false;  // the idempotency key was seen before with the same request
    };
    [[nodiscard]] tl::expected<Begun, LedgerError> begin(const NewPurchase& purchase, SystemTime now);

    // Requested → Reserved: sets the purchase's cap aside and writes down path, key and deciding rule.
    [[nodiscard]] tl::expected<void, LedgerError> reserve(PurchaseId id, SessionKeyId key,
                                                          const std::vector<LedgerHop>& path,
                                                          const std::string& decidedBy, SystemTime now);
    // Requested → Refused.
    [[nodiscard]] tl::expected<void, LedgerError> refuse(PurchaseId id, EndReason reason, const std::string& note,
                                                         SystemTime now);
    // One step of an open purchase; a reason once written stays.
    [[nodiscard]] tl::expected<void, LedgerError> advance(PurchaseId id, PurchaseState to, EndReason reason,
                                                          const std::string& note, SystemTime now);
    // A group commit. Counters that would shrink are left as they are.
    [[nodiscard]] tl::expected<void, LedgerError> recordUsage(std::span<const UsageUpdate> updates);
    // Posts `charged` (voids the reservation when it is zero): Settled.
    [[nodiscard]] tl::expected<void, LedgerError> settle(PurchaseId id, const Settlement& settlement, SystemTime now);

    [[nodiscard]] tl::expected<Purchase, LedgerError> find(PurchaseId id) const;
    // In order of their identifiers.
    [[nodiscard]] tl::expected<std::vector<Purchase>, LedgerError> unfinished() const;
    // Newest first; `uid` limits the answer to one user's.
    [[nodiscard]] tl::expected<std::vector<Purchase>, LedgerError> history(std::optional<uint32_t> uid,
                                                                           uint32_t limit) const;

    // Set aside now, by everybody.
    [[nodiscard]] tl::expected<Money, LedgerError> reserved() const;
    // Posted at or after `since`.
    [[nodiscard]] tl::expected<Money, LedgerError> spentSince(SystemTime since) const;
    [[nodiscard]] tl::expected<Balance, LedgerError> wallet() const;
    [[nodiscard]] tl::expected<Balance, LedgerError> payable(IspId firstIsp) const;

    // Recomputes every sum from the transfers. Empty: the book is consistent.
    [[nodiscard]] tl::expected<std::vector<Discrepancy>, LedgerError> check() const;

private:
    struct Impl;
    explicit Ledger(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::ledger
