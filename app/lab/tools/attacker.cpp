#include "app/lab/tools/attacker.h"

#include <algorithm>
#include <cstring>

#include "core/crypto/tag.h"
#include "core/flow.h"
#include "core/wire/shim.h"

namespace netpas::lab {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint16_t innerPort = 6666;

void put16(uint8_t* at, size_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}

// A UDP datagram without checksum over IPv4, with one over IPv6 that the forgeries do not bother to get right: nobody before the
// target looks at it, and the captures look at the marker.
Bytes innerPacket(const IpAddress& src, const IpAddress& dst, std::string_view marker, size_t filling) {
    const size_t head = src.isV6() ? 40 : 20;
    Bytes packet(head + 8 + marker.size() + filling, 0);
    uint8_t* ip = packet.data();
    if (src.isV6()) {
        ip[0] = 0x60;
        put16(ip + 4, packet.size() - head);
        ip[6] = ipproto::udp;
        ip[7] = 64;
    } else {
        ip[0] = 0x45;
        put16(ip + 2, packet.size());
        ip[8] = 64;
        ip[9] = ipproto::udp;
    }
    const auto from = src.bytes();
    const auto to = dst.bytes();
    std::copy(to.begin(), to.end(), std::copy(from.begin(), from.end(), ip + (src.isV6() ? 8 : 12)));
    if (src.isV4()) {
        uint32_t sum = 0;
        for (size_t i = 0; i < 20; i += 2) sum += uint32_t{ip[i]} << 8 | ip[i + 1];
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        put16(ip + 10, static_cast<uint16_t>(~sum));
    }
    uint8_t* udp = ip + head;
    put16(udp, innerPort);
    put16(udp + 2, innerPort);
    put16(udp + 4, packet.size() - head);
    std::memcpy(udp + 8, marker.data(), marker.size());
    return packet;
}

}  // namespace

void Wiretap::record(std::span<const uint8_t> udpPayload) {
    const std::lock_guard lock(m_mutex);
    if (m_entries.size() < most)
        m_entries.push_back({std::chrono::steady_clock::now(), {udpPayload.begin(), udpPayload.end()}});
}

size_t Wiretap::size() const {
    const std::lock_guard lock(m_mutex);
    return m_entries.size();
}

Bytes Wiretap::at(uint64_t index) const {
    const std::lock_guard lock(m_mutex);
    const auto limit = std::chrono::steady_clock::now() - ripe;
    const auto end =
        std::partition_point(m_entries.begin(), m_entries.end(), [&](const Entry& entry) { return entry.at < limit; });
    const auto count = static_cast<uint64_t>(end - m_entries.begin());
    return count == 0 ? Bytes{} : m_entries[index % count].payload;
}

// The making of each kind. A customer's datagram is described first, then encoded with the right tag, then damaged.
struct Forgeries {
    static constexpr size_t fillings = 400;

    struct Parts {
        SessionKey key;
        uint64_t sequence = 0;
        uint8_t burst = 1;
        uint16_t segmentLimit = 0;  // 0: the inner packet's length
        Bytes header;
        Bytes inner;
    };

    static Bytes encode(const std::vector<HopBlock>& path) {
        const auto header = AccountingHeader::make(path);
        if (!header) return {};
        Bytes bytes(header->size());
        (void)header->encode(bytes);
        return bytes;
    }

    static Parts valid(Forge& forge) {
        Parts parts;
        parts.key = forge.m_plan.valid;
        parts.sequence = forge.m_sequence++;
        parts.header = encode(forge.m_plan.path);
        parts.inner =
            innerPacket(forge.m_plan.attacker, forge.m_plan.target, hostileMarker, forge.m_random.below(fillings));
        return parts;
    }

    static Parts onPath(Forge& forge, const std::function<void(std::vector<HopBlock>&)>& change) {
        Parts parts = valid(forge);
        std::vector<HopBlock> path = forge.m_plan.path;
        change(path);
        parts.header = encode(path);
        return parts;
    }

