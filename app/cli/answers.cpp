#include "app/cli/answers.h"

#include <array>

#include <cstdio>

#include "app/cli/text.h"

namespace netpas::cli {

using nlohmann::json;

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }
void printJson(const json& body) { print(body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"); }

std::string textAt(const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    if (found == object.end() || found->is_null()) return {};
    return found->is_string() ? harmless(found->get_ref<const std::string&>()) : found->dump();
}

json at(const json& object, std::initializer_list<const char*> path) {
    const json* value = &object;
    for (const char* name : path) {
        const auto found = value->is_object() ? value->find(name) : value->end();
        if (found == value->end()) return nullptr;
        value = &*found;
    }
    return *value;
}

namespace {

std::string fixed(double value, int digits) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

}  // namespace

std::string estimateText(const json& estimate, double scale, int digits) {
    const std::string grade = textAt(estimate, "grade");
    const auto number = [&](const char* name) {
        const json value = estimate.is_object() ? estimate.value(name, json()) : json();
        return value.is_number() ? value.get<double>() * scale : 0.0;
    };
    const std::string range = fixed(number("low"), digits) + "–" + fixed(number("high"), digits);
    if (grade == "good") return fixed(number("value"), digits) + " (" + range + ")";
    return grade == "scarce" ? "scarce: " + range : "-";
}

void printFindings(const json& body) {
    Rows rows{{"", "CHECK", "WHAT"}};
    for (const json& finding : at(body, {"findings"})) {
        rows.push_back({textAt(finding, "level"), textAt(finding, "check"), textAt(finding, "message")});
        if (!textAt(finding, "remedy").empty()) rows.push_back({"", "", "→ " + textAt(finding, "remedy")});
    }
    print(table(rows));
}

Problem usage(std::string message, std::string hint) {
    return {Exit::Usage, "INVALID_ARGUMENT", std::move(message), std::move(hint)};
}

}  // namespace netpas::cli
