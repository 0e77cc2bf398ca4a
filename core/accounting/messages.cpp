#include "core/accounting/messages.h"

#include <algorithm>

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

// The first byte of a message (PROTOCOL.md).
enum class Type : uint8_t {
    Join = 1,
    Joined = 2,
    RegisterKey = 3,
    KeyReady = 4,
    RevokeKey = 5,
    UsageQuery = 6,
    UsageStatement = 7,
    InvoiceQuery = 8,
    Invoice = 9,
    Refused = 10,
    EdgeHello = 16,
    EdgeWelcome = 17,
    InstallKey = 18,
    KeyInstalled = 19,
    RemoveKey = 20,
    KeyRemoved = 21,
    EdgeReport = 22,
    EdgeReportAck = 23,
    EdgeSample = 24,
    SetBlacklist = 25,
    ConfirmationToCountersign = 32,
    ForwardedConfirmation = 33,
    Ack = 34,
    SendPayment = 48,
    PaymentQuery = 49,
    PaymentStatement = 50,
    RouteQuery = 51,
    RouteFound = 52,
    SetReceiving = 53,
    ReceivingSet = 54,
    ForwardPayment = 55,
    PaymentRefused = 56,
    PaymentConfirmed = 57,
    PaymentAck = 58,
    CancelPayment = 59,
    AnnounceRoutes = 60,
    SiblingPlaces = 64,
    SiblingCustomers = 65,
    BatchAbility = 80,
    ConfirmationBatch = 81,
    BatchAck = 82,
    Complaint = 83,
    ComplaintAnswer = 84,
    CountPaths = 88,
    PathCounts = 89,
    PayeeComplaint = 96,
    DelegatedConfirmation = 66,
    TakePart = 104,
    PartTaken = 105,
    SetDeliveries = 106,
    PayeeComplaintAck = 108,
};

template <typename T, typename Put>
void putList(Writer& w, const std::vector<T>& list, size_t limit, Put put) {
    const size_t count = std::min(list.size(), limit);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) put(w, list[i]);
}

template <typename T, typename Get>
std::vector<T> getList(Reader& r, size_t limit, Get get) {
    const size_t count = readCount(r, limit);
    std::vector<T> list;
    for (size_t i = 0; i < count && r.ok(); ++i) list.push_back(get(r));
    return list;
}

void putIsp(Writer& w, const IspId& isp) { w.u16(isp.value()); }
IspId getIsp(Reader& r) { return IspId(r.u16()); }

void putExit(Writer& w, ExitPoint exit) { w.u16(exit.value()); }
ExitPoint getExit(Reader& r) {
    const auto exit = ExitPoint::from(r.u16());
    if (!exit) r.fail();
    return exit.value_or(ExitPoint{});
}

void putSessionKey(Writer& w, const SessionKey& key) {
    w.u32(key.id.value());
    w.bytes(key.secret);
    writeMoney(w, key.cap);
    writeMoney(w, key.capPerSecond);
    putList(w, key.allowed, maxAllowedIsps, putIsp);
    writeTime(w, key.expires);
}
SessionKey getSessionKey(Reader& r) {
    SessionKey key;
    key.id = SessionKeyId(r.u32());
    r.array(key.secret);
    key.cap = readMoney(r);
    key.capPerSecond = readMoney(r);
    key.allowed = getList<IspId>(r, maxAllowedIsps, getIsp);
    key.expires = readTime(r);
    return key;
}

void putLine(Writer& w, const InvoiceLine& line) {
    w.u32(line.key.value());
    w.u64(line.packets);
    writeMoney(w, line.amount);
    writeBool(w, line.final);
}
InvoiceLine getLine(Reader& r) {
    InvoiceLine line;
    line.key = SessionKeyId(r.u32());
    line.packets = r.u64();
    line.amount = readMoney(r);
    line.final = readBool(r);
    return line;
}

void putKeyCounters(Writer& w, const KeyCounters& c) {
    w.u32(c.key.value());
    w.u64(c.packets);
    w.u64(c.bytes);
    writeMoney(w, c.amount);
    w.u64(c.nextSequence);
}
KeyCounters getKeyCounters(Reader& r) {
    KeyCounters c;
    c.key = SessionKeyId(r.u32());
    c.packets = r.u64();
    c.bytes = r.u64();
    c.amount = readMoney(r);
    c.nextSequence = r.u64();
    return c;
}

