// What a person is offered for a destination (NetPaS §5.3): the frontier of price against quality, cut to a few tiers, and what each of
// them would change. Pure: no clock, no network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cartographer/cartographer.h"
#include "cartographer/frontier.h"
#include "cartographer/offer_id.h"

namespace netpas::cartographer {

// Of a whole way; what one of its ISPs does not promise is not known of the way either.
struct KnownQuality {
    std::optional<uint64_t> latencyMicroseconds;  // one way
    std::optional<uint32_t> lossPerBillion;
    std::optional<uint64_t> bitsPerSecond;
};

// Whether a stream of so many bits a second runs without stalls. The model: a TCP connection gets the least of the promised rate and
// what Mathis et al. (1997) give for loss and round trip, √1.5 · segment / (round trip · √loss), with a round trip of twice the one-way
// latency plus 20 ms for the ends, and segments of 1,400 bytes. Half as much again as the stream needs is comfortable.
enum class Change {
    Unknown,   // too little is promised to tell
    None,      // the stream needs more than that
    Possible,  // enough on average
    Likely,    // comfortable
};
[[nodiscard]] Change stallsGone(const KnownQuality& quality, uint64_t streamBitsPerSecond);
// Bits a second by that model.
[[nodiscard]] std::optional<uint64_t> throughputOf(const KnownQuality& quality);

enum class Tier { Thrifty, Enough, Most };

struct Offer {
    Tier tier = Tier::Thrifty;
    OfferId id;
    Quote quote;
    Money price;           // of a full-sized packet now, as it is encoded
    Charges charges;       // of guarantees on the way, likewise
    KnownQuality quality;  // promised, not measured
    Change change = Change::Unknown;
};

struct Offers {
    std::vector<Offer> offers;  // by price; at most three, beside best effort, which costs nothing and is always there
    size_t worthHaving = 0;     // combinations on the frontier besides best effort
    std::optional<Failure> none;  // why there is no offer
};

// The best there is for at most `price` for the dearest full-sized packet of the day and these charges, by the order of Tier::Most; nothing:
// there is none.
[[nodiscard]] std::optional<Quote> bestWithin(Money price, const Charges& charges, const IpAddress& destination,
                                              const Survey& survey, SystemTime now);

// `validFor`: how long prices are held at most; menus and paths may end before. `streamBitsPerSecond` > 0 is what the traffic needs.
[[nodiscard]] Offers offersFrom(const IpAddress& destination, const Survey& survey, uint64_t streamBitsPerSecond,
                                SystemTime now, std::chrono::seconds validFor);

}  // namespace netpas::cartographer
