// The file edge.toml of `netpas-isp edge` (app/isp/README.md describes it).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "app/isp/visitor_gate.h"
#include "core/crypto/identity.h"
#include "core/net_address.h"
#include "tun/edge/edge_config.h"

namespace netpas::isp {

struct EdgeSettings {
    tun::EdgeConfig edge;
    std::filesystem::path identity;  // relative paths are taken from the configuration's folder
    std::filesystem::path stateFolder;
    std::filesystem::path adminSocket;
    // A price that has gone up: how long the one before is still taken. At least the validity of the menus that promised it.
    std::chrono::seconds priceNotice{3600};
    Endpoint accounting;
    PublicKey accountingKey;
    std::optional<VisitorGate> visitors;
};

// One mistake, as it is printed: "edge.toml:12: no such key 'rat' in [[customer]]; did you mean 'rate'?"
struct ConfigProblem {
    std::string file;
    uint32_t line = 0;  // 0 = the file as a whole
    std::string text;   // what is wrong and what to do

    [[nodiscard]] std::string toString() const;
};

// All problems at once. `file` stands in the messages, `folder` is where relative paths begin.
[[nodiscard]] tl::expected<EdgeSettings, std::vector<ConfigProblem>> parseEdgeConfig(
    std::string_view toml, const std::string& file, const std::filesystem::path& folder);
[[nodiscard]] tl::expected<EdgeSettings, std::vector<ConfigProblem>> readEdgeConfig(const std::filesystem::path& file);

}  // namespace netpas::isp
