#include "core/x402/site.h"

#include <algorithm>
#include <charconv>

#include "core/domain_name.h"
#include "core/net_address.h"

namespace netpas::x402 {

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

std::optional<uint16_t> portFrom(std::string_view text, bool secure) {
    if (text.empty()) return secure ? uint16_t{443} : uint16_t{80};
    text.remove_prefix(1);  // the colon
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == 0 || number > UINT16_MAX) {
        return std::nullopt;
    }
    return static_cast<uint16_t>(number);
}

}  // namespace

std::string Site::domain() const { return parseDomain(host).value_or(std::string()); }

std::optional<Site> siteOf(std::string_view url) {
    const bool printable =
        std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
    const size_t mark = url.find("://");
    if (!printable || mark == std::string_view::npos) return std::nullopt;
    const std::string scheme = lower(url.substr(0, mark));
    if (scheme != "http" && scheme != "https") return std::nullopt;
    Site site;
    site.secure = scheme == "https";
    url.remove_prefix(mark + 3);
    const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
    if (authority.find('@') != std::string_view::npos) return std::nullopt;
    const bool bracket = authority.starts_with('[');
    const size_t close = authority.find(']');
    if (bracket && close == std::string_view::npos) return std::nullopt;
    const size_t end = bracket ? close + 1 : std::min(authority.find(':'), authority.size());
    const std::string_view rest = authority.substr(end);
    site.host = lower(bracket ? authority.substr(1, close - 1) : authority.substr(0, end));
    const bool named = parseDomain(site.host).has_value() || IpAddress::parse(site.host).has_value();
    if (!named || (!rest.empty() && rest.front() != ':')) return std::nullopt;
    const auto port = portFrom(rest, site.secure);
    if (!port) return std::nullopt;
    site.port = *port;
    return site;
}

}  // namespace netpas::x402
