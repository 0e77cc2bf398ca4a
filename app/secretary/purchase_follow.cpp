// Routes and prices change while purchases run (NetPaS §3.1.2): each running purchase is quoted again now and then. A way that is no dearer
// than what was agreed to is taken; else the flow goes back to best effort.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/secretary/purchase_alive.h"
#include "app/secretary/purchase_entry.h"
#include "app/secretary/spend_terms.h"

namespace netpas::secretaryd {

using cartographer::QuotedHop;
using ledger::EndReason;
using ledger::PurchaseState;

namespace {

bool sameWay(const std::vector<QuotedHop>& a, const std::vector<QuotedHop>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const QuotedHop& x, const QuotedHop& y) {
        return x.isp == y.isp && x.service == y.service && x.exit == y.exit;
    });
}

bool samePrices(const std::vector<QuotedHop>& a, const std::vector<QuotedHop>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const QuotedHop& x, const QuotedHop& y) {
        return x.prices == y.prices && x.guarantee == y.guarantee;
    });
}

bool sameIsps(const std::vector<QuotedHop>& a, const std::vector<QuotedHop>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const QuotedHop& x, const QuotedHop& y) { return x.isp == y.isp; });
}

std::string namesOf(const std::vector<QuotedHop>& way) {
    std::string text;
    for (const QuotedHop& hop : way) text += (text.empty() ? "" : " → ") + hop.ispName;
    return text;
}

nlohmann::json wayJson(const std::vector<QuotedHop>& way) {
    nlohmann::json hops = nlohmann::json::array();
    const auto price = cartographer::dearestPacket(way, cartographer::fullPacketBytes);
    for (size_t i = 0; i < way.size(); ++i) {
        hops.push_back({{"isp", way[i].isp.value()},
                        {"class", way[i].service.value()},
                        {"exit", way[i].exit.value()},
                        {"dearest_packet", price ? nlohmann::json(price->hops[i].value().toString()) : nullptr}});
    }
    return hops;
}

}  // namespace

// Kept beside the ISP's statements. `to`: nothing when there is no way any more.
bool PurchaseService::keepWay(const Entry& entry, const std::vector<QuotedHop>& to, const std::string& because) {
    const std::string text = nlohmann::json{
        {"because", because},
        {"agreed_packet", entry.agreed.toString()},
        {"from", wayJson(entry.quote->path)},
        {"to", wayJson(to)}}.dump();
    const auto done = m_ports.ledger.recordEvidence(
        entry.book.id, {"way", std::vector<uint8_t>(text.begin(), text.end()), {}, true}, m_ports.clock.now());
    if (!done) storageFailed(done.error());
    return done.has_value();
}

// One purchase after the other, so that many of them do not ask at once. Runs only while something is paid for.
void PurchaseService::armFollow() {
    const auto running = std::count_if(
        m_open.begin(), m_open.end(), [](const auto& item) { return item.second.book.state == PurchaseState::Active; });
    if (running == 0) m_ports.timers.cancel(std::exchange(m_follow, 0));
    if (m_follow != 0 || running == 0) return;
    constexpr ptrdiff_t atOnce = 32;
    m_follow = m_ports.timers.after(m_settings.followEvery / std::min<ptrdiff_t>(running, atOnce), whileAlive([this] {
                                        m_follow = 0;
                                        followNext();
                                        armFollow();
                                    }));
}

void PurchaseService::followNext() {
    if (m_broken || !m_agentUp || m_open.empty()) return;
    auto at = m_open.upper_bound(m_followed);
    for (size_t looked = 0; looked < m_open.size(); ++looked, ++at) {
        if (at == m_open.end()) at = m_open.begin();
        Entry& one = at->second;
        const bool running = one.book.state == PurchaseState::Active && one.quote && !one.resuming && !one.suspended;
        if (!running || one.following) continue;
        m_followed = at->first;
        one.following = true;
        cartographer::QuoteRequest what = one.what;
        what.atMost = one.agreed;
        what.charges = one.charges;
        m_ports.quotes.quote(what,
                             whileAlive([this, id = one.book.id](auto quote) { onFollowed(id, std::move(quote)); }));
        return;
    }
}

