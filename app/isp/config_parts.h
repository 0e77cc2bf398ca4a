// What several tables of accounting.toml and directory.toml have in common.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/isp/toml_fields.h"
#include "core/crypto/identity.h"
#include "core/ids.h"

namespace netpas::isp {

inline constexpr uint16_t accountingPort = 46722;
inline constexpr uint16_t directoryPort = 46723;

inline IspId ispOf(TomlFields& fields, std::string_view key) {
    return IspId(static_cast<uint16_t>(fields.number(key, 0, 65535).value_or(0)));
}

inline uint16_t portOf(TomlFields& fields, uint16_t usual) {
    return static_cast<uint16_t>(fields.number("port", 1, 65535, TomlFields::Need::Optional).value_or(usual));
}

inline PublicKey keyOf(TomlFields& fields, std::string_view key = "key") {
    const auto hex = fields.text(key);
    const auto parsed = hex ? PublicKey::parse(*hex) : std::nullopt;
    if (hex && !parsed) {
        fields.problem(key, "'" + std::string(key) + "' in " + fields.name() +
                                " must be the 64 hexadecimal digits that `netpas-isp keygen` prints");
    }
    return parsed.value_or(PublicKey{});
}

}  // namespace netpas::isp
