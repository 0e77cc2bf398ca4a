#include "tun/packet/icmp_error.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"
#include "tun/packet/checksum.h"

namespace netpas::tun {
namespace {

constexpr size_t icmpHeaderSize = 8;
constexpr size_t maxIcmp4Size = 576;
constexpr uint8_t hopLimit = 64;

using Failure = tl::unexpected<IcmpRefusal>;

bool allZero(std::span<const uint8_t> address) noexcept {
    return std::all_of(address.begin(), address.end(), [](uint8_t byte) { return byte == 0; });
}

bool manyIpv4(std::span<const uint8_t> address) noexcept {
    return address[0] >= 224;  // multicast, reserved and 255.255.255.255
}

tl::expected<void, IcmpRefusal> mayBeToldAbout(const PacketView& packet, uint32_t mtu) noexcept {
    if (isIcmpError(packet)) return Failure(IcmpRefusal::AboutIcmpError);
    const auto source = packet.source();
    if (packet.version == 6) {
        if (allZero(source) || source[0] == 0xff) return Failure(IcmpRefusal::NoSingleSender);
        if (allZero(source.first(15)) && source[15] == 1) return Failure(IcmpRefusal::NoSingleSender);
        if (mtu < 1280) return Failure(IcmpRefusal::MtuTooSmall);
        return {};
    }
    if (packet.fragment && !packet.firstFragment) return Failure(IcmpRefusal::LaterFragment);
    if (!packet.dontFragment) return Failure(IcmpRefusal::MayBeFragmented);
    if (source[0] == 0 || source[0] == 127 || manyIpv4(source)) return Failure(IcmpRefusal::NoSingleSender);
    if (manyIpv4(packet.destination())) return Failure(IcmpRefusal::ToManyReceivers);
    if (mtu < 68) return Failure(IcmpRefusal::MtuTooSmall);
    return {};
}

size_t buildIpv4(const PacketView& packet, uint32_t mtu, std::span<const uint8_t> router, uint8_t* out) noexcept {
    constexpr size_t ipSize = 20;
    const size_t quote = std::min<size_t>(packet.totalLength, maxIcmp4Size - ipSize - icmpHeaderSize);
    const size_t total = ipSize + icmpHeaderSize + quote;
    std::memset(out, 0, ipSize + icmpHeaderSize);
    out[0] = 0x45;
    out[1] = 0xc0;  // internetwork control, as RFC 1812 §4.3.2.5 has it
    store16(out + 2, static_cast<uint16_t>(total));
    out[8] = hopLimit;
    out[9] = ipproto::icmp;
    std::memcpy(out + 12, router.data(), 4);
    std::memcpy(out + 16, packet.source().data(), 4);
    storeIpv4HeaderChecksum({out, ipSize});

    uint8_t* icmp = out + ipSize;
    icmp[0] = 3;  // destination unreachable
    icmp[1] = 4;  // fragmentation needed and DF set
    store16(icmp + 6, static_cast<uint16_t>(std::min<uint32_t>(mtu, 65535)));
    std::memcpy(icmp + icmpHeaderSize, packet.data, quote);
    InternetSum().add({icmp, icmpHeaderSize + quote}).storeChecksum(icmp + 2);
    return total;
}

size_t buildIpv6(const PacketView& packet, uint32_t mtu, std::span<const uint8_t> router, uint8_t* out) noexcept {
    constexpr size_t ipSize = 40;
    const size_t quote = std::min<size_t>(packet.totalLength, maxIcmpErrorSize - ipSize - icmpHeaderSize);
    const size_t upper = icmpHeaderSize + quote;
    std::memset(out, 0, ipSize + icmpHeaderSize);
    out[0] = 0x6c;  // version 6, traffic class 0xc0
    store16(out + 4, static_cast<uint16_t>(upper));
    out[6] = ipproto::icmp6;
    out[7] = hopLimit;
    std::memcpy(out + 8, router.data(), 16);
    std::memcpy(out + 24, packet.source().data(), 16);

    uint8_t* icmp = out + ipSize;
    icmp[0] = 2;  // packet too big
    store32(icmp + 4, mtu);
    std::memcpy(icmp + icmpHeaderSize, packet.data, quote);
    PacketView error;
    error.data = out;
    error.version = 6;
    error.protocol = ipproto::icmp6;
    pseudoHeaderSum(error, static_cast<uint32_t>(upper)).add({icmp, upper}).storeChecksum(icmp + 2);
    return ipSize + upper;
}

}  // namespace

std::string_view describe(IcmpRefusal refusal) noexcept {
    switch (refusal) {
    case IcmpRefusal::AboutIcmpError: return "the packet is itself an ICMP error";
    case IcmpRefusal::LaterFragment: return "the packet is not a first fragment";
    case IcmpRefusal::MayBeFragmented: return "the packet may be fragmented";
    case IcmpRefusal::NoSingleSender: return "the packet's source is no single host";
    case IcmpRefusal::ToManyReceivers: return "the packet's destination is no single host";
    case IcmpRefusal::MtuTooSmall: return "no link has so small an MTU";
    case IcmpRefusal::BadRouterAddress: return "the router's address is of another family";
    case IcmpRefusal::NoRoom: return "the buffer is too short";
    }
    return "unknown refusal";
}

tl::expected<size_t, IcmpRefusal> buildTooBig(const PacketView& packet, uint32_t mtu, std::span<const uint8_t> router,
                                              std::span<uint8_t> out) noexcept {
    if (const auto allowed = mayBeToldAbout(packet, mtu); !allowed) return Failure(allowed.error());
    if (router.size() != (packet.version == 4 ? 4u : 16u)) return Failure(IcmpRefusal::BadRouterAddress);
    if (out.size() < maxIcmpErrorSize) return Failure(IcmpRefusal::NoRoom);
    return packet.version == 4 ? buildIpv4(packet, mtu, router, out.data())
                               : buildIpv6(packet, mtu, router, out.data());
}

tl::expected<size_t, IcmpRefusal> buildTooBig(const PacketView& packet, uint32_t mtu, std::span<uint8_t> out) noexcept {
    // A multicast group cannot be the source of anything (RFC 4443 §2.2).
    if (packet.version == 6 && packet.destination()[0] == 0xff) return Failure(IcmpRefusal::ToManyReceivers);
    return buildTooBig(packet, mtu, packet.destination(), out);
}

}  // namespace netpas::tun
