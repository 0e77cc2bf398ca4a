// Internal to the topology parser: where each part of the file stands, for messages of the later checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/lab/topology.h"

namespace netpas::lab {

struct TopologyLines {
    std::vector<uint32_t> isp;
    std::vector<std::vector<uint32_t>> ispClass;
    std::vector<uint32_t> host;
    std::vector<uint32_t> link;
    std::vector<std::vector<uint32_t>> linkClass;
    std::vector<uint32_t> path;
    std::vector<uint32_t> overlay;
};

// The file as written, defaults filled in, nothing cross-checked yet.
struct RawTopology {
    Topology topology;
    TopologyLines lines;
};

Expected<RawTopology> readTopology(std::string_view text, const std::string& file);
// References, duplicates, ranges and reachability; numbers the exits that the file leaves open.
Expected<Topology> checkTopology(RawTopology raw, const std::string& file);

LabError topologyError(const std::string& file, uint32_t line, const std::string& text);

}  // namespace netpas::lab
