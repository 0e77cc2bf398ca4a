#include "app/isp/edge_config.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "app/isp/config_parts.h"
#include "app/isp/toml_fields.h"
#include "core/wire/shim.h"

namespace netpas::isp {

namespace {

using tun::BucketLimit;
using tun::EdgeConfig;
using Need = TomlFields::Need;

class EdgeConfigReader {
public:
    EdgeConfigReader(Problems& problems, std::filesystem::path folder)
        : m_problems(problems), m_folder(std::move(folder)) {}

    EdgeSettings read(const toml::table& root);

private:
    void readGeneral(TomlFields& fields);
    void readVisitors(const toml::table* table);
    void readSampling(const toml::table* table);
    void readAccounting(const toml::table* table);
    void readClass(const toml::table& table);
    void readCustomer(const toml::table& table);
    void readNeighbour(const toml::table& table);
    void readLink(const toml::table& table, tun::EdgeNeighbour& neighbour);
    void readInternal(const toml::table& table);
    void readDelivery(const toml::table& table);
    void readProvider(const toml::table& table);
    void checkBorder(TomlFields& fields);
    PriceModel readPrice(TomlFields& fields);
    std::optional<BucketLimit> readLimit(TomlFields& fields);
    std::filesystem::path path(const std::optional<std::string>& text) const;
    template <typename Set, typename Value>
    void once(Set& seen, const Value& value, TomlFields& fields, std::string_view key, std::string_view what);

