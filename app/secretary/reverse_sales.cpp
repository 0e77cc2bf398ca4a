#include "app/secretary/reverse_sales.h"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/crypto/hex.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using nlohmann::json;
using State = ReverseStanding::State;

namespace {

constexpr std::string_view kind = "reverse-order";
const std::string keyPrefix = "reverse/";
constexpr std::chrono::milliseconds lookEvery{1000};
constexpr std::chrono::minutes keptAfterEnd{10};   // for who asks what became of it, or pays too late
constexpr std::chrono::seconds tryAgainAfter{10};  // the first time; twice as long with every refusal, up to 3 hours

std::chrono::seconds waitAfter(uint64_t refusals) { return tryAgainAfter * (1 << std::min<uint64_t>(refusals, 10)); }
constexpr std::chrono::hours longest{12};

template <size_t N>
std::array<uint8_t, N> randomBytes() {
    std::array<uint8_t, N> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    return bytes;
}

Money times(Money amount, int64_t factor) { return checkedMul(amount, factor).value_or(Money::max()); }

Money less(Money all, Money part) { return std::max(checkedSub(all, part).value_or(Money::zero()), Money::zero()); }

std::string addressOf(const ReverseWish& wish) {
    const auto& remote = wish.order.purchase.flow.remote;
    return remote ? remote->address().toString() : std::string{};
}

}  // namespace

template <typename Function>
auto ReverseSales::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

ReverseSales::ReverseSales(Ports ports, ReverseSettings settings)
    : m_ports(std::move(ports)), m_settings(settings), m_alive(std::make_shared<bool>(true)) {}

ReverseSales::~ReverseSales() { m_ports.timers.cancel(m_look); }

tl::expected<std::unique_ptr<ReverseSales>, std::string> ReverseSales::open(Ports ports, ReverseSettings settings) {
    std::unique_ptr<ReverseSales> sales(new ReverseSales(std::move(ports), settings));
    if (auto loaded = sales->load(); !loaded) return tl::unexpected(std::move(loaded.error()));
    return sales;
}

tl::expected<void, std::string> ReverseSales::load() {
    const auto documents = m_ports.documents.all(kind);
    if (!documents) return tl::unexpected("orders for the reverse path: " + std::string(describe(documents.error())));
    for (const store::Document& document : *documents) {
        const json body = json::parse(document.body.begin(), document.body.end(), nullptr, false);
        Order order;
        const auto paid = Money::parse(body.is_object() ? body.value("paid", "") : std::string());
        if (!paid) return tl::unexpected("order " + document.id + " for the reverse path cannot be read");
        order.paid = *paid;
        order.returned = Money::parse(body.value("returned", "0")).value_or(Money::zero());
        order.returning = Money::parse(body.value("returning", "0")).value_or(Money::zero());
        order.refunds = body.value("refunds", uint64_t{0});
        order.state = State::Stopping;
        order.since = order.heard = m_ports.clock.steady();
        if (const uint64_t purchase = body.value("purchase", uint64_t{0}); purchase != 0) {
            order.purchase = PurchaseId{purchase};
        }
        if (const json refund = body.value("refund", json::object()); !refund.empty()) {
            const auto payee = NodeId::parse(refund.value("payee", ""));
            if (payee) order.wish.refund = Refund{*payee, IspId(refund.value("isp", uint16_t{0}))};
        }
        (void)fromHex(body.value("hash", ""), order.hash);
        m_orders.emplace(document.id, std::move(order));
    }
    if (!m_orders.empty()) m_look = m_ports.timers.after(lookEvery, whileAlive([this] { look(); }));
    return {};
}

bool ReverseSales::keep(const ReverseOrderId& id, const Order& order) {
    json body{{"paid", checkedAdd(order.paid, order.arriving).value_or(Money::max()).toString()},
              {"returned", order.returned.toString()},
              {"returning", order.returning.toString()},
              {"refunds", order.refunds},
              {"hash", toHex(order.hash)},
              {"purchase", order.purchase ? order.purchase->value() : 0}};
    if (order.wish.refund) {
        body["refund"] = {{"payee", order.wish.refund->payee.hex()}, {"isp", order.wish.refund->isp.value()}};
    }
    const std::string text = body.dump();
    return m_ports.documents.put({std::string(kind), id, Bytes(text.begin(), text.end())}).has_value();
}

