// Messages with which an endpoint takes part in the confirming of what is delivered to it (NetPaS §2, §5.2; PROTOCOL.md). Plain
// values; encoding is canonical.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::accounting {

inline constexpr size_t maxOwnAddresses = 8;
inline constexpr size_t maxDeliveries = 300;  // of one router

// --- customer -> server: packets to these addresses shall come with their headers, to that endpoint, and the customer
// confirms them. No addresses: not any more. Holds as long as this connection.
struct TakePart {
    uint32_t request = 0;
    Endpoint deliver;
    std::vector<IpAddress> addresses;
};
// --- server -> customer; with request 0 it comes unasked: the ISP confirms again
struct PartTaken {
    uint32_t request = 0;
    bool on = false;
    IspId isp;        // whose service is confirmed
    Money threshold;  // T
    bool smart = false;
};

// --- server -> edge: all of them, not a change
struct SetDeliveries {
    struct One {
        ExitPoint counter;  // > 0
        Endpoint deliver;
        std::vector<IpAddress> addresses;
        friend bool operator==(const One&, const One&) = default;
    };
    std::vector<One> all;
};

void write(Writer& w, const TakePart& m);
void write(Writer& w, const PartTaken& m);
void write(Writer& w, const SetDeliveries& m);
[[nodiscard]] TakePart readTakePart(Reader& r);
[[nodiscard]] PartTaken readPartTaken(Reader& r);
[[nodiscard]] SetDeliveries readSetDeliveries(Reader& r);

}  // namespace netpas::accounting
