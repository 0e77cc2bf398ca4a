// Tokens for who cannot be known by the kernel's word: callers on a loopback TCP port, and clients of the CAMARA API, which knows
// nothing else. A token stands for the local user who made it and can never do more than an application of that user: read, or read
// and request. Kept are hashes. Control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"

namespace netpas::agent {

enum class TokenRole : uint8_t { Read, Request };

// What a token of the CAMARA API may (its `scope`).
inline constexpr std::string_view scopeCreate = "quality-on-demand:sessions:create";
inline constexpr std::string_view scopeRead = "quality-on-demand:sessions:read";
inline constexpr std::string_view scopeUpdate = "quality-on-demand:sessions:update";
inline constexpr std::string_view scopeDelete = "quality-on-demand:sessions:delete";
inline constexpr std::string_view scopeRetrieve = "quality-on-demand:sessions:retrieve-by-device";
inline constexpr std::string_view scopeProfiles = "qos-profiles:read";
// Every scope that a role may have.
[[nodiscard]] std::set<std::string> scopesOf(TokenRole role);

struct Grant {
    std::string id;  // for people and for revoking; says nothing of the secret
    uint32_t uid = 0;
    std::string client;  // name of the application
    TokenRole role = TokenRole::Read;
    std::set<std::string> scopes;
    bool device = false;  // it identifies this machine ("three-legged"): requests then name no device
    SystemTime expires;

    // Whose sessions: the same application of the same user, whatever its token.
    [[nodiscard]] std::string owner() const { return std::to_string(uid) + "/" + client; }
};

enum class TokenError { TooMany, CannotStore };

class AccessTokens {
public:
    static constexpr size_t mostOfOne = 64;
    static constexpr size_t most = 1024;
    static constexpr std::chrono::hours longest{366 * 24};

    // Reads `file`; one that does not make sense is as if there were none.
    AccessTokens(std::filesystem::path file, const Clock& clock);

    struct Made {
        Grant grant;
        std::string secret;  // told once
    };
    // `wish.id` is chosen here. Durable before it is returned.
    [[nodiscard]] tl::expected<Made, TokenError> make(Grant wish);
    // Who holds this secret: nothing when it is unknown or over. Takes the same time whatever it is compared with.
    [[nodiscard]] std::optional<Grant> find(std::string_view secret) const;
    // False: there is no such token of this user's (any user's for nobody).
    [[nodiscard]] bool revoke(std::string_view id, std::optional<uint32_t> uid);
    // Those that still hold; of one user, or of all.
    [[nodiscard]] std::vector<Grant> list(std::optional<uint32_t> uid) const;

private:
    struct Kept {
        Grant grant;
        std::string hash;  // hexadecimal
    };
    void dropExpired();
    [[nodiscard]] bool store() const;

    std::filesystem::path m_file;
    const Clock& m_clock;
    std::vector<Kept> m_kept;
};

// The token in an Authorization header; nothing when it is none of type Bearer.
[[nodiscard]] std::optional<std::string_view> bearerIn(std::string_view header);

}  // namespace netpas::agent
