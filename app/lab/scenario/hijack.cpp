#include "app/lab/scenario/hijack.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/scenario/books.h"
#include "core/net/http_client.h"

namespace netpas::lab {
namespace {

// The attacker's sequence numbers are far above those of the agent.
constexpr uint64_t firstSequence = 1 << 20;
constexpr uint64_t sequencesOfThief = 1 << 20;

IpAddress ofIpv6(const std::vector<IpAddress>& addresses) {
    for (const IpAddress& address : addresses) {
        if (address.isV6()) return address;
    }
    return {};
}

// Another machine of the same customer: its last byte is nobody's.
IpAddress neighbourOf(const IpAddress& address) {
    std::vector<uint8_t> bytes(address.bytes().begin(), address.bytes().end());
    bytes.back() = 0x77;
    return *IpAddress::fromBytes(bytes);
}

Answer ask(const std::string& socket, const std::string& method, const std::string& path, const std::string& body) {
    net::HttpCall call;
    call.method = method;
    call.target = path;
    call.body = body;
    const auto answer = net::httpCall(net::UnixTarget{socket}, call);
    if (!answer) return {};
    Json json = Json::parse(answer->body, nullptr, false);
    return {answer->status, json.is_discarded() ? Json() : std::move(json)};
}

}  // namespace

Hijack::Hijack(ScenarioContext& context, std::string router, AttackPlan plan)
    : m_context(context), m_lab(context.lab()), m_router(std::move(router)), m_plan(std::move(plan)) {}

Expected<Hijack> Hijack::prepare(ScenarioContext& context) {
    const Topology& topology = context.topology();
    const NetworkPlan& plan = context.plan();
    const std::string router = topology.attachment(host);
    AttackPlan attack;
    for (const std::string& name : plan.ispPath(topology, router, topology.attachment("a"))) {
        const IspSpec& isp = *topology.isp(name);
        const auto price = PriceCode::roundUp(isp.classes.front().price.perPacket);
        if (!price) return fail(LabErrc::Topology, isp.name + " asks for too much");
        attack.path.push_back({IspId(isp.id), ServiceClass(isp.classes.front().id), *price, ExitPoint(0)});
    }
    attack.edges.push_back(ofIpv6(plan.routerAddress.at(router)));
    attack.target = ofIpv6(plan.hostAddress.at("a"));
    const IpAddress own = ofIpv6(plan.hostAddress.at(host));
    if (!own.isV6() || !attack.edges[0].isV6()) return fail(LabErrc::Topology, "the attack needs a topology with IPv6");
    attack.attacker = neighbourOf(own);
    return Hijack(context, router, std::move(attack));
}

pid_t Hijack::secretary() const {
    for (const pid_t pid : descendantsOf(agent())) {
        if (commandLineOf(pid).find("--role secretary") != std::string::npos) return pid;
    }
    return -1;
}

std::string Hijack::door() const {
    return std::filesystem::path(agentSocket(m_lab.name(), host)).parent_path() / "secretary.sock";
}

Answer Hijack::owner(const std::string& method, const std::string& path, const Json& body) const {
    return ask(door(), method, path, body.is_null() ? std::string() : body.dump());
}

Answer Hijack::user(const std::string& method, const std::string& path, const std::string& body) const {
    return ask(agentSocket(m_lab.name(), host), method, path, body);
}

Expected<OpenPurchase> Hijack::buy(uint16_t port) const {
    Purchase wish;
    wish.to = m_plan.target.toString();
    wish.protocol = "udp";
    wish.toPort = port;
    wish.serviceClass = "gold";
    wish.cap = purchaseCap;
    const auto id = lab::buy(m_lab, host, wish);
    if (!id) return tl::unexpected(id.error());
    return reload({*id, {}, {}});
}

Expected<OpenPurchase> Hijack::reload(const OpenPurchase& purchase) const {
    const Answer found = owner("GET", "/v1/purchases/" + purchase.id);
    if (found.status != 200 || !found.body["session_key"].is_number()) {
        return fail(LabErrc::Evidence, "purchase " + purchase.id + " has no session key: " + found.body.dump());
    }
    const auto cap = amountAt(found.body["keys"].back(), "cap");
    return OpenPurchase{purchase.id, SessionKeyId(found.body["session_key"].get<uint32_t>()),
                        cap.value_or(Money::zero())};
}

Expected<SessionKey> Hijack::steal(const OpenPurchase& purchase) const {
    const auto memory = ProcessMemory::read(agent());
    if (!memory) return tl::unexpected(memory.error());
    SessionKey key;
    key.id = purchase.key;
    key.cap = purchase.keyCap;
    // What a packet is accepted with is the secret.
    for (const TagKey& secret : secretsBehind(*memory, purchase.key)) {
        key.secret = secret;
        auto trial = thief(key);
        if (!trial) return tl::unexpected(trial.error());
        const uint64_t before = spentWith(purchase.key).packets;
        (*trial)->pay(1);
        const auto accepted = waitUntil("a packet with a stolen key", std::chrono::milliseconds(100),
                                        [&] { return spentWith(purchase.key).packets > before; });
        if (accepted) return key;
    }
    return fail(LabErrc::Evidence, "no session key is found in the agent's memory: the search finds nothing at all");
}

Expected<std::unique_ptr<KeyThief>> Hijack::thief(const SessionKey& key, Money perHop) const {
    AttackPlan plan = m_plan;
    for (HopBlock& hop : plan.path) {
        const auto dearer = PriceCode::roundUp(perHop);
        if (perHop > Money::zero() && dearer) hop.price = *dearer;
    }
    plan.valid = key;
    plan.firstSequence = firstSequence + sequencesOfThief * m_thieves++;
    return KeyThief::start(m_lab.netns(host), std::move(plan), m_context.options().seed);
}

Json Hijack::counters() const {
    return ask(edgeSocket(m_lab.name(), m_context.topology(), m_router), "GET", "/v1/counters", {}).body;
}

Spent Hijack::spentWith(SessionKeyId key) const {
    const Json all = counters();
    if (!all.is_object()) return {};
    for (const Json& one : all.value("keys", Json::array())) {
        const Json& id = one["key"];
        const std::string text = id.is_string() ? id.get<std::string>() : id.dump();
        if (text == std::to_string(key.value()))
            return {one["packets"].get<uint64_t>(), amountAt(one, "amount").value_or(Money::max())};
    }
    return {};
}

Money Hijack::invoice() const {
    const auto books = ispBooks(m_lab, m_context.topology().ispOfHost(host)->name);
    const Json* const customer = books ? findEntry(*books, "customers", "name", host) : nullptr;
    return customer == nullptr ? Money::max() : amountAt(*customer, "amount").value_or(Money::max());
}

uint64_t Hijack::verdict(const std::string& name) const {
    const Json all = counters();
    return all.is_object() ? all.value("verdicts", Json::object()).value(name, uint64_t{0}) : 0;
}

}  // namespace netpas::lab
