#include <grp.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/api_abuse.h"
#include "app/lab/scenario/process_tree.h"
#include "core/net/http_client.h"

namespace netpas::lab {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// A group that every Debian has; its members are the numbers above, who need no names.
constexpr const char* groupName = "users";

gid_t groupNumber() {
    const ::group* const found = ::getgrnam(groupName);
    return found != nullptr ? found->gr_gid : 0;
}

// What changes by being used.
void dropWhatUseChanges(Json& value) {
    if (value.is_object()) {
        for (const char* name : {"hits", "spent", "last_used", "changed", "reserved", "left", "used", "now"})
            value.erase(name);
    }
    if (!value.is_structured()) return;
    for (Json& part : value) dropWhatUseChanges(part);
}

}  // namespace

std::string nameOf(ApiDoor door) {
    switch (door) {
    case ApiDoor::Agent: return "agent's socket";
    case ApiDoor::Secretary: return "secretary's socket";
    case ApiDoor::Tcp: return "loopback TCP";
    }
    return {};
}

Json ApiAnswer::body() const {
    const size_t at = text.find("\r\n\r\n");
    Json parsed = at == std::string::npos ? Json() : Json::parse(text.substr(at + 4), nullptr, false);
    return parsed.is_discarded() ? Json() : parsed;
}

Expected<AbusedAgent> AbusedAgent::prepare(ScenarioContext& context) {
    AbusedAgent agent(context);
    agent.m_folder = agent.m_lab.folder() + "/abuse";
    agent.m_program = agent.m_folder + "/honest";
    std::error_code error;
    fs::create_directories(agent.m_folder, error);
    fs::copy_file("/proc/self/exe", agent.m_program, fs::copy_options::overwrite_existing, error);
    if (error) return fail(LabErrc::Process, "cannot copy the honest user's program: " + error.message());
    LAB_TRY(agent.restart());
    const Json rule{{"match", {{"app", agent.m_program}}}, {"grant", {{"action", "allow"}, {"up_to", "always"}}}};
    if (const auto made = agent.owner("POST", "/v1/rules", rule); !made) return tl::unexpected(made.error());
    return agent;
}

// With a group that others are in, and with the port.
Expected<void> AbusedAgent::restart() {
    m_lab.stopProgram(agentProgram(host));
    std::vector<std::string> argv{programPath("netpasd"), "--socket", agentSocket(m_lab.name(), host), "--listen-tcp",
                                  "127.0.0.1:" + std::to_string(tcpPort)};
    for (const std::string& argument : agentArguments(m_lab, host)) {
        argv.push_back(argument.empty() ? groupName : argument);
    }
    LAB_TRY(m_lab.startProgram(agentProgram(host), host, std::move(argv)));
    return waitUntil("netpasd to answer", 20s, [&] { return netpas(m_lab, host, {"status"}).has_value(); });
}

std::string AbusedAgent::socketOf(ApiDoor door) const {
    const std::string socket = agentSocket(m_lab.name(), host);
    return door == ApiDoor::Agent ? socket : (fs::path(socket).parent_path() / "secretary.sock").string();
}

std::vector<std::string> AbusedAgent::toolArguments(ApiDoor door, uint32_t uid, int nice) const {
    std::vector<std::string> arguments{"uid=" + std::to_string(uid), "nice=" + std::to_string(nice)};
    if (uid != outsider) arguments.push_back("group=" + std::to_string(groupNumber()));
    arguments.push_back(door == ApiDoor::Tcp ? "port=" + std::to_string(tcpPort) : "socket=" + socketOf(door));
    return arguments;
}

