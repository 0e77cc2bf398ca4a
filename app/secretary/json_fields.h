// Reads a request's JSON object member by member and remembers the first thing that is wrong with it. Unknown members are
// wrong: a mistyped limit must not mean "no limit".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/money.h"

namespace netpas::secretaryd {

// In words for who wrote the request.
struct BadField {
    std::string message;
    std::string hint;
};

class JsonFields {
public:
    // `object` outlives this; anything but an object is wrong.
    explicit JsonFields(const nlohmann::json& object);

    // Nothing when the member is missing or null.
    const nlohmann::json* get(const char* name);
    // Empty when it is missing. A string of at most `longest` bytes.
    std::string text(const char* name, size_t longest = 200);
    uint64_t number(const char* name, uint64_t most);  // 0 when it is missing
    bool flag(const char* name, bool otherwise = false);
    // Never negative; zero when it is missing.
    Money money(const char* name, bool required);
    void fail(std::string message, std::string hint = {});
    // Call last.
    [[nodiscard]] std::optional<BadField> problem();

private:
    const nlohmann::json& m_object;
    std::vector<std::string> m_known;
    std::optional<BadField> m_problem;
};

}  // namespace netpas::secretaryd
