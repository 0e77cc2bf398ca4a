#include "secretary/vault/private_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace netpas::secretary {

namespace {

class File {
public:
    File(const std::filesystem::path& path, int flags) : m_fd(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    ~File() {
        if (m_fd >= 0) ::close(m_fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] int fd() const { return m_fd; }

private:
    int m_fd;
};

bool writeAll(int fd, std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return true;
}

}  // namespace

bool syncFolderOf(const std::filesystem::path& file) {
    const File folder(file.has_parent_path() ? file.parent_path() : std::filesystem::path("."), O_RDONLY | O_DIRECTORY);
    return folder.fd() >= 0 && ::fsync(folder.fd()) == 0;
}

tl::expected<std::vector<uint8_t>, VaultError> readPrivateFile(const std::filesystem::path& file, size_t most) {
    const File handle(file, O_RDONLY | O_NOFOLLOW);
    struct stat status {};
    if (handle.fd() < 0 || ::fstat(handle.fd(), &status) != 0) return tl::unexpected(VaultError::CannotRead);
    if (!S_ISREG(status.st_mode)) return tl::unexpected(VaultError::Malformed);
    if ((status.st_mode & 077) != 0) return tl::unexpected(VaultError::TooOpen);
    if (status.st_size < 0 || static_cast<size_t>(status.st_size) > most) return tl::unexpected(VaultError::Malformed);
    std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
    size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::read(handle.fd(), bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return tl::unexpected(VaultError::CannotRead);
        have += static_cast<size_t>(got);
    }
    return bytes;
}

tl::expected<void, VaultError> writePrivateFile(const std::filesystem::path& file, std::span<const uint8_t> bytes) {
    std::filesystem::path draft = file;
    draft += ".new";
    ::unlink(draft.c_str());
    bool good = false;
    {
        const File handle(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
        good = handle.fd() >= 0 && writeAll(handle.fd(), bytes) && ::fsync(handle.fd()) == 0;
    }
    good = good && ::rename(draft.c_str(), file.c_str()) == 0;
    if (!good) {
        ::unlink(draft.c_str());
        return tl::unexpected(VaultError::CannotWrite);
    }
    if (!syncFolderOf(file)) return tl::unexpected(VaultError::CannotWrite);
    return {};
}

tl::expected<void, VaultError> destroyPrivateFile(const std::filesystem::path& file) {
    // Under another name first: a crash while it is overwritten must not leave a spoilt file in its place.
    std::filesystem::path going = file;
    going += ".gone";
    if (::rename(file.c_str(), going.c_str()) != 0 && errno != ENOENT) return tl::unexpected(VaultError::CannotWrite);
    if (!syncFolderOf(file)) return tl::unexpected(VaultError::CannotWrite);
    {
        const File handle(going, O_WRONLY | O_NOFOLLOW);
        if (handle.fd() < 0) {
            if (errno == ENOENT) return {};
            return tl::unexpected(VaultError::CannotWrite);
        }
        struct stat status {};
        if (::fstat(handle.fd(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1) {
            const std::vector<uint8_t> zeros(static_cast<size_t>(std::clamp<off_t>(status.st_size, 0, 1 << 20)), 0);
            (void)(writeAll(handle.fd(), zeros) && ::fsync(handle.fd()) == 0);
        }
    }
    if (::unlink(going.c_str()) != 0 || !syncFolderOf(file)) return tl::unexpected(VaultError::CannotWrite);
    return {};
}

}  // namespace netpas::secretary
