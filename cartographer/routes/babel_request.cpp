#include "cartographer/routes/babel_request.h"

namespace netpas::routes {

namespace {

constexpr uint8_t magic = 42, version = 2;
constexpr uint8_t routeRequest = 9;
constexpr uint8_t ipv4 = 1, ipv6 = 2;  // encodings of addresses
constexpr size_t headerSize = 4;       // magic, version, length of what follows
constexpr size_t requestSize = 4;      // type, length, encoding, length of the prefix

}  // namespace

std::vector<Bytes> encodeRouteRequests(std::span<const IpPrefix> prefixes) {
    std::vector<Bytes> datagrams;
    for (const IpPrefix& one : prefixes) {
        const auto address = one.address().bytes();
        const size_t used = (one.length() + size_t{7}) / 8;
        if (datagrams.empty() || datagrams.back().size() + requestSize + used > maxBabelDatagram)
            datagrams.push_back({magic, version, 0, 0});
        Bytes& bytes = datagrams.back();
        bytes.insert(bytes.end(),
                     {routeRequest, static_cast<uint8_t>(2 + used), one.address().isV6() ? ipv6 : ipv4, one.length()});
        bytes.insert(bytes.end(), address.begin(), address.begin() + static_cast<ptrdiff_t>(used));
    }
    for (Bytes& bytes : datagrams) store16(bytes.data() + 2, static_cast<uint16_t>(bytes.size() - headerSize));
    return datagrams;
}

}  // namespace netpas::routes
