// Threats posed by cheating ISPs (NetPaS §4.3), in the topologies of the paper's Figures 3 to 5. All prices are a thousand times
// those of the figures.
#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/threats.h"
#include "core/accounting/watch.h"
#include "core/random.h"
#include "core/wire/shim.h"

namespace netpas::lab::threats {
namespace {

using namespace std::chrono_literals;
using accounting::AckResult;
using accounting::Confirmation;
using accounting::ConfirmationToCountersign;
using accounting::EdgeSample;
using accounting::ForwardedConfirmation;
using accounting::Message;

constexpr double packetsPerSecond = 4000;
constexpr auto patience = 40s;  // for an alarm
const std::string T = ThreatNet::threshold;

// A cheat goes on for so long, at most, after the books show it: the grace time, two looks at the books, and one of ours.
constexpr double slowness = 5;

Confirmation confirmationOf(const ThreatNet& net, const std::vector<uint16_t>& path, uint16_t confirming,
                            uint16_t beneficiary) {
    Confirmation made;
    for (uint8_t& byte : made.id) byte = static_cast<uint8_t>(systemRandom().below(256));
    made.time = systemClock().now();
    made.confirming = IspId(confirming);
    made.beneficiary = IspId(beneficiary);
    made.amount = dollars(T);
    made.header = *AccountingHeader::make(net.path(path));
    made.excerpt.fill(0x45);
    return made;
}

// Sends one now and then on a thread of its own.
class Steady {
public:
    Steady(double perSecond, std::function<bool()> act) {
        m_thread = std::thread([this, perSecond, act = std::move(act)] {
            const auto begin = std::chrono::steady_clock::now();
            for (uint64_t i = 0; !m_ending; ++i) {
                std::this_thread::sleep_until(begin +
                                              std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                  std::chrono::duration<double>(static_cast<double>(i) / perSecond)));
                if (act()) ++m_done;
            }
        });
    }
    ~Steady() { stop(); }
    Steady(const Steady&) = delete;
    Steady& operator=(const Steady&) = delete;
    void stop() {
        m_ending = true;
        if (m_thread.joinable()) m_thread.join();
    }
    [[nodiscard]] uint64_t done() const { return m_done; }

private:
    std::atomic<bool> m_ending{false};
    std::atomic<uint64_t> m_done{0};
    std::thread m_thread;
};

// Figure 4: X hands packets to C, C to V and to Y; Y has customers of its own, whose packets also go through C to V.
std::vector<ThreatIsp> figure4(const Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3), y = run.isp(4);
    return {{x, "X", "0.000003", {c}, {}, {{"b", ""}}},
            {c, "C", "0.000004", {x, v, y}, {}, {}},
            {v, "V", "0.000007", {c}, {}, {}},
            {y, "Y", "0.000003", {c}, {}, {{"d", ""}}}};
}

// --- 4.3.2

Expected<Finding> extraConfirmations(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2);
    auto net = run.make({{x, "X", "0.000003", {c}, {}, {{"b", ""}}}, {c, "C", "0.000004", {x}, {}, {}}});
    if (!net) return tl::unexpected(net.error());
    LAB_TRY((*net)->start());
    auto sender = PaidSender::make(**net, x, "b", "1000", {x, c});
    if (!sender) return tl::unexpected(sender.error());
    Traffic traffic(**sender, (*net)->path({x, c}), (*net)->destination(c), packetsPerSecond);
    RogueIsp rogue((*net)->thread(), (*net)->identity(c), (*net)->overlay().server(x));
    LAB_TRY(rogue.awaitUp());
    const SystemTime begin = systemClock().now();
    constexpr double perSecond = 100;
    Steady cheat(perSecond, [&] {
        Confirmation extra = confirmationOf(**net, {x, c}, c, c);
        accounting::signAsConfirming(extra, (*net)->identity(c));
        accounting::signAsBeneficiary(extra, (*net)->identity(c));
        return rogue.say(ForwardedConfirmation{extra});
    });
    run.say("C confirms to X a service that it has not done, 100 times a second, correctly signed.");
    const auto alarm = awaitAlarm(**net, x, "too-much-confirmed", "through ISP", begin, patience);
    if (!alarm) return tl::unexpected(alarm.error());
    cheat.stop();
    Finding finding;
    finding.attempts = cheat.done();
    finding.refused = finding.attempts - std::min(finding.attempts, rogue.acks()[AckResult::Accepted]);
    finding.secondsToDetect = alarm->seconds;
    const Json* via = comparison(alarm->books, "neighbours", c, "downstream");
    if (via == nullptr) return fail(LabErrc::Evidence, "X's books do not compare what came through C");
    // What X owes C at that moment, beyond what C's packets came to.
    finding.loss = minus(*amountAt(*via, "confirmed"), *amountAt(*via, "counted"));
    finding.bound = plus(*amountAt(*via, "tolerance"), times(dollars(T), static_cast<uint64_t>(perSecond * slowness)));
    finding.seen = {alarm->text};
    LAB_TRY(run.accuseByCounters((*net)->overlay(), x, accounting::Subject::Via, c, named(c),
                                 "C has confirmed more than it has done"));
    return finding;
}

