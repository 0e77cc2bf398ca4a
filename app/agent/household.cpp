#include "app/agent/household.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/pairing.h"

namespace netpas::agent {

using nlohmann::json;

namespace {

constexpr int fileVersion = 1;
constexpr size_t maxFile = size_t{1} << 20;

std::optional<LinkAddress> linkFrom(const std::string& text) {
    LinkAddress address{};
    std::array<unsigned, 6> bytes{};
    char rest = 0;
    const int read = std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
                                 &bytes[4], &bytes[5], &rest);
    if (read != 6) return std::nullopt;
    for (size_t i = 0; i < bytes.size(); ++i) address[i] = static_cast<uint8_t>(bytes[i]);
    return address;
}

// All or nothing, also when the power goes: a new file, synced, takes the old one's name.
bool writeDurably(const std::filesystem::path& file, const std::string& text) {
    const std::string next = file.string() + ".new";
    const int descriptor = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return false;
    const bool written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
    if (::close(descriptor) != 0 || !written || ::rename(next.c_str(), file.c_str()) != 0) return false;
    const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return false;
    const bool synced = ::fsync(folder) == 0;
    ::close(folder);
    return synced;
}

std::string stringAt(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<Device> deviceFrom(const json& object) {
    if (!object.is_object()) return std::nullopt;
    const auto key = PublicKey::parse(stringAt(object, "key"));
    const auto link = linkFrom(stringAt(object, "link"));
    const auto uid = object.find("uid"), paired = object.find("paired_at");
    Device device;
    device.name = stringAt(object, "name");
    if (!key || !link || !app::isDeviceName(device.name) || uid == object.end() || !uid->is_number_unsigned() ||
        paired == object.end() || !paired->is_number_integer()) {
        return std::nullopt;
    }
    device.key = *key;
    device.link = *link;
    device.uid = uid->get<uint32_t>();
    device.pairedAt = SystemTime(std::chrono::seconds(paired->get<int64_t>()));
    return device;
}

}  // namespace

std::string linkText(const LinkAddress& address) {
    char text[18];
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", address[0], address[1], address[2], address[3],
                  address[4], address[5]);
    return text;
}

std::string_view describe(PairingError error) {
    switch (error) {
    case PairingError::BadName:
        return "a device's name is lower-case letters, digits and '-', at most 32, a letter first";
    case PairingError::NameTaken: return "another device has this name";
    case PairingError::AlreadyPaired: return "this device is paired under another name";
    case PairingError::TooMany: return "too many requests to be paired";
    case PairingError::NoSuchRequest: return "nobody asks to be paired with this code, or no longer";
    case PairingError::NoSuchDevice: return "there is no device of this name";
    case PairingError::TooManyDevices: return "too many devices are paired";
    case PairingError::CannotStore: return "the list of devices cannot be stored";
    }
    return "unknown pairing error";
}

tl::expected<Household, std::string> Household::load(const std::filesystem::path& file, const PublicKey& self) {
    Household household(file, self);
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        std::error_code error;
        if (std::filesystem::exists(file, error)) return tl::unexpected(file.string() + " cannot be read");
        return household;
    }
    std::string text(maxFile + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(in.gcount()));
    if (const std::string wrong = household.parse(text); !wrong.empty()) {
        return tl::unexpected(file.string() + " is damaged (" + wrong + "): remove it and pair the devices again");
    }
    return household;
}

std::string Household::parse(const std::string& text) {
    const json object = json::parse(text, nullptr, false);
    if (!object.is_object()) return "no JSON object";
    const auto version = object.find("version"), next = object.find("next_uid"), devices = object.find("devices");
    if (version == object.end() || *version != fileVersion) return "another version";
    if (next == object.end() || !next->is_number_unsigned() || devices == object.end() || !devices->is_array() ||
        devices->size() > maxDevices) {
        return "members are missing";
    }
    m_nextUid = next->get<uint32_t>();
    for (const json& entry : *devices) {
        const auto device = deviceFrom(entry);
        if (!device || byKey(device->key) != nullptr || device->uid >= m_nextUid) return "a device makes no sense";
        if (!m_devices.emplace(device->name, *device).second) return "two devices have one name";
    }
    return {};
}

bool Household::save(const std::map<std::string, Device>& devices, uint32_t nextUid) const {
    json list = json::array();
    for (const auto& [name, device] : devices) {
        const auto paired = std::chrono::floor<std::chrono::seconds>(device.pairedAt).time_since_epoch().count();
        list.push_back({{"name", name},
                        {"key", device.key.hex()},
                        {"link", linkText(device.link)},
                        {"uid", device.uid},
                        {"paired_at", paired}});
    }
    return writeDurably(m_file,
                        json{{"version", fileVersion}, {"next_uid", nextUid}, {"devices", list}}.dump(1) + "\n");
}

