#include "secretary/vault/identity_store.h"

#include <sodium.h>

#include <algorithm>
#include <optional>

#include "secretary/vault/private_file.h"

namespace netpas::secretary {

namespace {

constexpr std::string_view seedId = "seed";

using Result = tl::expected<SeedSecret, IdentityStoreError>;

}  // namespace

std::string_view describe(IdentityStoreError error) {
    switch (error) {
    case IdentityStoreError::Storage: return "the identity cannot be stored: free disk space, or see `netpas doctor`";
    case IdentityStoreError::Damaged:
        return "the stored identity is damaged: `netpas restore --words` brings it back from the recovery words";
    case IdentityStoreError::OldFile:
        return "identity.key of the first release cannot be taken over: make it readable by its owner only (chmod 600)";
    }
    return "unknown";
}

tl::expected<std::optional<SeedSecret>, IdentityStoreError> findSeed(const store::Documents& documents) {
    auto found = documents.all(identityKind);
    if (!found) return tl::unexpected(IdentityStoreError::Storage);
    std::optional<SeedSecret> seed;
    bool damaged = false;
    for (store::Document& document : *found) {
        if (document.id == seedId) {
            damaged = document.body.size() != Identity::Seed{}.size();
            seed.emplace();
            if (!damaged) std::copy(document.body.begin(), document.body.end(), seed->bytes().begin());
        }
        wipe(document.body.data(), document.body.size());
    }
    if (damaged) return tl::unexpected(IdentityStoreError::Damaged);
    return seed;
}

tl::expected<void, IdentityStoreError> storeSeed(store::Documents& documents, const SeedSecret& seed) {
    store::DocumentChange change{
        {std::string(identityKind), std::string(seedId), Bytes(seed.bytes().begin(), seed.bytes().end())}, false};
    const auto done = documents.apply({&change, 1});
    wipe(change.document.body.data(), change.document.body.size());
    if (!done) return tl::unexpected(IdentityStoreError::Storage);
    return {};
}

Result loadOrCreateSeed(store::Documents& documents, const std::filesystem::path& oldFile) {
    auto known = findSeed(documents);
    if (!known) return tl::unexpected(known.error());
    std::error_code ignored;
    const bool hasOldFile = std::filesystem::exists(oldFile, ignored);
    if (*known && !hasOldFile) return std::move(**known);
    if (!*known && !hasOldFile) {
        SeedSecret fresh;
        randombytes_buf(fresh.bytes().data(), fresh.bytes().size());
        if (auto done = storeSeed(documents, fresh); !done) return tl::unexpected(done.error());
        return fresh;
    }
    const auto old = Identity::load(oldFile);
    if (!old) {
        if (*known) return std::move(**known);
        return tl::unexpected(IdentityStoreError::OldFile);
    }
    auto plain = old->seed();
    SeedSecret seed(plain);
    wipe(plain.data(), plain.size());
    if (!*known) {
        if (auto done = storeSeed(documents, seed); !done) return tl::unexpected(done.error());
        (void)destroyPrivateFile(oldFile);
        return seed;
    }
    // Taken over before, and the file outlived a crash. Another identity's file stays where it is.
    if (seed.bytes() == (*known)->bytes()) (void)destroyPrivateFile(oldFile);
    return std::move(**known);
}

}  // namespace netpas::secretary
