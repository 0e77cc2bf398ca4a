// The door for devices behind this machine: HTTPS on its address in the home network, each caller with a key of its own. An unpaired one
// may ask to be paired and nothing else; a paired one speaks for itself and for its own addresses only. Control thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <tl/expected.hpp>

#include "app/agent/household.h"
#include "app/agent/own_routes.h"
#include "app/common/log.h"
#include "core/channel/messages.h"
#include "core/net/http.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

// What was refused since the start.
struct DoorCounters {
    uint64_t unpaired = 0;        // asked for something without being paired
    uint64_t foreignAddress = 0;  // wanted to buy for an address that is not its own
    uint64_t foreignLink = 0;     // a paired key from another device's link-layer address
    uint64_t pairing = 0;         // requests to be paired
};

struct DoorContext {
    boost::asio::io_context& io;
    std::filesystem::path folder;  // keeps the door's key
    app::LogSink log;
    // Who has an address on one of this machine's links.
    std::function<std::optional<LinkAddress>(const IpAddress&)> neighbour;
    // The local API behind the door. Of a device's requests `node` is its name; which user it stands for, the secretary knows.
    std::function<void(const net::HttpRequest&, std::function<void(net::HttpResponse)>)> api;
    // Asks the secretary about a device that it does not list; the request's number is filled in there.
    std::function<void(channel::DeviceAsks, std::function<void(const channel::DeviceAnswer&)>)> secretary;
    // Paired devices that may ask for payments from anywhere (NetPaS §3.1.4).
    std::set<std::string> roaming = {};
};

class HouseholdDoor {
public:
    using Reply = std::function<void(net::HttpResponse)>;

    // Error: what is wrong, with the remedy.
    [[nodiscard]] static tl::expected<std::unique_ptr<HouseholdDoor>, std::string> open(DoorContext context,
                                                                                        const Endpoint& listen);
    ~HouseholdDoor();
    HouseholdDoor(const HouseholdDoor&) = delete;
    HouseholdDoor& operator=(const HouseholdDoor&) = delete;

    // Requests of this machine's own users for /v1/door: where it is, and whom it has turned away; false: it is none.
    [[nodiscard]] bool handleLocal(const net::HttpRequest& request, const Reply& reply);
    // A request that came through the door; `request.clientKey` and `request.remote` are set.
    void handleDevice(const net::HttpRequest& request, const Reply& reply);
    // Who is paired, as the secretary says.
    void setDevices(std::optional<std::vector<Device>> devices);
    // Where a device's packets come from.
    [[nodiscard]] std::optional<LinkAddress> linkOf(const std::string& node) const;
    // For the devices: https://ADDRESS:PORT/#KEY
    [[nodiscard]] std::string url() const;
    [[nodiscard]] const DoorCounters& counters() const;
    void close();
    // What is answered at the door itself, and what to this machine's own users.
    [[nodiscard]] static RouteNames routes();
    [[nodiscard]] static RouteNames localRoutes();

private:
    struct Impl;
    explicit HouseholdDoor(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
