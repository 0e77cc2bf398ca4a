// The session keys of a purchase: each may spend a slice of the cap; the next one takes over before it is used up.
#include <algorithm>
#include <utility>

#include "app/secretary/purchase_alive.h"
#include "app/secretary/purchase_entry.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::PurchaseState;
using std::chrono::milliseconds;

namespace {

__extension__ using Wide = __int128;

Money times(Money amount, int64_t factor) { return checkedMul(amount, factor).value_or(Money::fromEighths(INT64_MAX)); }

void add(ledger::Usage& sum, const ledger::Usage& more) {
    sum.packets += more.packets;
    sum.bytes += more.bytes;
    sum.amount = checkedAdd(sum.amount, more.amount).value_or(sum.amount);
    sum.bestEffortPackets += more.bestEffortPackets;
}

}  // namespace

// Of the cap: neither charged by closed keys nor in the hands of open ones.
Money PurchaseService::remaining(const Entry& entry) const {
    const Money most = std::min(entry.book.request.cap, entry.funded.value_or(entry.book.request.cap));
    Money left = checkedSub(most, entry.charged).value_or(Money::zero());
    for (const Key& key : entry.keys) left = checkedSub(left, key.key.cap).value_or(Money::zero());
    return std::max(left, Money::zero());
}

// Nothing: what remains does not pay for one packet.
std::optional<Money> PurchaseService::nextSlice(const Entry& entry) const {
    const Money left = remaining(entry);
    if (left < entry.dearest || left <= Money::zero()) return std::nullopt;
    Money wanted = Money::fromEighths(entry.book.request.cap.eighths() / m_settings.slicesOfCap);
    const Money few = times(entry.dearest, m_settings.fewestPackets);
    wanted = std::max(wanted, few);
    if (const Key* const live = entry.in(KeyPhase::Live)) {
        const auto lived = std::chrono::duration_cast<milliseconds>(m_ports.clock.steady() - live->liveSince).count();
        const auto span = std::chrono::duration_cast<milliseconds>(m_settings.sliceFor).count();
        const Wide atThisRate = Wide{live->usage.amount.eighths()} * span / std::max<int64_t>(lived, 1);
        wanted = std::max(wanted, Money::fromEighths(static_cast<int64_t>(std::min<Wide>(atThisRate, INT64_MAX))));
    }
    // A rest that pays for next to nothing is no slice.
    const auto rest = checkedSub(left, wanted);
    return !rest || *rest < few ? left : wanted;
}

std::optional<SessionKey> PurchaseService::mintFor(const Entry& entry, Money cap) {
    const ledger::NewPurchase& request = entry.book.request;
    const SystemTime now = m_ports.clock.now();
    std::vector<IspId> allowed;
    for (const cartographer::QuotedHop& hop : entry.quote->path) allowed.push_back(hop.isp);
    const auto whole = request.duration ? std::chrono::duration_cast<milliseconds>(*request.duration)
                                        : std::chrono::duration_cast<milliseconds>(m_settings.longest);
    // When nothing is left for another key, this one has to last.
    const bool last = cap == remaining(entry);
    const auto lifetime = last ? whole + m_settings.keyMargin : milliseconds(m_settings.keyLifetime);
    // The data plane keeps the user's cap per second exactly. The edge router's is there against a stolen key: twice as
    // much, so that packets which the way there has bunched together are not refused.
    const Money twice = times(request.capPerSecond, 2);
    const bool limited = request.capPerSecond > Money::zero() && twice < cap;
    return m_ports.mint.mint(cap, limited ? twice : cap, std::move(allowed), now + lifetime);
}

void PurchaseService::hold(Entry& entry, const SessionKey& key) {
    entry.book.key = key.id;
    entry.book.keys.push_back({key.id, key.cap, m_ports.clock.now(), {}, std::nullopt, {}});
    entry.keys.push_back({});
    entry.keys.back().key = key;
    entry.keys.back().path = entry.quote->path;
}

