// How many payments a second a number of real accounting servers carry on one machine, in a sparse graph in which few ISPs
// have many neighbours, and what one payment costs them. Raises the rate until it no longer holds.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/scenario/payment_load.h"
#include "app/lab/scenario/scenario.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t defaultIsps = 50;
constexpr uint16_t firstIsp = 100;
constexpr size_t linksOfNewcomer = 2;
constexpr double defaultSeconds = 10;
constexpr double firstRate = 50;   // of the search, payments a second
constexpr double precision = 1.1;  // the search ends when it has the limit this well
// A rate holds when nearly everything offered is confirmed, and in the time in which people expect an answer.
constexpr double shareConfirmed = 0.995;
constexpr double longestP99ms = 1000;

// Each new ISP becomes the neighbour of two that are there, the more probably the more neighbours they have.
std::vector<OverlayIspSpec> graph(uint64_t isps, SeededRandom& random) {
    std::vector<OverlayIspSpec> specs;
    std::vector<size_t> ends;  // each ISP as often as it has neighbours
    for (uint64_t i = 0; i < isps; ++i) {
        OverlayIspSpec spec;
        spec.isp = static_cast<uint16_t>(firstIsp + i);
        spec.name = "ISP" + std::to_string(spec.isp);
        spec.fee = "0.0000000" + std::to_string(10 + random.below(80));
        for (const char* name : {"payer1", "payer2"}) spec.customers.push_back({name, "per_second = 100000"});
        for (const char* name : {"payee1", "payee2"}) {
            spec.customers.push_back({name, "send = false\nreceive = true"});
        }
        specs.push_back(std::move(spec));
        std::vector<size_t> chosen;
        while (chosen.size() < std::min<size_t>(linksOfNewcomer, i)) {
            const size_t other = ends.empty() ? 0 : ends[random.below(ends.size())];
            if (std::find(chosen.begin(), chosen.end(), other) == chosen.end()) chosen.push_back(other);
        }
        for (const size_t other : chosen) {
            specs[i].neighbours.push_back(specs[other].isp);
            specs[other].neighbours.push_back(specs[i].isp);
            ends.push_back(other);
            ends.push_back(i);
        }
    }
    return specs;
}

struct Cost {
    double cpuSeconds = 0;
    double residentBytes = 0;
};

class Scale {
public:
    explicit Scale(ScenarioContext& context) : m_context(context), m_random(context.options().seed) {}

    Expected<void> run() {
        LAB_TRY(prepare());
        const double rate = m_context.options().paymentsPerSecond;
        LAB_TRY(rate > 0 ? measure(rate) : search());
        return judge();
    }

private:
    [[nodiscard]] double seconds() const {
        return m_context.options().seconds > 0 ? m_context.options().seconds : defaultSeconds;
    }

    Expected<void> prepare() {
        const uint64_t isps = m_context.options().isps > 0 ? m_context.options().isps : defaultIsps;
        auto overlay = Overlay::make(m_context.lab(), graph(isps, m_random));
        if (!overlay) return tl::unexpected(overlay.error());
        m_overlay = std::move(*overlay);
        LAB_TRY(m_overlay->startAll());
        LAB_TRY(m_overlay->awaitConnected(60s));
        auto load = PaymentLoad::start(*m_overlay, m_context.options().seed);
        if (!load) return tl::unexpected(load.error());
        m_load = std::move(*load);
        uint64_t links = 0;
        uint64_t most = 0;
        for (const OverlayIspSpec& spec : m_overlay->isps()) {
            links += spec.neighbours.size();
            most = std::max<uint64_t>(most, spec.neighbours.size());
        }
        Json& result = m_context.result();
        result["isps"] = isps;
        result["customers"] = 4 * isps;
        result["links"] = links / 2;
        result["most_neighbours"] = most;
        result["steps"] = Json::array();
        return {};
    }

    // --- what it costs, by the kernel's accounts

