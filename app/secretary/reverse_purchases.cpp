#include "app/secretary/reverse_purchases.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/secretary/purchase_entry.h"
#include "app/secretary/reverse_json.h"
#include "app/secretary/spend_terms.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::PurchaseState;
using nlohmann::json;

namespace {

constexpr size_t keptEnded = 32;
constexpr int endAttempts = 40;  // of asking what was spent in the end
constexpr std::chrono::milliseconds endEvery{500};
constexpr int firstSlicePackets = 4000;  // some seconds of a film, and of what it has to catch up on
constexpr uint64_t judgeLeastPackets = 50;

Money times(Money amount, int64_t factor) { return checkedMul(amount, factor).value_or(Money::max()); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money less(Money all, Money part) { return std::max(checkedSub(all, part).value_or(Money::zero()), Money::zero()); }

}  // namespace

struct ReversePurchases::Entry {
    ledger::Purchase book;
    ReverseBuyOrder wish;
    SellerAddress seller;
    std::optional<ReverseOffer> offer;
    std::optional<cartographer::Quote> quote;
    ledger::Why why;
    std::string decision;
    std::string trouble;
    Money sent;     // to the seller, confirmed
    Money charged;  // with the fees
    uint64_t slices = 0;
    std::optional<Money> refunded;
    bool paying = false;
    bool asking = false;
    bool ended = false;
    int failures = 0;
    int endTries = 0;
    Timers::Id timer = 0;
    Timers::Id end = 0;
    Timers::Id pay = 0;
    SteadyTime begun{};  // to pay
    SteadyTime heard{};  // the seller
    Money perSecond;     // between the last two times
    // Since when it is judged, and what had come and been charged for by then.
    struct Mark {
        SteadyTime at{};
        uint64_t received = 0;
        uint64_t billed = 0;
    };
    std::optional<Mark> mark;
    BuyDone done;
};

template <typename Function>
auto ReversePurchases::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

ReversePurchases::ReversePurchases(Ports ports, ReversePurchaseSettings settings)
    : m_ports(std::move(ports)),
      m_settings(settings),
      m_quotes({m_ports.sellers, m_ports.clock, m_ports.refund}),
      m_alive(std::make_shared<bool>(true)) {}

ReversePurchases::~ReversePurchases() {
    for (auto& [id, entry] : m_open) {
        m_ports.timers.cancel(entry.timer);
        m_ports.timers.cancel(entry.end);
        m_ports.timers.cancel(entry.pay);
    }
}

ReversePurchases::Entry* ReversePurchases::entry(PurchaseId id) {
    const auto found = m_open.find(id.value());
    return found == m_open.end() || found->second.ended ? nullptr : &found->second;
}

PurchaseView ReversePurchases::view(const Entry& entry) const {
    PurchaseView view{entry.book, entry.quote, false, entry.trouble, entry.decision};
    view.reverse = ReverseSide{entry.seller.server, entry.charged, entry.slices, entry.refunded};
    return view;
}

std::vector<PurchaseView> ReversePurchases::open() const {
    std::vector<PurchaseView> views;
    for (const auto& [id, entry] : m_open) {
        if (!entry.ended) views.push_back(view(entry));
    }
    return views;
}

std::optional<PurchaseView> ReversePurchases::find(PurchaseId id) const {
    const auto found = m_open.find(id.value());
    if (found == m_open.end()) return std::nullopt;
    return view(found->second);
}

bool ReversePurchases::idle() const {
    return std::all_of(m_open.begin(), m_open.end(), [](const auto& item) { return item.second.ended; });
}

void ReversePurchases::buy(const ReverseBuyOrder& order, BuyDone done) {
    const auto no = [&](BuyRefusal refusal) { done(tl::unexpected(std::move(refusal))); };
    if (open().size() >= m_settings.mostOpen) {
        return no({BuyRefusal::Kind::Denied, {}, "too many purchases are open", "stop some of them", "RATE_LIMITED"});
    }
    const SystemTime now = m_ports.clock.now();
    const auto begun = m_ports.ledger.begin(order.order.purchase, now);
    if (!begun) {
        const bool conflict = begun.error() == ledger::LedgerError::IdempotencyConflict;
        return no({conflict ? BuyRefusal::Kind::Conflict : BuyRefusal::Kind::Local,
                   {},
                   std::string(describe(begun.error())),
                   conflict ? "send a new Idempotency-Key" : "free some disk space, then restart netpasd",
                   {}});
    }
    if (begun->existing) {
        if (auto known = find(begun->id)) return done(std::move(*known));
        return no({BuyRefusal::Kind::Ended, begun->id, "that purchase is over", "send a new Idempotency-Key", {}});
    }
    auto book = m_ports.ledger.find(begun->id);
    if (!book) return no(local(begun->id, std::string(describe(book.error())), "netpas doctor"));
    Entry& fresh = m_open[begun->id.value()];
    fresh.book = std::move(*book);
    fresh.wish = order;
    fresh.done = std::move(done);
    if (auto denied = m_ports.authority.precheck(order.order.purchase)) {
        return refuse(fresh, {BuyRefusal::Kind::Denied, begun->id, denied->sentence, denied->hint, denied->code},
                      EndReason::RefusedBySecretary, denied->why);
    }
    const PurchaseId id = begun->id;
    if (!order.order.prepared.empty()) return onQuote(id, m_quotes.take(order.order.prepared, order));
    m_quotes.ask(order, whileAlive([this, id](auto&& quote) { onQuote(id, std::move(quote)); }));
}

void ReversePurchases::onQuote(PurchaseId id, tl::expected<ReverseQuote, BuyRefusal> quote) {
    Entry* const asked = entry(id);
    if (asked == nullptr || asked->book.state != PurchaseState::Requested) return;
    if (!quote) {
        quote.error().id = id;
        return refuse(*asked, std::move(quote.error()), EndReason::NoOffer);
    }
    asked->seller = quote->seller;
    asked->offer = std::move(quote->offer);
    asked->quote = asked->offer->quote;
    const ledger::NewPurchase& request = asked->book.request;
    if (const auto senseless = termsTrouble(request, asked->offer->smallest)) {
        return refuse(*asked, {BuyRefusal::Kind::Invalid, id, senseless->message, senseless->hint, {}},
                      EndReason::RefusedBySecretary);
    }
    secretary::SpendRequest terms = spendRequestOf(request, *asked->quote, asked->wish.order.process);
    terms.attended = asked->wish.order.attended;
    m_ports.authority.inform(request, terms);
    if (terms.unit == ledger::PriceUnit::Minute && terms.price < asked->offer->smallest) {
        return refuse(*asked,
                      {BuyRefusal::Kind::Invalid,
                       id,
                       "A minute at " + terms.price.toString() + " does not pay for the seller's smallest slice of " +
                           asked->offer->smallest.toString() + ".",
                       "ask for a larger cap, or for a shorter time",
                       {}},
                      EndReason::RefusedBySecretary);
    }
    keepTerms(terms, asked->book.request.context);
    m_ports.authority.authorize(id, terms, asked->wish.order.byPerson,
                                whileAlive([this, id](const Verdict& verdict) { onVerdict(id, verdict); }));
}

void ReversePurchases::onVerdict(PurchaseId id, const Verdict& verdict) {
    Entry* const asked = entry(id);
    if (asked == nullptr || asked->book.state != PurchaseState::Requested) return;
    if (const auto* pending = std::get_if<Pending>(&verdict)) {
        asked->decision = pending->decision;
        return answer(*asked, view(*asked));
    }
    asked->decision.clear();
    if (const auto* denied = std::get_if<Denied>(&verdict)) {
        return refuse(*asked, {BuyRefusal::Kind::Denied, id, denied->sentence, denied->hint, denied->code},
                      EndReason::RefusedBySecretary, denied->why);
    }
    if (asked->quote->validUntil <= m_ports.clock.now()) {
        return refuse(*asked,
                      {BuyRefusal::Kind::Denied, id, "the offer does not hold any more", "ask again", "EXPIRED"},
                      EndReason::NoOffer);
    }
    asked->why = std::get<Approved>(verdict).why;
    std::vector<ledger::LedgerHop> hops;
    for (const cartographer::QuotedHop& hop : asked->quote->path) {
        hops.push_back({hop.isp, hop.service, hop.exit, hop.className, hop.prices.base.perPacket});
    }
    const SystemTime now = m_ports.clock.now();
    const auto held = m_ports.ledger.group([&]() -> tl::expected<void, ledger::LedgerError> {
        if (auto kept = m_ports.ledger.judged(id, asked->book.request.context); !kept) return kept;
        if (auto done = m_ports.ledger.reserve(id, hops, asked->why, now); !done) return done;
        for (const PurchaseState next : {PurchaseState::KeyReady, PurchaseState::Published, PurchaseState::Active}) {
            if (auto done = m_ports.ledger.advance(id, next, EndReason::None, {}, now); !done) return done;
        }
        return {};
    });
    if (!held) return refuse(*asked, local(id, std::string(describe(held.error())), "netpas doctor"), EndReason::None);
    asked->book.path = hops;
    asked->book.why = asked->why;
    asked->book.decidedBy = asked->why.rule;
    asked->book.state = PurchaseState::Active;
    asked->begun = asked->heard = m_ports.clock.steady();
    if (const auto& duration = asked->book.request.duration) {
        asked->end = m_ports.timers.after(std::chrono::duration_cast<std::chrono::milliseconds>(*duration),
                                          whileAlive([this, id] { stop(id, EndReason::DurationOver); }));
    }
    payOn(id);
    arm(id);
}

// What the seller will have spent: what it last said, and as much a second as then.
Money ReversePurchases::spentByNow(const Entry& entry) const {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(m_ports.clock.steady() - entry.heard);
    const Money more = Money::fromEighths(times(entry.perSecond, since.count()).eighths() / 1000);
    return plus(entry.book.usage.amount, more);
}

// What was agreed to for the minutes that have begun, the next one a little early. Sellers are not asked to keep to that: they get no more.
Money ReversePurchases::grantedByNow(const Entry& entry) const {
    const ledger::Context& context = entry.book.request.context;
    if (context.unit != ledger::PriceUnit::Minute || context.unitPrice <= Money::zero()) return Money::max();
    const auto minutes =
        std::chrono::floor<std::chrono::minutes>(m_ports.clock.steady() - entry.begun + m_settings.sliceFor);
    return times(context.unitPrice, minutes.count() + 1);
}

void ReversePurchases::payOn(PurchaseId id) {
    payAhead(id);
    Entry* const known = entry(id);
    if (known == nullptr || known->book.state != PurchaseState::Active) return;
    known->pay = m_ports.timers.after(m_settings.payEvery, whileAlive([this, id] { payOn(id); }));
}

// One slice at a time: as much as the next seconds cost at the rate so far, and no more than the cap with all fees.
void ReversePurchases::payAhead(PurchaseId id) {
    Entry* const known = entry(id);
    if (known == nullptr || known->paying || known->book.state != PurchaseState::Active) return;
    if (m_ports.clock.steady() - known->heard > m_settings.silence) return;
    const Money usual = times(known->perSecond, m_settings.sliceFor.count());
    Money slice = std::max({usual, known->offer->smallest, times(known->offer->pricePerPacket, firstSlicePackets)});
    const Money ahead = less(known->sent, spentByNow(*known));
    if (known->slices > 0 && times(ahead, 2) >= slice) return;
    const Money left = less(known->book.request.cap, known->charged);
    const Money feesBefore = less(known->charged, known->sent);
    const Money feesEach = known->slices == 0
                               ? Money::zero()
                               : Money::fromEighths(feesBefore.eighths() / static_cast<int64_t>(known->slices) + 1);
    slice = std::min({slice, less(left, feesEach), less(less(grantedByNow(*known), known->charged), feesEach)});
    if (slice < known->offer->smallest) {
        if (less(left, feesEach) >= known->offer->smallest) return;  // for this minute; another one comes
        const Money unspent = less(known->sent, known->book.usage.amount);
        if (unspent < known->offer->pricePerPacket) beginStop(*known, EndReason::CapReached, {});
        return;
    }
    PayOrder order;
    order.purchase = known->wish.order.purchase;
    order.purchase.flow = {};
    order.purchase.idempotencyKey.clear();
    order.purchase.fingerprint.clear();
    order.purchase.duration.reset();
    order.purchase.capPerSecond = Money::zero();
    order.purchase.payment =
        ledger::PaymentTerms{known->offer->payee, known->offer->isp, slice, known->offer->description};
    order.maxFees = less(left, slice);
    order.granted = PayOrder::Granted{id, known->why};
    order.salt = known->offer->salt;
    known->paying = true;
    m_ports.payments.pay(order, whileAlive([this, id](const auto& result) { onPaid(id, result); }));
}

void ReversePurchases::onPaid(PurchaseId id, const tl::expected<PaymentView, PayRefusal>& result) {
    const auto found = m_open.find(id.value());
    if (found == m_open.end()) return;
    Entry& known = found->second;
    known.paying = false;
    const auto& paid = result ? result->book.payment : std::nullopt;
    const bool posted = paid && paid->result && paid->result->end == ledger::PaymentEnd::Posted;
    if (posted) {
        known.sent = plus(known.sent, paid->terms.amount);
        known.charged = plus(known.charged, paid->result->charged);
        ++known.slices;
        known.trouble.clear();
        if (!known.ended) answer(known, view(known));
        return;
    }
    std::string why = result ? "a slice was not paid: " + result->book.note : result.error().message;
    m_ports.log(LogLevel::Warning, nameOf(id) + ": " + why);
    if (!known.ended && known.book.state == PurchaseState::Active) {
        beginStop(known, EndReason::PaymentRefused, why);
    }
}

void ReversePurchases::arm(PurchaseId id) {
    Entry* const known = entry(id);
    if (known == nullptr) return;
    m_ports.timers.cancel(known->timer);
    known->timer = m_ports.timers.after(m_settings.askEvery, whileAlive([this, id] { ask(id); }));
}

void ReversePurchases::ask(PurchaseId id) {
    Entry* const known = entry(id);
    if (known == nullptr || known->book.state != PurchaseState::Active) return;
    const FlowMatch& flow = known->wish.sent;
    const bool counted = flow.protocol == ipproto::tcp && flow.remote && flow.localPort != 0;
    m_ports.sellers.call(known->seller, "GET", std::string(sellersOrders) + "/" + known->offer->order, {},
                         counted ? std::optional(flow) : std::nullopt,
                         whileAlive([this, id](const SellerReply& reply) { onStanding(id, reply); }));
}

void ReversePurchases::onStanding(PurchaseId id, const SellerReply& reply) {
    Entry* const known = entry(id);
    if (known == nullptr || known->book.state != PurchaseState::Active) return;
    const auto standing = standingFromJson(reply.status, reply.body);
    if (!standing) {
        known->trouble = "the seller does not say how the order stands";
        if (++known->failures >= m_settings.failuresToEnd) {
            return beginStop(*known, EndReason::IspUnreachable, known->trouble);
        }
        return arm(id);
    }
    known->failures = 0;
    known->trouble = standing->trouble;
    const SteadyTime now = m_ports.clock.steady();
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - known->heard).count();
    const Money more = less(standing->usage.amount, known->book.usage.amount);
    known->perSecond = Money::fromEighths(times(more, 1000).eighths() / std::max<int64_t>(passed, 1));
    known->heard = now;
    known->book.usage = standing->usage;
    const ledger::UsageUpdate update{id, standing->usage};
    (void)m_ports.ledger.recordUsage({&update, 1});
    if (standing->state == ReverseStanding::State::Ended || standing->state == ReverseStanding::State::Stopping) {
        return beginStop(*known, EndReason::RefusedByIsp, "the seller has ended it: " + standing->trouble);
    }
    if (standing->usage.amount > times(known->offer->pricePerPacket, static_cast<int64_t>(standing->usage.packets))) {
        return beginStop(*known, EndReason::Alarm, "the seller charges more for a packet than it offered");
    }
    if (const auto why = undelivered(*known, reply)) return beginStop(*known, EndReason::Alarm, *why);
    payAhead(id);
    if (entry(id) == nullptr) return;
    arm(id);
}

