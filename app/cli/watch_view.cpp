#include "app/cli/watch_view.h"

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "core/flow.h"

namespace netpas::cli {

using nlohmann::json;
using namespace std::chrono_literals;

namespace {

constexpr auto window = 10s;  // over which a rate is reckoned
constexpr auto shortest = 1s;

std::string ispText(const json& status) {
    const json isp = at(status, {"isp"});
    if (isp.is_null()) return "none yet; next: netpas join https://ADDRESS:PORT/#KEY";
    return textAt(isp, "id") + " " + textAt(isp, "name") +
           (at(isp, {"connected"}) == json(true) ? ", connected" : ", not connected");
}

}  // namespace

void WatchView::take(const json& event, Time now) {
    const std::string kind = textAt(event, "event");
    if (kind == "snapshot") {
        forget();
        m_status = at(event, {"status"});
        m_trouble = at(event, {"trouble"});
        for (const json& purchase : at(event, {"purchases"})) note(purchase, now);
    }
    if (kind == "status") m_status = at(event, {"status"});
    if (kind == "trouble") m_trouble = at(event, {"trouble"});
    if (kind == "purchase") note(at(event, {"purchase"}), now);
    if (kind == "gone") {
        m_purchases.erase(textAt(event, "id"));
        m_spent.erase(textAt(event, "id"));
    }
}

void WatchView::takeMeasurements(const json& body) {
    const json list = at(body, {"measurements"});
    m_measurements = list.is_array() ? list : json::array();
}

void WatchView::forget() {
    m_purchases.clear();
    m_spent.clear();
    m_status = m_trouble = nullptr;
}

void WatchView::note(const json& purchase, Time now) {
    const std::string id = textAt(purchase, "id");
    m_purchases[id] = purchase;
    const auto amount = Money::parse(textAt(at(purchase, {"sent"}), "amount"));
    if (!amount) return;
    auto& sums = m_spent[id];
    sums.emplace_back(now, *amount);
    // One that is older than the window stays: the rate is reckoned from it.
    while (sums.size() > 2 && sums[1].first <= now - window) sums.pop_front();
}

std::optional<Money> WatchView::perMinute(const std::string& id) const {
    const auto found = m_spent.find(id);
    if (found == m_spent.end() || found->second.size() < 2) return std::nullopt;
    const auto& [firstTime, first] = found->second.front();
    const auto& [lastTime, last] = found->second.back();
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(lastTime - firstTime).count();
    const auto spent = checkedSub(last, first);
    const auto aMinute = spent ? checkedMul(*spent, 60'000) : spent;
    if (lastTime - firstTime < shortest || !aMinute) return std::nullopt;
    return Money::fromEighths(aMinute->eighths() / milliseconds);
}

// Of TCP connections there, else of test packets to the last ISP on the way in the classes that were bought.
std::string WatchView::quality(const json& purchase) const {
    const auto flow = FlowMatch::parse(textAt(purchase, "flow"));
    json classes = json::array();
    for (const json& hop : at(purchase, {"path"}))
        classes.push_back({{"class", at(hop, {"class"})}, {"isp", at(hop, {"isp"})}});
    for (const json& one : m_measurements) {
        const auto destination = IpAddress::parse(textAt(one, "destination"));
        const bool there = destination && flow && flow->remote && flow->remote->contains(*destination);
        const bool inClasses = !classes.empty() && at(one, {"classes"}) == classes;
        if (!there && !inClasses) continue;
        const std::string roundTrip = estimateText(at(one, {"round_trip_ms"}), 1, 1);
        const std::string loss = estimateText(at(one, {"loss_there"}), 100, 2);
        return roundTrip + " ms, " + loss + " % lost";
    }
    return "-";
}

std::string WatchView::text() const {
    Rows head{{"ISP", ispText(m_status)}};
    if (!m_trouble.is_null()) {
        head = {{"trouble", textAt(m_trouble, "message")}};
    } else if (m_status.is_object()) {
        head.push_back({"spent today", dollars(at(m_status, {"spent_today"})) + " of " +
                                           dollars(at(m_status, {"limits", "per_day"})) + ", set aside " +
                                           dollars(at(m_status, {"reserved"}))});
    }
    Rows rows{{"ID", "STATE", "FLOW", "SENT", "A MINUTE", "A PACKET", "QUALITY"}};
    std::string asked;
    for (const auto& [id, purchase] : m_purchases) {
        const auto rate = perMinute(id);
        rows.push_back({id, textAt(purchase, "state"), textAt(purchase, "flow"),
                        dollars(at(purchase, {"sent", "amount"})), rate ? dollars(rate->toString()) : "-",
                        dollars(at(purchase, {"price_per_packet", "1400"})), quality(purchase)});
        if (const std::string decision = textAt(purchase, "decision"); !decision.empty())
            asked += "purchase " + id + " waits for an answer; next: netpas pending approve " + decision + "\n";
        if (const std::string trouble = textAt(purchase, "trouble"); !trouble.empty())
            asked += "purchase " + id + ": " + trouble + "\n";
    }
    return table(head) + (rows.size() > 1 ? table(rows) : "nothing is bought\n") + asked;
}

}  // namespace netpas::cli
