// The traffic of the attacks without attackers: nobody may raise an alarm, whatever the seeds of the samplers.
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/threats.h"

namespace netpas::lab::threats {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t firstIsp = 10'000;
constexpr uint64_t islandsAtOnce = 10;
constexpr uint16_t ispsOfIsland = 4;
constexpr auto trafficTime = 4s;
constexpr auto afterwards = 3s;  // the grace time, and a look at the books

// Figure 4, with the packets and payments of all rows.
struct Island {
    uint16_t x, c, v, y;
    std::unique_ptr<PaidSender> b, d;
    std::unique_ptr<OverlayCustomer> payee;
    std::vector<std::unique_ptr<Traffic>> traffic;
};

std::vector<ThreatIsp> ispsOf(const Island& island) {
    const auto [x, c, v, y] = std::tuple(island.x, island.c, island.v, island.y);
    return {{x, "X", "0.000003", {c}, {}, {{"b", ""}}},
            {c, "C", "0.000004", {x, v, y}, {}, {}},
            {v, "V", "0.000007", {c}, {}, {{"a", "receive = true"}}},
            {y, "Y", "0.000003", {c}, {}, {{"d", ""}}}};
}

Expected<void> join(Run& run, ThreatNet& net, Island& island) {
    auto b = PaidSender::make(net, island.x, "b", "1000", {island.x, island.c, island.v, island.y});
    if (!b) return tl::unexpected(b.error());
    auto d = PaidSender::make(net, island.y, "d", "1000", {island.y, island.c, island.v});
    if (!d) return tl::unexpected(d.error());
    island.b = std::move(*b);
    island.d = std::move(*d);
    island.payee = std::make_unique<OverlayCustomer>(run.thread(), net.overlay(), island.v, "a");
    return island.payee->join(true);
}

void begin(ThreatNet& net, Island& island) {
    const auto flow = [&](PaidSender& sender, const std::vector<uint16_t>& path, double perSecond) {
        island.traffic.push_back(
            std::make_unique<Traffic>(sender, net.path(path), net.destination(path.back()), perSecond));
    };
    flow(*island.b, {island.x, island.c, island.v}, 1000);
    flow(*island.d, {island.y, island.c, island.v}, 500);
}

Expected<void> payAll(std::vector<Island>& islands) {
    for (Island& island : islands) {
        for (PaidSender* payer : {island.b.get(), island.d.get()}) {
            const auto order =
                payer->customer().order(island.payee->identity().nodeId(), island.v, dollars("0.001"), 20s);
            if (!order) return tl::unexpected(order.error());
            const auto outcome = payer->customer().pay(*order);
            if (!outcome) return tl::unexpected(outcome.error());
        }
    }
    return {};
}

// An alarm is an alarm; and nothing is shown by books that have compared nothing.
Expected<void> judge(ThreatNet& net, const Island& island, Run& run, Honest& honest) {
    for (const uint16_t isp : {island.x, island.c, island.v, island.y}) {
        const auto books = net.books(isp);
        if (!books) return tl::unexpected(books.error());
        honest.alarms += books->value("alarm_count", uint64_t{0});
        for (const Json& alarm : books->value("alarms", Json::array())) {
            honest.texts.push_back("ISP " + std::to_string(isp) + ": " + alarm.value("text", ""));
        }
        if (isp != island.x) continue;
        const Money confirmed = entryAmount(*books, "downstream_isps", "isp", island.v, "confirmed");
        run.require(confirmed > dollars("0.005"), "an honest ISP's service was hardly confirmed");
        honest.confirmed = plus(honest.confirmed, confirmed);
    }
    return {};
}

Expected<void> batch(Run& run, uint64_t firstSeed, uint64_t count, Honest& honest) {
    std::vector<Island> islands(count);
    std::vector<ThreatIsp> isps;
    for (uint64_t i = 0; i < count; ++i) {
        const auto base = static_cast<uint16_t>(firstIsp + (firstSeed + i) * ispsOfIsland);
        islands[i].x = base;
        islands[i].c = static_cast<uint16_t>(base + 1);
        islands[i].v = static_cast<uint16_t>(base + 2);
        islands[i].y = static_cast<uint16_t>(base + 3);
        for (ThreatIsp& isp : ispsOf(islands[i])) isps.push_back(std::move(isp));
    }
    // Each router has a seed of its own.
    auto made = run.make(std::move(isps), run.seed() + firstSeed);
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    LAB_TRY(net.start());
    for (Island& island : islands) LAB_TRY(join(run, net, island));
    for (Island& island : islands) begin(net, island);
    const auto end = std::chrono::steady_clock::now() + trafficTime;
    const auto paid = payAll(islands);
    std::this_thread::sleep_until(end);
    for (Island& island : islands) island.traffic.clear();
    if (!paid) return paid;
    std::this_thread::sleep_for(afterwards);
    for (const Island& island : islands) LAB_TRY(judge(net, island, run, honest));
    honest.seeds += count;
    return {};
}

}  // namespace

Expected<Honest> honestRuns(Run& run, uint64_t seeds) {
    Honest honest;
    for (uint64_t done = 0; done < seeds; done += islandsAtOnce) {
        LAB_TRY(batch(run, done, std::min(islandsAtOnce, seeds - done), honest));
        run.say(std::to_string(honest.seeds) + " seeds without attackers, " + std::to_string(honest.alarms) +
                " alarms");
    }
    return honest;
}

}  // namespace netpas::lab::threats
