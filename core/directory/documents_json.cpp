// JSON forms of the documents. Amounts are decimal strings, times microseconds since 1970; what is not there or out of
// range makes the whole document unusable.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/directory/documents.h"

namespace netpas::directory {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t maxText = 512;
constexpr size_t maxList = 4096;
constexpr size_t maxHops = 16;
constexpr size_t maxPlaces = 64;  // to measure at
constexpr size_t maxName = 64;    // bytes: what the channel to the secretary carries (core/channel)
// What says that it is good for ever could never be corrected.
constexpr std::chrono::hours longestValidity{24 * 32};

// Names end up on terminals: no control characters (C0, DEL, C1 in UTF-8).
bool isPlain(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<uint8_t>(text[i]);
        const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xa0;
        if (byte < 0x20 || byte == 0x7f || c1) return false;
    }
    return true;
}

template <typename List, typename Key>
bool hasTwice(const List& list, Key keyOf) {
    std::vector<decltype(keyOf(*list.begin()))> keys;
    for (const auto& one : list) keys.push_back(keyOf(one));
    std::sort(keys.begin(), keys.end());
    return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

// Reads members of one object; after the first that is wrong, ok() is false and everything reads as empty.
class Fields {
public:
    explicit Fields(const Json& json) : m_json(json), m_ok(json.is_object()) {}

    [[nodiscard]] bool ok() const { return m_ok; }
    void fail() { m_ok = false; }
    [[nodiscard]] bool has(const char* name) const { return m_ok && m_json.contains(name); }

    const Json& member(const char* name) {
        static const Json nothing;
        const auto found = m_ok ? m_json.find(name) : m_json.end();
        if (!m_ok || found == m_json.end()) {
            fail();
            return nothing;
        }
        return *found;
    }
    std::string text(const char* name, size_t longest = maxText) {
        const Json& value = member(name);
        if (!value.is_string() || value.get_ref<const std::string&>().size() > longest) {
            fail();
            return {};
        }
        return value.get<std::string>();
    }
    // To be shown to people.
    std::string label(const char* name, size_t longest) {
        std::string value = text(name, longest);
        if (!isPlain(value)) fail();
        return value;
    }
    uint64_t number(const char* name, uint64_t most) {
        const Json& value = member(name);
        if (!value.is_number_unsigned() || value.get<uint64_t>() > most) {
            fail();
            return 0;
        }
        return value.get<uint64_t>();
    }
    SystemTime time(const char* name) {
        return SystemTime(std::chrono::microseconds(static_cast<int64_t>(number(name, INT64_MAX))));
    }
    Money money(const char* name) {
        const auto amount = Money::parse(text(name));
        if (!amount || amount->isNegative()) {
            fail();
            return {};
        }
        return *amount;
    }
    template <typename Id>
    Id id(const char* name) {
        return Id(static_cast<typename Id::rep>(number(name, Id::maxValue)));
    }
    PublicKey key(const char* name) { return parsed<PublicKey>(name, PublicKey::parse(text(name))); }
    IpAddress address(const char* name) { return parsed<IpAddress>(name, IpAddress::parse(text(name))); }
    Endpoint endpoint(const char* name) {
        Fields inner(member(name));
        Endpoint endpoint{inner.address("address"), static_cast<uint16_t>(inner.number("port", 65535))};
        if (!inner.ok()) fail();
        return endpoint;
    }
    // Calls `each` for every element; false from it makes the document unusable.
    template <typename Each>
    void list(const char* name, size_t most, Each each) {
        const Json& value = member(name);
        if (!value.is_array() || value.size() > most) return fail();
        for (const Json& element : value) {
            if (m_ok && !each(element)) fail();
        }
    }
    Validity validity(std::string_view kind) {
        Validity validity{id<IspId>("isp"), time("issued"), time("expires")};
        if (text("kind") != kind) fail();
        if (validity.expires <= validity.issued || validity.expires - validity.issued > longestValidity) fail();
        return validity;
    }

private:
    template <typename T>
    T parsed(const char*, const std::optional<T>& value) {
        if (!value) fail();
        return value.value_or(T{});
    }

    const Json& m_json;
    bool m_ok;
};

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

Json head(std::string_view kind, const Validity& validity) {
    return {{"kind", kind},
            {"isp", validity.isp.value()},
            {"issued", static_cast<uint64_t>(micros(validity.issued))},
            {"expires", static_cast<uint64_t>(micros(validity.expires))}};
}

Json endpointJson(const Endpoint& endpoint) {
    return {{"address", endpoint.address.toString()}, {"port", endpoint.port}};
}

std::optional<Endpoint> readEndpoint(const Json& json) {
    Fields fields(json);
    const Endpoint endpoint{fields.address("address"), static_cast<uint16_t>(fields.number("port", 65535))};
    return fields.ok() ? std::optional(endpoint) : std::nullopt;
}

Json modelJson(const PriceModel& model) {
    return {{"per_packet", model.perPacket.toString()},
            {"per_kib", model.perKib.toString()},
            {"surcharge_1024ths", model.surcharge1024ths}};
}

PriceModel readModel(Fields& fields) {
    return {fields.money("per_packet"), fields.money("per_kib"),
            static_cast<uint32_t>(fields.number("surcharge_1024ths", 1024))};
}

Json classJson(const MenuClass& entry) {
    Json json{{"id", entry.id.value()},
              {"name", entry.name},
              {"description", entry.description},
              {"dscp", entry.dscp},
              {"currency", "USD"}};
    json["price"] = modelJson(entry.prices.base);
    Json periods = Json::array();
    for (const PricePeriod& period : entry.prices.periods) {
        Json one = modelJson(period.model);
        one["from_minute"] = period.fromMinute;
        one["to_minute"] = period.toMinute;
        periods.push_back(std::move(one));
    }
    json["periods"] = std::move(periods);
    Json promise = Json::object();
    if (entry.promise.latencyMicroseconds) promise["latency_us"] = *entry.promise.latencyMicroseconds;
    if (entry.promise.lossPerMillion) promise["loss_per_million"] = *entry.promise.lossPerMillion;
    if (entry.promise.rateBitPerSecond) promise["rate_bit_per_second"] = *entry.promise.rateBitPerSecond;
    json["promise"] = std::move(promise);
    if (entry.guarantee) {
        json["guarantee"] = {{"set_up", entry.guarantee->setUp.toString()},
                             {"per_minute", entry.guarantee->perMinute.toString()},
                             {"rate_bit_per_second", entry.guarantee->bitsPerSecond}};
    }
    return json;
}

bool readClass(const Json& json, std::vector<MenuClass>& out) {
    Fields fields(json);
    MenuClass entry;
    entry.id = fields.id<ServiceClass>("id");
    entry.name = fields.label("name", maxName);
    entry.description = fields.label("description", maxText);
    entry.dscp = static_cast<uint8_t>(fields.number("dscp", 63));
    if (fields.text("currency") != "USD") fields.fail();
    Fields price(fields.member("price"));
    entry.prices.base = readModel(price);
    fields.list("periods", 64, [&](const Json& element) {
        Fields period(element);
        const auto from = static_cast<uint16_t>(period.number("from_minute", 1439));
        const auto to = static_cast<uint16_t>(period.number("to_minute", 1440));
        entry.prices.periods.push_back({from, to, readModel(period)});
        return period.ok();
    });
    Fields promise(fields.member("promise"));
    if (promise.has("latency_us"))
        entry.promise.latencyMicroseconds = static_cast<uint32_t>(promise.number("latency_us", UINT32_MAX));
    if (promise.has("loss_per_million")) {
        entry.promise.lossPerMillion = static_cast<uint32_t>(promise.number("loss_per_million", 1'000'000));
    }
    if (promise.has("rate_bit_per_second"))
        entry.promise.rateBitPerSecond = promise.number("rate_bit_per_second", UINT64_MAX);
    if (fields.has("guarantee")) {
        Fields guarantee(fields.member("guarantee"));
        entry.guarantee = Guarantee{guarantee.money("set_up"), guarantee.money("per_minute"),
                                    guarantee.number("rate_bit_per_second", INT64_MAX)};
        if (!guarantee.ok()) fields.fail();
    }
    out.push_back(std::move(entry));
    return fields.ok() && price.ok() && promise.ok();
}

// Parses, then lets `read` fill the document.
template <typename Document, typename Read>
tl::expected<Document, DocumentError> fromJson(std::string_view text, std::string_view kind, Read read) {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return tl::unexpected(DocumentError::NotJson);
    Fields fields(json);
    if (fields.ok() && fields.has("kind") && json["kind"].is_string() && json["kind"].get<std::string>() != kind) {
        return tl::unexpected(DocumentError::WrongKind);
    }
    Document document;
    document.validity = fields.validity(kind);
    read(fields, document);
    if (!fields.ok()) return tl::unexpected(DocumentError::WrongShape);
    return document;
}

}  // namespace

