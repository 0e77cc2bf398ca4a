// What is paid for and not delivered (DESIGN §9): the case is written down, the class is avoided for a while, and the purchase goes on with the next
// best offer that costs no more than was agreed to; else its flow goes best effort.
#include <algorithm>
#include <utility>

#include "app/secretary/purchase_alive.h"
#include "app/secretary/purchase_entry.h"
#include "app/secretary/spend_terms.h"
#include "secretary/delivery/delivery_book.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::PurchaseState;

namespace {

bool isOn(const std::vector<cartographer::QuotedHop>& way, const SoldClass& sold) { return isOnAny(way, {sold}); }

std::string nameOf(const std::vector<cartographer::QuotedHop>& way) {
    std::string text;
    for (const cartographer::QuotedHop& hop : way)
        text += (text.empty() ? "" : " → ") + hop.ispName + " " + hop.className;
    return text;
}

void addNew(std::vector<SoldClass>& classes, const std::vector<SoldClass>& more) {
    for (const SoldClass& one : more) {
        if (std::find(classes.begin(), classes.end(), one) == classes.end()) classes.push_back(one);
    }
}

// The likeliest of the suspects that are still on the way: the first, whose queue is before the others'. Where another class of that ISP has
// failed already, it may be any of them.
std::vector<SoldClass> likeliest(const std::vector<cartographer::QuotedHop>& way, const std::vector<SoldClass>& failed,
                                 const std::vector<SoldClass>& suspects) {
    std::vector<SoldClass> present;
    for (const SoldClass& one : suspects) {
        if (isOn(way, one)) present.push_back(one);
    }
    if (present.empty()) return present;
    const bool again =
        std::any_of(failed.begin(), failed.end(), [&](const SoldClass& one) { return one.isp == present.front().isp; });
    if (!again) present.resize(1);
    return present;
}

// Somebody has chosen the class of this ISP by name.
bool isNamed(const cartographer::QuoteRequest& what, IspId isp) {
    const auto special = what.perIsp.find(isp);
    switch ((special == what.perIsp.end() ? what.everywhere : special->second).rule) {
    case cartographer::ClassChoice::Rule::Named:
    case cartographer::ClassChoice::Rule::Numbered: return true;
    case cartographer::ClassChoice::Rule::Cheapest:
    case cartographer::ClassChoice::Rule::Best: return false;
    }
    return false;
}

}  // namespace

bool isOnAny(const std::vector<cartographer::QuotedHop>& way, const std::vector<SoldClass>& classes) {
    return std::any_of(way.begin(), way.end(), [&](const cartographer::QuotedHop& hop) {
        return std::find(classes.begin(), classes.end(), SoldClass{hop.isp, hop.service}) != classes.end();
    });
}

void keepAwayFrom(cartographer::QuoteRequest& what, const std::vector<SoldClass>& classes) {
    for (const SoldClass& one : classes) {
        const std::pair<IspId, ServiceClass> sold(one.isp, one.service);
        if (std::find(what.without.begin(), what.without.end(), sold) == what.without.end())
            what.without.push_back(sold);
    }
}

// What the agent says moves no money anywhere but to offers that cost no more: a hijacked one gains nothing by it.
void PurchaseService::notDelivered(const DeliveryTrouble& trouble) {
    if (m_broken || trouble.suspects.empty()) return;
    for (const PurchaseId id : trouble.purchases) {
        Entry* const known = entry(id);
        if (known == nullptr || known->book.state != PurchaseState::Active || !known->quote || known->replacing)
            continue;
        const auto& way = known->quote->path;
        const std::vector<SoldClass> suspects = likeliest(way, known->failed, trouble.suspects);
        if (suspects.empty()) continue;  // it was moved meanwhile
        const auto number = writeCase(*known, suspects, trouble.evidence);
        if (!number) return;
        m_ports.log(LogLevel::Warning, nameOf(id) + ": not delivered: " + nameOf(way));
        addNew(known->failed, suspects);
        replace(*known, *number);
    }
}

