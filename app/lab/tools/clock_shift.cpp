// Preloaded into a program under test: its wall clock differs by NETPAS_LAB_CLOCK_SHIFT seconds (such as -0.8) from everybody
// else's, or by what the file NETPAS_LAB_CLOCK_FILE says at the moment (scenario/wrong_clock.h). The clock that never goes back stays as it is.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

constexpr long nanosecondsPerSecond = 1'000'000'000;

// A program without its clock would prove nothing.
const int64_t* sharedShift() {
    const char* const file = std::getenv("NETPAS_LAB_CLOCK_FILE");
    if (file == nullptr) return nullptr;
    const int descriptor = ::open(file, O_RDONLY | O_CLOEXEC);
    void* const mapped =
        descriptor < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED) {
        std::perror(file);
        std::abort();
    }
    ::close(descriptor);
    return static_cast<const int64_t*>(mapped);
}

long long shiftNanoseconds() {
    static const int64_t* const shared = sharedShift();
    if (shared != nullptr) return __atomic_load_n(shared, __ATOMIC_RELAXED);
    static const char* const text = std::getenv("NETPAS_LAB_CLOCK_SHIFT");
    static const auto shift =
        text == nullptr ? 0 : static_cast<long long>(std::strtod(text, nullptr) * nanosecondsPerSecond);
    return shift;
}

// While files may still be opened.
[[gnu::constructor]] void begin() { (void)shiftNanoseconds(); }

void shift(timespec& time) {
    const long long by = shiftNanoseconds();
    const long long nanoseconds = time.tv_nsec + by % nanosecondsPerSecond;
    time.tv_sec += by / nanosecondsPerSecond;
    time.tv_nsec = static_cast<long>(nanoseconds);
    if (nanoseconds < 0) {
        --time.tv_sec;
        time.tv_nsec += nanosecondsPerSecond;
    } else if (nanoseconds >= nanosecondsPerSecond) {
        ++time.tv_sec;
        time.tv_nsec -= nanosecondsPerSecond;
    }
}

using ClockGetTime = int (*)(clockid_t, timespec*);

int realTime(clockid_t clock, timespec* time) {
    static const auto real = reinterpret_cast<ClockGetTime>(::dlsym(RTLD_NEXT, "clock_gettime"));
    return real(clock, time);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const int result = realTime(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) shift(*time);
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
