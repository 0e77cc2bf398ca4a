#include "tun/agent/plane_threads.h"

#include <algorithm>
#include <system_error>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace netpas::tun {

namespace {

using namespace std::chrono_literals;

// A packet that was on its way into the device when its flow was uncaptured is in the queue after this time.
constexpr auto settlingTime = 5ms;
// A queue that never runs empty has been turned over after this many frames; longer ones than a device's queue do not exist.
constexpr uint64_t turnover = 16384;
constexpr auto stopPatience = 1s;
constexpr auto idleWait = 1000ms;

std::thread named(std::thread thread, const char* name) {
    pthread_setname_np(thread.native_handle(), name);
    return thread;
}

}  // namespace

Waker::Waker() : m_event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Waker::~Waker() {
    if (m_event >= 0) close(m_event);
}

void Waker::wake() const noexcept {
    if (m_event >= 0) eventfd_write(m_event, 1);
}

void Waker::wait(const std::vector<int>& handles, std::chrono::milliseconds timeout) noexcept {
    std::array<pollfd, 32> events;
    size_t count = 0;
    events[count++] = {m_event, POLLIN, 0};
    for (const int handle : handles) {
        if (count < events.size()) events[count++] = {handle, POLLIN, 0};
    }
    ::poll(events.data(), count, static_cast<int>(timeout.count()));
    eventfd_t ignored = 0;
    if (events[0].revents != 0) eventfd_read(m_event, &ignored);
}

SenderThread::SenderThread(const PacketSender::Environment& environment, unsigned queue,
                           const SnapshotCell<PlaneState>& state)
    : m_device(environment.device),
      m_clock(environment.clock),
      m_queue(queue),
      m_sender(environment, queue, state, m_totals) {
    m_handles.reserve(32);
}

SenderThread::~SenderThread() { stop(); }

bool SenderThread::start() {
    m_stop.store(false, std::memory_order_relaxed);
    try {
        m_thread = named(std::thread([this] { run(); }), "netpas-packets");
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

void SenderThread::stop() {
    m_stop.store(true, std::memory_order_release);
    m_waker.wake();
    if (m_thread.joinable()) m_thread.join();
    endDrains();
}

bool SenderThread::poll() { return step() == PacketSender::Round::Busy; }

void SenderThread::addDrain(const std::shared_ptr<DrainRequest>& request) {
    const std::lock_guard lock(m_drainMutex);
    m_newDrains.push_back(request);
    m_hasNewDrains.store(true, std::memory_order_release);
    m_waker.wake();
}

void SenderThread::addTo(PlaneTotals& totals) const {
    totals.unowned += m_totals.unowned.read();
    totals.framesRead += m_totals.framesRead.load(std::memory_order_relaxed);
    totals.trainsSent += m_totals.trainsSent.load(std::memory_order_relaxed);
    totals.deviceGone = totals.deviceGone || m_gone.load(std::memory_order_relaxed);
}

PacketSender::Round SenderThread::step() {
    if (m_hasNewDrains.exchange(false, std::memory_order_acquire)) {
        const std::lock_guard lock(m_drainMutex);
        const uint64_t frames = m_totals.framesRead.load(std::memory_order_relaxed);
        for (auto& request : m_newDrains) m_drains.push_back({std::move(request), m_clock.steady(), frames});
        m_newDrains.clear();
    }
    const PacketSender::Round round = m_sender.round();
    if (!m_drains.empty()) serveDrains(round != PacketSender::Round::Busy);
    return round;
}

void SenderThread::serveDrains(bool idle) {
    const SteadyTime now = m_clock.steady();
    const uint64_t frames = m_totals.framesRead.load(std::memory_order_relaxed);
    std::erase_if(m_drains, [&](const PendingDrain& drain) {
        const bool passed = idle || frames - drain.framesBefore >= turnover;
        if (!passed || now - drain.since < settlingTime) return false;
        drain.request->threadDone();
        return true;
    });
}

void SenderThread::endDrains() {
    for (const PendingDrain& drain : m_drains) drain.request->threadDone();
    m_drains.clear();
    std::vector<std::shared_ptr<DrainRequest>> rest;
    {
        const std::lock_guard lock(m_drainMutex);
        rest.swap(m_newDrains);
    }
    for (const auto& request : rest) request->threadDone();
}

std::chrono::milliseconds SenderThread::patience(SteadyTime now) const {
    if (!m_drains.empty() || m_stop.load(std::memory_order_relaxed)) return 1ms;
    const SteadyTime next = m_sender.nextEvent();
    if (next == SteadyTime::max()) return idleWait;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - now) + 1ms;
    return std::clamp<std::chrono::milliseconds>(left, 1ms, idleWait);
}

void SenderThread::run() {
    SteadyTime stopping = SteadyTime::max();
    for (;;) {
        const PacketSender::Round round = step();
        const SteadyTime now = m_clock.steady();
        if (m_stop.load(std::memory_order_acquire)) {
            if (stopping == SteadyTime::max()) stopping = now;
            const bool empty = round != PacketSender::Round::Busy && now - stopping >= settlingTime;
            if (empty || now - stopping >= stopPatience) return;
        }
        if (round == PacketSender::Round::Busy) continue;
        m_handles.clear();
        if (round == PacketSender::Round::Gone) {
            m_gone.store(true, std::memory_order_relaxed);
        } else {
            m_handles.push_back(m_device.pollHandle(m_queue));
            m_sender.appendPollHandles(m_handles);
        }
        m_waker.wait(m_handles, patience(now));
    }
}

bool DeliveryThread::open(UdpFactory& sockets, uint32_t mark) {
    if (!m_opened) m_opened = m_delivery.open(sockets, mark);
    return m_opened;
}

bool DeliveryThread::start(UdpFactory& sockets, uint32_t mark) {
    if (!open(sockets, mark)) return false;
    m_stop.store(false, std::memory_order_relaxed);
    try {
        m_thread = named(std::thread([this] {
                             std::vector<int> handles;
                             m_delivery.appendPollHandles(handles);
                             while (!m_stop.load(std::memory_order_acquire)) {
                                 if (!m_delivery.round()) m_waker.wait(handles, idleWait);
                             }
                         }),
                         "netpas-delivery");
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

void DeliveryThread::stop() {
    m_stop.store(true, std::memory_order_release);
    m_waker.wake();
    if (m_thread.joinable()) m_thread.join();
}

bool DeliveryThread::poll(UdpFactory& sockets, uint32_t mark) { return open(sockets, mark) && m_delivery.round(); }

void DeliveryThread::addTo(PlaneTotals& totals) const {
    totals.delivered += m_delivery.delivered();
    totals.deliveryRefused += m_delivery.refused();
}

}  // namespace netpas::tun
