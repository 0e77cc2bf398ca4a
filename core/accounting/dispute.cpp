#include "core/accounting/dispute.h"

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

constexpr size_t maxFinding = 512;

void writePath(Writer& w, const PathIsps& path) {
    const size_t count = std::min(path.size(), AccountingHeader::maxHops);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) w.u16(path[i].value());
}

PathIsps readPath(Reader& r) {
    PathIsps path;
    const size_t count = readCount(r, AccountingHeader::maxHops);
    for (size_t i = 0; i < count && r.ok(); ++i) path.emplace_back(r.u16());
    return path;
}

template <typename Enum>
Enum readEnum(Reader& r, Enum first, Enum last) {
    const uint8_t value = r.u8();
    if (value < static_cast<uint8_t>(first) || value > static_cast<uint8_t>(last)) r.fail();
    return static_cast<Enum>(value);
}

void writeUnsigned(Writer& w, const Complaint& m) {
    w.u64(m.number);
    w.u16(m.from.value());
    w.u16(m.to.value());
    w.u8(static_cast<uint8_t>(m.subject));
    w.u16(m.isp.value());
    writeBool(w, m.tooMuch);
    writeMoney(w, m.counted);
    writeMoney(w, m.confirmed);
    writeMoney(w, m.tolerance);
    writePath(w, m.path);
    writeTime(w, m.time);
}

void writeUnsigned(Writer& w, const ComplaintAnswer& m) {
    w.u64(m.number);
    w.u16(m.from.value());
    w.u16(m.to.value());
    w.u8(static_cast<uint8_t>(m.reply));
    writeMoney(w, m.counted);
    writeMoney(w, m.confirmed);
    writeMoney(w, m.rectified);
    writeTime(w, m.time);
}

std::string name(IspId isp) { return "ISP " + std::to_string(isp.value()); }

}  // namespace

PathIsps ispsOf(const AccountingHeader& header) {
    PathIsps isps;
    for (const HopBlock& hop : header.hops()) isps.push_back(hop.isp);
    return isps;
}

std::string_view describe(ComplaintReply reply) {
    switch (reply) {
    case ComplaintReply::LooksIntoIt: return "looks into it";
    case ComplaintReply::Rectified: return "has rectified it";
    case ComplaintReply::Disagrees: return "disagrees";
    }
    return "unknown";
}

std::string_view describe(DisputeState state) {
    switch (state) {
    case DisputeState::Open: return "open";
    case DisputeState::Resolved: return "resolved";
    case DisputeState::Unresolved: return "unresolved";
    }
    return "unknown";
}

void write(Writer& w, const Complaint& m) {
    writeUnsigned(w, m);
    w.bytes(m.signature.bytes);
}

void write(Writer& w, const ComplaintAnswer& m) {
    writeUnsigned(w, m);
    w.bytes(m.signature.bytes);
}

Complaint readComplaint(Reader& r) {
    Complaint m;
    m.number = r.u64();
    m.from = IspId(r.u16());
    m.to = IspId(r.u16());
    m.subject = readEnum(r, Subject::Own, Subject::Downstream);
    m.isp = IspId(r.u16());
    m.tooMuch = readBool(r);
    m.counted = readMoney(r);
    m.confirmed = readMoney(r);
    m.tolerance = readMoney(r);
    m.path = readPath(r);
    m.time = readTime(r);
    r.array(m.signature.bytes);
    return m;
}

ComplaintAnswer readComplaintAnswer(Reader& r) {
    ComplaintAnswer m;
    m.number = r.u64();
    m.from = IspId(r.u16());
    m.to = IspId(r.u16());
    m.reply = readEnum(r, ComplaintReply::LooksIntoIt, ComplaintReply::Disagrees);
    m.counted = readMoney(r);
    m.confirmed = readMoney(r);
    m.rectified = readMoney(r);
    m.time = readTime(r);
    r.array(m.signature.bytes);
    return m;
}

void write(Writer& w, const CountPaths& m) {
    const size_t count = std::min(m.paths.size(), maxCountedPaths);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        w.u32(m.paths[i].id);
        writePath(w, m.paths[i].isps);
    }
}

