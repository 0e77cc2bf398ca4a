#include "core/audit/records.h"

#include "core/accounting/wire_parts.h"

namespace netpas::audit {

using namespace accounting;

namespace {

constexpr std::string_view counterPurpose = "NetPaS counters against confirmations 1";

void writeParty(Writer& w, const Party& party) { writeText(w, party.text(), maxText); }
Party readParty(Reader& r) {
    const std::string text = readText(r, maxText);
    const auto party = Party::parse(text);
    if (!party || party->text() != text) r.fail();
    return party.value_or(Party{});
}

// An enumerator between `first` and `last`.
template <typename E>
E readEnum(Reader& r, E first, E last) {
    const uint8_t value = r.u8();
    if (value < static_cast<uint8_t>(first) || value > static_cast<uint8_t>(last)) r.fail();
    return r.ok() ? static_cast<E>(value) : first;
}

void writeNode(Writer& w, const NodeId& node) { w.bytes(node.bytes()); }
NodeId readNode(Reader& r) {
    std::array<uint8_t, NodeId::size> bytes{};
    r.array(bytes);
    return NodeId(bytes);
}

void writeSide(Writer& w, const BillSide& side) {
    writeMoney(w, side.total);
    w.u64(side.count);
}
BillSide readSide(Reader& r) {
    const Money total = readMoney(r);
    return {total, r.u64()};
}

// Messages of the protocol keep its encoding.
template <typename T>
void writeMessage(Writer& w, T message) {
    message.request = 0;
    w.blob16(accounting::encode(Message(std::move(message))));
}
template <typename T>
T readMessage(Reader& r) {
    const auto message = accounting::decode(r.blob16());
    const T* wanted = message ? std::get_if<T>(&*message) : nullptr;
    // The request number is no part of what is stated: always 0 here.
    if (wanted == nullptr || wanted->request != 0) r.fail();
    return wanted != nullptr ? *wanted : T{};
}

// --- bodies

void write(Writer& w, const Head& v) {
    w.u16(v.isp.value());
    writeText(w, v.name, maxText);
    w.bytes(v.key.bytes);
    writeTime(w, v.made);
    writeTime(w, v.logFrom);
    writeTime(w, v.paymentFrom);
}
void read(Reader& r, Head& v) {
    v.isp = IspId(r.u16());
    v.name = readText(r, maxText);
    r.array(v.key.bytes);
    v.made = readTime(r);
    v.logFrom = readTime(r);
    v.paymentFrom = readTime(r);
}

void write(Writer& w, const KnownKey& v) {
    writeParty(w, v.holder);
    w.bytes(v.key.bytes);
}
void read(Reader& r, KnownKey& v) {
    v.holder = readParty(r);
    r.array(v.key.bytes);
}

void write(Writer& w, const LoggedConfirmation& v) {
    w.u8(static_cast<uint8_t>(v.role));
    writeBool(w, v.upstream.has_value());
    if (v.upstream) writeParty(w, *v.upstream);
    writeBool(w, v.waiting);
    accounting::encodeProven(w, v.confirmation);
}
void read(Reader& r, LoggedConfirmation& v) {
    v.role = readEnum(r, Role::Made, Role::Relayed);
    if (readBool(r)) v.upstream = readParty(r);
    v.waiting = readBool(r);
    v.confirmation = accounting::decodeProven(r);
}

void write(Writer& w, const LoggedPayment& v) { w.bytes(v.record); }
void read(Reader& r, LoggedPayment& v) {
    const ByteView bytes = r.bytes(r.remaining());
    v.record.assign(bytes.begin(), bytes.end());
    if (!decodeRecord(v.record)) r.fail();
}

void write(Writer& w, const SumEntry& v) {
    w.u8(static_cast<uint8_t>(v.kind));
    w.u16(v.isp.value());
    writeSide(w, v.all);
    writeSide(w, v.summarised);
}
void read(Reader& r, SumEntry& v) {
    v.kind = readEnum(r, SumKind::OwedTo, SumKind::AllowanceIsp);
    v.isp = IspId(r.u16());
    v.all = readSide(r);
    v.summarised = readSide(r);
}

void write(Writer& w, const PaymentSumEntry& v) {
    w.u8(static_cast<uint8_t>(v.kind));
    writeParty(w, v.party);
    writeSide(w, v.all);
    writeSide(w, v.summarised);
}
void read(Reader& r, PaymentSumEntry& v) {
    v.kind = readEnum(r, PaymentSum::OwedBy, PaymentSum::Delegated);
    v.party = readParty(r);
    v.all = readSide(r);
    v.summarised = readSide(r);
}

void writeFacts(Writer& w, const CounterStatement& v) {
    w.u16(v.stating.value());
    w.u8(static_cast<uint8_t>(v.subject));
    w.u16(v.isp.value());
    writeMoney(w, v.counted);
    writeMoney(w, v.confirmed);
    writeMoney(w, v.tolerance);
    writeTime(w, v.time);
}
void write(Writer& w, const CounterStatement& v) {
    writeFacts(w, v);
    w.bytes(v.signature.bytes);
}
void read(Reader& r, CounterStatement& v) {
    v.stating = IspId(r.u16());
    v.subject = readEnum(r, Subject::Own, Subject::Downstream);
    v.isp = IspId(r.u16());
    v.counted = readMoney(r);
    v.confirmed = readMoney(r);
    v.tolerance = readMoney(r);
    v.time = readTime(r);
    r.array(v.signature.bytes);
}

void write(Writer& w, const UsageEntry& v) {
    writeNode(w, v.customer);
    writeMessage(w, v.statement);
}
void read(Reader& r, UsageEntry& v) {
    v.customer = readNode(r);
    v.statement = readMessage<UsageStatement>(r);
}

void write(Writer& w, const PaymentStatementEntry& v) {
    writeNode(w, v.payer);
    writeMessage(w, v.statement);
}
void read(Reader& r, PaymentStatementEntry& v) {
    v.payer = readNode(r);
    v.statement = readMessage<PaymentStatement>(r);
}

void write(Writer& w, const AlarmEntry& v) {
    writeTime(w, v.time);
    writeText(w, v.kind, maxText);
    writeText(w, v.subject, maxText);
    writeText(w, v.text, maxText);
}
void read(Reader& r, AlarmEntry& v) {
    v.time = readTime(r);
    v.kind = readText(r, maxText);
    v.subject = readText(r, maxText);
    v.text = readText(r, maxText);
}

void write(Writer& w, const Bill& v) { accounting::encode(w, v); }
void read(Reader& r, Bill& v) { v = decodeBill(r); }

void write(Writer& w, const Block& v) {
    writeParty(w, v.party);
    writeTime(w, v.since);
    writeText(w, v.reason, maxText);
}
void read(Reader& r, Block& v) {
    v.party = readParty(r);
    v.since = readTime(r);
    v.reason = readText(r, maxText);
}

// --- exhibits

void write(Writer& w, const Confirmation& v) { accounting::encodeProven(w, v); }
void read(Reader& r, Confirmation& v) { v = accounting::decodeProven(r); }
void write(Writer& w, const Payment& v) { payments::encode(w, v.payment); }
void read(Reader& r, Payment& v) { v.payment = payments::decodePayment(r); }
void write(Writer& w, const payments::SignedOrder& v) { payments::encode(w, v); }
void read(Reader& r, payments::SignedOrder& v) { v = payments::decodeSignedOrder(r); }
void write(Writer& w, const payments::PaymentConfirmation& v) { payments::encode(w, v); }
void read(Reader& r, payments::PaymentConfirmation& v) { v = payments::decodeConfirmation(r); }
void write(Writer& w, const RawMessage& v) { w.bytes(v.bytes); }
void read(Reader& r, RawMessage& v) {
    const ByteView bytes = r.bytes(r.remaining());
    v.bytes.assign(bytes.begin(), bytes.end());
}
void write(Writer& w, const Note& v) { writeText(w, v.text, maxText); }
void read(Reader& r, Note& v) { v.text = readText(r, maxText); }

void read(Reader& r, Evidence& v);

// The alternative's number; the body is what is left of `body`.
template <typename Variant, size_t I = 0>
std::optional<Variant> readAlternative(size_t index, Reader& r) {
    if constexpr (I < std::variant_size_v<Variant>) {
        if (index != I) return readAlternative<Variant, I + 1>(index, r);
        std::variant_alternative_t<I, Variant> value{};
        read(r, value);
        if (!r.finished()) return std::nullopt;
        return Variant(std::in_place_index<I>, std::move(value));
    } else {
        return std::nullopt;
    }
}

void write(Writer& w, const Evidence& v) {
    w.u8(static_cast<uint8_t>(v.claim));
    writeText(w, v.accused, maxText);
    writeText(w, v.text, maxText);
    writeTime(w, v.time);
    const size_t count = std::min(v.exhibits.size(), maxExhibits);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        Writer body;
        std::visit([&](const auto& exhibit) { write(body, exhibit); }, v.exhibits[i]);
        w.u8(static_cast<uint8_t>(v.exhibits[i].index() + 1));
        w.u32(static_cast<uint32_t>(body.data().size()));
        w.bytes(body.data());
    }
}
void read(Reader& r, Evidence& v) {
    v.claim = readEnum(r, Claim::Observed, Claim::Replayed);
    v.accused = readText(r, maxText);
    v.text = readText(r, maxText);
    v.time = readTime(r);
    const size_t count = readCount(r, maxExhibits);
    for (size_t i = 0; i < count; ++i) {
        const size_t type = r.u8();
        Reader body(r.bytes(r.u32()));
        auto exhibit = r.ok() && type > 0 ? readAlternative<Exhibit>(type - 1, body) : std::nullopt;
        if (!exhibit) return r.fail();
        v.exhibits.push_back(std::move(*exhibit));
    }
}

}  // namespace

