// Messages about confirmations of nanopayments that several of them share (NetPaS §5.2, DESIGN §8; PROTOCOL.md). Plain values;
// encoding is canonical.
#pragma once

#include <cstdint>
#include <vector>

#include "core/accounting/confirmation.h"
#include "core/bytes.h"
#include "core/crypto/merkle.h"

namespace netpas::accounting {

inline constexpr size_t maxBatchEntries = 1024;
inline constexpr size_t maxBatchRoots = 64;
inline constexpr size_t maxBatchIsps = 4096;
inline constexpr uint8_t maxBatchDistance = 16;

enum class AckResult : uint8_t;

// --- from whoever was connected to: which ISPs take batches, if confirmations go to them by way of the sender
struct BatchIsp {
    IspId isp;
    uint8_t distance = 0;  // ISPs between; 0 is the sender itself
    friend bool operator==(const BatchIsp&, const BatchIsp&) = default;
};
struct BatchAbility {
    std::vector<BatchIsp> isps;
};

// --- neighbour -> neighbour
// One signature for `count` leaves, some of which are in this message: `beside` has the hashes that lead from those to the
// root (merkle::PartialTree).
struct BatchRoot {
    IspId signer;
    uint16_t count = 0;
    Signature signature;
    std::vector<merkle::Hash> beside;
    friend bool operator==(const BatchRoot&, const BatchRoot&) = default;
};
struct BatchEntry {
    Confirmation confirmation;  // its signatures are those of the roots
    uint8_t confirmingRoot = 0;
    uint16_t confirmingLeaf = 0;
    uint8_t beneficiaryRoot = 0;  // these two not when the beneficiary has yet to sign
    uint16_t beneficiaryLeaf = 0;
    friend bool operator==(const BatchEntry&, const BatchEntry&) = default;
};
struct ConfirmationBatch {
    uint64_t sequence = 0;     // chosen by the sender, for the acknowledgement
    bool countersign = false;  // the receiver is the beneficiary of all of them and has not signed
    std::vector<BatchRoot> roots;
    std::vector<BatchEntry> entries;
};
// What is not listed was accepted.
struct BatchAckEntry {
    uint16_t index = 0;
    AckResult result{};
    friend bool operator==(const BatchAckEntry&, const BatchAckEntry&) = default;
};
struct BatchAck {
    uint64_t sequence = 0;
    std::vector<BatchAckEntry> entries;  // in ascending order
};

void write(Writer& w, const BatchAbility& m);
void write(Writer& w, const ConfirmationBatch& m);
void write(Writer& w, const BatchAck& m);
[[nodiscard]] BatchAbility readBatchAbility(Reader& r);
[[nodiscard]] ConfirmationBatch readConfirmationBatch(Reader& r);
[[nodiscard]] BatchAck readBatchAck(Reader& r);

// Without type and sequence: as it stands in the books.
void writeBatchBody(Writer& w, const ConfirmationBatch& m);
[[nodiscard]] ConfirmationBatch readBatchBody(Reader& r);
// The message whose body that is.
[[nodiscard]] Bytes batchMessage(uint64_t sequence, ByteView body);

}  // namespace netpas::accounting
