#include "tun/agent/flow_cache.h"

#include <algorithm>

namespace netpas::tun {

namespace {

constexpr size_t cachedFlows = 1024;
constexpr size_t rememberedFragments = 256;
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

FlowCache::FlowCache() : m_entries(cachedFlows), m_fragments(rememberedFragments) {}

void FlowCache::assign(std::span<const PaidFlow> flows) noexcept {
    m_flows = flows;
    ++m_generation;
}

FlowCache::Entry& FlowCache::find(const PacketView& packet) noexcept {
    TagIdentity identity(packet);
    const bool later = packet.fragment && !packet.firstFragment;
    int32_t known = noFlow;
    if (later) {
        const Fragments& fragments = fragmentsOf(packet, identity);
        if (isSame(fragments, packet, identity)) known = fragments.flow;
        // Two fragmented flows between the same hosts look alike here but may be paid for differently.
        identity.flow = static_cast<uint16_t>(known + 1);
    }
    Entry& entry = m_entries[identity.hash() & (cachedFlows - 1)];
    if (entry.generation != m_generation || !(entry.identity == identity)) {
        entry = {identity, m_generation, known != noFlow ? known : match(packet), 0, 0};
    }
    if (packet.firstFragment) {
        Fragments& fragments = fragmentsOf(packet, identity);
        fragments = {identity.source, identity.destination, packet.fragmentId, packet.version,
                     packet.protocol, m_generation,         entry.flow};
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

int32_t FlowCache::match(const PacketView& packet) const noexcept {
    const FlowKey key = flowOf(packet);
    for (size_t i = 0; i < m_flows.size(); ++i) {
        if (m_flows[i].flow.match.matches(key)) return static_cast<int32_t>(i);
    }
    return noFlow;
}

}  // namespace netpas::tun
