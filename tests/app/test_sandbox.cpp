// What a sandboxed secretary cannot do is really tried, in a child process; so is what it must still be able to do.
#include <QtTest>

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sodium.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/secretary/sandbox.h"
#include "core/channel/relay.h"
#include "core/net/tls_link.h"
#include "core/store/database.h"
#include "tests/app/sandbox_child.h"
#include "tests/core/channel_fixture.h"

using namespace netpas;
using namespace netpas::test;
using secretary::enterSandbox;
using secretary::SandboxOptions;
namespace asio = boost::asio;

namespace {

bool isRoot() { return ::geteuid() == 0; }

SandboxOptions optionsIn(const std::string& folder) {
    SandboxOptions options;
    options.user = "nobody";  // there everywhere; the secretary's own user may not be
    options.stateFolder = folder + "/secretary";
    return options;
}

void tryForbidden(Findings& findings, const std::string& folder) {
    findings.tried("internet socket", ::socket(AF_INET, SOCK_STREAM, 0));
    findings.tried("local socket", ::socket(AF_UNIX, SOCK_STREAM, 0));
    findings.tried("netlink socket", ::socket(AF_NETLINK, SOCK_RAW, 0));
    findings.tried("read another's file", ::open((folder + "/agent.key").c_str(), O_RDONLY));
    findings.tried("write elsewhere", ::open((folder + "/new").c_str(), O_CREAT | O_WRONLY, 0600));
    findings.tried("memory of init", ::open("/proc/1/mem", O_RDWR));
    findings.tried("own memory", ::open("/proc/self/mem", O_RDWR));
    char* const arguments[] = {const_cast<char*>("/bin/true"), nullptr};
    findings.tried("execute", ::execv("/bin/true", arguments));
    findings.tried("fork", ::fork());
    findings.tried("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
    iovec nothing{};
    findings.tried("read another's memory", ::syscall(SYS_process_vm_readv, ::getppid(), &nothing, 1, &nothing, 1, 0));
    findings.tried("kill parent", ::kill(::getppid(), 0));
    findings.tried("become root", ::setuid(0));
    findings.tried("mount", ::mount("none", "/mnt", "tmpfs", 0, nullptr));
    findings.tried("new namespace", ::unshare(CLONE_NEWUSER));
    findings.tried("be dumpable", ::prctl(PR_SET_DUMPABLE, 1));
    findings.tried("code of its own", ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                                          ? -1
                                          : 0);
    findings.tried("io_uring", ::syscall(SYS_io_uring_setup, 1, nullptr));
    findings.tried("bpf", ::syscall(SYS_bpf, 0, nullptr, 0));
    findings.tried("type on a terminal", ::ioctl(0, TIOCSTI, "x"));
}

bool keepsABook(const std::string& folder) {
    const auto key = store::loadOrCreateKey(folder + "/book.key");
    if (!key) return false;
    for (int round = 0; round < 2; ++round) {
        store::DatabaseOptions options;
        options.path = folder + "/book.db";
        options.key = *key;
        auto database = store::Database::open(options);
        if (!database) return false;
        if (!database->execute("CREATE TABLE IF NOT EXISTS t (a INTEGER); INSERT INTO t VALUES (1)")) return false;
    }
    return true;
}

bool derivesAKey() {
    unsigned char out[32];
    const unsigned char salt[crypto_pwhash_SALTBYTES] = {1};
    return crypto_pwhash(out, sizeof out, "passphrase", 10, salt, 2, size_t{64} << 20, crypto_pwhash_ALG_ARGON2ID13) ==
           0;
}

bool threadsWork() {
    int result = 0;
    std::thread([&] { result = 7; }).join();
    return result == 7;
}

bool logs(const std::string& folder) {
    const auto logger = spdlog::basic_logger_mt("sandboxed", folder + "/log.txt");
    logger->info("a line with the local time");
    logger->flush();
    return std::filesystem::file_size(folder + "/log.txt") > 0;
}

}  // namespace

class SandboxTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() {
        if (!isRoot()) QSKIP("needs root");
    }

    void whatASecretaryHasNoUseForFails() {
        channel::test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        std::ofstream(folder.path + "/agent.key") << "secret";
        const auto found = inChild([&](Findings& findings) {
            const auto report = enterSandbox(optionsIn(folder.path));
            // Memory can only be locked where root's limit can be raised.
            findings.tell("sandbox",
                          report ? report->notes.front() + ", " + report->notes.back() : report.error().what);
            tryForbidden(findings, folder.path);
        });
        QCOMPARE(found.at("sandbox"), std::string("user nobody, no program, no socket, no debugging (seccomp)"));
        QCOMPARE(found.at("ended"), std::string("0"));
        QCOMPARE(found.size(), size_t{22});
        for (const auto& [what, outcome] : found) {
            if (what == "sandbox" || what == "ended") continue;
            QVERIFY2(outcome == "EPERM" || outcome == "EACCES" || outcome == "ENOSYS", (what + ": " + outcome).c_str());
        }
    }

