// Hosts of a community tell each other what they measure over OpenDHT (NetPaS §5.3), and three of ten lie. One host that measures nothing believes all ten, as
// far as it has learnt to; another one, on whose list the liars do not stand, is the measure of what the estimates are without them.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "app/lab/parties.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"
#include "core/crypto/hex.h"
#include "core/crypto/identity.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t dhtPort = 46726;
constexpr double bound = 0.10;     // of what is found without the liars
constexpr double fullLength = 60;  // seconds of each kind of lie
constexpr const char* metrics[] = {"round_trip_ms", "loss_there", "loss_back"};
const std::vector<std::string> honest{"m1", "m2", "m3", "m4", "m5", "m6", "m7"};
const std::vector<std::string> liars{"l1", "l2", "l3"};
const std::string believer = "new";     // has all on its list
const std::string reference = "check";  // has only the honest
const std::vector<std::string> kinds{"constant", "colluding", "random", "drifting"};

// What one host shows of the segment from Y to X.
struct Shown {
    Json shared;  // null: nothing
    Json sharing;
    bool measuredItself = false;
    [[nodiscard]] std::optional<double> value(const char* metric) const {
        if (!shared.is_object() || !shared.contains(metric) || !shared[metric].contains("value")) return std::nullopt;
        return shared[metric]["value"].get<double>();
    }
    // Who said something of it, whether it counts or not.
    [[nodiscard]] size_t heard(const char* metric) const {
        return value(metric) ? shared[metric].value("heard", size_t{0}) : 0;
    }
    // Half of the stated interval, as a share of the value.
    [[nodiscard]] double uncertainty(const char* metric) const {
        const auto found = value(metric);
        if (!found || *found <= 0) return 1;
        return std::max(shared[metric].value("high", 0.0) - *found, *found - shared[metric].value("low", 0.0)) / *found;
    }
};

struct Worst {
    double deviation = 0;
    double with = 0, without = 0;
    double uncertainty = 0;  // of what was found without
    uint64_t looks = 0;      // at which it was compared
};

class Sharing {
public:
    explicit Sharing(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(writeCommunities());
        LAB_TRY(startAgents());
        LAB_TRY(startLiars());
        LAB_TRY(hearEachOther());
        Json all = Json::array();
        for (const std::string& kind : kinds) {
            auto one = lie(kind);
            if (!one) return tl::unexpected(one.error());
            all.push_back(std::move(*one));
        }
        m_context.result()["lies"] = std::move(all);
        return judge();
    }

private:
    [[nodiscard]] std::string fileOf(const std::string& host) const { return m_lab.folder() + "/host/" + host; }
    [[nodiscard]] double secondsOfEach() const {
        return m_context.options().seconds > 0 ? m_context.options().seconds : fullLength;
    }
    // Short runs compare round trips: losses take longer to count.
    [[nodiscard]] bool isFull() const { return secondsOfEach() >= fullLength; }

    // Everybody's key, the file with all members and the one without the liars.
    Expected<void> writeCommunities() {
        if (!initCrypto()) return fail(LabErrc::System, "libsodium does not start");
        const std::string secret = toHex(Identity::generate().seed());
        for (const auto* group : {&honest, &liars}) {
            for (const std::string& host : *group) {
                // Where the host's agent keeps it.
                const std::string folder = agentStateFolder(m_lab.name(), host) + "/agent";
                std::error_code error;
                std::filesystem::create_directories(folder, error);
                const auto key = Identity::loadOrCreate(folder + "/share.key");
                if (!key) return fail(LabErrc::State, folder + ": " + std::string(describe(key.error())));
                m_keys[host] = key->publicKey().hex();
            }
        }
        LAB_TRY(writeCommunity("all.toml", secret, true));
        return writeCommunity("honest.toml", secret, false);
    }
    Expected<void> writeCommunity(const std::string& name, const std::string& secret, bool all) {
        const std::string path = m_lab.folder() + "/" + name;
        std::ofstream out(path);
        out << "name = \"lab\"\nsecret = \"" << secret << "\"\npublish_seconds = 1\nport = " << dhtPort
            << "\nbootstrap = [\"" << Endpoint{m_context.address(honest.front()), dhtPort}.toString()
            << "\"]\nmembers = [";
        for (const auto& [host, key] : m_keys) {
            if (all || std::find(liars.begin(), liars.end(), host) == liars.end()) out << "\"" << key << "\", ";
        }
        out << "]\n";
        out.close();
        std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        return out ? Expected<void>() : fail(LabErrc::State, "cannot write " + path);
    }

