#include "app/isp/toml_fields.h"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace netpas::isp {

namespace {

size_t editDistance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.size(); ++j) {
            const size_t above = row[j + 1];
            row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

std::optional<Endpoint> parseEndpoint(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const std::string_view digits = text.substr(colon + 1);
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (!address || error != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
    return Endpoint{*address, port};
}

std::optional<uint16_t> parseMinute(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const auto two = [&](size_t at) -> int {
        const char tens = text[at];
        const char ones = text[at + 1];
        return tens < '0' || tens > '9' || ones < '0' || ones > '9' ? 99 : (tens - '0') * 10 + (ones - '0');
    };
    if (two(0) > 23 || two(3) > 59) return std::nullopt;
    return static_cast<uint16_t>(two(0) * 60 + two(3));
}

constexpr std::string_view moneyExample = "an amount of dollars as text, such as \"0.000000002\"";
constexpr std::string_view addressExample = "an IP address, such as \"192.0.2.1\" or \"2001:db8::1\"";
constexpr std::string_view prefixExample = "a prefix without bits behind its length, such as \"192.0.2.0/24\"";

}  // namespace

TomlFields::~TomlFields() {
    for (const auto& [key, node] : m_table) {
        const std::string_view name = key.str();
        if (m_known.contains(name)) continue;
        std::string text = "unknown key '" + std::string(name) + "' in " + m_name;
        const auto closest = std::min_element(m_known.begin(), m_known.end(), [&](const auto& a, const auto& b) {
            return editDistance(a, name) < editDistance(b, name);
        });
        if (closest != m_known.end() && editDistance(*closest, name) <= 2) {
            text += "; did you mean '" + *closest + "'?";
        } else {
            text += "; remove it";
        }
        m_problems.add(key.source().begin.line, std::move(text));
    }
}

uint32_t TomlFields::lineOf(std::string_view key) const {
    const toml::node* node = m_table.get(key);
    return node != nullptr ? node->source().begin.line : m_table.source().begin.line;
}

const toml::node* TomlFields::find(std::string_view key, Need need, std::string_view example) {
    m_known.emplace(key);
    const toml::node* node = m_table.get(key);
    if (node == nullptr && need == Need::Required) {
        m_problems.add(m_table, m_name + " has no '" + std::string(key) + "'; add " + std::string(key) + " = " +
                                    std::string(example));
    }
    return node;
}

void TomlFields::wrong(std::string_view key, std::string_view wanted) {
    problem(key, "'" + std::string(key) + "' in " + m_name + " must be " + std::string(wanted));
}

template <typename Parse>
auto TomlFields::parsed(std::string_view key, Need need, std::string_view example, Parse parse) {
    using Result = decltype(parse(std::string_view{}));
    const toml::node* node = find(key, need, example);
    if (node == nullptr) return Result{};
    const auto text = node->value_exact<std::string_view>();
    Result result = text ? parse(*text) : Result{};
    if (!result) wrong(key, example);
    return result;
}

template <typename T, typename Parse>
std::vector<T> TomlFields::list(std::string_view key, Need need, std::string_view example, Parse parse) {
    std::vector<T> out;
    const toml::node* node = find(key, need, "[…]: a list of " + std::string(example));
    if (node == nullptr) return out;
    const toml::array* array = node->as_array();
    if (array == nullptr) {
        wrong(key, "a list: [" + std::string(example) + "]");
        return out;
    }
    for (const toml::node& element : *array) {
        std::optional<T> value = parse(element);
        if (value) {
            out.push_back(*value);
        } else {
            m_problems.add(
                element, "every entry of '" + std::string(key) + "' in " + m_name + " must be " + std::string(example));
        }
    }
    return out;
}

std::optional<std::string> TomlFields::text(std::string_view key, Need need) {
    return parsed(key, need, "text in quotes",
                  [](std::string_view text) { return text.empty() ? std::nullopt : std::optional<std::string>(text); });
}

std::optional<int64_t> TomlFields::number(std::string_view key, int64_t least, int64_t most, Need need) {
    const std::string range = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    const toml::node* node = find(key, need, range);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value_exact<int64_t>();
    if (value && *value >= least && *value <= most) return value;
    wrong(key, range);
    return std::nullopt;
}

std::optional<double> TomlFields::real(std::string_view key, double least, double most, Need need) {
    const std::string range = "a number from " + std::to_string(least) + " to " + std::to_string(most);
    const toml::node* node = find(key, need, range);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value<double>();
    if (value && *value >= least && *value <= most) return value;
    wrong(key, range);
    return std::nullopt;
}

std::optional<Money> TomlFields::money(std::string_view key, Need need) {
    return parsed(key, need, moneyExample, [](std::string_view text) -> std::optional<Money> {
        const auto amount = Money::parse(text);
        if (!amount || amount->isNegative()) return std::nullopt;
        return *amount;
    });
}

std::optional<IpAddress> TomlFields::address(std::string_view key, Need need) {
    return parsed(key, need, addressExample, [](std::string_view text) { return IpAddress::parse(text); });
}

std::optional<IpPrefix> TomlFields::prefix(std::string_view key, Need need) {
    return parsed(key, need, prefixExample, [](std::string_view text) { return IpPrefix::parse(text); });
}

std::optional<Endpoint> TomlFields::endpoint(std::string_view key, Need need) {
    return parsed(key, need, "an address and a port, such as \"192.0.2.1:46721\" or \"[2001:db8::1]:46721\"",
                  parseEndpoint);
}

std::optional<uint16_t> TomlFields::minute(std::string_view key) {
    return parsed(key, Need::Required, "a time of day in UTC, such as \"18:00\"", parseMinute);
}

std::vector<IpAddress> TomlFields::addresses(std::string_view key, Need need) {
    return list<IpAddress>(key, need, addressExample, [](const toml::node& node) {
        const auto text = node.value_exact<std::string_view>();
        return text ? IpAddress::parse(*text) : std::nullopt;
    });
}

std::vector<IpPrefix> TomlFields::prefixes(std::string_view key, Need need) {
    return list<IpPrefix>(key, need, prefixExample, [](const toml::node& node) {
        const auto text = node.value_exact<std::string_view>();
        return text ? IpPrefix::parse(*text) : std::nullopt;
    });
}

std::optional<bool> TomlFields::flag(std::string_view key) {
    const toml::node* node = find(key, Need::Optional, {});
    if (node == nullptr) return std::nullopt;
    const auto value = node->value_exact<bool>();
    if (!value) wrong(key, "true or false");
    return value;
}

std::vector<std::string> TomlFields::texts(std::string_view key, Need need) {
    return list<std::string>(key, need, "text in quotes",
                             [](const toml::node& node) { return node.value_exact<std::string>(); });
}

std::vector<IspId> TomlFields::isps(std::string_view key) {
    return list<IspId>(key, Need::Optional, "the number of an ISP, 0 to 65535",
                       [](const toml::node& node) -> std::optional<IspId> {
                           const auto value = node.value_exact<int64_t>();
                           if (!value || *value < 0) return std::nullopt;
                           return IspId::from(static_cast<uint64_t>(*value));
                       });
}

std::vector<uint32_t> TomlFields::asNumbers(std::string_view key, Need need) {
    return list<uint32_t>(key, need, "an AS number, 1 to 4294967295",
                          [](const toml::node& node) -> std::optional<uint32_t> {
                              const auto value = node.value_exact<int64_t>();
                              if (!value || *value < 1 || *value > int64_t{UINT32_MAX}) return std::nullopt;
                              return static_cast<uint32_t>(*value);
                          });
}

std::vector<const toml::table*> TomlFields::tables(std::string_view key) {
    std::vector<const toml::table*> out;
    const toml::node* node = find(key, Need::Optional, {});
    if (node == nullptr) return out;
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
        if (array == nullptr || !array->empty()) wrong(key, "a list of tables: [[" + std::string(key) + "]]");
        return out;
    }
    for (const toml::node& element : *array) out.push_back(element.as_table());
    return out;
}

const toml::table* TomlFields::table(std::string_view key, Need need) {
    m_known.emplace(key);
    const toml::node* node = m_table.get(key);
    if (node == nullptr) {
        if (need == Need::Required) m_problems.add(m_table, "there is no [" + std::string(key) + "]; add it");
        return nullptr;
    }
    if (node->as_table() == nullptr) wrong(key, "a table: [" + std::string(key) + "]");
    return node->as_table();
}

}  // namespace netpas::isp
