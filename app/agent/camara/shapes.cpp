#include "app/agent/camara/shapes.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "app/agent/camara/words.h"

namespace netpas::agent::camara {

using nlohmann::json;

namespace {

constexpr uint64_t mostSeconds = INT32_MAX;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

// Reads one object and remembers the first thing that is wrong with it or with anything below.
class Shape {
public:
    Shape(const json& value, std::string path, std::optional<Fault>& fault)
        : m_value(value), m_path(std::move(path)), m_fault(fault) {
        if (!value.is_object()) wrong("must be an object");
    }
    ~Shape() {
        if (!m_value.is_object()) return;
        for (const auto& [name, value] : m_value.items()) {
            if (!m_known.contains(name)) wrong("has an unknown property");
        }
    }
    Shape(const Shape&) = delete;
    Shape& operator=(const Shape&) = delete;

    void wrong(const std::string& what, std::string code = "INVALID_ARGUMENT") {
        if (!m_fault) m_fault = Fault{400, std::move(code), m_path + " " + what};
    }
    const json* get(const char* name, bool required = false) {
        m_known.insert(name);
        const auto found = m_value.is_object() ? m_value.find(name) : m_value.end();
        if (m_value.is_object() && found != m_value.end()) return &*found;
        if (required) wrong(std::string("needs ") + name);
        return nullptr;
    }
    std::optional<std::string> text(const char* name, size_t longest, bool required = false) {
        const json* const value = get(name, required);
        if (value == nullptr) return std::nullopt;
        if (!value->is_string() || value->get_ref<const std::string&>().size() > longest) {
            wrong(std::string("has a ") + name + " that is no string of at most " + std::to_string(longest));
            return std::nullopt;
        }
        return value->get<std::string>();
    }
    std::optional<uint64_t> number(const char* name, uint64_t most, bool required = false) {
        const json* const value = get(name, required);
        if (value == nullptr) return std::nullopt;
        if (!value->is_number_unsigned() || value->get<uint64_t>() < 1 || value->get<uint64_t>() > most) {
            wrong(std::string("has a ") + name + " that is no number from 1 to " + std::to_string(most));
            return std::nullopt;
        }
        return value->get<uint64_t>();
    }
    [[nodiscard]] size_t size() const { return m_value.size(); }
    [[nodiscard]] std::string under(const char* name) const { return m_path + "." + name; }
    [[nodiscard]] std::optional<Fault>& fault() { return m_fault; }

private:
    const json& m_value;
    std::string m_path;
    std::optional<Fault>& m_fault;
    std::set<std::string, std::less<>> m_known;
};

std::optional<IpAddress> addressOf(const std::optional<std::string>& text, bool v6) {
    const auto address = text ? IpAddress::parse(*text) : std::nullopt;
    return address && address->isV6() == v6 ? address : std::nullopt;
}

// The observed address says nothing behind a translator; the private one does.
std::optional<IpAddress> ipv4From(const json& value, const std::string& path, std::optional<Fault>& fault) {
    constexpr size_t longest = 15;
    Shape shape(value, path, fault);
    const auto publicText = shape.text("publicAddress", longest, true);
    const auto privateText = shape.text("privateAddress", longest);
    const auto port = shape.number("publicPort", UINT16_MAX);
    const auto publicAddress = addressOf(publicText, false);
    const auto privateAddress = addressOf(privateText, false);
    if ((publicText && !publicAddress) || (privateText && !privateAddress)) shape.wrong("has no IPv4 address");
    if (!privateText && !port) shape.wrong("needs privateAddress or publicPort");
    return privateAddress ? privateAddress : publicAddress;
}

bool isPhoneNumber(std::string_view text) {
    constexpr size_t fewest = 5, most = 15;
    return text.size() > fewest && text.size() <= most + 1 && text[0] == '+' && text[1] >= '1' && text[1] <= '9' &&
           std::all_of(text.begin() + 1, text.end(), isDigit);
}

Device deviceFrom(const json& value, const std::string& path, std::optional<Fault>& fault) {
    constexpr size_t longestPhone = 16, longestIdentifier = 2048, longestIpv6 = 45;
    Device device;
    Shape shape(value, path, fault);
    if (value.is_object() && value.empty()) shape.wrong("names no identifier");
    if (const json* const ipv4 = shape.get("ipv4Address")) {
        const auto address = ipv4From(*ipv4, shape.under("ipv4Address"), fault);
        device.identifiers.push_back({{{"ipv4Address", *ipv4}}, address});
    }
    if (const auto text = shape.text("ipv6Address", longestIpv6)) {
        const auto address = addressOf(text, true);
        if (!address) shape.wrong("has an ipv6Address that is none");
        device.identifiers.push_back({{{"ipv6Address", *text}}, address});
    }
    if (const auto phone = shape.text("phoneNumber", longestPhone)) {
        if (!isPhoneNumber(*phone)) shape.wrong("has a phoneNumber that is none");
        device.identifiers.push_back({{{"phoneNumber", *phone}}, std::nullopt});
    }
    if (const auto identifier = shape.text("networkAccessIdentifier", longestIdentifier))
        device.identifiers.push_back({{{"networkAccessIdentifier", *identifier}}, std::nullopt});
    return device;
}

std::optional<IpPrefix> subnetFrom(const std::string& text, bool v6) {
    const size_t slash = text.find('/');
    const auto address = IpAddress::parse(std::string_view(text).substr(0, slash));
    if (!address || address->isV6() != v6) return std::nullopt;
    const uint8_t whole = v6 ? 128 : 32;
    if (slash == std::string::npos) return IpPrefix::make(*address, whole);
    uint8_t length = 0;
    const char* const begin = text.data() + slash + 1;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(begin, last, length);
    if (error != std::errc{} || end != last || length > whole) return std::nullopt;
    // The examples of the specification name hosts inside the subnet: the bits behind the mask do not count.
    std::vector<uint8_t> bytes(address->bytes().begin(), address->bytes().end());
    for (size_t bit = length; bit < whole; ++bit) bytes[bit / 8] &= static_cast<uint8_t>(~(0x80U >> (bit % 8)));
    return IpPrefix::make(*IpAddress::fromBytes(bytes), length);
}

std::vector<IpPrefix> serversFrom(const json& value, const std::string& path, std::optional<Fault>& fault) {
    constexpr size_t longestIpv4 = 18, longestIpv6 = 49, mostServers = 16;
    std::vector<IpPrefix> servers;
    Shape shape(value, path, fault);
    for (const bool v6 : {false, true}) {
        const auto text = shape.text(v6 ? "ipv6Address" : "ipv4Address", v6 ? longestIpv6 : longestIpv4);
        if (!text) continue;
        const auto subnet = subnetFrom(*text, v6);
        if (subnet) {
            servers.push_back(*subnet);
        } else {
            shape.wrong("has an address that is none: " + *text);
        }
    }
    const json* const list = shape.get("ipAddresses");
    if (list == nullptr) {
        if (servers.empty()) shape.wrong("names no address");
        return servers;
    }
    if (!servers.empty()) shape.wrong("has both a list of addresses and subnets");
    if (!list->is_array() || list->empty() || list->size() > mostServers) {
        shape.wrong("has ipAddresses that are no list of 1 to 16");
        return {};
    }
    for (const json& one : *list) {
        const auto address = one.is_string() ? IpAddress::parse(one.get<std::string>()) : std::nullopt;
        const auto host = address ? IpPrefix::make(*address, address->isV6() ? 128 : 32) : std::nullopt;
        if (!host || std::find(servers.begin(), servers.end(), *host) != servers.end()) {
            shape.wrong(host ? "names an address twice" : "has ipAddresses that are not all single addresses");
            return {};
        }
        servers.push_back(*host);
    }
    return servers;
}

// Every port that is meant, as many as can be bought for and one more.
std::vector<uint16_t> portsFrom(const json& value, const std::string& path, std::optional<Fault>& fault) {
    constexpr size_t mostItems = 65536;
    std::set<uint16_t> ports;
    const auto isPort = [](const json& one) {
        return one.is_number_unsigned() && one.get<uint64_t>() >= 1 && one.get<uint64_t>() <= UINT16_MAX;
    };
    Shape shape(value, path, fault);
    if (value.is_object() && value.empty()) shape.wrong("names no port");
    if (const json* const list = shape.get("ports")) {
        const bool good = list->is_array() && !list->empty() && list->size() <= mostItems &&
                          std::all_of(list->begin(), list->end(), isPort);
        if (!good) shape.wrong("has ports that are no list of numbers from 1 to 65535");
        for (const json& one : good ? *list : json::array()) ports.insert(one.get<uint16_t>());
    }
    if (const json* const ranges = shape.get("ranges")) {
        const bool good = ranges->is_array() && !ranges->empty() && ranges->size() <= mostItems;
        if (!good) shape.wrong("has ranges that are no list");
        for (const json& one : good ? *ranges : json::array()) {
            Shape range(one, shape.under("ranges"), fault);
            const auto from = range.number("from", UINT16_MAX, true), to = range.number("to", UINT16_MAX, true);
            if (!from || !to) continue;
            if (*from > *to) range.wrong("ends before it begins");
            for (uint64_t port = *from; port <= *to && ports.size() <= mostFlows; ++port)
                ports.insert(static_cast<uint16_t>(port));
        }
    }
    return {ports.begin(), ports.end()};
}

void credentialFrom(const json& value, const std::string& path, CreateSession& session, std::optional<Fault>& fault) {
    constexpr size_t longestToken = 4096, longestUri = 2048, longestClient = 128, longestTime = 64;
    Shape shape(value, path, fault);
    const auto type = shape.text("credentialType", longestClient, true);
    session.privateKeyJwt = type == "PRIVATE_KEY_JWT";
    const bool bearer = !session.privateKeyJwt;
    const auto token = shape.text("accessToken", longestToken, bearer);
    const auto until = shape.text("accessTokenExpiresUtc", longestTime, bearer);
    const auto kind = shape.text("accessTokenType", longestClient, bearer);
    (void)shape.text("clientId", longestClient);
    (void)shape.text("tokenUri", longestUri);
    if (session.privateKeyJwt) return;
    if (type && *type != "ACCESSTOKEN") return shape.wrong("has a credentialType that is not supported");
    if (kind && *kind != "bearer") return shape.wrong("has an accessTokenType other than bearer", "INVALID_TOKEN");
    const auto expires = until ? timeFrom(*until) : std::nullopt;
    if (until && !expires) return shape.wrong("has an accessTokenExpiresUtc that is no time with a zone");
    // It becomes a header.
    const bool clean = token && !token->empty() &&
                       std::all_of(token->begin(), token->end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (token && !clean) return shape.wrong("has an accessToken with characters that no token has", "INVALID_TOKEN");
    if (clean && expires) session.credential = SinkCredential{*token, *expires};
}

void sinkFrom(Shape& shape, CreateSession& session) {
    constexpr size_t longestUri = 2048;
    constexpr std::string_view scheme = "https://";
    const auto sink = shape.text("sink", longestUri);
    if (!sink) return;
    const bool clean = std::all_of(sink->begin(), sink->end(), [](char c) { return c > ' ' && c < 0x7f; });
    const std::string_view rest = sink->starts_with(scheme) ? std::string_view(*sink).substr(scheme.size()) : "";
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    // With a name or password in it, it is not the address that it seems to be.
    if (!clean || authority.empty() || authority.find('@') != std::string_view::npos)
        return shape.wrong("has a sink that is no https address", "INVALID_SINK");
    session.sink = *sink;
}

// A port belongs to a protocol that has ports, and nobody says which: both.
std::vector<FlowMatch> flowsOf(const std::vector<IpPrefix>& servers, const std::vector<uint16_t>& local,
                               const std::vector<uint16_t>& remote) {
    const auto orAny = [](const std::vector<uint16_t>& ports) {
        return ports.empty() ? std::vector<uint16_t>{0} : ports;
    };
    const bool any = local.empty() && remote.empty();
    const std::vector<uint8_t> protocols =
        any ? std::vector<uint8_t>{0} : std::vector<uint8_t>{ipproto::tcp, ipproto::udp};
    std::vector<FlowMatch> flows;
    for (const IpPrefix& server : servers) {
        for (const uint8_t protocol : protocols) {
            for (const uint16_t from : orAny(local)) {
                for (const uint16_t to : orAny(remote)) {
                    if (flows.size() > mostFlows) return flows;
                    flows.push_back({std::nullopt, server, protocol, from, to});
                }
            }
        }
    }
    return flows;
}

json orNull(const json* value) { return value == nullptr ? json() : *value; }

}  // namespace

Judged<CreateSession> createSessionFrom(const json& body) {
    constexpr size_t longestProfile = 256;
    std::optional<Fault> fault;
    CreateSession session;
    {
        Shape shape(body, "The request", fault);
        if (const json* const device = shape.get("device")) session.device = deviceFrom(*device, "device", fault);
        const json* const server = shape.get("applicationServer", true);
        const json* const local = shape.get("devicePorts");
        const json* const remote = shape.get("applicationServerPorts");
        const auto servers = server ? serversFrom(*server, "applicationServer", fault) : std::vector<IpPrefix>{};
        const auto from = local ? portsFrom(*local, "devicePorts", fault) : std::vector<uint16_t>{};
        const auto to = remote ? portsFrom(*remote, "applicationServerPorts", fault) : std::vector<uint16_t>{};
        session.profile = shape.text("qosProfile", longestProfile, true).value_or("");
        if (!fault && !isProfileName(session.profile)) shape.wrong("has a qosProfile that is no name");
        session.duration = static_cast<uint32_t>(shape.number("duration", mostSeconds, true).value_or(0));
        sinkFrom(shape, session);
        if (const json* const credential = shape.get("sinkCredential"))
            credentialFrom(*credential, "sinkCredential", session, fault);
        session.applicationServer = orNull(server);
        session.devicePorts = orNull(local);
        session.applicationServerPorts = orNull(remote);
        if (!fault) session.flows = flowsOf(servers, from, to);
        if (session.flows.size() > mostFlows)
            shape.wrong("means more than 16 flows: name single ports, each counts for TCP and for UDP", "OUT_OF_RANGE");
    }
    if (fault) return tl::unexpected(std::move(*fault));
    return session;
}

Judged<uint32_t> extensionFrom(const json& body) {
    std::optional<Fault> fault;
    uint32_t seconds = 0;
    {
        Shape shape(body, "The request", fault);
        seconds = static_cast<uint32_t>(shape.number("requestedAdditionalDuration", mostSeconds, true).value_or(0));
    }
    if (fault) return tl::unexpected(std::move(*fault));
    return seconds;
}

Judged<std::optional<Device>> retrieveSessionsFrom(const json& body) {
    std::optional<Fault> fault;
    std::optional<Device> device;
    {
        Shape shape(body, "The request", fault);
        if (const json* const given = shape.get("device")) device = deviceFrom(*given, "device", fault);
    }
    if (fault) return tl::unexpected(std::move(*fault));
    return device;
}

Judged<RetrieveProfiles> retrieveProfilesFrom(const json& body) {
    constexpr size_t longestName = 256;
    std::optional<Fault> fault;
    RetrieveProfiles wish;
    {
        Shape shape(body, "The request", fault);
        if (const json* const given = shape.get("device")) wish.device = deviceFrom(*given, "device", fault);
        if (const auto name = shape.text("name", longestName)) {
            if (!isProfileName(*name)) shape.wrong("has a name that no profile has");
            wish.name = *name;
        }
        if (const auto status = shape.text("status", longestName)) {
            if (*status != "ACTIVE" && *status != "INACTIVE" && *status != "DEPRECATED")
                shape.wrong("has a status that is none");
            wish.status = *status;
        }
    }
    if (fault) return tl::unexpected(std::move(*fault));
    return wish;
}

bool overlap(const FlowMatch& a, const FlowMatch& b) {
    const auto either = [](const auto& x, const auto& y, const auto& any) { return x == any || y == any || x == y; };
    const auto prefixes = [](const std::optional<IpPrefix>& x, const std::optional<IpPrefix>& y) {
        return !x || !y || x->contains(y->address()) || y->contains(x->address());
    };
    return prefixes(a.remote, b.remote) && prefixes(a.local, b.local) && either(a.protocol, b.protocol, uint8_t{0}) &&
           either(a.localPort, b.localPort, uint16_t{0}) && either(a.remotePort, b.remotePort, uint16_t{0});
}

}  // namespace netpas::agent::camara
