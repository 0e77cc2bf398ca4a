#include "cartographer/routes/babel.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace netpas::routes {

namespace {

constexpr size_t maxWords = 40;
constexpr size_t maxName = 64;

struct Words {
    std::array<std::string_view, maxWords> word;
    size_t count = 0;

    // The word after the first `key` at an even distance from `first`.
    [[nodiscard]] std::optional<std::string_view> after(std::string_view key, size_t first) const {
        for (size_t i = first; i + 1 < count; i += 2) {
            if (word[i] == key) return word[i + 1];
        }
        return std::nullopt;
    }
};

std::optional<Words> split(std::string_view line) {
    Words words;
    while (!line.empty()) {
        const size_t end = std::min(line.find(' '), line.size());
        if (end > 0) {
            if (words.count == maxWords) return std::nullopt;
            words.word[words.count++] = line.substr(0, end);
        }
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
}

template <typename Number>
std::optional<Number> number(std::optional<std::string_view> text, int base = 10) {
    Number value{};
    if (!text || text->empty()) return std::nullopt;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value, base);
    if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return value;
}

std::optional<bool> yes(std::optional<std::string_view> text, std::string_view positive, std::string_view negative) {
    if (text == positive) return true;
    if (text == negative) return false;
    return std::nullopt;
}

std::optional<IpAddress> address(std::optional<std::string_view> text) {
    return text ? IpAddress::parse(*text) : std::nullopt;
}
std::optional<IpPrefix> prefix(std::optional<std::string_view> text) {
    return text ? IpPrefix::parse(*text) : std::nullopt;
}
std::optional<std::string> name(std::optional<std::string_view> text) {
    if (!text || text->empty() || text->size() > maxName) return std::nullopt;
    return std::string(*text);
}

std::optional<BabelInterface> interfaceOf(const Words& words) {
    const auto up = yes(words.after("up", 3), "true", "false");
    if (!up) return std::nullopt;
    return BabelInterface{*up};
}

std::optional<BabelNeighbour> neighbourOf(const Words& words) {
    const auto interface = name(words.after("if", 3));
    const auto at = address(words.after("address", 3));
    const auto asks = number<BabelCost>(words.after("txcost", 3));
    const auto told = number<BabelCost>(words.after("rxcost", 3));
    const auto cost = number<BabelCost>(words.after("cost", 3));
    if (!interface || !at || !asks || !told || !cost) return std::nullopt;
    return BabelNeighbour{*interface, *at, *asks, *told, *cost};
}

std::optional<BabelRoute> routeOf(const Words& words) {
    const auto to = prefix(words.after("prefix", 3));
    const auto from = prefix(words.after("from", 3));
    const auto installed = yes(words.after("installed", 3), "yes", "no");
    const auto metric = number<BabelCost>(words.after("metric", 3));
    const auto claimed = number<BabelCost>(words.after("refmetric", 3));
    const auto via = address(words.after("via", 3));
    const auto interface = name(words.after("if", 3));
    if (!to || !from || !installed || !metric || !claimed || !via || !interface) return std::nullopt;
    return BabelRoute{*to, *from, *installed, *metric, *claimed, *via, *interface};
}

std::optional<BabelOwn> ownOf(const Words& words) {
    const auto to = prefix(words.after("prefix", 3));
    const auto metric = number<BabelCost>(words.after("metric", 3));
    if (!to || !metric) return std::nullopt;
    return BabelOwn{*to, *metric};
}

// Adds, changes or removes one entry.
template <typename Key, typename Entry>
BabelTable::Line put(std::map<Key, Entry>& entries, const Key& key, bool flush, const std::optional<Entry>& entry,
                     size_t limit) {
    using Line = BabelTable::Line;
    if (flush) return entries.erase(key) > 0 ? Line::Change : Line::Nothing;
    if (!entry) return Line::Malformed;
    const auto known = entries.find(key);
    if (known == entries.end()) {
        if (entries.size() >= limit) return Line::TooMany;
        entries.emplace(key, *entry);
        return Line::Change;
    }
    if (known->second == *entry) return Line::Nothing;
    known->second = *entry;
    return Line::Change;
}

}  // namespace

BabelTable::Line BabelTable::take(std::string_view line) {
    if (line.size() > maxBabelLine) return Line::Malformed;
    const auto words = split(line);
    if (!words || words->count == 0) return Line::Malformed;
    const std::string_view verb = words->word[0];
    if (verb == "ok") return Line::Ok;
    if (verb == "no" || verb == "bad") return Line::Refused;
    if (verb == "BABEL") {
        const std::string_view version = words->count > 1 ? words->word[1] : "";
        return version.substr(0, 2) == "1." ? Line::Greeting : Line::Malformed;
    }
    if (verb != "add" && verb != "change" && verb != "flush") return Line::Nothing;
    if (words->count < 3) return Line::Malformed;
    const bool flush = verb == "flush";
    const std::string_view kind = words->word[1];
    if (kind == "interface" || kind == "xroute") {
        const auto key = name(words->word[2]);
        // An xroute is named by its two prefixes.
        if (kind == "xroute")
            return put(m_own, std::string(words->word[2].substr(0, 2 * maxName)), flush, ownOf(*words), maxBabelRoutes);
        if (!key) return Line::Malformed;
        return put(m_interfaces, *key, flush, interfaceOf(*words), maxBabelInterfaces);
    }
    if (kind != "neighbour" && kind != "route") return Line::Nothing;
    const auto key = number<uint64_t>(words->word[2], 16);
    if (!key) return Line::Malformed;
    if (kind == "route") return put(m_routes, *key, flush, routeOf(*words), maxBabelRoutes);
    return put(m_neighbours, *key, flush, neighbourOf(*words), maxBabelNeighbours);
}

const BabelRoute* BabelTable::routeTo(const IpAddress& address) const {
    const BabelRoute* best = nullptr;
    for (const auto& [id, route] : m_routes) {
        if (!route.installed || route.from.length() != 0 || !route.to.contains(address)) continue;
        if (best == nullptr || route.to.length() > best->to.length()) best = &route;
    }
    return best;
}

bool BabelTable::hasNeighbour(const std::string& interface) const {
    return std::any_of(m_neighbours.begin(), m_neighbours.end(),
                       [&](const auto& item) { return item.second.interface == interface; });
}

bool BabelTable::tells(const std::string& interface, BabelCost cost) const {
    return std::any_of(m_neighbours.begin(), m_neighbours.end(), [&](const auto& item) {
        return item.second.interface == interface && item.second.told == cost;
    });
}

BabelCost pricedCost(Money perKb) {
    constexpr int64_t perNanodollar = Money::eighthsPerNanodollar;
    const int64_t asked = std::clamp<int64_t>(perKb.eighths(), 0, int64_t{maxPricedCost} * perNanodollar);
    const int64_t cost = hopCost + (asked + perNanodollar - 1) / perNanodollar;
    return static_cast<BabelCost>(std::min<int64_t>(cost, maxPricedCost));
}

std::optional<Money> announcedPrice(BabelCost cost) {
    if (cost < hopCost || cost >= maxPricedCost) return std::nullopt;
    return Money::fromEighths(int64_t{cost - hopCost} * Money::eighthsPerNanodollar);
}

}  // namespace netpas::routes
