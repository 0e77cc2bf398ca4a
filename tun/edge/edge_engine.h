// The edge router's input and output around the processor: UDP trains in, UDP trains and kernel frames out.
//
// One packet thread owns the processor, the sockets and the TUN; it takes no lock while packets flow. The control thread
// publishes tables and posts commands, which run on the packet thread between two batches.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/snapshot.h"
#include "tun/device/tun_device.h"
#include "tun/edge/edge_egress.h"
#include "tun/edge/edge_processor.h"
#include "tun/packet/coalesce.h"
#include "tun/udp/udp_socket.h"

namespace netpas::tun {

struct EngineError {
    UdpError error{};
    Endpoint local;  // the socket that could not be opened
    std::string device;
};

struct EngineCounters {
    struct Egress {
        std::string name;  // "24/3": next ISP and exit; "router y2"; an endpoint
        EdgeEgress::Counters counters;
    };
    uint64_t datagramsReceived = 0;
    uint64_t trainsReceived = 0;
    uint64_t receiveErrors = 0;
    uint64_t framesDelivered = 0;  // to the kernel; each holds one packet or more
    uint64_t packetsDelivered = 0;
    uint64_t framesRefused = 0;
    std::vector<Egress> egress;
};

class EdgeEngine {
public:
    using Command = std::function<void(EdgeProcessor&)>;

    // Opens all sockets. `tun` takes what is delivered to the kernel; factory, tun and clock outlive the engine.
    [[nodiscard]] static tl::expected<std::unique_ptr<EdgeEngine>, EngineError> open(const EdgeConfig& config,
                                                                                     UdpFactory& factory,
                                                                                     TunDevice& tun,
                                                                                     const Clock& clock);
    ~EdgeEngine();
    EdgeEngine(const EdgeEngine&) = delete;
    EdgeEngine& operator=(const EdgeEngine&) = delete;

    // Any thread. The packet thread uses the tables from its next batch on; nothing is accepted before the first.
    void publish(std::shared_ptr<const EdgeTables> tables) { m_tables.publish(std::move(tables)); }
    // Any thread; false when 4096 commands wait already. Commands run in order. After stop() nothing runs any more.
    [[nodiscard]] bool post(Command command);

    void start();
    // Runs what was posted, ends the packet thread and returns; the processor is the caller's from then on.
    void stop();

    // For tests without a thread, and the packet thread's own loop: commands, then everything that waits on the sockets.
    // Returns the datagrams received.
    size_t runOnce();
    // The packet thread, or while none runs.
    [[nodiscard]] EdgeProcessor& processor() { return *m_processor; }
    // The packet thread: one more delivery, at the index that follows, before tables name it. It has `participate` and a
    // counter. False: no socket has its address family.
    bool addDelivery(const EdgeDelivery& delivery);
    [[nodiscard]] EngineCounters counters() const;

private:
    static constexpr size_t receiveSlots = 16;
    static constexpr size_t slotSize = 65536;
    static constexpr size_t arenaSize = receiveSlots * slotSize;
    static constexpr size_t commandLimit = 4096;

    enum class Role : uint8_t { Link, Shared };
    struct Port {
        std::unique_ptr<UdpSocket> socket;
        Role role = Role::Shared;
        uint16_t link = 0;                                     // Role::Link
        bool customers = false;                                // Role::Shared: customers may send here
        Endpoint expected;                                     // Role::Link: the neighbour's edge router
        std::vector<std::pair<Endpoint, uint16_t>> internals;  // Role::Shared
        std::vector<std::pair<Endpoint, uint16_t>> providers;  // Role::Shared
    };
    struct Source {
        Arrival arrival;
        uint16_t index;
    };

    EdgeEngine(const EdgeConfig& config, TunDevice& tun, const Clock& clock);
    [[nodiscard]] tl::expected<void, EngineError> openPorts(UdpFactory& factory);
    [[nodiscard]] tl::expected<void, EngineError> openPort(UdpFactory& factory, Port port, const IpAddress& local,
                                                           const std::string& device);
    [[nodiscard]] Port* sharedPort(const IpAddress& local);
    bool openEndpoint(size_t delivery, const Endpoint& to);
    void loop();
    void runCommands();
    size_t receiveFrom(Port& port);
    void processTrains(const Port& port, size_t trains);
    [[nodiscard]] Source sourceOf(const Port& port, const Endpoint& from) const;
    void route(const EdgePacket& packet, const EdgeResult& result);
    // To whoever asked about reservations.
    void sendNotices();
    void flush();
    void flushKernel();

    EdgeConfig m_config;
    TunDevice& m_tun;
    const Clock& m_clock;
    std::unique_ptr<EdgeProcessor> m_processor;
    SnapshotCell<EdgeTables> m_tables;
    SnapshotReader<EdgeTables> m_reader{m_tables};
    PrefixTable m_customerPrefixes;

    std::vector<Port> m_ports;
    std::vector<EdgeEgress> m_links;  // by link index
    std::vector<EdgeEgress> m_internals;
    std::vector<EdgeEgress> m_endpoints;  // by delivery; only some have one
    std::vector<size_t> m_endpointOf;     // delivery → index above
    Coalescer m_coalescer;
    EngineCounters m_counters;

    std::vector<uint8_t> m_receiveMemory;
    std::vector<uint8_t> m_arena;
    std::array<ReceivedTrain, receiveSlots> m_slots;
    std::vector<EdgePacket> m_packets;
    std::vector<EdgeResult> m_results;

    std::mutex m_commandMutex;
    std::vector<Command> m_commands;
    std::atomic<bool> m_hasCommands{false};
    std::atomic<bool> m_stopping{false};
    bool m_stopped = false;  // under m_commandMutex
    int m_wake = -1;         // eventfd
    std::thread m_thread;
};

}  // namespace netpas::tun
