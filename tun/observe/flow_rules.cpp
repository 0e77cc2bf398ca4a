#include "tun/observe/flow_rules.h"

#include <utility>

#include "tun/observe/observer.h"

namespace netpas::tun {

std::string nftCreateFlowTable(const std::string& name) {
    const std::string table = "inet " + name;
    const std::string form = "; size " + std::to_string(maxObservedFlows) + "; flags dynamic, timeout; timeout 2m; }\n";
    std::string text = "create table " + table + " { flags owner; }\n";
    text += "add set " + table + " mesh { type ifname; }\n";
    text += "add set " + table + " flows4 { type ipv4_addr . ipv4_addr" + form;
    text += "add set " + table + " flows6 { type ipv6_addr . ipv6_addr" + form;
    text += "add chain " + table + " count\n";
    const auto count = [&](const std::string& rule) { text += "add rule " + table + " count " + rule + "\n"; };
    // What neighbours say to each other is no flow.
    count("ip daddr { 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255 } return");
    count("ip6 daddr { fe80::/10, ff00::/8 } return");
    count("update @flows4 { ip saddr . ip daddr counter }");
    count("update @flows6 { ip6 saddr . ip6 daddr counter }");
    // What is passed on counts behind the rule of forwarding and the machine's own filter: what these do not let through was not lost on the way from here.
    for (const auto& [chain, hook, rule] :
         {std::tuple{"arriving", "prerouting priority raw - 10",
                     "meta pkttype host iifname @mesh fib daddr type local jump count"},
          std::tuple{"own", "output priority raw - 10", "oifname @mesh jump count"},
          std::tuple{"through", "forward priority filter + 20", "iifname @mesh jump count"}}) {
        text += "add chain " + table + " " + chain + " { type filter hook " + hook + "; policy accept; }\n";
        text += "add rule " + table + " " + chain + " " + rule + "\n";
    }
    text += "add rule " + table + " through iifname != @mesh oifname @mesh jump count\n";
    return text;
}

std::string nftChangeMesh(const std::string& table, const std::set<std::string>& before,
                          const std::set<std::string>& after) {
    std::string text;
    const auto each = [&](const char* verb, const std::set<std::string>& of, const std::set<std::string>& without) {
        for (const std::string& name : of) {
            if (!without.contains(name))
                text += std::string(verb) + " element inet " + table + " mesh { \"" + name + "\" }\n";
        }
    };
    each("delete", before, after);
    each("add", after, before);
    return text;
}

std::string nftFlowSet(bool v6) { return v6 ? "flows6" : "flows4"; }

}  // namespace netpas::tun
