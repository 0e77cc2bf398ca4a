#include "app/agent/flow_watch.h"

#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "app/agent/link_echo.h"
#include "app/agent/neighbours.h"
#include "app/agent/next_hops.h"
#include "cartographer/verify/messages.h"
#include "cartographer/verify/moments.h"
#include "core/random.h"
#include "tun/forwarding/kernel_routes.h"
#include "tun/observe/linux_observer.h"
#include "tun/observe/packet_mark.h"

namespace netpas::agent {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds breath{20};  // between looks at packets
constexpr std::chrono::seconds window{10}, echoEvery{1}, routesLast{1};
constexpr uint8_t toldKind = 9;
constexpr uint64_t leastPackets = 20;
constexpr size_t mostNeighbours = 64;  // that are asked for an echo
constexpr double billion = 1e9;

uint64_t nanoseconds(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }
uint64_t nanoseconds(SteadyTime time) { return static_cast<uint64_t>(time.time_since_epoch().count()); }
uint64_t nanoseconds(SystemTime time) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

}  // namespace

struct FlowWatch::Impl : std::enable_shared_from_this<Impl> {
    // What the kernel says of ways, for a moment.
    struct Ways {
        SteadyTime at{};
        std::vector<tun::KernelRoute> routes;
        std::map<std::string, KnownNeighbours> known;
    };

    Impl(Ports given, std::set<std::string> wanted, std::unique_ptr<tun::Observer> seen)
        : ports(std::move(given)), interfaces(std::move(wanted)), observer(std::move(seen)) {}

    template <typename Function>
    auto whileAlive(Function function) {
        return [weak = weak_from_this(), function = std::move(function)](auto&&... arguments) {
            const auto alive = weak.lock();
            if (alive && !alive->stopped) function(*alive, std::forward<decltype(arguments)>(arguments)...);
        };
    }

    void watch();
    void await();
    void report();
    void echo();
    void look();
    [[nodiscard]] std::optional<channel::MeshPlace> nextOf(const IpAddress& destination);
    [[nodiscard]] std::vector<tun::FlowCount> read(bool v6);
    void readAgain();
    [[nodiscard]] channel::SeenFlow seen(const verification::Route& route);
    void observe(const verification::Told& told);
    [[nodiscard]] std::vector<channel::SeenLink> links() const;

    Ports ports;
    std::set<std::string> interfaces;
    std::unique_ptr<tun::Observer> observer;
    std::optional<asio::posix::stream_descriptor> readable;
    Ways ways;
    LinkEchoes echoes;
    std::map<uint64_t, uint64_t> before;  // packets by flow, at the last report
    verification::CountLog log;
    struct Read {
        SteadyTime before{}, after{};
    };
    std::array<Read, 2> lastRead;  // IPv4, IPv6
    uint64_t since = 0;
    std::string trouble;
    app::Timers::Id breathTimer = 0, reportTimer = 0, echoTimer = 0, readTimer = 0;
    bool stopped = false;
};

// Interfaces come and go; those that are there are watched.
void FlowWatch::Impl::watch() {
    std::set<std::string> there;
    for (const std::string& name : interfaces) {
        if (::if_nametoindex(name.c_str()) != 0) there.insert(name);
    }
    const auto watched = observer->watch(there);
    const std::string now = watched ? "" : std::string(describe(watched.error())) + ": " + observer->diagnosis();
    if (now != trouble && !now.empty()) ports.log(app::LogLevel::Warning, "what passes is not observed: " + now);
    trouble = now;
}

void FlowWatch::Impl::await() {
    readable->async_wait(
        asio::posix::stream_descriptor::wait_read, whileAlive([](Impl& self, const boost::system::error_code& error) {
            if (error) return;
            self.observer->collect();
            self.breathTimer = self.ports.timers.after(breath, self.whileAlive([](Impl& me) { me.await(); }));
        }));
}

void FlowWatch::Impl::look() {
    const SteadyTime now = ports.clock.steady();
    if (now - ways.at < routesLast) return;
    ways = {now, tun::kernelRoutes().value_or(std::vector<tun::KernelRoute>()), {}};
    for (const std::string& name : interfaces) {
        if (const unsigned index = ::if_nametoindex(name.c_str())) ways.known[name] = knownNeighbours(index);
    }
}

