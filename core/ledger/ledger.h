// The agent's book of purchases (NetPaS §5.3): double entry, transfers are never changed or deleted.
// A reservation is a pending transfer of the cap from the wallet to the first ISP. It is spent through a succession of
// session keys, each with a slice of the cap, and in the end posted with the sum of what their final statements charge,
// or voided, or expired. Each call is one transaction, durable before it returns, unless group() joins several.
// Not thread-safe: the secretary's control thread owns it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/ledger/types.h"
#include "core/store/database.h"
#include "core/store/documents.h"
#include "core/store/snapshot.h"

namespace netpas::ledger {

enum class LedgerError {
    CannotOpen,   // missing folder, not a database, or encrypted with another key
    InUse,        // another process has it open
    NewerSchema,  // written by a newer version of the program
    Storage,      // the disk refused; nothing of the call was kept
    Damaged,      // what is stored cannot be true
    KeyUsed,      // the session key identifier was used before
    UnknownPurchase,
    UnknownKey,
    KeyOpen,              // a session key of the purchase has not ended yet
    WrongState,           // the transition is not one of the purchase's life
    IdempotencyConflict,  // the same key was used for another request
    AmountTooHigh,        // above what was set aside: for the purchase, or for the key
    Overflow,
};
[[nodiscard]] std::string_view describe(LedgerError error);

struct UsageUpdate {
    PurchaseId id;
    Usage usage;  // cumulative, with all its keys
};

struct KeyUsageUpdate {
    SessionKeyId key;
    Usage usage;  // cumulative, with this key
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

    // Small records of others in the same database, and in the same transaction inside group().
    [[nodiscard]] store::Documents& documents();

    // Runs `operations`, which call this object, as one durable transaction: concurrent requests share one wait for the
    // disk. What one of them fails at is undone alone; all is undone when `operations` or the disk fails. Nothing that
    // they answered may be acted on before this has returned.
    [[nodiscard]] tl::expected<void, LedgerError> group(
        const std::function<tl::expected<void, LedgerError>()>& operations);

    struct Begun {
        PurchaseId id;
        bool existing = false;  // the idempotency key was seen before with the same request
    };
    [[nodiscard]] tl::expected<Begun, LedgerError> begin(const NewPurchase& purchase, SystemTime now);
    // The purchase of the same request under the same idempotency key; IdempotencyConflict where it was another request.
    [[nodiscard]] tl::expected<std::optional<PurchaseId>, LedgerError> earlier(const NewPurchase& purchase) const;

    // Requested → Reserved: sets the purchase's cap aside and writes down path and deciding rule.
    [[nodiscard]] tl::expected<void, LedgerError> reserve(PurchaseId id, const std::vector<LedgerHop>& path,
                                                          const Why& why, SystemTime now);
    // The same with one key for the whole cap.
    [[nodiscard]] tl::expected<void, LedgerError> reserve(PurchaseId id, SessionKeyId key,
                                                          const std::vector<LedgerHop>& path,
                                                          const std::string& decidedBy, SystemTime now);
    // A further key of a purchase that runs. The caps of open keys and the charges of ended ones never exceed the
    // purchase's cap together. An identifier is never used twice.
    [[nodiscard]] tl::expected<void, LedgerError> addKey(PurchaseId id, SessionKeyId key, Money cap, SystemTime now);
    // Once for each key, with the ISP's final statement where there is one.
    [[nodiscard]] tl::expected<void, LedgerError> closeKey(SessionKeyId key, const KeyEnd& end,
                                                           const std::optional<Evidence>& evidence, SystemTime now);

    // What was observed while the purchase ran; of one that is not final.
    [[nodiscard]] tl::expected<void, LedgerError> recordEvidence(PurchaseId id, const Evidence& evidence,
                                                                 SystemTime now);
    // All that is kept of it, oldest first.
    [[nodiscard]] tl::expected<std::vector<KeptEvidence>, LedgerError> evidence(PurchaseId id) const;

    // At which price and to whom in the contacts: what is known only when a requested purchase is judged. Once.
    [[nodiscard]] tl::expected<void, LedgerError> judged(PurchaseId id, const Context& context);

