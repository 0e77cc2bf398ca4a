// Confirmations that share signatures (DESIGN §8): whoever signs builds a Merkle tree over what it has to sign and signs its
// root once; every confirmation goes with the hashes that lead from it to the root. Several that travel together share
// these as well, and an ISP that passes on a part takes the proof of that part.
// One thread.
#pragma once

#include <memory>
#include <span>
#include <unordered_set>

#include "core/accounting/nano_messages.h"

namespace netpas::accounting {

struct SignedTree {
    IspId signer;
    Signature signature;
    merkle::PartialTree tree;
};
using SignedTreePtr = std::shared_ptr<const SignedTree>;

// A confirmation and where its proofs stand.
struct ProvenConfirmation {
    Confirmation confirmation;
    SignedTreePtr confirming;
    uint16_t confirmingLeaf = 0;
    SignedTreePtr beneficiary;  // null until the beneficiary has signed
    uint16_t beneficiaryLeaf = 0;
    uint64_t digest = 0;  // digestOf(confirmation)
};

// Of what the confirming ISP signed: the same for every copy, whoever has signed.
[[nodiscard]] uint64_t digestOf(const Confirmation& confirmation);

// Signs the root over these leaves, 1 to merkle::maxLeaves.
[[nodiscard]] SignedTreePtr signTree(IspId signer, const Identity& identity, std::span<const merkle::Hash> leaves);

// Remembers for which roots a signature was found good, so that one verification serves a batch, however it comes.
class RootCheck {
public:
    [[nodiscard]] bool good(const SignedTree& tree, const PublicKey& key);
    [[nodiscard]] uint64_t verifications() const { return m_verifications; }

private:
    struct Hasher {
        size_t operator()(const std::array<uint8_t, 32>& digest) const noexcept {
            return static_cast<size_t>(load64(digest.data()));
        }
    };
    std::unordered_set<std::array<uint8_t, 32>, Hasher> m_good;
    uint64_t m_verifications = 0;
};

// The confirmations of a message with their trees, not yet checked against any key; nothing when the hashes do not fit
// together, or a root was signed by somebody whom the confirmation does not name.
struct OpenedBatch {
    std::vector<SignedTreePtr> trees;  // one for each root
    std::vector<ProvenConfirmation> confirmations;
};
[[nodiscard]] std::optional<OpenedBatch> openBatch(ConfirmationBatch&& batch);

// Messages of at most maxMessageSize with these, in order; without sequence numbers.
[[nodiscard]] std::vector<ConfirmationBatch> packBatches(std::span<const ProvenConfirmation> confirmations,
                                                         bool countersign);

// By itself, with its paths.
[[nodiscard]] Confirmation standalone(const ProvenConfirmation& proven);

}  // namespace netpas::accounting
