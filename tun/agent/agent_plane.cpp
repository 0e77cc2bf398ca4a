#include "tun/agent/agent_plane.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "core/wire/accounting_header.h"
#include "tun/agent/delivery.h"
#include "tun/agent/plane_threads.h"

namespace netpas::tun {

std::string_view describe(AgentError error) noexcept {
    switch (error) {
    case AgentError::BadPath: return "a path is empty, has more than 16 ISPs, or one of them twice";
    case AgentError::NoGate: return "a flow has no spend gate";
    case AgentError::AlreadyRunning: return "the data plane runs already";
    case AgentError::DeviceFailed: return "the TUN device does not answer";
    case AgentError::SystemRefused: return "the system refused threads, descriptors or sockets";
    }
    return "unknown agent error";
}

namespace {

tl::expected<void, AgentError> validate(const AgentFlow& flow) {
    if (!flow.gate) return tl::unexpected(AgentError::NoGate);
    if (flow.path.empty() || flow.path.size() > AccountingHeader::maxHops) return tl::unexpected(AgentError::BadPath);
    std::array<HopBlock, AccountingHeader::maxHops> blocks;
    for (size_t i = 0; i < flow.path.size(); ++i) {
        const bool last = i + 1 == flow.path.size();
        blocks[i] = {flow.path[i].isp, flow.path[i].service, PriceCode{}, last ? ExitPoint(0) : flow.path[i].exit};
    }
    if (!AccountingHeader::make(std::span(blocks).first(flow.path.size()))) {
        return tl::unexpected(AgentError::BadPath);
    }
    return {};
}

}  // namespace

struct AgentPlane::Impl {
    Impl(TunDevice& tun, UdpFactory& factory, Bypass& around, const Clock& time, AgentPlaneOptions settings)
        : device(tun),
          sockets(factory),
          clock(time),
          options(std::move(settings)),
          edgeSettings{options.mark, options.firstRetry, options.lastRetry, options.edgeChanged} {
        const PacketSender::Environment environment{
            tun, factory, around, bypassMutex, time, edgeSettings, options.translation};
        for (unsigned queue = 0; queue < std::max(tun.queues(), 1U); ++queue) {
            senders.push_back(std::make_unique<SenderThread>(environment, queue, state));
        }
        if (!options.deliverTo.empty() && !options.deliverFrom.empty()) {
            delivery = std::make_unique<DeliveryThread>(tun, options.deliverTo, options.deliverFrom);
        }
    }

    // The device takes whatever the uplink takes: were it narrower, the kernel would fragment what TCP made for the uplink. Never made
    // narrower, because path MTU that was learned is dealt with packet by packet.
    void widenDevice(const Endpoint& edge) {
        static constexpr std::array<uint8_t, 16> zeros{};
        UdpOptions asking;
        asking.local.address = edge.address.isV6() ? IpAddress::fromBytes(zeros).value_or(IpAddress{}) : IpAddress{};
        asking.mark = options.mark;
        asking.receiveBuffer = asking.sendBuffer = 0;  // nothing is sent
        const auto socket = sockets.open(asking);
        const auto wide = socket ? (*socket)->pathMtuTo(edge) : tl::unexpected(socket.error());
        const auto now = device.mtu();
        if (wide && now && *wide > *now) (void)device.setMtu(std::min<uint32_t>(*wide, maxFrameSize));
    }

    void addDrain(const std::shared_ptr<DrainRequest>& request) {
        for (const auto& sender : senders) sender->addDrain(request);
    }

    TunDevice& device;
    UdpFactory& sockets;
    const Clock& clock;
    const AgentPlaneOptions options;
    const EdgeLink::Settings edgeSettings;
    std::mutex bypassMutex;
    SnapshotCell<PlaneState> state;
    mutable std::mutex mutex;  // what follows
    std::map<PurchaseId, std::shared_ptr<PurchaseCells>> purchases;
    std::map<Endpoint, std::shared_ptr<EdgeStatus>> edges;

