#include "app/agent/measurements.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "app/agent/delivery_watch.h"
#include "app/agent/measurement_json.h"
#include "cartographer/measure/arrivals.h"
#include "cartographer/measure/passive.h"
#include "cartographer/measure/prober.h"
#include "core/random.h"
#include "core/stamp/stamp_socket.h"
#include "tun/capture/linux_capture.h"
#include "tun/watch/tcp_watch.h"

namespace netpas::agent {

namespace {

namespace asio = boost::asio;
using measure::ClassOn;
using measure::ProbeRoute;

constexpr std::chrono::milliseconds lookEvery{1000};  // at the kernel's counts
constexpr std::chrono::seconds surveyEvery{60};       // menus may name other reflectors
constexpr std::chrono::seconds surveyAgain{2};        // one that misses something; doubled each time
constexpr std::chrono::seconds askedFor{300};
constexpr size_t maxDestinations = 16;
constexpr size_t maxConnections = 256;  // of one destination

// The socket of one route. What comes is handed over with its time of arrival.
class RouteSocket {
public:
    using Came = std::function<void(const ProbeRoute&, const Bytes&, SystemTime arrived, SteadyTime steady)>;

    RouteSocket(asio::io_context& io, ProbeRoute route, stamp::StampSocket socket, Came came)
        : m_route(std::move(route)),
          m_socket(std::move(socket)),
          m_wait(io, m_socket.descriptor()),
          m_came(std::move(came)) {
        wait();
    }
    ~RouteSocket() { m_wait.release(); }  // the socket closes it
    RouteSocket(const RouteSocket&) = delete;
    RouteSocket& operator=(const RouteSocket&) = delete;

    bool send(ByteView packet) const { return m_socket.send(packet); }
    [[nodiscard]] uint16_t port() const { return m_socket.local().port; }

private:
    void wait() {
        m_wait.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
            if (error) return;
            constexpr int batch = 16;
            for (int i = 0; i < batch; ++i) {
                const auto received = m_socket.receive(systemClock().now());
                if (!received) break;
                // By how much the kernel had it earlier than we; a clock that was set in between does not count.
                const auto late = std::clamp<std::chrono::nanoseconds>(
                    systemClock().now() - received->arrival.time, std::chrono::nanoseconds(0), std::chrono::seconds(1));
                m_came(m_route, received->packet, received->arrival.time, systemClock().steady() - late);
            }
            wait();
        });
    }

    ProbeRoute m_route;
    stamp::StampSocket m_socket;
    asio::posix::stream_descriptor m_wait;
    Came m_came;
};

std::vector<ClassOn> classesOf(const PaidFlow& flow) {
    std::vector<ClassOn> classes;
    for (const cartographer::QuotedHop& hop : flow.path) classes.push_back({hop.isp, hop.service});
    return classes;
}

const Endpoint* reflectorIn(const cartographer::Survey& survey, IspId isp, bool v6) {
    const auto menu = survey.menus.find(isp);
    if (menu == survey.menus.end()) return nullptr;
    const auto& all = menu->second.menu.reflectors;
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Endpoint& one) { return one.address.isV6() == v6; });
    return found != all.end() ? &*found : nullptr;
}

}  // namespace

class Measurements::Impl : public std::enable_shared_from_this<Impl> {
public:
    explicit Impl(MeasureContext context)
        : m_context(std::move(context)),
          m_prober(proberOptions(), m_context.clock, systemRandom(),
                   [this](const ProbeRoute& route, ByteView packet) { return send(route, packet); }) {
        m_prober.listen(
            {[this](const ProbeRoute& route, SteadyTime at) { m_judge.sent(route, at); },
             [this](const ProbeRoute& route, const stamp::Sample& sample) { m_judge.answered(route, sample); }});
        auto watch = tun::TcpWatch::open();
        if (watch) {
            m_watch = std::move(*watch);
        } else {
            m_context.log(LogLevel::Warning, watch.error());
        }
    }

    void start() {
        m_context.plane.onFlows([weak = weak_from_this()](const std::vector<PaidFlow>& flows) {
            const auto alive = weak.lock();
            if (!alive) return;
            alive->m_flows = flows;
            // Not inside the change itself, which our probes would be a part of.
            asio::post(alive->m_context.io, [weak] {
                if (const auto still = weak.lock()) still->usesChanged();
            });
        });
    }

    void ask(const IpAddress& destination) {
        m_asked[destination] = m_context.clock.steady() + askedFor;
        usesChanged();
    }