    // With the right tag under the parts' key.
    static Bytes tagged(const Parts& parts) {
        Bytes bytes(customerShimSize);
        CustomerShim shim;
        shim.burst = parts.burst;
        shim.segmentLimit = parts.segmentLimit != 0 ? parts.segmentLimit
                                                    : static_cast<uint16_t>(std::max<size_t>(parts.inner.size(), 1));
        shim.key = parts.key.id;
        shim.sequence = parts.sequence;
        encodeCustomerShim(shim, std::span<uint8_t, customerShimSize>(bytes.data(), customerShimSize));
        const bool ipv6 = !parts.inner.empty() && parts.inner[0] >> 4 == 6;
        const size_t address = ipv6 ? 16 : 4;
        const size_t begin = ipv6 ? 8 : 12;
        TagInner inner;
        inner.version = ipv6 ? 6 : 4;
        inner.protocol = ipproto::udp;
        if (parts.inner.size() >= begin + 2 * address) {
            inner.src = std::span(parts.inner).subspan(begin, address);
            inner.dst = std::span(parts.inner).subspan(begin + address, address);
        }
        inner.srcPort = innerPort;
        inner.dstPort = innerPort;
        shim.tag = customerTag(parts.key.secret, std::span<const uint8_t, taggedShimSize>(bytes.data(), taggedShimSize),
                               parts.header, inner);
        encodeCustomerShim(shim, std::span<uint8_t, customerShimSize>(bytes.data(), customerShimSize));
        bytes.insert(bytes.end(), parts.header.begin(), parts.header.end());
        bytes.insert(bytes.end(), parts.inner.begin(), parts.inner.end());
        return bytes;
    }

    static uint16_t anyPort(Forge& forge) { return static_cast<uint16_t>(1024 + forge.m_random.below(60000)); }

    static Datagram toEdge(Forge& forge, Bytes payload) {
        return {{forge.m_plan.attacker, anyPort(forge)}, {forge.m_plan.edges[0], dataPort}, std::move(payload)};
    }

    static Bytes noise(Forge& forge, size_t limit) {
        Bytes bytes(forge.m_random.below(limit) + 1);
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(forge.m_random.below(256));
        return bytes;
    }

    static Bytes cut(Forge& forge, Bytes bytes, size_t least, size_t most) {
        bytes.resize(std::min(bytes.size(), least + static_cast<size_t>(forge.m_random.below(most - least))));
        return bytes;
    }

    // The length in the first four bits contradicts the bytes that follow.
    static Bytes wrongLength(Forge& forge) {
        Parts parts = valid(forge);
        const auto right = static_cast<uint8_t>(parts.header[0] >> 4);
        const auto wrong = static_cast<uint8_t>((right + 1 + forge.m_random.below(15)) % 16);
        parts.header[0] = static_cast<uint8_t>(wrong << 4);
        return tagged(parts);
    }

    // Up to 16 hops, whose bytes do not match: cut, stretched, or padded with something.
    static Bytes longPath(Forge& forge) {
        const size_t hops = 1 + forge.m_random.below(AccountingHeader::maxHops);
        Parts parts = onPath(forge, [&](std::vector<HopBlock>& path) {
            path.resize(1);
            for (size_t i = 1; i < hops; ++i) {
                path[i - 1].exit = ExitPoint(static_cast<uint16_t>(forge.m_random.below(1024)));
                path.push_back(
                    {IspId(static_cast<uint16_t>(1000 + i)), ServiceClass(1), PriceCode::fromCode(0), ExitPoint(0)});
            }
        });
        const bool stretch = forge.m_random.below(2) == 0;
        parts.header.resize(stretch ? parts.header.size() + 4 * (1 + forge.m_random.below(4))
                                    : parts.header.size() - 1 - forge.m_random.below(4));
        return tagged(parts);
    }

    static Bytes badPadding(Forge& forge) {
        Parts parts = valid(forge);
        const size_t used = header_bytes::blockSize * forge.m_plan.path.size();
        if (used == parts.header.size()) return {};
        parts.header[used + forge.m_random.below(parts.header.size() - used)] =
            static_cast<uint8_t>(1 + forge.m_random.below(255));
        return tagged(parts);
    }

    static Bytes duplicateIsp(Forge& forge) {
        Parts parts = valid(forge);
        const size_t last = header_bytes::blockSize * (forge.m_plan.path.size() - 1);
        std::copy_n(parts.header.begin() + 2, 2, parts.header.begin() + static_cast<std::ptrdiff_t>(last) + 2);
        return tagged(parts);
    }

    static Bytes badInner(Forge& forge) {
        Parts parts = valid(forge);
        switch (forge.m_random.below(4)) {
        case 0: parts.inner[0] = static_cast<uint8_t>(forge.m_random.below(4) << 4 | 5); break;  // version 0..3
        case 1: parts.inner[parts.inner[0] >> 4 == 4 ? 2 : 4] ^= 0x40; break;                    // total length
        case 2: parts.inner.resize(parts.inner.size() - 1); break;
        case 3: parts.inner.push_back(0); break;
        }
        return tagged(parts);
    }

