// What one film in a browser may ask for: a price, what has that price, and how it goes. It knows no purchase but its own, which ends with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/browser/native_messages.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::browser {

// Where a film's packets come from.
struct MediaFlow {
    Endpoint from;
    std::string protocol;  // tcp or udp (QUIC)
};

// The connection of the browser with that port of one of these addresses; TCP first. Nothing: there is none, or there are several.
[[nodiscard]] std::optional<MediaFlow> flowOf(pid_t browser, const std::vector<IpAddress>& addresses, uint16_t port);

class Desk {
public:
    // The agent's answer to `method` `target` with this body (null: none).
    using Ask = std::function<tl::expected<nlohmann::json, Failure>(
        const std::string& method, const std::string& target, const nlohmann::json& body)>;
    // Where the film comes from, of this URL's host and port, and of this address if the browser has said it.
    using Find = std::function<std::optional<MediaFlow>(const QuoteWish& wish)>;

    Desk(Ask ask, Find find) : m_ask(std::move(ask)), m_find(std::move(find)) {}
    // Stops what was bought.
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    // What the extension is told.
    [[nodiscard]] nlohmann::json answer(const Request& request);

private:
    using Answer = tl::expected<nlohmann::json, Failure>;
    struct Offer {
        std::string id;
        Money perMinute;
        MediaFlow flow;
        std::string purpose, domain;
    };

    Answer serve(const QuoteWish& wish);
    Answer serve(const BuyWish& wish);
    Answer serve(const FollowWish& wish);

    Ask m_ask;
    Find m_find;
    std::optional<Offer> m_offer;  // the last one; bought at most once
    std::string m_purchase;        // empty: nothing was bought
};

}  // namespace netpas::browser
