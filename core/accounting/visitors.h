// Strangers at an ISP that knows only money (NetPaS §3.1.4): whoever joins from a line for visitors has an account of its own, by its key, and spends only
// what was paid to it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/ids.h"

namespace netpas::accounting {

inline constexpr size_t maxVisitorLine = 31;  // characters of the line's name; an account's name has at most 64

// NAME/ and the first half of the visitor's identifier.
[[nodiscard]] std::string visitorAccount(std::string_view line, const NodeId& visitor);
// What the operator has configured for that account: the line of a visitor, else the name itself.
[[nodiscard]] std::string configuredName(std::string_view account);
[[nodiscard]] bool isVisitorAccount(std::string_view account);

}  // namespace netpas::accounting
