#include "app/secretary/route_desk.h"

#include <algorithm>
#include <utility>

namespace netpas::secretaryd {

using namespace verification;

namespace {

constexpr std::chrono::milliseconds tickEvery{200};
constexpr std::chrono::seconds seenFor{120};
constexpr size_t mostSeen = 512;
constexpr std::chrono::minutes inARow{5};
constexpr double billion = 1e9;

Route routeOf(const channel::SeenFlow& flow) { return {flow.source, flow.destination}; }

// By the agent's clock.
SteadyTime steady(uint64_t nanoseconds) {
    return SteadyTime(std::chrono::nanoseconds(static_cast<int64_t>(nanoseconds & (INT64_MAX >> 2))));
}
Passed passedOf(const channel::SeenFlow& flow) {
    Passed passed{routeOf(flow), {}, steady(flow.came)};
    for (const channel::SeenCount& one : flow.counts)
        passed.readings.push_back({steady(one.before), steady(one.after), one.packets, one.bytes});
    return passed;
}

}  // namespace

RouteDesk::RouteDesk(Ports given, const ExchangeOptions& options)
    : m_ports(std::move(given)), m_exchange(ports(), options) {
    m_ports.neighbours.onOther([this](const NeighbourPlace& from, ByteView datagram) { heard(from, datagram); });
    m_ports.neighbours.knowRoutes([this](const PublicKey& neighbour) { return through(neighbour); });
    m_timer = m_ports.timers.after(tickEvery, [this, alive = std::weak_ptr<bool>(m_alive)] {
        if (!alive.expired()) tick();
    });
}

ExchangeOptions RouteDesk::exchangeOptions() {
    ExchangeOptions options;
    options.window = std::chrono::milliseconds(0);  // whenever the agent has reported
    return options;
}

RouteDesk::~RouteDesk() {
    m_ports.timers.cancel(m_timer);
    m_ports.neighbours.knowRoutes({});
    m_ports.neighbours.onOther({});
}

std::optional<PublicKey> RouteDesk::keyAt(const std::optional<channel::MeshPlace>& place) const {
    const KnownNeighbour* const known = place ? m_ports.neighbours.table().at(place->interface, place->link) : nullptr;
    return known == nullptr ? std::nullopt : std::optional(known->place.key);
}

const channel::SeenFlow* RouteDesk::find(const Route& route) const {
    const auto at = m_seen.find(route);
    return at == m_seen.end() ? nullptr : &at->second.flow;
}

Exchange::Ports RouteDesk::ports() {
    Exchange::Ports ports{m_ports.clock, m_ports.me.publicKey(), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    ports.send = [this](const PublicKey& to, Bytes bytes) { (void)m_ports.neighbours.say(to, std::move(bytes)); };
    ports.signStatement = [this](const Statement& one) { m_exchange.signedStatement(sign(one, m_ports.me)); };
    ports.signClaim = [this](const Claim& one) { m_exchange.signedClaim(sign(one, m_ports.me)); };
    ports.passed = [this] {
        std::vector<Passed> all;
        for (const Route& route : m_ending) {
            if (const auto* flow = find(route)) all.push_back(secretaryd::passedOf(*flow));
        }
        return all;
    };
    ports.passedOf = [this](const Route& route) {
        // Only as it was when the statement came.
        const auto* flow = m_fresh == route ? find(route) : nullptr;
        return flow == nullptr ? std::nullopt : std::optional(secretaryd::passedOf(*flow));
    };
    ports.previous = [this](const Route& route) {
        const auto* flow = find(route);
        return flow == nullptr ? std::nullopt : keyAt(flow->from);
    };
    ports.next = [this](const Route& route) {
        const auto* flow = find(route);
        return flow == nullptr ? std::nullopt : keyAt(flow->to);
    };
    // Of a link that is not known yet nothing is claimed.
    ports.link = [this](const PublicKey& neighbour) {
        const auto known = m_links.find(neighbour);
        constexpr double longest = 60;
        return known == m_links.end() ? Quality{0, 0, longest} : known->second;
    };
    ports.timeOf = [this](uint64_t hash) {
        const auto known = m_times.find(hash);
        return known == m_times.end() ? std::nullopt : std::optional(known->second);
    };
    ports.sightings = [this](const Route& route, uint64_t) {
        std::vector<PacketTime> all;
        if (const auto* flow = find(route)) {
            for (const channel::SeenPacket& one : flow->times) all.push_back({one.hash, one.nanoseconds});
        }
        return all;
    };
    return ports;
}

void RouteDesk::seen(const channel::FlowsSeen& seen) {
    const SteadyTime now = m_ports.clock.steady();
    for (const channel::SeenLink& link : seen.links) {
        const auto key = keyAt(link.place);
        if (!key) continue;
        m_links.insert_or_assign(*key, Quality{link.arrives / billion, static_cast<double>(link.bitsPerSecond),
                                               static_cast<double>(link.nanoseconds) / billion});
    }
    std::erase_if(m_links, [this](const auto& one) { return m_ports.neighbours.table().find(one.first) == nullptr; });
    std::erase_if(m_seen, [now](const auto& one) { return now - one.second.at > seenFor; });
    if (seen.ending) m_ending.clear();
    m_times.clear();
    for (const channel::SeenFlow& flow : seen.flows) {
        if (m_seen.size() >= mostSeen && !m_seen.contains(routeOf(flow))) continue;
        m_seen.insert_or_assign(routeOf(flow), Seen{flow, now});
        if (seen.ending) m_ending.push_back(routeOf(flow));
        if (!seen.ending) m_fresh = routeOf(flow);
        for (const channel::SeenPacket& one : flow.times) m_times.emplace(one.hash, one.nanoseconds);
    }
    // Its windows are the agent's reports.
    if (seen.ending) m_exchange.run();
}

void RouteDesk::heard(const NeighbourPlace& from, ByteView datagram) {
    // What says nothing new is no trouble: everything is repeated.
    if (const auto done = m_exchange.receive(from.key, datagram); !done && done.error() != Unheard::Stale)
        m_ports.neighbours.refuse("statement_" + std::string(name(done.error())));
    m_times.clear();
    m_fresh.reset();
}

void RouteDesk::tick() {
    m_exchange.run();
    judge();
    m_timer = m_ports.timers.after(tickEvery, [this, alive = std::weak_ptr<bool>(m_alive)] {
        if (!alive.expired()) tick();
    });
}

// Of the two ends of its own link a node knows one to be honest.
void RouteDesk::judge() {
    for (const RouteReport& report : m_exchange.reports()) {
        if (!report.verdict || report.verdict->near != m_ports.me.publicKey()) continue;
        if (m_judged.size() >= mostSeen && !m_judged.contains(report.route)) m_judged.clear();
        Judged& judged = m_judged[report.route];
        if (judged.at == report.verdict->at) continue;
        const bool again = judged.far == report.verdict->far && report.verdict->at - judged.at < inARow;
        judged = {report.verdict->at, report.verdict->far};
        // A link that has just become worse is nobody's lie; by then this node claims less of it.
        if (!again) continue;
        m_ports.log(LogLevel::Warning,
                    "neighbour " + report.verdict->far.nodeId().hex() +
                        " does not deliver what it claims: " + std::string(name(report.verdict->metric)) +
                        " of the way to " + report.route.destination.toString());
        // Flows that meet on a link behind have less each than it carries, so that is no reason to leave anybody.
        if (report.verdict->metric != Metric::Throughput) m_ports.neighbours.undelivered(report.verdict->far);
    }
}

std::vector<RouteReport> RouteDesk::through(const PublicKey& neighbour) const {
    std::vector<RouteReport> all = m_exchange.reports();
    std::erase_if(all, [&](const RouteReport& one) { return one.next != neighbour; });
    return all;
}

}  // namespace netpas::secretaryd
