#include "core/domain_name.h"

#include <algorithm>

namespace netpas {

namespace {

constexpr size_t maxName = 253;
constexpr size_t maxLabel = 63;

constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool isLetter(char c) { return c >= 'a' && c <= 'z'; }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool isLabel(std::string_view label) {
    return !label.empty() && label.size() <= maxLabel && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), [](char c) { return isLetter(c) || isDigit(c) || c == '-'; });
}

}  // namespace

std::optional<std::string> parseDomain(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.size() > maxName) return std::nullopt;
    std::string name(text);
    std::transform(name.begin(), name.end(), name.begin(), lower);
    std::string_view rest = name;
    while (true) {
        const size_t dot = rest.find('.');
        const std::string_view label = rest.substr(0, dot);
        if (!isLabel(label)) return std::nullopt;
        if (dot == std::string_view::npos) {
            // No top level is all digits: that would be an address, or an attempt at one.
            if (std::all_of(label.begin(), label.end(), isDigit)) return std::nullopt;
            return name;
        }
        rest.remove_prefix(dot + 1);
    }
}

}  // namespace netpas
