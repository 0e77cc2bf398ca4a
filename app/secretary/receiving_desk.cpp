#include "app/secretary/receiving_desk.h"

#include <algorithm>
#include <utility>

#include "core/crypto/hex.h"

namespace netpas::secretaryd {

using accounting::PaymentAckEntry;
using accounting::PaymentRefusal;
using accounting::PaymentResult;
using ledger::ReceiptState;

namespace {

constexpr std::string_view settingKind = "receiving";
constexpr std::string_view settingId = "on";

// What an acknowledgement makes of a receipt.
ReceiptState after(ReceiptState before, PaymentResult result) {
    const bool had = before == ReceiptState::Taken;
    switch (result) {
    case PaymentResult::Done:
    case PaymentResult::Already: return ReceiptState::Taken;
    // The ISP had it, and has it no more: it was taken back while we were away.
    case PaymentResult::TooLate: return had ? ReceiptState::Cancelled : ReceiptState::Late;
    // It has forgotten what is long over.
    case PaymentResult::Unknown:
    case PaymentResult::NotYours:
    case PaymentResult::BadProof: return had ? ReceiptState::Taken : ReceiptState::Late;
    }
    return before;
}

}  // namespace

template <typename Function>
auto ReceivingDesk::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

ReceivingDesk::ReceivingDesk(Ports ports) : m_ports(std::move(ports)), m_alive(std::make_shared<bool>(true)) {}

ReceivingDesk::~ReceivingDesk() {
    m_ports.timers.cancel(m_group);
    m_ports.timers.cancel(m_again);
    writeAcknowledgements();
    m_ports.timers.cancel(m_again);
}

tl::expected<std::unique_ptr<ReceivingDesk>, std::string> ReceivingDesk::open(Ports ports) {
    const auto settings = ports.documents.all(settingKind);
    if (!settings) return tl::unexpected("receiving: " + std::string(describe(settings.error())));
    const auto receipts = ports.ledger.openReceipts();
    if (!receipts) return tl::unexpected("received payments: " + std::string(describe(receipts.error())));
    std::unique_ptr<ReceivingDesk> desk(new ReceivingDesk(std::move(ports)));
    desk->m_wanted = std::any_of(settings->begin(), settings->end(), [](const store::Document& one) {
        return one.id == settingId && one.body == Bytes{1};
    });
    for (const ledger::Receipt& receipt : *receipts) {
        desk->m_open[receipt.payment.id] = {receipt.payment, receipt.confirmed, receipt.state};
    }
    return desk;
}

ReceivingState ReceivingDesk::state() const {
    return {m_wanted, m_wanted && m_accepted, m_trouble, m_ports.wallet.identity().nodeId()};
}

void ReceivingDesk::set(bool on, Done done) {
    const auto kept = m_ports.documents.put(
        {std::string(settingKind), std::string(settingId), Bytes{static_cast<uint8_t>(on ? 1 : 0)}});
    if (!kept) {
        return done(tl::unexpected(
            ApiFailure{500, "LOCAL_FAILURE", std::string(describe(kept.error())), "free some disk space"}));
    }
    m_wanted = on;
    tellIsp(std::move(done));
}

void ReceivingDesk::tellIsp(Done done) {
    m_ports.isp.setReceiving(m_wanted, whileAlive([this, done = std::move(done)](const auto& answer) {
                                 m_accepted = answer && !answer->has_value();
                                 m_trouble.clear();
                                 if (!answer) m_trouble = answer.error().what;
                                 if (answer && *answer) {
                                     m_trouble = std::string(accounting::describe(**answer));
                                     if (m_wanted)
                                         m_ports.log(LogLevel::Warning,
                                                     "the ISP does not offer payments: " + m_trouble);
                                 }
                                 if (done) done(state());
                             }));
}

void ReceivingDesk::ispUp() {
    if (m_wanted) tellIsp({});
    // Acknowledgements may have been lost with the connection.
    for (const auto& [id, open] : m_open) confirm(open.payment, open.confirmed);
}

std::optional<std::string> ReceivingDesk::objection(const payments::Payment& payment) const {
    if (!m_wanted) return "the payee does not take payments";
    if (payment.payee != m_ports.wallet.identity().nodeId()) return "the payee is somebody else";
    if (const auto good = payments::check(payment); !good) return std::string(payments::describe(good.error()));
    if (payment.currency != payments::dollars) return "the payee takes USD only";
    if (payment.expires < m_ports.clock.now()) return "it came too late for the payee";
    return std::nullopt;
}

void ReceivingDesk::offered(const payments::Payment& payment) {
    if (const auto known = m_open.find(payment.id); known != m_open.end() && known->second.payment == payment) {
        return confirm(payment, known->second.confirmed);
    }
    if (const auto why = objection(payment)) return m_ports.isp.refuse(payment.id, *why);
    const auto receipt = m_ports.ledger.receive(payment, m_ports.clock.now());
    if (!receipt) {
        const bool other = receipt.error() == ledger::LedgerError::IdempotencyConflict;
        if (!other) m_ports.log(LogLevel::Error, "a payment is refused: " + std::string(describe(receipt.error())));
        return m_ports.isp.refuse(
            payment.id, other ? "its identifier was used for another payment" : "the payee's ledger cannot be written");
    }
    if (receipt->state == ReceiptState::Cancelled || receipt->state == ReceiptState::Late) return;
    if (!receipt->final) m_open[payment.id] = {payment, receipt->confirmed, receipt->state};
    confirm(payment, receipt->confirmed);
    arm();
}

// Deterministic: the same payment and time have the same signature.
void ReceivingDesk::confirm(const payments::Payment& payment, SystemTime time) {
    const auto confirmation = m_ports.wallet.confirm(payment, time);
    if (confirmation) return m_ports.isp.confirm(*confirmation);
    m_ports.log(LogLevel::Error, "payment " + toHex(payment.id) +
                                     " cannot be confirmed: " + std::string(payments::describe(confirmation.error())));
}

void ReceivingDesk::taken(const PaymentAckEntry& entry) {
    if (entry.cancellation || !m_open.contains(entry.id)) return;
    m_acknowledged.push_back(entry);
    if (m_group == 0) m_group = m_ports.timers.after(groupTime, whileAlive([this] { writeAcknowledgements(); }));
}

void ReceivingDesk::writeAcknowledgements() {
    m_group = 0;
    const SystemTime now = m_ports.clock.now();
    const std::vector<PaymentAckEntry> all = std::exchange(m_acknowledged, {});
    std::vector<payments::PaymentId> over;
    const auto written = m_ports.ledger.group([&]() -> tl::expected<void, ledger::LedgerError> {
        for (const PaymentAckEntry& entry : all) {
            const auto found = m_open.find(entry.id);
            if (found == m_open.end()) continue;
            const ReceiptState next = after(found->second.state, entry.result);
            const bool final = next != ReceiptState::Taken || now > found->second.payment.expires + settlesAfter;
            const auto done = m_ports.ledger.advanceReceipt(entry.id, next, final, now);
            if (!done) return tl::unexpected(done.error());
            if (*done && next == ReceiptState::Taken && m_ports.onTaken) {
                if (auto told = m_ports.onTaken(found->second.payment); !told) return told;
            }
            found->second.state = next;
            if (final) over.push_back(entry.id);
            if (*done && next != ReceiptState::Taken) {
                m_ports.log(LogLevel::Warning, "payment " + toHex(entry.id) + " is " + std::string(describe(next)) +
                                                   ": " + std::string(accounting::describe(entry.result)));
            }
        }
        return {};
    });
    if (m_ports.onWritten) m_ports.onWritten(written.has_value());
    if (written) {
        for (const payments::PaymentId& id : over) m_open.erase(id);
    } else {
        // The ISP is asked again.
        m_ports.log(LogLevel::Error, "received payments: " + std::string(describe(written.error())));
    }
    arm();
}

void ReceivingDesk::cancelled(const payments::PaymentId& id) {
    if (!m_open.contains(id)) return;
    const auto done = m_ports.ledger.advanceReceipt(id, ReceiptState::Cancelled, true, m_ports.clock.now());
    if (!done) return m_ports.log(LogLevel::Error, "received payments: " + std::string(describe(done.error())));
    m_ports.log(LogLevel::Warning, "payment " + toHex(id) + " was taken back: its confirmation was badly signed");
    m_open.erase(id);
}

// When the first of them can be over.
void ReceivingDesk::arm() {
    if (m_again != 0 || m_open.empty()) return;
    SystemTime first = SystemTime::max();
    for (const auto& [id, open] : m_open) first = std::min(first, open.payment.expires);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first + settlesAfter - m_ports.clock.now());
    m_again = m_ports.timers.after(std::max<std::chrono::milliseconds>(left, oftenest) + std::chrono::milliseconds(1),
                                   whileAlive([this] { askAgain(); }));
}

// Sending a confirmation again asks what has become of it.
void ReceivingDesk::askAgain() {
    m_again = 0;
    const SystemTime now = m_ports.clock.now();
    for (const auto& [id, open] : m_open) {
        if (now > open.payment.expires + settlesAfter) confirm(open.payment, open.confirmed);
    }
    constexpr auto pause = std::chrono::seconds(10);
    m_again = m_ports.timers.after(pause, whileAlive([this] {
                                       m_again = 0;
                                       arm();
                                   }));
}

}  // namespace netpas::secretaryd
