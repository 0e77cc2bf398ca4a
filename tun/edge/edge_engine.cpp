#include "tun/edge/edge_engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace netpas::tun {

namespace {

constexpr int idleMilliseconds = 100;
// The queues of the interfaces decide what is lost, not the socket: a full socket would hold back all classes.
constexpr size_t sendBuffer = size_t{64} << 20;
constexpr size_t receiveBuffer = size_t{32} << 20;

PrefixTable customerTable(const EdgeConfig& config) {
    std::vector<PrefixTable::Entry> entries;
    for (uint32_t i = 0; i < config.customers.size(); ++i) {
        for (const IpPrefix& prefix : config.customers[i].prefixes) entries.push_back({prefix, i});
    }
    return PrefixTable(entries);
}

CoalesceOptions coalesceFor(const TunDevice& tun, size_t capacity) {
    const TunOffloads offloads = tun.offloads();
    return {offloads.checksum && offloads.tcp4, offloads.checksum && offloads.tcp6, offloads.checksum && offloads.udp,
            capacity};
}

}  // namespace

EdgeEngine::EdgeEngine(const EdgeConfig& config, TunDevice& tun, const Clock& clock)
    : m_config(config),
      m_tun(tun),
      m_clock(clock),
      m_processor(std::make_unique<EdgeProcessor>(config, clock.steady())),
      m_customerPrefixes(customerTable(config)),
      m_coalescer(coalesceFor(tun, receiveSlots * maxTrainSegments)),
      m_receiveMemory(receiveSlots * slotSize),
      m_arena(arenaSize),
      m_wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    for (size_t i = 0; i < receiveSlots; ++i) {
        m_slots[i].buffer = std::span(m_receiveMemory).subspan(i * slotSize, slotSize);
    }
}

EdgeEngine::~EdgeEngine() {
    stop();
    if (m_wake >= 0) close(m_wake);
}

tl::expected<std::unique_ptr<EdgeEngine>, EngineError> EdgeEngine::open(const EdgeConfig& config, UdpFactory& factory,
                                                                        TunDevice& tun, const Clock& clock) {
    std::unique_ptr<EdgeEngine> engine(new EdgeEngine(config, tun, clock));
    if (auto opened = engine->openPorts(factory); !opened) return tl::unexpected(opened.error());
    return engine;
}

EdgeEngine::Port* EdgeEngine::sharedPort(const IpAddress& local) {
    for (Port& port : m_ports) {
        if (port.role == Role::Shared && port.socket->localEndpoint().address == local) return &port;
    }
    return nullptr;
}

tl::expected<void, EngineError> EdgeEngine::openPort(UdpFactory& factory, Port port, const IpAddress& local,
                                                     const std::string& device) {
    UdpOptions options;
    options.local = {local, dataPort};
    options.device = device;
    options.pathMtu = PathMtuMode::Fragment;
    options.sendBuffer = sendBuffer;
    options.receiveBuffer = receiveBuffer;
    auto socket = factory.open(options);
    if (!socket) return tl::unexpected(EngineError{socket.error(), options.local, device});
    port.socket = std::move(*socket);
    m_ports.push_back(std::move(port));
    return {};
}

tl::expected<void, EngineError> EdgeEngine::openPorts(UdpFactory& factory) {
    for (const EdgeNeighbour& neighbour : m_config.neighbours) {
        for (const EdgeLink& link : neighbour.links) {
            Port port;
            port.role = Role::Link;
            port.link = static_cast<uint16_t>(m_links.size());
            port.expected = {link.remote, dataPort};
            if (auto opened = openPort(factory, std::move(port), link.local, link.interface); !opened) return opened;
            m_links.emplace_back(*m_ports.back().socket, Endpoint{link.remote, dataPort});
            m_counters.egress.push_back(
                {std::to_string(neighbour.isp.value()) + "/" + std::to_string(link.exit.value()), {}});
        }
    }
    for (const IpAddress& local : m_config.listen) {
        if (sharedPort(local) != nullptr) continue;
        Port port;
        port.customers = true;
        if (auto opened = openPort(factory, std::move(port), local, {}); !opened) return opened;
    }
    for (size_t i = 0; i < m_config.internals.size(); ++i) {
        const EdgeInternal& internal = m_config.internals[i];
        if (sharedPort(internal.local) == nullptr) {
            if (auto opened = openPort(factory, Port{}, internal.local, {}); !opened) return opened;
        }
        Port* port = sharedPort(internal.local);
        port->internals.emplace_back(Endpoint{internal.remote, dataPort}, static_cast<uint16_t>(i));
        m_internals.emplace_back(*port->socket, Endpoint{internal.remote, dataPort});
        m_counters.egress.push_back({"router " + internal.router, {}});
    }
    for (size_t i = 0; i < m_config.providers.size(); ++i) {
        const EdgeProvider& provider = m_config.providers[i];
        if (sharedPort(provider.local) == nullptr) {
            if (auto opened = openPort(factory, Port{}, provider.local, {}); !opened) return opened;
        }
        sharedPort(provider.local)
            ->providers.emplace_back(Endpoint{provider.remote, dataPort}, static_cast<uint16_t>(i));
    }
    m_endpointOf.assign(m_config.deliveries.size(), SIZE_MAX);
    for (size_t i = 0; i < m_config.deliveries.size(); ++i) {
        const std::optional<Endpoint>& to = m_config.deliveries[i].participate;
        if (!to) continue;
        if (!openEndpoint(i, *to)) return tl::unexpected(EngineError{UdpError::FamilyMismatch, *to, {}});
    }
    return {};
}

