// Threats posed by dishonest endpoints (NetPaS §4.2), and an ISP that steals a payment (§4.3.1), which the same check uncovers.
#include <future>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/threats.h"
#include "core/accounting/books.h"
#include "core/store/database.h"

namespace netpas::lab::threats {
namespace {

using namespace std::chrono_literals;
using accounting::ForwardPayment;
using accounting::Message;
using accounting::PaymentAckEntry;
using accounting::PaymentConfirmed;
using accounting::PaymentResult;
using Outcome = accounting::AccountingClient::PaymentOutcome;

// Y and X of Figure 2, with a member between them: B pays A.
std::vector<ThreatIsp> figure2(const Run& run) {
    const uint16_t y = run.isp(1), c = run.isp(2), x = run.isp(3);
    return {{y, "Y", "", {}, {c}, {{"B", ""}}, "0.0000005"},
            {c, "C", "", {}, {y, x}, {}, "0.000001"},
            {x, "X", "", {}, {c}, {{"A", "receive = true"}}, "0.000002"}};
}

// What B is charged for its payments, and what a party is owed, both without what was taken back.
Money charged(const Json& books) {
    return minus(entryAmount(books, "payments", "customer", "B", "owes"),
                 entryAmount(books, "payments", "customer", "B", "taken_back_from"));
}
Money owedTo(const Json& books, const std::string& kind, const Json& party) {
    return minus(entryAmount(books, "payments", kind, party, "owed"),
                 entryAmount(books, "payments", kind, party, "taken_back_to"));
}

Expected<PaymentResult> cancel(ThreatNet& net, OverlayCustomer& payer, const payments::PaymentId& id,
                               const PublicKey& payee) {
    auto answer = std::make_shared<std::promise<std::optional<PaymentAckEntry>>>();
    auto result = answer->get_future();
    net.thread().run([&] {
        payer.client().cancelPayment(
            id, payee, [answer](auto done) { answer->set_value(done ? std::optional(*done) : std::nullopt); });
    });
    if (result.wait_for(15s) != std::future_status::ready) return fail(LabErrc::Timeout, "no answer to a cancellation");
    const auto entry = result.get();
    if (!entry) return fail(LabErrc::Process, "a cancellation was not answered");
    return entry->result;
}

// --- 4.2.1

Expected<Finding> payeeDenies(Run& run) {
    const uint16_t y = run.isp(1), c = run.isp(2), x = run.isp(3);
    auto made = run.make(figure2(run));
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    enum class Trick { Honest, BadSignature, OtherKey, Silent };
    std::atomic<Trick> trick{Trick::Honest};
    const Identity other = Identity::generate();
    OverlayCustomer payee(run.thread(), net.overlay(), x, "A",
                          [&](OverlayCustomer& self, const payments::Payment& payment) {
                              auto confirmation = payments::confirm(payment, self.identity(), systemClock().now());
                              switch (trick.load()) {
                              case Trick::Honest: break;
                              case Trick::BadSignature:
                                  confirmation.signature.bytes[7] ^= 1;
                                  break;  // "that was not me"
                              case Trick::OtherKey:
                                  confirmation = payments::confirm(payment, other, systemClock().now());
                                  break;
                              case Trick::Silent: return;
                              }
                              self.client().confirmPayment(confirmation);
                          });
    OverlayCustomer payer(run.thread(), net.overlay(), y, "B");
    LAB_TRY(payer.join(false));
    LAB_TRY(payee.join(true));
    Finding finding;
    const auto first = payer.order(payee.identity().nodeId(), x, dollars("0.01"));
    if (!first) return tl::unexpected(first.error());
    const auto honest = payer.pay(*first);
    run.require(honest && std::holds_alternative<payments::PaymentConfirmation>(*honest), "A cannot be paid");
    const auto before = net.books(y);
    if (!before) return tl::unexpected(before.error());
    for (const Trick one : {Trick::BadSignature, Trick::OtherKey, Trick::Silent}) {
        trick = one;
        const auto order = payer.order(payee.identity().nodeId(), x, dollars("0.01"));
        if (!order) return tl::unexpected(order.error());
        ++finding.attempts;
        const auto outcome = payer.pay(*order);
        const auto* confirmation = outcome ? std::get_if<payments::PaymentConfirmation>(&*outcome) : nullptr;
        if (confirmation == nullptr) {
            ++finding.refused;  // nobody could be shown a confirmation
            continue;
        }
        run.require(!payments::verify(*confirmation, order->order.payment), "the payee confirmed honestly");
        run.accuse(audit::Claim::ForgedPaymentConfirmation, "payee " + payee.identity().nodeId().hex(),
                   "confirmed with a signature that is not its own",
                   {audit::Payment{order->order.payment}, *confirmation});
        const auto cancelled = cancel(net, payer, confirmation->id, payee.identity().publicKey());
        if (!cancelled) return tl::unexpected(cancelled.error());
        if (*cancelled == PaymentResult::Done) ++finding.refused;
    }
    Json books;
    LAB_TRY(waitUntil("everybody to have taken it back", 15s, [&] {
        const auto atX = net.books(x);
        const auto atC = net.books(c);
        if (!atX || !atC) return false;
        books = *atX;
        return owedTo(*atX, "customer", "A") == dollars("0.01") &&
               owedTo(*atC, "isp", x) == minus(dollars("0.010002"), Money::zero());
    }));
    const auto after = net.books(y);
    if (!after) return tl::unexpected(after.error());
    finding.loss = minus(charged(*after), charged(*before));
    finding.undone = true;
    finding.seen = {"a bad signature was taken back by Y, C and X; another key and silence were never owed"};
    return finding;
}

// --- 4.2.2

Expected<Finding> freeloading(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3);
    auto made = run.make({{x, "X", "0.000003", {c}, {}, {{"b", ""}}},
                          {c, "C", "0.000004", {x, v}, {}, {}},
                          {v, "V", "0.000007", {c}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, c, v});
    if (!b) return tl::unexpected(b.error());
    auto sink = PaidSink::start(net, v);
    if (!sink) return tl::unexpected(sink.error());
    constexpr uint64_t each = 1000;
    (void)(*b)->send(net.path({x, c, v}), net.destination(v), each, 4000);
    LAB_TRY(waitUntil("packets that pay enough", 10s, [&] { return (*sink)->packets() == each; }));
    Finding finding;
    // A code less than the price of one ISP, of all, and nothing at all.
    for (size_t cheap = 0; cheap < 5; ++cheap) {
        auto path = net.path({x, c, v});
        for (size_t hop = 0; hop < path.size(); ++hop) {
            const auto code = static_cast<uint8_t>(path[hop].price.code() - 1);
            if (cheap == hop || cheap == 3) path[hop].price = PriceCode::fromCode(code);
            if (cheap == 4) path[hop].price = PriceCode::fromCode(0);
        }
        finding.attempts += (*b)->send(path, net.destination(v), each, 4000);
    }
    const auto underpaid = [&] {
        uint64_t sum = 0;
        for (const uint16_t isp : {x, c, v}) {
            const auto counters = net.counters(isp);
            if (counters) sum += (*counters)["verdicts"].value("underpaid", uint64_t{0});
        }
        return sum;
    };
    LAB_TRY(waitUntil("the routers to refuse what does not pay", 10s, [&] { return underpaid() >= finding.attempts; }));
    finding.refused = underpaid();
    // What arrived in spite of that has not paid somebody's price.
    finding.loss = times(dollars("0.000014"), (*sink)->packets() - each);
    finding.seen = {std::to_string(finding.refused) + " underpaid packets dropped by the routers of X, C and V"};
    run.accuse(audit::Claim::Observed, "customer b", finding.seen.front(), {});
    return finding;
}

// --- 4.2.3

Expected<Finding> replay(Run& run) {
    const uint16_t y = run.isp(1), c = run.isp(2), x = run.isp(3);
    auto made = run.make(figure2(run));
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    const auto relay = net.relayBetween(c, y);
    if (!relay) return tl::unexpected(relay.error());
    std::mutex mutex;
    std::vector<PaymentConfirmed> recorded;
    // C repeats every confirmation on its way, and keeps it for later.
    (*relay)->setHook([&](OverlayRelay::Direction, const Message& message) {
        const auto* confirmed = std::get_if<PaymentConfirmed>(&message);
        if (confirmed == nullptr) return std::vector<Message>{message};
        const std::lock_guard lock(mutex);
        recorded.push_back(*confirmed);
        return std::vector<Message>{message, message, message};
    });
    // What Y answers comes to C's server on a connection of Y's own.
    const auto answersOf = net.relayBetween(y, c);
    if (!answersOf) return tl::unexpected(answersOf.error());
    std::atomic<uint64_t> answers{0}, effects{0};
    (*answersOf)->setHook([&](OverlayRelay::Direction, const Message& message) {
        if (const auto* acks = std::get_if<accounting::PaymentAck>(&message)) {
            for (const PaymentAckEntry& entry : acks->entries) {
                ++answers;
                if (entry.result == PaymentResult::Done) ++effects;
            }
        }
        return std::vector<Message>{message};
    });
    LAB_TRY(net.start());
    std::vector<payments::PaymentConfirmation> mine;
    OverlayCustomer payee(run.thread(), net.overlay(), x, "A",
                          [&](OverlayCustomer& self, const payments::Payment& payment) {
                              mine.push_back(payments::confirm(payment, self.identity(), systemClock().now()));
                              for (int i = 0; i < 3; ++i) self.client().confirmPayment(mine.back());
                          });
    OverlayCustomer payer(run.thread(), net.overlay(), y, "B");
    LAB_TRY(payer.join(false));
    LAB_TRY(payee.join(true));
    constexpr uint64_t paid = 5;
    for (uint64_t i = 0; i < paid; ++i) {
        const auto order = payer.order(payee.identity().nodeId(), x, dollars("0.01"));
        if (!order) return tl::unexpected(order.error());
        const auto outcome = payer.pay(*order);
        run.require(outcome && std::holds_alternative<payments::PaymentConfirmation>(*outcome), "B cannot pay");
        // The same order again pays nothing again.
        (void)payer.pay(*order);
    }
    Finding finding;
    RogueIsp rogue(net.thread(), net.identity(c), net.overlay().server(y));
    LAB_TRY(rogue.awaitUp());
    const auto again = [&] {
        std::vector<PaymentConfirmed> all;  // the relay's thread must not wait for us while we wait for it
        {
            const std::lock_guard lock(mutex);
            all = recorded;
        }
        for (const PaymentConfirmed& old : all) {
            finding.attempts += static_cast<uint64_t>(rogue.say(old));
            PaymentConfirmed renamed = old;
            renamed.confirmation.id[3] ^= 1;
            finding.attempts += static_cast<uint64_t>(rogue.say(renamed));
        }
        run.require(all.size() >= paid, "no confirmation was recorded");
    };
    LAB_TRY(waitUntil("answers to all confirmations", 10s, [&] { return answers >= 3 * paid; }));
    const uint64_t before = answers;
    run.require(effects == paid, "a payment was not confirmed exactly once");
    again();
    std::this_thread::sleep_for(6s);  // until all have expired
    again();
    LAB_TRY(waitUntil("answers to the replays", 10s, [&] { return answers >= before + finding.attempts; }));
    net.thread().run([&] {
        for (const auto& old : mine) payee.client().confirmPayment(old);
    });
    finding.attempts += mine.size() + 2 * paid;  // the payee's, and those on their way
    std::this_thread::sleep_for(300ms);
    finding.refused = finding.attempts - (effects - paid);
    const auto atY = net.books(y);
    const auto atX = net.books(x);
    if (!atY || !atX) return fail(LabErrc::Evidence, "no books");
    const Money due = times(dollars("0.0100035"), paid);
    finding.loss = plus(minus(charged(*atY), due), minus(owedTo(*atX, "customer", "A"), times(dollars("0.01"), paid)));
    {
        const std::lock_guard lock(mutex);
        run.accuse(audit::Claim::Observed, named(c), "C has brought a confirmation again and again",
                   {recorded.front().confirmation, recorded.front().confirmation});
    }
    run.require(charged(*atY) == due, "B was not charged exactly for its payments");
    finding.seen = {std::to_string(answers - paid) +
                    " replays answered without effect, after three expiries as before"};
    return finding;
}

// --- 4.2.4

// Opened when the server has stopped: what an ISP can show of a customer who denies everything.
struct Proof {
    Money owed;    // by the customer, as the books say
    Money proven;  // of that, what the customer's own signatures cover
    std::vector<payments::SignedOrder> orders;
};
Expected<Proof> proofOf(ThreatNet& net, uint16_t isp, const PublicKey& customer) {
    net.stop(isp);
    const std::string folder = net.overlay().folder(isp);
    const auto key = store::loadOrCreateKey(folder + "/database.key");
    if (!key) return fail(LabErrc::State, "no key of the books");
    accounting::Books::Options options;
    options.path = folder + "/books.db";
    options.key = *key;
    auto books = accounting::Books::open(options, systemClock().now());
    if (!books) return fail(LabErrc::State, "the books do not open: " + std::string(store::describe(books.error())));
    Proof proof;
    for (const auto& [id, record] : books->keys()) {
        if (record.customer != "b") continue;
        proof.owed = plus(proof.owed, record.usage.amount);
        const Bytes message = accounting::registerKeyMessage(record.key, net.identity(isp).nodeId());
        if (verify(customer, message, record.signature) && record.usage.amount <= record.key.cap)
            proof.proven = plus(proof.proven, record.usage.amount);
    }
    for (const auto& [id, record] : books->payments()) {
        if (record.from.customer != "b" || record.state != accounting::PaymentState::Confirmed) continue;
        proof.owed = plus(proof.owed, record.owed);
        Reader reader(record.order);
        const auto order = payments::decodeSignedOrder(reader);
        if (!reader.ok() || !verify(customer, payments::orderMessage(order.order), order.signature)) continue;
        proof.proven = plus(proof.proven, payments::total(order.order).value_or(Money::zero()));
        proof.orders.push_back(order);
    }
    return proof;
}

// b pays and then says that it was not b. And another customer tries to send in b's name.
Expected<Finding> disavow(Run& run) {
    const uint16_t x = run.isp(1), v = run.isp(2);
    auto made = run.make({{x, "X", "0.000003", {v}, {}, {{"b", ""}, {"d", ""}}},
                          {v, "V", "0.000007", {x}, {}, {{"a", "receive = true"}}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, v});
    if (!b) return tl::unexpected(b.error());
    auto d = PaidSender::make(net, x, "d", "1000", {x, v});
    if (!d) return tl::unexpected(d.error());
    auto sink = PaidSink::start(net, v);
    if (!sink) return tl::unexpected(sink.error());
    OverlayCustomer a(run.thread(), net.overlay(), v, "a");
    LAB_TRY(a.join(true));
    const auto path = net.path({x, v});
    constexpr uint64_t bought = 1000;
    (void)(*b)->send(path, net.destination(v), bought, 4000);
    const auto order = (*b)->customer().order(a.identity().nodeId(), v, dollars("0.01"));
    if (!order) return tl::unexpected(order.error());
    const auto paid = (*b)->customer().pay(*order);
    run.require(paid && std::holds_alternative<payments::PaymentConfirmation>(*paid), "b cannot pay");
    LAB_TRY(waitUntil("b's packets", 10s, [&] { return (*sink)->packets() == bought; }));
    // With b's tags from d's line, and with b's key but without its secret.
    Finding finding;
    for (uint64_t i = 0; i < 500; ++i) {
        Bytes stolen = (*b)->datagram(path, net.destination(v));
        finding.attempts += static_cast<uint64_t>((*d)->sendBytes(stolen));
        stolen[16] ^= 1;
        finding.attempts += static_cast<uint64_t>((*d)->sendBytes(stolen));
        finding.attempts += static_cast<uint64_t>((*b)->sendBytes(stolen));
    }
    const auto refused = [&] {
        const auto counters = net.counters(x);
        if (!counters) return uint64_t{0};
        return (*counters)["verdicts"].value("other_line", uint64_t{0}) +
               (*counters)["verdicts"].value("bad_tag", uint64_t{0});
    };
    LAB_TRY(waitUntil("the router to refuse them", 10s, [&] { return refused() >= finding.attempts; }));
    finding.refused = refused();
    run.require((*sink)->packets() == bought, "a packet was accepted in b's name");
    LAB_TRY(waitUntil("all packets in the books", 10s, [&] {
        const auto books = net.books(x);
        return books && entryAmount(*books, "customers", "name", "b", "amount") == times(dollars("0.00001024"), bought);
    }));
    const PublicKey& key = (*b)->customer().identity().publicKey();
    const auto proof = proofOf(net, x, key);
    if (!proof) return tl::unexpected(proof.error());
    finding.attempts += 2;  // b denies the packets, and the payment
    if (proof->owed == proof->proven) finding.refused += 2;
    finding.loss = minus(proof->owed, proof->proven);
    run.require(proof->owed > dollars("0.02") && !proof->orders.empty(), "nothing is owed that could be denied");
    for (const payments::SignedOrder& one : proof->orders) {
        run.accuse(audit::Claim::PaymentOrdered, "customer b", "an order that b denies",
                   {one, audit::KnownKey{{"b", {}, {}}, key}});
    }
    finding.seen = {"b owes " + proof->owed.toString() + ", and its signatures cover " + proof->proven.toString()};
    return finding;
}

// --- 4.3.1

Expected<Finding> ispSteals(Run& run) {
    const uint16_t y = run.isp(1), c = run.isp(2), x = run.isp(3);
    auto made = run.make(figure2(run));
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    // C swallows payments and confirms them itself.
    const auto relay = net.relayBetween(y, c);
    if (!relay) return tl::unexpected(relay.error());
    std::mutex mutex;
    std::vector<payments::Payment> swallowed;
    std::atomic<bool> stealing{false};
    (*relay)->setHook([&](OverlayRelay::Direction, const Message& message) {
        const auto* forwarded = std::get_if<ForwardPayment>(&message);
        if (forwarded == nullptr || !stealing) return std::vector<Message>{message};
        const std::lock_guard lock(mutex);
        swallowed.push_back(forwarded->payment);
        return std::vector<Message>{};
    });
    LAB_TRY(net.start());
    OverlayCustomer payee(run.thread(), net.overlay(), x, "A");
    OverlayCustomer payer(run.thread(), net.overlay(), y, "B");
    LAB_TRY(payer.join(false));
    LAB_TRY(payee.join(true));
    RogueIsp rogue(net.thread(), net.identity(c), net.overlay().server(y));
    LAB_TRY(rogue.awaitUp());
    Finding finding;
    stealing = true;
    // With its own key, and with the payee's key but a signature that it cannot make.
    for (int i = 0; i < 4; ++i) {
        const auto order = payer.order(payee.identity().nodeId(), x, dollars("0.01"));
        if (!order) return tl::unexpected(order.error());
        auto paying = std::async(std::launch::async, [&] { return payer.pay(*order); });
        LAB_TRY(waitUntil("C to have the payment", 10s, [&] {
            const std::lock_guard lock(mutex);
            return swallowed.size() == static_cast<size_t>(i) + 1;
        }));
        auto confirmation = payments::confirm(order->order.payment, net.identity(c), systemClock().now());
        if (i % 2 == 0) confirmation.payee = payee.identity().publicKey();
        finding.attempts += static_cast<uint64_t>(rogue.say(PaymentConfirmed{confirmation}));
        const auto outcome = paying.get();
        const auto* got = outcome ? std::get_if<payments::PaymentConfirmation>(&*outcome) : nullptr;
        if (got == nullptr) {
            ++finding.refused;  // Y saw at once that it was not the payee's key
            continue;
        }
        run.require(!payments::verify(*got, order->order.payment), "the forged signature is right");
        run.accuse(audit::Claim::ForgedPaymentConfirmation, named(c), "C has confirmed a payment in the payee's place",
                   {audit::Payment{order->order.payment}, *got});
        const auto cancelled = cancel(net, payer, got->id, payee.identity().publicKey());
        if (!cancelled) return tl::unexpected(cancelled.error());
        if (*cancelled == PaymentResult::Done) ++finding.refused;
    }
    const auto books = net.books(y);
    if (!books) return tl::unexpected(books.error());
    finding.loss = plus(charged(*books), owedTo(*books, "isp", c));
    finding.undone = true;
    finding.seen = {
        "payments that C confirmed with its own key were never owed; those with a forged signature were taken back"};
    return finding;
}

}  // namespace

std::vector<Row> endpointRows() {
    return {
        {"Payee denies receiving money", "4.2.1",
         "the payee confirms with a signature that is not its own, with another key, and not at all", payeeDenies},
        {"Freeloading", "4.2.2", "packets pay less than the price of one ISP or of all", freeloading},
        {"Replaying confirmations", "4.2.3", "payee and ISP repeat confirmations, at once and after their expiry",
         replay},
        {"Sender disavows network payment", "4.2.4",
         "a customer denies packets and a payment; another one tries to send in its name", disavow},
        {"ISPs stealing micropayments", "4.3.1", "an ISP keeps payments and confirms them itself", ispSteals},
    };
}

}  // namespace netpas::lab::threats
