#include "app/secretary/reverse_quotes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "app/secretary/reverse_json.h"
#include "core/crypto/hex.h"
#include "core/random.h"

namespace netpas::secretaryd {

using nlohmann::json;

namespace {

constexpr size_t mostKept = 64;
constexpr size_t mostOfUser = 16;
// The payment must be there before the seller forgets the order.
constexpr std::chrono::seconds onTheWay{10};
// Who asks again is given what there is while it is valid for so long.
constexpr std::chrono::seconds worthGiving{30};

BuyRefusal refusalOf(BuyRefusal::Kind kind, std::string message, std::string hint) {
    return {kind, {}, std::move(message), std::move(hint), {}};
}

bool sameUser(const ReverseBuyOrder& a, const ReverseBuyOrder& b) {
    const ledger::NewPurchase &one = a.order.purchase, &other = b.order.purchase;
    return one.uid == other.uid && one.context.node == other.context.node;
}

// As the packets come: where they go the seller sees for himself.
bool sameFlow(const ReverseBuyOrder& a, const ReverseBuyOrder& b) {
    return a.order.purchase.flow == b.order.purchase.flow && a.order.what.destination == b.order.what.destination;
}

bool sameWish(const ReverseBuyOrder& a, const ReverseBuyOrder& b) {
    return sameUser(a, b) && a.wish == b.wish && a.order.seller == b.order.seller && sameFlow(a, b);
}

std::string freshId() {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(systemRandom().below(256));
    return toHex(bytes);
}

// The same at the same price is one offer.
bool sameService(const ReverseQuote& a, const ReverseQuote& b) {
    const auto same = [](const cartographer::QuotedHop& x, const cartographer::QuotedHop& y) {
        return x.isp == y.isp && x.service == y.service && x.exit == y.exit;
    };
    const auto &one = a.offer.quote.path, &other = b.offer.quote.path;
    return a.offer.pricePerPacket == b.offer.pricePerPacket &&
           std::equal(one.begin(), one.end(), other.begin(), other.end(), same);
}

}  // namespace

struct ReverseQuotes::Gathering {
    size_t missing = 0;
    std::vector<ReverseQuote> quotes;
    std::optional<BuyRefusal> refusal;
};

ReverseQuotes::ReverseQuotes(Ports ports) : m_ports(std::move(ports)), m_alive(std::make_shared<bool>(true)) {}

void ReverseQuotes::ask(const ReverseBuyOrder& order, OneDone done) {
    if (order.seller) return onSeller(order, *order.seller, done);
    m_ports.sellers.find(order.order.what.destination, [this, alive = std::weak_ptr<bool>(m_alive), order,
                                                        done = std::move(done)](const auto& seller) {
        if (!alive.expired()) onSeller(order, seller, done);
    });
}

void ReverseQuotes::onSeller(const ReverseBuyOrder& order, const tl::expected<SellerAddress, QuoteFailure>& seller,
                             const OneDone& done) {
    if (!seller) {
        return done(tl::unexpected(refusalOf(BuyRefusal::Kind::NoOffer, seller.error().message, seller.error().hint)));
    }
    json wish = order.wish;
    if (const auto refund = m_ports.refund()) {
        wish["refund"] = {{"payee", refund->payee.hex()}, {"isp", refund->isp.value()}};
    }
    const auto answered = [alive = std::weak_ptr<bool>(m_alive), &clock = m_ports.clock, seller = *seller,
                           from = order.order.what.destination, done](const SellerReply& reply) {
        if (alive.expired()) return;
        if (reply.status == 0) {
            return done(tl::unexpected(refusalOf(BuyRefusal::Kind::Unreachable,
                                                 "the seller at " + seller.server.toString() + " does not answer",
                                                 "try again later")));
        }
        auto offer = offerFromJson(reply.status, reply.body, from);
        if (!offer) {
            return done(
                tl::unexpected(refusalOf(BuyRefusal::Kind::NoOffer, offer.error().message, offer.error().hint)));
        }
        offer->quote.validUntil = clock.now() + std::max(offer->expires - onTheWay, std::chrono::seconds(1));
        done(ReverseQuote{{}, {}, seller, std::move(*offer)});
    };
    m_ports.sellers.call(*seller, "POST", sellersOrders, wish.dump(), {}, answered);
}

void ReverseQuotes::offers(const ReverseBuyOrder& order, AllDone done) {
    forgetOld();
    std::vector<ReverseQuote> known;
    for (const auto& [id, kept] : m_kept) {
        const bool lasts = kept.quote.offer.quote.validUntil - m_ports.clock.now() >= worthGiving;
        if (lasts && sameWish(kept.order, order)) known.push_back(kept.quote);
    }
    const auto own = std::count_if(m_kept.begin(), m_kept.end(),
                                   [&](const auto& item) { return sameUser(item.second.order, order); });
    const auto gathering = std::make_shared<Gathering>();
    if (!known.empty()) {
        gathering->quotes = std::move(known);
        return gathered(order, *gathering, done);
    }
    if (m_kept.size() >= mostKept || static_cast<size_t>(own) >= mostOfUser) {
        BuyRefusal many = refusalOf(BuyRefusal::Kind::Denied, "too many offers are open", "try again in a minute");
        many.code = "RATE_LIMITED";
        return done(tl::unexpected(std::move(many)));
    }
    std::vector<std::pair<std::string, std::string>> wanted{{"thrifty", "cheapest"}, {"most", "best"}};
    if (order.wish.contains("class") || order.wish.contains("per_isp")) wanted = {{"chosen", ""}};
    gathering->missing = wanted.size();
    for (const auto& [tier, choice] : wanted) {
        ReverseBuyOrder one = order;
        if (!choice.empty()) one.wish["class"] = choice;
        ask(one, [this, order, gathering, tier = tier, done](tl::expected<ReverseQuote, BuyRefusal> quote) {
            if (quote) {
                quote->tier = tier;
                gathering->quotes.push_back(std::move(*quote));
            } else {
                gathering->refusal = std::move(quote.error());
            }
            if (--gathering->missing == 0) gathered(order, *gathering, done);
        });
    }
}

void ReverseQuotes::gathered(const ReverseBuyOrder& order, Gathering& all, const AllDone& done) {
    if (all.quotes.empty()) return done(tl::unexpected(std::move(*all.refusal)));
    std::sort(all.quotes.begin(), all.quotes.end(), [](const ReverseQuote& a, const ReverseQuote& b) {
        return std::pair(a.offer.pricePerPacket, a.tier) < std::pair(b.offer.pricePerPacket, b.tier);
    });
    all.quotes.erase(std::unique(all.quotes.begin(), all.quotes.end(), sameService), all.quotes.end());
    for (ReverseQuote& quote : all.quotes) {
        if (!quote.id.empty()) continue;
        quote.id = freshId();
        m_kept.emplace(quote.id, Kept{order, quote});
    }
    done(std::move(all.quotes));
}

tl::expected<ReverseQuote, BuyRefusal> ReverseQuotes::take(const std::string& id, const ReverseBuyOrder& order) {
    forgetOld();
    const auto found = m_kept.find(id);
    if (found == m_kept.end() || !sameUser(found->second.order, order)) {
        BuyRefusal gone =
            refusalOf(BuyRefusal::Kind::Denied, "the offer does not hold any more", "netpas quote ADDRESS --incoming");
        gone.code = "EXPIRED";
        return tl::unexpected(std::move(gone));
    }
    const ReverseBuyOrder& asked = found->second.order;
    if (!sameFlow(asked, order)) {
        return tl::unexpected(refusalOf(BuyRefusal::Kind::Invalid, "that offer is for another flow",
                                        "give the addresses and ports that were asked about"));
    }
    if (order.order.purchase.cap > asked.order.purchase.cap) {
        return tl::unexpected(
            refusalOf(BuyRefusal::Kind::Invalid,
                      "the cap is more than the offer was asked for, which is $" + asked.order.purchase.cap.toString(),
                      "netpas quote --incoming --cap"));
    }
    ReverseQuote quote = std::move(found->second.quote);
    m_kept.erase(found);
    return quote;
}

void ReverseQuotes::forgetOld() {
    const SystemTime now = m_ports.clock.now();
    std::erase_if(m_kept, [&](const auto& item) { return item.second.quote.offer.quote.validUntil <= now; });
}

}  // namespace netpas::secretaryd
