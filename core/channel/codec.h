// Inside core/channel only: one description of a message's fields serves both directions. A `fields(archive, message)` names them in
// order; the Encoder appends them, the Decoder fills them in. Both stop at the first limit that is exceeded.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::channel::codec {

class Encoder {
public:
    template <typename T>
    using Ref = const T&;

    [[nodiscard]] bool ok() const { return m_ok; }
    void fail() { m_ok = false; }
    [[nodiscard]] Writer& writer() { return m_writer; }

    void number(const uint8_t& value) { m_writer.u8(value); }
    void number(const uint16_t& value) { m_writer.u16(value); }
    void number(const uint32_t& value) { m_writer.u32(value); }
    void number(const uint64_t& value) { m_writer.u64(value); }
    void flag(const bool& value) { m_writer.u8(value ? 1 : 0); }
    // An enum whose values run from `first` to `last`.
    template <typename E>
    void choice(const E& value, E first, E last) {
        if (value < first || value > last) return fail();
        m_writer.u8(static_cast<uint8_t>(value));
    }
    template <typename Tag, typename Rep, uint64_t Max>
    void id(const Id<Tag, Rep, Max>& value) {
        number(value.value());
    }
    void money(const Money& value) { positive(value.eighths()); }
    void time(const SystemTime& value) { positive(value.time_since_epoch().count()); }
    void address(const IpAddress& value) {
        m_writer.u8(value.isV6() ? 6 : 4);
        m_writer.bytes(value.bytes());
    }
    template <size_t N>
    void array(const std::array<uint8_t, N>& value) {
        m_writer.bytes(value);
    }
    void text(const std::string& value, size_t limit) {
        if (value.size() > limit) return fail();
        blob({reinterpret_cast<const uint8_t*>(value.data()), value.size()});
    }
    // For people: what is too long is cut.
    void note(const std::string& value, size_t limit) { text(value.substr(0, limit), limit); }
    void bytes(const Bytes& value, size_t limit) {
        if (value.size() > limit) return fail();
        blob(value);
    }
    template <typename T, typename Each>
    void list(const std::vector<T>& values, size_t limit, Each each) {
        if (values.size() > limit) return fail();
        m_writer.u16(static_cast<uint16_t>(values.size()));
        for (const T& value : values) each(*this, value);
    }
    template <typename T, typename Each>
    void optional(const std::optional<T>& value, Each each) {
        flag(value.has_value());
        if (value) each(*this, *value);
    }

private:
    void positive(int64_t value) {
        if (value < 0) return fail();
        m_writer.u64(static_cast<uint64_t>(value));
    }
    void blob(ByteView view) {
        m_writer.u32(static_cast<uint32_t>(view.size()));
        m_writer.bytes(view);
    }

    Writer m_writer;
    bool m_ok = true;
};

class Decoder {
public:
    template <typename T>
    using Ref = T&;

    explicit Decoder(ByteView bytes) : m_reader(bytes) {}
    [[nodiscard]] bool ok() const { return m_reader.ok(); }
    [[nodiscard]] bool finished() const { return m_reader.finished(); }
    void fail() { m_reader.fail(); }

    void number(uint8_t& value) { value = m_reader.u8(); }
    void number(uint16_t& value) { value = m_reader.u16(); }
    void number(uint32_t& value) { value = m_reader.u32(); }
    void number(uint64_t& value) { value = m_reader.u64(); }
    void flag(bool& value) {
        const uint8_t byte = m_reader.u8();
        if (byte > 1) fail();
        value = byte == 1;
    }
    template <typename E>
    void choice(E& value, E first, E last) {
        const uint8_t byte = m_reader.u8();
        if (!ok() || byte < static_cast<uint8_t>(first) || byte > static_cast<uint8_t>(last)) return fail();
        value = static_cast<E>(byte);
    }
    template <typename Tag, typename Rep, uint64_t Max>
    void id(Id<Tag, Rep, Max>& value) {
        Rep raw{};
        number(raw);
        const auto checked = Id<Tag, Rep, Max>::from(raw);
        if (!checked) return fail();
        value = *checked;
    }
    void money(Money& value) { value = Money::fromEighths(positive()); }
    void time(SystemTime& value) { value = SystemTime(SystemTime::duration(positive())); }
    void address(IpAddress& value) {
        const uint8_t family = m_reader.u8();
        if (family != 4 && family != 6) return fail();
        const auto parsed = IpAddress::fromBytes(m_reader.bytes(family == 6 ? 16 : 4));
        if (!parsed) return fail();
        value = *parsed;
    }
    template <size_t N>
    void array(std::array<uint8_t, N>& value) {
        m_reader.array(value);
    }
    void text(std::string& value, size_t limit) {
        const ByteView view = blob(limit);
        value.assign(view.begin(), view.end());
    }
    void note(std::string& value, size_t limit) { text(value, limit); }
    void bytes(Bytes& value, size_t limit) {
        const ByteView view = blob(limit);
        value.assign(view.begin(), view.end());
    }
    // The count is refused before memory is taken for it.
    template <typename T, typename Each>
    void list(std::vector<T>& values, size_t limit, Each each) {
        const size_t count = m_reader.u16();
        if (count > limit) return fail();
        for (size_t i = 0; i < count && ok(); ++i) each(*this, values.emplace_back());
    }
    template <typename T, typename Each>
    void optional(std::optional<T>& value, Each each) {
        bool present = false;
        flag(present);
        if (present && ok()) each(*this, value.emplace());
    }

private:
    int64_t positive() {
        const uint64_t raw = m_reader.u64();
        if (raw > static_cast<uint64_t>(INT64_MAX)) {
            fail();
            return 0;
        }
        return static_cast<int64_t>(raw);
    }
    ByteView blob(size_t limit) {
        const size_t length = m_reader.u32();
        if (length > limit) {
            fail();
            return {};
        }
        return m_reader.bytes(length);
    }

    Reader m_reader;
};

}  // namespace netpas::channel::codec
