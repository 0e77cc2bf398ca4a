// Reading and writing of network byte order. A Reader goes dead at the first short read, so a decoder checks once.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace netpas {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

[[nodiscard]] constexpr uint16_t load16(const uint8_t* p) {
    return static_cast<uint16_t>((uint32_t{p[0]} << 8) | p[1]);
}
[[nodiscard]] constexpr uint32_t load32(const uint8_t* p) {
    return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | p[3];
}
[[nodiscard]] constexpr uint64_t load64(const uint8_t* p) { return (uint64_t{load32(p)} << 32) | load32(p + 4); }
constexpr void store16(uint8_t* p, uint16_t value) {
    p[0] = static_cast<uint8_t>(value >> 8);
    p[1] = static_cast<uint8_t>(value);
}
constexpr void store32(uint8_t* p, uint32_t value) {
    store16(p, static_cast<uint16_t>(value >> 16));
    store16(p + 2, static_cast<uint16_t>(value));
}
constexpr void store64(uint8_t* p, uint64_t value) {
    store32(p, static_cast<uint32_t>(value >> 32));
    store32(p + 4, static_cast<uint32_t>(value));
}

class Reader {
public:
    explicit Reader(ByteView bytes) : m_bytes(bytes) {}

    [[nodiscard]] bool ok() const { return m_ok; }
    [[nodiscard]] size_t remaining() const { return m_bytes.size(); }
    // Everything was read and nothing was short.
    [[nodiscard]] bool finished() const { return m_ok && m_bytes.empty(); }

    uint8_t u8() {
        const uint8_t* p = take(1);
        return p ? *p : uint8_t{0};
    }
    uint16_t u16() {
        const uint8_t* p = take(2);
        return p ? load16(p) : uint16_t{0};
    }
    uint32_t u32() {
        const uint8_t* p = take(4);
        return p ? load32(p) : 0;
    }
    uint64_t u64() {
        const uint8_t* p = take(8);
        return p ? load64(p) : 0;
    }
    // A view into the source; empty when dead.
    ByteView bytes(size_t count) {
        const uint8_t* p = take(count);
        return p ? ByteView(p, count) : ByteView{};
    }
    // A 16-bit length, then that many bytes; dead when longer than `limit`.
    ByteView blob16(size_t limit = 0xffff) {
        const size_t length = u16();
        if (length > limit) {
            fail();
            return {};
        }
        return bytes(length);
    }
    template <size_t N>
    void array(std::array<uint8_t, N>& out) {
        if (const uint8_t* p = take(N)) std::memcpy(out.data(), p, N);
    }
    void fail() {
        m_ok = false;
        m_bytes = {};
    }

private:
    const uint8_t* take(size_t count) {
        if (!m_ok || m_bytes.size() < count) {
            fail();
            return nullptr;
        }
        const uint8_t* p = m_bytes.data();
        m_bytes = m_bytes.subspan(count);
        return p;
    }

    ByteView m_bytes;
    bool m_ok = true;
};

class Writer {
public:
    void u8(uint8_t value) { m_bytes.push_back(value); }
    void u16(uint16_t value) { store16(grow(2), value); }
    void u32(uint32_t value) { store32(grow(4), value); }
    void u64(uint64_t value) { store64(grow(8), value); }
    void bytes(ByteView view) { m_bytes.insert(m_bytes.end(), view.begin(), view.end()); }
    // The caller has checked that the blob fits 16 bits of length.
    void blob16(ByteView view) {
        u16(static_cast<uint16_t>(view.size()));
        bytes(view);
    }
    [[nodiscard]] const Bytes& data() const { return m_bytes; }
    [[nodiscard]] Bytes take() { return std::move(m_bytes); }

private:
    uint8_t* grow(size_t count) {
        m_bytes.resize(m_bytes.size() + count);
        return m_bytes.data() + m_bytes.size() - count;
    }

    Bytes m_bytes;
};

}  // namespace netpas
