// One signature for many messages: a Merkle tree over them (RFC 9162 §2.1, with BLAKE2b-256), and for each message the path
// that leads from it to the signed root. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/bytes.h"

namespace netpas::merkle {

using Hash = std::array<uint8_t, 32>;

inline constexpr size_t maxLeaves = 1024;
inline constexpr size_t maxPath = 10;  // of the deepest leaf

[[nodiscard]] Hash leafHash(ByteView message);

// Where a leaf stands, and the hashes beside its way up.
struct Proof {
    uint16_t index = 0;
    uint16_t count = 0;  // leaves of the tree, 1 to maxLeaves
    std::vector<Hash> path;
    friend bool operator==(const Proof&, const Proof&) = default;
};

class Tree {
public:
    // 1 to maxLeaves; more are an error of the caller and are left out.
    explicit Tree(std::span<const Hash> leaves);
    [[nodiscard]] const Hash& root() const { return m_levels.back().front(); }
    [[nodiscard]] size_t size() const { return m_levels.front().size(); }
    [[nodiscard]] Proof proof(size_t index) const;

private:
    std::vector<std::vector<Hash>> m_levels;  // the leaves first, the root last; an odd one at the end rises as it is
};

// The root that the leaf and its path lead to; nothing when the path cannot belong to a tree of that size.
[[nodiscard]] std::optional<Hash> rootOf(const Hash& leaf, const Proof& proof);
// How many hashes the path of that leaf has.
[[nodiscard]] size_t pathLength(size_t index, size_t count);

}  // namespace netpas::merkle