std::string toJson(const Descriptor& document) {
    Json json = head("descriptor", document.validity);
    json["name"] = document.name;
    Json edges = Json::array();
    for (const IpAddress& edge : document.edges) edges.push_back(edge.toString());
    json["edges"] = std::move(edges);
    json["edge_port"] = document.edgePort;
    json["accounting"] = endpointJson(document.accounting);
    json["accounting_key"] = document.accountingKey.hex();
    return json.dump();
}

tl::expected<Descriptor, DocumentError> descriptorFromJson(std::string_view json) {
    return fromJson<Descriptor>(json, "descriptor", [](Fields& fields, Descriptor& document) {
        document.name = fields.label("name", maxName);
        fields.list("edges", 64, [&](const Json& element) {
            const auto address = element.is_string() ? IpAddress::parse(element.get<std::string>()) : std::nullopt;
            if (address) document.edges.push_back(*address);
            return address.has_value();
        });
        document.edgePort = static_cast<uint16_t>(fields.number("edge_port", 65535));
        document.accounting = fields.endpoint("accounting");
        document.accountingKey = fields.key("accounting_key");
    });
}

std::string toJson(const Menu& document) {
    Json json = head("menu", document.validity);
    Json classes = Json::array();
    for (const MenuClass& entry : document.classes) classes.push_back(classJson(entry));
    json["classes"] = std::move(classes);
    Json exits = Json::array();
    for (const MenuExit& exit : document.exits) {
        exits.push_back({{"isp", exit.isp.value()}, {"exit", exit.exit.value()}, {"name", exit.name}});
    }
    json["exits"] = std::move(exits);
    if (!document.reverseSellers.empty()) {
        Json sellers = Json::array();
        for (const ReverseSeller& seller : document.reverseSellers) {
            sellers.push_back(endpointJson(seller.server));
            sellers.back()["key"] = seller.key.hex();
        }
        json["reverse_sellers"] = std::move(sellers);
    }
    if (document.reflectors.empty() && document.speedTests.empty()) return json.dump();
    Json reflectors = Json::array();
    for (const Endpoint& reflector : document.reflectors) reflectors.push_back(endpointJson(reflector));
    json["reflectors"] = std::move(reflectors);
    Json speedTests = Json::array();
    for (const SpeedTest& test : document.speedTests) {
        Json one = endpointJson(test.server);
        if (test.key) one["key"] = test.key->hex();
        speedTests.push_back(std::move(one));
    }
    json["speed_tests"] = std::move(speedTests);
    return json.dump();
}

