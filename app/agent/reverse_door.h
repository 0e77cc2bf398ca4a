// The door for those who buy better service for packets that come from this machine, or from hosts on its links (NetPaS §3.1.3;
// app/secretary/REVERSE.md): HTTPS for strangers, who get no further than orders of their own. Control thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/agent/own_routes.h"
#include "app/common/log.h"
#include "core/link_address.h"
#include "core/net/http.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

struct ReverseDoorContext {
    boost::asio::io_context& io;
    std::filesystem::path folder;  // keeps the door's key
    app::LogSink log;
    // Who has an address on one of this machine's links.
    std::function<std::optional<LinkAddress>(const IpAddress&)> neighbour;
    std::function<bool(const IpAddress&)> isOwn;  // an address of this machine
    std::function<void(const net::HttpRequest&, std::function<void(net::HttpResponse)>)> secretary;
};

class ReverseDoor {
public:
    // `listen`: one or more addresses of this machine's, of each family that packets come from here in. Error: what is wrong, with the remedy.
    [[nodiscard]] static tl::expected<std::unique_ptr<ReverseDoor>, std::string> open(
        ReverseDoorContext context, const std::vector<Endpoint>& listen);
    ~ReverseDoor();
    ReverseDoor(const ReverseDoor&) = delete;
    ReverseDoor& operator=(const ReverseDoor&) = delete;
    // https://ADDRESS:PORT/#KEY of each
    [[nodiscard]] std::vector<std::string> urls() const;
    void close();
    [[nodiscard]] static RouteNames routes();

private:
    struct Impl;
    explicit ReverseDoor(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
