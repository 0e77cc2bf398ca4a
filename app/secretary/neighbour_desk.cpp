#include "app/secretary/neighbour_desk.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/crypto/hex.h"
#include "core/random.h"

namespace netpas::secretaryd {

using agreement::Direction;
using agreement::RefuseReason;
using books::AgreementId;
using books::State;

namespace {

constexpr const char* placeKind = "mesh-neighbour";
constexpr const char* originKind = "mesh-origin";
constexpr std::chrono::milliseconds tickEvery{500};
constexpr std::chrono::seconds advertEvery{5}, advertLife{20};
// Where many come or go at once the agent is told of the first, then of those who came meanwhile: each time costs it the more, the more there are.
constexpr std::chrono::milliseconds gatherFor{400};
// Messages, each of which may change for whom something is forwarded.
constexpr std::chrono::milliseconds togetherFor{20};
constexpr std::chrono::seconds rememberedFor{60};  // where a partner was before a restart
constexpr std::chrono::seconds askedFor{20};       // an offer that is not repeated is none any more
constexpr size_t mostAsked = 64;
constexpr size_t mostUnproven = 64;  // customers that have not paid anything yet: names cost nothing
constexpr uint16_t mostAllowance = 102;
constexpr uint8_t offerKind = 2, firstOther = 9;

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

// The agent has counters for each.
uint64_t numberOf(const NeighbourPlace& place) {
    Writer writer;
    writer.bytes(place.link);
    writer.bytes({reinterpret_cast<const uint8_t*>(place.interface.data()), place.interface.size()});
    const auto hash = blake2b256(writer.data());
    return load64(hash.data());
}

ApiFailure local() {
    return {500, "LOCAL_FAILURE", "the books cannot be written", "free some disk space, then restart netpasd"};
}
ApiFailure conflict(std::string what, std::string hint) { return {409, "CONFLICT", std::move(what), std::move(hint)}; }

}  // namespace

template <typename Function>
auto NeighbourDesk::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

NeighbourDesk::NeighbourDesk(Ports ports)
    : m_ports(std::move(ports)),
      m_table(m_ports.clock, m_ports.me.publicKey()),
      m_tests(testPorts()),
      m_run(systemRandom().below(std::numeric_limits<uint64_t>::max())),
      m_alive(std::make_shared<bool>(true)) {}

NeighbourDesk::~NeighbourDesk() {
    m_ports.timers.cancel(m_timer);
    m_ports.timers.cancel(m_forwardTimer);
}

books::EngineOptions NeighbourDesk::engineOptions() {
    books::EngineOptions options;
    options.offerPatience = std::chrono::minutes(5);
    return options;
}

tl::expected<std::unique_ptr<NeighbourDesk>, std::string> NeighbourDesk::open(Ports ports,
                                                                              const books::EngineOptions& options) {
    std::unique_ptr<NeighbourDesk> desk(new NeighbourDesk(std::move(ports)));
    if (auto loaded = desk->load(options); !loaded) return tl::unexpected(loaded.error());
    desk->m_timer = desk->m_ports.timers.after(tickEvery, desk->whileAlive([desk = desk.get()] { desk->tick(); }));
    return desk;
}

tl::expected<void, std::string> NeighbourDesk::load(const books::EngineOptions& options) {
    const auto settings = loadMeshSettings(m_ports.documents);
    const auto places = m_ports.documents.all(placeKind);
    const auto origins = m_ports.documents.all(originKind);
    if (!settings || !places || !origins) return tl::unexpected(std::string("neighbours: the books cannot be read"));
    m_settings = *settings;
    m_asking = settings->asks;
    auto engine =
        books::Engine::open({m_ports.documents, m_ports.clock, m_ports.me,
                             [this](const PublicKey& to, Bytes datagram) { (void)say(to, std::move(datagram)); },
                             [this](const books::SettlementOrder& wanted) { order(wanted); },
                             [this](const agreement::Terms& terms) { return judge(terms); }},
                            options);
    if (!engine) return tl::unexpected("agreements: " + std::string(describe(engine.error())));
    m_engine.emplace(std::move(*engine));
    for (const store::Document& document : *places) {
        const auto place = decodePlace(document.body);
        if (!place || place->key.hex() != document.id) return tl::unexpected(std::string("neighbours: damaged"));
        if (!m_engine->pairs().contains(place->key)) {
            (void)m_ports.documents.erase(placeKind, document.id);
            continue;
        }
        m_kept.emplace(place->key, *place);
        m_table.remember(*place, rememberedFor);
    }
    for (const store::Document& document : *origins) {
        const auto origin = decodeOrigin(document.body);
        AgreementId id{};
        if (!origin || !fromHex(document.id, id)) return tl::unexpected(std::string("agreements: damaged"));
        if (m_engine->agreements().contains(id)) {
            m_origins.emplace(id, *origin);
        } else {
            (void)m_ports.documents.erase(originKind, document.id);
        }
    }
    return {};
}

// --- the agent's side

void NeighbourDesk::links(const channel::MeshLinks& links) {
    m_links = links;
    m_agentThere = true;
    m_toldAgent = false;
    m_nextAdvert = {};
    forwardSoon();
}

void NeighbourDesk::hops(const channel::MeshHops& hops) { m_hops = hops.inUse; }

void NeighbourDesk::agentLost() {
    m_agentThere = false;
    m_links = {};
    m_hops.reset();
    m_lastUsed.clear();
    m_tests.abandon();
}

void NeighbourDesk::refuse(std::string_view why) { ++m_refused[std::string(why)]; }

void NeighbourDesk::counted(const channel::MeshCounts& counts) {
    for (const channel::MeshCount& count : counts.counts) {
        const KnownNeighbour* const known = m_table.at(count.interface, count.link);
        if (known == nullptr) continue;
        m_counted.insert_or_assign(known->place.key, Counted{counts.run, count});
        m_tests.counted(known->place.key, count);
        m_engine->meter(known->place.key, {counts.run, count.sentBytes, count.arrivedBytes, count.takenBytes,
                                           count.arrivedPackets, count.takenPackets, numberOf(known->place)});
    }
    forward();
}

void NeighbourDesk::heard(const channel::MeshHeard& heard) {
    if (heard.bytes.size() < 2) return refuse("malformed");
    if (agreement::looksLikeAdvert(heard.bytes)) return hearAdvert(heard);
    if (heard.bytes[1] < firstOther) return hearMessage(heard);
    const KnownNeighbour* const from = m_table.at(heard.interface, heard.link);
    if (from == nullptr || from->place.address != heard.from) return refuse("unknown_neighbour");
    if (m_other) m_other(from->place, heard.bytes);
}

void NeighbourDesk::hearAdvert(const channel::MeshHeard& heard) {
    // Who has this machine's own addresses is nobody's neighbour.
    const bool mine = std::any_of(m_links.links.begin(), m_links.links.end(), [&](const channel::MeshLink& link) {
        return link.interface == heard.interface && (link.link == heard.link || link.address == heard.from);
    });
    if (mine) return refuse(describe(AdvertRefusal::Claimed));
    const KnownNeighbour* const there = m_table.at(heard.interface, heard.link);
    const auto before = there == nullptr ? std::nullopt : std::optional(there->place);
    const auto known = m_table.hear(heard.interface, heard.link, heard.from, heard.bytes);
    if (!known) return refuse(describe(known.error()));
    if (before != (*known)->place) forwardSoon();  // whoever is new is counted from then on
}

void NeighbourDesk::hearMessage(const channel::MeshHeard& heard) {
    const KnownNeighbour* const from = m_table.at(heard.interface, heard.link);
    if (from == nullptr || from->place.address != heard.from) return refuse("unknown_neighbour");
    // It repeats what it says until it is counted.
    if (!m_counted.contains(from->place.key)) return;
    if (holdsBack(*from, heard)) return;
    const PublicKey key = from->place.key;
    const size_t before = m_engine->agreements().size();
    if (const auto done = m_engine->receive(key, heard.bytes); !done) {
        if (done.error() == books::Ignored::Malformed || done.error() == books::Ignored::Forged) {
            refuse(done.error() == books::Ignored::Forged ? "message_forged" : "message_malformed");
        }
        return;
    }
    if (m_engine->agreements().size() > before) accepted(key);
    forwardSoon();
}

void NeighbourDesk::accepted(const PublicKey& from) {
    keepPlaces();
    for (const auto& [id, one] : m_engine->agreements()) {
        if (!one.buying && one.state == State::Active && one.peer() == from && !m_origins.contains(id))
            keepOrigin(id, {0, false, true});
    }
}

// Offers wait for the owner, where he wants to be asked. The buyer repeats them.
bool NeighbourDesk::holdsBack(const KnownNeighbour& from, const channel::MeshHeard& heard) {
    if (heard.bytes[1] != offerKind) return false;
    const auto message = agreement::decodeMessage(heard.bytes);
    const auto* offer = message ? std::get_if<agreement::Offer>(&*message) : nullptr;
    if (offer == nullptr) return false;
    const AgreementId& id = offer->terms.id;
    const SteadyTime now = m_ports.clock.steady();
    const auto asked = m_asked.find(id);
    if (asked != m_asked.end() && asked->second.allowed) {
        if (!m_origins.contains(id)) keepOrigin(id, {0, true, false});
        return false;
    }
    if (m_settings.acceptsAlone || m_engine->agreements().contains(id) || judge(offer->terms)) return false;
    if (asked == m_asked.end()) {
        if (m_asked.size() >= mostAsked || !agreement::verifyMessage(heard.bytes, *message, from.place.key) ||
            offer->terms.buyer != from.place.key || offer->terms.seller != m_ports.me.publicKey())
            return m_asked.size() >= mostAsked;
        m_ports.log(LogLevel::Info, "a neighbour offers an agreement: netpas agreements accept " + toHex(id));
        m_asked.emplace(id, Asked{offer->terms, heard, now + askedFor, false});
        return true;
    }
    if (asked->second.terms == offer->terms) asked->second.until = now + askedFor;
    return true;
}

bool NeighbourDesk::say(const PublicKey& to, Bytes datagram) {
    const KnownNeighbour* const known = m_table.find(to);
    if (known == nullptr || !m_agentThere || datagram.size() > channel::maxMeshBytes) return false;
    m_ports.say({known->place.interface, known->place.address, std::move(datagram)});
    return true;
}

// --- time

void NeighbourDesk::tick() {
    const SteadyTime now = m_ports.clock.steady();
    if (m_next && now >= m_next->first) m_asking = std::exchange(m_next, std::nullopt)->second;
    std::erase_if(m_asked, [now](const auto& item) { return now >= item.second.until && !item.second.allowed; });
    std::vector<PublicKey> needed;
    for (const auto& [id, one] : m_engine->agreements()) {
        if (one.state != State::Ended) needed.push_back(one.peer());
    }
    m_table.forgetSilent(needed);
    if (m_agentThere && m_links.on) {
        if (now >= m_nextAdvert) advertise();
        choose();
    }
    m_engine->run();
    forgetOrigins();
    forward();
    m_timer = m_ports.timers.after(tickEvery, whileAlive([this] { tick(); }));
}

void NeighbourDesk::advertise() {
    const SteadyTime now = m_ports.clock.steady();
    m_nextAdvert = now + advertEvery;
    agreement::Advert advert;
    advert.key = m_ports.me.publicKey();
    advert.run = m_run;
    advert.issued = m_ports.clock.now();
    advert.lifetime = advertLife;
    advert.isp = m_ports.receivesAt();
    const bool sells = canBePaid();
    if (sells) advert.prices = m_asking;
    if (sells && m_next) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(m_next->first - now);
        advert.notice = agreement::PriceNotice{std::max(left, std::chrono::seconds(1)), m_next->second};
    }
    for (const channel::MeshLink& link : m_links.links) {
        advert.number = ++m_number;
        advert.link = link.link;
        advert.address = link.address;
        advert.address4 = link.address4;
        if (agreement::isValid(advert)) m_ports.say({link.interface, {}, agreement::sign(advert, m_ports.me)});
    }
}

