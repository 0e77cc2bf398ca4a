// Segmentation offload makes several packets one, with one header: two ends of a link would count different bytes (AGREEMENTS.md). Needs CAP_NET_ADMIN.
#pragma once

#include <optional>
#include <string>

namespace netpas::agent {

// From now on packets come and go on this interface as they are on the link. Nothing when that was done; else what was refused, for the log.
[[nodiscard]] std::optional<std::string> countPacketsSingly(const std::string& interface);

}  // namespace netpas::agent
