// Test packets of the Simple Two-way Active Measurement Protocol (RFC 8762, RFC 8972): the bytes, and nothing of sockets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/clock.h"

namespace netpas::stamp {

inline constexpr uint16_t defaultPort = 862;
inline constexpr size_t openSize = 44;     // without TLVs, unauthenticated
inline constexpr size_t sealedSize = 112;  // authenticated
inline constexpr size_t maxSize = 9000;    // a longer packet is refused
inline constexpr size_t maxTlvs = 16;

// HMAC-SHA-256 truncated to 128 bits (RFC 8762 §4.4).
using Key = std::array<uint8_t, 32>;

enum class StampError {
    TooShort,
    TooLong,
    TooManyTlvs,
    WrongMac,  // of another key, or changed on the way
};
[[nodiscard]] std::string_view describe(StampError error);

// How well a clock is known (RFC 4656 §4.1.2).
struct ErrorEstimate {
    bool synchronized = false;
    bool ptp = false;        // the timestamp beside it is a truncated PTPv2 one, else NTP
    uint8_t scale = 0;       // 0..63
    uint8_t multiplier = 1;  // never 0
    friend bool operator==(const ErrorEstimate&, const ErrorEstimate&) = default;
};

// Times before 1970 or after February 2036 do not occur.
[[nodiscard]] uint64_t toNtp(SystemTime time);
[[nodiscard]] SystemTime fromTimestamp(uint64_t stamp, bool ptp);

namespace tlv {
inline constexpr uint8_t extraPadding = 1;
inline constexpr uint8_t location = 2;
inline constexpr uint8_t timestampInformation = 3;
inline constexpr uint8_t classOfService = 4;
inline constexpr uint8_t directMeasurement = 5;
inline constexpr uint8_t followUp = 7;
inline constexpr uint8_t hmac = 8;
inline constexpr uint8_t unrecognized = 0x80;  // flags
inline constexpr uint8_t malformed = 0x40;
inline constexpr uint8_t integrity = 0x20;
}  // namespace tlv

struct Tlv {
    uint8_t flags = 0;
    uint8_t type = 0;
    Bytes value;
    friend bool operator==(const Tlv&, const Tlv&) = default;
};

struct SenderPacket {
    uint32_t sequence = 0;
    uint64_t timestamp = 0;
    ErrorEstimate error;
    uint16_t session = 0;  // SSID; 0: none
    std::vector<Tlv> tlvs;
    friend bool operator==(const SenderPacket&, const SenderPacket&) = default;
};

struct ReflectorPacket {
    uint32_t sequence = 0;  // the reflector's own, when it keeps state: then losses there and back are told apart
    uint64_t timestamp = 0;
    ErrorEstimate error;
    uint16_t session = 0;
    uint64_t received = 0;  // when the reflector had the request
    uint32_t senderSequence = 0;
    uint64_t senderTimestamp = 0;
    ErrorEstimate senderError;
    uint8_t senderTtl = 0;  // that was left of it at the reflector
    std::vector<Tlv> tlvs;
    friend bool operator==(const ReflectorPacket&, const ReflectorPacket&) = default;
};

// With a key in authenticated mode, without in the open one. Fields that must be zero are written so and not looked at.
[[nodiscard]] Bytes encode(const SenderPacket& packet, const std::optional<Key>& key);
[[nodiscard]] Bytes encode(const ReflectorPacket& packet, const std::optional<Key>& key);
[[nodiscard]] tl::expected<SenderPacket, StampError> decodeSender(ByteView bytes, const std::optional<Key>& key);
[[nodiscard]] tl::expected<ReflectorPacket, StampError> decodeReflector(ByteView bytes, const std::optional<Key>& key);

}  // namespace netpas::stamp
