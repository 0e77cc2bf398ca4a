// /v1/tokens of the agent: a local user makes, lists and revokes his own. Control thread.
#pragma once

#include "app/agent/access_tokens.h"
#include "core/net/http.h"

namespace netpas::agent {

inline constexpr std::string_view tokensPath = "/v1/tokens";

// POST and GET /v1/tokens, DELETE /v1/tokens/ID, and nothing else. Only for who came over the Unix socket: a token cannot make another.
[[nodiscard]] net::HttpResponse answerTokens(AccessTokens& tokens, const Clock& clock, const net::HttpRequest& request);

}  // namespace netpas::agent
