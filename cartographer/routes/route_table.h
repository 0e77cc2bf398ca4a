// Routes to prefixes as several peers tell them, with the longest match for an address. Immutable once built: any thread may read.
// Routes that were told alike share their memory: a full table of many peers repeats itself.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cartographer/routes/as_path.h"
#include "cartographer/routes/route_events.h"

namespace netpas::routes {

// Byte strings, each stored once and named by a number.
class ByteStore {
public:
    ByteStore();
    [[nodiscard]] uint32_t intern(ByteView bytes);
    [[nodiscard]] ByteView operator[](uint32_t id) const {
        return {m_bytes.data() + m_begin[id], static_cast<size_t>(m_begin[id + 1] - m_begin[id])};
    }
    [[nodiscard]] size_t size() const { return m_begin.size() - 1; }
    [[nodiscard]] size_t memory() const;
    // Nothing can be added after that.
    void freeze();

private:
    struct Slot {
        uint32_t id = empty;
        uint32_t hash = 0;
        static constexpr uint32_t empty = UINT32_MAX;
    };
    void grow();

    std::array<uint8_t, 16> m_key{};  // of the hash: a dump cannot be made to collide
    Bytes m_bytes;
    std::vector<uint64_t> m_begin{0};
    std::vector<Slot> m_slots;
};

class RouteTable {
public:
    struct Route {
        Peer peer;
        uint32_t pathId = 0;
        AsPath path;
    };
    struct Match {
        IpPrefix prefix;
        std::vector<Route> routes;  // the shortest path first, then by peer
    };

    [[nodiscard]] std::optional<Match> find(const IpAddress& address) const;
    // The number of the longest matching prefix, below size(); for whoever wants to look up fast and keep something for each.
    [[nodiscard]] std::optional<uint32_t> index(const IpAddress& address) const;
    [[nodiscard]] Match at(uint32_t index) const;  // below size(); IPv4 first, each in ascending order

    [[nodiscard]] size_t size() const { return m_four.size() + m_six.size(); }
    [[nodiscard]] size_t routes() const;  // of all prefixes
    [[nodiscard]] size_t memory() const;  // bytes

private:
    friend class RouteTableBuilder;

    // Sorted by address, then by length; `parent` is the next shorter prefix that covers it.
    struct Four {
        uint32_t address = 0;
        uint32_t group = 0;
        uint32_t parent : 26 = 0;
        uint32_t length : 6 = 0;
    };
    struct Six {
        uint64_t high = 0;
        uint64_t low = 0;
        uint32_t group = 0;
        uint32_t parent : 24 = 0;
        uint32_t length : 8 = 0;
    };

    std::vector<Four> m_four;
    std::vector<Six> m_six;
    std::vector<uint32_t> m_start;  // of the IPv4 prefixes by their first 16 bits; empty: there are few
    std::shared_ptr<const ByteStore> m_paths;
    std::shared_ptr<const ByteStore> m_groups;  // the routes of a prefix, packed
    std::vector<Peer> m_peers;
};

class RouteTableBuilder : public RouteSink {
public:
    RouteTableBuilder();

    std::optional<uint16_t> peer(const Peer& peer) override;
    void table(const RawPrefix& prefix, std::span<const Entry> entries) override;
    void announced(const RawPrefix& prefix, Teller teller, ByteView path) override;
    void withdrawn(const RawPrefix& prefix, Teller teller) override;
    void lost(uint16_t peer) override;

    // What holds after everything that was said. Ends the builder. Prefixes beyond mostPrefixes of a family are left out.
    [[nodiscard]] RouteTable build();
    [[nodiscard]] size_t leftOut() const { return m_leftOut; }
    static constexpr size_t mostFour = (size_t{1} << 26) - 1;
    static constexpr size_t mostSix = (size_t{1} << 24) - 1;

private:
    static constexpr uint32_t none = UINT32_MAX;
    struct Row {  // routes of one prefix at one moment
        RawPrefix prefix;
        uint32_t group = 0;
        uint32_t order = 0;
    };
    struct Event {
        RawPrefix prefix;
        Teller teller;
        uint32_t path = none;  // none: withdrawn
        uint32_t order = 0;
    };

    struct Standing {  // a route that holds so far
        Teller teller;
        uint32_t path = 0;
        uint32_t since = 0;
    };

    void sort();
    [[nodiscard]] bool settled() const;
    void settle();
    void add(const Row& row, std::vector<Standing>& standing) const;
    [[nodiscard]] bool isLost(const Standing& route) const;
    void fill(RouteTable& table);
    static void indexHeads(RouteTable& table);

    std::map<Peer, uint16_t> m_numbers;
    std::vector<Peer> m_peers;
    std::shared_ptr<ByteStore> m_paths;
    std::shared_ptr<ByteStore> m_groups;
    std::vector<Row> m_rows;
    std::vector<Event> m_events;
    std::vector<std::vector<uint32_t>> m_losses;  // of each peer: when its session ended
    uint32_t m_order = 0;
    Bytes m_scratch;
    size_t m_leftOut = 0;
};

}  // namespace netpas::routes
