// NetPaS Figure 2 on loopback: B pays A through Y (25) and X (24).
#pragma once

#include "tests/core/paid_endpoint.h"

namespace netpas::accounting::test {

struct Figure2 {
    Figure2() : x(io, 24), y(io, 25) {
        y.addCustomer("B", "127.0.0.0/8");
        x.addCustomer("A", "127.0.0.0/8");
        x.config.customers[0].payments.mayReceive = true;
        y.addNeighbour(x);
        x.addNeighbour(y);
        x.config.neighbours[0].credit = y.config.neighbours[0].credit = dollars("100");
        y.config.paymentFee.fixed = nano(500);
        x.config.paymentFee.fixed = nano(2'000);
    }
    bool up() {
        if (!x.open() || !y.open()) return false;
        x.start({&y});
        y.start({&x});
        a = std::make_unique<PaidEndpoint>(io, x);
        b = std::make_unique<PaidEndpoint>(io, y);
        return join(*a) && join(*b) && receive() && run([&] { return !fees(24, nano(1)).empty(); });
    }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    template <typename T, typename Ask>
    std::optional<T> ask(Ask call) {
        std::optional<tl::expected<T, ClientFailure>> result;
        call([&](tl::expected<T, ClientFailure> r) { result = std::move(r); });
        run([&] { return result.has_value(); });
        return result && *result ? std::optional<T>(**result) : std::nullopt;
    }
    bool join(PaidEndpoint& end) {
        return ask<Joined>([&](auto done) { end.client->join(done); }).has_value();
    }
    bool receive() {
        const auto set = ask<ReceivingSet>([&](auto done) { a->client->setReceiving(true, done); });
        return set && !set->refused;
    }
    std::vector<payments::Fee> fees(uint16_t isp, Money amount) {
        const auto found = ask<RouteFound>([&](auto done) { b->client->findRoute(IspId(isp), amount, done); });
        return found ? found->fees : std::vector<payments::Fee>{};
    }
    payments::SignedOrder order(Money amount, std::vector<payments::Fee> fees) {
        payments::SignedOrder made;
        payments::Payment& payment = made.order.payment;
        payment.id = payments::newPaymentId();
        payment.payee = a->identity.nodeId();
        payment.amount = amount;
        payment.time = systemClock().now();
        payment.expires = payment.time + std::chrono::seconds(fees.size() + 1);
        made.order.payer = b->identity.nodeId();
        made.order.fees = std::move(fees);
        made.signature = b->identity.sign(payments::orderMessage(made.order));
        return made;
    }
    using Outcome = AccountingClient::PaymentOutcome;
    std::optional<Outcome> pay(const payments::SignedOrder& order) {
        return ask<Outcome>([&](auto done) { b->client->pay(order, done); });
    }
    Money owed(Isp& isp, PaymentSum kind, const Party& party) { return isp.books().sum(kind, party).total; }
    Money yOwedByB() { return owed(y, PaymentSum::OwedBy, {"B", {}}); }
    Money xOwedToA() { return owed(x, PaymentSum::OwedTo, {"A", {}}); }

    boost::asio::io_context io;
    Isp x, y;
    std::unique_ptr<PaidEndpoint> a, b;
};

}  // namespace netpas::accounting::test
