#include "app/payee/facilitator.h"

#include <sodium.h>

#include <nlohmann/json.hpp>

namespace netpas::payee {

using net::HttpResponse;
using nlohmann::json;

namespace {

HttpResponse answer(const json& body) {
    HttpResponse response;
    response.body = body.dump() + "\n";
    return response;
}

}  // namespace

bool Facilitator::allowed(const net::HttpRequest& request) const {
    if (m_token.empty()) return true;
    std::string_view shown = request.header("Authorization");
    constexpr std::string_view bearer = "Bearer ";
    if (!shown.starts_with(bearer)) return false;
    shown.remove_prefix(bearer.size());
    return shown.size() == m_token.size() && sodium_memcmp(shown.data(), m_token.data(), shown.size()) == 0;
}

HttpResponse Facilitator::supported() const {
    const CashierState state = m_cashier.state();
    json kinds = json::array();
    if (state.isp) {
        json extra{{"payee", state.payee.hex()}};
        if (!m_certificate.empty()) extra["certificate"] = m_certificate;
        for (const int version : {2, 1}) {
            kinds.push_back({{"x402Version", version},
                             {"scheme", x402::scheme},
                             {"network", x402::networkOf(*state.isp)},
                             {"extra", extra}});
        }
    }
    return answer({{"kinds", std::move(kinds)},
                   {"extensions", json::array()},
                   {"signers", {{std::string(x402::networkFamily) + "*", {state.payee.hex()}}}}});
}

HttpResponse Facilitator::status() const {
    const CashierState state = m_cashier.state();
    return answer({{"payee", state.payee.hex()},
                   {"isp", state.isp ? json(state.isp->value()) : json(nullptr)},
                   {"receiving", state.receiving},
                   {"trouble", state.trouble},
                   {"payments", state.totals.kept},
                   {"redeemed", state.totals.redeemed},
                   {"deliveries", state.totals.shows},
                   {"amount", state.totals.amount.toString()},
                   {"currency", "USD"}});
}

void Facilitator::judge(const net::HttpRequest& request, bool settle, const net::HttpReply& reply) const {
    const auto finish = [settle, reply](const x402::Receipt& receipt) {
        if (settle) {
            HttpResponse response;
            response.body = x402::toJson(receipt) + "\n";
            return reply(std::move(response));
        }
        json body{{"isValid", receipt.success}};
        if (!receipt.success) body["invalidReason"] = receipt.reason;
        reply(answer(body));
    };
    const auto asked = x402::decodeFacilitatorRequest(request.body);
    if (asked) return m_cashier.judge(*asked, settle, finish);
    x402::Receipt receipt;
    receipt.reason = code(asked.error());
    finish(receipt);
}

void Facilitator::handle(const net::HttpRequest& request, const net::HttpReply& reply) const {
    if (!allowed(request)) {
        return reply(HttpResponse::error(401, "UNAUTHORIZED", "the token is missing or wrong",
                                         "Authorization: Bearer and the token of [facilitator]"));
    }
    const bool get = request.method == "GET", post = request.method == "POST";
    if (get && request.path == "/supported") return reply(supported());
    if (get && request.path == "/status") return reply(status());
    if (post && request.path == "/verify") return judge(request, false, reply);
    if (post && request.path == "/settle") return judge(request, true, reply);
    reply(HttpResponse::error(404, "NOT_FOUND", "there is no " + request.method + " " + request.path,
                              "GET /supported, POST /verify, POST /settle, GET /status"));
}

}  // namespace netpas::payee