    [[nodiscard]] nlohmann::json report(const std::optional<IpAddress>& destination) {
        nlohmann::json all = measurementsJson({m_prober.report(), m_before, m_passive.report(m_context.clock.steady()),
                                               m_prober.packetsSent(), m_context.clock.steady()},
                                              destination, destination ? ispsTo(*destination) : std::set<IspId>{});
        all["judged"] = standingJson(m_judge.standing());
        if (destination) all["came"] = arrivalsJson(m_arrivals.from(*destination), m_context.clock.steady());
        return all;
    }

    [[nodiscard]] std::set<IspId> ispsTo(const IpAddress& destination) const {
        std::set<IspId> isps;
        const auto known = m_known.find(destination);
        if (known == m_known.end() || !known->second.survey) return isps;
        for (const auto& path : known->second.survey->paths.paths) isps.insert(path.isps.begin(), path.isps.end());
        return isps;
    }

    [[nodiscard]] SegmentKnowledge segments() {
        SegmentKnowledge out;
        std::set<share::Segment> ways;
        for (const auto& [destination, known] : m_known) {
            if (!known.survey) continue;
            for (const auto& path : known.survey->paths.paths) {
                for (size_t i = 1; i < path.isps.size(); ++i)
                    ways.insert({path.isps[i - 1], path.isps[i], destination.isV6()});
            }
        }
        out.ways.assign(ways.begin(), ways.end());
        const std::vector<measure::ProbeReport> reports = m_prober.report();
        for (const measure::ProbeReport& far : reports) {
            const auto before = m_before.find(far.route);
            if (before == m_before.end()) continue;
            const auto near = std::find_if(reports.begin(), reports.end(),
                                           [&](const auto& one) { return one.route == before->second; });
            if (near != reports.end()) addSegment(*near, far, out.own);
        }
        return out;
    }

    void stop() {
        m_stopped = true;
        m_context.plane.onFlows({});
        m_context.timers.cancel(std::exchange(m_probeTimer, 0));
        m_context.timers.cancel(std::exchange(m_lookTimer, 0));
        m_sockets.clear();
    }

private:
    struct Known {
        std::optional<cartographer::Survey> survey;
        SteadyTime due{};
        std::chrono::seconds again = surveyAgain;
        bool asking = false;
    };

    [[nodiscard]] measure::Prober::Options proberOptions() const {
        measure::Prober::Options options;
        options.every = m_context.options.every;
        options.perMinute = m_context.options.perMinute;
        return options;
    }

    // Where this machine's paid flows go, and what was asked for.
    [[nodiscard]] std::set<IpAddress> destinations() {
        const SteadyTime now = m_context.clock.steady();
        std::erase_if(m_asked, [&](const auto& entry) { return entry.second < now; });
        std::set<IpAddress> all;
        for (const PaidFlow& flow : m_flows) {
            const bool somewhere = flow.flow.remote && flow.flow.remote->length() > 0;
            if (flow.diverted && flow.node.empty() && somewhere && all.size() < maxDestinations)
                all.insert(flow.flow.remote->address());
        }
        for (const auto& [address, until] : m_asked) {
            if (all.size() < maxDestinations) all.insert(address);
        }
        return all;
    }

    static void addSegment(const measure::ProbeReport& near, const measure::ProbeReport& far,
                           std::vector<share::OwnEstimate>& own) {
        const auto classOf = [&](IspId isp) {
            const auto found = std::find_if(far.route.classes.begin(), far.route.classes.end(),
                                            [isp](const ClassOn& bought) { return bought.isp == isp; });
            return found != far.route.classes.end() ? found->service : ServiceClass(0);
        };
        const share::Segment segment{near.route.isp, far.route.isp, far.route.reflector.address.isV6()};
        const auto add = [&](share::Metric metric, const measure::Estimate& estimate) {
            own.push_back({{segment, {classOf(segment.from), classOf(segment.to), metric}}, estimate});
        };
        add(share::Metric::RoundTrip, measure::latencyBetween(near.roundTrip, far.roundTrip));
        add(share::Metric::LossThere, measure::lossBetween(near.lossThere, far.lossThere));
        add(share::Metric::LossBack, measure::lossBetween(near.lossBack, far.lossBack));
    }

    void usesChanged() {
        if (m_stopped) return;
        const std::set<IpAddress> wanted = destinations();
        std::erase_if(m_known, [&](const auto& entry) { return !wanted.contains(entry.first); });
        for (const IpAddress& destination : wanted) survey(destination);
        setRoutes();
        if (!wanted.empty()) armLook();
    }

    void survey(const IpAddress& destination) {
        Known& known = m_known[destination];
        const SteadyTime now = m_context.clock.steady();
        if (known.asking || now < known.due) return;
        known.asking = true;
        m_context.cartographer.survey(destination, [weak = weak_from_this(), destination](auto survey) {
            const auto alive = weak.lock();
            const auto at = alive ? alive->m_known.find(destination) : decltype(alive->m_known.end()){};
            if (!alive || at == alive->m_known.end()) return;
            alive->surveyed(at->second, std::move(survey));
            alive->setRoutes();
        });
    }

