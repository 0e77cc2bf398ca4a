#include "app/agent/own_routes.h"

#include <algorithm>

namespace netpas::agent {

namespace {

// Takes the first segment off; what stays begins with the next slash, if there is one.
std::string_view takeSegment(std::string_view& path) {
    path.remove_prefix(std::min<size_t>(1, path.size()));
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

}  // namespace

bool fits(std::string_view pattern, std::string_view path) {
    while (!pattern.empty() && !path.empty()) {
        const std::string_view wanted = takeSegment(pattern), given = takeSegment(path);
        const bool any = wanted.starts_with('{') && wanted.ends_with('}') && !given.empty();
        if (!any && wanted != given) return false;
    }
    return pattern.empty() && path.empty();
}

}  // namespace netpas::agent
