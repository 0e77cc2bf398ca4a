#include "app/agent/data_plane.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "app/agent/neighbours.h"
#include "tun/agent/agent_plane.h"
#include "tun/agent/bypass.h"
#include "tun/capture/linux_capture.h"
#include "tun/capture/linux_conntrack.h"
#include "tun/device/linux_tun.h"
#include "tun/udp/linux_udp_socket.h"

namespace netpas::agent {

namespace {

// Whether this machine has a route there; no packet is sent.
bool hasRoute(const Endpoint& endpoint) {
    const bool v6 = endpoint.address.isV6();
    sockaddr_storage storage{};
    socklen_t length = 0;
    const auto bytes = endpoint.address.bytes();
    if (v6) {
        auto& address = reinterpret_cast<sockaddr_in6&>(storage);
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(endpoint.port);
        std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
        length = sizeof address;
    } else {
        auto& address = reinterpret_cast<sockaddr_in&>(storage);
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
        length = sizeof address;
    }
    const int probe = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return false;
    const bool routed = ::connect(probe, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
    ::close(probe);
    return routed;
}

// The largest MTU of this machine's interfaces. With a smaller one the TUN device would shrink the packets of diverted flows, which no
// path on the way asks for; the data plane fits them to the path by itself.
uint32_t largestMtu() {
    constexpr uint32_t least = 1500;
    constexpr uint32_t most = 65535;
    uint32_t largest = least;
    ifaddrs* all = nullptr;
    const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && ::getifaddrs(&all) == 0) {
        for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
            if ((one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0) continue;
            ifreq request{};
            std::strncpy(request.ifr_name, one->ifa_name, IFNAMSIZ - 1);
            if (::ioctl(probe, SIOCGIFMTU, &request) != 0 || request.ifr_mtu <= 0) continue;
            largest = std::max(largest, std::min(most, static_cast<uint32_t>(request.ifr_mtu)));
        }
        ::freeifaddrs(all);
    }
    if (probe >= 0) ::close(probe);
    return largest;
}

// The edge router to use for a destination: one that can be reached, of the destination's family when there is one.
std::optional<Endpoint> chooseEdge(const std::vector<Endpoint>& edges, const FlowMatch& flow) {
    const bool v6 = flow.remote && flow.remote->address().isV6();
    for (const bool sameFamily : {true, false}) {
        for (const Endpoint& edge : edges) {
            if ((edge.address.isV6() == v6) == sameFamily && hasRoute(edge)) return edge;
        }
    }
    return edges.empty() ? std::nullopt : std::optional(edges.front());
}

// Of another host, which this machine forwards for.
bool isForwarded(const FlowMatch& flow, const std::string& node) {
    return !node.empty() || (flow.local && !isOwnAddress(flow.local->address()));
}

DataPlaneFailure deviceFailure(const std::string& device, tun::TunError error) {
    std::string remedy = "see the system's log";
    switch (error) {
    case tun::TunError::NotPermitted: remedy = "run netpasd as root, or with CAP_NET_ADMIN and CAP_NET_RAW"; break;
    case tun::TunError::Unsupported: remedy = "load the kernel's tun module: modprobe tun"; break;
    case tun::TunError::NameTaken: remedy = "another netpasd runs here; stop it, or choose another --device"; break;
    case tun::TunError::BadName: remedy = "choose another --device"; break;
    case tun::TunError::BadMtu:
    case tun::TunError::TooManyQueues:
    case tun::TunError::Gone:
    case tun::TunError::SystemRefused: break;
    }
    return {"the TUN device " + device + " cannot be made: " + std::string(describe(error)), std::move(remedy)};
}

std::string troubleFrom(const tun::PurchaseCounters& before, const tun::PurchaseCounters& now) {
    for (size_t i = 0; i < tun::bestEffortReasons; ++i) {
        if (now.bestEffort[i] > before.bestEffort[i]) {
            return "packets go best effort: " + std::string(describe(static_cast<tun::BestEffortReason>(i)));
        }
    }
    return {};
}

// The plane keeps an account for each session key, under the key's own number: identifiers are never used twice.
PurchaseId accountOf(SessionKeyId key) { return PurchaseId{key.value()}; }

}  // namespace

struct DataPlane::Impl {
    // A session key from its first publication until it is drained.
    struct Kept {
        PurchaseId purchase;
        std::shared_ptr<tun::SpendGate> gate;
        std::shared_ptr<tun::ReservationClock> reservation;
        Endpoint edge;
        tun::PurchaseCounters last;  // at the harvest before
        bool lastCapReached = false;
        std::string trouble;
    };