void putLinkCounters(Writer& w, const LinkCounters& c) {
    putIsp(w, c.neighbour);
    putExit(w, c.exit);
    w.u64(c.packets);
    w.u64(c.bytes);
    writeMoney(w, c.own);
    writeMoney(w, c.downstream);
}
LinkCounters getLinkCounters(Reader& r) {
    LinkCounters c;
    c.neighbour = getIsp(r);
    c.exit = getExit(r);
    c.packets = r.u64();
    c.bytes = r.u64();
    c.own = readMoney(r);
    c.downstream = readMoney(r);
    return c;
}

void putIspAmount(Writer& w, const IspAmount& a) {
    putIsp(w, a.isp);
    writeMoney(w, a.amount);
}
IspAmount getIspAmount(Reader& r) {
    IspAmount a;
    a.isp = getIsp(r);
    a.amount = readMoney(r);
    return a;
}

void putVerdict(Writer& w, const VerdictCount& v) {
    writeText(w, v.name, maxNameSize);
    w.u64(v.packets);
}
VerdictCount getVerdict(Reader& r) {
    VerdictCount v;
    v.name = readText(r, maxNameSize);
    v.packets = r.u64();
    return v;
}

void putAck(Writer& w, const AckEntry& a) {
    w.bytes(a.id);
    w.u8(static_cast<uint8_t>(a.result));
}
AckEntry getAck(Reader& r) {
    AckEntry a;
    r.array(a.id);
    const uint8_t result = r.u8();
    if (result > static_cast<uint8_t>(AckResult::NotDelegated)) r.fail();
    a.result = static_cast<AckResult>(result);
    return a;
}

struct Encoder {
    Writer w;

    void type(Type t) { w.u8(static_cast<uint8_t>(t)); }
    void request(Type t, uint32_t number) {
        type(t);
        w.u32(number);
    }

