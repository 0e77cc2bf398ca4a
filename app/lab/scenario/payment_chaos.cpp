// Micropayments in a ring of six ISPs while everything goes wrong: messages are lost, doubled and overtaken, neighbours are
// parted, clocks are 0.8 s apart, and every accounting server and every crowd of payers and payees is killed in turn under
// load. Afterwards the databases of all parties must agree, but for what the paper lets somebody bear (NetPaS §5.2).
#include <csignal>
#include <fstream>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/chaos_weather.h"
#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/scenario/payment_judge.h"
#include "app/lab/scenario/scenario.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr uint64_t defaultPayments = 20'000;
constexpr uint16_t firstIsp = 11;
constexpr uint16_t isps = 6;  // in a ring: ways of one to four ISPs
constexpr double clocksApart = 0.8;
constexpr double secondsUnderLoad = 14;  // at least: every process is killed meanwhile
constexpr double mostPerSecond = 150;
constexpr RelayWeather badWeather{0.01, 0.02, 0.05, 5ms, 20ms, false};

uint16_t ispAt(uint16_t index) { return static_cast<uint16_t>(firstIsp + index % isps); }

class Chaos {
public:
    explicit Chaos(ScenarioContext& context)
        : m_context(context), m_lab(context.lab()), m_random(context.options().seed) {
        m_payments = context.options().payments > 0 ? context.options().payments : defaultPayments;
    }

    Expected<void> run() {
        LAB_TRY(prepare());
        LAB_TRY(startCrowds());
        m_context.say(std::to_string(m_payments) + " payments, at most " +
                      std::to_string(static_cast<int>(rate() * isps)) + " a second, in bad weather.");
        LAB_TRY(storm());
        LAB_TRY(calm());
        Json& result = m_context.result();
        result["payments"] = m_payments;
        result["kills"] = m_kills;
        result["killed"] = m_killed;
        result["seconds"] = m_seconds;
        result["relay"] = m_weather->statistics();
        LAB_TRY(judge());
        return {};
    }

private:
    [[nodiscard]] double rate() const {  // of each crowd
        return std::min(mostPerSecond, static_cast<double>(m_payments) / secondsUnderLoad) / isps;
    }
    static std::string crowdName(uint16_t isp) { return "crowd-" + std::to_string(isp); }
    [[nodiscard]] std::string crowdFile(uint16_t isp, const std::string& what) const {
        return m_overlay->folder(isp) + "/crowd" + what;
    }

    Expected<void> prepare() {
        std::vector<OverlayIspSpec> specs;
        for (uint16_t i = 0; i < isps; ++i) {
            OverlayIspSpec spec;
            spec.isp = ispAt(i);
            spec.name = "ISP" + std::to_string(spec.isp);
            spec.fee = "0.000000" + std::to_string(100 + 10 * i);
            spec.neighbours = {ispAt(static_cast<uint16_t>(i + 1)), ispAt(static_cast<uint16_t>(i + isps - 1))};
            spec.clockShift = i % 2 == 0 ? 0 : clocksApart;
            for (const char* name : {"payer1", "payer2"}) spec.customers.push_back({name, "per_second = 100000"});
            for (const char* name : {"payee1", "payee2"}) {
                spec.customers.push_back({name, "send = false\nreceive = true"});
            }
            specs.push_back(std::move(spec));
        }
        auto overlay = Overlay::make(m_lab, std::move(specs));
        if (!overlay) return tl::unexpected(overlay.error());
        m_overlay = std::move(*overlay);
        auto weather = ChaosWeather::start(*m_overlay, m_context.options().seed * 100);
        if (!weather) return tl::unexpected(weather.error());
        m_weather = std::move(*weather);
        LAB_TRY(m_overlay->startAll());
        return m_overlay->awaitConnected(20s);
    }

    // --- crowds

