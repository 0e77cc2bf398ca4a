#include "app/secretary/spend_terms.h"

#include <algorithm>

namespace netpas::secretaryd {

using secretary::PriceUnit;
using secretary::SpendRequest;

namespace {

__extension__ using Wide = __int128;

constexpr int64_t secondsPerMinute = 60;

// Rounded up: what is shown to people is never less than what may be paid.
Money perMinute(const ledger::NewPurchase& purchase) {
    const Wide perMinute = purchase.capPerSecond > Money::zero()
                               ? Wide{purchase.capPerSecond.eighths()} * secondsPerMinute
                               : (Wide{purchase.cap.eighths()} * secondsPerMinute + purchase.duration->count() - 1) /
                                     purchase.duration->count();
    return Money::fromEighths(static_cast<int64_t>(std::min<Wide>(perMinute, INT64_MAX)));
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
    const int64_t cap = purchase.cap.eighths(), seconds = purchase.duration->count();
    purchase.capPerSecond = Money::fromEighths(cap / seconds + (cap % seconds > 0 ? 1 : 0));
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