    static Bytes withKey(Forge& forge, const SessionKey& key) {
        Parts parts = valid(forge);
        parts.key = key;
        return tagged(parts);
    }

    static Bytes badShim(Forge& forge, const std::function<void(Bytes&)>& change) {
        Bytes bytes = tagged(valid(forge));
        change(bytes);
        return bytes;
    }

    static Bytes forgedTag(Forge& forge) {
        Bytes bytes = forge.m_live.at(forge.m_random.below(UINT64_MAX));
        if (bytes.size() < customerShimSize) return {};
        // A sequence number that the victim has not used yet: only the tag stands in the way.
        bytes[8] = 0;
        bytes[9] = static_cast<uint8_t>(1 + forge.m_random.below(255));
        for (size_t i = 16; i < customerShimSize; ++i) bytes[i] = static_cast<uint8_t>(forge.m_random.below(256));
        return bytes;
    }

    // One bit of a genuine datagram's shim or header is turned.
    static Bytes turnedBit(Forge& forge) {
        Bytes bytes = forge.m_live.at(forge.m_random.below(UINT64_MAX));
        if (bytes.size() < customerShimSize + 8) return {};
        const size_t covered =
            std::min(bytes.size(), customerShimSize + header_bytes::paddedSize(forge.m_plan.path.size()));
        const uint64_t bit = forge.m_random.below(covered * 8);
        bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        return bytes;
    }

    // The tag covers no payload: the replay window alone must stop this.
    static Bytes replayChanged(Forge& forge) {
        Bytes bytes = forge.m_live.at(forge.m_random.below(UINT64_MAX));
        if (bytes.size() > customerShimSize + 60) bytes.back() = static_cast<uint8_t>(bytes.back() ^ 0xff);
        return bytes;
    }

    static Datagram fromVictim(Forge& forge, Bytes payload) {
        Datagram datagram = toEdge(forge, std::move(payload));
        datagram.src.address = forge.m_plan.victim;
        return datagram;
    }

    static Datagram fromNobody(Forge& forge) {
        Datagram datagram = toEdge(forge, tagged(valid(forge)));
        Bytes address(forge.m_plan.attacker.bytes().begin(), forge.m_plan.attacker.bytes().end());
        address[0] = address.size() == 4 ? 10 : 0x2a;
        for (size_t i = 1; i < address.size(); ++i) address[i] = static_cast<uint8_t>(forge.m_random.below(256));
        datagram.src.address = *IpAddress::fromBytes(address);
        return datagram;
    }

    static Datagram noiseToPorts(Forge& forge) {
        std::vector<IpAddress> targets = forge.m_plan.servers;
        targets.insert(targets.end(), forge.m_plan.edges.begin(), forge.m_plan.edges.end());
        targets.push_back(forge.m_plan.victim);
        constexpr uint16_t ports[] = {dataPort, accountingPort, directoryPort};
        const uint64_t choice = forge.m_random.below(4);
        const uint16_t port = choice < 3 ? ports[choice] : anyPort(forge);
        return {{forge.m_plan.attacker, anyPort(forge)},
                {targets[forge.m_random.below(targets.size())], port},
                noise(forge, 1400)};
    }

    // --- between ISPs
    static Bytes transit(Forge& forge, const std::vector<HopBlock>& path, const IpAddress& dst, std::string_view marker,
                         ShimKind kind) {
        Bytes bytes(plainShimSize);
        encodePlainShim(kind, std::span<uint8_t, plainShimSize>(bytes.data(), plainShimSize));
        const Bytes header = encode(path);
        const Bytes inner = innerPacket(forge.m_plan.attacker, dst, marker, forge.m_random.below(fillings));
        bytes.insert(bytes.end(), header.begin(), header.end());
        bytes.insert(bytes.end(), inner.begin(), inner.end());
        return bytes;
    }

    static Datagram overLink(Forge& forge, size_t at, Bytes payload) {
        const auto& [near, far] = forge.m_plan.betweenIsps[at - 1];
        return {{near, dataPort}, {far, dataPort}, std::move(payload)};
    }

