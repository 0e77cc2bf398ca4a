// The guard: a tiny child process that removes the policy rules when the agent is gone, even by kill -9.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <sys/types.h>

#include <tl/expected.hpp>

namespace netpas::tun {

// The child is called netpas-guard, is in a session of its own, holds no descriptor but a socket pair, a netlink socket, the lock and the agent's pidfd, and keeps no
// privilege but CAP_NET_ADMIN. It never allocates memory.
class Guard {
public:
    // `requests`: rtnetlink requests, each repeated until it fails, once the agent has ended or the Guard was destroyed.
    // `lock`: a descriptor that stays open until that is done. Error: errno.
    [[nodiscard]] static tl::expected<std::unique_ptr<Guard>, int> start(
        const std::vector<std::vector<uint8_t>>& requests, int lock);

    // Waits until the child has done its work and ended.
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    // False when somebody killed the child.
    [[nodiscard]] bool alive() const;
    [[nodiscard]] pid_t process() const { return m_child; }

private:
    Guard(pid_t child, int pipe) : m_child(child), m_pipe(pipe) {}

    pid_t m_child;
    int m_pipe;  // our end; the child sees it close
};

}  // namespace netpas::tun