// Who cannot be paid sells nothing.
bool NeighbourDesk::canBePaid() const { return m_ports.receivesAt() != IspId{0} && !m_engine->broken(); }

// --- who has packets forwarded

// Messages that come together change it once.
void NeighbourDesk::forwardSoon() {
    if (m_forwardTimer != 0) return;
    m_forwardTimer = m_ports.timers.after(togetherFor, whileAlive([this] { forward(); }));
}

void NeighbourDesk::forward() {
    m_ports.timers.cancel(std::exchange(m_forwardTimer, 0));
    if (!m_agentThere || !m_links.on) return;
    const SteadyTime now = m_ports.clock.steady();
    std::map<PublicKey, std::chrono::seconds> lefts;
    for (const auto& [id, one] : m_engine->agreements()) {
        if (one.buying || one.state != State::Active) continue;
        std::chrono::seconds& left = lefts[one.peer()];
        left = std::max(left, std::chrono::ceil<std::chrono::seconds>(m_engine->left(id)));
    }
    std::map<PublicKey, std::pair<channel::MeshNeighbour, SteadyTime>> next;
    const auto perKb = canBePaid() ? m_asking.upstream : std::nullopt;
    // Whom something is forwarded for, or was, is never kept waiting.
    bool urgent = !m_toldAgent || perKb != m_toldPrice, changed = urgent;
    const auto passes = [](const channel::MeshNeighbour& one) { return one.paysUpstream || one.paysDownstream; };
    for (const auto& [key, known] : m_table.all()) {
        const books::Standing standing = m_engine->standing(key);
        channel::MeshNeighbour one{known.place.interface, known.place.link,        {known.place.address},
                                   standing.paysUpstream, standing.paysDownstream, 0};
        const bool pays = passes(one);
        if (pays) one.seconds = static_cast<uint32_t>(lefts[key].count());
        if (known.place.address4) one.nextHops.push_back(*known.place.address4);
        const SteadyTime until = now + std::chrono::seconds(one.seconds);
        const auto told = m_told.find(key);
        constexpr std::chrono::seconds worthTelling{2};
        const bool other = told == m_told.end() || told->second.first.interface != one.interface ||
                           told->second.first.link != one.link || told->second.first.nextHops != one.nextHops ||
                           told->second.first.paysUpstream != one.paysUpstream ||
                           told->second.first.paysDownstream != one.paysDownstream ||
                           (pays && until > told->second.second + worthTelling);
        changed = changed || other;
        urgent = urgent || (other && (pays || (told != m_told.end() && passes(told->second.first))));
        next.emplace(key, std::pair(std::move(one), until));
    }
    for (const auto& [key, told] : m_told) {
        if (next.contains(key)) continue;
        changed = true;
        urgent = urgent || passes(told.first);
    }
    // Else the next tick tells it.
    if (!changed || (!urgent && m_toldAt != SteadyTime{} && now - m_toldAt < gatherFor)) return;
    m_toldAt = now;
    m_toldAgent = true;
    m_told = std::move(next);
    m_toldPrice = perKb;
    channel::SetMesh all;
    all.perKb = perKb;
    for (const auto& [key, one] : m_told) all.neighbours.push_back(one.first);
    m_ports.setMesh(all);
    std::erase_if(m_counted, [&](const auto& item) { return !m_told.contains(item.first); });
}

