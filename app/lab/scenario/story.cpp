// The opening of the paper: a film freezes on a congested peering link until its sender pays for a better class in mid-stream.
// Judged by the player's own properties, the kernel's and the captures' counts, and the books of every party.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/reconcile.h"
#include "app/lab/scenario/story.h"
#include "app/lab/tools/cross_traffic.h"
#include "app/lab/tools/media.h"
#include "app/lab/tools/mpv.h"
#include "app/lab/tools/payment_meter.h"
#include "tun/watch/tcp_watch.h"

namespace netpas::lab {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr uint16_t httpPort = 8080;
constexpr uint16_t crossPort = 5001;
constexpr size_t crossStreams =
    12;  // the film gets about a thirteenth of the peering link, less than half of what it needs
constexpr uint32_t filmKilobits = 2600;
constexpr size_t stallsWanted = 3;
constexpr seconds quietTime{5};
constexpr seconds bestEffortTime{20};    // at least
constexpr seconds bestEffortLimit{150};  // at most, while fewer stalls than wanted have ended
constexpr seconds refillLimit{15};
constexpr double paidSeconds = 28;
constexpr double refilledSeconds = 1.5;  // of film ahead: the player's cache is as good as full
constexpr seconds playedOn{3};

double since(PlayerTime from, PlayerTime to) { return duration<double>(to - from).count(); }

std::string fixed(double value, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

}  // namespace

// What the kernel of the viewer's host has received.
Expected<uint64_t> Story::bytesToViewer() const {
    const auto interface = interfaceAt(m_lab, m_context.topology().accessLink("a")->name, "a");
    if (!interface) return fail(LabErrc::Topology, "the story needs a host 'a'");
    uint64_t bytes = 0;
    LAB_TRY(inNamespace(m_lab.netns("a"), [&]() -> Expected<void> {
        std::ifstream table("/proc/thread-self/net/dev");
        std::string line;
        while (std::getline(table, line)) {
            const size_t colon = line.find(':');
            if (colon == std::string::npos ||
                line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' ')) != *interface)
                continue;
            bytes = std::strtoull(line.c_str() + colon + 1, nullptr, 10);
            return {};
        }
        return fail(LabErrc::System, "no interface " + *interface);
    }));
    return bytes;
}

bool Story::playerWorks() { return !m_player->report().ended && m_lab.checkPrograms().has_value(); }

// Every change of the picture, as it happens.
void Story::tellPicture() {
    const PlayerReport report = m_player->report();
    if (report.stalledNow() != m_toldFrozen) {
        m_toldFrozen = report.stalledNow();
        const Stall& last = report.stalls.back();
        const std::string at = fixed(since(m_at.begin, m_toldFrozen ? last.begin : *last.end), 1);
        m_context.say(m_toldFrozen
                          ? "  " + at + " s  the picture freezes (" + std::to_string(report.stalls.size()) + ")"
                          : "  " + at + " s  it moves again after " + fixed(since(last.begin, *last.end), 1) + " s");
    }
    m_toldStalls = report.stalls.size();
}

Expected<std::unique_ptr<Player>> Story::openFilm(const std::string& url) { return startMpv(m_lab, "a", url, {}); }

Expected<void> Story::premiere() {
    m_context.say("Making a film of " + std::to_string(filmKilobits / 1000) + "." +
                  std::to_string(filmKilobits % 1000 / 100) +
                  " Mbit/s; host b offers it over HTTP (nginx), host a plays it.");
    const auto film = makeFilm(m_lab.folder() + "/film", {seconds(130), filmKilobits});
    if (!film) return tl::unexpected(film.error());
    auto server = startWebServer(m_lab, "b", *film, httpPort);
    if (!server) return tl::unexpected(server.error());
    m_webServer = *server;
    // A modest receive buffer, as small devices have: otherwise the kernel hides seconds of film that the player does not count.
    LAB_TRY(inNamespace(m_lab.netns("a"), []() -> Expected<void> {
        std::ofstream("/proc/sys/net/ipv4/tcp_rmem") << "4096 131072 262144";
        return {};
    }));
    auto player = openFilm("http://" + Endpoint{m_context.address("b"), httpPort}.toString() + "/" + film->file);
    if (!player) return tl::unexpected(player.error());
    m_player = std::move(*player);
    LAB_TRY(waitUntil("the picture", seconds(20),
                      [&] { return m_player->report().firstPicture || m_player->report().ended; }));
    if (!m_player->report().firstPicture)
        return fail(LabErrc::Process, "the player does not play: " + m_lab.program(m_player->program())->logTail());
    m_at.begin = *m_player->report().firstPicture;
    m_context.say("The network is quiet, the film plays.");
    LAB_TRY(beforeTrouble());
    std::this_thread::sleep_until(m_at.begin + quietTime);
    return {};
}

