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

// Some leaves of a tree and the hashes beside their ways up: proves all of them at once, with every node only once. Whoever
// passes on a part of a batch takes the smaller proof of that part from it.
class PartialTree {
public:
    struct Leaf {
        uint16_t index = 0;
        Hash hash{};
    };
    // `leaves` in ascending order. `beside`: from the leaves upwards, from left to right, what cannot be computed. Nothing
    // when these are not exactly the hashes that such a tree needs.
    [[nodiscard]] static std::optional<PartialTree> build(size_t count, std::span<const Leaf> leaves,
                                                          std::span<const Hash> beside);
    [[nodiscard]] const Hash& root() const { return m_levels.back().front().hash; }
    [[nodiscard]] uint16_t count() const { return m_count; }
    // The hashes to give with some of the leaves, in ascending order; nothing when one of them is not here.
    [[nodiscard]] std::optional<std::vector<Hash>> beside(std::span<const uint16_t> leaves) const;
    [[nodiscard]] std::optional<Proof> proof(uint16_t leaf) const;

private:
    // On each level what is known, in ascending order: the hashes computed, and those beside them.
    std::vector<std::vector<Leaf>> m_levels;
    uint16_t m_count = 0;
};
// How many hashes go with these leaves, in ascending order.
[[nodiscard]] size_t besideLength(size_t count, std::span<const uint16_t> leaves);

// The root that the leaf and its path lead to; nothing when the path cannot belong to a tree of that size.
[[nodiscard]] std::optional<Hash> rootOf(const Hash& leaf, const Proof& proof);
// How many hashes the path of that leaf has.
[[nodiscard]] size_t pathLength(size_t index, size_t count);

}  // namespace netpas::merkle