    void itIsAnotherUserWithoutAnyCapability() {
        channel::test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        const auto found = inChild([&](Findings& findings) {
            const int status = ::open("/proc/self/status", O_RDONLY);
            const auto report = enterSandbox(optionsIn(folder.path));
            findings.tell("sandbox", report ? "works" : report.error().what);
            findings.tell("uid", std::to_string(::getuid()) + " " + std::to_string(::geteuid()));
            findings.tell("groups", std::to_string(::getgroups(0, nullptr)));
            std::string text(8192, '\0');
            text.resize(static_cast<size_t>(std::max<ssize_t>(0, ::pread(status, text.data(), text.size(), 0))));
            for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp:"}) {
                const size_t at = text.find(set);
                const size_t tab = text.find('\t', at);
                findings.tell(set,
                              at == std::string::npos ? "?" : text.substr(tab + 1, text.find('\n', tab) - tab - 1));
            }
            rlimit core{};
            ::getrlimit(RLIMIT_CORE, &core);
            findings.tell("core", std::to_string(core.rlim_max));
        });
        QCOMPARE(found.at("sandbox"), std::string("works"));
        QCOMPARE(found.at("uid"), std::string("65534 65534"));
        QCOMPARE(found.at("groups"), std::string("0"));
        for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
            QCOMPARE(found.at(set), std::string("0000000000000000"));
        QCOMPARE(found.at("NoNewPrivs"), std::string("1"));
        QCOMPARE(found.at("Seccomp:"), std::string("2"));
        QCOMPARE(found.at("core"), std::string("0"));
    }

    void itsNetworkIsEmpty() {
        channel::test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        const auto found = inChild([&](Findings& findings) {
            const int probe = ::socket(AF_INET, SOCK_DGRAM, 0);  // of the old namespace
            const auto report = enterSandbox(optionsIn(folder.path));
            ifreq request{};
            std::strcpy(request.ifr_name, "lo");
            findings.tell("sandbox", report ? report->notes.at(1) : report.error().what);
            findings.tried("interface query", ::ioctl(probe, SIOCGIFFLAGS, &request));
        });
        QCOMPARE(found.at("sandbox"), std::string("no network"));
        QCOMPARE(found.at("interface query"), std::string("EPERM"));
    }

    void booksKeysAndLogsStillWork() {
        channel::test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        const auto found = inChild([&](Findings& findings) {
            if (sodium_init() < 0) return;
            const auto options = optionsIn(folder.path);
            const auto report = enterSandbox(options);
            findings.tell("sandbox", report ? "works" : report.error().what);
            const std::string own = options.stateFolder.string();
            findings.tell("book", keepsABook(own) ? "works" : "fails");
            findings.tell("key", derivesAKey() ? "works" : "fails");
            findings.tell("threads", threadsWork() ? "works" : "fails");
            findings.tell("log", logs(own) ? "works" : "fails");
            std::error_code error;
            std::filesystem::rename(own + "/log.txt", own + "/log.old", error);
            findings.tell("rename", error ? error.message() : "works");
            std::filesystem::remove(own + "/log.old", error);
            findings.tell("remove", error ? error.message() : "works");
        });
        QCOMPARE(found.at("ended"), std::string("0"));
        for (const char* what : {"sandbox", "book", "key", "threads", "log", "rename", "remove"})
            QVERIFY2(found.contains(what) && found.at(what) == "works", what);
        struct stat status {};
        QCOMPARE(::stat((folder.path + "/secretary").c_str(), &status), 0);
        QCOMPARE(status.st_uid, uid_t{65534});
        QCOMPARE(status.st_mode & 07777, mode_t{0700});
    }

    // The sandboxed child speaks TLS with a server in this process through streams of the channel that it inherited.
    void theChannelAndTlsThroughItStillWork() {
        channel::test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        const Identity serverKey = Identity::fromSeed({1});
        const auto [mine, childs] = channel::test::socketPair();
        const auto server = [&, descriptor = mine] {
            asio::io_context io;
            net::TlsListener listener(io, serverKey,
                                      {[](const PublicKey&, const Endpoint&) { return true; },
                                       [](std::shared_ptr<net::TlsConnection> made) {
                                           made->onMessage = [raw = made.get()](ByteView message) {
                                               (void)raw->send(Bytes(message.begin(), message.end()));
                                           };
                                       },
                                       {}});
            const Endpoint at{IpAddress::parse("127.0.0.1").value(), 46798};
            if (!listener.listen(at)) return;
            channel::test::End agent(io, channel::Side::Agent, channel::inheritedSource(io, descriptor));
            channel::StreamRelay relay(
                io, [&](const channel::Message& message) { return agent.channel->send(message).has_value(); },
                [&](const Endpoint& endpoint) { return endpoint == at; }, 0);
            agent.onMessage = [&](const channel::Message& message) { (void)relay.take(message); };
            (void)channel::test::runUntil(io, [&] { return !agent.downs.empty(); });
        };
        const pid_t agentProcess = ::fork();
        if (agentProcess == 0) {
            ::close(childs);
            server();
            ::_exit(0);
        }
        ::close(mine);
        const auto found = inChild([&, descriptor = childs](Findings& findings) {
            const auto report = enterSandbox(optionsIn(folder.path));
            findings.tell("sandbox", report ? "works" : report.error().what);
            asio::io_context io;
            const Identity own = Identity::fromSeed({2});
            channel::test::End end(io, channel::Side::Secretary, channel::inheritedSource(io, descriptor));
            channel::RelayedStreams streams(
                io, [&](const channel::Message& message) { return end.channel->send(message).has_value(); });
            end.onMessage = [&](const channel::Message& message) { (void)streams.take(message); };
            findings.tell("channel", channel::test::runUntil(io, [&] { return end.ups == 1; }) ? "works" : "fails");
            bool echoed = false;
            net::TlsDialer dialer(io, own, {IpAddress::parse("127.0.0.1").value(), 46798}, serverKey.publicKey(),
                                  {[&](std::shared_ptr<net::TlsConnection> made) {
                                       made->onMessage = [&](ByteView message) { echoed = message.size() == 50000; };
                                       (void)made->send(Bytes(50000, 1));
                                   },
                                   {}},
                                  {}, {}, streams.connector());
            dialer.start();
            findings.tell("tls", channel::test::runUntil(io, [&] { return echoed; }) ? "works" : "fails");
        });
        ::close(childs);
        ::waitpid(agentProcess, nullptr, 0);
        QCOMPARE(found.at("ended"), std::string("0"));
        for (const char* what : {"sandbox", "channel", "tls"})
            QVERIFY2(found.contains(what) && found.at(what) == "works", what);
    }

    void aSerialDeviceThatWasNamedCanBeOpenedAgain() {
        channel::test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
        QVERIFY(::grantpt(master) == 0 && ::unlockpt(master) == 0);
        const std::string device = ::ptsname(master);
        QVERIFY(::chmod(device.c_str(), 0666) == 0);
        const auto found = inChild([&](Findings& findings) {
            auto options = optionsIn(folder.path);
            options.alsoReadWrite = {"/dev/pts"};
            const auto report = enterSandbox(options);
            findings.tell("sandbox", report ? "works" : report.error().what);
            asio::io_context io;
            channel::test::End end(io, channel::Side::Secretary, channel::serialSource(io, device));
            (void)channel::test::runUntil(io,
                                          [end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300)] {
                                              return std::chrono::steady_clock::now() > end;
                                          });
            findings.tell("serial", end.troubles.empty() ? "works" : end.troubles[0]);
        });
        ::close(master);
        QCOMPARE(found.at("sandbox"), std::string("works"));
        QCOMPARE(found.at("serial"), std::string("works"));
    }

    void anUnprivilegedStartGivesUpWhatItCan() {
        channel::test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        std::ofstream(folder.path + "/agent.key") << "secret";
        const auto found = inChild([&](Findings& findings) {
            if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) return;
            const auto report = enterSandbox(optionsIn(folder.path));
            findings.tell("sandbox", report ? "works" : report.error().what);
            findings.tell("book", keepsABook(optionsIn(folder.path).stateFolder.string()) ? "works" : "fails");
            tryForbidden(findings, folder.path);
        });
        QCOMPARE(found.at("sandbox"), std::string("works"));
        QCOMPARE(found.at("book"), std::string("works"));
        for (const auto& [what, outcome] : found) {
            if (what == "sandbox" || what == "ended" || what == "book") continue;
            QVERIFY2(outcome == "EPERM" || outcome == "EACCES" || outcome == "ENOSYS", (what + ": " + outcome).c_str());
        }
    }

    void withoutItsUserItSaysSoAndStillHasNoCapability() {
        channel::test::TemporaryFolder folder;
        const auto found = inChild([&](Findings& findings) {
            auto options = optionsIn(folder.path);
            options.user = "netpas-nobody-has-this-name";
            const auto report = enterSandbox(options);
            findings.tell("warning", report && !report->warnings.empty() ? report->warnings[0] : "none");
            findings.tried("become somebody", ::setuid(1));
        });
        QVERIFY(found.at("warning").find("useradd") != std::string::npos);
        QCOMPARE(found.at("become somebody"), std::string("EPERM"));
    }

    void filesFromAnOlderReleaseBecomeTheUsers() {
        channel::test::TemporaryFolder folder;
        const std::string own = folder.path + "/secretary";
        std::filesystem::create_directory(own);
        std::ofstream(own + "/ledger.db") << "x";
        std::ofstream(folder.path + "/elsewhere") << "x";
        std::filesystem::create_symlink(folder.path + "/elsewhere", own + "/link");
        std::filesystem::create_hard_link(folder.path + "/elsewhere", own + "/hard");
        const auto user = app::findUser("nobody");
        QVERIFY(user && app::preparePrivateFolder(own, user));
        struct stat status {};
        QCOMPARE(::stat((own + "/ledger.db").c_str(), &status), 0);
        QCOMPARE(status.st_uid, user->uid);
        QCOMPARE(::stat((folder.path + "/elsewhere").c_str(), &status), 0);
        QCOMPARE(status.st_uid, uid_t{0});
    }
};

QTEST_APPLESS_MAIN(SandboxTest)
#include "test_sandbox.moc"