Expected<std::vector<ApiAnswer>> AbusedAgent::ask(ApiDoor door, uint32_t uid,
                                                  const std::vector<ApiRequest>& requests) const {
    const std::string file = m_folder + "/requests-" + std::to_string(++m_files);
    std::ofstream out(file);
    for (const ApiRequest& request : requests) {
        Json headers = Json::array();
        for (const auto& [name, value] : request.headers) headers.push_back({name, value});
        out << Json{{"method", request.method},
                    {"path", request.path},
                    {"body", request.body},
                    {"version", request.version},
                    {"headers", std::move(headers)}}
                   .dump()
            << "\n";
    }
    if (!out.flush()) return fail(LabErrc::State, file + " cannot be written");
    auto arguments = toolArguments(door, uid, 0);
    arguments.push_back("file=" + file);
    auto tool = Tool::start(m_lab, host, "api-intruder", std::move(arguments));
    if (!tool) return tl::unexpected(tool.error());
    const auto told = tool->finish(std::chrono::seconds(30) + 4s * requests.size());
    if (!told) return tl::unexpected(told.error());
    std::vector<ApiAnswer> answers;
    for (const Json& one : (*told)["answers"]) {
        answers.push_back({one.value("status", 0), one.value("code", ""), one.value("text", "")});
    }
    if (answers.size() != requests.size()) return fail(LabErrc::Evidence, "the intruder did not ask everything");
    return answers;
}

Expected<std::string> AbusedAgent::token(uint32_t uid, const std::string& role) const {
    const auto made = ask(ApiDoor::Agent, uid,
                          {{"POST",
                            "/v1/tokens",
                            Json{{"client", "abuse"}, {"role", role}}.dump(),
                            {{"Host", "netpas"}, {"Content-Type", "application/json"}}}});
    if (!made) return tl::unexpected(made.error());
    const Json body = made->front().body();
    if (made->front().status != 201 || !body.is_object()) {
        return fail(LabErrc::Evidence, "no token for user " + std::to_string(uid) + ": " + made->front().text);
    }
    return body.value("token", "");
}

Expected<Json> AbusedAgent::owner(const std::string& method, const std::string& path, const Json& body) const {
    net::HttpCall call;
    call.method = method;
    call.target = path;
    call.timeout = 20s;
    call.maxBody = size_t{64} << 20;
    if (!body.is_null()) call.body = body.dump();
    const auto answer = net::httpCall(net::UnixTarget{socketOf(ApiDoor::Secretary)}, call);
    if (!answer || answer->status >= 400) {
        return fail(LabErrc::Evidence, "the owner's " + method + " " + path + ": " +
                                           (answer ? answer->body : std::string(net::describe(answer.error()))));
    }
    return Json::parse(answer->body, nullptr, false);
}

Expected<Tool> AbusedAgent::honestClient(const std::string& what, std::vector<std::string> more) const {
    std::vector<std::string> argv{m_program,
                                  "tool",
                                  "honest-client",
                                  "what=" + what,
                                  std::string("domain=") + secret,
                                  "to=" + m_context.address("a").toString()};
    for (std::string& argument : toolArguments(ApiDoor::Agent, honest, 0)) argv.push_back(std::move(argument));
    for (std::string& argument : more) argv.push_back(std::move(argument));
    return Tool::startProgram(m_lab, host, "honest-" + what, std::move(argv));
}

Expected<Json> AbusedAgent::settings() const {
    Json all = Json::object();
    for (const char* path : {"/v1/rules", "/v1/contacts", "/v1/budget", "/v1/mode", "/v1/payees", "/v1/household",
                             "/v1/receiving", "/v1/vault"}) {
        auto one = owner("GET", path);
        if (!one) return tl::unexpected(one.error());
        dropWhatUseChanges(*one);
        all[path] = std::move(*one);
    }
    const auto status = owner("GET", "/v1/status");
    if (!status) return tl::unexpected(status.error());
    all["isp"] = (*status)["isp"].value("id", Json());
    return all;
}

pid_t AbusedAgent::agent() const { return m_lab.program(agentProgram(host))->pid(); }
pid_t AbusedAgent::secretary() const { return descendantWith(agent(), "--role secretary").value_or(-1); }

}  // namespace netpas::lab