    // Requested → Refused.
    [[nodiscard]] tl::expected<void, LedgerError> refuse(PurchaseId id, EndReason reason, const std::string& note,
                                                         SystemTime now, const std::optional<Why>& why = {});
    // One step of an open purchase; a reason once written stays.
    [[nodiscard]] tl::expected<void, LedgerError> advance(PurchaseId id, PurchaseState to, EndReason reason,
                                                          const std::string& note, SystemTime now);
    // A group commit. Counters that would shrink are left as they are.
    [[nodiscard]] tl::expected<void, LedgerError> recordUsage(std::span<const UsageUpdate> purchases,
                                                              std::span<const KeyUsageUpdate> keys = {});
    // Settled: posts the sum of what its keys were charged, all of them ended, and releases the rest. Returns the sum;
    // when it is nothing, the reservation is voided, or expired if its time ran out.
    [[nodiscard]] tl::expected<Money, LedgerError> settle(PurchaseId id, EndReason reason, const std::string& note,
                                                          SystemTime now);
    // The same after ending the one key that is still open.
    [[nodiscard]] tl::expected<void, LedgerError> settle(PurchaseId id, const Settlement& settlement, SystemTime now);
    // A micropayment whose money is set aside may be signed under this identifier: call before it is. An identifier is never
    // used twice.
    [[nodiscard]] tl::expected<void, LedgerError> promise(PurchaseId id, const payments::PaymentId& payment,
                                                          SystemTime expires,
                                                          const std::optional<payments::DescriptionSalt>& salt);
    // Settled: what became of a micropayment, with what proves it.
    [[nodiscard]] tl::expected<void, LedgerError> settlePayment(PurchaseId id, const PaymentResult& result,
                                                                const std::string& note,
                                                                const std::optional<Evidence>& evidence,
                                                                SystemTime now);

    // A payment to this endpoint, before it is confirmed; the same one again gives what is known of it. Another one under
    // its identifier is an IdempotencyConflict.
    [[nodiscard]] tl::expected<Receipt, LedgerError> receive(const payments::Payment& payment, SystemTime now);
    // False: nothing changes, for it is in that state, or its state is final.
    [[nodiscard]] tl::expected<bool, LedgerError> advanceReceipt(const payments::PaymentId& id, ReceiptState state,
                                                                 bool final, SystemTime now);
    // Newest first; `before`: older than that number.
    [[nodiscard]] tl::expected<std::vector<Receipt>, LedgerError> receipts(uint32_t limit,
                                                                           std::optional<int64_t> before = {}) const;
    // Whose state is not final, oldest first.
    [[nodiscard]] tl::expected<std::vector<Receipt>, LedgerError> openReceipts() const;
    // What the ISP owes for payments that came at `since` or later.
    [[nodiscard]] tl::expected<Money, LedgerError> receivedSince(SystemTime since) const;

    // The user's own words for it; the newest count.
    [[nodiscard]] tl::expected<void, LedgerError> label(PurchaseId id, const std::string& text, SystemTime now);

    [[nodiscard]] tl::expected<Purchase, LedgerError> find(PurchaseId id) const;
    // In order of their identifiers.
    [[nodiscard]] tl::expected<std::vector<Purchase>, LedgerError> unfinished() const;
    // Newest first.
    [[nodiscard]] tl::expected<std::vector<Purchase>, LedgerError> history(const HistoryFilter& filter) const;
    // `uid` limits the answer to one user's.
    [[nodiscard]] tl::expected<std::vector<Purchase>, LedgerError> history(std::optional<uint32_t> uid,
                                                                           uint32_t limit) const;
    // What budgets are made from again at a start: what is set aside now, and what was posted at or after `since`; also
    // what was posted after the first of those while the clock had been set back.
    [[nodiscard]] tl::expected<std::vector<Reservation>, LedgerError> reservations() const;
    [[nodiscard]] tl::expected<std::vector<Posting>, LedgerError> postedSince(SystemTime since) const;
    // Largest first, days and months in order; posted within [since, until); one user's, one device's, or all.
    [[nodiscard]] tl::expected<std::vector<Total>, LedgerError> totals(
        TotalsBy by, std::optional<SystemTime> since, std::optional<SystemTime> until, std::optional<uint32_t> uid = {},
        const std::optional<std::string>& node = {}) const;

    // Set aside now, by everybody.
    [[nodiscard]] tl::expected<Money, LedgerError> reserved() const;
    // Posted at or after `since`.
    [[nodiscard]] tl::expected<Money, LedgerError> spentSince(SystemTime since) const;
    [[nodiscard]] tl::expected<Balance, LedgerError> wallet() const;
    [[nodiscard]] tl::expected<Balance, LedgerError> payable(IspId firstIsp) const;

    // A copy of everything, documents too; see store::Snapshot.
    [[nodiscard]] tl::expected<store::Snapshot, store::StoreError> snapshot(const std::filesystem::path& file,
                                                                            const store::DatabaseKey& key);
    // What SQLCipher finds wrong with the file itself.
    [[nodiscard]] tl::expected<std::vector<std::string>, LedgerError> integrityCheck() const;
    // Of the newest entry; nothing in an empty book. An earlier clock was set back.
    [[nodiscard]] tl::expected<std::optional<SystemTime>, LedgerError> lastEntry() const;
    // The newest schema that this program knows.
    [[nodiscard]] static int64_t schemaVersion();

    // Recomputes every sum from transfers and keys. Empty: the book is consistent.
    [[nodiscard]] tl::expected<std::vector<Discrepancy>, LedgerError> check() const;

private:
    struct Impl;
    explicit Ledger(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::ledger
