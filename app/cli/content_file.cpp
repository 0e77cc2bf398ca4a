#include "app/cli/content_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace netpas::cli {

namespace {

bool writeAll(int file, std::span<const char> part) {
    while (!part.empty()) {
        const ssize_t written = ::write(file, part.data(), part.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        part = part.subspan(static_cast<size_t>(written));
    }
    return true;
}

// As a new file would have had.
void openToOthers(int file) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    (void)::fchmod(file, static_cast<mode_t>(0666) & ~mask);
}

}  // namespace

ContentFile::~ContentFile() {
    if (m_file >= 0) ::close(m_file);
    if (!m_temporary.empty()) ::unlink(m_temporary.c_str());
}

Problem ContentFile::failed(const char* what) const {
    return {Exit::Failed, "LOCAL_FAILURE", m_target + ": " + what + ": " + std::strerror(errno),
            "make room, or name another file with --output; what was paid stays paid"};
}

std::optional<Problem> ContentFile::open() {
    std::string pattern = std::filesystem::temp_directory_path().string() + "/netpas-XXXXXX";
    if (!toStandardOutput()) {
        const std::filesystem::path target(m_target);
        if (std::filesystem::is_directory(target)) {
            return Problem{Exit::Usage, "INVALID_ARGUMENT", m_target + " is a folder", "--output FILE"};
        }
        const std::string folder = target.has_parent_path() ? target.parent_path().string() : ".";
        pattern = folder + "/." + target.filename().string() + ".netpas-XXXXXX";
    }
    m_file = ::mkostemp(pattern.data(), O_CLOEXEC);
    if (m_file < 0) return failed("cannot be written");
    if (toStandardOutput()) {
        ::unlink(pattern.c_str());
    } else {
        m_temporary = pattern;
    }
    return std::nullopt;
}

bool ContentFile::restart() {
    m_size = 0;
    return ::ftruncate(m_file, 0) == 0 && ::lseek(m_file, 0, SEEK_SET) == 0;
}

bool ContentFile::take(std::span<const char> part) {
    m_size += part.size();
    return writeAll(m_file, part);
}

std::optional<Problem> ContentFile::finish() {
    if (toStandardOutput()) {
        std::array<char, 65536> buffer;
        if (::lseek(m_file, 0, SEEK_SET) != 0) return failed("cannot be read");
        for (ssize_t got = 0; (got = ::read(m_file, buffer.data(), buffer.size())) != 0;) {
            if (got < 0 || !writeAll(STDOUT_FILENO, std::span(buffer).first(static_cast<size_t>(got)))) {
                return failed("cannot be printed");
            }
        }
        return std::nullopt;
    }
    openToOthers(m_file);
    if (::fsync(m_file) != 0 || ::rename(m_temporary.c_str(), m_target.c_str()) != 0)
        return failed("cannot be written");
    m_temporary.clear();
    return std::nullopt;
}

}  // namespace netpas::cli
