// The agent's data plane in memory: nanoseconds a packet from a frame of the device to a train for the socket: classifying, segmenting with checksums,
// pricing, reserving, one tag for each burst. Device and socket do nothing, so no system call is measured. Prints one line each;
// --json one object. Medians of interleaved rounds; time is the thread's own.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <time.h>

#include "tests/tun/agent_rig.h"

using namespace agentrig;

namespace {

double threadNanos() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Hands out the same frames over and over. The reader's buffers are filled once: the kernel's copy is not the agent's work.
class EndlessTun final : public TunDevice {
public:
    explicit EndlessTun(std::vector<reference::Offloaded> frames) : m_frames(std::move(frames)) {}

    const std::string& name() const noexcept override { return m_name; }
    unsigned interfaceIndex() const noexcept override { return 1; }
    unsigned queues() const noexcept override { return 1; }
    TunOffloads offloads() const noexcept override { return {true, true, true, true, true}; }
    tl::expected<uint32_t, TunError> mtu() const override { return 1500; }
    tl::expected<void, TunError> setMtu(uint32_t) override { return {}; }
    tl::expected<void, TunError> setUp(bool) override { return {}; }
    int pollHandle(unsigned) const noexcept override { return -1; }
    tl::expected<size_t, TunError> readBatch(unsigned, std::span<ReadSlot> into) noexcept override {
        for (size_t i = 0; i < into.size(); ++i) {
            const reference::Offloaded& frame = m_frames[i % m_frames.size()];
            if (m_filled.insert(into[i].buffer.data()).second) {
                std::copy(frame.packet.begin(), frame.packet.end(), into[i].buffer.begin());
            }
            into[i].vnet = frame.vnet;
            into[i].size = frame.packet.size();
        }
        return into.size();
    }
    tl::expected<WriteCount, TunError> writeBatch(unsigned, std::span<const OutgoingFrame>) noexcept override {
        return WriteCount{};
    }

private:
    std::string m_name = "endless0";
    std::vector<reference::Offloaded> m_frames;
    std::set<const uint8_t*> m_filled;
};

class NullSocket final : public UdpSocket {
public:
    Endpoint localEndpoint() const override { return {}; }
    int pollHandle() const noexcept override { return -1; }
    size_t send(std::span<OutgoingTrain> trains) noexcept override {
        for (OutgoingTrain& train : trains) {
            train.outcome = SendOutcome::Sent;
            train.datagramsSent = static_cast<uint16_t>(train.datagrams());
        }
        return trains.size();
    }
    tl::expected<size_t, UdpError> receive(std::span<ReceivedTrain>) noexcept override { return 0; }
    tl::expected<uint32_t, UdpError> pathMtu() const noexcept override { return 1500; }
    tl::expected<uint32_t, UdpError> pathMtuTo(const Endpoint&) const override { return 1500; }
    UdpStatistics statistics() const noexcept override { return {}; }
};

class NullFactory final : public UdpFactory {
public:
    tl::expected<std::unique_ptr<UdpSocket>, UdpError> open(const UdpOptions&) override {
        return std::make_unique<NullSocket>();
    }
};

struct Case {
    const char* name;
    std::vector<reference::Offloaded> frames;
    std::vector<double> rounds;  // ns per packet
    double packetsPerTag = 0;
};

reference::Offloaded tcp(size_t payload, uint16_t gso) {
    reference::Recipe recipe;
    recipe.payload = reference::someBytes(payload);
    return offload(recipe, gso);
}

reference::Offloaded udp(size_t payload, uint16_t port = 40000) {
    reference::Recipe recipe;
    recipe.protocol = 17;
    recipe.sourcePort = port;
    recipe.payload = reference::someBytes(payload);
    return offload(recipe, 0);
}

std::vector<reference::Offloaded> manyFlows() {
    std::vector<reference::Offloaded> frames;
    for (uint16_t port = 1; port <= 64; ++port) frames.push_back(udp(36, port));
    return frames;
}

void measure(Case& one) {
    EndlessTun device(one.frames);
    NullFactory sockets;
    MemoryBypass bypass;
    AgentPlane plane(device, sockets, bypass, systemClock());
    const Rig rig;
    if (!plane.publish({{rig.flow(1, Rig::gate(*Money::parse("1000000")))}})) return;
    for (int i = 0; i < 20; ++i) plane.poll();
    const PurchaseCounters before = plane.counters(PurchaseId(1));
    const uint64_t trainsBefore = plane.totals().trainsSent;
    const double start = threadNanos();
    while (plane.counters(PurchaseId(1)).packets - before.packets < 400'000) plane.poll();
    const double nanos = threadNanos() - start;
    const auto packets = static_cast<double>(plane.counters(PurchaseId(1)).packets - before.packets);
    one.rounds.push_back(nanos / packets);
    one.packetsPerTag = packets / static_cast<double>(plane.totals().trainsSent - trainsBefore);
}

}  // namespace

int main(int argc, char** argv) {
    const bool json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
    std::vector<Case> cases;
    cases.push_back({"tcp_64k_frames", {tcp(64'000, 1380)}, {}, 0});
    cases.push_back({"udp_64_bytes_one_flow", {udp(36)}, {}, 0});
    cases.push_back({"udp_1200_bytes_one_flow", {udp(1172)}, {}, 0});
    cases.push_back({"udp_64_bytes_64_flows", manyFlows(), {}, 0});
    for (int round = 0; round < 5; ++round) {
        for (Case& one : cases) measure(one);
    }
    if (json) std::printf("{");
    for (size_t i = 0; i < cases.size(); ++i) {
        Case& one = cases[i];
        std::sort(one.rounds.begin(), one.rounds.end());
        const double median = one.rounds[one.rounds.size() / 2];
        if (json) {
            std::printf("%s\"%s\": {\"ns\": %.1f, \"packets_per_tag\": %.1f}", i ? ", " : "", one.name, median,
                        one.packetsPerTag);
        } else {
            std::printf("%-26s %7.1f ns a packet, %5.1f packets a tag\n", one.name, median, one.packetsPerTag);
        }
    }
    if (json) std::printf("}\n");
    return 0;
}
