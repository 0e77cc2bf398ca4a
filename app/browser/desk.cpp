#include "app/browser/desk.h"

#include <algorithm>
#include <set>

#include "app/cli/streams.h"

namespace netpas::browser {

using nlohmann::json;

namespace {

constexpr Money mostForOneClick = Money::fromEighths(Money::eighthsPerDollar);

// Answers come from a program that may be of another version: what is missing reads as nothing.
std::string textOf(const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

json partOf(const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return found != object.end() ? *found : json();
}

Failure nonsense() { return {"BAD_ANSWER", "netpasd's answer is not understood"}; }

// What a film's viewer is told of a purchase.
json viewOf(const json& purchase) {
    const json sent = partOf(purchase, "sent");
    const json reverse = partOf(purchase, "reverse");
    const std::string state = textOf(purchase, "state");
    std::string spent = textOf(sent, "amount");
    if (state == "settled") spent = textOf(reverse.is_object() ? reverse : purchase, "charged");
    const std::string note = textOf(purchase, "note");
    json view{{"id", textOf(purchase, "id")},
              {"state", state},
              {"reason", note.empty() ? textOf(purchase, "reason") : note},
              {"trouble", textOf(purchase, "trouble")},
              {"packets", partOf(sent, "packets").is_number() ? sent["packets"] : json(0)},
              {"spent", spent.empty() ? "0" : spent}};
    if (const std::string decision = textOf(purchase, "decision"); !decision.empty()) view["decision"] = decision;
    return view;
}

}  // namespace

std::optional<MediaFlow> flowOf(pid_t browser, const std::vector<IpAddress>& addresses, uint16_t port) {
    const std::vector<pid_t> processes = cli::treeOf(browser);
    for (const auto& [transport, name] : {std::pair{cli::Transport::Tcp, "tcp"}, {cli::Transport::Udp, "udp"}}) {
        std::set<Endpoint> found;
        for (const pid_t process : processes) {
            for (const Endpoint& end : cli::connectionsOf(process, transport)) {
                if (end.port == port && std::find(addresses.begin(), addresses.end(), end.address) != addresses.end())
                    found.insert(end);
            }
        }
        if (found.size() == 1) return MediaFlow{*found.begin(), name};
        if (!found.empty()) break;  // never a guess
    }
    return std::nullopt;
}

Desk::~Desk() {
    if (!m_purchase.empty()) (void)m_ask("DELETE", "/v1/purchases/" + m_purchase, nullptr);
}

json Desk::answer(const Request& request) {
    Answer answer = std::visit([this](const auto& wish) { return serve(wish); }, request.wish);
    json message = answer ? std::move(*answer)
                          : json{{"error", {{"code", answer.error().code}, {"message", answer.error().message}}}};
    message["id"] = request.id;
    return message;
}

Desk::Answer Desk::serve(const QuoteWish& wish) {
    m_offer.reset();
    const auto flow = m_find(wish);
    if (!flow) {
        return tl::unexpected(
            Failure{"NO_STREAM", "the browser has no connection of its own with " + wish.host + " (a proxy?)"});
    }
    auto quote = m_ask("POST", "/v1/quotes",
                       {{"to", flow->from.address.toString()},
                        {"to_port", flow->from.port},
                        {"protocol", flow->protocol},
                        {"direction", "incoming"},
                        {"stream_bit_per_second", wish.bitsPerSecond}});
    if (!quote) return tl::unexpected(std::move(quote.error()));
    const json offers = partOf(*quote, "offers");
    if (!offers.is_array()) return tl::unexpected(nonsense());
    // Cheapest first, and the best is what was missed.
    json chosen;
    for (const json& offer : offers) {
        const auto price = Money::parse(textOf(offer, "per_minute_at_most"));
        const std::string id = textOf(offer, "id");
        if (id.empty() || !price || *price <= Money::zero() || *price > mostForOneClick) continue;
        chosen = offer;
        m_offer = Offer{id, *price, *flow, wish.purpose, wish.domain};
    }
    if (!m_offer) return tl::unexpected(Failure{"NO_OFFER", "nothing better is sold on this way"});
    const std::string own = textOf(chosen, "valid_until");
    return json{{"quote",
                 {{"offer", m_offer->id},
                  {"tier", textOf(chosen, "tier")},
                  {"per_minute_at_most", m_offer->perMinute.toString()},
                  {"valid_until", own.empty() ? textOf(*quote, "valid_until") : own}}}};
}

Desk::Answer Desk::serve(const BuyWish& wish) {
    if (!m_purchase.empty()) return tl::unexpected(Failure{"CONFLICT", "this film has its purchase"});
    if (!m_offer || m_offer->id != wish.offer) return tl::unexpected(Failure{"EXPIRED", "that offer is not open"});
    const Offer offer = *m_offer;
    m_offer.reset();
    // So many times the price that was shown, exactly.
    const int64_t affordable = mostForOneClick.eighths() / offer.perMinute.eighths();
    const int64_t minutes = std::min(int64_t{wish.minutes}, affordable);
    const auto cap = checkedMul(offer.perMinute, minutes);
    if (!cap) return tl::unexpected(nonsense());
    json order{{"to", offer.flow.from.address.toString()},
               {"to_port", offer.flow.from.port},
               {"protocol", offer.flow.protocol},
               {"direction", "incoming"},
               {"offer", offer.id},
               {"cap", cap->toString()},
               {"duration_s", minutes * 60},
               {"purpose", offer.purpose},
               {"attended", true}};
    if (!offer.domain.empty()) order["domain"] = offer.domain;
    const auto purchase = m_ask("POST", "/v1/purchases", order);
    if (!purchase) return tl::unexpected(purchase.error());
    m_purchase = textOf(*purchase, "id");
    if (m_purchase.empty()) return tl::unexpected(nonsense());
    return json{{"purchase", viewOf(*purchase)}};
}

Desk::Answer Desk::serve(const FollowWish&) {
    if (m_purchase.empty()) return tl::unexpected(Failure{"NOT_FOUND", "nothing was bought for this film"});
    const auto purchase = m_ask("GET", "/v1/purchases/" + m_purchase, nullptr);
    if (!purchase) return tl::unexpected(purchase.error());
    return json{{"purchase", viewOf(*purchase)}};
}

}  // namespace netpas::browser