// A seller's word against the kernel's count of what has arrived on the connection: packets, because they are what is paid for, and because
// bytes count only once all before them are there.
std::optional<std::string> ReversePurchases::undelivered(Entry& entry, const SellerReply& reply) {
    if (!reply.receivedSegments) {
        entry.mark.reset();
        return std::nullopt;
    }
    const SteadyTime now = m_ports.clock.steady();
    const uint64_t billed = entry.book.usage.packets;
    if (!entry.mark || *reply.receivedSegments < entry.mark->received || billed < entry.mark->billed) {
        entry.mark = Entry::Mark{now, *reply.receivedSegments, billed};
        return std::nullopt;
    }
    if (now - entry.mark->at < m_settings.judgeOver) return std::nullopt;
    const uint64_t came = *reply.receivedSegments - entry.mark->received;
    const uint64_t charged = billed - entry.mark->billed;
    entry.mark = Entry::Mark{now, *reply.receivedSegments, billed};
    if (charged < judgeLeastPackets ||
        came * 100 >= charged * static_cast<uint64_t>(m_settings.leastDeliveredPercent)) {
        return std::nullopt;
    }
    return "not delivered: the seller charged for " + std::to_string(charged) + " packets, " + std::to_string(came) +
           " arrived";
}

bool ReversePurchases::stop(PurchaseId id, EndReason reason) {
    Entry* const found = entry(id);
    if (found == nullptr) return false;
    if (found->book.state == PurchaseState::Requested) {
        refuse(*found, {BuyRefusal::Kind::Ended, id, std::string(describe(reason)), {}, {}}, reason);
    } else if (found->book.state == PurchaseState::Active) {
        beginStop(*found, reason, {});
    }
    return true;
}

