// Replies judged by the API's OpenAPI description (resources/api/openapi.json). With NETPAS_API_RECORD=FILE replies are written
// there instead, one line of JSON each: what a description of something new can be made from.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/net/http.h"

namespace netpas::described {

using nlohmann::json;

// The part of JSON Schema 2020-12 that the description uses.
class Schemas {
public:
    explicit Schemas(const json& document) : m_document(document) {}

    // Empty: the value is as the schema says.
    [[nodiscard]] std::string complaint(const json& value, const json& schema, const std::string& at = "$") const {
        if (schema.is_boolean()) return schema.get<bool>() ? "" : at + " must not be there";
        if (const auto ref = schema.find("$ref"); ref != schema.end())
            return complaint(value, m_document.at(json::json_pointer(ref->get<std::string>().substr(1))), at);
        if (const auto type = schema.find("type"); type != schema.end() && !isOf(value, *type))
            return at + " is not of type " + type->dump() + ": " + value.dump().substr(0, 80);
        if (const auto one = schema.find("const"); one != schema.end() && value != *one)
            return at + " is not " + one->dump();
        if (const auto some = schema.find("enum");
            some != schema.end() && std::find(some->begin(), some->end(), value) == some->end())
            return at + " is none of " + some->dump() + ": " + value.dump();
        if (const auto any = schema.find("anyOf"); any != schema.end()) {
            std::string all;
            for (const json& one : *any) {
                const std::string why = complaint(value, one, at);
                if (why.empty()) return "";
                all += (all.empty() ? "" : "; or ") + why;
            }
            return all;
        }
        if (value.is_object()) return objectComplaint(value, schema, at);
        const auto items = schema.find("items");
        if (!value.is_array() || items == schema.end()) return "";
        for (size_t i = 0; i < value.size(); ++i) {
            const std::string why = complaint(value[i], *items, at + "[" + std::to_string(i) + "]");
            if (!why.empty()) return why;
        }
        return "";
    }

private:
    static bool isOf(const json& value, const json& type) {
        if (type.is_array()) {
            return std::any_of(type.begin(), type.end(), [&](const json& one) { return isOf(value, one); });
        }
        const std::string name = type;
        if (name == "null") return value.is_null();
        if (name == "boolean") return value.is_boolean();
        if (name == "integer") return value.is_number_integer();
        if (name == "number") return value.is_number();
        if (name == "string") return value.is_string();
        if (name == "array") return value.is_array();
        return name == "object" && value.is_object();
    }

    std::string objectComplaint(const json& value, const json& schema, const std::string& at) const {
        for (const json& name : schema.value("required", json::array())) {
            if (!value.contains(name)) return at + " has no " + name.dump();
        }
        const json properties = schema.value("properties", json::object());
        const json others = schema.value("additionalProperties", json(true));
        for (const auto& [name, member] : value.items()) {
            const auto known = properties.find(name);
            const std::string why = complaint(member, known == properties.end() ? others : *known, at + "." + name);
            if (!why.empty()) return why;
        }
        return "";
    }

    const json& m_document;
};

class Description {
public:
    static const Description& get() {
        static const Description one;
        return one;
    }
    [[nodiscard]] const json& document() const { return m_document; }

    // The path of the description that this one is; empty: none. One without parameters goes first.
    [[nodiscard]] std::string pathOf(const std::string& path) const {
        std::string best;
        size_t fewest = SIZE_MAX;
        for (const auto& [pattern, item] : m_document.at("paths").items()) {
            const auto wanted = segments(pattern), given = segments(path);
            size_t parameters = 0;
            bool same = wanted.size() == given.size();
            for (size_t i = 0; same && i < wanted.size(); ++i) {
                const bool parameter = wanted[i].starts_with("{");
                same = parameter ? !given[i].empty() : wanted[i] == given[i];
                parameters += parameter ? 1U : 0U;
            }
            if (same && parameters < fewest) {
                fewest = parameters;
                best = pattern;
            }
        }
        return best;
    }

    [[nodiscard]] std::string complaint(const net::HttpRequest& request, const net::HttpResponse& response) const {
        const std::string path = pathOf(request.path);
        const std::string method = lower(request.method);
        // What is not there is refused in the same words as everything else.
        const json error = {{"$ref", "#/components/schemas/Error"}};
        const Schemas schemas(m_document);
        const bool known = !path.empty() && m_document["paths"][path].contains(method);
        if (!known && response.status < 400) return request.method + " " + request.path + " is not described";
        const json responses = known ? m_document["paths"][path][method]["responses"] : json::object();
        const std::string status = std::to_string(response.status);
        if (!responses.contains(status) && response.status < 400) return status + " is not described";
        if (responses.contains(status) && !responses[status].contains("content")) return "";
        json schema = error;
        if (responses.contains(status)) {
            const json content = responses[status]["content"];
            if (!content.contains(response.contentType)) return response.contentType + " is not described";
            if (response.contentType != "application/json") return "";
            schema = content["application/json"]["schema"];
        }
        const json body = json::parse(response.body, nullptr, false);
        if (body.is_discarded()) return "the reply is not JSON";
        return schemas.complaint(body, schema);
    }

private:
    Description() {
        std::ifstream in(NETPAS_OPENAPI_FILE);
        m_document = json::parse(in);
    }
    static std::string lower(std::string text) {
        for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        return text;
    }
    static std::vector<std::string> segments(const std::string& path) {
        std::vector<std::string> parts;
        for (size_t at = 0; at < path.size();) {
            const size_t end = std::min(path.find('/', at + 1), path.size());
            parts.push_back(path.substr(at + 1, end - at - 1));
            at = end;
        }
        return parts;
    }
    json m_document;
};

// True when it was written instead of being judged.
inline bool record(const net::HttpRequest& request, const net::HttpResponse& response) {
    const char* const file = std::getenv("NETPAS_API_RECORD");
    if (file == nullptr) return false;
    std::ofstream(file, std::ios::app) << json{{"method", request.method},
                                               {"path", request.path},
                                               {"status", response.status},
                                               {"type", response.contentType},
                                               {"body", json::parse(response.body, nullptr, false)}}
                                              .dump(-1, ' ', false, json::error_handler_t::replace)
                                       << "\n";
    return true;
}

// The same reply, which ends the test when it is not as described.
template <typename Reply>
auto judged(net::HttpRequest request, Reply reply) {
    return [request = std::move(request), reply = std::move(reply)](net::HttpResponse response) mutable {
        const std::string why =
            record(request, response) ? std::string{} : Description::get().complaint(request, response);
        if (!why.empty()) {
            std::cerr << request.method << " " << request.path << " -> " << response.status << " " << response.body
                      << "not as described: " << why << std::endl;
            std::abort();
        }
        reply(std::move(response));
    };
}

}  // namespace netpas::described
