#include "app/agent/household_door.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/secretary/router.h"
#include "core/net/http_server.h"
#include "core/pairing.h"

namespace netpas::agent {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using secretaryd::answer;
using secretaryd::refusal;

namespace {

constexpr std::chrono::milliseconds neighbourPatience{300};
constexpr std::string_view doorPath = "/v1/door";
constexpr std::string_view pairingPath = "/v1/pairing";
constexpr std::string_view purchasesPath = "/v1/purchases";
constexpr std::string_view paymentsPath = "/v1/payments";

constexpr uint32_t nobody = 65534;  // a device is no user of this machine

net::HttpLimits doorLimits() {
    net::HttpLimits limits;
    limits.maxBody = 16384;
    limits.maxConnections = 128;
    limits.maxPerPeer = 16;
    return limits;
}

HttpResponse answerFrom(const channel::DeviceAnswer& said, bool asked) {
    if (const auto* refused = std::get_if<channel::DeviceRefused>(&said.result)) {
        return refusal(refused->status < 400 || refused->status > 599 ? 500 : refused->status, refused->code,
                       refused->message, refused->hint);
    }
    const auto& standing = std::get<channel::DeviceStanding>(said.result);
    switch (standing.state) {
    case channel::DeviceState::Unknown: return answer({{"state", "unknown"}});
    case channel::DeviceState::Paired: return answer({{"state", "paired"}, {"name", standing.name}});
    case channel::DeviceState::Waiting:
        return answer({{"state", "waiting"}, {"name", standing.name}, {"expires_s", standing.secondsLeft}},
                      asked ? 202 : 200);
    }
    return answer({{"state", "unknown"}});
}

HttpResponse notSaid() {
    return refusal(503, "NO_SECRETARY", "the secretary does not say who is paired: it is not there, or locked",
                   "on the modem: netpas status, netpas unlock");
}

}  // namespace

struct HouseholdDoor::Impl : std::enable_shared_from_this<HouseholdDoor::Impl> {
    Impl(DoorContext given, Identity key) : context(std::move(given)), identity(std::move(key)) {}

    DoorContext context;
    Identity identity;
    Household household;
    Endpoint at;
    DoorCounters counters;
    std::unique_ptr<net::HttpServer> server;

    void device(const HttpRequest& request, const Reply& reply);
    void pairing(const HttpRequest& request, const Reply& reply);
    void roaming(const HttpRequest& request, const std::string& name, const Reply& reply);
    void buy(HttpRequest request, const Reply& reply);
    void finishBuying(HttpRequest request, json order, const Reply& reply);
    tl::expected<IpAddress, HttpResponse> localSide(const json& order, const Device& device,
                                                    const IpAddress& spokenFrom);
    [[nodiscard]] std::string url() const { return "https://" + at.toString() + "/#" + identity.publicKey().hex(); }
    bool owns(const Device& device, const IpAddress& address) const;
    void tell(const HttpRequest& request, const Reply& reply);

