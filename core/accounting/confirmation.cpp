#include "core/accounting/confirmation.h"

#include <string_view>

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

constexpr std::string_view confirmingPurpose = "NetPaS confirmation 1: confirming ISP";
constexpr std::string_view beneficiaryPurpose = "NetPaS confirmation 1: beneficiary";

void writeFacts(Writer& writer, const Confirmation& confirmation) {
    writer.bytes(confirmation.id);
    writeTime(writer, confirmation.time);
    writer.u16(confirmation.confirming.value());
    writer.u16(confirmation.beneficiary.value());
    writeMoney(writer, confirmation.amount);
    writeHeader(writer, confirmation.header);
    writer.bytes(confirmation.excerpt);
}

}  // namespace

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
    writeFacts(writer, confirmation);
    return writer.take();
}

Bytes beneficiaryMessage(const Confirmation& confirmation) {
    Writer writer;
    writePurpose(writer, beneficiaryPurpose);
    writeFacts(writer, confirmation);
    writer.bytes(confirmation.confirmingSignature.bytes);
    return writer.take();
}

void signAsConfirming(Confirmation& confirmation, const Identity& identity) {
    confirmation.confirmingSignature = identity.sign(confirmingMessage(confirmation));
}

void signAsBeneficiary(Confirmation& confirmation, const Identity& identity) {
    confirmation.beneficiarySignature = identity.sign(beneficiaryMessage(confirmation));
}

bool verifyConfirming(const Confirmation& confirmation, const PublicKey& key) {
    return verify(key, confirmingMessage(confirmation), confirmation.confirmingSignature);
}

bool verifyBeneficiary(const Confirmation& confirmation, const PublicKey& key) {
    return verify(key, beneficiaryMessage(confirmation), confirmation.beneficiarySignature);
}

void encode(Writer& writer, const Confirmation& confirmation) {
    writeFacts(writer, confirmation);
    writer.bytes(confirmation.confirmingSignature.bytes);
    writer.bytes(confirmation.beneficiarySignature.bytes);
}

Confirmation decodeConfirmation(Reader& reader) {
    Confirmation confirmation;
    reader.array(confirmation.id);
    confirmation.time = readTime(reader);
    confirmation.confirming = IspId(reader.u16());
    confirmation.beneficiary = IspId(reader.u16());
    confirmation.amount = readMoney(reader);
    confirmation.header = readHeader(reader);
    reader.array(confirmation.excerpt);
    reader.array(confirmation.confirmingSignature.bytes);
    reader.array(confirmation.beneficiarySignature.bytes);
    return confirmation;
}

}  // namespace netpas::accounting
