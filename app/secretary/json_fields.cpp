#include "app/secretary/json_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace netpas::secretaryd {

using nlohmann::json;

JsonFields::JsonFields(const json& object) : m_object(object) {
    if (!object.is_object()) fail("the body is not a JSON object");
}

const json* JsonFields::get(const char* name) {
    m_known.emplace_back(name);
    if (!m_object.is_object()) return nullptr;
    const auto found = m_object.find(name);
    return found == m_object.end() || found->is_null() ? nullptr : &*found;
}

std::string JsonFields::text(const char* name, size_t longest) {
    const json* const value = get(name);
    if (value == nullptr) return {};
    if (!value->is_string() || value->get_ref<const std::string&>().size() > longest) {
        fail(std::string(name) + " must be a short string");
        return {};
    }
    return value->get<std::string>();
}

uint64_t JsonFields::number(const char* name, uint64_t most) {
    const json* const value = get(name);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned() || value->get<uint64_t>() > most) {
        fail(std::string(name) + " must be a whole number up to " + std::to_string(most));
        return 0;
    }
    return value->get<uint64_t>();
}

bool JsonFields::flag(const char* name, bool otherwise) {
    const json* const value = get(name);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) fail(std::string(name) + " must be true or false");
    return value->is_boolean() ? value->get<bool>() : otherwise;
}

Money JsonFields::money(const char* name, bool required) {
    const std::string value = text(name);
    if (value.empty()) {
        if (required) fail(std::string(name) + " is missing", "an amount of dollars as a string, such as \"0.05\"");
        return Money::zero();
    }
    const auto amount = Money::parse(value);
    if (!amount || amount->isNegative()) {
        fail(std::string(name) + " is not an amount: " + value, "dollars as a string, such as \"0.05\"");
        return Money::zero();
    }
    return *amount;
}

void JsonFields::fail(std::string message, std::string hint) {
    if (!m_problem) m_problem = BadField{std::move(message), std::move(hint)};
}

std::optional<BadField> JsonFields::problem() {
    if (!m_object.is_object()) return m_problem;
    for (const auto& [name, value] : m_object.items()) {
        if (std::find(m_known.begin(), m_known.end(), name) == m_known.end()) fail("unknown member \"" + name + "\"");
    }
    return m_problem;
}

}  // namespace netpas::secretaryd
