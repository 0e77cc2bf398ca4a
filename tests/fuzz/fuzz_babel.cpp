// What babeld says: tables stay within their bounds, a route that is found contains what was asked for, and a line that changed nothing changes nothing twice.
#include <cstdlib>
#include <string_view>

#include "cartographer/routes/babel.h"
#include "core/bytes.h"

using namespace netpas;
using namespace netpas::routes;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    BabelTable table;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        const auto first = table.take(line);
        if (first == BabelTable::Line::Change && table.take(line) != BabelTable::Line::Nothing) std::abort();
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (table.routes().size() > maxBabelRoutes || table.neighbours().size() > maxBabelNeighbours) std::abort();
    for (const auto& [id, route] : table.routes()) {
        const BabelRoute* found = table.routeTo(route.to.address());
        if (found != nullptr && (!found->to.contains(route.to.address()) || !found->installed)) std::abort();
        if (found == nullptr && route.installed && route.from.length() == 0) std::abort();
    }
    return 0;
}
