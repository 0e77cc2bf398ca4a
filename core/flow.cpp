#include "core/flow.h"

#include <charconv>

namespace netpas {

namespace {

std::string sideText(const std::optional<IpPrefix>& prefix, uint16_t port) {
    std::string text = "*";
    if (prefix) {
        const bool host = prefix->length() == prefix->address().bytes().size() * 8;
        const std::string address = host ? prefix->address().toString() : prefix->toString();
        text = prefix->address().isV6() ? "[" + address + "]" : address;
    }
    return text + ":" + (port == 0 ? "*" : std::to_string(port));
}

bool parseSide(std::string_view text, std::optional<IpPrefix>& prefix, uint16_t& port) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    std::string_view address = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (address.size() >= 2 && address.front() == '[' && address.back() == ']') {
        address = address.substr(1, address.size() - 2);
    }
    if (address != "*") {
        prefix = IpPrefix::parse(address);
        if (!prefix) return false;
    }
    if (digits == "*") return true;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return result.ec == std::errc{} && result.ptr == digits.data() + digits.size() && port != 0;
}

std::string protocolText(uint8_t protocol) {
    switch (protocol) {
    case 0: return "any";
    case ipproto::icmp: return "icmp";
    case ipproto::tcp: return "tcp";
    case ipproto::udp: return "udp";
    default: return std::to_string(protocol);  // a number, not an enumeration
    }
}

bool parseProtocol(std::string_view text, uint8_t& protocol) {
    for (const uint8_t known : {uint8_t{0}, ipproto::icmp, ipproto::tcp, ipproto::udp}) {
        if (text == protocolText(known)) {
            protocol = known;
            return true;
        }
    }
    const auto result = std::from_chars(text.data(), text.data() + text.size(), protocol);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size() && protocol != 0;
}

}  // namespace

bool FlowMatch::matches(const FlowKey& flow) const {
    if (protocol != 0 && flow.protocol != protocol && !(protocol == ipproto::icmp && flow.protocol == ipproto::icmp6)) {
        return false;
    }
    if (local && !local->contains(flow.src)) return false;
    if (remote && !remote->contains(flow.dst)) return false;
    return (localPort == 0 || localPort == flow.srcPort) && (remotePort == 0 || remotePort == flow.dstPort);
}

std::string FlowMatch::toString() const {
    return protocolText(protocol) + " " + sideText(local, localPort) + " -> " + sideText(remote, remotePort);
}

std::optional<FlowMatch> FlowMatch::parse(std::string_view text) {
    const size_t space = text.find(' ');
    const size_t arrow = text.find(" -> ");
    if (space == std::string_view::npos || arrow == std::string_view::npos || arrow <= space) return std::nullopt;
    FlowMatch match;
    if (!parseProtocol(text.substr(0, space), match.protocol) ||
        !parseSide(text.substr(space + 1, arrow - space - 1), match.local, match.localPort) ||
        !parseSide(text.substr(arrow + 4), match.remote, match.remotePort)) {
        return std::nullopt;
    }
    if (match.local && match.remote && match.local->address().isV6() != match.remote->address().isV6()) {
        return std::nullopt;
    }
    return match;
}

}  // namespace netpas
