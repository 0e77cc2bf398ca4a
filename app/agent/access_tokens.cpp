#include "app/agent/access_tokens.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "cartographer/cache_file.h"
#include "core/crypto/hex.h"
#include "core/net/http.h"

namespace netpas::agent {

using nlohmann::json;

namespace {

constexpr size_t secretBytes = 32;
constexpr std::string_view prefix = "netpas_";  // so that scanners for lost secrets know one

std::string hashOf(std::string_view secret) {
    std::array<uint8_t, crypto_generichash_BYTES> hash{};
    (void)crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const uint8_t*>(secret.data()), secret.size(),
                             nullptr, 0);
    return toHex(hash);
}

std::string randomText(size_t bytes) {
    std::vector<uint8_t> raw(bytes);
    randombytes_buf(raw.data(), raw.size());
    return toHex(raw);
}

std::string_view nameOf(TokenRole role) { return role == TokenRole::Request ? "request" : "read"; }

int64_t secondsOf(SystemTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::optional<Grant> grantFrom(const json& object) {
    try {
        Grant grant;
        grant.id = object.at("id").get<std::string>();
        grant.uid = object.at("uid").get<uint32_t>();
        grant.client = object.at("client").get<std::string>();
        grant.role = object.at("role") == "request" ? TokenRole::Request : TokenRole::Read;
        const auto may = scopesOf(grant.role);
        for (const json& scope : object.at("scopes")) {
            if (may.contains(scope.get<std::string>())) grant.scopes.insert(scope.get<std::string>());
        }
        grant.device = object.at("device").get<bool>();
        grant.expires = SystemTime(std::chrono::seconds(object.at("expires").get<int64_t>()));
        return grant;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

}  // namespace

std::set<std::string> scopesOf(TokenRole role) {
    std::set<std::string> scopes{std::string(scopeRead), std::string(scopeRetrieve), std::string(scopeProfiles)};
    if (role == TokenRole::Request) {
        for (const auto scope : {scopeCreate, scopeUpdate, scopeDelete}) scopes.emplace(scope);
    }
    return scopes;
}

std::optional<std::string_view> bearerIn(std::string_view header) {
    constexpr std::string_view type = "bearer ";
    if (header.size() <= type.size() || !net::sameHeaderName(header.substr(0, type.size()), type)) return std::nullopt;
    return header.substr(type.size());
}

AccessTokens::AccessTokens(std::filesystem::path file, const Clock& clock) : m_file(std::move(file)), m_clock(clock) {
    const auto text = cartographer::readCacheFile(m_file);
    const json all = text ? json::parse(*text, nullptr, false) : json();
    if (!all.is_array()) return;
    for (const json& one : all) {
        const auto grant = grantFrom(one);
        const auto hash = one.is_object() ? one.find("hash") : one.end();
        if (!grant || hash == one.end() || !hash->is_string() || m_kept.size() >= most) continue;
        m_kept.push_back({*grant, hash->get<std::string>()});
    }
    dropExpired();
}

bool AccessTokens::store() const {
    json all = json::array();
    for (const Kept& kept : m_kept) {
        all.push_back({{"id", kept.grant.id},
                       {"uid", kept.grant.uid},
                       {"client", kept.grant.client},
                       {"role", nameOf(kept.grant.role)},
                       {"scopes", kept.grant.scopes},
                       {"device", kept.grant.device},
                       {"expires", secondsOf(kept.grant.expires)},
                       {"hash", kept.hash}});
    }
    return cartographer::writeCacheFile(m_file, all.dump(-1, ' ', false, json::error_handler_t::replace));
}

void AccessTokens::dropExpired() {
    std::erase_if(m_kept, [now = m_clock.now()](const Kept& kept) { return kept.grant.expires <= now; });
}

tl::expected<AccessTokens::Made, TokenError> AccessTokens::make(Grant wish) {
    dropExpired();
    const auto own =
        std::count_if(m_kept.begin(), m_kept.end(), [&](const Kept& kept) { return kept.grant.uid == wish.uid; });
    if (static_cast<size_t>(own) >= mostOfOne || m_kept.size() >= most) return tl::unexpected(TokenError::TooMany);
    constexpr size_t idBytes = 8;
    wish.id = randomText(idBytes);
    std::string secret = std::string(prefix) + randomText(secretBytes);
    m_kept.push_back({wish, hashOf(secret)});
    if (store()) return Made{std::move(wish), std::move(secret)};
    m_kept.pop_back();
    return tl::unexpected(TokenError::CannotStore);
}

std::optional<Grant> AccessTokens::find(std::string_view secret) const {
    const std::string hash = hashOf(secret);
    const Kept* found = nullptr;
    for (const Kept& kept : m_kept) {
        const bool same =
            kept.hash.size() == hash.size() && sodium_memcmp(kept.hash.data(), hash.data(), hash.size()) == 0;
        if (same) found = &kept;
    }
    if (found == nullptr || found->grant.expires <= m_clock.now()) return std::nullopt;
    return found->grant;
}

bool AccessTokens::revoke(std::string_view id, std::optional<uint32_t> uid) {
    const auto gone = std::erase_if(
        m_kept, [&](const Kept& kept) { return kept.grant.id == id && (!uid || kept.grant.uid == *uid); });
    return gone != 0 && store();
}

std::vector<Grant> AccessTokens::list(std::optional<uint32_t> uid) const {
    std::vector<Grant> grants;
    for (const Kept& kept : m_kept) {
        if (kept.grant.expires > m_clock.now() && (!uid || kept.grant.uid == *uid)) grants.push_back(kept.grant);
    }
    return grants;
}

}  // namespace netpas::agent
