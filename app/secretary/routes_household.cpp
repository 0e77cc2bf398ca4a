// /v1/household: the devices behind the agent. Pairing is a person's decision, and made at this door only.
#include <nlohmann/json.hpp>

#include "app/secretary/device_desk.h"
#include "app/secretary/json_fields.h"
#include "app/secretary/routes.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;
using secretary::devices::Device;
using secretary::devices::DeviceError;
using secretary::devices::PairingRequest;

namespace {

constexpr size_t longestCode = 64;

HttpResponse refusalFor(DeviceError error) {
    const channel::DeviceRefused why = refusedWith(error);
    return refusal(why.status, why.code, why.message, why.hint);
}

const char* mayText(Capabilities may, bool roams) {
    if (roams) return "roam";
    if (may.has(Capability::Request)) return "buy";
    return may.has(Capability::Read) ? "read" : "nothing";
}

std::optional<Capabilities> mayNamed(const std::string& name) {
    if (name == "buy" || name == "roam") return secretary::devices::deviceMay;
    if (name == "read") return Capability::Read;
    if (name == "nothing") return Capabilities{};
    return std::nullopt;
}

json deviceJson(const Device& device) {
    return {{"name", device.name},
            {"key", device.key.hex()},
            {"link", linkText(device.link)},
            {"may", mayText(device.may, device.roams)},
            {"paired_at", timeText(device.pairedAt)}};
}

void list(DeviceDesk& desk, const Reply& reply) {
    json devices = json::array(), pending = json::array();
    for (const Device& device : desk.devices()) devices.push_back(deviceJson(device));
    for (const PairingRequest& request : desk.requests()) {
        const auto left = std::chrono::duration_cast<std::chrono::seconds>(request.expires - desk.now()).count();
        pending.push_back({{"code", request.code},
                           {"name", request.name},
                           {"address", request.from.toString()},
                           {"link", linkText(request.link)},
                           {"expires_s", left}});
    }
    reply(answer({{"devices", std::move(devices)}, {"pending", std::move(pending)}}));
}

void confirm(DeviceDesk& desk, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const std::string code = fields.text("code", longestCode);
    if (auto problem = fields.problem()) {
        return reply(refusal(400, "INVALID_ARGUMENT", problem->message, "netpas pair confirm CODE"));
    }
    const auto paired = desk.confirm(code);
    reply(paired ? answer(deviceJson(*paired)) : refusalFor(paired.error()));
}

void allow(DeviceDesk& desk, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const std::string named = fields.text("may", longestCode);
    const auto may = mayNamed(named);
    if (fields.problem() || !may) {
        return reply(refusal(400, "INVALID_ARGUMENT", "may is buy, roam, read or nothing",
                             "netpas pair allow NAME buy|roam|read|nothing"));
    }
    const auto changed = desk.allow(call.parameter("name"), *may, named == "roam");
    reply(changed ? answer(deviceJson(*changed)) : refusalFor(changed.error()));
}

void remove(DeviceDesk& desk, const ApiCall& call, const Reply& reply) {
    const auto gone = desk.remove(call.parameter("name"));
    reply(gone ? answer({{"name", gone->name}, {"removed", true}}) : refusalFor(gone.error()));
}

}  // namespace

void addHouseholdRoutes(Router& router, SecretaryState& state) {
    router.add("GET", "/v1/household", Capability::Policy,
               [&state](const ApiCall&, const Reply& reply) { list(*state.devices, reply); });
    router.add("POST", "/v1/household/confirm", Capability::Policy,
               [&state](const ApiCall& call, const Reply& reply) { confirm(*state.devices, call, reply); });
    router.add("PUT", "/v1/household/{name}", Capability::Policy,
               [&state](const ApiCall& call, const Reply& reply) { allow(*state.devices, call, reply); });
    router.add("DELETE", "/v1/household/{name}", Capability::Policy,
               [&state](const ApiCall& call, const Reply& reply) { remove(*state.devices, call, reply); });
}

}  // namespace netpas::secretaryd
