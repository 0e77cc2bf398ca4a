#include "app/lab/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <array>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include "app/lab/netns.h"

namespace netpas::lab {
namespace {

void redirect(const std::string& file, int target) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd >= 0) ::dup2(fd, target);
}

void complain(const std::string& text) { (void)!::write(2, text.data(), text.size()); }

[[noreturn]] void becomeProgram(const ProcessSpec& spec, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);  // the parent died before the line above
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, 0);
    if (!spec.logFile.empty()) {
        redirect(spec.logFile, 2);
        redirect(spec.outFile.empty() ? spec.logFile : spec.outFile, 1);
    }
    if (!spec.netns.empty()) {
        if (const auto entered = enterNamespaceWithSysfs(spec.netns); !entered) {
            complain(entered.error().text + "\n");
            ::_exit(126);
        }
    }
    if (!spec.workingFolder.empty() && ::chdir(spec.workingFolder.c_str()) != 0) ::_exit(126);
    for (const auto& [key, value] : spec.environment) ::setenv(key.c_str(), value.c_str(), 1);
    std::vector<char*> args;
    for (const std::string& part : spec.argv) args.push_back(const_cast<char*>(part.c_str()));
    args.push_back(nullptr);
    ::execvp(args[0], args.data());
    complain("cannot run " + spec.argv[0] + ": " + std::strerror(errno) + "\n");
    ::_exit(127);
}

}  // namespace

Expected<Process> Process::start(ProcessSpec spec) {
    Process process(std::move(spec));
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return fail(LabErrc::System, std::string("cannot fork: ") + std::strerror(errno));
    if (pid == 0) becomeProgram(process.m_spec, parent);
    process.m_pid = pid;
    return process;
}

Process::Process(Process&& other) noexcept
    : m_spec(std::move(other.m_spec)), m_pid(std::exchange(other.m_pid, -1)), m_status(other.m_status) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        stop(std::chrono::milliseconds(0));
        m_spec = std::move(other.m_spec);
        m_pid = std::exchange(other.m_pid, -1);
        m_status = other.m_status;
    }
    return *this;
}

Process::~Process() { stop(std::chrono::milliseconds(0)); }

bool Process::running() { return !exitStatus().has_value(); }

std::optional<int> Process::exitStatus() {
    if (m_status || m_pid < 0) return m_status;
    int status = 0;
    if (::waitpid(m_pid, &status, WNOHANG) == m_pid) {
        m_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return m_status;
}

void Process::signal(int number) {
    if (m_pid > 0 && running()) ::kill(m_pid, number);
}

void Process::stop(std::chrono::milliseconds grace) {
    if (m_pid < 0 || !running()) return;
    if (grace.count() > 0) {
        ::kill(m_pid, SIGTERM);
        if (wait(grace)) return;
    }
    ::kill(m_pid, SIGKILL);
    int status = 0;
    while (::waitpid(m_pid, &status, 0) < 0 && errno == EINTR) {
    }
    m_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Expected<int> Process::wait(std::chrono::milliseconds limit) {
    LAB_TRY(waitUntil(m_spec.name + " to end", limit, [this] { return !running(); }));
    return *m_status;
}

std::string Process::logTail() const {
    std::ifstream in(m_spec.logFile, std::ios::binary | std::ios::ate);
    if (!in) return {};
    const std::streamoff size = in.tellg();
    constexpr std::streamoff most = 1500;
    in.seekg(size > most ? size - most : 0);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Expected<void> waitUntil(const std::string& what, std::chrono::milliseconds limit, const std::function<bool()>& ask) {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    while (!ask()) {
        if (Clock::now() - begin > limit) {
            return fail(LabErrc::Timeout, "waited " + std::to_string(limit.count()) + " ms for " + what + ", in vain");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {};
}

bool unixSocketAnswers(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    path.copy(address.sun_path, path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const bool answers = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return answers;
}

}  // namespace netpas::lab
