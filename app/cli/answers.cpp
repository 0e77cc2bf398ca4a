#include "app/cli/answers.h"

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

Problem usage(std::string message, std::string hint) {
    return {Exit::Usage, "INVALID_ARGUMENT", std::move(message), std::move(hint)};
}

}  // namespace netpas::cli
