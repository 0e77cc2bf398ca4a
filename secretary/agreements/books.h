// What this node and a neighbour owe each other, and what is remembered of each agreement (core/agreement/AGREEMENTS.md). Plain data, and its form in the
// database; exact.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/agreement/messages.h"
#include "core/agreement/terms.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/money.h"

namespace netpas::secretary::agreements {

using agreement::AgreementId;
using agreement::Direction;
using agreement::EndReason;
using agreement::Terms;

// Of one side of a pair, over all agreements. Each only grows.
struct Account {
    Money charged;  // for service, by counts that this node has accepted or made
    Money paid;     // and known to have arrived
    friend bool operator==(const Account&, const Account&) = default;
};
// What the one owes the other now; an over-payment is a credit against later charges and never owed back. Negative: the other one owes.
[[nodiscard]] Money due(const Account& mine, const Account& theirs);

// Packets in one direction over the link, while an agreement covers it.
struct FlowBook {
    uint64_t sent = 0;    // by this node's meter; the flow that goes out
    uint64_t agreed = 0;  // by the neighbour's counts
    friend bool operator==(const FlowBook&, const FlowBook&) = default;
};

// What the packet filter's counters stood at when they were last looked at.
struct MeterMark {
    uint64_t run = 0;  // of the counters; 0: never
    uint64_t sent = 0, arrived = 0, taken = 0;
    uint64_t arrivedPackets = 0, takenPackets = 0;
    uint64_t place = 0;  // where the neighbour was
    friend bool operator==(const MeterMark&, const MeterMark&) = default;
};

// A payment of this node whose end is not known yet.
struct Settlement {
    AgreementId agreement{};
    uint32_t number = 0;
    Money amount;
    friend bool operator==(const Settlement&, const Settlement&) = default;
};

struct Pair {
    PublicKey peer;
    Account mine, theirs;
    FlowBook out;
    MeterMark mark;
    uint64_t unseen = 0;  // bytes that may have been sent while nobody counted, beside `out`
    std::optional<Settlement> paying;
    friend bool operator==(const Pair&, const Pair&) = default;
};

// Numbers are stored: never reuse one.
enum class State : uint8_t {
    Offered = 1,  // by this node, the buyer; not answered yet
    Active = 2,
    Ending = 3,  // nothing more is forwarded under it; the final count is not at both ends yet
    Ended = 4,
};
[[nodiscard]] std::string_view name(State state);

struct Agreement {
    Terms terms;
    bool buying = false;
    State state = State::Offered;
    SystemTime since;  // by this node's clock: offered or accepted
    std::optional<EndReason> why;
    std::optional<agreement::RefuseReason> refused;  // as the buyer: the seller's answer to the offer
    // Of the last count: receiving end, that it has signed; sending end, that it has accepted.
    uint64_t bytes = 0;
    uint64_t packets = 0;
    // Receiving end: what has arrived until now.
    uint64_t arrivedBytes = 0;
    uint64_t arrivedPackets = 0;
    uint32_t number = 0;  // of the last count
    bool final = false;
    // Sending end: the counters began anew while it ran, and its next counts are believed.
    bool gap = false;
    uint32_t payments = 0;  // numbers that were used; as the seller: up to which they have come
    friend bool operator==(const Agreement&, const Agreement&) = default;

    [[nodiscard]] const PublicKey& peer() const { return buying ? terms.seller : terms.buyer; }
    // This node sends the packets, and the neighbour counts them.
    [[nodiscard]] bool sends() const { return buying == (terms.direction == Direction::Upstream); }
    [[nodiscard]] Money charge() const { return agreement::chargeFor(bytes, terms.perKb, terms.limit); }
    [[nodiscard]] bool running() const { return state == State::Offered || state == State::Active; }
};

[[nodiscard]] Bytes encode(const Pair& pair);
[[nodiscard]] Bytes encode(const Agreement& agreement);
// Nothing: damaged.
[[nodiscard]] std::optional<Pair> decodePair(ByteView bytes);
[[nodiscard]] std::optional<Agreement> decodeAgreement(ByteView bytes);

}  // namespace netpas::secretary::agreements
