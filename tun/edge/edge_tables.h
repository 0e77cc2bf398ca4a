// Everything that the packet thread looks up and never changes: one immutable snapshot, built by the control thread.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/ids.h"
#include "core/price_model.h"
#include "tun/edge/edge_config.h"
#include "tun/edge/prefix_table.h"

namespace netpas::tun {

// A path whose payments are counted one by one while a fraud is suspected (NetPaS §5.1 step 8).
struct InvestigatedPath {
    static constexpr size_t limit = 64;
    uint8_t slot = 0;  // of the counters, below limit; the control thread gives it
    std::vector<IspId> isps;
};

class EdgeTables {
public:
    struct ClassEntry {
        bool known = false;
        bool flat = false;  // the price is perPacket and nothing else
        uint8_t dscp = 0;
        PriceModel price;                  // at this time of day
        std::vector<PriceModel> former{};  // that are still taken
        std::optional<Guarantee> guarantee{};
        uint32_t reservations = 0;
    };

    enum class Way : uint8_t { Link, Internal, Kernel, Endpoint };
    // Where a packet goes: the index of a link (all neighbours' links in order), of an internal router or of a delivery.
    struct Target {
        Way way = Way::Link;
        uint16_t index = 0;
        ExitPoint counter{0};  // of a delivery that somebody else confirms
        friend bool operator==(const Target&, const Target&) = default;
    };
    struct ExitEntry {
        ExitPoint exit;
        Target target;
    };
    struct NextIsp {
        std::vector<ExitEntry> exits;  // the most convenient first: own links, then other routers'
    };
    struct LinkInfo {
        uint16_t neighbour = 0;  // index in EdgeConfig::neighbours
        IspId isp;
    };

    // `minute` of the day in UTC decides the prices.
    [[nodiscard]] static std::shared_ptr<const EdgeTables> build(const EdgeConfig& config, uint16_t minute,
                                                                 std::span<const IspId> blacklist,
                                                                 std::span<const InvestigatedPath> investigated = {});

    [[nodiscard]] IspId isp() const { return m_isp; }
    [[nodiscard]] UnderpaidAction underpaid() const { return m_underpaid; }
    [[nodiscard]] bool blacklisted(IspId isp) const { return m_blacklist[isp.value()]; }
    [[nodiscard]] bool hasBlacklist() const { return m_hasBlacklist; }
    [[nodiscard]] const ClassEntry& serviceClass(ServiceClass id) const { return m_classes[id.value()]; }
    // Null when this ISP has no link to it.
    [[nodiscard]] const NextIsp* nextIsp(IspId isp) const {
        const uint16_t index = m_nextIndex[isp.value()];
        return index == 0 ? nullptr : &m_next[index - size_t{1}];
    }
    [[nodiscard]] std::optional<Target> destination(std::span<const uint8_t> address) const;
    [[nodiscard]] const LinkInfo& link(size_t index) const { return m_links[index]; }
    [[nodiscard]] size_t links() const { return m_links.size(); }
    // Null unless `isps` is a path under investigation.
    [[nodiscard]] const InvestigatedPath* investigated(const uint8_t* header, size_t hops) const;
    [[nodiscard]] bool investigates() const { return !m_investigated.empty(); }

private:
    void addNeighbours(const EdgeConfig& config);
    void addDestinations(const EdgeConfig& config);

    IspId m_isp;
    UnderpaidAction m_underpaid = UnderpaidAction::Drop;
    bool m_hasBlacklist = false;
    std::array<ClassEntry, 64> m_classes{};
    std::bitset<65536> m_blacklist;
    std::array<uint16_t, 65536> m_nextIndex{};  // + 1; 0 = none
    std::vector<NextIsp> m_next;
    std::vector<LinkInfo> m_links;
    std::vector<Target> m_targets;
    PrefixTable m_destinations;
    std::vector<InvestigatedPath> m_investigated;
};

}  // namespace netpas::tun
