// Micropayment orders that are about to be signed (NetPaS §5.3; core/payments/FORMAT.md): durable before the wallet may sign.
// After a crash the same order is found again under its id and signed to the same bytes, so that a payee is paid once.
// Lies in the ledger's database. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tl/expected.hpp>

#include "core/payments/micropayment.h"
#include "core/store/documents.h"

namespace netpas::ledger {

enum class JournalError {
    BadOrder,        // payments::check() refuses it
    BadDescription,  // too long, or its hash is not the order's
    Expired,         // nothing can come of it any more
    IdUsed,          // the id belongs to another order
    TooMany,         // orders under way
    Storage,         // the disk refused; nothing may be signed
};
[[nodiscard]] std::string_view describe(JournalError error);

// Proof that an order is durable. Only the journal makes one, and the wallet signs nothing else.
class RecordedOrder {
public:
    [[nodiscard]] const payments::PaymentOrder& order() const { return m_order; }

private:
    friend class PaymentJournal;
    explicit RecordedOrder(payments::PaymentOrder order) : m_order(std::move(order)) {}
    payments::PaymentOrder m_order;
};

// What the order is for, in words. Stays with the endpoints.
struct Description {
    std::string text;
    payments::DescriptionSalt salt{};
};

class PaymentJournal {
public:
    static constexpr size_t maxOrders = 4096;
    // Kept after their expiry, so that no duplicate is ever new again.
    static constexpr std::chrono::hours retention{48};

    // `documents` must outlive the journal.
    [[nodiscard]] static tl::expected<PaymentJournal, store::StoreError> open(store::Documents& documents);

    // Durable when it returns. The same order again gives the same proof again.
    [[nodiscard]] tl::expected<RecordedOrder, JournalError> record(const payments::PaymentOrder& order,
                                                                   const std::optional<Description>& description,
                                                                   SystemTime now);
    [[nodiscard]] std::optional<RecordedOrder> find(const payments::PaymentId& id) const;
    // Its end is in the ledger, which knows the identifier for good.
    [[nodiscard]] tl::expected<void, store::StoreError> forget(const payments::PaymentId& id);
    // Drops what expired longer ago than `retention`.
    [[nodiscard]] tl::expected<void, store::StoreError> forgetExpired(SystemTime now);
    [[nodiscard]] size_t size() const { return m_orders.size(); }

private:
    explicit PaymentJournal(store::Documents& documents) : m_documents(&documents) {}

    store::Documents* m_documents;
    std::unordered_map<payments::PaymentId, payments::PaymentOrder, payments::PaymentIdHash> m_orders;
};

}  // namespace netpas::ledger
