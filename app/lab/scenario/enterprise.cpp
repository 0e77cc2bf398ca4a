// A customer with a large network runs an accounting server of its own (NetPaS §5.4): the organisation E, a customer of X.
// Its hosts B and C enrol at E, whose rules decide what they may spend; X and Y know only E. What arrives at E's addresses,
// E confirms in X's place, and gets a share of what one class earns. Every server is a real process; the routers are the
// scenario's: real clients of the servers, real samplers, no packets.
#include <algorithm>
#include <atomic>
#include <deque>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/scenario/scenario.h"
#include "core/random.h"
#include "core/sampling/sampler.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using accounting::EdgeAccountingClient;
using accounting::EdgeReport;
using accounting::PaymentRefusal;
using accounting::PaymentRefused;

constexpr uint16_t ispX = 24;
constexpr uint16_t ispY = 25;
constexpr uint16_t ispOfE = 65000;  // the kit's name for E, which has no number
constexpr uint16_t counterOfE = 7;
constexpr uint64_t usualPackets = 40'000;
constexpr uint64_t sharePer1024 = 300;
const ServiceClass gold(1);
const ServiceClass mirrored(2);

template <typename Array>
void drawAll(Array& bytes) {
    for (auto& byte : bytes) byte = static_cast<uint8_t>(systemRandom().below(256));
}

Money nano(int64_t n) { return Money::fromEighths(n * Money::eighthsPerNanodollar); }

// Somewhere in E's network.
const char* const arrivalPrefix = "198.19.128.0/17";
const char* const arrivalAddress = "198.19.128.77";

// A router that installs what it is told and says what the scenario has let it count.
class Router {
public:
    Router(OverlayThread& thread, const accounting::ServerAddress& server, const std::string& name, Identity identity)
        : m_thread(thread), m_identity(std::move(identity)) {
        EdgeAccountingClient::Handlers handlers;
        handlers.onInstall = [this](const accounting::InstallKey& message) {
            m_keys.try_emplace(message.key.id, accounting::KeyCounters{message.key.id, 0, 0, {}, 0});
            m_client->keyInstalled(message.key.id);
        };
        handlers.onRemove = [this](SessionKeyId id) { m_client->keyRemoved(m_keys[id]); };
        m_thread.run([&] {
            m_client = std::make_unique<EdgeAccountingClient>(m_thread.io(), m_identity, server,
                                                              accounting::EdgeHello{name, 1, {"E"}}, handlers);
            m_client->start();
        });
    }
    ~Router() {
        m_thread.run([&] { m_client.reset(); });
    }
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    void spend(uint32_t id, uint64_t packets, Money amount) {
        m_thread.run([&] { m_keys[SessionKeyId(id)] = {SessionKeyId(id), packets, packets * 1000, amount, packets}; });
    }
    // Of X's service in packets that went to E.
    void report(Money delivered, uint64_t packets) {
        m_thread.run([&] {
            EdgeReport report;
            report.time = systemClock().now();
            report.links = {{IspId(ispX), ExitPoint(counterOfE), packets, packets * 1000, delivered, Money::zero()}};
            for (const auto& [id, counters] : m_keys) report.keys.push_back(counters);
            (void)m_client->report(std::move(report));
        });
    }
    bool sample(accounting::EdgeSample sample) {
        bool kept = false;
        m_thread.run([&] { kept = m_client->sample(std::move(sample)); });
        return kept;
    }
    bool up() {
        bool is = false;
        m_thread.run([&] { is = m_client->isUp(); });
        return is;
    }
    size_t waiting() {
        size_t count = 0;
        m_thread.run([&] { count = m_client->samplesWaiting(); });
        return count;
    }

private:
    OverlayThread& m_thread;
    Identity m_identity;
    std::map<SessionKeyId, accounting::KeyCounters> m_keys;
    std::unique_ptr<EdgeAccountingClient> m_client;
};

struct Parties {
    Overlay& net;
    OverlayThread& thread;
    Router& ofX;
    Router& ofE;
    OverlayCustomer& a;
    OverlayCustomer& b;
    OverlayCustomer& c;
};

