// Who ordered, as rules, limits and the ledger name it. Control thread.
#pragma once

#include <cstdint>
#include <string>

#include "core/ledger/types.h"

namespace netpas::secretaryd {

// `node`: the device behind this machine; empty: a user of this machine, who is then named as in /etc/passwd, or by number.
void orderedBy(ledger::NewPurchase& purchase, uint32_t uid, const std::string& node);

}  // namespace netpas::secretaryd