    static Forge::Kind between(size_t at, const std::string& name,
                               const std::function<void(Forge&, std::vector<HopBlock>&)>& change) {
        return {name, [at, change](Forge& forge) {
                    std::vector<HopBlock> path = forge.m_plan.path;
                    // Payments to those before are sampled even when a packet is refused (step 1): they shall be next to nothing.
                    for (size_t i = 0; i < at; ++i) path[i].price = PriceCode::fromCode(0);
                    change(forge, path);
                    return overLink(forge, at,
                                    transit(forge, path, forge.m_plan.target, hostileMarker, ShimKind::Transit));
                }};
    }

    static Forge::Kind damaged(size_t at, const std::string& name, const std::function<void(Forge&, Bytes&)>& damage) {
        return {name, [at, damage](Forge& forge) {
                    std::vector<HopBlock> path = forge.m_plan.path;
                    for (size_t i = 0; i < at; ++i) path[i].price = PriceCode::fromCode(0);
                    Bytes bytes = transit(forge, path, forge.m_plan.target, hostileMarker, ShimKind::Transit);
                    damage(forge, bytes);
                    return overLink(forge, at, std::move(bytes));
                }};
    }

    static Forge::Kind customer(const std::string& name, const std::function<Bytes(Forge&)>& make) {
        return {name, [make](Forge& forge) { return toEdge(forge, make(forge)); }};
    }
    static Forge::Kind onPathKind(const std::string& name,
                                  const std::function<void(Forge&, std::vector<HopBlock>&)>& change) {
        return customer(name, [change](Forge& forge) {
            return tagged(onPath(forge, [&](std::vector<HopBlock>& path) { change(forge, path); }));
        });
    }

    static std::vector<Forge::Kind> makeMalformed();
    static std::vector<Forge::Kind> makeUnpayable();
    static std::vector<Forge::Kind> makeForged();
};

// Truncated, over-long and self-contradictory datagrams, under right tags where they have any.
std::vector<Forge::Kind> Forgeries::makeMalformed() {
    return {
        customer("random_bytes", [](Forge& forge) { return noise(forge, 1400); }),
        customer("truncated_shim", [](Forge& forge) { return cut(forge, tagged(valid(forge)), 0, customerShimSize); }),
        customer("truncated_header",
                 [](Forge& forge) {
                     return cut(forge, tagged(valid(forge)), customerShimSize,
                                customerShimSize + header_bytes::paddedSize(forge.m_plan.path.size()));
                 }),
        customer("truncated_inner",
                 [](Forge& forge) {
                     const size_t front = customerShimSize + header_bytes::paddedSize(forge.m_plan.path.size());
                     Bytes whole = tagged(valid(forge));
                     const size_t size = whole.size();
                     return cut(forge, std::move(whole), front, size);
                 }),
        customer("bytes_behind_inner",
                 [](Forge& forge) {
                     Bytes bytes = tagged(valid(forge));
                     bytes.resize(bytes.size() + 1 + forge.m_random.below(600));
                     return bytes;
                 }),
        customer("malformed_inner", badInner),
        customer("wrong_version",
                 [](Forge& forge) {
                     return badShim(forge, [&](Bytes& bytes) {
                         bytes[0] = static_cast<uint8_t>(((2 + forge.m_random.below(14)) << 4) | 1);
                     });
                 }),
        customer("wrong_kind",
                 [](Forge& forge) {
                     return badShim(forge, [&](Bytes& bytes) {
                         bytes[0] = static_cast<uint8_t>(0x10 | ((2 + forge.m_random.below(15)) & 0xf));
                     });
                 }),
        customer("transit_from_customer",
                 [](Forge& forge) {
                     const auto kind = forge.m_random.below(2) == 0 ? ShimKind::Transit : ShimKind::Internal;
                     return transit(forge, forge.m_plan.path, forge.m_plan.target, hostileMarker, kind);
                 }),
        customer("reserved_bits",
                 [](Forge& forge) {
                     return badShim(forge, [&](Bytes& bytes) {
                         bytes[1] = static_cast<uint8_t>(bytes[1] | 0x40U << forge.m_random.below(2));
                     });
                 }),
        customer("wrong_path_length", wrongLength),
        customer("sixteen_hops_wrong_size", longPath),
        customer("padding_not_zero", badPadding),
        customer("isp_twice", duplicateIsp),
    };
}

