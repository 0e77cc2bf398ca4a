#include "core/accounting/confirmation.h"

#include <string_view>

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

constexpr std::string_view confirmingPurpose = "NetPaS confirmation 1: confirming ISP";
constexpr std::string_view delegatePurpose = "NetPaS confirmation 1: delegate";
constexpr std::string_view beneficiaryPurpose = "NetPaS confirmation 1: beneficiary";
constexpr std::string_view batchPurpose = "NetPaS confirmation batch 1";

bool holds(const std::optional<merkle::Proof>& path, const Bytes& message, const Signature& signature,
           const PublicKey& key) {
    if (!path) return verify(key, message, signature);
    const auto root = merkle::rootOf(merkle::leafHash(message), *path);
    return root && verify(key, batchRootMessage(path->count, *root), signature);
}

void writePath(Writer& writer, const std::optional<merkle::Proof>& path) {
    writer.u16(path ? path->count : 0);
    if (!path) return;
    writer.u16(path->index);
    for (const merkle::Hash& hash : path->path) writer.bytes(hash);
}

std::optional<merkle::Proof> readPath(Reader& reader) {
    merkle::Proof proof;
    proof.count = reader.u16();
    if (proof.count == 0) return std::nullopt;
    proof.index = reader.u16();
    if (proof.count > merkle::maxLeaves || proof.index >= proof.count) reader.fail();
    if (!reader.ok()) return std::nullopt;
    proof.path.resize(merkle::pathLength(proof.index, proof.count));
    for (merkle::Hash& hash : proof.path) reader.array(hash);
    return proof;
}

}  // namespace

void encodeFacts(Writer& writer, const Confirmation& confirmation) {
    writer.bytes(confirmation.id);
    writeTime(writer, confirmation.time);
    writer.u16(confirmation.confirming.value());
    writer.u16(confirmation.beneficiary.value());
    writeMoney(writer, confirmation.amount);
    writeHeader(writer, confirmation.header);
    writer.bytes(confirmation.excerpt);
}

void decodeFacts(Reader& reader, Confirmation& confirmation) {
    reader.array(confirmation.id);
    confirmation.time = readTime(reader);
    confirmation.confirming = IspId(reader.u16());
    confirmation.beneficiary = IspId(reader.u16());
    confirmation.amount = readMoney(reader);
    confirmation.header = readHeader(reader);
    reader.array(confirmation.excerpt);
}

std::optional<size_t> hopOf(const AccountingHeader& header, IspId isp) {
    const auto hops = header.hops();
    for (size_t i = 0; i < hops.size(); ++i) {
        if (hops[i].isp == isp) return i;
    }
    return std::nullopt;
}

std::optional<ConfirmationPath> pathOf(const Confirmation& confirmation) {
    const auto confirming = hopOf(confirmation.header, confirmation.confirming);
    const auto beneficiary = hopOf(confirmation.header, confirmation.beneficiary);
    if (!confirming || !beneficiary) return std::nullopt;
    const bool last = *beneficiary + 1 == confirmation.header.hops().size();
    if (*confirming == *beneficiary) {
        if (!last) return std::nullopt;
        return ConfirmationPath{*confirming, *beneficiary, true};
    }
    if (*confirming != *beneficiary + 1) return std::nullopt;
    return ConfirmationPath{*confirming, *beneficiary, false};
}

Bytes confirmingMessage(const Confirmation& confirmation) {
    Writer writer;
    writePurpose(writer, confirmingPurpose);
    encodeFacts(writer, confirmation);
    return writer.take();
}

Bytes beneficiaryMessage(const Confirmation& confirmation) {
    Writer writer;
    writePurpose(writer, beneficiaryPurpose);
    encodeFacts(writer, confirmation);
    writer.bytes(confirmation.confirmingSignature.bytes);
    return writer.take();
}

Bytes delegateMessage(const Confirmation& confirmation) {
    Writer writer;
    writePurpose(writer, delegatePurpose);
    encodeFacts(writer, confirmation);
    return writer.take();
}

std::optional<IpAddress> destinationOf(const PacketExcerpt& excerpt) {
    const std::span<const uint8_t> bytes(excerpt);
    switch (excerpt[0] >> 4) {
    case 4: return IpAddress::fromBytes(bytes.subspan(16, 4));
    case 6: return IpAddress::fromBytes(bytes.subspan(24, 16));
    default: return std::nullopt;
    }
}

void signAsConfirming(Confirmation& confirmation, const Identity& identity) {
    confirmation.confirmingSignature = identity.sign(confirmingMessage(confirmation));
}

void signAsBeneficiary(Confirmation& confirmation, const Identity& identity) {
    confirmation.beneficiarySignature = identity.sign(beneficiaryMessage(confirmation));
}

bool verifyConfirming(const Confirmation& confirmation, const PublicKey& key) {
    return holds(confirmation.confirmingPath, confirmingMessage(confirmation), confirmation.confirmingSignature, key);
}

bool verifyBeneficiary(const Confirmation& confirmation, const PublicKey& key) {
    return holds(confirmation.beneficiaryPath, beneficiaryMessage(confirmation), confirmation.beneficiarySignature,
                 key);
}

void encode(Writer& writer, const Confirmation& confirmation) {
    encodeFacts(writer, confirmation);
    writer.bytes(confirmation.confirmingSignature.bytes);
    writer.bytes(confirmation.beneficiarySignature.bytes);
}

Confirmation decodeConfirmation(Reader& reader) {
    Confirmation confirmation;
    decodeFacts(reader, confirmation);
    reader.array(confirmation.confirmingSignature.bytes);
    reader.array(confirmation.beneficiarySignature.bytes);
    return confirmation;
}

void encodeProven(Writer& writer, const Confirmation& confirmation) {
    encode(writer, confirmation);
    writePath(writer, confirmation.confirmingPath);
    writePath(writer, confirmation.beneficiaryPath);
}

Confirmation decodeProven(Reader& reader) {
    Confirmation confirmation = decodeConfirmation(reader);
    confirmation.confirmingPath = readPath(reader);
    confirmation.beneficiaryPath = readPath(reader);
    return confirmation;
}

Bytes batchRootMessage(uint16_t count, const merkle::Hash& root) {
    Writer writer;
    writePurpose(writer, batchPurpose);
    writer.u16(count);
    writer.bytes(root);
    return writer.take();
}

}  // namespace netpas::accounting
