// The book as a table for other programs (RFC 4180); amounts are exact decimal dollars, times UTC.
#pragma once

#include <string>

#include "core/ledger/types.h"

namespace netpas::ledger {

[[nodiscard]] std::string csvHeader();
// One line with its end. A text that a spreadsheet would run as a formula is led by an apostrophe.
[[nodiscard]] std::string csvRow(const Purchase& purchase);

}  // namespace netpas::ledger
