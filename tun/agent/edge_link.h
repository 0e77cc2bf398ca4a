// The way to one edge router: its socket, what fits through it, and whether it answers at all. One packet thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include "core/clock.h"
#include "tun/agent/plane_state.h"
#include "tun/udp/udp_socket.h"

namespace netpas::tun {

// An edge router that nobody can reach is noticed by what ICMP reports. Then everything goes best effort until a try succeeds: one byte that is no
// shim is sent, and no report follows in time.
class EdgeLink {
public:
    struct Settings {
        uint32_t mark = 0;
        std::chrono::milliseconds firstRetry{250};
        std::chrono::milliseconds lastRetry{4000};
        std::function<void(const EdgeState&)> changed;
    };

    EdgeLink(UdpFactory& sockets, const Settings& settings, std::shared_ptr<EdgeStatus> status, SteadyTime now);

    // Once per round, and when there was nothing to do.
    void update(SteadyTime now);
    // Packets may be sent.
    [[nodiscard]] bool usable() const noexcept { return m_state == State::Up; }
    [[nodiscard]] bool v6() const noexcept { return m_status->endpoint.address.isV6(); }
    // Bytes of the longest datagram payload that is not fragmented on the way, as far as is known.
    [[nodiscard]] size_t payloadLimit() const noexcept { return m_payloadLimit; }
    // Sends trains in order; what exceeds the path MTU is fragmented. What the kernel has no room for is tried again for some milliseconds.
    void send(std::span<OutgoingTrain> trains, SteadyTime now) noexcept;

    // When update() has something to do even without traffic; SteadyTime::max() if never.
    [[nodiscard]] SteadyTime nextEvent() const noexcept;
    [[nodiscard]] int pollHandle() const noexcept { return m_socket ? m_socket->pollHandle() : -1; }
    // What this machine is called on the way there; port 0 and no address while there is no socket.
    [[nodiscard]] IpAddress localAddress() const { return m_socket ? m_socket->localEndpoint().address : IpAddress{}; }
    [[nodiscard]] const EdgeStatus& status() const noexcept { return *m_status; }

private:
    enum class State : uint8_t { Up, Down, Probing };

    void open(SteadyTime now);
    [[nodiscard]] std::unique_ptr<UdpSocket> openSocket(PathMtuMode mode);
    void readPathMtu(SteadyTime now);
    void sendWithPatience(UdpSocket& socket, std::span<OutgoingTrain> trains) noexcept;
    void sendFragmented(std::span<OutgoingTrain> trains, SteadyTime now) noexcept;
    // Takes what arrived, so that reports reach the statistics.
    void drainSocket() noexcept;
    [[nodiscard]] bool newReports() noexcept;
    void goDown(SteadyTime now);
    void goUp(SteadyTime now);
    void probe(SteadyTime now);

    UdpFactory& m_sockets;
    const Settings& m_settings;
    std::shared_ptr<EdgeStatus> m_status;
    // Always with DF: of trains, Linux leaves DF out when it may fragment, and then no router ever reports a smaller MTU.
    std::unique_ptr<UdpSocket> m_socket;
    std::unique_ptr<UdpSocket> m_fragmenting;  // for what is too long
    State m_state = State::Up;
    bool m_hostSilent = false;  // the last report said that the host or its network, not the port, is unreachable
    UdpStatistics m_seen;
    std::chrono::milliseconds m_retry;
    SteadyTime m_upSince{};
    SteadyTime m_deadline{};  // of Down: the next try; of Probing: believed to be up
    SteadyTime m_mtuRead{};
    size_t m_payloadLimit = 0;
};

}  // namespace netpas::tun
