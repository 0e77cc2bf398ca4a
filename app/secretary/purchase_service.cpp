#include "app/secretary/purchase_service.h"

#include <algorithm>
#include <utility>

#include "app/secretary/purchase_alive.h"
#include "app/secretary/purchase_entry.h"
#include "app/secretary/spend_terms.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::PurchaseState;

namespace {

BuyRefusal::Kind kindOf(QuoteFailure::Kind kind) {
    switch (kind) {
    case QuoteFailure::Kind::NotJoined: return BuyRefusal::Kind::NotJoined;
    case QuoteFailure::Kind::NoPath:
    case QuoteFailure::Kind::NoSuchClass: return BuyRefusal::Kind::NoOffer;
    case QuoteFailure::Kind::Unreachable:
    case QuoteFailure::Kind::Untrusted: return BuyRefusal::Kind::Unreachable;
    }
    return BuyRefusal::Kind::NoOffer;
}

}  // namespace

BuyRefusal::Kind kindOf(EndReason reason) {
    switch (reason) {
    case EndReason::RefusedByIsp: return BuyRefusal::Kind::IspRefused;
    case EndReason::IspUnreachable: return BuyRefusal::Kind::Unreachable;
    case EndReason::PlaneFailed:
    case EndReason::CaptureFailed: return BuyRefusal::Kind::Local;
    case EndReason::NoOffer: return BuyRefusal::Kind::NoOffer;
    case EndReason::None:
    case EndReason::StoppedByUser:
    case EndReason::CapReached:
    case EndReason::DurationOver:
    case EndReason::AgentStopped:
    case EndReason::AgentRestarted:
    case EndReason::RefusedBySecretary:
    case EndReason::KeyExpired:
    case EndReason::AgentLost:
    case EndReason::Locked:
    case EndReason::Paused:
    case EndReason::Alarm:
    case EndReason::PaymentPosted:
    case EndReason::PaymentExpired:
    case EndReason::PaymentCancelled:
    case EndReason::PaymentRefused:
    case EndReason::NotDelivered: return BuyRefusal::Kind::Ended;
    }
    return BuyRefusal::Kind::Ended;
}

std::vector<ledger::LedgerHop> hopsOf(const cartographer::Quote& quote, const cartographer::PacketPrice& price) {
    std::vector<ledger::LedgerHop> hops;
    for (size_t i = 0; i < quote.path.size(); ++i) {
        const cartographer::QuotedHop& hop = quote.path[i];
        hops.push_back({hop.isp, hop.service, hop.exit, hop.className, price.hops[i].value()});
    }
    return hops;
}

BuyRefusal local(std::optional<PurchaseId> id, std::string message, std::string hint) {
    return {BuyRefusal::Kind::Local, id, std::move(message), std::move(hint), {}};
}

PurchaseService::PurchaseService(Ports ports, PurchaseSettings settings)
    : m_ports(std::move(ports)), m_settings(settings), m_alive(std::make_shared<bool>(true)) {}

PurchaseService::~PurchaseService() {
    for (auto& [id, entry] : m_open) {
        m_ports.timers.cancel(entry.end);
        m_ports.timers.cancel(entry.renewal);
        for (const Key& key : entry.keys) {
            m_ports.timers.cancel(key.timer);
            m_ports.timers.cancel(key.patience);
        }
    }
    m_ports.timers.cancel(m_commit);
    m_ports.timers.cancel(m_patience);
    m_ports.timers.cancel(m_follow);
    m_ports.timers.cancel(m_arrivals);
}

PurchaseService::Entry* PurchaseService::entry(PurchaseId id) {
    const auto found = m_open.find(id.value());
    return found == m_open.end() ? nullptr : &found->second;
}

bool PurchaseService::flowIsTaken(const FlowMatch& flow, const std::string& node) const {
    return std::any_of(m_open.begin(), m_open.end(), [&](const auto& item) {
        const ledger::NewPurchase& other = item.second.book.request;
        return other.flow == flow && other.context.node == node && !item.second.stopping();
    });
}

bool PurchaseService::tooManyOpen(const ledger::NewPurchase& purchase) const {
    if (m_open.size() >= m_settings.mostOpen) return true;
    const auto own = std::count_if(m_open.begin(), m_open.end(), [&](const auto& item) {
        const ledger::NewPurchase& other = item.second.book.request;
        return other.uid == purchase.uid && other.context.node == purchase.context.node;
    });
    return static_cast<size_t>(own) >= m_settings.mostOpenOfOne;
}

