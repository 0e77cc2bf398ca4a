#include "app/secretary/payment_service.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "app/secretary/spend_terms.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::LedgerError;
using ledger::PurchaseState;
using payments::Fee;

namespace {

constexpr const char* diskHint = "free some disk space, then restart netpasd";

PayRefusal local(std::optional<PurchaseId> id, std::string message, std::string hint = diskHint) {
    return {"LOCAL_FAILURE", std::move(message), std::move(hint), id};
}

std::optional<Money> sumOf(const std::vector<Fee>& fees) {
    Money sum;
    for (const Fee& fee : fees) {
        const auto next = checkedAdd(sum, fee.amount);
        if (!next) return std::nullopt;
        sum = *next;
    }
    return sum;
}

std::vector<ledger::LedgerHop> hopsOf(const std::vector<Fee>& fees) {
    std::vector<ledger::LedgerHop> hops;
    for (const Fee& fee : fees) hops.push_back({fee.isp, ServiceClass{0}, ExitPoint{0}, "payment", fee.amount});
    return hops;
}

secretary::SpendRequest spendRequestFor(const PayOrder& order, const std::vector<Fee>& fees) {
    const ledger::Context& context = order.purchase.context;
    secretary::SpendRequest request;
    request.app = context.app;
    request.purpose = context.purpose;
    request.payee = context.payee;
    request.domain = context.domain;
    request.uid = order.purchase.uid;
    request.user = context.user;
    request.node = context.node;
    for (const Fee& fee : fees) request.isps.push_back(fee.isp);
    request.unit = PriceUnit::Item;
    request.price = order.purchase.cap;
    request.worstCase = order.purchase.cap;
    request.process = order.process;
    request.attended = order.attended;
    if (order.payBefore) request.quoteExpires = *order.payBefore;
    return request;
}

}  // namespace

PaymentService::PaymentService(Ports ports, PaymentSettings settings)
    : m_ports(std::move(ports)), m_settings(settings), m_alive(std::make_shared<bool>(true)) {}

PaymentService::~PaymentService() {
    for (auto& [id, entry] : m_open) {
        m_ports.timers.cancel(entry.retry);
        for (const auto& [token, waiting] : entry.waiting) m_ports.timers.cancel(waiting.patience);
    }
}

PaymentService::Entry* PaymentService::entry(PurchaseId id) {
    const auto found = m_open.find(id.value());
    return found == m_open.end() ? nullptr : &found->second;
}

PaymentView PaymentService::view(const Entry& entry) { return {entry.book, entry.decision, entry.trouble}; }

std::vector<PaymentView> PaymentService::open() const {
    std::vector<PaymentView> views;
    for (const auto& [id, entry] : m_open) views.push_back(view(entry));
    return views;
}

std::optional<PaymentView> PaymentService::find(PurchaseId id) const {
    if (const auto found = m_open.find(id.value()); found != m_open.end()) return view(found->second);
    auto book = m_ports.ledger.find(id);
    if (!book || !book->payment) return std::nullopt;
    return PaymentView{std::move(*book), {}, {}};
}

bool PaymentService::tooManyOpen(const ledger::NewPurchase& purchase) const {
    if (m_open.size() + m_asking.size() >= m_settings.mostOpen) return true;
    const auto own = std::count_if(m_open.begin(), m_open.end(), [&](const auto& item) {
        const ledger::NewPurchase& other = item.second.book.request;
        return other.uid == purchase.uid && other.context.node == purchase.context.node;
    });
    return static_cast<size_t>(own) >= m_settings.mostOpenOfOne;
}

void PaymentService::pay(const PayOrder& order, PayDone done) {
    const ledger::NewPurchase& purchase = order.purchase;
    if (m_broken) return done(tl::unexpected(local({}, "the ledger cannot be written")));
    const auto earlier = m_ports.ledger.earlier(purchase);
    if (!earlier && earlier.error() == LedgerError::IdempotencyConflict) {
        return done(tl::unexpected(
            PayRefusal{"CONFLICT", std::string(describe(earlier.error())), "send a new Idempotency-Key", {}}));
    }
    if (!earlier) return done(tl::unexpected(local({}, std::string(describe(earlier.error())))));
    if (*earlier) return repeated(**earlier, std::move(done));
    if (tooManyOpen(purchase)) {
        return done(tl::unexpected(
            PayRefusal{"RATE_LIMITED", "too many payments are open", "wait until some of them have ended", {}}));
    }
    const uint64_t token = ++m_tokens;
    m_asking.emplace(token, Asking{order, std::move(done)});
    if (order.fees) return onFees(token, *order.fees);
    m_ports.isp.findRoute(purchase.payment->isp, purchase.payment->amount,
                          whileAlive([this, token](const Fees& fees) { onFees(token, fees); }));
}

