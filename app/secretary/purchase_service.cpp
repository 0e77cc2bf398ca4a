#include "app/secretary/purchase_service.h"

#include <algorithm>
#include <utility>

#include "core/price_model.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::PurchaseState;

struct PurchaseService::Entry {
    ledger::Purchase book;
    std::optional<cartographer::Quote> quote;
    std::optional<SessionKey> key;
    bool published = false;
    bool diverted = false;
    bool uncounted = false;    // usage that the ledger does not have yet
    bool interrupted = false;  // taken up from a run that was killed: our own count may be short
    bool revoking = false;
    std::optional<std::pair<EndReason, std::string>> endWanted;  // came while the registration was on its way
    Timers::Id end = 0;
    Timers::Id retry = 0;
    std::chrono::milliseconds retryDelay{0};
    std::string trouble;
    std::vector<BuyDone> waiting;
};

namespace {

std::string nameOf(PurchaseId id) { return "purchase " + std::to_string(id.value()); }

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

// What a purchase that ended for this reason before it was active is called to whoever asked for it.
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
    case EndReason::Locked:
    case EndReason::Paused:
    case EndReason::AgentLost:
    case EndReason::Alarm: return BuyRefusal::Kind::Ended;
    }
    return BuyRefusal::Kind::Ended;
}

// Whether a purchase that is over had never been active: its flow was never paid for.
bool neverRan(const ledger::Purchase& book) {
    switch (kindOf(book.reason)) {
    case BuyRefusal::Kind::IspRefused:
    case BuyRefusal::Kind::Unreachable:
    case BuyRefusal::Kind::Local:
    case BuyRefusal::Kind::NoOffer: return true;
    case BuyRefusal::Kind::NotJoined:
    case BuyRefusal::Kind::Invalid:
    case BuyRefusal::Kind::OverBudget:
    case BuyRefusal::Kind::Conflict:
    case BuyRefusal::Kind::Ended: return book.state == PurchaseState::Refused;
    }
    return false;
}

std::vector<ledger::LedgerHop> hopsOf(const cartographer::Quote& quote, const cartographer::PacketPrice& price) {
    std::vector<ledger::LedgerHop> hops;
    for (size_t i = 0; i < quote.path.size(); ++i) {
        const cartographer::QuotedHop& hop = quote.path[i];
        hops.push_back({hop.isp, hop.service, hop.exit, hop.className, price.hops[i].value()});
    }
    return hops;
}

}  // namespace

PurchaseService::PurchaseService(Ports ports, PurchaseSettings settings)
    : m_ports(std::move(ports)), m_settings(settings), m_alive(std::make_shared<bool>(true)) {}

PurchaseService::~PurchaseService() {
    for (auto& [id, entry] : m_open) {
        m_ports.timers.cancel(entry.end);
        m_ports.timers.cancel(entry.retry);
    }
    m_ports.timers.cancel(m_tick);
}

// Callbacks of ports may come after the service is gone.
template <typename Function>
auto PurchaseService::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

PurchaseService::Entry* PurchaseService::entry(PurchaseId id) {
    const auto found = m_open.find(id.value());
    return found == m_open.end() ? nullptr : &found->second;
}

bool PurchaseService::flowIsTaken(const FlowMatch& flow) const {
    return std::any_of(m_open.begin(), m_open.end(), [&](const auto& item) {
        return item.second.book.request.flow == flow && item.second.book.state < PurchaseState::Stopping;
    });
}

PurchaseView PurchaseService::view(const Entry& entry) const {
    return {entry.book, entry.quote, entry.revoking || entry.retry != 0, entry.trouble};
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
    return PurchaseView{std::move(*book), std::nullopt, false, {}};
}

