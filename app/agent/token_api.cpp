#include "app/agent/token_api.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "app/secretary/json_fields.h"
#include "app/secretary/router.h"

namespace netpas::agent {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using secretaryd::answer;
using secretaryd::refusal;

namespace {

constexpr size_t longestName = 64;

json tokenJson(const Grant& grant) {
    return {{"id", grant.id},
            {"uid", grant.uid},
            {"client", grant.client},
            {"role", grant.role == TokenRole::Request ? "request" : "read"},
            {"scopes", grant.scopes},
            {"device", grant.device},
            {"expires", timeText(grant.expires)}};
}

bool isClientName(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '_';
    });
}

// What was asked for, or what is wrong with it.
tl::expected<Grant, secretaryd::BadField> grantFrom(const json& body, uint32_t uid, SystemTime now) {
    secretaryd::JsonFields fields(body);
    Grant grant;
    grant.uid = uid;
    grant.client = fields.text("client", longestName);
    if (!isClientName(grant.client)) fields.fail("client is a name of letters, digits, '.', '-' and '_'", "\"player\"");
    const std::string role = fields.text("role");
    if (!role.empty() && role != "read" && role != "request") fields.fail("role is read or request");
    grant.role = role == "request" ? TokenRole::Request : TokenRole::Read;
    grant.device = fields.flag("device");
    constexpr std::chrono::seconds usual = std::chrono::hours(24);
    const uint64_t seconds =
        fields.number("lifetime_s", std::chrono::duration_cast<std::chrono::seconds>(AccessTokens::longest).count());
    grant.expires = now + (seconds > 0 ? std::chrono::seconds(seconds) : usual);
    grant.scopes = scopesOf(grant.role);
    if (const json* const wanted = fields.get("scopes")) {
        const auto may = std::exchange(grant.scopes, {});
        if (!wanted->is_array() || wanted->size() > may.size()) fields.fail("scopes is a list of scopes of the role");
        for (const json& scope : wanted->is_array() ? *wanted : json::array()) {
            if (!scope.is_string() || !may.contains(scope.get<std::string>())) {
                fields.fail("a scope is not one of the role's", "leave scopes out for all of them");
                break;
            }
            grant.scopes.insert(scope.get<std::string>());
        }
    }
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    return grant;
}

HttpResponse makeToken(AccessTokens& tokens, const Clock& clock, const HttpRequest& request) {
    const json body = json::parse(request.body, nullptr, false);
    auto wish = grantFrom(body.is_discarded() ? json() : body, request.peer->uid, clock.now());
    if (!wish) return refusal(400, "INVALID_ARGUMENT", wish.error().message, wish.error().hint);
    const auto made = tokens.make(std::move(*wish));
    if (!made && made.error() == TokenError::TooMany) {
        return refusal(429, "RATE_LIMITED", "too many tokens", "revoke some: netpas token remove ID");
    }
    if (!made) return refusal(500, "LOCAL_FAILURE", "the token cannot be kept", "check the state folder");
    json told = tokenJson(made->grant);
    told["token"] = made->secret;
    return answer(told, 201);
}

}  // namespace

HttpResponse answerTokens(AccessTokens& tokens, const Clock& clock, const HttpRequest& request) {
    if (!request.peer || request.remote || !request.node.empty()) {
        return refusal(403, "UNAUTHORIZED", "tokens are made by this machine's users, over the Unix socket only",
                       "netpas token add NAME");
    }
    const std::optional<uint32_t> whose =
        request.peer->uid == 0 ? std::nullopt : std::optional<uint32_t>(request.peer->uid);
    if (request.path == tokensPath) {
        if (request.method == "POST") return makeToken(tokens, clock, request);
        json list = json::array();
        for (const Grant& grant : tokens.list(whose)) list.push_back(tokenJson(grant));
        return answer({{"tokens", std::move(list)}});
    }
    const std::string id = request.path.substr(tokensPath.size() + 1);
    if (!tokens.revoke(id, whose)) return refusal(404, "NOT_FOUND", "there is no token " + id, "netpas token list");
    return answer({{"id", id}, {"revoked", true}});
}

}  // namespace netpas::agent
