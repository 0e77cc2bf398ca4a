// The agent's side of purchases: what it shall pay for, what it counted, its loss and its return.
#include <algorithm>
#include <utility>

#include "app/secretary/purchase_alive.h"
#include "app/secretary/purchase_entry.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::PurchaseState;

tl::expected<void, ledger::LedgerError> PurchaseService::recover() {
    const auto unfinished = m_ports.ledger.unfinished();
    if (!unfinished) return tl::unexpected(unfinished.error());
    for (const ledger::Purchase& book : *unfinished) {
        if (book.payment) continue;  // the payment service's
        Entry& found = m_open[book.id.value()];
        found.book = book;
        found.closedUsage = book.usage;
        for (const ledger::KeySlice& slice : book.keys) {
            if (slice.end) {
                const Money gone = slice.end->disputed ? std::max(slice.end->charged, slice.cap) : slice.end->charged;
                found.charged = checkedAdd(found.charged, gone).value_or(found.charged);
                continue;
            }
            Key key;
            key.key.id = slice.key;
            key.key.cap = slice.cap;
            key.usage = slice.usage;
            key.phase = KeyPhase::Leaving;
            found.keys.push_back(std::move(key));
        }
        // What the ledger counts for the whole purchase contains what its open keys have counted.
        for (const Key& key : found.keys) {
            ledger::Usage& rest = found.closedUsage;
            rest.packets -= std::min(rest.packets, key.usage.packets);
            rest.bytes -= std::min(rest.bytes, key.usage.bytes);
            rest.amount = std::max(Money::zero(), checkedSub(rest.amount, key.usage.amount).value_or(Money::zero()));
            rest.bestEffortPackets -= std::min(rest.bestEffortPackets, key.usage.bestEffortPackets);
        }
        found.judged = true;
        found.suspended = book.state == PurchaseState::Active || book.state == PurchaseState::Published;
    }
    for (const ledger::Purchase& book : *unfinished) {
        Entry* const found = entry(book.id);
        if (found == nullptr || found->suspended) continue;
        if (book.state == PurchaseState::Requested) {
            refuse(*found, {BuyRefusal::Kind::Ended, book.id, std::string(describe(EndReason::AgentRestarted)), {}, {}},
                   EndReason::AgentRestarted);
            continue;
        }
        if (!found->stopping() && !advance(*found, PurchaseState::Stopping, EndReason::AgentRestarted, {})) continue;
        std::vector<SessionKeyId> names;
        for (Key& key : found->keys) {
            key.countShort = true;
            names.push_back(key.key.id);
        }
        for (const SessionKeyId name : names) revoke(book.id, name);
        settleIfDone(book.id);
    }
    if (m_broken) return tl::unexpected(ledger::LedgerError::Storage);
    awaitAgent();
    return {};
}

bool PurchaseService::paying() const {
    return std::any_of(m_open.begin(), m_open.end(), [](const auto& item) {
        return item.second.in(KeyPhase::Live) != nullptr || item.second.in(KeyPhase::Ready) != nullptr;
    });
}

void PurchaseService::agentUp(std::span<const FlowCounters> held) {
    m_agentUp = true;
    m_setting = m_stale = false;
    m_ports.timers.cancel(std::exchange(m_patience, 0));
    for (const FlowCounters& counters : held) take(counters);
    std::vector<PurchaseId> ids;
    for (const auto& [id, open] : m_open) ids.emplace_back(id);
    for (const PurchaseId id : ids) reconcile(id, held);
    push();
}

// What the agent holds goes on or is counted to its end; what it does not hold was lost with its memory.
void PurchaseService::reconcile(PurchaseId id, std::span<const FlowCounters> held) {
    Entry* const known = entry(id);
    if (known == nullptr) return;
    std::vector<SessionKeyId> lost, kept;
    bool lostLive = false;
    for (Key& key : known->keys) {
        key.inSet = Key::InSet::No;
        const bool open = key.phase != KeyPhase::Registering && key.phase != KeyPhase::Ready;
        if (key.countDone || key.countShort || !open) continue;
        const bool there = std::any_of(held.begin(), held.end(),
                                       [&](const FlowCounters& one) { return one.id == id && one.key == key.key.id; });
        lostLive = lostLive || (!there && key.phase == KeyPhase::Live);
        if (!there) {
            lost.push_back(key.key.id);
        } else if (key.phase != KeyPhase::Live) {
            kept.push_back(key.key.id);
        }
    }
    const bool goesOn = known->suspended && !kept.empty();
    if (lostLive || (known->suspended && !goesOn)) beginStop(*known, EndReason::AgentRestarted, {});
    for (const SessionKeyId name : lost) onDrained(id, name, std::nullopt);
    for (const SessionKeyId name : kept) {
        Entry* const still = entry(id);
        if (Key* const key = still != nullptr ? still->find(name) : nullptr) drain(id, *key);
    }
    if (Entry* const still = entry(id); still != nullptr && goesOn) resume(*still);
}

