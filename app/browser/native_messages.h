// What a browser's extension says to netpas-browser-host, as browsers pass it on (native messaging): JSON behind its length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "core/net_address.h"

namespace netpas::browser {

constexpr size_t longestMessage = size_t{64} << 10;
constexpr size_t lengthBytes = 4;

// What a better way for a film would cost.
struct QuoteWish {
    std::string host;  // of the film's URL
    uint16_t port = 0;
    std::optional<IpAddress> address;  // where the browser says that it has it from
    std::string purpose;
    std::string domain;  // the site that shows it
    uint64_t bitsPerSecond = 0;
    friend bool operator==(const QuoteWish&, const QuoteWish&) = default;
};
// What was quoted last.
struct BuyWish {
    std::string offer;
    uint32_t minutes = 0;
    friend bool operator==(const BuyWish&, const BuyWish&) = default;
};
// How it goes.
struct FollowWish {
    friend bool operator==(const FollowWish&, const FollowWish&) = default;
};

struct Request {
    uint64_t id = 0;  // its answer has the same
    std::variant<QuoteWish, BuyWish, FollowWish> wish;
    friend bool operator==(const Request&, const Request&) = default;
};

// For programs, and for people.
struct Failure {
    std::string code;
    std::string message;
};

// Nothing: no message is empty or so long. In the machine's own byte order.
[[nodiscard]] std::optional<size_t> lengthFrom(std::span<const uint8_t, lengthBytes> bytes);
[[nodiscard]] tl::expected<Request, Failure> requestFrom(std::string_view text);

// Waits for a whole message. Nothing: the browser has gone, or says what is no message; there is no way to go on then.
[[nodiscard]] std::optional<std::string> readMessage(int file);
// False: the browser has gone.
[[nodiscard]] bool writeMessage(int file, const nlohmann::json& message);

}  // namespace netpas::browser
