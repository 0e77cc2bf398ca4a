// Times as people write them: "today", "tomorrow", "18:00", "2026-12-24", "2026-12-24 18:00", "2026-12-24T17:00:00Z".
#pragma once

#include <optional>
#include <string_view>

#include "core/time_zone.h"

namespace netpas {

// The end of what is named, in local time: "today" ends at midnight, a date at the end of its day. A time of the day is the
// next such one. UTC may be named: "2026-12-24 18:00 UTC".
[[nodiscard]] std::optional<SystemTime> parseWhen(std::string_view text, SystemTime now, const TimeZone& zone);

}  // namespace netpas