// --- 4.3.3

// Packets of both streams, and what X has been told of V's service, kept by C to be told again.
struct Skimming {
    std::vector<Confirmation> genuine;  // of packets that came through X
    std::vector<Confirmation> foreign;  // of packets that came through Y
};

Expected<Finding> skim(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3), y = run.isp(4);
    auto made = run.make(figure4(run));
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    const auto toX = net.relayBetween(c, x);
    if (!toX) return tl::unexpected(toX.error());
    const auto toY = net.relayBetween(c, y);
    if (!toY) return tl::unexpected(toY.error());
    const auto box = net.boxBetween(c, v);
    if (!box) return tl::unexpected(box.error());
    Skimming kept;
    std::mutex mutex;
    const auto keep = [&mutex](std::vector<Confirmation>& into) {
        return [&mutex, &into](OverlayRelay::Direction, const Message& message) {
            const auto* told = std::get_if<ForwardedConfirmation>(&message);
            const std::lock_guard lock(mutex);
            if (told != nullptr && into.size() < 200) into.push_back(told->confirmation);
            return std::vector<Message>{message};
        };
    };
    (*toX)->setHook(keep(kept.genuine));
    (*toY)->setHook(keep(kept.foreign));
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, c, v});
    if (!b) return tl::unexpected(b.error());
    auto d = PaidSender::make(net, y, "d", "1000", {y, c, v});
    if (!d) return tl::unexpected(d.error());
    auto sink = PaidSink::start(net, v);
    if (!sink) return tl::unexpected(sink.error());
    Traffic fromX(**b, net.path({x, c, v}), net.destination(v), packetsPerSecond / 2);
    Traffic fromY(**d, net.path({y, c, v}), net.destination(v), packetsPerSecond / 2);
    LAB_TRY(waitUntil("confirmations of both streams", 20s, [&] {
        const std::lock_guard lock(mutex);
        return kept.genuine.size() > 50 && kept.foreign.size() > 50;
    }));
    // From here on C drops a third of X's packets behind its router, and tells X what V would have told.
    std::atomic<uint64_t> number{0};
    (*box)->setHook([&, c, x](bool fromC, Bytes bytes) -> std::optional<Bytes> {
        const auto header = AccountingHeader::decode(std::span(bytes).subspan(plainShimSize));
        const bool ofX = fromC && header && header->hops()[0].isp == IspId(x);
        if (ofX && number++ % 3 == 0) return std::nullopt;
        return bytes;
    });
    const SystemTime begin = systemClock().now();
    RogueIsp rogue(net.thread(), net.identity(c), net.overlay().server(x));
    LAB_TRY(rogue.awaitUp());
    const Identity stranger = Identity::generate();
    uint64_t attempts = 0;
    const auto tell = [&](const Confirmation& confirmation) {
        if (rogue.say(ForwardedConfirmation{confirmation})) ++attempts;
    };
    Skimming old;  // the relays' thread must not wait for us while we wait for it
    {
        const std::lock_guard lock(mutex);
        old = kept;
    }
    for (size_t i = 0; i < 50; ++i) {
        Confirmation forged = confirmationOf(net, {x, c, v}, v, v);
        accounting::signAsConfirming(forged, stranger);
        accounting::signAsBeneficiary(forged, stranger);
        tell(forged);
        tell(old.genuine[i]);  // again
        Confirmation renamed = old.genuine[i];
        renamed.id[0] ^= 1;
        tell(renamed);
        tell(old.foreign[i]);  // of another path
        Confirmation moved = old.foreign[i];
        moved.header = *AccountingHeader::make(net.path({x, c, v}));
        tell(moved);
        moved.amount = dollars("0.0002");
        tell(moved);
    }
    LAB_TRY(waitUntil("X's answers", 20s, [&] {
        uint64_t answered = 0;
        for (const auto& [result, count] : rogue.acks()) answered += count;
        return answered >= attempts;
    }));
    auto acks = rogue.acks();
    const auto alarm = awaitAlarm(net, x, "bad-confirmation", "", begin, patience);
    if (!alarm) return tl::unexpected(alarm.error());
    LAB_TRY(waitUntil("packets to be dropped", 20s, [&] { return (*box)->dropped() > 500; }));
    fromX.stop();
    fromY.stop();
    Finding finding;
    finding.attempts = attempts;
    finding.refused = attempts - std::min(attempts, acks[AckResult::Accepted]);
    finding.loss = times(dollars(T), acks[AckResult::Accepted]);
    finding.bound = dollars(T);
    finding.secondsToDetect = alarm->seconds;
    finding.seen = {alarm->text, "signatures refused: " + std::to_string(acks[AckResult::BadSignature]) +
                                     ", replays: " + std::to_string(acks[AckResult::Duplicate]) +
                                     ", other paths: " + std::to_string(acks[AckResult::WrongPath])};
    run.require(acks[AckResult::BadSignature] > 0 && acks[AckResult::Duplicate] > 0 && acks[AckResult::WrongPath] > 0,
                "one of the three ways of §4.3.3 was not tried");
    run.require((*sink)->packets() > 0, "V delivered nothing");
    // X's server has kept what shows the forgery.
    LAB_TRY(run.accuseByExport(net.overlay(), x, audit::Claim::ForgedConfirmation, ""));
    run.accuse(audit::Claim::Replayed, named(c), "C has shown a confirmation twice",
               {old.genuine.front(), old.genuine.front()});
    return finding;
}