void PaymentService::onFees(uint64_t token, const Fees& fees) {
    const auto found = m_asking.find(token);
    if (found == m_asking.end()) return;
    Asking asked = std::move(found->second);
    m_asking.erase(found);
    const auto no = [&](const char* code, std::string message, std::string hint) {
        asked.done(tl::unexpected(PayRefusal{code, std::move(message), std::move(hint), {}}));
        if (m_settled) m_settled(PurchaseId{});
    };
    const ledger::PaymentTerms& terms = *asked.order.purchase.payment;
    if (!fees) {
        const bool refused = fees.error().kind == IspFailure::Kind::Refused;
        return no(refused ? "ISP_REFUSED" : "ISP_UNREACHABLE", fees.error().what, "netpas status");
    }
    if (fees->empty() || fees->size() > payments::maxFees) {
        return no("NO_ROUTE", "your ISP knows no way to ISP " + std::to_string(terms.isp.value()) + " for a payment",
                  "check the payee's ISP; --to-isp names it");
    }
    const auto sum = sumOf(*fees);
    const auto total = sum ? checkedAdd(terms.amount, *sum) : tl::unexpected(MoneyError{});
    if (!total) return no("INVALID_ARGUMENT", "amount and fees together are too large", "pay less");
    if (asked.order.maxFees && *sum > *asked.order.maxFees) {
        return no("FEES_TOO_HIGH",
                  "the ISPs on the way ask " + sum->toString() + " USD, more than the most that you would pay them",
                  "--max-fees " + sum->toString());
    }
    begin(std::move(asked.order), *fees, *total, std::move(asked.done));
}

void PaymentService::begin(PayOrder order, std::vector<Fee> fees, Money total, PayDone done) {
    order.purchase.cap = total;
    const SystemTime now = m_ports.clock.now();
    std::optional<Denied> denied;
    ledger::Ledger::Begun begun;
    std::optional<ledger::Purchase> book;
    const auto written = m_ports.ledger.group([&]() -> tl::expected<void, LedgerError> {
        auto fresh = m_ports.ledger.begin(order.purchase, now);
        if (!fresh) return tl::unexpected(fresh.error());
        begun = *fresh;
        if (begun.existing) return {};
        if (!order.granted) denied = m_ports.authority.precheck(order.purchase);
        if (denied) {
            return m_ports.ledger.refuse(begun.id, EndReason::RefusedBySecretary, denied->sentence, now, denied->why);
        }
        auto found = m_ports.ledger.find(begun.id);
        if (!found) return tl::unexpected(found.error());
        book = std::move(*found);
        return {};
    });
    if (!written && written.error() == LedgerError::IdempotencyConflict) {
        return done(tl::unexpected(
            PayRefusal{"CONFLICT", std::string(describe(written.error())), "send a new Idempotency-Key", {}}));
    }
    if (!written) {
        storageFailed(written.error());
        return done(tl::unexpected(local({}, std::string(describe(written.error())))));
    }
    if (begun.existing) return repeated(begun.id, std::move(done));
    if (denied) {
        done(tl::unexpected(PayRefusal{denied->code, denied->sentence, denied->hint, begun.id}));
        if (m_settled) m_settled(begun.id);
        return;
    }
    Entry& fresh = m_open[begun.id.value()];
    fresh.book = std::move(*book);
    fresh.wish = std::move(order);
    fresh.fees = std::move(fees);
    fresh.feesFrom = now;
    wait(fresh, std::move(done));
    secretary::SpendRequest request = spendRequestFor(fresh.wish, fresh.fees);
    m_ports.authority.inform(fresh.wish.purchase, request);
    keepTerms(request, fresh.book.request.context);
    if (fresh.wish.granted) {
        fresh.why = fresh.wish.granted->why;
        return promise(fresh);
    }
    m_ports.authority.authorize(begun.id, request, fresh.wish.byPerson,
                                whileAlive([this, id = begun.id](const Verdict& verdict) { onVerdict(id, verdict); }));
}

