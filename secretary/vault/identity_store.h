// The identity's seed in the encrypted database.
#pragma once

#include <filesystem>
#include <optional>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/vault/recovery_words.h"

namespace netpas::secretary {

// Of the document that holds the seed: a backup leaves it out unless it is asked for.
inline constexpr std::string_view identityKind = "identity";

enum class IdentityStoreError : uint8_t {
    Storage,
    Damaged,  // what is stored is no seed
    OldFile,  // the first release's identity.key cannot be read
};
[[nodiscard]] std::string_view describe(IdentityStoreError error);

// What is stored; else the first release's file, which is destroyed once its seed is durable here; else a new one.
[[nodiscard]] tl::expected<SeedSecret, IdentityStoreError> loadOrCreateSeed(store::Documents& documents,
                                                                            const std::filesystem::path& oldFile);
// Nothing: there is none.
[[nodiscard]] tl::expected<std::optional<SeedSecret>, IdentityStoreError> findSeed(const store::Documents& documents);
// Replaces the identity.
[[nodiscard]] tl::expected<void, IdentityStoreError> storeSeed(store::Documents& documents, const SeedSecret& seed);

}  // namespace netpas::secretary
