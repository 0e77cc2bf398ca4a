#include "core/accounting/confirmation_batch.h"

#include <algorithm>

#include "core/accounting/messages.h"

namespace netpas::accounting {

namespace {

constexpr size_t maxGoodRoots = 4096;
// Of a message's entries and hashes; type, sequence and counts need less than the rest.
constexpr size_t packedSize = maxMessageSize - 64;

size_t entrySize(const Confirmation& confirmation) { return 16 + 8 + 4 + 8 + 2 + confirmation.header.size() + 40 + 6; }
size_t rootSize(const BatchRoot& root) { return 70 + root.beside.size() * sizeof(merkle::Hash); }

using Leaves = std::vector<merkle::PartialTree::Leaf>;

// In ascending order; nothing when a leaf comes twice.
bool inOrder(Leaves& leaves) {
    const auto less = [](const auto& a, const auto& b) { return a.index < b.index; };
    if (!std::is_sorted(leaves.begin(), leaves.end(), less)) std::sort(leaves.begin(), leaves.end(), less);
    const auto same = [](const auto& a, const auto& b) { return a.index == b.index; };
    return std::adjacent_find(leaves.begin(), leaves.end(), same) == leaves.end();
}

// A message in the making.
class Packer {
public:
    explicit Packer(bool countersign) { m_batch.countersign = countersign; }

    // False when there is no room for its roots.
    bool add(const ProvenConfirmation& proven) {
        const bool known = find(proven.confirming) && (m_batch.countersign || find(proven.beneficiary));
        if (!known && m_trees.size() + 2 > maxBatchRoots) return false;
        BatchEntry& entry = m_batch.entries.emplace_back();
        entry.confirmation = proven.confirmation;
        entry.confirmingRoot = place(proven.confirming, proven.confirmingLeaf);
        entry.confirmingLeaf = proven.confirmingLeaf;
        if (m_batch.countersign) return true;
        entry.beneficiaryRoot = place(proven.beneficiary, proven.beneficiaryLeaf);
        entry.beneficiaryLeaf = proven.beneficiaryLeaf;
        return true;
    }

    // Nothing when it became too large.
    std::optional<ConfirmationBatch> finish() {
        size_t size = 0;
        for (const BatchEntry& entry : m_batch.entries) size += entrySize(entry.confirmation);
        for (size_t i = 0; i < m_trees.size(); ++i) {
            std::sort(m_leaves[i].begin(), m_leaves[i].end());
            auto beside = m_trees[i]->tree.beside(m_leaves[i]);
            if (beside) m_batch.roots[i].beside = std::move(*beside);
            size += rootSize(m_batch.roots[i]);
        }
        if (size > packedSize) return std::nullopt;
        return std::move(m_batch);
    }

private:
    // The last one first: neighbours in a batch mostly share their trees.
    [[nodiscard]] std::optional<uint8_t> find(const SignedTreePtr& tree) const {
        for (size_t i = m_trees.size(); i-- > 0;) {
            if (m_trees[i] == tree) return static_cast<uint8_t>(i);
        }
        return std::nullopt;
    }

    uint8_t place(const SignedTreePtr& tree, uint16_t leaf) {
        auto root = find(tree);
        if (!root) {
            root = static_cast<uint8_t>(m_trees.size());
            m_trees.push_back(tree);
            m_leaves.emplace_back();
            m_batch.roots.push_back({tree->signer, tree->tree.count(), tree->signature, {}});
        }
        m_leaves[*root].push_back(leaf);
        return *root;
    }

