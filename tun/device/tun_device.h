// A TUN device: the network interface through which the kernel hands us packets, and through which we hand packets to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "tun/packet/frame.h"

namespace netpas::tun {

enum class TunError : uint8_t {
    Unsupported,   // this platform or kernel has no TUN device
    NotPermitted,  // creating a network interface needs CAP_NET_ADMIN
    NameTaken,     // another process holds an interface of that name
    BadName,       // empty, longer than 15 bytes or with a character that interface names must not have
    BadMtu,        // outside what the interface takes
    TooManyQueues,
    Gone,           // the interface was removed, or close() was called
    SystemRefused,  // any other refusal of the kernel's; see the log
};
[[nodiscard]] std::string_view describe(TunError error) noexcept;

// What the device hands out unsegmented and unchecksummed, and takes likewise.
struct TunOffloads {
    bool checksum = false;
    bool tcp4 = false;
    bool tcp6 = false;
    bool ecn = false;
    bool udp = false;

    friend bool operator==(const TunOffloads&, const TunOffloads&) = default;
};

// Where one frame is read to.
struct ReadSlot {
    std::span<uint8_t> buffer{};  // the caller's, maxFrameSize bytes; of a longer frame only so many arrive
    VnetHeader vnet{};            // set by readBatch()
    size_t size = 0;              // set by readBatch()

    [[nodiscard]] std::span<const uint8_t> packet() const noexcept { return buffer.first(size); }
};

struct WriteCount {
    size_t written = 0;
    size_t refused = 0;  // frames that the kernel did not take; they are lost
};

// Each queue belongs to one reading and one writing thread at a time; different queues need no agreement between their threads.
// Everything else belongs to the control thread.
class TunDevice {
public:
    TunDevice() = default;
    TunDevice(const TunDevice&) = delete;
    TunDevice& operator=(const TunDevice&) = delete;
    virtual ~TunDevice() = default;

    [[nodiscard]] virtual const std::string& name() const noexcept = 0;
    // The kernel's index of the interface, for routes.
    [[nodiscard]] virtual unsigned interfaceIndex() const noexcept = 0;
    [[nodiscard]] virtual unsigned queues() const noexcept = 0;
    [[nodiscard]] virtual TunOffloads offloads() const noexcept = 0;
    [[nodiscard]] virtual tl::expected<uint32_t, TunError> mtu() const = 0;
    [[nodiscard]] virtual tl::expected<void, TunError> setMtu(uint32_t mtu) = 0;
    [[nodiscard]] virtual tl::expected<void, TunError> setUp(bool up) = 0;

    // A descriptor that polls readable while frames wait; -1 where the platform has none.
    [[nodiscard]] virtual int pollHandle(unsigned queue) const noexcept = 0;
    // Reads what waits, one frame each, until all of `into` is used or batchBytes have come; returns how many. Never blocks: 0 means
    // that nothing waits, less than all does not.
    [[nodiscard]] virtual tl::expected<size_t, TunError> readBatch(unsigned queue,
                                                                   std::span<ReadSlot> into) noexcept = 0;
    // Writes all frames. Fails only when the device is gone.
    [[nodiscard]] virtual tl::expected<WriteCount, TunError> writeBatch(
        unsigned queue, std::span<const OutgoingFrame> frames) noexcept = 0;
};

}  // namespace netpas::tun