tl::expected<Menu, DocumentError> menuFromJson(std::string_view json) {
    return fromJson<Menu>(json, "menu", [](Fields& fields, Menu& document) {
        fields.list("classes", 64, [&](const Json& element) { return readClass(element, document.classes); });
        if (hasTwice(document.classes, [](const MenuClass& one) { return one.id; })) fields.fail();
        fields.list("exits", maxList, [&](const Json& element) {
            Fields exit(element);
            document.exits.push_back({exit.id<IspId>("isp"), exit.id<ExitPoint>("exit"), exit.label("name", maxName)});
            return exit.ok();
        });
        if (fields.has("reflectors"))
            fields.list("reflectors", maxPlaces, [&](const Json& element) {
                const auto place = readEndpoint(element);
                if (place) document.reflectors.push_back(*place);
                return place.has_value();
            });
        if (fields.has("reverse_sellers"))
            fields.list("reverse_sellers", maxPlaces, [&](const Json& element) {
                Fields one(element);
                const auto place = readEndpoint(element);
                if (!place) return false;
                document.reverseSellers.push_back({*place, one.key("key")});
                return one.ok();
            });
        if (fields.has("speed_tests"))
            fields.list("speed_tests", maxPlaces, [&](const Json& element) {
                Fields one(element);
                const auto place = readEndpoint(element);
                if (!place) return false;
                document.speedTests.push_back({*place, std::nullopt});
                if (one.has("key")) document.speedTests.back().key = one.key("key");
                return one.ok();
            });
    });
}