    Expected<void> configureCrowds() {
        Json targets = Json::array();
        std::map<uint16_t, Json> members;
        for (const OverlayIspSpec& spec : m_overlay->isps()) {
            members[spec.isp] = Json::array();
            for (const OverlayCustomerSpec& customer : spec.customers) {
                const std::string file = crowdFile(spec.isp, "-" + customer.name + ".key");
                const auto identity = Identity::loadOrCreate(file);
                if (!identity) return fail(LabErrc::State, "cannot write " + file);
                const bool receives = customer.name.starts_with("payee");
                if (receives) targets.push_back({{"node", identity->nodeId().hex()}, {"isp", spec.isp}});
                members[spec.isp].push_back(
                    {{"name", customer.name},
                     {"address", m_overlay->customerAddress(spec.isp, customer.name).toString()},
                     {"identity", file},
                     {"receives", receives}});
            }
        }
        for (uint16_t i = 0; i < isps; ++i) {
            const uint16_t isp = ispAt(i);
            const uint64_t first = m_payments * i / isps;
            const Endpoint server = m_overlay->endpoint(isp);
            const Json config{{"address", server.address.toString()},
                              {"port", server.port},
                              {"key", m_overlay->key(isp).hex()},
                              {"members", members[isp]},
                              {"targets", targets},
                              {"first_intent", first},
                              {"intents", m_payments * (i + 1) / isps - first},
                              {"rate", rate()},
                              {"forge", 0.02},
                              {"seed", m_context.options().seed},
                              {"journal", crowdFile(isp, ".db")},
                              {"status", crowdFile(isp, ".status")}};
            std::ofstream(crowdFile(isp, ".json")) << config.dump(1);
        }
        return {};
    }

    Expected<void> startCrowd(uint16_t isp) {
        // Where the server's clock is ahead, its customers' is not, and the other way round.
        const double shift = m_overlay->spec(isp).clockShift == 0 ? clocksApart : 0;
        return m_lab.startProgram(
            crowdName(isp), m_overlay->node(),
            {"/proc/self/exe", "tool", "payment-crowd", "config=" + crowdFile(isp, ".json")},
            {{"LD_PRELOAD", programPath("libnetpas-lab-clock.so")}, {"NETPAS_LAB_CLOCK_SHIFT", std::to_string(shift)}});
    }

    Expected<void> startCrowds() {
        LAB_TRY(configureCrowds());
        for (uint16_t i = 0; i < isps; ++i) LAB_TRY(startCrowd(ispAt(i)));
        return {};
    }

    [[nodiscard]] Json status(uint16_t isp) const {
        std::ifstream in(crowdFile(isp, ".status"));
        Json json = Json::parse(in, nullptr, false);
        return json.is_object() ? json : Json::object();
    }
    [[nodiscard]] bool allDone() const {
        for (uint16_t i = 0; i < isps; ++i) {
            if (!status(ispAt(i)).value("done", false)) return false;
        }
        return true;
    }

    [[nodiscard]] bool allStarted() const {
        uint64_t started = 0;
        for (uint16_t i = 0; i < isps; ++i) started += status(ispAt(i)).value("started", uint64_t{0});
        return started >= m_payments;
    }

    // --- the storm

    Expected<void> storm() {
        const auto begin = Steady::now();
        const uint64_t least = m_context.options().kills > 0 ? m_context.options().kills : 2 * isps;
        m_weather->set(badWeather);
        const auto limit = std::chrono::duration<double>(120 + 4 * static_cast<double>(m_payments) / (rate() * isps));
        for (uint64_t turn = 0; turn < least || !allStarted(); ++turn) {
            if (Steady::now() - begin > limit) return fail(LabErrc::Timeout, "the payments do not come to an end");
            LAB_TRY(killOne(turn));
            if (turn % 4 == 3) partSomebody();
            pause(500ms + std::chrono::milliseconds(m_random.below(700)));
        }
        m_seconds = std::chrono::duration<double>(Steady::now() - begin).count();
        return {};
    }

