// Of a URL (RFC 3986) what decides who is paid for it: http or https, host and port. Nothing else is looked at. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netpas::x402 {

struct Site {
    bool secure = false;  // https
    std::string host;     // lower case; an IPv6 address without its brackets
    uint16_t port = 0;
    // In normal form; empty for an address.
    [[nodiscard]] std::string domain() const;
    friend bool operator==(const Site&, const Site&) = default;
};

// Nothing for another scheme, a user's name in it, no host, or characters that do not stand in URLs.
[[nodiscard]] std::optional<Site> siteOf(std::string_view url);

}  // namespace netpas::x402
