#include "app/agent/mesh.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "app/agent/link_offload.h"
#include "app/agent/link_rest.h"
#include "app/agent/mesh_counters.h"
#include "app/agent/mesh_flood.h"
#include "app/agent/next_hops.h"
#include "core/agreement/advert.h"
#include "tun/forwarding/linux_forwarding.h"

namespace netpas::agent {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds lookEvery{1000};  // at interfaces and the neighbour table
constexpr std::chrono::milliseconds countEvery{500};  // at the counters, when nobody says anything
constexpr std::chrono::milliseconds gatherFor{20};    // messages of agreements, which one look at the counters serves
constexpr std::chrono::milliseconds mostOften{100};   // looks at the counters; a millisecond later for each neighbour
constexpr size_t mostWaiting = 2048;                  // of those messages
constexpr int mostAtOnce = 256;                       // datagrams before others have their turn
constexpr uint8_t advertKind = 1, firstOther = 9;
// Of neighbours and of strangers. Who is a neighbour already is not forgotten because strangers flood, nor because there are hundreds; what strangers
// say beside adverts is seldom of use: they were neighbours a moment ago, or are about to be.
constexpr MeshFlood::Rate adverts{4, 256}, strangersAdverts{4, 64};
constexpr MeshFlood::Rate messages{64, 1024}, strangersMessages{64, 256};
constexpr MeshFlood::Rate others{64, 512}, strangersOthers{64, 128};

}  // namespace

struct Mesh::Impl : std::enable_shared_from_this<Impl> {
    struct Link {
        MeshInterface seen;
        std::unique_ptr<MeshSocket> socket;
        std::optional<asio::posix::stream_descriptor> readable;
        KnownNeighbours known;
        AddressesOf addresses;  // the same
    };
    struct Right {
        channel::MeshNeighbour said;
        SteadyTime until;
    };

    Impl(Ports given, MeshOptions wanted, std::unique_ptr<tun::Forwarding> rule)
        : ports(std::move(given)), options(std::move(wanted)), forwarding(std::move(rule)) {}

    template <typename Function>
    auto whileAlive(Function function) {
        return [weak = weak_from_this(), function = std::move(function)](auto&&... arguments) {
            const auto alive = weak.lock();
            if (alive && !alive->stopped) function(*alive, std::forward<decltype(arguments)>(arguments)...);
        };
    }

    void look();
    void open(const std::string& name, const MeshInterface& seen);
    void await(Link& link);
    void drain(const std::string& name);
    void heard(const std::string& name, MeshDatagram datagram);
    void count();
    void armCount(std::chrono::milliseconds pause);
    [[nodiscard]] tun::ForwardingState stateNow() const;
    void apply();
    void tellLinks();
    void trouble(const std::string& what);

    Ports ports;
    MeshOptions options;
    std::unique_ptr<tun::Forwarding> forwarding;
    tun::ForwardingState state;
    std::vector<Right> rights;
    MeshCounters counters;
    std::map<std::string, Link> links;
    std::set<std::pair<std::string, LinkAddress>> neighbours;  // of these rights
    MeshFlood advertFlood{adverts, strangersAdverts};
    MeshFlood messageFlood{messages, strangersMessages};
    MeshFlood otherFlood{others, strangersOthers};
    std::vector<std::pair<std::string, MeshDatagram>> waiting;  // until the counters have been read
    Heard other;
    channel::MeshLinks told;
    std::string wrong;  // why the filter is not as it should be
    app::Timers::Id lookTimer = 0, countTimer = 0;
    SteadyTime nextCount{}, counted{};
    bool stopped = false;
};

void Mesh::Impl::trouble(const std::string& what) {
    if (what != wrong && !what.empty()) ports.log(app::LogLevel::Warning, "neighbours: " + what);
    wrong = what;
}

// Interfaces come, go and change; so do next hops and rights.
void Mesh::Impl::look() {
    for (const std::string& name : options.interfaces) {
        auto seen = observeInterface(name);
        const auto at = links.find(name);
        if (!seen && at != links.end() && linkRests(name)) seen = at->second.seen;  // neighbours are there all the same
        if (at != links.end() && (!seen || at->second.seen != *seen)) links.erase(at);
        if (seen && !links.contains(name)) open(name, *seen);
        if (const auto now = links.find(name); now != links.end()) {
            now->second.known = knownNeighbours(now->second.seen.index);
            now->second.addresses = byLink(now->second.known);
        }
    }
    apply();
    tellLinks();
    lookTimer = ports.timers.after(lookEvery, whileAlive([](Impl& self) { self.look(); }));
}

