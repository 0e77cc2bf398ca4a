#include "app/secretary/neighbour_payments.h"

#include <utility>
#include <vector>

#include "core/crypto/hex.h"

namespace netpas::secretaryd {

namespace {

constexpr std::chrono::milliseconds lookEvery{200};

bool isPosted(const ledger::Purchase& book) {
    return book.payment && book.payment->result && book.payment->result->end == ledger::PaymentEnd::Posted;
}

}  // namespace

template <typename Function>
auto NeighbourPayments::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

NeighbourPayments::NeighbourPayments(PaymentService& payments, Timers& timers, LogSink log)
    : m_payments(payments), m_timers(timers), m_log(std::move(log)), m_alive(std::make_shared<bool>(true)) {}

NeighbourPayments::~NeighbourPayments() { m_timers.cancel(m_timer); }

void NeighbourPayments::pay(const NeighbourPayment& wanted, Ended ended) {
    const books::SettlementOrder& order = wanted.order;
    const NodeId payee = order.payee.nodeId();
    PayOrder pay;
    pay.purchase.uid = wanted.origin.uid;
    pay.purchase.idempotencyKey = "neighbour/" + toHex(order.id);
    pay.purchase.fingerprint = "neighbour " + toHex(order.id) + " " + payee.hex() + " " + order.amount.toString();
    pay.purchase.context.purpose = "forwarding";
    pay.purchase.context.payee = payee.hex();
    pay.purchase.context.unit = PriceUnit::Item;
    pay.purchase.payment = ledger::PaymentTerms{payee, wanted.isp, order.amount, {}};
    pay.payeeKey = order.payee;
    pay.byPerson = wanted.origin.byPerson;
    pay.id = order.id;
    m_payments.pay(pay, whileAlive([this, id = order.id, ended = std::move(ended)](const auto& result) {
                       answered(id, result, ended);
                   }));
}

void NeighbourPayments::answered(const payments::PaymentId& payment,
                                 const tl::expected<PaymentView, PayRefusal>& result, Ended ended) {
    if (result) {
        if (isFinal(result->book.state)) return finish(std::move(ended), isPosted(result->book));
        m_open.insert_or_assign(payment, Open{result->book.id, std::move(ended)});
        if (m_timer == 0) m_timer = m_timers.after(lookEvery, whileAlive([this] { look(); }));
        return;
    }
    const PayRefusal& why = result.error();
    // It may have been signed: the next start orders it again and learns what became of it.
    if (why.code == "LOCAL_FAILURE" || why.code == "CONFLICT")
        return m_log(LogLevel::Error, "a payment to a neighbour: " + why.message);
    m_log(LogLevel::Warning,
          "a neighbour is not paid: " + why.message + (why.hint.empty() ? "" : " (" + why.hint + ")"));
    finish(std::move(ended), false);
}

// Not inside the call that ordered it.
void NeighbourPayments::finish(Ended ended, bool posted) {
    m_timers.after(std::chrono::milliseconds(0), whileAlive([ended = std::move(ended), posted] { ended(posted); }));
}

void NeighbourPayments::look() {
    m_timer = 0;
    std::vector<payments::PaymentId> over;
    for (auto& [payment, open] : m_open) {
        const auto view = m_payments.find(open.id);
        if (!view || !isFinal(view->book.state)) continue;
        finish(std::move(open.ended), isPosted(view->book));
        over.push_back(payment);
    }
    for (const payments::PaymentId& payment : over) m_open.erase(payment);
    if (!m_open.empty()) m_timer = m_timers.after(lookEvery, whileAlive([this] { look(); }));
}

}  // namespace netpas::secretaryd