void ReverseSales::offer(const ReverseWish& wish, OfferDone done) {
    const auto no = [&](unsigned status, const char* code, const char* what, const char* hint) {
        done(tl::unexpected(ApiFailure{status, code, what, hint}));
    };
    if (!m_ports.receives()) {
        return no(503, "NOT_RECEIVING", "this seller takes no payments now", "its owner: netpas receive on");
    }
    const auto open = [](const auto& item) { return item.second.state != State::Ended; };
    const std::string address = addressOf(wish);
    const auto own = std::count_if(m_orders.begin(), m_orders.end(),
                                   [&](const auto& item) { return open(item) && item.second.address == address; });
    if (static_cast<size_t>(std::count_if(m_orders.begin(), m_orders.end(), open)) >= m_settings.mostOrders ||
        static_cast<size_t>(own) >= m_settings.mostOfAddress) {
        return no(429, "RATE_LIMITED", "too many orders are open", "end some of them, or try again later");
    }
    m_ports.quotes.quote(wish.order.what, whileAlive([this, wish, done = std::move(done)](const auto& quote) {
                             quoted(wish, quote, done);
                         }));
}

void ReverseSales::quoted(const ReverseWish& wish, const tl::expected<cartographer::Quote, QuoteFailure>& quote,
                          const OfferDone& done) {
    if (!quote) return done(tl::unexpected(ApiFailure{404, "NO_OFFER", quote.error().message, quote.error().hint}));
    const auto dearest = cartographer::dearestPacket(quote->path, cartographer::fullPacketBytes);
    const auto isp = m_ports.homeIsp();
    if (quote->path.empty() || !dearest || !isp) {
        return done(
            tl::unexpected(ApiFailure{404, "NO_OFFER", "the prices on the way are not usable", "ask another seller"}));
    }
    const Money smallest = times(dearest->total, m_settings.fewestPackets);
    if (wish.order.purchase.cap < smallest) {
        return done(tl::unexpected(ApiFailure{400, "INVALID_ARGUMENT", "the cap does not pay for the smallest slice",
                                              "--cap " + smallest.toString()}));
    }
    ReverseOffer offer;
    offer.order = toHex(randomBytes<16>());
    offer.payee = m_ports.payee;
    offer.isp = *isp;
    offer.description = "reverse path, order " + offer.order.substr(0, 8);
    offer.salt = randomBytes<std::tuple_size_v<payments::DescriptionSalt>>();
    offer.quote = *quote;
    offer.pricePerPacket = dearest->total;
    offer.smallest = smallest;
    offer.expires = m_settings.unpaid;
    Order order;
    order.wish = wish;
    order.wish.order.purchase.cap = std::min(wish.order.purchase.cap, m_ports.mostForOne);
    order.wish.order.purchase.duration = std::chrono::duration_cast<std::chrono::seconds>(longest);
    order.address = addressOf(wish);
    order.hash = payments::describe(offer.description, offer.salt);
    order.since = order.heard = m_ports.clock.steady();
    // From now on it may be paid for.
    if (!keep(offer.order, order)) {
        return done(tl::unexpected(
            ApiFailure{500, "LOCAL_FAILURE", "this seller's books cannot be written", "ask another seller"}));
    }
    m_orders.emplace(offer.order, std::move(order));
    if (m_look == 0) m_look = m_ports.timers.after(lookEvery, whileAlive([this] { look(); }));
    done(offer);
}

tl::expected<void, ledger::LedgerError> ReverseSales::received(const payments::Payment& payment) {
    const auto found = std::find_if(m_orders.begin(), m_orders.end(),
                                    [&](const auto& item) { return item.second.hash == payment.description; });
    if (payment.description == payments::DescriptionHash{} || found == m_orders.end()) return {};
    auto& [id, order] = *found;
    const Money before = order.arriving;
    const auto arriving = checkedAdd(order.arriving, payment.amount);
    if (!arriving || !checkedAdd(order.paid, *arriving)) return {};
    order.arriving = *arriving;
    if (keep(id, order)) return {};
    order.arriving = before;
    return tl::unexpected(ledger::LedgerError::Storage);
}

void ReverseSales::written(bool done) {
    for (auto& [id, order] : m_orders) {
        if (order.arriving == Money::zero()) continue;
        const Money arrived = std::exchange(order.arriving, Money::zero());
        if (!done) continue;
        order.paid = checkedAdd(order.paid, arrived).value_or(order.paid);
        order.heard = m_ports.clock.steady();  // the offer may have lain there for minutes
        m_ports.timers.after(std::chrono::milliseconds(0), whileAlive([this, id = id] {
                                 const auto paid = m_orders.find(id);
                                 if (paid == m_orders.end()) return;
                                 if (paid->second.state == State::Ended) return payBack(id);
                                 serve(id);
                             }));
    }
}

void ReverseSales::serve(const ReverseOrderId& id) {
    Order& order = m_orders.at(id);
    if (order.purchase) return m_ports.purchases.fund(*order.purchase, order.paid);
    if (order.state != State::Unpaid) return;
    order.state = State::Running;
    BuyOrder wish = order.wish.order;
    wish.funded = order.paid;
    wish.purchase.idempotencyKey = keyPrefix + id;  // a restart finds it by that
    wish.byPerson = true;                           // the owner's answer was to sell; hard limits hold all the same
    m_ports.purchases.buy(wish, whileAlive([this, id](const auto& result) { bought(id, result); }));
}

