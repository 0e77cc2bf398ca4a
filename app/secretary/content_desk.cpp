#include "app/secretary/content_desk.h"

#include <algorithm>
#include <utility>

#include "app/secretary/content_json.h"
#include "app/secretary/ordered_by.h"
#include "core/crypto/hex.h"
#include "core/x402/site.h"
#include "secretary/contacts/contact_book.h"
#include "secretary/payees/payee_book.h"

namespace netpas::secretaryd {

namespace {

constexpr std::string_view kind = "content";

// Nobody can guess another's order into being the same: length before each part.
std::string idOf(const ContentAsker& asker, const std::string& key, const std::string& url) {
    Writer writer;
    const std::string parts[] = {std::to_string(asker.uid), asker.node, key.empty() ? "url" : "key",
                                 key.empty() ? url : key};
    for (const std::string& part : parts) {
        writer.blob16({reinterpret_cast<const uint8_t*>(part.data()), part.size()});
    }
    const auto hash = blake2b256(writer.data());
    return toHex(std::span(hash).first(16));
}

unsigned statusOf(const std::string& code) {
    if (code == "QUOTA_EXCEEDED" || code == "INSUFFICIENT_BALANCE" || code == "FEES_TOO_HIGH") return 402;
    if (code == "UNAUTHORIZED" || code == "RESTRICTED" || code == "PAUSED" || code == "ISP_REFUSED") {
        return 403;
    }
    if (code == "NO_ROUTE") return 404;
    if (code == "RATE_LIMITED") return 429;
    if (code == "ISP_UNREACHABLE") return 503;
    return code == "LOCAL_FAILURE" ? 500 : 409;
}

ContentRefusal notKept() {
    return {500, "LOCAL_FAILURE", "the order cannot be written down, and nothing was paid", "free some disk space"};
}

ContentRefusal tooDear(const x402::Terms& terms, Money allowed) {
    return {402, "PRICE_TOO_HIGH",
            "the site asks " + terms.amount.toString() + " USD, more than the " + allowed.toString() +
                " USD that you allow",
            "--max-price " + terms.amount.toString()};
}

std::string idempotencyKeyOf(const ContentOrder& order) {
    return "content/" + order.id + "/" + timeText(order.created) + "/" + std::to_string(order.attempt);
}

// Nothing was charged, and nothing will be.
bool cameToNothing(const ledger::Purchase& book) {
    const bool posted = book.payment && book.payment->result && book.payment->result->end == ledger::PaymentEnd::Posted;
    return isFinal(book.state) && !posted;
}

}  // namespace

template <typename Function>
auto ContentDesk::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

ContentDesk::ContentDesk(Ports ports, ContentLimits limits)
    : m_ports(std::move(ports)), m_limits(limits), m_alive(std::make_shared<bool>(true)) {}
ContentDesk::~ContentDesk() = default;

tl::expected<std::unique_ptr<ContentDesk>, std::string> ContentDesk::open(Ports ports, ContentLimits limits) {
    const auto kept = ports.documents.all(kind);
    if (!kept) return tl::unexpected("orders for content: " + std::string(describe(kept.error())));
    std::unique_ptr<ContentDesk> desk(new ContentDesk(std::move(ports), limits));
    for (const store::Document& one : *kept) {
        auto order = contentFromDocument(one.id, one.body);
        if (!order) return tl::unexpected("the order for content " + one.id + " cannot be read");
        desk->m_orders.emplace(one.id, std::move(*order));
    }
    return desk;
}

const ContentOrder* ContentDesk::find(const std::string& id) const {
    const auto found = m_orders.find(id);
    return found == m_orders.end() ? nullptr : &found->second;
}

const ContentOrder* ContentDesk::find(const ContentAsker& asker, const std::string& key, const std::string& url) const {
    return find(idOf(asker, key, url));
}

std::vector<ContentOrder> ContentDesk::list(const std::optional<ContentAsker>& asker) const {
    std::vector<ContentOrder> orders;
    for (const auto& [id, order] : m_orders) {
        if (!asker || order.asker == *asker) orders.push_back(order);
    }
    std::sort(orders.begin(), orders.end(), [](const auto& a, const auto& b) { return a.created > b.created; });
    return orders;
}

bool ContentDesk::keep(const ContentOrder& order) {
    if (!m_ports.documents.put({std::string(kind), order.id, toDocument(order)})) return false;
    m_orders.insert_or_assign(order.id, order);
    return true;
}

// Forgets what nobody will ask for any more.
bool ContentDesk::makeRoom(const ContentAsker& asker) {
    const SystemTime now = m_ports.clock.now();
    std::vector<store::DocumentChange> old;
    for (const auto& [id, order] : m_orders) {
        const bool over = order.delivered ? now > *order.delivered + m_limits.keepDelivered
                                          : now > order.created + m_limits.keepUndelivered;
        if (over) old.push_back({{std::string(kind), id, {}}, true});
    }
    const bool full = m_orders.size() - old.size() >= m_limits.mostOrders;
    const auto own = static_cast<size_t>(std::count_if(m_orders.begin(), m_orders.end(), [&](const auto& one) {
        return one.second.asker == asker && !one.second.delivered;
    }));
    if (full) {
        // Rather those whose content has come than nothing new.
        for (const auto& [id, order] : m_orders) {
            if (order.delivered) old.push_back({{std::string(kind), id, {}}, true});
        }
    }
    if (!old.empty() && m_ports.documents.apply(old)) {
        for (const auto& change : old) m_orders.erase(change.document.id);
    }
    return m_orders.size() < m_limits.mostOrders && own < m_limits.mostOfOne;
}

tl::expected<ContentOrder, ContentRefusal> ContentDesk::orderFrom(const ContentWish& wish) const {
    const auto bad = [](std::string code, std::string message, std::string hint) {
        return tl::unexpected(ContentRefusal{400, std::move(code), std::move(message), std::move(hint)});
    };
    if (!wish.offer) {
        return tl::unexpected(
            ContentRefusal{404, "NOT_FOUND", "nothing was asked for at this address yet", "send the offer"});
    }
    const x402::Offer& offer = *wish.offer;
    const auto site = x402::siteOf(wish.url), sold = x402::siteOf(offer.url);
    if (!site) return bad("INVALID_ARGUMENT", "not a URL of http or https", "https://example.net/article");
    if (!sold || sold->host != site->host) {
        return bad("OTHER_RESOURCE", "the offer is for another site: " + offer.url, "nothing was paid");
    }
    // The cheapest that is offered.
    const auto terms = std::min_element(offer.terms.begin(), offer.terms.end(),
                                        [](const auto& a, const auto& b) { return a.amount < b.amount; });
    if (wish.maxPrice && terms->amount > *wish.maxPrice) {
        return tl::unexpected(tooDear(*terms, *wish.maxPrice));
    }
    ContentOrder order;
    order.asker = wish.asker;
    order.key = wish.key;
    order.url = wish.url;
    order.id = idOf(wish.asker, wish.key, wish.url);
    order.resource = offer.url;
    order.description = offer.description;
    order.version = offer.version;
    order.terms = *terms;
    order.purpose = wish.purpose.empty() ? terms->purpose : wish.purpose;
    order.created = m_ports.clock.now();
    order.payBefore = order.created + terms->timeout;
    return order;
}

std::optional<ContentRefusal> ContentDesk::uncertified(const ContentOrder& order, const std::string& pem) {
    secretary::SpendRequest request;
    request.payee = order.terms.payee.hex();
    request.domain = x402::siteOf(order.url)->domain();
    m_ports.contacts.enrich(request);
    const SystemTime now = m_ports.clock.now();
    const auto refused = m_ports.payees.refusal(request, now);
    if (!refused) return std::nullopt;
    if (pem.empty()) return ContentRefusal{403, refused->code, refused->message, refused->hint};
    const auto chain = certificates::chainFromPem(pem);
    if (!chain) {
        return ContentRefusal{403, std::string(certificates::code(chain.error().fault)), chain.error().message,
                              chain.error().hint};
    }
    const auto verified = m_ports.payees.verify(*chain, order.terms.payee, request.domain, now);
    if (!verified) return ContentRefusal{403, verified.error().code, verified.error().message, verified.error().hint};
    if (const auto added = m_ports.payees.add(*chain, now); !added) {
        return ContentRefusal{403, added.error().code, added.error().message, added.error().hint};
    }
    return std::nullopt;
}

void ContentDesk::ask(const ContentWish& wish, Done done) {
    const ContentOrder* const known = find(wish.asker, wish.key, wish.url);
    if (known != nullptr && known->url != wish.url) {
        return done(tl::unexpected(ContentRefusal{
            409, "CONFLICT", "this word was used for another address: " + known->url, "send a new Idempotency-Key"}));
    }
    // Under a word of its own an order is the same for good.
    if (known != nullptr && (!known->delivered || !wish.key.empty())) {
        const ContentOrder order = *known;
        if (wish.maxPrice && order.terms.amount > *wish.maxPrice && !view(order).payment) {
            return done(tl::unexpected(tooDear(order.terms, *wish.maxPrice)));
        }
        return pay(wish, order, std::move(done), true);
    }
    auto order = orderFrom(wish);
    if (!order) return done(tl::unexpected(order.error()));
    if (const auto refused = uncertified(*order, wish.certificate)) return done(tl::unexpected(*refused));
    // An identifier of a payment is never used again, also when the order before was delivered or forgotten.
    order->attempt = known != nullptr ? known->attempt + 1 : 1;
    if (known == nullptr && !makeRoom(wish.asker)) {
        return done(tl::unexpected(
            ContentRefusal{429, "RATE_LIMITED", "too many orders wait for their content", "netpas fetch --list"}));
    }
    if (!keep(*order)) return done(tl::unexpected(notKept()));
    pay(wish, *order, std::move(done), false);
}

// The order is durable. Asking the same again is answered with what was done the first time.
void ContentDesk::pay(const ContentWish& wish, const ContentOrder& order, Done done, bool mayRenew) {
    PayOrder what;
    ledger::NewPurchase& purchase = what.purchase;
    orderedBy(purchase, order.asker.uid, order.asker.node);
    purchase.payment = ledger::PaymentTerms{order.terms.payee, order.terms.isp, order.terms.amount,
                                            x402::descriptionOf(order.resource)};
    purchase.idempotencyKey = idempotencyKeyOf(order);
    purchase.fingerprint = purchase.idempotencyKey;
    purchase.context.app = wish.app;
    purchase.context.payee = order.terms.payee.hex();
    purchase.context.purpose = order.purpose;
    purchase.context.domain = x402::siteOf(order.url)->domain();
    purchase.context.unit = PriceUnit::Item;
    if (wish.maxPrice) what.maxFees = checkedSub(*wish.maxPrice, order.terms.amount).value_or(Money::zero());
    what.process = wish.process;
    what.byPerson = wish.byPerson;
    what.attended = wish.attended;
    what.payBefore = order.payBefore;
    ++m_asking[order.id];
    m_ports.payments.pay(what, whileAlive([this, wish, order, mayRenew, done = std::move(done)](
                                              const tl::expected<PaymentView, PayRefusal>& result) {
                             if (--m_asking[order.id] == 0) m_asking.erase(order.id);
                             if (result && !cameToNothing(result->book)) {
                                 ContentView view{order, *result, std::nullopt};
                                 view.proof = proofOf(order, result->book);
                                 return done(std::move(view));
                             }
                             ContentRefusal why{409, "NOT_PAID", "nothing was paid", "ask again"};
                             if (!result) {
                                 const PayRefusal& no = result.error();
                                 why = {statusOf(no.code), no.code, no.message, no.hint};
                                 if (no.code == "FEES_TOO_HIGH")
                                     why.hint = "allow a little more than the price itself: --max-price";
                             } else {
                                 why.message = "the payment came to nothing: " + result->book.note;
                             }
                             // What an earlier request came to is not the answer to this one.
                             const bool earlier = result ? mayRenew : result.error().code == "ENDED";
                             if (mayRenew && earlier && wish.offer) return renew(wish, order, why, done);
                             done(tl::unexpected(std::move(why)));
                         }));
}

// Nothing was charged for the attempt before: another one, by the offer of now.
void ContentDesk::renew(const ContentWish& wish, const ContentOrder& failed, const ContentRefusal& why, Done done) {
    const ContentOrder* const now = find(failed.id);
    if (now == nullptr) return done(tl::unexpected(why));
    // Somebody else was faster: that attempt is ours, too.
    if (now->attempt != failed.attempt || now->created != failed.created) {
        const ContentOrder order = *now;
        return pay(wish, order, std::move(done), false);
    }
    auto order = orderFrom(wish);
    if (!order) return done(tl::unexpected(order.error()));
    if (const auto refused = uncertified(*order, wish.certificate)) return done(tl::unexpected(*refused));
    order->attempt = failed.attempt + 1;
    if (!keep(*order)) return done(tl::unexpected(notKept()));
    pay(wish, *order, std::move(done), false);
}

// The payee's signature, as the ledger has kept it.
std::optional<x402::Proof> ContentDesk::proofOf(const ContentOrder& order, const ledger::Purchase& book) const {
    if (!book.payment || !book.payment->salt || !isFinal(book.state)) return std::nullopt;
    const auto kept = m_ports.ledger.evidence(book.id);
    if (!kept) return std::nullopt;
    for (const ledger::KeptEvidence& one : *kept) {
        const ledger::Evidence& evidence = one.evidence;
        if (evidence.kind != "payment-confirmation" || !evidence.accepted) continue;
        auto proof = x402::proofFrom(evidence.message, evidence.signature, *book.payment->salt, order.resource);
        if (proof) return proof;
    }
    return std::nullopt;
}

ContentView ContentDesk::view(const ContentOrder& order) const {
    ContentView view{order, std::nullopt, std::nullopt};
    ledger::NewPurchase asked;
    asked.uid = order.asker.uid;
    asked.idempotencyKey = idempotencyKeyOf(order);
    asked.fingerprint = asked.idempotencyKey;
    const auto paid = m_ports.ledger.earlier(asked);
    if (!paid || !*paid) return view;
    view.payment = m_ports.payments.find(**paid);
    if (view.payment) view.proof = proofOf(order, view.payment->book);
    return view;
}

tl::expected<ContentView, ContentRefusal> ContentDesk::deliver(const std::string& id) {
    const ContentOrder* const found = find(id);
    if (found == nullptr)
        return tl::unexpected(ContentRefusal{404, "NOT_FOUND", "there is no order " + id, "netpas fetch --list"});
    ContentOrder order = *found;
    const ContentView before = view(order);
    if (!before.proof) {
        return tl::unexpected(
            ContentRefusal{409, "CONFLICT", "the order has not been paid for yet", "POST /v1/content again"});
    }
    if (order.delivered) return before;
    order.delivered = m_ports.clock.now();
    if (!keep(order)) return tl::unexpected(notKept());
    return view(order);
}

tl::expected<void, ContentRefusal> ContentDesk::forget(const std::string& id) {
    const ContentOrder* const found = find(id);
    if (found == nullptr)
        return tl::unexpected(ContentRefusal{404, "NOT_FOUND", "there is no order " + id, "netpas fetch --list"});
    const ContentView now = view(*found);
    const bool running = now.payment ? !isFinal(now.payment->book.state) : m_asking.contains(id);
    if (running && (!now.payment || !m_ports.payments.cancel(now.payment->book.id))) {
        return tl::unexpected(ContentRefusal{409, "CONFLICT", "the payment is on its way", "wait for its end"});
    }
    if (!m_ports.documents.erase(std::string(kind), id)) return tl::unexpected(notKept());
    m_orders.erase(id);
    return {};
}

}  // namespace netpas::secretaryd
