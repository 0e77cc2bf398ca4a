// The threads of the agent's data plane: how they wait, drain and end. Internal.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tun/agent/delivery.h"
#include "tun/agent/packet_sender.h"

namespace netpas::tun {

// Ends when every packet thread has sent what had been diverted before.
class DrainRequest {
public:
    DrainRequest(size_t threads, std::function<void()> drained) : m_threads(threads), m_drained(std::move(drained)) {}
    void threadDone() {
        if (m_threads.fetch_sub(1, std::memory_order_acq_rel) == 1) m_drained();
    }

private:
    std::atomic<size_t> m_threads;
    const std::function<void()> m_drained;
};

// An eventfd that ends a thread's poll().
class Waker {
public:
    Waker();
    ~Waker();
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;

    void wake() const noexcept;
    // Waits for the wake-up, one of the handles, or the end of the time.
    void wait(const std::vector<int>& handles, std::chrono::milliseconds timeout) noexcept;

private:
    int m_event;
};

class SenderThread {
public:
    SenderThread(const PacketSender::Environment& environment, unsigned queue, const SnapshotCell<PlaneState>& state);
    ~SenderThread();
    SenderThread(const SenderThread&) = delete;
    SenderThread& operator=(const SenderThread&) = delete;

    // Control thread.
    [[nodiscard]] bool start();
    void stop();
    bool poll();
    void wake() const noexcept { m_waker.wake(); }
    // Any thread.
    void addDrain(const std::shared_ptr<DrainRequest>& request);
    void addTo(PlaneTotals& totals) const;

private:
    struct PendingDrain {
        std::shared_ptr<DrainRequest> request;
        SteadyTime since;
        uint64_t framesBefore = 0;
    };
    void run();
    [[nodiscard]] PacketSender::Round step();
    void serveDrains(bool idle);
    void endDrains();
    [[nodiscard]] std::chrono::milliseconds patience(SteadyTime now) const;

    TunDevice& m_device;
    const Clock& m_clock;
    const unsigned m_queue;
    SenderTotals m_totals;
    PacketSender m_sender;
    Waker m_waker;
    std::vector<int> m_handles;

    std::mutex m_drainMutex;
    std::vector<std::shared_ptr<DrainRequest>> m_newDrains;  // under the mutex
    std::atomic<bool> m_hasNewDrains{false};
    std::vector<PendingDrain> m_drains;  // the thread's
    std::atomic<bool> m_stop{false};
    std::atomic<bool> m_gone{false};
    std::thread m_thread;
};

class DeliveryThread {
public:
    DeliveryThread(TunDevice& device, std::vector<IpAddress> to, std::vector<IpPrefix> from)
        : m_delivery(device, std::move(to), std::move(from)) {}
    ~DeliveryThread() { stop(); }
    DeliveryThread(const DeliveryThread&) = delete;
    DeliveryThread& operator=(const DeliveryThread&) = delete;

    [[nodiscard]] bool start(UdpFactory& sockets, uint32_t mark);
    void stop();
    bool poll(UdpFactory& sockets, uint32_t mark);
    void addTo(PlaneTotals& totals) const;

private:
    [[nodiscard]] bool open(UdpFactory& sockets, uint32_t mark);

    Delivery m_delivery;
    Waker m_waker;
    bool m_opened = false;
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

}  // namespace netpas::tun
