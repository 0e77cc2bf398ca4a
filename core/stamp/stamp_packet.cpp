#include "core/stamp/stamp_packet.h"

#include <sodium.h>

#include <algorithm>

namespace netpas::stamp {

namespace {

constexpr uint64_t ntpEpoch = 2'208'988'800;  // seconds from 1900 to 1970
constexpr size_t macSize = 16;
constexpr size_t tlvHead = 4;
constexpr uint64_t nanosecondsInSecond = 1'000'000'000;

using Mac = std::array<uint8_t, crypto_auth_hmacsha256_BYTES>;

Mac macOf(ByteView bytes, const Key& key) {
    static_assert(crypto_auth_hmacsha256_KEYBYTES == 32);
    Mac mac{};
    ::crypto_auth_hmacsha256(mac.data(), bytes.data(), bytes.size(), key.data());
    return mac;
}

// Over everything before it.
void seal(Writer& writer, const Key& key) {
    const Mac mac = macOf(writer.data(), key);
    writer.bytes(ByteView(mac).first(macSize));
}

bool isSealed(ByteView bytes, size_t size, const Key& key) {
    const Mac mac = macOf(bytes.first(size - macSize), key);
    return ::sodium_memcmp(mac.data(), bytes.data() + size - macSize, macSize) == 0;
}

void zeros(Writer& writer, size_t count) {
    for (size_t i = 0; i < count; ++i) writer.u8(0);
}

void put(Writer& writer, const ErrorEstimate& error) {
    writer.u8(static_cast<uint8_t>((error.synchronized ? 0x80 : 0) | (error.ptp ? 0x40 : 0) | (error.scale & 0x3f)));
    writer.u8(error.multiplier);
}

ErrorEstimate readError(Reader& reader) {
    const uint8_t bits = reader.u8();
    const uint8_t multiplier = reader.u8();
    return {(bits & 0x80) != 0, (bits & 0x40) != 0, static_cast<uint8_t>(bits & 0x3f), multiplier};
}

void put(Writer& writer, const std::vector<Tlv>& tlvs) {
    for (const Tlv& one : tlvs) {
        writer.u8(one.flags);
        writer.u8(one.type);
        writer.blob16(one.value);
    }
}

// What follows the fixed part. One that claims more than there is takes what is left and is marked malformed, as RFC 8972 §4 has it.
tl::expected<std::vector<Tlv>, StampError> readTlvs(ByteView rest) {
    std::vector<Tlv> tlvs;
    while (!rest.empty()) {
        if (tlvs.size() == maxTlvs) return tl::unexpected(StampError::TooManyTlvs);
        if (rest.size() < tlvHead) break;  // what is too short for one is no part of the packet
        const size_t length = load16(rest.data() + 2);
        const size_t there = std::min(length, rest.size() - tlvHead);
        const auto flags = static_cast<uint8_t>(rest[0] | (there < length ? tlv::malformed : 0));
        const ByteView value = rest.subspan(tlvHead, there);
        tlvs.push_back({flags, rest[1], Bytes(value.begin(), value.end())});
        rest = rest.subspan(tlvHead + there);
    }
    return tlvs;
}

// The size of the fixed part, when the packet is one at all.
tl::expected<size_t, StampError> fixedPart(ByteView bytes, const std::optional<Key>& key) {
    const size_t size = key ? sealedSize : openSize;
    if (bytes.size() < size) return tl::unexpected(StampError::TooShort);
    if (bytes.size() > maxSize) return tl::unexpected(StampError::TooLong);
    if (key && !isSealed(bytes, size, *key)) return tl::unexpected(StampError::WrongMac);
    return size;
}

}  // namespace

std::string_view describe(StampError error) {
    switch (error) {
    case StampError::TooShort: return "the packet is shorter than a STAMP test packet";
    case StampError::TooLong: return "the packet is longer than a STAMP test packet may be";
    case StampError::TooManyTlvs: return "the packet has too many extensions";
    case StampError::WrongMac: return "the packet was made with another key, or changed on the way";
    }
    return "unknown";
}

uint64_t toNtp(SystemTime time) {
    const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
    const auto nanoseconds = static_cast<uint64_t>(std::max<int64_t>(since, 0));
    const uint64_t seconds = nanoseconds / nanosecondsInSecond + ntpEpoch;
    // Rounded up, so that the way back rounds down to the same time.
    const uint64_t fraction =
        ((nanoseconds % nanosecondsInSecond << 32) + nanosecondsInSecond - 1) / nanosecondsInSecond;
    return (seconds << 32) + fraction;
}

SystemTime fromTimestamp(uint64_t stamp, bool ptp) {
    const uint64_t high = stamp >> 32;
    const uint64_t low = stamp & UINT32_MAX;
    const uint64_t seconds = ptp ? high : high - std::min(high, ntpEpoch);
    const uint64_t nanoseconds = ptp ? low : low * nanosecondsInSecond >> 32;
    const std::chrono::nanoseconds since(seconds * nanosecondsInSecond + nanoseconds);
    return SystemTime(std::chrono::duration_cast<SystemTime::duration>(since));
}

Bytes encode(const SenderPacket& packet, const std::optional<Key>& key) {
    Writer writer;
    writer.u32(packet.sequence);
    if (key) zeros(writer, 12);
    writer.u64(packet.timestamp);
    put(writer, packet.error);
    writer.u16(packet.session);
    zeros(writer, key ? 68 : 28);
    if (key) seal(writer, *key);
    put(writer, packet.tlvs);
    return writer.take();
}

Bytes encode(const ReflectorPacket& packet, const std::optional<Key>& key) {
    Writer writer;
    writer.u32(packet.sequence);
    if (key) zeros(writer, 12);
    writer.u64(packet.timestamp);
    put(writer, packet.error);
    writer.u16(packet.session);
    if (key) zeros(writer, 4);
    writer.u64(packet.received);
    if (key) zeros(writer, 8);
    writer.u32(packet.senderSequence);
    if (key) zeros(writer, 12);
    writer.u64(packet.senderTimestamp);
    put(writer, packet.senderError);
    zeros(writer, key ? 6 : 2);
    writer.u8(packet.senderTtl);
    zeros(writer, key ? 15 : 3);
    if (key) seal(writer, *key);
    put(writer, packet.tlvs);
    return writer.take();
}

tl::expected<SenderPacket, StampError> decodeSender(ByteView bytes, const std::optional<Key>& key) {
    const auto size = fixedPart(bytes, key);
    if (!size) return tl::unexpected(size.error());
    Reader reader(bytes);
    SenderPacket packet;
    packet.sequence = reader.u32();
    if (key) reader.bytes(12);
    packet.timestamp = reader.u64();
    packet.error = readError(reader);
    packet.session = reader.u16();
    auto tlvs = readTlvs(bytes.subspan(*size));
    if (!tlvs) return tl::unexpected(tlvs.error());
    packet.tlvs = std::move(*tlvs);
    return packet;
}

tl::expected<ReflectorPacket, StampError> decodeReflector(ByteView bytes, const std::optional<Key>& key) {
    const auto size = fixedPart(bytes, key);
    if (!size) return tl::unexpected(size.error());
    Reader reader(bytes);
    ReflectorPacket packet;
    packet.sequence = reader.u32();
    if (key) reader.bytes(12);
    packet.timestamp = reader.u64();
    packet.error = readError(reader);
    packet.session = reader.u16();
    if (key) reader.bytes(4);
    packet.received = reader.u64();
    if (key) reader.bytes(8);
    packet.senderSequence = reader.u32();
    if (key) reader.bytes(12);
    packet.senderTimestamp = reader.u64();
    packet.senderError = readError(reader);
    reader.bytes(key ? 6 : 2);
    packet.senderTtl = reader.u8();
    auto tlvs = readTlvs(bytes.subspan(*size));
    if (!tlvs) return tl::unexpected(tlvs.error());
    packet.tlvs = std::move(*tlvs);
    return packet;
}

}  // namespace netpas::stamp
