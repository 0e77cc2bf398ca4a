// Confirmations with shared signatures: what is to be signed waits for the end of the group, then one signature serves all
// of it.
#include "core/accounting/server_engine.h"

namespace netpas::accounting {

// A confirmation stays as it was begun: with both signatures shared or with both its own. So everybody on its way must be
// able to take it. An ISP with several servers does not: between those each confirmation finds its way by itself.
bool AccountingServer::Engine::mayBatch(const Confirmation& confirmation, size_t here) const {
    if (!m_config.batchSignatures || !m_config.siblings.empty()) return false;
    return here == 0 || m_reach.takesUpTo(confirmation.header, here - 1);
}

void AccountingServer::Engine::toSeal(ProvenConfirmation proven, Role role, std::optional<Party> next) {
    m_unsealed.push_back({std::move(proven), role, next});
    // What is only passed on needs no signature of ours.
    if (role != Role::Forwarded && ++m_toSign >= merkle::maxLeaves) seal();
}

// False when this one must have signatures of its own.
bool AccountingServer::Engine::takeSample(const Confirmation& confirmation, const ConfirmationPath& path,
                                          SystemTime now) {
    if (!mayBatch(confirmation, path.confirming)) return false;
    const auto next = previousOf(confirmation);
    ProvenConfirmation proven;
    proven.confirmation = confirmation;
    m_books.rememberSample(confirmation.id, now);
    m_books.add(path.selfConfirmed ? SumKind::ConfirmedOwn : SumKind::MadeFor, confirmation.beneficiary,
                confirmation.amount, now);
    toSeal(std::move(proven), path.selfConfirmed ? Role::SelfMade : Role::Made, next);
    return true;
}

void AccountingServer::Engine::seal() {
    if (m_unsealed.empty()) return;
    m_toSign = 0;
    std::vector<merkle::Hash> leaves;
    const auto signAll = [&](auto concerned, auto message, auto place) {
        leaves.clear();
        for (const Unsealed& entry : m_unsealed) {
            if (concerned(entry)) leaves.push_back(merkle::leafHash(message(entry.proven.confirmation)));
        }
        if (leaves.empty()) return;
        const SignedTreePtr tree = signTree(m_config.isp, m_identity, leaves);
        uint16_t leaf = 0;
        for (Unsealed& entry : m_unsealed) {
            if (concerned(entry)) place(entry.proven, tree, leaf++);
        }
    };
    signAll([](const Unsealed& entry) { return entry.role == Role::Made || entry.role == Role::SelfMade; },
            confirmingMessage,
            [](ProvenConfirmation& proven, const SignedTreePtr& tree, uint16_t leaf) {
                proven.confirming = tree;
                proven.confirmingLeaf = leaf;
                proven.confirmation.confirmingSignature = tree->signature;
            });
    signAll([](const Unsealed& entry) { return entry.role == Role::SelfMade || entry.role == Role::Countersigned; },
            beneficiaryMessage,
            [](ProvenConfirmation& proven, const SignedTreePtr& tree, uint16_t leaf) {
                proven.beneficiary = tree;
                proven.beneficiaryLeaf = leaf;
                proven.confirmation.beneficiarySignature = tree->signature;
            });
    const SystemTime now = m_clock.now();
    std::map<std::pair<Role, std::optional<Party>>, std::vector<ProvenConfirmation>> parts;
    for (Unsealed& entry : m_unsealed) parts[{entry.role, entry.next}].push_back(std::move(entry.proven));
    m_unsealed.clear();
    for (auto& [key, part] : parts) {
        const auto [role, next] = key;
        for (const ConfirmationBatch& batch : packBatches(part, role == Role::Made)) {
            const int64_t number = m_books.recordBatch(batch, role, next, now);
            if (!next) continue;
            afterCommit([this, neighbour = *next, number] {
                const auto link = m_links.find(neighbour);
                if (link != m_links.end() && link->second.connection) link->second.batches.push_back(number);
            });
        }
    }
}

// --- from a neighbour

void AccountingServer::Engine::handle(const PeerPtr& peer, ConfirmationBatch message) {
    const SystemTime now = m_clock.now();
    const bool countersign = message.countersign;
    const uint64_t sequence = message.sequence;
    auto opened = openBatch(std::move(message));
    if (!opened) {
        m_books.alarm(AlarmKind::BadConfirmation, "ISP " + std::to_string(peer->isp.value()),
                      "a batch whose hashes do not fit together", now);
        return drop(peer, "a batch whose hashes do not fit together");
    }
    std::map<const SignedTree*, bool> good;
    const bool checked = mustCheck(*peer, countersign);
    for (const SignedTreePtr& tree : opened->trees) {
        const auto keys = keysOf(tree->signer);
        good[tree.get()] = !checked || keys.empty() || std::any_of(keys.begin(), keys.end(), [&](const PublicKey* key) {
            return m_rootCheck.good(*tree, *key);
        });
    }
    BatchAck ack{sequence, {}};
    Taken taken;
    uint64_t refused = 0;
    AckResult why = AckResult::Accepted;
    for (size_t i = 0; i < opened->confirmations.size(); ++i) {
        ProvenConfirmation& proven = opened->confirmations[i];
        const bool rightlySigned =
            good.at(proven.confirming.get()) && (countersign || good.at(proven.beneficiary.get()));
        const AckResult result = rightlySigned ? judgeBatched(*peer, proven, countersign) : AckResult::BadSignature;
        if (result == AckResult::Accepted) {
            if (i + 1 == opened->confirmations.size()) notePath(peer->isp, proven.confirmation, countersign);
            takeProven(*peer, std::move(proven), countersign, taken);
            continue;
        }
        ack.entries.push_back({static_cast<uint16_t>(i), result});
        if (result == AckResult::Duplicate) {
            ++m_count.duplicates;
        } else {
            ++refused;
            if (result != AckResult::FromTheFuture) why = result;
        }
    }
    m_count.refused += refused;
    for (const ProvenConfirmation& proven : opened->confirmations) {
        if (!proven.confirming) continue;  // taken
        const bool confirmed = good.at(proven.confirming.get());
        if (confirmed && (countersign || good.at(proven.beneficiary.get()))) continue;
        const Confirmation& one = proven.confirmation;
        alarmSignature(*peer, standalone(proven), confirmed ? one.beneficiary : one.confirming);
        break;  // the others are of the same batch
    }
    if (why != AckResult::Accepted && peer->requests.pass(m_clock.steady())) {
        m_books.alarm(AlarmKind::BadConfirmation, "ISP " + std::to_string(peer->isp.value()),
                      std::to_string(refused) + " confirmations refused: " + std::string(describe(why)), now);
    }
    for (const auto& [which, sum] : taken) m_books.addAll(which.first, which.second, sum, now);
    afterCommit([this, peer, ack = std::move(ack)] { send(peer, ack); });
}

AckResult AccountingServer::Engine::judgeBatched(const Peer& peer, const ProvenConfirmation& proven, bool countersign) {
    const Confirmation& confirmation = proven.confirmation;
    const AckResult facts = judgeFacts(peer, confirmation, countersign);
    if (facts == AckResult::Expired && m_books.logged(confirmation)) return AckResult::Duplicate;
    if (facts != AckResult::Accepted) return facts;
    return resultOf(m_books.remember(confirmation, proven.digest, m_clock.now()));
}

void AccountingServer::Engine::takeProven(const Peer& peer, ProvenConfirmation proven, bool countersign, Taken& taken) {
    const Confirmation& confirmation = proven.confirmation;
    const auto add = [&](SumKind kind, IspId isp) {
        const auto same = [&](const auto& entry) { return entry.first == std::pair(kind, isp); };
        auto at = std::find_if(taken.begin(), taken.end(), same);
        if (at == taken.end()) at = taken.insert(at, {{kind, isp}, {}});
        // More than fits is an alarm when it gets to the books.
        at->second.total = checkedAdd(at->second.total, confirmation.amount).value_or(Money::max());
        at->second.largest = std::max(at->second.largest, confirmation.amount);
        ++at->second.count;
    };
    if (countersign) {
        add(SumKind::ConfirmedOwn, peer.isp);
    } else {
        add(SumKind::OwedTo, peer.isp);
        m_books.bill(peer.isp, BillItem::Confirmations, false, confirmation.amount, confirmation.time, m_clock.now());
        add(SumKind::ConfirmedVia, peer.isp);
        add(SumKind::ConfirmedIsp, confirmation.beneficiary);
    }
    if (!m_investigations.empty()) addToInvestigations(confirmation);
    const auto next = previousOf(confirmation);
    toSeal(std::move(proven), countersign ? Role::Countersigned : Role::Forwarded, next);
}

// --- to a neighbour

void AccountingServer::Engine::pumpBatches(Link& link) {
    if (m_books.dirty() || !m_reach.takes(link.config.isp)) return;
    while (link.connection && !link.batches.empty()) {
        const auto found = m_books.batchOutbox().find(link.batches.front());
        if (found != m_books.batchOutbox().end() &&
            !link.connection->send(batchMessage(static_cast<uint64_t>(found->first), *found->second.body))) {
            return;
        }
        link.batches.pop_front();
    }
}

void AccountingServer::Engine::acknowledged(Link& link, const BatchAck& ack) {
    const auto found = m_books.batchOutbox().find(static_cast<int64_t>(ack.sequence));
    if (found == m_books.batchOutbox().end() || found->second.neighbour != link.party) return;
    // As long as one of them may yet be taken, the whole message is sent again and counts then.
    for (const BatchAckEntry& entry : ack.entries) {
        if (entry.result == AckResult::FromTheFuture) return link.laterBatches.push_back(found->first);
    }
    Reader reader(*found->second.body);
    const ConfirmationBatch batch = readBatchBody(reader);
    const SystemTime now = m_clock.now();
    Sum owed;
    Sum refused;
    AckResult why = AckResult::Accepted;
    auto exception = ack.entries.begin();
    for (size_t i = 0; i < batch.entries.size(); ++i) {
        AckResult result = AckResult::Accepted;
        if (exception != ack.entries.end() && exception->index == i) result = (exception++)->result;
        Sum& sum = isAccepted(result) ? owed : refused;
        if (!isAccepted(result)) why = result;
        const Money amount = batch.entries[i].confirmation.amount;
        sum.total = checkedAdd(sum.total, amount).value_or(Money::max());
        sum.largest = std::max(sum.largest, amount);
        ++sum.count;
        if (!isAccepted(result) || batch.countersign) continue;
        m_books.bill(link.config.isp, BillItem::Confirmations, true, amount, batch.entries[i].confirmation.time, now);
    }
    // For its own service a neighbour owes us nothing.
    if (!batch.countersign) {
        m_books.addAll(SumKind::OwedBy, link.config.isp, owed, now);
        m_books.addAll(SumKind::RefusedBy, link.config.isp, refused, now);
    }
    if (refused.count > 0) {
        m_books.alarm(AlarmKind::Refused, link.name(),
                      "it refused " + std::to_string(refused.count) + " confirmations: " + std::string(describe(why)),
                      now);
    }
    m_books.unqueueBatch(found->first);
}

// --- who takes batches

void AccountingServer::Engine::heard(Link& link, const BatchAbility& ability) {
    if (!m_config.batchSignatures) return;
    const bool before = m_reach.takes(link.config.isp);
    if (m_reach.heard(link.config.isp, ability)) tellReach();
    if (before || !m_reach.takes(link.config.isp)) return;
    link.batches.clear();
    for (const auto& [number, batch] : m_books.batchOutbox()) {
        if (batch.neighbour == link.party) link.batches.push_back(number);
    }
    pumpBatches(link);
}

// Those who connected to us learn what they may send here. An older version does not listen to that.
void AccountingServer::Engine::tellReach() {
    for (const PeerPtr& peer : std::set(m_peers)) {
        if (peer->kind == PeerKind::Neighbour) tellReach(peer);
    }
}

void AccountingServer::Engine::tellReach(const PeerPtr& peer) {
    if (!m_config.batchSignatures || !m_config.siblings.empty()) return;
    BatchAbility ability = m_reach.toTell(peer->isp);
    if (peer->told == ability.isps) return;
    send(peer, ability);
    peer->told = std::move(ability.isps);
}

}  // namespace netpas::accounting
