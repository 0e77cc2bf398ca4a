// Files and rules of time zones: whatever comes, local time is defined everywhere.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/time_zone.h"

namespace {

void use(const netpas::TimeZone& zone) {
    using namespace std::chrono;
    for (const int64_t second : {int64_t{-4'000'000'000}, int64_t{0}, int64_t{1'795'348'800}, int64_t{8'000'000'000}}) {
        const netpas::SystemTime time{seconds(second)};
        const seconds offset = zone.offsetAt(time);
        if (offset > hours(27) || offset < hours(-27)) std::abort();
        static_cast<void>(zone.system(zone.local(time)));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (const auto zone = netpas::TimeZone::fromTzif({data, size})) use(*zone);
    if (const auto zone = netpas::TimeZone::fromPosix({reinterpret_cast<const char*>(data), size})) use(*zone);
    return 0;
}
