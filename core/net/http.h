// Plain values of HTTP/1.1, for both the server and the client.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/crypto/identity.h"
#include "core/net_address.h"

namespace netpas::net {

// Who is at the other end of a Unix socket, as the kernel says.
struct PeerCredentials {
    uint32_t uid = 0;
    uint32_t gid = 0;
    int32_t pid = 0;
};

// Without regard to case.
[[nodiscard]] bool sameHeaderName(std::string_view a, std::string_view b);

struct HttpHeader {
    std::string name;
    std::string value;
};

struct HttpRequest {
    std::string method = "GET";
    std::string path;                          // decoded, without the query
    std::map<std::string, std::string> query;  // decoded
    std::vector<HttpHeader> headers;
    std::string body;
    std::optional<PeerCredentials> peer;  // on a Unix socket
    std::optional<Endpoint> remote;       // over TCP
    std::optional<PublicKey> clientKey;   // over TLS that asks for it: the caller has proved to have it
    std::string node;  // device behind this machine, for whom the listener knows; empty: nobody says so

    // Names compare without regard to case; empty when there is none.
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

class HttpStream;

struct HttpResponse {
    unsigned status = 200;
    std::string contentType = "application/json";
    std::string body;
    std::vector<HttpHeader> headers;
    std::shared_ptr<HttpStream> stream = {};  // goes on where `body` would be (http_stream.h); HTTP/1.1 on servers only

    [[nodiscard]] std::string_view header(std::string_view name) const;
    // {"code": …, "message": …, "hint": …}, as in the local API.
    [[nodiscard]] static HttpResponse error(unsigned status, std::string_view code, std::string_view message,
                                            std::string_view hint = {});
};

// Percent-encodes what may not stand in a query value.
[[nodiscard]] std::string encodeQueryValue(std::string_view value);
// False when a percent sign is not followed by two hexadecimal digits.
[[nodiscard]] bool decodeTarget(std::string_view target, HttpRequest& request);

}  // namespace netpas::net
