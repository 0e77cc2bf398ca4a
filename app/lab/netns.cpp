#include "app/lab/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

namespace netpas::lab {
namespace {

LabError systemError(const std::string& what) { return LabError{LabErrc::System, what + ": " + std::strerror(errno)}; }

}  // namespace

std::string namespacePath(const std::string& name) { return "/run/netns/" + name; }

bool namespaceExists(const std::string& name) { return ::access(namespacePath(name).c_str(), F_OK) == 0; }

Expected<void> enterNamespace(const std::string& name) {
    const int fd = ::open(namespacePath(name).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return tl::unexpected(systemError("no namespace " + name));
    const int result = ::setns(fd, CLONE_NEWNET);
    const int saved = errno;
    ::close(fd);
    errno = saved;
    if (result != 0) return tl::unexpected(systemError("cannot enter namespace " + name));
    return {};
}

Expected<void> enterNamespaceWithSysfs(const std::string& name) {
    LAB_TRY(enterNamespace(name));
    if (::unshare(CLONE_NEWNS) != 0) return tl::unexpected(systemError("cannot make a mount namespace"));
    if (::mount("", "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0)
        return tl::unexpected(systemError("cannot detach mounts"));
    // /sys may be absent in containers; then there is nothing to replace.
    ::umount2("/sys", MNT_DETACH);
    if (::mount("netpas-lab", "/sys", "sysfs", 0, nullptr) != 0)
        return tl::unexpected(systemError("cannot mount /sys"));
    return {};
}

Expected<void> inNamespace(const std::string& name, const std::function<Expected<void>()>& action) {
    Expected<void> result;
    std::thread worker([&] {
        result = enterNamespace(name);
        if (result) result = action();
    });
    worker.join();
    return result;
}

Expected<void> inNamespaceProcess(const std::string& name, const std::function<Expected<void>()>& action) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(systemError("cannot make a pipe"));
    const pid_t pid = ::fork();
    if (pid < 0) {
        ::close(ends[0]);
        ::close(ends[1]);
        return tl::unexpected(systemError("cannot fork"));
    }
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        Expected<void> result = enterNamespaceWithSysfs(name);
        if (result) result = action();
        if (!result) (void)!::write(ends[1], result.error().text.data(), result.error().text.size());
        ::_exit(result ? 0 : 1);
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t n = ::read(ends[0], buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        text.append(buffer.data(), static_cast<size_t>(n));
    }
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(LabErrc::System, text.empty() ? "a helper in namespace " + name + " died" : text);
}

std::vector<pid_t> processesIn(const std::vector<std::string>& names) {
    std::set<std::pair<dev_t, ino_t>> wanted;
    for (const std::string& name : names) {
        struct stat info {};
        if (::stat(namespacePath(name).c_str(), &info) == 0) wanted.emplace(info.st_dev, info.st_ino);
    }
    std::vector<pid_t> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string text = entry.path().filename().string();
        pid_t pid = 0;
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), pid);
        if (code != std::errc() || end != text.data() + text.size()) continue;
        struct stat info {};
        if (::stat(("/proc/" + text + "/ns/net").c_str(), &info) != 0) continue;
        if (wanted.contains({info.st_dev, info.st_ino})) found.push_back(pid);
    }
    return found;
}

}  // namespace netpas::lab
