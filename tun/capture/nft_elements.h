// Elements with counters, as libnftables lists them in JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace netpas::tun {

struct NftCount {
    uint64_t packets = 0;
    uint64_t bytes = 0;
};
// By the two parts of a concatenation, as nftables writes them.
using NftCounts = std::map<std::pair<std::string, std::string>, NftCount>;

// Of all sets in the listing. Nothing: it is none. Elements of another form are left out.
[[nodiscard]] std::optional<NftCounts> nftCountsFrom(const std::string& listing);

}  // namespace netpas::tun
