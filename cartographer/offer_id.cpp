#include "cartographer/offer_id.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace netpas::cartographer {

namespace {

constexpr size_t maxHops = 16;  // as the header has it

// A decimal number without sign or leading zeros, at most `most`, and what comes behind it.
std::optional<int64_t> number(std::string_view& text, int64_t most) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto length = static_cast<size_t>(end - text.data());
    const bool plain = error == std::errc{} && text.front() != '-' && (text.front() != '0' || length == 1);
    if (!plain || value > most) return std::nullopt;
    text.remove_prefix(length);
    return value;
}

bool takes(std::string_view& text, char sign) {
    if (text.empty() || text.front() != sign) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

std::optional<OfferId> OfferId::parse(std::string_view text) {
    OfferId id;
    do {
        const auto isp = number(text, 65535);
        if (!isp || !takes(text, '-') || id.hops.size() == maxHops) return std::nullopt;
        const auto service = number(text, 63);
        if (!service) return std::nullopt;
        id.hops.emplace_back(IspId(static_cast<uint16_t>(*isp)), ServiceClass(static_cast<uint8_t>(*service)));
    } while (takes(text, '.'));
    if (!takes(text, '_')) return std::nullopt;
    const auto price = number(text, INT64_MAX);
    if (!price) return std::nullopt;
    if (takes(text, '+')) {
        const auto first = number(text, INT64_MAX);
        if (!first || !takes(text, '+')) return std::nullopt;
        const auto each = number(text, INT64_MAX);
        if (!each || *first == 0) return std::nullopt;
        id.charges = {Money::fromEighths(*first), Money::fromEighths(*each)};
    }
    if (!takes(text, '_')) return std::nullopt;
    const auto seconds = number(text, INT32_MAX * int64_t{16});
    if (!seconds || !text.empty()) return std::nullopt;
    id.price = Money::fromEighths(*price);
    id.validUntil = SystemTime(std::chrono::seconds(*seconds));
    return id;
}

std::string OfferId::toString() const {
    std::string text;
    for (const auto& [isp, service] : hops) {
        text += (text.empty() ? "" : ".") + std::to_string(isp.value()) + "-" + std::to_string(service.value());
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(validUntil.time_since_epoch());
    text += "_" + std::to_string(price.eighths());
    if (charges != Charges{}) {
        text += "+" + std::to_string(charges.first.eighths()) + "+" + std::to_string(charges.minute.eighths());
    }
    return text + "_" + std::to_string(seconds.count());
}

std::optional<OfferId> OfferId::of(const Quote& quote) {
    const auto dearest = dearestPacket(quote.path, fullPacketBytes);
    const auto charges = dearestCharges(quote.path);
    if (!dearest || !charges || quote.path.empty() || quote.path.size() > maxHops) return std::nullopt;
    OfferId id;
    for (const QuotedHop& hop : quote.path) id.hops.emplace_back(hop.isp, hop.service);
    id.price = dearest->total;
    id.charges = *charges;
    id.validUntil = std::chrono::floor<std::chrono::seconds>(quote.validUntil);
    return id;
}

QuoteRequest OfferId::request(const IpAddress& destination) const {
    QuoteRequest request;
    request.destination = destination;
    // Where the way is gone while it is paid for: what was chosen for its quality is not replaced by the cheapest there is.
    request.everywhere.rule = ClassChoice::Rule::Best;
    for (const auto& [isp, service] : hops) request.perIsp[isp] = {ClassChoice::Rule::Numbered, {}, service};
    return request;
}

bool OfferId::isMetBy(const Quote& quote) const {
    const bool same = std::equal(hops.begin(), hops.end(), quote.path.begin(), quote.path.end(),
                                 [](const auto& wanted, const QuotedHop& hop) {
                                     return wanted.first == hop.isp && wanted.second == hop.service;
                                 });
    const auto dearest = dearestPacket(quote.path, fullPacketBytes);
    const auto now = dearestCharges(quote.path);
    return same && dearest && now && dearest->total <= price && now->first <= charges.first &&
           now->minute <= charges.minute;
}

}  // namespace netpas::cartographer
