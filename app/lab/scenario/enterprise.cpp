// A customer with a large network runs an accounting server of its own (NetPaS §5.4): the organisation E, a customer of X.
// Its hosts B and C enrol at E, whose rules decide what they may spend; X and Y know only E. What arrives at E's addresses,
// E's border router samples and E confirms in X's place, and it gets a share of what one class earns. Servers and edge
// routers are real processes, the packets real ones, and what arrives is counted by a sink of the scenario's own.
#include <array>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/scenario/threat_net.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using accounting::PaymentRefusal;
using accounting::PaymentRefused;

constexpr uint16_t ispX = 24;
constexpr uint16_t ispY = 25;
constexpr uint16_t ispOfE = 65000;  // the kit's name for E, which has no number
constexpr uint16_t counterOfE = 7;
constexpr uint64_t usualPackets = 20'000;
constexpr uint64_t packetsOfB = 1000;
constexpr uint64_t packetsOfC = 500;
constexpr double packetsPerSecond = 5000;
constexpr uint64_t invented = 20;
constexpr int64_t sharePer1024 = 300;
constexpr int graceSeconds = 4;  // longer than E's server is away
const ServiceClass gold(1);
const ServiceClass mirrored(2);

Money dollars(const std::string& text) { return *Money::parse(text); }
Money nano(int64_t n) { return Money::fromEighths(n * Money::eighthsPerNanodollar); }
Money times(Money a, uint64_t n) { return checkedMul(a, static_cast<int64_t>(n)).value_or(Money::max()); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
const Money threshold = dollars(ThreatNet::threshold);

struct Parties {
    ThreatNet& net;
    OverlayCustomer& a;
    PaidSender& b;
    PaidSender& c;
    PaidSender& fromY;
    PaidSink& sinkOfE;
};

std::string inQuotes(const std::string& text) { return "\"" + text + "\""; }
std::string sharesText() { return "shares = [{ class = 2, share_1024ths = " + std::to_string(sharePer1024) + " }]\n"; }
IpPrefix networkOfE(ThreatNet& net) {
    const IpAddress inside = net.destination(ispOfE);
    const std::array<uint8_t, 4> network{inside.bytes()[0], inside.bytes()[1], 0, 0};
    return *IpPrefix::make(*IpAddress::fromBytes(network), 16);
}

// At X's server: E, with the addresses that its own server and the packets for it have.
std::string customerE(ThreatNet& net) {
    return "\n[[customer]]\nname = \"E\"\nprefixes = [\"198.18.0.0/15\", " + inQuotes(networkOfE(net).toString()) +
           "]\n[customer.delegation]\ncounter = " + std::to_string(counterOfE) + "\n" + sharesText();
}

// At X's router: E's hosts, the class of which E has a share, and where packets for E go.
std::string routerOfX(ThreatNet& net) {
    const auto host = [&](const char* name) {
        return inQuotes(net.overlay().customerAddress(ispOfE, name).toString() + "/32");
    };
    return "\n[[class]]\nid = 2\nname = \"mirrored\"\ndscp = 34\nper_packet = " + inQuotes(net.spec(ispX).price) +
           "\n\n[[customer]]\nname = \"E\"\nprefixes = [" + host("B") + ", " + host("C") +
           "]\n\n[[delivery]]\nprefix = " + inQuotes(networkOfE(net).toString()) +
           "\nparticipate = " + inQuotes(net.edge(ispOfE).toString()) + "\ncounter = " + std::to_string(counterOfE) +
           "\n";
}

std::string providerX(ThreatNet& net) {
    return "\n[provider]\nisp = " + std::to_string(ispX) +
           "\nname = \"X\"\naddress = " + inQuotes(net.overlay().endpoint(ispX).address.toString()) +
           "\nkey = " + inQuotes(net.overlay().key(ispX).hex()) + "\npayments_per_day = \"1\"\n" + sharesText() +
           "\n[[rule]]\nname = \"small change only\"\naction = \"deny\"\nwhat = \"payments\"\nhosts = [\"B\"]\n"
           "above = \"0.01\"\n\n[[rule]]\nname = \"nothing through ISP 66\"\naction = \"deny\"\nisps = [66]\n";
}

// --- what hosts spend

Expected<void> payments(ScenarioContext& context, Parties& p) {
    Json& result = context.result();
    context.say("B asks for a payment of 5 cents; the rule says small change only.");
    auto large = p.b.customer().order(p.a.identity().nodeId(), ispY, dollars("0.05"));
    if (!large) return tl::unexpected(large.error());
    const auto refused = p.b.customer().pay(*large);
    if (!refused) return tl::unexpected(refused.error());
    const auto* why = std::get_if<PaymentRefused>(&*refused);
    context.expect(why != nullptr && why->reason == PaymentRefusal::Forbidden, "the rule did not refuse the payment");
    result["refused_by_rule"] = why == nullptr ? "" : why->remedy;

    context.say("B and C pay 100,000 and 200,000 nanodollars.");
    for (auto& [host, amount] : {std::pair<PaidSender*, Money>{&p.b, nano(100'000)}, {&p.c, nano(200'000)}}) {
        const auto order = host->customer().order(p.a.identity().nodeId(), ispY, amount);
        if (!order) return tl::unexpected(order.error());
        const auto paid = host->customer().pay(*order);
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
    context.say("B asks for a session key that could pay ISP 66.");
    SessionKey key = p.b.key();
    key.id = SessionKeyId(key.id.value() ^ 1);
    key.allowed = {IspId(ispX), IspId(66)};
    const auto forbidden = ask<accounting::KeyReady>(
        p.b.customer(), p.net.thread(), [&](auto& client, auto done) { client.registerKey(key, std::move(done)); });
    context.expect(!forbidden && forbidden.error().text.find("ISP 66") != std::string::npos,
                   "the rule did not refuse the session key");
    result["key_refused_by_rule"] = forbidden ? "" : forbidden.error().text;

    context.say("B sends packets to Y's network, C to X's, with keys of E.");
    const std::vector<HopBlock> pathOfB = p.net.path({ispX, ispY});
    const std::vector<HopBlock> pathOfC = p.net.path({ispX});
    Money bill;
    for (const HopBlock& hop : pathOfB) bill = plus(bill, times(hop.price.value(), packetsOfB));
    const Money billOfC = times(pathOfC[0].price.value(), packetsOfC);
    const bool sent = p.b.send(pathOfB, p.net.destination(ispY), packetsOfB, packetsPerSecond) == packetsOfB &&
                      p.c.send(pathOfC, p.net.destination(ispX), packetsOfC, packetsPerSecond) == packetsOfC;
    if (!sent) return fail(LabErrc::System, "not all packets of B and C could be sent");
    std::this_thread::sleep_for(200ms);  // what is on its way arrives
    const auto final = [&](PaidSender& host) {
        return ask<accounting::UsageStatement>(host.customer(), p.net.thread(), [&](auto& client, auto done) {
            client.revokeKey(host.key().id, std::move(done));
        });
    };
    const auto ofB = final(p.b);
    const auto ofC = final(p.c);
    if (!ofB) return tl::unexpected(ofB.error());
    if (!ofC) return tl::unexpected(ofC.error());
    result["b_packets"] = ofB->amount.toString();
    result["c_packets"] = ofC->amount.toString();
    context.expect(ofB->amount == bill && ofC->amount == billOfC, "a host is not billed what its packets carried");
    const std::string together = plus(bill, billOfC).toString();
    LAB_TRY(waitUntil("X's bill at E", 20s, [&] {
        const auto books = p.net.books(ispOfE);
        return books && books->at("provider").value("packets_invoice", Json()) == together;
    }));
    result["x_bills_e_for_packets"] = together;
    return {};
}

// --- what arrives

Json delegationOf(const Json& x) {
    const Json* entry = findEntry(x, "delegations", "customer", "E");
    return entry == nullptr ? Json::object() : *entry;
}

struct Arrived {
    uint64_t mirrored = 0;
    uint64_t gold = 0;
    Money price;
    [[nodiscard]] uint64_t packets() const { return mirrored + gold; }
    [[nodiscard]] Money paid() const { return times(price, packets()); }
};

// First packets of the class of which E has a share, then others; E's server is killed while they arrive.
Expected<Arrived> send(ScenarioContext& context, Parties& p) {
    Arrived all;
    const uint64_t packets = context.options().packets != 0 ? context.options().packets : usualPackets;
    all.mirrored = packets / 3;
    all.gold = packets - all.mirrored;
    context.say(std::to_string(packets) + " packets arrive at E; E's server is killed in the middle.");
    std::vector<HopBlock> path = p.net.path({ispY, ispX});
    all.price = path[1].price.value();
    const IpAddress to = p.net.destination(ispOfE);
    bool sent = true;
    const auto pass = [&](ServiceClass service, uint64_t count) {
        path[1].service = service;
        sent = sent && p.fromY.send(path, to, count, packetsPerSecond) == count;
    };
    pass(mirrored, all.mirrored);
    pass(gold, all.gold / 2);
    p.net.overlay().kill(ispOfE);
    pass(gold, all.gold - all.gold / 2);
    if (!sent) return fail(LabErrc::System, "not all packets could be sent");
    LAB_TRY(waitUntil("all packets to arrive at E", 10s, [&] { return p.sinkOfE.packets() == all.packets(); }));
    LAB_TRY(p.net.overlay().start(ispOfE));
    return all;
}

const Json* counterOf(const Json& router) { return findEntry(router, "delegated", "counter", counterOfE); }

// X's router knows what went to E, to the last eighth, and has sampled none of it; E's router has sampled all of it.
Expected<void> judgeRouters(ScenarioContext& context, Parties& p, const Arrived& all) {
    const auto x = p.net.counters(ispX);
    const auto e = p.net.counters(ispOfE);
    if (!x || !e) return fail(LabErrc::Process, "the routers' counters cannot be read");
    const Json* delegated = counterOf(*x);
    Json& result = context.result();
    result["packets"] = all.packets();
    result["packets_at_sink"] = p.sinkOfE.packets();
    result["delivered"] = all.paid().toString();
    result["counted_by_x"] = delegated == nullptr ? "" : delegated->value("own", "");
    result["counted_by_e"] = e->at("delivered").value("own", "");
    result["sampled_by_x"] = x->at("delivered").value("own", "");
    context.expect(
        result["counted_by_x"] == all.paid().toString() && delegated->value("packets", uint64_t{0}) == all.packets(),
        "X's router did not count every packet for E");
    context.expect(result["counted_by_e"] == all.paid().toString(), "E's router did not sample every packet");
    context.expect(p.sinkOfE.paid(ispX) == all.paid(), "the headers that arrived do not pay what was sent");
    context.expect(result["sampled_by_x"] == times(all.price, packetsOfC).toString(),
                   "X's router sampled what E confirms");
    return {};
}

Expected<void> arrivals(ScenarioContext& context, Parties& p) {
    Json& result = context.result();
    const auto sent = send(context, p);
    if (!sent) return tl::unexpected(sent.error());
    LAB_TRY(judgeRouters(context, p, *sent));
    // Whole strata: what was confirmed is the last multiple of T, which only a stopping router exceeds.
    const Money confirmed = times(threshold, static_cast<uint64_t>(sent->paid().eighths() / threshold.eighths()));
    LAB_TRY(waitUntil("Y to owe X what E confirmed", 30s, [&] {
        const auto y = p.net.books(ispY);
        const auto e = p.net.books(ispOfE);
        const Json* x = y ? findEntry(*y, "neighbours", "isp", ispX) : nullptr;
        return x != nullptr && amountAt(*x, "owed_to") == confirmed && e && e->at("provider").value("waiting", 1) == 0;
    }));
    std::this_thread::sleep_for(std::chrono::seconds(graceSeconds + 2));  // for a comparison to speak up
    const auto y = p.net.books(ispY);
    const auto e = p.net.books(ispOfE);
    const auto x = p.net.books(ispX);
    if (!e || !x || !y) return fail(LabErrc::Process, "books cannot be read");
    const Json delegation = delegationOf(*x);
    const Json* atY = findEntry(*y, "neighbours", "isp", ispX);
    result["confirmations"] = confirmed.eighths() / threshold.eighths();
    result["e_confirmed"] = e->at("provider").value("accepted", "");
    result["x_took"] = delegation.value("confirmed", "");
    result["y_owes_x"] = atY == nullptr ? "" : atY->value("owed_to", "");
    result["share_in_books_of_e"] = e->at("provider").value("share", "");
    result["share_in_books_of_x"] = delegation.value("share", "");
    result["comparison"] = delegation.value("comparison", Json::object());
    result["alarms"] = x->value("alarm_count", 0) + e->value("alarm_count", 0) + y->value("alarm_count", 0);
    const std::string wanted = confirmed.toString();
    context.expect(result["e_confirmed"] == wanted && result["x_took"] == wanted && result["y_owes_x"] == wanted,
                   "E, X and Y do not agree on what was confirmed, once");
    // The share of every confirmation of the class: as many as its payments hold, give or take the one at the border.
    const Money part = Money::fromEighths(threshold.eighths() * sharePer1024 / 1024);
    const auto share = amountAt(delegation, "share").value_or(Money::zero());
    const int64_t shared = share.eighths() / part.eighths();
    const int64_t ofClass = times(sent->price, sent->mirrored).eighths() / threshold.eighths();
    result["confirmations_shared"] = shared;
    context.expect(result["share_in_books_of_e"] == result["share_in_books_of_x"], "the share is not in both books");
    context.expect(share == times(part, static_cast<uint64_t>(shared)) && shared >= ofClass && shared <= ofClass + 1,
                   "the share is not the agreed one");
    context.expect(shared > 0, "nothing was shared");
    context.expect(result["comparison"].value("verdict", "") == "fits", "honest confirmations do not fit the counters");
    context.expect(result["alarms"] == 0, "honest confirmations raised an alarm: " + x->at("alarms").dump() +
                                              e->at("alarms").dump() + y->at("alarms").dump());
    return {};
}

// E's key says that more packets came than X's routers have delivered.
Expected<void> invents(ScenarioContext& context, Parties& p) {
    Json& result = context.result();
    const Money before = dollars(result.value("y_owes_x", "0"));
    context.say("E confirms " + std::to_string(invented) + " packets that never arrived.");
    RogueIsp liar(p.net.thread(), p.net.identity(ispOfE), p.net.overlay().server(ispX));
    LAB_TRY(liar.awaitUp());
    for (uint64_t i = 0; i < invented; ++i) {
        accounting::Confirmation lie;
        for (uint8_t& byte : lie.id) byte = static_cast<uint8_t>(systemRandom().below(256));
        lie.time = systemClock().now();
        lie.confirming = lie.beneficiary = IspId(ispX);
        lie.amount = threshold;
        lie.header = *AccountingHeader::make(p.net.path({ispY, ispX}));
        lie.excerpt[0] = 0x45;
        const IpAddress to = p.net.destination(ispOfE);
        std::copy(to.bytes().begin(), to.bytes().end(), lie.excerpt.begin() + 16);
        lie.confirmingSignature = p.net.identity(ispOfE).sign(accounting::delegateMessage(lie));
        if (!liar.say(accounting::DelegatedConfirmation{lie})) return fail(LabErrc::System, "E cannot lie");
    }
    LAB_TRY(waitUntil("X's alarm", 30s, [&] {
        const auto books = p.net.books(ispX);
        return books && findEntry(*books, "alarms", "subject", "customer E") != nullptr;
    }));
    const auto x = p.net.books(ispX);
    const auto y = p.net.books(ispY);
    if (!x || !y) return fail(LabErrc::Process, "books cannot be read");
    const Json* alarm = findEntry(*x, "alarms", "subject", "customer E");
    const Json* atY = findEntry(*y, "neighbours", "isp", ispX);
    const auto after = atY == nullptr ? std::nullopt : amountAt(*atY, "owed_to");
    result["inventions_taken"] = invented - liar.acks()[accounting::AckResult::FromTheFuture];
    result["alarm_after_inventing"] = alarm == nullptr ? "" : alarm->value("kind", "");
    result["paid_for_inventing"] = after ? checkedSub(*after, before).value_or(Money::max()).toString() : "";
    context.expect(result["alarm_after_inventing"] == "too-much-confirmed", "inventing confirmations raised no alarm");
    context.expect(result["paid_for_inventing"] == "0" && result["inventions_taken"] == 0,
                   "an invented confirmation was paid");
    return {};
}

Expected<void> run(ScenarioContext& context) {
    auto thread = OverlayThread::start(context.lab().netns(context.lab().topology().nodes().front()));
    if (!thread) return tl::unexpected(thread.error());
    ThreatIsp x{ispX, "X", "0.000001", {ispY}};
    x.fee = "0.000002";
    ThreatIsp y{ispY, "Y", "0.00000001", {ispX}};
    y.fee = "0.0000005";
    y.customers = {{"A", "receive = true"}, {"S", ""}};
    ThreatIsp e{ispOfE, "E", "", {}};
    e.customers = {{"B", ""}, {"C", ""}};
    e.provider = ispX;
    x.graceSeconds = y.graceSeconds = e.graceSeconds = graceSeconds;
    auto made = ThreatNet::make(context.lab(), **thread, {x, y, e}, context.options().seed);
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    net.spec(ispX).more = customerE(net);
    net.spec(ispX).router = routerOfX(net);
    net.spec(ispOfE).more = providerX(net);
    LAB_TRY(net.start());
    LAB_TRY(waitUntil("E to be connected with X", 20s, [&] {
        const auto books = net.books(ispOfE);
        return books && books->at("provider").value("connected", false);
    }));
    OverlayCustomer a(**thread, net.overlay(), ispY, "A");
    LAB_TRY(a.join(true));
    const auto b = PaidSender::make(net, ispOfE, "B", "0.1", {ispX, ispY});
    const auto c = PaidSender::make(net, ispOfE, "C", "0.1", {ispX});
    const auto s = PaidSender::make(net, ispY, "S", "100", {ispY, ispX});
    const auto sink = PaidSink::start(net, ispOfE);
    if (!b) return tl::unexpected(b.error());
    if (!c) return tl::unexpected(c.error());
    if (!s) return tl::unexpected(s.error());
    if (!sink) return tl::unexpected(sink.error());
    Parties parties{net, a, **b, **c, **s, **sink};
    LAB_TRY(payments(context, parties));
    LAB_TRY(packets(context, parties));
    LAB_TRY(arrivals(context, parties));
    LAB_TRY(invents(context, parties));
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