Expected<void> Story::freeze() {
    auto bytes = bytesToViewer();
    if (!bytes) return tl::unexpected(bytes.error());
    m_bytesAtCross = *bytes;
    m_at.cross = Clock::now();
    auto cross = CrossTraffic::start(m_lab, "c", "d", {m_context.address("d"), crossPort}, crossStreams);
    if (!cross) return tl::unexpected(cross.error());
    m_cross = std::move(*cross);
    m_context.say("Host c begins " + std::to_string(crossStreams) +
                  " downloads to host d: the peering link between Y and X is full.");
    // Bought while the picture is frozen, as a viewer would ask for it: when one more stall than wanted has begun, or time is up.
    for (;;) {
        tellPicture();
        const PlayerReport report = m_player->report();
        const auto passed = Clock::now() - m_at.cross;
        if (passed >= bestEffortTime && report.stalls.size() >= stallsWanted && report.stalledNow()) break;
        if (passed >= bestEffortLimit) break;
        if (!playerWorks())
            return fail(LabErrc::Process, "the player ended: " + m_lab.program(m_player->program())->logTail());
        std::this_thread::sleep_for(milliseconds(20));
    }
    bytes = bytesToViewer();
    if (!bytes) return tl::unexpected(bytes.error());
    m_bytesAtBuy = *bytes;
    return {};
}

// Among the established connections of the server with the viewer, from the kernel's own table.
Expected<FlowKey> Story::filmConnection() {
    std::vector<FlowKey> found;
    for (const FlowKey& flow : tcpConnections(m_lab.program(m_webServer)->pid(), httpPort)) {
        if (flow.dst == m_context.address("a")) found.push_back(flow);
    }
    return chooseConnection(found);
}

Expected<FlowKey> Story::chooseConnection(const std::vector<FlowKey>& found) {
    if (found.size() != 1) {
        return fail(LabErrc::Evidence,
                    "the server has " + std::to_string(found.size()) + " connections with the viewer instead of one");
    }
    return found.front();
}

Expected<std::string> Story::order(const FlowKey& flow) {
    Purchase wish;
    wish.to = flow.dst.toString();
    wish.protocol = "tcp";
    wish.toPort = flow.dstPort;
    wish.fromPort = flow.srcPort;
    m_context.say("B's agent buys the best class for this connection: netpas buy --to " + wish.to + " --to-port " +
                  std::to_string(wish.toPort) + " --from-port " + std::to_string(wish.fromPort) +
                  " --proto tcp --class best --cap 1");
    return buy(m_lab, "b", wish);
}

Expected<void> Story::buyBetterClass() {
    const auto flow = filmConnection();
    if (!flow) return tl::unexpected(flow.error());
    m_flow = *flow;
    auto meter = PaymentMeter::start(m_lab, m_context.topology().accessLink(payer())->name, payer());
    if (!meter) return tl::unexpected(meter.error());
    m_meter = std::move(*meter);
    LAB_TRY(askPrice(m_flow));
    LAB_TRY(noteRoundTrip());
    m_at.bought = Clock::now();
    const auto bought = order(m_flow);
    if (!bought) return tl::unexpected(bought.error());
    m_purchase = *bought;
    LAB_TRY(waitUntil("the first paid packet", seconds(20), [&] {
        tellPicture();
        return m_meter->count().first.has_value();
    }));
    m_at.firstPaid = *m_meter->count().first;
    m_context.say("  " + fixed(since(m_at.begin, m_at.firstPaid), 1) + " s  the first paid packet leaves");
    m_context.result()["first_paid_packet_seconds"] = rounded(since(m_at.bought, m_at.firstPaid));
    return {};
}

