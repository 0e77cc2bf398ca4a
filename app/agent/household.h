// The devices behind this machine (a modem) as its secretary lists them, and which addresses they speak from. Nobody is paired here: a person
// confirms that to the secretary. In memory only; no network here. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/crypto/identity.h"
#include "core/link_address.h"
#include "core/net_address.h"

namespace netpas::agent {

struct Device {
    std::string name;  // what rules and budgets call it (SpendRequest::node)
    PublicKey key;
    LinkAddress link{};                // its packets come from there
    std::vector<IpAddress> addresses;  // it has spoken from these, over its key; the newest first
};

class Household {
public:
    static constexpr size_t maxAddresses = 8;  // of one device

    // All of them; nothing: the secretary does not say now. Addresses of those that stay are kept.
    void set(std::optional<std::vector<Device>> devices);
    // Whether the secretary has said who is paired.
    [[nodiscard]] bool known() const { return m_known; }

    [[nodiscard]] const Device* byKey(const PublicKey& key) const;
    [[nodiscard]] const Device* byName(std::string_view name) const;

    // The device speaks from there. An address belongs to one device at a time: to who spoke last.
    void spokeFrom(const PublicKey& key, const IpAddress& address);

private:
    std::vector<Device> m_devices;
    bool m_known = false;
};

}  // namespace netpas::agent
