#include "tun/udp/memory_udp_socket.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#ifdef __linux__
#include <sys/eventfd.h>
#include <unistd.h>
#endif

namespace netpas::tun {
namespace {

constexpr size_t maxWaiting = 1024;  // trains a socket
constexpr uint16_t firstFreePort = 49152;

struct Waiting {
    std::vector<uint8_t> data;
    size_t segmentSize = 0;
    Endpoint from;
    uint8_t trafficClass = 0;
};

struct Inbox {
    std::deque<Waiting> waiting;
    std::optional<Endpoint> peer;  // others' datagrams are not taken
    bool trains = true;
    int event = -1;
};

void raiseEvent([[maybe_unused]] int event) {
#ifdef __linux__
    if (event >= 0) eventfd_write(event, 1);
#endif
}

size_t outerHeaders(const Endpoint& peer) { return peer.address.isV4() ? 28 : 48; }

}  // namespace

struct MemoryUdpNetwork::State {
    std::mutex mutex;
    std::map<Endpoint, Inbox*> inboxes;
    uint32_t pathMtu = 1500;
    size_t failures = 0;
    SendOutcome failure = SendOutcome::Failed;
    uint64_t lost = 0;

    void deliver(const Endpoint& from, const Endpoint& to, const OutgoingTrain& train);
};

// Holds the mutex.
void MemoryUdpNetwork::State::deliver(const Endpoint& from, const Endpoint& to, const OutgoingTrain& train) {
    const auto found = inboxes.find(to);
    if (found == inboxes.end() || (found->second->peer && *found->second->peer != from)) {
        lost += train.datagrams();
        return;
    }
    Inbox& inbox = *found->second;
    const size_t step = inbox.trains ? train.data.size() : train.segmentSize;
    for (size_t at = 0; at < train.data.size(); at += step) {
        const auto part = train.data.subspan(at, std::min(step, train.data.size() - at));
        if (inbox.waiting.size() >= maxWaiting) {
            lost += inbox.trains ? train.datagrams() : 1;
            continue;
        }
        const size_t segment = std::min<size_t>(train.segmentSize, part.size());
        inbox.waiting.push_back({{part.begin(), part.end()}, segment, from, train.trafficClass});
    }
    raiseEvent(inbox.event);
}

namespace {

class MemoryUdpSocket final : public UdpSocket {
public:
    MemoryUdpSocket(std::shared_ptr<MemoryUdpNetwork::State> state, Endpoint local, const UdpOptions& options)
        : m_state(std::move(state)), m_local(local), m_strict(options.pathMtu == PathMtuMode::Strict) {
        m_inbox.peer = options.peer;
        m_inbox.trains = options.receiveTrains;
#ifdef __linux__
        m_inbox.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
#endif
        m_state->inboxes.emplace(m_local, &m_inbox);
    }
    ~MemoryUdpSocket() override {
        const std::lock_guard lock(m_state->mutex);
        m_state->inboxes.erase(m_local);
#ifdef __linux__
        if (m_inbox.event >= 0) close(m_inbox.event);
#endif
    }

    [[nodiscard]] Endpoint localEndpoint() const override { return m_local; }
    [[nodiscard]] int pollHandle() const noexcept override { return m_inbox.event; }

    size_t send(std::span<OutgoingTrain> trains) noexcept override {
        const std::lock_guard lock(m_state->mutex);
        size_t sent = 0;
        for (OutgoingTrain& train : trains) train.outcome = SendOutcome::Pending;
        for (OutgoingTrain& train : trains) {
            train.outcome = sendOne(train);
            train.datagramsSent = 0;
            if (train.outcome == SendOutcome::Full) break;
            if (train.outcome != SendOutcome::Sent) continue;
            train.datagramsSent = static_cast<uint16_t>(train.datagrams());
            ++sent;
        }
        return sent;
    }

