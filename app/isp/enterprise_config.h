// The tables of accounting.toml for customers with an accounting server of their own (NetPaS §5.4).
#pragma once

#include <optional>

#include "app/isp/toml_fields.h"
#include "core/accounting/server.h"

namespace netpas::isp {

// [provider] and [[rule]] at the enterprise; without [provider] nothing is read. The customers come before.
void readEnterprise(TomlFields& root, accounting::ServerConfig& server, Problems& problems);
// [customer.delegation] at the ISP.
[[nodiscard]] std::optional<accounting::Delegation> readDelegation(const toml::table* table, Problems& problems);
// [customer.confirms]: its endpoint may confirm what is delivered to it.
[[nodiscard]] std::optional<accounting::Delegation> readConfirms(const toml::table* table, Problems& problems);

}  // namespace netpas::isp
