// Two hosts of a lab as neighbours: a link of their own, and agents that look for each other on it and pay for what passes there.
#pragma once

#include <string>
#include <vector>

#include "app/lab/lab.h"

namespace netpas::lab {

// A host's end of such a link.
[[nodiscard]] inline std::string meshInterface(const std::string& host) { return "mesh-" + host; }
inline constexpr const char* firstMeshAddress = "10.99.0.1";
inline constexpr const char* secondMeshAddress = "10.99.0.2";
inline constexpr const char* meshNetwork = "10.99.0.0/24";

Expected<void> linkNeighbours(const Lab& lab, const std::string& first, const std::string& second);
// The host's agent anew, which may receive money; `more`: other options of netpasd.
Expected<void> startNeighbour(Lab& lab, const std::string& host, const std::vector<std::string>& more = {});

}  // namespace netpas::lab
