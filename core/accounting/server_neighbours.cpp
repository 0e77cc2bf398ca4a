// Confirmations between neighbours, and their comparison with the counters.
#include "core/accounting/server_engine.h"
#include "core/random.h"

namespace netpas::accounting {

namespace {
constexpr auto clockSkew = std::chrono::seconds(5);  // a neighbour's clock may be ahead by that much
}  // namespace

void AccountingServer::Engine::neighbourSaid(const PeerPtr& peer, const Message& message) {
    if (const auto* unsignedYet = std::get_if<ConfirmationToCountersign>(&message)) {
        handle(peer, *unsignedYet);
    } else if (const auto* forwarded = std::get_if<ForwardedConfirmation>(&message)) {
        handle(peer, *forwarded);
    } else if (const auto* batch = std::get_if<ConfirmationBatch>(&message)) {
        handle(peer, *batch);
    } else if (const auto* complaintAnswer = std::get_if<ComplaintAnswer>(&message)) {
        handle(peer, *complaintAnswer);
    } else if (const auto* payeeComplaint = std::get_if<PayeeComplaint>(&message)) {
        handle(peer, *payeeComplaint);
    } else if (!paymentSaid(peer->party, message)) {
        drop(peer, "a neighbour sent what only customers and routers may send");
    }
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const ConfirmationToCountersign& message) {
    take(peer, message.confirmation, true);
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const ForwardedConfirmation& message) {
    take(peer, message.confirmation, false);
}

// Of all its servers that we know; none: its signatures cannot be checked here.
std::vector<const PublicKey*> AccountingServer::Engine::keysOf(IspId isp) const {
    std::vector<const PublicKey*> keys;
    if (isp == m_config.isp) keys.push_back(&m_identity.publicKey());
    for (const auto& [party, link] : m_links) {
        if (link.config.isp == isp) keys.push_back(&link.config.key);
    }
    for (const KnownSigner& signer : m_config.signers) {
        if (signer.isp == isp) keys.push_back(&signer.key);
    }
    return keys;
}

// Every ISP on the way to the source has a second more than the one before it, so that nobody has to accept what it has
// no time to pass on (NetPaS §5.2).
AckResult AccountingServer::Engine::checkTime(const Confirmation& confirmation, bool inside) {
    const SystemTime now = m_clock.now();
    if (confirmation.time > now + clockSkew) return AckResult::FromTheFuture;
    const size_t hopsTravelled = pathOf(confirmation)->confirming - *hopOf(confirmation.header, m_config.isp);
    const auto withSibling = std::chrono::milliseconds(inside ? 500 : 0);
    const auto lifetime = m_config.confirmationLifetime + std::chrono::seconds(hopsTravelled) + withSibling;
    return now - lifetime > confirmation.time ? AckResult::Expired : AckResult::Accepted;
}

// It must come from the ISP that we hand such packets to there, and concern an ISP that lies that way.
bool AccountingServer::Engine::rightWay(const Peer& peer, const Confirmation& confirmation, bool countersign) const {
    const auto path = pathOf(confirmation);
    const auto here = hopOf(confirmation.header, m_config.isp);
    if (!path || !here || hopOf(confirmation.header, peer.isp) != *here + 1) return false;
    if (placeOf(peer.isp, confirmation.header.hops()[*here].exit) != peer.party) return false;
    if (countersign ? path->beneficiary != *here || path->selfConfirmed : path->beneficiary <= *here) return false;
    return *here == 0 || previousOf(confirmation);
}

AckResult AccountingServer::Engine::judgeFacts(const Peer& peer, const Confirmation& confirmation, bool countersign) {
    const bool inside = peer.kind == PeerKind::Sibling;
    if (inside ? !rightWayInside(confirmation, countersign) : !rightWay(peer, confirmation, countersign)) {
        return AckResult::WrongPath;
    }
    if (confirmation.amount <= Money::zero()) return AckResult::WrongAmount;
    return checkTime(confirmation, inside);
}

AckResult AccountingServer::Engine::judge(const Peer& peer, const Confirmation& confirmation, bool countersign) {
    const AckResult facts = judgeFacts(peer, confirmation, countersign);
    if (facts == AckResult::WrongPath || facts == AckResult::WrongAmount) return facts;
    // Not the canonical form.
    if (countersign && confirmation.beneficiarySignature != Signature{}) return AckResult::BadSignature;
    if (mustCheck(peer, countersign)) {
        if (const auto forged = falselySigned(confirmation, countersign)) {
            alarmSignature(peer, confirmation, *forged);
            return AckResult::BadSignature;
        }
    }
    if (facts == AckResult::Expired && m_books.logged(confirmation)) return AckResult::Duplicate;
    if (facts != AckResult::Accepted) return facts;
    return resultOf(m_books.known(confirmation));
}

// What we are about to sign is checked first, and what stays inside one ISP is.
bool AccountingServer::Engine::mustCheck(const Peer& peer, bool countersign) {
    if (countersign || peer.kind == PeerKind::Sibling || m_suspects.contains(peer.isp)) return true;
    constexpr uint64_t whole = 1'000'000;
    return systemRandom().below(whole) < static_cast<uint64_t>(m_config.signatureShare * whole);
}

std::optional<IspId> AccountingServer::Engine::falselySigned(const Confirmation& confirmation, bool countersign) const {
    const auto signedBy = [&](IspId isp, bool (*verifies)(const Confirmation&, const PublicKey&)) {
        const auto keys = keysOf(isp);
        return keys.empty() || std::any_of(keys.begin(), keys.end(),
                                           [&](const PublicKey* key) { return verifies(confirmation, *key); });
    };
    if (!signedBy(confirmation.confirming, verifyConfirming)) return confirmation.confirming;
    if (!countersign && !signedBy(confirmation.beneficiary, verifyBeneficiary)) return confirmation.beneficiary;
    return std::nullopt;
}

// From now on everything from there is checked. The confirmation itself is the evidence: anybody with the key sees it.
void AccountingServer::Engine::alarmSignature(const Peer& peer, const Confirmation& confirmation, IspId forged) {
    m_suspects.insert(peer.isp);
    if (!m_forgeries.pass(m_clock.steady())) return;
    Writer evidence;
    encodeProven(evidence, confirmation);
    const auto name = [](IspId isp) { return "ISP " + std::to_string(isp.value()); };
    m_books.alarm(AlarmKind::WrongSignature, name(peer.isp),
                  name(peer.isp) + " passed on a confirmation of the service of " + name(confirmation.beneficiary) +
                      ", confirmed by " + name(confirmation.confirming) + ", that " + name(forged) + " has not signed",
                  m_clock.now(), evidence.take());
}

AckResult AccountingServer::Engine::resultOf(Books::Known known) {
    switch (known) {
    case Books::Known::No: return AckResult::Accepted;
    case Books::Known::Same: return AckResult::Duplicate;
    case Books::Known::Other: return AckResult::Conflict;
    case Books::Known::Full: return AckResult::FromTheFuture;  // tried again, when old ones have left
    }
    return AckResult::Conflict;
}

void AccountingServer::Engine::take(const PeerPtr& peer, Confirmation confirmation, bool countersign) {
    const SystemTime now = m_clock.now();
    const AckResult result = judge(*peer, confirmation, countersign);
    if (result == AckResult::Duplicate) ++m_count.duplicates;
    if (!isAccepted(result)) {
        ++m_count.refused;
        if (peer->requests.pass(m_clock.steady()) && result != AckResult::FromTheFuture) {
            m_books.alarm(AlarmKind::BadConfirmation, "ISP " + std::to_string(peer->isp.value()),
                          "confirmation refused: " + std::string(describe(result)), now);
        }
    }
    if (result != AckResult::Accepted) return acknowledge(peer, confirmation.id, result);

    if (peer->kind == PeerKind::Sibling) {
        relay(peer, confirmation, countersign);
        return acknowledge(peer, confirmation.id, AckResult::Accepted);
    }
    if (countersign) {
        signAsBeneficiary(confirmation, m_identity);
        m_books.record(confirmation, Role::Countersigned, now);
        m_books.add(SumKind::ConfirmedOwn, peer->isp, confirmation.amount, now);
    } else {
        m_books.record(confirmation, Role::Forwarded, now);
        m_books.add(SumKind::OwedTo, peer->isp, confirmation.amount, now);
        m_books.bill(peer->isp, BillItem::Confirmations, false, confirmation.amount, confirmation.time, now);
        m_books.add(SumKind::ConfirmedVia, peer->isp, confirmation.amount, now);
        m_books.add(SumKind::ConfirmedIsp, confirmation.beneficiary, confirmation.amount, now);
    }
    notePath(peer->isp, confirmation, countersign);
    addToInvestigations(confirmation);
    passUpstream(confirmation);
    acknowledge(peer, confirmation.id, AckResult::Accepted);
}

void AccountingServer::Engine::passUpstream(const Confirmation& confirmation) {
    if (const auto previous = previousOf(confirmation)) queueFor(*previous, false, confirmation);
}

void AccountingServer::Engine::queueFor(const Party& neighbour, bool countersign, const Confirmation& confirmation) {
    m_books.queue(neighbour, countersign, confirmation);
    const OutboxEntry* entry = m_books.waiting(neighbour, confirmation.id);
    if (entry == nullptr) return;
    afterCommit([this, neighbour, number = entry->number] {
        const auto link = m_links.find(neighbour);
        if (link != m_links.end() && link->second.connection) link->second.toSend.push_back(number);
    });
}

// --- the way to a neighbour

void AccountingServer::Engine::linkUp(Link& link, Connection connection) {
    if (m_stopped) return;
    connection->onMessage = [weak = weak_from_this(), party = link.party](ByteView bytes) {
        const auto self = weak.lock();
        if (!self || self->m_stopped) return;
        const auto message = decode(bytes);
        if (!message) return;
        Link& from = self->m_links.at(party);
        if (const auto* ack = std::get_if<Ack>(&*message)) {
            for (const AckEntry& entry : ack->entries) self->acknowledged(from, entry);
        } else if (const auto* batchAck = std::get_if<BatchAck>(&*message)) {
            self->acknowledged(from, *batchAck);
        } else if (const auto* complaintAck = std::get_if<PayeeComplaintAck>(&*message)) {
            self->handle(from, *complaintAck);
        } else if (const auto* ability = std::get_if<BatchAbility>(&*message)) {
            self->heard(from, *ability);
        } else if (const auto* complaint = std::get_if<Complaint>(&*message); complaint && !party.isSibling()) {
            self->handle(from, *complaint);
        } else {
            return;
        }
        if (self->m_books.dirty()) self->scheduleCommit();
        self->pump(from);
    };
    if (link.party.isSibling()) {
        greetSibling(*connection);
        (void)connection->send(encode(Message(m_routes.toTellSiblings())));
    } else {
        (void)connection->send(encode(Message(m_routes.toTell(link.party.isp))));
    }
    linkReady(link, std::move(connection));
}

void AccountingServer::Engine::linkReady(Link& link, Connection connection) {
    log(LogLevel::Info, link.name() + " is connected");
    link.connection = std::move(connection);
    m_desk->connected(link.party);
    repeatPayeeComplaints(link.party);
    // Everything without an acknowledgement goes again: the neighbour knows what it has.
    link.toSend.clear();
    link.later.clear();
    // Batches go once the neighbour has said that it takes them.
    link.batches.clear();
    link.laterBatches.clear();
    if (m_reach.lost(link.config.isp)) tellReach();
    for (const auto& [number, entry] : m_books.outbox()) {
        if (entry.neighbour == link.party) link.toSend.push_back(number);
    }
    // What is still in the open group gets durable first.
    if (m_books.dirty() || !m_effects.empty()) {
        scheduleCommit();
    } else {
        pump(link);
    }
}

void AccountingServer::Engine::pump(Link& link) {
    if (m_books.dirty()) return;  // what waits may be of the open group; commit() comes here again
    while (link.connection && !link.toSend.empty()) {
        const auto found = m_books.outbox().find(link.toSend.front());
        if (found != m_books.outbox().end()) {
            const OutboxEntry& entry = found->second;
            const Message message = link.party.isProvider() ? Message(DelegatedConfirmation{entry.confirmation})
                                    : entry.countersign     ? Message(ConfirmationToCountersign{entry.confirmation})
                                                            : Message(ForwardedConfirmation{entry.confirmation});
            if (!link.connection->send(encode(message))) return;
        }
        link.toSend.pop_front();
    }
    pumpBatches(link);
}

void AccountingServer::Engine::acknowledged(Link& link, const AckEntry& ack) {
    const OutboxEntry* entry = m_books.waiting(link.party, ack.id);
    if (entry == nullptr) return;
    if (ack.result == AckResult::FromTheFuture) {
        link.later.push_back(entry->number);
        return;
    }
    const SystemTime now = m_clock.now();
    if (link.party.isProvider()) {
        providerTook(*entry, ack.result);
    } else if (isAccepted(ack.result)) {
        // For its own service a neighbour owes us nothing.
        if (!entry->countersign && link.party.isSibling()) {
            m_books.add(PaymentSum::CarriedBy, link.party, entry->confirmation.amount, now);
        } else if (!entry->countersign) {
            m_books.add(SumKind::OwedBy, link.config.isp, entry->confirmation.amount, now);
            m_books.bill(link.config.isp, BillItem::Confirmations, true, entry->confirmation.amount,
                         entry->confirmation.time, now);
        }
    } else {
        if (!entry->countersign) m_books.add(SumKind::RefusedBy, link.config.isp, entry->confirmation.amount, now);
        m_books.alarm(AlarmKind::Refused, link.name(),
                      "it refused a confirmation: " + std::string(describe(ack.result)), now);
    }
    m_books.unqueue(entry->number);
}

// --- comparison

std::vector<std::pair<Subject, IspId>> AccountingServer::Engine::subjects() const {
    std::vector<std::pair<Subject, IspId>> all;
    for (const auto& [party, link] : m_links) {
        if (party.isSibling() || !party.server.empty()) continue;  // each ISP once
        all.emplace_back(Subject::Own, party.isp);
        all.emplace_back(Subject::Via, party.isp);
    }
    all.emplace_back(Subject::Own, m_config.isp);
    std::set<IspId> downstream;
    for (const auto& [isp, amount] : m_books.downstream()) downstream.insert(isp);
    for (const auto& [which, sum] : m_books.sums()) {
        if (which.first == SumKind::ConfirmedIsp) downstream.insert(which.second);
    }
    for (const IspId isp : downstream) all.emplace_back(Subject::Downstream, isp);
    return all;
}

Watch::Observation AccountingServer::Engine::observation(Subject subject, IspId isp) const {
    Watch::Observation result;
    const auto totals = m_books.links().find(isp);
    Sum sum;
    switch (subject) {
    case Subject::Own:
        if (totals != m_books.links().end()) result.counted = totals->second.own;
        sum = m_books.sum(SumKind::ConfirmedOwn, isp);
        result.allowance = m_books.sum(SumKind::AllowanceOwn, isp).total;
        break;
    case Subject::Via:
        if (totals != m_books.links().end()) result.counted = totals->second.downstream;
        sum = m_books.sum(SumKind::ConfirmedVia, isp);
        result.allowance = m_books.sum(SumKind::AllowanceVia, isp).total;
        break;
    case Subject::Downstream: {
        const auto counted = m_books.downstream().find(isp);
        if (counted != m_books.downstream().end()) result.counted = counted->second;
        sum = m_books.sum(SumKind::ConfirmedIsp, isp);
        result.allowance = m_books.sum(SumKind::AllowanceIsp, isp).total;
        break;
    }
    }
    result.confirmed = sum.total;
    result.threshold = std::max(sum.largest, m_config.threshold);
    result.samplers = m_books.linkCount(isp);
    const SteadyTime now = m_clock.steady();
    for (const auto& [router, state] : m_edges) {
        if (!state.reported || now - state.lastReport > m_config.watch.grace / 2) result.fresh = false;
    }
    for (const auto& [party, link] : m_links) {
        if (link.connection || party.isSibling()) continue;
        if (subject == Subject::Downstream || party.isp == isp) result.reachable = false;
    }
    return result;
}

void AccountingServer::Engine::watch() {
    if (m_config.provider) return;  // the ISP does
    const SystemTime now = m_clock.now();
    for (const auto& [subject, isp] : subjects()) {
        const Watch::Observation seen = observation(subject, isp);
        if (!m_watch.observe(subject, isp, seen, m_clock.steady())) continue;
        const WatchVerdict verdict = m_watch.verdict(subject, isp);
        if (verdict == WatchVerdict::Fits) continue;
        if (subject != Subject::Downstream) m_suspects.insert(isp);
        const Comparison comparison = m_watch.compare(subject, seen);
        const std::string whose = subject == Subject::Own   ? "our service confirmed by ISP "
                                  : subject == Subject::Via ? "downstream services through ISP "
                                                            : "the service of ISP ";
        m_books.alarm(verdict == WatchVerdict::TooMuch ? AlarmKind::TooMuchConfirmed : AlarmKind::TooLittleConfirmed,
                      "ISP " + std::to_string(isp.value()),
                      whose + std::to_string(isp.value()) + ": counted " + comparison.counted.toString() +
                          ", confirmed " + comparison.confirmed.toString() + ", chance explains " +
                          comparison.tolerance.toString(),
                      now);
        complain(subject, isp, verdict == WatchVerdict::TooMuch, comparison);
    }
}

}  // namespace netpas::accounting
