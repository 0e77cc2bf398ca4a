#include "app/agent/executables.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace netpas::agent {

namespace {

constexpr int patience = 100;  // ms
constexpr int helperSocket = 3;

struct Question {
    uint32_t number;
    pid_t process;
    uid_t user;
};

// The path behind /proc/PID/exe, if it is the same file from here.
std::string verifiedPath(const Question& question) {
    // Everything is read through this one descriptor: it stays with the process it was opened for.
    const int process = ::open(("/proc/" + std::to_string(question.process)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) return {};
    struct stat owner {};
    struct stat running {};
    struct stat here {};
    std::array<char, PATH_MAX> path{};
    const ssize_t length = ::readlinkat(process, "exe", path.data(), path.size() - 1);
    const bool known = length > 0 && ::fstat(process, &owner) == 0 && ::fstatat(process, "exe", &running, 0) == 0;
    ::close(process);
    if (!known || owner.st_uid != question.user || ::stat(path.data(), &here) != 0) return {};
    const bool same = running.st_dev == here.st_dev && running.st_ino == here.st_ino;
    return same ? std::string(path.data(), static_cast<size_t>(length)) : std::string();
}

// 0: it is gone. The name in parentheses may hold anything; what follows the last of them is the state and the parent.
pid_t parentOf(pid_t process) {
    const int file = ::open(("/proc/" + std::to_string(process) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    std::array<char, 512> text{};
    const ssize_t length = ::read(file, text.data(), text.size() - 1);
    ::close(file);
    const char* const name = length > 0 ? std::strrchr(text.data(), ')') : nullptr;
    if (name == nullptr || std::strlen(name) < sizeof ") S 1" - 1) return 0;
    return static_cast<pid_t>(std::strtol(name + sizeof ") S" - 1, nullptr, 10));
}

Asker askerOf(const Question& question, const std::vector<std::string>& messengers) {
    const Asker self{verifiedPath(question), question.process};
    if (std::find(messengers.begin(), messengers.end(), self.executable) == messengers.end()) return self;
    const pid_t parent = parentOf(question.process);
    if (parent <= 1) return self;
    const Asker starter{verifiedPath({question.number, parent, question.user}), parent};
    // Still its parent: the number was not given to another process meanwhile.
    return starter.executable.empty() || parentOf(question.process) != parent ? self : starter;
}

[[noreturn]] void helperMain(int socket, const std::vector<std::string>& messengers) {
    ::prctl(PR_SET_NAME, "netpas-who");
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(number, SIG_IGN);
    if (socket != helperSocket && ::dup2(socket, helperSocket) < 0) ::_exit(1);
    if (::syscall(SYS_close_range, helperSocket + 1, ~0U, 0) != 0) ::_exit(1);
    auto user = app::findUser("nobody");
    if (::geteuid() != 0) user.reset();
    if (!app::dropPrivileges(user, {CAP_SYS_PTRACE})) ::_exit(1);
    Question question{};
    while (::recv(helperSocket, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question)) {
        std::string answer(reinterpret_cast<const char*>(&question.number), sizeof question.number);
        const Asker asker = askerOf(question, messengers);
        answer.append(reinterpret_cast<const char*>(&asker.process), sizeof asker.process);
        answer += asker.executable;
        (void)::send(helperSocket, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    ::_exit(0);
}

}  // namespace

// Beside netpasd, or where an installation keeps what everybody may run.
std::vector<std::string> Executables::ownMessengers() {
    std::error_code error;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    std::vector<std::string> found;
    for (const char* const name : {"netpas", "netpas-browser-host"}) {
        for (const auto& place : {folder / name, folder / "../bin" / name}) {
            const auto path = std::filesystem::canonical(place, error);
            if (!error) found.push_back(path.string());
        }
    }
    return found;
}

tl::expected<std::unique_ptr<Executables>, app::PrivilegeFailure> Executables::start(
    std::vector<std::string> messengers) {
    int ends[2];
    const auto failed = [] {
        return tl::unexpected(app::PrivilegeFailure{
            std::string("the helper that verifies programs cannot be started: ") + std::strerror(errno),
            "free some memory and processes, then try again"});
    };
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed();
    const pid_t helper = ::fork();
    if (helper == 0) helperMain(ends[1], messengers);
    ::close(ends[1]);
    if (helper < 0) {
        ::close(ends[0]);
        return failed();
    }
    return std::unique_ptr<Executables>(new Executables(helper, ends[0]));
}

Executables::~Executables() {
    ::close(m_socket);
    (void)::kill(m_helper, SIGKILL);  // fails once this process has another user: closing the socket ends it too
    while (::waitpid(m_helper, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Asker Executables::asker(pid_t process, uid_t user) {
    const Asker unknown{{}, process};
    const Question question{++m_last, process, user};
    if (::send(m_socket, &question, sizeof question, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return unknown;
    constexpr size_t head = sizeof question.number + sizeof(pid_t);
    std::array<char, head + PATH_MAX> answer{};
    pollfd ready{m_socket, POLLIN, 0};
    while (::poll(&ready, 1, patience) > 0) {
        const ssize_t count = ::recv(m_socket, answer.data(), answer.size(), MSG_DONTWAIT);
        if (count < static_cast<ssize_t>(head)) return unknown;
        // An answer that came too late for its question is not this one's.
        if (std::memcmp(answer.data(), &question.number, sizeof question.number) != 0) continue;
        Asker asker;
        std::memcpy(&asker.process, answer.data() + sizeof question.number, sizeof asker.process);
        asker.executable.assign(answer.data() + head, static_cast<size_t>(count) - head);
        return asker;
    }
    return unknown;
}

}  // namespace netpas::agent
