#include "tests/sim/population_line.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include <nlohmann/json.hpp>

namespace netpas::sim {

using namespace secretary::learning;

namespace {

using Json = nlohmann::json;
template <typename T>
using Parsed = tl::expected<T, LineError>;

LineError wrong(const std::string& key, const std::string& what) { return "\"" + key + "\" " + what; }

Parsed<Json> memberOf(const Json& object, const std::string& key) {
    const auto found = object.find(key);
    if (found == object.end()) return tl::unexpected(wrong(key, "is missing; every line needs it"));
    return *found;
}

// Anything but a text or a number is no name; a missing field is "none".
Parsed<std::string> textOf(const Json& object, const std::string& key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return std::string();
    if (found->is_string()) return found->get<std::string>();
    if (found->is_number()) return found->dump();
    return tl::unexpected(wrong(key, "must be a text"));
}

std::optional<double> numberOf(const Json& value) {
    if (value.is_number()) return value.get<double>();
    if (!value.is_string()) return std::nullopt;
    const auto& text = value.get_ref<const std::string&>();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Nanodollars, as a number or a decimal text; parts of one are rounded to the eighth that can be represented.
Parsed<Money> amountOf(const Json& object, const std::string& key) {
    const auto value = memberOf(object, key);
    if (!value) return tl::unexpected(value.error());
    if (value->is_number_integer() && !value->is_number_unsigned()) {
        if (const auto exact = Money::fromNanodollars(value->get<int64_t>())) return *exact;
    }
    const auto number = numberOf(*value);
    if (!number || !std::isfinite(*number)) {
        return tl::unexpected(wrong(key, "must be an amount in nanodollars, such as 375"));
    }
    constexpr double eighthsPerNanodollar = 8;
    constexpr double largest = 9.2e18;  // below INT64_MAX
    return Money::fromEighths(
        static_cast<int64_t>(std::llround(std::min(std::max(*number * eighthsPerNanodollar, -largest), largest))));
}

template <typename T>
Parsed<T> choiceOf(const Json& object, const std::string& key, const char* first, T firstValue, const char* second,
                   T secondValue) {
    const auto value = memberOf(object, key);
    if (!value) return tl::unexpected(value.error());
    if (*value == first) return firstValue;
    if (*value == second) return secondValue;
    return tl::unexpected(wrong(key, std::string("must be \"") + first + "\" or \"" + second + "\""));
}

}  // namespace

tl::expected<PopulationLine, LineError> parsePopulationLine(std::string_view text) {
    const auto object = Json::parse(text, nullptr, false);
    if (!object.is_object()) {
        return tl::unexpected(LineError("is not one whole JSON object; write one request a line"));
    }
    PopulationLine line;
    const auto user = textOf(object, "user");
    if (!user) return tl::unexpected(user.error());
    if (user->empty()) return tl::unexpected(wrong("user", "is missing; every line needs it"));
    line.user = *user;
    for (size_t i = 0; i < fieldCount; ++i) {
        const auto field = textOf(object, std::string(name(static_cast<Field>(i))));
        if (!field) return tl::unexpected(field.error());
        line.request.fields[i] = *field;
    }
    const auto unit = choiceOf(object, "per", "minute", PriceUnit::Minute, "item", PriceUnit::Item);
    if (!unit) return tl::unexpected(unit.error());
    line.request.unit = *unit;
    const auto price = amountOf(object, "price_nano");
    if (!price) return tl::unexpected(price.error());
    if (*price < Money::zero()) return tl::unexpected(wrong("price_nano", "must not be negative"));
    line.request.price = *price;
    const auto willing = amountOf(object, "willing_nano");
    if (!willing) return tl::unexpected(willing.error());
    line.willing = *willing;
    const auto answer = choiceOf(object, "answer", "accept", Answer::Accept, "refuse", Answer::Refuse);
    if (!answer) return tl::unexpected(answer.error());
    line.answer = *answer;
    return line;
}

}  // namespace netpas::sim
