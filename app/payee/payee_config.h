// What netpas-payee is told (README.md here has every key).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/isp/edge_config.h"
#include "app/payee/proof_book.h"
#include "core/directory/documents.h"
#include "core/net_address.h"
#include "core/x402/offer.h"

namespace netpas::payee {

struct PricedPath {
    std::string path;    // "/comics/1.png", or "/comics/*" for all below
    bool below = false;  // … then without the star
    Money amount;
    std::string purpose;
    std::string description;
    std::chrono::seconds timeout{300};
    [[nodiscard]] bool matches(std::string_view asked) const { return below ? asked.starts_with(path) : asked == path; }
};

struct SiteSettings {
    std::vector<Endpoint> listen;
    std::string url;                 // as buyers see it, without a slash at the end
    std::filesystem::path root;      // of files; empty: an upstream
    std::filesystem::path upstream;  // Unix socket of a web server; empty: files
    size_t mostBytes = size_t{8} << 20;
    std::vector<x402::Version> versions{x402::Version::Two, x402::Version::One};
    std::vector<PricedPath> prices;
};

struct FacilitatorSettings {
    std::optional<Endpoint> listen;
    std::filesystem::path socket;
    std::string group;
    std::filesystem::path tokenFile;  // empty: whoever comes there may ask
};

struct PayeeSettings {
    directory::JoinUrl isp;
    std::filesystem::path stateFolder;
    std::string user = "netpas-payee";
    std::filesystem::path certificate;  // PEM; empty: none
    ProofRules rules;
    std::optional<FacilitatorSettings> facilitator;
    std::optional<SiteSettings> site;
};

[[nodiscard]] tl::expected<PayeeSettings, std::vector<isp::ConfigProblem>> readPayeeConfig(const std::string& file);
[[nodiscard]] tl::expected<PayeeSettings, std::vector<isp::ConfigProblem>> parsePayeeConfig(const std::string& text,
                                                                                            const std::string& file);

}  // namespace netpas::payee