    [[nodiscard]] Cost cost() {
        Cost all;
        for (const OverlayIspSpec& spec : m_overlay->isps()) {
            const std::string folder = "/proc/" + std::to_string(m_overlay->process(spec.isp)->pid());
            std::ifstream stat(folder + "/stat");
            std::string text;
            std::getline(stat, text);
            std::istringstream fields(text.substr(text.rfind(')') + 2));
            std::string skipped;
            for (int i = 3; i < 14; ++i) fields >> skipped;
            double user = 0;
            double system = 0;
            fields >> user >> system;
            all.cpuSeconds += (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
            std::ifstream statm(folder + "/statm");
            double size = 0;
            double resident = 0;
            statm >> size >> resident;
            all.residentBytes += resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
        }
        return all;
    }

    Json step(double rate) {
        const Cost before = cost();
        const LoadResult load = m_load->run(rate, seconds());
        const Cost after = cost();
        m_confirmed += load.confirmed;
        const auto offered = static_cast<double>(load.offered);
        const auto hops = static_cast<double>(load.hops);
        const double cpu = (after.cpuSeconds - before.cpuSeconds) * 1e6;
        const bool holds = static_cast<double>(load.confirmed) >= shareConfirmed * offered && load.p99ms < longestP99ms;
        const Json json{
            {"payments_per_second", rate},
            {"holds", holds},
            {"offered", load.offered},
            {"confirmed", load.confirmed},
            {"refused", load.refused},
            {"unanswered", load.unanswered},
            {"confirmed_per_second", static_cast<double>(load.confirmed) / std::max(load.seconds, seconds())},
            {"p50_ms", load.p50ms},
            {"p99_ms", load.p99ms},
            {"mean_isps", hops / offered},
            {"cpu_us_per_payment", cpu / offered},
            {"cpu_us_per_hop", cpu / hops},
            {"generator_cpu_us_per_payment", load.generatorCpuSeconds * 1e6 / offered},
            {"memory_bytes_per_hop", (after.residentBytes - before.residentBytes) / hops},
            {"resident_mb_per_server", after.residentBytes / 1e6 / static_cast<double>(m_overlay->isps().size())}};
        m_context.result()["steps"].push_back(json);
        m_context.say(std::to_string(static_cast<int>(rate)) + " a second " + (holds ? "hold" : "do not hold") +
                      ": p50 " + std::to_string(load.p50ms) + " ms, p99 " + std::to_string(load.p99ms) + " ms, " +
                      std::to_string(load.confirmed) + " of " + std::to_string(load.offered) + " confirmed, " +
                      std::to_string(cpu / hops) + " µs of CPU for each hop");
        return json;
    }

    void report(const Json& best, double rate) {
        Json& result = m_context.result();
        result["sustained_per_second"] = rate;
        for (const char* key : {"p50_ms", "p99_ms", "mean_isps", "cpu_us_per_payment", "cpu_us_per_hop",
                                "generator_cpu_us_per_payment", "memory_bytes_per_hop", "resident_mb_per_server"}) {
            result[key] = best.contains(key) ? best[key] : Json();
        }
    }

    Expected<void> measure(double rate) {
        const Json one = step(rate);
        report(one, one.value("holds", false) ? rate : 0);
        return {};
    }

    // Twice as much until it does not hold, then halfway between.
    Expected<void> search() {
        Json best;
        double good = 0;
        double bad = 0;
        for (double rate = firstRate; bad == 0 || bad / std::max(good, 1.0) > precision;
             rate = bad == 0 ? 2 * good : std::sqrt(good * bad)) {
            const Json one = step(rate);
            if (one.value("holds", false)) {
                good = rate;
                best = one;
            } else {
                bad = rate;
                if (good == 0) break;
            }
        }
        report(best, good);
        m_context.result()["no_longer_holds"] = bad;
        m_context.expect(good > 0, "not even " + std::to_string(firstRate) + " payments a second hold");
        return {};
    }

    // Nobody may have been fast with wrong books: what all ISPs owe payees is what was confirmed to payers.
    Expected<void> judge() {
        uint64_t toPayees = 0;
        uint64_t fromPayers = 0;
        const auto count = [&] {
            toPayees = fromPayers = 0;
            for (const OverlayIspSpec& spec : m_overlay->isps()) {
                const auto books = m_overlay->books(spec.isp);
                if (!books) return false;
                for (const Json& party : books->value("payments", Json::array())) {
                    if (!party.contains("customer")) continue;
                    fromPayers += party.value("confirmed_from", uint64_t{0});
                    toPayees += party.value("confirmed_to", uint64_t{0});
                }
            }
            return fromPayers == m_confirmed;
        };
        (void)waitUntil("the books", 20s, count);
        Json& result = m_context.result();
        result["confirmed"] = m_confirmed;
        result["charged_to_payers"] = fromPayers;
        result["owed_to_payees"] = toPayees;
        m_context.expect(fromPayers >= m_confirmed, "payers hold confirmations that they are not charged for");
        m_context.expect(toPayees >= fromPayers, "payers are charged for what is not owed to payees");
        return m_context.lab().checkPrograms();
    }

    ScenarioContext& m_context;
    SeededRandom m_random;
    std::unique_ptr<Overlay> m_overlay;
    std::unique_ptr<PaymentLoad> m_load;
    uint64_t m_confirmed = 0;
};

Expected<void> run(ScenarioContext& context) { return Scale(context).run(); }

}  // namespace

Scenario scaleScenario() {
    return {"scale",   "how many payments a second many accounting servers carry, and what each costs",
            "overlay", {},
            run,       false,
            true};
}

}  // namespace netpas::lab
