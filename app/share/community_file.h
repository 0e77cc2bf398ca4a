// The file by which an agent joins a community (app/share/README.md).
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "cartographer/share/community.h"

namespace netpas::dht {

struct CommunityFile {
    std::string name;
    share::Community::Secret secret{};
    std::vector<PublicKey> members;
    std::vector<std::string> bootstrap;  // HOST:PORT
    uint16_t port = 46726;               // UDP; 0: any
    uint32_t network = 0;
    std::chrono::seconds publishEvery{60};
};

// The failure is for people: file, line, what to do.
[[nodiscard]] tl::expected<CommunityFile, std::string> parseCommunity(std::string_view text, const std::string& file);
// Refuses a file that others may read.
[[nodiscard]] tl::expected<CommunityFile, std::string> loadCommunity(const std::filesystem::path& file);

}  // namespace netpas::dht