bool EdgeEngine::openEndpoint(size_t delivery, const Endpoint& to) {
    for (const Port& port : m_ports) {
        if (port.role != Role::Shared || port.socket->localEndpoint().address.isV6() != to.address.isV6()) continue;
        m_endpointOf[delivery] = m_endpoints.size();
        m_endpoints.emplace_back(*port.socket, to);
        m_counters.egress.push_back({to.toString(), {}});
        return true;
    }
    return false;
}

bool EdgeEngine::addDelivery(const EdgeDelivery& delivery) {
    m_config.deliveries.push_back(delivery);
    m_endpointOf.push_back(SIZE_MAX);
    m_processor->prepareCounter(delivery.counter);
    return openEndpoint(m_endpointOf.size() - 1, *delivery.participate);
}

bool EdgeEngine::post(Command command) {
    {
        const std::lock_guard lock(m_commandMutex);
        if (m_stopped || m_commands.size() >= commandLimit) return false;
        m_commands.push_back(std::move(command));
        m_hasCommands.store(true, std::memory_order_release);
    }
    const uint64_t one = 1;
    (void)!write(m_wake, &one, sizeof one);
    return true;
}

void EdgeEngine::runCommands() {
    if (!m_hasCommands.load(std::memory_order_acquire)) return;
    std::vector<Command> commands;
    {
        const std::lock_guard lock(m_commandMutex);
        commands.swap(m_commands);
        m_hasCommands.store(false, std::memory_order_relaxed);
    }
    for (const Command& command : commands) command(*m_processor);
}

void EdgeEngine::start() {
    m_thread = std::thread([this] { loop(); });
}

void EdgeEngine::stop() {
    if (m_thread.joinable()) {
        m_stopping.store(true, std::memory_order_release);
        const uint64_t one = 1;
        (void)!write(m_wake, &one, sizeof one);
        m_thread.join();
    }
    {
        const std::lock_guard lock(m_commandMutex);
        m_stopped = true;
    }
    runCommands();
}

void EdgeEngine::loop() {
    std::vector<pollfd> polled;
    for (const Port& port : m_ports) polled.push_back({port.socket->pollHandle(), POLLIN, 0});
    polled.push_back({m_wake, POLLIN, 0});
    while (!m_stopping.load(std::memory_order_acquire)) {
        if (runOnce() != 0) continue;
        (void)poll(polled.data(), polled.size(), idleMilliseconds);
        if ((polled.back().revents & POLLIN) != 0) {
            uint64_t count = 0;
            (void)!read(m_wake, &count, sizeof count);
        }
    }
}

size_t EdgeEngine::runOnce() {
    runCommands();
    size_t received = 0;
    for (Port& port : m_ports) received += receiveFrom(port);
    return received;
}

size_t EdgeEngine::receiveFrom(Port& port) {
    const auto trains = port.socket->receive(m_slots);
    if (!trains) {
        ++m_counters.receiveErrors;
        return 0;
    }
    if (*trains == 0 || m_reader.refresh() == nullptr) return 0;
    m_counters.trainsReceived += *trains;
    processTrains(port, *trains);
    flush();
    return m_packets.size();
}

