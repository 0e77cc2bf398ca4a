// Stands before a TCP server and spoils connections: cuts them after a random number of bytes of either side or after a random time,
// with a reset or as if they had ended well, or falls silent. For what must survive that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/lab/error.h"
#include "core/net_address.h"

namespace netpas::lab {

struct CuttingCounts {
    uint64_t connections = 0;
    uint64_t reset = 0;
    uint64_t ended = 0;   // as if the other end were done
    uint64_t silent = 0;  // nothing any more for a while, then reset
};

class CuttingProxy {
public:
    // Inside the namespace; IPv4. Of 100 connections `percent` are spoiled.
    static Expected<std::unique_ptr<CuttingProxy>> start(const std::string& netns, const Endpoint& listen,
                                                         const Endpoint& server, uint64_t seed, int percent);
    ~CuttingProxy();
    CuttingProxy(const CuttingProxy&) = delete;
    CuttingProxy& operator=(const CuttingProxy&) = delete;

    [[nodiscard]] CuttingCounts counts() const;
    // What is connected is spoiled no more from the next connection on.
    void setPercent(int percent) { m_percent = percent; }

private:
    CuttingProxy(int listener, const Endpoint& server, uint64_t seed, int percent)
        : m_listener(listener), m_server(server), m_seed(seed), m_percent(percent) {}
    void accept();
    void carry(int client, uint64_t seed);

    int m_listener;
    Endpoint m_server;
    uint64_t m_seed;
    std::atomic<int> m_percent;
    std::atomic<bool> m_ending{false};
    std::atomic<uint64_t> m_connections{0}, m_reset{0}, m_ended{0}, m_silent{0};
    std::mutex m_mutex;
    std::vector<std::thread> m_carriers;
    std::thread m_acceptor;
};

}  // namespace netpas::lab
