#include "app/secretary/fair_share.h"

#include <algorithm>
#include <array>

namespace netpas::secretaryd {

namespace {

// Anything below it counts for the collection.
std::string_view collectionOf(std::string_view path) {
    constexpr std::string_view version = "/v1/";
    return path.starts_with(version) ? path.substr(0, path.find('/', version.size())) : path.substr(0, version.size());
}

}  // namespace

std::optional<net::HttpResponse> FairShare::refusalFor(const net::HttpRequest& request, const Caller& caller,
                                                       const std::string& what) const {
    const SteadyTime now = m_clock.steady();
    if (const auto wait = m_time.wait(what, now); wait > CostPace::Duration::zero()) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
        return refusal(429, "RATE_LIMITED", "this takes long, and was asked for often",
                       "ask again in " + std::to_string(seconds) + " s, or as the owner");
    }
    constexpr std::array<std::string_view, 3> written{"/v1/purchases", "/v1/payments", "/v1/content"};
    const bool writes =
        request.method == "POST" && std::find(written.begin(), written.end(), request.path) != written.end();
    if (!writes || m_writes.mayNow(std::to_string(caller.uid) + "/" + caller.node, now)) return std::nullopt;
    return refusal(429, "RATE_LIMITED", "too many requests in a second", "ask again in a moment");
}

void FairShare::handle(const net::HttpRequest& request, const Caller& caller, const Reply& reply,
                       const std::function<void(const Reply& reply)>& work) {
    if (caller.uid == 0 || caller.admin()) return work(reply);
    const std::string what =
        std::to_string(caller.uid) + "/" + caller.node + " " + std::string(collectionOf(request.path));
    if (auto refused = refusalFor(request, caller, what)) return reply(std::move(*refused));
    const auto begin = CostPace::threadTime();
    work(charged(what, reply));
    m_time.took(what, CostPace::threadTime() - begin, m_clock.steady());
}

// A long answer goes on costing others: it has the line to the agent for itself, and the agent's time.
Reply FairShare::charged(const std::string& what, const Reply& reply) {
    return [this, what, reply](net::HttpResponse response) {
        constexpr size_t bytesPerMicrosecond = 64;
        m_time.took(what, std::chrono::microseconds(response.body.size() / bytesPerMicrosecond), m_clock.steady());
        reply(std::move(response));
    };
}

}  // namespace netpas::secretaryd
