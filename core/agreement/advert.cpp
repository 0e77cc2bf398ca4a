#include "core/agreement/advert.h"

#include "core/agreement/datagram.h"

namespace netpas::agreement {

namespace {

constexpr std::string_view purpose = "NetPaS neighbour advert 1";
constexpr std::chrono::seconds longestLife{300};

constexpr uint8_t flagUpstream = 1, flagDownstream = 2, flagV4 = 4, flagNotice = 8;

bool inRange(const std::optional<Money>& price) { return !price || (!price->isNegative() && *price <= maxPricePerKb); }
bool inRange(const Prices& prices) { return inRange(prices.upstream) && inRange(prices.downstream); }

bool isLinkLocal(const IpAddress& address) {
    return address.isV6() && address.bytes()[0] == 0xfe && (address.bytes()[1] & 0xc0) == 0x80;
}

// A unicast address: neither unspecified, loopback nor multicast.
bool isHost(const IpAddress& address) {
    const uint8_t first = address.bytes()[0];
    return address.isV4() && first != 0 && first != 127 && first < 224;
}

uint8_t soldFlags(const Prices& prices) {
    return static_cast<uint8_t>((prices.upstream ? flagUpstream : 0) | (prices.downstream ? flagDownstream : 0));
}

void encodePrices(Writer& writer, const Prices& prices) {
    if (prices.upstream) accounting::writeMoney(writer, *prices.upstream);
    if (prices.downstream) accounting::writeMoney(writer, *prices.downstream);
}

Prices decodePrices(Reader& reader, uint8_t flags) {
    Prices prices;
    if ((flags & flagUpstream) != 0) prices.upstream = accounting::readMoney(reader);
    if ((flags & flagDownstream) != 0) prices.downstream = accounting::readMoney(reader);
    return prices;
}

IpAddress readAddress(Reader& reader, size_t size) {
    return IpAddress::fromBytes(reader.bytes(size)).value_or(IpAddress());
}

void encode(Writer& writer, const Advert& advert) {
    writer.u8(datagramVersion);
    writer.u8(advertKind);
    writer.bytes(advert.key.bytes);
    writer.u64(advert.run);
    writer.u32(advert.number);
    accounting::writeTime(writer, advert.issued);
    writer.u16(static_cast<uint16_t>(advert.lifetime.count()));
    writer.u8(static_cast<uint8_t>(soldFlags(advert.prices) | (advert.address4 ? flagV4 : 0) |
                                   (advert.notice ? flagNotice : 0)));
    writer.bytes(advert.link);
    writer.bytes(advert.address.bytes());
    if (advert.address4) writer.bytes(advert.address4->bytes());
    writer.u16(advert.isp.value());
    writer.u16(advert.reflectorPort);
    encodePrices(writer, advert.prices);
    if (!advert.notice) return;
    writer.u16(static_cast<uint16_t>(advert.notice->in.count()));
    writer.u8(soldFlags(advert.notice->prices));
    encodePrices(writer, advert.notice->prices);
}

}  // namespace

std::string_view describe(DatagramError error) {
    switch (error) {
    case DatagramError::Truncated: return "it ends too early";
    case DatagramError::Trailing: return "bytes follow its end";
    case DatagramError::Version: return "it has another version";
    case DatagramError::Kind: return "it is of another kind";
    case DatagramError::OutOfRange: return "a field is out of range";
    case DatagramError::Signature: return "its signature is wrong";
    }
    return {};
}

bool isValid(const Advert& advert) {
    using namespace std::chrono_literals;
    constexpr uint8_t groupBit = 1;
    if (advert.issued < SystemTime{} || advert.lifetime < 1s || advert.lifetime > longestLife) return false;
    if ((advert.link[0] & groupBit) != 0 || !isLinkLocal(advert.address)) return false;
    if (advert.address4 && !isHost(*advert.address4)) return false;
    if (!inRange(advert.prices)) return false;
    return !advert.notice || (advert.notice->in >= 1s && advert.notice->in <= std::chrono::seconds(UINT16_MAX) &&
                              inRange(advert.notice->prices));
}

Bytes sign(const Advert& advert, const Identity& identity) {
    Writer writer;
    encode(writer, advert);
    return close(writer, purpose, identity);
}

tl::expected<Advert, DatagramError> decodeAdvert(ByteView datagram) {
    if (datagram.size() < 2 + signatureSize) return tl::unexpected(DatagramError::Truncated);
    if (datagram.size() > maxDatagram) return tl::unexpected(DatagramError::Trailing);
    Reader reader(datagram.first(datagram.size() - signatureSize));
    if (reader.u8() != datagramVersion) return tl::unexpected(DatagramError::Version);
    if (reader.u8() != advertKind) return tl::unexpected(DatagramError::Kind);
    Advert advert;
    reader.array(advert.key.bytes);
    advert.run = reader.u64();
    advert.number = reader.u32();
    advert.issued = accounting::readTime(reader);
    advert.lifetime = std::chrono::seconds(reader.u16());
    const uint8_t flags = reader.u8();
    reader.array(advert.link);
    advert.address = readAddress(reader, 16);
    if ((flags & flagV4) != 0) advert.address4 = readAddress(reader, 4);
    advert.isp = IspId(reader.u16());
    advert.reflectorPort = reader.u16();
    advert.prices = decodePrices(reader, flags);
    uint8_t noticeFlags = 0;
    if ((flags & flagNotice) != 0) {
        PriceNotice notice;
        notice.in = std::chrono::seconds(reader.u16());
        noticeFlags = reader.u8();
        notice.prices = decodePrices(reader, noticeFlags);
        advert.notice = notice;
    }
    if (!reader.ok()) return tl::unexpected(DatagramError::Truncated);
    if (reader.remaining() != 0) return tl::unexpected(DatagramError::Trailing);
    constexpr uint8_t sold = flagUpstream | flagDownstream;
    if ((flags & ~(sold | flagV4 | flagNotice)) != 0 || (noticeFlags & ~sold) != 0 || !isValid(advert))
        return tl::unexpected(DatagramError::OutOfRange);
    return advert;
}

bool verifyAdvert(ByteView datagram, const PublicKey& key) { return verifyDatagram(datagram, purpose, key); }

}  // namespace netpas::agreement