    std::vector<std::unique_ptr<SenderThread>> senders;
    std::unique_ptr<DeliveryThread> delivery;
    bool running = false;
};

AgentPlane::AgentPlane(TunDevice& device, UdpFactory& sockets, Bypass& bypass, const Clock& clock,
                       AgentPlaneOptions options)
    : m_impl(std::make_unique<Impl>(device, sockets, bypass, clock, std::move(options))) {}

AgentPlane::~AgentPlane() { stop(); }

tl::expected<void, AgentError> AgentPlane::publish(const AgentSnapshot& snapshot) {
    for (const AgentFlow& flow : snapshot.flows) {
        if (auto valid = validate(flow); !valid) return valid;
    }
    auto next = std::make_shared<PlaneState>();
    std::set<Endpoint> newEdges;
    {
        const std::lock_guard lock(m_impl->mutex);
        std::map<Endpoint, std::shared_ptr<EdgeStatus>> edges;
        for (const AgentFlow& flow : snapshot.flows) {
            auto& cells = m_impl->purchases[flow.purchase];
            if (!cells) cells = std::make_shared<PurchaseCells>(flow.purchase, m_impl->senders.size());
            auto& edge = edges[flow.edge];
            if (!edge) {
                const auto known = m_impl->edges.find(flow.edge);
                edge = known != m_impl->edges.end() ? known->second : std::make_shared<EdgeStatus>(flow.edge);
                if (known == m_impl->edges.end()) newEdges.insert(flow.edge);
            }
            next->flows.push_back({flow, cells, edge});
        }
        m_impl->edges = std::move(edges);
    }
    for (const Endpoint& edge : newEdges) m_impl->widenDevice(edge);
    m_impl->state.publish(std::move(next));
    for (const auto& sender : m_impl->senders) sender->wake();
    return {};
}

tl::expected<void, AgentError> AgentPlane::start() {
    if (m_impl->running) return tl::unexpected(AgentError::AlreadyRunning);
    if (m_impl->device.pollHandle(0) < 0) return tl::unexpected(AgentError::DeviceFailed);
    if (m_impl->delivery && !m_impl->delivery->start(m_impl->sockets, m_impl->options.mark)) {
        return tl::unexpected(AgentError::SystemRefused);
    }
    m_impl->running = true;
    for (const auto& sender : m_impl->senders) {
        if (sender->start()) continue;
        stop();
        return tl::unexpected(AgentError::SystemRefused);
    }
    return {};
}

bool AgentPlane::poll() {
    if (m_impl->running) return false;
    bool any = false;
    for (const auto& sender : m_impl->senders) any = sender->poll() || any;
    if (m_impl->delivery) any = m_impl->delivery->poll(m_impl->sockets, m_impl->options.mark) || any;
    return any;
}

void AgentPlane::stop() {
    for (const auto& sender : m_impl->senders) sender->stop();
    if (m_impl->delivery) m_impl->delivery->stop();
    m_impl->running = false;
}

void AgentPlane::drain(PurchaseId purchase, std::function<void(PurchaseId)> drained) {
    m_impl->addDrain(std::make_shared<DrainRequest>(m_impl->senders.size(), [purchase, drained = std::move(drained)] {
        if (drained) drained(purchase);
    }));
}

bool AgentPlane::drain(PurchaseId purchase, std::chrono::milliseconds timeout) {
    struct Signal {
        std::mutex mutex;
        std::condition_variable condition;
        bool done = false;
    };
    auto signal = std::make_shared<Signal>();
    drain(purchase, [signal](PurchaseId) {
        const std::lock_guard lock(signal->mutex);
        signal->done = true;
        signal->condition.notify_all();
    });
    std::unique_lock lock(signal->mutex);
    return signal->condition.wait_for(lock, timeout, [&] { return signal->done; });
}

std::vector<std::pair<PurchaseId, PurchaseCounters>> AgentPlane::harvest() const {
    const std::lock_guard lock(m_impl->mutex);
    std::vector<std::pair<PurchaseId, PurchaseCounters>> all;
    all.reserve(m_impl->purchases.size());
    for (const auto& [id, cells] : m_impl->purchases) all.emplace_back(id, cells->sum());
    return all;
}

PurchaseCounters AgentPlane::counters(PurchaseId purchase) const {
    const std::lock_guard lock(m_impl->mutex);
    const auto found = m_impl->purchases.find(purchase);
    return found == m_impl->purchases.end() ? PurchaseCounters{} : found->second->sum();
}

PlaneTotals AgentPlane::totals() const {
    PlaneTotals totals;
    for (const auto& sender : m_impl->senders) sender->addTo(totals);
    if (m_impl->delivery) m_impl->delivery->addTo(totals);
    return totals;
}

std::vector<EdgeState> AgentPlane::edges() const {
    const std::lock_guard lock(m_impl->mutex);
    std::vector<EdgeState> states;
    for (const auto& [endpoint, status] : m_impl->edges) states.push_back(status->read());
    return states;
}

void AgentPlane::forget(PurchaseId purchase) {
    const auto state = m_impl->state.current();
    const bool published = state && std::any_of(state->flows.begin(), state->flows.end(),
                                                [&](const PaidFlow& flow) { return flow.flow.purchase == purchase; });
    if (published) return;
    const std::lock_guard lock(m_impl->mutex);
    m_impl->purchases.erase(purchase);
}

}  // namespace netpas::tun