tl::expected<void, ledger::LedgerError> PurchaseService::recover() {
    auto left = m_ports.ledger.unfinished();
    if (!left) return tl::unexpected(left.error());
    for (ledger::Purchase& book : *left) {
        const PurchaseId id = book.id;
        Entry& taken = m_open[id.value()];
        taken.book = std::move(book);
        if (taken.book.state == PurchaseState::Requested) {
            refuse(taken, BuyRefusal::Kind::Ended, EndReason::AgentRestarted, "the agent was restarted", {});
            continue;
        }
        m_ports.log(LogLevel::Info, nameOf(id) + " was left open; asking the ISP what it used");
        taken.interrupted = taken.book.state != PurchaseState::Settling;
        if (taken.book.state < PurchaseState::Stopping &&
            !advance(taken, PurchaseState::Stopping, EndReason::AgentRestarted, {})) {
            return tl::unexpected(ledger::LedgerError::Storage);
        }
        revoke(id);
    }
    return {};
}

void PurchaseService::buy(const BuyOrder& order, BuyDone done) {
    if (m_broken) {
        done(tl::unexpected(BuyRefusal{BuyRefusal::Kind::Local,
                                       {},
                                       "the ledger cannot be written",
                                       "free some disk space, then restart netpasd"}));
        return;
    }
    const auto begun = m_ports.ledger.begin(order.purchase, m_ports.clock.now());
    if (!begun) {
        const bool conflict = begun.error() == ledger::LedgerError::IdempotencyConflict;
        if (!conflict) storageFailed(begun.error());
        done(tl::unexpected(BuyRefusal{conflict ? BuyRefusal::Kind::Conflict : BuyRefusal::Kind::Local,
                                       {},
                                       std::string(describe(begun.error())),
                                       conflict ? "send a new Idempotency-Key" : ""}));
        return;
    }
    if (begun->existing) {
        Entry* const known = entry(begun->id);
        if (known != nullptr && known->book.state < PurchaseState::Active) {
            known->waiting.push_back(std::move(done));
        } else if (auto earlier = find(begun->id); earlier && neverRan(earlier->book)) {
            const std::string& note = earlier->book.note;
            done(tl::unexpected(BuyRefusal{kindOf(earlier->book.reason), begun->id,
                                           "this request was refused before: " +
                                               (note.empty() ? std::string(describe(earlier->book.reason)) : note),
                                           "send a new Idempotency-Key to ask again"}));
        } else if (earlier) {
            done(std::move(*earlier));
        } else {
            done(tl::unexpected(
                BuyRefusal{BuyRefusal::Kind::Local, begun->id, "the earlier purchase cannot be read", {}}));
        }
        return;
    }
    auto book = m_ports.ledger.find(begun->id);
    if (!book) {
        storageFailed(book.error());
        done(tl::unexpected(BuyRefusal{BuyRefusal::Kind::Local, begun->id, std::string(describe(book.error())), {}}));
        return;
    }
    const bool taken = flowIsTaken(order.purchase.flow);
    Entry& fresh = m_open[begun->id.value()];
    fresh.book = std::move(*book);
    fresh.waiting.push_back(std::move(done));
    if (taken) {
        refuse(fresh, BuyRefusal::Kind::Conflict, EndReason::RefusedBySecretary, "this flow is bought already",
               "see `netpas purchases`, or `netpas stop` the other one first");
        return;
    }
    m_ports.quotes.quote(order.what, whileAlive([this, id = begun->id](auto quote) { onQuote(id, std::move(quote)); }));
}

