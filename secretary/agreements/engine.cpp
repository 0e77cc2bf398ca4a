#include "secretary/agreements/engine.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "core/crypto/hex.h"

namespace netpas::secretary::agreements {

using namespace agreement;

namespace {

constexpr const char* agreementKind = "agreement";
constexpr const char* pairKind = "neighbour";

store::Document documentOf(const Agreement& one) { return {agreementKind, toHex(one.terms.id), encode(one)}; }
store::Document documentOf(const Pair& pair) { return {pairKind, pair.peer.hex(), encode(pair)}; }

constexpr std::initializer_list<uint64_t MeterMark::*> counters{
    &MeterMark::sent, &MeterMark::arrived, &MeterMark::taken, &MeterMark::arrivedPackets, &MeterMark::takenPackets};

}  // namespace

std::string_view describe(Ignored why) {
    switch (why) {
    case Ignored::Malformed: return "it cannot be read";
    case Ignored::Forged: return "its signature is not the neighbour's";
    case Ignored::Stranger: return "it is of no agreement with this neighbour";
    case Ignored::Stale: return "it says nothing new";
    case Ignored::Storage: return "the books cannot be written; nothing is agreed or paid any more";
    }
    return {};
}

tl::expected<Engine, store::StoreError> Engine::open(Ports ports, EngineOptions options) {
    Engine engine(std::move(ports), options);
    if (auto loaded = engine.load(); !loaded) return tl::unexpected(loaded.error());
    return engine;
}

tl::expected<void, store::StoreError> Engine::load() {
    const auto pairs = m_ports.documents.all(pairKind);
    if (!pairs) return tl::unexpected(pairs.error());
    const SteadyTime now = m_ports.clock.steady();
    for (const store::Document& document : *pairs) {
        const auto pair = decodePair(document.body);
        if (!pair || pair->peer.hex() != document.id) return tl::unexpected(store::StoreError::Damaged);
        m_pairs.emplace(pair->peer, *pair);
        m_seen[pair->peer].last = pair->mark;
        m_gapSince[pair->peer] = now;
    }
    if (!m_pairs.empty()) m_takesOffers = now + m_options.repeatEvery / 2;
    const auto agreements = m_ports.documents.all(agreementKind);
    if (!agreements) return tl::unexpected(agreements.error());
    for (const store::Document& document : *agreements) {
        const auto one = decodeAgreement(document.body);
        if (!one || toHex(one->terms.id) != document.id || !m_pairs.contains(one->peer()))
            return tl::unexpected(store::StoreError::Damaged);
        m_agreements.emplace(one->terms.id, *one);
        if (one->state == State::Ended) continue;
        // A clock that was put back cannot make it longer than it was.
        std::chrono::nanoseconds left = m_options.endPatience;
        if (one->state == State::Offered) left = m_options.offerPatience;
        if (one->state == State::Active)
            left = std::clamp<std::chrono::nanoseconds>(one->since + one->terms.lifetime - m_ports.clock.now(),
                                                        std::chrono::nanoseconds(0), one->terms.lifetime);
        begin(*one, {now + left, {}, {}});
    }
    return {};
}

bool Engine::keep(std::initializer_list<const Agreement*> agreements, const Pair* pair) {
    if (m_broken) return false;
    std::vector<store::DocumentChange> changes;
    for (const Agreement* one : agreements) {
        if (one != nullptr) changes.push_back({documentOf(*one), false});
    }
    if (pair != nullptr) {
        changes.push_back({documentOf(*pair), false});
        // The mark says that what has arrived was counted.
        for (const AgreementId& id : with(pair->peer)) {
            const Agreement& other = m_agreements.at(id);
            if (other.sends() || other.state != State::Active) continue;
            if (std::find(agreements.begin(), agreements.end(), &other) == agreements.end())
                changes.push_back({documentOf(other), false});
        }
    }
    m_broken = !m_ports.documents.apply(changes).has_value();
    return !m_broken;
}

void Engine::sayTo(const PublicKey& to, const Message& message) { m_ports.send(to, sign(message, m_ports.me)); }
void Engine::say(const Agreement& one, const Message& message) { sayTo(one.peer(), message); }

Pair& Engine::pairOf(const PublicKey& peer) {
    const auto [at, isNew] = m_pairs.try_emplace(peer);
    if (isNew) {
        at->second.peer = peer;
        if (const auto seen = m_seen.find(peer); seen != m_seen.end()) at->second.mark = seen->second.last;
    }
    return at->second;
}

std::chrono::nanoseconds Engine::left(const AgreementId& id) const {
    const auto one = m_agreements.find(id);
    const auto going = m_going.find(id);
    if (one == m_agreements.end() || going == m_going.end() || one->second.state != State::Active) return {};
    return std::max(going->second.until - m_ports.clock.steady(), std::chrono::nanoseconds(0));
}

const std::set<AgreementId>& Engine::with(const PublicKey& peer) const {
    static const std::set<AgreementId> none;
    const auto at = m_with.find(peer);
    return at == m_with.end() ? none : at->second;
}

void Engine::endGoing(const Agreement& one) {
    m_going.erase(one.terms.id);
    const auto at = m_with.find(one.peer());
    if (at == m_with.end()) return;
    at->second.erase(one.terms.id);
    if (at->second.empty()) m_with.erase(at);
}

Engine::Going& Engine::going(const Agreement& one) { return m_going[one.terms.id]; }

void Engine::begin(const Agreement& one, Going how) {
    const FlowBook& out = pairOf(one.peer()).out;
    how.sentThen = how.sentFrom = out.sent;
    how.agreedFrom = out.agreed;
    m_with[one.peer()].insert(one.terms.id);
    m_going[one.terms.id] = how;
}

Agreement* Engine::find(const AgreementId& id, const PublicKey& peer) {
    const auto at = m_agreements.find(id);
    return at != m_agreements.end() && at->second.peer() == peer ? &at->second : nullptr;
}

const Agreement* Engine::covering(const PublicKey& peer, bool sends) const {
    const Agreement* found = nullptr;
    for (const AgreementId& id : with(peer)) {
        const Agreement& one = m_agreements.at(id);
        if (one.sends() != sends) continue;
        // The running one before what only waits for its final count.
        if (found == nullptr || (one.running() && !found->running())) found = &one;
    }
    return found;
}
Agreement* Engine::covering(const PublicKey& peer, bool sends) {
    return const_cast<Agreement*>(std::as_const(*this).covering(peer, sends));
}

Agreement* Engine::activeWith(const PublicKey& peer, Direction direction, bool buying) {
    for (const AgreementId& id : with(peer)) {
        Agreement& one = m_agreements.at(id);
        if (one.buying == buying && one.terms.direction == direction && one.state == State::Active) return &one;
    }
    return nullptr;
}

std::optional<AgreementId> Engine::offer(const PublicKey& seller, const Wish& wish) {
    if (m_broken || m_going.size() >= m_options.maxAgreements) return std::nullopt;
    Agreement one;
    one.terms = {
        newAgreementId(), m_ports.me.publicKey(), seller,        wish.direction, wish.perKb,           wish.limit,
        wish.payAt,       wish.closeAt,           wish.lifetime, wish.interval,  wish.allowance1024ths};
    one.buying = true;
    one.since = m_ports.clock.now();
    if (!check(one.terms)) return std::nullopt;
    // The other direction's agreement has these packets already.
    const Agreement* const same = covering(seller, one.sends());
    if (same != nullptr && same->running() && same->terms.direction != wish.direction) return std::nullopt;
    if (!keep({&one}, &pairOf(seller))) return std::nullopt;
    const SteadyTime now = m_ports.clock.steady();
    begin(one, {now + m_options.offerPatience, now + m_options.repeatEvery, {}});
    const Agreement& kept = m_agreements.emplace(one.terms.id, one).first->second;
    say(kept, Offer{kept.terms});
    return kept.terms.id;
}

void Engine::meter(const PublicKey& neighbour, const Reading& reading) {
    MeterMark reached{reading.run,          reading.sent, reading.arrived, reading.taken, reading.arrivedPackets,
                      reading.takenPackets, reading.place};
    constexpr size_t mostSeen = 4096, mostPlaces = 16;
    if (m_seen.size() >= mostSeen && !m_seen.contains(neighbour))
        std::erase_if(m_seen, [this](const auto& one) { return !m_pairs.contains(one.first); });
    Seen& seen = m_seen[neighbour];
    const MeterMark last = seen.last;
    if (last.run != reached.run || seen.places.size() >= mostPlaces) seen.places.clear();
    // What the counters of this place stood at. Of a place that is new in a run all is new, unless an earlier engine may have seen it.
    MeterMark before;
    before.run = reached.run;
    if (last.run == reached.run && last.place == reached.place) {
        before = last;
    } else if (const auto place = seen.places.find(reached.place); place != seen.places.end()) {
        before = place->second;
    } else if (last.run == reached.run && !seen.places.contains(last.place)) {
        before = reached;
    }
    // They only grow.
    for (const auto counter : counters) reached.*counter = std::max(reached.*counter, before.*counter);
    seen.last = seen.places[reached.place] = reached;
    const auto at = m_pairs.find(neighbour);
    if (at == m_pairs.end()) return;
    Pair& pair = at->second;
    const uint64_t run = std::exchange(pair.mark, reached).run;
    if (run == 0) return;  // from here on
    if (run != reached.run) m_gapSince[neighbour] = m_ports.clock.steady();
    if (covering(neighbour, true) != nullptr) pair.out.sent += reached.sent - before.sent;
    for (const AgreementId& id : with(neighbour)) {
        Agreement& one = m_agreements.at(id);
        if (one.sends() && run != reached.run) one.gap = true;
        if (one.sends() || one.state != State::Active) continue;
        one.arrivedBytes += one.buying ? reached.arrived - before.arrived : reached.taken - before.taken;
        one.arrivedPackets +=
            one.buying ? reached.arrivedPackets - before.arrivedPackets : reached.takenPackets - before.takenPackets;
    }
}

tl::expected<void, Ignored> Engine::receive(const PublicKey& from, ByteView datagram) {
    if (m_broken) return tl::unexpected(Ignored::Storage);
    const auto message = decodeMessage(datagram);
    if (!message) return tl::unexpected(Ignored::Malformed);
    if (!verifyMessage(datagram, *message, from)) return tl::unexpected(Ignored::Forged);
    if (const auto* offer = std::get_if<Offer>(&*message)) return onOffer(from, *offer);
    Agreement* const one = find(idOf(*message), from);
    if (one == nullptr) {
        // It would repeat itself for long. A refusal is never answered.
        if (!std::holds_alternative<Refuse>(*message)) turnDown(from, idOf(*message), RefuseReason::Unknown);
        return tl::unexpected(Ignored::Stranger);
    }
    if (const auto* accept = std::get_if<Accept>(&*message)) return onAccept(*one, *accept);
    if (const auto* refuse = std::get_if<Refuse>(&*message)) return onRefuse(*one, *refuse);
    if (const auto* count = std::get_if<Count>(&*message)) return onCount(*one, *count);
    if (const auto* paying = std::get_if<agreement::Paying>(&*message)) return onPaying(*one, *paying);
    if (const auto* end = std::get_if<End>(&*message)) return onEnd(*one, *end);
    return onEnded(*one, std::get<Ended>(*message));
}

std::optional<RefuseReason> Engine::objection(const PublicKey& from, const Terms& terms) {
    if (terms.seller != m_ports.me.publicKey() || terms.buyer != from) return RefuseReason::Terms;
    const bool sends = terms.direction == Direction::Downstream;
    const Agreement* const same = covering(from, sends);
    if (same != nullptr && same->running() && same->terms.direction != terms.direction) return RefuseReason::FlowSold;
    const auto ofOne = std::count_if(with(from).begin(), with(from).end(), [&](const AgreementId& id) {
        const Agreement& one = m_agreements.at(id);
        return !one.buying && one.terms.direction == terms.direction;
    });
    if (m_going.size() >= m_options.maxAgreements || static_cast<size_t>(ofOne) >= m_options.maxOfOne)
        return RefuseReason::TooMany;
    if (const auto at = m_pairs.find(from); at != m_pairs.end() && exposure(at->second) > terms.closeAt)
        return RefuseReason::Owing;
    return m_ports.judge(terms);
}

void Engine::turnDown(const PublicKey& to, const AgreementId& id, RefuseReason why) {
    constexpr size_t most = 1024;
    const SteadyTime now = m_ports.clock.steady();
    std::erase_if(m_turnedDown, [now](const auto& one) { return one.second <= now; });
    if (m_turnedDown.size() < most) m_turnedDown[id] = now + m_options.endPatience;
    sayTo(to, Refuse{id, why});
}

tl::expected<void, Ignored> Engine::onOffer(const PublicKey& from, const Offer& offer) {
    const AgreementId& id = offer.terms.id;
    if (const auto at = m_agreements.find(id); at != m_agreements.end()) {
        const Agreement& known = at->second;
        if (known.terms != offer.terms || known.buying) return tl::unexpected(Ignored::Stranger);
        if (known.state == State::Active) say(known, Accept{id, hashOf(known.terms)});
        return tl::unexpected(Ignored::Stale);
    }
    // What this node has turned down it does not know any more after a start, and such an offer may still be on its way. One that stands is repeated.
    if (m_ports.clock.steady() < m_takesOffers) return tl::unexpected(Ignored::Stale);
    const auto why = m_turnedDown.contains(id) ? std::optional(RefuseReason::Unknown) : objection(from, offer.terms);
    if (why) {
        turnDown(from, id, *why);
        return {};
    }
    Agreement one;
    one.terms = offer.terms;
    one.state = State::Active;
    one.since = m_ports.clock.now();
    Agreement* const before = activeWith(from, one.terms.direction, false);
    if (before != nullptr) closing(*before, EndReason::Replaced);
    if (!keep({&one, before}, &pairOf(from))) return tl::unexpected(Ignored::Storage);
    const SteadyTime now = m_ports.clock.steady();
    begin(one, {now + one.terms.lifetime, {}, now + one.terms.interval});
    m_agreements.emplace(id, one);
    say(one, Accept{id, hashOf(one.terms)});
    if (before != nullptr && before->final) sayCount(*before);
    remind(from);
    return {};
}

tl::expected<void, Ignored> Engine::onAccept(Agreement& one, const Accept& accept) {
    if (!one.buying || accept.terms != hashOf(one.terms)) return tl::unexpected(Ignored::Stranger);
    if (one.state != State::Offered) {
        // Withdrawn meanwhile, and the seller does not know.
        if (one.state == State::Ended) sayEnd(one);
        return tl::unexpected(Ignored::Stale);
    }
    Agreement* const before = activeWith(one.peer(), one.terms.direction, true);
    if (before != nullptr) closing(*before, EndReason::Replaced);
    one.state = State::Active;
    one.since = m_ports.clock.now();
    if (!keep({&one, before}, &pairOf(one.peer()))) return tl::unexpected(Ignored::Storage);
    const SteadyTime now = m_ports.clock.steady();
    going(one).until = now + one.terms.lifetime;
    going(one).nextCount = now + one.terms.interval;
    if (before != nullptr && before->final) sayCount(*before);
    remind(one.peer());
    return {};
}

tl::expected<void, Ignored> Engine::onRefuse(Agreement& one, const Refuse& refuse) {
    // The seller does not want it, or the other end does not know it (any more).
    if (one.state == State::Ended) return tl::unexpected(Ignored::Stale);
    const bool offered = one.state == State::Offered;
    if (!offered && refuse.reason != RefuseReason::Unknown) return tl::unexpected(Ignored::Stale);
    if (offered) one.refused = refuse.reason;
    one.why = one.why.value_or(offered ? EndReason::Withdrawn : EndReason::Lost);
    // Its buyer will agree to no count any more; what is known here is owed all the same.
    if (!one.buying && !one.sends()) charge(one, one.arrivedBytes, one.arrivedPackets);
    if (!one.buying && one.sends()) {
        const uint64_t since = pairOf(one.peer()).out.sent - std::min(pairOf(one.peer()).out.sent, going(one).sentThen);
        charge(one, one.bytes + since / allowanceWhole * (allowanceWhole - one.terms.allowance1024ths), one.packets);
    }
    finished(one);
    return {};
}

void Engine::run() {
    if (m_broken) return;
    const SteadyTime now = m_ports.clock.steady();
    std::vector<AgreementId> all;
    for (const auto& [id, going] : m_going) all.push_back(id);
    for (const AgreementId& id : all) {
        if (!m_going.contains(id) || m_broken) continue;
        Agreement& one = m_agreements.at(id);
        Going& at = going(one);
        switch (one.state) {
        case State::Offered:
            if (now >= at.until) {
                startEnding(one, EndReason::Withdrawn);
            } else if (now >= at.nextSay) {
                at.nextSay = now + m_options.repeatEvery;
                say(one, Offer{one.terms});
            }
            break;
        case State::Active:
            if (now >= at.until) {
                startEnding(one, EndReason::Expired);
            } else if (chargeFor(one.sends() ? one.bytes : one.arrivedBytes, one.terms.perKb, one.terms.limit) >=
                       one.terms.limit) {
                startEnding(one, EndReason::Limit);
            } else if (!one.sends() && now >= at.nextCount) {
                at.nextCount = now + one.terms.interval;
                if (one.arrivedBytes != one.bytes) makeCount(one, false);
                if (!m_broken && one.number > 0) sayCount(one);
            }
            break;
        case State::Ending:
            if (now >= at.until) {
                one.why = EndReason::Lost;
                finished(one);
            } else if (now >= at.nextSay) {
                at.nextSay = now + m_options.repeatEvery;
                sayEnd(one);
                if (one.final) sayCount(one);
            }
            break;
        case State::Ended: endGoing(one); break;
        }
    }
    for (auto& [peer, pair] : m_pairs) {
        if (m_broken) return;
        settle(pair);
    }
    for (int i = 0; i < 64 && forgetOldest(); ++i) {
    }
}

}  // namespace netpas::secretary::agreements
