// The attacker speaks to the secretary in the agent's place: forged greetings and counters to get more keys, requests for what an
// agent may not have, streams that lead elsewhere, floods, garbage. The secretary must neither give away what it keeps, nor end,
// nor spend more than was agreed to, and it must serve the real agent afterwards.
#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/hijack.h"
#include "app/lab/scenario/owners_requests.h"
#include "app/lab/tools/stolen_channel.h"
#include "core/random.h"
#include "core/wire/shim.h"

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr uint64_t memoryBound = uint64_t{24} << 20;  // what floods may add to a secretary

uint64_t residentBytes(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    std::string word;
    while (file >> word && word != "VmRSS:") continue;
    uint64_t kilobytes = 0;
    file >> kilobytes;
    return kilobytes << 10;
}

class ChannelAttack {
public:
    explicit ChannelAttack(const Hijack& hijack)
        : m_hijack(hijack), m_context(hijack.context()), m_random(m_context.options().seed) {}
    Expected<void> run();

private:
    Expected<void> steal(uint16_t port);
    void leadElsewhere();
    void demandKeys();
    void claimCapabilities();
    void confuse();
    void flood();
    Expected<void> garbage();
    Expected<void> heal();

    void answer(const channel::Message& message);
    // Status of the answer; 0: none came.
    Answer request(const std::string& method, const std::string& path, const std::string& body = {});
    bool greet(std::vector<channel::FlowCounters> held = {});
    bool session() { return m_welcomed || greet(); }

    const Hijack& m_hijack;
    ScenarioContext& m_context;
    SeededRandom m_random;
    std::optional<OpenPurchase> m_purchase;
    std::unique_ptr<StolenChannel> m_channel;
    pid_t m_secretary = -1;
    bool m_welcomed = false;
    Capabilities m_granted;
    uint32_t m_nextRequest = 1;
    std::map<uint32_t, Answer> m_answers;
    std::map<uint32_t, Money> m_keys;  // that the secretary gave, by number, with their caps
    Steady::time_point m_lastKey;
    bool m_greedy = false;
};

Expected<void> ChannelAttack::steal(uint16_t port) {
    const auto purchase = m_hijack.buy(port);
    if (!purchase) return tl::unexpected(purchase.error());
    m_purchase = *purchase;
    m_secretary = m_hijack.secretary();
    auto channel = StolenChannel::take(m_hijack.agent(), m_hijack.lab().netns(Hijack::host));
    if (!channel) return tl::unexpected(channel.error());
    m_channel = std::move(*channel);
    m_channel->onMessage = [this](const channel::Message& message) { answer(message); };
    return {};
}

bool ChannelAttack::greet(std::vector<channel::FlowCounters> held) {
    m_welcomed = false;
    m_channel->hello(m_random.below(UINT64_MAX), std::move(held));
    return m_channel->serve(seconds(3), [this] { return m_welcomed; });
}

// What an agent would answer, in the attacker's interest.
void ChannelAttack::answer(const channel::Message& message) {
    if (const auto* welcome = std::get_if<channel::Welcome>(&message)) {
        m_welcomed = true;
        m_granted = welcome->granted;
    } else if (std::holds_alternative<channel::Goodbye>(message)) {
        m_welcomed = false;
    } else if (const auto* api = std::get_if<channel::ApiAnswer>(&message)) {
        Json body = Json::parse(api->body, nullptr, false);
        m_answers[api->request] = {api->status, body.is_discarded() ? Json() : std::move(body)};
    } else if (const auto* quote = std::get_if<channel::QuoteRequest>(&message)) {
        if (m_greedy) (void)m_channel->say(channel::QuoteAnswer{quote->request, channel::NoQuote{}});
    } else if (const auto* drain = std::get_if<channel::Drain>(&message)) {
        // "Nothing was paid with it": then its slice would be free for another key.
        channel::FlowCounters nothing;
        nothing.purchase = drain->purchase;
        nothing.key = drain->key;
        (void)m_channel->say(channel::Drained{nothing});
    } else if (const auto* flows = std::get_if<channel::SetFlows>(&message)) {
        (void)m_channel->say(channel::FlowsApplied{flows->generation, {}});
        channel::Counters counters;
        for (const channel::PaidFlow& flow : flows->flows) {
            if (!m_greedy || !flow.diverted || !m_keys.emplace(flow.key.id.value(), flow.key.cap).second) continue;
            m_lastKey = Steady::now();
            if (const auto thief = m_hijack.thief(flow.key, *Money::fromNanodollars(2000))) {
                const uint64_t few = 40;  // at this price: most of the key
                (*thief)->pay(few);
            }
            channel::FlowCounters usedUp;
            usedUp.purchase = flow.purchase;
            usedUp.key = flow.key.id;
            usedUp.capReached = true;
            counters.flows.push_back(usedUp);
        }
        if (!counters.flows.empty()) (void)m_channel->say(counters);
    }
}