    void operator()(const Join& m) { request(Type::Join, m.request); }
    void operator()(const RegisterKey& m) {
        request(Type::RegisterKey, m.request);
        putSessionKey(w, m.key);
        w.bytes(m.signature.bytes);
    }
    void operator()(const RevokeKey& m) {
        request(Type::RevokeKey, m.request);
        w.u32(m.key.value());
    }
    void operator()(const UsageQuery& m) {
        request(Type::UsageQuery, m.request);
        w.u32(m.key.value());
    }
    void operator()(const InvoiceQuery& m) { request(Type::InvoiceQuery, m.request); }
    void operator()(const Joined& m) {
        request(Type::Joined, m.request);
        putIsp(w, m.isp);
        writeText(w, m.ispName, maxNameSize);
        writeText(w, m.customerName, maxNameSize);
    }
    void operator()(const KeyReady& m) {
        request(Type::KeyReady, m.request);
        w.u32(m.key.value());
    }
    void operator()(const UsageStatement& m) {
        request(Type::UsageStatement, m.request);
        w.u32(m.key.value());
        w.u64(m.packets);
        w.u64(m.bytes);
        writeMoney(w, m.amount);
        writeBool(w, m.final);
        writeTime(w, m.time);
        w.bytes(m.signature.bytes);
    }
    void operator()(const Invoice& m) {
        request(Type::Invoice, m.request);
        w.bytes(m.customer.bytes());
        writeTime(w, m.time);
        w.u64(m.packets);
        writeMoney(w, m.total);
        putList(w, m.lines, maxInvoiceLines, putLine);
        w.bytes(m.signature.bytes);
    }
    void operator()(const Refused& m) {
        request(Type::Refused, m.request);
        w.u8(static_cast<uint8_t>(m.reason));
        writeText(w, m.remedy, maxTextSize);
    }
    void operator()(const EdgeHello& m) {
        type(Type::EdgeHello);
        writeText(w, m.router, maxNameSize);
        w.u64(m.incarnation);
        putList(w, m.customers, maxCustomers,
                [](Writer& out, const std::string& name) { writeText(out, name, maxNameSize); });
    }
    void operator()(const EdgeReport& m) {
        type(Type::EdgeReport);
        w.u32(m.sequence);
        writeTime(w, m.time);
        putList(w, m.keys, maxReportKeys, putKeyCounters);
        putList(w, m.links, maxReportLinks, putLinkCounters);
        putList(w, m.downstream, maxReportIsps, putIspAmount);
        putList(w, m.upstream, maxReportIsps, putIspAmount);
        putList(w, m.verdicts, maxReportVerdicts, putVerdict);
    }
    void operator()(const EdgeSample& m) {
        type(Type::EdgeSample);
        w.bytes(m.id);
        putIsp(w, m.beneficiary);
        writeMoney(w, m.amount);
        writeHeader(w, m.header);
        w.bytes(m.excerpt);
    }
    void operator()(const KeyInstalled& m) {
        type(Type::KeyInstalled);
        w.u32(m.key.value());
    }
    void operator()(const KeyRemoved& m) {
        type(Type::KeyRemoved);
        putKeyCounters(w, m.counters);
    }
    void operator()(const EdgeWelcome& m) {
        type(Type::EdgeWelcome);
        putIsp(w, m.isp);
    }
    void operator()(const InstallKey& m) {
        type(Type::InstallKey);
        putSessionKey(w, m.key);
        writeText(w, m.customer, maxNameSize);
        w.u64(m.nextSequence);
    }
    void operator()(const RemoveKey& m) {
        type(Type::RemoveKey);
        w.u32(m.key.value());
    }
    void operator()(const SetBlacklist& m) {
        type(Type::SetBlacklist);
        putList(w, m.isps, maxBlacklist, putIsp);
    }
    void operator()(const EdgeReportAck& m) {
        type(Type::EdgeReportAck);
        w.u32(m.sequence);
    }
    void operator()(const ConfirmationToCountersign& m) {
        type(Type::ConfirmationToCountersign);
        accounting::encode(w, m.confirmation);
    }
    void operator()(const ForwardedConfirmation& m) {
        type(Type::ForwardedConfirmation);
        accounting::encode(w, m.confirmation);
    }
    void operator()(const Ack& m) {
        type(Type::Ack);
        putList(w, m.entries, maxAcks, putAck);
    }
    template <typename T>
    void payment(Type of, const T& m) {
        type(of);
        write(w, m);
    }
    void operator()(const SendPayment& m) { payment(Type::SendPayment, m); }
    void operator()(const PaymentQuery& m) { payment(Type::PaymentQuery, m); }
    void operator()(const PaymentStatement& m) { payment(Type::PaymentStatement, m); }
    void operator()(const RouteQuery& m) { payment(Type::RouteQuery, m); }
    void operator()(const RouteFound& m) { payment(Type::RouteFound, m); }
    void operator()(const SetReceiving& m) { payment(Type::SetReceiving, m); }
    void operator()(const ReceivingSet& m) { payment(Type::ReceivingSet, m); }
    void operator()(const ForwardPayment& m) { payment(Type::ForwardPayment, m); }
    void operator()(const PaymentRefused& m) { payment(Type::PaymentRefused, m); }
    void operator()(const PaymentConfirmed& m) { payment(Type::PaymentConfirmed, m); }
    void operator()(const PaymentAck& m) { payment(Type::PaymentAck, m); }
    void operator()(const CancelPayment& m) { payment(Type::CancelPayment, m); }
    void operator()(const AnnounceRoutes& m) { payment(Type::AnnounceRoutes, m); }
    void operator()(const SiblingPlaces& m) { payment(Type::SiblingPlaces, m); }
    void operator()(const SiblingCustomers& m) { payment(Type::SiblingCustomers, m); }
    void operator()(const BatchAbility& m) { payment(Type::BatchAbility, m); }
    void operator()(const ConfirmationBatch& m) { payment(Type::ConfirmationBatch, m); }
    void operator()(const BatchAck& m) { payment(Type::BatchAck, m); }
    void operator()(const Complaint& m) { payment(Type::Complaint, m); }
    void operator()(const ComplaintAnswer& m) { payment(Type::ComplaintAnswer, m); }
    void operator()(const CountPaths& m) { payment(Type::CountPaths, m); }
    void operator()(const PathCounts& m) { payment(Type::PathCounts, m); }
    void operator()(const PayeeComplaint& m) { payment(Type::PayeeComplaint, m); }
    void operator()(const DelegatedConfirmation& m) {
        type(Type::DelegatedConfirmation);
        accounting::encode(w, m.confirmation);
    }
    void operator()(const TakePart& m) { payment(Type::TakePart, m); }
    void operator()(const PartTaken& m) { payment(Type::PartTaken, m); }
    void operator()(const SetDeliveries& m) { payment(Type::SetDeliveries, m); }
    void operator()(const PayeeComplaintAck& m) { payment(Type::PayeeComplaintAck, m); }
};

UsageStatement getStatement(Reader& r) {
    UsageStatement m;
    m.request = r.u32();
    m.key = SessionKeyId(r.u32());
    m.packets = r.u64();
    m.bytes = r.u64();
    m.amount = readMoney(r);
    m.final = readBool(r);
    m.time = readTime(r);
    r.array(m.signature.bytes);
    return m;
}

Invoice getInvoice(Reader& r) {
    Invoice m;
    m.request = r.u32();
    std::array<uint8_t, NodeId::size> node{};
    r.array(node);
    m.customer = NodeId(node);
    m.time = readTime(r);
    m.packets = r.u64();
    m.total = readMoney(r);
    m.lines = getList<InvoiceLine>(r, maxInvoiceLines, getLine);
    r.array(m.signature.bytes);
    return m;
}

