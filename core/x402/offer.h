// What a web server asks for with status 402 (x402 versions 1 and 2), as far as NetPaS can pay it: the binding of the scheme
// "batch-settlement", backed by the ISPs' credit, to networks "netpas:ISP". README.md has the fields. Plain values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/ids.h"
#include "core/money.h"

namespace netpas::x402 {

inline constexpr std::string_view scheme = "batch-settlement";
inline constexpr std::string_view networkFamily = "netpas:";
inline constexpr std::string_view asset = "USD";
inline constexpr std::string_view requiredHeader = "PAYMENT-REQUIRED";  // version 2; version 1 has it in the body
inline constexpr size_t maxHeader = 16 * 1024;                          // bytes of one header's value
inline constexpr size_t maxBody = 64 * 1024;
inline constexpr size_t maxUrl = 900;  // what is paid for stands in a payment's description
inline constexpr size_t maxAccepts = 32;
inline constexpr std::chrono::hours longestTimeout{24};

enum class Version : uint8_t { One = 1, Two = 2 };

// One way to pay.
struct Terms {
    IspId isp;  // of the payee
    NodeId payee;
    Money amount;                       // whole nanodollars, more than nothing
    std::chrono::seconds timeout{300};  // to be paid within, from the answer on; more than nothing
    std::string purpose;                // as the seller claims it: "comic"; may be empty
    std::string certificate;            // URL of the payee's certificate (PEM); may be empty
    // The whole entry as JSON, members that we do not know included: a proof repeats it. Empty: made here.
    std::string asOffered;
    friend bool operator==(const Terms&, const Terms&) = default;
};

struct Offer {
    Version version = Version::Two;
    std::string url;  // what is sold
    std::string description;
    std::vector<Terms> terms;         // in the seller's order
    std::vector<std::string> others;  // "exact on eip155:8453": what cannot be paid from here
};

enum class OfferError {
    TooLarge,
    NotBase64,
    NotJson,
    TooDeep,
    OtherVersion,
    Malformed,     // see the detail
    OtherNetwork,  // nothing in it can be paid through NetPaS
};
[[nodiscard]] std::string_view describe(OfferError error);
[[nodiscard]] std::string_view remedy(OfferError error);

struct OfferProblem {
    OfferError error{};
    std::string detail;  // which member; plain text, may be empty
};

// Of the header of version 2: base64 of JSON.
[[nodiscard]] tl::expected<Offer, OfferProblem> decodeOffer(std::string_view header);
// Of the body of version 1; also version 2's JSON without its base64.
[[nodiscard]] tl::expected<Offer, OfferProblem> decodeOfferJson(std::string_view json);

[[nodiscard]] std::string networkOf(IspId isp);
[[nodiscard]] std::optional<IspId> ispOf(std::string_view network);
// As a seller: the header's value of version 2, the body of version 1.
[[nodiscard]] std::string encodeOffer(const Offer& offer, std::string_view error = {});
[[nodiscard]] std::string encodeOfferJson(const Offer& offer, std::string_view error = {});

}  // namespace netpas::x402
