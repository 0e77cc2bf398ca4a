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

json bestEffortOffer() {
    return {{"tier", "best effort"},
            {"per_minute_at_most", Money::zero().toString()},
            {"quality", json::object()},
            {"quality_is", "not measured"},
            {"change", "none: this is what you have"}};
}

std::optional<Money> perMinuteAtMost(Money dearest, uint64_t streamBitsPerSecond) {
    constexpr uint64_t bitsOfPacket = 8 * cartographer::fullPacketBytes;
    const uint64_t packets = (streamBitsPerSecond * 60 + bitsOfPacket - 1) / bitsOfPacket;
    const auto cost = checkedMul(dearest, static_cast<int64_t>(packets));
    return cost ? std::optional(*cost) : std::nullopt;
}

std::optional<uint64_t> streamFromJson(const json& body) {
    constexpr uint64_t film = 5'000'000;
    constexpr uint64_t most = 100'000'000'000;
    const auto wanted = body.find("stream_bit_per_second");
    if (wanted == body.end()) return film;
    const uint64_t stream = wanted->is_number_unsigned() ? wanted->get<uint64_t>() : 0;
    return stream == 0 || stream > most ? std::nullopt : std::optional(stream);
}

}  // namespace netpas::secretaryd