std::optional<channel::MeshPlace> FlowWatch::Impl::nextOf(const IpAddress& destination) {
    look();
    if (isOwnAddress(destination)) return std::nullopt;
    const auto at = [&](const std::string& interface, const IpAddress& address) {
        const auto known = ways.known.find(interface);
        if (known == ways.known.end()) return std::optional<channel::MeshPlace>();
        const auto link = known->second.find(address);
        return link == known->second.end() ? std::nullopt : std::optional(channel::MeshPlace{interface, link->second});
    };
    // On the link itself.
    for (const auto& [interface, known] : ways.known) {
        if (const auto place = at(interface, destination)) return place;
    }
    const tun::KernelRoute* const route = tun::routeTo(ways.routes, destination);
    return route == nullptr ? std::nullopt : at(route->interface, route->via);
}

// All counters of a family; those of flows that neighbours make statements about are remembered.
std::vector<tun::FlowCount> FlowWatch::Impl::read(bool v6) {
    Read& last = lastRead[v6 ? 1 : 0];
    last.before = ports.clock.steady();
    auto counts = observer->counts(v6).value_or(std::vector<tun::FlowCount>());
    last.after = ports.clock.steady();
    for (const tun::FlowCount& one : counts)
        log.add({one.source, one.destination}, {last.before, last.after, one.packets, one.bytes});
    return counts;
}

// Statements come late now and then: what was counted before is still known. Never more than a twentieth of the time.
void FlowWatch::Impl::readAgain() {
    std::chrono::nanoseconds took{};
    log.clean(ports.clock.steady());
    for (const bool v6 : {false, true}) {
        if (!log.wants(v6)) continue;
        (void)read(v6);
        took += lastRead[v6 ? 1 : 0].after - lastRead[v6 ? 1 : 0].before;
    }
    const auto pause = std::max<std::chrono::nanoseconds>(verification::CountLog::every, 20 * took);
    readTimer = ports.timers.after(std::chrono::duration_cast<std::chrono::milliseconds>(pause),
                                   whileAlive([](Impl& self) { self.readAgain(); }));
}

channel::SeenFlow FlowWatch::Impl::seen(const verification::Route& route) {
    channel::SeenFlow flow{route.source, route.destination, 0, {}, {}, {}, {}};
    if (const auto from = observer->origin(tun::flowNumber(route.source, route.destination)))
        flow.from = channel::MeshPlace{from->interface, from->link};
    flow.to = nextOf(route.destination);
    return flow;
}

std::vector<channel::SeenLink> FlowWatch::Impl::links() const {
    std::vector<channel::SeenLink> all;
    const SteadyTime now = ports.clock.steady();
    for (const auto& [interface, known] : ways.known) {
        std::set<LinkAddress> told;
        for (const auto& [address, link] : known) {
            if (all.size() >= channel::maxMeshNeighbours || !told.insert(link).second) continue;
            const auto worth = echoes.worth({interface, link}, now);
            if (!worth) continue;
            all.push_back({{interface, link},
                           static_cast<uint32_t>(worth->arrives * billion),
                           worth->bitsPerSecond,
                           static_cast<uint64_t>(worth->seconds * billion)});
        }
    }
    return all;
}

// Flows that came from a neighbour and go to none, with some of their packets, drawn when they have come.
void FlowWatch::Impl::report() {
    watch();
    look();
    channel::FlowsSeen told{true, {}, links()};
    std::vector<tun::FlowCount> counts;
    for (const bool v6 : {false, true}) {
        for (tun::FlowCount& one : read(v6)) counts.push_back(std::move(one));
    }
    std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.packets > b.packets; });
    std::map<uint64_t, uint64_t> now;
    const auto clockOff = ports.clockError();
    for (const tun::FlowCount& count : counts) {
        const uint64_t number = tun::flowNumber(count.source, count.destination);
        now[number] = count.packets;
        const uint64_t had = before.contains(number) ? before[number] : 0;
        if (told.flows.size() >= channel::maxSeenFlows || count.packets < had + leastPackets) continue;
        channel::SeenFlow flow = seen({count.source, count.destination});
        if (!flow.from || flow.to) continue;
        const Read& when = lastRead[count.source.isV6() ? 1 : 0];
        flow.counts = {{nanoseconds(when.before), nanoseconds(when.after), count.packets, count.bytes}};
        auto packets = clockOff ? observer->sightings().of(number, since) : std::vector<tun::Sighting>();
        for (size_t i = 0; i < packets.size() && i < channel::maxSeenPackets; ++i) {
            std::swap(packets[i], packets[i + systemRandom().below(packets.size() - i)]);
            // Not earlier than it was, or a way that holds its promise would seem to be slow.
            flow.times.push_back({packets[i].hash, packets[i].nanoseconds - nanoseconds(*clockOff)});
        }
        std::sort(flow.times.begin(), flow.times.end(), [](const auto& a, const auto& b) { return a.hash < b.hash; });
        told.flows.push_back(std::move(flow));
    }
    before = std::move(now);
    since = nanoseconds(ports.clock.now());
    ports.tell(told);
    reportTimer = ports.timers.after(window, whileAlive([](Impl& self) { self.report(); }));
}

