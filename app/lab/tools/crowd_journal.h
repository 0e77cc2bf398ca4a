// What payers and payees of a payment crowd must not forget when they are killed: orders before they are sent, confirmations
// before they are given, and how everything ended. Written in groups, durable when commit() returns. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/error.h"
#include "core/payments/micropayment.h"
#include "core/store/database.h"

namespace netpas::lab {

enum class AttemptState : uint8_t {
    Open = 1,    // sent, perhaps; how it ends is not known
    Paid = 2,    // confirmed, and the payee's signature is right
    Unpaid = 3,  // the ISP has signed that nothing is owed, or has never heard of it and it has expired
    Lost = 4,    // confirmed with a wrong signature, found too late: it is charged
};

// One order. An intent ("pay this invoice") may need several, one after the other.
struct Attempt {
    uint64_t intent = 0;
    std::string payer;
    payments::SignedOrder order;
    AttemptState state = AttemptState::Open;
    std::optional<payments::PaymentConfirmation> confirmation;
};

enum class ReceiptState : uint8_t {
    Signed = 1,    // the ISP has not said that it has the confirmation
    Credited = 2,  // the ISP owes the amount
    Refused = 3,   // it came too late
    TakenBack = 4,
};

struct Receipt {
    std::string payee;
    payments::Payment payment;
    payments::PaymentConfirmation confirmation;
    bool forged = false;  // with a signature that is wrong on purpose
    ReceiptState state = ReceiptState::Signed;
};

class CrowdJournal {
public:
    // Makes the file and its key when they are missing.
    static Expected<CrowdJournal> open(const std::filesystem::path& file);

    [[nodiscard]] const std::map<payments::PaymentId, Attempt>& attempts() const { return m_attempts; }
    [[nodiscard]] const std::map<payments::PaymentId, Receipt>& receipts() const { return m_receipts; }

    // An intent with an attempt that is open, paid or lost takes no other: the database refuses it.
    Expected<void> add(const Attempt& attempt);
    Expected<void> end(const payments::PaymentId& id, AttemptState state,
                       const std::optional<payments::PaymentConfirmation>& confirmation);
    Expected<void> add(const Receipt& receipt);
    Expected<void> end(const payments::PaymentId& id, ReceiptState state);
    Expected<void> commit();

private:
    explicit CrowdJournal(store::Database database) : m_database(std::move(database)) {}
    Expected<void> load();
    Expected<store::Statement> write(std::string_view sql);

    store::Database m_database;
    std::map<payments::PaymentId, Attempt> m_attempts;
    std::map<payments::PaymentId, Receipt> m_receipts;
};

}  // namespace netpas::lab