// The idempotency key was seen before with the same request.
void PaymentService::repeated(PurchaseId id, PayDone done) {
    if (Entry* const known = entry(id)) {
        if (!known->decision.empty()) return done(view(*known));
        return wait(*known, std::move(done));
    }
    auto earlier = find(id);
    if (!earlier)
        return done(tl::unexpected(local(id, "the earlier request was no payment", "send a new Idempotency-Key")));
    if (earlier->book.state != PurchaseState::Refused) return done(std::move(*earlier));
    done(tl::unexpected(PayRefusal{"ENDED", "this request was refused before: " + earlier->book.note,
                                   "send a new Idempotency-Key to ask again", id}));
}

void PaymentService::onVerdict(PurchaseId id, const Verdict& verdict) {
    Entry* const asked = entry(id);
    if (asked == nullptr || asked->book.state != PurchaseState::Requested) return;
    if (const auto* pending = std::get_if<Pending>(&verdict)) {
        asked->decision = pending->decision;
        return answer(*asked, view(*asked));
    }
    asked->decision.clear();
    if (const auto* denied = std::get_if<Denied>(&verdict)) {
        return refuse(*asked, {denied->code, denied->sentence, denied->hint, id}, EndReason::RefusedBySecretary,
                      denied->why);
    }
    asked->why = std::get<Approved>(verdict).why;
    const bool valid = asked->wish.fees || m_ports.clock.now() - asked->feesFrom <= m_settings.feesValid;
    if (valid) return promise(*asked);
    const ledger::PaymentTerms& terms = *asked->book.request.payment;
    m_ports.isp.findRoute(terms.isp, terms.amount, whileAlive([this, id](const Fees& fees) { onNewFees(id, fees); }));
}

void PaymentService::onNewFees(PurchaseId id, const Fees& fees) {
    Entry* const asked = entry(id);
    if (asked == nullptr || asked->book.state != PurchaseState::Requested) return;
    if (!fees)
        return refuse(*asked, {"ISP_UNREACHABLE", fees.error().what, "try again", id}, EndReason::IspUnreachable);
    const auto sum = sumOf(*fees);
    const auto total = sum ? checkedAdd(asked->book.request.payment->amount, *sum) : tl::unexpected(MoneyError{});
    if (fees->empty() || !total || *total > asked->book.request.cap) {
        return refuse(*asked,
                      {"EXPIRED", fees->empty() ? "there is no way to the payee any more" : "the fees have risen",
                       "ask again", id},
                      EndReason::NoOffer);
    }
    asked->fees = *fees;
    promise(*asked);
}

// Sets the money aside and makes the order durable, in one transaction: from here on it may have been signed.
void PaymentService::promise(Entry& entry) {
    const SystemTime now = m_ports.clock.now();
    const PurchaseId id = entry.book.id;
    if (entry.wish.payBefore && now > *entry.wish.payBefore) {
        return refuse(entry, {"EXPIRED", "the offer has expired", "ask for it again", id}, EndReason::NoOffer);
    }
    const ledger::PaymentTerms& terms = *entry.book.request.payment;
    payments::PaymentOrder order;
    order.payer = m_ports.wallet.identity().nodeId();
    order.fees = entry.fees;
    order.payment.id = entry.wish.id ? *entry.wish.id : payments::newPaymentId();
    order.payment.payee = terms.payee;
    order.payment.amount = terms.amount;
    order.payment.time = now;
    const std::chrono::seconds staggered(entry.fees.size() + 1);
    order.payment.expires = now + std::max(staggered, entry.wish.lifetime.value_or(m_settings.shortest));
    std::optional<ledger::Description> description;
    if (!terms.description.empty()) {
        description = ledger::Description{terms.description, {}};
        randombytes_buf(description->salt.data(), description->salt.size());
        if (entry.wish.salt) description->salt = *entry.wish.salt;
        order.payment.description = payments::describe(description->text, description->salt);
    }
    const auto salt = description ? std::optional(description->salt) : std::nullopt;
    std::optional<ledger::JournalError> refused;
    const auto held = m_ports.ledger.group([&]() -> tl::expected<void, LedgerError> {
        if (auto kept = m_ports.ledger.judged(id, entry.book.request.context); !kept) return kept;
        if (auto done = m_ports.ledger.reserve(id, hopsOf(entry.fees), entry.why, now); !done) return done;
        if (auto done = m_ports.ledger.promise(id, order.payment.id, order.payment.expires, salt); !done) return done;
        const auto recorded = m_ports.journal.record(order, description, now);
        if (recorded) {
            entry.order = *recorded;
        } else {
            refused = recorded.error();
        }
        return {};
    });
    if (!held) return storageFailed(held.error());
    entry.book.state = PurchaseState::Reserved;
    entry.book.path = hopsOf(entry.fees);
    entry.book.decidedBy = entry.why.rule;
    entry.book.why = entry.why;
    entry.book.payment->id = order.payment.id;
    entry.book.payment->expires = order.payment.expires;
    entry.book.payment->salt = salt;
    if (refused) {
        // Nothing was signed.
        return settle(entry, {ledger::PaymentEnd::Refused, {}, false, {}, 0, {}, {}}, std::string(describe(*refused)),
                      std::nullopt);
    }
    send(id);
}

