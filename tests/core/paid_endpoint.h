// A customer's end of micropayments for tests: pays, and answers what is offered to it as it is told.
#pragma once

#include "tests/core/accounting_fixture.h"

namespace netpas::accounting::test {

inline Money nano(int64_t n) { return *Money::fromNanodollars(n); }

struct PaidEndpoint {
    PaidEndpoint(boost::asio::io_context& io, const Isp& isp) : m_io(io), m_isp(isp) { make(); }
    void make() {
        AccountingClient::Handlers handlers;
        handlers.onPayment = [this](const payments::Payment& payment) {
            offered.push_back(payment);
            if (!answers) return;
            auto confirmation = payments::confirm(payment, identity, systemClock().now());
            if (forges) confirmation.signature.bytes[3] ^= 1;
            client->confirmPayment(confirmation);
        };
        handlers.onPaymentTaken = [this](const PaymentAckEntry& entry) { taken.push_back(entry); };
        handlers.onPaymentCancelled = [this](const payments::PaymentId& id) { cancelled.push_back(id); };
        client = std::make_unique<AccountingClient>(m_io, identity, m_isp.address(), handlers);
        client->start();
    }

    boost::asio::io_context& m_io;
    const Isp& m_isp;
    Identity identity = Identity::generate();
    bool answers = true;
    bool forges = false;
    std::vector<payments::Payment> offered;
    std::vector<PaymentAckEntry> taken;
    std::vector<payments::PaymentId> cancelled;
    std::unique_ptr<AccountingClient> client;
};

}  // namespace netpas::accounting::test
