// What two neighbours agree to (agreements note; AGREEMENTS.md here). Plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/crypto/identity.h"
#include "core/crypto/shared_secret.h"
#include "core/money.h"
#include "core/payments/micropayment.h"

namespace netpas::agreement {

// Drawn at random by the buyer.
using AgreementId = std::array<uint8_t, 16>;
[[nodiscard]] AgreementId newAgreementId();

// Numbers are on the wire.
enum class Direction : uint8_t {
    Upstream = 1,    // the buyer pays for what it sends to the seller
    Downstream = 2,  // … for what the seller sends to it
};
[[nodiscard]] std::string_view name(Direction direction);

inline constexpr int64_t bytesPerKb = 1000;
inline constexpr Money maxPricePerKb = Money::fromEighths(8'000'000);  // a thousand dollars a gigabyte is a mistake
inline constexpr std::chrono::seconds minLifetime{10}, maxLifetime{86'400};
inline constexpr std::chrono::seconds maxInterval{3600};
inline constexpr uint16_t maxAllowance1024ths = 512;

struct Terms {
    AgreementId id{};
    PublicKey buyer, seller;
    Direction direction = Direction::Upstream;
    Money perKb;
    Money limit;                       // of all charges
    Money payAt;                       // the buyer pays when so much is due
    Money closeAt;                     // the seller stops above that
    std::chrono::seconds lifetime{0};  // from when it is known, by each end's own clock
    std::chrono::seconds interval{0};  // of counts
    uint16_t allowance1024ths = 0;     // of what was sent may be lost on the link
    friend bool operator==(const Terms&, const Terms&) = default;

    // Who sends the packets, and who receives and so counts them.
    [[nodiscard]] const PublicKey& sender() const { return direction == Direction::Upstream ? buyer : seller; }
    [[nodiscard]] const PublicKey& receiver() const { return direction == Direction::Upstream ? seller : buyer; }
};

enum class TermsError {
    SameParty,
    Price,       // negative, or absurd
    Thresholds,  // 0 < payAt < closeAt ≤ limit does not hold
    Times,
    Allowance,
};
[[nodiscard]] std::string_view describe(TermsError error);
[[nodiscard]] tl::expected<void, TermsError> check(const Terms& terms);

using TermsHash = std::array<uint8_t, 32>;
[[nodiscard]] TermsHash hashOf(const Terms& terms);

// For so many bytes in all; rounded down, at most `limit`. `perKb` passes check().
[[nodiscard]] Money chargeFor(uint64_t bytes, Money perKb, Money limit);

// Of the number'th payment under an agreement: both ends know it beforehand, and nobody else on the link does.
[[nodiscard]] payments::PaymentId paymentId(const SharedSecret& ofBoth, const AgreementId& agreement, uint32_t number);

inline constexpr size_t termsSize = 16 + 32 + 32 + 1 + 4 * 8 + 4 + 2 + 2;
void encode(Writer& writer, const Terms& terms);
// Fails the reader when check() fails.
[[nodiscard]] Terms decodeTerms(Reader& reader);

}  // namespace netpas::agreement
