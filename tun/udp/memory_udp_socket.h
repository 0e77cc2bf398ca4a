// An internet of UDP sockets in memory, for tests: a train that is sent to an endpoint which somebody opened arrives there as a train.
#pragma once

#include <memory>

#include "tun/udp/udp_socket.h"

namespace netpas::tun {

// May be used by any threads.
class MemoryUdpNetwork final : public UdpFactory {
public:
    MemoryUdpNetwork();
    ~MemoryUdpNetwork() override;

    [[nodiscard]] tl::expected<std::unique_ptr<UdpSocket>, UdpError> open(const UdpOptions& options) override;

    // Path MTU of everything that is sent from now on.
    void setPathMtu(uint32_t mtu);
    // The next `trains` trains end with this outcome, unsent.
    void failNext(size_t trains, SendOutcome outcome);
    // Datagrams that were sent to nobody, or found no room (1024 trains a socket).
    [[nodiscard]] uint64_t lost() const;

    struct State;  // shared with the sockets

private:
    std::shared_ptr<State> m_state;
};

}  // namespace netpas::tun
