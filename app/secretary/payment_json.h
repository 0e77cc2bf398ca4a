// JSON forms of micropayments.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <tl/expected.hpp>

#include "app/secretary/json_fields.h"
#include "app/secretary/payment_service.h"
#include "app/secretary/receiving_desk.h"

namespace netpas::secretaryd {

// Of a purchase that is a payment; null of others.
[[nodiscard]] nlohmann::json paymentPartJson(const ledger::Purchase& book);
[[nodiscard]] nlohmann::json paymentJson(const PaymentView& view);
[[nodiscard]] nlohmann::json receiptJson(const ledger::Receipt& receipt);
[[nodiscard]] nlohmann::json receivingJson(const ReceivingState& state);

// `home`: the ISP of a payee whose own is not named.
[[nodiscard]] tl::expected<PayOrder, BadField> payOrderFromJson(const nlohmann::json& object, IspId home);

}  // namespace netpas::secretaryd
