// Payments, and what a neighbour may have forwarded on credit.
#include <algorithm>

#include "secretary/agreements/engine.h"

namespace netpas::secretary::agreements {

using namespace agreement;

namespace {

// Payments that came to nothing use up a number each; a seller looks so many ahead.
constexpr uint32_t numbersAhead = 64;
constexpr int longestPause = 512;

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

}  // namespace

Money Engine::exposure(const Pair& pair) const {
    Account theirs = pair.theirs;
    for (const AgreementId& id : with(pair.peer)) {
        const Agreement& one = m_agreements.at(id);
        if (one.buying || one.final) continue;
        // What came after the last count: as the receiving end this node knows it, as the sending end it is what was sent since.
        const uint64_t bytes = one.sends()
                                   ? one.bytes + (pair.out.sent - std::min(pair.out.sent, m_going.at(id).sentThen))
                                   : one.arrivedBytes;
        const Money charge = chargeFor(bytes, one.terms.perKb, one.terms.limit);
        theirs.charged = plus(theirs.charged, checkedSub(charge, one.charge()).value_or(Money::zero()));
        if (one.sends() && one.running()) break;  // what was sent is owed once
    }
    return due(theirs, pair.mine);
}

Standing Engine::standing(const PublicKey& neighbour) const {
    Standing standing;
    const auto at = m_pairs.find(neighbour);
    if (at == m_pairs.end() || m_broken) return standing;
    standing.exposure = exposure(at->second);
    const auto paying = m_paying.find(neighbour);
    Money promised;
    if (paying != m_paying.end() && m_ports.clock.steady() < paying->second.heldUntil)
        promised = paying->second.promised;
    for (const AgreementId& id : with(neighbour)) {
        const Agreement& one = m_agreements.at(id);
        if (one.buying || one.state != State::Active) continue;
        if (standing.exposure > one.terms.closeAt) {
            if (checkedSub(standing.exposure, promised).value_or(Money::max()) > one.terms.closeAt) continue;
            standing.held = true;
        }
        (one.terms.direction == Direction::Upstream ? standing.paysUpstream : standing.paysDownstream) = true;
    }
    return standing;
}

void Engine::settle(Pair& pair) {
    const SteadyTime now = m_ports.clock.steady();
    Paying& at = m_paying[pair.peer];
    if (pair.paying) {
        if (!at.ordered) order(pair);
        if (pair.paying && now >= at.nextSay) sayPaying(pair);
        return;
    }
    const Money amount = due(pair.mine, pair.theirs);
    if (amount <= Money::zero() || now < at.again) return;
    Money threshold = m_options.smallest;
    for (const AgreementId& id : with(pair.peer)) {
        const Agreement& one = m_agreements.at(id);
        if (one.buying && one.number > 0 && one.state == State::Active)
            threshold = std::max(threshold, one.terms.payAt);
    }
    if (amount < threshold) return;
    // All that are remembered are looked at only when there is something to pay.
    Agreement* newest = nullptr;
    for (auto& [id, one] : m_agreements) {
        if (!one.buying || one.number == 0 || one.peer() != pair.peer) continue;
        if (newest == nullptr || one.since >= newest->since) newest = &one;
    }
    if (newest == nullptr) return;
    pair.paying = Settlement{newest->terms.id, ++newest->payments, amount};
    if (!keep({newest}, &pair)) return;
    order(pair);
    if (pair.paying) sayPaying(pair);
}

void Engine::order(const Pair& pair) {
    m_paying[pair.peer].ordered = true;
    const Settlement& paying = *pair.paying;
    m_ports.pay({paymentOf(pair.peer, paying.agreement, paying.number), pair.peer, paying.amount, paying.agreement});
}

payments::PaymentId Engine::paymentOf(const PublicKey& peer, const AgreementId& id, uint32_t number) {
    const auto [at, isNew] = m_secrets.try_emplace(peer);
    // Every key that has signed something is one that has a secret.
    if (isNew) at->second = sharedSecret(m_ports.me, peer).value_or(SharedSecret{});
    return paymentId(at->second, id, number);
}

void Engine::sayPaying(const Pair& pair) {
    m_paying[pair.peer].nextSay = m_ports.clock.steady() + m_options.repeatEvery;
    const Settlement& paying = *pair.paying;
    sayTo(pair.peer, agreement::Paying{paying.agreement, paying.number, paying.amount});
}

void Engine::paymentEnded(const payments::PaymentId& id, bool posted) {
    for (auto& [peer, pair] : m_pairs) {
        if (!pair.paying || paymentOf(peer, pair.paying->agreement, pair.paying->number) != id) continue;
        if (posted) pair.mine.paid = plus(pair.mine.paid, pair.paying->amount);
        pair.paying.reset();
        if (!keep({}, &pair)) return;
        Paying& at = m_paying[peer];
        at.ordered = false;
        at.nextSay = {};
        at.pause = posted ? std::chrono::milliseconds(0)
                          : std::clamp(at.pause * 2, m_options.payAgainAfter, m_options.payAgainAfter * longestPause);
        at.again = m_ports.clock.steady() + at.pause;
        return;
    }
}

tl::expected<bool, Ignored> Engine::paymentReceived(const payments::PaymentId& id, Money amount) {
    if (amount <= Money::zero()) return false;
    // Most often it is the next one of somebody.
    for (auto& [agreementId, one] : m_agreements) {
        if (!one.buying && paymentOf(one.peer(), agreementId, one.payments + 1) == id)
            return receivedUnder(one, one.payments + 1, amount);
    }
    for (auto& [agreementId, one] : m_agreements) {
        if (one.buying) continue;
        // From behind as well: the same payment may be told again.
        const uint32_t first = one.payments - std::min(one.payments, numbersAhead);
        for (uint32_t number = first + 1; number <= one.payments + numbersAhead; ++number) {
            if (paymentOf(one.peer(), agreementId, number) != id) continue;
            return receivedUnder(one, number, amount);
        }
    }
    return false;
}

tl::expected<bool, Ignored> Engine::receivedUnder(Agreement& one, uint32_t number, Money amount) {
    if (m_broken) return tl::unexpected(Ignored::Storage);
    if (number <= one.payments) return true;
    one.payments = number;
    Pair& pair = pairOf(one.peer());
    pair.theirs.paid = plus(pair.theirs.paid, amount);
    Money& promised = m_paying[pair.peer].promised;
    promised = std::max(Money::zero(), checkedSub(promised, amount).value_or(Money::zero()));
    if (!keep({&one}, &pair)) return tl::unexpected(Ignored::Storage);
    return true;
}

// A promise that was not kept is not followed by another one: first as much must arrive. It is worth no more than what is owed.
tl::expected<void, Ignored> Engine::onPaying(Agreement& one, const agreement::Paying& paying) {
    if (one.buying) return tl::unexpected(Ignored::Stranger);
    if (paying.number <= one.payments) return tl::unexpected(Ignored::Stale);
    Pair& pair = pairOf(one.peer());
    // So many of its payments have come to nothing. The last ones before this may still be on their way to here.
    if (paying.number - one.payments > numbersAhead / 2) {
        one.payments = paying.number - numbersAhead / 2;
        if (!keep({&one}, &pair)) return tl::unexpected(Ignored::Storage);
    }
    Paying& at = m_paying[one.peer()];
    const Money owed = exposure(pair);
    if (at.promised > Money::zero() || owed <= Money::zero()) return tl::unexpected(Ignored::Stale);
    at.promised = std::min(paying.amount, owed);
    at.heldUntil = m_ports.clock.steady() + m_options.heldFor;
    return {};
}

}  // namespace netpas::secretary::agreements
