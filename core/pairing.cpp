#include "core/pairing.h"

#include <algorithm>
#include <vector>

namespace netpas {

namespace {

constexpr std::string_view alphabet =
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's: nothing that looks like something else
constexpr size_t codeLetters = 12;
constexpr size_t groupLetters = 4;

}  // namespace

bool isDeviceName(std::string_view name) {
    const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto allowed = [&](char c) { return small(c) || (c >= '0' && c <= '9') || c == '-'; };
    return !name.empty() && name.size() <= maxDeviceName && small(name.front()) &&
           std::all_of(name.begin(), name.end(), allowed);
}

std::string pairingCode(const PublicKey& agent, const PublicKey& device, std::string_view name) {
    constexpr std::string_view purpose = "netpas pairing 1";
    std::vector<uint8_t> message(purpose.begin(), purpose.end());
    message.insert(message.end(), agent.bytes.begin(), agent.bytes.end());
    message.insert(message.end(), device.bytes.begin(), device.bytes.end());
    message.insert(message.end(), name.begin(), name.end());
    const auto hash = blake2b256(message);
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; ++i) bits = bits << 8 | hash[i];
    bits >>= 64 - 5 * codeLetters;
    std::string code;
    for (size_t i = 0; i < codeLetters; ++i) {
        if (i != 0 && i % groupLetters == 0) code += '-';
        code += alphabet[bits >> (5 * (codeLetters - 1 - i)) & 31];
    }
    return code;
}

std::string tidyPairingCode(std::string_view typed) {
    std::string code;
    for (char c : typed) {
        if (c == '-' || c == ' ') continue;
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == 'O') c = '0';
        if (c == 'I' || c == 'L') c = '1';
        if (code.size() % (groupLetters + 1) == groupLetters) code += '-';
        code += c;
    }
    return code;
}

}  // namespace netpas
