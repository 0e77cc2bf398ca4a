// What extensions say to netpas-browser-host: four bytes of length, then JSON. What is accepted is within its bounds, and says the same when it is said again.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "app/browser/native_messages.h"

namespace {

using namespace netpas::browser;
using nlohmann::json;

void require(bool condition) {
    if (!condition) std::abort();
}

json again(const Request& request) {
    json object{{"id", request.id}};
    if (const auto* const quote = std::get_if<QuoteWish>(&request.wish)) {
        require(quote->bitsPerSecond > 0 && quote->port != 0 && quote->domain.size() < 254);
        const std::string host = quote->host.find(':') == std::string::npos ? quote->host : "[" + quote->host + "]";
        object.update({{"verb", "quote"},
                       {"url", "http://" + host + ":" + std::to_string(quote->port)},
                       {"address", quote->address ? json(quote->address->toString()) : json()},
                       {"purpose", quote->purpose},
                       {"domain", quote->domain},
                       {"bits_per_second", quote->bitsPerSecond}});
    } else if (const auto* const buy = std::get_if<BuyWish>(&request.wish)) {
        require(!buy->offer.empty() && buy->minutes > 0 && buy->minutes <= 720);
        object.update({{"verb", "buy"}, {"offer", buy->offer}, {"minutes", buy->minutes}});
    } else {
        object["verb"] = "purchase";
    }
    return object;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < lengthBytes) return 0;
    const auto length = lengthFrom(std::span<const uint8_t, lengthBytes>(data, lengthBytes));
    require(!length || (*length > 0 && *length <= longestMessage));
    const auto request = requestFrom({reinterpret_cast<const char*>(data) + lengthBytes, size - lengthBytes});
    if (!request) return 0;
    const auto same = requestFrom(again(*request).dump());
    require(same.has_value() && *same == *request);
    return 0;
}
