// The words that the CAMARA APIs are made of, one by one: identifiers, times, media types. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace netpas::agent::camara {

[[nodiscard]] bool isCorrelator(std::string_view text);
[[nodiscard]] bool isUuid(std::string_view text);
[[nodiscard]] std::string newUuid();
[[nodiscard]] bool isProfileName(std::string_view text);
// RFC 3339 with a zone, to whole seconds.
[[nodiscard]] std::optional<SystemTime> timeFrom(std::string_view text);
// A Content-Type that is JSON, or none, with which nothing else was said.
[[nodiscard]] bool isJsonType(std::string_view contentType);
// An Accept header that takes JSON, or none (RFC 9110, 12.5.1).
[[nodiscard]] bool acceptsJson(std::string_view accept);

}  // namespace netpas::agent::camara
