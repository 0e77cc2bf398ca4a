#include "app/agent/household_door.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/secretary/router.h"
#include "core/net/http_server.h"

namespace netpas::agent {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using secretaryd::answer;
using secretaryd::refusal;

namespace {

constexpr std::chrono::milliseconds neighbourPatience{300};
constexpr std::string_view householdPath = "/v1/household";
constexpr std::string_view pairingPath = "/v1/pairing";
constexpr std::string_view purchasesPath = "/v1/purchases";

net::HttpLimits doorLimits() {
    net::HttpLimits limits;
    limits.maxBody = 16384;
    limits.maxConnections = 128;
    limits.maxPerPeer = 16;
    return limits;
}

HttpResponse refusalFor(PairingError error) {
    const std::string_view what = describe(error);
    switch (error) {
    case PairingError::BadName: return refusal(400, "INVALID_ARGUMENT", what, "netpas pair request URL --name alice");
    case PairingError::NameTaken:
        return refusal(409, "CONFLICT", what, "choose another name, or on the modem: netpas pair remove NAME");
    case PairingError::AlreadyPaired: return refusal(409, "CONFLICT", what, "on the modem: netpas pair list");
    case PairingError::TooMany:
        return refusal(429, "RATE_LIMITED", what, "wait some minutes; on the modem: netpas pair list");
    case PairingError::NoSuchRequest: return refusal(404, "NOT_FOUND", what, "netpas pair list");
    case PairingError::NoSuchDevice: return refusal(404, "NOT_FOUND", what, "netpas pair list");
    case PairingError::TooManyDevices: return refusal(409, "CONFLICT", what, "netpas pair remove NAME");
    case PairingError::CannotStore: return refusal(500, "LOCAL_FAILURE", what, "free some disk space, then try again");
    }
    return refusal(500, "LOCAL_FAILURE", what);
}

int64_t secondsLeft(SteadyTime end, SteadyTime now) {
    return std::chrono::duration_cast<std::chrono::seconds>(end - now).count();
}

}  // namespace

struct HouseholdDoor::Impl : std::enable_shared_from_this<HouseholdDoor::Impl> {
    Impl(DoorContext given, Identity key, Household known)
        : context(std::move(given)), identity(std::move(key)), household(std::move(known)) {}

    DoorContext context;
    Identity identity;
    Household household;
    Endpoint at;
    DoorCounters counters;
    std::unique_ptr<net::HttpServer> server;

    void device(const HttpRequest& request, const Reply& reply);
    void pairing(const HttpRequest& request, const Reply& reply);
    void buy(HttpRequest request, const Reply& reply);
    void finishBuying(HttpRequest request, json order, const Reply& reply);
    tl::expected<IpAddress, HttpResponse> localSide(const json& order, const Device& device,
                                                    const IpAddress& spokenFrom);
    bool owns(const Device& device, const IpAddress& address) const;