std::optional<std::string> PurchaseService::objectionTo(const Entry& entry, const cartographer::Quote& next) const {
    const auto terms = [&](const cartographer::Quote& quote) {
        secretary::SpendRequest request = spendRequestOf(entry.book.request, quote, entry.process);
        m_ports.authority.inform(entry.book.request, request);
        return request;
    };
    const auto denied = m_ports.authority.objection(terms(*entry.quote), terms(next));
    return denied ? std::optional(denied->sentence) : std::nullopt;
}

void PurchaseService::onFollowed(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote) {
    Entry* const known = entry(id);
    if (known == nullptr || !std::exchange(known->following, false)) return;
    if (known->stopping() || known->replacing || !known->quote || m_broken) return;
    if (!quote) {
        switch (quote.error().kind) {
        case QuoteFailure::Kind::NoPath:
        case QuoteFailure::Kind::NoSuchClass:
            if (keepWay(*known, {}, quote.error().message))
                beginStop(*known, EndReason::NoOffer, quote.error().message);
            return;
        // Who cannot be asked has not said that anything changed.
        case QuoteFailure::Kind::NotJoined:
        case QuoteFailure::Kind::Unreachable:
        case QuoteFailure::Kind::Untrusted: return;
        }
    }
    // It was asked for before something else was taken.
    if (isOnAny(quote->path, known->failed)) return;
    const auto& before = known->quote->path;
    const bool sameRoute = sameWay(before, quote->path);
    if (sameRoute && samePrices(before, quote->path)) {
        known->quote->validUntil = quote->validUntil;
        return;
    }
    const auto dearest = cartographer::dearestPacket(quote->path, cartographer::fullPacketBytes);
    const auto now =
        cartographer::priceOfPacket(quote->path, cartographer::fullPacketBytes, minuteOfDay(m_ports.clock.now()));
    const std::string what = sameRoute ? std::string("the prices changed") : "the way is now " + namesOf(quote->path);
    if (!keepWay(*known, quote->path, what)) return;
    const auto charges = cartographer::dearestCharges(quote->path);
    const bool chargesFit =
        charges && charges->first <= known->charges.first && charges->minute <= known->charges.minute;
    if (!dearest || !now || !chargesFit || dearest->total > known->agreed) {
        return beginStop(*known, EndReason::NoOffer, what + ", and that costs more than what was agreed to");
    }
    if (const auto objection = objectionTo(*known, *quote)) return beginStop(*known, EndReason::NoOffer, *objection);
    if (!sameRoute && changesTooOften(*known)) {
        return beginStop(*known, EndReason::NoOffer, "the way changes too often: " + what);
    }
    m_ports.log(LogLevel::Info, nameOf(id) + ": " + what);
    takeWay(*known, std::move(*quote), *now, std::max(dearest->total, charges->first));
}

bool PurchaseService::changesTooOften(Entry& entry) const {
    const SteadyTime now = m_ports.clock.steady();
    while (!entry.changes.empty() && now - entry.changes.front() > m_settings.waysCounted) entry.changes.pop_front();
    entry.changes.push_back(now);
    return entry.changes.size() > m_settings.mostWays;
}

// Between two packets; other ISPs need another key, because a key names those who may be paid with it.
void PurchaseService::takeWay(Entry& entry, cartographer::Quote quote, const cartographer::PacketPrice& price,
                              Money dearest) {
    const bool sameKey = sameIsps(entry.quote->path, quote.path);
    entry.quote = std::move(quote);
    entry.dearest = dearest;
    entry.book.path = hopsOf(*entry.quote, price);
    if (sameKey) {
        for (Key& key : entry.keys) key.path = entry.quote->path;
        return push();
    }
    entry.renewalDue = true;
    entry.renewTrouble.clear();
    considerRenewal(entry);
    const bool coming = entry.in(KeyPhase::Registering) != nullptr || entry.in(KeyPhase::Ready) != nullptr;
    if (!coming && !entry.stopping()) {
        beginStop(entry, EndReason::CapReached, "nothing is left for a session key on the new way");
    }
}

}  // namespace netpas::secretaryd
