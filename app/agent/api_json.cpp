#include "app/agent/api_json.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

namespace netpas::agent {

using nlohmann::json;

namespace {

constexpr std::array sizesShown{cartographer::smallPacketBytes, cartographer::fullPacketBytes};

json moneyOrNull(const tl::expected<Money, MoneyError>& amount) {
    return amount ? json(amount->toString()) : json(nullptr);
}

json optionalMoney(Money amount) { return amount > Money::zero() ? json(amount.toString()) : json(nullptr); }

json hopJson(const cartographer::QuotedHop& hop) {
    return {{"isp", hop.isp.value()},
            {"name", hop.ispName},
            {"class", hop.service.value()},
            {"class_name", hop.className},
            {"exit", hop.exit.value()}};
}

// Path of a purchase whose quote is not in memory any more: what the ledger kept.
json bookPathJson(const ledger::Purchase& book) {
    json path = json::array();
    for (const ledger::LedgerHop& hop : book.path) {
        path.push_back({{"isp", hop.isp.value()},
                        {"class", hop.service.value()},
                        {"class_name", hop.className},
                        {"exit", hop.exit.value()},
                        {"price_per_packet", hop.quotedPrice.toString()}});
    }
    return path;
}

json quotePathJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now) {
    json hops = json::array();
    const auto prices = cartographer::priceOfPacket(path, cartographer::fullPacketBytes, minuteOfDay(now));
    for (size_t i = 0; i < path.size(); ++i) {
        json hop = hopJson(path[i]);
        hop["price_per_packet"] = prices ? json(prices->hops[i].value().toString()) : json(nullptr);
        hops.push_back(std::move(hop));
    }
    return hops;
}

std::string_view stateText(const PurchaseView& view) {
    // To people a purchase that only waits for the ISP is "settling", whichever way it came there.
    const bool waits = view.book.state == ledger::PurchaseState::Stopping && view.waitingForIsp;
    return describe(waits ? ledger::PurchaseState::Settling : view.book.state);
}

json promiseJson(const directory::Promise& promise) {
    json promised = json::object();
    if (promise.latencyMicroseconds) promised["latency_us"] = *promise.latencyMicroseconds;
    if (promise.lossPerMillion) promised["loss_per_million"] = *promise.lossPerMillion;
    if (promise.rateBitPerSecond) promised["rate_bit_per_second"] = *promise.rateBitPerSecond;
    return promised;
}

}  // namespace

std::string timeText(SystemTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    const auto digits = [](int64_t number, size_t width) {
        std::string text = std::to_string(number);
        return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
    };
    return digits(int{date.year()}, 4) + "-" + digits(unsigned{date.month()}, 2) + "-" +
           digits(unsigned{date.day()}, 2) + "T" + digits(clock.hours().count(), 2) + ":" +
           digits(clock.minutes().count(), 2) + ":" + digits(clock.seconds().count(), 2) + "." +
           digits(clock.subseconds().count(), 6) + "Z";
}

json pricesJson(const std::vector<cartographer::QuotedHop>& path, SystemTime now) {
    json prices = json::object();
    for (const uint32_t size : sizesShown) {
        const auto packet = cartographer::priceOfPacket(path, size, minuteOfDay(now));
        prices["price_per_packet"][std::to_string(size)] = packet ? json(packet->total.toString()) : json(nullptr);
        prices["worst_price_per_mb"][std::to_string(size)] = moneyOrNull(cartographer::worstPerMegabyte(path, size));
    }
    return prices;
}

json purchaseJson(const PurchaseView& view, SystemTime now) {
    const ledger::Purchase& book = view.book;
    json object{
        {"id", std::to_string(book.id.value())},
        {"state", stateText(view)},
        {"reason", describe(book.reason)},
        {"note", book.note},
        {"trouble", view.trouble},
        {"uid", book.request.uid},
        {"flow", book.request.flow.toString()},
        {"cap", book.request.cap.toString()},
        {"cap_per_second", optionalMoney(book.request.capPerSecond)},
        {"duration_s", book.request.duration ? json(book.request.duration->count()) : json(nullptr)},
        {"session_key", book.key ? json(book.key->value()) : json(nullptr)},
        {"decided_by", book.decidedBy},
        {"sent",
         {{"packets", book.usage.packets}, {"bytes", book.usage.bytes}, {"amount", book.usage.amount.toString()}}},
        {"best_effort_packets", book.usage.bestEffortPackets},
        {"charged", book.charged ? json(book.charged->toString()) : json(nullptr)},
        {"disputed", book.disputed},
        {"currency", "USD"},
        {"requested_at", timeText(book.requestedAt)},
        {"changed_at", timeText(book.changedAt)}};
    if (view.quote) {
        object["path"] = quotePathJson(view.quote->path, now);
        object.update(pricesJson(view.quote->path, now));
    } else {
        object["path"] = bookPathJson(book);
    }
    return object;
}

