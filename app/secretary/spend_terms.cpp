#include "app/secretary/spend_terms.h"

#include <algorithm>

namespace netpas::secretaryd {

using secretary::PriceUnit;
using secretary::SpendRequest;

namespace {

__extension__ using Wide = __int128;

constexpr int64_t secondsPerMinute = 60;

// Rounded up: what is shown to people is never less than what may be paid.
Money evenly(Money cap, std::chrono::seconds duration, int64_t seconds) {
    const Wide share = (Wide{cap.eighths()} * seconds + duration.count() - 1) / duration.count();
    return Money::fromEighths(static_cast<int64_t>(std::min<Wide>(share, INT64_MAX)));
}

Money perMinute(const ledger::NewPurchase& purchase) {
    const bool lasts = purchase.duration && purchase.duration->count() > 0;
    const Money even = lasts ? evenly(purchase.cap, *purchase.duration, secondsPerMinute) : Money::max();
    if (purchase.capPerSecond <= Money::zero()) return even;
    const Money paced = checkedMul(purchase.capPerSecond, secondsPerMinute).value_or(Money::max());
    // What is spent evenly costs its share, not sixty times a second that was rounded up.
    const bool isEven = lasts && purchase.capPerSecond <= evenly(purchase.cap, *purchase.duration, 1);
    return isEven ? std::min(paced, even) : paced;
}

}  // namespace

std::optional<TermsTrouble> termsTrouble(const ledger::NewPurchase& purchase, Money dearestPacket) {
    constexpr const char* larger = "ask for a larger cap";
    if (purchase.cap <= Money::zero()) return TermsTrouble{"The cap must be more than nothing.", larger};
    const std::string packet = " does not pay for one packet of " + dearestPacket.toString() + ".";
    if (purchase.cap < dearestPacket) return TermsTrouble{"The cap of " + purchase.cap.toString() + packet, larger};
    if (purchase.capPerSecond > Money::zero() && purchase.capPerSecond < dearestPacket) {
        return TermsTrouble{"The cap of " + purchase.capPerSecond.toString() + " per second" + packet,
                            "ask for a larger cap, or for a shorter time"};
    }
    return std::nullopt;
}

void keepToPrice(ledger::NewPurchase& purchase) {
    if (purchase.capPerSecond > Money::zero() || !purchase.duration || purchase.duration->count() <= 0) return;
    purchase.capPerSecond = evenly(purchase.cap, *purchase.duration, 1);
}

void keepTerms(const SpendRequest& terms, ledger::Context& context) {
    context.contact = terms.contact;
    context.group = terms.group;
    context.quality = terms.quality;
    context.unit = terms.unit;
    context.unitPrice = terms.price;
}

SpendRequest spendRequestOf(const ledger::NewPurchase& purchase, const cartographer::Quote& quote, uint32_t process) {
    const ledger::Context& context = purchase.context;
    SpendRequest request;
    request.app = context.app;
    request.purpose = context.purpose;
    request.payee = context.payee;
    request.contact = context.contact;
    request.group = context.group;
    request.domain = context.domain;
    request.uid = purchase.uid;
    request.user = context.user;
    request.node = context.node;
    for (const cartographer::QuotedHop& hop : quote.path) request.isps.push_back(hop.isp);
    const bool timed = purchase.capPerSecond > Money::zero() || (purchase.duration && purchase.duration->count() > 0);
    request.unit = timed ? PriceUnit::Minute : PriceUnit::Item;
    request.price = timed ? perMinute(purchase) : purchase.cap;
    request.worstCase = purchase.cap;
    request.quality = quote.path.empty() ? std::string{} : quote.path.front().className;
    request.process = process;
    request.quoteExpires = quote.validUntil;
    return request;
}

}  // namespace netpas::secretaryd
