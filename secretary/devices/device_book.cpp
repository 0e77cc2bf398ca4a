#include "secretary/devices/device_book.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/pairing.h"

namespace netpas::secretary::devices {

using nlohmann::json;

namespace {

constexpr const char* kind = "device";
constexpr const char* counterKind = "device-uid";
constexpr const char* counterId = "next";

store::Document documentOf(std::string_view documentKind, std::string id, const json& body) {
    const std::string text = body.dump();
    return {std::string(documentKind), std::move(id), {text.begin(), text.end()}};
}

store::Document documentOf(const Device& device) {
    const auto paired = std::chrono::floor<std::chrono::seconds>(device.pairedAt).time_since_epoch().count();
    return documentOf(kind, device.name,
                      {{"key", device.key.hex()},
                       {"link", linkText(device.link)},
                       {"uid", device.uid},
                       {"may", device.may.bits()},
                       {"paired_at", paired},
                       {"roams", device.roams}});
}

template <typename T>
std::optional<T> numberAt(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number_integer()) return std::nullopt;
    const auto value = found->get<int64_t>();
    if (!std::in_range<T>(value)) return std::nullopt;
    return static_cast<T>(value);
}

std::string textAt(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<Device> deviceFrom(const store::Document& document) {
    const json object = json::parse(document.body.begin(), document.body.end(), nullptr, false);
    if (!object.is_object() || !isDeviceName(document.id)) return std::nullopt;
    const auto key = PublicKey::parse(textAt(object, "key"));
    const auto link = parseLink(textAt(object, "link"));
    const auto uid = numberAt<uint32_t>(object, "uid"), may = numberAt<uint32_t>(object, "may");
    const auto paired = numberAt<int64_t>(object, "paired_at");
    if (!key || !link || !uid || !may || !paired) return std::nullopt;
    return Device{document.id,
                  *key,
                  *link,
                  *uid,
                  Capabilities::fromBits(*may) & deviceMay,
                  SystemTime(std::chrono::seconds(*paired)),
                  object.value("roams", json()) == true};
}

}  // namespace

std::string_view describe(DeviceError error) {
    switch (error) {
    case DeviceError::BadName:
        return "a device's name is lower-case letters, digits and '-', at most 32, a letter first";
    case DeviceError::NameTaken: return "another device has this name";
    case DeviceError::AlreadyPaired: return "this device is paired under another name";
    case DeviceError::TooMany: return "too many requests to be paired";
    case DeviceError::NoSuchRequest: return "nobody asks to be paired with this code, or no longer";
    case DeviceError::NoSuchDevice: return "there is no device of this name";
    case DeviceError::TooManyDevices: return "too many devices are paired";
    case DeviceError::CannotStore: return "the list of devices cannot be stored";
    }
    return "unknown device error";
}

tl::expected<DeviceBook, store::StoreError> DeviceBook::open(store::Documents& documents) {
    DeviceBook book(documents);
    const auto counter = documents.all(counterKind);
    if (!counter) return tl::unexpected(counter.error());
    for (const store::Document& document : *counter) {
        const json object = json::parse(document.body.begin(), document.body.end(), nullptr, false);
        const auto next = object.is_object() ? numberAt<uint32_t>(object, "uid") : std::nullopt;
        if (!next || document.id != counterId || *next < book.m_nextUid)
            return tl::unexpected(store::StoreError::Damaged);
        book.m_nextUid = *next;
    }
    const auto stored = documents.all(kind);
    if (!stored) return tl::unexpected(stored.error());
    for (const store::Document& document : *stored) {
        const auto device = deviceFrom(document);
        if (!device || book.byKey(device->key) != nullptr || device->uid >= book.m_nextUid)
            return tl::unexpected(store::StoreError::Damaged);
        book.m_devices.emplace(device->name, *device);
    }
    return book;
}

void DeviceBook::dropExpired(SteadyTime now) {
    std::erase_if(m_requests, [&](const PairingRequest& request) { return request.expires <= now; });
    for (auto at = m_recent.begin(); at != m_recent.end();) {
        auto& times = at->second;
        while (!times.empty() && now - times.front() > std::chrono::minutes(1)) times.pop_front();
        at = times.empty() ? m_recent.erase(at) : std::next(at);
    }
}

bool DeviceBook::tooMany(const LinkAddress& link, SteadyTime now) {
    constexpr size_t maxRemembered = 256;
    if (m_requests.size() >= maxRequests || (m_recent.size() >= maxRemembered && !m_recent.contains(link))) return true;
    const auto ofLink = std::count_if(m_requests.begin(), m_requests.end(),
                                      [&](const PairingRequest& request) { return request.link == link; });
    auto& times = m_recent[link];
    if (static_cast<size_t>(ofLink) >= maxRequestsOfLink || times.size() >= maxRequestsAMinute) return true;
    times.push_back(now);
    return false;
}

tl::expected<PairingRequest, DeviceError> DeviceBook::request(const PublicKey& door, const std::string& name,
                                                              const PublicKey& key, const LinkAddress& link,
                                                              const IpAddress& from, SteadyTime now) {
    dropExpired(now);
    if (!isDeviceName(name)) return tl::unexpected(DeviceError::BadName);
    if (byKey(key) != nullptr) return tl::unexpected(DeviceError::AlreadyPaired);
    if (byName(name) != nullptr) return tl::unexpected(DeviceError::NameTaken);
    const std::string code = pairingCode(door, key, name);
    const auto same = std::find_if(m_requests.begin(), m_requests.end(), [&](const PairingRequest& request) {
        return request.code == code && request.key == key && request.link == link;
    });
    if (same != m_requests.end()) return *same;
    if (tooMany(link, now)) return tl::unexpected(DeviceError::TooMany);
    // Who asks again under another name means the new one.
    std::erase_if(m_requests, [&](const PairingRequest& request) { return request.key == key; });
    m_requests.push_back({code, name, key, link, from, now + pairingLifetime});
    return m_requests.back();
}

tl::expected<Device, DeviceError> DeviceBook::confirm(std::string_view code, SteadyTime now, SystemTime wall) {
    dropExpired(now);
    const std::string tidy = tidyPairingCode(code);
    const auto found = std::find_if(m_requests.begin(), m_requests.end(),
                                    [&](const PairingRequest& request) { return request.code == tidy; });
    if (found == m_requests.end()) return tl::unexpected(DeviceError::NoSuchRequest);
    if (byName(found->name) != nullptr) return tl::unexpected(DeviceError::NameTaken);
    if (m_devices.size() >= maxDevices) return tl::unexpected(DeviceError::TooManyDevices);
    const Device device{found->name, found->key, found->link, m_nextUid, deviceMay, wall};
    const std::array changes{
        store::DocumentChange{documentOf(device)},
        store::DocumentChange{documentOf(counterKind, counterId, {{"uid", m_nextUid + 1}})},
    };
    if (!m_documents->apply(changes)) return tl::unexpected(DeviceError::CannotStore);
    m_devices.emplace(device.name, device);
    ++m_nextUid;
    // Whoever else asks under this name has lost.
    std::erase_if(m_requests, [&](const PairingRequest& request) {
        return request.name == device.name || request.key == device.key;
    });
    return device;
}

tl::expected<Device, DeviceError> DeviceBook::allow(const std::string& name, Capabilities may, bool roams) {
    const auto found = m_devices.find(name);
    if (found == m_devices.end()) return tl::unexpected(DeviceError::NoSuchDevice);
    Device changed = found->second;
    changed.may = may & deviceMay;
    changed.roams = roams;
    if (!m_documents->put(documentOf(changed))) return tl::unexpected(DeviceError::CannotStore);
    found->second = changed;
    return changed;
}

tl::expected<Device, DeviceError> DeviceBook::remove(const std::string& name) {
    const auto found = m_devices.find(name);
    if (found == m_devices.end()) return tl::unexpected(DeviceError::NoSuchDevice);
    if (!m_documents->erase(kind, name)) return tl::unexpected(DeviceError::CannotStore);
    const Device gone = found->second;
    m_devices.erase(found);
    return gone;
}

const Device* DeviceBook::byKey(const PublicKey& key) const {
    for (const auto& [name, device] : m_devices) {
        if (device.key == key) return &device;
    }
    return nullptr;
}

const Device* DeviceBook::byName(std::string_view name) const {
    const auto found = m_devices.find(name);
    return found == m_devices.end() ? nullptr : &found->second;
}

std::vector<Device> DeviceBook::devices() const {
    std::vector<Device> all;
    for (const auto& [name, device] : m_devices) all.push_back(device);
    return all;
}

std::vector<PairingRequest> DeviceBook::requests(SteadyTime now) {
    dropExpired(now);
    return m_requests;
}

std::optional<PairingRequest> DeviceBook::requestOf(const PublicKey& key, SteadyTime now) {
    dropExpired(now);
    const auto found = std::find_if(m_requests.begin(), m_requests.end(),
                                    [&](const PairingRequest& request) { return request.key == key; });
    if (found == m_requests.end()) return std::nullopt;
    return *found;
}

}  // namespace netpas::secretary::devices