// Of the film's connection, as its sender's kernel sees it: no paid packet can leave sooner than something comes from the viewer.
Expected<void> Story::noteRoundTrip() {
    return inNamespace(m_lab.netns("b"), [&]() -> Expected<void> {
        const auto watch = tun::TcpWatch::open();
        if (!watch) return fail(LabErrc::Process, watch.error());
        constexpr size_t most = 16;
        for (const TcpCounts& counts :
             (*watch)->connectionsTo(*IpPrefix::make(m_flow.dst, m_flow.dst.isV6() ? 128 : 32), most)) {
            if (counts.flow == m_flow)
                m_context.result()["round_trip_seconds"] = rounded(duration<double>(counts.roundTrip).count());
        }
        return {};
    });
}

Expected<void> Story::awaitRefill() {
    const auto refilled = [&] {
        tellPicture();
        const PlayerReport report = m_player->report();
        if (report.ended) return true;
        if (report.stalledNow() || report.samples.empty() || report.samples.back().at <= m_at.firstPaid) return false;
        if (const auto cached = report.samples.back().cached) return *cached >= refilledSeconds;
        // Of a player that does not say it: it has played on for a while.
        const PlayerTime now = Clock::now(), from = now - playedOn;
        return from > m_at.firstPaid && report.stalledByPosition(from, now) == milliseconds(0) &&
               report.played(from, now) > 0;
    };
    LAB_TRY(waitUntil("the player's cache to fill from paid packets", refillLimit, refilled));
    m_at.refilled = Clock::now();
    m_context.say("  " + fixed(since(m_at.begin, m_at.refilled), 1) + " s  the player's cache is full");
    const auto bytes = bytesToViewer();
    if (!bytes) return tl::unexpected(bytes.error());
    m_bytesAtRefill = *bytes;
    return {};
}

Expected<void> Story::watchPaid() {
    const double length = m_context.options().seconds > 0 ? m_context.options().seconds : paidSeconds;
    const auto end = m_at.refilled + std::chrono::duration_cast<Clock::duration>(duration<double>(length));
    while (Clock::now() < end) {
        tellPicture();
        if (!playerWorks())
            return fail(LabErrc::Process, "the player ended: " + m_lab.program(m_player->program())->logTail());
        std::this_thread::sleep_for(milliseconds(50));
    }
    m_at.end = Clock::now();
    const auto bytes = bytesToViewer();
    if (!bytes) return tl::unexpected(bytes.error());
    m_bytesAtEnd = *bytes;

    const PlayerReport report = m_player->report();
    const auto goodput = [](uint64_t from, uint64_t to, double time) {
        return rounded(static_cast<double>(to - from) * 8 / 1e6 / time);
    };
    const size_t quiet = report.stallsIn(m_at.begin, m_at.cross);
    const size_t bestEffort = report.stallsIn(m_at.cross, m_at.bought);
    const size_t paid = report.stallsIn(m_at.refilled, m_at.end);
    const double frozenByPosition = duration<double>(report.stalledByPosition(m_at.refilled, m_at.end)).count();
    Json& result = m_context.result();
    result["family"] = m_context.options().family;
    result["stalls_quiet"] = quiet;
    result["stalls_best_effort"] = bestEffort;
    result["stalls_paid"] = paid;
    result["quiet_seconds"] = rounded(since(m_at.begin, m_at.cross));
    result["best_effort_seconds"] = rounded(since(m_at.cross, m_at.bought));
    result["refill_seconds"] = rounded(since(m_at.firstPaid, m_at.refilled));
    result["paid_seconds"] = rounded(since(m_at.refilled, m_at.end));
    result["stalled_seconds_best_effort"] = duration<double>(report.stalledByProperty(m_at.cross, m_at.bought)).count();
    result["stalled_seconds_best_effort_by_position"] =
        duration<double>(report.stalledByPosition(m_at.cross, m_at.bought)).count();
    result["stalled_seconds_paid_by_position"] = frozenByPosition;
    result["played_seconds_paid"] = rounded(report.played(m_at.refilled, m_at.end));
    result["best_effort_goodput_mbit"] = goodput(m_bytesAtCross, m_bytesAtBuy, since(m_at.cross, m_at.bought));
    result["paid_goodput_mbit"] = goodput(m_bytesAtRefill, m_bytesAtEnd, since(m_at.refilled, m_at.end));
    result["film_mbit"] = filmKilobits / 1000.0;

    m_context.expect(quiet == 0, "the film must not freeze while the network is quiet");
    m_context.expect(bestEffort >= stallsWanted,
                     "the congested link should have frozen the picture at least three times");
    m_context.expect(paid == 0, "the picture froze although its packets were paid for");
    // The second witness: the position in the film keeps pace with the clock, but for what the machine has no time to show.
    const double behind = report.behind(m_at.refilled, m_at.end);
    result["behind_seconds_paid"] = rounded(behind);
    m_context.expect(frozenByPosition < 0.5 && behind < 0.03 * since(m_at.refilled, m_at.end),
                     "the film did not advance in real time while its packets were paid for");
    m_context.expect(m_cross->bytesReceived() > 0, "there was no cross traffic");
    return {};
}

