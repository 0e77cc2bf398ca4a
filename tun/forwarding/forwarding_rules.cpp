#include "tun/forwarding/forwarding_rules.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

namespace netpas::tun {

namespace {

constexpr const char* byLink = "type ifname . ether_addr;";
constexpr const char* byHop4 = "type ifname . ipv4_addr;";
constexpr const char* byHop6 = "type ifname . ipv6_addr;";
// What a rule looks up: the previous hop, or the next one.
constexpr std::string_view previous = "iifname . ether saddr";
constexpr std::string_view next4 = "oifname . rt ip nexthop";
constexpr std::string_view next6 = "oifname . rt ip6 nexthop";
// Link-local and multicast: not counted, and so forwarded for no neighbour, whoever pays. Linux would (RFC 3927 §7 forbids it).
constexpr std::string_view uncounted4 = "ip daddr { 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255 }";
constexpr std::string_view uncounted6 = "ip6 daddr { fe80::/10, ff00::/8 }";

std::string quoted(const std::string& name) { return '"' + name + '"'; }
std::string element(const ForwardingNeighbour& neighbour) {
    return quoted(neighbour.interface) + " . " + linkText(neighbour.link);
}
std::string element(const ForwardingNeighbour& neighbour, const IpAddress& hop) {
    return quoted(neighbour.interface) + " . " + hop.toString();
}

using Elements = std::set<std::string>;
template <typename Wanted>
Elements links(const ForwardingState& state, Wanted wanted) {
    Elements found;
    for (const ForwardingNeighbour& one : state.neighbours) {
        if (wanted(one)) found.insert(element(one));
    }
    return found;
}
template <typename Wanted>
Elements hops(const ForwardingState& state, bool v6, Wanted wanted) {
    Elements found;
    for (const ForwardingNeighbour& one : state.neighbours) {
        if (!wanted(one)) continue;
        for (const IpAddress& hop : one.nextHops) {
            if (hop.isV6() == v6) found.insert(element(one, hop));
        }
    }
    return found;
}
Elements names(const std::set<std::string>& interfaces) {
    Elements found;
    for (const std::string& name : interfaces) found.insert(quoted(name));
    return found;
}

std::string listOf(const Elements& elements) {
    std::string text;
    for (const std::string& one : elements) text += (text.empty() ? "" : ", ") + one;
    return "{ " + text + " }\n";
}

void remove(std::string& text, const std::string& set, const Elements& before, const Elements& after) {
    Elements gone;
    std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::inserter(gone, gone.end()));
    if (!gone.empty()) text += "delete element " + set + " " + listOf(gone);
}
void add(std::string& text, const std::string& set, const Elements& before, const Elements& after) {
    Elements come;
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::inserter(come, come.end()));
    if (!come.empty()) text += "add element " + set + " " + listOf(come);
}
// Only the difference: elements that stay keep their limits.
void change(std::string& text, const std::string& set, const Elements& before, const Elements& after) {
    remove(text, set, before, after);
    add(text, set, before, after);
}

bool everybody(const ForwardingNeighbour&) { return true; }
bool upstream(const ForwardingNeighbour& one) { return one.paysUpstream; }
bool downstream(const ForwardingNeighbour& one) { return one.paysDownstream; }
bool gratis(const ForwardingNeighbour& one) { return one.free; }

using Difference = void (*)(std::string& text, const std::string& set, const Elements& before, const Elements& after);
void counters(std::string& text, const std::string& prefix, const ForwardingState& before, const ForwardingState& after,
              Difference difference) {
    for (const char* set : {"arrived", "taken"})
        difference(text, prefix + set, links(before, everybody), links(after, everybody));
    difference(text, prefix + "sent4", hops(before, false, everybody), hops(after, false, everybody));
    difference(text, prefix + "sent6", hops(before, true, everybody), hops(after, true, everybody));
}

}  // namespace

