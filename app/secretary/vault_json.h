// JSON forms of what the vault's routes answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "secretary/vault/backup.h"
#include "secretary/vault/doctor.h"

namespace netpas::secretaryd {

[[nodiscard]] nlohmann::json findingsJson(const std::vector<secretary::Finding>& findings);
[[nodiscard]] nlohmann::json manifestJson(const secretary::BackupManifest& manifest);
[[nodiscard]] nlohmann::json planJson(const secretary::RestorePlan& plan);

}  // namespace netpas::secretaryd
