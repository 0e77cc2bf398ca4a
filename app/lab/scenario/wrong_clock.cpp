#include "app/lab/scenario/wrong_clock.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "app/lab/lab.h"

namespace netpas::lab {

Expected<WrongClock> WrongClock::make(const std::string& file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    void* mapped = MAP_FAILED;
    if (descriptor >= 0 && ::ftruncate(descriptor, sizeof(int64_t)) == 0)
        mapped = ::mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (mapped == MAP_FAILED) return fail(LabErrc::System, file + ": " + std::strerror(error));
    return WrongClock(file, static_cast<int64_t*>(mapped));
}

WrongClock::WrongClock(WrongClock&& other) noexcept
    : m_file(std::move(other.m_file)), m_shift(std::exchange(other.m_shift, nullptr)) {}

WrongClock::~WrongClock() {
    if (m_shift != nullptr) ::munmap(m_shift, sizeof *m_shift);
}

void WrongClock::set(std::chrono::nanoseconds ahead) { __atomic_store_n(m_shift, ahead.count(), __ATOMIC_RELAXED); }

std::map<std::string, std::string> WrongClock::environment() const {
    return {{"LD_PRELOAD", programPath("libnetpas-lab-clock.so")}, {"NETPAS_LAB_CLOCK_FILE", m_file}};
}

}  // namespace netpas::lab
