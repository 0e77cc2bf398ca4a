// What two neighbours say to each other of an agreement (AGREEMENTS.md here). Plain values; each is signed, and each repeats or replaces: a lost one
// and one that comes twice change nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "core/agreement/advert.h"
#include "core/agreement/terms.h"

namespace netpas::agreement {

// Numbers are on the wire.
enum class RefuseReason : uint8_t {
    NotSold = 1,   // this direction is not for sale
    Price = 2,     // below what is asked now
    Terms = 3,     // some other term is not what the seller takes
    FlowSold = 4,  // the other direction's agreement pays for these packets already
    TooMany = 5,
    Owing = 6,    // pay what is due first
    Unknown = 7,  // no such agreement (any more)
};
[[nodiscard]] std::string_view describe(RefuseReason reason);

enum class EndReason : uint8_t {
    Wish = 1,
    Expired = 2,
    Limit = 3,         // its charges have reached the limit
    Disagreement = 4,  // over counts
    Replaced = 5,      // by a newer one
    Withdrawn = 6,     // the offer was not answered in time
    Undelivered = 7,   // the quality is not what was claimed
    Lost = 8,          // nothing was heard of the other end; nobody says this one
};
[[nodiscard]] std::string_view describe(EndReason reason);

struct Offer {
    Terms terms;
    friend bool operator==(const Offer&, const Offer&) = default;
};
struct Accept {
    AgreementId id{};
    TermsHash terms{};
    friend bool operator==(const Accept&, const Accept&) = default;
};
struct Refuse {
    AgreementId id{};
    RefuseReason reason{};
    friend bool operator==(const Refuse&, const Refuse&) = default;
};
// Of everything that has arrived under the agreement.
struct Count {
    AgreementId id{};
    uint32_t number = 0;  // grows
    uint64_t packets = 0;
    uint64_t bytes = 0;
    bool final = false;
    friend bool operator==(const Count&, const Count&) = default;
};
struct Paying {
    AgreementId id{};
    uint32_t number = 0;
    Money amount;
    friend bool operator==(const Paying&, const Paying&) = default;
};
struct End {
    AgreementId id{};
    EndReason reason{};
    friend bool operator==(const End&, const End&) = default;
};
struct Ended {
    AgreementId id{};
    uint32_t number = 0;
    friend bool operator==(const Ended&, const Ended&) = default;
};

using Message = std::variant<Offer, Accept, Refuse, Count, Paying, End, Ended>;
[[nodiscard]] const AgreementId& idOf(const Message& message);

[[nodiscard]] Bytes sign(const Message& message, const Identity& identity);
// Everything but the signature.
[[nodiscard]] tl::expected<Message, DatagramError> decodeMessage(ByteView datagram);
// `datagram` has decoded to this message.
[[nodiscard]] bool verifyMessage(ByteView datagram, const Message& message, const PublicKey& key);
// Of a datagram that neither decodes nor is signed yet: a cheap look at what it wants to be.
[[nodiscard]] bool looksLikeAdvert(ByteView datagram);

}  // namespace netpas::agreement
