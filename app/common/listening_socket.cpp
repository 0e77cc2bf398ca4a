#include "app/common/listening_socket.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace netpas::app {

namespace {

tl::unexpected<PrivilegeFailure> cannotListen(int descriptor, const std::filesystem::path& path) {
    const std::string why = std::strerror(errno);
    if (descriptor >= 0) ::close(descriptor);
    return tl::unexpected(PrivilegeFailure{"cannot listen on " + path.string() + ": " + why,
                                           "stop the other netpasd, or choose another --socket or --secretary-socket"});
}

}  // namespace

tl::expected<int, PrivilegeFailure> listenOnUnix(const std::filesystem::path& path, unsigned mode,
                                                 const std::string& group) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path.string();
    if (name.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return cannotListen(-1, path);
    }
    std::memcpy(address.sun_path, name.c_str(), name.size());
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (descriptor < 0) return cannotListen(descriptor, path);
    std::error_code ignored;
    if (std::filesystem::is_socket(path, ignored)) {
        const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool answers = probe >= 0 && ::connect(probe, generic, sizeof address) == 0;
        if (probe >= 0) ::close(probe);
        if (answers) {
            errno = EADDRINUSE;
            return cannotListen(descriptor, path);
        }
        std::filesystem::remove(path, ignored);
    }
    // Linux gives the new inode the descriptor's mode: nobody can connect until it is opened below.
    if (::fchmod(descriptor, 0) != 0 || ::bind(descriptor, generic, sizeof address) != 0 ||
        ::listen(descriptor, SOMAXCONN) != 0) {
        return cannotListen(descriptor, path);
    }
    const ::group* const found = group.empty() ? nullptr : ::getgrnam(group.c_str());
    if ((found != nullptr && ::lchown(name.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) ||
        ::chmod(name.c_str(), mode) != 0) {
        return cannotListen(descriptor, path);
    }
    return descriptor;
}

bool lockFolder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    const int descriptor = ::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return descriptor >= 0 && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

}  // namespace netpas::app
