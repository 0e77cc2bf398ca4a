#include "tun/capture/linux_capture.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tun/capture/guard.h"
#include "tun/capture/nft_rules.h"
#include "tun/capture/nftables.h"
#include "tun/capture/route_socket.h"

namespace netpas::tun {

namespace {

using namespace std::chrono_literals;

// An agent that has just been killed has a guard that is still at work.
constexpr auto lockPatience = 2s;

std::string systemError(int number) { return std::error_code(number, std::generic_category()).message(); }

bool mayAdministerNetwork() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) != 0) return false;
    return (data[0].effective & (1U << CAP_NET_ADMIN)) != 0;
}

// One agent per network namespace and table. The guard shares the lock, so that it has done its work before the next agent begins.
class LockFile {
public:
    static tl::expected<LockFile, int> take(const std::string& directory, const std::string& table) {
        struct stat space {};
        if (stat("/proc/thread-self/ns/net", &space) != 0) return tl::unexpected(errno);
        if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return tl::unexpected(errno);
        const std::string path = directory + "/capture-" + table + "-" + std::to_string(space.st_ino) + ".lock";
        const auto end = std::chrono::steady_clock::now() + lockPatience;
        for (;;) {
            const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
            if (descriptor < 0) return tl::unexpected(errno);
            LockFile lock(descriptor, path);
            if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
                if (lock.isCurrent()) return lock;
            } else if (std::chrono::steady_clock::now() > end) {
                return tl::unexpected(EWOULDBLOCK);
            }
            lock.m_path.clear();
            std::this_thread::sleep_for(5ms);
        }
    }
    LockFile(LockFile&& other) noexcept
        : m_descriptor(std::exchange(other.m_descriptor, -1)), m_path(std::exchange(other.m_path, {})) {}
    LockFile& operator=(LockFile&&) = delete;
    LockFile(const LockFile&) = delete;
    LockFile& operator=(const LockFile&) = delete;
    ~LockFile() {
        if (!m_path.empty()) unlink(m_path.c_str());
        if (m_descriptor >= 0) close(m_descriptor);
    }
    [[nodiscard]] int descriptor() const { return m_descriptor; }

private:
    LockFile(int descriptor, std::string path) : m_descriptor(descriptor), m_path(std::move(path)) {}
    // Its last holder may have removed the file between our open and our lock.
    [[nodiscard]] bool isCurrent() const {
        struct stat mine {
        }, theirs{};
        return fstat(m_descriptor, &mine) == 0 && stat(m_path.c_str(), &theirs) == 0 && mine.st_ino == theirs.st_ino;
    }

    int m_descriptor;
    std::string m_path;  // empty: not ours to remove
};

class LinuxCapture final : public Capture {
public:
    LinuxCapture(const LinuxCaptureOptions& options, LockFile lock, RouteSocket route)
        : m_options(options), m_lock(std::move(lock)), m_route(std::move(route)) {}
    ~LinuxCapture() override;

    tl::expected<void, CaptureError> begin();
    tl::expected<void, CaptureError> set(std::span<const CapturedFlow> flows) override;
    std::string diagnosis() const override { return m_diagnosis; }

private:
    [[nodiscard]] PolicyRule rule(IpFamily family) const {
        return {family, m_options.rulePriority, m_options.mark, m_options.markMask, m_options.routeTable};
    }
    tl::unexpected<CaptureError> fail(CaptureError error, std::string diagnosis) {
        m_diagnosis = std::move(diagnosis);
        return tl::unexpected(error);
    }
    tl::expected<void, CaptureError> makeTable();
    tl::expected<void, CaptureError> startGuard();
    tl::expected<void, CaptureError> makeRoutes();
    tl::expected<void, int> makeRoute6();
    tl::expected<void, CaptureError> prepareForwarding();

    const LinuxCaptureOptions m_options;
    LockFile m_lock;  // given up last
    std::unique_ptr<Guard> m_guard;
    RouteSocket m_route;
    Nftables m_nftables;
    unsigned m_device = 0;
    bool m_hasV6 = true;
    bool m_forwarding = false;  // what forwarded flows need has been made
    std::string m_diagnosis;
};

LinuxCapture::~LinuxCapture() {
    if (!m_guard) return;  // the table, and so the rules, are somebody else's
    // First the marks, then what marked packets meet. The guard, destroyed after this, would do the latter too.
    m_nftables = Nftables();
    for (const IpFamily family : {IpFamily::V4, IpFamily::V6}) {
        if (!m_route.deleteRules(rule(family))) continue;
    }
}

tl::expected<void, CaptureError> LinuxCapture::begin() {
    if (!m_nftables.open()) return fail(CaptureError::SystemRefused, "libnftables does not start");
    if (auto made = makeTable(); !made) return made;
    if (auto started = startGuard(); !started) return started;
    for (const IpFamily family : {IpFamily::V4, IpFamily::V6}) {  // what a killed guard left
        if (auto cleaned = m_route.deleteRules(rule(family)); !cleaned) {
            return fail(CaptureError::SystemRefused, "removing old policy rules: " + systemError(cleaned.error()));
        }
    }
    if (auto made = makeRoutes(); !made) return made;
    for (const IpFamily family : {IpFamily::V4, IpFamily::V6}) {
        if (auto added = m_route.addRule(rule(family)); !added) {
            if (family == IpFamily::V6 && added.error() == EAFNOSUPPORT) {
                m_hasV6 = false;
                continue;
            }
            return fail(CaptureError::SystemRefused, "adding the policy rule: " + systemError(added.error()));
        }
    }
    return {};
}