void PurchaseService::onQuote(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote) {
    Entry* const asked = entry(id);
    if (asked == nullptr || asked->book.state != PurchaseState::Requested) return;
    if (!quote) {
        refuse(*asked, kindOf(quote.error().kind), EndReason::NoOffer, quote.error().message, quote.error().hint);
        return;
    }
    const auto dearest = cartographer::dearestPacket(quote->path, cartographer::fullPacketBytes);
    if (quote->path.empty() || !dearest) {
        refuse(*asked, BuyRefusal::Kind::NoOffer, EndReason::NoOffer, "the prices on the way are not usable", {});
        return;
    }
    const auto reserved = m_ports.ledger.reserved();
    const auto spent = m_ports.ledger.spentSince(std::chrono::floor<std::chrono::days>(m_ports.clock.now()));
    if (!reserved || !spent) {
        storageFailed(reserved ? spent.error() : reserved.error());
        return;
    }
    const ledger::NewPurchase& request = asked->book.request;
    const secretary::Decision decision =
        secretary::decide({request.cap, request.capPerSecond, dearest->total}, m_settings.limits, {*reserved, *spent});
    if (decision.verdict != secretary::Verdict::Approved) {
        const bool over = isOverBudget(decision.verdict);
        refuse(*asked, over ? BuyRefusal::Kind::OverBudget : BuyRefusal::Kind::Invalid, EndReason::RefusedBySecretary,
               decision.sentence, over ? "ask for a smaller --cap, or stop another purchase" : "ask for a larger cap");
        return;
    }
    if (!reserve(*asked, *quote, decision.rule)) return;
    asked->quote = std::move(*quote);
    m_ports.isp.registerKey(*asked->key, whileAlive([this, id](const auto& answer) { onRegistered(id, answer); }));
}

bool PurchaseService::reserve(Entry& entry, const cartographer::Quote& quote, const std::string& rule) {
    const SystemTime now = m_ports.clock.now();
    const ledger::NewPurchase& request = entry.book.request;
    const auto price = cartographer::priceOfPacket(quote.path, cartographer::fullPacketBytes, minuteOfDay(now));
    if (!price) {
        refuse(entry, BuyRefusal::Kind::NoOffer, EndReason::NoOffer, "the prices on the way are not usable", {});
        return false;
    }
    std::vector<IspId> allowed;
    for (const cartographer::QuotedHop& hop : quote.path) allowed.push_back(hop.isp);
    const SystemTime expires =
        request.duration ? now + *request.duration + m_settings.keyMargin : now + m_settings.keyLifetime;
    // The data plane keeps the user's cap per second exactly. The edge router's is there against a stolen key: twice as much,
    // so that packets which the way there has bunched together are not refused.
    const auto twice = checkedMul(request.capPerSecond, 2);
    const bool limited = request.capPerSecond > Money::zero() && twice && *twice < request.cap;
    const Money perSecond = limited ? *twice : request.cap;
    constexpr int attempts = 3;  // identifiers are random: a collision is rare, three in a row are not chance
    for (int attempt = 0; attempt < attempts; ++attempt) {
        SessionKey key = m_ports.mint.mint(request.cap, perSecond, allowed, expires);
        const auto done = m_ports.ledger.reserve(entry.book.id, key.id, hopsOf(quote, *price), rule, now);
        if (!done && done.error() == ledger::LedgerError::KeyUsed) continue;
        if (!done) {
            storageFailed(done.error());
            return false;
        }
        entry.book.state = PurchaseState::Reserved;
        entry.book.key = key.id;
        entry.book.decidedBy = rule;
        entry.book.path = hopsOf(quote, *price);
        entry.key = std::move(key);
        return true;
    }
    refuse(entry, BuyRefusal::Kind::Local, EndReason::PlaneFailed, "no fresh session key could be made", {});
    return false;
}

void PurchaseService::onRegistered(PurchaseId id, const tl::expected<void, IspFailure>& answer) {
    Entry* const asked = entry(id);
    if (asked == nullptr || asked->book.state != PurchaseState::Reserved || m_broken) return;
    if (!answer) {
        const bool refused = answer.error().kind == IspFailure::Kind::Refused;
        beginStop(*asked, refused ? EndReason::RefusedByIsp : EndReason::IspUnreachable, answer.error().what);
        return;
    }
    if (!advance(*asked, PurchaseState::KeyReady, EndReason::None, {})) return;
    if (asked->endWanted) {
        beginStop(*asked, asked->endWanted->first, asked->endWanted->second);
        return;
    }
    activate(*asked);
}

