// By how much this machine's clock may be off, as its kernel has been told by whoever keeps it (NTP, PTP).
#pragma once

#include <chrono>
#include <optional>

namespace netpas::agent {

// Nothing: nobody keeps it, or it may be off by more than a tenth of a second.
[[nodiscard]] std::optional<std::chrono::nanoseconds> clockError();

}  // namespace netpas::agent
