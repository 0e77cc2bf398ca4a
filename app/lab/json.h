// Reports of the lab keep the order in which they were written.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace netpas::lab {

using Json = nlohmann::ordered_json;

}  // namespace netpas::lab