// A further key, durable and on its way to the ISP. False: there is none to be had now.
bool PurchaseService::addKey(Entry& entry) {
    const auto slice = nextSlice(entry);
    constexpr int attempts = 3;
    for (int attempt = 0; slice && attempt < attempts; ++attempt) {
        auto key = mintFor(entry, *slice);
        if (!key) return false;
        const auto done = m_ports.ledger.addKey(entry.book.id, key->id, key->cap, m_ports.clock.now());
        if (!done && done.error() == ledger::LedgerError::KeyUsed) continue;
        if (!done) {
            storageFailed(done.error());
            return false;
        }
        hold(entry, *key);
        registerKey(entry.book.id, *key);
        return true;
    }
    return false;
}

void PurchaseService::registerKey(PurchaseId id, const SessionKey& key) {
    m_ports.isp.registerKey(
        key, whileAlive([this, id, key = key.id](const auto& answer) { onRegistered(id, key, answer); }));
}

void PurchaseService::onRegistered(PurchaseId id, SessionKeyId key, const tl::expected<void, IspFailure>& answer) {
    Entry* const asked = entry(id);
    Key* const fresh = asked != nullptr ? asked->find(key) : nullptr;
    if (fresh == nullptr || fresh->phase != KeyPhase::Registering || m_broken) return;
    if (asked->stopping() || !answer) {
        // Nobody ever paid with it.
        fresh->countDone = true;
        fresh->phase = KeyPhase::Leaving;
        const bool first = asked->book.state == PurchaseState::Reserved;
        const bool refused = !answer && answer.error().kind == IspFailure::Kind::Refused;
        if (!answer && first) {
            beginStop(*asked, refused ? EndReason::RefusedByIsp : EndReason::IspUnreachable, answer.error().what);
        } else if (!answer && !asked->stopping()) {
            renewLater(*asked, answer.error().what);
        }
        revoke(id, key);
        return settleIfDone(id);
    }
    asked->renewTrouble.clear();
    asked->renewalDelay = {};
    fresh->phase = KeyPhase::Ready;
    const bool first = asked->book.state == PurchaseState::Reserved;
    if (first && !together([&] {
            return advance(*asked, PurchaseState::KeyReady, EndReason::None, {}) &&
                   advance(*asked, PurchaseState::Published, EndReason::None, {});
        })) {
        return;
    }
    push();
}

void PurchaseService::considerRenewal(Entry& entry) {
    if (m_broken || entry.book.state != PurchaseState::Active || entry.resuming || entry.suspended) return;
    if (entry.in(KeyPhase::Registering) != nullptr || entry.in(KeyPhase::Ready) != nullptr) return;
    const Key* const live = entry.in(KeyPhase::Live);
    const bool usedUp = live == nullptr || live->capReached;
    const bool due = usedUp || entry.renewalDue ||
                     times(live->usage.amount, 100) >= times(live->key.cap, m_settings.renewAtUsedPercent);
    if (!due || !entry.renewTrouble.empty()) return;
    const size_t others = entry.keys.size() - (live != nullptr ? 1 : 0);
    if (addKey(entry)) {
        entry.renewalDue = false;
    } else if (usedUp && others == 0 && !m_broken && !(entry.funded && *entry.funded < entry.book.request.cap)) {
        // Nothing comes back from other keys either.
        stop(entry.book.id, EndReason::CapReached);
    }
}

void PurchaseService::fund(PurchaseId id, Money all) {
    Entry* const found = entry(id);
    if (found == nullptr || !found->funded || all <= *found->funded) return;
    found->funded = all;
    considerRenewal(*found);
}

// The ISP does not take another key: the present one goes on as far as it reaches.
void PurchaseService::renewLater(Entry& entry, const std::string& why) {
    const PurchaseId id = entry.book.id;
    if (entry.renewTrouble != why) m_ports.log(LogLevel::Warning, nameOf(id) + " gets no further key: " + why);
    entry.renewTrouble = why;
    entry.renewalDelay = entry.renewalDelay.count() == 0 ? m_settings.retryFirst
                                                         : std::min(entry.renewalDelay * 2, m_settings.retryLongest);
    m_ports.timers.cancel(entry.renewal);
    entry.renewal = m_ports.timers.after(entry.renewalDelay, whileAlive([this, id] {
                                             Entry* const again = this->entry(id);
                                             if (again == nullptr) return;
                                             again->renewal = 0;
                                             again->renewTrouble.clear();
                                             considerRenewal(*again);
                                         }));
}