void ReversePurchases::stopAll(EndReason reason) {
    std::vector<PurchaseId> ids;
    for (const auto& [id, entry] : m_open) ids.emplace_back(id);
    for (const PurchaseId id : ids) (void)stop(id, reason);
}

void ReversePurchases::beginStop(Entry& entry, EndReason reason, const std::string& note) {
    const PurchaseId id = entry.book.id;
    m_ports.timers.cancel(std::exchange(entry.timer, 0));
    m_ports.timers.cancel(std::exchange(entry.end, 0));
    m_ports.timers.cancel(std::exchange(entry.pay, 0));
    const auto done = m_ports.ledger.advance(id, PurchaseState::Stopping, reason, note, m_ports.clock.now());
    if (!done) m_ports.log(LogLevel::Error, nameOf(id) + ": " + std::string(describe(done.error())));
    entry.book.state = PurchaseState::Stopping;
    entry.book.reason = reason;
    entry.book.note = note;
    m_ports.log(LogLevel::Info,
                nameOf(id) + " stops: " + std::string(describe(reason)) + (note.empty() ? "" : " (" + note + ")"));
    if (entry.done)
        answer(entry,
               tl::unexpected(BuyRefusal{
                   BuyRefusal::Kind::Ended, id, note.empty() ? std::string(describe(reason)) : note, "ask again", {}}));
    m_ports.sellers.call(entry.seller, "DELETE", std::string(sellersOrders) + "/" + entry.offer->order, {}, {},
                         whileAlive([this, id](const SellerReply&) { askForEnd(id); }));
}

