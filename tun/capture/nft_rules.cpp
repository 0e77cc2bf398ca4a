#include "tun/capture/nft_rules.h"

#include <algorithm>
#include <cstdio>

namespace netpas::tun {

namespace {

constexpr const char* chain = "divert";

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

std::string nftReplaceRules(const LinuxCaptureOptions& options, std::span<const CapturedFlow> flows) {
    const std::string target = "inet " + options.table + " " + chain;
    const std::string rule = "add rule " + target;
    std::string text = "flush chain " + target + "\n";
    if (flows.empty()) return text;
    // Never: this machine to itself; packets that somebody marked, ourselves included; what only has a meaning on one link
    // (multicast, link-local, neighbour discovery).
    text += rule + " oif lo return\n";
    text += rule + " meta mark & " + hex(options.markMask) + " != 0 return\n";
    text += rule + " ip daddr { 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255 } return\n";
    text += rule + " ip6 daddr { fe80::/10, ff00::/8 } return\n";
    text += rule + " icmpv6 type { 130-137, 143, 151-153 } return\n";
    const std::string divert =
        " meta mark set meta mark & " + hex(~options.markMask) + " | " + hex(options.mark) + " return\n";
    for (const CapturedFlow& flow : flows) {
        text += rule + condition(flow.match);
        text += flow.action == CaptureAction::Divert ? divert : " return\n";
    }
    return text;
}

}  // namespace netpas::tun
