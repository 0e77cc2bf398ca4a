#include "core/link_address.h"

#include <charconv>

namespace netpas {

namespace {

constexpr size_t textLength = 17;

}  // namespace

std::string linkText(const LinkAddress& address) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const uint8_t byte : address) {
        if (!text.empty()) text += ':';
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::optional<LinkAddress> parseLink(std::string_view text) {
    if (text.size() != textLength) return std::nullopt;
    LinkAddress address{};
    for (size_t i = 0; i < address.size(); ++i) {
        const char* const at = text.data() + i * 3;
        const auto [end, error] = std::from_chars(at, at + 2, address[i], 16);
        if (error != std::errc() || end != at + 2 || (i + 1 < address.size() && *end != ':')) return std::nullopt;
    }
    return address;
}

}  // namespace netpas