Answer ChannelAttack::request(const std::string& method, const std::string& path, const std::string& body) {
    channel::ApiRequest asked;
    asked.request = m_nextRequest++;
    asked.caller = {0, 1, "/usr/bin/netpas", {}};  // root, as the attacker says
    asked.method = method;
    asked.path = path;
    asked.body = body;
    if (!session() || !m_channel->say(asked)) return {};
    m_channel->serve(seconds(3), [&] { return m_answers.contains(asked.request); });
    return std::exchange(m_answers[asked.request], {});
}

// The stream to the accounting server ends at another server with a certificate of its own; then nowhere.
void ChannelAttack::leadElsewhere() {
    const NetworkPlan& plan = m_context.plan();
    const IspSpec& own = *m_context.topology().ispOfHost(Hijack::host);
    Endpoint impostor;
    for (const IspSpec& isp : m_context.topology().isps) {
        if (isp.id != own.id) impostor = Endpoint{plan.ispAddress.at(isp.name)[0], accountingPort};
    }
    m_channel->relayTo = [impostor](const Endpoint&) { return impostor; };
    const bool welcomed = greet();
    m_context.expect(welcomed, "the secretary does not welcome whoever holds the channel: nothing is proved");
    m_channel->serve(seconds(3), [this] { return m_channel->streams() > 0 && m_channel->streamsEnded() > 0; });
    const Answer status = request("GET", "/v1/status");
    Json& result = m_context.result();
    result["capabilities_kept"] =
        !m_granted.has(Capability::Decide) && !m_granted.has(Capability::Policy) && !m_granted.has(Capability::Keys);
    result["streams_led_elsewhere"] = m_channel->streams();
    m_context.expect(result["capabilities_kept"].get<bool>(), "the secretary grants an agent the owner's rights");
    m_context.expect(m_channel->streams() > 0, "no stream was led elsewhere: nothing is proved");
    const bool fooled =
        status.status != 200 || !status.body["isp"].is_object() || status.body["isp"].value("connected", true);
    result["impostor_believed"] = fooled;
    m_context.expect(!fooled, "another server passes for the ISP's: " + status.body.dump());
}

// Forged counters to get one key after the other, while hiding what was spent with each.
void ChannelAttack::demandKeys() {
    const Money before = m_hijack.invoice();
    m_channel->relayTo = [](const Endpoint& genuine) { return genuine; };
    m_greedy = true;
    m_lastKey = Steady::now();
    channel::FlowCounters forged;
    forged.purchase = PurchaseId(std::strtoull(m_purchase->id.c_str(), nullptr, 10));
    forged.key = m_purchase->key;
    forged.packets = forged.bytes = forged.bestEffort = UINT64_MAX;
    forged.amount = Money::max();
    forged.capReached = true;
    m_context.expect(greet({forged}), "no session with forged counters: nothing is proved");
    m_channel->serve(seconds(10), [this] { return Steady::now() - m_lastKey > seconds(2); });
    m_greedy = false;
    Money billed = m_hijack.invoice();
    for (Money last = Money::max(); billed != last; last = std::exchange(billed, m_hijack.invoice())) {
        m_channel->serve(milliseconds(800));  // the edge router reports to the accounting server
    }
    const Money spent = checkedSub(billed, before).value_or(Money::max());
    const Money bound = *Money::parse(Hijack::purchaseCap);
    const Answer status = request("GET", "/v1/status");
    Json& result = m_context.result();
    result["keys_demanded"] = m_keys.size();
    result["spent_through_channel"] = spent.toString();
    result["agreed_to"] = bound.toString();
    m_context.expect(!m_keys.empty(), "the attacker gets no key at all: nothing is proved");
    m_context.expect(spent > Money::zero(), "the attacker spent nothing: nothing is proved");
    m_context.expect(spent <= bound, "an agent that hides what it spends gets more than the purchase's cap: " +
                                         spent.toString() + " with " + std::to_string(m_keys.size()) + " keys");
    m_context.expect(status.status == 200 && status.body.value("ledger", "") == "ok",
                     "forged counters break the ledger: " + status.body.dump());
    m_context.say("Through the channel the attacker demanded " + std::to_string(m_keys.size()) + " keys and spent " +
                  spent.toString() + " of the " + bound.toString() + " that were agreed to.");
}

