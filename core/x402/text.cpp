#include "core/x402/text.h"

#include <sodium.h>

#include <charconv>

#include "core/plain_text.h"

namespace netpas::x402 {

using nlohmann::json;

std::string toBase64(ByteView bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();  // the terminating zero
    return text;
}

std::optional<Bytes> fromBase64(std::string_view text) {
    Bytes bytes(text.size() / 4 * 3 + 3);
    size_t size = 0;
    const char* end = nullptr;
    if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text.data() + text.size()) {
        return std::nullopt;
    }
    bytes.resize(size);
    return bytes;
}

bool isShallow(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\') ++i;
            if (c == '"') quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > maxDepth) return false;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return true;
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

const json* memberOf(const json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string textIn(const json& object, const char* name, size_t longest) {
    const json* const member = memberOf(object, name);
    if (member == nullptr || !member->is_string()) return {};
    const auto& text = member->get_ref<const std::string&>();
    return text.size() <= longest && isPlainText(text) ? text : std::string();
}

std::optional<Money> moneyFromNanodollars(std::string_view digits) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size();
    if (!whole || digits.front() == '-') return std::nullopt;
    const auto money = Money::fromNanodollars(number);
    return money ? std::optional(*money) : std::nullopt;
}

std::string nanodollarsOf(Money amount) {
    const int64_t whole = amount.eighths() / Money::eighthsPerNanodollar;
    const bool more = amount.eighths() % Money::eighthsPerNanodollar > 0;
    return std::to_string(whole + (more ? 1 : 0));
}

}  // namespace netpas::x402
