// The signed text of usage statements, which customers keep, and what a kept one says. Pure.
#pragma once

#include <optional>

#include "core/accounting/messages.h"

namespace netpas::accounting {

struct KeptStatement {
    NodeId customer;
    UsageStatement statement;  // without request and signature
};

// Of usageStatementMessage(); nothing when it is something else. Whether it is signed is the caller's to check.
[[nodiscard]] std::optional<KeptStatement> readUsageStatement(ByteView message);

}  // namespace netpas::accounting
