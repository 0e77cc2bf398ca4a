// A UDP socket for test packets: with the kernel's time of arrival, and what is left of a packet's hops. Linux. One thread.
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "core/stamp/reflector.h"

namespace netpas::stamp {

class StampSocket {
public:
    struct Options {
        Endpoint local;                // port 0: any
        std::optional<Endpoint> peer;  // connected: only its packets are received
        uint8_t trafficClass = 0;      // of what is sent: DSCP << 2
        std::optional<uint32_t> mark;  // SO_MARK
    };
    // The error is a sentence.
    [[nodiscard]] static tl::expected<StampSocket, std::string> open(const Options& options);
    StampSocket(StampSocket&& other) noexcept;
    StampSocket& operator=(StampSocket&&) = delete;
    ~StampSocket();

    [[nodiscard]] Endpoint local() const;
    [[nodiscard]] int descriptor() const { return m_descriptor; }
    // Packets leave with 255 hops to go. False when the kernel refused.
    bool send(ByteView packet, const std::optional<Endpoint>& to = {}) const;
    struct Received {
        Bytes packet;
        Arrival arrival;
    };
    // What waits, if anything; never blocks. `now` is taken where the kernel says no time.
    [[nodiscard]] std::optional<Received> receive(SystemTime now) const;

private:
    explicit StampSocket(int descriptor) : m_descriptor(descriptor) {}
    int m_descriptor = -1;
};

}  // namespace netpas::stamp