void FlowWatch::Impl::echo() {
    look();
    const SteadyTime now = ports.clock.steady();
    size_t asked = 0;
    for (const auto& [interface, known] : ways.known) {
        for (const auto& [address, link] : known) {
            const auto bytes = address.bytes();
            const bool linkLocal = address.isV6() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
            if (linkLocal && asked++ < mostNeighbours)
                (void)ports.say(interface, address, echoes.ask({interface, link}, now));
        }
    }
    echoTimer = ports.timers.after(echoEvery, whileAlive([](Impl& self) { self.echo(); }));
}

// What is known of a flow when a statement about it comes. Of a row of statements the counters are not read for each.
void FlowWatch::Impl::observe(const verification::Told& told) {
    const SteadyTime came = ports.clock.steady();
    const bool v6 = told.route.source.isV6();
    log.want(told.route, came);
    const Read& last = lastRead[v6 ? 1 : 0];
    if (came - last.after > std::max<std::chrono::nanoseconds>(breath, 10 * (last.after - last.before))) (void)read(v6);
    const auto readings = log.of(told.route);
    if (readings.empty()) return;
    channel::FlowsSeen now{false, {seen(told.route)}, links()};
    channel::SeenFlow& flow = now.flows.front();
    flow.came = nanoseconds(came);
    for (const verification::Reading& one : readings)
        flow.counts.push_back({nanoseconds(one.before), nanoseconds(one.after), one.packets, one.bytes});
    observer->collect();
    const auto statement = verification::openStatement(told.statement);
    if (const auto clockOff = ports.clockError(); statement && clockOff) {
        for (const verification::PacketTime& one : statement->times) {
            if (const auto time = observer->sightings().timeOf(one.hash))
                flow.times.push_back({one.hash, *time + nanoseconds(*clockOff)});  // not later than it was
        }
    }
    ports.tell(now);
}

tl::expected<std::unique_ptr<FlowWatch>, std::string> FlowWatch::open(Ports ports,
                                                                      const std::set<std::string>& interfaces) {
    auto observer = tun::openLinuxObserver();
    if (!observer) {
        return tl::unexpected("what passes cannot be observed: " + std::string(describe(observer.error().error)) +
                              (observer.error().diagnosis.empty() ? "" : ": " + observer.error().diagnosis));
    }
    auto impl = std::make_shared<Impl>(std::move(ports), interfaces, std::move(*observer));
    return std::unique_ptr<FlowWatch>(new FlowWatch(std::move(impl)));
}

FlowWatch::~FlowWatch() { stop(); }

void FlowWatch::start() {
    m_impl->watch();
    m_impl->readable.emplace(m_impl->ports.io, ::dup(m_impl->observer->descriptor()));
    m_impl->await();
    m_impl->echo();
    m_impl->report();
    m_impl->readAgain();
}

void FlowWatch::stop() {
    if (std::exchange(m_impl->stopped, true)) return;
    for (const app::Timers::Id timer : {m_impl->breathTimer, m_impl->reportTimer, m_impl->echoTimer, m_impl->readTimer})
        m_impl->ports.timers.cancel(timer);
    m_impl->readable.reset();
}

void FlowWatch::counted(const channel::MeshCounts& counts) {
    const SteadyTime now = m_impl->ports.clock.steady();
    for (const channel::MeshCount& one : counts.counts) {
        m_impl->echoes.sent({one.interface, one.link}, one.sentBytes, now);
        m_impl->echoes.came({one.interface, one.link}, one.arrivedBytes, now);
    }
}

void FlowWatch::heard(const std::string& interface, const MeshDatagram& datagram) {
    switch (datagram.kind()) {
    case LinkEchoes::askKind:
        if (const auto answer = m_impl->echoes.answerTo({interface, datagram.link}, datagram.bytes))
            (void)m_impl->ports.say(interface, datagram.from, *answer);
        return;
    case LinkEchoes::answerKind:
        m_impl->echoes.answered({interface, datagram.link}, datagram.bytes, m_impl->ports.clock.steady());
        return;
    default: break;
    }
    if (datagram.kind() > verification::lastKind) return;
    if (datagram.kind() == toldKind) {
        const auto message = verification::decodeFlowMessage(datagram.bytes);
        if (!message) return;
        if (const auto* told = std::get_if<verification::Told>(&*message)) m_impl->observe(*told);
    }
    m_impl->ports.tell(channel::MeshHeard{interface, datagram.link, datagram.from, datagram.bytes});
}

}  // namespace netpas::agent
