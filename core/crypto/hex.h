// Lower-case hexadecimal text of keys, identifiers and signatures.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace netpas {

[[nodiscard]] std::string toHex(std::span<const uint8_t> bytes);
// Fills `out` exactly; false when the text has another length or a character that is no hexadecimal digit.
[[nodiscard]] bool fromHex(std::string_view text, std::span<uint8_t> out);

}  // namespace netpas
