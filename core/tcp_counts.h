// What the kernel of the sending end knows of one TCP connection (Linux's struct tcp_info), as far as it tells of the network. Plain data.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/flow.h"

namespace netpas {

struct TcpCounts {
    FlowKey flow;               // as this machine sends it
    uint64_t cookie = 0;        // of the socket: another connection with the same addresses has another
    uint64_t segmentsSent = 0;  // with data; those sent again count again
    uint64_t retransmitted = 0;
    uint64_t needlessly = 0;  // of these: the other end had them already (DSACK)
    uint64_t bytesAcked = 0;
    uint64_t bytesReceived = 0;     // all before them, too
    uint64_t segmentsReceived = 0;  // with payload, in whatever order
    uint32_t segmentBytes = 0;      // payload of a full segment
    std::chrono::microseconds
        roundTrip{};  // smoothed; with the other end's waiting before it acknowledges, and own queues
    std::chrono::microseconds leastRoundTrip{};  // of some minutes
    uint64_t deliveryRate = 0;                   // bytes of payload a second, when last measured
    bool applicationLimited = false;             // … because there was no more to send
    std::chrono::microseconds busy{};            // there was something to send
    std::chrono::microseconds held{};            // of this: held back by the other end's window or this end's buffer
};

}  // namespace netpas
