// Network namespaces for tests of what only a kernel can answer. They have no names and die with the test, however it ends.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

namespace netlab {

// Why such a test cannot run here; empty if it can.
inline std::string obstacle() {
    if (geteuid() != 0) return "needs root";
    if (access("/dev/net/tun", R_OK | W_OK) != 0) return "needs /dev/net/tun";
    if (std::system("ip -V >/dev/null 2>&1 && nft -v >/dev/null 2>&1") != 0) return "needs ip and nft";
    return {};
}

// True when the shell command ends with 0.
inline bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

// Standard output of a shell command.
inline std::string output(const std::string& command) {
    std::string text;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return text;
    char buffer[4096];
    while (const size_t size = fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, size);
    pclose(pipe);
    return text;
}

// Moves the whole (single-threaded) test into a namespace of its own.
inline bool enterOwn() { return unshare(CLONE_NEWNET) == 0 && run("ip link set lo up"); }

// A namespace beside the test's own, kept open by a child that sleeps.
class Namespace {
public:
    Namespace() {
        int ready[2];
        if (pipe(ready) != 0) return;
        m_keeper = fork();
        if (m_keeper == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "r", 1) == 1) {
                close(ready[0]);
                close(ready[1]);
                for (;;) pause();
            }
            _exit(1);
        }
        close(ready[1]);
        char byte = 0;
        m_valid = read(ready[0], &byte, 1) == 1;
        close(ready[0]);
        m_valid = m_valid && exec("ip link set lo up");
    }
    ~Namespace() {
        if (m_keeper <= 0) return;
        kill(m_keeper, SIGKILL);
        waitpid(m_keeper, nullptr, 0);
    }
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;

    [[nodiscard]] bool valid() const { return m_valid; }
    [[nodiscard]] std::string process() const { return std::to_string(m_keeper); }
    [[nodiscard]] bool exec(const std::string& command) const {
        return run("nsenter -t " + process() + " -n sh -c '" + command + "'");
    }
    // A socket that lives there; -1 on failure. Returns to the caller's namespace.
    [[nodiscard]] int socket(int family, int type, int protocol = 0) const {
        const int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        const int there = open(("/proc/" + process() + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
        int result = -1;
        if (here >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
            result = ::socket(family, type | SOCK_CLOEXEC, protocol);
            if (setns(here, CLONE_NEWNET) != 0) abort();
        }
        close(here);
        close(there);
        return result;
    }

private:
    pid_t m_keeper = -1;
    bool m_valid = false;
};

// A plain TUN device in the caller's namespace, without virtio_net_hdr; -1 on failure.
inline int openPlainTun(const std::string& name) {
    const int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (descriptor >= 0 && ioctl(descriptor, TUNSETIFF, &request) == 0) return descriptor;
    close(descriptor);
    return -1;
}

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    Address(const std::string& host, uint16_t port) {
        if (host.find(':') != std::string::npos) {
            sockaddr_in6 v6{};
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(port);
            inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
            std::memcpy(&storage, &v6, length = sizeof v6);
        } else {
            sockaddr_in v4{};
            v4.sin_family = AF_INET;
            v4.sin_port = htons(port);
            inet_pton(AF_INET, host.c_str(), &v4.sin_addr);
            std::memcpy(&storage, &v4, length = sizeof v4);
        }
    }
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    [[nodiscard]] int family() const { return storage.ss_family; }
};

// One datagram or packet that arrives within the time; nothing otherwise.
inline std::optional<std::vector<uint8_t>> receive(int descriptor, int milliseconds) {
    pollfd event{descriptor, POLLIN, 0};
    if (poll(&event, 1, milliseconds) <= 0) return std::nullopt;
    std::vector<uint8_t> bytes(65536);
    const ssize_t size = read(descriptor, bytes.data(), bytes.size());
    if (size < 0) return std::nullopt;
    bytes.resize(static_cast<size_t>(size));
    return bytes;
}

}  // namespace netlab
