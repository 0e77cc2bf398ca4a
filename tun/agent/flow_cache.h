// Which paid flow a packet belongs to: a small cache in front of the list of matches, and a memory of fragmented packets. One packet thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/crypto/tag.h"
#include "tun/agent/plane_state.h"
#include "tun/capture/translation.h"
#include "tun/packet/ip_packet.h"

namespace netpas::tun {

// What a customer tag covers of a packet, as comparable bytes. Packets of one burst agree in it.
struct TagIdentity {
    std::array<uint8_t, 16> source{};  // IPv4: the first four
    std::array<uint8_t, 16> destination{};
    uint16_t sourcePort = 0;  // 0 in fragments that are not the first
    uint16_t destinationPort = 0;
    uint8_t version = 0;
    uint8_t protocol = 0;
    uint16_t flow = 0;  // makes later fragments of different flows differ; see FlowCache

    TagIdentity() = default;
    explicit TagIdentity(const PacketView& packet) noexcept;
    [[nodiscard]] TagInner inner() const noexcept;
    [[nodiscard]] uint64_t hash() const noexcept;

    friend bool operator==(const TagIdentity& a, const TagIdentity& b) noexcept {
        return std::memcmp(&a, &b, sizeof a) == 0;
    }
};
static_assert(std::has_unique_object_representations_v<TagIdentity> && sizeof(TagIdentity) == 40);

inline constexpr int32_t noFlow = -1;

class FlowCache {
public:
    struct Entry {
        TagIdentity identity;
        uint64_t generation = 0;  // of the flow list; 0 = empty
        int32_t flow = noFlow;    // index in the list
        uint32_t train = 0;       // for the caller, see TrainPlanner
        uint64_t round = 0;       // the caller's round in which `train` was set
        bool translated = false;  // the packet's source is not what its host calls itself
        SteadyTime asked{};       // when that was asked about, with flows of hosts behind this machine
    };

    // `translation`: asked about each new flow while some of the paid ones are forwarded; may be null.
    explicit FlowCache(Translation* translation = nullptr);

    // From now on packets belong to these flows. The list outlives the next call.
    void assign(std::span<const PaidFlow> flows) noexcept;

    // The entry of the packet's flow; stays valid until the next call. Fragments follow their first one; those whose first was never seen
    // belong to a flow only if that has no ports.
    [[nodiscard]] Entry& find(const PacketView& packet, SteadyTime now) noexcept;

private:
    struct Fragments {
        std::array<uint8_t, 16> source{};
        std::array<uint8_t, 16> destination{};
        uint32_t id = 0;
        uint8_t version = 0;
        uint8_t protocol = 0;
        uint64_t generation = 0;
        int32_t flow = noFlow;
        bool translated = false;
    };
    // What a new entry for the packet says.
    void fill(Entry& entry, const PacketView& packet, SteadyTime now) noexcept;
    [[nodiscard]] bool isCurrent(const Entry& entry, const PacketView& packet, SteadyTime now) const noexcept;
    [[nodiscard]] Fragments& fragmentsOf(const PacketView& packet, const TagIdentity& identity) noexcept;
    [[nodiscard]] bool isSame(const Fragments& fragments, const PacketView& packet,
                              const TagIdentity& identity) const noexcept;
    [[nodiscard]] int32_t match(const FlowKey& key) const noexcept;

    Translation* m_translation;
    bool m_forwards = false;  // some flow is a forwarded one
    std::span<const PaidFlow> m_flows;
    uint64_t m_generation = 1;
    std::vector<Entry> m_entries;  // a power of 2; a newer flow takes an older one's place
    std::vector<Fragments> m_fragments;
};

}  // namespace netpas::tun