std::optional<uint64_t> PurchaseService::writeCase(const Entry& entry, const std::vector<SoldClass>& suspects,
                                                   const std::string& evidence) {
    if (m_ports.deliveries == nullptr) return 0;
    secretary::delivery::Case found;
    found.at = m_ports.clock.now();
    found.purchase = entry.book.id;
    found.uid = entry.book.request.uid;
    found.node = entry.book.request.context.node;
    found.flow = entry.book.request.flow.toString();
    for (const cartographer::QuotedHop& hop : entry.quote->path) found.way.push_back({hop.isp, hop.service});
    found.suspects = suspects;
    found.paid = entry.book.usage.amount;
    found.evidence = evidence;
    const auto number = m_ports.deliveries->add(std::move(found));
    if (number) return *number;
    storageFailed(ledger::LedgerError::Storage);
    return std::nullopt;
}

void PurchaseService::replace(Entry& entry, uint64_t number) {
    const PurchaseId id = entry.book.id;
    keepAwayFrom(entry.what, entry.failed);
    cartographer::QuoteRequest what = entry.what;
    keepAwayFrom(what, avoided(what));
    what.atMost = entry.agreed;
    entry.replacing = true;
    // Whoever takes longer to find something else is not waited for with money running.
    const Timers::Id patience = m_ports.timers.after(m_settings.replacePatience, whileAlive([this, id, number] {
                                                         onReplacement(id, number, tl::unexpected(QuoteFailure{}));
                                                     }));
    m_ports.quotes.quote(what, whileAlive([this, id, number, patience](auto quote) {
                             m_ports.timers.cancel(patience);
                             onReplacement(id, number, std::move(quote));
                         }));
}

void PurchaseService::onReplacement(PurchaseId id, uint64_t number,
                                    tl::expected<cartographer::Quote, QuoteFailure> quote) {
    Entry* const known = entry(id);
    if (known == nullptr || !std::exchange(known->replacing, false) || m_broken) return;
    if (known->stopping()) return conclude(number, "the purchase was being stopped");
    const auto dearest = quote ? cartographer::dearestPacket(quote->path, cartographer::fullPacketBytes)
                               : tl::expected<cartographer::PacketPrice, MoneyError>(tl::unexpected(MoneyError{}));
    const auto now = quote ? cartographer::priceOfPacket(quote->path, cartographer::fullPacketBytes,
                                                         minuteOfDay(m_ports.clock.now()))
                           : dearest;
    const bool failsAgain = quote && isOnAny(quote->path, known->failed);
    if (!quote || quote->path.empty() || !dearest || !now || dearest->total > known->agreed || failsAgain) {
        beginStop(*known, EndReason::NotDelivered, "no other offer for this price");
        return conclude(number, "best effort");
    }
    if (const auto objection = objectionTo(*known, *quote)) {
        beginStop(*known, EndReason::NotDelivered, *objection);
        return conclude(number, "best effort");
    }
    const std::string to = nameOf(quote->path);
    if (!keepWay(*known, quote->path, "not delivered: " + nameOf(known->quote->path))) return;
    m_ports.log(LogLevel::Info, nameOf(id) + " goes on with " + to);
    takeWay(*known, std::move(*quote), *now, dearest->total);
    conclude(number, "next offer: " + to);
}

void PurchaseService::conclude(uint64_t number, const std::string& outcome) {
    if (m_ports.deliveries == nullptr || number == 0) return;
    if (!m_ports.deliveries->conclude(number, outcome)) storageFailed(ledger::LedgerError::Storage);
}

// Not what somebody has named.
std::vector<SoldClass> PurchaseService::avoided(const cartographer::QuoteRequest& what) const {
    if (m_ports.deliveries == nullptr) return {};
    std::vector<SoldClass> classes = m_ports.deliveries->avoided(m_ports.clock.now());
    std::erase_if(classes, [&](const SoldClass& one) { return isNamed(what, one.isp); });
    return classes;
}

}  // namespace netpas::secretaryd