    // An ISP whose menu could not be had is not measured: that must not last until the next look at all of them. Without any survey (no ISP is
    // joined yet, or ours does not answer) nothing is: that is not put off.
    void surveyed(Known& known, tl::expected<cartographer::Survey, cartographer::Failure> survey) {
        known.asking = false;
        const bool misses = !survey || !survey->missing.empty();
        known.due = m_context.clock.steady() + (misses ? known.again : surveyEvery);
        known.again = survey && misses ? std::min(known.again * 2, surveyEvery) : surveyAgain;
        if (survey) known.survey = std::move(*survey);
    }

    // Along one way: to each ISP that can be measured, each with the one before it. These routes, nearest first.
    std::vector<ProbeRoute> addWay(const std::vector<IspId>& isps, const std::vector<ClassOn>& classes,
                                   const cartographer::Survey& survey, bool v6, std::vector<ProbeRoute>& routes) {
        const size_t first = routes.size();
        const ProbeRoute* before = nullptr;
        for (size_t i = 0; i < isps.size(); ++i) {
            const Endpoint* const reflector = reflectorIn(survey, isps[i], v6);
            if (reflector == nullptr) {
                before = nullptr;  // the next one is not the only stretch in between
                continue;
            }
            const size_t bought = std::min(i + 1, classes.size());
            ProbeRoute route{isps[i], *reflector, {classes.begin(), classes.begin() + static_cast<ptrdiff_t>(bought)}};
            if (before != nullptr) m_before.insert_or_assign(route, *before);
            before = &*m_ways.insert(route).first;
            routes.push_back(std::move(route));
        }
        return {routes.begin() + static_cast<ptrdiff_t>(first), routes.end()};
    }

    [[nodiscard]] double bestEffortRate(const std::vector<measure::PassiveReport>& passive,
                                        const IpAddress& destination) const {
        for (const measure::PassiveReport& one : passive) {
            if (one.subject.destination == destination && one.subject.classes.empty() && one.rate.known())
                return one.rate.high;
        }
        return 0;
    }

    void setRoutes() {
        if (m_stopped) return;
        std::vector<ProbeRoute> routes;
        std::vector<JudgedWay> judged;
        const auto passive = m_passive.report(m_context.clock.steady());
        m_before.clear();
        m_ways.clear();
        for (const auto& [destination, known] : m_known) {
            if (!known.survey) continue;
            const bool v6 = destination.isV6();
            for (const PaidFlow& flow : m_flows) {
                if (!flow.diverted || !flow.node.empty() || !flow.flow.remote ||
                    flow.flow.remote->address() != destination)
                    continue;
                std::vector<IspId> isps;
                for (const cartographer::QuotedHop& hop : flow.path) isps.push_back(hop.isp);
                const std::vector<ClassOn> classes = classesOf(flow);
                judged.push_back({classes, addWay(isps, classes, *known.survey, v6, routes), &*known.survey,
                                  bestEffortRate(passive, destination)});
            }
            // Best effort takes the way that the network likes best: what is paid for is compared with it.
            if (!known.survey->paths.paths.empty())
                addWay(known.survey->paths.paths.front().isps, {}, *known.survey, v6, routes);
        }
        const std::vector<measure::WatchedWay> watched = watchedWays(judged);
        // Also where best effort goes another way.
        for (const measure::WatchedWay& one : watched) routes.push_back(one.control);
        m_prober.setRoutes(routes);
        m_judge.watch(m_context.clock.steady(), watched);
        openSockets();
        armProbe();
    }

    void openSockets() {
        const std::vector<ProbeRoute> routes = m_prober.routes();
        std::erase_if(m_sockets, [&](const auto& entry) {
            return std::find(routes.begin(), routes.end(), entry.first) == routes.end();
        });
        std::vector<PaidProbe> paid;
        for (const ProbeRoute& route : routes) {
            auto& socket = m_sockets[route];
            if (!socket) socket = open(route);
            if (!socket || route.classes.empty()) continue;
            PaidProbe probe{{}, route.reflector, socket->port()};
            for (const ClassOn& bought : route.classes) probe.classes.emplace_back(bought.isp, bought.service);
            paid.push_back(std::move(probe));
        }
        m_context.plane.setProbes(std::move(paid));
    }

