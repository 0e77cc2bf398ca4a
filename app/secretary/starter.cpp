#include "app/secretary/starter.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

namespace netpas::secretary {

namespace {

using Milliseconds = std::chrono::milliseconds;

// Hands the descriptor over. False: the agent is gone.
bool sendDescriptor(int control, int descriptor) {
    char byte = 'c';
    iovec data{&byte, 1};
    alignas(cmsghdr) char buffer[CMSG_SPACE(sizeof(int))]{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = buffer;
    message.msg_controllen = sizeof buffer;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return ::sendmsg(control, &message, MSG_NOSIGNAL) == 1;
}

void handleSignals(void (*handler)(int)) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGQUIT}) ::signal(number, handler);
}

// Puts what the secretary inherits where it looks for it, and closes everything else.
bool arrangeDescriptors(int channel, int listening) {
    const int highChannel = ::fcntl(channel, F_DUPFD, 16);
    const int highListening = listening < 0 ? -1 : ::fcntl(listening, F_DUPFD, 16);
    if (highChannel < 0 || ::dup2(highChannel, launchedChannel) < 0) return false;
    if (highListening >= 0 && ::dup2(highListening, launchedListening) < 0) return false;
    const unsigned firstOther = static_cast<unsigned>(highListening >= 0 ? launchedListening : launchedChannel) + 1;
    return ::syscall(SYS_close_range, firstOther, ~0U, 0) == 0;
}

[[noreturn]] void becomeSecretary(const LaunchOptions& options, int channel, pid_t starter) {
    handleSignals(SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != starter || !arrangeDescriptors(channel, options.listening)) ::_exit(126);
    std::vector<std::string> arguments = options.arguments;
    arguments.insert(arguments.end(), {"--channel", "fd:" + std::to_string(launchedChannel)});
    if (options.listening >= 0)
        arguments.insert(arguments.end(), {"--listen", "fd:" + std::to_string(launchedListening)});
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::execv(options.program.c_str(), pointers.data());
    ::_exit(127);
}

class Starter {
public:
    Starter(const LaunchOptions& options, int control, pid_t agent)
        : m_options(options), m_control(control), m_agent(static_cast<int>(::syscall(SYS_pidfd_open, agent, 0))) {}

    int run() {
        Milliseconds pause = m_options.firstPause;
        while (true) {
            const auto began = std::chrono::steady_clock::now();
            if (!startOne()) return EXIT_FAILURE;
            if (waitFor(m_process, std::nullopt)) return endSecretary();
            int status = 0;
            ::waitpid(m_child, &status, 0);
            ::close(m_process);
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return EXIT_SUCCESS;
            if (std::chrono::steady_clock::now() - began > m_options.longestPause) pause = m_options.firstPause;
            if (waitFor(-1, pause)) return EXIT_SUCCESS;
            pause = std::min(pause * 2, m_options.longestPause);
        }
    }

private:
    bool startOne() {
        int channel[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) return false;
        const pid_t starter = ::getpid();
        m_child = ::fork();
        if (m_child == 0) becomeSecretary(m_options, channel[1], starter);
        ::close(channel[1]);
        // A process descriptor cannot come to mean another process.
        m_process = m_child < 0 ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, m_child, 0));
        const bool handed = m_process >= 0 && sendDescriptor(m_control, channel[0]);
        ::close(channel[0]);
        if (!handed && m_child > 0) (void)endSecretary();
        return handed;
    }

    // Until the process ends or the time is over: false. True: the agent wants it stopped, or is gone.
    bool waitFor(int process, std::optional<Milliseconds> atMost) {
        const auto end = std::chrono::steady_clock::now() + atMost.value_or(Milliseconds(0));
        while (true) {
            pollfd events[] = {{m_control, POLLIN, 0}, {m_agent, POLLIN, 0}, {process, POLLIN, 0}};
            int wait = -1;
            if (atMost) {
                const auto left = std::chrono::duration_cast<Milliseconds>(end - std::chrono::steady_clock::now());
                if (left.count() <= 0) return false;
                wait = static_cast<int>(left.count());
            }
            if (::poll(events, 3, wait) < 0 && errno != EINTR) return true;
            if (events[0].revents != 0 || events[1].revents != 0) return true;
            if (events[2].revents != 0) return false;
        }
    }

    int endSecretary() {
        (void)::kill(m_child, SIGTERM);
        pollfd ended{m_process, POLLIN, 0};
        int result = 0;
        do {
            result = ::poll(&ended, 1, static_cast<int>(m_options.patience.count()));
        } while (result < 0 && errno == EINTR);
        if (result <= 0) (void)::kill(m_child, SIGKILL);
        ::waitpid(m_child, nullptr, 0);
        return EXIT_SUCCESS;
    }

    const LaunchOptions& m_options;
    int m_control;
    int m_agent;
    pid_t m_child = -1;
    int m_process = -1;
};

}  // namespace

void starterMain(const LaunchOptions& options, int control, pid_t agent) {
    ::prctl(PR_SET_NAME, "netpas-starter");
    ::prctl(PR_SET_DUMPABLE, 0);
    handleSignals(SIG_IGN);  // it ends with its agent, in order
    const int code = Starter(options, control, agent).run();
    ::close(control);
    ::_exit(code);
}

}  // namespace netpas::secretary
