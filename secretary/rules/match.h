// The two parts of a match that are more than equality: sites and schedules. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/time_zone.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

// Lower case (ASCII only: IDNA is left to who made the name), without the dot at the end. Empty stays empty.
[[nodiscard]] std::string normalDomain(std::string_view domain);
// A host name or "*." and a host name, in normal form.
[[nodiscard]] bool isDomainPattern(std::string_view pattern);
// Both in normal form.
[[nodiscard]] bool domainMatches(std::string_view pattern, std::string_view domain);

[[nodiscard]] bool scheduleIsOpen(const Schedule& schedule, const TimeZone& zone, SystemTime now);
// The next moment at which it is open, `now` included; nothing when there is none.
[[nodiscard]] std::optional<SystemTime> scheduleOpens(const Schedule& schedule, const TimeZone& zone, SystemTime now);

}  // namespace netpas::secretary::rules