Refused getRefused(Reader& r) {
    Refused m;
    m.request = r.u32();
    const uint8_t reason = r.u8();
    if (reason < static_cast<uint8_t>(Refusal::NotACustomer) || reason > static_cast<uint8_t>(Refusal::Forbidden)) {
        r.fail();
    }
    m.reason = static_cast<Refusal>(reason);
    m.remedy = readText(r, maxTextSize);
    return m;
}

EdgeReport getReport(Reader& r) {
    EdgeReport m;
    m.sequence = r.u32();
    m.time = readTime(r);
    m.keys = getList<KeyCounters>(r, maxReportKeys, getKeyCounters);
    m.links = getList<LinkCounters>(r, maxReportLinks, getLinkCounters);
    m.downstream = getList<IspAmount>(r, maxReportIsps, getIspAmount);
    m.upstream = getList<IspAmount>(r, maxReportIsps, getIspAmount);
    m.verdicts = getList<VerdictCount>(r, maxReportVerdicts, getVerdict);
    return m;
}

RegisterKey getRegisterKey(Reader& r) {
    RegisterKey m;
    m.request = r.u32();
    m.key = getSessionKey(r);
    r.array(m.signature.bytes);
    return m;
}

Joined getJoined(Reader& r) {
    Joined m;
    m.request = r.u32();
    m.isp = getIsp(r);
    m.ispName = readText(r, maxNameSize);
    m.customerName = readText(r, maxNameSize);
    return m;
}

EdgeHello getHello(Reader& r) {
    EdgeHello m;
    m.router = readText(r, maxNameSize);
    m.incarnation = r.u64();
    m.customers = getList<std::string>(r, maxCustomers, [](Reader& in) { return readText(in, maxNameSize); });
    return m;
}

InstallKey getInstall(Reader& r) {
    InstallKey m;
    m.key = getSessionKey(r);
    m.customer = readText(r, maxNameSize);
    m.nextSequence = r.u64();
    return m;
}

EdgeSample getSample(Reader& r) {
    EdgeSample m;
    r.array(m.id);
    m.beneficiary = getIsp(r);
    m.amount = readMoney(r);
    m.header = readHeader(r);
    r.array(m.excerpt);
    return m;
}

// Members of a braced list are read in order.
Message getBody(Type type, Reader& r, bool& known) {
    switch (type) {
    case Type::Join: return Join{r.u32()};
    case Type::Joined: return getJoined(r);
    case Type::RegisterKey: return getRegisterKey(r);
    case Type::KeyReady: return KeyReady{r.u32(), SessionKeyId(r.u32())};
    case Type::RevokeKey: return RevokeKey{r.u32(), SessionKeyId(r.u32())};
    case Type::UsageQuery: return UsageQuery{r.u32(), SessionKeyId(r.u32())};
    case Type::UsageStatement: return getStatement(r);
    case Type::InvoiceQuery: return InvoiceQuery{r.u32()};
    case Type::Invoice: return getInvoice(r);
    case Type::Refused: return getRefused(r);
    case Type::EdgeHello: return getHello(r);
    case Type::EdgeWelcome: return EdgeWelcome{getIsp(r)};
    case Type::InstallKey: return getInstall(r);
    case Type::KeyInstalled: return KeyInstalled{SessionKeyId(r.u32())};
    case Type::RemoveKey: return RemoveKey{SessionKeyId(r.u32())};
    case Type::KeyRemoved: return KeyRemoved{getKeyCounters(r)};
    case Type::EdgeReport: return getReport(r);
    case Type::EdgeReportAck: return EdgeReportAck{r.u32()};
    case Type::EdgeSample: return getSample(r);
    case Type::SetBlacklist: return SetBlacklist{getList<IspId>(r, maxBlacklist, getIsp)};
    case Type::ConfirmationToCountersign: return ConfirmationToCountersign{decodeConfirmation(r)};
    case Type::ForwardedConfirmation: return ForwardedConfirmation{decodeConfirmation(r)};
    case Type::Ack: return Ack{getList<AckEntry>(r, maxAcks, getAck)};
    case Type::SendPayment: return readSendPayment(r);
    case Type::PaymentQuery: return readPaymentQuery(r);
    case Type::PaymentStatement: return readPaymentStatement(r);
    case Type::RouteQuery: return readRouteQuery(r);
    case Type::RouteFound: return readRouteFound(r);
    case Type::SetReceiving: return readSetReceiving(r);
    case Type::ReceivingSet: return readReceivingSet(r);
    case Type::ForwardPayment: return readForwardPayment(r);
    case Type::PaymentRefused: return readPaymentRefused(r);
    case Type::PaymentConfirmed: return readPaymentConfirmed(r);
    case Type::PaymentAck: return readPaymentAck(r);
    case Type::CancelPayment: return readCancelPayment(r);
    case Type::AnnounceRoutes: return readAnnounceRoutes(r);
    case Type::SiblingPlaces: return readSiblingPlaces(r);
    case Type::SiblingCustomers: return readSiblingCustomers(r);
    case Type::BatchAbility: return readBatchAbility(r);
    case Type::ConfirmationBatch: return readConfirmationBatch(r);
    case Type::BatchAck: return readBatchAck(r);
    case Type::Complaint: return readComplaint(r);
    case Type::ComplaintAnswer: return readComplaintAnswer(r);
    case Type::CountPaths: return readCountPaths(r);
    case Type::PathCounts: return readPathCounts(r);
    case Type::PayeeComplaint: return readPayeeComplaint(r);
    case Type::DelegatedConfirmation: return DelegatedConfirmation{decodeConfirmation(r)};
    case Type::TakePart: return readTakePart(r);
    case Type::PartTaken: return readPartTaken(r);
    case Type::SetDeliveries: return readSetDeliveries(r);
    case Type::PayeeComplaintAck: return readPayeeComplaintAck(r);
    }
    known = false;
    return Join{};
}

}  // namespace

