// Network namespaces that a test makes for itself: they vanish with their descriptors, and nothing outside is touched.
#pragma once

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace lab {

// A new namespace. The calling thread is in it afterwards.
class Namespace {
public:
    Namespace() {
        if (unshare(CLONE_NEWNET) == 0) m_fd = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;
    ~Namespace() {
        if (m_fd >= 0) close(m_fd);
    }
    [[nodiscard]] bool made() const { return m_fd >= 0; }
    // For `ip link set DEVICE netns PATH`.
    [[nodiscard]] std::string path() const {
        return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(m_fd);
    }
    bool enter() const { return setns(m_fd, CLONE_NEWNET) == 0; }

private:
    int m_fd = -1;
};

// Runs a shell command in the calling thread's namespace.
inline bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

// Gives up root for as long as it lives.
class Unprivileged {
public:
    Unprivileged() : m_dropped(seteuid(65534) == 0) {}
    Unprivileged(const Unprivileged&) = delete;
    Unprivileged& operator=(const Unprivileged&) = delete;
    ~Unprivileged() {
        if (m_dropped && seteuid(0) != 0) std::abort();
    }
    [[nodiscard]] bool dropped() const { return m_dropped; }

private:
    bool m_dropped;
};

}  // namespace lab
