#include "app/isp/visitor_gate.h"

#include <nftables/libnftables.h>

#include <memory>

namespace netpas::isp {

namespace {

constexpr const char* table = "inet netpas-visitors";

// Of one family, "{ 192.0.2.0/24, … }"; empty: none.
std::string setOf(const std::vector<IpPrefix>& prefixes, bool v6) {
    std::string text;
    for (const IpPrefix& prefix : prefixes) {
        if (prefix.address().isV6() == v6) text += (text.empty() ? "" : ", ") + prefix.toString();
    }
    return text.empty() ? text : "{ " + text + " }";
}

}  // namespace

std::string gateRules(const VisitorGate& gate, const std::string& device) {
    const std::string chain = std::string(table) + " pass";
    std::string text = std::string("add table ") + table + "\ndelete table " + table + "\nadd table " + table +
                       "\nadd chain " + chain + " { type filter hook forward priority filter; policy accept; }\n";
    const std::string rule = "add rule " + chain;
    text += rule + " iifname \"" + device + "\" return\n";
    const std::string rate =
        std::to_string(gate.kibPerSecond) + " kbytes/second burst " + std::to_string(gate.kibPerSecond) + " kbytes";
    for (const bool v6 : {false, true}) {
        const std::string visitors = setOf(gate.visitors, v6);
        if (visitors.empty()) continue;
        const std::string ip = v6 ? "ip6" : "ip";
        const std::string speaking = v6 ? "speaking6" : "speaking4";
        // Who has not spoken for a minute makes room; beyond that many nobody new gets through.
        text += std::string("add set ") + table + " " + speaking + " { type " + (v6 ? "ipv6_addr" : "ipv4_addr") +
                "; size 65535; flags dynamic, timeout; timeout 60s; }\n";
        const std::string from = rule + " " + ip + " saddr " + visitors;
        if (const std::string open = setOf(gate.open, v6); !open.empty())
            text += from + " " + ip + " daddr " + open + " return\n";
        text += from + " tcp dport " + std::to_string(gate.homeAgentPort) + " update @" + speaking + " { " + ip +
                " saddr limit rate " + rate + " } return\n";
        text += from + " drop\n";
    }
    return text;
}

tl::expected<void, std::string> shutGate(const VisitorGate& gate, const std::string& device) {
    struct Free {
        void operator()(nft_ctx* context) const { nft_ctx_free(context); }
    };
    const std::unique_ptr<nft_ctx, Free> context(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!context) return tl::unexpected(std::string("no memory"));
    nft_ctx_buffer_error(context.get());
    nft_ctx_buffer_output(context.get());
    if (nft_run_cmd_from_buffer(context.get(), gateRules(gate, device).c_str()) == 0) return {};
    return tl::unexpected(std::string(nft_ctx_get_error_buffer(context.get())));
}

}  // namespace netpas::isp
