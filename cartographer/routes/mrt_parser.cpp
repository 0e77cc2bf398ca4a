#include "cartographer/routes/mrt_parser.h"

#include <algorithm>

#include "cartographer/routes/dump_file.h"

namespace netpas::routes {

namespace {

enum Type : uint16_t { TableDump = 12, TableDumpV2 = 13, Bgp4mp = 16, Bgp4mpEt = 17 };

constexpr uint16_t afiIpv4 = 1;
constexpr uint16_t afiIpv6 = 2;
constexpr uint8_t safiUnicast = 1;

// The numbers of the subtypes that hold routes; the others are named nowhere.
namespace table {
constexpr uint16_t peerIndex = 1;
constexpr uint16_t ipv4 = 2;
constexpr uint16_t ipv6 = 4;
constexpr uint16_t generic = 6;
constexpr uint16_t ipv4AddPath = 8;
constexpr uint16_t ipv6AddPath = 10;
}  // namespace table

namespace bgp {
constexpr uint16_t stateChange = 0;
constexpr uint16_t message = 1;
constexpr uint16_t messageWide = 4;
constexpr uint16_t stateChangeWide = 5;
constexpr uint16_t messageLocal = 6;
constexpr uint16_t messageWideLocal = 7;
constexpr uint16_t messageAddPath = 8;
constexpr uint16_t messageWideAddPath = 9;
constexpr uint16_t established = 6;  // state
constexpr uint8_t update = 2;        // kind of message
constexpr size_t markerSize = 16;
}  // namespace bgp

std::optional<IpAddress> address(Reader& reader, bool v6) { return IpAddress::fromBytes(reader.bytes(v6 ? 16 : 4)); }

// A length in bits and as many bytes as it needs.
bool readPrefix(Reader& reader, bool v6, RawPrefix& prefix) {
    prefix = {};
    prefix.v6 = v6;
    prefix.length = reader.u8();
    if (prefix.length > (v6 ? 128 : 32)) return false;
    const size_t size = (size_t{prefix.length} + 7) / 8;
    const ByteView bytes = reader.bytes(size);
    if (!reader.ok()) return false;
    std::copy(bytes.begin(), bytes.end(), prefix.bytes.begin());
    if (prefix.length % 8 != 0) prefix.bytes[size - 1] &= static_cast<uint8_t>(0xff << (8 - prefix.length % 8));
    return true;
}

bool wholePrefix(const ByteView& address, uint8_t length, RawPrefix& prefix) {
    prefix = {};
    prefix.v6 = address.size() == 16;
    prefix.length = length;
    if (address.empty() || length > address.size() * 8) return false;
    for (size_t i = 0; i < (size_t{length} + 7) / 8; ++i) prefix.bytes[i] = address[i];
    if (length % 8 != 0) prefix.bytes[length / 8] &= static_cast<uint8_t>(0xff << (8 - length % 8));
    return true;
}

bool hasHostBits(const RawPrefix& prefix, const ByteView& bytes) {
    return !bytes.empty() && prefix.length % 8 != 0 && prefix.bytes[bytes.size() - 1] != bytes.back();
}

// Each NLRI of a list; false when one is malformed. `strict`: bits behind a prefix must be zero.
template <typename Each>
bool walkPrefixes(ByteView list, bool v6, bool withPathId, bool strict, Each each) {
    Reader reader(list);
    RawPrefix prefix;
    while (reader.remaining() != 0) {
        const uint32_t pathId = withPathId ? reader.u32() : 0;
        const size_t at = list.size() - reader.remaining();
        if (!readPrefix(reader, v6, prefix)) return false;
        const ByteView bytes = list.subspan(at + 1, list.size() - reader.remaining() - at - 1);
        if (strict && hasHostBits(prefix, bytes)) return false;
        each(prefix, pathId);
    }
    return true;
}

// All or nothing. BIRD before 2.0 wrote ADD-PATH messages without saying so: what makes no sense without path identifiers and good sense
// with them is read with them.
template <typename Each>
bool forEachPrefix(ByteView list, bool v6, bool withPathId, Each each) {
    const auto ignore = [](const RawPrefix&, uint32_t) {};
    if (walkPrefixes(list, v6, withPathId, false, ignore)) return walkPrefixes(list, v6, withPathId, false, each);
    return !withPathId && walkPrefixes(list, v6, true, true, ignore) && walkPrefixes(list, v6, true, true, each);
}

}  // namespace

MrtParser::Outcome MrtParser::damaged(const char* reason) {
    m_reason = reason;
    return Outcome::Damaged;
}

MrtParser::Outcome MrtParser::record(uint16_t type, uint16_t subtype, ByteView body) {
    Reader reader(body);
    switch (type) {
    case TableDump: return tableDump(subtype, reader);
    case TableDumpV2:
        switch (subtype) {
        case table::peerIndex: return peerIndex(reader);
        case table::ipv4: return rib(reader, {false, false});
        case table::ipv6: return rib(reader, {true, false});
        case table::ipv4AddPath: return rib(reader, {false, true});
        case table::ipv6AddPath: return rib(reader, {true, true});
        case table::generic: return ribGeneric(reader);
        default: return Outcome::PassedOver;
        }
    case Bgp4mpEt:
        reader.u32();  // microseconds
        return message(subtype, reader);
    case Bgp4mp: return message(subtype, reader);
    default: return Outcome::PassedOver;
    }
}

// --- TABLE_DUMP (RFC 6396 §4.2): one route in a record

MrtParser::Outcome MrtParser::tableDump(uint16_t subtype, Reader reader) {
    if (subtype != afiIpv4 && subtype != afiIpv6) return Outcome::PassedOver;
    const bool v6 = subtype == afiIpv6;
    reader.u16();  // view
    reader.u16();  // sequence
    const ByteView network = reader.bytes(v6 ? 16 : 4);
    RawPrefix prefix;
    if (!wholePrefix(network, reader.u8(), prefix)) return damaged("a prefix is longer than its family allows");
    reader.u8();   // status
    reader.u32();  // originated
    const auto from = address(reader, v6);
    const uint16_t as = reader.u16();
    const ByteView attributes = reader.blob16();
    if (!reader.ok() || !from) return damaged("the record ends too soon");
    if (!m_paths.read(attributes, false)) return damaged("the attributes of a route are malformed");
    const auto peer = m_sink.peer({*from, as});
    if (!peer) return damaged("there are more peers than a table can have");
    m_sink.announced(prefix, {*peer, 0}, m_paths.path());
    return Outcome::Used;
}

// --- TABLE_DUMP_V2 (RFC 6396 §4.3)

MrtParser::Outcome MrtParser::peerIndex(Reader reader) {
    reader.u32();  // collector
    reader.blob16();
    const size_t count = reader.u16();
    m_index.clear();
    for (size_t i = 0; i < count; ++i) {
        const uint8_t kind = reader.u8();
        reader.u32();  // BGP identifier
        const auto from = address(reader, (kind & 1) != 0);
        const uint32_t as = (kind & 2) != 0 ? reader.u32() : reader.u16();
        if (!reader.ok() || !from) return damaged("the list of peers ends too soon");
        m_index.push_back(m_sink.peer({*from, as}));
    }
    return Outcome::Used;
}

MrtParser::Outcome MrtParser::rib(Reader reader, Family family) {
    reader.u32();  // sequence
    RawPrefix prefix;
    if (!readPrefix(reader, family.v6, prefix)) return damaged("a prefix is malformed");
    return entries(reader, prefix, family.withPathId);
}

MrtParser::Outcome MrtParser::ribGeneric(Reader reader) {
    reader.u32();  // sequence
    const uint16_t afi = reader.u16();
    const uint8_t safi = reader.u8();
    if ((afi != afiIpv4 && afi != afiIpv6) || safi != safiUnicast) return Outcome::PassedOver;
    RawPrefix prefix;
    if (!readPrefix(reader, afi == afiIpv6, prefix)) return damaged("a prefix is malformed");
    return entries(reader, prefix, false);
}

MrtParser::Outcome MrtParser::entries(Reader& reader, const RawPrefix& prefix, bool withPathId) {
    const size_t count = reader.u16();
    m_entries.clear();
    for (size_t i = 0; i < count; ++i) {
        const size_t index = reader.u16();
        reader.u32();  // originated
        const uint32_t pathId = withPathId ? reader.u32() : 0;
        const ByteView attributes = reader.blob16();
        if (!reader.ok()) return damaged("a route ends too soon");
        if (index >= m_index.size() || !m_index[index])
            return damaged("a route is of a peer that the file does not list");
        // AS numbers always have four bytes here, so the path is in the record itself.
        if (!m_paths.read(attributes, true)) return damaged("the attributes of a route are malformed");
        m_entries.push_back({{*m_index[index], pathId}, m_paths.path()});
    }
    m_sink.table(prefix, m_entries);
    return Outcome::Used;
}

// --- BGP4MP (RFC 6396 §4.4)

MrtParser::Outcome MrtParser::message(uint16_t subtype, Reader reader) {
    const bool state = subtype == bgp::stateChange || subtype == bgp::stateChangeWide;
    const bool narrow = subtype == bgp::message || subtype == bgp::messageAddPath || subtype == bgp::stateChange;
    const bool wide =
        subtype == bgp::messageWide || subtype == bgp::messageWideAddPath || subtype == bgp::stateChangeWide;
    const bool local = subtype == bgp::messageLocal || subtype == bgp::messageWideLocal;  // what the router itself said
    if (local || (!narrow && !wide)) return Outcome::PassedOver;
    const uint32_t as = wide ? reader.u32() : reader.u16();
    wide ? reader.u32() : reader.u16();  // ours
    reader.u16();                        // interface
    const uint16_t afi = reader.u16();
    if (reader.ok() && afi != afiIpv4 && afi != afiIpv6) return Outcome::PassedOver;
    const auto from = address(reader, afi == afiIpv6);
    address(reader, afi == afiIpv6);
    if (!reader.ok() || !from) return damaged("the record ends too soon");
    const auto peer = m_sink.peer({*from, as});
    if (!peer) return damaged("there are more peers than a table can have");
    if (state) {
        reader.u16();  // before
        const uint16_t now = reader.u16();
        if (!reader.ok()) return damaged("the record ends too soon");
        if (now != bgp::established) m_sink.lost(*peer);
        return Outcome::Used;
    }
    reader.bytes(bgp::markerSize);
    const size_t length = reader.u16();
    const uint8_t kind = reader.u8();
    constexpr size_t head = bgp::markerSize + 3;
    if (!reader.ok() || length < head || length - head > reader.remaining())
        return damaged("a BGP message ends too soon");
    if (kind != bgp::update) return Outcome::PassedOver;
    const bool withPathId = subtype == bgp::messageAddPath || subtype == bgp::messageWideAddPath;
    return update(Reader(reader.bytes(length - head)), *peer, wide, withPathId);
}

MrtParser::Outcome MrtParser::update(Reader reader, uint16_t peer, bool wide, bool withPathId) {
    const ByteView gone = reader.blob16();
    const ByteView attributes = reader.blob16();
    if (!reader.ok()) return damaged("a BGP update ends too soon");
    const ByteView reached = reader.bytes(reader.remaining());
    if (!m_paths.read(attributes, wide)) return damaged("the attributes of a route are malformed");
    const auto announce = [&](const RawPrefix& prefix, uint32_t pathId) {
        m_sink.announced(prefix, {peer, pathId}, m_paths.path());
    };
    const auto withdraw = [&](const RawPrefix& prefix, uint32_t pathId) { m_sink.withdrawn(prefix, {peer, pathId}); };
    bool good = forEachPrefix(gone, false, withPathId, withdraw);
    if (!m_paths.unreach().empty()) {
        Reader unreach(m_paths.unreach());
        const uint16_t afi = unreach.u16();
        const uint8_t safi = unreach.u8();
        if ((afi == afiIpv4 || afi == afiIpv6) && safi == safiUnicast)
            good = forEachPrefix(unreach.bytes(unreach.remaining()), afi == afiIpv6, withPathId, withdraw) && good;
    }
    if (!m_paths.reach().empty()) {
        Reader reach(m_paths.reach());
        const uint16_t afi = reach.u16();
        const uint8_t safi = reach.u8();
        reach.bytes(reach.u8());  // next hop
        reach.u8();               // reserved
        good = reach.ok() && good;
        if ((afi == afiIpv4 || afi == afiIpv6) && safi == safiUnicast)
            good = forEachPrefix(reach.bytes(reach.remaining()), afi == afiIpv6, withPathId, announce) && good;
    }
    good = forEachPrefix(reached, false, withPathId, announce) && good;
    return good ? Outcome::Used : damaged("a prefix is malformed");
}

// --- a whole file

namespace {

// Whole records out of a stream.
class RecordReader {
public:
    RecordReader(DumpFile file, std::string name)
        : m_file(std::move(file)), m_name(std::move(name)), m_buffer(size_t{1} << 20) {}

