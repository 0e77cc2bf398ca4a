// Preloaded into a program under test: its wall clock differs by NETPAS_LAB_CLOCK_SHIFT seconds from everybody else's. The clock
// that never goes back stays as it is.
#include <dlfcn.h>
#include <sys/time.h>

#include <cstdlib>
#include <ctime>

namespace {

time_t shift() {
    static const char* const text = std::getenv("NETPAS_LAB_CLOCK_SHIFT");
    static const time_t seconds = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
    return seconds;
}

using ClockGetTime = int (*)(clockid_t, timespec*);

int realTime(clockid_t clock, timespec* time) {
    static const auto real = reinterpret_cast<ClockGetTime>(::dlsym(RTLD_NEXT, "clock_gettime"));
    return real(clock, time);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const int result = realTime(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += shift();
    return result;
}

extern "C" time_t time(time_t* out) noexcept {
    timespec now{};
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    if (out != nullptr) *out = now.tv_sec;
    return now.tv_sec;
}

extern "C" int gettimeofday(timeval* out, void*) noexcept {
    timespec now{};
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