std::string edgeTable(const std::string& router, const Identity& identity) {
    return "\n[[edge]]\nrouter = \"" + router + "\"\nkey = \"" + identity.publicKey().hex() + "\"\n";
}

std::string sharesText() { return "shares = [{ class = 2, share_1024ths = " + std::to_string(sharePer1024) + " }]\n"; }

std::string customerE() {
    return "\n[[customer]]\nname = \"E\"\nprefixes = [\"198.18.0.0/15\", \"" + std::string(arrivalPrefix) +
           "\"]\n[customer.delegation]\ncounter = " + std::to_string(counterOfE) + "\n" + sharesText() +
           "\n[comparison]\ngrace_seconds = 2\n";
}

std::string providerX(const Overlay& net) {
    return "\n[provider]\nisp = " + std::to_string(ispX) + "\nname = \"X\"\naddress = \"" +
           net.endpoint(ispX).address.toString() + "\"\nkey = \"" + net.key(ispX).hex() +
           "\"\npayments_per_day = \"1\"\n" + sharesText() +
           "\n[[rule]]\nname = \"small change only\"\naction = \"deny\"\nwhat = \"payments\"\nhosts = [\"B\"]\n"
           "above = \"0.01\"\n\n[[rule]]\nname = \"nothing through ISP 66\"\naction = \"deny\"\nisps = [66]\n";
}

SessionKey keyOf(uint32_t id, std::vector<IspId> isps) {
    SessionKey key;
    key.id = SessionKeyId(id);
    drawAll(key.secret);
    key.cap = key.capPerSecond = *Money::parse("1");
    key.allowed = std::move(isps);
    key.expires = systemClock().now() + 10min;
    return key;
}

// --- what hosts spend

Expected<void> payments(ScenarioContext& context, Parties& p) {
    Json& result = context.result();
    context.say("B asks for a payment of 5 cents; the rule says small change only.");
    auto large = p.b.order(p.a.identity().nodeId(), ispY, *Money::parse("0.05"));
    if (!large) return tl::unexpected(large.error());
    const auto refused = p.b.pay(*large);
    if (!refused) return tl::unexpected(refused.error());
    const auto* why = std::get_if<PaymentRefused>(&*refused);
    context.expect(why != nullptr && why->reason == PaymentRefusal::Forbidden, "the rule did not refuse the payment");
    result["refused_by_rule"] = why == nullptr ? "" : why->remedy;

    context.say("B and C pay 100,000 and 200,000 nanodollars.");
    for (auto& [host, amount] : {std::pair<OverlayCustomer*, Money>{&p.b, nano(100'000)}, {&p.c, nano(200'000)}}) {
        const auto order = host->order(p.a.identity().nodeId(), ispY, amount);
        if (!order) return tl::unexpected(order.error());
        const auto paid = host->pay(*order);
        if (!paid) return tl::unexpected(paid.error());
        const auto* confirmation = std::get_if<payments::PaymentConfirmation>(&*paid);
        context.expect(confirmation != nullptr && payments::verify(*confirmation, order->order.payment).has_value(),
                       "a payment that no rule forbids was not confirmed");
    }
    const auto e = p.net.books(ispOfE);
    const auto x = p.net.books(ispX);
    if (!e || !x) return fail(LabErrc::Process, "books cannot be read");
    const auto owes = [](const Json& books, const char* kind, const Json& who, const char* what) {
        const Json* entry = findEntry(books, "payments", kind, who);
        return entry == nullptr ? std::string("0") : entry->value(what, "0");
    };
    result["b_owes_e"] = owes(*e, "customer", "B", "owes");
    result["c_owes_e"] = owes(*e, "customer", "C", "owes");
    result["e_owes_x"] = owes(*e, "isp", ispX, "owed");
    result["x_is_owed_by_e"] = owes(*x, "customer", "E", "owes");
    context.expect(result["e_owes_x"] == result["x_is_owed_by_e"], "the books of E and X differ");
    context.expect(result["b_owes_e"] == nano(102'500).toString() && result["c_owes_e"] == nano(202'500).toString(),
                   "the bill is not split by host");
    return {};
}

