// Landlock: the kernel's file system sandbox for unprivileged processes. By system call; the C library has no functions for it.
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "app/secretary/sandbox.h"

namespace netpas::secretary {

namespace {

// Rights and fields that came after the first version of the interface; older headers lack them.
constexpr uint64_t refer = 1ULL << 13;        // version 2: link and rename between folders
constexpr uint64_t truncate = 1ULL << 14;     // version 3
constexpr uint64_t ioctlDevice = 1ULL << 15;  // version 5
struct Ruleset {
    uint64_t files;
    uint64_t network;  // version 4
    uint64_t scoped;   // version 6
};
constexpr uint64_t bindTcp = 1, connectTcp = 2;
constexpr uint64_t abstractSockets = 1, signals = 2;

constexpr uint64_t readOnly = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t ofFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | truncate | ioctlDevice;

// What everybody may read and the C library or OpenSSL may want: names of users, the time zone, randomness.
constexpr std::array publicFiles{"/etc/passwd",         "/etc/group",   "/etc/nsswitch.conf", "/etc/localtime",
                                 "/usr/share/zoneinfo", "/dev/urandom", "/dev/null"};

uint64_t allRights(long version) {
    uint64_t all = (1ULL << 13) - 1;  // version 1: execute to make symbolic link
    if (version >= 2) all |= refer;
    if (version >= 3) all |= truncate;
    if (version >= 5) all |= ioctlDevice;
    return all;
}

// A path that is not there needs no right.
bool allow(int ruleset, const std::filesystem::path& path, uint64_t rights) {
    const int at = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (at < 0) return true;
    struct stat status {};
    if (::fstat(at, &status) == 0 && !S_ISDIR(status.st_mode)) rights &= ofFiles;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights;
    rule.parent_fd = at;
    const bool done = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    ::close(at);
    return done;
}

bool fillAndEnforce(int ruleset, uint64_t rights, const std::vector<std::filesystem::path>& readWrite,
                    const std::vector<std::filesystem::path>& readable) {
    for (const char* const path : publicFiles)
        if (!allow(ruleset, path, readOnly & rights)) return false;
    for (const auto& path : readable)
        if (!allow(ruleset, path, readOnly & rights)) return false;
    for (const auto& path : readWrite)
        if (!allow(ruleset, path, rights & ~uint64_t{LANDLOCK_ACCESS_FS_EXECUTE})) return false;
    return ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

}  // namespace

bool restrictFiles(const std::vector<std::filesystem::path>& readWrite,
                   const std::vector<std::filesystem::path>& readable, Network network) {
    const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return false;
    Ruleset wanted{allRights(version), 0, 0};
    size_t size = sizeof wanted.files;
    if (version >= 4) {
        if (network == Network::None) wanted.network = bindTcp | connectTcp;
        size = offsetof(Ruleset, scoped);
    }
    if (version >= 6) {
        wanted.scoped = abstractSockets | signals;
        size = sizeof wanted;
    }
    const auto ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0));
    if (ruleset < 0) return false;
    const bool done = fillAndEnforce(ruleset, wanted.files, readWrite, readable);
    ::close(ruleset);
    return done;
}

}  // namespace netpas::secretary
