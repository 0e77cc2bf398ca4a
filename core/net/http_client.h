// HTTP/1.1 requests over a Unix socket, or over TLS 1.3 to a server whose Ed25519 key is pinned.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/net/http.h"
#include "core/net/net_error.h"

namespace boost::asio {
class io_context;
}

namespace netpas::net {

struct UnixTarget {
    std::filesystem::path socket;
};
struct TlsTarget {
    Endpoint server;
    PublicKey key;                     // any other key ends in NetError::Refused
    const Identity* client = nullptr;  // proved to the server, if it asks; outlives the call
};
using HttpTarget = std::variant<UnixTarget, TlsTarget>;

struct HttpCall {
    std::string method = "GET";
    std::string target = "/";  // path and query, encoded
    std::string body;
    std::vector<HttpHeader> headers;
    std::chrono::milliseconds timeout{10000};  // for the whole exchange
    size_t maxBody = size_t{1} << 20;
};

using HttpAnswer = tl::expected<HttpResponse, NetError>;

// One connection per call. `done` is called once, on the io_context's thread.
void httpCall(boost::asio::io_context& io, const HttpTarget& target, const HttpCall& call,
              std::function<void(HttpAnswer)> done);

// The same, waiting for the answer; for command lines.
[[nodiscard]] HttpAnswer httpCall(const HttpTarget& target, const HttpCall& call);

}  // namespace netpas::net
