#include "cartographer/share/record.h"

namespace netpas::share {

namespace {

constexpr uint8_t version = 1;
constexpr uint8_t flagV6 = 1;
constexpr uint8_t maxClass = 63;
constexpr std::string_view purpose = "NetPaS shared measurement 1";

using Milliseconds = std::chrono::milliseconds;

bool inRange(const Figure& figure) {
    switch (figure.aspect.metric) {
    case Metric::RoundTrip:
        if (figure.high > maxRoundTrip) return false;
        break;
    case Metric::LossThere:
    case Metric::LossBack:
        if (figure.high > wholeLoss) return false;
        break;
    }
    return figure.low <= figure.value && figure.value <= figure.high && figure.samples > 0;
}

bool known(uint8_t metric) {
    return metric >= static_cast<uint8_t>(Metric::RoundTrip) && metric <= static_cast<uint8_t>(Metric::LossBack);
}

void encodeFields(Writer& out, const Record& record) {
    out.u8(version);
    out.u8(record.segment.v6 ? flagV6 : 0);
    out.u16(record.segment.from.value());
    out.u16(record.segment.to.value());
    out.u64(static_cast<uint64_t>(std::chrono::duration_cast<Milliseconds>(record.issued.time_since_epoch()).count()));
    out.u16(record.lifetimeSeconds);
    out.bytes(record.signer.bytes);
    out.u8(static_cast<uint8_t>(record.figures.size()));
    for (const Figure& figure : record.figures) {
        out.u8(figure.aspect.fromClass.value());
        out.u8(figure.aspect.toClass.value());
        out.u8(static_cast<uint8_t>(figure.aspect.metric));
        out.u64(figure.value);
        out.u64(figure.low);
        out.u64(figure.high);
        out.u32(figure.samples);
        out.u16(figure.ageSeconds);
    }
}

Bytes signedBytes(const Record& record, const CommunityId& community) {
    Writer out;
    out.blob16({reinterpret_cast<const uint8_t*>(purpose.data()), purpose.size()});
    out.bytes(community);
    encodeFields(out, record);
    return out.take();
}

tl::expected<Figure, RecordError> decodeFigure(Reader& in) {
    const uint8_t fromClass = in.u8();
    const uint8_t toClass = in.u8();
    const uint8_t metric = in.u8();
    Figure figure;
    figure.value = in.u64();
    figure.low = in.u64();
    figure.high = in.u64();
    figure.samples = in.u32();
    figure.ageSeconds = in.u16();
    if (!in.ok()) return tl::unexpected(RecordError::Truncated);
    if (fromClass > maxClass || toClass > maxClass || !known(metric)) return tl::unexpected(RecordError::OutOfRange);
    figure.aspect = {ServiceClass(fromClass), ServiceClass(toClass), static_cast<Metric>(metric)};
    return figure;
}

}  // namespace

std::string_view name(Metric metric) {
    switch (metric) {
    case Metric::RoundTrip: return "round_trip";
    case Metric::LossThere: return "loss_there";
    case Metric::LossBack: return "loss_back";
    }
    return {};
}

std::string_view describe(RecordError error) {
    switch (error) {
    case RecordError::Truncated: return "it ends too early";
    case RecordError::Trailing: return "bytes follow its end";
    case RecordError::Version: return "it has another version";
    case RecordError::OutOfRange: return "a field is out of range";
    case RecordError::Order: return "its figures are out of order";
    }
    return {};
}

tl::expected<void, RecordError> check(const Record& record) {
    const auto since = record.issued.time_since_epoch();
    if (since.count() < 0 || since % Milliseconds(1) != since.zero() || record.lifetimeSeconds == 0 ||
        std::chrono::seconds(record.lifetimeSeconds) > maxLifetime || record.segment.from == record.segment.to ||
        record.figures.empty() || record.figures.size() > maxFigures)
        return tl::unexpected(RecordError::OutOfRange);
    for (size_t i = 0; i < record.figures.size(); ++i) {
        if (!inRange(record.figures[i])) return tl::unexpected(RecordError::OutOfRange);
        if (i > 0 && !(record.figures[i - 1].aspect < record.figures[i].aspect))
            return tl::unexpected(RecordError::Order);
    }
    return {};
}

SignedRecord sign(const Record& record, const CommunityId& community, const Identity& identity) {
    return {record, identity.sign(signedBytes(record, community))};
}

bool verify(const SignedRecord& record, const CommunityId& community) {
    return netpas::verify(record.record.signer, signedBytes(record.record, community), record.signature);
}

Bytes encode(const SignedRecord& record) {
    Writer out;
    encodeFields(out, record.record);
    out.bytes(record.signature.bytes);
    return out.take();
}

tl::expected<SignedRecord, RecordError> decode(ByteView bytes) {
    Reader in(bytes);
    SignedRecord out;
    Record& record = out.record;
    if (in.u8() != version) return tl::unexpected(in.ok() ? RecordError::Version : RecordError::Truncated);
    const uint8_t flags = in.u8();
    record.segment.from = IspId(in.u16());
    record.segment.to = IspId(in.u16());
    const uint64_t issued = in.u64();
    record.lifetimeSeconds = in.u16();
    in.array(record.signer.bytes);
    const uint8_t count = in.u8();
    if (!in.ok()) return tl::unexpected(RecordError::Truncated);
    constexpr uint64_t latest = uint64_t{1} << 52;  // milliseconds; as microseconds it still fits
    if ((flags & ~flagV6) != 0 || issued > latest || count > maxFigures) return tl::unexpected(RecordError::OutOfRange);
    record.segment.v6 = flags == flagV6;
    record.issued = SystemTime(Milliseconds(issued));
    for (unsigned i = 0; i < count; ++i) {
        const auto figure = decodeFigure(in);
        if (!figure) return tl::unexpected(figure.error());
        record.figures.push_back(*figure);
    }
    in.array(out.signature.bytes);
    if (!in.ok()) return tl::unexpected(RecordError::Truncated);
    if (in.remaining() != 0) return tl::unexpected(RecordError::Trailing);
    if (const auto good = check(record); !good) return tl::unexpected(good.error());
    return out;
}

}  // namespace netpas::share
