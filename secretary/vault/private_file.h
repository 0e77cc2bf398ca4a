// Files that only their owner reads, written whole or not at all.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include <tl/expected.hpp>

#include "secretary/vault/vault_error.h"

namespace netpas::secretary {

// Refuses links, what is not a plain file, what others may read, and what is longer than `most`.
[[nodiscard]] tl::expected<std::vector<uint8_t>, VaultError> readPrivateFile(const std::filesystem::path& file,
                                                                             size_t most);
// Durable when it returns: a crash leaves either what was there before or the new file. Mode 0600.
[[nodiscard]] tl::expected<void, VaultError> writePrivateFile(const std::filesystem::path& file,
                                                              std::span<const uint8_t> bytes);
// Overwrites it first, which on flash memory may leave a copy. What is not there is no error.
[[nodiscard]] tl::expected<void, VaultError> destroyPrivateFile(const std::filesystem::path& file);
// A new name in the folder of `file` survives a power cut after this.
[[nodiscard]] bool syncFolderOf(const std::filesystem::path& file);

}  // namespace netpas::secretary
