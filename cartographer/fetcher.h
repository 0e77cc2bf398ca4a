// Where documents of other parties come from.
#pragma once

#include <functional>
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

class Fetcher {
public:
    virtual ~Fetcher() = default;
    // `done` is called once, later, on the thread that called.
    virtual void get(const Endpoint& server, const PublicKey& key, const std::string& target,
                     std::function<void(tl::expected<std::string, FetchFailure>)> done) = 0;
};

// HTTPS with the server's key pinned, on the thread that runs the io_context.
class HttpsFetcher final : public Fetcher {
public:
    explicit HttpsFetcher(boost::asio::io_context& io) : m_io(io) {}
    void get(const Endpoint& server, const PublicKey& key, const std::string& target,
             std::function<void(tl::expected<std::string, FetchFailure>)> done) override;

private:
    boost::asio::io_context& m_io;
};

}  // namespace netpas::cartographer
