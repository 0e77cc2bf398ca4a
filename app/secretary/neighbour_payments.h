// Payments of agreements with neighbours, the way of all micropayments: rules, budgets and questions decide, the order is durable and asked after until its
// end is known. The identifier comes from the agreement, so the same payment is made once, however often it is ordered. Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "app/secretary/neighbour_desk.h"
#include "app/secretary/payment_service.h"

namespace netpas::secretaryd {

class NeighbourPayments {
public:
    using Told = NeighbourPaymentTold;
    NeighbourPayments(PaymentService& payments, Timers& timers, LogSink log);
    ~NeighbourPayments();
    NeighbourPayments(const NeighbourPayments&) = delete;
    NeighbourPayments& operator=(const NeighbourPayments&) = delete;

    void pay(const NeighbourPayment& wanted, Told told);

private:
    struct Open {
        PurchaseId id;
        Told told;
        std::string waits;  // as it was told
    };
    template <typename Function>
    auto whileAlive(Function function);
    void answered(const payments::PaymentId& payment, const tl::expected<PaymentView, PayRefusal>& result, Told told);
    void tell(Told told, NeighbourPaymentNews news);
    void look();

    PaymentService& m_payments;
    Timers& m_timers;
    LogSink m_log;
    std::map<payments::PaymentId, Open> m_open;  // decided later, or on their way
    Timers::Id m_timer = 0;
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
