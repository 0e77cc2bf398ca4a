#include "tun/capture/guard.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Everything in this namespace runs in the child of a process that may have had other threads: system calls only.
namespace netpas::tun {

namespace {

constexpr uid_t nobody = 65534;
enum Descriptor : int { pipeFd = 0, routeFd = 1, lockFd = 2, firstOther = 3 };

int openRouteSocket() {
    const int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (descriptor < 0) return -1;
    const timeval patience{2, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return descriptor;
}

// Keeps what is needed, at fixed numbers, and closes everything else, above all the TUN device and its route with it.
bool arrangeDescriptors(int pipe, int route, int lock) {
    const int high[] = {fcntl(pipe, F_DUPFD, 16), fcntl(route, F_DUPFD, 16), fcntl(lock, F_DUPFD, 16)};
    for (const int descriptor : high) {
        if (descriptor < 0) return false;
    }
    if (dup2(high[0], pipeFd) < 0 || dup2(high[1], routeFd) < 0 || dup2(high[2], lockFd) < 0) return false;
    if (syscall(SYS_close_range, firstOther, ~0U, 0) == 0) return true;
    const long limit = sysconf(_SC_OPEN_MAX);  // kernels before 5.9
    for (int descriptor = firstOther; descriptor < limit; ++descriptor) close(descriptor);
    return true;
}

// Failure leaves more privileges than needed; the work must be done all the same.
void dropPrivileges() {
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_KEEPCAPS, 1);
    syscall(SYS_setgroups, 0, nullptr);
    syscall(SYS_setresgid, nobody, nobody, nobody);
    syscall(SYS_setresuid, nobody, nobody, nobody);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    data[0].effective = data[0].permitted = 1U << CAP_NET_ADMIN;
    syscall(SYS_capset, &header, data);
    prctl(PR_SET_DUMPABLE, 0);  // changing the user had set it again
}

void ignoreSignals() {
    for (int number = 1; number < 32; ++number) {
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_IGN);
    }
}

void waitForEnd(pid_t parent) {
    const auto agent = static_cast<int>(syscall(SYS_pidfd_open, parent, 0));
    if (getppid() != parent) return;
    pollfd events[] = {{pipeFd, POLLIN, 0}, {agent, POLLIN, 0}};
    while (poll(events, agent < 0 ? 1 : 2, -1) < 0 && errno == EINTR) {
    }
}

// True when the kernel did what was asked for.
bool transact(const std::vector<uint8_t>& request) {
    if (send(routeFd, request.data(), request.size(), 0) < 0) return false;
    alignas(nlmsghdr) uint8_t answer[1024];
    const ssize_t size = recv(routeFd, answer, sizeof answer, 0);
    if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) return false;
    const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
    if (header->nlmsg_type != NLMSG_ERROR) return false;
    return static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error == 0;
}

[[noreturn]] void guardMain(pid_t parent, int pipe, int lock, const std::vector<std::vector<uint8_t>>& requests) {
    prctl(PR_SET_NAME, "netpas-guard");
    ignoreSignals();
    setsid();
    const int route = openRouteSocket();
    if (route < 0 || !arrangeDescriptors(pipe, route, lock)) _exit(1);
    if (chdir("/") != 0) _exit(1);
    dropPrivileges();
    waitForEnd(parent);
    for (const std::vector<uint8_t>& request : requests) {
        for (int i = 0; i < 64 && transact(request); ++i) {
        }
    }
    _exit(0);
}

}  // namespace

tl::expected<std::unique_ptr<Guard>, int> Guard::start(const std::vector<std::vector<uint8_t>>& requests, int lock) {
    int pipe[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipe) != 0) return tl::unexpected(errno);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) guardMain(parent, pipe[0], lock, requests);
    const int failure = errno;
    close(pipe[0]);
    if (child < 0) {
        close(pipe[1]);
        return tl::unexpected(failure);
    }
    return std::unique_ptr<Guard>(new Guard(child, pipe[1]));
}

Guard::~Guard() {
    // A byte, because other children of the agent may hold our end open. Fails when the child is dead already.
    const uint8_t end = 0;
    if (send(m_pipe, &end, sizeof end, MSG_NOSIGNAL) < 0) kill(m_child, SIGKILL);
    close(m_pipe);
    while (waitpid(m_child, nullptr, 0) < 0 && errno == EINTR) {
    }
}

bool Guard::alive() const {
    pollfd event{m_pipe, 0, 0};
    return poll(&event, 1, 0) == 0 || (event.revents & (POLLHUP | POLLERR)) == 0;
}

}  // namespace netpas::tun
