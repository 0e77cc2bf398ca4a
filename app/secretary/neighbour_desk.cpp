#include "app/secretary/neighbour_desk.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/random.h"

namespace netpas::secretaryd {

using books::AgreementId;
using books::State;

namespace {

constexpr const char* placeKind = "mesh-neighbour";
constexpr std::chrono::milliseconds tickEvery{500};
constexpr std::chrono::seconds advertEvery{5}, advertLife{20};
// Where many come or go at once the agent is told of the first, then of those who came meanwhile: each time costs it the more, the more there are.
constexpr std::chrono::milliseconds gatherFor{400};
// Messages, each of which may change for whom something is forwarded.
constexpr std::chrono::milliseconds togetherFor{20};
constexpr std::chrono::seconds rememberedFor{60};  // where a partner was before a restart
constexpr uint8_t firstOther = 9;

// The agent has counters for each.
uint64_t numberOf(const NeighbourPlace& place) {
    Writer writer;
    writer.bytes(place.link);
    writer.bytes({reinterpret_cast<const uint8_t*>(place.interface.data()), place.interface.size()});
    const auto hash = blake2b256(writer.data());
    return load64(hash.data());
}

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
      m_unproven(m_ports.documents, m_ports.clock),
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
    if (!settings || !places) return tl::unexpected(std::string("neighbours: the books cannot be read"));
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
    if (!loadOrigins() || !m_unproven.load(*m_engine)) return tl::unexpected(std::string("agreements: damaged"));
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
        if (done.error() == books::Ignored::Stranger) withdrawn(key, heard.bytes);
        return;
    }
    if (m_engine->agreements().size() > before) accepted(key);
    forwardSoon();
}

void NeighbourDesk::accepted(const PublicKey& from) {
    keepPlaces();
    for (const AgreementId& id : m_engine->with(from)) {
        const books::Agreement& one = m_engine->agreements().at(id);
        if (one.buying || one.state != State::Active) continue;
        m_unproven.began(one, *m_engine);
        if (!m_origins.contains(id)) keepOrigin(id, {0, false, true});
    }
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
    std::erase_if(m_turnedDown, [now](const auto& item) { return now >= item.second.until; });
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
    m_unproven.tidy(*m_engine);
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
    // Books that cannot be written are no neighbour's fault: what was said last stays until its time is over, as while no secretary is there.
    if (m_engine->broken()) return;
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

// --- money

void NeighbourDesk::order(const books::SettlementOrder& wanted) {
    const KnownNeighbour* const known = m_table.find(wanted.payee);
    const auto kept = m_kept.find(wanted.payee);
    const IspId isp = known != nullptr ? known->place.isp : kept != m_kept.end() ? kept->second.isp : IspId{0};
    Paying& at = m_paying[wanted.payee];
    at = {wanted.id, m_ports.clock.steady(), true, {}, std::move(at.failed)};
    m_ports.pay({wanted, isp, originOf(wanted.agreement)},
                whileAlive([this, wanted](const NeighbourPaymentNews& news) { paymentTold(wanted, news); }));
}

void NeighbourDesk::paymentTold(const books::SettlementOrder& order, const NeighbourPaymentNews& news) {
    using Kind = NeighbourPaymentNews::Kind;
    if (const auto at = m_paying.find(order.payee); at != m_paying.end() && at->second.id == order.id) {
        switch (news.kind) {
        case Kind::Waits: at->second.waits = news.why; break;
        case Kind::Failed:
            at->second.underWay = false;
            at->second.failed = news.why;
            break;
        case Kind::Posted: m_paying.erase(at); break;
        }
    }
    if (news.kind != Kind::Waits) m_engine->paymentEnded(order.id, news.kind == Kind::Posted);
}

bool NeighbourDesk::received(const payments::PaymentId& id, Money amount) {
    return m_engine->paymentReceived(id, amount).has_value();
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