void PurchaseService::activate(Entry& entry) {
    entry.published = true;
    if (const auto done = applyPlane(); !done) {
        entry.published = false;
        beginStop(entry, EndReason::PlaneFailed, done.error());
        return;
    }
    if (!advance(entry, PurchaseState::Published, EndReason::None, {})) return;
    entry.diverted = true;
    if (const auto done = applyDiversion(); !done) {
        entry.diverted = false;
        beginStop(entry, EndReason::CaptureFailed, done.error());
        return;
    }
    if (!advance(entry, PurchaseState::Active, EndReason::None, {})) return;
    const PurchaseId id = entry.book.id;
    const auto lifetime = std::chrono::duration_cast<std::chrono::milliseconds>(
        entry.book.request.duration ? *entry.book.request.duration : m_settings.keyLifetime - m_settings.keyMargin);
    const EndReason then = entry.book.request.duration ? EndReason::DurationOver : EndReason::KeyExpired;
    entry.end = m_ports.timers.after(lifetime, whileAlive([this, id, then] { stop(id, then); }));
    m_ports.log(LogLevel::Info, nameOf(id) + " is active: " + entry.book.request.flow.toString() + ", cap " +
                                    entry.book.request.cap.toString() + " USD");
    armTick();
    this->answer(entry, view(entry));
}

bool PurchaseService::stop(PurchaseId id, EndReason reason) {
    Entry* const found = entry(id);
    if (found == nullptr) return false;
    switch (found->book.state) {
    case PurchaseState::Requested:
        refuse(*found, BuyRefusal::Kind::Ended, reason, std::string(describe(reason)), {});
        break;
    case PurchaseState::Reserved:
        if (!found->endWanted) found->endWanted.emplace(reason, std::string{});
        break;
    case PurchaseState::KeyReady:
    case PurchaseState::Published:
    case PurchaseState::Active: beginStop(*found, reason, {}); break;
    case PurchaseState::Stopping:
    case PurchaseState::Settling:
    case PurchaseState::Settled:
    case PurchaseState::Refused: break;
    }
    return true;
}

void PurchaseService::stopAll(EndReason reason) {
    std::vector<PurchaseId> ids;
    for (const auto& [id, entry] : m_open) ids.emplace_back(id);
    for (const PurchaseId id : ids) stop(id, reason);
}

void PurchaseService::beginStop(Entry& entry, EndReason reason, const std::string& note) {
    const PurchaseId id = entry.book.id;
    m_ports.timers.cancel(std::exchange(entry.end, 0));
    if (!advance(entry, PurchaseState::Stopping, reason, note)) return;
    m_ports.log(LogLevel::Info, nameOf(id) + " stops: " + std::string(describe(entry.book.reason)) +
                                    (note.empty() ? "" : " (" + note + ")"));
    if (std::exchange(entry.diverted, false)) {
        // Where the rule stays, the data plane sends the flow best effort until the next change removes it.
        if (const auto done = applyDiversion(); !done) m_ports.log(LogLevel::Error, "uncapture: " + done.error());
    }
    if (!entry.waiting.empty()) {
        const BuyRefusal::Kind kind = kindOf(reason);
        const bool far = kind == BuyRefusal::Kind::IspRefused || kind == BuyRefusal::Kind::Unreachable;
        answer(entry, tl::unexpected(BuyRefusal{
                          kind, id, std::string(describe(reason)) + (note.empty() ? "" : ": " + note),
                          far ? "the flow goes best effort; try again later" : "the flow goes best effort"}));
    }
    if (!entry.published) {
        finishStop(id);
        return;
    }
    m_ports.plane.drain(id, whileAlive([this, id] {
                            m_ports.timers.after(m_settings.drainGrace, whileAlive([this, id] { finishStop(id); }));
                        }));
}

