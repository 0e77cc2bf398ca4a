// Messages between the accounting servers of one ISP (NetPaS Figure 6; PROTOCOL.md). Confirmations and payments pass between
// them in the same messages as between neighbours. Plain values; encoding is canonical.
#pragma once

#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace netpas::accounting {

inline constexpr size_t maxPlaces = 256;
inline constexpr size_t maxExits = 1024;
inline constexpr size_t maxSiblingCustomers = 900;

// Where a server's routers meet another ISP.
struct PlacesWithIsp {
    IspId isp;
    std::vector<ExitPoint> exits;  // empty: everywhere
    friend auto operator<=>(const PlacesWithIsp&, const PlacesWithIsp&) = default;
};

// What the sender answers for: confirmations for packets that came in there go to it.
struct SiblingPlaces {
    std::vector<PlacesWithIsp> places;
};

// Whose payments end at the sender.
struct SiblingCustomers {
    bool first = false;  // forget what was said before
    std::vector<NodeId> here;
    std::vector<NodeId> gone;
};

void write(Writer& w, const SiblingPlaces& m);
void write(Writer& w, const SiblingCustomers& m);
[[nodiscard]] SiblingPlaces readSiblingPlaces(Reader& r);
[[nodiscard]] SiblingCustomers readSiblingCustomers(Reader& r);

}  // namespace netpas::accounting