Bytes encode(const Message& message) {
    Encoder encoder;
    std::visit(encoder, message);
    return encoder.w.take();
}

tl::expected<Message, DecodeError> decode(ByteView bytes) {
    if (bytes.empty()) return tl::unexpected(DecodeError::Empty);
    Reader reader(bytes);
    bool known = true;
    const auto type = static_cast<Type>(reader.u8());
    Message message = getBody(type, reader, known);
    if (!known) return tl::unexpected(DecodeError::UnknownType);
    if (!reader.finished()) return tl::unexpected(DecodeError::Malformed);
    return message;
}

Bytes registerKeyMessage(const SessionKey& key, const NodeId& server) {
    Writer w;
    writePurpose(w, "NetPaS register key 1");
    w.bytes(server.bytes());
    putSessionKey(w, key);
    return w.take();
}

Bytes invoiceMessage(const Invoice& invoice) {
    Writer w;
    writePurpose(w, "NetPaS invoice 1");
    w.bytes(invoice.customer.bytes());
    writeTime(w, invoice.time);
    w.u64(invoice.packets);
    writeMoney(w, invoice.total);
    putList(w, invoice.lines, maxInvoiceLines, putLine);
    return w.take();
}

std::string_view describe(DecodeError error) {
    switch (error) {
    case DecodeError::Empty: return "the message is empty";
    case DecodeError::UnknownType: return "the message is of an unknown type";
    case DecodeError::Malformed: return "the message is malformed";
    }
    return "unknown";
}

std::string_view describe(Refusal refusal) {
    switch (refusal) {
    case Refusal::NotACustomer: return "this address does not belong to a customer and the key is not enrolled";
    case Refusal::OtherKeyEnrolled: return "another identity is enrolled for this customer";
    case Refusal::NotJoined: return "this identity has not joined";
    case Refusal::KeyIdUsed: return "the session key's id was used before";
    case Refusal::BadSignature: return "the signature is wrong";
    case Refusal::Expired: return "the session key's expiry is past or too far away";
    case Refusal::BadCap: return "a cap is zero or above the limit";
    case Refusal::UnknownKey: return "this customer has no such session key";
    case Refusal::TooMany: return "too many session keys or requests";
    case Refusal::EdgeUnavailable: return "no edge router serves this customer now";
    case Refusal::NotAllowed: return "this kind of peer may not ask that";
    case Refusal::StoreFailed: return "the accounting server cannot write its books";
    case Refusal::Forbidden: return "a rule of your organisation forbids it";
    }
    return "unknown";
}

std::string_view describe(AckResult result) {
    switch (result) {
    case AckResult::Accepted: return "accepted";
    case AckResult::Duplicate: return "duplicate";
    case AckResult::Expired: return "expired";
    case AckResult::FromTheFuture: return "from the future";
    case AckResult::BadSignature: return "bad signature";
    case AckResult::WrongPath: return "wrong path";
    case AckResult::WrongAmount: return "wrong amount";
    case AckResult::Conflict: return "the id belongs to another confirmation";
    case AckResult::NotDelegated: return "confirming that is not delegated to the sender";
    }
    return "unknown";
}

}  // namespace netpas::accounting