// By age, counted from the moment at which the agent began to pay with the key.
void PurchaseService::armRenewal(Entry& entry) {
    m_ports.timers.cancel(std::exchange(entry.renewal, 0));
    const Key* const live = entry.in(KeyPhase::Live);
    if (live == nullptr || remaining(entry) < entry.dearest) return;
    const PurchaseId id = entry.book.id;
    const auto age =
        std::chrono::duration_cast<milliseconds>(m_settings.keyLifetime) * m_settings.renewAtAgePercent / 100;
    entry.renewal = m_ports.timers.after(age, whileAlive([this, id] {
                                             Entry* const old = this->entry(id);
                                             if (old == nullptr) return;
                                             old->renewal = 0;
                                             old->renewalDue = true;
                                             considerRenewal(*old);
                                         }));
}

void PurchaseService::drain(PurchaseId id, Key& key) {
    if (std::exchange(key.draining, true)) return;
    if (key.patience == 0) {
        key.patience = m_ports.timers.after(m_settings.drainPatience, whileAlive([this, id, key = key.key.id] {
                                                if (m_agentUp) giveUpCounting(id, key);
                                            }));
    }
    m_ports.flows.drain(id, key.key.id, whileAlive([this, id, key = key.key.id](const auto& counters) {
                            onDrained(id, key, counters);
                        }));
}

void PurchaseService::onDrained(PurchaseId id, SessionKeyId key, const std::optional<FlowCounters>& counters) {
    Entry* const owner = entry(id);
    Key* const left = owner != nullptr ? owner->find(key) : nullptr;
    if (left == nullptr || left->countDone || left->countShort || m_broken) return;
    if (!counters) {
        // An agent that is away is asked again when it is back.
        left->draining = false;
        m_ports.timers.cancel(std::exchange(left->patience, 0));
        if (m_agentUp) giveUpCounting(id, key);
        return;
    }
    take(*counters);
    left->countDone = true;
    counted(*owner, *left);
}

// Nobody knows how much was paid with it: the key's cap is the only bound.
void PurchaseService::giveUpCounting(PurchaseId id, SessionKeyId key) {
    Entry* const owner = entry(id);
    Key* const left = owner != nullptr ? owner->find(key) : nullptr;
    if (left == nullptr || left->countDone || left->countShort || left->phase == KeyPhase::Registering || m_broken)
        return;
    left->countShort = true;
    if (left->phase != KeyPhase::Revoking) left->phase = KeyPhase::Leaving;
    counted(*owner, *left);
}

// The counters do not change any more.
void PurchaseService::counted(Entry& entry, Key& key) {
    const PurchaseId id = entry.book.id;
    const SessionKeyId name = key.key.id;
    m_ports.timers.cancel(std::exchange(key.patience, 0));
    if (entry.stopping()) push();  // it need not be published any more
    if (key.phase == KeyPhase::Revoking) {
        closeIfComplete(id, name);
    } else if (key.countShort) {
        revoke(id, name);
    } else {
        key.timer = m_ports.timers.after(m_settings.drainGrace, whileAlive([this, id, name] { revoke(id, name); }));
    }
    settleIfDone(id);
}

void PurchaseService::revoke(PurchaseId id, SessionKeyId key) {
    Entry* const owner = entry(id);
    Key* const ending = owner != nullptr ? owner->find(key) : nullptr;
    if (ending == nullptr || ending->asking || ending->statementCame || m_broken) return;
    m_ports.timers.cancel(std::exchange(ending->timer, 0));
    ending->phase = KeyPhase::Revoking;
    ending->asking = true;
    if (ending->countDone || ending->countShort) ending->key.secret = {};
    m_ports.isp.revokeKey(key, whileAlive([this, id, key](const auto& answer) { onRevoked(id, key, answer); }));
}

void PurchaseService::onRevoked(PurchaseId id, SessionKeyId key,
                                const tl::expected<std::optional<FinalUsage>, IspFailure>& answer) {
    Entry* const owner = entry(id);
    Key* const ending = owner != nullptr ? owner->find(key) : nullptr;
    if (ending == nullptr || m_broken) return;
    ending->asking = false;
    if (!answer) return retryRevocation(id, *ending, answer.error().what);
    ending->statementCame = true;
    ending->statement = *answer;
    closeIfComplete(id, key);
}