void PaymentService::refuse(Entry& entry, PayRefusal why, EndReason reason, const std::optional<ledger::Why>& by) {
    const PurchaseId id = entry.book.id;
    if (const auto done = m_ports.ledger.refuse(id, reason, why.message, m_ports.clock.now(), by); !done) {
        return storageFailed(done.error());
    }
    m_ports.authority.settled(id, Money::zero());
    answer(entry, tl::unexpected(std::move(why)));
    m_open.erase(id.value());
    if (m_settled) m_settled(id);
}

bool PaymentService::cancel(PurchaseId id) {
    Entry* const found = entry(id);
    if (found == nullptr || found->book.state != PurchaseState::Requested) return false;
    refuse(*found, {"ENDED", std::string(describe(EndReason::StoppedByUser)), {}, id}, EndReason::StoppedByUser);
    return true;
}

void PaymentService::endUnsigned(EndReason reason) {
    for (auto& [token, asked] : std::exchange(m_asking, {})) {
        asked.done(tl::unexpected(PayRefusal{"ENDED", std::string(describe(reason)), "ask again", {}}));
    }
    std::vector<PurchaseId> ids;
    for (const auto& [id, entry] : m_open) ids.emplace_back(id);
    for (const PurchaseId id : ids) {
        Entry* const found = entry(id);
        if (found == nullptr || found->book.state != PurchaseState::Requested) continue;
        refuse(*found, {"ENDED", std::string(describe(reason)), {}, id}, reason);
    }
}

void PaymentService::wait(Entry& entry, PayDone done) {
    const uint64_t token = ++m_tokens;
    const PurchaseId id = entry.book.id;
    Waiting& waiting = entry.waiting[token];
    waiting.done = std::move(done);
    waiting.patience = m_ports.timers.after(m_settings.answerPatience, whileAlive([this, id, token] {
                                                Entry* const still = this->entry(id);
                                                if (still == nullptr || !still->waiting.contains(token)) return;
                                                const PayDone tell = std::move(still->waiting.at(token).done);
                                                still->waiting.erase(token);
                                                tell(view(*still));
                                            }));
}

void PaymentService::answer(Entry& entry, const tl::expected<PaymentView, PayRefusal>& what) {
    for (auto& [token, waiting] : std::exchange(entry.waiting, {})) {
        m_ports.timers.cancel(waiting.patience);
        waiting.done(what);
    }
}

// Nothing more is written or signed in this run; the next one asks the ISP what became of what was.
void PaymentService::storageFailed(LedgerError error) {
    if (std::exchange(m_broken, true)) return;
    m_ports.log(LogLevel::Error,
                "payments: " + std::string(describe(error)) + "; nothing is paid until netpasd is restarted");
    for (auto& [id, entry] : m_open) {
        answer(entry, tl::unexpected(local(PurchaseId{id}, std::string(describe(error)))));
    }
}

}  // namespace netpas::secretaryd