Expected<Finding> shift(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3), y = run.isp(4);
    auto made = run.make(figure4(run));
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    const auto box = net.boxBetween(c, v);
    if (!box) return tl::unexpected(box.error());
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, c, v, y});
    if (!b) return tl::unexpected(b.error());
    Traffic traffic(**b, net.path({x, c, v}), net.destination(v), packetsPerSecond);
    RogueIsp rogue(net.thread(), net.identity(c), net.overlay().server(x));
    LAB_TRY(rogue.awaitUp());
    // Half of V's packets lose their payment to V; C is confirmed by its accomplice Y for as much.
    std::atomic<uint64_t> number{0};
    (*box)->setHook([&](bool fromC, Bytes bytes) -> std::optional<Bytes> {
        const auto header = AccountingHeader::decode(std::span(bytes).subspan(plainShimSize));
        if (!fromC || !header || header->hops().size() != 3 || number++ % 2 != 0) return bytes;
        std::vector<HopBlock> hops(header->hops().begin(), header->hops().end());
        hops[2].price = *PriceCode::roundUp(dollars("0.000002"));
        (void)AccountingHeader::make(hops)->encode(std::span(bytes).subspan(plainShimSize));
        return bytes;
    });
    const SystemTime begin = systemClock().now();
    const double perSecond = packetsPerSecond / 2 * 0.000007 / 0.0001;
    Steady cheat(perSecond, [&] {
        Confirmation shifted = confirmationOf(net, {x, c, y}, y, c);
        accounting::signAsConfirming(shifted, net.identity(y));
        accounting::signAsBeneficiary(shifted, net.identity(c));
        return rogue.say(ForwardedConfirmation{shifted});
    });
    run.say("C takes V's payment out of every second packet; Y confirms as much of C's service, correctly signed.");
    const auto alarm =
        awaitAlarm(net, x, "too-much-confirmed", "the service of ISP " + std::to_string(c), begin, patience);
    if (!alarm) return tl::unexpected(alarm.error());
    cheat.stop();
    traffic.stop();
    Finding finding;
    finding.attempts = cheat.done();
    finding.refused = finding.attempts - std::min(finding.attempts, rogue.acks()[AckResult::Accepted]);
    finding.secondsToDetect = alarm->seconds;
    const Json* own = comparison(alarm->books, "downstream_isps", c);
    if (own == nullptr) return fail(LabErrc::Evidence, "X's books do not compare C's service");
    finding.loss = minus(*amountAt(*own, "confirmed"), *amountAt(*own, "counted"));
    finding.bound = plus(*amountAt(*own, "tolerance"), times(dollars(T), static_cast<uint64_t>(perSecond * slowness)));
    finding.seen = {alarm->text};
    run.require((*box)->changed() > 0, "no packet was changed");
    LAB_TRY(run.accuseByCounters(net.overlay(), x, accounting::Subject::Downstream, c, named(c),
                                 "C's service was confirmed beyond what X's packets paid for it"));
    return finding;
}

