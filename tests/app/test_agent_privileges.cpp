// An agent that has given up root can still divert, send raw packets and use the netlink; and nothing else of root's.
#include <QtTest>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <vector>

#include "app/agent/executables.h"
#include "app/agent/privileges.h"
#include "tests/app/sandbox_child.h"
#include "tests/tun/private_namespace.h"
#include "tun/agent/bypass.h"
#include "tun/capture/linux_capture.h"
#include "tun/device/linux_tun.h"
#include "tun/udp/linux_udp_socket.h"

using namespace netpas;
using namespace netpas::test;

namespace {

// 192.0.2.1 -> 192.0.2.2, UDP 9 -> 9, no data.
constexpr std::array<uint8_t, 28> packet{0x45, 0, 0,   28, 0, 0, 0, 0, 64, 17, 0xf6, 0xd0, 192, 0,
                                         2,    1, 192, 0,  2, 2, 0, 9, 0,  9,  0,    8,    0,   0};

void actAsAgent(Findings& findings) {
    const lab::Namespace own;
    if (!own.made() ||
        !lab::run("ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up;"
                  "ip addr add 192.0.2.1/24 dev v0"))
        return;
    tun::LinuxTunOptions device;
    device.name = "npt0";
    auto opened = tun::openLinuxTun(device);
    tun::LinuxCaptureOptions options;
    options.device = "npt0";
    options.lockDirectory = "/tmp/netpas-test-privileges";
    auto capture = tun::openLinuxCapture(options);
    auto bypass = tun::openLinuxBypass(tun::bypassMark);
    if (!opened || !capture || !bypass) return findings.tell("set-up", "fails");

    const auto done = agent::dropAgentPrivileges("nobody");
    findings.tell("drop", done ? "works" : done.error().what);
    findings.tell("user", std::to_string(::getuid()));

    const auto flow = FlowMatch::parse("udp 192.0.2.1:* -> 192.0.2.2:9");
    const std::vector<tun::CapturedFlow> flows{{*flow, tun::CaptureAction::Divert, tun::CapturePoint::Output}};
    findings.tell("divert", (*capture)->set(flows) ? "works" : "fails");
    std::array<tun::BypassPacket, 1> packets{tun::BypassPacket{packet}};
    (*bypass)->send(packets);
    findings.tell("raw packet", packets[0].outcome == tun::BypassOutcome::Sent ? "works" : "fails");
    const int marked = ::socket(AF_INET, SOCK_DGRAM, 0);
    const uint32_t mark = tun::bypassMark;
    findings.tried("mark", ::setsockopt(marked, SOL_SOCKET, SO_MARK, &mark, sizeof mark));
    const int size = 8 << 20;
    findings.tried("large buffer", ::setsockopt(marked, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size));
    findings.tried("bind to device", ::setsockopt(marked, SOL_SOCKET, SO_BINDTODEVICE, "v0", 3));
    findings.tell("undivert", (*capture)->set({}) ? "works" : "fails");
    capture->reset();  // the guard removes the policy rules

    findings.tried("no: shadow", ::open("/etc/shadow", O_RDONLY));
    findings.tried("no: become root", ::setuid(0));
    findings.tried("no: mount", ::mount("none", "/mnt", "tmpfs", 0, nullptr));
    findings.tried("no: trace init", ::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
    findings.tried("no: kill init", ::kill(1, 0));
    findings.tried("no: chown", ::chown("/tmp", 0, 0));
    findings.tried("no: own memory by name", ::open("/proc/self/mem", O_RDONLY));  // not dumpable: root's
    findings.tell("dumpable", std::to_string(::prctl(PR_GET_DUMPABLE)));
}

}  // namespace

class AgentPrivilegesTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() {
        if (::geteuid() != 0) QSKIP("needs root");
    }

    void divertingAndRawPacketsStillWorkAndNothingElse() {
        const auto found = inChild(actAsAgent);
        QCOMPARE(found.at("ended"), std::string("0"));
        QVERIFY2(found.contains("drop"), "the namespace or its devices could not be made");
        QCOMPARE(found.at("user"), std::string("65534"));
        QCOMPARE(found.at("dumpable"), std::string("0"));
        for (const char* what : {"drop", "divert", "raw packet", "mark", "large buffer", "bind to device", "undivert"})
            QVERIFY2(found.at(what) == "works", (what + (": " + found.at(what))).c_str());
        int forbidden = 0;
        for (const auto& [what, outcome] : found) {
            if (!what.starts_with("no: ")) continue;
            ++forbidden;
            QVERIFY2(outcome == "EPERM" || outcome == "EACCES", (what + ": " + outcome).c_str());
        }
        QCOMPARE(forbidden, 7);
    }

    void otherUsersProgramsAreKnownAfterwards() {
        const pid_t other = ::fork();
        if (other == 0) {
            if (::setuid(1) == 0) ::execl("/bin/sleep", "sleep", "100", nullptr);
            ::_exit(1);
        }
        const auto nowRuns = [&] {
            return std::filesystem::read_symlink("/proc/" + std::to_string(other) + "/exe").filename() == "sleep";
        };
        QTRY_VERIFY(nowRuns());
        const auto found = inChild([&](Findings& findings) {
            auto executables = agent::Executables::start();
            const auto done = agent::dropAgentPrivileges("nobody");
            if (!executables || !done) return;
            std::array<char, 256> path{};
            const std::string link = "/proc/" + std::to_string(other) + "/exe";
            findings.tried("readlink by itself", ::readlink(link.c_str(), path.data(), path.size()));
            findings.tell("other", (*executables)->of(other, 1));
            findings.tell("another user's by now", (*executables)->of(other, 2) + ".");
            findings.tell("nobody there", (*executables)->of(0x3ffffff, 0) + ".");
        });
        const auto sleep = std::filesystem::read_symlink("/proc/" + std::to_string(other) + "/exe").string();
        ::kill(other, SIGKILL);
        ::waitpid(other, nullptr, 0);
        QCOMPARE(found.at("ended"), std::string("0"));
        QCOMPARE(found.at("readlink by itself"), std::string("EACCES"));
        QCOMPARE(found.at("other"), sleep);
        QCOMPARE(found.at("nobody there"), std::string("."));
        QCOMPARE(found.at("another user's by now"), std::string("."));
    }

