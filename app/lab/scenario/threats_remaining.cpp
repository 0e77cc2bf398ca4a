// What the paper leaves to limits and to the market (NetPaS §4.4).
#include <unistd.h>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/threats.h"
#include "core/random.h"
#include "core/wire/shim.h"

namespace netpas::lab::threats {
namespace {

using namespace std::chrono_literals;
using accounting::Confirmation;
using accounting::ConfirmationToCountersign;
using accounting::ForwardedConfirmation;
using accounting::ForwardPayment;
using accounting::Message;
using accounting::PaymentRefusal;

// --- 4.4.1

Expected<Finding> compromisedServer(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3);
    const std::string credit = "0.5";
    auto made = run.make({{x, "X", "", {}, {c}, {{"accomplice", "receive = true"}}, "0", credit},
                          {c, "C", "", {}, {x, v}, {}},
                          {v, "V", "", {}, {c}, {{"accomplice", "receive = true"}}, "0", credit}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    // What the neighbours answer comes to C's server on connections of their own.
    std::map<uint16_t, std::atomic<uint64_t>> refusals;
    for (const uint16_t isp : {x, v}) {
        const auto relay = net.relayBetween(isp, c);
        if (!relay) return tl::unexpected(relay.error());
        (*relay)->setHook([&count = refusals[isp]](OverlayRelay::Direction, const Message& message) {
            const auto* no = std::get_if<accounting::PaymentRefused>(&message);
            if (no != nullptr && no->reason == PaymentRefusal::CreditLimit) ++count;
            return std::vector<Message>{message};
        });
    }
    LAB_TRY(net.start());
    OverlayCustomer atX(run.thread(), net.overlay(), x, "accomplice");
    OverlayCustomer atV(run.thread(), net.overlay(), v, "accomplice");
    LAB_TRY(atX.join(true));
    LAB_TRY(atV.join(true));
    // With the key of C's accounting server the hackers say what they like to its neighbours.
    Finding finding;
    for (const auto& [isp, accomplice] : {std::pair{x, &atX}, std::pair{v, &atV}}) {
        RogueIsp rogue(net.thread(), net.identity(c), net.overlay().server(isp));
        LAB_TRY(rogue.awaitUp());
        constexpr int payments = 200;
        for (const ForwardPayment& forward : ordersFor(*accomplice, {isp}, payments))
            finding.attempts += static_cast<uint64_t>(rogue.say(forward));
        LAB_TRY(waitUntil("the neighbour to have enough", 20s, [&] {
            const auto books = net.books(isp);
            const Json* debt = books ? findEntry(*books, "payments", "isp", c) : nullptr;
            return debt != nullptr && refusals[isp] + debt->value("confirmed_from", uint64_t{0}) >= payments;
        }));
        finding.refused += refusals[isp];
        const auto books = net.books(isp);
        if (!books) return tl::unexpected(books.error());
        finding.loss = plus(finding.loss, entryAmount(*books, "payments", "isp", c, "owes"));
    }
    finding.bound = times(dollars(credit), 2);
    finding.limited = finding.refused > 0;
    run.accuse(audit::Claim::Observed, named(c), "payments that C's server ordered after it was taken over",
               {audit::Note{"passed on: " + finding.loss.toString() +
                            ", refused above the credit: " + std::to_string(finding.refused) + " orders"}});
    finding.seen = {"the neighbours passed on " + finding.loss.toString() +
                    ", the credit that C has with them, and no more"};
    return finding;
}

// --- 4.4.2

Expected<Finding> flood(Run& run) {
    const uint16_t x = run.isp(1), v = run.isp(2);
    ThreatIsp first{x, "X", "0.000003", {v}, {}, {{"hijacked", ""}, {"other", ""}}};
    first.bucketRate = "0.005";
    first.bucketBurst = "0.01";
    auto made = run.make({first, {v, "V", "0.000007", {x}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    auto hijacked = PaidSender::make(net, x, "hijacked", "1000", {x, v});
    if (!hijacked) return tl::unexpected(hijacked.error());
    auto other = PaidSender::make(net, x, "other", "1000", {x, v});
    if (!other) return tl::unexpected(other.error());
    auto sink = PaidSink::start(net, v);
    if (!sink) return tl::unexpected(sink.error());
    run.say("A hijacked host floods a victim with 10,000 paid packets a second.");
    const auto begin = std::chrono::steady_clock::now();
    Finding finding;
    Traffic steady(**other, net.path({x, v}), net.destination(v), 200);
    finding.attempts = (*hijacked)->send(net.path({x, v}), net.destination(v), 40'000, 10'000);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    steady.stop();
    Json books, counters;
    LAB_TRY(waitUntil("the last reports", 10s, [&] {
        const auto said = net.books(x);
        const auto seen = net.counters(x);
        if (!said || !seen) return false;
        books = *said;
        counters = *seen;
        const uint64_t refused = counters["verdicts"].value("rate_limited", uint64_t{0});
        const uint64_t passed = counters["verdicts"].value("forwarded", uint64_t{0});
        const Money counted = plus(entryAmount(books, "customers", "name", "hijacked", "amount"),
                                   entryAmount(books, "customers", "name", "other", "amount"));
        return refused + passed >= finding.attempts + steady.sent() && counted == times(dollars("0.00001024"), passed);
    }));
    finding.refused = counters["verdicts"].value("rate_limited", uint64_t{0});
    finding.loss = entryAmount(books, "customers", "name", "hijacked", "amount");
    finding.bound = plus(dollars("0.01"), dollars(std::to_string(0.005 * (took.count() + 1))));
    finding.limited = finding.refused > 0;
    run.require(steady.sent() > 0, "the other customer sent nothing");
    run.accuse(audit::Claim::Observed, "customer hijacked", "a flood",
               {audit::Note{std::to_string(finding.attempts) + " packets sent, " + std::to_string(finding.refused) +
                            " dropped by the first router"}});
    finding.seen = {std::to_string((*sink)->packets()) + " packets of both customers reached the victim, of " +
                    std::to_string(finding.attempts + steady.sent())};
    return finding;
}

// --- 4.4.3

// C lets best effort down although its line is idle, so that people buy. The user measures, pays while it must, and leaves for D.
Expected<Finding> degradeBestEffort(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3);
    auto made = run.make({{x, "X", "0.000003", {c}, {}, {{"b", ""}}},
                          {c, "C", "0.000004", {x, v}, {}, {}},
                          {v, "V", "0.000007", {c}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, c, v});
    if (!b) return tl::unexpected(b.error());
    auto paidSink = PaidSink::start(net, v);
    if (!paidSink) return tl::unexpected(paidSink.error());
    // What is not paid for goes over the same two ISPs as plain datagrams.
    constexpr uint16_t port = 7100;
    const auto at = [](int last) { return *IpAddress::parse("198.19.250." + std::to_string(last)); };
    auto throughC = PacketRelay::start(net.netns(), {at(3), port}, at(1), at(2));
    auto throughD = PacketRelay::start(net.netns(), {at(4), port}, at(1), at(2));
    const auto user = boundUdpSocket(net.netns(), {at(1), port});
    const auto server = boundUdpSocket(net.netns(), {at(2), port});
    if (!throughC || !throughD || !user || !server) return fail(LabErrc::System, "no sockets for best effort");
    std::atomic<uint64_t> number{0};
    (*throughC)->setHook([&](bool, Bytes bytes) -> std::optional<Bytes> {
        if (number++ % 5 < 2) return std::nullopt;
        return bytes;
    });
    const auto arrivedShare = [&](int provider, uint64_t packets) {
        for (uint64_t i = 0; i < packets; ++i) {
            (void)sendDatagram(*user, {at(provider), port}, Bytes(200, 0x22));
            if (i % 16 == 0) std::this_thread::sleep_for(4ms);
        }
        uint64_t arrived = 0;
        while (receiveDatagram(*server, 200ms)) ++arrived;
        return static_cast<double>(arrived) / static_cast<double>(packets);
    };
    constexpr uint64_t probe = 500;
    const auto begin = std::chrono::steady_clock::now();
    Finding finding;
    const double freeThroughC = arrivedShare(3, probe);
    const uint64_t bought = (*b)->send(net.path({x, c, v}), net.destination(v), probe, 4000);
    std::this_thread::sleep_for(300ms);
    const double paidThroughC = static_cast<double>((*paidSink)->packets()) / static_cast<double>(bought);
    const double freeThroughD = arrivedShare(4, probe);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    // C's line carries what is paid, and not what is not, though nothing else is on it: that is no congestion.
    const bool noticed = freeThroughC < 0.9 * paidThroughC && freeThroughD > 0.98;
    const double afterMove = noticed ? arrivedShare(4, 2 * probe) : 0;
    LAB_TRY(waitUntil("the bill", 10s, [&] {
        const auto books = net.books(x);
        if (!books) return false;
        finding.loss = entryAmount(*books, "customers", "name", "b", "amount");
        return finding.loss == times(dollars("0.000014336"), bought);
    }));
    finding.attempts = (*throughC)->dropped();
    finding.bound = times(dollars("0.000014336"), probe);
    finding.limited = afterMove > 0.98;
    if (noticed) finding.secondsToDetect = took.count();
    const auto share = [](double value) { return std::to_string(static_cast<int>(value * 100 + 0.5)) + " %"; };
    finding.seen = {"through C arrive " + share(freeThroughC) + " unpaid and " + share(paidThroughC) +
                    " paid, through D " + share(freeThroughD) + " unpaid; after the move " + share(afterMove)};
    run.accuse(audit::Claim::Observed, named(c), "best effort is let down on an idle line",
               {audit::Note{finding.seen.front()}});
    ::close(*user);
    ::close(*server);
    return finding;
}

// --- 4.4.4

// C's service turns bad; the sender hears from its peer how much arrives, and takes the way over D.
Expected<Finding> badService(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3), d = run.isp(4);
    auto made = run.make({{x, "X", "0.000003", {c, d}, {}, {{"b", ""}}},
                          {c, "C", "0.000004", {x, v}, {}, {}},
                          {v, "V", "0.000007", {c, d}, {}, {}},
                          {d, "D", "0.000005", {x, v}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    const auto box = net.boxBetween(x, c);
    if (!box) return tl::unexpected(box.error());
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, c, v, d});
    if (!b) return tl::unexpected(b.error());
    auto sink = PaidSink::start(net, v);
    if (!sink) return tl::unexpected(sink.error());
    constexpr uint64_t window = 1000;
    const auto share = [&](const std::vector<uint16_t>& way) {
        const uint64_t before = (*sink)->packets();
        const uint64_t sent = (*b)->send(net.path(way), net.destination(v), window, 4000);
        std::this_thread::sleep_for(200ms);
        return static_cast<double>((*sink)->packets() - before) / static_cast<double>(sent);
    };
    run.require(share({x, c, v}) > 0.98, "C's service is bad from the beginning");
    std::atomic<uint64_t> number{0};
    (*box)->setHook([&](bool fromX, Bytes bytes) -> std::optional<Bytes> {
        if (fromX && number++ % 6 == 0) return std::nullopt;
        return bytes;
    });
    const auto begin = std::chrono::steady_clock::now();
    Finding finding;
    uint64_t windows = 0;
    while (!finding.secondsToDetect && windows < 20) {
        ++windows;
        if (share({x, c, v}) < 0.98)
            finding.secondsToDetect = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    const uint64_t throughC = (*box)->seen();
    double elsewhere = 1;
    for (int i = 0; finding.secondsToDetect && i < 5; ++i) elsewhere = std::min(elsewhere, share({x, d, v}));
    run.require(elsewhere > 0.98, "the other way is no better");
    run.require((*box)->seen() == throughC, "packets still go through C");
    const Money price = AccountingHeader::make(net.path({x, c, v}))->total();
    finding.attempts = (*box)->dropped();
    finding.loss = times(price, (*box)->dropped());  // paid for what did not arrive
    finding.bound = times(price, 2 * window / 6 + 1);
    finding.limited = true;
    finding.seen = {"the sender left C after " + std::to_string(windows) + " windows of " + std::to_string(window) +
                    " packets, of which " + std::to_string((*box)->dropped()) + " were lost"};
    run.accuse(audit::Claim::Observed, named(c), "the service is worse than what was paid for",
               {audit::Note{finding.seen.front()}});
    return finding;
}

// --- 4.4.5

// C loses packets behind its router and conspires with V, which confirms them all the same: nobody upstream can tell. The sender
// can: it asks its peer how many arrived, and stops.
Expected<Finding> confirmDropped(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3);
    auto made = run.make({{x, "X", "0.000003", {c}, {}, {{"b", ""}}},
                          {c, "C", "0.000004", {x, v}, {}, {}},
                          {v, "V", "0.000007", {c}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    const auto box = net.boxBetween(c, v);
    if (!box) return tl::unexpected(box.error());
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, c, v});
    if (!b) return tl::unexpected(b.error());
    auto sink = PaidSink::start(net, v);
    if (!sink) return tl::unexpected(sink.error());
    RogueIsp toC(net.thread(), net.identity(v), net.overlay().server(c));
    LAB_TRY(toC.awaitUp());
    std::atomic<uint64_t> number{0}, lies{0};
    (*box)->setHook([&](bool fromC, Bytes bytes) -> std::optional<Bytes> {
        if (fromC && number++ % 5 == 0) return std::nullopt;
        return bytes;
    });
    // V confirms C's service and its own for the packets that C has dropped: T for each T that they would have paid.
    const auto lie = [&](uint16_t beneficiary) {
        Confirmation made_;
        for (uint8_t& byte : made_.id) byte = static_cast<uint8_t>(systemRandom().below(256));
        made_.time = systemClock().now();
        made_.confirming = IspId(v);
        made_.beneficiary = IspId(beneficiary);
        made_.amount = dollars(ThreatNet::threshold);
        made_.header = *AccountingHeader::make(net.path({x, c, v}));
        accounting::signAsConfirming(made_, net.identity(v));
        bool said = false;
        if (beneficiary == v) {
            accounting::signAsBeneficiary(made_, net.identity(v));
            said = toC.say(ForwardedConfirmation{made_});
        } else {
            said = toC.say(ConfirmationToCountersign{made_});
        }
        lies += static_cast<uint64_t>(said);
    };
    const auto path = net.path({x, c, v});
    Money dueC, dueV;
    uint64_t sent = 0, dropsTold = 0;
    const auto begin = std::chrono::steady_clock::now();
    constexpr uint64_t window = 2000;  // packets after which the sender asks
    std::optional<double> noticed;
    while (!noticed && sent < 20 * window) {
        sent += (*b)->send(path, net.destination(v), window, 4000);
        const uint64_t dropped = (*box)->dropped();
        dueC = plus(dueC, times(path[1].price.value(), dropped - dropsTold));
        dueV = plus(dueV, times(path[2].price.value(), dropped - dropsTold));
        dropsTold = dropped;
        for (; dueC >= dollars(ThreatNet::threshold); dueC = minus(dueC, dollars(ThreatNet::threshold))) lie(c);
        for (; dueV >= dollars(ThreatNet::threshold); dueV = minus(dueV, dollars(ThreatNet::threshold))) lie(v);
        std::this_thread::sleep_for(300ms);
        // More than one in fifty is lost: it does not pay for that any longer.
        if ((*sink)->packets() + sent / 50 < sent)
            noticed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    std::this_thread::sleep_for(4s);  // the comparisons of X look at all of it
    const auto books = net.books(x);
    if (!books) return tl::unexpected(books.error());
    Finding finding;
    finding.attempts = lies;
    // What C and V are paid for packets that never arrived.
    finding.loss = times(plus(path[1].price.value(), path[2].price.value()), (*box)->dropped());
    finding.bound = times(plus(path[1].price.value(), path[2].price.value()), 2 * window / 5 + 1);
    finding.limited = noticed.has_value();
    finding.secondsToDetect = std::nullopt;
    finding.seen = {"the sender stopped after " + std::to_string(sent) + " packets, of which " +
                        std::to_string((*sink)->packets()) + " arrived",
                    std::to_string(books->value("alarm_count", 0)) + " alarms at X: upstream nobody can tell"};
    run.require((*box)->dropped() > 0, "no packet was dropped");
    run.accuse(audit::Claim::Observed, named(c), "packets of the sender's do not arrive",
               {audit::Note{std::to_string(sent) + " sent, " + std::to_string((*sink)->packets()) + " arrived"}});
    return finding;
}

}  // namespace

std::vector<Row> remainingRows() {
    return {
        {"Compromised accounting servers", "4.4.1",
         "hackers with the key of C's accounting server order its neighbours to pay accomplices", compromisedServer},
        {"Floods with high-priority packets", "4.4.2", "a hijacked host floods a victim with paid packets", flood},
        {"ISPs degrade best effort service", "4.4.3", "C drops two fifths of what is not paid for, on an idle line",
         degradeBestEffort},
        {"ISP provides bad service", "4.4.4", "C drops a sixth of what it is paid for", badService},
        {"Confirming dropped packets", "4.4.5", "C drops a fifth of the packets, and its accomplice V confirms them",
         confirmDropped},
    };
}

}  // namespace netpas::lab::threats
