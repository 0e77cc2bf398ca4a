// JSON forms of what the cartographer knows: menus and ways.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cartographer/cartographer.h"

namespace netpas::agent {

[[nodiscard]] nlohmann::json menuJson(const cartographer::KnownMenu& menu, SystemTime now);
[[nodiscard]] nlohmann::json surveyJson(const IpAddress& destination, const cartographer::Survey& survey,
                                        SystemTime now);

}  // namespace netpas::agent