template <typename T>
Expected<T> ask(OverlayCustomer& host, OverlayThread& thread,
                const std::function<void(accounting::AccountingClient&, accounting::AccountingClient::Done<T>)>& call) {
    const auto answer = std::make_shared<std::optional<tl::expected<T, accounting::ClientFailure>>>();
    const auto ready = std::make_shared<std::atomic<bool>>(false);
    thread.run([&] {
        call(host.client(), [answer, ready](tl::expected<T, accounting::ClientFailure> result) {
            *answer = std::move(result);
            *ready = true;
        });
    });
    LAB_TRY(waitUntil("an answer of the enterprise's server", 20s, [&] { return ready->load(); }));
    if (**answer) return std::move(***answer);
    return fail(LabErrc::Process, std::string(describe((*answer)->error().refusal)) + ": " + (*answer)->error().remedy);
}

Expected<void> packets(ScenarioContext& context, Parties& p) {
    Json& result = context.result();
    context.say("B asks for a session key that could pay ISP 66; then B and C for allowed ones.");
    const auto registers = [&](OverlayCustomer& host, const SessionKey& key) {
        return ask<accounting::KeyReady>(host, p.thread,
                                         [&](auto& client, auto done) { client.registerKey(key, std::move(done)); });
    };
    const auto forbidden = registers(p.b, keyOf(1, {IspId(ispX), IspId(66)}));
    context.expect(!forbidden && forbidden.error().text.find("ISP 66") != std::string::npos,
                   "the rule did not refuse the session key");
    result["key_refused_by_rule"] = forbidden ? "" : forbidden.error().text;
    LAB_TRY(registers(p.b, keyOf(2, {IspId(ispX), IspId(ispY)})));
    LAB_TRY(registers(p.c, keyOf(3, {IspId(ispX)})));
    p.ofX.spend(2, 1000, *Money::parse("0.000002"));
    p.ofX.spend(3, 500, *Money::parse("0.0000005"));
    const auto revokes = [&](OverlayCustomer& host, uint32_t id) {
        return ask<accounting::UsageStatement>(
            host, p.thread, [id](auto& client, auto done) { client.revokeKey(SessionKeyId(id), std::move(done)); });
    };
    const auto ofB = revokes(p.b, 2);
    const auto ofC = revokes(p.c, 3);
    if (!ofB) return tl::unexpected(ofB.error());
    if (!ofC) return tl::unexpected(ofC.error());
    result["b_packets"] = ofB->amount.toString();
    result["c_packets"] = ofC->amount.toString();
    LAB_TRY(waitUntil("X's bill at E", 20s, [&] {
        const auto books = p.net.books(ispOfE);
        return books && books->at("provider").value("packets_invoice", Json()) == "0.0000025";
    }));
    result["x_bills_e_for_packets"] = "0.0000025";
    return {};
}

// --- what arrives

// Packets from behind Y for addresses of E, and the scenario's record of what X's routers counted.
class Arrivals {
public:
    explicit Arrivals(uint64_t seed, Money threshold)
        : m_random(seed), m_sampler(threshold, m_random), m_threshold(threshold) {}

