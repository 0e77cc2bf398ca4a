// What payments need of the first ISP's accounting server. Control thread; a callback never runs inside the call that was
// given it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/ports.h"
#include "core/accounting/payment_messages.h"
#include "core/payments/micropayment.h"

namespace netpas::secretaryd {

template <typename T>
using IspAnswer = std::function<void(tl::expected<T, IspFailure>)>;

// The payee's confirmation, not checked yet, or who on the way said no.
using PaymentOutcome = std::variant<payments::PaymentConfirmation, accounting::PaymentRefused>;

// What the ISP says of a payment; its signature has been found good.
struct SignedState {
    accounting::PaymentState state{};
    Money charged;
    bool final = false;
    std::vector<uint8_t> message;  // exactly the signed bytes
    std::vector<uint8_t> signature;
};

class PaymentIsp {
public:
    struct Listener {
        std::function<void()> up;  // connected, perhaps again
        std::function<void(const payments::Payment&)> offered;
        std::function<void(const accounting::PaymentAckEntry&)> taken;
        std::function<void(const payments::PaymentId&)> cancelled;
    };
    virtual ~PaymentIsp() = default;
    // What each ISP on the way asks, the own one first; empty: no way.
    virtual void findRoute(IspId isp, Money amount, IspAnswer<std::vector<payments::Fee>> done) = 0;
    // The same order again pays nothing again and has the same answer.
    virtual void pay(const payments::SignedOrder& order, IspAnswer<PaymentOutcome> done) = 0;
    virtual void query(const payments::PaymentId& id, IspAnswer<SignedState> done) = 0;
    virtual void cancel(const payments::PaymentId& id, const PublicKey& payee,
                        IspAnswer<accounting::PaymentResult> done) = 0;
    // As the payee. The answer is why not.
    virtual void setReceiving(bool on, IspAnswer<std::optional<accounting::PaymentRefusal>> done) = 0;
    virtual void confirm(const payments::PaymentConfirmation& confirmation) = 0;
    virtual void refuse(const payments::PaymentId& id, const std::string& why) = 0;
};

}  // namespace netpas::secretaryd