void PurchaseService::agentDown() {
    if (!std::exchange(m_agentUp, false)) return;
    m_setting = m_stale = false;
    for (auto& [id, open] : m_open) {
        for (Key& key : open.keys) {
            // What it counted is asked for when it is back; a key that is being revoked does not wait for that.
            if (std::exchange(key.draining, false) && key.phase != KeyPhase::Revoking) {
                m_ports.timers.cancel(std::exchange(key.patience, 0));
            }
        }
        if (open.book.state == PurchaseState::Active) open.trouble = "the agent is not connected: best effort";
    }
    awaitAgent();
}

void PurchaseService::awaitAgent() {
    if (m_open.empty() || m_patience != 0) return;
    m_patience = m_ports.timers.after(m_settings.agentPatience, whileAlive([this] {
                                          m_patience = 0;
                                          stopAll(EndReason::AgentLost);
                                          // What it counted is lost with it.
                                          std::vector<std::pair<PurchaseId, SessionKeyId>> lost;
                                          for (auto& [id, open] : m_open) {
                                              for (const Key& key : open.keys) lost.emplace_back(id, key.key.id);
                                          }
                                          for (const auto& [id, key] : lost) giveUpCounting(id, key);
                                      }));
}

// A purchase of an earlier run whose flow the agent still has: its keys are gone with that run, so it goes on with fresh
// ones, at prices that are no higher than those that were agreed to.
void PurchaseService::resume(Entry& entry) {
    const PurchaseId id = entry.book.id;
    entry.suspended = false;
    entry.resuming = true;
    if (entry.book.state == PurchaseState::Published && !advance(entry, PurchaseState::Active, EndReason::None, {})) {
        return;
    }
    const SystemTime over =
        entry.book.requestedAt + (entry.book.request.duration ? *entry.book.request.duration : m_settings.longest);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(over - m_ports.clock.now());
    const EndReason then = entry.book.request.duration ? EndReason::DurationOver : EndReason::KeyExpired;
    if (left.count() <= 0) return beginStop(entry, then, {});
    entry.end = m_ports.timers.after(left, whileAlive([this, id, then] { stop(id, then); }));
    cartographer::QuoteRequest what;
    if (entry.book.request.flow.remote) what.destination = entry.book.request.flow.remote->address();
    for (const ledger::LedgerHop& hop : entry.book.path) {
        what.perIsp[hop.isp] = {cartographer::ClassChoice::Rule::Numbered, {}, hop.service};
    }
    entry.what = what;
    m_ports.quotes.quote(what, whileAlive([this, id](auto quote) { onResumeQuote(id, std::move(quote)); }));
}

void PurchaseService::onResumeQuote(PurchaseId id, tl::expected<cartographer::Quote, QuoteFailure> quote) {
    Entry* const known = entry(id);
    if (known == nullptr || !known->resuming || known->stopping() || m_broken) return;
    known->resuming = false;
    if (!quote) return beginStop(*known, EndReason::NoOffer, quote.error().message);
    const auto& path = known->book.path;
    const auto price =
        cartographer::priceOfPacket(quote->path, cartographer::fullPacketBytes, minuteOfDay(m_ports.clock.now()));
    const auto dearest = cartographer::dearestPacket(quote->path, cartographer::fullPacketBytes);
    bool same = price && dearest && path.size() == quote->path.size();
    for (size_t i = 0; same && i < path.size(); ++i) {
        same = path[i].isp == quote->path[i].isp && path[i].service == quote->path[i].service &&
               price->hops[i].value() <= path[i].quotedPrice;
    }
    if (!same) return beginStop(*known, EndReason::NoOffer, "the way or its prices are not what was agreed to");
    const auto charges = cartographer::dearestCharges(quote->path).value_or(cartographer::Charges{});
    known->agreed = dearest->total;
    known->charges = charges;
    known->dearest = std::max(dearest->total, charges.first);
    known->quote = std::move(*quote);
    m_ports.log(LogLevel::Info, nameOf(id) + " goes on with a fresh session key");
    considerRenewal(*known);
    armFollow();
}

