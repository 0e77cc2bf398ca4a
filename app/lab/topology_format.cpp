// Writes a topology as the file that parses to it again.
#include <sstream>

#include "app/lab/topology.h"

namespace netpas::lab {
namespace {

// A TOML basic string. Descriptions may hold anything; control characters become \uXXXX.
std::string tomlString(std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += "\\u00";
            out += hex[byte >> 4];
            out += hex[byte & 15];
        } else {
            out += c;
        }
    }
    return out + "\"";
}

template <typename T, typename Write>
std::string tomlList(const T& items, Write write) {
    std::string out = "[";
    for (const auto& item : items) {
        if (out.size() > 1) out += ", ";
        out += write(item);
    }
    return out + "]";
}

std::string minute(uint16_t value) {
    const auto two = [](int number) { return std::string(number < 10 ? "0" : "") + std::to_string(number); };
    return tomlString(two(value / 60) + ":" + two(value % 60));
}

void writePrice(std::ostream& out, const Price& price) {
    out << "per_packet = " << tomlString(price.perPacket.toString())
        << "\nper_kib = " << tomlString(price.perKib.toString()) << "\nsurcharge_1024ths = " << price.surcharge1024ths
        << "\n";
}

void writeClass(std::ostream& out, const ServiceClassSpec& spec) {
    out << "[[isp.class]]\nid = " << int{spec.id} << "\nname = " << tomlString(spec.name)
        << "\ndescription = " << tomlString(spec.description) << "\ndscp = " << int{spec.dscp}
        << "\npriority = " << int{spec.priority} << "\nshare = " << tomlString(toString(spec.share)) << "\n";
    writePrice(out, spec.price);
    if (spec.latency) out << "latency = " << tomlString(toString(*spec.latency)) << "\n";
    if (spec.loss) out << "loss = " << tomlString(toString(*spec.loss)) << "\n";
    if (spec.rate) out << "rate = " << tomlString(toString(*spec.rate)) << "\n";
    if (spec.guarantee) {
        out << "guarantee = { set_up = " << tomlString(spec.guarantee->setUp.toString())
            << ", per_minute = " << tomlString(spec.guarantee->perMinute.toString())
            << ", rate_mbit = " << spec.guarantee->rate.bitsPerSecond / 1'000'000
            << ", reservations = " << spec.guarantee->reservations << " }\n";
    }
    for (const PricePeriod& period : spec.periods) {
        out << "[[isp.class.period]]\nfrom = " << minute(period.fromMinuteUtc)
            << "\nto = " << minute(period.toMinuteUtc) << "\n";
        writePrice(out, period.price);
    }
}

void writeLimit(std::ostream& out, const char* key, const SpendingLimit& limit) {
    out << "[isp." << key << "]\nrate = " << tomlString(limit.rate.toString())
        << "\nburst = " << tomlString(limit.burst.toString()) << "\n";
}

void writeIsp(std::ostream& out, const IspSpec& isp) {
    out << "\n[[isp]]\nname = " << tomlString(isp.name) << "\nid = " << isp.id
        << "\nrouters = " << tomlList(isp.routers, [](const std::string& name) { return tomlString(name); }) << "\n";
    if (isp.overlayOnly) out << "overlay_only = true\n";
    if (isp.measured) out << "measured = true\n";
    if (isp.ipv4) out << "ipv4 = " << tomlString(isp.ipv4->toString()) << "\n";
    if (isp.ipv6) out << "ipv6 = " << tomlString(isp.ipv6->toString()) << "\n";
    out << "underpaid = " << (isp.underpaid == Underpaid::Drop ? "\"drop\"" : "\"best-effort\"")
        << "\nblacklist = " << tomlList(isp.blacklist, [](uint16_t id) { return std::to_string(id); })
        << "\n[isp.sampling]\nthreshold = " << tomlString(isp.samplingThreshold.toString())
        << "\nkind = " << (isp.sampler == SamplerKind::Stratified ? "\"stratified\"" : "\"smart\"")
        << "\nseed = " << isp.samplingSeed << "\n";
    writeLimit(out, "customer_limit", isp.customerLimit);
    writeLimit(out, "neighbour_limit", isp.neighbourLimit);
    out << "[isp.payments]\nfee = " << tomlString(isp.payments.fixed.toString())
        << "\nfee_1024ths = " << isp.payments.per1024ths
        << "\nsmallest = " << tomlString(isp.payments.smallest.toString()) << "\n";
    for (const ServiceClassSpec& spec : isp.classes) writeClass(out, spec);
}

