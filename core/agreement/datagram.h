// Inside core/agreement: version and kind in front of each datagram, a signature behind it.
#pragma once

#include <algorithm>
#include <string_view>

#include "core/accounting/wire_parts.h"
#include "core/agreement/advert.h"

namespace netpas::agreement {

inline constexpr uint8_t datagramVersion = 1;
inline constexpr uint8_t advertKind = 1;
inline constexpr size_t signatureSize = 64;

inline Bytes signedBytes(std::string_view purpose, ByteView body) {
    Writer writer;
    accounting::writePurpose(writer, purpose);
    writer.bytes(body);
    return writer.take();
}

inline Bytes close(Writer& writer, std::string_view purpose, const Identity& identity) {
    const Signature signature = identity.sign(signedBytes(purpose, writer.data()));
    writer.bytes(signature.bytes);
    return writer.take();
}

// `datagram` is longer than a signature.
inline bool verifyDatagram(ByteView datagram, std::string_view purpose, const PublicKey& key) {
    Signature signature;
    const ByteView body = datagram.first(datagram.size() - signatureSize);
    std::copy_n(datagram.end() - static_cast<std::ptrdiff_t>(signatureSize), signatureSize, signature.bytes.begin());
    return verify(key, signedBytes(purpose, body), signature);
}

}  // namespace netpas::agreement