    [[nodiscard]] tl::expected<size_t, UdpError> receive(std::span<ReceivedTrain> into) noexcept override {
        const std::lock_guard lock(m_state->mutex);
        size_t count = 0;
        while (count < into.size() && !m_inbox.waiting.empty()) {
            const Waiting& waiting = m_inbox.waiting.front();
            ReceivedTrain& slot = into[count++];
            slot.size = std::min(waiting.data.size(), slot.buffer.size());
            slot.truncated = slot.size < waiting.data.size();
            std::copy_n(waiting.data.begin(), slot.size, slot.buffer.begin());
            slot.segmentSize = waiting.segmentSize;
            slot.from = waiting.from;
            slot.trafficClass = waiting.trafficClass;
            m_inbox.waiting.pop_front();
        }
#ifdef __linux__
        eventfd_t ignored = 0;
        if (m_inbox.waiting.empty() && m_inbox.event >= 0) eventfd_read(m_inbox.event, &ignored);
#endif
        return count;
    }

    [[nodiscard]] tl::expected<uint32_t, UdpError> pathMtu() const noexcept override {
        const std::lock_guard lock(m_state->mutex);
        if (!m_inbox.peer) return tl::unexpected(UdpError::NotConnected);
        return m_state->pathMtu;
    }
    [[nodiscard]] tl::expected<uint32_t, UdpError> pathMtuTo(const Endpoint& peer) const override {
        const std::lock_guard lock(m_state->mutex);
        if (peer.address.isV4() != m_local.address.isV4()) return tl::unexpected(UdpError::FamilyMismatch);
        return m_state->pathMtu;
    }
    [[nodiscard]] UdpStatistics statistics() const noexcept override { return {}; }

private:
    SendOutcome sendOne(const OutgoingTrain& train) {
        const auto& to = train.to ? train.to : m_inbox.peer;
        if (!to || to->address.isV4() != m_local.address.isV4()) return SendOutcome::Failed;
        if (train.data.empty() || train.datagrams() == 0 || train.datagrams() > maxTrainSegments) {
            return SendOutcome::Failed;
        }
        if (m_state->failures > 0) {
            --m_state->failures;
            return m_state->failure;
        }
        const size_t largest = std::min<size_t>(train.segmentSize, train.data.size());
        if (m_strict && largest + outerHeaders(*to) > m_state->pathMtu) return SendOutcome::TooBig;
        m_state->deliver(m_local, *to, train);
        return SendOutcome::Sent;
    }

    std::shared_ptr<MemoryUdpNetwork::State> m_state;
    Endpoint m_local;
    Inbox m_inbox;
    bool m_strict;
};

}  // namespace

MemoryUdpNetwork::MemoryUdpNetwork() : m_state(std::make_shared<State>()) {}
MemoryUdpNetwork::~MemoryUdpNetwork() = default;

tl::expected<std::unique_ptr<UdpSocket>, UdpError> MemoryUdpNetwork::open(const UdpOptions& options) {
    const std::lock_guard lock(m_state->mutex);
    if (options.peer && options.peer->address.isV4() != options.local.address.isV4()) {
        return tl::unexpected(UdpError::FamilyMismatch);
    }
    Endpoint local = options.local;
    if (local.port == 0) {
        for (local.port = firstFreePort; m_state->inboxes.contains(local); ++local.port) {
            if (local.port == UINT16_MAX) return tl::unexpected(UdpError::AddressInUse);
        }
    }
    if (m_state->inboxes.contains(local)) return tl::unexpected(UdpError::AddressInUse);
    return std::make_unique<MemoryUdpSocket>(m_state, local, options);
}

void MemoryUdpNetwork::setPathMtu(uint32_t mtu) {
    const std::lock_guard lock(m_state->mutex);
    m_state->pathMtu = mtu;
}

void MemoryUdpNetwork::failNext(size_t trains, SendOutcome outcome) {
    const std::lock_guard lock(m_state->mutex);
    m_state->failures = trains;
    m_state->failure = outcome;
}

uint64_t MemoryUdpNetwork::lost() const {
    const std::lock_guard lock(m_state->mutex);
    return m_state->lost;
}

}  // namespace netpas::tun
