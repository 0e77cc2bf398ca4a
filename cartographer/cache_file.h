// Files of the cache: whole or not there, never half.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace netpas::cartographer {

// Nothing when it is missing, unreadable or longer than a document may be.
[[nodiscard]] std::optional<std::string> readCacheFile(const std::filesystem::path& file);
// Durable before it returns true.
[[nodiscard]] bool writeCacheFile(const std::filesystem::path& file, std::string_view text);
// Makes the folder where it is missing.
[[nodiscard]] bool isWritable(const std::filesystem::path& folder);
// Removes the oldest of the files in it beyond so many.
void keepNewestFiles(const std::filesystem::path& folder, size_t most);
void removeCacheFiles(const std::filesystem::path& folder);

}  // namespace netpas::cartographer