void ChannelAttack::claimCapabilities() {
    int granted = 0, asked = 0;
    for (const auto& [method, path] : ownersOnly) {
        const Answer answer = request(method, path, std::string_view(method) == "GET" ? "" : "{}");
        ++asked;
        if (answer.status == 403 && answer.body.value("code", "") == "UNAUTHORIZED") continue;
        ++granted;
        m_context.expect(false, std::string("an agent that claims to be root may ") + method + " " + path + ": " +
                                    std::to_string(answer.status) + " " + answer.body.dump());
    }
    m_context.result()["owner_requests_tried"] = asked;
    m_context.result()["owner_requests_granted"] = granted;
}

// What is well formed as a request and makes no sense.
void ChannelAttack::confuse() {
    const std::string deep = std::string(30000, '[') + std::string(30000, ']');
    const std::string buy = "{\"to\":\"203.0.113.6\",\"cap\":";
    const std::vector<std::array<std::string, 3>> tries{
        {"POST", "/v1/purchases", deep},
        {"POST", "/v1/purchases", "{\"to\":" + deep + "}"},
        {"POST", "/v1/purchases", buy + "\"999999\"}"},
        {"POST", "/v1/purchases", buy + "\"-1\"}"},
        {"POST", "/v1/purchases", buy + "1e308}"},
        {"POST", "/v1/purchases", buy + "\"0.1\",\"duration_s\":-9223372036854775808}"},
        {"POST", "/v1/purchases", buy + "\"0.1\",\"from\":\"\xff\xfe\"}"},
        {"post", "/v1/lock", "{}"},
        {"POST", "//v1/lock", "{}"},
        {"POST", "/v1/lock/", "{}"},
        {"POST", "/v1/purchases/../lock", "{}"},
        {"GET", "/v1/purchases/18446744073709551616", ""},
        {"DELETE", "/v1/purchases/-1", ""},
        {"PUT", "/v1/purchases/1/label", deep}};
    int taken = 0;
    for (const auto& [method, path, body] : tries) {
        const Answer answer = request(method, path, body);
        if (answer.status >= 400 && answer.status < 500) continue;
        ++taken;
        m_context.expect(false, method + " " + path + " " + body.substr(0, 60) + ": " + std::to_string(answer.status) +
                                    " " + answer.body.dump());
    }
    // What only a secretary says, and what only the channel itself sends.
    const size_t goodbyes = m_channel->goodbyes();
    const std::vector<channel::Message> notGranted{
        channel::SetFlows{1, {}},   channel::Drain{},
        channel::QuoteRequest{},    channel::Join{1, "https://192.0.2.1:1/#00"},
        channel::StreamOpen{7, {}}, channel::ApiAnswer{}};
    for (const channel::Message& message : notGranted) {
        const size_t before = m_channel->goodbyes();
        if (session()) (void)m_channel->say(message);
        m_channel->serve(seconds(2), [&] { return m_channel->goodbyes() > before; });
    }
    const size_t refused = m_channel->goodbyes() - goodbyes;
    m_context.expect(refused == notGranted.size(), std::to_string(refused) + " of " +
                                                       std::to_string(notGranted.size()) +
                                                       " messages that no agent may send ended the session");
    // About streams that are none, and documents that nobody signed.
    if (session()) {
        (void)m_channel->say(channel::StreamData{4711, Bytes(1000, 1)});
        (void)m_channel->say(channel::StreamCredit{4711, UINT32_MAX});
        (void)m_channel->say(channel::StreamClosed{4711, channel::StreamEnd::Failed});
        (void)m_channel->say(channel::Home{"https://192.0.2.1:46723/#" + std::string(64, 'a'), "forged"});
        (void)m_channel->say(channel::JoinAnswer{1, channel::Home{"forged", "forged"}});
        (void)m_channel->say(channel::FlowsApplied{UINT64_MAX, {}});
    }
    m_context.expect(request("GET", "/v1/status").status == 200,
                     "the secretary does not answer after confusing messages");
    m_context.result()["confusing_messages_taken"] = taken;
}