// What was spent in the end, and what comes back, is known when the seller's ISP has said so.
void ReversePurchases::askForEnd(PurchaseId id) {
    Entry* const known = entry(id);
    if (known == nullptr) return;
    const auto again = [this, id] {
        Entry* const still = entry(id);
        if (still == nullptr) return;
        if (++still->endTries >= endAttempts) return settle(*still);
        still->timer = m_ports.timers.after(endEvery, whileAlive([this, id] { askForEnd(id); }));
    };
    m_ports.sellers.call(known->seller, "GET", std::string(sellersOrders) + "/" + known->offer->order, {}, {},
                         whileAlive([this, id, again](const SellerReply& reply) {
                             Entry* const still = entry(id);
                             if (still == nullptr) return;
                             const auto standing = standingFromJson(reply.status, reply.body);
                             if (!standing && reply.status == 404) return settle(*still);
                             if (!standing) return again();
                             still->book.usage = standing->usage;
                             still->refunded = standing->refunded;
                             const bool over = standing->state == ReverseStanding::State::Ended && standing->refunded;
                             if (!over || still->paying) return again();
                             settle(*still);
                         }));
}

void ReversePurchases::settle(Entry& entry) {
    const PurchaseId id = entry.book.id;
    const SystemTime now = m_ports.clock.now();
    std::string note = entry.book.note.empty() ? "" : entry.book.note + "; ";
    note += std::to_string(entry.slices) + " payments, $" + entry.charged.toString() + " with fees";
    if (entry.refunded && *entry.refunded > Money::zero()) note += ", $" + entry.refunded->toString() + " came back";
    const ledger::UsageUpdate update{id, entry.book.usage};
    (void)m_ports.ledger.recordUsage({&update, 1});
    // Every slice is a payment of its own in the ledger: nothing is posted here.
    const auto done = m_ports.ledger.settle(id, entry.book.reason, note, now);
    if (!done) m_ports.log(LogLevel::Error, nameOf(id) + ": " + std::string(describe(done.error())));
    m_ports.authority.settled(id, Money::zero());
    if (auto book = m_ports.ledger.find(id)) entry.book = std::move(*book);
    entry.book.state = PurchaseState::Settled;
    entry.ended = true;
    m_ports.timers.cancel(std::exchange(entry.timer, 0));
    while (m_open.size() > keptEnded && m_open.begin()->second.ended) m_open.erase(m_open.begin());
    if (m_settled) m_settled(id);
}

void ReversePurchases::refuse(Entry& entry, BuyRefusal refusal, EndReason reason,
                              const std::optional<ledger::Why>& why) {
    const PurchaseId id = entry.book.id;
    (void)m_ports.ledger.refuse(id, reason, refusal.message, m_ports.clock.now(), why);
    m_ports.authority.settled(id, Money::zero());
    answer(entry, tl::unexpected(std::move(refusal)));
    m_open.erase(id.value());
    if (m_settled) m_settled(id);
}

void ReversePurchases::answer(Entry& entry, tl::expected<PurchaseView, BuyRefusal> what) {
    if (const BuyDone done = std::exchange(entry.done, nullptr)) done(std::move(what));
}

}  // namespace netpas::secretaryd
