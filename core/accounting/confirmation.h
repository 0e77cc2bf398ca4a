// Confirmation of a nanopayment (NetPaS §2, §5.2, Figure 8): the ISP that sampled a packet confirms, with its signature,
// that the ISP before it delivered the service; that ISP, the beneficiary, signs as well.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/crypto/merkle.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"
#include "core/wire/accounting_header.h"

namespace netpas::accounting {

// Drawn at random by the edge router with the sample; names the confirmation for good.
using ConfirmationId = std::array<uint8_t, 16>;
// The first bytes of the inner packet, zero-padded when it is shorter.
using PacketExcerpt = std::array<uint8_t, 40>;

struct ConfirmationIdHash {
    size_t operator()(const ConfirmationId& id) const noexcept {
        return static_cast<size_t>(load64(id.data()) ^ load64(id.data() + 8));
    }
};

struct Confirmation {
    ConfirmationId id{};
    SystemTime time;   // when it was made; it expires a fixed time later
    IspId confirming;  // the ISP after the beneficiary, or the beneficiary itself where the path ends
    IspId beneficiary;
    Money amount;  // T, > 0
    AccountingHeader header;
    PacketExcerpt excerpt{};
    Signature confirmingSignature;
    Signature beneficiarySignature;  // zero until the beneficiary has signed
    // With a path, the signature is that of the batch to whose root the path leads (confirmation_batch.h).
    std::optional<merkle::Proof> confirmingPath;
    std::optional<merkle::Proof> beneficiaryPath;

    friend bool operator==(const Confirmation&, const Confirmation&) = default;
};

// Where a confirmation stands on its path; nothing when the header does not have both ISPs as it must.
struct ConfirmationPath {
    size_t confirming = 0;  // hop indices
    size_t beneficiary = 0;
    bool selfConfirmed = false;
};
[[nodiscard]] std::optional<ConfirmationPath> pathOf(const Confirmation& confirmation);
// The hop index of an ISP in a header.
[[nodiscard]] std::optional<size_t> hopOf(const AccountingHeader& header, IspId isp);

// What both sign, each under a purpose of its own so that neither signature can stand for the other. The beneficiary signs
// the confirming ISP's signature too.
[[nodiscard]] Bytes confirmingMessage(const Confirmation& confirmation);
[[nodiscard]] Bytes beneficiaryMessage(const Confirmation& confirmation);
void signAsConfirming(Confirmation& confirmation, const Identity& identity);
void signAsBeneficiary(Confirmation& confirmation, const Identity& identity);
// A customer to whom the last ISP has delegated the confirming of its service (NetPaS §5.4) signs in place of the confirming
// ISP, under a purpose of its own.
[[nodiscard]] Bytes delegateMessage(const Confirmation& confirmation);
// Where the packet was going; nothing when its first bytes do not say.
[[nodiscard]] std::optional<IpAddress> destinationOf(const PacketExcerpt& excerpt);
[[nodiscard]] bool verifyConfirming(const Confirmation& confirmation, const PublicKey& key);
[[nodiscard]] bool verifyBeneficiary(const Confirmation& confirmation, const PublicKey& key);

// The confirming ISP, the beneficiary and what they say, without signatures.
void encodeFacts(Writer& writer, const Confirmation& confirmation);
void decodeFacts(Reader& reader, Confirmation& confirmation);
// Without paths.
void encode(Writer& writer, const Confirmation& confirmation);
// Fails the reader when the encoding is not the one that encode() writes.
[[nodiscard]] Confirmation decodeConfirmation(Reader& reader);
// With the paths if there are any: everything that proves it, for evidence.
void encodeProven(Writer& writer, const Confirmation& confirmation);
[[nodiscard]] Confirmation decodeProven(Reader& reader);
// What the root of a batch is signed as.
[[nodiscard]] Bytes batchRootMessage(uint16_t count, const merkle::Hash& root);

}  // namespace netpas::accounting
