#include "app/secretary/neighbour_payments.h"

#include <utility>
#include <vector>

#include "core/crypto/hex.h"

namespace netpas::secretaryd {

namespace {

constexpr std::chrono::milliseconds lookEvery{200};

using Kind = NeighbourPaymentNews::Kind;

NeighbourPaymentNews endOf(const ledger::Purchase& book) {
    const auto result = book.payment ? book.payment->result : std::nullopt;
    if (result && result->end == ledger::PaymentEnd::Posted) return {Kind::Posted, {}};
    if (!book.note.empty()) return {Kind::Failed, book.note};
    return {Kind::Failed, std::string(result ? describe(result->end) : describe(book.reason))};
}

std::string whyItWaits(const PaymentView& view) {
    return view.decision.empty() ? view.trouble : "you are asked: netpas review " + view.decision;
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

void NeighbourPayments::pay(const NeighbourPayment& wanted, Told told) {
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
    m_payments.pay(pay, whileAlive([this, id = order.id, told = std::move(told)](const auto& result) {
                       answered(id, result, told);
                   }));
}

void NeighbourPayments::answered(const payments::PaymentId& payment,
                                 const tl::expected<PaymentView, PayRefusal>& result, Told told) {
    if (result) {
        if (isFinal(result->book.state)) return tell(std::move(told), endOf(result->book));
        m_open.insert_or_assign(payment, Open{result->book.id, std::move(told), {}});
        if (m_timer == 0) m_timer = m_timers.after(lookEvery, whileAlive([this] { look(); }));
        return;
    }
    const PayRefusal& why = result.error();
    // It may have been signed: the next start orders it again and learns what became of it.
    if (why.code == "LOCAL_FAILURE" || why.code == "CONFLICT") {
        m_log(LogLevel::Error, "a payment to a neighbour: " + why.message);
        return tell(std::move(told), {Kind::Waits, why.message});
    }
    m_log(LogLevel::Warning,
          "a neighbour is not paid: " + why.message + (why.hint.empty() ? "" : " (" + why.hint + ")"));
    tell(std::move(told), {Kind::Failed, why.message});
}

// Not inside the call that ordered it.
void NeighbourPayments::tell(Told told, NeighbourPaymentNews news) {
    m_timers.after(std::chrono::milliseconds(0),
                   whileAlive([told = std::move(told), news = std::move(news)] { told(news); }));
}

void NeighbourPayments::look() {
    m_timer = 0;
    std::vector<payments::PaymentId> over;
    for (auto& [payment, open] : m_open) {
        const auto view = m_payments.find(open.id);
        if (!view) continue;
        if (isFinal(view->book.state)) {
            tell(std::move(open.told), endOf(view->book));
            over.push_back(payment);
        } else if (std::string why = whyItWaits(*view); why != open.waits) {
            open.waits = why;
            tell(open.told, {Kind::Waits, std::move(why)});
        }
    }
    for (const payments::PaymentId& payment : over) m_open.erase(payment);
    if (!m_open.empty()) m_timer = m_timers.after(lookEvery, whileAlive([this] { look(); }));
}

}  // namespace netpas::secretaryd