void writeLink(std::ostream& out, const LinkSpec& link) {
    out << "\n[[link]]\nname = " << tomlString(link.name)
        << "\nbetween = " << tomlList(link.between, [](const std::string& name) { return tomlString(name); });
    if (link.exits[0] != 0)
        out << "\nexits = " << tomlList(link.exits, [](uint16_t exit) { return std::to_string(exit); });
    // The file gives a rate to both directions or to none.
    if (link.direction[0].rate && link.direction[1].rate) {
        out << "\nrate = "
            << tomlList(link.direction, [](const LinkDirection& d) { return tomlString(toString(*d.rate)); });
    }
    out << "\ndelay = "
        << tomlList(link.direction, [](const LinkDirection& d) { return tomlString(toString(d.delay)); })
        << "\nloss = " << tomlList(link.direction, [](const LinkDirection& d) { return tomlString(toString(d.loss)); })
        << "\nqueue = " << tomlString(toString(link.queue)) << "\nmtu = " << link.mtu << "\n";
    for (const LinkClassSpec& spec : link.classes) {
        out << "[[link.class]]\nname = " << tomlString(spec.name) << "\nshare = " << tomlString(toString(spec.share))
            << "\npriority = " << int{spec.priority} << "\n";
    }
}

}  // namespace

std::string formatTopology(const Topology& topology) {
    std::ostringstream out;
    out << "name = " << tomlString(topology.name) << "\ndescription = " << tomlString(topology.description)
        << "\nseed = " << topology.seed << "\noffload = " << (topology.offload ? "true" : "false")
        << "\nbgp = " << (topology.bgp ? "true" : "false") << "\nfamilies = "
        << (topology.ipv4 && topology.ipv6 ? "[\"ipv4\", \"ipv6\"]"
            : topology.ipv4                ? "[\"ipv4\"]"
                                           : "[\"ipv6\"]")
        << "\n";
    for (const IspSpec& isp : topology.isps) writeIsp(out, isp);
    for (const HostSpec& host : topology.hosts) {
        out << "\n[[host]]\nname = " << tomlString(host.name) << "\nagent = " << (host.agent ? "true" : "false")
            << "\n";
        if (!host.behind.empty()) out << "behind = " << tomlString(host.behind) << "\n";
        if (host.translates) out << "translates = true\n";
        if (host.visitor) out << "visitor = true\n";
        if (host.sells) out << "sells = true\n";
        std::vector<std::string> rights;
        if (host.maySend) rights.emplace_back("send");
        if (host.mayReceive) rights.emplace_back("receive");
        out << "payments = " << tomlList(rights, [](const std::string& name) { return tomlString(name); }) << "\n";
    }
    for (const LinkSpec& link : topology.links) writeLink(out, link);
    for (const PathSpec& path : topology.paths) {
        out << "\n[[path]]\nfrom = " << tomlString(path.from) << "\nto = " << tomlString(path.to)
            << "\nisps = " << tomlList(path.isps, [](const std::string& name) { return tomlString(name); }) << "\n";
    }
    for (const OverlaySpec& pair : topology.overlay) {
        out << "\n[[overlay]]\nbetween = "
            << tomlList(pair.between, [](const std::string& name) { return tomlString(name); }) << "\n";
    }
    return out.str();
}

}  // namespace netpas::lab
