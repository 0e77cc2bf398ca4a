// Reads TOML tables field by field and collects every mistake with its line and its remedy. Only for .cpp files.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "app/isp/edge_config.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::isp {

class Problems {
public:
    explicit Problems(std::string file) : m_file(std::move(file)) {}
    void add(uint32_t line, std::string text) { m_list.push_back({m_file, line, std::move(text)}); }
    void add(const toml::node& at, std::string text) { add(at.source().begin.line, std::move(text)); }
    [[nodiscard]] bool any() const { return !m_list.empty(); }
    [[nodiscard]] std::vector<ConfigProblem> take() { return std::move(m_list); }

private:
    std::string m_file;
    std::vector<ConfigProblem> m_list;
};

// One table. `name` is how messages call it: "[[customer]]". A getter returns nothing after it noted a problem, or when
// an optional key is missing.
class TomlFields {
public:
    TomlFields(const toml::table& table, std::string name, Problems& problems)
        : m_table(table), m_name(std::move(name)), m_problems(problems) {}
    // Notes every key that no getter asked for.
    ~TomlFields();
    TomlFields(const TomlFields&) = delete;
    TomlFields& operator=(const TomlFields&) = delete;

    enum class Need : uint8_t { Required, Optional };

    std::optional<std::string> text(std::string_view key, Need need = Need::Required);
    std::optional<int64_t> number(std::string_view key, int64_t least, int64_t most, Need need = Need::Required);
    std::optional<double> real(std::string_view key, double least, double most, Need need = Need::Required);
    std::optional<Money> money(std::string_view key, Need need = Need::Required);  // ≥ 0
    std::optional<IpAddress> address(std::string_view key, Need need = Need::Required);
    std::optional<IpPrefix> prefix(std::string_view key, Need need = Need::Required);
    std::optional<Endpoint> endpoint(std::string_view key, Need need = Need::Optional);  // "192.0.2.1:46721"
    std::optional<uint16_t> minute(std::string_view key);                                // "18:30"
    std::vector<IpAddress> addresses(std::string_view key, Need need = Need::Required);
    std::vector<IpPrefix> prefixes(std::string_view key, Need need = Need::Required);
    std::optional<bool> flag(std::string_view key);  // always optional
    std::vector<std::string> texts(std::string_view key, Need need = Need::Required);
    std::vector<IspId> isps(std::string_view key);
    std::vector<uint32_t> asNumbers(std::string_view key, Need need = Need::Required);
    // The tables of an array of tables; empty when there is none.
    std::vector<const toml::table*> tables(std::string_view key);
    const toml::table* table(std::string_view key, Need need = Need::Required);

    [[nodiscard]] uint32_t lineOf(std::string_view key) const;
    [[nodiscard]] const std::string& name() const { return m_name; }
    void problem(std::string_view key, std::string text) { m_problems.add(lineOf(key), std::move(text)); }

private:
    const toml::node* find(std::string_view key, Need need, std::string_view example);
    void wrong(std::string_view key, std::string_view wanted);
    template <typename Parse>
    auto parsed(std::string_view key, Need need, std::string_view example, Parse parse);
    template <typename T, typename Parse>
    std::vector<T> list(std::string_view key, Need need, std::string_view example, Parse parse);

    const toml::table& m_table;
    std::string m_name;
    Problems& m_problems;
    std::set<std::string, std::less<>> m_known;
};

}  // namespace netpas::isp