void ReverseSales::bought(const ReverseOrderId& id, const tl::expected<PurchaseView, BuyRefusal>& result) {
    const auto found = m_orders.find(id);
    if (found == m_orders.end()) return;
    Order& order = found->second;
    if (!result) {
        order.trouble = result.error().message;
        m_ports.log(LogLevel::Warning, "order " + id.substr(0, 8) + " cannot be served: " + order.trouble);
        order.purchase = result.error().id;
        order.state = State::Stopping;
        const auto known = order.purchase ? m_ports.purchases.find(*order.purchase) : std::nullopt;
        if (!known || isFinal(known->book.state)) end(id);
        return;
    }
    order.purchase = result->book.id;
    if (!keep(id, order)) m_ports.log(LogLevel::Error, "orders for the reverse path cannot be written");
    m_ports.purchases.fund(*order.purchase, order.paid);
    if (order.state == State::Stopping) m_ports.purchases.stop(*order.purchase, EndReason::StoppedByUser);
}

ReverseStanding ReverseSales::standing(const Order& order) const {
    ReverseStanding now{order.state, order.paid, order.usage, order.trouble, order.refunded};
    const auto view =
        order.purchase && order.state != State::Ended ? m_ports.purchases.find(*order.purchase) : std::nullopt;
    if (view) {
        now.usage = view->book.usage;
        if (!view->trouble.empty()) now.trouble = view->trouble;
    }
    return now;
}

std::optional<ReverseStanding> ReverseSales::find(const ReverseOrderId& id) {
    const auto found = m_orders.find(id);
    if (found == m_orders.end()) return std::nullopt;
    found->second.heard = m_ports.clock.steady();
    return standing(found->second);
}

bool ReverseSales::stop(const ReverseOrderId& id) {
    const auto found = m_orders.find(id);
    if (found == m_orders.end()) return false;
    Order& order = found->second;
    if (order.state == State::Unpaid) {
        end(id);
    } else if (order.state == State::Running) {
        order.state = State::Stopping;
        if (order.purchase) m_ports.purchases.stop(*order.purchase, EndReason::StoppedByUser);
    }
    return true;
}

void ReverseSales::stopAll() {
    std::vector<ReverseOrderId> ids;
    for (const auto& [id, order] : m_orders) ids.push_back(id);
    for (const ReverseOrderId& id : ids) (void)stop(id);
}

void ReverseSales::recovered() {
    for (const PurchaseView& view : m_ports.purchases.open()) {
        const std::string& key = view.book.request.idempotencyKey;
        const auto found = key.starts_with(keyPrefix) ? m_orders.find(key.substr(keyPrefix.size())) : m_orders.end();
        if (found != m_orders.end()) found->second.purchase = view.book.id;
    }
    for (auto& [id, order] : m_orders) {
        if (!order.purchase) continue;
        if (!keep(id, order)) m_ports.log(LogLevel::Error, "orders for the reverse path cannot be written");
        m_ports.purchases.stop(*order.purchase, EndReason::AgentRestarted);
    }
}

void ReverseSales::settled(PurchaseId purchase) {
    const auto found = std::find_if(m_orders.begin(), m_orders.end(), [&](const auto& item) {
        return item.second.purchase == purchase && item.second.state != State::Ended;
    });
    if (found == m_orders.end()) return;
    const ReverseOrderId id = found->first;
    // Not inside the purchase service's own call.
    m_ports.timers.after(std::chrono::milliseconds(0), whileAlive([this, id] { end(id); }));
}

Money ReverseSales::chargedTo(const Order& order) const {
    const auto view = order.purchase ? m_ports.purchases.find(*order.purchase) : std::nullopt;
    return view ? view->book.charged.value_or(Money::zero()) : Money::zero();
}

// The purchase is final, or there never was one.
void ReverseSales::end(const ReverseOrderId& id) {
    const auto found = m_orders.find(id);
    if (found == m_orders.end() || found->second.state == State::Ended) return;
    Order& order = found->second;
    if (const auto view = order.purchase ? m_ports.purchases.find(*order.purchase) : std::nullopt) {
        order.usage = view->book.usage;
    }
    order.state = State::Ended;
    order.since = m_ports.clock.steady();
    if (order.paid > Money::zero()) {
        m_ports.log(LogLevel::Info, "order " + id.substr(0, 8) + " is over: $" + order.paid.toString() +
                                        " were paid, $" + chargedTo(order).toString() + " spent");
    }
    payBack(id);
}