// The key that the agent shall pay with, or whose last packets it still has.
PurchaseService::Key* PurchaseService::keyInUse(Entry& entry) {
    if (Key* const fresh = entry.in(KeyPhase::Ready)) return fresh;
    if (Key* const live = entry.in(KeyPhase::Live)) return live;
    Key* last = nullptr;
    for (Key& key : entry.keys) {
        if (key.phase == KeyPhase::Leaving && key.published && !key.countDone && !key.countShort) last = &key;
    }
    return entry.stopping() ? last : nullptr;
}

// The whole set, once more; one at a time.
void PurchaseService::push() {
    if (m_broken || !m_agentUp) return;
    if (m_setting) {
        m_stale = true;
        return;
    }
    std::vector<PaidFlow> flows;
    for (auto& [id, open] : m_open) {
        for (Key& key : open.keys) {
            key.inSet = key.phase == KeyPhase::Leaving ? Key::InSet::Leaves : Key::InSet::No;
        }
        Key* const use = open.quote ? keyInUse(open) : nullptr;
        if (use == nullptr) continue;
        const bool pays = use->phase != KeyPhase::Leaving;
        if (pays) {
            use->inSet = Key::InSet::Pays;
            use->published = true;
        }
        const ledger::NewPurchase& request = open.book.request;
        flows.push_back(
            {open.book.id, request.flow, use->path, use->key, request.capPerSecond, pays, request.context.node});
    }
    m_setting = true;
    m_ports.flows.set(flows, whileAlive([this](const auto& result) { onSet(result); }));
}

void PurchaseService::onSet(const tl::expected<void, FlowsFailure>& result) {
    if (!std::exchange(m_setting, false) || m_broken) return;
    if (!result && result.error().kind == FlowsFailure::Kind::AgentLost) return;
    const bool stale = std::exchange(m_stale, false);
    std::vector<PurchaseId> ids;
    for (const auto& [id, open] : m_open) ids.emplace_back(id);
    std::vector<PurchaseId> pays;
    for (const PurchaseId id : ids) {
        Entry* const known = entry(id);
        if (known == nullptr) continue;
        if (!result) {
            setFailed(*known, result.error());
        } else if (setApplied(*known)) {
            pays.push_back(id);
        }
    }
    paysFor(pays);
    if (stale) push();
}

// Whether the agent pays with another key than before.
bool PurchaseService::setApplied(Entry& entry) {
    const PurchaseId id = entry.book.id;
    Key* fresh = nullptr;
    for (Key& key : entry.keys) {
        if (key.inSet == Key::InSet::Pays && key.phase == KeyPhase::Ready) fresh = &key;
    }
    std::vector<SessionKeyId> leaving;
    for (Key& key : entry.keys) {
        const bool replaced = fresh != nullptr && key.phase == KeyPhase::Live;
        if (replaced) key.phase = KeyPhase::Leaving;
        const bool left = replaced || key.inSet == Key::InSet::Leaves;
        if (left && key.phase == KeyPhase::Leaving && !key.countDone && !key.countShort) leaving.push_back(key.key.id);
        key.inSet = Key::InSet::No;
    }
    if (fresh != nullptr) {
        fresh->phase = KeyPhase::Live;
        fresh->liveSince = m_ports.clock.steady();
        entry.trouble.clear();
    }
    for (const SessionKeyId key : leaving) drain(id, *entry.find(key));
    return fresh != nullptr;
}

void PurchaseService::paysFor(const std::vector<PurchaseId>& ids) {
    if (ids.empty()) return;
    std::vector<PurchaseId> begun;
    const bool written = together([&] {
        for (const PurchaseId id : ids) {
            Entry* const known = entry(id);
            if (known == nullptr || known->book.state != PurchaseState::Published) continue;
            if (!advance(*known, PurchaseState::Active, EndReason::None, {})) return false;
            begun.push_back(id);
        }
        return true;
    });
    if (!written) return;
    for (const PurchaseId id : begun) {
        if (Entry* const known = entry(id)) isActive(*known);
    }
    for (const PurchaseId id : ids) {
        Entry* const known = entry(id);
        if (known != nullptr && known->book.state == PurchaseState::Active) armRenewal(*known);
    }
}

