// Garbage for everything that listens: TCP ports of an ISP's servers, from a host, and the control sockets of the programs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/lab/error.h"
#include "core/net_address.h"

namespace netpas::lab {

struct NoiseTargets {
    std::string netns;  // where the TCP connections come from
    std::vector<Endpoint> tcp;
    std::vector<std::string> sockets;  // Unix sockets
    uint64_t seed = 1;
};

// Sends until it is destroyed, some hundred connections a second: random bytes, damaged TLS hellos, over-long and damaged HTTP,
// nothing at all. Some connections are kept open for a while.
class PortNoise {
public:
    static std::unique_ptr<PortNoise> start(NoiseTargets targets);
    ~PortNoise();
    PortNoise(const PortNoise&) = delete;
    PortNoise& operator=(const PortNoise&) = delete;

    [[nodiscard]] uint64_t connections() const { return m_connections; }
    // Garbage after which the program at the other end gave an answer that grants something (a 2xx of HTTP).
    [[nodiscard]] uint64_t granted() const { return m_granted; }

private:
    PortNoise() = default;
    void run();

    NoiseTargets m_targets;
    std::atomic<uint64_t> m_connections{0};
    std::atomic<uint64_t> m_granted{0};
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

}  // namespace netpas::lab
