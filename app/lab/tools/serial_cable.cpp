#include "app/lab/tools/serial_cable.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace netpas::lab {

std::string SerialCable::device(size_t end) const { return m_folder + "/serial" + std::to_string(end); }

Expected<void> SerialCable::open(size_t end) {
    const auto failed = [](const std::string& what) {
        return fail(LabErrc::Process, "no pseudo-terminal: " + what + ": " + std::strerror(errno));
    };
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) return failed("posix_openpt");
    m_masters[end] = master;
    std::array<char, 64> name{};
    if (::grantpt(master) != 0 || ::unlockpt(master) != 0 || ::ptsname_r(master, name.data(), name.size()) != 0)
        return failed("unlockpt");
    // Until a program sets it up, a terminal would echo.
    termios raw{};
    if (::tcgetattr(master, &raw) != 0) return failed("tcgetattr");
    ::cfmakeraw(&raw);
    if (::tcsetattr(master, TCSANOW, &raw) != 0) return failed("tcsetattr");
    // A dongle's device is its group's; the lab has no such group.
    if (::chmod(name.data(), 0666) != 0) return failed("chmod");
    ::unlink(device(end).c_str());
    if (::symlink(name.data(), device(end).c_str()) != 0) return failed("symlink");
    return {};
}

Expected<void> SerialCable::plug() {
    unplug();
    for (const size_t end : {size_t{0}, size_t{1}}) LAB_TRY(open(end));
    m_stop = false;
    m_thread = std::thread([this] { carry(); });
    return {};
}

void SerialCable::unplug() {
    m_stop = true;
    if (m_thread.joinable()) m_thread.join();
    for (const size_t end : {size_t{0}, size_t{1}}) {
        if (m_masters[end] < 0) continue;
        ::unlink(device(end).c_str());
        ::close(m_masters[end]);
        m_masters[end] = -1;
    }
}

void SerialCable::carry() {
    while (!m_stop) {
        if (m_stalled) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            continue;
        }
        std::array<pollfd, 2> ready{pollfd{m_masters[0], POLLIN, 0}, pollfd{m_masters[1], POLLIN, 0}};
        if (::poll(ready.data(), ready.size(), 5) <= 0) continue;
        bool hungUp = false;
        for (const size_t end : {size_t{0}, size_t{1}}) {
            if ((ready[end].revents & POLLIN) != 0) pass(end);
            hungUp |= (ready[end].revents & POLLHUP) != 0;
        }
        // Nobody has it open at the moment.
        if (hungUp) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

void SerialCable::pass(size_t from) {
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(m_masters[from], bytes.data(), bytes.size());
    for (ssize_t at = 0; at < count && !m_stop;) {
        const ssize_t written = ::write(m_masters[1 - from], bytes.data() + at, static_cast<size_t>(count - at));
        if (written > 0) {
            at += written;
            m_bytes += static_cast<uint64_t>(written);
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));  // its reader is slow
        }
    }
}

}  // namespace netpas::lab
