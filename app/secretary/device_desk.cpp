#include "app/secretary/device_desk.h"

#include <utility>

namespace netpas::secretaryd {

using channel::DeviceAnswer;
using channel::DeviceStanding;
using channel::DeviceState;
using secretary::devices::Device;
using secretary::devices::DeviceError;

channel::DeviceRefused refusedWith(DeviceError error) {
    const std::string what(describe(error));
    switch (error) {
    case DeviceError::BadName: return {400, "INVALID_ARGUMENT", what, "netpas pair request URL --name alice"};
    case DeviceError::NameTaken:
        return {409, "CONFLICT", what, "choose another name, or on the modem: netpas pair remove NAME"};
    case DeviceError::AlreadyPaired: return {409, "CONFLICT", what, "on the modem: netpas pair list"};
    case DeviceError::TooMany: return {429, "RATE_LIMITED", what, "wait some minutes; on the modem: netpas pair list"};
    case DeviceError::NoSuchRequest:
    case DeviceError::NoSuchDevice: return {404, "NOT_FOUND", what, "netpas pair list"};
    case DeviceError::TooManyDevices: return {409, "CONFLICT", what, "netpas pair remove NAME"};
    case DeviceError::CannotStore: return {500, "LOCAL_FAILURE", what, "free some disk space, then try again"};
    }
    return {500, "LOCAL_FAILURE", what, {}};
}

void DeviceDesk::tellAgent() const {
    std::vector<channel::PairedDevice> all;
    for (const Device& device : m_book.devices()) all.push_back({device.name, device.key, device.link});
    m_ports.tellAgent({std::move(all)});
}

DeviceAnswer DeviceDesk::asked(const channel::DeviceAsks& asks) {
    if (const Device* const known = m_book.byKey(asks.key); known != nullptr) {
        return {asks.request, DeviceStanding{DeviceState::Paired, known->name, 0}};
    }
    const SteadyTime at = now();
    const auto waiting = [&](const secretary::devices::PairingRequest& request) {
        const auto left = std::chrono::duration_cast<std::chrono::seconds>(request.expires - at).count();
        return DeviceAnswer{asks.request,
                            DeviceStanding{DeviceState::Waiting, request.name, static_cast<uint32_t>(left)}};
    };
    if (asks.name.empty()) {
        const auto known = m_book.requestOf(asks.key, at);
        return known ? waiting(*known) : DeviceAnswer{asks.request, DeviceStanding{DeviceState::Unknown, {}, 0}};
    }
    const auto asked = m_book.request(asks.door, asks.name, asks.key, asks.link, asks.from, at);
    if (!asked) return {asks.request, refusedWith(asked.error())};
    return waiting(*asked);
}

std::optional<net::HttpResponse> DeviceDesk::admit(Caller& caller) const {
    const Device* const device = m_book.byName(caller.node);
    if (device == nullptr) {
        return refusal(403, "NOT_PAIRED", "no device is paired under this name", "netpas pair request URL --name NAME");
    }
    caller.uid = device->uid;
    caller.may = caller.may & device->may;
    return std::nullopt;
}

tl::expected<Device, DeviceError> DeviceDesk::confirm(std::string_view code) {
    auto paired = m_book.confirm(code, now(), m_ports.clock.now());
    if (!paired) return paired;
    m_ports.log(app::LogLevel::Info, "device " + paired->name + " is paired (" + linkText(paired->link) + ")");
    tellAgent();
    return paired;
}

tl::expected<Device, DeviceError> DeviceDesk::allow(const std::string& name, Capabilities may, bool roams) {
    auto changed = m_book.allow(name, may, roams);
    if (changed && !changed->may.has(Capability::Request)) m_ports.endPurchases(name);
    return changed;
}

tl::expected<Device, DeviceError> DeviceDesk::remove(const std::string& name) {
    auto gone = m_book.remove(name);
    if (!gone) return gone;
    m_ports.log(app::LogLevel::Info, "device " + name + " is not paired any more");
    m_ports.endPurchases(name);
    tellAgent();
    return gone;
}

}  // namespace netpas::secretaryd