void Mesh::Impl::open(const std::string& name, const MeshInterface& seen) {
    auto socket = MeshSocket::open(seen);
    if (!socket) return trouble(socket.error());
    if (const auto refused = countPacketsSingly(name)) {
        ports.log(app::LogLevel::Warning, "segmentation offload of " + name + " cannot be switched off (" + *refused +
                                              "): neighbours may count other bytes than this machine");
    }
    Link& link = links[name];
    link.seen = seen;
    link.socket = std::move(*socket);
    link.readable.emplace(ports.io, ::dup(link.socket->descriptor()));
    ports.log(app::LogLevel::Info, "neighbours are looked for on " + name);
    await(link);
}

void Mesh::Impl::await(Link& link) {
    link.readable->async_wait(asio::posix::stream_descriptor::wait_read,
                              whileAlive([name = link.seen.name](Impl& self, const boost::system::error_code& error) {
                                  if (!error) self.drain(name);
                              }));
}

void Mesh::Impl::drain(const std::string& name) {
    const auto at = links.find(name);
    if (at == links.end()) return;
    for (int i = 0; i < mostAtOnce; ++i) {
        auto datagram = at->second.socket->receive();
        if (!datagram) break;
        heard(name, std::move(*datagram));
    }
    await(at->second);
}

void Mesh::Impl::heard(const std::string& name, MeshDatagram datagram) {
    const SteadyTime now = ports.clock.steady();
    const uint8_t kind = datagram.kind();
    if (kind < advertKind) return;
    const bool known = neighbours.contains({name, datagram.link});
    if (kind == advertKind) {
        if (advertFlood.mayPass(name, datagram.link, known, now))
            ports.tell(channel::MeshHeard{name, datagram.link, datagram.from, std::move(datagram.bytes)});
        return;
    }
    if (kind >= firstOther) {
        if (!otherFlood.mayPass(name, datagram.link, known, now)) return;
        if (other) return other(name, datagram);
        return ports.tell(channel::MeshHeard{name, datagram.link, datagram.from, std::move(datagram.bytes)});
    }
    if (!messageFlood.mayPass(name, datagram.link, known, now) || waiting.size() >= mostWaiting) return;
    waiting.emplace_back(name, std::move(datagram));
    if (waiting.size() == 1) armCount(gatherFor);
}

void Mesh::Impl::armCount(std::chrono::milliseconds pause) {
    const SteadyTime now = ports.clock.steady();
    const auto least = mostOften + std::chrono::milliseconds(state.neighbours.size());
    const SteadyTime at = std::max(now + pause, counted + least);
    if (countTimer != 0 && nextCount <= at) return;
    ports.timers.cancel(countTimer);
    nextCount = at;
    countTimer = ports.timers.after(std::chrono::ceil<std::chrono::milliseconds>(at - now),
                                    whileAlive([](Impl& self) { self.count(); }));
}

// What neighbours have said was true before the counters are read, and the secretary is told in that order.
void Mesh::Impl::count() {
    countTimer = 0;
    counted = ports.clock.steady();
    const auto said = std::exchange(waiting, {});
    if (const auto meters = forwarding->read()) {
        auto changed = counters.changed(state.neighbours, *meters);
        if (!changed.empty() || !said.empty()) ports.tell(channel::MeshCounts{forwarding->run(), std::move(changed)});
        for (const auto& [name, datagram] : said)
            ports.tell(channel::MeshHeard{name, datagram.link, datagram.from, datagram.bytes});
    } else {
        trouble("the counters cannot be read: " + forwarding->diagnosis());
    }
    armCount(countEvery);
}

