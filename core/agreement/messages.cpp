#include "core/agreement/messages.h"

#include <array>
#include <type_traits>

#include "core/agreement/datagram.h"

namespace netpas::agreement {

namespace {

// By alternative of Message; the first one's kind is 2.
constexpr std::array<std::string_view, 7> purposes{
    "NetPaS neighbour offer 1",  "NetPaS neighbour accept 1", "NetPaS neighbour refuse 1", "NetPaS neighbour count 1",
    "NetPaS neighbour paying 1", "NetPaS neighbour end 1",    "NetPaS neighbour ended 1"};
constexpr uint8_t firstKind = advertKind + 1;
static_assert(std::variant_size_v<Message> == purposes.size());

// More packets or bytes than that no link carries in the longest life of an agreement.
constexpr uint64_t mostCounted = uint64_t{1} << 56;
constexpr uint64_t leastPacket = 20;

bool known(RefuseReason reason) { return reason >= RefuseReason::NotSold && reason <= RefuseReason::Unknown; }
bool known(EndReason reason) { return reason >= EndReason::Wish && reason <= EndReason::Undelivered; }

void put(Writer& writer, const Offer& offer) { encode(writer, offer.terms); }
void put(Writer& writer, const Accept& accept) {
    writer.bytes(accept.id);
    writer.bytes(accept.terms);
}
void put(Writer& writer, const Refuse& refuse) {
    writer.bytes(refuse.id);
    writer.u8(static_cast<uint8_t>(refuse.reason));
}
void put(Writer& writer, const Count& count) {
    writer.bytes(count.id);
    writer.u32(count.number);
    writer.u64(count.packets);
    writer.u64(count.bytes);
    accounting::writeBool(writer, count.final);
}
void put(Writer& writer, const Paying& paying) {
    writer.bytes(paying.id);
    writer.u32(paying.number);
    accounting::writeMoney(writer, paying.amount);
}
void put(Writer& writer, const End& end) {
    writer.bytes(end.id);
    writer.u8(static_cast<uint8_t>(end.reason));
}
void put(Writer& writer, const Ended& ended) {
    writer.bytes(ended.id);
    writer.u32(ended.number);
}

void get(Reader& reader, Offer& offer) { offer.terms = decodeTerms(reader); }
void get(Reader& reader, Accept& accept) {
    reader.array(accept.id);
    reader.array(accept.terms);
}
void get(Reader& reader, Refuse& refuse) {
    reader.array(refuse.id);
    refuse.reason = static_cast<RefuseReason>(reader.u8());
    if (!known(refuse.reason)) reader.fail();
}
void get(Reader& reader, Count& count) {
    reader.array(count.id);
    count.number = reader.u32();
    count.packets = reader.u64();
    count.bytes = reader.u64();
    count.final = accounting::readBool(reader);
    if (count.number == 0 || count.bytes > mostCounted || count.packets > mostCounted / leastPacket ||
        count.packets * leastPacket > count.bytes)
        reader.fail();
}
void get(Reader& reader, Paying& paying) {
    reader.array(paying.id);
    paying.number = reader.u32();
    paying.amount = accounting::readMoney(reader);
    if (paying.amount == Money::zero()) reader.fail();
}
void get(Reader& reader, End& end) {
    reader.array(end.id);
    end.reason = static_cast<EndReason>(reader.u8());
    if (!known(end.reason)) reader.fail();
}
void get(Reader& reader, Ended& ended) {
    reader.array(ended.id);
    ended.number = reader.u32();
}

template <typename Alternative>
Message read(Reader& reader) {
    Alternative one;
    get(reader, one);
    return one;
}

Message readKind(Reader& reader, uint8_t kind) {
    switch (kind - firstKind) {
    case 0: return read<Offer>(reader);
    case 1: return read<Accept>(reader);
    case 2: return read<Refuse>(reader);
    case 3: return read<Count>(reader);
    case 4: return read<Paying>(reader);
    case 5: return read<End>(reader);
    case 6: return read<Ended>(reader);
    default: break;
    }
    reader.fail();
    return Offer{};
}

}  // namespace

std::string_view describe(RefuseReason reason) {
    switch (reason) {
    case RefuseReason::NotSold: return "this direction is not for sale";
    case RefuseReason::Price: return "the price is below what is asked now";
    case RefuseReason::Terms: return "the terms are not what the seller takes";
    case RefuseReason::FlowSold: return "these packets are paid for by the other direction's agreement";
    case RefuseReason::TooMany: return "the seller has too many agreements";
    case RefuseReason::Owing: return "what is due must be paid first";
    case RefuseReason::Unknown: return "the neighbour knows no such agreement";
    }
    return {};
}

std::string_view describe(EndReason reason) {
    switch (reason) {
    case EndReason::Wish: return "one of the two wished it";
    case EndReason::Expired: return "its time was over";
    case EndReason::Limit: return "its limit was reached";
    case EndReason::Disagreement: return "the counts do not agree";
    case EndReason::Replaced: return "a newer one took its place";
    case EndReason::Withdrawn: return "the offer was not answered in time";
    case EndReason::Undelivered: return "the quality was not what was claimed";
    case EndReason::Lost: return "the neighbour was not heard of any more";
    }
    return {};
}

const AgreementId& idOf(const Message& message) {
    return std::visit(
        [](const auto& one) -> const AgreementId& {
            if constexpr (std::is_same_v<std::decay_t<decltype(one)>, Offer>) {
                return one.terms.id;
            } else {
                return one.id;
            }
        },
        message);
}

Bytes sign(const Message& message, const Identity& identity) {
    Writer writer;
    writer.u8(datagramVersion);
    writer.u8(static_cast<uint8_t>(firstKind + message.index()));
    std::visit([&](const auto& one) { put(writer, one); }, message);
    return close(writer, purposes[message.index()], identity);
}

tl::expected<Message, DatagramError> decodeMessage(ByteView datagram) {
    if (datagram.size() < 2 + signatureSize) return tl::unexpected(DatagramError::Truncated);
    if (datagram.size() > maxDatagram) return tl::unexpected(DatagramError::Trailing);
    Reader reader(datagram.first(datagram.size() - signatureSize));
    if (reader.u8() != datagramVersion) return tl::unexpected(DatagramError::Version);
    const uint8_t kind = reader.u8();
    if (kind < firstKind || kind >= firstKind + purposes.size()) return tl::unexpected(DatagramError::Kind);
    Message message = readKind(reader, kind);
    if (!reader.ok()) return tl::unexpected(DatagramError::OutOfRange);
    if (reader.remaining() != 0) return tl::unexpected(DatagramError::Trailing);
    return message;
}

bool verifyMessage(ByteView datagram, const Message& message, const PublicKey& key) {
    return verifyDatagram(datagram, purposes[message.index()], key);
}

bool looksLikeAdvert(ByteView datagram) { return datagram.size() > 1 && datagram[1] == advertKind; }

}  // namespace netpas::agreement