json menuJson(const cartographer::KnownMenu& known, SystemTime now) {
    json classes = json::array();
    for (const directory::MenuClass& offer : known.menu.classes) {
        const std::vector<cartographer::QuotedHop> alone{
            {known.menu.validity.isp, known.ispName, offer.id, offer.name, ExitPoint{0}, offer.prices}};
        json object{{"class", offer.id.value()},
                    {"name", offer.name},
                    {"description", offer.description},
                    {"promised", promiseJson(offer.promise)},
                    {"surcharge_1024ths", offer.prices.modelAt(minuteOfDay(now)).surcharge1024ths},
                    {"changes_by_time_of_day", !offer.prices.periods.empty()}};
        object.update(pricesJson(alone, now));
        classes.push_back(std::move(object));
    }
    return {{"isp", known.menu.validity.isp.value()},
            {"name", known.ispName},
            {"classes", std::move(classes)},
            {"valid_until", timeText(known.menu.validity.expires)}};
}

json surveyJson(const IpAddress& destination, const cartographer::Survey& survey, SystemTime now) {
    json paths = json::array();
    for (const directory::IspPath& path : survey.paths.paths) {
        json hops = json::array();
        for (size_t i = 0; i < path.isps.size(); ++i) {
            const auto menu = survey.menus.find(path.isps[i]);
            const auto missing = survey.missing.find(path.isps[i]);
            json hop = menu != survey.menus.end() ? menuJson(menu->second, now)
                                                  : json{{"isp", path.isps[i].value()}, {"classes", json::array()}};
            hop["exit"] = i < path.exits.size() ? path.exits[i].value() : 0;
            if (missing != survey.missing.end()) hop["problem"] = missing->second.detail;
            hops.push_back(std::move(hop));
        }
        paths.push_back(std::move(hops));
    }
    json object{{"to", destination.toString()}, {"paths", std::move(paths)}, {"currency", "USD"}};
    for (const auto rule : {cartographer::ClassChoice::Rule::Cheapest, cartographer::ClassChoice::Rule::Best}) {
        const cartographer::QuoteRequest request{destination, {rule, {}, ServiceClass{0}}, {}};
        const auto quote = cartographer::quoteFrom(request, survey, now);
        if (!quote) continue;
        json offer{{"path", quotePathJson(quote->path, now)}};
        offer.update(pricesJson(quote->path, now));
        object[rule == cartographer::ClassChoice::Rule::Best ? "best" : "cheapest"] = std::move(offer);
    }
    return object;
}

namespace {

// Reads members one by one and remembers the first thing that is wrong.
class Fields {
public:
    explicit Fields(const json& object) : m_object(object) {}