PurchaseView PurchaseService::view(const Entry& entry) {
    const bool waits = entry.stopping() && std::any_of(entry.keys.begin(), entry.keys.end(), [](const Key& key) {
                           return key.phase == KeyPhase::Revoking && !key.statementCame;
                       });
    std::string trouble = entry.stopping() ? entry.settleTrouble : entry.trouble;
    if (trouble.empty()) trouble = entry.renewTrouble;
    return {entry.book, entry.quote, waits, std::move(trouble), entry.decision};
}

std::vector<PurchaseView> PurchaseService::open() const {
    std::vector<PurchaseView> views;
    for (const auto& [id, entry] : m_open) views.push_back(view(entry));
    return views;
}

std::optional<PurchaseView> PurchaseService::find(PurchaseId id) const {
    if (const auto found = m_open.find(id.value()); found != m_open.end()) return view(found->second);
    auto book = m_ports.ledger.find(id);
    if (!book) return std::nullopt;
    return PurchaseView{std::move(*book), std::nullopt, false, {}, {}};
}

void PurchaseService::onQuote(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote) {
    Entry* const asked = entry(id);
    if (asked == nullptr || asked->book.state != PurchaseState::Requested) return;
    if (!quote) {
        return refuse(
            *asked,
            {kindOf(quote.error().kind), id, std::move(quote.error().message), std::move(quote.error().hint), {}},
            EndReason::NoOffer);
    }
    const auto dearest = cartographer::dearestPacket(quote->path, cartographer::fullPacketBytes);
    const auto charges = cartographer::dearestCharges(quote->path);
    if (quote->path.empty() || !dearest || !charges) {
        return refuse(*asked, {BuyRefusal::Kind::NoOffer, id, "the prices on the way are not usable", {}, {}},
                      EndReason::NoOffer);
    }
    if (asked->offer && (m_ports.clock.now() >= asked->offer->validUntil || !asked->offer->isMetBy(*quote))) {
        return refuse(
            *asked,
            {BuyRefusal::Kind::Denied, id, "the offer does not hold any more", "netpas quote ADDRESS", "EXPIRED"},
            EndReason::NoOffer);
    }
    asked->agreed = dearest->total;
    asked->charges = *charges;
    asked->dearest = std::max(dearest->total, charges->first);
    asked->quote = std::move(*quote);
    const ledger::NewPurchase& request = asked->book.request;
    if (const auto senseless = termsTrouble(request, asked->dearest)) {
        return refuse(*asked, {BuyRefusal::Kind::Invalid, id, senseless->message, senseless->hint, {}},
                      EndReason::RefusedBySecretary);
    }
    asked->judged = true;
    secretary::SpendRequest terms = spendRequestOf(request, *asked->quote, asked->process);
    terms.attended = asked->attended;
    m_ports.authority.inform(request, terms);
    keepTerms(terms, asked->book.request.context);
    m_ports.authority.authorize(id, terms, asked->byPerson,
                                whileAlive([this, id](const Verdict& verdict) { onVerdict(id, verdict); }));
}

void PurchaseService::onVerdict(PurchaseId id, const Verdict& verdict) {
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
        return refuse(
            *asked,
            {BuyRefusal::Kind::Denied, id, "the prices of the quote are not valid any more", "ask again", "EXPIRED"},
            EndReason::NoOffer);
    }
    if (!reserve(*asked, std::get<Approved>(verdict).why)) return;
    registerKey(id, asked->keys.front().key);
}

bool PurchaseService::reserve(Entry& entry, const ledger::Why& why) {
    const SystemTime now = m_ports.clock.now();
    const PurchaseId id = entry.book.id;
    const auto price = cartographer::priceOfPacket(entry.quote->path, cartographer::fullPacketBytes, minuteOfDay(now));
    if (!price) {
        refuse(entry, {BuyRefusal::Kind::NoOffer, id, "the prices on the way are not usable", {}, {}},
               EndReason::NoOffer);
        return false;
    }
    const auto hops = hopsOf(*entry.quote, *price);
    const auto slice = nextSlice(entry);
    constexpr int attempts = 3;  // identifiers are random: a collision is rare, three in a row are not chance
    for (int attempt = 0; slice && attempt < attempts; ++attempt) {
        auto key = mintFor(entry, *slice);
        if (!key) break;
        const auto done = m_ports.ledger.group([&]() -> tl::expected<void, ledger::LedgerError> {
            if (auto kept = m_ports.ledger.judged(id, entry.book.request.context); !kept) return kept;
            if (auto reserved = m_ports.ledger.reserve(id, hops, why, now); !reserved) return reserved;
            return m_ports.ledger.addKey(id, key->id, key->cap, now);
        });
        if (!done && done.error() == ledger::LedgerError::KeyUsed) continue;
        if (!done) {
            storageFailed(done.error());
            return false;
        }
        entry.book.state = PurchaseState::Reserved;
        entry.book.decidedBy = why.rule;
        entry.book.why = why;
        entry.book.path = hops;
        hold(entry, *key);
        return true;
    }
    refuse(entry, local(id, "no fresh session key could be made"), EndReason::PlaneFailed);
    return false;
}

