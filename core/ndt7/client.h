// The asking end of ndt7 capacity tests; can be stopped at any time. Runs on the io_context's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/ndt7/measurement.h"
#include "core/net/net_error.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::ndt7 {

struct Target {
    Endpoint server;
    std::string host;              // for the Host header; empty: the address
    std::optional<PublicKey> key;  // TLS with this key pinned; nothing: plain TCP
};

struct Options {
    std::chrono::milliseconds testTime = ndt7::testTime;
    uint64_t mostBytes =
        UINT64_MAX;     // of the application; the test ends there, and what is on its way then still arrives
    uint32_t mark = 0;  // of the packets (Linux, needs CAP_NET_ADMIN); 0: none
};

struct Result {
    Direction direction{};
    // As seen by the end that receives: what it got, and how long that took.
    uint64_t bytes = 0;
    std::chrono::microseconds elapsed{};
    std::optional<TcpInfo> sender;  // the last report of the end that sends, where it makes one
    bool stopped = false;           // before its time, by the caller or at mostBytes
};

class Client {
public:
    struct Handlers {
        std::function<void(const Measurement&)> onProgress;  // of either end, some times a second
        std::function<void(tl::expected<Result, net::NetError>)> onDone;
    };
    // Begins at once. `onDone` is called once, unless the client is destroyed before.
    Client(boost::asio::io_context& io, const Target& target, Direction direction, Options options, Handlers handlers);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void stop();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::ndt7
