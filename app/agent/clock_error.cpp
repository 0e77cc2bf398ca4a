#include "app/agent/clock_error.h"

#include <sys/timex.h>

namespace netpas::agent {

std::optional<std::chrono::nanoseconds> clockError() {
    constexpr std::chrono::milliseconds most{100};
    timex now{};
    const int state = ::adjtimex(&now);
    const std::chrono::microseconds error(now.maxerror);
    if (state < 0 || state == TIME_ERROR || (now.status & STA_UNSYNC) != 0 || error > most) return std::nullopt;
    return error;
}

}  // namespace netpas::agent