// The agent pays for the flow.
void PurchaseService::isActive(Entry& entry) {
    const PurchaseId id = entry.book.id;
    const auto lifetime = std::chrono::duration_cast<std::chrono::milliseconds>(
        entry.book.request.duration ? *entry.book.request.duration : m_settings.longest);
    const EndReason then = entry.book.request.duration ? EndReason::DurationOver : EndReason::KeyExpired;
    entry.end = m_ports.timers.after(lifetime, whileAlive([this, id, then] { stop(id, then); }));
    m_ports.log(LogLevel::Info, nameOf(id) + " is active: " + entry.book.request.flow.toString() + ", cap " +
                                    entry.book.request.cap.toString() + " USD");
    armFollow();
    answer(entry, view(entry));
}

bool PurchaseService::stop(PurchaseId id, EndReason reason) {
    Entry* const found = entry(id);
    if (found == nullptr) return false;
    if (found->book.state == PurchaseState::Requested) {
        refuse(*found, {BuyRefusal::Kind::Ended, id, std::string(describe(reason)), {}, {}}, reason);
    } else if (!found->stopping()) {
        beginStop(*found, reason, {});
    }
    return true;
}

void PurchaseService::stopAll(EndReason reason) {
    turnAway(reason);
    std::vector<PurchaseId> ids;
    for (const auto& [id, entry] : m_open) ids.emplace_back(id);
    for (const PurchaseId id : ids) stop(id, reason);
}

void PurchaseService::revokeAll(EndReason reason) {
    turnAway(reason);
    std::vector<PurchaseId> ids;
    for (const auto& [id, entry] : m_open) ids.emplace_back(id);
    for (const PurchaseId id : ids) {
        Entry* const found = entry(id);
        if (found == nullptr) continue;
        if (found->book.state == PurchaseState::Requested) {
            stop(id, reason);
        } else {
            beginStop(*found, reason, {}, true);
        }
    }
}

// `now`: the keys are revoked at once, and what the agent counted is asked for meanwhile.
void PurchaseService::beginStop(Entry& entry, EndReason reason, const std::string& note, bool now) {
    const PurchaseId id = entry.book.id;
    entry.suspended = entry.resuming = false;
    m_ports.timers.cancel(std::exchange(entry.end, 0));
    m_ports.timers.cancel(std::exchange(entry.renewal, 0));
    if (!entry.stopping()) {
        if (!advance(entry, PurchaseState::Stopping, reason, note)) return;
        m_ports.log(LogLevel::Info, nameOf(id) + " stops: " + std::string(describe(entry.book.reason)) +
                                        (note.empty() ? "" : " (" + note + ")"));
    }
    if (!entry.waiting.empty()) {
        const BuyRefusal::Kind kind = kindOf(reason);
        const bool far = kind == BuyRefusal::Kind::IspRefused || kind == BuyRefusal::Kind::Unreachable;
        answer(entry, tl::unexpected(
                          BuyRefusal{kind,
                                     id,
                                     std::string(describe(reason)) + (note.empty() ? "" : ": " + note),
                                     far ? "the flow goes best effort; try again later" : "the flow goes best effort",
                                     {}}));
    }
    std::vector<SessionKeyId> unused, used;
    for (Key& key : entry.keys) {
        switch (key.phase) {
        case KeyPhase::Ready:
        case KeyPhase::Live:
            key.phase = KeyPhase::Leaving;
            key.countDone = !key.published;
            used.push_back(key.key.id);
            break;
        case KeyPhase::Leaving: used.push_back(key.key.id); break;
        case KeyPhase::Registering: unused.push_back(key.key.id); break;  // revoked when the answer is there
        case KeyPhase::Revoking: break;
        }
    }
    push();
    if (!now) {
        for (const SessionKeyId key : used) {
            Entry* const still = this->entry(id);
            const Key* const left = still != nullptr ? still->find(key) : nullptr;
            if (left != nullptr && left->countDone && left->timer == 0) revoke(id, key);
        }
        return settleIfDone(id);
    }
    for (const SessionKeyId key : unused) revoke(id, key);
    for (const SessionKeyId key : used) {
        revoke(id, key);
        Entry* const still = this->entry(id);
        if (Key* const left = still != nullptr ? still->find(key) : nullptr; left != nullptr && !left->countDone) {
            drain(id, *left);
            m_ports.timers.cancel(left->patience);
            left->patience = m_ports.timers.after(m_settings.countPatience,
                                                  whileAlive([this, id, key] { giveUpCounting(id, key); }));
        }
    }
    settleIfDone(id);
}

