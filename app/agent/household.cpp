#include "app/agent/household.h"

#include <algorithm>
#include <utility>

namespace netpas::agent {

void Household::set(std::optional<std::vector<Device>> devices) {
    m_known = devices.has_value();
    const auto before = std::exchange(m_devices, std::move(devices).value_or(std::vector<Device>{}));
    for (Device& device : m_devices) {
        const auto same = std::find_if(before.begin(), before.end(), [&](const Device& old) {
            return old.key == device.key && old.link == device.link;
        });
        if (same != before.end()) device.addresses = same->addresses;
    }
}

const Device* Household::byKey(const PublicKey& key) const {
    const auto found =
        std::find_if(m_devices.begin(), m_devices.end(), [&](const Device& device) { return device.key == key; });
    return found == m_devices.end() ? nullptr : &*found;
}

const Device* Household::byName(std::string_view name) const {
    const auto found =
        std::find_if(m_devices.begin(), m_devices.end(), [&](const Device& device) { return device.name == name; });
    return found == m_devices.end() ? nullptr : &*found;
}

void Household::spokeFrom(const PublicKey& key, const IpAddress& address) {
    for (Device& device : m_devices) {
        std::erase(device.addresses, address);
        if (device.key != key) continue;
        device.addresses.insert(device.addresses.begin(), address);
        if (device.addresses.size() > maxAddresses) device.addresses.pop_back();
    }
}

}  // namespace netpas::agent
