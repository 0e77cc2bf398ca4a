// Bodies of POST /v1/purchases: whatever comes, an order that is accepted means what it says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "app/secretary/purchase_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t maxBody = 8192;  // the API refuses longer ones
    if (size > maxBody) return 0;
    // As the router parses bodies.
    const auto body =
        nlohmann::json::parse(std::string_view(reinterpret_cast<const char*>(data), size), nullptr, false);
    if (!body.is_object()) return 0;
    const auto order = netpas::secretaryd::orderFromJson(body);
    if (!order) {
        if (order.error().message.empty()) std::abort();
        return 0;
    }
    const netpas::ledger::NewPurchase& purchase = order->purchase;
    if (!purchase.flow.remote || purchase.cap.isNegative() || purchase.capPerSecond.isNegative()) std::abort();
    if (!purchase.flow.remote->contains(order->what.destination)) std::abort();
    // The flow is kept in the ledger as text.
    const auto again = netpas::FlowMatch::parse(purchase.flow.toString());
    if (!again || !(*again == purchase.flow)) std::abort();
    // The fingerprint of what was understood is the same order again.
    const auto reread = netpas::secretaryd::orderFromJson(nlohmann::json::parse(purchase.fingerprint));
    if (!reread || reread->purchase.fingerprint != purchase.fingerprint || !(reread->purchase.flow == purchase.flow) ||
        reread->purchase.cap != purchase.cap) {
        std::abort();
    }
    return 0;
}
