#include "cartographer/cache_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

namespace netpas::cartographer {

namespace {
constexpr uintmax_t maxFile = uintmax_t{2} << 20;
}

std::optional<std::string> readCacheFile(const std::filesystem::path& file) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error || size > maxFile) return std::nullopt;
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) return std::nullopt;
    return text;
}

bool writeCacheFile(const std::filesystem::path& file, std::string_view text) {
    const std::string draft = file.string() + ".new";
    const int descriptor = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return false;
    const bool written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
    ::close(descriptor);
    std::error_code error;
    if (written) std::filesystem::rename(draft, file, error);
    return written && !error;
}

bool isWritable(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    return ::access(folder.c_str(), W_OK | X_OK) == 0;
}

void keepNewestFiles(const std::filesystem::path& folder, size_t most) {
    std::error_code error;
    std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.is_regular_file(error)) files.emplace_back(entry.last_write_time(error), entry.path());
    }
    if (files.size() <= most) return;
    std::sort(files.begin(), files.end());
    for (size_t i = 0; i < files.size() - most; ++i) std::filesystem::remove(files[i].second, error);
}

void removeCacheFiles(const std::filesystem::path& folder) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.is_regular_file(error)) std::filesystem::remove(entry.path(), error);
    }
}

}  // namespace netpas::cartographer
