// What a part of the agent answers itself, as a table that it dispatches on, so that the description of the API
// (resources/api/openapi.json) can be held against the code. Everything else goes on to who is behind it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/secretary/router.h"

namespace netpas::agent {

template <typename Answer>
struct OwnRoute {
    std::string_view method;
    std::string_view pattern;  // a segment may be a {name}, which stands for any
    Answer answer;
};

using RouteNames = std::vector<std::pair<std::string, std::string>>;  // method and pattern

[[nodiscard]] bool fits(std::string_view pattern, std::string_view path);

// Null: no route is for this path and method.
template <typename Routes>
[[nodiscard]] auto routeFor(const Routes& routes, const net::HttpRequest& request) -> decltype(&*std::begin(routes)) {
    for (const auto& route : routes) {
        if (route.method == request.method && fits(route.pattern, request.path)) return &route;
    }
    return nullptr;
}

// The refusal when the path is the table's and the method is not; nothing for other paths.
template <typename Routes>
[[nodiscard]] std::optional<net::HttpResponse> refuseMethod(const Routes& routes, const net::HttpRequest& request) {
    std::vector<std::string> methods;
    for (const auto& route : routes) {
        if (fits(route.pattern, request.path)) methods.emplace_back(route.method);
    }
    if (methods.empty()) return std::nullopt;
    return secretaryd::wrongMethod(methods);
}

template <typename Routes>
[[nodiscard]] RouteNames namesOf(const Routes& routes) {
    RouteNames names;
    for (const auto& route : routes) names.emplace_back(route.method, route.pattern);
    return names;
}

}  // namespace netpas::agent