void PurchaseService::finishStop(PurchaseId id) {
    Entry* const stopping = entry(id);
    if (stopping == nullptr || stopping->book.state != PurchaseState::Stopping || m_broken) return;
    if (std::exchange(stopping->published, false)) {
        if (const auto done = applyPlane(); !done) m_ports.log(LogLevel::Error, "data plane: " + done.error());
        take(m_ports.plane.retire(id));
    }
    if (stopping->key) stopping->key->secret = {};
    if (!commitUsage() || !advance(*stopping, PurchaseState::Settling, EndReason::None, {})) return;
    revoke(id);
}

void PurchaseService::revoke(PurchaseId id) {
    Entry* const ending = entry(id);
    if (ending == nullptr || ending->revoking || !ending->book.key || m_broken) return;
    ending->revoking = true;
    m_ports.isp.revokeKey(*ending->book.key, whileAlive([this, id](const auto& answer) { onRevoked(id, answer); }));
}

void PurchaseService::onRevoked(PurchaseId id, const tl::expected<std::optional<FinalUsage>, IspFailure>& answer) {
    Entry* const ending = entry(id);
    if (ending == nullptr || m_broken) return;
    ending->revoking = false;
    if (answer) {
        settle(*ending, *answer);
    } else {
        retryLater(*ending, answer.error().what);
    }
}

void PurchaseService::retryLater(Entry& entry, const std::string& why) {
    const PurchaseId id = entry.book.id;
    if (entry.trouble != why) {
        m_ports.log(LogLevel::Warning, nameOf(id) + " cannot be settled yet: " + why);
        entry.trouble = why;
    }
    entry.retryDelay =
        entry.retryDelay.count() == 0 ? m_settings.retryFirst : std::min(entry.retryDelay * 2, m_settings.retryLongest);
    entry.retry = m_ports.timers.after(entry.retryDelay, whileAlive([this, id] {
                                           if (Entry* const again = this->entry(id)) again->retry = 0;
                                           revoke(id);
                                       }));
}

void PurchaseService::settle(Entry& entry, const std::optional<FinalUsage>& statement) {
    const PurchaseId id = entry.book.id;
    const Money counted = std::min(entry.book.usage.amount, entry.book.request.cap);
    // After a kill the data plane may have spent more than was written down, but never more than the cap.
    const Money bound = entry.interrupted ? entry.book.request.cap : counted;
    ledger::Settlement settlement;
    if (statement) {
        settlement.disputed = statement->amount > bound || statement->amount.isNegative();
        settlement.charged = settlement.disputed ? counted : statement->amount;
        settlement.evidence = ledger::Evidence{"final-usage", statement->message, statement->signature, false};
        if (settlement.disputed) {
            settlement.note = "the ISP states " + statement->amount.toString() + ", counted here " + counted.toString();
            m_ports.log(LogLevel::Error, nameOf(id) + " is disputed: " + settlement.note);
        }
    } else if (entry.book.usage.packets > 0) {
        settlement.note = "the ISP knows no such key: nothing is owed";
        m_ports.log(LogLevel::Warning, nameOf(id) + ": " + settlement.note);
    }
    if (const auto done = m_ports.ledger.settle(id, settlement, m_ports.clock.now()); !done) {
        storageFailed(done.error());
        return;
    }
    m_ports.log(LogLevel::Info, nameOf(id) + " settled: " + settlement.charged.toString() + " USD of a cap of " +
                                    entry.book.request.cap.toString());
    close(id);
}

void PurchaseService::refuse(Entry& entry, BuyRefusal::Kind kind, EndReason reason, const std::string& message,
                             const std::string& hint) {
    const PurchaseId id = entry.book.id;
    if (const auto done = m_ports.ledger.refuse(id, reason, message, m_ports.clock.now()); !done) {
        storageFailed(done.error());
        return;
    }
    answer(entry, tl::unexpected(BuyRefusal{kind, id, message, hint}));
    close(id);
}

