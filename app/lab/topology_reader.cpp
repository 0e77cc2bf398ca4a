// TOML to RawTopology: types, units, unknown keys. Every message names file, line and remedy.
#include <algorithm>
#include <initializer_list>
#include <numeric>

#include <toml++/toml.h>

#include "app/lab/topology_source.h"

namespace netpas::lab {
namespace {

uint32_t editDistance(std::string_view a, std::string_view b) {
    std::vector<uint32_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0U);
    for (size_t i = 0; i < a.size(); ++i) {
        uint32_t diagonal = row[0];
        row[0] = static_cast<uint32_t>(i + 1);
        for (size_t j = 0; j < b.size(); ++j) {
            const uint32_t change = diagonal + (a[i] == b[j] ? 0U : 1U);
            diagonal = row[j + 1];
            row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// Remembers the first error of the file; readers do nothing after it.
struct FileContext {
    std::string file;
    std::optional<LabError> error;

    void fail(uint32_t line, const std::string& text) {
        if (!error) error = topologyError(file, line, text);
    }
};

uint32_t lineOf(const toml::node& node) { return node.source().begin.line; }

// Reads the keys of one table and knows which of them were asked for.
class TableReader {
public:
    TableReader(FileContext& context, const toml::table& table, std::string where)
        : m_context(context), m_table(table), m_where(std::move(where)) {}

    uint32_t line() const { return lineOf(m_table); }
    FileContext& context() { return m_context; }
    bool has(std::string_view key) const { return m_table.contains(key); }
    uint32_t lineOfKey(std::string_view key) const {
        const toml::node* node = m_table.get(key);
        return node != nullptr ? lineOf(*node) : line();
    }

    std::string requiredString(std::string_view key, std::string_view example) {
        if (const toml::node* node = find(key); node != nullptr) return asString(*node, key, example);
        missing(m_where + " has no " + quoted(key) + "; add " + std::string(key) + " = " + std::string(example));
        return {};
    }
    std::string string(std::string_view key, std::string fallback, std::string_view example) {
        const toml::node* node = find(key);
        return node != nullptr ? asString(*node, key, example) : fallback;
    }
    uint64_t integer(std::string_view key, std::optional<uint64_t> fallback, uint64_t low, uint64_t high) {
        const toml::node* node = find(key);
        if (node == nullptr) {
            if (!fallback) missing(m_where + " has no " + quoted(key) + "; add a number from " + range(low, high));
            return fallback.value_or(low);
        }
        return asInteger(*node, key, low, high);
    }
    bool boolean(std::string_view key, bool fallback) {
        const toml::node* node = find(key);
        if (node == nullptr) return fallback;
        if (const auto value = node->value_exact<bool>()) return *value;
        m_context.fail(lineOf(*node), quoted(key) + " is not a truth value; write true or false");
        return fallback;
    }
    // A quantity with its own parser; the example shows the form.
    template <typename T, typename Parse>
    T quantity(std::string_view key, T fallback, Parse parse, std::string_view example) {
        const toml::node* node = find(key);
        return node != nullptr ? asQuantity<T>(*node, key, parse, example) : fallback;
    }
    template <typename T, typename Parse>
    std::optional<T> optionalQuantity(std::string_view key, Parse parse, std::string_view example) {
        const toml::node* node = find(key);
        if (node == nullptr) return std::nullopt;
        return asQuantity<T>(*node, key, parse, example);
    }
    // One value for both directions, or a list of two.
    template <typename T, typename Parse>
    std::array<T, 2> perDirection(std::string_view key, T fallback, Parse parse, std::string_view example) {
        const toml::node* node = find(key);
        if (node == nullptr) return {fallback, fallback};
        if (const toml::array* both = node->as_array()) {
            if (both->size() != 2) {
                m_context.fail(lineOf(*node), quoted(key) + " needs one value or two, one for each direction");
                return {fallback, fallback};
            }
            return {asQuantity<T>((*both)[0], key, parse, example), asQuantity<T>((*both)[1], key, parse, example)};
        }
        const T value = asQuantity<T>(*node, key, parse, example);
        return {value, value};
    }
    std::vector<std::string> strings(std::string_view key, std::string_view example) {
        std::vector<std::string> result;
        for (const toml::node* item : items(key, example)) result.push_back(asString(*item, key, example));
        return result;
    }
    std::vector<uint64_t> integers(std::string_view key, uint64_t low, uint64_t high, std::string_view example) {
        std::vector<uint64_t> result;
        for (const toml::node* item : items(key, example)) result.push_back(asInteger(*item, key, low, high));
        return result;
    }
    const toml::table* table(std::string_view key) {
        const toml::node* node = find(key);
        if (node == nullptr) return nullptr;
        if (const toml::table* inner = node->as_table()) return inner;
        m_context.fail(lineOf(*node), quoted(key) + " is not a table; write [" + std::string(key) + "]");
        return nullptr;
    }
    std::vector<const toml::table*> tables(std::string_view key) {
        std::vector<const toml::table*> result;
        for (const toml::node* item : items(key, "[[" + std::string(key) + "]]")) {
            if (const toml::table* inner = item->as_table()) {
                result.push_back(inner);
            } else {
                m_context.fail(lineOf(*item),
                               quoted(key) + " is not a list of tables; write [[" + std::string(key) + "]]");
            }
        }
        return result;
    }
    // To be called last: whatever was not asked for is a mistake of the file.
    void finish() {
        for (const auto& [key, node] : m_table) {
            const std::string_view name = key.str();
            if (std::find(m_known.begin(), m_known.end(), name) != m_known.end()) continue;
            std::string text = "unknown key " + quoted(name) + " in " + m_where;
            const auto nearest = std::min_element(m_known.begin(), m_known.end(), [&](const auto& a, const auto& b) {
                return editDistance(name, a) < editDistance(name, b);
            });
            if (nearest != m_known.end() && name.size() < 64 && editDistance(name, *nearest) <= 2) {
                text += "; did you mean " + quoted(*nearest) + "?";
            } else {
                text += "; remove it, or use one of:";
                for (const std::string& known : m_known) text += " " + known;
            }
            m_context.fail(key.source().begin.line, text);
        }
        if (!m_missing.empty()) m_context.fail(line(), m_missing);
    }

private:
    void missing(std::string text) {
        if (m_missing.empty()) m_missing = std::move(text);
    }
    static std::string range(uint64_t low, uint64_t high) {
        return std::to_string(low) + " to " + std::to_string(high);
    }

    const toml::node* find(std::string_view key) {
        m_known.emplace_back(key);
        return m_table.get(key);
    }
    std::vector<const toml::node*> items(std::string_view key, std::string_view example) {
        std::vector<const toml::node*> result;
        const toml::node* node = find(key);
        if (node == nullptr) return result;
        if (const toml::array* array = node->as_array()) {
            for (const toml::node& item : *array) result.push_back(&item);
        } else {
            m_context.fail(lineOf(*node), quoted(key) + " is not a list; write it as " + std::string(example));
        }
        return result;
    }
    std::string asString(const toml::node& node, std::string_view key, std::string_view example) {
        if (const auto value = node.value_exact<std::string>()) return *value;
        m_context.fail(lineOf(node), quoted(key) + " is not a text in quotes; write it as " + std::string(example));
        return {};
    }
    uint64_t asInteger(const toml::node& node, std::string_view key, uint64_t low, uint64_t high) {
        const auto value = node.value_exact<int64_t>();
        if (value && *value >= 0 && static_cast<uint64_t>(*value) >= low && static_cast<uint64_t>(*value) <= high) {
            return static_cast<uint64_t>(*value);
        }
        m_context.fail(lineOf(node), quoted(key) + " is not a number from " + range(low, high));
        return low;
    }
    template <typename T, typename Parse>
    T asQuantity(const toml::node& node, std::string_view key, Parse parse, std::string_view example) {
        const auto text = node.value_exact<std::string>();
        if (text) {
            if (const auto value = parse(std::string_view(*text))) return *value;
        }
        m_context.fail(lineOf(node), quoted(key) + (text ? " = " + quoted(*text) : std::string()) +
                                         " cannot be read; write it as " + std::string(example));
        return T{};
    }

    FileContext& m_context;
    const toml::table& m_table;
    std::string m_where;
    std::vector<std::string> m_known;
    std::string m_missing;  // reported last: a missing key is often a misspelt one
};

std::optional<Money> parsePrice(std::string_view text) {
    const auto money = Money::parse(text);
    if (!money || money->isNegative()) return std::nullopt;
    return *money;
}

std::optional<uint16_t> parseMinute(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    for (const size_t at : {0U, 1U, 3U, 4U}) {
        if (text[at] < '0' || text[at] > '9') return std::nullopt;
    }
    const int hour = (text[0] - '0') * 10 + (text[1] - '0');
    const int minute = (text[3] - '0') * 10 + (text[4] - '0');
    if (minute > 59 || hour * 60 + minute > 24 * 60) return std::nullopt;
    return static_cast<uint16_t>(hour * 60 + minute);
}

constexpr std::string_view priceExample = "\"0.000000003\" (dollars, exact to 0.000000000125)";

Price readPrice(TableReader& in, const Price& fallback) {
    Price price;
    price.perPacket = in.quantity("per_packet", fallback.perPacket, parsePrice, priceExample);
    price.perKib = in.quantity("per_kib", fallback.perKib, parsePrice, priceExample);
    price.surcharge1024ths = static_cast<uint32_t>(in.integer("surcharge_1024ths", fallback.surcharge1024ths, 0, 1024));
    return price;
}

GuaranteeSpec readGuarantee(TableReader in) {
    GuaranteeSpec spec;
    spec.setUp = in.quantity("set_up", spec.setUp, parsePrice, priceExample);
    spec.perMinute = in.quantity("per_minute", spec.perMinute, parsePrice, priceExample);
    spec.rate.bitsPerSecond = in.integer("rate_mbit", 1, 1, 100'000) * 1'000'000;
    spec.reservations = static_cast<uint32_t>(in.integer("reservations", std::nullopt, 1, 1'000'000));
    in.finish();
    return spec;
}

ServiceClassSpec readClass(TableReader& in) {
    ServiceClassSpec spec;
    spec.id = static_cast<uint8_t>(in.integer("id", std::nullopt, 1, 63));
    spec.name = in.requiredString("name", "\"gold\"");
    spec.description = in.string("description", "", "\"low delay\"");
    spec.dscp = static_cast<uint8_t>(in.integer("dscp", std::nullopt, 1, 63));
    spec.priority = static_cast<uint8_t>(in.integer("priority", 0, 0, 6));
    spec.share = in.quantity("share", spec.share, parsePercent, "\"50%\"");
    spec.price = readPrice(in, Price{});
    spec.latency = in.optionalQuantity<std::chrono::microseconds>("latency", parseDelay, "\"20ms\"");
    spec.loss = in.optionalQuantity<Fraction>("loss", parsePercent, "\"0.1%\"");
    spec.rate = in.optionalQuantity<BitRate>("rate", parseBitRate, "\"10mbit\"");
    if (const toml::table* table = in.table("guarantee"))
        spec.guarantee = readGuarantee(TableReader(in.context(), *table, "guarantee"));
    for (const toml::table* table : in.tables("period")) {
        TableReader period(in.context(), *table, "[[isp.class.period]]");
        PricePeriod entry;
        entry.fromMinuteUtc = period.quantity("from", uint16_t{0}, parseMinute, "\"18:00\"");
        entry.toMinuteUtc = period.quantity("to", uint16_t{0}, parseMinute, "\"22:00\"");
        entry.price = readPrice(period, spec.price);
        if (entry.fromMinuteUtc == entry.toMinuteUtc) {
            in.context().fail(period.line(), "a period from and to the same minute; make 'to' later than 'from'");
        }
        period.finish();
        spec.periods.push_back(entry);
    }
    in.finish();
    return spec;
}

SpendingLimit readLimit(TableReader& outer, std::string_view key, SpendingLimit limit) {
    const toml::table* table = outer.table(key);
    if (table == nullptr) return limit;
    TableReader in(outer.context(), *table, "[isp." + std::string(key) + "]");
    limit.rate = in.quantity("rate", limit.rate, parsePrice, "\"1\" (dollars a second)");
    limit.burst = in.quantity("burst", limit.burst, parsePrice, "\"10\" (dollars)");
    in.finish();
    return limit;
}

PaymentFee readFee(TableReader& outer) {
    const toml::table* table = outer.table("payments");
    if (table == nullptr) return {};
    TableReader in(outer.context(), *table, "[isp.payments]");
    PaymentFee fee;
    fee.fixed = in.quantity("fee", fee.fixed, parsePrice, "\"0.0000005\" (dollars for each payment)");
    fee.per1024ths = static_cast<uint32_t>(in.integer("fee_1024ths", 0, 0, 1024));
    fee.smallest = in.quantity("smallest", fee.smallest, parsePrice, "\"0.000001\" (dollars)");
    in.finish();
    return fee;
}

std::optional<SamplerKind> parseSampler(std::string_view text) {
    if (text == "stratified") return SamplerKind::Stratified;
    if (text == "smart") return SamplerKind::Smart;
    return std::nullopt;
}

std::optional<Underpaid> parseUnderpaid(std::string_view text) {
    if (text == "drop") return Underpaid::Drop;
    if (text == "best-effort") return Underpaid::BestEffort;
    return std::nullopt;
}

std::string lowerCase(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

IspSpec readIsp(TableReader& in, std::vector<uint32_t>& classLines) {
    IspSpec isp;
    isp.name = in.requiredString("name", "\"Z\"");
    isp.id = static_cast<uint16_t>(in.integer("id", std::nullopt, 1, 0xffff));
    isp.routers = in.strings("routers", "[\"z1\", \"z2\"]");
    if (isp.routers.empty()) isp.routers = {lowerCase(isp.name) + "1"};
    isp.overlayOnly = in.boolean("overlay_only", false);
    isp.measured = in.boolean("measured", false);
    isp.ipv4 = in.optionalQuantity<IpPrefix>("ipv4", IpPrefix::parse, "\"192.0.2.0/24\"");
    isp.ipv6 = in.optionalQuantity<IpPrefix>("ipv6", IpPrefix::parse, "\"2001:db8:26::/48\"");
    isp.underpaid = in.quantity("underpaid", Underpaid::Drop, parseUnderpaid, "\"drop\" or \"best-effort\"");
    isp.samplingThreshold = Money::fromEighths(Money::eighthsPerDollar / 1000);  // DESIGN §7
    if (const toml::table* table = in.table("sampling")) {
        TableReader sampling(in.context(), *table, "[isp.sampling]");
        isp.samplingThreshold = sampling.quantity("threshold", isp.samplingThreshold, parsePrice, "\"0.001\"");
        isp.sampler = sampling.quantity("kind", isp.sampler, parseSampler, "\"stratified\" or \"smart\"");
        isp.samplingSeed = sampling.integer("seed", 0, 0, INT64_MAX);
        if (isp.samplingThreshold == Money::zero()) {
            in.context().fail(sampling.line(),
                              "a sampling threshold of nothing; write for example threshold = \"0.001\"");
        }
        sampling.finish();
    }
    const SpendingLimit generous{Money::fromEighths(10 * Money::eighthsPerDollar),
                                 Money::fromEighths(100 * Money::eighthsPerDollar)};
    isp.customerLimit = readLimit(in, "customer_limit", generous);
    isp.neighbourLimit = readLimit(in, "neighbour_limit", generous);
    isp.payments = readFee(in);
    for (const uint64_t id : in.integers("blacklist", 1, 0xffff, "[666]"))
        isp.blacklist.push_back(static_cast<uint16_t>(id));
    for (const toml::table* table : in.tables("class")) {
        TableReader reader(in.context(), *table, "[[isp.class]]");
        classLines.push_back(reader.line());
        isp.classes.push_back(readClass(reader));
    }
    in.finish();
    return isp;
}

LinkSpec readLink(TableReader& in, std::vector<uint32_t>& classLines) {
    LinkSpec link;
    const auto between = in.strings("between", "[\"z1\", \"y1\"]");
    if (between.size() == 2) {
        link.between = {between[0], between[1]};
    } else {
        in.context().fail(in.lineOfKey("between"), "a link joins two nodes; write between = [\"z1\", \"y1\"]");
    }
    link.name = in.string("name", link.between[0] + "-" + link.between[1], "\"peering\"");
    // A rate of 0 stands for none until the loop below.
    const auto rates = in.perDirection("rate", BitRate{}, parseBitRate, "\"20mbit\"");
    const auto delays = in.perDirection("delay", std::chrono::microseconds(0), parseDelay, "\"10ms\"");
    const auto losses = in.perDirection("loss", Fraction{}, parsePercent, "\"0.5%\"");
    for (size_t side = 0; side < 2; ++side) {
        if (rates[side].bitsPerSecond != 0) link.direction[side].rate = rates[side];
        link.direction[side].delay = delays[side];
        link.direction[side].loss = losses[side];
    }
    link.queue = in.quantity("queue", link.queue, parseQueueLimit, "\"100p\" (packets) or \"64kB\"");
    link.mtu = static_cast<uint16_t>(in.integer("mtu", 1500, 1280, 9000));
    const auto exits = in.integers("exits", 1, ExitPoint::maxValue, "[1, 1]");
    if (exits.size() == 2) {
        link.exits = {static_cast<uint16_t>(exits[0]), static_cast<uint16_t>(exits[1])};
    } else if (!exits.empty()) {
        in.context().fail(in.lineOfKey("exits"), "'exits' needs two numbers, one for the ISP at each end");
    }
    for (const toml::table* table : in.tables("class")) {
        TableReader reader(in.context(), *table, "[[link.class]]");
        classLines.push_back(reader.line());
        LinkClassSpec spec;
        spec.name = reader.requiredString("name", "\"gold\"");
        spec.share = reader.quantity("share", spec.share, parsePercent, "\"50%\"");
        spec.priority = static_cast<uint8_t>(reader.integer("priority", 0, 0, 6));
        reader.finish();
        link.classes.push_back(spec);
    }
    in.finish();
    return link;
}

void readPaymentRights(TableReader& in, HostSpec& host) {
    const bool given = in.has("payments");
    const auto rights = in.strings("payments", "[\"send\", \"receive\"]");
    if (!given) return;
    host.maySend = host.mayReceive = false;
    for (const std::string& right : rights) {
        if (right == "send") {
            host.maySend = true;
        } else if (right == "receive") {
            host.mayReceive = true;
        } else {
            in.context().fail(in.lineOfKey("payments"),
                              "unknown right " + quoted(right) + "; write \"send\", \"receive\" or both");
        }
    }
}

void readFamilies(TableReader& in, Topology& topology) {
    if (!in.has("families")) {
        (void)in.strings("families", "");
        return;
    }
    topology.ipv4 = topology.ipv6 = false;
    for (const std::string& family : in.strings("families", "[\"ipv4\", \"ipv6\"]")) {
        if (family == "ipv4") {
            topology.ipv4 = true;
        } else if (family == "ipv6") {
            topology.ipv6 = true;
        } else {
            in.context().fail(in.lineOfKey("families"),
                              "unknown family " + quoted(family) + "; write \"ipv4\" or \"ipv6\"");
        }
    }
    if (!topology.ipv4 && !topology.ipv6) {
        in.context().fail(in.lineOfKey("families"), "no address family; write families = [\"ipv4\", \"ipv6\"]");
    }
}

RawTopology readRoot(FileContext& context, const toml::table& root) {
    RawTopology raw;
    Topology& topology = raw.topology;
    TableReader in(context, root, "the file");
    topology.name = in.requiredString("name", "\"my-network\"");
    topology.description = in.string("description", "", "\"two hosts and three ISPs\"");
    topology.seed = in.integer("seed", 1, 0, INT64_MAX);
    topology.offload = in.boolean("offload", true);
    topology.bgp = in.boolean("bgp", false);
    readFamilies(in, topology);
    for (const toml::table* table : in.tables("isp")) {
        TableReader reader(context, *table, "[[isp]]");
        raw.lines.isp.push_back(reader.line());
        raw.lines.ispClass.emplace_back();
        topology.isps.push_back(readIsp(reader, raw.lines.ispClass.back()));
    }
    for (const toml::table* table : in.tables("host")) {
        TableReader reader(context, *table, "[[host]]");
        raw.lines.host.push_back(reader.line());
        HostSpec host;
        host.name = reader.requiredString("name", "\"b\"");
        host.agent = reader.boolean("agent", false);
        host.behind = reader.string("behind", "", "\"m\", a host that is a modem");
        host.translates = reader.boolean("translates", false);
        host.visitor = reader.boolean("visitor", false);
        host.sells = reader.boolean("sells", false);
        readPaymentRights(reader, host);
        reader.finish();
        topology.hosts.push_back(host);
    }
    for (const toml::table* table : in.tables("link")) {
        TableReader reader(context, *table, "[[link]]");
        raw.lines.link.push_back(reader.line());
        raw.lines.linkClass.emplace_back();
        topology.links.push_back(readLink(reader, raw.lines.linkClass.back()));
    }
    for (const toml::table* table : in.tables("path")) {
        TableReader reader(context, *table, "[[path]]");
        raw.lines.path.push_back(reader.line());
        PathSpec path;
        path.from = reader.requiredString("from", "\"b\"");
        path.to = reader.requiredString("to", "\"a\"");
        path.isps = reader.strings("isps", "[\"Z\", \"Y\", \"X\"]");
        reader.finish();
        topology.paths.push_back(path);
    }
    for (const toml::table* table : in.tables("overlay")) {
        TableReader reader(context, *table, "[[overlay]]");
        raw.lines.overlay.push_back(reader.line());
        const auto between = reader.strings("between", "[\"X\", \"M\"]");
        OverlaySpec pair;
        if (between.size() == 2) {
            pair.between = {between[0], between[1]};
        } else {
            context.fail(reader.line(), "[[overlay]] joins two ISPs; write between = [\"X\", \"M\"]");
        }
        reader.finish();
        topology.overlay.push_back(pair);
    }
    in.finish();
    return raw;
}

}  // namespace

LabError topologyError(const std::string& file, uint32_t line, const std::string& text) {
    const std::string position = line != 0 ? file + ":" + std::to_string(line) : file;
    return LabError{LabErrc::Topology, position + ": " + text};
}

Expected<RawTopology> readTopology(std::string_view text, const std::string& file) {
    constexpr size_t maxFileSize = 1 << 20;
    if (text.size() > maxFileSize) {
        return tl::unexpected(topologyError(file, 0, "larger than 1 MiB; is this a topology file?"));
    }
    FileContext context{file, std::nullopt};
    try {
        const toml::table root = toml::parse(text, file);
        RawTopology raw = readRoot(context, root);
        if (context.error) return tl::unexpected(*context.error);
        return raw;
    } catch (const toml::parse_error& error) {
        return tl::unexpected(topologyError(file, error.source().begin.line,
                                            std::string(error.description()) + "; see https://toml.io for the syntax"));
    }
}

}  // namespace netpas::lab
