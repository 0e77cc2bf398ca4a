// What several tables of accounting.toml and directory.toml have in common.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/isp/toml_fields.h"
#include "core/crypto/identity.h"
#include "core/guarantee.h"
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

// guarantee = { set_up = "0.001", per_minute = "0.0005", rate_mbit = 5, reservations = 100 }
inline Guarantee readGuarantee(TomlFields& fields) {
    Guarantee guarantee;
    guarantee.setUp = fields.money("set_up").value_or(Money::zero());
    guarantee.perMinute = fields.money("per_minute").value_or(Money::zero());
    guarantee.bitsPerSecond =
        static_cast<uint64_t>(std::llround(fields.real("rate_mbit", 0.001, 1e6).value_or(1) * 1e6));
    return guarantee;
}

}  // namespace netpas::isp