void ChannelAttack::flood() {
    (void)m_hijack.owner("PUT", "/v1/mode", {{"mode", "ask"}});  // who pauses asks for no price
    const uint64_t before = residentBytes(m_secretary);
    // Signs of life whose answers nobody reads.
    uint64_t pings = 0;
    if (session()) {
        for (const auto end = Steady::now() + seconds(2); pings < 400'000 && Steady::now() < end; ++pings) {
            if (!m_channel->say(channel::Ping{static_cast<uint32_t>(pings)})) break;
        }
    }
    const uint64_t afterPings = residentBytes(m_secretary);
    m_channel->serve(seconds(2), [this] { return m_channel->hungUp(); });
    m_welcomed = false;
    // Requests that wait for a price which never comes.
    uint64_t purchases = 0;
    const uint32_t first = m_nextRequest;
    if (session()) {
        for (uint16_t port = 1; port <= 2000; ++port, ++purchases) {
            channel::ApiRequest asked;
            asked.request = m_nextRequest++;
            asked.caller = {uint32_t{1000} + port, 1, "/usr/bin/player", {}};
            asked.method = "POST";
            asked.path = "/v1/purchases";
            asked.body = "{\"to\":\"203.0.113.6\",\"protocol\":\"udp\",\"to_port\":" + std::to_string(port) +
                         ",\"cap\":\"0.01\"}";
            if (!m_channel->say(asked)) break;
            m_channel->serve(milliseconds(0));
        }
        m_channel->serve(seconds(1));
    }
    std::map<std::string, uint64_t> answers;
    for (uint32_t id = first; id < m_nextRequest; ++id) {
        ++answers[m_answers.contains(id) ? std::to_string(m_answers[id].status) : "none yet"];
    }
    const uint64_t refused = answers["429"];
    const uint64_t afterAll = residentBytes(m_secretary);
    const uint64_t grown = std::max(afterPings, afterAll) - std::min(before, std::max(afterPings, afterAll));
    Json& result = m_context.result();
    result["pings_unread"] = pings;
    result["purchases_demanded"] = purchases;
    result["purchases_answered"] = answers;
    result["secretary_grew_bytes"] = grown;
    m_context.expect(pings > 10'000 && purchases > 1000, "there was no flood: nothing is proved");
    m_context.expect(grown < memoryBound, "floods make the secretary grow by " + std::to_string(grown >> 20) + " MiB");
    m_context.expect(refused > purchases / 2, "only " + std::to_string(refused) + " of " + std::to_string(purchases) +
                                                  " purchases that cannot be served were refused");
}

Expected<void> ChannelAttack::garbage() {
    m_context.expect(m_hijack.secretary() == m_secretary, "the secretary has ended under attack");
    Bytes oversize{0xff, 0xff, 0xff, 0xff, 1, 3, 0, 0, 0, 0};
    for (int i = 0; i < 1000; ++i) oversize.push_back(static_cast<uint8_t>(m_random.below(256)));
    (void)m_channel->write(oversize);
    m_channel->serve(seconds(10), [this] { return m_channel->hungUp(); });
    m_context.expect(m_channel->hungUp(), "a frame of four gigabytes is waited for");
    m_channel = nullptr;
    return {};
}

// The agent goes on, on whatever is left of its channel.
Expected<void> ChannelAttack::heal() {
    const auto begin = Steady::now();
    const auto healed = waitUntil("agent and secretary to find each other again", seconds(15), [&] {
        const Answer status = m_hijack.owner("GET", "/v1/status");
        return status.status == 200 && status.body["agent"].is_object() &&
               status.body["agent"].value("connected", false) && status.body["isp"].is_object() &&
               status.body["isp"].value("connected", false);
    });
    m_context.expect(healed.has_value(), "after the attack agent and secretary stay apart");
    const auto took = std::chrono::duration_cast<milliseconds>(Steady::now() - begin).count();
    m_context.result()["healed_ms"] = took;
    if (!healed) return {};
    (void)m_hijack.owner("PUT", "/v1/mode", {{"mode", "ask"}});
    const auto bought = m_hijack.buy(6020);
    m_context.expect(bought.has_value(),
                     "after the attack nothing can be bought: " + (bought ? "" : bought.error().text));
    return {};
}

Expected<void> ChannelAttack::run() {
    m_context.say("The attacker takes the agent's channel:");
    LAB_TRY(steal(6010));
    demandKeys();
    leadElsewhere();
    claimCapabilities();
    confuse();
    flood();
    LAB_TRY(garbage());
    return heal();
}

}  // namespace

Expected<void> attackTheChannel(const Hijack& hijack) { return ChannelAttack(hijack).run(); }

}  // namespace netpas::lab