    using Answer = void (Impl::*)(const HttpRequest&, const Reply&);
    static constexpr OwnRoute<Answer> doorRoutes[]{{"POST", pairingPath, &Impl::pairing},
                                                   {"GET", pairingPath, &Impl::pairing}};
    static constexpr OwnRoute<Answer> localRoutes[]{{"GET", doorPath, &Impl::tell}};
};

RouteNames HouseholdDoor::routes() { return namesOf(Impl::doorRoutes); }
RouteNames HouseholdDoor::localRoutes() { return namesOf(Impl::localRoutes); }

HouseholdDoor::HouseholdDoor(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
HouseholdDoor::~HouseholdDoor() { close(); }

tl::expected<std::unique_ptr<HouseholdDoor>, std::string> HouseholdDoor::open(DoorContext context,
                                                                              const Endpoint& listen) {
    const auto keyFile = context.folder / "household.key";
    auto identity = Identity::loadOrCreate(keyFile);
    if (!identity) return tl::unexpected(keyFile.string() + ": " + std::string(describe(identity.error())));
    auto impl = std::make_shared<Impl>(std::move(context), std::move(*identity));
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
std::string HouseholdDoor::url() const { return m_impl->url(); }
const DoorCounters& HouseholdDoor::counters() const { return m_impl->counters; }
void HouseholdDoor::handleDevice(const HttpRequest& request, const Reply& reply) { m_impl->device(request, reply); }

void HouseholdDoor::setDevices(std::optional<std::vector<Device>> devices) {
    m_impl->household.set(std::move(devices));
}

std::optional<LinkAddress> HouseholdDoor::linkOf(const std::string& node) const {
    const Device* const device = m_impl->household.byName(node);
    if (device == nullptr) return std::nullopt;
    return device->link;
}

void HouseholdDoor::Impl::device(const HttpRequest& request, const Reply& reply) {
    if (!request.clientKey || !request.remote)
        return reply(refusal(403, "UNAUTHORIZED", "the caller is not known", "show a client key"));
    if (auto browser = secretaryd::refuseBrowser(request)) return reply(std::move(*browser));
    if (const auto* route = routeFor(doorRoutes, request)) return (this->*route->answer)(request, reply);
    if (auto wrong = refuseMethod(doorRoutes, request)) return reply(std::move(*wrong));
    if (!household.known()) return reply(notSaid());
    const Device* const known = household.byKey(*request.clientKey);
    if (known == nullptr) {
        ++counters.unpaired;
        return reply(refusal(403, "NOT_PAIRED", "this device is not paired", "netpas pair request URL --name NAME"));
    }
    // A key that was copied to another device is of no use there.
    const IpAddress from = request.remote->address;
    const bool atHome = context.neighbour(from) == known->link;
    if (!atHome && context.roaming.contains(known->name)) return roaming(request, known->name, reply);
    if (!atHome) {
        ++counters.foreignLink;
        return reply(refusal(403, "RESTRICTED", "this key was paired from another network card",
                             "on the modem: netpas pair remove " + known->name + ", then pair again"));
    }
    household.spokeFrom(known->key, from);
    HttpRequest inside = request;
    inside.node = known->name;
    inside.peer = net::PeerCredentials{nobody, nobody, 0};
    if (inside.method == "POST" && inside.path == purchasesPath) return buy(std::move(inside), reply);
    context.api(inside, reply);
}

// From a foreign network there is only the key, so all that it is good for is to ask for payments, within what rules and budgets give this device
// (NetPaS §3.1.4).
void HouseholdDoor::Impl::roaming(const HttpRequest& request, const std::string& name, const Reply& reply) {
    const bool payment = request.path == paymentsPath && request.method == "POST";
    const bool look = request.path.starts_with(std::string(paymentsPath) + "/") && request.method == "GET";
    if (!payment && !look) {
        ++counters.foreignLink;
        return reply(refusal(403, "RESTRICTED", "away from home this device may only ask for payments", "netpas roam"));
    }
    HttpRequest inside = request;
    inside.node = name;
    inside.peer = net::PeerCredentials{nobody, nobody, 0};
    context.api(inside, reply);
}

// The agent decides nothing here but that the device is on a link of its own: there its packets can be told from others'.
void HouseholdDoor::Impl::pairing(const HttpRequest& request, const Reply& reply) {
    channel::DeviceAsks asks;
    asks.key = *request.clientKey;
    asks.door = identity.publicKey();
    asks.from = request.remote->address;
    const bool asked = request.method == "POST";
    if (asked) {
        const json body = json::parse(request.body, nullptr, false);
        const auto name = body.is_object() && body.size() == 1 ? body.find("name") : body.end();
        if (!body.is_object() || name == body.end() || !name->is_string()) {
            ++counters.pairing;
            return reply(refusal(400, "INVALID_ARGUMENT", "the body must be {\"name\": …}", "{\"name\": \"alice\"}"));
        }
        asks.name = name->get<std::string>();
        const auto link = context.neighbour(request.remote->address);
        if (!link) {
            ++counters.pairing;
            return reply(refusal(403, "RESTRICTED", "only devices on a link of this machine's can be paired",
                                 "connect without another router in between"));
        }
        if (!isDeviceName(asks.name)) {
            ++counters.pairing;
            return reply(refusal(400, "INVALID_ARGUMENT",
                                 "a device's name is lower-case letters, digits and '-', at most 32, a letter first",
                                 "netpas pair request URL --name alice"));
        }
        asks.link = *link;
    }
    context.secretary(std::move(asks), [weak = weak_from_this(), asked, reply](const channel::DeviceAnswer& said) {
        const auto self = weak.lock();
        if (self && asked && std::holds_alternative<channel::DeviceRefused>(said.result)) ++self->counters.pairing;
        reply(answerFrom(said, asked));
    });
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
            return tl::unexpected(
                refusal(400, "INVALID_ARGUMENT", "from must be an address of the same family as to", "leave from out"));
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
    if (!order.is_object())
        return reply(refusal(400, "INVALID_ARGUMENT", "the body is not a JSON object",
                             "{\"to\": \"192.0.2.10\", \"cap\": \"0.05\"}"));
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
    if (device == nullptr)
        return reply(
            refusal(403, "NOT_PAIRED", "this device is not paired any more", "netpas pair request URL --name NAME"));
    const auto local = localSide(order, *device, request.remote->address);
    if (!local) return reply(local.error());
    order["from"] = local->toString();
    request.body = order.dump(-1, ' ', false, json::error_handler_t::replace);
    context.api(request, reply);
}

bool HouseholdDoor::handleLocal(const HttpRequest& request, const Reply& reply) {
    const auto* const route = routeFor(Impl::localRoutes, request);
    auto wrong = refuseMethod(Impl::localRoutes, request);
    if (route == nullptr && !wrong) return false;
    if (!request.peer || !request.node.empty()) {
        reply(refusal(403, "UNAUTHORIZED", "only users of this machine are told", "there: netpas pair door"));
    } else if (auto browser = secretaryd::refuseBrowser(request)) {
        reply(std::move(*browser));
    } else if (route != nullptr) {
        (m_impl.get()->*route->answer)(request, reply);
    } else {
        reply(std::move(*wrong));
    }
    return true;
}

void HouseholdDoor::Impl::tell(const HttpRequest&, const Reply& reply) {
    reply(answer({{"url", url()},
                  {"refused",
                   {{"unpaired", counters.unpaired},
                    {"foreign_address", counters.foreignAddress},
                    {"foreign_link", counters.foreignLink},
                    {"pairing", counters.pairing}}}}));
}

}  // namespace netpas::agent
