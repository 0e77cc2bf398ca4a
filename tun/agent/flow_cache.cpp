#include "tun/agent/flow_cache.h"

#include <algorithm>
#include <chrono>

#include "core/bytes.h"

namespace netpas::tun {

namespace {

constexpr size_t cachedFlows = 1024;
constexpr size_t rememberedFragments = 256;
// A translated port may be another connection's later on.
constexpr auto translationLifetime = std::chrono::seconds(2);
constexpr uint64_t mixer = 0x9e3779b97f4a7c15;

uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * mixer;
    return hash ^ (hash >> 29);
}

}  // namespace

TagIdentity::TagIdentity(const PacketView& packet) noexcept
    : sourcePort(packet.sourcePort),
      destinationPort(packet.destinationPort),
      version(packet.version),
      protocol(packet.protocol) {
    const auto from = packet.source();
    const auto to = packet.destination();
    std::copy(from.begin(), from.end(), source.begin());
    std::copy(to.begin(), to.end(), destination.begin());
}

TagInner TagIdentity::inner() const noexcept {
    const size_t length = version == 4 ? 4 : 16;
    return {version,    protocol,       std::span(source).first(length), std::span(destination).first(length),
            sourcePort, destinationPort};
}

uint64_t TagIdentity::hash() const noexcept {
    std::array<uint64_t, 5> words;
    std::memcpy(words.data(), this, sizeof words);
    uint64_t hash = 0;
    for (const uint64_t word : words) hash = mix(hash, word);
    return hash ^ (hash >> 32);
}

FlowCache::FlowCache(Translation* translation)
    : m_translation(translation), m_entries(cachedFlows), m_fragments(rememberedFragments) {}

void FlowCache::assign(std::span<const PaidFlow> flows) noexcept {
    m_flows = flows;
    m_forwards = std::any_of(flows.begin(), flows.end(), [](const PaidFlow& flow) { return flow.flow.forwarded; });
    ++m_generation;
}

FlowCache::Entry& FlowCache::find(const PacketView& packet, SteadyTime now) noexcept {
    TagIdentity identity(packet);
    const bool later = packet.fragment && !packet.firstFragment;
    int32_t known = noFlow;
    bool translated = false;
    if (later) {
        const Fragments& fragments = fragmentsOf(packet, identity);
        if (isSame(fragments, packet, identity)) {
            known = fragments.flow;
            translated = fragments.translated;
        }
        // Two fragmented flows between the same hosts look alike here but may be paid for differently.
        identity.flow = static_cast<uint16_t>(known + 1);
    }
    Entry& entry = m_entries[identity.hash() & (cachedFlows - 1)];
    if (!(entry.identity == identity) || !isCurrent(entry, packet, now)) {
        entry = {};
        entry.identity = identity;
        entry.generation = m_generation;
        entry.flow = known;
        entry.translated = translated;
        if (known == noFlow) fill(entry, packet, now);
    }
    if (packet.firstFragment) {
        Fragments& fragments = fragmentsOf(packet, identity);
        fragments = {identity.source, identity.destination, packet.fragmentId, packet.version,
                     packet.protocol, m_generation,         entry.flow,        entry.translated};
    }
    return entry;
}

FlowCache::Fragments& FlowCache::fragmentsOf(const PacketView& packet, const TagIdentity& identity) noexcept {
    TagIdentity portless = identity;
    portless.sourcePort = portless.destinationPort = portless.flow = 0;
    return m_fragments[mix(portless.hash(), packet.fragmentId) % rememberedFragments];
}

bool FlowCache::isSame(const Fragments& fragments, const PacketView& packet,
                       const TagIdentity& identity) const noexcept {
    return fragments.generation == m_generation && fragments.id == packet.fragmentId &&
           fragments.version == packet.version && fragments.protocol == packet.protocol &&
           fragments.source == identity.source && fragments.destination == identity.destination;
}

bool FlowCache::isCurrent(const Entry& entry, const PacketView& packet, SteadyTime now) const noexcept {
    if (entry.generation != m_generation) return false;
    if (!m_forwards || m_translation == nullptr) return true;
    // Pings of several hosts look alike but for an identifier that no tag covers.
    const bool icmp = packet.protocol == ipproto::icmp || packet.protocol == ipproto::icmp6;
    return !icmp && now - entry.asked < translationLifetime;
}

void FlowCache::fill(Entry& entry, const PacketView& packet, SteadyTime now) noexcept {
    FlowKey key = flowOf(packet);
    if (m_forwards && m_translation != nullptr) {
        LeavingPacket leaving{key, 0, 0};
        if (packet.l4HeaderLength >= 8 && (packet.protocol == ipproto::icmp || packet.protocol == ipproto::icmp6)) {
            leaving.icmpType = packet.data[packet.l4Offset];
            leaving.icmpIdentifier = load16(packet.data + packet.l4Offset + 4);
        }
        const auto before = m_translation->before(leaving);
        if (before) key = *before;
        entry.translated = before.has_value();
        entry.asked = now;
    }
    entry.flow = match(key);
}

int32_t FlowCache::match(const FlowKey& key) const noexcept {
    for (size_t i = 0; i < m_flows.size(); ++i) {
        if (m_flows[i].flow.match.matches(key)) return static_cast<int32_t>(i);
    }
    return noFlow;
}

}  // namespace netpas::tun
