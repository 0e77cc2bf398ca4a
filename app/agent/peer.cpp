#include "app/agent/peer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace netpas::agent {

std::string executableOf(int32_t pid, uint32_t uid) {
    if (pid <= 0) return {};
    const std::string folder = "/proc/" + std::to_string(pid);
    // Everything is read through this one descriptor: it stays with the process it was opened for.
    const int process = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) return {};
    struct stat owner {};
    std::array<char, 4096> name{};
    const bool same = ::fstat(process, &owner) == 0 && owner.st_uid == uid;
    const ssize_t length = same ? ::readlinkat(process, "exe", name.data(), name.size()) : -1;
    ::close(process);
    if (length <= 0 || static_cast<size_t>(length) == name.size()) return {};
    return {name.data(), static_cast<size_t>(length)};
}

}  // namespace netpas::agent
