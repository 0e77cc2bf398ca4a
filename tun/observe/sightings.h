// When packets were first here, of the last ones only. Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace netpas::tun {

struct Sighting {
    uint64_t hash = 0;
    uint64_t nanoseconds = 0;  // since 1970
};

class Sightings {
public:
    explicit Sightings(size_t capacity = 32'768);

    // A packet of that flow was here. The same packet on its way out is the same sighting; the same again on its way in is a copy.
    void see(uint64_t flow, const Sighting& sighting, bool arrives);
    [[nodiscard]] std::optional<uint64_t> timeOf(uint64_t hash) const;
    // Those of one flow that came once only, and not before `since`; in the order in which they came.
    [[nodiscard]] std::vector<Sighting> of(uint64_t flow, uint64_t since) const;

private:
    struct Entry {
        Sighting sighting;
        uint64_t flow = 0;
        uint32_t arrivals = 0;
    };
    size_t m_capacity;
    size_t m_next = 0;
    std::vector<Entry> m_entries;  // a ring
    std::unordered_map<uint64_t, size_t> m_places;
};

}  // namespace netpas::tun
