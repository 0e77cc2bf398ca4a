#include "app/lab/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>

namespace netpas::lab {
namespace {

sigset_t endingSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&set, number);
    return set;
}

// What the owner tells the front process when its work is done.
struct Verdict {
    int status = 1;
};

// A detached owner holds the lab, as its programs die with it, until somebody ends it.
[[noreturn]] void holdUntilEnded(const std::string& name) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    const sigset_t ending = endingSignals();
    int number = 0;
    ::sigwait(&ending, &number);
    (void)removeLab(name);
    ::_exit(0);
}

[[noreturn]] void runOwner(const SessionOptions& options, const std::string& name, const Topology& topology,
                           const std::function<int(Lab&)>& work, int reportTo, pid_t front) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != front) ::_exit(1);
    ::setpgid(0, 0);  // Ctrl-C reaches only the front process, which then ends everything in order
    Verdict verdict;
    auto lab = Lab::bringUp(name, topology, options.bare);
    if (lab) {
        verdict.status = work(**lab);
    } else {
        std::cerr << "netpas-lab: " << lab.error().text << std::endl;
    }
    std::cout.flush();
    std::fflush(nullptr);
    const bool keep = options.keep && lab && verdict.status == 0;
    if (keep) {
        ::setsid();
        ::prctl(PR_SET_PDEATHSIG, 0);
    }
    (void)!::write(reportTo, &verdict, sizeof verdict);
    if (keep) holdUntilEnded(name);
    ::_exit(0);
}

// Waits for the owner's verdict, its death, or a signal. Nothing: the lab must be removed, status in `status`.
bool awaitVerdict(int reports, int signals, Verdict& verdict, int& signalNumber) {
    std::array<pollfd, 2> wait{{{reports, POLLIN, 0}, {signals, POLLIN, 0}}};
    for (;;) {
        if (::poll(wait.data(), wait.size(), -1) < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        if (wait[1].revents != 0) {
            signalfd_siginfo info{};
            if (::read(signals, &info, sizeof info) == sizeof info) signalNumber = static_cast<int>(info.ssi_signo);
            return false;
        }
        if (wait[0].revents != 0) return ::read(reports, &verdict, sizeof verdict) == sizeof verdict;
    }
}

Expected<std::string> claimName(const SessionOptions& options, const Topology& topology, pid_t owner) {
    auto lock = StateLock::acquire();
    if (!lock) return tl::unexpected(lock.error());
    for (const std::string& swept : sweepStaleLabs(*lock)) {
        std::cerr << "netpas-lab: removed lab '" << swept << "', whose owner had died\n";
    }
    const std::string name = options.name.empty() ? freeLabName(*lock, topology.name) : options.name;
    if (!isLabName(name))
        return fail(LabErrc::Usage, "'" + name + "' cannot name a lab; use up to 12 lower-case letters and digits");
    Manifest manifest;
    manifest.lab = name;
    manifest.topology = topology.name;
    manifest.owner = owner;
    manifest.ownerStart = processStartTime(owner).value_or(0);
    LAB_TRY(claimLab(*lock, manifest));
    return name;
}

}  // namespace

Expected<int> runSession(const SessionOptions& options, const Topology& topology,
                         const std::function<int(Lab&)>& work) {
    const sigset_t ending = endingSignals();
    sigset_t before;
    ::sigprocmask(SIG_BLOCK, &ending, &before);
    std::array<int, 2> reports{};
    std::array<int, 2> orders{};
    const int signals = ::signalfd(-1, &ending, SFD_CLOEXEC);
    if (signals < 0 || ::pipe2(reports.data(), O_CLOEXEC) != 0 || ::pipe2(orders.data(), O_CLOEXEC) != 0) {
        return fail(LabErrc::System, std::string("cannot prepare the lab's owner: ") + std::strerror(errno));
    }
    std::cout.flush();
    std::fflush(nullptr);
    const pid_t front = ::getpid();
    const pid_t owner = ::fork();
    if (owner < 0) return fail(LabErrc::System, std::string("cannot fork: ") + std::strerror(errno));
    if (owner == 0) {
        ::close(reports[0]);
        ::close(orders[1]);
        // The name arrives once the manifest names this process as the owner.
        std::array<char, 32> name{};
        const ssize_t length = ::read(orders[0], name.data(), name.size());
        if (length <= 0) ::_exit(1);
        runOwner(options, std::string(name.data(), static_cast<size_t>(length)), topology, work, reports[1], front);
    }
    ::close(reports[1]);
    ::close(orders[0]);
    const auto name = claimName(options, topology, owner);
    if (name) (void)!::write(orders[1], name->data(), name->size());
    ::close(orders[1]);
    Verdict verdict;
    int signalNumber = 0;
    bool decided = false;
    if (name) decided = awaitVerdict(reports[0], signals, verdict, signalNumber);
    ::close(reports[0]);
    ::close(signals);

    Expected<void> removed;
    if (!(decided && options.keep && verdict.status == 0)) {
        ::kill(owner, SIGKILL);
        ::waitpid(owner, nullptr, 0);
        if (name) removed = removeLab(*name);
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (!name) return tl::unexpected(name.error());
    if (!removed) return tl::unexpected(removed.error());
    if (signalNumber != 0) return fail(LabErrc::Interrupted, "stopped by a signal; the lab is down");
    if (!decided) return fail(LabErrc::Process, "the lab's owner died");
    return verdict.status;
}

Expected<void> takeDown(const std::string& name) {
    auto lock = StateLock::acquire();
    if (!lock) return tl::unexpected(lock.error());
    const auto manifest = readManifest(name);
    if (manifest && ownerLives(*manifest)) {
        ::kill(manifest->owner, SIGKILL);
        LAB_TRY(waitUntil("the owner of lab " + name + " to end", std::chrono::seconds(5),
                          [&] { return !ownerLives(*manifest); }));
    } else if (!manifest && manifest.error().code == LabErrc::State && ::access(labFolder(name).c_str(), F_OK) != 0) {
        return tl::unexpected(manifest.error());
    }
    return removeLab(name);
}

}  // namespace netpas::lab
