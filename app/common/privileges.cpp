#include "app/common/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace netpas::app {

namespace {

tl::unexpected<PrivilegeFailure> failure(const std::string& what, const std::string& remedy) {
    return tl::unexpected(PrivilegeFailure{what + ": " + std::strerror(errno), remedy});
}

const std::string asRoot = "start it as root, or as the user it shall run as";

// The highest capability that the kernel knows ends the loop.
void dropBoundingSet(std::initializer_list<int> keep) {
    for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
        bool kept = false;
        for (const int one : keep) kept |= one == capability;
        if (!kept)
            (void)::prctl(PR_CAPBSET_DROP,
                          capability);  // not permitted without CAP_SETPCAP: then exec gives none either
    }
}

bool setCapabilities(std::initializer_list<int> keep) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> now{};
    if (::syscall(SYS_capget, &header, now.data()) != 0) return false;
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> wanted{};
    for (const int capability : keep) {
        const auto word = static_cast<size_t>(capability / 32);
        // What this process never had, it does not get.
        wanted[word].permitted |= now[word].permitted & (1U << (capability % 32));
        wanted[word].effective = wanted[word].permitted;
    }
    return ::syscall(SYS_capset, &header, wanted.data()) == 0;
}

bool becomeUser(const SystemUser& user, const std::vector<gid_t>& groups) {
    return ::setgroups(groups.size(), groups.data()) == 0 && ::setresgid(user.gid, user.gid, user.gid) == 0 &&
           ::setresuid(user.uid, user.uid, user.uid) == 0;
}

// Files that were made when the service ran as root. Links are left alone, and so is what has another name elsewhere.
void giveTo(const SystemUser& user, const std::filesystem::path& folder) {
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
        struct stat status {};
        if (::lstat(entry.path().c_str(), &status) != 0) continue;
        const bool plain = S_ISREG(status.st_mode) && status.st_nlink == 1;
        if (plain || S_ISDIR(status.st_mode)) (void)!::lchown(entry.path().c_str(), user.uid, user.gid);
    }
}

}  // namespace

std::optional<SystemUser> findUser(const std::string& name) {
    const passwd* const entry = ::getpwnam(name.c_str());
    if (entry == nullptr) return std::nullopt;
    return SystemUser{name, entry->pw_uid, entry->pw_gid};
}

std::vector<gid_t> findGroups(const std::vector<std::string>& names) {
    std::vector<gid_t> found;
    for (const std::string& name : names) {
        const group* const entry = ::getgrnam(name.c_str());
        if (entry != nullptr) found.push_back(entry->gr_gid);
    }
    return found;
}

tl::expected<void, PrivilegeFailure> dropPrivileges(const std::optional<SystemUser>& user,
                                                    std::initializer_list<int> capabilities,
                                                    const std::vector<gid_t>& groups) {
    int whenParentEnds = 0;
    (void)::prctl(PR_GET_PDEATHSIG, &whenParentEnds);
    dropBoundingSet(capabilities);
    if (user && ::prctl(PR_SET_KEEPCAPS, 1) != 0) return failure("capabilities cannot be kept", asRoot);
    if (user && !becomeUser(*user, groups)) return failure("cannot become user " + user->name, asRoot);
    (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!setCapabilities(capabilities)) return failure("capabilities cannot be given up", asRoot);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("privileges cannot be bounded", asRoot);
    // Changing the user had set this again.
    if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failure("memory cannot be closed to debuggers", asRoot);
    // So does the kernel with whoever asked for a signal at the end of its parent.
    (void)::prctl(PR_SET_PDEATHSIG, whenParentEnds);
    const rlimit none{0, 0};
    (void)::setrlimit(RLIMIT_CORE, &none);
    return {};
}

tl::expected<void, PrivilegeFailure> preparePrivateFolder(const std::filesystem::path& folder,
                                                          const std::optional<SystemUser>& user) {
    const std::string remedy = "start it as the folder's owner, or choose another state folder";
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    struct stat status {};
    if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        errno = error ? error.value() : ENOTDIR;
        return failure("the folder " + folder.string() + " cannot be made", remedy);
    }
    if (user && ::geteuid() == 0 && status.st_uid != user->uid) {
        // Nobody else can have put a link into a folder of root's.
        if (status.st_uid == 0) giveTo(*user, folder);
        if (::lchown(folder.c_str(), user->uid, user->gid) != 0)
            return failure("the folder " + folder.string() + " cannot be given to " + user->name, remedy);
    }
    if (::chmod(folder.c_str(), 0700) != 0)
        return failure("the folder " + folder.string() + " cannot be made private", remedy);
    return {};
}

bool lockMemory() {
    rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_MEMLOCK, &limit);  // root may
    // With a limit, a later allocation could fail because of it.
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) return false;
    // Only what is used becomes resident.
    return ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

}  // namespace netpas::app