// What is to be returned is durable under a number of its own before it is paid: the same again pays nothing again.
void ReverseSales::payBack(const ReverseOrderId& id) {
    Order& order = m_orders.at(id);
    if (order.returning == Money::zero()) {
        const Money rest = less(less(order.paid, chargedTo(order)), order.returned);
        if (rest == Money::zero() || !order.wish.refund) return paidBack(id, Money::zero());
        Order promised = order;
        promised.returning = rest;
        promised.returned = checkedAdd(order.returned, rest).value_or(Money::max());
        ++promised.refunds;
        if (!keep(id, promised)) return;  // look() tries again
        order = std::move(promised);
    }
    const Refund to = *order.wish.refund;
    const PurchaseId served = order.purchase.value_or(PurchaseId{});
    const std::string key = "refund/" + id + "/" + std::to_string(order.refunds);
    // The way's fees come out of it.
    const auto pay = [this, id, to, rest = order.returning, served, key](const auto& fees) {
        if (!fees || fees->empty()) return;  // look() tries again
        Money sum;
        for (const payments::Fee& fee : *fees) sum = checkedAdd(sum, fee.amount).value_or(Money::max());
        if (sum >= rest) return paidBack(id, Money::zero());
        PayOrder back;
        back.purchase.payment =
            ledger::PaymentTerms{to.payee, to.isp, less(rest, sum), "unspent, order " + id.substr(0, 8)};
        back.purchase.idempotencyKey = key;
        back.purchase.fingerprint = key;
        back.purchase.context.purpose = "refund";
        back.purchase.context.payee = to.payee.hex();
        back.fees = *fees;
        // The buyer's own money: nobody decides whether he may have it.
        back.granted = PayOrder::Granted{served, {"refund", "seller", "What was paid and not spent goes back.", {}}};
        m_ports.payments.pay(back, whileAlive([this, id, amount = less(rest, sum)](const auto& result) {
                                 const bool writable = result || result.error().code != "LOCAL_FAILURE";
                                 const auto end =
                                     result && result->book.payment ? result->book.payment->result : std::nullopt;
                                 // Not known yet: look() asks again for the same.
                                 if (!writable || (result && !end)) return;
                                 if (!end || end->end != ledger::PaymentEnd::Posted) return notPaidBack(id);
                                 paidBack(id, amount);
                             }));
    };
    m_ports.isp.findRoute(to.isp, order.returning, whileAlive(pay));
}

void ReverseSales::paidBack(const ReverseOrderId& id, Money amount) {
    const auto found = m_orders.find(id);
    if (found == m_orders.end()) return;
    Order& order = found->second;
    order.refunded = checkedAdd(order.refunded.value_or(Money::zero()), amount).value_or(Money::max());
    order.returning = Money::zero();
    if (!keep(id, order)) m_ports.log(LogLevel::Error, "orders for the reverse path cannot be written");
}

// look() tries again, under the next number.
void ReverseSales::notPaidBack(const ReverseOrderId& id) {
    const auto found = m_orders.find(id);
    if (found == m_orders.end()) return;
    Order owing = found->second;
    owing.returned = less(owing.returned, owing.returning);
    owing.returning = Money::zero();
    if (keep(id, owing)) found->second = std::move(owing);
}

void ReverseSales::look() {
    m_look = 0;
    const SteadyTime now = m_ports.clock.steady();
    std::vector<ReverseOrderId> stopped, ended, owed;
    std::erase_if(m_orders, [&](const auto& item) {
        const auto& [id, order] = item;
        const bool over = order.state == State::Ended && order.refunded && now - order.since > keptAfterEnd;
        return over && m_ports.documents.erase(std::string(kind), id).has_value();
    });
    for (const auto& [id, order] : m_orders) {
        switch (order.state) {
        case State::Unpaid:
            if (now - order.since > m_settings.unpaid) ended.push_back(id);
            break;
        case State::Running:
            if (now - order.heard > m_settings.silence) stopped.push_back(id);
            break;
        case State::Stopping: {
            const auto view = order.purchase ? m_ports.purchases.find(*order.purchase) : std::nullopt;
            if (!view || isFinal(view->book.state)) {
                ended.push_back(id);
            } else {
                m_ports.purchases.stop(*order.purchase, EndReason::StoppedByUser);
            }
            break;
        }
        case State::Ended:
            if (!order.refunded && now - order.since > waitAfter(order.refunds)) owed.push_back(id);
            break;
        }
    }
    for (const ReverseOrderId& id : owed) {
        m_orders.at(id).since = now;
        payBack(id);
    }
    for (const ReverseOrderId& id : stopped) {
        m_orders.at(id).trouble = "the buyer was not heard any more";
        (void)stop(id);
    }
    for (const ReverseOrderId& id : ended) end(id);
    if (!m_orders.empty()) m_look = m_ports.timers.after(lookEvery, whileAlive([this] { look(); }));
}

}  // namespace netpas::secretaryd
