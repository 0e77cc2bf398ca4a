// A TUN device without a kernel behind it: tests push frames that the code under test reads, and take those which it wrote.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "tun/device/tun_device.h"

namespace netpas::tun {

struct MemoryFrame {
    VnetHeader vnet;
    std::vector<uint8_t> packet;

    friend bool operator==(const MemoryFrame&, const MemoryFrame&) = default;
};

// May be used by any threads.
class MemoryTun final : public TunDevice {
public:
    explicit MemoryTun(std::string name = "memory0", unsigned queues = 1,
                       TunOffloads offloads = {true, true, true, true, true});
    ~MemoryTun() override;

    // The kernel's side.
    void push(MemoryFrame frame, unsigned queue = 0);
    [[nodiscard]] std::vector<MemoryFrame> takeWritten(unsigned queue = 0);
    // From now on everything fails with Gone.
    void remove();
    // The next `frames` frames that are written are refused.
    void refuseNext(size_t frames);
    [[nodiscard]] bool isUp() const;

    [[nodiscard]] const std::string& name() const noexcept override { return m_name; }
    [[nodiscard]] unsigned interfaceIndex() const noexcept override { return 1; }
    [[nodiscard]] unsigned queues() const noexcept override { return static_cast<unsigned>(m_queues.size()); }
    [[nodiscard]] TunOffloads offloads() const noexcept override { return m_offloads; }
    [[nodiscard]] tl::expected<uint32_t, TunError> mtu() const override;
    [[nodiscard]] tl::expected<void, TunError> setMtu(uint32_t mtu) override;
    [[nodiscard]] tl::expected<void, TunError> setUp(bool up) override;
    [[nodiscard]] int pollHandle(unsigned queue) const noexcept override;
    [[nodiscard]] tl::expected<size_t, TunError> readBatch(unsigned queue, std::span<ReadSlot> into) noexcept override;
    [[nodiscard]] tl::expected<WriteCount, TunError> writeBatch(
        unsigned queue, std::span<const OutgoingFrame> frames) noexcept override;

private:
    struct Queue {
        std::deque<MemoryFrame> toRead;
        std::vector<MemoryFrame> written;
        int event = -1;  // eventfd, readable while toRead is not empty
    };

    std::string m_name;
    TunOffloads m_offloads;
    mutable std::mutex m_mutex;
    std::vector<Queue> m_queues;
    uint32_t m_mtu = 1500;
    size_t m_refuse = 0;
    bool m_up = true;
    bool m_gone = false;
};

}  // namespace netpas::tun
