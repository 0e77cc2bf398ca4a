// The audit file as bytes (FORMAT.md): records chained by hashes and sealed by the exporter's signature, so that none can be
// left out, changed or added unseen.
#pragma once

#include <functional>
#include <string_view>

#include "core/audit/records.h"

namespace netpas::audit {

using Hash = std::array<uint8_t, 32>;

enum class FileError {
    NotAnAudit,   // it does not begin as one
    Truncated,    // the seal is missing: records may be left out
    Malformed,    // a record does not decode; also one of a newer version
    WrongOrder,   // the head is missing, or not alone and first
    BadChain,     // records were added, changed or left out after it was sealed
    BadSeal,      // the seal's signature is not the exporter's
    TrailingData  // after the seal
};
[[nodiscard]] std::string_view describe(FileError error);

// Makes the bytes; the caller writes them wherever it likes, in this order.
class FileWriter {
public:
    // `identity` must be that of head.key, and outlive the writer.
    FileWriter(const Head& head, const Identity& identity);
    void add(const Record& record);
    // What has come up since the last call.
    [[nodiscard]] Bytes take();
    // Seals it; afterwards take() has the last bytes and nothing may be added.
    void finish();

private:
    void append(uint8_t type, ByteView body);

    const Identity& m_identity;
    Hash m_chain{};
    uint64_t m_count = 0;
    Bytes m_bytes;
};
[[nodiscard]] Bytes writeFile(const Head& head, const std::vector<Record>& records, const Identity& identity);

// Calls `each` for every record in order, the head included, and checks chain and seal. What was seen before an error is
// worth nothing.
[[nodiscard]] tl::expected<void, FileError> readFile(ByteView bytes, const std::function<void(Record&&)>& each);

}  // namespace netpas::audit
