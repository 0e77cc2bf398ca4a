// Packets and an edge router for tests: ISP 25 between 26 (upstream) and 24 (downstream), with customers of its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/crypto/tag.h"
#include "core/session_key.h"
#include "core/wire/accounting_header.h"
#include "core/wire/shim.h"
#include "tun/edge/edge_config.h"
#include "tun/edge/edge_processor.h"
#include "tun/packet/checksum.h"
#include "tun/packet/ip_packet.h"

namespace netpas::tun::edgetest {

inline Money nano(int64_t nanodollars) { return Money::fromEighths(nanodollars * 8); }
inline PriceCode price(int64_t nanodollars) { return *PriceCode::roundUp(nano(nanodollars)); }
inline IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
inline IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }

struct Inner {
    std::string_view src = "192.0.2.5";
    std::string_view dst = "203.0.113.9";
    size_t payload = 100;
    uint8_t hopLimit = 64;
    uint16_t srcPort = 4000;
    uint16_t dstPort = 5000;
    uint8_t protocol = ipproto::udp;
    uint16_t fragmentField = 0;  // IPv4 flags and offset
};

// A UDP datagram over IPv4 or IPv6 with right checksums (the transport's only where it is whole).
inline Bytes innerPacket(const Inner& spec) {
    const IpAddress src = ip(spec.src);
    const IpAddress dst = ip(spec.dst);
    const size_t l3 = src.isV4() ? 20 : 40;
    Bytes packet(l3 + 8 + spec.payload, 0x5a);
    uint8_t* p = packet.data();
    std::memset(p, 0, l3 + 8);
    if (src.isV4()) {
        p[0] = 0x45;
        store16(p + 2, static_cast<uint16_t>(packet.size()));
        store16(p + 6, spec.fragmentField);
        p[8] = spec.hopLimit;
        p[9] = spec.protocol;
        std::copy(src.bytes().begin(), src.bytes().end(), p + 12);
        std::copy(dst.bytes().begin(), dst.bytes().end(), p + 16);
        storeIpv4HeaderChecksum({p, 20});
    } else {
        p[0] = 0x60;
        store16(p + 4, static_cast<uint16_t>(8 + spec.payload));
        p[6] = spec.protocol;
        p[7] = spec.hopLimit;
        std::copy(src.bytes().begin(), src.bytes().end(), p + 8);
        std::copy(dst.bytes().begin(), dst.bytes().end(), p + 24);
    }
    uint8_t* udp = p + l3;
    store16(udp, spec.srcPort);
    store16(udp + 2, spec.dstPort);
    store16(udp + 4, static_cast<uint16_t>(8 + spec.payload));
    if (const auto view = parseHeaders(packet); view && view->wholeUdp()) {
        InternetSum sum = pseudoHeaderSum(*view, static_cast<uint32_t>(8 + spec.payload));
        sum.add({udp, 8 + spec.payload});
        sum.storeUdpChecksum(udp + 6);
    }
    return packet;
}

inline Bytes header(std::initializer_list<HopBlock> hops) {
    const auto made = AccountingHeader::make({hops.begin(), hops.size()});
    Bytes bytes(made->size());
    (void)made->encode(bytes);
    return bytes;
}

inline Bytes join(std::initializer_list<ByteView> parts) {
    size_t size = 0;
    for (const ByteView part : parts) size += part.size();
    Bytes bytes(size);
    auto end = bytes.begin();
    for (const ByteView part : parts) end = std::copy(part.begin(), part.end(), end);
    return bytes;
}

inline Bytes plain(ShimKind kind, ByteView head, ByteView inner) {
    std::array<uint8_t, plainShimSize> shim{};
    encodePlainShim(kind, shim);
    return join({shim, head, inner});
}

inline uint64_t tagOf(const TagKey& secret, const CustomerShim& shim, ByteView head, ByteView inner) {
    std::array<uint8_t, customerShimSize> bytes{};
    encodeCustomerShim(shim, bytes);
    const auto view = parseHeaders(inner);
    TagInner covered;
    if (view) {
        covered = {view->version,       view->protocol,   view->source(),
                   view->destination(), view->sourcePort, view->destinationPort};
    }
    return customerTag(secret, std::span<const uint8_t, 16>(bytes.data(), 16), head, covered);
}

// burst = 1 and a segment limit that fits unless told otherwise.
inline Bytes customer(const SessionKey& key, uint64_t sequence, ByteView head, ByteView inner, uint8_t burst = 1,
                      uint16_t segmentLimit = 0) {
    CustomerShim shim;
    shim.burst = burst;
    shim.segmentLimit = segmentLimit != 0 ? segmentLimit : static_cast<uint16_t>(std::max<size_t>(inner.size(), 1));
    shim.key = key.id;
    shim.sequence = sequence;
    shim.tag = tagOf(key.secret, shim, head, inner);
    std::array<uint8_t, customerShimSize> bytes{};
    encodeCustomerShim(shim, bytes);
    return join({bytes, head, inner});
}