    // Best-effort probes are never diverted, whatever was bought for their destination.
    [[nodiscard]] std::unique_ptr<RouteSocket> open(const ProbeRoute& route) {
        stamp::StampSocket::Options options;
        options.local = {route.reflector.address.isV6() ? *IpAddress::parse("::") : IpAddress{}, 0};
        options.peer = route.reflector;
        if (route.classes.empty()) options.mark = tun::bypassMark;
        auto socket = stamp::StampSocket::open(options);
        if (!socket) return nullptr;
        return std::make_unique<RouteSocket>(
            m_context.io, route, std::move(*socket),
            [this](const ProbeRoute& from, const Bytes& packet, SystemTime arrived, SteadyTime steady) {
                m_prober.take(from, packet, arrived, steady);
            });
    }

    bool send(const ProbeRoute& route, ByteView packet) {
        const auto socket = m_sockets.find(route);
        return socket != m_sockets.end() && socket->second && socket->second->send(packet);
    }

    void armProbe() {
        const auto next = m_prober.nextDue();
        m_context.timers.cancel(std::exchange(m_probeTimer, 0));
        if (!next || m_stopped) return;
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - m_context.clock.steady());
        m_probeTimer = m_context.timers.after(std::max(wait, std::chrono::milliseconds(1)), [weak = weak_from_this()] {
            if (const auto alive = weak.lock()) {
                alive->m_probeTimer = 0;
                alive->m_prober.run();
                alive->judge();
                alive->armProbe();
            }
        });
    }

    void judge() {
        const SteadyTime now = m_context.clock.steady();
        for (const measure::NotDelivered& found : m_judge.run(now)) {
            const channel::NotDelivered trouble = deliveryTrouble(found, m_flows, now);
            if (!trouble.purchases.empty() && m_context.notDelivered) m_context.notDelivered(trouble);
        }
        m_prober.hurry(m_judge.urgent(now));
    }

    // Only while somebody uses or has asked for something.
    void armLook() {
        if (m_lookTimer != 0 || m_stopped) return;
        m_lookTimer = m_context.timers.after(lookEvery, [weak = weak_from_this()] {
            const auto alive = weak.lock();
            if (!alive) return;
            alive->m_lookTimer = 0;
            alive->look();
            alive->usesChanged();
        });
    }

    void look() {
        if (const auto load = m_load.look(m_context.clock.steady())) m_judge.load(*load);
        if (!m_watch) return;
        std::vector<measure::PassiveTcp::Seen> seen;
        for (const auto& [destination, known] : m_known) {
            const auto prefix = IpPrefix::make(destination, destination.isV6() ? 128 : 32);
            if (!prefix) continue;
            for (TcpCounts& counts : m_watch->connectionsTo(*prefix, maxConnections)) {
                const auto paid = std::find_if(m_flows.begin(), m_flows.end(), [&](const PaidFlow& flow) {
                    return flow.diverted && flow.node.empty() && flow.flow.matches(counts.flow);
                });
                seen.push_back(
                    {counts, {destination, paid != m_flows.end() ? classesOf(*paid) : std::vector<ClassOn>{}}});
            }
        }
        m_passive.take(m_context.clock.steady(), seen);
        m_arrivals.take(m_context.clock.steady(), seen);
    }

    MeasureContext m_context;
    measure::Prober m_prober;
    measure::PassiveTcp m_passive;
    measure::Arrivals m_arrivals;
    measure::DeliveryJudge m_judge;
    OwnLoad m_load;
    std::unique_ptr<tun::TcpWatch> m_watch;  // null: the kernel has no such thing
    std::vector<PaidFlow> m_flows;
    std::map<IpAddress, SteadyTime> m_asked;  // until when
    std::map<IpAddress, Known> m_known;
    std::set<ProbeRoute> m_ways;
    std::map<ProbeRoute, ProbeRoute> m_before;  // the stretch between the two is the first one's ISP
    std::map<ProbeRoute, std::unique_ptr<RouteSocket>> m_sockets;
    app::Timers::Id m_probeTimer = 0;
    app::Timers::Id m_lookTimer = 0;
    bool m_stopped = false;
};

Measurements::Measurements(MeasureContext context) : m_impl(std::make_shared<Impl>(std::move(context))) {
    m_impl->start();
}
Measurements::~Measurements() { m_impl->stop(); }
void Measurements::ask(const IpAddress& destination) { m_impl->ask(destination); }
nlohmann::json Measurements::report(const std::optional<IpAddress>& destination) { return m_impl->report(destination); }
SegmentKnowledge Measurements::segments() { return m_impl->segments(); }
std::set<IspId> Measurements::onTheWay(const IpAddress& destination) const { return m_impl->ispsTo(destination); }
void Measurements::stop() { m_impl->stop(); }

}  // namespace netpas::agent