std::string nftCreateForwardingTable(const LinuxForwardingOptions& options) {
    const std::string table = "inet " + options.table;
    std::string text = "create table " + table + " { flags owner; }\n";
    const auto set = [&](const std::string& name, const std::string& form) {
        text += "add set " + table + " " + name + " { " + form + " }\n";
    };
    const auto chain = [&](const std::string& name, const std::string& hook) {
        text += "add chain " + table + " " + name + hook + "\n";
    };
    const auto rule = [&](const std::string& where, std::string_view what, std::string_view then) {
        text += "add rule " + table + " " + where + " " + std::string(what) + " " + std::string(then) + "\n";
    };
    for (const char* name : {"mesh", "foreign"}) set(name, "type ifname;");
    set("upstream", byLink);
    set("downstream4", byHop4);
    set("downstream6", byHop6);
    for (const char* name : {"arrived", "taken"}) set(name, std::string(byLink) + " counter;");
    set("sent4", std::string(byHop4) + " counter;");
    set("sent6", std::string(byHop6) + " counter;");
    const bool free = options.freeBytesPerSecond > 0;
    if (free) {
        const std::string rate = std::to_string(options.freeBytesPerSecond);
        const std::string limit = " limit rate " + rate + " bytes/second burst " + rate + " bytes;";
        set("free", byLink + limit);
        set("free4", byHop4 + limit);
        set("free6", byHop6 + limit);
    }

    // Counts, before anybody drops and behind everybody who could.
    for (const auto& [name, hook] : {std::pair{"arriving", "prerouting priority raw - 10"},
                                     std::pair{"leaving", "postrouting priority srcnat + 210"}}) {
        chain(name, std::string(" { type filter hook ") + hook + "; policy accept; }");
        rule(name, uncounted4, "return");
        rule(name, uncounted6, "return");
    }
    rule("arriving", previous, "@arrived");
    rule("leaving", next4, "@sent4");
    rule("leaving", next6, "@sent6");

    // The rule of the note.
    chain("uncounted", "");
    for (const char* side : {"iifname", "oifname"}) rule("uncounted", std::string(side) + " @mesh", "counter drop");
    chain("unpaid", "");
    chain("pass", " { type filter hook forward priority filter + 10; policy accept; }");
    rule("pass", "iifname != @foreign", "accept");
    rule("pass", "oifname != @foreign", "accept");
    rule("pass", uncounted4, "goto uncounted");
    rule("pass", uncounted6, "goto uncounted");
    rule("pass", std::string(previous) + " @upstream " + std::string(previous) + " @taken", "accept");
    rule("pass", next4, "@downstream4 accept");
    rule("pass", next6, "@downstream6 accept");
    rule("pass", "iifname @mesh", "goto unpaid");
    rule("pass", "oifname @mesh", "goto unpaid");
    if (free) {
        rule("unpaid", previous, "@free accept");
        rule("unpaid", next4, "@free4 accept");
        rule("unpaid", next6, "@free6 accept");
    }
    rule("unpaid", "counter", "drop");
    return text;
}

std::string nftChangeForwarding(const LinuxForwardingOptions& options, const ForwardingState& before,
                                const ForwardingState& after) {
    const std::string prefix = "inet " + options.table + " ";
    std::string text;
    const auto foreign = [](const ForwardingState& state) {
        Elements all = names(state.mesh);
        all.merge(names(state.uplinks));
        return all;
    };
    // Counters first: whoever pays has one.
    counters(text, prefix, before, after, add);
    change(text, prefix + "upstream", links(before, upstream), links(after, upstream));
    change(text, prefix + "downstream4", hops(before, false, downstream), hops(after, false, downstream));
    change(text, prefix + "downstream6", hops(before, true, downstream), hops(after, true, downstream));
    if (options.freeBytesPerSecond > 0) {
        change(text, prefix + "free", links(before, gratis), links(after, gratis));
        change(text, prefix + "free4", hops(before, false, gratis), hops(after, false, gratis));
        change(text, prefix + "free6", hops(before, true, gratis), hops(after, true, gratis));
    }
    change(text, prefix + "mesh", names(before.mesh), names(after.mesh));
    change(text, prefix + "foreign", foreign(before), foreign(after));
    return text;
}

std::string nftDropCounters(const LinuxForwardingOptions& options, const ForwardingState& before,
                            const ForwardingState& after) {
    std::string text;
    counters(text, "inet " + options.table + " ", before, after, remove);
    return text;
}

std::string nftListMeter(const LinuxForwardingOptions& options, const std::string& meter) {
    return "list set inet " + options.table + " " + meter;
}

}  // namespace netpas::tun