// Every key has its final statement: what they were charged is what the purchase cost.
void PurchaseService::settleIfDone(PurchaseId id) {
    Entry* const ending = entry(id);
    if (ending == nullptr || !ending->stopping() || m_broken) return;
    const bool counted = std::all_of(ending->keys.begin(), ending->keys.end(),
                                     [](const Key& key) { return key.countDone || key.countShort; });
    const bool waits = counted && ending->book.state == PurchaseState::Stopping;
    if (!waits && !ending->keys.empty()) return;
    std::optional<Money> charged;
    const bool written = together([&] {
        if (waits && (!commitUsage() || !advance(*ending, PurchaseState::Settling, EndReason::None, {}))) return false;
        if (!ending->keys.empty()) return true;
        const auto sum = m_ports.ledger.settle(id, EndReason::None, ending->disputes, m_ports.clock.now());
        if (!sum) storageFailed(sum.error());
        if (sum) charged = *sum;
        return sum.has_value();
    });
    if (!written || !charged) return;
    m_ports.log(LogLevel::Info, nameOf(id) + " settled: " + charged->toString() + " USD of a cap of " +
                                    ending->book.request.cap.toString());
    m_ports.authority.settled(id, *charged);
    close(id);
}

void PurchaseService::refuse(Entry& entry, BuyRefusal refusal, EndReason reason,
                             const std::optional<ledger::Why>& why) {
    const PurchaseId id = entry.book.id;
    const auto done = m_ports.ledger.group([&]() -> tl::expected<void, ledger::LedgerError> {
        if (entry.judged) {
            if (auto kept = m_ports.ledger.judged(id, entry.book.request.context); !kept) return kept;
        }
        return m_ports.ledger.refuse(id, reason, refusal.message, m_ports.clock.now(), why);
    });
    if (!done) return storageFailed(done.error());
    if (entry.judged) m_ports.authority.settled(id, Money::zero());
    answer(entry, tl::unexpected(std::move(refusal)));
    close(id);
}

void PurchaseService::answer(Entry& entry, tl::expected<PurchaseView, BuyRefusal> what) {
    for (BuyDone& done : std::exchange(entry.waiting, {})) done(what);
}

void PurchaseService::close(PurchaseId id) {
    if (Entry* const ending = entry(id)) {
        m_ports.timers.cancel(ending->end);
        m_ports.timers.cancel(ending->renewal);
        m_open.erase(id.value());
    }
    armFollow();
    if (m_settled) m_settled(id);
}

// Several changes, one wait for the disk. Only what the ledger keeps may be changed by `changes`.
bool PurchaseService::together(const std::function<bool()>& changes) {
    const auto done = m_ports.ledger.group([&]() -> tl::expected<void, ledger::LedgerError> {
        if (!changes()) return tl::unexpected(ledger::LedgerError::Storage);
        return {};
    });
    if (!done) storageFailed(done.error());
    return done.has_value();
}

bool PurchaseService::advance(Entry& entry, PurchaseState to, EndReason reason, const std::string& note) {
    const SystemTime now = m_ports.clock.now();
    if (const auto done = m_ports.ledger.advance(entry.book.id, to, reason, note, now); !done) {
        storageFailed(done.error());
        return false;
    }
    entry.book.state = to;
    entry.book.changedAt = now;
    if (entry.book.reason == EndReason::None) entry.book.reason = reason;
    if (entry.book.note.empty()) entry.book.note = note;
    return true;
}

// What cannot be written down is not spent: everything goes best effort, and the next start settles it.
void PurchaseService::storageFailed(ledger::LedgerError error) {
    if (std::exchange(m_broken, true)) return;
    m_ports.log(LogLevel::Error, std::string(describe(error)) + ": every flow goes back to best effort");
    std::vector<BuyDone> waiting;
    for (auto& [id, entry] : m_open) {
        entry.trouble = entry.settleTrouble = describe(error);
        for (BuyDone& done : std::exchange(entry.waiting, {})) waiting.push_back(std::move(done));
    }
    m_ports.flows.set({}, [](const auto&) {});
    for (BuyDone& done : waiting) {
        done(tl::unexpected(local({}, std::string(describe(error)), "free some disk space, then restart netpasd")));
    }
}

}  // namespace netpas::secretaryd
