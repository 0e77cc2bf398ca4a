// What neighbours say to each other of a flow that passes both (VERIFICATION.md here). What matters in them is signed; they are not. Plain values.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "cartographer/verify/statement.h"
#include "core/net_address.h"

namespace netpas::verification {

inline constexpr uint8_t firstKind = 9, lastKind = 11;
inline constexpr size_t maxMessage = 1232;  // a datagram that every link takes
inline constexpr uint8_t maxDepth = 16;

// The packets of one source to one destination.
struct Route {
    IpAddress source, destination;
    friend auto operator<=>(const Route&, const Route&) = default;
};
[[nodiscard]] FlowId flowOf(const Route& route);

// Backwards along the flow: the destination's statement, and what the sender claims of its way there.
struct Told {
    Route route;
    Bytes statement;
    Bytes claim;  // empty: the sender is who signed the statement
    friend bool operator==(const Told&, const Told&) = default;
};
// Forwards: what has passed you in these windows, and what were you told?
struct Question {
    Route route;
    uint32_t first = 0, last = 0;  // at most maxSpan apart
    friend bool operator==(const Question&, const Question&) = default;
};
// Backwards, one for each window and node.
struct Answer {
    Route route;
    uint8_t depth = 0;   // how many nodes lie between who answers and who reads this
    bool holds = false;  // its way is as it was told, or ends at the destination: it asks nobody
    Bytes view;
    Bytes claim;  // that it was told; empty as above
    friend bool operator==(const Answer&, const Answer&) = default;
};
inline constexpr uint32_t maxSpan = 3600;   // windows are numbered by seconds, as far as they are longer
inline constexpr uint32_t maxWindows = 24;  // that are remembered, and answered

using FlowMessage = std::variant<Told, Question, Answer>;
[[nodiscard]] Bytes encode(const FlowMessage& message);
[[nodiscard]] tl::expected<FlowMessage, StatementError> decodeFlowMessage(ByteView bytes);

}  // namespace netpas::verification
