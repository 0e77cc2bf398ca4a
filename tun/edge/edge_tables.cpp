#include "tun/edge/edge_tables.h"

#include "core/wire/accounting_header.h"

namespace netpas::tun {

std::shared_ptr<const EdgeTables> EdgeTables::build(const EdgeConfig& config, uint16_t minute,
                                                    std::span<const IspId> blacklist,
                                                    std::span<const InvestigatedPath> investigated) {
    auto tables = std::make_shared<EdgeTables>();
    tables->m_isp = config.isp;
    tables->m_underpaid = config.underpaid;
    for (const EdgeClass& entry : config.classes) {
        const PriceModel& price = entry.price.modelAt(minute);
        const bool flat = price.perKib == Money::zero() && price.surcharge1024ths == 0;
        ClassEntry& known = tables->m_classes[entry.id.value()];
        known = {true, flat, entry.dscp, price};
        known.guarantee = entry.guarantee;
        known.reservations = entry.reservations;
        for (const PriceSchedule& former : entry.former) known.former.push_back(former.modelAt(minute));
    }
    for (const IspId isp : config.blacklist) tables->m_blacklist.set(isp.value());
    for (const IspId isp : blacklist) tables->m_blacklist.set(isp.value());
    tables->m_hasBlacklist = tables->m_blacklist.any();
    tables->addNeighbours(config);
    tables->addDestinations(config);
    tables->m_investigated.assign(investigated.begin(), investigated.end());
    return tables;
}

void EdgeTables::addNeighbours(const EdgeConfig& config) {
    const auto entryOf = [this](IspId isp) -> NextIsp& {
        uint16_t& index = m_nextIndex[isp.value()];
        if (index == 0) {
            m_next.emplace_back();
            index = static_cast<uint16_t>(m_next.size());
        }
        return m_next[index - size_t{1}];
    };
    for (size_t n = 0; n < config.neighbours.size(); ++n) {
        const EdgeNeighbour& neighbour = config.neighbours[n];
        NextIsp& next = entryOf(neighbour.isp);
        for (const EdgeLink& link : neighbour.links) {
            next.exits.push_back({link.exit, {Way::Link, static_cast<uint16_t>(m_links.size())}});
            m_links.push_back({static_cast<uint16_t>(n), neighbour.isp});
        }
    }
    for (size_t i = 0; i < config.internals.size(); ++i) {
        for (const EdgeInternal::Exit& exit : config.internals[i].exits) {
            entryOf(exit.isp).exits.push_back({exit.exit, {Way::Internal, static_cast<uint16_t>(i)}});
        }
    }
}

void EdgeTables::addDestinations(const EdgeConfig& config) {
    std::vector<PrefixTable::Entry> entries;
    const auto add = [&](const IpPrefix& prefix, Target target) {
        entries.push_back({prefix, static_cast<uint32_t>(m_targets.size())});
        m_targets.push_back(target);
    };
    // What was added later goes before what the file says.
    for (size_t i = config.deliveries.size(); i-- > 0;) {
        if (!config.deliveries[i].active) continue;
        const Way way = config.deliveries[i].participate ? Way::Endpoint : Way::Kernel;
        add(config.deliveries[i].prefix, {way, static_cast<uint16_t>(i), config.deliveries[i].counter});
    }
    for (size_t i = 0; i < config.internals.size(); ++i) {
        for (const IpPrefix& prefix : config.internals[i].prefixes) {
            add(prefix, {Way::Internal, static_cast<uint16_t>(i)});
        }
    }
    m_destinations = PrefixTable(entries);
}

std::optional<EdgeTables::Target> EdgeTables::destination(std::span<const uint8_t> address) const {
    const auto found = m_destinations.find(address);
    if (!found) return std::nullopt;
    return m_targets[*found];
}

const InvestigatedPath* EdgeTables::investigated(const uint8_t* header, size_t hops) const {
    for (const InvestigatedPath& path : m_investigated) {
        if (path.isps.size() != hops) continue;
        size_t i = 0;
        while (i < hops && header_bytes::isp(header, i) == path.isps[i]) ++i;
        if (i == hops) return &path;
    }
    return nullptr;
}

}  // namespace netpas::tun
