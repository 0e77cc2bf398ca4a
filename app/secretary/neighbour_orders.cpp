// What the owner and users ask for, and what neighbours offer: settings, offers, answers, ends; and whose wish each agreement is.
#include <algorithm>
#include <utility>

#include "app/secretary/neighbour_desk.h"
#include "core/crypto/hex.h"

namespace netpas::secretaryd {

using agreement::Direction;
using agreement::RefuseReason;
using books::AgreementId;
using books::State;

namespace {

constexpr const char* originKind = "mesh-origin";
constexpr std::chrono::seconds askedFor{20};  // an offer that is not repeated is none any more
constexpr size_t mostAsked = 2 * NeighbourTable::most;
constexpr uint16_t mostAllowance = 102;
constexpr uint8_t offerKind = 2;

Bytes encode(const AgreementOrigin& origin) {
    Writer writer;
    writer.u8(1);
    writer.u32(origin.uid);
    writer.u8(static_cast<uint8_t>((origin.byPerson ? 1 : 0) | (origin.automatic ? 2 : 0)));
    return writer.take();
}

std::optional<AgreementOrigin> decodeOrigin(ByteView bytes) {
    Reader reader(bytes);
    if (reader.u8() != 1) return std::nullopt;
    AgreementOrigin origin;
    origin.uid = reader.u32();
    const uint8_t flags = reader.u8();
    origin.byPerson = (flags & 1) != 0;
    origin.automatic = (flags & 2) != 0;
    return reader.finished() && flags < 4 ? std::optional(origin) : std::nullopt;
}

ApiFailure local() {
    return {500, "LOCAL_FAILURE", "the books cannot be written", "free some disk space, then restart netpasd"};
}
ApiFailure conflict(std::string what, std::string hint) { return {409, "CONFLICT", std::move(what), std::move(hint)}; }

}  // namespace

// --- settings

tl::expected<void, store::StoreError> NeighbourDesk::set(const MeshSettings& settings) {
    if (auto kept = keepMeshSettings(m_ports.documents, settings); !kept) return kept;
    const bool sells = m_asking.upstream || m_asking.downstream;
    if (settings.asks != m_settings.asks) {
        if (!sells || settings.notice == std::chrono::seconds(0)) {
            m_asking = settings.asks;
            m_next.reset();
        } else {
            m_next = {m_ports.clock.steady() + settings.notice, settings.asks};
        }
        m_nextAdvert = {};
    }
    m_settings = settings;
    m_tries.clear();
    m_turnedDown.clear();
    return {};
}

// --- as the buyer

std::optional<Money> NeighbourDesk::priceOf(const KnownNeighbour& known, Direction direction) const {
    const agreement::Prices asks = known.asks(m_ports.clock.steady());
    return direction == Direction::Upstream ? asks.upstream : asks.downstream;
}

// Of what this node buys by itself.
Money NeighbourDesk::mostFor(Direction direction) const {
    const agreement::Prices& most = m_settings.most;
    return (direction == Direction::Upstream ? most.upstream : most.downstream).value_or(Money::zero());
}

// An agreement is paid for by whoever wished it: only the owner puts his own in the place of another's.
bool NeighbourDesk::mayReplace(const AgreementWish& wish) const {
    if (wish.origin.byPerson && !wish.origin.automatic) return true;
    const auto& with = m_engine->with(wish.neighbour);
    return std::all_of(with.begin(), with.end(), [&](const AgreementId& id) {
        const books::Agreement& one = m_engine->agreements().at(id);
        const bool same = one.buying && one.running() && one.terms.direction == wish.direction;
        return !same || originOf(id) == wish.origin;
    });
}

// Accepted later, what others have offered would take the place of this one.
void NeighbourDesk::withdrawOthers(const AgreementWish& wish, const AgreementId& mine) {
    std::vector<AgreementId> others;
    for (const AgreementId& id : m_engine->with(wish.neighbour)) {
        const books::Agreement& one = m_engine->agreements().at(id);
        const bool waits = one.buying && one.state == State::Offered && one.terms.direction == wish.direction;
        if (waits && id != mine && originOf(id) != wish.origin) others.push_back(id);
    }
    for (const AgreementId& id : others) (void)m_engine->end(id, agreement::EndReason::Withdrawn);
}

std::optional<AgreementId> NeighbourDesk::make(const AgreementWish& wish, const KnownNeighbour& known) {
    // What was chosen a while ago may not be sold any more, or be dearer.
    const auto price = priceOf(known, wish.direction);
    if (!price || (wish.origin.automatic && *price > mostFor(wish.direction)) || !mayReplace(wish)) return std::nullopt;
    books::Wish terms;
    terms.direction = wish.direction;
    terms.perKb = *price;
    terms.limit = wish.limit.value_or(m_settings.limit);
    // A small limit has small thresholds.
    terms.closeAt = std::min(m_settings.closeAt, terms.limit);
    terms.payAt = std::min(m_settings.payAt, Money::fromEighths(terms.closeAt.eighths() / 2));
    terms.lifetime = wish.lifetime.value_or(m_settings.lifetime);
    terms.interval = m_settings.interval;
    const auto id = m_engine->offer(wish.neighbour, terms);
    if (!id) return std::nullopt;
    keepOrigin(*id, wish.origin);
    keepPlaces();
    withdrawOthers(wish, *id);
    return id;
}

tl::expected<AgreementId, ApiFailure> NeighbourDesk::offer(const AgreementWish& wish) {
    const KnownNeighbour* const known = m_table.find(wish.neighbour);
    if (known == nullptr)
        return tl::unexpected(ApiFailure{404, "NOT_FOUND", "there is no such neighbour now", "netpas neighbours"});
    if (!m_ports.canPay())
        return tl::unexpected(
            conflict("no ISP was joined that could carry payments", "netpas join https://ADDRESS:PORT/#KEY"));
    const auto price = priceOf(*known, wish.direction);
    if (!price || known->place.isp == IspId{0}) {
        return tl::unexpected(
            conflict("the neighbour does not sell " + std::string(name(wish.direction)), "netpas neighbours"));
    }
    if (wish.perKb && *price > *wish.perKb) {
        return tl::unexpected(
            conflict("the neighbour asks " + price->toString() + " USD per kB, more than you would pay",
                     "--per-kb " + price->toString()));
    }
    if (!mayReplace(wish)) {
        return tl::unexpected(conflict("somebody else has agreed about this with the neighbour",
                                       "wait until that has ended; the owner may end or replace it"));
    }
    if (!m_counted.contains(wish.neighbour))
        return tl::unexpected(conflict("the neighbour's packets are not counted yet", "try again in a moment"));
    const auto id = make(wish, *known);
    if (id) return *id;
    if (m_engine->broken()) return tl::unexpected(local());
    return tl::unexpected(
        conflict("these packets are paid for by the other direction's agreement, or the limit is below "
                 "the close threshold, or there are too many agreements",
                 "netpas agreements"));
}

// --- as the seller

std::optional<RefuseReason> NeighbourDesk::judge(const agreement::Terms& terms) const {
    if (m_ports.receivesAt() == IspId{0}) return RefuseReason::NotSold;
    const bool up = terms.direction == Direction::Upstream;
    const auto& price = up ? m_asking.upstream : m_asking.downstream;
    if (!price) return RefuseReason::NotSold;
    if (terms.perKb < *price) return RefuseReason::Price;
    if (terms.closeAt > m_settings.credit || terms.allowance1024ths > mostAllowance) return RefuseReason::Terms;
    return m_unproven.mayCome(terms.buyer, *m_engine) ? std::nullopt : std::optional(RefuseReason::TooMany);
}

void NeighbourDesk::refuseOffer(const agreement::Terms& terms, RefuseReason why) {
    (void)say(terms.buyer, agreement::sign(agreement::Refuse{terms.id, why}, m_ports.me));
}

// Offers wait for the owner, where he wants to be asked. The buyer repeats them.
bool NeighbourDesk::holdsBack(const KnownNeighbour& from, const channel::MeshHeard& heard) {
    if (heard.bytes[1] != offerKind) return false;
    const auto message = agreement::decodeMessage(heard.bytes);
    const auto* offer = message ? std::get_if<agreement::Offer>(&*message) : nullptr;
    if (offer == nullptr) return false;
    const agreement::Terms& terms = offer->terms;
    const Pick pick{from.place.key, terms.direction};
    const SteadyTime now = m_ports.clock.steady();
    const auto asked = m_asked.find(pick);
    const bool waits = asked != m_asked.end() && asked->second.terms == terms;
    if (waits && asked->second.allowed) {
        if (!m_origins.contains(terms.id)) keepOrigin(terms.id, {0, true, false});
        return false;
    }
    const auto no = m_turnedDown.find(pick);
    const bool unwanted = no != m_turnedDown.end() && now < no->second.until && terms.perKb <= no->second.perKb;
    if (m_settings.acceptsAlone && !unwanted) return false;
    // The engine answers what it knows, and what is no offer that could be taken.
    if (m_engine->agreements().contains(terms.id) || terms.buyer != from.place.key ||
        terms.seller != m_ports.me.publicKey() || judge(terms) ||
        !agreement::verifyMessage(heard.bytes, *message, from.place.key))
        return false;
    if (unwanted) {
        refuseOffer(terms, RefuseReason::NotSold);
        return true;
    }
    if (waits) {
        asked->second.until = now + askedFor;
        return true;
    }
    if (asked == m_asked.end()) {
        if (m_asked.size() >= mostAsked) return true;
        m_ports.log(LogLevel::Info, "a neighbour offers an agreement: netpas agreements accept " + toHex(terms.id));
        m_asked.emplace(pick, Asked{terms, heard, now + askedFor, false, {}});
        return true;
    }
    // A newer one takes the older one's place, which does not come back.
    if (asked->second.before == terms.id) {
        refuseOffer(terms, RefuseReason::Unknown);
    } else if (asked->second.terms.id != terms.id) {
        const AgreementId before = asked->second.terms.id;
        asked->second = Asked{terms, heard, now + askedFor, false, before};
    }
    return true;
}

// `datagram` is the buyer's, about an agreement that the engine does not know.
void NeighbourDesk::withdrawn(const PublicKey& buyer, ByteView datagram) {
    const auto message = agreement::decodeMessage(datagram);
    const auto* end = message ? std::get_if<agreement::End>(&*message) : nullptr;
    if (end == nullptr) return;
    std::erase_if(m_asked, [&](const auto& one) { return one.first.first == buyer && one.second.terms.id == end->id; });
}

NeighbourDesk::AskedMap::iterator NeighbourDesk::askedWith(const AgreementId& id) {
    return std::find_if(m_asked.begin(), m_asked.end(), [&](const auto& one) { return one.second.terms.id == id; });
}

tl::expected<void, ApiFailure> NeighbourDesk::accept(const AgreementId& id) {
    const auto asked = askedWith(id);
    if (asked == m_asked.end()) {
        const bool known = m_engine->agreements().contains(id);
        return tl::unexpected(known ? conflict("nobody waits for an answer to it", "netpas agreements")
                                    : ApiFailure{404, "NOT_FOUND", "there is no such offer now", "netpas agreements"});
    }
    asked->second.allowed = true;
    const channel::MeshHeard again = asked->second.last;
    hearMessage(again);
    m_asked.erase(asked);
    if (!m_engine->agreements().contains(id))
        return tl::unexpected(conflict("it cannot be accepted any more", "netpas neighbours"));
    return {};
}

tl::expected<void, ApiFailure> NeighbourDesk::end(const AgreementId& id) {
    if (const auto asked = askedWith(id); asked != m_asked.end()) {
        // A buyer that buys by itself would soon offer the same again.
        const SteadyTime until = m_ports.clock.steady() + engineOptions().offerPatience;
        m_turnedDown.insert_or_assign(asked->first, TurnedDown{asked->second.terms.perKb, until});
        refuseOffer(asked->second.terms, RefuseReason::NotSold);
        m_asked.erase(asked);
        return {};
    }
    const auto at = m_engine->agreements().find(id);
    if (at == m_engine->agreements().end())
        return tl::unexpected(ApiFailure{404, "NOT_FOUND", "there is no such agreement", "netpas agreements"});
    if (!m_engine->end(id, agreement::EndReason::Wish))
        return tl::unexpected(conflict("it is over", "netpas agreements"));
    if (m_engine->broken()) return tl::unexpected(local());
    forward();
    return {};
}

void NeighbourDesk::undelivered(const PublicKey& neighbour) {
    std::vector<AgreementId> over;
    for (const auto& [id, one] : m_engine->agreements()) {
        if (one.buying && one.running() && one.peer() == neighbour) over.push_back(id);
    }
    for (const AgreementId& id : over) (void)m_engine->end(id, agreement::EndReason::Undelivered);
    // Nor is it asked again at once.
    for (const Direction direction : {Direction::Upstream, Direction::Downstream}) {
        constexpr std::chrono::hours avoidedFor{1};
        m_tries[{neighbour, direction}].again = m_ports.clock.steady() + avoidedFor;
    }
    forward();
}

// --- whose wish it is

bool NeighbourDesk::loadOrigins() {
    const auto origins = m_ports.documents.all(originKind);
    if (!origins) return false;
    for (const store::Document& document : *origins) {
        const auto origin = decodeOrigin(document.body);
        AgreementId id{};
        if (!origin || !fromHex(document.id, id)) return false;
        if (m_engine->agreements().contains(id)) {
            m_origins.emplace(id, *origin);
        } else {
            (void)m_ports.documents.erase(originKind, document.id);
        }
    }
    return true;
}

AgreementOrigin NeighbourDesk::originOf(const AgreementId& id) const {
    const auto at = m_origins.find(id);
    return at == m_origins.end() ? AgreementOrigin{} : at->second;
}

// Lost with a crash between the two it is nobody's wish, and rules and questions decide about its payments.
void NeighbourDesk::keepOrigin(const AgreementId& id, const AgreementOrigin& origin) {
    if (m_ports.documents.put({originKind, toHex(id), encode(origin)})) m_origins.insert_or_assign(id, origin);
}

// The engine remembers only so many agreements.
void NeighbourDesk::forgetOrigins() {
    if (m_origins.size() <= m_engine->agreements().size()) return;
    for (auto at = m_origins.begin(); at != m_origins.end();) {
        const bool over = !m_engine->agreements().contains(at->first) &&
                          m_ports.documents.erase(originKind, toHex(at->first)).has_value();
        at = over ? m_origins.erase(at) : std::next(at);
    }
}

}  // namespace netpas::secretaryd
