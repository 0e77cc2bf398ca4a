// A small HTTP/1.1 server on Unix sockets, over TLS 1.3 with an Ed25519 identity as certificate, and on loopback addresses.
// One thread: the one that runs the io_context.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/net/http.h"
#include "core/net/net_error.h"

namespace boost::asio {
class io_context;
}

namespace netpas::net {

struct HttpLimits {
    size_t maxHeader = 8192;  // bytes of the request line and the headers
    size_t maxBody = 65536;
    size_t maxConnections = 256;  // more are closed at once
    size_t maxPerPeer = 64;       // of one user, or of one address: the others keep their share
    // Requests a second of one user other than root, or of one address; 0: any number. What comes faster waits, unread, for its turn, after
    // a burst of `burst`: it costs only who sends it.
    uint32_t perSecond = 0;
    uint32_t burst = 200;
    std::chrono::milliseconds readTimeout{10000};    // a request must be complete by then; also the idle time
    std::chrono::milliseconds answerTimeout{60000};  // the handler must have answered by then, else 504
    std::chrono::milliseconds writeTimeout{10000};
};

using HttpReply = std::function<void(HttpResponse)>;
// May answer later; calling reply twice or never is harmless (504 after the time-out).
using HttpHandler = std::function<void(const HttpRequest&, HttpReply)>;

class HttpServer {
public:
    HttpServer(boost::asio::io_context& io, HttpHandler handler, HttpLimits limits = {});
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // Replaces a socket that nobody listens on; refuses one that answers. `mode` as in chmod; `group` by name, empty
    // keeps the process's. The socket is never, not even for a moment, open to more than `mode`.
    [[nodiscard]] tl::expected<void, NetError> listenUnix(const std::filesystem::path& path, unsigned mode,
                                                          const std::string& group = {});
    // A Unix socket that somebody else has bound, and listens on; owned from now on. Its path is not removed.
    [[nodiscard]] tl::expected<void, NetError> listenInherited(int descriptor);
    // Port 0 takes a free one; the answer is the port in use. With `clientKeys` every caller must prove an Ed25519 key, any key: the
    // handler finds it in the request and decides. One kind for all TLS listeners of a server.
    [[nodiscard]] tl::expected<uint16_t, NetError> listenTls(const Endpoint& endpoint, const Identity& identity,
                                                             bool clientKeys = false);
    // Without TLS, on this machine's own loopback address and no other: anything else is NetError::CannotListen. Who asks is for the
    // handler to find out.
    [[nodiscard]] tl::expected<uint16_t, NetError> listenLoopback(const Endpoint& endpoint);
    // Without encryption: on loopback, or where a proxy in front has it. Port 0 as above.
    [[nodiscard]] tl::expected<uint16_t, NetError> listenPlain(const Endpoint& endpoint);
    // Stops accepting, closes every connection, removes the Unix sockets.
    void close();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::net