    ConfirmationBatch m_batch;
    std::vector<SignedTreePtr> m_trees;
    std::vector<std::vector<uint16_t>> m_leaves;
};

void pack(std::span<const ProvenConfirmation> all, bool countersign, std::vector<ConfirmationBatch>& batches) {
    while (!all.empty()) {
        // Without the hashes, which are few when a batch stays together: halved below when they are not.
        size_t size = 0;
        size_t count = 0;
        while (count < all.size() && count < maxBatchEntries && size < packedSize - 4096) {
            size += entrySize(all[count++].confirmation);
        }
        std::optional<ConfirmationBatch> packed;
        while (!packed) {
            Packer packer(countersign);
            size_t taken = 0;
            while (taken < count && packer.add(all[taken])) ++taken;
            packed = packer.finish();
            count = packed ? taken : std::max<size_t>(taken / 2, 1);
        }
        batches.push_back(std::move(*packed));
        all = all.subspan(count);
    }
}

}  // namespace

uint64_t digestOf(const Confirmation& confirmation) {
    return load64(merkle::leafHash(confirmingMessage(confirmation)).data());
}

SignedTreePtr signTree(IspId signer, const Identity& identity, std::span<const merkle::Hash> leaves) {
    Leaves all;
    all.reserve(leaves.size());
    for (const merkle::Hash& hash : leaves) all.push_back({static_cast<uint16_t>(all.size()), hash});
    auto tree = merkle::PartialTree::build(leaves.size(), all, {});
    if (!tree) return nullptr;
    const Signature signature = identity.sign(batchRootMessage(tree->count(), tree->root()));
    return std::make_shared<const SignedTree>(SignedTree{signer, signature, std::move(*tree)});
}

bool RootCheck::good(const SignedTree& tree, const PublicKey& key) {
    const Bytes message = batchRootMessage(tree.tree.count(), tree.tree.root());
    Bytes all = message;
    all.insert(all.end(), key.bytes.begin(), key.bytes.end());
    all.insert(all.end(), tree.signature.bytes.begin(), tree.signature.bytes.end());
    const auto digest = blake2b256(all);
    if (m_good.contains(digest)) return true;
    ++m_verifications;
    if (!verify(key, message, tree.signature)) return false;
    if (m_good.size() >= maxGoodRoots) m_good.clear();
    m_good.insert(digest);
    return true;
}

std::optional<OpenedBatch> openBatch(ConfirmationBatch&& batch) {
    OpenedBatch opened;
    std::vector<Leaves> leaves(batch.roots.size());
    opened.confirmations.reserve(batch.entries.size());
    for (BatchEntry& entry : batch.entries) {
        const Confirmation& confirmation = entry.confirmation;
        if (entry.confirmingRoot >= leaves.size() || entry.beneficiaryRoot >= leaves.size()) return std::nullopt;
        if (batch.roots[entry.confirmingRoot].signer != confirmation.confirming) return std::nullopt;
        const merkle::Hash confirming = merkle::leafHash(confirmingMessage(confirmation));
        leaves[entry.confirmingRoot].push_back({entry.confirmingLeaf, confirming});
        if (!batch.countersign) {
            if (batch.roots[entry.beneficiaryRoot].signer != confirmation.beneficiary) return std::nullopt;
            leaves[entry.beneficiaryRoot].push_back(
                {entry.beneficiaryLeaf, merkle::leafHash(beneficiaryMessage(confirmation))});
        }
        opened.confirmations.push_back({std::move(entry.confirmation), nullptr, entry.confirmingLeaf, nullptr,
                                        entry.beneficiaryLeaf, load64(confirming.data())});
    }
    for (size_t i = 0; i < leaves.size(); ++i) {
        const BatchRoot& root = batch.roots[i];
        if (!inOrder(leaves[i])) return std::nullopt;
        auto tree = merkle::PartialTree::build(root.count, leaves[i], root.beside);
        if (!tree) return std::nullopt;
        opened.trees.push_back(
            std::make_shared<const SignedTree>(SignedTree{root.signer, root.signature, std::move(*tree)}));
    }
    for (size_t i = 0; i < opened.confirmations.size(); ++i) {
        opened.confirmations[i].confirming = opened.trees[batch.entries[i].confirmingRoot];
        if (!batch.countersign) opened.confirmations[i].beneficiary = opened.trees[batch.entries[i].beneficiaryRoot];
    }
    return opened;
}

std::vector<ConfirmationBatch> packBatches(std::span<const ProvenConfirmation> confirmations, bool countersign) {
    std::vector<ConfirmationBatch> batches;
    pack(confirmations, countersign, batches);
    return batches;
}

Confirmation standalone(const ProvenConfirmation& proven) {
    Confirmation confirmation = proven.confirmation;
    confirmation.confirmingPath = proven.confirming->tree.proof(proven.confirmingLeaf);
    if (proven.beneficiary) confirmation.beneficiaryPath = proven.beneficiary->tree.proof(proven.beneficiaryLeaf);
    return confirmation;
}

}  // namespace netpas::accounting
