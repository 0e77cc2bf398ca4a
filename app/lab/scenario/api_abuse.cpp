// Everybody on the machine abuses the agent's local API, each in every way that he can: nothing may be granted that a role does not have,
// and an honest user's `netpas status` and purchases must not suffer. Judged by what the abusers were told, by how long the honest
// user waited before and meanwhile, by the kernel's account of the agent, and by the owner's books.
#include "app/lab/scenario/api_abuse.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "app/lab/parties.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t defaultSamples = 2000;
constexpr double mostTimesIdle = 5;
constexpr uint32_t members = 4;
constexpr auto unfolds = 700ms;  // an attack, before anything is measured

struct Abuser {
    std::string kind;
    ApiDoor door = ApiDoor::Agent;
    uint32_t member = 0;  // which of the four; over TCP without a token nobody knows
    uint64_t connections = 100;
    uint64_t sources = 1;  // addresses of the loopback network
    bool token = false;
};
struct Attack {
    std::string name;
    std::vector<Abuser> by;
};

Attack everybody(const std::string& name, const std::string& kind, uint64_t connections) {
    return {name,
            {{kind, ApiDoor::Agent, 0, connections},
             {kind, ApiDoor::Agent, 1, connections},
             {kind, ApiDoor::Secretary, 2, connections},
             {kind, ApiDoor::Tcp, 3, connections, 250, true}}};
}

std::vector<Attack> attacks() {
    const auto agent = ApiDoor::Agent, secretary = ApiDoor::Secretary, tcp = ApiDoor::Tcp;
    std::vector<Attack> all{
        {"10,000 connections, Unix",
         {{"idle", agent, 0, 2500}, {"idle", agent, 1, 2500}, {"idle", agent, 2, 2500}, {"idle", secretary, 3, 2500}}},
        {"10,000 connections, TCP", {{"idle", tcp, 0, 5000, 250}, {"idle", tcp, 1, 5000, 1}}},
        everybody("connections come and go", "churn", 500),
        everybody("headers, a byte a second", "slow-headers", 500),
        everybody("bodies, a byte a second", "slow-body", 500),
        everybody("replies not read", "unread", 500),
        everybody("1 GB bodies", "big-length", 50),
        everybody("1 GB bodies in chunks", "big-chunked", 50),
        everybody("JSON 100,000 deep", "deep-json", 50),
        everybody("headers without end", "header-flood", 50),
        everybody("pipelining", "pipelining", 50),
        everybody("flood of status", "status", 200),
        everybody("flood of quotes", "quotes", 100),
        everybody("flood of purchases", "purchases", 100),
        everybody("flood of histories", "history", 100),
        everybody("watch streams", "watch", 500),
        everybody("garbage", "garbage", 200)};
    Attack together{"all of it together", {}};
    const std::vector<std::string> kinds{"slow-headers", "unread", "big-chunked", "deep-json", "pipelining",
                                         "status",       "quotes", "purchases",   "watch",     "garbage"};
    for (size_t i = 0; i < kinds.size(); ++i) {
        const auto member = static_cast<uint32_t>(i % members);
        together.by.push_back({kinds[i], i % 3 == 2 ? tcp : agent, member, 200, 250, true});
    }
    all.push_back(std::move(together));
    return all;
}

uint64_t memoryOf(pid_t process, const std::string& what) {
    std::ifstream file("/proc/" + std::to_string(process) + "/status");
    std::string word;
    while (file >> word && word != what) continue;
    uint64_t kilobytes = 0;
    file >> kilobytes;
    return kilobytes;
}

uint64_t descriptorsOf(pid_t process) {
    std::error_code error;
    const std::filesystem::directory_iterator folder("/proc/" + std::to_string(process) + "/fd", error);
    return error ? 0 : static_cast<uint64_t>(std::distance(begin(folder), end(folder)));
}

class ApiAbuseRun {
public:
    ApiAbuseRun(ScenarioContext& context, AbusedAgent agent)
        : m_context(context),
          m_agent(std::move(agent)),
          m_samples(context.options().requests != 0 ? context.options().requests : defaultSamples) {}

