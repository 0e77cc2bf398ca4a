// Where documents of other parties come from.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::cartographer {

struct FetchFailure {
    enum class Kind {
        Unreachable,
        WrongKey,   // the server does not hold the expected key
        NotServed,  // it answered, but not with the document
    };
    Kind kind = Kind::Unreachable;
    std::string what;
};

struct Fetched {
    bool unchanged = false;  // what the tag named is still current; `body` is empty then
    std::string body;
    std::string tag;                               // ETag; empty: none
    std::optional<std::chrono::seconds> maxAge{};  // as the server said
};

class Fetcher {
public:
    using Done = std::function<void(tl::expected<Fetched, FetchFailure>)>;
    virtual ~Fetcher() = default;
    // `tag`: of what the caller has already; empty: nothing. `done` is called once, later, on the thread that called.
    virtual void get(const Endpoint& server, const PublicKey& key, const std::string& target, const std::string& tag,
                     Done done) = 0;
};

struct FetchLimits {
    std::chrono::milliseconds connect{5'000};
    std::chrono::milliseconds whole{10'000};  // from the call to the last byte: trickling does not help
    // … with a tag: what is there already does not wait for servers behind a way that has failed.
    std::chrono::milliseconds again{2'000};
    size_t body = size_t{1} << 20;     // bytes
    size_t header = size_t{16} << 10;  // bytes, of all lines together
    long connections = 32;             // at a time, of all; 4 to one server
};

// HTTPS by libcurl: TLS 1.3 with a server that proves the expected Ed25519 key, no redirects, no proxies. Connections are kept and used
// again. It works on a thread of its own, which begins with the first call; answers come on the thread that runs the io_context.
class CurlFetcher final : public Fetcher {
public:
    explicit CurlFetcher(boost::asio::io_context& io, FetchLimits limits = {});
    // Callbacks that have not come by then do not come.
    ~CurlFetcher() override;
    void get(const Endpoint& server, const PublicKey& key, const std::string& target, const std::string& tag,
             Done done) override;

private:
    class Worker;
    boost::asio::io_context& m_io;
    FetchLimits m_limits;
    std::shared_ptr<Worker> m_worker;
};

}  // namespace netpas::cartographer
