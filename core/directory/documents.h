// What an ISP publishes about itself (NetPaS §5.3; core/directory/README.md): descriptor, menu, keys, paths.
// Plain values with JSON forms, inside a signed envelope.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/guarantee.h"
#include "core/ids.h"
#include "core/net_address.h"
#include "core/price_model.h"

namespace netpas::directory {

enum class DocumentError {
    NotJson,
    WrongShape,    // a field is missing, of the wrong type or out of range
    BadSignature,  // forged, or signed by another key than expected
    WrongIsp,
    WrongKind,  // a menu where a descriptor was asked for
    NotYetValid,
    Expired,
    BadUrl,  // a join URL is https://ADDRESS:PORT/#KEY
};
[[nodiscard]] std::string_view describe(DocumentError error);

// In every payload.
struct Validity {
    IspId isp;
    SystemTime issued;
    SystemTime expires;
    friend bool operator==(const Validity&, const Validity&) = default;
};
// Neither expired nor issued later than now; the latter says that this machine's clock was set back. A minute is forgiven.
[[nodiscard]] bool isCurrent(const Validity& validity, SystemTime now);

struct Descriptor {
    Validity validity;
    std::string name;
    std::vector<IpAddress> edges;  // where customers send paid packets, UDP port 46721
    uint16_t edgePort = 46721;
    Endpoint accounting;  // TLS
    PublicKey accountingKey;
    friend bool operator==(const Descriptor&, const Descriptor&) = default;
};

struct Promise {
    std::optional<uint32_t> latencyMicroseconds;
    std::optional<uint32_t> lossPerMillion;
    std::optional<uint64_t> rateBitPerSecond;
    friend bool operator==(const Promise&, const Promise&) = default;
};

struct MenuClass {
    ServiceClass id;
    std::string name;
    std::string description;
    uint8_t dscp = 0;
    PriceSchedule prices;
    Promise promise;
    std::optional<Guarantee> guarantee{};  // its charges beside the prices
    friend bool operator==(const MenuClass&, const MenuClass&) = default;
};

struct MenuExit {
    IspId isp;  // the next ISP
    ExitPoint exit;
    std::string name;
    friend bool operator==(const MenuExit&, const MenuExit&) = default;
};

// Serves capacity tests (ndt7).
struct SpeedTest {
    Endpoint server;
    std::optional<PublicKey> key;  // TLS, proved by this key; nothing: plain TCP
    friend bool operator==(const SpeedTest&, const SpeedTest&) = default;
};

inline constexpr uint16_t reverseSellerPort = 46726;  // TCP

// Sells better service for packets that come from this ISP's customers (NetPaS §3.1.3), over HTTPS; app/secretary/REVERSE.md.
struct ReverseSeller {
    Endpoint server;
    PublicKey key;  // of its TLS
    friend bool operator==(const ReverseSeller&, const ReverseSeller&) = default;
};

struct Menu {
    Validity validity;
    std::vector<MenuClass> classes;
    std::vector<MenuExit> exits;
    // Where what was promised can be measured, inside this ISP. Menus without them are good, too.
    std::vector<Endpoint> reflectors;  // STAMP (RFC 8762), UDP
    std::vector<SpeedTest> speedTests;
    std::vector<ReverseSeller> reverseSellers = {};
    friend bool operator==(const Menu&, const Menu&) = default;
};

// The directories and keys of other ISPs that this one vouches for.
struct KnownIsp {
    IspId isp;
    std::string name;
    std::optional<Endpoint> directory;
    PublicKey key;
    friend bool operator==(const KnownIsp&, const KnownIsp&) = default;
};

struct Keys {
    Validity validity;
    PublicKey directoryKey;   // signs these documents
    PublicKey accountingKey;  // signs confirmations, statements and invoices
    std::vector<KnownIsp> others;
    friend bool operator==(const Keys&, const Keys&) = default;
};

struct IspPath {
    std::vector<IspId> isps;       // the first is the publisher
    std::vector<ExitPoint> exits;  // of each but the last; 0 = it chooses
    friend bool operator==(const IspPath&, const IspPath&) = default;
};

struct Paths {
    static constexpr size_t most = 64;
    Validity validity;
    IpPrefix prefix;             // what these paths lead to
    std::vector<IspPath> paths;  // the preferred one first; empty = no paid path is known
    friend bool operator==(const Paths&, const Paths&) = default;
};

// A payee's certificate with those of the authorities below the trusted one (core/certificates/README.md). Whether it is
// good is not the directory's to say.
struct PayeeCertificates {
    static constexpr size_t maxPem = 128 * 1024;
    Validity validity;
    NodeId payee;
    std::string pem;
    friend bool operator==(const PayeeCertificates&, const PayeeCertificates&) = default;
};

// JSON payloads (not signed).
[[nodiscard]] std::string toJson(const Descriptor& document);
[[nodiscard]] std::string toJson(const Menu& document);
[[nodiscard]] std::string toJson(const Keys& document);
[[nodiscard]] std::string toJson(const Paths& document);
[[nodiscard]] std::string toJson(const PayeeCertificates& document);
[[nodiscard]] tl::expected<Descriptor, DocumentError> descriptorFromJson(std::string_view json);
[[nodiscard]] tl::expected<Menu, DocumentError> menuFromJson(std::string_view json);
[[nodiscard]] tl::expected<Keys, DocumentError> keysFromJson(std::string_view json);
[[nodiscard]] tl::expected<Paths, DocumentError> pathsFromJson(std::string_view json);
[[nodiscard]] tl::expected<PayeeCertificates, DocumentError> payeeFromJson(std::string_view json);

// The envelope: {"payload": base64, "key": hex, "signature": hex}.
[[nodiscard]] std::string seal(std::string_view payload, const Identity& identity);
// The payload, its signature checked against `key`.
[[nodiscard]] tl::expected<std::string, DocumentError> open(std::string_view envelope, const PublicKey& key);

// Opens, parses, and checks publisher and time; what a client calls on a fetched body.
[[nodiscard]] tl::expected<Descriptor, DocumentError> openDescriptor(std::string_view envelope, const PublicKey& key,
                                                                     SystemTime now);
[[nodiscard]] tl::expected<Menu, DocumentError> openMenu(std::string_view envelope, const PublicKey& key, IspId isp,
                                                         SystemTime now);
[[nodiscard]] tl::expected<Keys, DocumentError> openKeys(std::string_view envelope, const PublicKey& key, IspId isp,
                                                         SystemTime now);
[[nodiscard]] tl::expected<Paths, DocumentError> openPaths(std::string_view envelope, const PublicKey& key, IspId isp,
                                                           SystemTime now);
[[nodiscard]] tl::expected<PayeeCertificates, DocumentError> openPayee(std::string_view envelope, const PublicKey& key,
                                                                       IspId isp, SystemTime now);

// https://ADDRESS:PORT/#KEY, an IPv6 address in brackets.
struct JoinUrl {
    Endpoint directory;
    PublicKey key;
};
[[nodiscard]] tl::expected<JoinUrl, DocumentError> parseJoinUrl(std::string_view url);
[[nodiscard]] std::string toString(const JoinUrl& url);

}  // namespace netpas::directory
