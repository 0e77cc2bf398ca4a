#include "cartographer/verify/statement.h"

#include <algorithm>

namespace netpas::verification {

namespace {

constexpr uint8_t version = 1, statementKind = 1, claimKind = 2;
constexpr std::string_view statementPurpose = "NetPaS route statement 1";
constexpr std::string_view claimPurpose = "NetPaS route claim 1";
constexpr size_t signatureSize = 64;
// Nothing that is real is larger: packets of at least an IP header, at most 64 KiB.
constexpr uint64_t most = uint64_t{1} << 56, leastPacket = 20, largestPacket = 65'575;
constexpr uint64_t longestLatency = 60'000'000'000;

Bytes signedBytes(std::string_view purpose, ByteView body) {
    Writer writer;
    writer.blob16({reinterpret_cast<const uint8_t*>(purpose.data()), purpose.size()});
    writer.bytes(body);
    return writer.take();
}

Bytes close(Writer& writer, std::string_view purpose, const Identity& identity) {
    writer.bytes(identity.sign(signedBytes(purpose, writer.data())).bytes);
    return writer.take();
}

// Behind version and kind.
tl::expected<Reader, StatementError> open(ByteView bytes, uint8_t kind) {
    if (bytes.size() < signatureSize + 2) return tl::unexpected(StatementError::Truncated);
    Reader reader(bytes.first(bytes.size() - signatureSize));
    if (reader.u8() != version) return tl::unexpected(StatementError::Version);
    if (reader.u8() != kind) return tl::unexpected(StatementError::Kind);
    return reader;
}

template <typename Value>
tl::expected<Value, StatementError> finish(Reader& reader, Value value, ByteView bytes, std::string_view purpose) {
    if (!reader.ok()) return tl::unexpected(StatementError::Truncated);
    if (reader.remaining() != 0) return tl::unexpected(StatementError::Trailing);
    if (!isValid(value)) return tl::unexpected(StatementError::OutOfRange);
    Signature signature;
    const ByteView body = bytes.first(bytes.size() - signatureSize), tail = bytes.last(signatureSize);
    std::copy(tail.begin(), tail.end(), signature.bytes.begin());
    if (!verify(value.signer, signedBytes(purpose, body), signature)) return tl::unexpected(StatementError::Signature);
    return value;
}

}  // namespace

std::string_view describe(StatementError error) {
    switch (error) {
    case StatementError::Truncated: return "it ends too early";
    case StatementError::Trailing: return "bytes follow its end";
    case StatementError::Version: return "it has another version";
    case StatementError::Kind: return "it is of another kind";
    case StatementError::OutOfRange: return "it says what cannot be";
    case StatementError::Signature: return "its signature is wrong";
    }
    return {};
}

bool isValid(const Statement& statement) {
    if (statement.packets > most / leastPacket || statement.bytes > most ||
        statement.packets * leastPacket > statement.bytes || statement.bytes / largestPacket > statement.packets ||
        statement.activeNanoseconds > most || statement.times.size() > maxTimes ||
        statement.times.size() > statement.packets)
        return false;
    for (size_t i = 1; i < statement.times.size(); ++i) {
        if (statement.times[i - 1].hash >= statement.times[i].hash) return false;
    }
    return true;
}

bool isValid(const Claim& claim) {
    return claim.signer != claim.destination && claim.arrives <= allArrive &&
           claim.latencyNanoseconds <= longestLatency;
}

Bytes sign(const Statement& statement, const Identity& identity) {
    Writer writer;
    writer.u8(version);
    writer.u8(statementKind);
    writer.bytes(statement.signer.bytes);
    writer.bytes(statement.flow);
    writer.u32(statement.window);
    writer.u64(statement.packets);
    writer.u64(statement.bytes);
    writer.u64(statement.activeNanoseconds);
    writer.bytes(statement.choice);
    writer.u8(static_cast<uint8_t>(statement.times.size()));
    for (const PacketTime& one : statement.times) {
        writer.u64(one.hash);
        writer.u64(one.nanoseconds);
    }
    return close(writer, statementPurpose, identity);
}

Bytes sign(const Claim& claim, const Identity& identity) {
    Writer writer;
    writer.u8(version);
    writer.u8(claimKind);
    writer.bytes(claim.signer.bytes);
    writer.bytes(claim.destination.bytes);
    writer.u32(claim.number);
    writer.u32(claim.arrives);
    writer.u64(claim.bitsPerSecond);
    writer.u64(claim.latencyNanoseconds);
    return close(writer, claimPurpose, identity);
}

tl::expected<Statement, StatementError> openStatement(ByteView bytes) {
    auto reader = open(bytes, statementKind);
    if (!reader) return tl::unexpected(reader.error());
    Statement statement;
    reader->array(statement.signer.bytes);
    reader->array(statement.flow);
    statement.window = reader->u32();
    statement.packets = reader->u64();
    statement.bytes = reader->u64();
    statement.activeNanoseconds = reader->u64();
    reader->array(statement.choice);
    const size_t count = reader->u8();
    if (count > maxTimes) return tl::unexpected(StatementError::OutOfRange);
    for (size_t i = 0; i < count && reader->ok(); ++i) {
        const uint64_t hash = reader->u64();
        statement.times.push_back({hash, reader->u64()});
    }
    return finish(*reader, std::move(statement), bytes, statementPurpose);
}

tl::expected<Claim, StatementError> openClaim(ByteView bytes) {
    auto reader = open(bytes, claimKind);
    if (!reader) return tl::unexpected(reader.error());
    Claim claim;
    reader->array(claim.signer.bytes);
    reader->array(claim.destination.bytes);
    claim.number = reader->u32();
    claim.arrives = reader->u32();
    claim.bitsPerSecond = reader->u64();
    claim.latencyNanoseconds = reader->u64();
    return finish(*reader, claim, bytes, claimPurpose);
}

bool follows(const Statement& later, const Statement& earlier) {
    return later.signer == earlier.signer && later.flow == earlier.flow && later.window > earlier.window &&
           later.packets >= earlier.packets && later.bytes >= earlier.bytes &&
           later.activeNanoseconds >= earlier.activeNanoseconds;
}

}  // namespace netpas::verification