Expected<void> Story::endPurchase() {
    const auto settled = stopPurchase(m_lab, "b", m_purchase);
    if (!settled) return tl::unexpected(settled.error());
    return {};
}

Expected<void> Story::reconcile() {
    m_context.say("The purchase is stopped; everybody's books are compared.");
    LAB_TRY(endPurchase());
    const auto captured = m_meter->stop();
    if (!captured) return tl::unexpected(captured.error());
    m_context.result()["paid_packets"] = captured->packets;
    m_context.result()["capture_amount"] = captured->amount.toString();
    const auto money = reconcileMoney(m_context, payer(), m_purchase, *captured);
    if (!money) return tl::unexpected(money.error());
    m_context.expect(captured->packets > 0, "no paid packet was seen on the access link");
    m_context.say(money->table);
    return {};
}

void Story::farewell() {
    const Json& result = m_context.result();
    m_context.say("Best effort: " + std::to_string(result["stalls_best_effort"].get<size_t>()) + " freezes, " +
                  fixed(result["stalled_seconds_best_effort"].get<double>(), 1) + " s of standstill in " +
                  fixed(result["best_effort_seconds"].get<double>(), 0) +
                  " s. Paid: " + std::to_string(result["stalls_paid"].get<size_t>()) + " freezes in " +
                  fixed(result["paid_seconds"].get<double>(), 0) + " s, for $" + result["ledger"].get<std::string>() +
                  ".");
}

Expected<void> Story::run() {
    LAB_TRY(premiere());
    LAB_TRY(freeze());
    LAB_TRY(buyBetterClass());
    LAB_TRY(awaitRefill());
    LAB_TRY(watchPaid());
    LAB_TRY(reconcile());
    farewell();
    return {};
}

namespace {

// For whoever stands before the lab that stays up.
void sayWhatNext(ScenarioContext& context) {
    if (context.options().json || context.options().headless) return;
    const std::string lab = programPath("netpas-lab");
    const std::string exec = "\n  " + lab + " exec --name " + context.lab().name() + " b -- netpas ";
    context.say("\nThe lab stays up. Three commands to try next:" + exec + "history" + exec + "services --to " +
                context.address("a").toString() + "\n  " + lab + " down --name " + context.lab().name());
}

}  // namespace

Scenario storyScenario() {
    Scenario scenario;
    scenario.name = "story";
    scenario.description = "a film freezes on a congested peering link until its sender pays; the money, hop by hop";
    scenario.topology = "congested-peering";
    scenario.staysUp = true;
    scenario.run = [](ScenarioContext& context) -> Expected<void> {
        LAB_TRY(Story(context).run());
        sayWhatNext(context);
        return {};
    };
    return scenario;
}

}  // namespace netpas::lab