std::string toJson(const Keys& document) {
    Json json = head("keys", document.validity);
    json["directory_key"] = document.directoryKey.hex();
    json["accounting_key"] = document.accountingKey.hex();
    Json others = Json::array();
    for (const KnownIsp& other : document.others) {
        Json one{{"isp", other.isp.value()}, {"name", other.name}, {"key", other.key.hex()}};
        if (other.directory) one["directory"] = endpointJson(*other.directory);
        others.push_back(std::move(one));
    }
    json["others"] = std::move(others);
    return json.dump();
}

tl::expected<Keys, DocumentError> keysFromJson(std::string_view json) {
    return fromJson<Keys>(json, "keys", [](Fields& fields, Keys& document) {
        document.directoryKey = fields.key("directory_key");
        document.accountingKey = fields.key("accounting_key");
        fields.list("others", maxList, [&](const Json& element) {
            Fields one(element);
            KnownIsp other{one.id<IspId>("isp"), one.label("name", maxName), std::nullopt, one.key("key")};
            if (one.has("directory")) other.directory = one.endpoint("directory");
            document.others.push_back(std::move(other));
            return one.ok();
        });
        if (hasTwice(document.others, [](const KnownIsp& other) { return other.isp; })) fields.fail();
    });
}

std::string toJson(const Paths& document) {
    Json json = head("paths", document.validity);
    json["prefix"] = document.prefix.toString();
    Json paths = Json::array();
    for (const IspPath& path : document.paths) {
        Json isps = Json::array();
        Json exits = Json::array();
        for (const IspId isp : path.isps) isps.push_back(isp.value());
        for (const ExitPoint exit : path.exits) exits.push_back(exit.value());
        paths.push_back({{"isps", std::move(isps)}, {"exits", std::move(exits)}});
    }
    json["paths"] = std::move(paths);
    return json.dump();
}

tl::expected<Paths, DocumentError> pathsFromJson(std::string_view json) {
    return fromJson<Paths>(json, "paths", [](Fields& fields, Paths& document) {
        const auto prefix = IpPrefix::parse(fields.text("prefix"));
        if (!prefix) return fields.fail();
        document.prefix = *prefix;
        fields.list("paths", Paths::most, [&](const Json& element) {
            Fields one(element);
            IspPath path;
            one.list("isps", maxHops, [&](const Json& isp) {
                const bool good = isp.is_number_unsigned() && isp.get<uint64_t>() <= IspId::maxValue;
                if (good) path.isps.emplace_back(isp.get<uint16_t>());
                return good;
            });
            one.list("exits", maxHops, [&](const Json& exit) {
                const bool good = exit.is_number_unsigned() && exit.get<uint64_t>() <= ExitPoint::maxValue;
                if (good) path.exits.emplace_back(exit.get<uint16_t>());
                return good;
            });
            // A way begins at home and crosses nobody twice: no header could say it (NetPaS §5.1).
            const bool whole = !path.isps.empty() && path.exits.size() + 1 == path.isps.size() &&
                               path.isps.front() == document.validity.isp &&
                               !hasTwice(path.isps, [](IspId isp) { return isp; });
            document.paths.push_back(std::move(path));
            return one.ok() && whole;
        });
    });
}

std::string toJson(const PayeeCertificates& document) {
    Json json = head("payee", document.validity);
    json["payee"] = document.payee.hex();
    json["pem"] = document.pem;
    return json.dump();
}

tl::expected<PayeeCertificates, DocumentError> payeeFromJson(std::string_view json) {
    return fromJson<PayeeCertificates>(json, "payee", [](Fields& fields, PayeeCertificates& document) {
        const auto payee = NodeId::parse(fields.text("payee"));
        if (!payee) return fields.fail();
        document.payee = *payee;
        document.pem = fields.text("pem", PayeeCertificates::maxPem);
    });
}

}  // namespace netpas::directory
