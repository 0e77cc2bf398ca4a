// Micropayments: what decodes, encodes to the same bytes; no order or confirmation of a stranger verifies.
#include <algorithm>
#include <cstdlib>

#include "core/payments/micropayment.h"

using namespace netpas;
using namespace netpas::payments;

namespace {

template <typename Value>
void same(const Value& value, ByteView source) {
    Writer writer;
    encode(writer, value);
    if (!std::equal(source.begin(), source.end(), writer.data().begin(), writer.data().end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const ByteView rest(data + 1, size - 1);
    static const PublicKey stranger = Identity::fromSeed({77}).publicKey();
    Reader reader(rest);
    switch (data[0] % 3) {
    case 0: {
        const Payment payment = decodePayment(reader);
        if (!reader.finished()) break;
        same(payment, rest);
        if (!check(payment)) std::abort();
        break;
    }
    case 1: {
        const SignedOrder order = decodeSignedOrder(reader);
        if (!reader.finished()) break;
        same(order, rest);
        if (!check(order.order) || !total(order.order)) std::abort();
        if (verify(order, stranger, order.order.payment.time)) std::abort();
        break;
    }
    default: {
        const PaymentConfirmation confirmation = decodeConfirmation(reader);
        if (!reader.finished()) break;
        same(confirmation, rest);
        Payment payment;
        payment.id = confirmation.id;
        payment.payee = stranger.nodeId();
        if (verify(confirmation, payment)) std::abort();
        break;
    }
    }
    return 0;
}
