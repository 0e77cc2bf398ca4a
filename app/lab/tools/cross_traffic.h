// Many downloads at once between two hosts of the lab: best-effort traffic that fills whatever link it crosses and shares it
// with everybody else's connections as TCP does.
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

class Lab;

class CrossTraffic {
public:
    // Connects `streams` TCP connections from one host to `to` at the other and sends on all of them until it is destroyed.
    static Expected<std::unique_ptr<CrossTraffic>> start(Lab& lab, const std::string& sender,
                                                         const std::string& receiver, const Endpoint& to,
                                                         size_t streams);
    ~CrossTraffic();
    CrossTraffic(const CrossTraffic&) = delete;
    CrossTraffic& operator=(const CrossTraffic&) = delete;

    // What the receiver has read.
    [[nodiscard]] uint64_t bytesReceived() const { return m_received; }
    [[nodiscard]] size_t streams() const { return m_senders.size(); }

private:
    CrossTraffic() = default;
    Expected<void> connect(const std::string& senderNetns, const std::string& receiverNetns, const Endpoint& to,
                           size_t streams);
    void run();

    std::vector<int> m_senders;    // sockets in one namespace
    std::vector<int> m_receivers;  // and in the other
    std::atomic<uint64_t> m_received{0};
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

}  // namespace netpas::lab
