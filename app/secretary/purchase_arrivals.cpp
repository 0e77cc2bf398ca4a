// Requests for purchases as they come in: those that came together are written down together, and most are refused there
// and then.
#include <utility>

#include "app/secretary/purchase_alive.h"
#include "app/secretary/purchase_entry.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::PurchaseState;

namespace {

// Whether a purchase that is over had never been active: its flow was never paid for.
bool neverRan(const ledger::Purchase& book) {
    switch (kindOf(book.reason)) {
    case BuyRefusal::Kind::IspRefused:
    case BuyRefusal::Kind::Unreachable:
    case BuyRefusal::Kind::Local:
    case BuyRefusal::Kind::NoOffer: return true;
    case BuyRefusal::Kind::NotJoined:
    case BuyRefusal::Kind::Invalid:
    case BuyRefusal::Kind::Denied:
    case BuyRefusal::Kind::Conflict:
    case BuyRefusal::Kind::Ended: return book.state == PurchaseState::Refused;
    }
    return false;
}

}  // namespace

void PurchaseService::buy(const BuyOrder& order, BuyDone done) {
    if (m_broken) {
        return done(
            tl::unexpected(local({}, "the ledger cannot be written", "free some disk space, then restart netpasd")));
    }
    m_arrived.push_back({order, std::move(done)});
    if (m_arrivals == 0)
        m_arrivals = m_ports.timers.after(std::chrono::milliseconds(0), whileAlive([this] { takeIn(); }));
}

// One wait for the disk.
void PurchaseService::takeIn() {
    m_arrivals = 0;
    std::vector<Arrival> arrived = std::exchange(m_arrived, {});
    const auto done = m_ports.ledger.group([&]() -> tl::expected<void, ledger::LedgerError> {
        for (Arrival& one : arrived) {
            if (auto begun = begin(one); !begun) return begun;
        }
        return {};
    });
    if (!done) {
        for (const Arrival& one : arrived) m_open.erase(one.fresh ? one.id.value() : 0);
        storageFailed(done.error());
        for (const Arrival& one : arrived) {
            one.done(tl::unexpected(
                local({}, std::string(describe(done.error())), "free some disk space, then restart netpasd")));
        }
        return;
    }
    for (Arrival& one : arrived) begunDurably(one);
}

tl::expected<void, ledger::LedgerError> PurchaseService::begin(Arrival& one) {
    const ledger::NewPurchase& purchase = one.order.purchase;
    if (tooManyOpen(purchase)) {
        one.refusal = {BuyRefusal::Kind::Denied,
                       {},
                       "too many purchases are open",
                       "stop some of them, or wait until they have ended",
                       "RATE_LIMITED"};
        return {};
    }
    const SystemTime now = m_ports.clock.now();
    const auto begun = m_ports.ledger.begin(purchase, now);
    if (!begun && begun.error() == ledger::LedgerError::IdempotencyConflict) {
        one.refusal = {
            BuyRefusal::Kind::Conflict, {}, std::string(describe(begun.error())), "send a new Idempotency-Key", {}};
        return {};
    }
    if (!begun) return tl::unexpected(begun.error());
    one.id = begun->id;
    if (begun->existing) return {};
    std::optional<ledger::Why> why;
    if (flowIsTaken(purchase.flow, purchase.context.node)) {
        one.refusal = {BuyRefusal::Kind::Conflict,
                       one.id,
                       "this flow is bought already",
                       "see `netpas purchases`, or `netpas stop` the other one first",
                       {}};
    } else if (auto denied = m_ports.authority.precheck(purchase)) {
        one.refusal = {BuyRefusal::Kind::Denied, one.id, denied->sentence, denied->hint, denied->code};
        why = std::move(denied->why);
    }
    if (one.refusal) {
        return m_ports.ledger.refuse(one.id, EndReason::RefusedBySecretary, one.refusal->message, now, why);
    }
    auto book = m_ports.ledger.find(one.id);
    if (!book) return tl::unexpected(book.error());
    Entry& fresh = m_open[one.id.value()];
    fresh.book = std::move(*book);
    fresh.what = one.order.what;
    keepAwayFrom(fresh.what, avoided(fresh.what));
    fresh.offer = one.order.offer;
    fresh.byPerson = one.order.byPerson;
    fresh.process = one.order.process;
    fresh.attended = one.order.attended;
    fresh.funded = one.order.funded;
    one.fresh = true;
    return {};
}

void PurchaseService::begunDurably(Arrival& one) {
    if (one.refusal) {
        const bool known = one.refusal->id.has_value();
        one.done(tl::unexpected(std::move(*one.refusal)));
        if (known && m_settled) m_settled(one.id);
        return;
    }
    if (!one.fresh) return repeated(one.id, std::move(one.done));
    Entry* const fresh = entry(one.id);
    if (fresh == nullptr) return;
    fresh->waiting.push_back(std::move(one.done));
    m_ports.quotes.quote(fresh->what, whileAlive([this, id = one.id](auto quote) { onQuote(id, std::move(quote)); }));
}

// Nobody has looked at them yet.
void PurchaseService::turnAway(EndReason reason) {
    m_ports.timers.cancel(std::exchange(m_arrivals, 0));
    for (const Arrival& one : std::exchange(m_arrived, {})) {
        one.done(
            tl::unexpected(BuyRefusal{BuyRefusal::Kind::Ended, {}, std::string(describe(reason)), "ask again", {}}));
    }
}

// The idempotency key was seen before with the same request.
void PurchaseService::repeated(PurchaseId id, BuyDone done) {
    Entry* const known = entry(id);
    if (known != nullptr && known->book.state < PurchaseState::Active && known->decision.empty()) {
        known->waiting.push_back(std::move(done));
        return;
    }
    auto earlier = find(id);
    if (!earlier) return done(tl::unexpected(local(id, "the earlier purchase cannot be read")));
    if (!neverRan(earlier->book)) return done(std::move(*earlier));
    const std::string& note = earlier->book.note;
    done(tl::unexpected(BuyRefusal{
        kindOf(earlier->book.reason),
        id,
        "this request was refused before: " + (note.empty() ? std::string(describe(earlier->book.reason)) : note),
        "send a new Idempotency-Key to ask again",
        {}}));
}

}  // namespace netpas::secretaryd