tl::expected<void, CaptureError> LinuxCapture::makeTable() {
    if (m_nftables.run(nftCreateTable(m_options))) return {};
    const std::string complaint = m_nftables.complaint();
    const bool exists = m_nftables.run("list table inet " + m_options.table);
    return fail(exists ? CaptureError::AlreadyInUse : CaptureError::SystemRefused, complaint);
}

tl::expected<void, CaptureError> LinuxCapture::startGuard() {
    m_guard.reset();
    auto guard = Guard::start({deleteRuleRequest(rule(IpFamily::V4)), deleteRuleRequest(rule(IpFamily::V6))},
                              m_lock.descriptor());
    if (!guard) return fail(CaptureError::GuardFailed, systemError(guard.error()));
    m_guard = std::move(*guard);
    return {};
}

tl::expected<void, CaptureError> LinuxCapture::makeRoutes() {
    const std::optional<unsigned> device = RouteSocket::interfaceIndex(m_options.device);
    if (!device) return fail(CaptureError::NoSuchDevice, m_options.device);
    if (m_device != *device) {
        if (auto prepared = m_route.prepareDevice(*device); !prepared) {
            return fail(CaptureError::SystemRefused,
                        "setting up " + m_options.device + ": " + systemError(prepared.error()));
        }
        m_device = *device;
    }
    if (auto added = m_route.replaceDefaultRoute(IpFamily::V4, m_device, m_options.routeTable); !added) {
        return fail(CaptureError::SystemRefused, "adding the route: " + systemError(added.error()));
    }
    if (auto added = makeRoute6(); !added) {
        m_hasV6 = false;
        m_diagnosis = "adding the IPv6 route: " + systemError(added.error());
    }
    return {};
}

tl::expected<void, int> LinuxCapture::makeRoute6() {
    if (auto added = m_route.replaceDefaultRoute(IpFamily::V6, m_device, m_options.routeTable)) return added;
    // IPv6 may be off for new interfaces.
    const std::string path = "/proc/sys/net/ipv6/conf/" + m_options.device + "/disable_ipv6";
    const int setting = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (setting >= 0) {
        const bool written = write(setting, "0", 1) == 1;
        close(setting);
        if (!written) return tl::unexpected(EACCES);
    }
    return m_route.replaceDefaultRoute(IpFamily::V6, m_device, m_options.routeTable);
}

// The route that copies of forwarded IPv6 packets take into the device; like the others it goes with the device.
tl::expected<void, CaptureError> LinuxCapture::prepareForwarding() {
    const auto gateway = IpAddress::parse(deviceGateway6);
    if (auto added = gateway ? m_route.replaceHostRoute(*gateway, m_device) : tl::unexpected(EINVAL); !added) {
        m_hasV6 = false;
        m_diagnosis = "adding the IPv6 route for forwarded packets: " + systemError(added.error());
    }
    if (m_forwarding) return {};
    if (!m_nftables.run(nftCreateForwarding(m_options))) {
        return fail(CaptureError::SystemRefused, "diverting forwarded packets: " + m_nftables.complaint());
    }
    m_forwarding = true;
    return {};
}

tl::expected<void, CaptureError> LinuxCapture::set(std::span<const CapturedFlow> flows) {
    if (auto valid = validate(flows); !valid) return valid;
    const bool diverts =
        std::any_of(flows.begin(), flows.end(), [](const auto& flow) { return flow.action == CaptureAction::Divert; });
    if (diverts) {
        if (!m_guard->alive()) {
            if (auto started = startGuard(); !started) return started;
        }
        if (auto made = makeRoutes(); !made) return made;
    }
    const bool forwards =
        std::any_of(flows.begin(), flows.end(), [](const auto& flow) { return flow.point == CapturePoint::Forwarded; });
    if (forwards) {
        if (auto prepared = prepareForwarding(); !prepared) return prepared;
    }
    for (const CapturedFlow& flow : flows) {
        const auto& prefix = flow.match.remote ? flow.match.remote : flow.match.local;
        const bool diverted = flow.action == CaptureAction::Divert;
        if (!m_hasV6 && diverted && prefix && prefix->address().isV6())
            return tl::unexpected(CaptureError::SystemRefused);
    }
    if (!m_nftables.run(nftReplaceRules(m_options, flows, m_forwarding))) {
        return fail(CaptureError::SystemRefused, m_nftables.complaint());
    }
    return {};
}

}  // namespace

tl::expected<std::unique_ptr<Capture>, CaptureFailure> openLinuxCapture(const LinuxCaptureOptions& options) {
    const auto failure = [](CaptureError error, std::string diagnosis) {
        return tl::unexpected(CaptureFailure{error, std::move(diagnosis)});
    };
    if (!isNftName(options.table)) return failure(CaptureError::SystemRefused, "not a table name: " + options.table);
    if (!mayAdministerNetwork()) return failure(CaptureError::NotPermitted, systemError(EPERM));
    auto lock = LockFile::take(options.lockDirectory, options.table);
    if (!lock) {
        if (lock.error() == EWOULDBLOCK) return failure(CaptureError::AlreadyInUse, "its lock is held");
        return failure(CaptureError::SystemRefused, options.lockDirectory + ": " + systemError(lock.error()));
    }
    auto route = RouteSocket::open();
    if (!route) return failure(CaptureError::SystemRefused, "netlink: " + systemError(route.error()));
    auto capture = std::make_unique<LinuxCapture>(options, std::move(*lock), std::move(*route));
    if (auto begun = capture->begin(); !begun) return failure(begun.error(), capture->diagnosis());
    return capture;
}

}  // namespace netpas::tun
