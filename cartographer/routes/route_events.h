// What routing data says, whoever says it: an MRT dump or a router.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/net_address.h"

namespace netpas::routes {

// A prefix as BGP sends it. Bits behind the length are zero.
struct RawPrefix {
    bool v6 = false;
    std::array<uint8_t, 16> bytes{};
    uint8_t length = 0;
    friend auto operator<=>(const RawPrefix&, const RawPrefix&) = default;
};

// Who told a route.
struct Peer {
    IpAddress address;
    uint32_t as = 0;
    friend auto operator<=>(const Peer&, const Peer&) = default;
};

// One of the routes that a peer tells for a prefix: with ADD-PATH (RFC 7911) there may be several.
struct Teller {
    uint16_t peer = 0;
    uint32_t pathId = 0;  // 0 without ADD-PATH
    friend bool operator==(const Teller&, const Teller&) = default;
};

class RouteSink {
public:
    virtual ~RouteSink() = default;
    // A number for the peer, the same whenever it is asked for; nothing when there are too many.
    virtual std::optional<uint16_t> peer(const Peer& peer) = 0;

    struct Entry {
        Teller teller;
        ByteView path;  // canonical (as_path.h); only during the call
    };
    // All routes to a prefix at one moment. A prefix that comes again adds to what is known.
    virtual void table(const RawPrefix& prefix, std::span<const Entry> entries) = 0;
    // One route, in the order of time.
    virtual void announced(const RawPrefix& prefix, Teller teller, ByteView path) = 0;
    virtual void withdrawn(const RawPrefix& prefix, Teller teller) = 0;
    // Its session ended: all its routes are gone.
    virtual void lost(uint16_t peer) = 0;
};

}  // namespace netpas::routes
