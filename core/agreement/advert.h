// What a node asks its neighbours for forwarding (agreements note; AGREEMENTS.md here): signed, periodic, and an invitation only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <tl/expected.hpp>

#include "core/agreement/terms.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/link_address.h"
#include "core/net_address.h"

namespace netpas::agreement {

inline constexpr const char* multicastGroup = "ff02::4e50:1";
inline constexpr uint16_t agreementPort = 46726;
inline constexpr size_t maxDatagram = 512;

// Per kB; nothing: not sold.
struct Prices {
    std::optional<Money> upstream, downstream;
    friend bool operator==(const Prices&, const Prices&) = default;
};
struct PriceNotice {
    std::chrono::seconds in{0};  // from when the advert was made; at least 1
    Prices prices;
    friend bool operator==(const PriceNotice&, const PriceNotice&) = default;
};

struct Advert {
    PublicKey key;
    uint64_t run = 0;     // drawn at each start
    uint32_t number = 0;  // grows within a run
    SystemTime issued;
    std::chrono::seconds lifetime{0};  // 1 to 300, from its arrival
    LinkAddress link{};                // what it is sent from
    IpAddress address;                 // link-local IPv6: where messages go, and the next hop of routes
    std::optional<IpAddress> address4;
    IspId isp;                   // that takes payments for this node
    uint16_t reflectorPort = 0;  // of STAMP; 0: none
    Prices prices;
    std::optional<PriceNotice> notice;
    friend bool operator==(const Advert&, const Advert&) = default;
};

enum class DatagramError {
    Truncated,
    Trailing,
    Version,
    Kind,        // not of the kind that is read
    OutOfRange,  // some field has a value that none can have
    Signature,   // decoded, but not signed by whom it names
};
[[nodiscard]] std::string_view describe(DatagramError error);

// What may be encoded.
[[nodiscard]] bool isValid(const Advert& advert);
// `advert` is valid and its key is the identity's.
[[nodiscard]] Bytes sign(const Advert& advert, const Identity& identity);
// Everything but the signature: cheap, so that what is not wanted is dropped before it is verified.
[[nodiscard]] tl::expected<Advert, DatagramError> decodeAdvert(ByteView datagram);
// `datagram` has decoded to an advert of this key.
[[nodiscard]] bool verifyAdvert(ByteView datagram, const PublicKey& key);

}  // namespace netpas::agreement
