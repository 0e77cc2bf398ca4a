// A micropayment as one ISP's books keep it (NetPaS §5.2): where it came from, where it went, and what became of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/accounting/payment_messages.h"
#include "core/clock.h"

namespace netpas::accounting {

// The other end of a hop: a customer of ours by name, an accounting server of a neighbour, or another one of our own ISP
// (a sibling; NetPaS Figure 6).
struct Party {
    std::string customer;  // empty: a server
    IspId isp;             // … of this neighbour; 0 = a sibling
    std::string server{};  // … of this name: a sibling, and every server after the first of a neighbour's
    [[nodiscard]] bool isCustomer() const { return !customer.empty(); }
    // Of an enterprise with an accounting server of its own: its ISP (NetPaS §5.4).
    [[nodiscard]] static Party provider(IspId isp) { return {{}, isp, std::string(providerName)}; }
    [[nodiscard]] bool isProvider() const { return customer.empty() && server == providerName && isp != IspId(); }
    static constexpr std::string_view providerName = "provider";
    [[nodiscard]] bool isSibling() const { return customer.empty() && isp == IspId() && !server.empty(); }
    // "customer B", "isp 24", "isp 24 server x2", "server y2"
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
    // one before (NetPaS §5.2). Two servers of one ISP divide its second.
    [[nodiscard]] SystemTime forwardUntil() const { return payment.expires - std::chrono::seconds(rest) + inside(); }
    [[nodiscard]] SystemTime confirmUntil() const {
        return payment.expires + std::chrono::seconds(rest) - inside() + outside();
    }
    // The payer has a second to find a wrong signature, and each ISP after the first one a second more to hear of it.
    [[nodiscard]] SystemTime cancelUntil() const {
        if (position == 0 && !from.isSibling()) return changed + std::chrono::seconds(1) - outside();
        return payment.expires + std::chrono::seconds(rest + 2 * position + 1) + inside();
    }
    [[nodiscard]] std::chrono::milliseconds inside() const {
        return std::chrono::milliseconds(from.isSibling() ? 500 : 0);
    }
    // An enterprise stands before the first ISP.
    [[nodiscard]] std::chrono::milliseconds outside() const {
        return std::chrono::milliseconds(to.isProvider() ? 500 : 0);
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
    // Between servers of one ISP, for confirmations of nanopayments that pass from one to the other.
    CarriedFor = 16,  // we owe the sibling what it owes the ISP behind it
    CarriedBy = 17,   // the sibling owes us the same
    // Shares of the payments to a class that an ISP transfers to a customer that confirms them (NetPaS §5.4).
    ShareTo = 18,    // we owe the customer
    ShareFrom = 19,  // our ISP owes us
    Delegated = 20,  // confirmed: by this customer for us, or by us for our ISP
};

}  // namespace netpas::accounting