    // The picks of these packets that may leave now.
    void pass(uint64_t packets, Router& border) {
        for (uint64_t i = 0; i < packets; ++i) {
            const ServiceClass service = m_random.below(3) == 0 ? mirrored : gold;
            const PriceCode price = *PriceCode::roundUp(nano(static_cast<int64_t>(20 + m_random.below(60))));
            const HopBlock y{IspId(ispY), gold, *PriceCode::roundUp(nano(10)), ExitPoint(0)};
            const auto header =
                AccountingHeader::make(std::vector<HopBlock>{y, {IspId(ispX), service, price, ExitPoint(0)}});
            const SampleOutcome outcome = m_sampler.observe(price.value());
            for (uint32_t pick = 0; pick < outcome.picked; ++pick) m_picked.push_back({*header, service});
            for (uint32_t leaves = 0; leaves < outcome.released; ++leaves) {
                release(border, m_picked.front());
                m_picked.pop_front();
            }
            ++count;
            counted = checkedAdd(counted, price.value()).value_or(Money::max());
        }
    }
    // Confirms once more what was sampled before, under another id.
    void invent(uint64_t times, Router& border) {
        const auto header = AccountingHeader::make(
            std::vector<HopBlock>{{IspId(ispY), gold, *PriceCode::roundUp(nano(10)), ExitPoint(0)},
                                  {IspId(ispX), gold, *PriceCode::roundUp(nano(50)), ExitPoint(0)}});
        for (uint64_t i = 0; i < times; ++i) release(border, {*header, gold});
    }

    uint64_t count = 0;
    Money counted;
    uint64_t confirmed = 0;
    Money share;

private:
    using Pick = std::pair<AccountingHeader, ServiceClass>;
    void release(Router& border, const Pick& pick) {
        accounting::EdgeSample sample;
        drawAll(sample.id);
        sample.beneficiary = IspId(ispX);
        sample.amount = m_threshold;
        sample.header = pick.first;
        sample.excerpt[0] = 0x45;
        const auto to = *IpAddress::parse(arrivalAddress);
        std::copy(to.bytes().begin(), to.bytes().end(), sample.excerpt.begin() + 16);
        if (!border.sample(std::move(sample))) return;
        ++confirmed;
        if (pick.second != mirrored) return;
        const int64_t part = m_threshold.eighths() * static_cast<int64_t>(sharePer1024) / 1024;
        share = Money::fromEighths(share.eighths() + part);
    }

    SeededRandom m_random;
    StratifiedSampler m_sampler;
    Money m_threshold;
    std::deque<Pick> m_picked;
};

Json delegationOf(const Json& x) {
    const Json* entry = findEntry(x, "delegations", "customer", "E");
    return entry == nullptr ? Json::object() : *entry;
}

Expected<void> arrivals(ScenarioContext& context, Parties& p) {
    Json& result = context.result();
    const uint64_t packets = context.options().packets != 0 ? context.options().packets : usualPackets;
    Arrivals traffic(context.options().seed, *Money::parse("0.0001"));
    context.say(std::to_string(packets) + " packets arrive at E; E's server is killed in the middle.");
    traffic.pass(packets / 2, p.ofE);
    p.net.kill(ispOfE);
    traffic.pass(packets - packets / 2, p.ofE);
    p.ofX.report(traffic.counted, traffic.count);
    LAB_TRY(p.net.start(ispOfE));
    const Money confirmed =
        Money::fromEighths(static_cast<int64_t>(traffic.confirmed) * Money::parse("0.0001")->eighths());
    LAB_TRY(waitUntil("Y to owe X what E confirmed", 30s, [&] {
        p.ofX.report(traffic.counted, traffic.count);
        const auto y = p.net.books(ispY);
        const auto e = p.net.books(ispOfE);
        const Json* x = y ? findEntry(*y, "neighbours", "isp", ispX) : nullptr;
        return x != nullptr && amountAt(*x, "owed_to") == confirmed && e && e->at("provider").value("waiting", 1) == 0;
    }));
    // Long enough for the comparison to speak up.
    for (int i = 0; i < 25; ++i) {
        p.ofX.report(traffic.counted, traffic.count);
        std::this_thread::sleep_for(200ms);
    }
    const auto e = p.net.books(ispOfE);
    const auto x = p.net.books(ispX);
    if (!e || !x) return fail(LabErrc::Process, "books cannot be read");
    const Json delegation = delegationOf(*x);
    result["packets"] = traffic.count;
    result["delivered"] = traffic.counted.toString();
    result["confirmations"] = traffic.confirmed;
    result["e_confirmed"] = e->at("provider").value("accepted", "");
    result["x_took"] = delegation.value("confirmed", "");
    result["y_owes_x"] = confirmed.toString();
    result["share_agreed"] = traffic.share.toString();
    result["share_in_books_of_e"] = e->at("provider").value("share", "");
    result["share_in_books_of_x"] = delegation.value("share", "");
    result["comparison"] = delegation.value("comparison", Json::object());
    result["alarms"] = x->value("alarm_count", 0) + e->value("alarm_count", 0);
    context.expect(result["e_confirmed"] == confirmed.toString() && result["x_took"] == confirmed.toString(),
                   "E and X do not agree on what was confirmed");
    context.expect(result["share_in_books_of_e"] == traffic.share.toString() &&
                       result["share_in_books_of_x"] == traffic.share.toString(),
                   "the share is not in both books");
    context.expect(traffic.confirmed > 0 && traffic.share > Money::zero(), "nothing was confirmed");
    context.expect(result["comparison"].value("verdict", "") == "fits", "honest confirmations do not fit the counters");
    context.expect(result["alarms"] == 0, "honest confirmations raised an alarm");

    context.say("E confirms 20 packets that never arrived.");
    traffic.invent(20, p.ofE);
    LAB_TRY(waitUntil("X's alarm", 30s, [&] {
        p.ofX.report(traffic.counted, traffic.count);
        const auto books = p.net.books(ispX);
        return books && findEntry(*books, "alarms", "subject", "customer E") != nullptr;
    }));
    const auto books = p.net.books(ispX);
    const Json* alarm = books ? findEntry(*books, "alarms", "subject", "customer E") : nullptr;
    result["alarm_after_inventing"] = alarm == nullptr ? "" : alarm->value("kind", "");
    context.expect(result["alarm_after_inventing"] == "too-much-confirmed", "inventing confirmations raised no alarm");
    return {};
}