inline SystemTime wall(int64_t seconds) { return SystemTime{} + std::chrono::seconds(seconds); }

inline SessionKey sessionKey(uint32_t id = 7) {
    SessionKey key;
    key.id = SessionKeyId(id);
    for (size_t i = 0; i < key.secret.size(); ++i) key.secret[i] = static_cast<uint8_t>(i * 7 + id);
    key.cap = nano(1'000'000);
    key.capPerSecond = nano(100'000'000);
    key.allowed = {IspId(25), IspId(24), IspId(23), IspId(99), IspId(77)};
    key.expires = wall(10'000);
    return key;
}

inline EdgeClass serviceClass(uint8_t id, uint8_t dscp, Money perPacket) {
    EdgeClass entry;
    entry.id = ServiceClass(id);
    entry.name = "class" + std::to_string(id);
    entry.dscp = dscp;
    entry.price.base.perPacket = perPacket;
    return entry;
}

// ISP 25: class 1 at 10 n$ a packet; links to 26 (exits 1) and 24 (exits 3, 4); router "y2" has exit 9 to 24 and 5 to 23.
inline EdgeConfig edgeConfig() {
    EdgeConfig config;
    config.isp = IspId(25);
    config.router = "y1";
    config.classes = {serviceClass(1, 46, nano(10)), serviceClass(2, 10, nano(2))};
    config.customers = {{"B", {prefix("192.0.2.0/26")}, BucketLimit{nano(1000), nano(100'000)}},
                        {"C", {prefix("192.0.2.64/26"), prefix("2001:db8:c::/48")}, std::nullopt}};
    config.neighbours = {{IspId(26),
                          "z",
                          BucketLimit{nano(1000), nano(1'000'000)},
                          {{ExitPoint(1), "z0", ip("198.18.0.2"), ip("198.18.0.1")}}},
                         {IspId(24),
                          "x",
                          std::nullopt,
                          {{ExitPoint(3), "x0", ip("198.18.1.1"), ip("198.18.1.2")},
                           {ExitPoint(4), "x1", ip("198.18.2.1"), ip("198.18.2.2")}}}};
    config.internals = {{"y2",
                         ip("198.18.9.1"),
                         ip("198.18.9.2"),
                         {{IspId(24), ExitPoint(9)}, {IspId(23), ExitPoint(5)}},
                         {prefix("203.0.115.0/24")}}};
    config.deliveries = {{prefix("203.0.113.0/24"), std::nullopt},
                         {prefix("203.0.114.0/24"), Endpoint{ip("203.0.114.1"), dataPort}},
                         {prefix("2001:db8:a::/48"), std::nullopt}};
    config.sampling.threshold = nano(100'000);
    config.sampling.seed = 1;
    return config;
}

inline HopBlock hop(uint16_t isp, int64_t nanodollars, uint16_t exit = 0, uint8_t service = 1) {
    return {IspId(isp), ServiceClass(service), price(nanodollars), ExitPoint(exit)};
}

// A router with a clock, one packet at a time or many.
struct Router {
    explicit Router(EdgeConfig with = edgeConfig())
        : config(std::move(with)), tables(EdgeTables::build(config, 0, {})), processor(config, now.steady) {}

    EdgeResult process(Bytes& bytes, Arrival arrival = Arrival::Customer, uint16_t source = 0) {
        const EdgePacket packet{bytes.data(), static_cast<uint32_t>(bytes.size()), source, arrival};
        EdgeResult result;
        processor.process({&packet, 1}, {&result, 1}, *tables, now);
        return result;
    }
    Verdict verdict(Bytes bytes, Arrival arrival = Arrival::Customer, uint16_t source = 0) {
        return process(bytes, arrival, source).verdict;
    }
    void install(const SessionKey& key) { (void)processor.installKey(key, 0, now.steady); }
    void advance(std::chrono::nanoseconds by) {
        now.steady += by;
        now.wall += std::chrono::duration_cast<std::chrono::microseconds>(by);
    }
    EdgeReport report() {
        EdgeReport harvested;
        processor.harvest(harvested, SIZE_MAX);
        return harvested;
    }

    EdgeTime now{SteadyTime{std::chrono::seconds(5)}, wall(1000)};
    EdgeConfig config;
    std::shared_ptr<const EdgeTables> tables;
    EdgeProcessor processor;
};

}  // namespace netpas::tun::edgetest
