// Paths of autonomous systems as BGP states them (RFC 4271 §4.3, RFC 5065, RFC 6793), in one canonical form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace netpas::routes {

enum class SegmentKind : uint8_t { Set = 1, Sequence = 2, ConfederationSequence = 3, ConfederationSet = 4 };

// Canonical bytes: for each segment its kind, its count (u8) and the AS numbers (u32), in network order.
class AsPath {
public:
    AsPath() = default;
    // From canonical bytes; they are trusted.
    explicit AsPath(ByteView canonical) : m_bytes(canonical.begin(), canonical.end()) {}

    // "64500 64501 {64502,64503}"; confederations in ( ) and [ ].
    [[nodiscard]] std::string toString() const;
    // In order, without repetition (prepending), confederations left out. Empty where a set of more than one makes the order unknown.
    [[nodiscard]] std::vector<uint32_t> hops() const;
    // As BGP compares them: a set counts once, confederations do not.
    [[nodiscard]] size_t length() const;
    [[nodiscard]] bool empty() const { return m_bytes.empty(); }

    friend bool operator==(const AsPath&, const AsPath&) = default;

private:
    Bytes m_bytes;
};

// The attributes of one route, of which only its path counts here; `wide` = AS numbers have 4 bytes. False when they are malformed;
// `path` is then in any state. An absent AS_PATH is an empty path. With narrow numbers AS4_PATH is merged in (RFC 6793 §4.2.3).
class PathReader {
public:
    [[nodiscard]] bool read(ByteView attributes, bool wide);
    // Canonical, until the next read().
    [[nodiscard]] ByteView path() const { return m_path; }
    // MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760) as they came; empty when absent.
    [[nodiscard]] ByteView reach() const { return m_reach; }
    [[nodiscard]] ByteView unreach() const { return m_unreach; }

private:
    [[nodiscard]] static bool widen(ByteView narrow, Bytes& out);
    [[nodiscard]] static bool wellFormed(ByteView wide);
    void merge();

    ByteView m_path;
    ByteView m_reach;
    ByteView m_unreach;
    ByteView m_four;  // AS4_PATH
    Bytes m_widened;
    Bytes m_merged;
};

}  // namespace netpas::routes
