#include "tun/device/memory_tun.h"

#include <algorithm>
#include <cstring>

#ifdef __linux__
#include <sys/eventfd.h>
#include <unistd.h>
#endif

namespace netpas::tun {
namespace {

int makeEvent() {
#ifdef __linux__
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
#else
    return -1;
#endif
}

void closeEvent([[maybe_unused]] int event) {
#ifdef __linux__
    if (event >= 0) close(event);
#endif
}

void raiseEvent([[maybe_unused]] int event) {
#ifdef __linux__
    if (event >= 0) eventfd_write(event, 1);
#endif
}

void lowerEvent([[maybe_unused]] int event) {
#ifdef __linux__
    eventfd_t count = 0;
    if (event >= 0) eventfd_read(event, &count);
#endif
}

std::vector<uint8_t> joined(const OutgoingFrame& frame) {
    std::vector<uint8_t> packet;
    for (const auto piece : frame.pieces) packet.insert(packet.end(), piece.begin(), piece.end());
    return packet;
}

}  // namespace

MemoryTun::MemoryTun(std::string name, unsigned queues, TunOffloads offloads)
    : m_name(std::move(name)), m_offloads(offloads), m_queues(std::max(queues, 1u)) {
    for (Queue& queue : m_queues) queue.event = makeEvent();
}

MemoryTun::~MemoryTun() {
    for (Queue& queue : m_queues) closeEvent(queue.event);
}

void MemoryTun::push(MemoryFrame frame, unsigned queue) {
    const std::lock_guard lock(m_mutex);
    m_queues.at(queue).toRead.push_back(std::move(frame));
    raiseEvent(m_queues[queue].event);
}

std::vector<MemoryFrame> MemoryTun::takeWritten(unsigned queue) {
    const std::lock_guard lock(m_mutex);
    return std::exchange(m_queues.at(queue).written, {});
}

void MemoryTun::remove() {
    const std::lock_guard lock(m_mutex);
    m_gone = true;
    for (const Queue& queue : m_queues) raiseEvent(queue.event);
}

void MemoryTun::refuseNext(size_t frames) {
    const std::lock_guard lock(m_mutex);
    m_refuse = frames;
}

bool MemoryTun::isUp() const {
    const std::lock_guard lock(m_mutex);
    return m_up;
}

tl::expected<uint32_t, TunError> MemoryTun::mtu() const {
    const std::lock_guard lock(m_mutex);
    if (m_gone) return tl::unexpected(TunError::Gone);
    return m_mtu;
}

tl::expected<void, TunError> MemoryTun::setMtu(uint32_t mtu) {
    const std::lock_guard lock(m_mutex);
    if (m_gone) return tl::unexpected(TunError::Gone);
    if (mtu < 68 || mtu > 65535) return tl::unexpected(TunError::BadMtu);
    m_mtu = mtu;
    return {};
}

tl::expected<void, TunError> MemoryTun::setUp(bool up) {
    const std::lock_guard lock(m_mutex);
    if (m_gone) return tl::unexpected(TunError::Gone);
    m_up = up;
    return {};
}

int MemoryTun::pollHandle(unsigned queue) const noexcept {
    return queue < m_queues.size() ? m_queues[queue].event : -1;
}

tl::expected<size_t, TunError> MemoryTun::readBatch(unsigned queue, std::span<ReadSlot> into) noexcept {
    const std::lock_guard lock(m_mutex);
    if (m_gone) return tl::unexpected(TunError::Gone);
    auto& waiting = m_queues[queue].toRead;
    size_t count = 0;
    while (count < into.size() && !waiting.empty()) {
        const MemoryFrame& frame = waiting.front();
        ReadSlot& slot = into[count];
        if (frame.packet.size() <= slot.buffer.size()) {
            std::copy(frame.packet.begin(), frame.packet.end(), slot.buffer.begin());
            slot.vnet = frame.vnet;
            slot.size = frame.packet.size();
            ++count;
        }
        waiting.pop_front();
    }
    if (waiting.empty()) lowerEvent(m_queues[queue].event);
    return count;
}

tl::expected<WriteCount, TunError> MemoryTun::writeBatch(unsigned queue,
                                                         std::span<const OutgoingFrame> frames) noexcept {
    const std::lock_guard lock(m_mutex);
    if (m_gone) return tl::unexpected(TunError::Gone);
    WriteCount count;
    for (const OutgoingFrame& frame : frames) {
        if (m_refuse > 0 || !m_up) {
            m_refuse -= m_refuse > 0 ? 1 : 0;
            ++count.refused;
            continue;
        }
        m_queues[queue].written.push_back({frame.vnet, joined(frame)});
        ++count.written;
    }
    return count;
}

}  // namespace netpas::tun
