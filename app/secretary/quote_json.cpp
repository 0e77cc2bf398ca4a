#include "app/secretary/quote_json.h"

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

namespace netpas::secretaryd {

using nlohmann::json;

namespace {

constexpr std::array sizesShown{cartographer::smallPacketBytes, cartographer::fullPacketBytes};

json moneyOrNull(const tl::expected<Money, MoneyError>& amount) {
    return amount ? json(amount->toString()) : json(nullptr);
}

json hopJson(const cartographer::QuotedHop& hop) {
    return {{"isp", hop.isp.value()},
            {"name", hop.ispName},
            {"class", hop.service.value()},
            {"class_name", hop.className},
            {"exit", hop.exit.value()}};
}

}  // namespace

json quotePathJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now) {
    json hops = json::array();
    const auto prices = cartographer::priceOfPacket(path, cartographer::fullPacketBytes, minuteOfDay(now));
    for (size_t i = 0; i < path.size(); ++i) {
        json hop = hopJson(path[i]);
        hop["price_per_packet"] = prices ? json(prices->hops[i].value().toString()) : json(nullptr);
        hops.push_back(std::move(hop));
    }
    return hops;
}

json pricesJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now) {
    json prices = json::object();
    for (const uint32_t size : sizesShown) {
        const auto packet = cartographer::priceOfPacket(path, size, minuteOfDay(now));
        prices["price_per_packet"][std::to_string(size)] = packet ? json(packet->total.toString()) : json(nullptr);
        prices["worst_price_per_mb"][std::to_string(size)] = moneyOrNull(cartographer::worstPerMegabyte(path, size));
    }
    if (const auto charges = cartographer::chargesOf(path, minuteOfDay(now));
        charges && charges->first > Money::zero()) {
        prices["guarantee"] = {{"first_minute", charges->first.toString()},
                               {"each_minute", charges->minute.toString()}};
    }
    return prices;
}

}  // namespace netpas::secretaryd
