#include "app/isp/books_merge.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>

#include "core/money.h"

namespace netpas::isp {

namespace {

using Json = nlohmann::ordered_json;

// What says which entry it is, or what kind; never added.
constexpr std::array<std::string_view, 10> names{"isp",    "name", "customer", "router", "currency",
                                                 "number", "time", "kind",     "node",   "id"};
// Lists whose entries are never the same thing twice.
constexpr std::array<std::string_view, 4> separate{"alarms", "keys", "lines", "servers"};

template <typename List>
bool in(const List& list, std::string_view key) {
    return std::find(list.begin(), list.end(), key) != list.end();
}

Money amount(const Json& json, const char* key) { return Money::parse(json.value(key, "0")).value_or(Money::zero()); }

bool sameThing(const Json& a, const Json& b) {
    if (!a.is_object() || !b.is_object()) return false;
    bool named = false;
    for (const std::string_view name : names) {
        const std::string key(name);
        if (name == "time" || (!a.contains(key) && !b.contains(key))) continue;
        if (name == "node") continue;  // the same customer may have enrolled at one server only
        if (!a.contains(key) || !b.contains(key) || a[key] != b[key]) return false;
        named = true;
    }
    return named;
}

void add(Json& into, const Json& more, std::string_view key);

void addList(Json& into, const Json& more, std::string_view key) {
    for (const Json& entry : more) {
        const auto found = std::find_if(into.begin(), into.end(), [&](Json& own) { return sameThing(own, entry); });
        if (found == into.end() || in(separate, key)) {
            into.push_back(entry);
        } else {
            add(*found, entry, key);
        }
    }
}

void addText(Json& into, const Json& more, std::string_view key) {
    if (key == "verdict") {
        if (into == "fits") into = more;
        return;
    }
    const auto a = Money::parse(into.get<std::string>());
    const auto b = Money::parse(more.get<std::string>());
    if (!a || !b) return;
    into = checkedAdd(*a, *b).value_or(Money::max()).toString();
}

void add(Json& into, const Json& more, std::string_view key) {
    if (into.is_object() && more.is_object()) {
        for (const auto& [name, value] : more.items()) {
            if (!into.contains(name) || into[name].is_null()) {
                into[name] = value;
            } else if (!in(names, name)) {
                add(into[name], value, name);
            }
        }
    } else if (into.is_array() && more.is_array()) {
        addList(into, more, key);
    } else if (into.is_boolean() && more.is_boolean()) {
        into = into.get<bool>() && more.get<bool>();
    } else if (into.is_number_integer() && more.is_number_integer()) {
        into = into.get<int64_t>() + more.get<int64_t>();
    } else if (into.is_string() && more.is_string()) {
        addText(into, more, key);
    }
}

// By pairs: what one says that it owes is what the other says that it is owed.
Json betweenServers(const Json& servers) {
    Money to;
    Money by;
    for (const Json& server : servers) {
        to = checkedAdd(to, amount(server, "owed_to")).value_or(Money::max());
        by = checkedAdd(by, amount(server, "owed_by")).value_or(Money::max());
    }
    return {{"owed_to", to.toString()},
            {"owed_by", by.toString()},
            {"net", checkedSub(by, to).value_or(Money::max()).toString()}};
}

}  // namespace

tl::expected<std::string, std::string> mergeBooks(const std::vector<std::string>& books) {
    std::optional<Json> sum;
    for (const std::string& text : books) {
        const Json one = Json::parse(text, nullptr, false);
        if (!one.is_object() || !one.contains("isp")) return tl::unexpected(std::string("an answer is not understood"));
        if (!sum) {
            sum = one;
        } else if (sum->at("isp") != one.at("isp")) {
            return tl::unexpected("these are servers of ISP " + sum->at("isp").dump() + " and of ISP " +
                                  one.at("isp").dump() + "; name the sockets of one ISP");
        } else {
            add(*sum, one, "");
        }
    }
    if (!sum) return tl::unexpected(std::string("there is nothing to add"));
    if (sum->contains("servers")) (*sum)["between_servers"] = betweenServers((*sum)["servers"]);
    return sum->dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace netpas::isp