void PurchaseService::answer(Entry& entry, tl::expected<PurchaseView, BuyRefusal> what) {
    for (BuyDone& done : std::exchange(entry.waiting, {})) done(what);
}

void PurchaseService::close(PurchaseId id) {
    if (Entry* const ending = entry(id)) {
        m_ports.timers.cancel(ending->end);
        m_ports.timers.cancel(ending->retry);
        m_open.erase(id.value());
    }
    if (m_settled) m_settled(id);
}

tl::expected<void, std::string> PurchaseService::applyPlane() {
    std::vector<PaidFlow> flows;
    for (const auto& [id, entry] : m_open) {
        if (!entry.published) continue;
        const ledger::NewPurchase& request = entry.book.request;
        flows.push_back({entry.book.id, request.flow, entry.quote->path, *entry.key, request.capPerSecond});
    }
    return m_ports.plane.publish(flows);
}

tl::expected<void, std::string> PurchaseService::applyDiversion() {
    std::vector<FlowMatch> flows;
    for (const auto& [id, entry] : m_open) {
        if (entry.diverted) flows.push_back(entry.book.request.flow);
    }
    return m_ports.diversion.set(flows);
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

// Runs only while something is published: an idle agent does not wake up.
void PurchaseService::armTick() {
    const bool needed =
        std::any_of(m_open.begin(), m_open.end(), [](const auto& item) { return item.second.published; });
    if (m_tick == 0 && needed) m_tick = m_ports.timers.after(m_settings.harvestEvery, whileAlive([this] { tick(); }));
}

void PurchaseService::tick() {
    m_tick = 0;
    if (m_broken) return;
    std::vector<PurchaseId> exhausted;
    for (const PlaneCounters& counters : m_ports.plane.harvest()) {
        take(counters);
        if (counters.capReached) exhausted.push_back(counters.id);
    }
    const SteadyTime now = m_ports.clock.steady();
    if (now - m_lastCommit >= m_settings.commitEvery) {
        m_lastCommit = now;
        if (!commitUsage()) return;
    }
    for (const PurchaseId id : exhausted) stop(id, EndReason::CapReached);
    armTick();
}

void PurchaseService::take(const PlaneCounters& counters) {
    Entry* const counted = entry(counters.id);
    if (counted == nullptr) return;
    counted->trouble = counters.trouble;
    if (counted->book.usage == counters.usage) return;
    counted->book.usage = counters.usage;
    counted->uncounted = true;
}

bool PurchaseService::commitUsage() {
    std::vector<ledger::UsageUpdate> updates;
    for (auto& [id, entry] : m_open) {
        if (std::exchange(entry.uncounted, false)) updates.push_back({entry.book.id, entry.book.usage});
    }
    if (const auto done = m_ports.ledger.recordUsage(updates); !done) {
        storageFailed(done.error());
        return false;
    }
    return true;
}

// What cannot be written down is not spent: everything goes best effort, and the next start settles it.
void PurchaseService::storageFailed(ledger::LedgerError error) {
    if (std::exchange(m_broken, true)) return;
    m_ports.log(LogLevel::Error, std::string(describe(error)) + ": every flow goes back to best effort");
    std::vector<BuyDone> waiting;
    for (auto& [id, entry] : m_open) {
        entry.published = entry.diverted = false;
        entry.trouble = describe(error);
        for (BuyDone& done : std::exchange(entry.waiting, {})) waiting.push_back(std::move(done));
    }
    if (const auto done = applyDiversion(); !done) m_ports.log(LogLevel::Error, "uncapture: " + done.error());
    if (const auto done = applyPlane(); !done) m_ports.log(LogLevel::Error, "data plane: " + done.error());
    for (BuyDone& done : waiting) {
        done(tl::unexpected(BuyRefusal{
            BuyRefusal::Kind::Local, {}, std::string(describe(error)), "free some disk space, then restart netpasd"}));
    }
}

}  // namespace netpas::secretaryd
