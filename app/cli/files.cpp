#include "app/cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace netpas::cli {

namespace {

constexpr size_t maxFile = size_t{16} << 20;

Problem problemWith(const std::string& file, int error) {
    const bool exists = error == EEXIST;
    return {Exit::Failed, "FILE", file + ": " + std::strerror(error),
            exists ? "name a file that is not there yet" : "check the name and who may use it"};
}

class Descriptor {
public:
    explicit Descriptor(int fd) : m_fd(fd) {}
    ~Descriptor() {
        if (m_fd > STDERR_FILENO) ::close(m_fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int fd() const { return m_fd; }

private:
    int m_fd;
};

}  // namespace

tl::expected<std::string, Problem> readFile(const std::string& file) {
    const Descriptor input(file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (input.fd() < 0) return tl::unexpected(problemWith(file, errno));
    std::string text;
    char block[65536];
    while (true) {
        const ssize_t size = ::read(input.fd(), block, sizeof block);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return tl::unexpected(problemWith(file, errno));
        if (size == 0) return text;
        text.append(block, static_cast<size_t>(size));
        if (text.size() > maxFile) return tl::unexpected(problemWith(file, EFBIG));
    }
}

std::optional<Problem> writeNewFile(const std::string& file, const std::string& text) {
    const Descriptor output(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (output.fd() < 0) return problemWith(file, errno);
    for (size_t at = 0; at < text.size();) {
        const ssize_t size = ::write(output.fd(), text.data() + at, text.size() - at);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) {
            const int error = errno;
            ::unlink(file.c_str());
            return problemWith(file, error);
        }
        at += static_cast<size_t>(size);
    }
    return std::nullopt;
}

}  // namespace netpas::cli