// Well-formed, rightly tagged by a customer with a key of its own, but not payable or not sold.
std::vector<Forge::Kind> Forgeries::makeUnpayable() {
    return {
        onPathKind("price_too_low",
                   [](Forge&, std::vector<HopBlock>& path) {
                       path[0].price = PriceCode::fromCode(0);
                       path[1].price = PriceCode::fromCode(0);
                   }),
        onPathKind("blacklisted_isp",
                   [](Forge& forge, std::vector<HopBlock>& path) { path[1].isp = forge.m_plan.blacklisted; }),
        onPathKind("isp_not_allowed",
                   [](Forge& forge, std::vector<HopBlock>& path) { path[1].isp = forge.m_plan.forbidden; }),
        onPathKind("unknown_next_isp",
                   [](Forge& forge, std::vector<HopBlock>& path) { path[1].isp = forge.m_plan.stranger; }),
        onPathKind("unknown_class",
                   [](Forge& forge, std::vector<HopBlock>& path) {
                       path[0].service = ServiceClass(static_cast<uint8_t>(40 + forge.m_random.below(24)));
                   }),
        onPathKind("unknown_exit",
                   [](Forge& forge, std::vector<HopBlock>& path) {
                       path[0].exit = ExitPoint(static_cast<uint16_t>(500 + forge.m_random.below(500)));
                   }),
        onPathKind("path_begins_elsewhere", [](Forge&, std::vector<HopBlock>& path) { path.erase(path.begin()); }),
        customer("key_unknown",
                 [](Forge& forge) {
                     SessionKey key = forge.m_plan.valid;
                     key.id = SessionKeyId(static_cast<uint32_t>(0x40000000U + forge.m_random.below(0x3fffffff)));
                     return withKey(forge, key);
                 }),
        customer("key_expired", [](Forge& forge) { return withKey(forge, forge.m_plan.expired); }),
        customer("key_revoked", [](Forge& forge) { return withKey(forge, forge.m_plan.revoked); }),
        customer("key_cap_reached", [](Forge& forge) { return withKey(forge, forge.m_plan.poor); }),
        customer("key_rate_reached", [](Forge& forge) { return withKey(forge, forge.m_plan.slow); }),
        customer("sequence_too_old",
                 [](Forge& forge) {
                     Parts parts = valid(forge);
                     parts.sequence = forge.m_random.below(forge.m_plan.firstSequence / 2);
                     return tagged(parts);
                 }),
        customer("longer_than_burst_allows",
                 [](Forge& forge) {
                     Parts parts = valid(forge);
                     parts.segmentLimit = static_cast<uint16_t>(1 + forge.m_random.below(parts.inner.size() - 1));
                     return tagged(parts);
                 }),
    };
}

// Other people's packets and addresses.
std::vector<Forge::Kind> Forgeries::makeForged() {
    return {
        customer("forged_tag", forgedTag),
        customer("turned_bit", turnedBit),
        {"replay", [](Forge& forge) { return forge.replay(forge.m_replayed++); }},
        {"replay_from_victims_address",
         [](Forge& forge) { return fromVictim(forge, forge.m_live.at(forge.m_random.below(UINT64_MAX))); }},
        customer("replay_with_other_payload", replayChanged),
        customer("replay_of_stopped_purchase",
                 [](Forge& forge) { return forge.m_stopped.at(forge.m_random.below(UINT64_MAX)); }),
        {"forged_from_victims_address", [](Forge& forge) { return fromVictim(forge, forgedTag(forge)); }},
        {"unknown_source", fromNobody},
        {"noise_to_ports", noiseToPorts},
    };
}

const std::vector<Forge::Kind>& Forge::customerKinds() {
    static const std::vector<Kind> all = [] {
        std::vector<Kind> kinds = Forgeries::makeMalformed();
        for (auto more : {Forgeries::makeUnpayable(), Forgeries::makeForged()})
            kinds.insert(kinds.end(), more.begin(), more.end());
        return kinds;
    }();
    return all;
}