    Expected<void> startAgents() {
        LAB_TRY(startWithoutDirectory(honest.front()));
        for (size_t i = 1; i < honest.size(); ++i) LAB_TRY(startMember(honest[i]));
        for (const std::string& host : {believer, reference}) LAB_TRY(startMember(host));
        m_context.say(std::to_string(honest.size() + 2) + " agents share, two of them measure nothing themselves");
        return {};
    }
    Expected<void> startMember(const std::string& host) {
        const auto url = joinUrl(m_lab, "Z");
        if (!url) return tl::unexpected(url.error());
        const bool measures = host != believer && host != reference;
        const std::string file = m_lab.folder() + (host == reference ? "/honest.toml" : "/all.toml");
        LAB_TRY(startAgent(m_lab, host,
                           {"--share", file, "--measure-every", isFull() ? "20" : "100", "--measure-packets",
                            measures ? "6000" : "0"}));
        LAB_TRY(netpas(m_lab, host, {"join", *url}));
        const auto seen = look(host);  // from now on its way to the server is of interest
        if (!seen) return tl::unexpected(seen.error());
        return {};
    }
    // X's directory does not answer at first: X must be measured soon after, not only when menus are looked at again anyway, after a minute.
    Expected<void> startWithoutDirectory(const std::string& host) {
        Process* const directory = m_lab.program(directoryProgram("X"));
        if (directory == nullptr) return fail(LabErrc::State, "X has no directory");
        directory->signal(SIGSTOP);
        const auto started = startMember(host);
        std::this_thread::sleep_for(6s);  // longer than an agent waits for a connection
        directory->signal(SIGCONT);
        if (!started) return started;
        return waitUntil("X to be measured, whose directory answers now", 40s, [&] {
            std::this_thread::sleep_for(500ms);
            const auto seen = look(host);
            return seen && seen->measuredItself;
        });
    }

    Expected<void> startLiars() {
        lieFrom("silent");
        const LinkSpec& peering = *m_context.topology().link("peering");
        const auto there = peering.direction[0].delay + peering.direction[1].delay;
        m_truth = static_cast<double>(there.count()) / 1000;
        const double loss = peering.direction[0].loss.millionths / 1e6;
        for (size_t i = 0; i < liars.size(); ++i) {
            auto liar = Tool::start(
                m_lab, liars[i], "share-liar",
                {"community=" + m_lab.folder() + "/all.toml",
                 "key=" + agentStateFolder(m_lab.name(), liars[i]) + "/agent/share.key",
                 "program=" + programPath("netpas-dht"), "kind=" + kindFile(), "number=" + std::to_string(i), "from=25",
                 "to=24", "round_trip_ms=" + std::to_string(m_truth), "loss=" + std::to_string(loss)});
            if (!liar) return tl::unexpected(liar.error());
            m_liars.push_back(std::move(*liar));
        }
        return {};
    }
    [[nodiscard]] std::string kindFile() const { return m_lab.folder() + "/lie"; }
    void lieFrom(const std::string& kind) const {
        std::ofstream(kindFile() + ".new") << kind << "\n";
        std::filesystem::rename(kindFile() + ".new", kindFile());
    }

    // Asking also keeps the way measured.
    Expected<Shown> look(const std::string& host) {
        const auto said = netpas(m_lab, host, {"measurements", "--to", m_context.address("a").toString()});
        if (!said) return tl::unexpected(said.error());
        Shown shown;
        shown.sharing = said->value("sharing", Json());
        for (const Json& one : said->value("measurements", Json::array())) {
            const std::string source = one.value("source", "");
            if (source == "shared" && one.value("from_isp", 0) == 25 && one.value("isp", 0) == 24) shown.shared = one;
            if (source == "stamp" && one.contains("segment") && one["segment"]["from_isp"] == 25 && one["isp"] == 24)
                shown.measuredItself = one["segment"]["round_trip_ms"].value("grade", "") == "good";
        }
        return shown;
    }

    // What the honest know before anybody lies; what scatters among them by more than the bound says nothing of what liars change.
    [[nodiscard]] bool isKnown(const Shown& to, const char* metric) const {
        return to.heard(metric) == honest.size() && (!isFull() || to.uncertainty(metric) < bound);
    }

