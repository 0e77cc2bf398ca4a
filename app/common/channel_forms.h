// The same things as the channel says them (core/channel/messages.h) and as agent and secretary work with them. What came over
// the channel has been checked for its limits by the decoder.
#pragma once

#include <tl/expected.hpp>

#include "app/secretary/ports.h"
#include "cartographer/quote.h"
#include "core/channel/messages.h"

namespace netpas::app {

[[nodiscard]] channel::PaidFlow toChannel(const secretaryd::PaidFlow& flow);
[[nodiscard]] secretaryd::PaidFlow fromChannel(const channel::PaidFlow& flow);

[[nodiscard]] channel::FlowCounters toChannel(const secretaryd::FlowCounters& counters);
[[nodiscard]] secretaryd::FlowCounters fromChannel(const channel::FlowCounters& counters);

// The `request` of the message is left to the caller.
[[nodiscard]] channel::QuoteRequest toChannel(const cartographer::QuoteRequest& request);
[[nodiscard]] cartographer::QuoteRequest fromChannel(const channel::QuoteRequest& request);

using QuoteResult = tl::expected<cartographer::Quote, secretaryd::QuoteFailure>;
[[nodiscard]] channel::QuoteAnswer toChannel(const QuoteResult& result);
[[nodiscard]] QuoteResult fromChannel(const channel::QuoteAnswer& answer);

}  // namespace netpas::app
