// `netpas-isp edge` and `netpas-isp counters`.
#pragma once

#include <string>
#include <vector>

namespace netpas::isp {

// The arguments behind the command's name. The result is the exit code: 0 ok, 2 usage or configuration, 1 other failures.
int runEdge(const std::vector<std::string>& arguments);
int runCounters(const std::vector<std::string>& arguments);

}  // namespace netpas::isp
