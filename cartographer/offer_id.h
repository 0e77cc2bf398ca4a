// The name of an offer, which says what it is: the class of each ISP on the way, what a packet costs at most, and until when. Whoever buys by
// it gets exactly that or nothing. Plain data; no thread, no network.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cartographer/quote.h"

namespace netpas::cartographer {

struct OfferId {
    std::vector<std::pair<IspId, ServiceClass>> hops;  // in path order, 1 to 16
    Money price;                                       // of the dearest full-sized packet of the day
    SystemTime validUntil;                             // whole seconds
    Charges charges{};                                 // of guarantees, the dearest of the day

    // Nothing for what is no such name.
    [[nodiscard]] static std::optional<OfferId> parse(std::string_view text);
    [[nodiscard]] std::string toString() const;  // "26-1.25-2.24-1_108_1893456000", with guarantees "…_108+8000+4000_…"
    // Of a quote whose prices can be encoded.
    [[nodiscard]] static std::optional<OfferId> of(const Quote& quote);
    // Asks for the classes of the offer, and for a way on which all its ISPs are.
    [[nodiscard]] QuoteRequest request(const IpAddress& destination) const;
    // The same ISPs and classes, and no dearer.
    [[nodiscard]] bool isMetBy(const Quote& quote) const;
};

}  // namespace netpas::cartographer
