// Micropayments to this endpoint (NetPaS §2, §5.2): each is in the ledger before it is confirmed, and the same one again is
// answered with the same confirmation, byte for byte. What the ISP has taken, and what the payer took back, follows. Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/payment_ports.h"
#include "app/secretary/state.h"
#include "core/clock.h"
#include "core/ledger/ledger.h"
#include "core/store/documents.h"
#include "secretary/wallet.h"

namespace netpas::secretaryd {

struct ReceivingState {
    bool wanted = false;
    bool accepted = false;  // the ISP offers payments on this connection
    std::string trouble;    // why not; may be empty
    NodeId payee;
};

class ReceivingDesk {
public:
    // An ISP on the way may take a payment back so long after its expiry; from then on what the ISP says is the end.
    static constexpr std::chrono::seconds settlesAfter{2 * payments::maxFees + 3};
    static constexpr std::chrono::milliseconds groupTime{
        20};                                            // acknowledgements that come together are written together
    static constexpr std::chrono::seconds oftenest{1};  // of asking what is not final yet

    struct Ports {
        ledger::Ledger& ledger;
        store::Documents& documents;
        const secretary::Wallet& wallet;
        PaymentIsp& isp;
        Timers& timers;
        const Clock& clock;
        LogSink log;
        // The ISP owes the amount from now on; once for each payment, in the transaction that records it.
        std::function<tl::expected<void, ledger::LedgerError>(const payments::Payment&)> onTaken = {};
        std::function<void(bool)> onWritten = {};  // the end of that transaction; false: it was undone
    };
    using Done = std::function<void(tl::expected<ReceivingState, ApiFailure>)>;

    [[nodiscard]] static tl::expected<std::unique_ptr<ReceivingDesk>, std::string> open(Ports ports);
    ~ReceivingDesk();
    ReceivingDesk(const ReceivingDesk&) = delete;
    ReceivingDesk& operator=(const ReceivingDesk&) = delete;

    // Durable; the answer comes when the ISP has said what it makes of it, or cannot be asked.
    void set(bool on, Done done);
    [[nodiscard]] ReceivingState state() const;

    // The ISP's side.
    void ispUp();
    void offered(const payments::Payment& payment);
    void taken(const accounting::PaymentAckEntry& entry);
    void cancelled(const payments::PaymentId& id);

private:
    explicit ReceivingDesk(Ports ports);
    template <typename Function>
    auto whileAlive(Function function);
    struct Open {
        payments::Payment payment;
        SystemTime confirmed;
        ledger::ReceiptState state{};
    };

    void tellIsp(Done done);
    [[nodiscard]] std::optional<std::string> objection(const payments::Payment& payment) const;
    void confirm(const payments::Payment& payment, SystemTime time);
    void writeAcknowledgements();
    void arm();
    void askAgain();

    Ports m_ports;
    std::map<payments::PaymentId, Open> m_open;
    std::vector<accounting::PaymentAckEntry> m_acknowledged;
    Timers::Id m_group = 0;
    Timers::Id m_again = 0;
    bool m_wanted = false;
    bool m_accepted = false;
    std::string m_trouble;
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