CountPaths readCountPaths(Reader& r) {
    CountPaths m;
    const size_t count = readCount(r, maxCountedPaths);
    for (size_t i = 0; i < count && r.ok(); ++i) {
        const uint32_t id = r.u32();
        m.paths.push_back({id, readPath(r)});
        if (m.paths.back().isps.empty()) r.fail();
    }
    return m;
}

void write(Writer& w, const PathCounts& m) {
    const size_t count = std::min(m.counts.size(), maxCountedPaths);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        const PathCounts::Count& one = m.counts[i];
        const size_t hops = std::min(one.amounts.size(), AccountingHeader::maxHops);
        w.u32(one.id);
        w.u64(one.packets);
        w.u16(static_cast<uint16_t>(hops));
        for (size_t hop = 0; hop < hops; ++hop) writeMoney(w, one.amounts[hop]);
    }
}

PathCounts readPathCounts(Reader& r) {
    PathCounts m;
    const size_t count = readCount(r, maxCountedPaths);
    for (size_t i = 0; i < count && r.ok(); ++i) {
        PathCounts::Count& one = m.counts.emplace_back();
        one.id = r.u32();
        one.packets = r.u64();
        const size_t hops = readCount(r, AccountingHeader::maxHops);
        for (size_t hop = 0; hop < hops && r.ok(); ++hop) one.amounts.push_back(readMoney(r));
    }
    return m;
}

Bytes complaintMessage(const Complaint& complaint) {
    Writer w;
    writePurpose(w, "NetPaS complaint 1");
    writeUnsigned(w, complaint);
    return w.take();
}

Bytes complaintAnswerMessage(const ComplaintAnswer& answer) {
    Writer w;
    writePurpose(w, "NetPaS complaint answer 1");
    writeUnsigned(w, answer);
    return w.take();
}

std::string Dispute::text(IspId own) const {
    const Complaint& c = complaint;
    const std::string who = c.from == own ? "We complained to " + name(c.to) : name(c.from) + " complained to us";
    const std::string service = c.subject == Subject::Own   ? "the service of " + name(c.from)
                                : c.subject == Subject::Via ? "the services behind " + name(c.to)
                                                            : "the service of " + name(c.isp);
    std::string all = who + ": too " + (c.tooMuch ? "much" : "little") + " of " + service +
                      " was confirmed, counted $" + c.counted.toString() + ", confirmed $" + c.confirmed.toString() +
                      ", chance explains $" + c.tolerance.toString() + ".";
    if (answer) {
        const std::string whose = answer->from == own ? "We said" : name(answer->from) + " said";
        all += " " + whose + " that it " + std::string(describe(answer->reply)) + ": counted $" +
               answer->counted.toString() + ", confirmed $" + answer->confirmed.toString();
        if (answer->rectified > Money::zero()) all += ", of which $" + answer->rectified.toString() + " only now";
        all += ".";
    }
    if (!finding.empty()) all += " " + finding;
    switch (state) {
    case DisputeState::Open: break;
    case DisputeState::Resolved: all += " The sums fit again."; break;
    case DisputeState::Unresolved: all += " It was not settled in time."; break;
    }
    return all;
}

Bytes encodeDispute(const Dispute& dispute) {
    Writer w;
    write(w, dispute.complaint);
    w.u8(static_cast<uint8_t>(dispute.state));
    writeTime(w, dispute.changed);
    writeBool(w, dispute.answer.has_value());
    if (dispute.answer) write(w, *dispute.answer);
    writeText(w, dispute.finding, maxFinding);
    if (dispute.onPath) writeBool(w, true);
    return w.take();
}

std::optional<Dispute> decodeDispute(int64_t number, ByteView body) {
    Reader r(body);
    Dispute dispute;
    dispute.number = number;
    dispute.complaint = readComplaint(r);
    dispute.state = readEnum(r, DisputeState::Open, DisputeState::Unresolved);
    dispute.changed = readTime(r);
    if (readBool(r)) dispute.answer = readComplaintAnswer(r);
    dispute.finding = readText(r, maxFinding);
    if (r.ok() && r.remaining() > 0) dispute.onPath = readBool(r);
    if (!r.finished()) return std::nullopt;
    return dispute;
}

}  // namespace netpas::accounting
