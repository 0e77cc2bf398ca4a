#include "tun/agent/edge_link.h"

#include <algorithm>
#include <array>

#include "core/wire/shim.h"

#ifdef __linux__
#include <poll.h>
#endif

namespace netpas::tun {

namespace {

using namespace std::chrono_literals;

// Path MTU may shrink at any time; until it is read again the kernel fragments what is too long, so nothing is lost.
constexpr auto mtuInterval = 10ms;
// A refused port is reported after one round trip. That a host does not answer on its link is known after three questions, a second each.
constexpr auto portPatience = 300ms;
constexpr auto hostPatience = 3500ms;
constexpr int roomPatience = 5;  // ms to wait for room in the socket's buffer
constexpr int roomAttempts = 10;
constexpr size_t smallestPathMtu = 576;

size_t outerHeaders(const Endpoint& peer) { return peer.address.isV4() ? 28 : 48; }

IpAddress anyAddress(bool v6) {
    static constexpr std::array<uint8_t, 16> zeros{};
    return v6 ? IpAddress::fromBytes(zeros).value_or(IpAddress{}) : IpAddress{};
}

void waitForRoom([[maybe_unused]] int handle) {
#ifdef __linux__
    pollfd event{handle, POLLOUT, 0};
    poll(&event, 1, roomPatience);
#endif
}

}  // namespace

EdgeLink::EdgeLink(UdpFactory& sockets, const Settings& settings, std::shared_ptr<EdgeStatus> status, SteadyTime now)
    : m_sockets(sockets), m_settings(settings), m_status(std::move(status)), m_retry(settings.firstRetry) {
    open(now);
    if (!m_socket) goDown(now);
}

std::unique_ptr<UdpSocket> EdgeLink::openSocket(PathMtuMode mode) {
    UdpOptions options;
    options.local = {anyAddress(v6()), 0};
    options.peer = m_status->endpoint;
    options.mark = m_settings.mark;
    options.pathMtu = mode;
    options.receiveTrains = false;
    options.reportUnreachable = mode == PathMtuMode::Strict;
    options.receiveBuffer = 64 << 10;
    auto opened = m_sockets.open(options);
    return opened ? std::move(*opened) : nullptr;
}

void EdgeLink::open(SteadyTime now) {
    m_fragmenting = openSocket(PathMtuMode::Fragment);
    m_socket = m_fragmenting ? openSocket(PathMtuMode::Strict) : nullptr;
    if (!m_socket) return;
    m_seen = m_socket->statistics();
    readPathMtu(now);
}

void EdgeLink::readPathMtu(SteadyTime now) {
    m_mtuRead = now;
    const auto mtu = m_socket->pathMtu();
    const size_t known = std::max<size_t>(mtu ? *mtu : 1280, smallestPathMtu);
    m_payloadLimit = std::min<size_t>(known, 65535) - outerHeaders(m_status->endpoint);
    m_status->pathMtu.store(static_cast<uint32_t>(known), std::memory_order_relaxed);
}

void EdgeLink::drainSocket() noexcept {
    std::array<std::array<uint8_t, 64>, 4> buffers;
    std::array<ReceivedTrain, 4> slots;
    for (size_t i = 0; i < slots.size(); ++i) slots[i].buffer = buffers[i];
    for (int i = 0; i < 16; ++i) {
        const auto received = m_socket->receive(slots);
        if (!received || *received < slots.size()) return;
    }
}

bool EdgeLink::newReports() noexcept {
    const UdpStatistics now = m_socket->statistics();
    const bool refused = now.refused != m_seen.refused;
    const bool unreachable = now.unreachable != m_seen.unreachable;
    m_seen = now;
    if (refused || unreachable) m_hostSilent = unreachable;
    return refused || unreachable;
}

void EdgeLink::update(SteadyTime now) {
    if (m_socket && (m_state == State::Probing || now - m_mtuRead >= mtuInterval)) {
        drainSocket();
        readPathMtu(now);
    }
    switch (m_state) {
    case State::Up:
        if (newReports()) goDown(now);
        return;
    case State::Down:
        if (now >= m_deadline) probe(now);
        return;
    case State::Probing:
        if (newReports()) {
            goDown(now);
        } else if (now >= m_deadline) {
            goUp(now);
        }
        return;
    }
}

void EdgeLink::goDown(SteadyTime now) {
    const bool wasUp = m_state == State::Up;
    // Hosts answer only so many datagrams a second with "unreachable": silence after a try may be no good news, and soon proves so.
    if (wasUp && now - m_upSince > m_settings.lastRetry) m_retry = m_settings.firstRetry;
    m_state = State::Down;
    m_deadline = now + m_retry;
    m_retry = std::min(m_retry * 2, m_settings.lastRetry);
    if (!wasUp) return;
    m_status->reachable.store(false, std::memory_order_relaxed);
    m_status->refusals.fetch_add(1, std::memory_order_relaxed);
    if (m_settings.changed) m_settings.changed(m_status->read());
}

void EdgeLink::goUp(SteadyTime now) {
    m_state = State::Up;
    m_upSince = now;
    m_hostSilent = false;
    m_status->reachable.store(true, std::memory_order_relaxed);
    if (m_settings.changed) m_settings.changed(m_status->read());
}

void EdgeLink::probe(SteadyTime now) {
    // A new socket knows the routes and addresses of today.
    open(now);
    static constexpr std::array<uint8_t, 1> noShim{};
    OutgoingTrain train;
    train.data = noShim;
    train.segmentSize = 1;
    if (m_socket) m_socket->send(std::span(&train, 1));
    if (!m_socket || train.outcome != SendOutcome::Sent) {
        goDown(now);
        return;
    }
    m_state = State::Probing;
    m_deadline = now + (m_hostSilent ? hostPatience : portPatience);
}

SteadyTime EdgeLink::nextEvent() const noexcept { return m_state == State::Up ? SteadyTime::max() : m_deadline; }

void EdgeLink::send(std::span<OutgoingTrain> trains, SteadyTime now) noexcept {
    sendWithPatience(*m_socket, trains);
    sendFragmented(trains, now);
    const bool refused = std::any_of(trains.begin(), trains.end(), [](const OutgoingTrain& train) {
        return train.outcome == SendOutcome::Unreachable;
    });
    if (refused || newReports()) {
        m_hostSilent = m_hostSilent || refused;
        if (m_state == State::Up) goDown(now);
    }
}

void EdgeLink::sendWithPatience(UdpSocket& socket, std::span<OutgoingTrain> trains) noexcept {
    for (int attempt = 0; attempt < roomAttempts; ++attempt) {
        socket.send(trains);
        const auto full = std::find_if(trains.begin(), trains.end(), [](const OutgoingTrain& train) {
            return train.outcome == SendOutcome::Full || train.outcome == SendOutcome::Pending;
        });
        // A train that was sent in part keeps what it has: its rest goes another way.
        if (full == trains.end() || full->datagramsSent > 0) return;
        trains = trains.subspan(static_cast<size_t>(full - trains.begin()));
        waitForRoom(socket.pollHandle());
    }
}

// What was longer than the path MTU when it was planned, or has become so in the meantime.
void EdgeLink::sendFragmented(std::span<OutgoingTrain> trains, SteadyTime now) noexcept {
    bool any = false;
    for (OutgoingTrain& train : trains) {
        if (train.outcome != SendOutcome::TooBig || train.datagramsSent > 0) continue;
        any = true;
        sendWithPatience(*m_fragmenting, std::span(&train, 1));
    }
    if (any) readPathMtu(now);
}

}  // namespace netpas::tun
