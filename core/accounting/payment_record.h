// A micropayment as one ISP's books keep it (NetPaS §5.2): where it came from, where it went, and what became of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/accounting/payment_messages.h"
#include "core/clock.h"

namespace netpas::accounting {

// The other end of a hop: a customer of ours by name, or a neighbour.
struct Party {
    std::string customer;  // empty: a neighbour
    IspId isp;             // … then this one
    [[nodiscard]] bool isCustomer() const { return !customer.empty(); }
    // "customer B", "isp 24"
    [[nodiscard]] std::string text() const;
    [[nodiscard]] static std::optional<Party> parse(std::string_view text);
    friend auto operator<=>(const Party&, const Party&) = default;
};

struct PaymentRecord {
    payments::Payment payment;
    Party from;
    Party to;
    Money owed;            // by `from` once it is confirmed: amount and all fees from ours on
    Money passed;          // … and by us to `to`
    uint8_t position = 0;  // ISPs before us
    uint8_t rest = 1;      // ISPs from us on
    PaymentState state = PaymentState::Pending;
    SystemTime received;
    SystemTime changed;  // its state
    std::optional<payments::PaymentConfirmation> confirmation;
    std::optional<PaymentRefused> refusal;
    bool toldFrom = true;  // `from`, a neighbour, has acknowledged the confirmation
    bool toldTo = true;    // `to`, a neighbour, has acknowledged the cancellation
    Bytes order;           // at the first ISP: the payer's signed order, as evidence

    // Until when what happens at this hop counts. Staggered: each ISP on the way, and the payee, get a second more than the
    // one before (NetPaS §5.2).
    [[nodiscard]] SystemTime forwardUntil() const { return payment.expires - std::chrono::seconds(rest); }
    [[nodiscard]] SystemTime confirmUntil() const { return payment.expires + std::chrono::seconds(rest); }
    // The payer has a second to find a wrong signature, and each ISP after the first one a second more to hear of it.
    [[nodiscard]] SystemTime cancelUntil() const {
        if (position == 0) return changed + std::chrono::seconds(1);
        return payment.expires + std::chrono::seconds(rest + 2 * position + 1);
    }
    [[nodiscard]] bool counts() const { return state == PaymentState::Pending || state == PaymentState::Confirmed; }
};

[[nodiscard]] Bytes encodeRecord(const PaymentRecord& record);
[[nodiscard]] std::optional<PaymentRecord> decodeRecord(ByteView bytes);

// Running totals by party. A balance is the difference; nothing is ever subtracted.
enum class PaymentSum : uint8_t {
    OwedBy = 1,         // the party owes us
    OwedTo = 2,         // we owe the party
    TakenBackFrom = 3,  // of OwedBy: cancelled
    TakenBackTo = 4,    // of OwedTo: cancelled
    LateBy = 5,         // of OwedBy: the party did not accept our confirmation any more, and we bear it
    LateTo = 6,         // of TakenBackFrom: the next hop did not accept the cancellation, and we bear it
};

}  // namespace netpas::accounting
