// The devices behind the agent's machine (a modem): who is paired, what each may do, and who asks to be paired. Durable, but for the
// requests. What an agent says about who asks is a claim; the code that a person compares is what proves it. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/channel/capability.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/link_address.h"
#include "core/net_address.h"
#include "core/store/documents.h"

namespace netpas::secretary::devices {

struct Device {
    std::string name;  // what rules and budgets call it (SpendRequest::node)
    PublicKey key;
    LinkAddress link{};  // its packets come from there
    // Stands for the device wherever purchases are told apart by user; beyond the users of any machine, never used twice.
    uint32_t uid = 0;
    Capabilities may;  // of deviceMay
    SystemTime pairedAt{};
    // It may have visited ISPs paid on its behalf, whom nobody has certified: accounts of its own there, new at each visit (NetPaS §3.1.4).
    bool roams = false;
};

// At most, of any device: its own purchases.
inline constexpr Capabilities deviceMay = Capability::Read | Capability::Request;

// Lives for pairingLifetime.
struct PairingRequest {
    std::string code;
    std::string name;
    PublicKey key;
    LinkAddress link{};
    IpAddress from;
    SteadyTime expires{};
};

enum class DeviceError : uint8_t {
    BadName,
    NameTaken,      // by another device
    AlreadyPaired,  // this key, under another name
    TooMany,        // requests wait, or came in the last minute
    NoSuchRequest,  // or it has expired
    NoSuchDevice,
    TooManyDevices,
    CannotStore,
};
[[nodiscard]] std::string_view describe(DeviceError error);

class DeviceBook {
public:
    static constexpr size_t maxDevices = 256;
    static constexpr size_t maxRequests = 16;
    static constexpr size_t maxRequestsOfLink = 2;
    static constexpr size_t maxRequestsAMinute = 6;  // from one link-layer address

    // `documents` must outlive the book.
    [[nodiscard]] static tl::expected<DeviceBook, store::StoreError> open(store::Documents& documents);

    // A device asks; `door`: the key that the agent proved to it. The same request again is the same request: same code, and it lives
    // longer only when it had expired.
    [[nodiscard]] tl::expected<PairingRequest, DeviceError> request(const PublicKey& door, const std::string& name,
                                                                    const PublicKey& key, const LinkAddress& link,
                                                                    const IpAddress& from, SteadyTime now);
    // A person has compared the code. Durable before it counts.
    [[nodiscard]] tl::expected<Device, DeviceError> confirm(std::string_view code, SteadyTime now, SystemTime wall);
    [[nodiscard]] tl::expected<Device, DeviceError> allow(const std::string& name, Capabilities may,
                                                          bool roams = false);
    [[nodiscard]] tl::expected<Device, DeviceError> remove(const std::string& name);

    [[nodiscard]] const Device* byKey(const PublicKey& key) const;
    [[nodiscard]] const Device* byName(std::string_view name) const;
    [[nodiscard]] std::vector<Device> devices() const;  // by name
    [[nodiscard]] std::vector<PairingRequest> requests(SteadyTime now);
    [[nodiscard]] std::optional<PairingRequest> requestOf(const PublicKey& key, SteadyTime now);

private:
    explicit DeviceBook(store::Documents& documents) : m_documents(&documents) {}
    void dropExpired(SteadyTime now);
    [[nodiscard]] bool tooMany(const LinkAddress& link, SteadyTime now);

    store::Documents* m_documents;
    std::map<std::string, Device, std::less<>> m_devices;  // by name
    uint32_t m_nextUid = 2'000'000'000;
    std::vector<PairingRequest> m_requests;
    std::map<LinkAddress, std::deque<SteadyTime>> m_recent;  // when each link-layer address asked in the last minute
};

}  // namespace netpas::secretary::devices