void PurchaseService::retryRevocation(PurchaseId id, Key& key, const std::string& why) {
    Entry* const owner = entry(id);
    if (owner->settleTrouble != why) {
        m_ports.log(LogLevel::Warning, nameOf(id) + " cannot be settled yet: " + why);
        owner->settleTrouble = why;
    }
    key.retryDelay =
        key.retryDelay.count() == 0 ? m_settings.retryFirst : std::min(key.retryDelay * 2, m_settings.retryLongest);
    m_ports.timers.cancel(key.timer);
    key.timer = m_ports.timers.after(key.retryDelay, whileAlive([this, id, name = key.key.id] {
                                         Entry* const again = entry(id);
                                         if (Key* const left = again != nullptr ? again->find(name) : nullptr) {
                                             left->timer = 0;
                                             revoke(id, name);
                                         }
                                     }));
}

// With the ISP's final statement and our own count the key is history.
void PurchaseService::closeIfComplete(PurchaseId id, SessionKeyId name) {
    Entry* const owner = entry(id);
    Key* const key = owner != nullptr ? owner->find(name) : nullptr;
    if (key == nullptr || !key->statementCame || (!key->countDone && !key->countShort) || m_broken) return;
    const Money counted = std::min(key->usage.amount, key->key.cap);
    // Where our own count was cut short, more may have been spent than was written down, but never more than the cap.
    const Money bound = key->countShort ? key->key.cap : counted;
    ledger::KeyEnd end;
    std::optional<ledger::Evidence> evidence;
    if (key->statement) {
        const FinalUsage& statement = *key->statement;
        end.disputed = statement.amount > bound || statement.amount.isNegative();
        end.charged = end.disputed ? counted : statement.amount;
        evidence = ledger::Evidence{"final-usage", statement.message, statement.signature, false};
        if (end.disputed) {
            end.note = "the ISP states " + statement.amount.toString() + ", counted here " + counted.toString();
            m_ports.log(LogLevel::Error, nameOf(id) + " is disputed: " + end.note);
        }
    } else if (key->usage.packets > 0) {
        end.note = "the ISP knows no such key: nothing is owed";
        m_ports.log(LogLevel::Warning, nameOf(id) + ": " + end.note);
    }
    const bool closed = together([&] {
        if (!commitUsage()) return false;
        const auto done = m_ports.ledger.closeKey(name, end, evidence, m_ports.clock.now());
        if (!done) storageFailed(done.error());
        return done.has_value();
    });
    if (!closed) return;
    for (ledger::KeySlice& slice : owner->book.keys) {
        if (slice.key == name) slice.end = end;
    }
    if (owner->disputes.empty()) owner->disputes = end.note;
    owner->book.disputed = owner->book.disputed || end.disputed;
    // What somebody else has spent is not there for another key.
    const Money gone = end.disputed ? std::max(end.charged, key->key.cap) : end.charged;
    owner->charged = checkedAdd(owner->charged, gone).value_or(owner->charged);
    add(owner->closedUsage, key->usage);
    m_ports.timers.cancel(key->timer);
    m_ports.timers.cancel(key->patience);
    std::erase_if(owner->keys, [&](const Key& one) { return one.key.id == name; });
    owner->settleTrouble.clear();
    if (end.disputed) raiseAlarm(nameOf(id) + ": " + end.note);
    if (owner->stopping()) return settleIfDone(id);
    considerRenewal(*owner);
    if (Entry* const still = entry(id); still != nullptr && still->renewal == 0) armRenewal(*still);
}

// Later: this is the inside of the settlement of one of them.
void PurchaseService::raiseAlarm(const std::string& what) {
    m_alarm = what;
    m_ports.timers.after(milliseconds(0), whileAlive([this] {
                             if (m_broken) return;
                             m_ports.log(LogLevel::Error, "alarm: " + m_alarm + "; every session key is revoked");
                             revokeAll(EndReason::Alarm);
                             if (m_onAlarm) m_onAlarm(m_alarm);
                         }));
}

}  // namespace netpas::secretaryd
