#include "core/crypto/hex.h"

#include <sodium.h>

namespace netpas {

std::string toHex(std::span<const uint8_t> bytes) {
    std::string text(bytes.size() * 2 + 1, '\0');  // libsodium writes the terminating zero, too
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    text.pop_back();
    return text;
}

bool fromHex(std::string_view text, std::span<uint8_t> out) {
    if (text.size() != out.size() * 2) return false;
    size_t written = 0;
    const int status = sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &written, nullptr);
    return status == 0 && written == out.size();
}

}  // namespace netpas
