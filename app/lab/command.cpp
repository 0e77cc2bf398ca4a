#include "app/lab/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <array>
#include <csignal>

namespace netpas::lab {
namespace {

std::string joined(const std::vector<std::string>& argv) {
    std::string text;
    for (const std::string& part : argv) text += (text.empty() ? "" : " ") + part;
    return text;
}

void closeAll(std::array<std::array<int, 2>, 3>& pipes) {
    for (auto& ends : pipes) {
        for (int& end : ends) {
            if (end >= 0) ::close(end);
            end = -1;
        }
    }
}

[[noreturn]] void becomeChild(const std::vector<std::string>& argv, const std::array<std::array<int, 2>, 3>& pipes) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(pipes[0][0], 0);
    ::dup2(pipes[1][1], 1);
    ::dup2(pipes[2][1], 2);
    std::vector<char*> args;
    for (const std::string& part : argv) args.push_back(const_cast<char*>(part.c_str()));
    args.push_back(nullptr);
    ::execvp(args[0], args.data());
    const std::string text = "cannot run " + argv[0] + ": " + std::strerror(errno) + "\n";
    (void)!::write(2, text.data(), text.size());
    ::_exit(127);
}

// Moves bytes until all pipes of the child are closed.
void exchange(std::array<std::array<int, 2>, 3>& pipes, const std::string& input, CommandResult& result) {
    size_t written = 0;
    ::fcntl(pipes[0][1], F_SETFL, O_NONBLOCK);
    if (input.empty()) {
        ::close(pipes[0][1]);
        pipes[0][1] = -1;
    }
    while (pipes[1][0] >= 0 || pipes[2][0] >= 0) {
        std::array<pollfd, 3> wait{{{pipes[0][1], POLLOUT, 0}, {pipes[1][0], POLLIN, 0}, {pipes[2][0], POLLIN, 0}}};
        if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) break;
        if (wait[0].revents != 0) {
            const ssize_t n = ::write(pipes[0][1], input.data() + written, input.size() - written);
            if (n > 0) written += static_cast<size_t>(n);
            if ((n < 0 && errno != EAGAIN && errno != EINTR) || written == input.size()) {
                ::close(pipes[0][1]);
                pipes[0][1] = -1;
            }
        }
        for (size_t stream = 1; stream < 3; ++stream) {
            if (wait[stream].revents == 0) continue;
            std::array<char, 65536> buffer;
            const ssize_t n = ::read(pipes[stream][0], buffer.data(), buffer.size());
            if (n > 0) {
                (stream == 1 ? result.out : result.err).append(buffer.data(), static_cast<size_t>(n));
            } else if (n == 0 || errno != EINTR) {
                ::close(pipes[stream][0]);
                pipes[stream][0] = -1;
            }
        }
    }
}

}  // namespace

Expected<CommandResult> runCommand(const std::vector<std::string>& argv, const std::string& input) {
    std::array<std::array<int, 2>, 3> pipes{{{-1, -1}, {-1, -1}, {-1, -1}}};
    for (auto& ends : pipes) {
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            closeAll(pipes);
            return fail(LabErrc::System, std::string("cannot make a pipe: ") + std::strerror(errno));
        }
    }
    const pid_t pid = ::fork();
    if (pid == 0) becomeChild(argv, pipes);
    if (pid < 0) {
        closeAll(pipes);
        return fail(LabErrc::System, std::string("cannot fork: ") + std::strerror(errno));
    }
    for (const auto& [pipe, end] : {std::pair<size_t, size_t>{0, 0}, {1, 1}, {2, 1}}) {
        ::close(pipes[pipe][end]);
        pipes[pipe][end] = -1;
    }
    CommandResult result;
    exchange(pipes, input, result);
    closeAll(pipes);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

Expected<std::string> requireCommand(const std::vector<std::string>& argv, const std::string& input) {
    auto result = runCommand(argv, input);
    if (!result) return tl::unexpected(result.error());
    if (result->status == 0) return std::move(result->out);
    std::string said = result->err.empty() ? result->out : result->err;
    if (said.size() > 1000) said.resize(1000);
    while (!said.empty() && said.back() == '\n') said.pop_back();
    return fail(LabErrc::Command, joined(argv) + " failed (" + std::to_string(result->status) + "): " + said);
}

}  // namespace netpas::lab
