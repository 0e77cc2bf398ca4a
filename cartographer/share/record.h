// What one member of a community says it has measured of a stretch between two ISPs (NetPaS §5.3): signed, bounded, and for a while only. It names no
// destination and no network of the member's. Pure; any thread. Bytes: README.md here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/ids.h"

namespace netpas::share {

// From the one ISP's reflector to the other's.
struct Segment {
    IspId from, to;
    bool v6 = false;
    friend auto operator<=>(const Segment&, const Segment&) = default;
};

// Both directions together for the round trip; "there" is from `from` to `to`.
enum class Metric : uint8_t { RoundTrip = 1, LossThere = 2, LossBack = 3 };
[[nodiscard]] std::string_view name(Metric metric);

// What of a segment; class 0 is best effort.
struct Aspect {
    ServiceClass fromClass, toClass;
    Metric metric = Metric::RoundTrip;
    friend auto operator<=>(const Aspect&, const Aspect&) = default;
};

// Round trips in nanoseconds up to a minute, losses in billionths up to one. low ≤ value ≤ high.
struct Figure {
    Aspect aspect;
    uint64_t value = 0;
    uint64_t low = 0;  // the truth lies between these in 95 of 100 cases
    uint64_t high = 0;
    uint32_t samples = 0;     // at least 1
    uint16_t ageSeconds = 0;  // of the newest sample when it was signed
    friend bool operator==(const Figure&, const Figure&) = default;
};
inline constexpr uint64_t maxRoundTrip = 60'000'000'000;
inline constexpr uint64_t wholeLoss = 1'000'000'000;

struct Record {
    PublicKey signer;
    SystemTime issued;  // whole milliseconds
    uint16_t lifetimeSeconds = 0;
    Segment segment;
    std::vector<Figure> figures;  // 1 to maxFigures, ascending by aspect
    friend bool operator==(const Record&, const Record&) = default;
};
inline constexpr size_t maxFigures = 16;
inline constexpr std::chrono::seconds maxLifetime{900};
inline constexpr size_t maxRecordBytes = 49 + maxFigures * 33 + 64;

struct SignedRecord {
    Record record;
    Signature signature;
    friend bool operator==(const SignedRecord&, const SignedRecord&) = default;
};

// The community that a record is for: what is said in one is worth nothing in another.
using CommunityId = std::array<uint8_t, 32>;

enum class RecordError {
    Truncated,
    Trailing,  // bytes behind the end
    Version,
    OutOfRange,  // some field has a value that none can have
    Order,       // figures are not ascending, or twice
};
[[nodiscard]] std::string_view describe(RecordError error);

// What may be encoded.
[[nodiscard]] tl::expected<void, RecordError> check(const Record& record);
// `record` passes check() and its signer is `identity`.
[[nodiscard]] SignedRecord sign(const Record& record, const CommunityId& community, const Identity& identity);
[[nodiscard]] bool verify(const SignedRecord& record, const CommunityId& community);

[[nodiscard]] Bytes encode(const SignedRecord& record);
// Canonical: encodes to the same bytes again.
[[nodiscard]] tl::expected<SignedRecord, RecordError> decode(ByteView bytes);

}  // namespace netpas::share
