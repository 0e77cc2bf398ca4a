// The files accounting.toml and directory.toml (app/isp/README.md describes them).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "app/isp/bgp_routes.h"
#include "app/isp/edge_config.h"
#include "app/isp/payee_certifier.h"
#include "core/accounting/server.h"
#include "core/directory/publisher.h"

namespace netpas::isp {

struct AccountingSettings {
    accounting::ServerConfig server;
    std::optional<CertifierSettings> payees;
    std::filesystem::path identity;  // relative paths are taken from the configuration's folder
    std::filesystem::path database;
    std::string databaseServer;  // PostgreSQL's connection string, in place of the file
    std::filesystem::path databaseKey;
    accounting::BillingCycle billing;
    std::filesystem::path adminSocket;
    std::vector<Endpoint> listen;
};

struct DirectorySettings {
    directory::Content content;
    std::optional<BgpSettings> bgp;  // where the router's routes come from
    std::filesystem::path identity;
    std::vector<Endpoint> listen;
};

template <typename Settings>
using ConfigResult = tl::expected<Settings, std::vector<ConfigProblem>>;

[[nodiscard]] ConfigResult<AccountingSettings> parseAccountingConfig(std::string_view toml, const std::string& file,
                                                                     const std::filesystem::path& folder);
[[nodiscard]] ConfigResult<DirectorySettings> parseDirectoryConfig(std::string_view toml, const std::string& file,
                                                                   const std::filesystem::path& folder);
[[nodiscard]] ConfigResult<AccountingSettings> readAccountingConfig(const std::filesystem::path& file);
[[nodiscard]] ConfigResult<DirectorySettings> readDirectoryConfig(const std::filesystem::path& file);

}  // namespace netpas::isp
