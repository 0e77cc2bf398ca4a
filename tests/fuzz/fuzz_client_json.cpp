// The JSON reader of libnetpas-client against the one that everything else here uses.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/client/json.h"

namespace {

using nlohmann::json;

void require(bool condition) {
    if (!condition) std::abort();
}

size_t depthOf(const json& value) {
    size_t deepest = 0;
    if (value.is_structured()) {
        for (const json& part : value) deepest = std::max(deepest, depthOf(part) + 1);
    }
    return deepest;
}

void compare(const json& expected, np_json found) {
    static char text[1 << 16];
    if (expected.is_string()) {
        const std::string& whole = expected.get_ref<const std::string&>();
        const bool fits = whole.size() < sizeof text && whole.find('\0') == std::string::npos;
        require(np_json_is_string(found) && np_json_text(found, text, sizeof text) == fits);
        require(!fits || whole == text);
        // One byte too few is refused, not cut off.
        require(!np_json_text(found, text, whole.size()));
    } else {
        require(!np_json_text(found, text, sizeof text));
    }
    uint64_t count = 0;
    if (np_json_count(found, &count)) require(expected.is_number_unsigned() && expected.get<uint64_t>() == count);
    if (expected.is_array()) {
        np_json part = np_json_first(found);
        for (const json& one : expected) {
            require(part.begin != nullptr);
            compare(one, part);
            part = np_json_next(found, part);
        }
        require(part.begin == nullptr);
    } else {
        require(np_json_first(found).begin == nullptr);
    }
    if (!expected.is_object()) return require(np_json_member(found, "a").begin == nullptr);
    for (const auto& [name, value] : expected.items()) {
        // A name that was written with escapes is not looked for, nor one that comes again.
        const np_json member = np_json_member(found, name.c_str());
        if (member.begin == nullptr) continue;
        const json again = json::parse(member.begin, member.end, nullptr, false);
        if (again == value) compare(value, member);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // Of its exact size, so that a step too far is seen.
    const std::vector<char> text(data, data + size);
    const np_json found = np_json_document(text.data(), text.size());
    const json expected = json::parse(text.begin(), text.end(), nullptr, false);
    constexpr size_t deepest = 30;
    // The other one also takes a zero for the end, and a byte order mark for nothing.
    const bool strict = std::find(text.begin(), text.end(), '\0') == text.end() && (size == 0 || data[0] != 0xef);
    if (!strict || expected.is_discarded() || depthOf(expected) > deepest) return 0;
    require(found.begin != nullptr);
    compare(expected, found);
    // What is written is read again.
    char out[4096];
    np_writer writer;
    const std::string value(reinterpret_cast<const char*>(data), strnlen(reinterpret_cast<const char*>(data), size));
    np_write_begin(&writer, out, sizeof out);
    np_write_text(&writer, "v", value.c_str());
    np_write_count(&writer, "n", size);
    if (!np_write_end(&writer)) return 0;
    const json read = json::parse(out, nullptr, false);
    if (!read.is_discarded()) require(read["v"] == value && read["n"] == size);
    return 0;
}