// --- 4.3.4

Expected<Finding> bypass(Run& run) {
    const uint16_t z = run.isp(1), y = run.isp(2), x = run.isp(3);
    auto made = run.make({{z, "Z", "0.000002", {y}, {}, {{"b", ""}}},
                          {y, "Y", "0.00001", {z, x}, {}, {}},
                          {x, "X", "0.000003", {y}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    const auto relay = net.relayBetween(x, y);
    if (!relay) return tl::unexpected(relay.error());
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, z, "b", "1000", {z, y, x});
    if (!b) return tl::unexpected(b.error());
    // X's confirmations of Y's service go to its accomplice Z, which charges its customer all the same.
    std::atomic<uint64_t> tunnelled{0};
    (*relay)->setHook([&](OverlayRelay::Direction direction, const Message& message) {
        const bool ofY =
            direction == OverlayRelay::Direction::Forth && std::holds_alternative<ConfirmationToCountersign>(message);
        if (!ofY) return std::vector<Message>{message};
        ++tunnelled;
        return std::vector<Message>{};
    });
    const SystemTime begin = systemClock().now();
    Traffic traffic(**b, net.path({z, y, x}), net.destination(x), packetsPerSecond);
    run.say("X hands its confirmations of Y's service to Z, past Y.");
    const auto alarm = awaitAlarm(net, y, "too-little-confirmed", "our service confirmed by ISP " + std::to_string(x),
                                  begin, patience);
    if (!alarm) return tl::unexpected(alarm.error());
    traffic.stop();
    const Json* own = comparison(alarm->books, "neighbours", x, "own");
    if (own == nullptr) return fail(LabErrc::Evidence, "Y's books do not compare its own service");
    Finding finding;
    finding.attempts = tunnelled;
    finding.secondsToDetect = alarm->seconds;
    finding.loss = minus(*amountAt(*own, "counted"), *amountAt(*own, "confirmed"));
    LAB_TRY(run.accuseByCounters(net.overlay(), y, accounting::Subject::Own, x, named(x),
                                 "X confirms less of Y's service than Y has handed over"));
    const double perSecond = packetsPerSecond * 0.00001;
    finding.bound = plus(*amountAt(*own, "tolerance"), dollars(std::to_string(perSecond * slowness)));
    finding.seen = {alarm->text};
    return finding;
}

// --- 4.3.5

Expected<Finding> withhold(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2);
    auto made = run.make({{x, "X", "0.000003", {c}, {}, {{"b", ""}}}, {c, "C", "0.000004", {x}, {}, {}}});
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    const auto relay = net.relayAtRouter(c);
    if (!relay) return tl::unexpected(relay.error());
    std::atomic<uint64_t> withheld{0}, seen{0};
    (*relay)->setHook([&, x](OverlayRelay::Direction direction, const Message& message) {
        const auto* sample = std::get_if<EdgeSample>(&message);
        const bool ofX =
            direction == OverlayRelay::Direction::Forth && sample != nullptr && sample->beneficiary == IspId(x);
        if (!ofX || seen++ % 2 != 0) return std::vector<Message>{message};
        ++withheld;
        return std::vector<Message>{};
    });
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, c});
    if (!b) return tl::unexpected(b.error());
    const SystemTime begin = systemClock().now();
    Traffic traffic(**b, net.path({x, c}), net.destination(c), packetsPerSecond);
    run.say("C confirms only every second sample of X's service.");
    const auto alarm = awaitAlarm(net, x, "too-little-confirmed", "our service confirmed by ISP " + std::to_string(c),
                                  begin, patience);
    if (!alarm) return tl::unexpected(alarm.error());
    traffic.stop();
    const Json* own = comparison(alarm->books, "neighbours", c, "own");
    if (own == nullptr) return fail(LabErrc::Evidence, "X's books do not compare its own service");
    Finding finding;
    finding.attempts = withheld;
    finding.secondsToDetect = alarm->seconds;
    finding.loss = minus(*amountAt(*own, "counted"), *amountAt(*own, "confirmed"));
    LAB_TRY(run.accuseByCounters(net.overlay(), x, accounting::Subject::Own, c, named(c),
                                 "C confirms less of X's service than X has handed over"));
    const double perSecond = packetsPerSecond * 0.000003;
    finding.bound = plus(*amountAt(*own, "tolerance"), dollars(std::to_string(perSecond * slowness)));
    finding.seen = {alarm->text};
    return finding;
}

