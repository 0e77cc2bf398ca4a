#include "core/net_address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace netpas {

std::optional<IpAddress> IpAddress::fromBytes(std::span<const uint8_t> bytes) {
    if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
    IpAddress address;
    address.m_v6 = bytes.size() == 16;
    std::memcpy(address.m_bytes.data(), bytes.data(), bytes.size());
    return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string terminated(text);
    std::array<uint8_t, 16> bytes{};
    if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) return fromBytes(std::span(bytes).first(4));
    if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return fromBytes(bytes);
    return std::nullopt;
}

std::string IpAddress::toString() const {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(m_v6 ? AF_INET6 : AF_INET, m_bytes.data(), text, sizeof text);
    return text;
}

std::optional<IpPrefix> IpPrefix::make(const IpAddress& address, uint8_t length) {
    const auto bytes = address.bytes();
    if (length > bytes.size() * 8) return std::nullopt;
    for (size_t bit = length; bit < bytes.size() * 8; ++bit) {
        if ((bytes[bit / 8] >> (7 - bit % 8)) & 1) return std::nullopt;
    }
    IpPrefix prefix;
    prefix.m_address = address;
    prefix.m_length = length;
    return prefix;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
    const size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    uint8_t length = address->isV6() ? 128 : 32;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (result.ec != std::errc{} || result.ptr != digits.data() + digits.size()) return std::nullopt;
    }
    return make(*address, length);
}

bool IpPrefix::contains(const IpAddress& address) const {
    if (address.isV6() != m_address.isV6()) return false;
    const auto a = m_address.bytes();
    const auto b = address.bytes();
    const size_t whole = m_length / 8;
    if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
    const unsigned rest = m_length % 8;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

std::string IpPrefix::toString() const { return m_address.toString() + "/" + std::to_string(m_length); }

std::string Endpoint::toString() const {
    const std::string host = address.isV6() ? "[" + address.toString() + "]" : address.toString();
    return host + ":" + std::to_string(port);
}

}  // namespace netpas

size_t std::hash<netpas::IpAddress>::operator()(const netpas::IpAddress& address) const noexcept {
    const auto bytes = address.bytes();
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}