std::string_view describe(Claim claim) {
    switch (claim) {
    case Claim::Observed: return "observed";
    case Claim::ConflictingConfirmations: return "conflicting-confirmations";
    case Claim::ForgedConfirmation: return "forged-confirmation";
    case Claim::ImpossiblePath: return "impossible-path";
    case Claim::ForgedPaymentConfirmation: return "forged-payment-confirmation";
    case Claim::AlteredPayment: return "altered-payment";
    case Claim::ForgedOrder: return "forged-order";
    case Claim::ConflictingPaymentStatements: return "conflicting-payment-statements";
    case Claim::ConflictingUsageStatements: return "conflicting-usage-statements";
    case Claim::ConflictingBills: return "conflicting-bills";
    case Claim::Overcharged: return "overcharged";
    case Claim::CountersDisagree: return "counters-disagree";
    case Claim::PaymentConfirmed: return "payment-confirmed";
    case Claim::PaymentOrdered: return "payment-ordered";
    case Claim::Replayed: return "replayed";
    }
    return "unknown";
}

Bytes counterMessage(const CounterStatement& statement) {
    Writer w;
    writePurpose(w, counterPurpose);
    writeFacts(w, statement);
    return w.take();
}

void sign(CounterStatement& statement, const Identity& identity) {
    statement.signature = identity.sign(counterMessage(statement));
}

bool verify(const CounterStatement& statement, const PublicKey& key) {
    return netpas::verify(key, counterMessage(statement), statement.signature);
}

Encoded encode(const Record& record) {
    Writer w;
    std::visit([&](const auto& value) { write(w, value); }, record);
    return {static_cast<uint8_t>(record.index() + 1), w.take()};
}

std::optional<Record> decode(uint8_t type, ByteView body) {
    if (type == 0) return std::nullopt;
    Reader r(body);
    return readAlternative<Record>(type - 1, r);
}

}  // namespace netpas::audit
