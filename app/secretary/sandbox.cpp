#include "app/secretary/sandbox.h"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>

namespace netpas::secretary {

namespace {

void separateNetwork(const SandboxOptions& options, SandboxReport& report) {
    if (!options.ownNetwork) return;
    if (::unshare(CLONE_NEWNET) == 0) {
        report.notes.push_back("no network");
    } else if (::geteuid() == 0) {
        report.warnings.push_back(std::string("no network namespace of its own: ") + std::strerror(errno) +
                                  "; new sockets are refused by system call filter only");
    }
}

std::optional<app::SystemUser> userFor(const SandboxOptions& options, SandboxReport& report) {
    if (::geteuid() != 0 || options.user.empty()) return std::nullopt;
    auto user = app::findUser(options.user);
    if (user) {
        report.notes.push_back("user " + user->name);
    } else {
        report.warnings.push_back(
            "there is no user " + options.user +
            ": the secretary keeps root's files apart from the agent only by its capabilities (useradd --system "
            "--no-create-home --shell /usr/sbin/nologin " +
            options.user + ")");
    }
    return user;
}

// The first folder on the way that this process may not pass; empty: it comes there.
std::filesystem::path closedFolder(const std::filesystem::path& to) {
    std::filesystem::path way;
    for (const auto& part : std::filesystem::absolute(to)) {
        way /= part;
        if (::access(way.c_str(), X_OK) != 0) return way;
    }
    return {};
}

}  // namespace

tl::expected<SandboxReport, app::PrivilegeFailure> enterSandbox(const SandboxOptions& options) {
    SandboxReport report;
    const auto user = userFor(options, report);
    if (const auto done = app::preparePrivateFolder(options.stateFolder, user); !done)
        return tl::unexpected(done.error());
    separateNetwork(options, report);
    if (app::lockMemory()) {
        report.notes.push_back("memory locked");
    } else {
        report.warnings.push_back(
            "memory may be written to swap: raise the limit of locked memory (LimitMEMLOCK=infinity)");
    }
    if (const auto done = app::dropPrivileges(user, {}, app::findGroups(options.groups)); !done)
        return tl::unexpected(done.error());
    report.notes.push_back("no capability");
    if (const auto closed = closedFolder(options.stateFolder); !closed.empty()) {
        return tl::unexpected(
            app::PrivilegeFailure{"user " + (user ? user->name : "of this process") + " does not come to " +
                                      options.stateFolder.string() + ", because others may not pass " + closed.string(),
                                  "chmod o+x " + closed.string() + ", or choose another --state-dir"});
    }
    if (options.endsWithParent) (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);  // changing the user has cleared it

    auto writable = options.alsoReadWrite;
    writable.push_back(options.stateFolder);
    if (restrictFiles(writable)) {
        report.notes.push_back("no file but its own (Landlock)");
    } else {
        report.warnings.push_back(std::string("files are not restricted: ") + std::strerror(errno) +
                                  "; use a kernel with Landlock (5.13 or later, lsm=landlock)");
    }
    if (restrictSystemCalls()) {
        report.notes.push_back("no program, no socket, no debugging (seccomp)");
    } else {
        report.warnings.push_back(std::string("system calls are not restricted: ") + std::strerror(errno) +
                                  "; use a kernel with seccomp filters");
    }
    return report;
}

}  // namespace netpas::secretary
