#include "cartographer/routes/as_path.h"

#include <algorithm>

namespace netpas::routes {

namespace {

constexpr uint8_t typeAsPath = 2;
constexpr uint8_t typeReach = 14;
constexpr uint8_t typeUnreach = 15;
constexpr uint8_t typeAs4Path = 17;
constexpr uint8_t extendedLength = 0x10;

struct Segment {
    SegmentKind kind{};
    uint8_t count = 0;
    const uint8_t* numbers = nullptr;
    [[nodiscard]] uint32_t at(size_t index) const { return load32(numbers + 4 * index); }
    [[nodiscard]] bool confederation() const {
        return kind == SegmentKind::ConfederationSequence || kind == SegmentKind::ConfederationSet;
    }
    // How many steps of the path it is.
    [[nodiscard]] size_t length() const {
        if (confederation()) return 0;
        return kind == SegmentKind::Set ? 1 : count;
    }
    [[nodiscard]] size_t bytes() const { return 2 + size_t{4} * count; }
};

// Over canonical bytes.
template <typename Each>
void forEachSegment(ByteView bytes, Each each) {
    while (bytes.size() >= 2) {
        const Segment segment{static_cast<SegmentKind>(bytes[0]), bytes[1], bytes.data() + 2};
        each(segment);
        bytes = bytes.subspan(segment.bytes());
    }
}

size_t lengthOf(ByteView canonical) {
    size_t length = 0;
    forEachSegment(canonical, [&](const Segment& segment) { length += segment.length(); });
    return length;
}

bool knownKind(uint8_t kind) {
    return kind >= static_cast<uint8_t>(SegmentKind::Set) &&
           kind <= static_cast<uint8_t>(SegmentKind::ConfederationSet);
}

}  // namespace

std::string AsPath::toString() const {
    std::string text;
    forEachSegment(m_bytes, [&](const Segment& segment) {
        if (!text.empty()) text += ' ';
        const char* marks = "";
        char between = ',';
        switch (segment.kind) {
        case SegmentKind::Set: marks = "{}"; break;
        case SegmentKind::Sequence: between = ' '; break;
        case SegmentKind::ConfederationSequence:
            marks = "()";
            between = ' ';
            break;
        case SegmentKind::ConfederationSet: marks = "[]"; break;
        }
        if (marks[0] != 0) text += marks[0];
        for (size_t i = 0; i < segment.count; ++i) {
            if (i != 0) text += between;
            text += std::to_string(segment.at(i));
        }
        if (marks[0] != 0) text += marks[1];
    });
    return text;
}

std::vector<uint32_t> AsPath::hops() const {
    std::vector<uint32_t> hops;
    bool known = true;
    forEachSegment(m_bytes, [&](const Segment& segment) {
        if (segment.confederation()) return;
        if (segment.kind == SegmentKind::Set && segment.count > 1) known = false;
        for (size_t i = 0; i < segment.count; ++i) {
            if (hops.empty() || hops.back() != segment.at(i)) hops.push_back(segment.at(i));
        }
    });
    return known ? hops : std::vector<uint32_t>{};
}

size_t AsPath::length() const { return lengthOf(m_bytes); }

bool PathReader::read(ByteView attributes, bool wide) {
    m_path = m_reach = m_unreach = m_four = {};
    while (!attributes.empty()) {
        if (attributes.size() < 3) return false;
        const uint8_t flags = attributes[0];
        const uint8_t type = attributes[1];
        const size_t head = (flags & extendedLength) != 0 ? 4 : 3;
        if (attributes.size() < head) return false;
        const size_t length = head == 4 ? load16(attributes.data() + 2) : attributes[2];
        if (attributes.size() < head + length) return false;
        const ByteView value = attributes.subspan(head, length);
        switch (type) {
        case typeAsPath: m_path = value; break;
        case typeReach: m_reach = value; break;
        case typeUnreach: m_unreach = value; break;
        case typeAs4Path: m_four = value; break;
        default: break;
        }
        attributes = attributes.subspan(head + length);
    }
    if (wide) return wellFormed(m_path);
    if (!widen(m_path, m_widened)) return false;
    m_path = m_widened;
    // A malformed AS4_PATH is ignored, not the route (RFC 6793 §6).
    if (!m_four.empty() && wellFormed(m_four)) merge();
    return true;
}

bool PathReader::wellFormed(ByteView wide) {
    while (!wide.empty()) {
        if (wide.size() < 2 || !knownKind(wide[0])) return false;
        const size_t size = 2 + size_t{4} * wide[1];
        if (wide.size() < size) return false;
        wide = wide.subspan(size);
    }
    return true;
}

bool PathReader::widen(ByteView narrow, Bytes& out) {
    out.clear();
    while (!narrow.empty()) {
        if (narrow.size() < 2 || !knownKind(narrow[0])) return false;
        const size_t count = narrow[1];
        if (narrow.size() < 2 + 2 * count) return false;
        out.push_back(narrow[0]);
        out.push_back(narrow[1]);
        for (size_t i = 0; i < count; ++i) {
            out.push_back(0);
            out.push_back(0);
            out.push_back(narrow[2 + 2 * i]);
            out.push_back(narrow[3 + 2 * i]);
        }
        narrow = narrow.subspan(2 + 2 * count);
    }
    return true;
}

// The leading steps that the AS4_PATH lacks come from the AS_PATH.
void PathReader::merge() {
    const size_t ours = lengthOf(m_path);
    const size_t four = lengthOf(m_four);
    if (four > ours) return;
    size_t keep = ours - four;
    m_merged.clear();
    forEachSegment(m_path, [&](const Segment& segment) {
        if (keep == 0) return;
        const auto* begin = segment.numbers - 2;
        if (segment.length() <= keep) {
            m_merged.insert(m_merged.end(), begin, begin + segment.bytes());
            keep -= segment.length();
            return;
        }
        m_merged.push_back(*begin);  // a sequence: others are one step at most
        m_merged.push_back(static_cast<uint8_t>(keep));
        m_merged.insert(m_merged.end(), segment.numbers, segment.numbers + 4 * keep);
        keep = 0;
    });
    // Two sequences next to each other are one.
    ByteView rest = m_four;
    const auto sequence = static_cast<uint8_t>(SegmentKind::Sequence);
    size_t last = 0;
    for (size_t at = 0; at < m_merged.size(); at += 2 + size_t{4} * m_merged[at + 1]) last = at;
    if (!m_merged.empty() && !rest.empty() && m_merged[last] == sequence && rest[0] == sequence &&
        m_merged[last + 1] + rest[1] <= 255) {
        m_merged[last + 1] = static_cast<uint8_t>(m_merged[last + 1] + rest[1]);
        m_merged.insert(m_merged.end(), rest.begin() + 2, rest.begin() + 2 + 4 * rest[1]);
        rest = rest.subspan(2 + size_t{4} * rest[1]);
    }
    m_merged.insert(m_merged.end(), rest.begin(), rest.end());
    m_path = m_merged;
}

}  // namespace netpas::routes