    // False at the end, or when reading ended at problem().
    bool next() {
        m_offset += m_size;
        m_begin += m_size;
        m_size = 0;
        if (!need(MrtParser::headerSize)) return false;
        const size_t length = load32(m_buffer.data() + m_begin + 8);
        if (length > MrtParser::maxRecord) {
            fail("a record claims " + std::to_string(length) + " bytes: this is no MRT dump, or it is damaged here");
            return false;
        }
        if (!need(MrtParser::headerSize + length)) return false;
        m_size = MrtParser::headerSize + length;
        return true;
    }
    [[nodiscard]] uint16_t type() const { return load16(m_buffer.data() + m_begin + 4); }
    [[nodiscard]] uint16_t subtype() const { return load16(m_buffer.data() + m_begin + 6); }
    [[nodiscard]] ByteView body() const {
        return {m_buffer.data() + m_begin + MrtParser::headerSize, m_size - MrtParser::headerSize};
    }
    [[nodiscard]] uint64_t offset() const { return m_offset; }
    [[nodiscard]] const std::optional<std::string>& problem() const { return m_problem; }

private:
    bool need(size_t size) {
        if (m_end - m_begin < size) {
            std::copy(m_buffer.begin() + static_cast<ptrdiff_t>(m_begin),
                      m_buffer.begin() + static_cast<ptrdiff_t>(m_end), m_buffer.begin());
            m_end -= m_begin;
            m_begin = 0;
            if (m_buffer.size() < size) m_buffer.resize(size);
        }
        while (m_end - m_begin < size) {
            const auto count = m_file.read(m_buffer.data() + m_end, m_buffer.size() - m_end);
            if (!count) {
                m_problem = count.error();
                return false;
            }
            if (*count == 0) {
                if (m_end != m_begin) fail("the last record is cut off; fetch the file again");
                return false;
            }
            m_end += *count;
        }
        return true;
    }
    void fail(const std::string& what) { m_problem = m_name + ", at byte " + std::to_string(m_offset) + ": " + what; }