void PurchaseService::setFailed(Entry& entry, const FlowsFailure& failure) {
    const PurchaseId id = entry.book.id;
    std::vector<SessionKeyId> leaving;
    std::optional<SessionKeyId> refused;
    for (Key& key : entry.keys) {
        if (key.inSet == Key::InSet::Pays && key.phase == KeyPhase::Ready) {
            refused = key.key.id;
            key.published = false;  // the set from before stays
            key.countDone = true;
            key.phase = KeyPhase::Leaving;
        } else if (key.inSet == Key::InSet::Leaves && key.phase == KeyPhase::Leaving && !key.countDone &&
                   !key.countShort) {
            leaving.push_back(key.key.id);
        }
        key.inSet = Key::InSet::No;
    }
    // Where the diversion stays, the data plane sends the flow best effort until the next change removes it.
    for (const SessionKeyId key : leaving) drain(id, *entry.find(key));
    if (!leaving.empty()) m_ports.log(LogLevel::Error, nameOf(id) + ": " + failure.what);
    if (!refused) return;
    const bool capture = failure.kind == FlowsFailure::Kind::Capture;
    if (entry.book.state == PurchaseState::Published) {
        beginStop(entry, capture ? EndReason::CaptureFailed : EndReason::PlaneFailed, failure.what);
    } else if (!entry.stopping()) {
        renewLater(entry, failure.what);
    }
    revoke(id, *refused);
}

void PurchaseService::countersCame(std::span<const FlowCounters> counters) {
    if (m_broken) return;
    for (const FlowCounters& one : counters) take(one);
    for (const FlowCounters& one : counters) {
        if (Entry* const known = entry(one.id)) considerRenewal(*known);
    }
}

void PurchaseService::take(const FlowCounters& counters) {
    Entry* const known = entry(counters.id);
    Key* const key = known != nullptr ? known->find(counters.key) : nullptr;
    if (key == nullptr || key->countDone || key->countShort) return;
    if (key->phase == KeyPhase::Live) known->trouble = counters.trouble;
    key->capReached = key->capReached || counters.capReached;
    ledger::Usage& mine = key->usage;
    const ledger::Usage before = mine;
    // What an agent says can only grow, and not beyond what can be.
    const auto grow = [](uint64_t& count, uint64_t said) {
        constexpr uint64_t most = uint64_t{1} << 56;
        count = std::max(count, std::min(said, most));
    };
    grow(mine.packets, counters.usage.packets);
    grow(mine.bytes, counters.usage.bytes);
    grow(mine.bestEffortPackets, counters.usage.bestEffortPackets);
    mine.amount = std::max(mine.amount, std::min(counters.usage.amount, key->key.cap));
    if (mine == before) return;
    for (ledger::KeySlice& slice : known->book.keys) {
        if (slice.key == counters.key) slice.usage = mine;
    }
    ledger::Usage sum = known->closedUsage;
    for (const Key& one : known->keys) {
        sum.packets += one.usage.packets;
        sum.bytes += one.usage.bytes;
        sum.amount = checkedAdd(sum.amount, one.usage.amount).value_or(sum.amount);
        sum.bestEffortPackets += one.usage.bestEffortPackets;
    }
    known->book.usage = sum;
    known->uncounted = true;
    m_ports.authority.progressed(counters.id, sum.amount);
    armCommit();
}

// Runs only while there is something to write: an idle secretary does not wake up.
void PurchaseService::armCommit() {
    const bool needed =
        std::any_of(m_open.begin(), m_open.end(), [](const auto& item) { return item.second.uncounted; });
    if (m_commit != 0 || !needed) return;
    m_commit = m_ports.timers.after(m_settings.commitEvery, whileAlive([this] {
                                        m_commit = 0;
                                        if (!m_broken) (void)commitUsage();
                                    }));
}

bool PurchaseService::commitUsage() {
    std::vector<ledger::UsageUpdate> purchases;
    std::vector<ledger::KeyUsageUpdate> keys;
    for (auto& [id, open] : m_open) {
        if (!std::exchange(open.uncounted, false)) continue;
        purchases.push_back({open.book.id, open.book.usage});
        for (const Key& key : open.keys) keys.push_back({key.key.id, key.usage});
    }
    if (const auto done = m_ports.ledger.recordUsage(purchases, keys); !done) {
        storageFailed(done.error());
        return false;
    }
    return true;
}

}  // namespace netpas::secretaryd
