// Routing table dumps: whatever a record says, the table that comes out can be searched.
#include <cstdlib>

#include "cartographer/routes/mrt_parser.h"
#include "cartographer/routes/route_table.h"
#include "core/crypto/identity.h"

using namespace netpas;
using namespace netpas::routes;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const bool ready = initCrypto();
    if (!ready) std::abort();
    RouteTableBuilder builder;
    MrtParser parser(builder);
    ByteView rest(data, size);
    while (rest.size() >= MrtParser::headerSize) {
        const size_t length = load32(rest.data() + 8);
        if (length > rest.size() - MrtParser::headerSize) break;
        (void)parser.record(load16(rest.data() + 4), load16(rest.data() + 6),
                            rest.subspan(MrtParser::headerSize, length));
        rest = rest.subspan(MrtParser::headerSize + length);
    }
    const RouteTable table = builder.build();
    for (uint32_t i = 0; i < table.size(); ++i) {
        const RouteTable::Match match = table.at(i);
        if (match.routes.empty()) std::abort();
        for (const RouteTable::Route& route : match.routes) {
            (void)route.path.toString();
            (void)route.path.hops();
        }
        // A prefix's own address is covered by it, or by a longer one that begins there.
        const auto found = table.find(match.prefix.address());
        if (!found || found->prefix.length() < match.prefix.length()) std::abort();
    }
    return 0;
}
