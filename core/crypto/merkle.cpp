#include "core/crypto/merkle.h"

#include <sodium.h>

#include <algorithm>

namespace netpas::merkle {

namespace {

// A leaf is never taken for a node, nor a node for a leaf.
constexpr uint8_t leafMark = 0;
constexpr uint8_t nodeMark = 1;

Hash nodeHash(const Hash& left, const Hash& right) {
    std::array<uint8_t, 1 + 2 * sizeof(Hash)> both;
    both[0] = nodeMark;
    std::copy(left.begin(), left.end(), both.begin() + 1);
    std::copy(right.begin(), right.end(), both.begin() + 1 + sizeof(Hash));
    Hash hash;
    crypto_generichash(hash.data(), hash.size(), both.data(), both.size(), nullptr, 0);
    return hash;
}

}  // namespace

Hash leafHash(ByteView message) {
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, sizeof(Hash));
    crypto_generichash_update(&state, &leafMark, 1);
    crypto_generichash_update(&state, message.data(), message.size());
    Hash hash;
    crypto_generichash_final(&state, hash.data(), hash.size());
    return hash;
}

Tree::Tree(std::span<const Hash> leaves) {
    leaves = leaves.first(std::min(leaves.size(), maxLeaves));
    m_levels.emplace_back(leaves.begin(), leaves.end());
    if (leaves.empty()) m_levels.back().push_back(leafHash({}));
    while (m_levels.back().size() > 1) {
        const std::vector<Hash>& below = m_levels.back();
        std::vector<Hash> level;
        level.reserve((below.size() + 1) / 2);
        for (size_t i = 0; i + 1 < below.size(); i += 2) level.push_back(nodeHash(below[i], below[i + 1]));
        if (below.size() % 2 == 1) level.push_back(below.back());
        m_levels.push_back(std::move(level));
    }
}

Proof Tree::proof(size_t index) const {
    Proof proof;
    proof.index = static_cast<uint16_t>(index);
    proof.count = static_cast<uint16_t>(size());
    for (size_t level = 0; level + 1 < m_levels.size(); ++level, index /= 2) {
        const size_t beside = index ^ 1;
        if (beside < m_levels[level].size()) proof.path.push_back(m_levels[level][beside]);
    }
    return proof;
}

std::optional<PartialTree> PartialTree::build(size_t count, std::span<const Leaf> leaves,
                                              std::span<const Hash> beside) {
    if (count == 0 || count > maxLeaves || leaves.empty() || leaves.back().index >= count) return std::nullopt;
    for (size_t i = 1; i < leaves.size(); ++i) {
        if (leaves[i - 1].index >= leaves[i].index) return std::nullopt;
    }
    PartialTree tree;
    tree.m_count = static_cast<uint16_t>(count);
    std::vector<Leaf> known(leaves.begin(), leaves.end());
    auto next = beside.begin();
    for (; count > 1; count = (count + 1) / 2) {
        std::vector<Leaf> level;
        std::vector<Leaf> above;
        level.reserve(known.size() + known.size() / 2 + 1);
        above.reserve(known.size() / 2 + 1);
        for (size_t i = 0; i < known.size(); ++i) {
            const Leaf& node = known[i];
            const auto parent = static_cast<uint16_t>(node.index / 2);
            const auto other = static_cast<uint16_t>(node.index ^ 1);
            if (other >= count) {  // an odd one at the end rises as it is
                level.push_back(node);
                above.push_back({parent, node.hash});
                continue;
            }
            const bool both = i + 1 < known.size() && known[i + 1].index == other;
            if (!both && next == beside.end()) return std::nullopt;
            const Leaf sibling = both ? known[++i] : Leaf{other, *next++};
            const bool left = node.index % 2 == 0;
            level.push_back(left ? node : sibling);
            level.push_back(left ? sibling : node);
            above.push_back({parent, left ? nodeHash(node.hash, sibling.hash) : nodeHash(sibling.hash, node.hash)});
        }
        tree.m_levels.push_back(std::move(level));
        known = std::move(above);
    }
    if (next != beside.end()) return std::nullopt;
    tree.m_levels.push_back(std::move(known));
    return tree;
}

std::optional<std::vector<Hash>> PartialTree::beside(std::span<const uint16_t> leaves) const {
    std::vector<Hash> hashes;
    std::vector<uint16_t> wanted(leaves.begin(), leaves.end());
    size_t count = m_count;
    for (size_t depth = 0; depth < m_levels.size(); ++depth, count = (count + 1) / 2) {
        const std::vector<Leaf>& level = m_levels[depth];
        const auto find = [&](uint16_t index) {
            const auto at = std::lower_bound(level.begin(), level.end(), index,
                                             [](const Leaf& leaf, uint16_t value) { return leaf.index < value; });
            return at != level.end() && at->index == index ? &*at : nullptr;
        };
        if (depth == 0) {
            for (const uint16_t leaf : wanted) {
                if (find(leaf) == nullptr) return std::nullopt;
            }
        }
        if (count <= 1) break;
        size_t above = 0;
        for (size_t i = 0; i < wanted.size(); ++i) {
            const auto other = static_cast<uint16_t>(wanted[i] ^ 1);
            const auto parent = static_cast<uint16_t>(wanted[i] / 2);
            if (i + 1 < wanted.size() && wanted[i + 1] == other) {
                ++i;
            } else if (other < count) {
                const Leaf* sibling = find(other);
                if (sibling == nullptr) return std::nullopt;
                hashes.push_back(sibling->hash);
            }
            wanted[above++] = parent;
        }
        wanted.resize(above);
    }
    return hashes;
}

std::optional<Proof> PartialTree::proof(uint16_t leaf) const {
    auto path = beside(std::span(&leaf, 1));
    if (!path) return std::nullopt;
    return Proof{leaf, m_count, std::move(*path)};
}

size_t besideLength(size_t count, std::span<const uint16_t> leaves) {
    std::vector<uint16_t> wanted(leaves.begin(), leaves.end());
    size_t length = 0;
    for (; count > 1; count = (count + 1) / 2) {
        size_t above = 0;
        for (size_t i = 0; i < wanted.size(); ++i) {
            const size_t other = wanted[i] ^ size_t { 1 };
            const auto parent = static_cast<uint16_t>(wanted[i] / 2);
            if (i + 1 < wanted.size() && wanted[i + 1] == other) {
                ++i;
            } else if (other < count) {
                ++length;
            }
            wanted[above++] = parent;
        }
        wanted.resize(above);
    }
    return length;
}

size_t pathLength(size_t index, size_t count) {
    size_t length = 0;
    for (; count > 1; index /= 2, count = (count + 1) / 2) {
        if ((index ^ 1) < count) ++length;
    }
    return length;
}

std::optional<Hash> rootOf(const Hash& leaf, const Proof& proof) {
    size_t index = proof.index;
    size_t count = proof.count;
    if (count == 0 || count > maxLeaves || index >= count || proof.path.size() != pathLength(index, count)) {
        return std::nullopt;
    }
    Hash hash = leaf;
    auto beside = proof.path.begin();
    for (; count > 1; index /= 2, count = (count + 1) / 2) {
        if ((index ^ 1) >= count) continue;
        hash = index % 2 == 0 ? nodeHash(hash, *beside) : nodeHash(*beside, hash);
        ++beside;
    }
    return hash;
}

}  // namespace netpas::merkle
