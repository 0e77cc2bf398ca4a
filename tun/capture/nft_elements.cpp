#include "tun/capture/nft_elements.h"

#include <nlohmann/json.hpp>

namespace netpas::tun {

namespace {

using nlohmann::json;

// {"elem": {"val": {"concat": ["mesh0", "02:00:00:00:00:01"]}, "counter": {"packets": 1, "bytes": 60}}}
std::optional<std::pair<NftCounts::key_type, NftCount>> countFrom(const json& entry) {
    const json none;
    const json& element = entry.is_object() ? entry.value("elem", none) : none;
    if (!element.is_object() || !element.contains("val") || !element.contains("counter")) return std::nullopt;
    const json parts = element["val"].is_object() ? element["val"].value("concat", none) : none;
    const json& counter = element["counter"];
    if (!parts.is_array() || parts.size() != 2 || !parts[0].is_string() || !parts[1].is_string() ||
        !counter.is_object())
        return std::nullopt;
    NftCount count{counter.value("packets", uint64_t{0}), counter.value("bytes", uint64_t{0})};
    return std::pair{NftCounts::key_type{parts[0].get<std::string>(), parts[1].get<std::string>()}, count};
}

}  // namespace

std::optional<NftCounts> nftCountsFrom(const std::string& listing) {
    const json document = json::parse(listing, nullptr, false);
    if (!document.is_object() || !document.contains("nftables") || !document["nftables"].is_array())
        return std::nullopt;
    NftCounts counts;
    for (const json& entry : document["nftables"]) {
        if (!entry.is_object() || !entry.contains("set") || !entry["set"].is_object()) continue;
        for (const json& one : entry["set"].value("elem", json::array())) {
            if (auto count = countFrom(one)) counts.insert(std::move(*count));
        }
    }
    return counts;
}

}  // namespace netpas::tun
