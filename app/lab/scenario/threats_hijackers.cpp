// Threats posed by hijackers (NetPaS §4.1): somebody else sits at a customer's machine, with the customer's keys.
#include "app/lab/command.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/payee_directories.h"
#include "app/lab/scenario/threats.h"

namespace netpas::lab::threats {
namespace {

using namespace std::chrono_literals;
using accounting::PaymentRefusal;
using accounting::PaymentRefused;
using Outcome = accounting::AccountingClient::PaymentOutcome;

const std::string oneCent = "0.01";

bool isConfirmed(const Expected<Outcome>& outcome) {
    return outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome);
}
std::optional<PaymentRefusal> refusalOf(const Expected<Outcome>& outcome) {
    const auto* refused = outcome ? std::get_if<PaymentRefused>(&*outcome) : nullptr;
    return refused == nullptr ? std::nullopt : std::optional(refused->reason);
}

Expected<Outcome> payOnce(OverlayCustomer& payer, const OverlayCustomer& payee, uint16_t isp, Money amount,
                          payments::SignedOrder* made = nullptr) {
    const auto order = payer.order(payee.identity().nodeId(), isp, amount);
    if (!order) return tl::unexpected(order.error());
    if (made != nullptr) *made = *order;
    return payer.pay(*order);
}

// What the books say that a customer owes.
Expected<Money> owes(ThreatNet& net, uint16_t isp, const std::string& customer) {
    const auto books = net.books(isp);
    if (!books) return tl::unexpected(books.error());
    return minus(entryAmount(*books, "payments", "customer", customer, "owes"),
                 entryAmount(*books, "payments", "customer", customer, "taken_back_from"));
}

// --- 4.1.1

Expected<Finding> contentProvider(Run& run) {
    const uint16_t p = run.isp(1), q = run.isp(2);
    auto made = run.make({{p, "P", "", {}, {q}, {{"content", "send = false\nreceive = true"}, {"home", ""}}},
                          {q, "Q", "", {}, {p}, {{"thief", "receive = true"}}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    OverlayCustomer content(run.thread(), net.overlay(), p, "content");
    OverlayCustomer home(run.thread(), net.overlay(), p, "home");
    OverlayCustomer thief(run.thread(), net.overlay(), q, "thief");
    LAB_TRY(content.join(true));
    LAB_TRY(home.join(false));
    LAB_TRY(thief.join(true));
    run.require(isConfirmed(payOnce(home, content, p, dollars(oneCent))), "the content provider cannot be paid");
    run.require(isConfirmed(payOnce(home, thief, q, dollars(oneCent))), "the thief cannot be paid by anybody");
    Finding finding;
    payments::SignedOrder last;
    for (const char* amount : {"0.000001", "0.01", "0.5", "10"}) {
        for (const auto& [payee, isp] : {std::pair{&thief, q}, std::pair{&home, p}}) {
            ++finding.attempts;
            const auto outcome = payOnce(content, *payee, isp, dollars(amount), &last);
            finding.refused += static_cast<uint64_t>(refusalOf(outcome) == PaymentRefusal::MayNotSend);
        }
    }
    // In the name of a customer that may send.
    auto borrowed = home.order(thief.identity().nodeId(), q, dollars(oneCent));
    if (!borrowed) return tl::unexpected(borrowed.error());
    ++finding.attempts;
    finding.refused += static_cast<uint64_t>(refusalOf(content.pay(*borrowed)) == PaymentRefusal::MayNotSend);
    const auto lost = owes(net, p, "content");
    if (!lost) return tl::unexpected(lost.error());
    finding.loss = *lost;
    finding.seen = {std::to_string(finding.refused) + " orders of a receive-only account refused: it may not send"};
    run.accuse(audit::Claim::PaymentOrdered, "customer content", "an order with the key of a server that may not send",
               {last, audit::KnownKey{{"content", {}, {}}, content.identity().publicKey()}});
    return finding;
}

// --- 4.1.2

Expected<Finding> endUser(Run& run) {
    const uint16_t p = run.isp(1), q = run.isp(2);
    const std::string limits = "per_payment = \"0.02\"\nper_day = \"0.1\"\nper_second = 1000";
    auto made = run.make(
        {{p, "P", "", {}, {q}, {{"limited", limits}, {"careful", "per_second = 100\npayees = [\"few-complaints\"]"}}},
         {q,
          "Q",
          "",
          {},
          {p},
          {{"thief", "receive = true"}, {"shop", "receive = true"}, {"phisher", "receive = true"}}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    PayeeDirectories directories(net, p, q);
    LAB_TRY(directories.makeAuthority("honest"));
    LAB_TRY(directories.makeAuthority("shady"));
    const auto payees = directories.payees({{"honest", "few-complaints"}});
    if (!payees) return tl::unexpected(payees.error());
    net.spec(p).more = *payees;
    LAB_TRY(net.start());
    OverlayCustomer limited(run.thread(), net.overlay(), p, "limited");
    OverlayCustomer careful(run.thread(), net.overlay(), p, "careful");
    OverlayCustomer thief(run.thread(), net.overlay(), q, "thief");
    OverlayCustomer shop(run.thread(), net.overlay(), q, "shop");
    OverlayCustomer phisher(run.thread(), net.overlay(), q, "phisher");
    for (OverlayCustomer* one : {&thief, &shop, &phisher}) LAB_TRY(one->join(true));
    LAB_TRY(limited.join(false));
    LAB_TRY(careful.join(false));
    LAB_TRY(directories.certify("honest", shop.identity().publicKey(), "few-complaints", "shop"));
    // Of an authority that nobody trusts, and of a class that the user does not pay.
    LAB_TRY(directories.certify("shady", phisher.identity().publicKey(), "few-complaints", "phisher"));
    LAB_TRY(directories.start());

    Finding finding;
    run.require(isConfirmed(payOnce(careful, shop, q, dollars(oneCent))), "a certified payee cannot be paid");
    for (int i = 0; i < 5; ++i) {
        for (const OverlayCustomer* payee : {&thief, &phisher}) {
            ++finding.attempts;
            const auto no = refusalOf(payOnce(careful, *payee, q, dollars(oneCent)));
            finding.refused += static_cast<uint64_t>(no == PaymentRefusal::NotCertified);
        }
    }
    const uint64_t filtered = finding.refused;
    run.require(filtered == 10, "not every payment to a payee without a good certificate was refused");
    // The account without a filter is drained as fast as it goes.
    payments::SignedOrder order;
    for (int i = 0; i < 40; ++i) {
        ++finding.attempts;
        const auto outcome = payOnce(limited, thief, q, dollars(i % 8 == 0 ? "0.03" : oneCent), &order);
        if (isConfirmed(outcome) && run.exhibited().empty()) {
            run.accuse(audit::Claim::PaymentConfirmed, "payee " + thief.identity().nodeId().hex(),
                       "where the stolen money went",
                       {audit::Payment{order.order.payment}, std::get<payments::PaymentConfirmation>(*outcome)});
        }
        finding.refused += static_cast<uint64_t>(refusalOf(outcome) == PaymentRefusal::RateLimit);
    }
    directories.stop();
    const auto spent = owes(net, p, "limited");
    const auto careless = owes(net, p, "careful");
    if (!spent || !careless) return fail(LabErrc::Evidence, "no books of P");
    finding.loss = plus(*spent, minus(*careless, dollars(oneCent)));
    finding.bound = dollars("0.1");  // per_day
    finding.limited = finding.refused > filtered;
    finding.seen = {std::to_string(filtered) + " payments to uncertified payees refused",
                    std::to_string(finding.refused - filtered) + " payments above the limits refused"};
    return finding;
}

// --- 4.1.3

Expected<Finding> laundering(Run& run) {
    const uint16_t p = run.isp(1), q = run.isp(2);
    auto made = run.make({{p,
                           "P",
                           "",
                           {},
                           {q},
                           {{"victim", ""}, {"home1", ""}, {"home2", ""}, {"server1", "send = false\nreceive = true"}}},
                          {q,
                           "Q",
                           "",
                           {},
                           {p},
                           {{"home3", ""},
                            {"server2", "send = false\nreceive = true"},
                            {"launderer", "send = false\nreceive = true"}}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    struct Stone {
        std::string name;
        uint16_t isp;
        bool receives;
        std::unique_ptr<OverlayCustomer> customer;
    };
    std::vector<Stone> stones;
    for (const auto& [name, isp, receives] : {std::tuple{"home1", p, false},
                                              {"home2", p, false},
                                              {"home3", q, false},
                                              {"server1", p, true},
                                              {"server2", q, true}}) {
        stones.push_back(
            {name, isp, receives, std::make_unique<OverlayCustomer>(run.thread(), net.overlay(), isp, name)});
        LAB_TRY(stones.back().customer->join(receives));
    }
    OverlayCustomer victim(run.thread(), net.overlay(), p, "victim");
    OverlayCustomer launderer(run.thread(), net.overlay(), q, "launderer");
    LAB_TRY(victim.join(false));
    LAB_TRY(launderer.join(true));
    Finding finding;
    Money handedOn;  // from a stone to the launderer, with money that the stone got before
    for (const Stone& stone : stones) {
        ++finding.attempts;
        payments::SignedOrder order;
        const auto stolen = payOnce(victim, *stone.customer, stone.isp, dollars(oneCent), &order);
        const bool in = isConfirmed(stolen);
        if (in) {
            run.accuse(audit::Claim::PaymentConfirmed, "payee " + stone.customer->identity().nodeId().hex(),
                       "where the stolen money went, one step from its owner",
                       {audit::Payment{order.order.payment}, std::get<payments::PaymentConfirmation>(*stolen)});
        }
        run.require(in == stone.receives, stone.name + " is not what it should be");
        const bool out = isConfirmed(payOnce(*stone.customer, launderer, q, dollars(oneCent)));
        run.require(out == !stone.receives, stone.name + " is not what it should be");
        if (in && out) handedOn = plus(handedOn, dollars(oneCent));
        if (!in || !out) ++finding.refused;
    }
    // Also from stone to stone.
    for (const Stone& first : stones) {
        for (const Stone& second : stones) {
            if (&first == &second || first.receives == second.receives) continue;
            ++finding.attempts;
            const bool one =
                first.receives && isConfirmed(payOnce(victim, *first.customer, first.isp, dollars(oneCent)));
            const bool two = isConfirmed(payOnce(*first.customer, *second.customer, second.isp, dollars(oneCent)));
            if (one && two) handedOn = plus(handedOn, dollars(oneCent));
            if (!one || !two) ++finding.refused;
        }
    }
    finding.loss = handedOn;
    finding.seen = {"no account that was paid could pay on; what went out of each can be traced in one step"};
    return finding;
}

// --- 4.1.4

// A shop that was certified and had its customers joins the hijackers: many machines pay it at once. Their owners complain to their
// ISP, that one to the shop's, which pays nothing out at the end of the billing cycle.
Expected<Finding> merchantTurnedBad(Run& run) {
    const uint16_t p = run.isp(1), q = run.isp(2);
    std::vector<OverlayCustomerSpec> homes;
    for (int i = 1; i <= 6; ++i) homes.push_back({"home" + std::to_string(i), ""});
    ThreatIsp shops{q, "Q", "", {}, {p}, {{"shop", "receive = true"}}};
    shops.payments = "freeze_complaints = 3\nfreeze_growth = 4\nfreeze_least = \"0.05\"";
    auto made = run.make({{p, "P", "", {}, {q}, homes}, shops});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    OverlayCustomer shop(run.thread(), net.overlay(), q, "shop");
    LAB_TRY(shop.join(true));
    std::vector<std::unique_ptr<OverlayCustomer>> hijacked;
    for (const OverlayCustomerSpec& home : homes) {
        hijacked.push_back(std::make_unique<OverlayCustomer>(run.thread(), net.overlay(), p, home.name));
        LAB_TRY(hijacked.back()->join(false));
    }
    const SystemTime begin = systemClock().now();
    Finding finding;
    std::vector<payments::SignedOrder> stolen;
    const auto raid = [&] {
        for (const auto& home : hijacked) {
            payments::SignedOrder order;
            ++finding.attempts;
            const auto outcome = payOnce(*home, shop, q, dollars("0.05"), &order);
            if (refusalOf(outcome) == PaymentRefusal::Frozen) ++finding.refused;
            if (!isConfirmed(outcome)) continue;
            if (stolen.empty()) {
                run.accuse(audit::Claim::PaymentConfirmed, "payee " + shop.identity().nodeId().hex(),
                           "a payment that its payer did not want",
                           {audit::Payment{order.order.payment}, std::get<payments::PaymentConfirmation>(*outcome)});
            }
            stolen.push_back(std::move(order));
        }
    };
    raid();
    run.require(stolen.size() == hijacked.size(), "the shop could not be paid before it was suspected");
    for (const payments::SignedOrder& order : stolen) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string hex;
        for (const uint8_t byte : order.order.payment.id) hex += {digits[byte >> 4], digits[byte & 15]};
        const auto said = net.overlay().ask(p, "POST", "/v1/complaints",
                                            "{\"payment\": \"" + hex + "\", \"reason\": \"nobody ordered it\"}");
        if (!said) return tl::unexpected(said.error());
    }
    const auto alarm = awaitAlarm(net, q, "complaint", "frozen", begin, 15s);
    if (!alarm) return tl::unexpected(alarm.error());
    raid();
    run.require(finding.refused == hijacked.size(), "a frozen account was paid");
    const auto blocks = net.overlay().ask(q, "GET", "/v1/blocks");
    if (!blocks) return tl::unexpected(blocks.error());
    const Json json = Json::parse(*blocks, nullptr, false);
    const auto books = net.books(q);
    if (!books || !json.is_object()) return fail(LabErrc::Evidence, "no books of Q");
    const Money owed = entryAmount(*books, "payments", "customer", "shop", "owed");
    const Money held = entryAmount(json, "frozen", "customer", "shop", "held");
    run.require(owed == times(dollars("0.05"), stolen.size()), "the books are not what was paid");
    finding.loss = minus(owed, held);
    finding.undone = held == owed;
    finding.secondsToDetect = alarm->seconds;
    finding.seen = {alarm->text, held.toString() + " are held and not paid out"};
    return finding;
}

// --- 4.1.5

Expected<Finding> leakNanopayments(Run& run) {
    const uint16_t p = run.isp(1), m = run.isp(2), w = run.isp(3), v = run.isp(4);
    const std::string cap = "20";
    auto made = run.make({{p, "P", "0.000003", {m}, {}, {{"home", ""}, {"neighbour", ""}}},
                          {m, "M", "0.000004", {p, w, v}, {}, {}},
                          {w, "W", "0.002", {m}, {}, {}},
                          {v, "V", "0.000007", {m}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    auto hijacked = PaidSender::make(net, p, "home", cap, {p, m, w});
    if (!hijacked) return tl::unexpected(hijacked.error());
    auto honest = PaidSender::make(net, p, "neighbour", cap, {p, m, v});
    if (!honest) return tl::unexpected(honest.error());
    auto sink = PaidSink::start(net, v);
    if (!sink) return tl::unexpected(sink.error());
    Traffic usual(**honest, net.path({p, m, v}), net.destination(v), 500);
    const SystemTime begin = systemClock().now();
    Traffic leak(**hijacked, net.path({p, m, w}), net.destination(w), 500);
    run.say("A hijacked host pays the accomplice W two millidollars for each of 500 packets a second.");
    // The operator of P looks at what its customers owe, and to whom.
    double seconds = 0;
    LAB_TRY(waitUntil("W to stand out in P's books", 30s, [&] {
        const auto books = net.books(p);
        if (!books) return false;
        const Money toW = entryAmount(*books, "downstream_isps", "isp", w, "confirmed");
        const Money others = plus(entryAmount(*books, "downstream_isps", "isp", v, "confirmed"),
                                  entryAmount(*books, "downstream_isps", "isp", m, "confirmed"));
        seconds = std::chrono::duration<double>(systemClock().now() - begin).count();
        return toW > dollars("0.5") && toW > times(others, 10);
    }));
    const auto listed = requireCommand(
        {programPath("netpas-isp"), "account", "blacklist", std::to_string(w), "--socket", net.overlay().socket(p)});
    if (!listed) return tl::unexpected(listed.error());
    LAB_TRY(waitUntil("P's router to refuse packets for W", 10s, [&] {
        const auto counters = net.counters(p);
        return counters && (*counters)["verdicts"].value("blacklisted", 0) > 100;
    }));
    const auto after = net.books(p);
    std::this_thread::sleep_for(1500ms);
    leak.stop();
    usual.stop();
    const auto last = net.books(p);
    if (!after || !last) return fail(LabErrc::Evidence, "no books of P");
    const Money then = entryAmount(*after, "customers", "name", "home", "amount");
    const Money now = entryAmount(*last, "customers", "name", "home", "amount");
    run.require((*sink)->packets() > 500, "the honest customer's packets did not arrive");
    Finding finding;
    finding.attempts = leak.sent();
    const auto counters = net.counters(p);
    finding.refused = counters ? (*counters)["verdicts"].value("blacklisted", uint64_t{0}) : 0;
    finding.loss = now;
    finding.bound = dollars(cap);
    // A report may have been under way.
    run.require(minus(now, then) < dollars("0.5"), "money still leaks to a blacklisted ISP");
    finding.secondsToDetect = seconds;
    // The victims' ISP finds in its own log who was paid.
    const auto exported = exportedBooks(net.overlay(), p);
    if (!exported) return tl::unexpected(exported.error());
    std::vector<audit::Exhibit> confirmations;
    for (const accounting::Confirmation& one : exported->confirmations) {
        if (one.beneficiary == IspId(w) && confirmations.size() < 20) confirmations.emplace_back(one);
    }
    run.require(!confirmations.empty(), "P's log does not show who was paid");
    run.accuse(audit::Claim::Observed, named(w), "confirmations of what was bought from W, signed by it, in P's log",
               confirmations);
    finding.seen = {"blacklisted after " + then.toString() + "; " + std::to_string(finding.refused) +
                    " packets were dropped by the router"};
    return finding;
}

}  // namespace

std::vector<Row> hijackerRows() {
    return {
        {"Stealing content providers' money", "4.1.1", "a hijacked content server pays a thief", contentProvider},
        {"Stealing end users' money", "4.1.2",
         "a hijacked home computer pays payees without a good certificate, and drains an account without a filter",
         endUser},
        {"Network payment laundering", "4.1.3", "stolen money is led through hijacked computers of both kinds",
         laundering},
        {"Certified merchants stealing", "4.1.4", "a shop of good repute is paid by hijacked machines",
         merchantTurnedBad},
        {"Stealing through nanopayments", "4.1.5", "a hijacked host's packets buy an accomplice's expensive service",
         leakNanopayments},
    };
}

}  // namespace netpas::lab::threats