Expected<void> run(ScenarioContext& context) {
    Identity routerX = Identity::generate();
    Identity routerE = Identity::generate();
    OverlayIspSpec e;
    e.isp = ispOfE;
    e.name = "E";
    e.customers = {{"B", ""}, {"C", ""}};
    e.more = edgeTable("border", routerE);
    e.enterprise = true;
    auto overlay = Overlay::make(
        context.lab(), {{ispX, "X", "0.000002", 0, {ispY}, "100", {}, 0, edgeTable("x1", routerX) + customerE()},
                        {ispY, "Y", "0.0000005", 0, {ispX}, "100", {{"A", "receive = true"}}, 0, ""},
                        e});
    if (!overlay) return tl::unexpected(overlay.error());
    Overlay& net = **overlay;
    net.spec(ispOfE).more += providerX(net);
    LAB_TRY(net.startAll());
    LAB_TRY(net.awaitConnected(20s));
    auto thread = OverlayThread::start(context.lab().netns(net.node()));
    if (!thread) return tl::unexpected(thread.error());
    Router ofX(**thread, net.server(ispX), "x1", std::move(routerX));
    Router ofE(**thread, net.server(ispOfE), "border", std::move(routerE));
    OverlayCustomer a(**thread, net, ispY, "A");
    OverlayCustomer b(**thread, net, ispOfE, "B");
    OverlayCustomer c(**thread, net, ispOfE, "C");
    LAB_TRY(a.join(true));
    LAB_TRY(b.join(false));
    LAB_TRY(c.join(false));
    LAB_TRY(waitUntil("E to be connected with X", 20s, [&] {
        const auto books = net.books(ispOfE);
        return ofX.up() && ofE.up() && books && books->at("provider").value("connected", false);
    }));
    Parties parties{net, **thread, ofX, ofE, a, b, c};
    LAB_TRY(payments(context, parties));
    LAB_TRY(packets(context, parties));
    LAB_TRY(arrivals(context, parties));
    return context.lab().checkPrograms();
}

}  // namespace

Scenario enterpriseScenario() {
    return {
        "enterprise", "an organisation with an accounting server of its own: rules, delegated confirmation, a share",
        "overlay",    {},
        run,          false,
        true};
}

}  // namespace netpas::lab