    Problems& m_problems;
    std::filesystem::path m_folder;
    EdgeSettings m_settings;
    std::set<uint8_t> m_classes;
    std::set<std::string> m_customers;
    std::set<IpPrefix> m_customerPrefixes;
    std::set<uint16_t> m_neighbours;
    std::set<IpPrefix> m_destinations;
    std::set<std::string> m_routers;
};

std::filesystem::path EdgeConfigReader::path(const std::optional<std::string>& text) const {
    return text ? m_folder / *text : std::filesystem::path{};
}

template <typename Set, typename Value>
void EdgeConfigReader::once(Set& seen, const Value& value, TomlFields& fields, std::string_view key,
                            std::string_view what) {
    if (!seen.insert(value).second) {
        fields.problem(key, "this " + std::string(what) + " stands twice in the file; keep one of them");
    }
}

EdgeSettings EdgeConfigReader::read(const toml::table& root) {
    TomlFields fields(root, "the file", m_problems);
    readGeneral(fields);
    readSampling(fields.table("sampling", Need::Optional));
    readAccounting(fields.table("accounting"));
    for (const toml::table* table : fields.tables("class")) readClass(*table);
    for (const toml::table* table : fields.tables("customer")) readCustomer(*table);
    for (const toml::table* table : fields.tables("neighbour")) readNeighbour(*table);
    for (const toml::table* table : fields.tables("internal")) readInternal(*table);
    for (const toml::table* table : fields.tables("delivery")) readDelivery(*table);
    for (const toml::table* table : fields.tables("provider")) readProvider(*table);
    readVisitors(fields.table("visitors", Need::Optional));
    if (!m_settings.edge.providers.empty()) {
        checkBorder(fields);
    } else if (m_settings.edge.classes.empty()) {
        m_problems.add(0, "there is no [[class]], so every packet would be refused; add one with its price");
    }
    return std::move(m_settings);
}

void EdgeConfigReader::readGeneral(TomlFields& fields) {
    EdgeConfig& edge = m_settings.edge;
    edge.isp = IspId(static_cast<uint16_t>(fields.number("isp", 0, 65535).value_or(0)));
    edge.router = fields.text("router").value_or("");
    m_settings.identity = path(fields.text("identity"));
    m_settings.stateFolder = path(fields.text("state_dir"));
    m_settings.adminSocket = path(fields.text("admin_socket"));
    edge.listen = fields.addresses("listen", Need::Optional);
    edge.blacklist = fields.isps("blacklist");
    m_settings.priceNotice =
        std::chrono::seconds(fields.number("price_notice_seconds", 0, 31L * 24 * 3600, Need::Optional).value_or(3600));
    const std::string underpaid = fields.text("underpaid", Need::Optional).value_or("drop");
    if (underpaid == "best-effort") {
        edge.underpaid = tun::UnderpaidAction::BestEffort;
    } else if (underpaid != "drop") {
        fields.problem("underpaid", "'underpaid' must be \"drop\" or \"best-effort\"");
    }
}

void EdgeConfigReader::readVisitors(const toml::table* table) {
    if (table == nullptr) return;
    TomlFields fields(*table, "[visitors]", m_problems);
    VisitorGate gate;
    gate.visitors = fields.prefixes("prefixes");
    gate.open = fields.prefixes("open", Need::Optional);
    constexpr int64_t anyPort = 65535, most = 1'000'000;
    if (const auto port = fields.number("home_agent_port", 1, anyPort, Need::Optional))
        gate.homeAgentPort = static_cast<uint16_t>(*port);
    if (const auto rate = fields.number("free_kib_per_second", 1, most, Need::Optional))
        gate.kibPerSecond = static_cast<uint32_t>(*rate);
    m_settings.visitors = std::move(gate);
}

void EdgeConfigReader::readSampling(const toml::table* table) {
    if (table == nullptr) return;
    TomlFields fields(*table, "[sampling]", m_problems);
    tun::EdgeSampling& sampling = m_settings.edge.sampling;
    if (const auto threshold = fields.money("threshold", Need::Optional)) {
        sampling.threshold = *threshold;
        // A packet can carry $4: below this its confirmations would hold up all others.
        if (threshold->eighths() < 8000) fields.problem("threshold", "'threshold' must be at least \"0.000001\"");
    }
    const std::string kind = fields.text("kind", Need::Optional).value_or("stratified");
    if (kind == "smart") {
        sampling.kind = tun::SamplerKind::Smart;
    } else if (kind != "stratified") {
        fields.problem("kind", "'kind' in [sampling] must be \"stratified\" or \"smart\"");
    }
    sampling.seed = static_cast<uint64_t>(fields.number("seed", 0, INT64_MAX, Need::Optional).value_or(0));
}

void EdgeConfigReader::readAccounting(const toml::table* table) {
    if (table == nullptr) return;
    TomlFields fields(*table, "[accounting]", m_problems);
    if (const auto address = fields.address("address")) m_settings.accounting.address = *address;
    m_settings.accounting.port =
        static_cast<uint16_t>(fields.number("port", 1, 65535, Need::Optional).value_or(accountingPort));
    if (const auto hex = fields.text("key")) {
        const auto key = PublicKey::parse(*hex);
        if (key) {
            m_settings.accountingKey = *key;
        } else {
            fields.problem("key",
                           "'key' in [accounting] must be the 64 hexadecimal digits that `netpas-isp keygen` prints");
        }
    }
}

PriceModel EdgeConfigReader::readPrice(TomlFields& fields) {
    PriceModel model;
    model.perPacket = fields.money("per_packet").value_or(Money::zero());
    model.perKib = fields.money("per_kib", Need::Optional).value_or(Money::zero());
    model.surcharge1024ths =
        static_cast<uint32_t>(fields.number("surcharge_1024ths", 0, 1024, Need::Optional).value_or(0));
    return model;
}

void EdgeConfigReader::readClass(const toml::table& table) {
    TomlFields fields(table, "[[class]]", m_problems);
    tun::EdgeClass entry;
    const auto id = fields.number("id", 0, 63);
    entry.id = ServiceClass(static_cast<uint8_t>(id.value_or(0)));
    if (id) once(m_classes, entry.id.value(), fields, "id", "class");
    entry.name = fields.text("name").value_or("");
    entry.dscp = static_cast<uint8_t>(fields.number("dscp", 0, 63).value_or(0));
    entry.price.base = readPrice(fields);
    for (const toml::table* period : fields.tables("period")) {
        TomlFields inner(*period, "[[class.period]]", m_problems);
        PricePeriod one;
        one.fromMinute = inner.minute("from").value_or(0);
        one.toMinute = inner.minute("to").value_or(0);
        one.model = readPrice(inner);
        entry.price.periods.push_back(one);
    }
    if (const toml::table* guarantee = fields.table("guarantee", Need::Optional)) {
        TomlFields inner(*guarantee, "guarantee", m_problems);
        entry.guarantee = readGuarantee(inner);
        entry.reservations =
            static_cast<uint32_t>(inner.number("reservations", 1, 1'000'000, Need::Optional).value_or(1000));
    }
    m_settings.edge.classes.push_back(std::move(entry));
}

std::optional<BucketLimit> EdgeConfigReader::readLimit(TomlFields& fields) {
    const auto rate = fields.money("rate", Need::Optional);
    const auto burst = fields.money("burst", Need::Optional);
    if (rate.has_value() != burst.has_value()) {
        fields.problem(
            rate ? "rate" : "burst",
            fields.name() + " needs both 'rate' (dollars a second) and 'burst' (dollars), or neither for no limit");
    }
    if (!rate || !burst) return std::nullopt;
    if (burst->eighths() == 0)
        fields.problem("burst", "'burst' in " + fields.name() + " must be more than 0, or no packet passes");
    return BucketLimit{*rate, *burst};
}

void EdgeConfigReader::readCustomer(const toml::table& table) {
    TomlFields fields(table, "[[customer]]", m_problems);
    tun::EdgeCustomer customer;
    customer.name = fields.text("name").value_or("");
    if (!customer.name.empty()) once(m_customers, customer.name, fields, "name", "customer");
    customer.prefixes = fields.prefixes("prefixes");
    for (const IpPrefix& prefix : customer.prefixes)
        once(m_customerPrefixes, prefix, fields, "prefixes", "customer's prefix");
    customer.limit = readLimit(fields);
    m_settings.edge.customers.push_back(std::move(customer));
}

void EdgeConfigReader::readNeighbour(const toml::table& table) {
    TomlFields fields(table, "[[neighbour]]", m_problems);
    tun::EdgeNeighbour neighbour;
    const auto isp = fields.number("isp", 0, 65535);
    neighbour.isp = IspId(static_cast<uint16_t>(isp.value_or(0)));
    if (isp) once(m_neighbours, neighbour.isp.value(), fields, "isp", "neighbour");
    if (isp && neighbour.isp == m_settings.edge.isp) {
        fields.problem("isp", "an ISP is not its own neighbour; other edge routers of this ISP are [[internal]]");
    }
    neighbour.name = fields.text("name", Need::Optional).value_or(std::to_string(neighbour.isp.value()));
    neighbour.limit = readLimit(fields);
    for (const toml::table* link : fields.tables("link")) readLink(*link, neighbour);
    m_settings.edge.neighbours.push_back(std::move(neighbour));
}

void EdgeConfigReader::readLink(const toml::table& table, tun::EdgeNeighbour& neighbour) {
    TomlFields fields(table, "[[neighbour.link]]", m_problems);
    tun::EdgeLink link;
    link.exit = ExitPoint(static_cast<uint16_t>(fields.number("exit", 1, 1023).value_or(1)));
    link.interface = fields.text("interface").value_or("");
    const auto local = fields.address("local");
    const auto remote = fields.address("remote");
    for (const tun::EdgeLink& other : neighbour.links) {
        if (other.exit == link.exit)
            fields.problem("exit", "two links to one neighbour have this exit; give each its own");
    }
    if (local && remote && local->isV6() != remote->isV6()) {
        fields.problem("remote", "'local' and 'remote' must both be IPv4 or both be IPv6");
    }
    link.local = local.value_or(IpAddress{});
    link.remote = remote.value_or(IpAddress{});
    for (const IpAddress& listen : m_settings.edge.listen) {
        if (local && listen == *local) {
            fields.problem("local", "customers send to this address ('listen'); a link needs an address of its own");
        }
    }
    neighbour.links.push_back(std::move(link));
}

void EdgeConfigReader::readInternal(const toml::table& table) {
    TomlFields fields(table, "[[internal]]", m_problems);
    tun::EdgeInternal internal;
    internal.router = fields.text("router").value_or("");
    if (!internal.router.empty()) once(m_routers, internal.router, fields, "router", "router");
    const auto local = fields.address("local");
    const auto remote = fields.address("remote");
    if (local && remote && local->isV6() != remote->isV6()) {
        fields.problem("remote", "'local' and 'remote' must both be IPv4 or both be IPv6");
    }
    internal.local = local.value_or(IpAddress{});
    internal.remote = remote.value_or(IpAddress{});
    for (const toml::table* exit : fields.tables("exits")) {
        TomlFields inner(*exit, "exits of [[internal]]", m_problems);
        const auto isp = inner.number("isp", 0, 65535);
        const auto point = inner.number("exit", 1, 1023);
        internal.exits.push_back(
            {IspId(static_cast<uint16_t>(isp.value_or(0))), ExitPoint(static_cast<uint16_t>(point.value_or(1)))});
    }
    internal.prefixes = fields.prefixes("prefixes", Need::Optional);
    for (const IpPrefix& prefix : internal.prefixes)
        once(m_destinations, prefix, fields, "prefixes", "destination prefix");
    m_settings.edge.internals.push_back(std::move(internal));
}

void EdgeConfigReader::readDelivery(const toml::table& table) {
    TomlFields fields(table, "[[delivery]]", m_problems);
    tun::EdgeDelivery delivery;
    const auto prefix = fields.prefix("prefix");
    delivery.prefix = prefix.value_or(IpPrefix{});
    if (prefix) once(m_destinations, *prefix, fields, "prefix", "destination prefix");
    delivery.participate = fields.endpoint("participate");
    if (delivery.participate) {
        const bool v6 = delivery.participate->address.isV6();
        const auto& listen = m_settings.edge.listen;
        const bool family =
            std::any_of(listen.begin(), listen.end(), [v6](const IpAddress& a) { return a.isV6() == v6; });
        if (!family)
            fields.problem("participate",
                           "packets for it leave from a 'listen' address, and none is of its family; add one");
    }
    delivery.counter =
        ExitPoint(static_cast<uint16_t>(fields.number("counter", 1, ExitPoint::maxValue, Need::Optional).value_or(0)));
    if (delivery.counter != ExitPoint(0) && !delivery.participate) {
        fields.problem("counter",
                       "'counter' means that whoever gets these packets confirms them, which needs their headers; name "
                       "the customer's border router in 'participate'");
    }
    m_settings.edge.deliveries.push_back(std::move(delivery));
}

void EdgeConfigReader::readProvider(const toml::table& table) {
    TomlFields fields(table, "[[provider]]", m_problems);
    const auto local = fields.address("local");
    const auto remote = fields.address("remote");
    if (local && remote && local->isV6() != remote->isV6())
        fields.problem("remote", "'local' and 'remote' must both be IPv4 or both be IPv6");
    m_settings.edge.providers.push_back({local.value_or(IpAddress{}), remote.value_or(IpAddress{})});
}

// A customer's border router sells nothing.
void EdgeConfigReader::checkBorder(TomlFields& fields) {
    const EdgeConfig& edge = m_settings.edge;
    const std::string remedy =
        "a router with [[provider]] is a customer's border router and sells nothing; leave this out";
    if (!edge.customers.empty()) fields.problem("customer", remedy);
    if (!edge.neighbours.empty()) fields.problem("neighbour", remedy);
    const bool delegates = std::any_of(edge.deliveries.begin(), edge.deliveries.end(),
                                       [](const tun::EdgeDelivery& one) { return one.counter != ExitPoint(0); });
    if (delegates) fields.problem("delivery", "a router with [[provider]] confirms itself; leave 'counter' out");
}

}  // namespace

std::string ConfigProblem::toString() const {
    return file + (line != 0 ? ":" + std::to_string(line) : std::string{}) + ": " + text;
}

tl::expected<EdgeSettings, std::vector<ConfigProblem>> parseEdgeConfig(std::string_view text, const std::string& file,
                                                                       const std::filesystem::path& folder) {
    Problems problems(file);
    try {
        const toml::table root = toml::parse(text, file);
        EdgeSettings settings = EdgeConfigReader(problems, folder).read(root);
        if (!problems.any()) return settings;
    } catch (const toml::parse_error& error) {
        problems.add(error.source().begin.line, "not TOML: " + std::string(error.description()));
    }
    return tl::unexpected(problems.take());
}

tl::expected<EdgeSettings, std::vector<ConfigProblem>> readEdgeConfig(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) {
        return tl::unexpected(
            std::vector<ConfigProblem>{{file.string(), 0, "cannot be read; name a readable file with --config"}});
    }
    return parseEdgeConfig(text, file.string(), file.parent_path());
}

}  // namespace netpas::isp
