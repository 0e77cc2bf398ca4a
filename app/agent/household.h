// The devices behind this machine (a modem): who is paired, who asks to be, and which addresses are whose. No network here. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/net_address.h"

namespace netpas::agent {

using LinkAddress = std::array<uint8_t, 6>;
[[nodiscard]] std::string linkText(const LinkAddress& address);

struct Device {
    std::string name;  // what rules and budgets call it (SpendRequest::node)
    PublicKey key;
    LinkAddress link{};  // its packets come from there
    // Stands for the device wherever purchases are told apart by user; beyond the users of any machine, never used twice.
    uint32_t uid = 0;
    SystemTime pairedAt{};
    std::vector<IpAddress> addresses;  // it has spoken from these, over its key; the newest first, in memory only
};

// Lives for app::pairingLifetime.
struct PairingRequest {
    std::string code;
    std::string name;
    PublicKey key;
    LinkAddress link{};
    IpAddress from;
    SteadyTime expires{};
};

enum class PairingError : uint8_t {
    BadName,
    NameTaken,      // by another device
    AlreadyPaired,  // this key, under another name
    TooMany,        // requests wait, or came in the last minute
    NoSuchRequest,  // or it has expired
    NoSuchDevice,
    TooManyDevices,
    CannotStore,
};
[[nodiscard]] std::string_view describe(PairingError error);

class Household {
public:
    static constexpr size_t maxDevices = 256;
    static constexpr size_t maxRequests = 16;
    static constexpr size_t maxRequestsOfLink = 2;
    static constexpr size_t maxRequestsAMinute = 6;  // from one link-layer address
    static constexpr size_t maxAddresses = 8;        // of one device

    // `self`: the key that this machine proves to its devices. The file keeps the devices; made at the first pairing.
    [[nodiscard]] static tl::expected<Household, std::string> load(const std::filesystem::path& file,
                                                                   const PublicKey& self);

    // A device asks. The same request again is the same request: same code, and it lives longer only when it had expired.
    [[nodiscard]] tl::expected<PairingRequest, PairingError> request(const std::string& name, const PublicKey& key,
                                                                     const LinkAddress& link, const IpAddress& from,
                                                                     SteadyTime now);
    // A person has compared the code. Durable before it counts.
    [[nodiscard]] tl::expected<Device, PairingError> confirm(std::string_view code, SteadyTime now, SystemTime wall);
    [[nodiscard]] tl::expected<Device, PairingError> remove(const std::string& name);

    [[nodiscard]] const Device* byKey(const PublicKey& key) const;
    [[nodiscard]] const Device* byName(std::string_view name) const;
    [[nodiscard]] std::vector<Device> devices() const;
    [[nodiscard]] std::vector<PairingRequest> requests(SteadyTime now);
    [[nodiscard]] std::optional<PairingRequest> requestOf(const PublicKey& key, SteadyTime now);

    // The device speaks from there. An address belongs to one device at a time: to who spoke last.
    void spokeFrom(const PublicKey& key, const IpAddress& address);

private:
    Household(std::filesystem::path file, const PublicKey& self) : m_file(std::move(file)), m_self(self) {}
    void dropExpired(SteadyTime now);
    [[nodiscard]] bool tooMany(const LinkAddress& link, SteadyTime now);
    [[nodiscard]] bool save(const std::map<std::string, Device>& devices, uint32_t nextUid) const;
    [[nodiscard]] std::string parse(const std::string& text);

    std::filesystem::path m_file;
    PublicKey m_self;
    std::map<std::string, Device> m_devices;  // by name
    uint32_t m_nextUid = 2'000'000'000;
    std::vector<PairingRequest> m_requests;
    std::map<LinkAddress, std::deque<SteadyTime>> m_recent;  // when each link-layer address asked in the last minute
};

}  // namespace netpas::agent