// --- 4.3.6

Expected<Finding> incriminate(Run& run) {
    const uint16_t x = run.isp(1), c = run.isp(2), v = run.isp(3), y = run.isp(4);
    std::vector<ThreatIsp> isps{{x, "X", "0.000003", {v}, {}, {{"b", ""}}},
                                {c, "C", "0.000004", {v}, {}, {}},
                                {v, "V", "0.000007", {x, c, y}, {}, {}},
                                {y, "Y", "0.000003", {v}, {}, {{"d", ""}}}};
    for (ThreatIsp& isp : isps) isp.comparison = "investigation_seconds = 6\n";
    auto made = run.make(isps);
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    // C confirms what came through X twice, and of the same number that came through Y nothing.
    const auto relay = net.relayAtRouter(c);
    if (!relay) return tl::unexpected(relay.error());
    std::atomic<uint64_t> doubled{0}, owed{0};
    (*relay)->setHook([&, x, v](OverlayRelay::Direction direction, const Message& message) {
        const auto* sample = std::get_if<EdgeSample>(&message);
        if (direction != OverlayRelay::Direction::Forth || sample == nullptr || sample->beneficiary != IspId(v))
            return std::vector<Message>{message};
        if (sample->header.hops()[0].isp == IspId(x)) {
            if (owed >= 2) return std::vector<Message>{message};  // never more than V's samplers explain
            ++owed;
            ++doubled;
            EdgeSample again = *sample;
            for (uint8_t& byte : again.id) byte = static_cast<uint8_t>(systemRandom().below(256));
            return std::vector<Message>{message, again};
        }
        if (owed == 0) return std::vector<Message>{message};
        --owed;
        return std::vector<Message>{};
    });
    LAB_TRY(net.start());
    auto b = PaidSender::make(net, x, "b", "1000", {x, v, c});
    if (!b) return tl::unexpected(b.error());
    auto d = PaidSender::make(net, y, "d", "1000", {y, v, c});
    if (!d) return tl::unexpected(d.error());
    const SystemTime begin = systemClock().now();
    Traffic fromX(**b, net.path({x, v, c}), net.destination(c), packetsPerSecond / 2);
    Traffic fromY(**d, net.path({y, v, c}), net.destination(c), packetsPerSecond / 2);
    run.say("C confirms V's service for X's packets twice and for Y's not at all: it looks as if V cheated X.");
    const auto alarm =
        awaitAlarm(net, x, "too-much-confirmed", "the service of ISP " + std::to_string(v), begin, patience);
    if (!alarm) return tl::unexpected(alarm.error());
    const Json* service = comparison(alarm->books, "downstream_isps", v);
    if (service == nullptr) return fail(LabErrc::Evidence, "X's books do not compare V's service");
    const auto atV = net.books(v);
    if (!atV) return tl::unexpected(atV.error());
    for (const Json& one : atV->value("alarms", Json::array())) {
        run.require(!one.value("kind", "").starts_with("too-"), "V could have seen by itself that C cheats");
    }

    // X's server tells V's, which counts the path in question with its own router and complains to C: nobody is asked to do anything.
    Json accusation;
    const auto sure = waitUntil("V to be sure that C has confirmed too much", patience, [&] {
        const auto books = net.books(v);
        for (const Json& one : books ? books->value("disputes", Json::array()) : Json::array()) {
            if (one.at("from") == v && one.at("to") == c) accusation = one;
        }
        return !accusation.is_null();
    });
    if (!sure) {
        for (const uint16_t isp : {x, v}) {
            const auto books = net.books(isp);
            for (const Json& one : books ? books->value("disputes", Json::array()) : Json::array())
                run.say("ISP " + std::to_string(isp) + ": " + one.value("text", ""));
        }
        return tl::unexpected(sure.error());
    }
    const double seconds = std::chrono::duration<double>(systemClock().now() - begin).count();
    LAB_TRY(waitUntil("C to have heard of it", patience, [&] {
        const auto books = net.books(c);
        for (const Json& one : books ? books->value("disputes", Json::array()) : Json::array()) {
            if (one.at("from") == v && one.at("to") == c) return true;
        }
        return false;
    }));
    fromX.stop();
    fromY.stop();
    const auto atX = net.books(x);
    if (!atX) return tl::unexpected(atX.error());
    run.require(findEntry(*atX, "disputes", "to", v) != nullptr, "X has not complained to V");
    const auto blocks = net.overlay().ask(x, "GET", "/v1/blocks");
    if (!blocks) return tl::unexpected(blocks.error());
    run.require(Json::parse(*blocks).at("blacklist").empty(), "X has punished V before it could answer");
    Finding finding;
    finding.attempts = doubled;
    finding.secondsToDetect = seconds;
    finding.loss = minus(*amountAt(*service, "confirmed"), *amountAt(*service, "counted"));
    const double perSecond = packetsPerSecond / 2 * 0.000007;
    finding.bound = plus(*amountAt(*service, "tolerance"), dollars(std::to_string(perSecond * slowness)));
    finding.seen = {alarm->text, accusation.value("text", "")};
    LAB_TRY(run.accuseByExport(net.overlay(), v, audit::Claim::CountersDisagree, named(c)));
    return finding;
}

}  // namespace

std::vector<Row> ispRows() {
    return {
        {"Extra nanopayment confirmations", "4.3.2", "the last ISP confirms services that it has not done",
         extraConfirmations},
        {"Skim downstream nanopayments", "4.3.3",
         "C drops packets and confirms V's service itself: with a forged key, with old confirmations, with those of "
         "packets "
         "that came through Y",
         skim},
        {"Shift downstream nanopayments", "4.3.3",
         "C takes V's payment out of the packets and has itself confirmed as much by its accomplice Y", shift},
        {"Payments bypass middle ISP", "4.3.4", "X gives its confirmations of Y's service to Z, past Y", bypass},
        {"Withholding confirmations", "4.3.5", "C confirms half of its neighbour's service", withhold},
        {"Incriminating neighbor", "4.3.6",
         "C confirms V's service more often for packets of one path, so that V seems to cheat upstream", incriminate},
    };
}

}  // namespace netpas::lab::threats
