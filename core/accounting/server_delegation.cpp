// Delegated confirmation (NetPaS §5.4): an ISP lets a customer confirm the ISP's service for packets to the customer's
// addresses, and transfers a share of what some classes earn. Both ends are here.
#include "core/accounting/server_engine.h"

namespace netpas::accounting {

namespace {

ServiceClass ownClass(const Confirmation& confirmation) { return confirmation.header.hops().back().service; }

}  // namespace

// --- at the ISP

AckResult AccountingServer::Engine::judgeDelegated(const Peer& peer, const CustomerConfig& customer,
                                                   const Confirmation& confirmation) {
    const auto enrolled = m_books.customers().find(customer.name);
    if (!customer.delegation || customer.delegation->counter == ExitPoint(0) || enrolled == m_books.customers().end() ||
        enrolled->second != peer.connection->peerKey()) {
        return AckResult::NotDelegated;
    }
    const auto path = pathOf(confirmation);
    if (!path || !path->selfConfirmed || confirmation.beneficiary != m_config.isp) return AckResult::WrongPath;
    if (path->confirming > 0 && !previousOf(confirmation)) return AckResult::WrongPath;
    const auto destination = destinationOf(confirmation.excerpt);
    const bool his = destination && std::any_of(customer.prefixes.begin(), customer.prefixes.end(),
                                                [&](const IpPrefix& prefix) { return prefix.contains(*destination); });
    if (!his) return AckResult::NotDelegated;
    if (confirmation.amount != m_config.threshold) return AckResult::WrongAmount;
    const bool canonical = confirmation.beneficiarySignature == Signature{};
    if (!canonical || !verify(enrolled->second, delegateMessage(confirmation), confirmation.confirmingSignature)) {
        return AckResult::BadSignature;
    }
    return checkTime(confirmation, false);
}

// Never more than our routers have delivered there: what comes before their reports have told is tried again.
bool AccountingServer::Engine::wasDelivered(const CustomerConfig& customer, const Confirmation& confirmation) {
    constexpr size_t most = 10'000;
    auto& held = m_heldDelegated[customer.name];
    const Money delivered = checkedAdd(m_books.ownAt(m_config.isp, customer.delegation->counter),
                                       m_books.sum(SumKind::AllowanceOwn, m_config.isp).total)
                                .value_or(Money::max());
    const Money taken = m_books.sum(PaymentSum::Delegated, {customer.name, {}}).total;
    const auto sum = checkedAdd(taken, confirmation.amount);
    if (sum && *sum <= delivered) {
        held.erase(confirmation.id);
        return true;
    }
    if (held.size() < most) held.insert(confirmation.id);
    return false;
}

// Who confirms our service to that address in our place.
const CustomerConfig* AccountingServer::Engine::delegateAt(const std::optional<IpAddress>& destination) const {
    if (!destination) return nullptr;
    for (const CustomerConfig& customer : m_config.customers) {
        // A router may have sampled what it delivered before the endpoint took part.
        if (!customer.delegation || customer.delegation->counter == ExitPoint(0) || customer.delegation->onRequest)
            continue;
        const bool his = std::any_of(customer.prefixes.begin(), customer.prefixes.end(),
                                     [&](const IpPrefix& prefix) { return prefix.contains(*destination); });
        if (his) return &customer;
    }
    return nullptr;
}

// A router that samples what a customer confirms would have it paid twice.
bool AccountingServer::Engine::isDelegated(const PeerPtr& peer, const EdgeSample& sample) {
    const CustomerConfig* customer = delegateAt(destinationOf(sample.excerpt));
    if (customer == nullptr) return false;
    ++m_count.refused;
    if (peer->requests.pass(m_clock.steady())) {
        m_books.alarm(AlarmKind::BadConfirmation, "router " + peer->router,
                      "it samples what customer " + customer->name +
                          " confirms; give its [[delivery]] to those addresses counter = " +
                          std::to_string(customer->delegation->counter.value()) + " and 'participate'",
                      m_clock.now());
    }
    return true;
}

// Upstream it is the ISP's own word; the customer's stays in the books.
void AccountingServer::Engine::handle(const PeerPtr& peer, const DelegatedConfirmation& message) {
    const SystemTime now = m_clock.now();
    const CustomerConfig* customer = customerConfig(peer->customer);
    Confirmation confirmation = message.confirmation;
    AckResult result = customer == nullptr ? AckResult::NotDelegated : judgeDelegated(*peer, *customer, confirmation);
    if (result == AckResult::Expired && m_books.logged(confirmation)) result = AckResult::Duplicate;
    if (result == AckResult::Accepted) result = resultOf(m_books.known(confirmation));
    if (result == AckResult::Accepted && !wasDelivered(*customer, confirmation)) result = AckResult::FromTheFuture;
    if (result == AckResult::Expired && customer != nullptr) m_heldDelegated[customer->name].erase(confirmation.id);
    if (result == AckResult::Duplicate) ++m_count.duplicates;
    if (!isAccepted(result)) {
        ++m_count.refused;
        if (peer->requests.pass(m_clock.steady()) && result != AckResult::FromTheFuture) {
            m_books.alarm(AlarmKind::BadConfirmation, "customer " + peer->customer,
                          "delegated confirmation refused: " + std::string(describe(result)), now);
        }
    }
    if (result != AckResult::Accepted) return acknowledge(peer, confirmation.id, result);

    const Party party{customer->name, {}};
    m_books.recordDelegate(confirmation, customer->name);
    confirmation.confirmingSignature = {};
    signAsConfirming(confirmation, m_identity);
    signAsBeneficiary(confirmation, m_identity);
    m_books.record(confirmation, Role::SelfMade, now);
    m_books.add(SumKind::ConfirmedOwn, m_config.isp, confirmation.amount, now);
    m_books.add(PaymentSum::Delegated, party, confirmation.amount, now);
    const Money share = shareOf(customer->delegation->shares, ownClass(confirmation), confirmation.amount);
    if (share > Money::zero()) m_books.add(PaymentSum::ShareTo, party, share, now);
    passUpstream(confirmation);
    acknowledge(peer, confirmation.id, AckResult::Accepted);
}

Watch::Observation AccountingServer::Engine::delegated(const CustomerConfig& customer) const {
    Watch::Observation seen;
    seen.counted = m_books.ownAt(m_config.isp, customer.delegation->counter);
    seen.confirmed = m_books.sum(PaymentSum::Delegated, {customer.name, {}}).total;
    // What it asked for counts: else nothing would ever be too much.
    const auto held = m_heldDelegated.find(customer.name);
    const auto asked = held == m_heldDelegated.end() ? 0 : static_cast<int64_t>(held->second.size());
    const auto waiting = checkedMul(m_config.threshold, asked);
    if (waiting) seen.confirmed = checkedAdd(seen.confirmed, *waiting).value_or(Money::max());
    seen.threshold = m_config.threshold;
    seen.samplers = std::max<size_t>(m_edges.size(), 1);
    seen.allowance = m_books.sum(SumKind::AllowanceOwn, m_config.isp).total;
    const SteadyTime now = m_clock.steady();
    for (const auto& [router, state] : m_edges) {
        if (!state.reported || now - state.lastReport > m_config.watch.grace / 2) seen.fresh = false;
    }
    seen.reachable = std::any_of(m_peers.begin(), m_peers.end(),
                                 [&](const PeerPtr& peer) { return peer->customer == customer.name; });
    return seen;
}

void AccountingServer::Engine::watchDelegated() {
    for (const CustomerConfig& customer : m_config.customers) {
        if (!customer.delegation || customer.delegation->counter == ExitPoint(0)) continue;
        Watch& watch = m_delegatedWatch.try_emplace(customer.name, m_config.watch).first->second;
        const Watch::Observation seen = delegated(customer);
        if (!watch.observe(Subject::Own, m_config.isp, seen, m_clock.steady())) continue;
        const WatchVerdict verdict = watch.verdict(Subject::Own, m_config.isp);
        if (verdict == WatchVerdict::Fits) continue;
        const Comparison comparison = watch.compare(Subject::Own, seen);
        m_books.alarm(verdict == WatchVerdict::TooMuch ? AlarmKind::TooMuchConfirmed : AlarmKind::TooLittleConfirmed,
                      "customer " + customer.name,
                      "delegated to it: counted " + comparison.counted.toString() + ", confirmed " +
                          comparison.confirmed.toString() + ", chance explains " + comparison.tolerance.toString(),
                      m_clock.now());
        if (verdict == WatchVerdict::TooLittle && customer.delegation->onRequest) withdraw(customer.name);
    }
}

// --- at the customer

void AccountingServer::Engine::confirmForProvider(const PeerPtr& peer, const EdgeSample& message) {
    Confirmation confirmation;
    confirmation.id = message.id;
    confirmation.time = m_clock.now();
    confirmation.confirming = m_config.isp;
    confirmation.beneficiary = message.beneficiary;
    confirmation.amount = message.amount;
    confirmation.header = message.header;
    confirmation.excerpt = message.excerpt;
    const auto path = pathOf(confirmation);
    if (!path || !path->selfConfirmed) return acknowledge(peer, message.id, AckResult::WrongPath);
    if (message.amount != m_config.threshold) return acknowledge(peer, message.id, AckResult::WrongAmount);
    if (m_books.knownSample(message.id)) {
        ++m_count.duplicates;
        return acknowledge(peer, message.id, AckResult::Duplicate);
    }
    const SystemTime now = m_clock.now();
    confirmation.confirmingSignature = m_identity.sign(delegateMessage(confirmation));
    m_books.record(confirmation, Role::Made, now);
    m_books.add(SumKind::MadeFor, m_config.isp, confirmation.amount, now);
    queueFor(*provider(), true, confirmation);
    acknowledge(peer, message.id, AckResult::Accepted);
}

void AccountingServer::Engine::providerTook(const OutboxEntry& entry, AckResult result) {
    const SystemTime now = m_clock.now();
    const Party party = *provider();
    if (isAccepted(result)) {
        m_books.add(PaymentSum::Delegated, party, entry.confirmation.amount, now);
        const Money share = shareOf(m_config.provider->shares, ownClass(entry.confirmation), entry.confirmation.amount);
        if (share > Money::zero()) m_books.add(PaymentSum::ShareFrom, party, share, now);
    } else {
        m_books.add(SumKind::RefusedBy, m_config.isp, entry.confirmation.amount, now);
        m_books.alarm(AlarmKind::Refused, party.text(),
                      "it refused a delegated confirmation: " + std::string(describe(result)), now);
    }
}

}  // namespace netpas::accounting
