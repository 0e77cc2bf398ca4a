// Inside core/accounting and core/payments: how the parts of messages stand on the wire (PROTOCOL.md).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/money.h"
#include "core/wire/accounting_header.h"

namespace netpas::accounting {

// Amounts in messages are never negative.
inline void writeMoney(Writer& writer, Money money) { writer.u64(static_cast<uint64_t>(money.eighths())); }
inline Money readMoney(Reader& reader) {
    const uint64_t eighths = reader.u64();
    if (eighths > static_cast<uint64_t>(INT64_MAX)) {
        reader.fail();
        return {};
    }
    return Money::fromEighths(static_cast<int64_t>(eighths));
}

// Microseconds since 1970; before that is malformed.
inline void writeTime(Writer& writer, SystemTime time) {
    writer.u64(static_cast<uint64_t>(time.time_since_epoch().count()));
}
inline SystemTime readTime(Reader& reader) {
    const uint64_t microseconds = reader.u64();
    if (microseconds > static_cast<uint64_t>(INT64_MAX)) {
        reader.fail();
        return {};
    }
    return SystemTime(std::chrono::microseconds(static_cast<int64_t>(microseconds)));
}

inline void writeText(Writer& writer, std::string_view text, size_t limit) {
    const std::string_view cut = text.substr(0, limit);
    writer.blob16({reinterpret_cast<const uint8_t*>(cut.data()), cut.size()});
}
inline std::string readText(Reader& reader, size_t limit) {
    const ByteView view = reader.blob16(limit);
    return {view.begin(), view.end()};
}

inline void writeBool(Writer& writer, bool value) { writer.u8(value ? 1 : 0); }
inline bool readBool(Reader& reader) {
    const uint8_t value = reader.u8();
    if (value > 1) reader.fail();
    return value == 1;
}

// With its length, so that a reader knows it before it decodes. The six reserved bits are not kept.
inline void writeHeader(Writer& writer, const AccountingHeader& header) {
    std::array<uint8_t, header_bytes::maxSize> bytes{};
    const size_t size = header.encode(bytes);
    writer.blob16({bytes.data(), size});
}
inline AccountingHeader readHeader(Reader& reader) {
    const ByteView view = reader.blob16(header_bytes::maxSize);
    if (!reader.ok()) return {};
    const auto header = AccountingHeader::decode(view);
    std::array<uint8_t, header_bytes::maxSize> again{};
    // Canonical: a sender clears the reserved bits.
    if (!header || header->size() != view.size() || header->encode(again) != view.size() ||
        !std::equal(view.begin(), view.end(), again.begin())) {
        reader.fail();
        return {};
    }
    return *header;
}

// A count, refused before memory is taken when above `limit`.
inline size_t readCount(Reader& reader, size_t limit) {
    const size_t count = reader.u16();
    if (count > limit) reader.fail();
    return reader.ok() ? count : 0;
}

// What a signature is for stands before everything it covers.
inline void writePurpose(Writer& writer, std::string_view purpose) { writeText(writer, purpose, purpose.size()); }

}  // namespace netpas::accounting