    static void pause(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

    // In turn: server, crowd, server, crowd, …
    Expected<void> killOne(uint64_t turn) {
        const uint16_t isp = ispAt(static_cast<uint16_t>(turn / 2 % isps));
        const bool server = turn % 2 == 0;
        if (server) {
            m_overlay->kill(isp);
        } else if (Process* crowd = m_lab.program(crowdName(isp))) {
            crowd->signal(SIGKILL);
            (void)crowd->wait(10s);
        }
        ++m_kills;
        m_killed[(server ? "server-" : "crowd-") + std::to_string(isp)] += 1;
        pause(std::chrono::milliseconds(m_random.below(600)));
        return server ? m_overlay->start(isp) : startCrowd(isp);
    }

    void partSomebody() {
        const auto index = static_cast<uint16_t>(m_random.below(isps));
        const uint16_t a = ispAt(index);
        const uint16_t b = ispAt(static_cast<uint16_t>(index + 1));
        m_weather->part(a, b, m_random.below(2) == 0 ? Partition::Silent : Partition::Refused);
        pause(1000ms + std::chrono::milliseconds(m_random.below(m_random.below(4) == 0 ? 6000 : 2000)));
        m_weather->part(a, b, Partition::None);
    }

    // --- after it

    // Nothing waits at any server, and everybody knows how everything ended.
    Expected<void> calm() {
        m_weather->heal();
        LAB_TRY(m_overlay->awaitConnected(30s));
        LAB_TRY(waitUntil("all payments to have ended", 60s, [&] { return allDone(); }));
        LAB_TRY(waitUntil("the servers to have nothing open", 60s, [&] {
            for (const OverlayIspSpec& spec : m_overlay->isps()) {
                const auto books = m_overlay->books(spec.isp);
                if (!books || !books->contains("payments_open")) return false;
                const Json& open = books->at("payments_open");
                if (open.at("pending") != 0 || open.at("unacknowledged") != 0) return false;
            }
            return true;
        }));
        LAB_TRY(m_lab.checkPrograms());
        for (uint16_t i = 0; i < isps; ++i) {
            m_lab.program(crowdName(ispAt(i)))->stop();
            m_lab.stopProgram(crowdName(ispAt(i)));
        }
        for (uint16_t i = 0; i < isps; ++i) m_overlay->stop(ispAt(i));
        return {};
    }

    Expected<void> judge() {
        std::vector<JudgedIsp> parties;
        for (const OverlayIspSpec& spec : m_overlay->isps()) {
            const std::string folder = m_overlay->folder(spec.isp);
            parties.push_back({spec.isp, folder + "/books.db", folder + "/database.key", crowdFile(spec.isp, ".db")});
        }
        const auto judgement = judgePayments(parties);
        if (!judgement) return tl::unexpected(judgement.error());
        reportJudgement(m_context.result(), *judgement);
        m_context.expect(judgement->disagreements.empty(), "the parties' books disagree");
        m_context.expect(judgement->paidTwice == 0, "something was paid twice");
        m_context.expect(judgement->paidWithoutConfirmation == 0, "something was paid without its signed confirmation");
        m_context.expect(judgement->attempts >= m_payments, "not every payment was tried");
        m_context.expect(judgement->posted > m_payments / 2, "most payments did not come through");
        m_context.expect(judgement->longestPath >= 4, "no payment crossed four ISPs");
        const Json& relay = m_context.result()["relay"];
        m_context.expect(relay["dropped"] > 0 && relay["duplicated"] > 0 && relay["reordered"] > 0,
                         "the weather was not bad");
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    SeededRandom m_random;
    uint64_t m_payments = 0;
    std::unique_ptr<Overlay> m_overlay;
    std::unique_ptr<ChaosWeather> m_weather;
    uint64_t m_kills = 0;
    std::map<std::string, uint64_t> m_killed;
    double m_seconds = 0;
};

Expected<void> run(ScenarioContext& context) { return Chaos(context).run(); }

}  // namespace

Scenario paymentChaosScenario() {
    return {"payment-chaos",
            "payments while messages are lost, doubled and overtaken, and every process is killed: all books agree",
            "overlay",
            {},
            run,
            false,
            true};
}

}  // namespace netpas::lab