    // The `netpas` of a script: who started it is who asks.
    void aMessengersParentStandsForIt() {
        const auto found = inChild([](Findings& findings) {
            const std::string sleep = std::filesystem::canonical("/bin/sleep").string();
            auto executables = agent::Executables::start({sleep});
            if (!executables) return;
            // This test starts one messenger; `env`'s is started by a shell that becomes it, so that its parent is this test, too.
            const auto started = [&](const char* program, std::vector<const char*> arguments) {
                arguments.insert(arguments.begin(), program);
                arguments.push_back(nullptr);
                const pid_t child = ::fork();
                if (child == 0) {
                    ::execv(program, const_cast<char* const*>(arguments.data()));
                    ::_exit(1);
                }
                for (int i = 0; i < 200; ++i) {
                    std::error_code ignored;
                    if (std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/exe", ignored) == sleep)
                        break;
                    ::usleep(10000);
                }
                return child;
            };
            const auto end = [](pid_t child) {
                ::kill(child, SIGKILL);
                ::waitpid(child, nullptr, 0);
            };
            const pid_t direct = started("/bin/sleep", {"100"});
            const agent::Asker asker = (*executables)->asker(direct, 0);
            findings.tell("parent", asker.executable);
            findings.tell("parent's number", std::to_string(asker.process - ::getpid()));
            findings.tell("another user's", (*executables)->asker(direct, 1).executable + ".");
            end(direct);
            const pid_t shell = started("/bin/sh", {"-c", "exec sleep 100"});
            findings.tell("through a shell", (*executables)->asker(shell, 0).executable);
            end(shell);
            findings.tell("no messenger", (*executables)->asker(::getpid(), 0).executable);
        });
        const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
        QCOMPARE(found.at("parent"), self);
        QCOMPARE(found.at("parent's number"), std::string("0"));
        QCOMPARE(found.at("another user's"), std::string("."));
        QCOMPARE(found.at("through a shell"), self);
        QCOMPARE(found.at("no messenger"), self);
    }

    // A messenger that root started for another user asks for itself.
    void anotherUsersParentDoesNotCount() {
        const auto found = inChild([](Findings& findings) {
            const std::string sleep = std::filesystem::canonical("/bin/sleep").string();
            auto executables = agent::Executables::start({sleep});
            const pid_t child = executables ? ::fork() : -1;
            if (child == 0) {
                if (::setuid(1) == 0) ::execl("/bin/sleep", "sleep", "100", nullptr);
                ::_exit(1);
            }
            std::string asker;
            for (int i = 0; child > 0 && i < 200 && asker.empty(); ++i) {
                asker = (*executables)->asker(child, 1).executable;
                ::usleep(10000);
            }
            findings.tell("asker", asker);
            findings.tell("expected", sleep);
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
        });
        QCOMPARE(found.at("asker"), found.at("expected"));
    }

    // A program that poses as another by mounting itself over it, in a namespace of its own.
    void aPathThatMeansAnotherFileToItsProcessIsNotBelieved() {
        const auto found = inChild([](Findings& findings) {
            auto executables = agent::Executables::start();
            if (!executables) return;
            const pid_t impostor = ::fork();
            if (impostor == 0) {
                (void)::unshare(CLONE_NEWNS);
                (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
                (void)::mount("/bin/sleep", "/bin/ls", nullptr, MS_BIND, nullptr);
                ::execl("/bin/ls", "ls", "100", nullptr);
                ::_exit(1);
            }
            std::string claimed;
            for (int i = 0; i < 200; ++i) {
                std::error_code ignored;
                claimed = std::filesystem::read_symlink("/proc/" + std::to_string(impostor) + "/exe", ignored).string();
                if (claimed.ends_with("/ls")) break;
                ::usleep(10000);
            }
            findings.tell("claimed", claimed.substr(claimed.rfind('/') + 1));
            findings.tell("verified", (*executables)->of(impostor, 0) + ".");
            ::kill(impostor, SIGKILL);
            ::waitpid(impostor, nullptr, 0);
        });
        QCOMPARE(found.at("claimed"), std::string("ls"));
        QCOMPARE(found.at("verified"), std::string("."));
    }

    void withoutItsUserItSaysSo() {
        const auto found = inChild([](Findings& findings) {
            const auto done = agent::dropAgentPrivileges("netpas-nobody-has-this-name");
            findings.tell("warning", done && !done->warnings.empty() ? done->warnings[0] : "none");
            findings.tried("become another user", ::setuid(1));
        });
        QVERIFY(found.at("warning").find("useradd") != std::string::npos);
        QCOMPARE(found.at("become another user"), std::string("EPERM"));
    }
};

QTEST_APPLESS_MAIN(AgentPrivilegesTest)
#include "test_agent_privileges.moc"