tun::ForwardingState Mesh::Impl::stateNow() const {
    tun::ForwardingState next;
    next.mesh.insert(options.interfaces.begin(), options.interfaces.end());
    next.uplinks.insert(options.uplinks.begin(), options.uplinks.end());
    const SteadyTime now = ports.clock.steady();
    std::map<std::pair<std::string, IpAddress>, LinkAddress> had, taken;
    for (const tun::ForwardingNeighbour& one : state.neighbours) {
        for (const IpAddress& hop : one.nextHops) had[{one.interface, hop}] = one.link;
    }
    for (const Right& right : rights) {
        const channel::MeshNeighbour& said = right.said;
        if (!next.mesh.contains(said.interface)) continue;
        const auto link = links.find(said.interface);
        const bool valid = now < right.until;
        tun::ForwardingNeighbour one{said.interface,
                                     said.link,
                                     {},
                                     valid && said.paysUpstream,
                                     valid && said.paysDownstream,
                                     options.freeBytesPerSecond > 0};
        static const Link none{};
        const Link& on = link == links.end() ? none : link->second;
        one.nextHops = nextHopsOf(said.link, said.nextHops, on.known, on.addresses, tun::maxNextHops);
        for (const IpAddress& hop : one.nextHops) {
            const std::pair place{said.interface, hop};
            LinkAddress& whose = taken.try_emplace(place, said.link).first->second;
            if (const auto before = had.find(place); before != had.end() && before->second == said.link)
                whose = said.link;
        }
        next.neighbours.push_back(std::move(one));
    }
    // What several claim while the kernel does not know it stays whose it was.
    for (tun::ForwardingNeighbour& one : next.neighbours) {
        std::erase_if(one.nextHops, [&](const IpAddress& hop) { return taken[{one.interface, hop}] != one.link; });
    }
    return next;
}

void Mesh::Impl::apply() {
    tun::ForwardingState next = stateNow();
    if (next.neighbours == state.neighbours && next.mesh == state.mesh && next.uplinks == state.uplinks &&
        wrong.empty())
        return;
    if (const auto done = forwarding->set(next); !done)
        return trouble(std::string(describe(done.error())) + ": " + forwarding->diagnosis());
    state = std::move(next);
    trouble({});
}

void Mesh::Impl::tellLinks() {
    channel::MeshLinks now{true, {}, wrong};
    for (const auto& [name, link] : links)
        now.links.push_back({name, link.seen.link, link.seen.address, link.seen.address4});
    if (now == told) return;
    told = std::move(now);
    ports.tell(told);
}

tl::expected<std::unique_ptr<Mesh>, std::string> Mesh::open(Ports ports, const MeshOptions& options) {
    auto forwarding = tun::openLinuxForwarding({"netpas_mesh", options.freeBytesPerSecond});
    if (!forwarding) {
        const tun::ForwardingFailure& why = forwarding.error();
        return tl::unexpected("packets cannot be forwarded for neighbours: " + std::string(describe(why.error)) +
                              (why.diagnosis.empty() ? "" : ": " + why.diagnosis));
    }
    for (const std::string& uplink : options.uplinks) {
        // A train that comes in here and goes to a neighbour would be counted as one packet.
        if (const auto refused = countPacketsSingly(uplink))
            ports.log(app::LogLevel::Warning, "segmentation offload of " + uplink + ": " + *refused);
    }
    auto impl = std::make_shared<Impl>(std::move(ports), options, std::move(*forwarding));
    return std::unique_ptr<Mesh>(new Mesh(std::move(impl)));
}

Mesh::Mesh(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Mesh::~Mesh() { stop(); }

void Mesh::start() {
    m_impl->look();
    m_impl->armCount(countEvery);
}

void Mesh::stop() {
    if (std::exchange(m_impl->stopped, true)) return;
    m_impl->ports.timers.cancel(m_impl->lookTimer);
    m_impl->ports.timers.cancel(m_impl->countTimer);
    m_impl->links.clear();
}

void Mesh::onOther(Heard heard) { m_impl->other = std::move(heard); }

bool Mesh::say(const std::string& interface, const std::optional<IpAddress>& to, ByteView bytes) {
    const auto at = m_impl->links.find(interface);
    if (at == m_impl->links.end()) return false;
    return to ? at->second.socket->send(*to, bytes) : at->second.socket->announce(bytes);
}

void Mesh::secretaryUp() {
    m_impl->told = {};
    m_impl->counters.tellAll();
    m_impl->tellLinks();
    m_impl->armCount(gatherFor);
}

void Mesh::on(const channel::SetMesh& wanted) {
    const SteadyTime now = m_impl->ports.clock.steady();
    m_impl->rights.clear();
    m_impl->neighbours.clear();
    for (const channel::MeshNeighbour& one : wanted.neighbours) {
        m_impl->rights.push_back({one, now + std::chrono::seconds(one.seconds)});
        m_impl->neighbours.emplace(one.interface, one.link);
    }
    m_impl->apply();
    m_impl->tellLinks();
    // It may have forgotten what it was told: it was locked and opened again.
    m_impl->counters.tellAll();
    m_impl->armCount(gatherFor);
}

void Mesh::on(const channel::MeshSay& said) { (void)say(said.interface, said.to, said.bytes); }

}  // namespace netpas::agent
