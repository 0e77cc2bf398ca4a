#include "cartographer/quote.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "core/wire/reservation.h"

namespace netpas::cartographer {

ClassChoice ClassChoice::parse(std::string_view text) {
    if (text.empty() || text == "cheapest") return {};
    if (text == "best") return {.rule = Rule::Best, .name = {}, .number = ServiceClass{0}};
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number < 64) {
        return {.rule = Rule::Numbered, .name = {}, .number = ServiceClass{static_cast<uint8_t>(number)}};
    }
    return {.rule = Rule::Named, .name = std::string(text), .number = ServiceClass{0}};
}

tl::expected<PacketPrice, MoneyError> priceOfPacket(std::span<const QuotedHop> path, uint32_t innerBytes,
                                                    uint16_t minute) {
    PacketPrice price{std::vector<PriceCode>(path.size(), PriceCode::fromCode(0)), Money::zero()};
    for (size_t i = path.size(); i-- > 0;) {
        const auto code = PriceCode::roundUp(path[i].prices.modelAt(minute).cost(innerBytes, price.total));
        if (!code) return tl::unexpected(code.error());
        const auto sum = checkedAdd(price.total, code->value());
        if (!sum) return tl::unexpected(sum.error());
        price.hops[i] = *code;
        price.total = *sum;
    }
    return price;
}

namespace {

// Prices are constant between the boundaries of the periods; minute 0 stands for the base price where no period begins or ends.
std::vector<uint16_t> boundaries(std::span<const QuotedHop> path) {
    std::vector<uint16_t> minutes{0};
    for (const QuotedHop& hop : path) {
        for (const auto& period : hop.prices.periods) {
            minutes.push_back(period.fromMinute);
            minutes.push_back(static_cast<uint16_t>(period.toMinute % 1440));
        }
    }
    return minutes;
}

// One packet without payload that pays `charge` of each guarantee beside its own price.
template <typename Charge>
tl::expected<Money, MoneyError> chargePacket(std::span<const QuotedHop> path, uint16_t minute, Charge charge) {
    constexpr uint32_t bytes = chargePacketBytes + reservationQuestionSize;  // an IP header, and the question behind it
    Money total;
    for (size_t i = path.size(); i-- > 0;) {
        Money price = path[i].prices.modelAt(minute).cost(bytes, total);
        if (path[i].guarantee) {
            const auto more = checkedAdd(price, charge(*path[i].guarantee));
            if (!more) return tl::unexpected(more.error());
            price = *more;
        }
        const auto code = PriceCode::roundUp(price);
        if (!code) return tl::unexpected(code.error());
        const auto sum = checkedAdd(total, code->value());
        if (!sum) return tl::unexpected(sum.error());
        total = *sum;
    }
    return total;
}

}  // namespace

tl::expected<Charges, MoneyError> chargesOf(std::span<const QuotedHop> path, uint16_t minute) {
    Charges charges;
    bool any = false;
    for (const QuotedHop& hop : path) any = any || hop.guarantee.has_value();
    if (!any) return charges;
    const auto first = chargePacket(
        path, minute, [](const Guarantee& one) { return checkedAdd(one.setUp, one.perMinute).value_or(Money::max()); });
    const auto each = chargePacket(path, minute, [](const Guarantee& one) { return one.perMinute; });
    if (!first || !each) return tl::unexpected(first ? each.error() : first.error());
    return Charges{*first, *each};
}

tl::expected<Charges, MoneyError> dearestCharges(std::span<const QuotedHop> path) {
    Charges dearest;
    for (const uint16_t minute : boundaries(path)) {
        const auto charges = chargesOf(path, minute);
        if (!charges) return charges;
        dearest.first = std::max(dearest.first, charges->first);
        dearest.minute = std::max(dearest.minute, charges->minute);
    }
    return dearest;
}

tl::expected<PacketPrice, MoneyError> dearestPacket(std::span<const QuotedHop> path, uint32_t innerBytes) {
    const std::vector<uint16_t> minutes = boundaries(path);
    tl::expected<PacketPrice, MoneyError> dearest = priceOfPacket(path, innerBytes, minutes.front());
    for (const uint16_t minute : minutes) {
        auto price = priceOfPacket(path, innerBytes, minute);
        if (!price) return price;
        if (price->total > dearest->total) dearest = std::move(price);
    }
    return dearest;
}

tl::expected<Money, MoneyError> worstPerMegabyte(std::span<const QuotedHop> path, uint32_t innerBytes) {
    constexpr int64_t megabyte = 1'000'000;
    const auto packet = dearestPacket(path, innerBytes);
    if (!packet) return tl::unexpected(packet.error());
    return checkedMul(packet->total, (megabyte + innerBytes - 1) / innerBytes);
}

}  // namespace netpas::cartographer