// Where partners are outlives a restart: their packets go on, and what they are owed can be paid.
void NeighbourDesk::keepPlaces() {
    for (const auto& [id, one] : m_engine->agreements()) {
        if (one.state == State::Ended) continue;
        const KnownNeighbour* const known = m_table.find(one.peer());
        if (known == nullptr) continue;
        const auto kept = m_kept.find(one.peer());
        if (kept != m_kept.end() && kept->second == known->place) continue;
        if (!m_ports.documents.put({placeKind, one.peer().hex(), encode(known->place)})) continue;
        m_kept.insert_or_assign(one.peer(), known->place);
    }
}

std::optional<RefuseReason> NeighbourDesk::judge(const agreement::Terms& terms) const {
    if (m_ports.receivesAt() == IspId{0}) return RefuseReason::NotSold;
    const bool up = terms.direction == Direction::Upstream;
    const auto& price = up ? m_asking.upstream : m_asking.downstream;
    if (!price) return RefuseReason::NotSold;
    if (terms.perKb < *price) return RefuseReason::Price;
    if (terms.closeAt > m_settings.credit || terms.allowance1024ths > mostAllowance) return RefuseReason::Terms;
    size_t unproven = 0;
    for (const auto& [id, one] : m_engine->agreements()) {
        if (one.buying || one.state != State::Active || one.peer() == terms.buyer) continue;
        const auto pair = m_engine->pairs().find(one.peer());
        if (pair != m_engine->pairs().end() && pair->second.theirs.paid == Money::zero()) ++unproven;
    }
    return unproven >= mostUnproven ? std::optional(RefuseReason::TooMany) : std::nullopt;
}

