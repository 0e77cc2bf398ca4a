// IP addresses, prefixes and UDP/TCP endpoints as plain values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace netpas {

class IpAddress {
public:
    // 0.0.0.0
    constexpr IpAddress() = default;
    // 4 or 16 bytes in network order; anything else is nothing.
    [[nodiscard]] static std::optional<IpAddress> fromBytes(std::span<const uint8_t> bytes);
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

    [[nodiscard]] constexpr bool isV4() const { return !m_v6; }
    [[nodiscard]] constexpr bool isV6() const { return m_v6; }
    [[nodiscard]] std::span<const uint8_t> bytes() const { return {m_bytes.data(), m_v6 ? size_t{16} : size_t{4}}; }
    [[nodiscard]] std::string toString() const;

    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    bool m_v6 = false;
    std::array<uint8_t, 16> m_bytes{};  // an IPv4 address uses the first four, the rest is zero
};

class IpPrefix {
public:
    // 0.0.0.0/0
    constexpr IpPrefix() = default;
    // Nothing when the length is beyond the family's 32 or 128, or bits behind it are set.
    [[nodiscard]] static std::optional<IpPrefix> make(const IpAddress& address, uint8_t length);
    // "192.0.2.0/24"; without a length it is one host.
    [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text);

    [[nodiscard]] const IpAddress& address() const { return m_address; }
    [[nodiscard]] uint8_t length() const { return m_length; }
    [[nodiscard]] bool contains(const IpAddress& address) const;
    [[nodiscard]] std::string toString() const;

    friend constexpr auto operator<=>(const IpPrefix&, const IpPrefix&) = default;

private:
    IpAddress m_address;
    uint8_t m_length = 0;
};

struct Endpoint {
    IpAddress address;
    uint16_t port = 0;

    [[nodiscard]] std::string toString() const;  // "192.0.2.1:46721", "[2001:db8::1]:46721"
    friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace netpas

template <>
struct std::hash<netpas::IpAddress> {
    size_t operator()(const netpas::IpAddress& address) const noexcept;
};