    struct Diverted {
        FlowMatch match;
        std::string node;
        friend bool operator==(const Diverted&, const Diverted&) = default;
    };

    boost::asio::io_context& io;
    LogSink log;
    std::vector<Endpoint> edges;
    std::vector<Endpoint> control;
    std::map<uint32_t, Kept> kept;
    std::vector<Diverted> diverted;
    std::function<std::optional<LinkAddress>(const std::string&)> senders;
    std::function<std::optional<LinkAddress>(const IpAddress&)> neighbours;
    std::vector<PaidFlow> applied;  // as it came last
    std::vector<PaidProbe> probes;
    std::function<void(const std::vector<PaidFlow>&)> flowsChanged;
    // In order of construction; the plane refers to all but the capture.
    std::unique_ptr<tun::TunDevice> device;
    std::unique_ptr<tun::Capture> capture;
    tun::LinuxUdpFactory sockets;
    std::unique_ptr<tun::Bypass> bypass;
    std::unique_ptr<tun::Translation> translation;  // null on a kernel without connection tracking
    std::unique_ptr<tun::AgentPlane> plane;
    bool started = false;

    Impl(boost::asio::io_context& context, LogSink sink) : io(context), log(std::move(sink)) {}
    [[nodiscard]] std::optional<Kept> keptFor(const PaidFlow& flow) const;
    [[nodiscard]] FlowCounters countersOf(uint32_t key, Kept& flow, const tun::PurchaseCounters& counted) const;
    [[nodiscard]] tl::expected<void, FlowsFailure> apply(const std::vector<PaidFlow>& all);
    void addProbes(const std::vector<PaidFlow>& all, const std::map<uint32_t, Kept>& next, tun::AgentSnapshot& snapshot,
                   std::vector<Diverted>& wanted) const;
    [[nodiscard]] tl::expected<void, std::string> divert(const std::vector<Diverted>& flows);
    [[nodiscard]] std::optional<tun::CapturedFlow> captureOf(const Diverted& flow) const;
};

DataPlane::DataPlane(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
DataPlane::~DataPlane() { stop(); }

tl::expected<std::unique_ptr<DataPlane>, DataPlaneFailure> DataPlane::open(boost::asio::io_context& io,
                                                                           const Clock& clock,
                                                                           const std::string& device, LogSink log) {
    auto impl = std::make_shared<Impl>(io, std::move(log));
    tun::LinuxTunOptions tunOptions;
    tunOptions.name = device;
    tunOptions.mtu = largestMtu();
    auto opened = tun::openLinuxTun(tunOptions);
    if (!opened) return tl::unexpected(deviceFailure(device, opened.error()));
    impl->device = std::move(*opened);

    tun::LinuxCaptureOptions captureOptions;
    captureOptions.device = impl->device->name();
    auto capture = tun::openLinuxCapture(captureOptions);
    if (!capture) {
        const bool inUse = capture.error().error == tun::CaptureError::AlreadyInUse;
        return tl::unexpected(DataPlaneFailure{
            "flows cannot be diverted: " + std::string(describe(capture.error().error)) + " (" +
                capture.error().diagnosis + ")",
            inUse ? "stop the other netpasd of this machine first" : "run netpasd as root, on a kernel with nftables"});
    }
    impl->capture = std::move(*capture);

    auto bypass = tun::openLinuxBypass(tun::bypassMark, tun::translatedBypassMark);
    if (!bypass) {
        return tl::unexpected(
            DataPlaneFailure{"best-effort packets cannot be sent: " + std::string(describe(bypass.error())),
                             "run netpasd as root, or with CAP_NET_ADMIN and CAP_NET_RAW"});
    }
    impl->bypass = std::move(*bypass);

    if (auto translation = tun::openLinuxConntrack()) impl->translation = std::move(*translation);

    tun::AgentPlaneOptions options;
    options.translation = impl->translation.get();
    options.mark = tun::bypassMark;
    options.edgeChanged = [weak = std::weak_ptr<Impl>(impl)](const tun::EdgeState& edge) {
        const auto alive = weak.lock();
        if (!alive) return;
        boost::asio::post(alive->io, [weak, edge] {
            if (const auto still = weak.lock()) {
                still->log(edge.reachable ? LogLevel::Info : LogLevel::Warning,
                           "edge router " + edge.edge.toString() +
                               (edge.reachable ? " is reachable" : " is unreachable: best effort"));
            }
        });
    };
    impl->plane =
        std::make_unique<tun::AgentPlane>(*impl->device, impl->sockets, *impl->bypass, clock, std::move(options));
    return std::unique_ptr<DataPlane>(new DataPlane(std::move(impl)));
}

void DataPlane::setEdges(std::vector<Endpoint> edges) { m_impl->edges = std::move(edges); }

void DataPlane::setSenders(std::function<std::optional<LinkAddress>(const std::string& node)> senders) {
    m_impl->senders = std::move(senders);
}

void DataPlane::setNeighbours(std::function<std::optional<LinkAddress>(const IpAddress&)> neighbours) {
    m_impl->neighbours = std::move(neighbours);
}

void DataPlane::setControl(std::vector<Endpoint> servers) { m_impl->control = std::move(servers); }

tl::expected<void, std::string> DataPlane::start() {
    if (const auto done = m_impl->plane->start(); !done) return tl::unexpected(std::string(describe(done.error())));
    m_impl->started = true;
    return {};
}

void DataPlane::stop() {
    m_impl->capture.reset();  // first nothing comes in any more
    if (std::exchange(m_impl->started, false)) m_impl->plane->stop();
}

DataPlane::State DataPlane::state() const {
    const tun::PlaneTotals totals = m_impl->plane->totals();
    State state;
    state.up = m_impl->started && !totals.deviceGone;
    if (totals.deviceGone) state.trouble = "the TUN device was removed: restart netpasd";
    for (const tun::EdgeState& edge : m_impl->plane->edges()) {
        if (!edge.reachable) state.unreachableEdges.push_back(edge.edge.toString());
    }
    state.unownedPackets = totals.unowned.bestEffortPackets();
    return state;
}

// What is known of the key, or what it begins with.
std::optional<DataPlane::Impl::Kept> DataPlane::Impl::keptFor(const PaidFlow& flow) const {
    if (const auto known = kept.find(flow.key.id.value()); known != kept.end()) return known->second;
    Kept fresh;
    fresh.purchase = flow.id;
    fresh.gate = std::make_shared<tun::SpendGate>(flow.key.cap, flow.capPerSecond);
    fresh.reservation = std::make_shared<tun::ReservationClock>();
    for (const auto& [key, before] : kept) {
        if (before.purchase != flow.id) continue;
        fresh.edge = before.edge;
        fresh.reservation = before.reservation;
        fresh.gate->continueRateOf(*before.gate);
    }
    if (fresh.edge.port != 0) return fresh;
    const auto edge = chooseEdge(edges, flow.flow);
    if (!edge) return std::nullopt;
    fresh.edge = *edge;
    return fresh;
}

tl::expected<void, FlowsFailure> DataPlane::Impl::apply(const std::vector<PaidFlow>& all) {
    tun::AgentSnapshot snapshot;
    std::map<uint32_t, Kept> next = kept;
    std::vector<Diverted> wanted;
    for (const PaidFlow& flow : all) {
        if (!flow.node.empty() && !flow.flow.local) {
            return tl::unexpected(FlowsFailure{FlowsFailure::Kind::Plane, "a device's flow without its address"});
        }
        auto known = keptFor(flow);
        if (!known) {
            return tl::unexpected(FlowsFailure{FlowsFailure::Kind::Plane, "the ISP names no edge router"});
        }
        tun::AgentFlow published;
        published.purchase = accountOf(flow.key.id);
        published.match = flow.flow;
        for (const cartographer::QuotedHop& hop : flow.path) {
            published.path.push_back({hop.isp, hop.service, hop.exit, hop.prices, hop.guarantee});
        }
        published.key = flow.key.id;
        published.secret = flow.key.secret;
        published.expires = flow.key.expires;
        published.edge = known->edge;
        published.gate = known->gate;
        published.reservation = known->reservation;
        published.forwarded = isForwarded(flow.flow, flow.node);
        snapshot.flows.push_back(std::move(published));
        if (flow.diverted) wanted.push_back({flow.flow, flow.node});
        next.insert_or_assign(flow.key.id.value(), std::move(*known));
    }
    addProbes(all, next, snapshot, wanted);
    // What was bought for one destination comes before what was bought for everywhere.
    std::stable_partition(snapshot.flows.begin(), snapshot.flows.end(), [](const tun::AgentFlow& flow) {
        return !flow.match.remote || flow.match.remote->length() > 0;
    });
    // A match of this machine's own flows may name no address, and would take a device's packets for its own.
    std::stable_partition(snapshot.flows.begin(), snapshot.flows.end(),
                          [](const tun::AgentFlow& flow) { return flow.forwarded; });
    // What is not wanted any more leaves the capture first: its last packets are still paid for by the set from before.
    const std::vector<Diverted> before = diverted;
    std::vector<Diverted> staying;
    std::copy_if(before.begin(), before.end(), std::back_inserter(staying),
                 [&](const auto& flow) { return std::find(wanted.begin(), wanted.end(), flow) != wanted.end(); });
    if (staying.size() != before.size()) {
        if (auto done = divert(staying); !done) {
            return tl::unexpected(FlowsFailure{FlowsFailure::Kind::Capture, std::move(done.error())});
        }
    }
    if (const auto done = plane->publish(snapshot); !done) {
        return tl::unexpected(FlowsFailure{FlowsFailure::Kind::Plane, std::string(describe(done.error()))});
    }
    kept = std::move(next);
    if (wanted.size() == staying.size()) return {};
    if (auto done = divert(wanted); !done) {
        return tl::unexpected(FlowsFailure{FlowsFailure::Kind::Capture, std::move(done.error())});
    }
    return {};
}

// In front of the flows, whose matches may be wide.
void DataPlane::Impl::addProbes(const std::vector<PaidFlow>& all, const std::map<uint32_t, Kept>& next,
                                tun::AgentSnapshot& snapshot, std::vector<Diverted>& wanted) const {
    std::vector<tun::AgentFlow> added;
    for (const PaidProbe& probe : probes) {
        const auto fits = [&](const PaidFlow& flow) {
            return flow.diverted && flow.node.empty() && flow.path.size() >= probe.classes.size() &&
                   std::equal(probe.classes.begin(), probe.classes.end(), flow.path.begin(),
                              [](const auto& bought, const cartographer::QuotedHop& hop) {
                                  // Test packets go between other addresses: nothing is reserved for them.
                                  return bought.first == hop.isp && bought.second == hop.service && !hop.guarantee;
                              });
        };
        const auto flow = std::find_if(all.begin(), all.end(), fits);
        if (flow == all.end() || probe.classes.empty()) continue;
        const Kept& known = next.at(flow->key.id.value());
        tun::AgentFlow published;
        published.purchase = accountOf(flow->key.id);
        published.match.remote = IpPrefix::make(probe.reflector.address, probe.reflector.address.isV6() ? 128 : 32);
        published.match.protocol = ipproto::udp;
        published.match.localPort = probe.localPort;
        published.match.remotePort = probe.reflector.port;
        for (size_t i = 0; i < probe.classes.size(); ++i) {
            const cartographer::QuotedHop& hop = flow->path[i];
            published.path.push_back({hop.isp, hop.service, hop.exit, hop.prices});
        }
        published.key = flow->key.id;
        published.secret = flow->key.secret;
        published.expires = flow->key.expires;
        published.edge = known.edge;
        published.gate = known.gate;
        wanted.push_back({published.match, {}});
        added.push_back(std::move(published));
    }
    snapshot.flows.insert(snapshot.flows.begin(), std::make_move_iterator(added.begin()),
                          std::make_move_iterator(added.end()));
}

tl::expected<void, FlowsFailure> DataPlane::apply(const std::vector<PaidFlow>& flows) {
    auto done = m_impl->apply(flows);
    if (!done) return done;
    m_impl->applied = flows;
    if (m_impl->flowsChanged) m_impl->flowsChanged(flows);
    return done;
}

void DataPlane::setProbes(std::vector<PaidProbe> probes) {
    if (probes == m_impl->probes) return;
    std::swap(m_impl->probes, probes);
    if (m_impl->diverted.empty() || m_impl->apply(m_impl->applied)) return;
    m_impl->probes = std::move(probes);  // what is bought counts for more
}

void DataPlane::onFlows(std::function<void(const std::vector<PaidFlow>&)> changed) {
    m_impl->flowsChanged = std::move(changed);
}

void DataPlane::drain(PurchaseId id, SessionKeyId key, std::function<void(const FlowCounters&)> done) {
    m_impl->plane->drain(
        accountOf(key), [weak = std::weak_ptr<Impl>(m_impl), id, key, done = std::move(done)](PurchaseId) {
            const auto alive = weak.lock();
            if (!alive) return;
            boost::asio::post(alive->io, [weak, id, key, done] {
                const auto impl = weak.lock();
                if (!impl) return;
                FlowCounters counters;
                counters.id = id;
                counters.key = key;
                if (const auto found = impl->kept.find(key.value()); found != impl->kept.end()) {
                    counters = impl->countersOf(key.value(), found->second, impl->plane->counters(accountOf(key)));
                    impl->kept.erase(found);
                }
                std::erase_if(impl->applied, [&](const PaidFlow& flow) { return flow.key.id == key; });
                impl->plane->forget(accountOf(key));
                done(counters);
            });
        });
}

FlowCounters DataPlane::Impl::countersOf(uint32_t key, Kept& flow, const tun::PurchaseCounters& counted) const {
    FlowCounters counters;
    counters.id = flow.purchase;
    counters.key = SessionKeyId{key};
    counters.usage = {counted.packets, counted.bytes, counted.amount, counted.bestEffortPackets()};
    // A trouble is over when packets are paid again.
    if (auto trouble = troubleFrom(flow.last, counted); !trouble.empty()) {
        flow.trouble = std::move(trouble);
    } else if (counted.packets > flow.last.packets) {
        flow.trouble.clear();
    }
    flow.last = counted;
    flow.lastCapReached = flow.gate->capReached();
    counters.trouble = flow.trouble;
    counters.capReached = flow.lastCapReached;
    return counters;
}

std::vector<FlowCounters> DataPlane::harvest() {
    std::vector<FlowCounters> changed;
    for (auto& [key, flow] : m_impl->kept) {
        const tun::PurchaseCounters counted = m_impl->plane->counters(accountOf(SessionKeyId{key}));
        if (counted == flow.last && flow.gate->capReached() == flow.lastCapReached) continue;
        changed.push_back(m_impl->countersOf(key, flow, counted));
    }
    return changed;
}

std::vector<FlowCounters> DataPlane::held() {
    std::vector<FlowCounters> all;
    for (auto& [key, flow] : m_impl->kept) {
        all.push_back(m_impl->countersOf(key, flow, m_impl->plane->counters(accountOf(SessionKeyId{key}))));
    }
    return all;
}

bool DataPlane::counting() const { return !m_impl->kept.empty(); }

bool DataPlane::diverting() const { return !m_impl->diverted.empty(); }

void DataPlane::undivertAll() {
    if (const auto done = m_impl->divert({}); !done) m_impl->log(LogLevel::Error, "uncapture: " + done.error());
}

// Nothing for a device that is not paired any more: its packets stay best effort.
std::optional<tun::CapturedFlow> DataPlane::Impl::captureOf(const Diverted& flow) const {
    if (!isForwarded(flow.match, flow.node)) return tun::CapturedFlow{flow.match};
    // Without a device's name: a host on one of this machine's links, whose packets somebody else pays for.
    const auto sender = !flow.node.empty() ? (senders ? senders(flow.node) : std::nullopt)
                                           : (neighbours ? neighbours(flow.match.local->address()) : std::nullopt);
    if (!sender) return std::nullopt;
    return tun::CapturedFlow{flow.match, tun::CaptureAction::Divert, tun::CapturePoint::Forwarded, *sender};
}

tl::expected<void, std::string> DataPlane::Impl::divert(const std::vector<Diverted>& flows) {
    if (!capture) return tl::unexpected(std::string("the data plane is stopped"));
    std::vector<tun::CapturedFlow> captured;
    for (const Endpoint& server : control) {
        FlowMatch match;
        match.remote = IpPrefix::make(server.address, server.address.isV6() ? 128 : 32);
        match.protocol = ipproto::tcp;
        match.remotePort = server.port;
        if (!flows.empty()) captured.push_back({match, tun::CaptureAction::Exempt});
    }
    for (const Diverted& flow : flows) {
        if (const auto one = captureOf(flow)) captured.push_back(*one);
    }
    if (const auto done = capture->set(captured); !done) {
        return tl::unexpected(std::string(describe(done.error())) + ": " + capture->diagnosis());
    }
    diverted = flows;
    return {};
}

}  // namespace netpas::agent