    Expected<void> run() {
        const pid_t agent = m_agent.agent(), secretary = m_agent.secretary();
        LAB_TRY(keepOne());
        const auto before = m_agent.settings();
        if (!before) return tl::unexpected(before.error());
        m_context.say("Nobody attacks: an honest user asks " + std::to_string(m_samples) + " times.");
        LAB_TRY(measure("idle", nullptr));
        m_context.say("Other users and web pages ask for what they must not get.");
        LAB_TRY(intrusions());
        for (const Attack& attack : attacks()) LAB_TRY(abuse(attack));
        m_context.say("Nobody attacks any more.");
        LAB_TRY(measure("afterwards", nullptr));
        LAB_TRY(judge(*before));
        Json& result = m_context.result();
        result["agent"] = {
            {"alive", m_agent.agent() == agent && m_context.lab().program(agentProgram(m_agent.host))->running()},
            {"peak_kb", memoryOf(agent, "VmHWM:")},
            {"most_descriptors", m_mostDescriptors}};
        result["secretary"] = {{"alive", m_agent.secretary() == secretary}, {"peak_kb", memoryOf(secretary, "VmHWM:")}};
        m_context.expect(result["agent"]["alive"].get<bool>(), "the agent did not survive");
        m_context.expect(result["secretary"]["alive"].get<bool>(), "the secretary did not survive");
        return m_context.lab().checkPrograms();
    }

private:
    // The honest user's, which nobody else may see or end.
    Expected<void> keepOne() {
        auto client = m_agent.honestClient("buy", {"requests=1", "keep=1", "name=kept", "first_port=1000"});
        if (!client) return tl::unexpected(client.error());
        const auto told = client->finish(40s);
        if (!told) return tl::unexpected(told.error());
        m_kept = told->value("last", "");
        // Later their own crowds take all the connections that they may have.
        for (uint32_t uid = AbusedAgent::firstMember; uid < AbusedAgent::firstMember + members; ++uid) {
            auto token = m_agent.token(uid, "request");
            if (!token) return tl::unexpected(token.error());
            m_tokens[uid] = std::move(*token);
        }
        m_context.result()["attackers"] = "nice " + std::to_string(AbusedAgent::attackersNice);
        if (m_kept.empty()) return fail(LabErrc::Evidence, "the honest user cannot buy: " + told->dump());
        return {};
    }

    Expected<void> intrusions() {
        const auto asked = intrude(m_agent, m_kept);
        if (!asked) return tl::unexpected(asked.error());
        const auto browsed = intrudeByBrowser(m_agent);
        if (!browsed) return tl::unexpected(browsed.error());
        m_granted += *asked + *browsed;
        return {};
    }

    // What the honest user meets now; `entry` is where an attack is reported, null: nobody attacks.
    Expected<void> measure(const std::string& name, Json* entry) {
        const uint64_t firstPort = 2000 + 1000 * m_measured++;
        auto buyer = m_agent.honestClient(
            "buy", {"requests=100000", "pause_us=1000000", "name=" + name, "first_port=" + std::to_string(firstPort)});
        auto asker = m_agent.honestClient("status", {"requests=" + std::to_string(m_samples)});
        if (!buyer || !asker) return fail(LabErrc::Process, "the honest user's program does not start");
        while (asker->process().running()) {
            m_mostDescriptors = std::max(m_mostDescriptors, descriptorsOf(m_agent.agent()));
            std::this_thread::sleep_for(50ms);
        }
        const auto status = asker->finish(1s);
        const auto bought = status ? buyer->stop(60s) : status;
        if (!bought) return tl::unexpected(bought.error());
        Json honest = *status;
        honest["bought"] = (*bought)["bought"];
        honest["buy_p50_ms"] = (*bought)["buy_p50_ms"];
        const uint64_t unanswered = honest.value("unanswered", uint64_t{0}) + bought->value("unanswered", uint64_t{0});
        m_context.expect(unanswered == 0, name + ": the honest user was not served " + std::to_string(unanswered) +
                                              " times: " + (*status)["troubles"].dump() + " " +
                                              (*bought)["troubles"].dump());
        m_context.expect(bought->value("bought", uint64_t{0}) > 0, name + ": the honest user bought nothing");
        const double p99 = honest.value("p99_ms", 0.0);
        if (entry == nullptr) {
            if (m_idle == 0) m_idle = p99;
            m_context.result()[name] = std::move(honest);
        } else {
            const double ratio = m_idle > 0 ? p99 / m_idle : 0;
            m_worst = std::max(m_worst, ratio);
            (*entry)["honest"] = std::move(honest);
            (*entry)["p99_times_idle"] = ratio;
        }
        return {};
    }

