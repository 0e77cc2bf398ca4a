// Identifiers that cannot be mistaken for one another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace netpas {

// An integer with a meaning. Max is the largest value that the wire can carry.
template <typename Tag, typename Rep, uint64_t Max>
class Id {
public:
    using rep = Rep;
    static constexpr Rep maxValue = static_cast<Rep>(Max);

    constexpr Id() = default;
    // Callers check the range first where the value comes from outside: from().
    explicit constexpr Id(Rep value) : m_value(value) {}
    [[nodiscard]] static constexpr std::optional<Id> from(uint64_t value) {
        if (value > Max) return std::nullopt;
        return Id(static_cast<Rep>(value));
    }
    [[nodiscard]] constexpr Rep value() const { return m_value; }
    friend constexpr auto operator<=>(Id, Id) = default;

private:
    Rep m_value = 0;
};

using IspId = Id<struct IspIdTag, uint16_t, 0xffff>;                    // NetPaS §5.1: 16 bits
using ServiceClass = Id<struct ServiceClassTag, uint8_t, 63>;           // 6 bits
using ExitPoint = Id<struct ExitPointTag, uint16_t, 1023>;              // 10 bits; 0 = the ISP chooses
using SessionKeyId = Id<struct SessionKeyIdTag, uint32_t, 0xffffffff>;  // chosen at random by the secretary
using PurchaseId = Id<struct PurchaseIdTag, uint64_t, UINT64_MAX>;

// Names a person, host or ISP: the BLAKE2b-256 hash of its Ed25519 public key (DESIGN §8).
class NodeId {
public:
    static constexpr size_t size = 32;
    constexpr NodeId() = default;
    explicit constexpr NodeId(const std::array<uint8_t, size>& bytes) : m_bytes(bytes) {}
    [[nodiscard]] static std::optional<NodeId> parse(std::string_view hex);
    [[nodiscard]] constexpr const std::array<uint8_t, size>& bytes() const { return m_bytes; }
    [[nodiscard]] std::string hex() const;
    friend constexpr auto operator<=>(const NodeId&, const NodeId&) = default;

private:
    std::array<uint8_t, size> m_bytes{};
};

}  // namespace netpas

template <typename Tag, typename Rep, uint64_t Max>
struct std::hash<netpas::Id<Tag, Rep, Max>> {
    size_t operator()(netpas::Id<Tag, Rep, Max> id) const noexcept { return std::hash<Rep>{}(id.value()); }
};

template <>
struct std::hash<netpas::NodeId> {
    size_t operator()(const netpas::NodeId& id) const noexcept {
        size_t value = 0;  // the bytes are a hash already
        std::memcpy(&value, id.bytes().data(), sizeof value);
        return value;
    }
};
