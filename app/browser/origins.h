// Whose extension a browser may start netpas-browser-host for.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace netpas::browser {

// Chromium's first argument: the extension's name follows from the key in its manifest. Firefox's second: what the manifest says.
constexpr std::array<std::string_view, 2> origins{"chrome-extension://ojobafiiejfdojfegnjghnkhclkcoenh/",
                                                  "browser@netpas.example"};

// The browser has looked at the same in the program's own manifest; a wrong manifest alone must not open this door.
[[nodiscard]] inline bool isOurs(std::span<char* const> arguments) {
    if (arguments.empty()) return false;
    const std::string_view first = arguments[0];
    const std::string_view origin = first.starts_with('/') && arguments.size() > 1 ? arguments[1] : first;
    return std::find(origins.begin(), origins.end(), origin) != origins.end();
}

}  // namespace netpas::browser
