#include "tun/capture/nft_rules.h"

#include <algorithm>
#include <cstdio>

namespace netpas::tun {

namespace {

constexpr const char* chain = "divert";
// Of forwarded packets: where they are marked, where they are taken, and where connection tracking leaves ours alone.
constexpr const char* throughChain = "through";
constexpr const char* takeChain = "take";
constexpr const char* untrackChain = "untrack";

std::string hex(uint32_t value) {
    char text[11];
    std::snprintf(text, sizeof text, "0x%08x", value);
    return text;
}

void addSide(std::string& rule, const std::optional<IpPrefix>& prefix, const char* field) {
    if (!prefix) return;
    rule += prefix->address().isV6() ? " ip6 " : " ip ";
    rule += field;
    rule += ' ';
    rule += prefix->toString();
}

// The same set of packets as FlowMatch::matches(). Only TCP and UDP have ports.
std::string condition(const FlowMatch& match) {
    std::string rule;
    addSide(rule, match.local, "saddr");
    addSide(rule, match.remote, "daddr");
    const bool ports = match.localPort != 0 || match.remotePort != 0;
    if (match.protocol == ipproto::icmp) {
        rule += " meta l4proto { 1, 58 }";
    } else if (match.protocol != 0) {
        rule += " meta l4proto " + std::to_string(match.protocol);
    } else if (ports) {
        rule += " meta l4proto { 6, 17 }";
    }
    if (match.localPort != 0) rule += " th sport " + std::to_string(match.localPort);
    if (match.remotePort != 0) rule += " th dport " + std::to_string(match.remotePort);
    return rule;
}

std::string mac(const LinkAddress& address) {
    char text[18];
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", address[0], address[1], address[2], address[3],
                  address[4], address[5]);
    return text;
}

// Never: packets that somebody marked, ourselves included; what only has a meaning on one link (multicast, link-local, neighbour discovery).
std::string exceptions(const LinuxCaptureOptions& options, const std::string& rule) {
    return rule + " meta mark & " + hex(options.markMask) + " != 0 return\n" + rule +
           " ip daddr { 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255 } return\n" + rule +
           " ip6 daddr { fe80::/10, ff00::/8 } return\n" + rule + " icmpv6 type { 130-137, 143, 151-153 } return\n";
}

std::string flowRules(const LinuxCaptureOptions& options, const std::string& rule, std::span<const CapturedFlow> flows,
                      CapturePoint point) {
    const std::string divert =
        " meta mark set meta mark & " + hex(~options.markMask) + " | " + hex(options.mark) + " return\n";
    std::string text;
    for (const CapturedFlow& flow : flows) {
        if (flow.point != point) continue;
        text += rule + condition(flow.match);
        if (flow.sender) text += " ether saddr " + mac(*flow.sender);
        text += flow.action == CaptureAction::Divert ? divert : " return\n";
    }
    return text;
}

// A marked packet becomes a copy in the device. The first packet of a connection goes its ordinary way: by leaving it makes the connection
// known, and without that the answers would find nobody. The copy itself passes here as well.
std::string takeRules(const LinuxCaptureOptions& options, const char* family, const char* gateway) {
    const std::string target = std::string(family) + " " + options.table + " " + takeChain;
    const std::string rule =
        "add rule " + target + " meta mark & " + hex(options.markMask) + " == " + hex(options.mark);
    const std::string take = std::string(" dup to ") + gateway + " device \"" + options.device + "\" drop\n";
    return "add rule " + target + " oifname \"" + options.device + "\" return\n" + rule + " ct status confirmed" +
           take + rule + " ct state untracked" + take;
}

}  // namespace

bool isNftName(const std::string& name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
    return !name.empty() && name.size() <= 31 && letter(name.front()) && std::all_of(name.begin(), name.end(), allowed);
}

std::string nftCreateTable(const LinuxCaptureOptions& options) {
    // A chain of type route has the kernel look up the route again when a rule changed the mark; packets keep their source address.
    return "create table inet " + options.table + " { flags owner; }\nadd chain inet " + options.table + " " + chain +
           " { type route hook output priority mangle; policy accept; }\n";
}

std::string nftCreateForwarding(const LinuxCaptureOptions& options) {
    const std::string inet = "inet " + options.table + " ";
    std::string text = "add chain " + inet + throughChain +
                       " { type filter hook forward priority mangle; policy accept; }\n" + "add chain " + inet +
                       untrackChain + " { type filter hook output priority raw; policy accept; }\n" + "flush chain " +
                       inet + untrackChain + "\n" + "add rule " + inet + untrackChain + " meta mark & " +
                       hex(options.markMask) + " == " + hex(translatedBypassMark & options.markMask) + " notrack\n";
    for (const char* family : {"ip", "ip6"}) {
        const std::string table = std::string(family) + " " + options.table;
        text += "add table " + table + " { flags owner; }\nadd chain " + table + " " + takeChain +
                " { type filter hook postrouting priority srcnat + 50; policy accept; }\n";
    }
    return text;
}

std::string nftReplaceRules(const LinuxCaptureOptions& options, std::span<const CapturedFlow> flows, bool forwarding) {
    const auto any = [&](CapturePoint point) {
        return std::any_of(flows.begin(), flows.end(), [&](const CapturedFlow& flow) { return flow.point == point; });
    };
    const std::string output = "inet " + options.table + " " + chain;
    std::string text = "flush chain " + output + "\n";
    if (any(CapturePoint::Output)) {
        const std::string rule = "add rule " + output;
        text += rule + " oif lo return\n";  // this machine to itself
        text += exceptions(options, rule) + flowRules(options, rule, flows, CapturePoint::Output);
    }
    if (!forwarding) return text;
    const std::string through = "inet " + options.table + " " + throughChain;
    const bool forwards = any(CapturePoint::Forwarded);
    text += "flush chain " + through + "\n";
    if (forwards) {
        const std::string rule = "add rule " + through;
        text += rule + " oifname \"" + options.device + "\" return\n";
        text += exceptions(options, rule) + flowRules(options, rule, flows, CapturePoint::Forwarded);
    }
    for (const auto& [family, gateway] : {std::pair{"ip", deviceGateway4}, {"ip6", deviceGateway6}}) {
        text += std::string("flush chain ") + family + " " + options.table + " " + takeChain + "\n";
        if (forwards) text += takeRules(options, family, gateway);
    }
    return text;
}

}  // namespace netpas::tun