    Expected<void> abuse(const Attack& attack) {
        std::vector<Tool> abusers;
        for (const Abuser& one : attack.by) {
            const uint32_t uid = AbusedAgent::firstMember + one.member;
            auto arguments = m_agent.toolArguments(one.door, uid, AbusedAgent::attackersNice);
            arguments.insert(arguments.end(), {"kind=" + one.kind, "connections=" + std::to_string(one.connections),
                                               "sources=" + std::to_string(one.sources),
                                               "seed=" + std::to_string(++m_seed * 1'000'000)});
            if (one.token && one.door == ApiDoor::Tcp) arguments.push_back("token=" + m_tokens.at(uid));
            auto tool = Tool::start(m_context.lab(), m_agent.host, "api-abuser", std::move(arguments));
            if (!tool) return tl::unexpected(tool.error());
            abusers.push_back(std::move(*tool));
        }
        std::this_thread::sleep_for(unfolds);
        Json entry{{"name", attack.name}};
        LAB_TRY(measure(attack.name, &entry));
        uint64_t connections = 0, requests = 0, granted = 0, most = 0;
        Json answers = Json::object();
        for (size_t i = 0; i < abusers.size(); ++i) {
            const auto told = abusers[i].stop(20s);
            if (!told) return tl::unexpected(told.error());
            connections += told->value("connections", uint64_t{0}) + told->value("turned_away", uint64_t{0});
            requests += told->value("requests", uint64_t{0});
            most += told->value("most_at_once", uint64_t{0});
            for (const auto& [status, count] : (*told)["answers"].items()) {
                answers[status] = answers.value(status, uint64_t{0}) + count.get<uint64_t>();
                if (isGrant(attack.by[i].kind, status)) granted += count.get<uint64_t>();
            }
        }
        m_granted += granted;
        m_context.expect(granted == 0, attack.name + ": granted " + std::to_string(granted) + " times");
        m_context.expect(connections > 0, attack.name + ": there was no attack");
        entry["connections"] = connections;
        entry["open_at_once"] = most;
        entry["requests"] = requests;
        entry["answers"] = std::move(answers);
        entry["granted"] = granted;
        std::ostringstream line;
        line.precision(3);
        line << "  " << attack.name << ": p99 " << entry["honest"]["p99_ms"].get<double>() << " ms, "
             << entry["p99_times_idle"].get<double>() << " times idle; " << entry["answers"].dump();
        m_context.say(line.str());
        m_context.result()["attacks"].push_back(std::move(entry));
        return {};
    }

    // Members may ask for their own state and for prices, but nobody has allowed them to buy, and nonsense is never right.
    static bool isGrant(const std::string& kind, const std::string& status) {
        static const std::set<std::string> harmless{"status",     "quotes", "history",     "watch",
                                                    "pipelining", "unread", "slow-headers"};
        return status.starts_with("2") && !harmless.contains(kind);
    }

    Expected<void> judge(const Json& before) {
        const auto after = m_agent.settings();
        if (!after) return tl::unexpected(after.error());
        m_context.expect(*after == before, "the owner's settings have changed: " + Json::diff(before, *after).dump());
        const auto kept = m_agent.owner("GET", "/v1/purchases/" + m_kept);
        m_context.expect(kept && kept->value("state", "") == "active", "the honest user's first purchase has ended");
        const auto open = m_agent.owner("GET", "/v1/purchases");
        if (!open) return tl::unexpected(open.error());
        uint64_t foreign = 0;
        for (const Json& purchase : (*open)["purchases"]) {
            foreign += purchase.value("uid", uint32_t{0}) != AbusedAgent::honest ? 1U : 0U;
        }
        m_context.expect(foreign == 0, std::to_string(foreign) + " purchases of attackers are open");
        const auto byUser = m_agent.owner("GET", "/v1/totals?by=user");
        if (!byUser) return tl::unexpected(byUser.error());
        Json& result = m_context.result();
        result["spent_by_user"] = (*byUser)["totals"];
        result["purchases_of_attackers"] = foreign;
        m_granted += foreign;
        result["granted"] = m_granted;
        result["nothing_granted"] = m_granted == 0;
        result["p99_idle_ms"] = m_idle;
        result["worst_p99_times_idle"] = m_worst;
        result["within_5x"] = m_worst <= mostTimesIdle;
        // Only where there is time to measure is there a judgement.
        if (m_samples >= defaultSamples) {
            m_context.expect(m_worst <= mostTimesIdle, "under attack the honest user waits " + std::to_string(m_worst) +
                                                           " times as long as else");
        }
        return {};
    }

    ScenarioContext& m_context;
    AbusedAgent m_agent;
    uint64_t m_samples;
    uint64_t m_measured = 0, m_seed = 0, m_granted = 0, m_mostDescriptors = 0;
    double m_idle = 0, m_worst = 0;
    std::string m_kept;
    std::map<uint32_t, std::string> m_tokens;
};

Expected<void> run(ScenarioContext& context) {
    auto agent = AbusedAgent::prepare(context);
    if (!agent) return tl::unexpected(agent.error());
    return ApiAbuseRun(context, std::move(*agent)).run();
}

}  // namespace

Scenario apiAbuseScenario() {
    return {"api-abuse",
            "other users, web pages, slow and hostile clients at the agent's local API: nothing granted, nobody kept "
            "waiting",
            "single-isp",
            {},
            run};
}

}  // namespace netpas::lab
