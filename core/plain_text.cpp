#include "core/plain_text.h"

#include <cstdint>

namespace netpas {

namespace {

size_t lengthAfter(uint8_t first) {
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return 2;
    if ((first & 0xf0) == 0xe0) return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

// The length of the character at the front; 0 when there is none: shortest form only, no surrogates.
size_t characterAt(std::string_view text) {
    const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t first = byte(0);
    const size_t length = lengthAfter(first);
    if (length == 0 || text.size() < length) return 0;
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    const bool tooLong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool noCharacter = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
    return tooLong || noCharacter ? 0 : length;
}

bool isControl(std::string_view character) {
    const auto first = static_cast<uint8_t>(character[0]);
    if (character.size() == 1) return first < 0x20 || first == 0x7f;
    return first == 0xc2 && static_cast<uint8_t>(character[1]) < 0xa0;
}

}  // namespace

bool isPlainText(std::string_view text, bool lineBreaks) {
    while (!text.empty()) {
        const size_t length = characterAt(text);
        if (length == 0) return false;
        if (isControl(text.substr(0, length)) && !(lineBreaks && text[0] == '\n')) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string toPlainText(std::string_view text, size_t limit) {
    std::string out;
    while (!text.empty()) {
        const size_t length = characterAt(text);
        const std::string_view character = text.substr(0, length == 0 ? 1 : length);
        const std::string_view shown = length == 0 || isControl(character) ? std::string_view("?") : character;
        if (out.size() + shown.size() > limit) break;
        out.append(shown);
        text.remove_prefix(character.size());
    }
    return out;
}

}  // namespace netpas
