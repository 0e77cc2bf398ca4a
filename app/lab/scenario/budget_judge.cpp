#include "app/lab/scenario/budget_judge.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

namespace netpas::lab {
namespace {

struct Event {
    uint64_t at = 0;
    bool grant = false;
    Money change;
    friend bool operator<(const Event& a, const Event& b) {
        // Given back before the next is granted, where the clock cannot tell.
        return a.at != b.at ? a.at < b.at : a.grant < b.grant;
    }
};

bool under(const GrantedPurchase& purchase, const RaceCap& cap) {
    if (cap.field.empty()) return true;
    if (cap.field == "app") return purchase.app == cap.value;
    if (cap.field == "purpose") return purchase.purpose == cap.value;
    return purchase.payee == cap.value;
}

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

}  // namespace

std::vector<CapJudgement> judgeCaps(const std::vector<GrantedPurchase>& purchases, const std::vector<RaceCap>& caps) {
    std::vector<CapJudgement> list;
    for (const RaceCap& cap : caps) {
        CapJudgement judged{cap, {}, {}, 0};
        std::vector<Event> events;
        for (const GrantedPurchase& purchase : purchases) {
            if (!under(purchase, cap)) continue;
            judged.spent = plus(judged.spent, purchase.charged);
            events.push_back({purchase.granted, true, purchase.cap});
            const Money rest = checkedSub(purchase.charged, purchase.cap).value_or(Money::zero());
            events.push_back({purchase.given, false, rest});
        }
        std::sort(events.begin(), events.end());
        Money now;
        for (const Event& event : events) {
            now = plus(now, event.change);
            if (!event.grant) continue;
            judged.most = std::max(judged.most, now);
            if (now > cap.amount) ++judged.over;
        }
        list.push_back(judged);
    }
    return list;
}

uint64_t spentTwice(const std::vector<GrantedPurchase>& purchases, Money pricePerPacket) {
    std::set<std::string> seen;
    uint64_t twice = 0;
    for (const GrantedPurchase& purchase : purchases) {
        const Money once = checkedMul(pricePerPacket, static_cast<int64_t>(purchase.packets)).value_or(Money::zero());
        if (!seen.insert(purchase.id).second || purchase.charged > once) ++twice;
    }
    return twice;
}

std::vector<GrantedPurchase> grantedIn(const Json& report) {
    std::vector<GrantedPurchase> list;
    for (const Json& one : report.value("approved", Json::array())) {
        if (!one.is_array() || one.size() != 6) continue;
        GrantedPurchase purchase;
        purchase.id = one[0].get<std::string>();
        purchase.granted = one[1].get<uint64_t>();
        purchase.given = one[2].get<uint64_t>();
        purchase.purpose = "race-" + std::to_string(one[3].get<uint64_t>());
        purchase.payee = std::string(63, '0') + std::to_string(one[4].get<uint64_t>());
        purchase.packets = one[5].get<uint64_t>();
        list.push_back(std::move(purchase));
    }
    return list;
}

}  // namespace netpas::lab