    void list(const Reply& reply);
    void confirm(const HttpRequest& request, const Reply& reply);
    void remove(const std::string& name, const Reply& reply);
    void stopAll(const Device& device);
};

HouseholdDoor::HouseholdDoor(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
HouseholdDoor::~HouseholdDoor() { close(); }

tl::expected<std::unique_ptr<HouseholdDoor>, std::string> HouseholdDoor::open(DoorContext context,
                                                                              const Endpoint& listen) {
    const auto keyFile = context.folder / "household.key";
    auto identity = Identity::loadOrCreate(keyFile);
    if (!identity) return tl::unexpected(keyFile.string() + ": " + std::string(describe(identity.error())));
    auto household = Household::load(context.folder / "household.json", identity->publicKey());
    if (!household) return tl::unexpected(household.error());
    auto impl = std::make_shared<Impl>(std::move(context), std::move(*identity), std::move(*household));
    impl->server = std::make_unique<net::HttpServer>(
        impl->context.io,
        [weak = std::weak_ptr<Impl>(impl)](const HttpRequest& request, const net::HttpReply& reply) {
            if (const auto self = weak.lock()) self->device(request, reply);
        },
        doorLimits());
    const auto port = impl->server->listenTls(listen, impl->identity, true);
    if (!port) {
        return tl::unexpected("cannot listen on " + listen.toString() +
                              " (--listen-tls): give an address of this machine's in "
                              "the home network and a free port");
    }
    impl->at = {listen.address, *port};
    std::unique_ptr<HouseholdDoor> door(new HouseholdDoor(std::move(impl)));
    door->m_impl->context.log(app::LogLevel::Info, "devices pair at " + door->url());
    return door;
}

void HouseholdDoor::close() { m_impl->server->close(); }
std::string HouseholdDoor::url() const {
    return "https://" + m_impl->at.toString() + "/#" + m_impl->identity.publicKey().hex();
}
const DoorCounters& HouseholdDoor::counters() const { return m_impl->counters; }
void HouseholdDoor::handleDevice(const HttpRequest& request, const Reply& reply) { m_impl->device(request, reply); }

std::optional<LinkAddress> HouseholdDoor::linkOf(const std::string& node) const {
    const Device* const device = m_impl->household.byName(node);
    if (device == nullptr) return std::nullopt;
    return device->link;
}

void HouseholdDoor::Impl::device(const HttpRequest& request, const Reply& reply) {
    if (!request.clientKey || !request.remote) return reply(refusal(403, "UNAUTHORIZED", "the caller is not known"));
    if (request.path == pairingPath) return pairing(request, reply);
    const Device* const known = household.byKey(*request.clientKey);
    if (known == nullptr) {
        ++counters.unpaired;
        return reply(refusal(403, "NOT_PAIRED", "this device is not paired", "netpas pair request URL --name NAME"));
    }
    // A key that was copied to another device is of no use there.
    const IpAddress from = request.remote->address;
    if (context.neighbour(from) != known->link) {
        ++counters.foreignLink;
        return reply(refusal(403, "RESTRICTED", "this key was paired from another network card",
                             "on the modem: netpas pair remove " + known->name + ", then pair again"));
    }
    household.spokeFrom(known->key, from);
    HttpRequest inside = request;
    inside.node = known->name;
    inside.peer = net::PeerCredentials{known->uid, known->uid, 0};
    if (inside.method == "POST" && inside.path == purchasesPath) return buy(std::move(inside), reply);
    context.api(inside, reply);
}

// A request that is paired already, or waits, is answered with its state.
void HouseholdDoor::Impl::pairing(const HttpRequest& request, const Reply& reply) {
    const SteadyTime now = context.clock.steady();
    if (request.method == "GET") {
        if (const Device* const known = household.byKey(*request.clientKey)) {
            return reply(answer({{"state", "paired"}, {"name", known->name}}));
        }
        const auto waiting = household.requestOf(*request.clientKey, now);
        if (!waiting) return reply(answer({{"state", "unknown"}}));
        return reply(
            answer({{"state", "waiting"}, {"name", waiting->name}, {"expires_s", secondsLeft(waiting->expires, now)}}));
    }
    if (request.method != "POST") return reply(refusal(405, "INVALID_ARGUMENT", "not this method here"));
    const json body = json::parse(request.body, nullptr, false);
    const auto name = body.is_object() && body.size() == 1 ? body.find("name") : body.end();
    if (!body.is_object() || name == body.end() || !name->is_string()) {
        ++counters.pairing;
        return reply(refusal(400, "INVALID_ARGUMENT", "the body must be {\"name\": …}"));
    }
    const auto link = context.neighbour(request.remote->address);
    if (!link) {
        ++counters.pairing;
        return reply(refusal(403, "RESTRICTED", "only devices on a link of this machine's can be paired",
                             "connect without another router in between"));
    }
    const auto asked =
        household.request(name->get<std::string>(), *request.clientKey, *link, request.remote->address, now);
    if (!asked) {
        ++counters.pairing;
        return reply(refusalFor(asked.error()));
    }
    reply(answer({{"state", "waiting"}, {"name", asked->name}, {"expires_s", secondsLeft(asked->expires, now)}}, 202));
}

bool HouseholdDoor::Impl::owns(const Device& device, const IpAddress& address) const {
    return context.neighbour(address) == device.link;
}

// Whose packets are to be paid for: those of the address that was asked for, if it is the device's, else of one that it has.
tl::expected<IpAddress, HttpResponse> HouseholdDoor::Impl::localSide(const json& order, const Device& device,
                                                                     const IpAddress& spokenFrom) {
    const auto to = order.find("to");
    const auto remote = to != order.end() && to->is_string() ? IpAddress::parse(to->get<std::string>()) : std::nullopt;
    if (!remote)
        return tl::unexpected(
            refusal(400, "INVALID_ARGUMENT", "to is not an IP address", "an address such as 192.0.2.10"));
    if (const auto from = order.find("from"); from != order.end() && !from->is_null()) {
        const auto wanted = from->is_string() ? IpAddress::parse(from->get<std::string>()) : std::nullopt;
        if (!wanted || wanted->isV6() != remote->isV6()) {
            return tl::unexpected(refusal(400, "INVALID_ARGUMENT", "from must be an address of the same family as to"));
        }
        if (!owns(device, *wanted)) {
            ++counters.foreignAddress;
            return tl::unexpected(refusal(403, "RESTRICTED", wanted->toString() + " is not an address of this device's",
                                          "leave from out"));
        }
        return *wanted;
    }
    if (spokenFrom.isV6() == remote->isV6()) return spokenFrom;
    for (const IpAddress& address : device.addresses) {
        if (address.isV6() == remote->isV6() && owns(device, address)) return address;
    }
    const char* const family = remote->isV6() ? "IPv6" : "IPv4";
    return tl::unexpected(refusal(409, "CONFLICT", std::string("this device has not spoken over ") + family + " yet",
                                  std::string("give its ") + family + " address: netpas buy --from ADDRESS"));
}

void HouseholdDoor::Impl::buy(HttpRequest request, const Reply& reply) {
    json order = json::parse(request.body, nullptr, false);
    if (!order.is_object()) return reply(refusal(400, "INVALID_ARGUMENT", "the body is not a JSON object"));
    const auto from = order.find("from");
    const auto wanted =
        from != order.end() && from->is_string() ? IpAddress::parse(from->get<std::string>()) : std::nullopt;
    if (!wanted || context.neighbour(*wanted)) return finishBuying(std::move(request), std::move(order), reply);
    // The kernel has forgotten who is there, and asks.
    auto timer = std::make_shared<boost::asio::steady_timer>(context.io, neighbourPatience);
    timer->async_wait([weak = weak_from_this(), timer, request = std::move(request), order = std::move(order),
                       reply](const boost::system::error_code& error) {
        if (const auto self = weak.lock(); self && !error) self->finishBuying(request, order, reply);
    });
}

void HouseholdDoor::Impl::finishBuying(HttpRequest request, json order, const Reply& reply) {
    const Device* const device = household.byKey(*request.clientKey);
    if (device == nullptr) return reply(refusal(403, "NOT_PAIRED", "this device is not paired any more"));
    const auto local = localSide(order, *device, request.remote->address);
    if (!local) return reply(local.error());
    order["from"] = local->toString();
    request.body = order.dump(-1, ' ', false, json::error_handler_t::replace);
    context.api(request, reply);
}

bool HouseholdDoor::handleLocal(const HttpRequest& request, const Reply& reply) {
    if (!request.path.starts_with(householdPath)) return false;
    const std::string_view rest = std::string_view(request.path).substr(householdPath.size());
    if (!rest.empty() && rest.front() != '/') return false;
    if (!request.peer || !request.node.empty() || !m_impl->context.mayPair(request.peer->uid)) {
        reply(refusal(403, "UNAUTHORIZED", "only root or the agent's own user may pair devices",
                      "sudo netpas pair list"));
    } else if (auto browser = secretaryd::refuseBrowser(request)) {
        reply(std::move(*browser));
    } else if (rest.empty() && request.method == "GET") {
        m_impl->list(reply);
    } else if (rest == "/confirm" && request.method == "POST") {
        m_impl->confirm(request, reply);
    } else if (rest.size() > 1 && request.method == "DELETE") {
        m_impl->remove(std::string(rest.substr(1)), reply);
    } else {
        reply(refusal(405, "INVALID_ARGUMENT", "not this method here"));
    }
    return true;
}

void HouseholdDoor::Impl::list(const Reply& reply) {
    const SteadyTime now = context.clock.steady();
    json devices = json::array(), pending = json::array();
    for (const Device& device : household.devices()) {
        json addresses = json::array();
        for (const IpAddress& address : device.addresses) addresses.push_back(address.toString());
        devices.push_back({{"name", device.name},
                           {"key", device.key.hex()},
                           {"link", linkText(device.link)},
                           {"addresses", std::move(addresses)}});
    }
    for (const PairingRequest& request : household.requests(now)) {
        pending.push_back({{"code", request.code},
                           {"name", request.name},
                           {"address", request.from.toString()},
                           {"link", linkText(request.link)},
                           {"expires_s", secondsLeft(request.expires, now)}});
    }
    const std::string address = "https://" + at.toString() + "/#" + identity.publicKey().hex();
    reply(answer({{"url", address},
                  {"devices", std::move(devices)},
                  {"pending", std::move(pending)},
                  {"refused",
                   {{"unpaired", counters.unpaired},
                    {"foreign_address", counters.foreignAddress},
                    {"foreign_link", counters.foreignLink},
                    {"pairing", counters.pairing}}}}));
}

void HouseholdDoor::Impl::confirm(const HttpRequest& request, const Reply& reply) {
    const json body = json::parse(request.body, nullptr, false);
    const auto code = body.is_object() ? body.find("code") : body.end();
    if (!body.is_object() || code == body.end() || !code->is_string()) {
        return reply(refusal(400, "INVALID_ARGUMENT", "the body must be {\"code\": …}", "netpas pair confirm CODE"));
    }
    const auto paired = household.confirm(code->get<std::string>(), context.clock.steady(), context.clock.now());
    if (!paired) return reply(refusalFor(paired.error()));
    context.log(app::LogLevel::Info, "device " + paired->name + " is paired (" + linkText(paired->link) + ")");
    reply(answer({{"name", paired->name}, {"key", paired->key.hex()}, {"link", linkText(paired->link)}}));
}

void HouseholdDoor::Impl::remove(const std::string& name, const Reply& reply) {
    const auto gone = household.remove(name);
    if (!gone) return reply(refusalFor(gone.error()));
    context.log(app::LogLevel::Info, "device " + name + " is not paired any more");
    stopAll(*gone);
    reply(answer({{"name", name}, {"removed", true}}));
}

// What a device bought ends with its pairing.
void HouseholdDoor::Impl::stopAll(const Device& device) {
    HttpRequest list;
    list.path = purchasesPath;
    list.node = device.name;
    list.peer = net::PeerCredentials{device.uid, device.uid, 0};
    context.api(list, [self = shared_from_this(), list](const HttpResponse& response) {
        const json body = json::parse(response.body, nullptr, false);
        const auto purchases = body.is_object() ? body.find("purchases") : body.end();
        if (!body.is_object() || purchases == body.end() || !purchases->is_array()) return;
        for (const json& purchase : *purchases) {
            const auto id = purchase.is_object() ? purchase.find("id") : purchase.end();
            if (!purchase.is_object() || id == purchase.end() || !id->is_string()) continue;
            HttpRequest stop = list;
            stop.method = "DELETE";
            stop.path += "/" + id->get<std::string>();
            self->context.api(stop, [](const HttpResponse&) {});
        }
    });
}

}  // namespace netpas::agent