EdgeEngine::Source EdgeEngine::sourceOf(const Port& port, const Endpoint& from) const {
    if (port.role == Role::Link) {
        return {Arrival::Neighbour, from == port.expected ? port.link : EdgePacket::unknownSource};
    }
    for (const auto& [remote, index] : port.internals) {
        if (from == remote) return {Arrival::Internal, index};
    }
    for (const auto& [remote, index] : port.providers) {
        if (from == remote) return {Arrival::Provider, index};
    }
    if (!port.customers) return {Arrival::Internal, EdgePacket::unknownSource};
    const auto customer = m_customerPrefixes.find(from.address.bytes());
    return {Arrival::Customer, customer ? static_cast<uint16_t>(*customer) : EdgePacket::unknownSource};
}

void EdgeEngine::processTrains(const Port& port, size_t trains) {
    m_packets.clear();
    for (size_t t = 0; t < trains; ++t) {
        ReceivedTrain& train = m_slots[t];
        const Source source = sourceOf(port, train.from);
        const size_t segment = std::max<size_t>(train.segmentSize, 1);
        size_t at = 0;
        do {
            const size_t size = std::min(segment, train.size - at);
            m_packets.push_back({train.buffer.data() + at, static_cast<uint32_t>(size), source.index, source.arrival});
            at += size;
        } while (at < train.size);
    }
    m_counters.datagramsReceived += m_packets.size();
    m_results.resize(m_packets.size());
    const EdgeTime now{m_clock.steady(), m_clock.now()};
    m_processor->process(m_packets, m_results, *m_reader.refresh(), now);
    for (size_t i = 0; i < m_packets.size(); ++i) {
        if (m_results[i].leaves) route(m_packets[i], m_results[i]);
    }
    sendNotices();
}

// From an address where customers may send: links have addresses that others may have no route to.
void EdgeEngine::sendNotices() {
    for (const EdgeProcessor::Notice& notice : m_processor->takeNotices()) {
        const auto port = std::find_if(m_ports.begin(), m_ports.end(), [&](const Port& one) {
            return one.customers && one.socket->localEndpoint().address.isV6() == notice.to.address.isV6();
        });
        if (port == m_ports.end()) continue;
        const auto bytes = encodeReservation(notice.answer);
        OutgoingTrain train;
        train.data = bytes;
        train.segmentSize = static_cast<uint16_t>(bytes.size());
        train.to = notice.to;
        port->socket->send({&train, 1});
    }
}

void EdgeEngine::route(const EdgePacket& packet, const EdgeResult& result) {
    const std::span<const uint8_t> bytes(packet.data + result.offset, result.size);
    switch (result.target.way) {
    case EdgeTables::Way::Link: m_links[result.target.index].add(bytes, result.dscp); break;
    case EdgeTables::Way::Internal: m_internals[result.target.index].add(bytes, result.dscp); break;
    case EdgeTables::Way::Endpoint: m_endpoints[m_endpointOf[result.target.index]].add(bytes, result.dscp); break;
    case EdgeTables::Way::Kernel:
        if (!m_coalescer.add(bytes)) {
            flushKernel();
            (void)m_coalescer.add(bytes);
        }
        break;
    }
}

void EdgeEngine::flush() {
    std::span<uint8_t> arena(m_arena);
    for (EdgeEgress& egress : m_links) egress.flush(arena);
    for (EdgeEgress& egress : m_internals) egress.flush(arena);
    for (EdgeEgress& egress : m_endpoints) egress.flush(arena);
    flushKernel();
}

void EdgeEngine::flushKernel() {
    if (m_coalescer.packets() == 0) return;
    const std::span<const OutgoingFrame> frames = m_coalescer.frames();
    const auto written = m_tun.writeBatch(0, frames);
    m_counters.packetsDelivered += m_coalescer.packets();
    m_counters.framesDelivered += written ? written->written : 0;
    m_counters.framesRefused += written ? written->refused : frames.size();
    m_coalescer.clear();
}

EngineCounters EdgeEngine::counters() const {
    EngineCounters counters = m_counters;
    size_t at = 0;
    for (const EdgeEgress& egress : m_links) counters.egress[at++].counters = egress.counters();
    for (const EdgeEgress& egress : m_internals) counters.egress[at++].counters = egress.counters();
    for (const EdgeEgress& egress : m_endpoints) counters.egress[at++].counters = egress.counters();
    return counters;
}

}  // namespace netpas::tun
