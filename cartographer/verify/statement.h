// What nodes sign of routes: claims of what a way is worth, and statements of what was received (verification note; VERIFICATION.md here). Plain values, any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/crypto/identity.h"

namespace netpas::verification {

// Names the packets of one source to one destination.
using FlowId = std::array<uint8_t, 16>;

struct PacketTime {
    uint64_t hash = 0;
    uint64_t nanoseconds = 0;  // since 1970, by the signer's clock
    friend auto operator<=>(const PacketTime&, const PacketTime&) = default;
};
inline constexpr size_t maxTimes = 32;

// Of the destination: what it has received. Of a hop: what passed through it.
struct Statement {
    PublicKey signer;
    FlowId flow{};
    uint32_t window = 0;  // grows
    // Since the flow began.
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t activeNanoseconds = 0;
    std::array<uint8_t, 16> choice{};  // of the packets below; revealed by the destination
    std::vector<PacketTime> times;     // ascending by hash, each once
    friend bool operator==(const Statement&, const Statement&) = default;
};

// Of the way from its signer to a destination.
struct Claim {
    PublicKey signer;
    PublicKey destination;
    uint32_t number = 0;   // grows
    uint32_t arrives = 0;  // billionths of the packets
    uint64_t bitsPerSecond = 0;
    uint64_t latencyNanoseconds = 0;
    friend bool operator==(const Claim&, const Claim&) = default;
};
inline constexpr uint32_t allArrive = 1'000'000'000;

enum class StatementError { Truncated, Trailing, Version, Kind, OutOfRange, Signature };
[[nodiscard]] std::string_view describe(StatementError error);

[[nodiscard]] bool isValid(const Statement& statement);
[[nodiscard]] bool isValid(const Claim& claim);
// The value is valid and its signer is the identity.
[[nodiscard]] Bytes sign(const Statement& statement, const Identity& identity);
[[nodiscard]] Bytes sign(const Claim& claim, const Identity& identity);
// With a good signature of the signer that it names. Whether that is the one who should sign is the caller's question.
[[nodiscard]] tl::expected<Statement, StatementError> openStatement(ByteView bytes);
[[nodiscard]] tl::expected<Claim, StatementError> openClaim(ByteView bytes);

// Of a statement that follows another one of the same signer and flow: the same or more of everything.
[[nodiscard]] bool follows(const Statement& later, const Statement& earlier);

}  // namespace netpas::verification
