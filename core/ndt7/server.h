// The serving end of ndt7 capacity tests: WebSocket over TCP or TLS. Everything runs on the io_context's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/ndt7/measurement.h"
#include "core/net/net_error.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::ndt7 {

struct ServerLimits {
    size_t tests = 16;      // at a time; more would measure each other
    size_t perAddress = 2;  // at a time
    std::chrono::milliseconds handshake{5000};
    std::chrono::milliseconds testTime = ndt7::testTime;
};

struct Served {
    Direction direction{};
    Endpoint client;
    uint64_t bytes = 0;
    std::chrono::microseconds elapsed{};
    bool complete = false;  // ended in good order
};

class Server {
public:
    // `onServed` is told of each test that began; not during or after destruction.
    Server(boost::asio::io_context& io, ServerLimits limits, std::function<void(const Served&)> onServed);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Port 0 takes a free one; the answer is the port in use. With an identity over TLS, proved by its key.
    [[nodiscard]] tl::expected<uint16_t, net::NetError> listen(const Endpoint& endpoint,
                                                               const Identity* identity = nullptr);
    // Ends every test.
    void close();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::ndt7
