// What the way to a destination costs: the path, the class bought from each ISP on it and the exact
// encoded prices (NetPaS §5.1, §5.3). Plain data; no thread, no network.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/guarantee.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"
#include "core/price_code.h"
#include "core/price_model.h"

namespace netpas::cartographer {

// The inner sizes that prices are shown for.
inline constexpr uint32_t fullPacketBytes = 1400;
inline constexpr uint32_t smallPacketBytes = 64;

struct ClassChoice {
    enum class Rule { Cheapest, Best, Named, Numbered };
    Rule rule = Rule::Cheapest;
    std::string name;        // Named: compared without regard to case
    ServiceClass number{0};  // Numbered
    // "cheapest", "best", a number from 0 to 63, or a name.
    static ClassChoice parse(std::string_view text);
};

// Of the packets without payload that pay for guarantees on the way (NetPaS §3.1.1): the first one, which also sets up, and each further
// minute's. As they are encoded; zero when no class on the way has one.
struct Charges {
    Money first;
    Money minute;
    friend bool operator==(const Charges&, const Charges&) = default;
};

struct QuoteRequest {
    IpAddress destination;
    ClassChoice everywhere;
    std::map<IspId, ClassChoice> perIsp;  // goes before `everywhere`
    // What the dearest full-sized packet of the day may cost. What is named above goes first; where that is not to be had for so much, the
    // best that is.
    std::optional<Money> atMost{};
    Charges charges{};  // with `atMost`: and what guarantees may
    // Not bought, whoever names them.
    std::vector<std::pair<IspId, ServiceClass>> without{};
};

struct QuotedHop {
    IspId isp;
    std::string ispName;
    ServiceClass service;
    std::string className;
    ExitPoint exit;  // 0: the ISP chooses
    PriceSchedule prices;
    std::optional<Guarantee> guarantee{};
};

struct Quote {
    IpAddress destination;
    std::vector<QuotedHop> path;  // own ISP first
    SystemTime validUntil;        // the earliest expiry of the documents it is made from
};

struct PacketPrice {
    std::vector<PriceCode> hops;  // in path order
    Money total;
};

// Prices of one packet with `innerBytes` at a minute of the day (UTC), rounded up to what the header can
// say. Computed from the last ISP backwards: a surcharge counts the encoded prices behind it.
[[nodiscard]] tl::expected<PacketPrice, MoneyError> priceOfPacket(std::span<const QuotedHop> path, uint32_t innerBytes,
                                                                  uint16_t minute);
// For the packets without payload that pay for guarantees.
inline constexpr uint32_t chargePacketBytes = 40;  // of IPv6; an IPv4 one costs no more
[[nodiscard]] tl::expected<Charges, MoneyError> chargesOf(std::span<const QuotedHop> path, uint16_t minute);
// The most that they cost at any time of the day.
[[nodiscard]] tl::expected<Charges, MoneyError> dearestCharges(std::span<const QuotedHop> path);
// The dearest such packet at any time of the day.
[[nodiscard]] tl::expected<PacketPrice, MoneyError> dearestPacket(std::span<const QuotedHop> path, uint32_t innerBytes);
// A million inner bytes in packets of `innerBytes`, the last one counted whole, at the dearest time of day.
[[nodiscard]] tl::expected<Money, MoneyError> worstPerMegabyte(std::span<const QuotedHop> path, uint32_t innerBytes);

}  // namespace netpas::cartographer
