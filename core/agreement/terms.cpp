#include "core/agreement/terms.h"

#include <algorithm>

#include "core/accounting/wire_parts.h"
#include "core/random.h"

namespace netpas::agreement {

namespace {

constexpr std::string_view paymentPurpose = "NetPaS neighbour payment 1";

}  // namespace

AgreementId newAgreementId() {
    AgreementId id{};
    for (size_t half = 0; half < id.size(); half += 8) store64(id.data() + half, systemRandom().below(UINT64_MAX));
    return id;
}

std::string_view name(Direction direction) {
    switch (direction) {
    case Direction::Upstream: return "upstream";
    case Direction::Downstream: return "downstream";
    }
    return {};
}

std::string_view describe(TermsError error) {
    switch (error) {
    case TermsError::SameParty: return "buyer and seller are the same";
    case TermsError::Price: return "the price is below zero or above $0.001 per kB";
    case TermsError::Thresholds: return "pay threshold, close threshold and limit must be above zero and ascend";
    case TermsError::Times: return "the lifetime must be 10 seconds to a day, the interval 1 second to an hour";
    case TermsError::Allowance: return "the allowance for losses is above a half";
    }
    return {};
}

tl::expected<void, TermsError> check(const Terms& terms) {
    using namespace std::chrono_literals;
    if (terms.buyer == terms.seller) return tl::unexpected(TermsError::SameParty);
    if (terms.perKb.isNegative() || terms.perKb > maxPricePerKb) return tl::unexpected(TermsError::Price);
    if (terms.payAt <= Money::zero() || terms.closeAt <= terms.payAt || terms.limit < terms.closeAt)
        return tl::unexpected(TermsError::Thresholds);
    if (terms.lifetime < minLifetime || terms.lifetime > maxLifetime || terms.interval < 1s ||
        terms.interval > maxInterval)
        return tl::unexpected(TermsError::Times);
    if (terms.allowance1024ths > maxAllowance1024ths) return tl::unexpected(TermsError::Allowance);
    return {};
}

TermsHash hashOf(const Terms& terms) {
    Writer writer;
    encode(writer, terms);
    return blake2b256(writer.data());
}

Money chargeFor(uint64_t bytes, Money perKb, Money limit) {
    if (perKb <= Money::zero()) return {};
    const auto price = static_cast<uint64_t>(perKb.eighths());
    // Whole kB first, so that the product is only made where it fits.
    const uint64_t whole = bytes / bytesPerKb, rest = bytes % bytesPerKb;
    uint64_t charge = 0;
    if (__builtin_mul_overflow(whole, price, &charge) ||
        __builtin_add_overflow(charge, rest * price / bytesPerKb, &charge) ||
        charge > static_cast<uint64_t>(limit.eighths()))
        return limit;
    return Money::fromEighths(static_cast<int64_t>(charge));
}

payments::PaymentId paymentId(const SharedSecret& ofBoth, const AgreementId& agreement, uint32_t number) {
    Writer writer;
    accounting::writePurpose(writer, paymentPurpose);
    writer.bytes(ofBoth);
    writer.bytes(agreement);
    writer.u32(number);
    const auto hash = blake2b256(writer.data());
    payments::PaymentId id{};
    std::copy_n(hash.begin(), id.size(), id.begin());
    return id;
}

void encode(Writer& writer, const Terms& terms) {
    writer.bytes(terms.id);
    writer.bytes(terms.buyer.bytes);
    writer.bytes(terms.seller.bytes);
    writer.u8(static_cast<uint8_t>(terms.direction));
    for (const Money money : {terms.perKb, terms.limit, terms.payAt, terms.closeAt})
        accounting::writeMoney(writer, money);
    writer.u32(static_cast<uint32_t>(terms.lifetime.count()));
    writer.u16(static_cast<uint16_t>(terms.interval.count()));
    writer.u16(terms.allowance1024ths);
}

Terms decodeTerms(Reader& reader) {
    Terms terms;
    reader.array(terms.id);
    reader.array(terms.buyer.bytes);
    reader.array(terms.seller.bytes);
    const uint8_t direction = reader.u8();
    if (direction != static_cast<uint8_t>(Direction::Upstream) &&
        direction != static_cast<uint8_t>(Direction::Downstream))
        reader.fail();
    terms.direction = static_cast<Direction>(direction);
    for (Money* money : {&terms.perKb, &terms.limit, &terms.payAt, &terms.closeAt})
        *money = accounting::readMoney(reader);
    terms.lifetime = std::chrono::seconds(reader.u32());
    terms.interval = std::chrono::seconds(reader.u16());
    terms.allowance1024ths = reader.u16();
    if (!reader.ok() || !check(terms)) {
        reader.fail();
        return {};
    }
    return terms;
}

}  // namespace netpas::agreement
