// What becomes of a payment that may have been signed: confirmed, refused, taken back, or asked for until it is known.
#include <algorithm>
#include <utility>

#include "app/secretary/payment_service.h"
#include "core/crypto/hex.h"

namespace netpas::secretaryd {

using accounting::PaymentRefusal;
using accounting::PaymentRefused;
using accounting::PaymentState;
using ledger::EndReason;
using ledger::PaymentEnd;
using ledger::PaymentResult;
using ledger::PurchaseState;

namespace {

ledger::Evidence evidenceOf(const payments::PaymentConfirmation& confirmation, const payments::Payment& payment,
                            bool accepted) {
    const Bytes signedBytes = payments::confirmationMessage(payment, confirmation.payee, confirmation.time);
    const auto& signature = confirmation.signature.bytes;
    return {"payment-confirmation", signedBytes, {signature.begin(), signature.end()}, accepted};
}

ledger::Evidence evidenceOf(const SignedState& said) {
    return {"payment-statement", said.message, said.signature, true};
}

std::string nameOf(const ledger::Purchase& book) {
    return "payment " + std::to_string(book.id.value()) +
           (book.payment && book.payment->id ? " (" + toHex(*book.payment->id) + ")" : "");
}

PaymentEnd endOf(PaymentRefusal reason) {
    if (reason == PaymentRefusal::Expired) return PaymentEnd::Expired;
    return reason == PaymentRefusal::Cancelled ? PaymentEnd::Cancelled : PaymentEnd::Refused;
}

}  // namespace

tl::expected<void, ledger::LedgerError> PaymentService::recover() {
    auto unfinished = m_ports.ledger.unfinished();
    if (!unfinished) return tl::unexpected(unfinished.error());
    std::vector<PurchaseId> ids;
    for (ledger::Purchase& book : *unfinished) {
        if (!book.payment) continue;
        ids.push_back(book.id);
        Entry& found = m_open[book.id.value()];
        if (book.payment->id) found.order = m_ports.journal.find(*book.payment->id);
        found.book = std::move(book);
    }
    for (const PurchaseId id : ids) {
        Entry& found = *entry(id);
        if (found.book.state == PurchaseState::Requested) {
            const std::string why(describe(EndReason::AgentRestarted));
            refuse(found, {"ENDED", why, {}, id}, EndReason::AgentRestarted);
        } else if (!found.order) {
            // What is not in the journal was never signed.
            settle(found, {PaymentEnd::Expired, {}, false, {}, 0, {}, {}}, "it was never sent", std::nullopt);
        } else {
            found.trouble = "the ISP is being asked what became of it";
            ask(id);
        }
    }
    return {};
}

Money PaymentService::totalOf(const Entry& entry) {
    return payments::total(entry.order->order()).value_or(entry.book.request.cap);
}

// Also again: the same order has the same bytes, and the ISP answers with what it did the first time.
void PaymentService::send(PurchaseId id) {
    Entry* const paying = entry(id);
    if (paying == nullptr || !paying->order || paying->asking || m_broken) return;
    const auto order = m_ports.wallet.sign(*paying->order);
    if (!order) {
        // Of another identity than the one that is here now: only the ISP knows.
        return later(*paying, std::string(payments::describe(order.error())));
    }
    paying->asking = true;
    m_ports.isp.pay(*order, whileAlive([this, id](const auto& outcome) { onOutcome(id, outcome); }));
}

void PaymentService::onOutcome(PurchaseId id, const tl::expected<PaymentOutcome, IspFailure>& outcome) {
    Entry* const paying = entry(id);
    if (paying == nullptr || m_broken) return;
    paying->asking = false;
    if (!outcome) return later(*paying, outcome.error().what);
    if (const auto* refused = std::get_if<PaymentRefused>(&*outcome)) return onRefused(*paying, *refused);
    onConfirmed(*paying, std::get<payments::PaymentConfirmation>(*outcome));
}

// Nobody before the payer has looked at the signature (NetPaS §4.2.1).
void PaymentService::onConfirmed(Entry& entry, const payments::PaymentConfirmation& confirmation) {
    const payments::Payment& payment = entry.order->order().payment;
    const auto good = payments::verify(confirmation, payment);
    if (good) {
        return settle(entry, {PaymentEnd::Posted, totalOf(entry), false, {}, 0, {}, {}}, {},
                      evidenceOf(confirmation, payment, true));
    }
    m_ports.log(LogLevel::Warning, nameOf(entry.book) + " is confirmed wrongly and taken back: " +
                                       std::string(payments::describe(good.error())));
    entry.bad = confirmation;
    takeBack(entry.book.id);
}

void PaymentService::takeBack(PurchaseId id) {
    Entry* const wrong = entry(id);
    if (wrong == nullptr || wrong->asking || m_broken) return;
    const payments::Payment& payment = wrong->order->order().payment;
    std::optional<PublicKey> key;
    if (wrong->bad->payee.nodeId() == payment.payee) key = wrong->bad->payee;
    if (!key) key = wrong->wish.payeeKey;
    if (!key && m_ports.payeeKey) key = m_ports.payeeKey(payment.payee);
    if (!key) {
        return settle(*wrong, {PaymentEnd::Posted, totalOf(*wrong), true, {}, 0, {}, {}},
                      "confirmed with a key that is not the payee's; the payee's own is not known, so it could not be "
                      "taken back: complain to your ISP",
                      evidenceOf(*wrong->bad, payment, false));
    }
    wrong->asking = true;
    m_ports.isp.cancel(payment.id, *key, whileAlive([this, id](const auto& result) { onTakenBack(id, result); }));
}

void PaymentService::onTakenBack(PurchaseId id, const tl::expected<accounting::PaymentResult, IspFailure>& result) {
    using accounting::PaymentResult;
    Entry* const wrong = entry(id);
    if (wrong == nullptr || m_broken) return;
    wrong->asking = false;
    if (!result) return later(*wrong, result.error().what);
    const auto evidence = evidenceOf(*wrong->bad, wrong->order->order().payment, false);
    if (*result == PaymentResult::Done || *result == PaymentResult::Already) {
        return settle(*wrong, {PaymentEnd::Cancelled, {}, false, {}, 0, {}, {}}, "the payee's signature was wrong",
                      evidence);
    }
    settle(*wrong, {PaymentEnd::Posted, totalOf(*wrong), true, {}, 0, {}, {}},
           "the payee's signature is wrong, but the ISP did not take it back: " +
               std::string(accounting::describe(*result)),
           evidence);
}

void PaymentService::onRefused(Entry& entry, const PaymentRefused& refused) {
    // Too many at once, as after a restart: the sum would pass, and nothing is kept there of an order that came too soon.
    if (refused.reason == PaymentRefusal::RateLimit && totalOf(entry) <= refused.limit) {
        return later(entry, "the ISP takes payments more slowly");
    }
    const PaymentResult result{
        endOf(refused.reason), {}, false, refused.where, static_cast<uint8_t>(refused.reason), refused.limit,
        refused.remedy};
    settle(entry, result, std::string(accounting::describe(refused.reason)), std::nullopt);
}

// --- not known

void PaymentService::later(Entry& entry, const std::string& why) {
    entry.trouble = why;
    entry.pause = std::clamp(entry.pause * 2, m_settings.retryFirst, m_settings.retryLongest);
    m_ports.timers.cancel(entry.retry);
    entry.retry = m_ports.timers.after(entry.pause, whileAlive([this, id = entry.book.id] { ask(id); }));
}

void PaymentService::ispUp() {
    std::vector<PurchaseId> ids;
    for (const auto& [id, entry] : m_open) {
        if (entry.retry != 0) ids.emplace_back(id);
    }
    for (const PurchaseId id : ids) ask(id);
}

void PaymentService::ask(PurchaseId id) {
    Entry* const unknown = entry(id);
    if (unknown == nullptr || !unknown->order || unknown->asking || m_broken) return;
    m_ports.timers.cancel(std::exchange(unknown->retry, 0));
    if (unknown->bad) return takeBack(id);
    unknown->asking = true;
    m_ports.isp.query(unknown->order->order().payment.id,
                      whileAlive([this, id](const auto& said) { onState(id, said); }));
}

void PaymentService::onState(PurchaseId id, const tl::expected<SignedState, IspFailure>& said) {
    Entry* const unknown = entry(id);
    if (unknown == nullptr || m_broken) return;
    unknown->asking = false;
    if (!said) return later(*unknown, said.error().what);
    const payments::Payment& payment = unknown->order->order().payment;
    const SystemTime now = m_ports.clock.now();
    // The ISP shows what it has when the same order comes again; a few times, then its signed word has to do.
    const bool shows = unknown->proofs < m_settings.proofAttempts;
    switch (said->state) {
    case PaymentState::Pending: return later(*unknown, "it is under way");
    case PaymentState::Confirmed:
        if (shows) return ++unknown->proofs, send(id);
        return settle(*unknown, {PaymentEnd::Posted, totalOf(*unknown), true, {}, 0, {}, {}},
                      "the ISP says that it is confirmed, but does not show the confirmation", evidenceOf(*said));
    case PaymentState::Refused:
        if (shows) return ++unknown->proofs, send(id);
        return settle(*unknown, {PaymentEnd::Refused, {}, false, {}, 0, {}, {}}, "refused", evidenceOf(*said));
    case PaymentState::Expired:
        return settle(*unknown, {PaymentEnd::Expired, {}, false, {}, 0, {}, {}}, {}, evidenceOf(*said));
    case PaymentState::Cancelled:
        return settle(*unknown, {PaymentEnd::Cancelled, {}, false, {}, 0, {}, {}}, {}, evidenceOf(*said));
    case PaymentState::Unknown:
        if (now > payment.expires + m_settings.neverCame) {
            return settle(*unknown, {PaymentEnd::Expired, {}, false, {}, 0, {}, {}}, "it did not reach the ISP in time",
                          evidenceOf(*said));
        }
        if (now < payment.expires) return send(id);
        return later(*unknown, "it did not reach the ISP yet");
    }
}

void PaymentService::settle(Entry& entry, const PaymentResult& result, const std::string& note,
                            const std::optional<ledger::Evidence>& evidence) {
    const PurchaseId id = entry.book.id;
    const auto written = m_ports.ledger.group([&]() -> tl::expected<void, ledger::LedgerError> {
        auto done = m_ports.ledger.settlePayment(id, result, note, evidence, m_ports.clock.now());
        if (!done || !entry.order) return done;
        // The ledger knows the identifier for good.
        if (!m_ports.journal.forget(entry.order->order().payment.id)) {
            return tl::unexpected(ledger::LedgerError::Storage);
        }
        return {};
    });
    if (!written) return storageFailed(written.error());
    m_ports.timers.cancel(entry.retry);
    if (entry.wish.granted) {
        m_ports.authority.spent(entry.wish.granted->purchase, result.charged);
    } else {
        m_ports.authority.settled(id, result.charged);
    }
    m_ports.log(LogLevel::Info,
                nameOf(entry.book) + " is " + std::string(describe(result.end)) + (note.empty() ? "" : ": " + note));
    auto book = m_ports.ledger.find(id);
    if (book) {
        answer(entry, PaymentView{std::move(*book), {}, {}});
    } else {
        answer(entry, tl::unexpected(PayRefusal{"LOCAL_FAILURE", "the ledger cannot be read", "netpas doctor", id}));
    }
    m_open.erase(id.value());
    if (m_settled) m_settled(id);
}

}  // namespace netpas::secretaryd