    // Nothing when the member is missing or null.
    const json* get(const char* name) {
        m_known.push_back(name);
        const auto found = m_object.find(name);
        return found == m_object.end() || found->is_null() ? nullptr : &*found;
    }
    std::string text(const char* name) {
        const json* const value = get(name);
        if (value == nullptr) return {};
        if (!value->is_string() || value->get_ref<const std::string&>().size() > maxText) {
            fail(std::string(name) + " must be a short string");
            return {};
        }
        return value->get<std::string>();
    }
    uint64_t number(const char* name, uint64_t most) {
        const json* const value = get(name);
        if (value == nullptr) return 0;
        if (!value->is_number_unsigned() || value->get<uint64_t>() > most) {
            fail(std::string(name) + " must be a whole number up to " + std::to_string(most));
            return 0;
        }
        return value->get<uint64_t>();
    }
    Money money(const char* name, bool required) {
        const std::string value = text(name);
        if (value.empty()) {
            if (required) fail(std::string(name) + " is missing", "an amount of dollars as a string, such as \"0.05\"");
            return Money::zero();
        }
        const auto amount = Money::parse(value);
        if (!amount || amount->isNegative()) {
            fail(std::string(name) + " is not an amount: " + value, "dollars as a string, such as \"0.05\"");
            return Money::zero();
        }
        return *amount;
    }
    void fail(std::string message, std::string hint = {}) {
        if (!m_problem) m_problem = BadField{std::move(message), std::move(hint)};
    }
    [[nodiscard]] std::optional<BadField> problem() {
        for (const auto& [name, value] : m_object.items()) {
            if (std::find(m_known.begin(), m_known.end(), name) == m_known.end())
                fail("unknown member \"" + name + "\"");
        }
        return m_problem;
    }

private:
    static constexpr size_t maxText = 200;
    const json& m_object;
    std::vector<std::string> m_known;
    std::optional<BadField> m_problem;
};

uint8_t protocolFrom(const std::string& text, Fields& fields) {
    if (text.empty() || text == "any") return 0;
    if (text == "tcp") return ipproto::tcp;
    if (text == "udp") return ipproto::udp;
    if (text == "icmp") return ipproto::icmp;  // of either family (FlowMatch)
    fields.fail("unknown protocol \"" + text + "\"", "one of tcp, udp, icmp, any");
    return 0;
}

void choicesFrom(Fields& fields, cartographer::QuoteRequest& what) {
    what.everywhere = cartographer::ClassChoice::parse(fields.text("class"));
    const json* const special = fields.get("per_isp");
    if (special == nullptr) return;
    constexpr size_t maxHops = 16;
    if (!special->is_object() || special->size() > maxHops) {
        fields.fail("per_isp must be an object of at most 16 members", "for example {\"24\": \"gold\"}");
        return;
    }
    for (const auto& [name, value] : special->items()) {
        const bool digits = !name.empty() && name.size() <= 5 &&
                            std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
        const auto isp = digits ? IspId::from(std::stoul(name)) : std::nullopt;
        if (!isp || !value.is_string()) {
            fields.fail("per_isp has no ISP number \"" + name + "\" with a class name",
                        "for example {\"24\": \"gold\"}");
            return;
        }
        what.perIsp[*isp] = cartographer::ClassChoice::parse(value.get<std::string>());
    }
}

tl::expected<json, BadField> objectFrom(std::string_view body) {
    json object = json::parse(body, nullptr, false);
    if (!object.is_object()) return tl::unexpected(BadField{"the body is not a JSON object", {}});
    return object;
}

}  // namespace

tl::expected<BuyOrder, BadField> orderFromJson(std::string_view body) {
    const auto object = objectFrom(body);
    if (!object) return tl::unexpected(object.error());
    Fields fields(*object);
    BuyOrder order;
    const std::string to = fields.text("to");
    const auto destination = IpAddress::parse(to);
    if (!destination) {
        fields.fail(to.empty() ? "to is missing" : "to is not an IP address: " + to,
                    "an address such as \"192.0.2.10\"");
    } else {
        order.what.destination = *destination;
        order.purchase.flow.remote = IpPrefix::make(*destination, destination->isV6() ? 128 : 32);
        order.purchase.flow.protocol = protocolFrom(fields.text("protocol"), fields);
    }
    order.purchase.flow.remotePort = static_cast<uint16_t>(fields.number("to_port", 65535));
    order.purchase.flow.localPort = static_cast<uint16_t>(fields.number("from_port", 65535));
    const bool ports = order.purchase.flow.remotePort != 0 || order.purchase.flow.localPort != 0;
    const uint8_t protocol = order.purchase.flow.protocol;
    if (ports && destination && protocol != ipproto::tcp && protocol != ipproto::udp) {
        fields.fail("a port needs a protocol that has ports", "set protocol to tcp or udp");
    }
    order.purchase.cap = fields.money("cap", true);
    order.purchase.capPerSecond = fields.money("cap_per_second", false);
    constexpr uint64_t longest = 30 * 24 * 3600;  // ISPs take no key that lives for more than 31 days
    if (const uint64_t seconds = fields.number("duration_s", longest); seconds > 0) {
        order.purchase.duration = std::chrono::seconds(seconds);
    }
    choicesFrom(fields, order.what);
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    // nlohmann keeps members sorted: the same request gives the same text.
    order.purchase.fingerprint = object->dump();
    return order;
}

tl::expected<std::string, BadField> joinUrlFromJson(std::string_view body) {
    const auto object = objectFrom(body);
    if (!object) return tl::unexpected(object.error());
    Fields fields(*object);
    std::string url = fields.text("url");
    if (url.empty()) fields.fail("url is missing", "https://ADDRESS:PORT/#KEY, as your ISP gave it to you");
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    return url;
}

}  // namespace netpas::agent
