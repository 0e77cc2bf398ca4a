#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "core/store/database.h"

namespace netpas::store {

namespace {

class FileDescriptor {
public:
    explicit FileDescriptor(int value) : m_value(value) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (m_value >= 0) ::close(m_value);
    }
    [[nodiscard]] int get() const { return m_value; }

private:
    int m_value;
};

tl::expected<DatabaseKey, StoreError> readKey(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & 077) != 0 ||
        status.st_size != static_cast<off_t>(DatabaseKey{}.size())) {
        return tl::unexpected(StoreError::KeyFile);
    }
    DatabaseKey key{};
    if (::read(descriptor, key.data(), key.size()) != static_cast<ssize_t>(key.size())) {
        return tl::unexpected(StoreError::KeyFile);
    }
    return key;
}

// Written beside its place, synced and linked there: a crash leaves either no key or a whole one, and of two
// processes that start together both use the key that got there first.
bool createKey(const std::filesystem::path& path) {
    DatabaseKey key{};
    randombytes_buf(key.data(), key.size());
    const std::string draft = path.string() + "." + std::to_string(::getpid());
    bool linked = false;
    {
        FileDescriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file.get() < 0) return false;
        if (::write(file.get(), key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
            ::fsync(file.get()) == 0) {
            linked = ::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
        }
        sodium_memzero(key.data(), key.size());
    }
    ::unlink(draft.c_str());
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return linked && directory.get() >= 0 && ::fsync(directory.get()) == 0;
}

}  // namespace

tl::expected<DatabaseKey, StoreError> loadOrCreateKey(const std::filesystem::path& path) {
    if (sodium_init() < 0) return tl::unexpected(StoreError::KeyFile);
    for (int attempt = 0; attempt < 2; ++attempt) {
        FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (file.get() >= 0) return readKey(file.get());
        if (errno != ENOENT || attempt > 0 || !createKey(path)) break;
    }
    return tl::unexpected(StoreError::KeyFile);
}

}  // namespace netpas::store
