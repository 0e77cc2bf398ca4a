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