    // Without a lie so far: both that measure nothing know of the segment what all the honest say.
    Expected<void> hearEachOther() {
        Shown seen, measuring;
        const auto begun = std::chrono::steady_clock::now();
        LAB_TRY(waitUntil("the members to hear each other", isFull() ? 240s : 90s, [&] {
            std::this_thread::sleep_for(500ms);
            for (const std::string& host : honest) {
                const auto shown = look(host);
                if (host == honest.front() && shown) measuring = *shown;
            }
            const auto one = look(believer), other = look(reference);
            if (!one || !other) return false;
            seen = *one;
            const auto known = [&](const char* metric) { return isKnown(*one, metric) && isKnown(*other, metric); };
            const bool all = isFull() ? std::all_of(std::begin(metrics), std::end(metrics), known) : known(metrics[0]);
            return all && measuring.measuredItself && measuring.heard(metrics[0]) > 0;
        }));
        const double found = seen.value("round_trip_ms").value_or(0);
        m_context.expect(!seen.measuredItself, "the newcomer measured by itself");
        m_context.expect(found > m_truth && found < m_truth + 5, "the shared round trip is " + std::to_string(found) +
                                                                     " ms, the link's " + std::to_string(m_truth));
        Json& result = m_context.result();
        result["members"] = honest.size() + liars.size();
        result["liars"] = liars.size();
        result["nodes"] = seen.sharing.value("nodes", 0);
        result["truth_round_trip_ms"] = m_truth;
        result["honest_round_trip_ms"] = found;
        result["seconds_to_hear"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        m_context.say("a host that measures nothing knows from " + std::to_string(seen.heard(metrics[0])) +
                      " others that Y to X takes " + std::to_string(found) + " ms");
        return {};
    }

    Expected<Json> lie(const std::string& kind) {
        lieFrom(kind);
        std::map<std::string, Worst> worst;
        LAB_TRY(waitUntil("the liars to be heard", 30s, [&] { return compare(worst); }));
        const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(secondsOfEach());
        uint64_t heard = 0;
        while (std::chrono::steady_clock::now() < end) {
            if (compare(worst)) ++heard;
            for (const std::string& host : honest) (void)look(host);
            std::this_thread::sleep_for(300ms);
        }
        m_context.expect(heard > 0, kind + ": at no look were all ten heard");
        Json out{{"kind", kind}, {"looks_with_all", heard}};
        for (const char* metric : metrics) {
            const Worst& one = worst[metric];
            if (one.looks > 0) {
                out[metric] = Json{{"worst", one.deviation},
                                   {"with", one.with},
                                   {"without", one.without},
                                   {"uncertainty", one.uncertainty},
                                   {"looks", one.looks}};
            }
            m_worst = std::max(m_worst, one.deviation);
            m_context.expect(one.deviation < bound,
                             kind + " liars move " + metric + " by " + std::to_string(one.deviation * 100) + " %");
            if (isFull() || metric == metrics[0])
                m_context.expect(one.looks > 0, kind + ": " + metric + " was never compared");
        }
        m_context.say(kind + " liars: round trip " + std::to_string(worst["round_trip_ms"].with) +
                      " ms, without them " + std::to_string(worst["round_trip_ms"].without) + " ms at worst");
        return out;
    }

    // The same statements of the same honest members, with the liars' beside them and without. Of each quantity that all of them speak of, and that the
    // honest know. True: of the round trip all were heard.
    bool compare(std::map<std::string, Worst>& worst) {
        const auto with = look(believer), without = look(reference);
        if (!with || !without) return false;
        for (const char* metric : metrics) {
            const bool all = with->heard(metric) == honest.size() + liars.size();
            const auto one = with->value(metric), other = without->value(metric);
            if (!all || !isKnown(*without, metric) || *other <= 0 || (!isFull() && metric != metrics[0])) continue;
            Worst& so = worst[metric];
            ++so.looks;
            const double deviation = std::abs(*one - *other) / *other;
            if (deviation >= so.deviation) so = {deviation, *one, *other, without->uncertainty(metric), so.looks};
        }
        return with->heard(metrics[0]) == honest.size() + liars.size();
    }

    // Who counts how much in the end; and that others' words are never shown as one's own measurement.
    Expected<void> judge() {
        const auto shown = look(believer), member = look(honest.front());
        if (!shown || !member) return tl::unexpected((shown ? member : shown).error());
        const Json& weights = shown->sharing["weights"];
        const auto mean = [&](const std::vector<std::string>& hosts) {
            double sum = 0;
            for (const std::string& host : hosts) sum += weights.value(m_keys.at(host), 0.0);
            return sum / static_cast<double>(hosts.size());
        };
        Json& result = m_context.result();
        result["worst"] = m_worst;
        result["weight_of_honest"] = mean(honest);
        result["weight_of_liars"] = mean(liars);
        m_context.expect(mean(liars) * 3 < mean(honest), "the liars count nearly as much as the honest");
        m_context.expect(member->measuredItself && member->heard(metrics[0]) > 0,
                         "a member should show its own measurement and what the others say, apart");
        Json lied = Json::array();
        for (Tool& liar : m_liars) {
            const auto report = liar.stop();
            if (!report) return tl::unexpected(report.error());
            m_context.expect(report->value("records", 0) > 0, "a liar said nothing");
            lied.push_back(*report);
        }
        result["liars_said"] = std::move(lied);
        result["rejected"] = shown->sharing.value("rejected", Json());
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::map<std::string, std::string> m_keys;
    std::vector<Tool> m_liars;
    double m_truth = 0;  // milliseconds
    double m_worst = 0;
};

}  // namespace

Scenario sharingScenario() {
    return {"sharing-with-liars",
            "hosts share what they measure over OpenDHT, and three of ten lie: estimates stay as they are without them",
            "sharing",
            {},
            [](ScenarioContext& context) { return Sharing(context).run(); },
            false,
            false};
}

}  // namespace netpas::lab
