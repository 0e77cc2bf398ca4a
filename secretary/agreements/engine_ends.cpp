// Counts, and how agreements end.
#include <algorithm>
#include <limits>

#include "core/crypto/hex.h"
#include "secretary/agreements/engine.h"

namespace netpas::secretary::agreements {

using namespace agreement;

namespace {

// What may still be on the link, or behind the last reading, when a count is compared with what was sent. As much, and a part of it all, may be counted
// and never was sent: headers of fragments that the sender's kernel made after it had counted.
constexpr uint64_t underWay = 65'536;
// A count that comes later than this was made from counters that were read after this node's own began anew.
constexpr std::chrono::seconds readSince{3};

uint64_t plus(uint64_t a, uint64_t b) { return a + std::min(b, std::numeric_limits<uint64_t>::max() - a); }

Money moreCharged(Money charged, Money before, Money now) {
    const Money more = checkedSub(now, before).value_or(Money::zero());
    return checkedAdd(charged, std::max(more, Money::zero())).value_or(Money::max());
}

}  // namespace

void Engine::charge(Agreement& one, uint64_t bytes, uint64_t packets) {
    const Money before = one.charge();
    one.bytes = bytes;
    one.packets = packets;
    Pair& pair = pairOf(one.peer());
    Account& account = one.buying ? pair.mine : pair.theirs;
    account.charged = moreCharged(account.charged, before, one.charge());
}

// As the receiving end.
void Engine::makeCount(Agreement& one, bool final) {
    charge(one, one.arrivedBytes, one.arrivedPackets);
    ++one.number;
    one.final = final;
    (void)keep({&one}, &pairOf(one.peer()));
}

void Engine::sayCount(const Agreement& one) {
    if (m_broken) return;
    say(one, Count{one.terms.id, one.number, one.packets, one.bytes, one.final});
}

void Engine::sayEnd(const Agreement& one) {
    // That the other end was lost is no reason for the other end.
    const EndReason why = one.why.value_or(EndReason::Wish);
    say(one, End{one.terms.id, why == EndReason::Lost ? EndReason::Withdrawn : why});
}

bool Engine::take(Agreement& one, const Count& count) {
    Pair& pair = pairOf(one.peer());
    const uint64_t more = count.bytes > one.bytes ? count.bytes - one.bytes : 0;
    // How much of this was sent while nobody counted is not known: all of it may have been. What is on its way now is not in the count either.
    // What passed before this node counted again may be missing in the first counts, which were made earlier.
    if (one.gap) {
        pair.unseen = plus(pair.unseen, more);
        one.gap = !count.final && m_ports.clock.steady() - m_gapSince[pair.peer] < readSince;
    }
    const uint64_t known = plus(pair.out.sent, pair.unseen);
    const uint64_t sentMore = known - std::min(known, pair.out.agreed);
    const uint64_t taken = std::min(more, sentMore);
    pair.out.agreed += taken;
    charge(one, one.bytes + taken, std::max(one.packets, count.packets));
    one.number = count.number;
    return more - taken <= underWay + count.bytes / 64;
}

tl::expected<void, Ignored> Engine::onCount(Agreement& one, const Count& count) {
    if (!one.sends()) return tl::unexpected(Ignored::Stranger);
    if (one.state == State::Ended) {
        // A seller that goes on has not heard of the end.
        if (!count.final) {
            sayEnd(one);
            return tl::unexpected(Ignored::Stale);
        }
        const bool late = one.why == EndReason::Lost && count.number > one.number;
        if (late) {
            (void)take(one, count);
            if (!keep({&one}, &pairOf(one.peer()))) return tl::unexpected(Ignored::Storage);
        }
        say(one, Ended{one.terms.id, count.number});
        if (!late) return tl::unexpected(Ignored::Stale);
        return {};
    }
    // The answer to an offer was lost: it comes again.
    if (one.state == State::Offered || count.number <= one.number) return tl::unexpected(Ignored::Stale);
    const bool agreed = take(one, count);
    // A buyer that receives may not call lost what was not.
    const Pair& pair = pairOf(one.peer());
    Going& at = going(one);
    const uint64_t least = (at.sentThen - at.sentFrom) / allowanceWhole * (allowanceWhole - one.terms.allowance1024ths);
    const bool tooLittle = !one.buying && pair.out.agreed - at.agreedFrom + underWay < least;
    at.sentThen = pair.out.sent;
    if (count.final) {
        if (!agreed) one.why = EndReason::Disagreement;
        one.why = one.why.value_or(EndReason::Wish);
        finished(one);
        if (!m_broken) say(one, Ended{one.terms.id, count.number});
        return {};
    }
    if (!keep({&one}, &pair)) return tl::unexpected(Ignored::Storage);
    if (!agreed || tooLittle) startEnding(one, EndReason::Disagreement);
    return {};
}

// The neighbour is there again.
void Engine::remind(const PublicKey& peer) {
    constexpr size_t most = 8;
    size_t said = 0;
    for (auto& [id, one] : m_agreements) {
        if (one.state != State::Ended || one.why != EndReason::Lost || !one.final || one.peer() != peer) continue;
        if (++said > most) return;
        one.state = State::Ending;
        begin(one, {m_ports.clock.steady() + m_options.endPatience, {}, {}});
    }
}

void Engine::closing(Agreement& one, EndReason reason) {
    if (!one.running()) return;
    one.state = State::Ending;
    one.why = reason;
    if (!one.sends()) {
        charge(one, one.arrivedBytes, one.arrivedPackets);
        ++one.number;
        one.final = true;
    }
    Going& at = going(one);
    at.until = m_ports.clock.steady() + m_options.endPatience;
    at.nextSay = m_ports.clock.steady() + m_options.repeatEvery;
}

void Engine::startEnding(Agreement& one, EndReason reason) {
    if (!one.running()) return;
    closing(one, reason);
    if (!keep({&one}, &pairOf(one.peer()))) return;
    sayEnd(one);
    if (one.final) sayCount(one);
}

bool Engine::end(const AgreementId& id, EndReason reason) {
    const auto at = m_agreements.find(id);
    if (at == m_agreements.end() || at->second.state == State::Ended) return false;
    startEnding(at->second, reason);
    return true;
}

tl::expected<void, Ignored> Engine::onEnd(Agreement& one, const End& end) {
    if (one.state == State::Ended || one.state == State::Ending) {
        // What the other end waits for was lost.
        if (one.final && !one.sends()) sayCount(one);
        if (one.state == State::Ended && one.sends()) say(one, Ended{one.terms.id, one.number});
        return tl::unexpected(Ignored::Stale);
    }
    closing(one, end.reason);
    if (!keep({&one}, &pairOf(one.peer()))) return tl::unexpected(Ignored::Storage);
    if (one.final) sayCount(one);
    return {};
}

tl::expected<void, Ignored> Engine::onEnded(Agreement& one, const Ended& ended) {
    if (one.sends()) return tl::unexpected(Ignored::Stranger);
    if (one.state != State::Ending || ended.number < one.number) return tl::unexpected(Ignored::Stale);
    finished(one);
    return {};
}

void Engine::finished(Agreement& one) {
    one.state = State::Ended;
    if (keep({&one}, &pairOf(one.peer()))) endGoing(one);
}

bool Engine::forgetOldest() {
    if (m_broken || m_agreements.size() <= m_going.size() + m_options.maxRemembered) return false;
    const Agreement* oldest = nullptr;
    for (const auto& [id, one] : m_agreements) {
        const auto& paying = pairOf(one.peer()).paying;
        if (one.state != State::Ended || (paying && paying->agreement == id)) continue;
        if (oldest == nullptr || one.since < oldest->since) oldest = &one;
    }
    if (oldest == nullptr) return false;
    const PublicKey peer = oldest->peer();
    m_broken = !m_ports.documents.erase("agreement", toHex(oldest->terms.id)).has_value();
    m_agreements.erase(AgreementId(oldest->terms.id));
    // Names cost nothing: a pair that never had to do with money goes with its last agreement.
    const Pair& pair = m_pairs.at(peer);
    const bool needed = pair.mine != Account{} || pair.theirs != Account{} || pair.paying ||
                        std::any_of(m_agreements.begin(), m_agreements.end(),
                                    [&](const auto& one) { return one.second.peer() == peer; });
    if (needed || m_broken) return !m_broken;
    m_broken = !m_ports.documents.erase("neighbour", peer.hex()).has_value();
    m_pairs.erase(peer);
    m_paying.erase(peer);
    m_gapSince.erase(peer);
    m_secrets.erase(peer);
    return !m_broken;
}

}  // namespace netpas::secretary::agreements