void Household::dropExpired(SteadyTime now) {
    std::erase_if(m_requests, [&](const PairingRequest& request) { return request.expires <= now; });
    for (auto at = m_recent.begin(); at != m_recent.end();) {
        auto& times = at->second;
        while (!times.empty() && now - times.front() > std::chrono::minutes(1)) times.pop_front();
        at = times.empty() ? m_recent.erase(at) : std::next(at);
    }
}

bool Household::tooMany(const LinkAddress& link, SteadyTime now) {
    constexpr size_t maxRemembered = 256;
    if (m_requests.size() >= maxRequests || (m_recent.size() >= maxRemembered && !m_recent.contains(link))) return true;
    const auto ofLink = std::count_if(m_requests.begin(), m_requests.end(),
                                      [&](const PairingRequest& request) { return request.link == link; });
    auto& times = m_recent[link];
    if (static_cast<size_t>(ofLink) >= maxRequestsOfLink || times.size() >= maxRequestsAMinute) return true;
    times.push_back(now);
    return false;
}

tl::expected<PairingRequest, PairingError> Household::request(const std::string& name, const PublicKey& key,
                                                              const LinkAddress& link, const IpAddress& from,
                                                              SteadyTime now) {
    dropExpired(now);
    if (!app::isDeviceName(name)) return tl::unexpected(PairingError::BadName);
    if (const Device* own = byKey(key); own != nullptr) return tl::unexpected(PairingError::AlreadyPaired);
    if (byName(name) != nullptr) return tl::unexpected(PairingError::NameTaken);
    const auto same = std::find_if(m_requests.begin(), m_requests.end(), [&](const PairingRequest& request) {
        return request.key == key && request.name == name && request.link == link;
    });
    if (same != m_requests.end()) return *same;
    if (tooMany(link, now)) return tl::unexpected(PairingError::TooMany);
    // Who asks again under another name means the new one.
    std::erase_if(m_requests, [&](const PairingRequest& request) { return request.key == key; });
    m_requests.push_back({app::pairingCode(m_self, key, name), name, key, link, from, now + app::pairingLifetime});
    return m_requests.back();
}

tl::expected<Device, PairingError> Household::confirm(std::string_view code, SteadyTime now, SystemTime wall) {
    dropExpired(now);
    const std::string tidy = app::tidyPairingCode(code);
    const auto found = std::find_if(m_requests.begin(), m_requests.end(),
                                    [&](const PairingRequest& request) { return request.code == tidy; });
    if (found == m_requests.end()) return tl::unexpected(PairingError::NoSuchRequest);
    if (byName(found->name) != nullptr) return tl::unexpected(PairingError::NameTaken);
    if (m_devices.size() >= maxDevices) return tl::unexpected(PairingError::TooManyDevices);
    const Device device{found->name, found->key, found->link, m_nextUid, wall, {}};
    const IpAddress from = found->from;
    auto next = m_devices;
    next.emplace(device.name, device);
    if (!save(next, m_nextUid + 1)) return tl::unexpected(PairingError::CannotStore);
    m_devices = std::move(next);
    ++m_nextUid;
    // Whoever else asks under this name has lost.
    std::erase_if(m_requests, [&](const PairingRequest& request) {
        return request.name == device.name || request.key == device.key;
    });
    spokeFrom(device.key, from);
    return device;
}

tl::expected<Device, PairingError> Household::remove(const std::string& name) {
    const auto found = m_devices.find(name);
    if (found == m_devices.end()) return tl::unexpected(PairingError::NoSuchDevice);
    auto next = m_devices;
    next.erase(name);
    if (!save(next, m_nextUid)) return tl::unexpected(PairingError::CannotStore);
    const Device gone = found->second;
    m_devices = std::move(next);
    return gone;
}

const Device* Household::byKey(const PublicKey& key) const {
    for (const auto& [name, device] : m_devices) {
        if (device.key == key) return &device;
    }
    return nullptr;
}

const Device* Household::byName(std::string_view name) const {
    const auto found = m_devices.find(std::string(name));
    return found == m_devices.end() ? nullptr : &found->second;
}

std::vector<Device> Household::devices() const {
    std::vector<Device> all;
    for (const auto& [name, device] : m_devices) all.push_back(device);
    return all;
}

std::vector<PairingRequest> Household::requests(SteadyTime now) {
    dropExpired(now);
    return m_requests;
}

std::optional<PairingRequest> Household::requestOf(const PublicKey& key, SteadyTime now) {
    dropExpired(now);
    for (const PairingRequest& request : m_requests) {
        if (request.key == key) return request;
    }
    return std::nullopt;
}

void Household::spokeFrom(const PublicKey& key, const IpAddress& address) {
    for (auto& [name, device] : m_devices) {
        std::erase(device.addresses, address);
        if (device.key != key) continue;
        device.addresses.insert(device.addresses.begin(), address);
        if (device.addresses.size() > maxAddresses) device.addresses.pop_back();
    }
}

}  // namespace netpas::agent
