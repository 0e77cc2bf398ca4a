// The edge router's messages to and from the accounting server: pure translation, no connection.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/accounting/messages.h"
#include "core/random.h"
#include "tun/edge/edge_books.h"
#include "tun/edge/edge_config.h"
#include "tun/edge/sample_stream.h"

namespace netpas::isp {

// One report or, when there is more than a message takes, several; the keys are those named.
[[nodiscard]] std::vector<accounting::EdgeReport> makeReports(const tun::EdgeTotals& totals, IspId own,
                                                              std::span<const SessionKeyId> keys, SystemTime now);
[[nodiscard]] accounting::KeyCounters toMessage(SessionKeyId id, const tun::KeyCounters& counters);
// One message for each confirmation that the sample stands for, each with an identifier of its own.
[[nodiscard]] std::vector<accounting::EdgeSample> toMessages(const tun::EdgeSample& sample, Money threshold,
                                                             RandomSource& random);

}  // namespace netpas::isp