// --- money

void NeighbourDesk::order(const books::SettlementOrder& wanted) {
    const KnownNeighbour* const known = m_table.find(wanted.payee);
    const auto kept = m_kept.find(wanted.payee);
    const IspId isp = known != nullptr ? known->place.isp : kept != m_kept.end() ? kept->second.isp : IspId{0};
    m_ports.pay({wanted, isp, originOf(wanted.agreement)},
                whileAlive([this, id = wanted.id](bool posted) { m_engine->paymentEnded(id, posted); }));
}

bool NeighbourDesk::received(const payments::PaymentId& id, Money amount) {
    return m_engine->paymentReceived(id, amount).has_value();
}

// --- the owner's and users' side

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
    return {};
}

std::optional<AgreementId> NeighbourDesk::make(const AgreementWish& wish, const KnownNeighbour& known) {
    const agreement::Prices asks = known.asks(m_ports.clock.steady());
    books::Wish terms;
    terms.direction = wish.direction;
    terms.perKb = *(wish.direction == Direction::Upstream ? asks.upstream : asks.downstream);
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
    return id;
}

tl::expected<AgreementId, ApiFailure> NeighbourDesk::offer(const AgreementWish& wish) {
    const KnownNeighbour* const known = m_table.find(wish.neighbour);
    if (known == nullptr)
        return tl::unexpected(ApiFailure{404, "NOT_FOUND", "there is no such neighbour now", "netpas neighbours"});
    if (!m_ports.canPay())
        return tl::unexpected(
            conflict("no ISP was joined that could carry payments", "netpas join https://ADDRESS:PORT/#KEY"));
    const agreement::Prices asks = known->asks(m_ports.clock.steady());
    const auto& price = wish.direction == Direction::Upstream ? asks.upstream : asks.downstream;
    if (!price || known->place.isp == IspId{0}) {
        return tl::unexpected(
            conflict("the neighbour does not sell " + std::string(name(wish.direction)), "netpas neighbours"));
    }
    if (wish.perKb && *price > *wish.perKb) {
        return tl::unexpected(
            conflict("the neighbour asks " + price->toString() + " USD per kB, more than you would pay",
                     "--per-kb " + price->toString()));
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

tl::expected<void, ApiFailure> NeighbourDesk::accept(const AgreementId& id) {
    const auto asked = m_asked.find(id);
    if (asked == m_asked.end()) {
        const bool known = m_engine->agreements().contains(id);
        return tl::unexpected(known ? conflict("nobody waits for an answer to it", "netpas agreements")
                                    : ApiFailure{404, "NOT_FOUND", "there is no such offer now", "netpas agreements"});
    }
    asked->second.allowed = true;
    const channel::MeshHeard again = asked->second.last;
    hearMessage(again);
    m_asked.erase(id);
    if (!m_engine->agreements().contains(id))
        return tl::unexpected(conflict("it cannot be accepted any more", "netpas neighbours"));
    return {};
}

tl::expected<void, ApiFailure> NeighbourDesk::end(const AgreementId& id) {
    if (m_asked.erase(id) > 0) return {};
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

bool NeighbourDesk::isPartner(const NodeId& node) const {
    return std::any_of(m_engine->pairs().begin(), m_engine->pairs().end(),
                       [&](const auto& item) { return item.first.nodeId() == node; });
}

std::string NeighbourDesk::trouble() const {
    if (m_engine->broken()) return "the books cannot be written: nothing is agreed or paid any more";
    if (!m_links.trouble.empty() || !m_links.on) return m_links.trouble;
    if ((m_settings.asks.upstream || m_settings.asks.downstream) && m_ports.receivesAt() == IspId{0})
        return "nothing is sold: this node cannot be paid (netpas receive on)";
    if (m_settings.buys != MeshBuys::Nothing && !m_ports.canPay())
        return "nothing is bought: no ISP was joined that could carry payments (netpas join)";
    return {};
}

}  // namespace netpas::secretaryd