    DumpFile m_file;
    std::string m_name;
    Bytes m_buffer;
    size_t m_begin = 0;
    size_t m_end = 0;
    size_t m_size = 0;      // of the current record
    uint64_t m_offset = 0;  // of the current record, in the unpacked stream
    std::optional<std::string> m_problem;
};

}  // namespace

MrtSummary readMrt(const std::filesystem::path& file, RouteSink& sink) {
    MrtSummary summary;
    auto opened = DumpFile::open(file);
    if (!opened) {
        summary.problem = opened.error();
        summary.complete = false;
        return summary;
    }
    RecordReader reader(std::move(*opened), file.string());
    MrtParser parser(sink);
    while (reader.next()) {
        ++summary.records;
        switch (parser.record(reader.type(), reader.subtype(), reader.body())) {
        case MrtParser::Outcome::Used: ++summary.used; break;
        case MrtParser::Outcome::PassedOver: ++summary.passedOver; break;
        case MrtParser::Outcome::Damaged:
            ++summary.damaged;
            if (!summary.problem) {
                summary.problem =
                    file.string() + ", at byte " + std::to_string(reader.offset()) + ": " + parser.reason();
            }
            break;
        }
    }
    if (reader.problem()) {
        summary.problem = reader.problem();
        summary.complete = false;
    } else if (summary.used == 0 && !summary.problem) {
        summary.problem = file.string() + (summary.records == 0 ? " is empty" : " holds no routes: is it an MRT dump?");
    }
    return summary;
}

}  // namespace netpas::routes
