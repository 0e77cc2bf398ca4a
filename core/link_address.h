// What a network card is called on its link (Ethernet, Wi-Fi).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netpas {

using LinkAddress = std::array<uint8_t, 6>;

// "02:00:00:ab:00:01"
[[nodiscard]] std::string linkText(const LinkAddress& address);
[[nodiscard]] std::optional<LinkAddress> parseLink(std::string_view text);

}  // namespace netpas