std::vector<Forge::Kind> Forge::pretenderKinds(size_t at) {
    const auto valid = [at](Forge& forge) {
        return Forgeries::transit(forge, forge.m_plan.path, forge.m_plan.target, hostileMarker, ShimKind::Transit);
    };
    return {
        {"pretends_to_be_neighbour",
         [at, valid](Forge& forge) { return Forgeries::overLink(forge, at, valid(forge)); }},
        {"pretends_to_be_neighbour_at_listener",
         [at, valid](Forge& forge) {
             Datagram datagram = Forgeries::overLink(forge, at, valid(forge));
             datagram.dst.address = forge.m_plan.edgesBetween[at];
             return datagram;
         }},
        {"pretends_to_be_own_router",
         [at](Forge& forge) {
             Datagram datagram = Forgeries::overLink(
                 forge, at,
                 Forgeries::transit(forge, forge.m_plan.path, forge.m_plan.target, hostileMarker, ShimKind::Internal));
             datagram.src.address = forge.m_plan.edgesBetween[at];
             return datagram;
         }},
        {"key_of_other_isp",
         [at](Forge& forge) {
             Datagram datagram = Forgeries::toEdge(forge, Forgeries::tagged(Forgeries::valid(forge)));
             datagram.dst.address = forge.m_plan.edges[at];
             return datagram;
         }},
        {"replay_at_other_isp",
         [at](Forge& forge) {
             Datagram datagram = forge.replay(forge.m_random.below(UINT64_MAX));
             datagram.dst.address = forge.m_plan.edges[at];
             return datagram;
         }},
    };
}

std::vector<Forge::Kind> Forge::neighbourKinds(size_t at) {
    std::vector<Kind> kinds{
        Forgeries::damaged(at, "neighbour_truncated",
                           [](Forge& forge, Bytes& bytes) { bytes.resize(forge.m_random.below(bytes.size())); }),
        Forgeries::damaged(
            at, "neighbour_bytes_behind_inner",
            [](Forge& forge, Bytes& bytes) { bytes.resize(bytes.size() + 1 + forge.m_random.below(300)); }),
        Forgeries::damaged(at, "neighbour_reserved_bits",
                           [](Forge& forge, Bytes& bytes) {
                               bytes[1 + forge.m_random.below(3)] = static_cast<uint8_t>(1 + forge.m_random.below(255));
                           }),
        Forgeries::damaged(at, "neighbour_wrong_path_length",
                           [](Forge& forge, Bytes& bytes) {
                               const uint64_t right = bytes[plainShimSize] >> 4;
                               bytes[plainShimSize] =
                                   static_cast<uint8_t>(((right + 1 + forge.m_random.below(15)) % 16) << 4);
                           }),
        Forgeries::between(at, "neighbour_price_too_low",
                           [at](Forge&, std::vector<HopBlock>& path) {
                               for (size_t i = at; i < path.size(); ++i) path[i].price = PriceCode::fromCode(0);
                           }),
        Forgeries::between(at, "neighbour_unknown_class",
                           [at](Forge&, std::vector<HopBlock>& path) { path[at].service = ServiceClass(63); }),
        Forgeries::between(
            at, "neighbour_not_before_us",
            [at](Forge& forge, std::vector<HopBlock>& path) { path[at - 1].isp = forge.m_plan.stranger; }),
        Forgeries::between(at, "neighbour_not_for_us",
                           [at](Forge& forge, std::vector<HopBlock>& path) { path[at].isp = forge.m_plan.stranger; }),
        {"neighbour_wrong_kind",
         [at](Forge& forge) { return Forgeries::overLink(forge, at, Forgeries::tagged(Forgeries::valid(forge))); }},
        {"neighbour_destination_not_ours",
         [at](Forge& forge) {
             std::vector<HopBlock> path = forge.m_plan.path;
             for (size_t i = 0; i < at; ++i) path[i].price = PriceCode::fromCode(0);
             path.resize(at + 1);
             path.back().exit = ExitPoint(0);
             return Forgeries::overLink(
                 forge, at, Forgeries::transit(forge, path, forge.m_plan.outside, hostileMarker, ShimKind::Transit));
         }},
    };
    return kinds;
}

Datagram Forge::control() {
    Forgeries::Parts parts = Forgeries::valid(*this);
    parts.inner = innerPacket(m_plan.attacker, m_plan.target, controlMarker, 100);
    return Forgeries::toEdge(*this, Forgeries::tagged(parts));
}

Datagram Forge::controlBetween(size_t at) {
    std::vector<HopBlock> path = m_plan.path;
    for (size_t i = 0; i < at; ++i) path[i].price = PriceCode::fromCode(0);
    return Forgeries::overLink(*this, at,
                               Forgeries::transit(*this, path, m_plan.target, controlMarker, ShimKind::Transit));
}

Datagram Forge::replay(uint64_t index) { return Forgeries::toEdge(*this, m_live.at(index)); }

}  // namespace netpas::lab
