// MRT dumps (RFC 6396, RFC 8050): TABLE_DUMP, TABLE_DUMP_V2, BGP4MP and BGP4MP_ET, unicast IPv4 and IPv6. Other records are passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cartographer/routes/as_path.h"
#include "cartographer/routes/route_events.h"

namespace netpas::routes {

struct MrtSummary {
    uint64_t records = 0;
    uint64_t used = 0;
    uint64_t passedOver = 0;  // well-formed, of kinds that hold no route
    uint64_t damaged = 0;     // passed over as well
    // The first thing that was wrong, with its offset; the file may have been read to its end all the same.
    std::optional<std::string> problem;
    bool complete = true;  // false: reading ended at `problem`
};

// Memory is bounded by the longest record that is accepted, 16 MiB. What was read before a problem was given to the sink.
[[nodiscard]] MrtSummary readMrt(const std::filesystem::path& file, RouteSink& sink);

// The records of one dump, one after the other; readMrt() and the fuzzer call it.
class MrtParser {
public:
    explicit MrtParser(RouteSink& sink) : m_sink(sink) {}

    enum class Outcome : uint8_t { Used, PassedOver, Damaged };
    [[nodiscard]] Outcome record(uint16_t type, uint16_t subtype, ByteView body);
    // Why the last record was damaged.
    [[nodiscard]] const char* reason() const { return m_reason; }

    static constexpr size_t headerSize = 12;
    static constexpr size_t maxRecord = size_t{16} << 20;

private:
    struct Family {
        bool v6 = false;
        bool withPathId = false;
    };
    Outcome tableDump(uint16_t subtype, Reader reader);
    Outcome peerIndex(Reader reader);
    Outcome rib(Reader reader, Family family);
    Outcome ribGeneric(Reader reader);
    Outcome entries(Reader& reader, const RawPrefix& prefix, bool withPathId);
    Outcome message(uint16_t subtype, Reader reader);
    Outcome update(Reader reader, uint16_t peer, bool wide, bool withPathId);
    Outcome damaged(const char* reason);

    RouteSink& m_sink;
    PathReader m_paths;
    std::vector<std::optional<uint16_t>> m_index;  // of PEER_INDEX_TABLE
    std::vector<RouteSink::Entry> m_entries;
    const char* m_reason = "";
};

}  // namespace netpas::routes
