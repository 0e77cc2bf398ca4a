// Names of sites as they are compared: lower case, without a final dot.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace netpas {

// The normal form of a host or domain name: letters, digits and hyphens in labels of 1 to 63, at most 253 bytes in all, not an
// address. A name in another script is given in its ASCII form (xn--…).
[[nodiscard]] std::optional<std::string> parseDomain(std::string_view text);

// Calls `use` with a normal name, then with each domain that contains it, until it answers true: "www.example.net",
// "example.net", "net". Says whether it did. Nothing is copied.
template <typename Use>
bool anyDomainOf(std::string_view name, Use use) {
    while (!name.empty()) {
        if (use(name)) return true;
        const size_t dot = name.find('.');
        if (dot == std::string_view::npos) return false;
        name.remove_prefix(dot + 1);
    }
    return false;
}

}  // namespace netpas
