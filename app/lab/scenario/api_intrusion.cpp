// api-abuse: processes of other users and web pages ask for what their role does not have.
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "app/lab/scenario/api_abuse.h"
#include "app/lab/scenario/owners_requests.h"

namespace netpas::lab {
namespace {

const std::string ownHost = "127.0.0.1:" + std::to_string(AbusedAgent::tcpPort);
constexpr uint32_t member = AbusedAgent::firstMember;
constexpr const char* foreignHost = "evil.example:46720";

using Headers = std::vector<std::pair<std::string, std::string>>;
using Granted = std::function<bool(const ApiAnswer&)>;

bool answered(const ApiAnswer& answer) { return answer.status >= 200 && answer.status < 400; }
bool letsPagesRead(const ApiAnswer& answer) { return answer.text.find("Access-Control-Allow") != std::string::npos; }
bool tells(const ApiAnswer& answer) { return answer.text.find(AbusedAgent::secret) != std::string::npos; }

class Intrusion {
public:
    Intrusion(const AbusedAgent& agent, std::string purchase)
        : m_agent(agent), m_context(agent.context()), m_purchase(std::move(purchase)) {}

    Expected<uint64_t> run() {
        LAB_TRY(strangers());
        LAB_TRY(ownersRights());
        LAB_TRY(othersPurchases());
        LAB_TRY(othersTokens());
        LAB_TRY(withoutToken());
        LAB_TRY(webPages());
        return m_granted;
    }

private:
    // Nobody answers a stranger with anything but the kernel's refusal; everybody else is answered, and with a refusal.
    Expected<void> attempt(const std::string& who, const std::string& what, ApiDoor door, uint32_t uid,
                           const std::vector<ApiRequest>& requests, const Granted& granted) {
        const auto answers = m_agent.ask(door, uid, requests);
        if (!answers) return tl::unexpected(answers.error());
        Json counts = Json::object();
        uint64_t given = 0;
        for (size_t i = 0; i < answers->size(); ++i) {
            const ApiAnswer& answer = (*answers)[i];
            const std::string told =
                answer.status == 0 ? answer.code
                                   : std::to_string(answer.status) + (answer.code.empty() ? "" : " ") + answer.code;
            counts[told] = counts.value(told, 0) + 1;
            const bool got = granted(answer);
            given += got ? 1 : 0;
            m_context.expect(!got, who + ", " + what + ", " + nameOf(door) + ": " + requests[i].method + " " +
                                       requests[i].path + " got " + answer.text.substr(0, 300));
        }
        m_granted += given;
        m_context.result()["intruders"].push_back({{"who", who},
                                                   {"what", what},
                                                   {"door", nameOf(door)},
                                                   {"requests", requests.size()},
                                                   {"answers", std::move(counts)},
                                                   {"granted", given}});
        return {};
    }

    [[nodiscard]] static Headers bearer(const std::string& token) {
        return {{"Host", ownHost}, {"Authorization", "Bearer " + token}};
    }
    [[nodiscard]] std::string flowJson() const {
        return Json{{"to", m_context.address("a").toString()}, {"cap", "0.01"}, {"purpose", "intrusion"}}.dump();
    }

    Expected<void> strangers() {
        const std::vector<ApiRequest> requests{{"GET", "/v1/status"}, {"POST", "/v1/purchases", flowJson()}};
        for (const ApiDoor door : {ApiDoor::Agent, ApiDoor::Secretary}) {
            LAB_TRY(attempt("user outside the group", "anything", door, AbusedAgent::outsider, requests,
                            [](const ApiAnswer& answer) { return answer.code != "EACCES"; }));
        }
        return {};
    }

    Expected<void> ownersRights() {
        const auto token = m_agent.token(member, "request");
        if (!token) return tl::unexpected(token.error());
        for (const ApiDoor door : {ApiDoor::Agent, ApiDoor::Secretary, ApiDoor::Tcp}) {
            std::vector<ApiRequest> requests;
            for (const auto& [method, path] : ownersOnly) {
                const bool empty = std::string_view(method) == "GET";
                requests.push_back(
                    {method, path, empty ? "" : "{}", door == ApiDoor::Tcp ? bearer(*token) : Headers{}});
            }
            LAB_TRY(attempt("user of the group", "what only the owner may", door, member, requests,
                            [](const ApiAnswer& answer) { return answer.status != 403; }));
        }
        return {};
    }

    Expected<void> othersPurchases() {
        const std::string path = "/v1/purchases/" + m_purchase;
        const std::vector<ApiRequest> direct{{"GET", path},
                                             {"GET", path + "/evidence"},
                                             {"PUT", path + "/label", R"({"label":"mine"})"},
                                             {"GET", "/v1/payments/" + m_purchase},
                                             {"DELETE", "/v1/payments/" + m_purchase},
                                             {"DELETE", path}};
        // What every user may ask, about himself.
        const std::vector<ApiRequest> lists{{"GET", "/v1/purchases"},
                                            {"GET", "/v1/history?limit=100"},
                                            {"GET", "/v1/history.csv"},
                                            {"GET", "/v1/totals?by=domain"},
                                            {"GET", "/v1/payments"},
                                            {"GET", "/v1/content"},
                                            {"GET", "/v1/deliveries"},
                                            {"GET", "/v1/watch"},
                                            {"GET", "/v1/status"},
                                            // As the honest user did; it must not become the same purchase.
                                            {"POST", "/v1/purchases", flowJson(), {{"Idempotency-Key", "kept-0"}}}};
        for (const ApiDoor door : {ApiDoor::Agent, ApiDoor::Secretary}) {
            LAB_TRY(attempt("user of the group", "another user's purchase", door, member, direct, answered));
            LAB_TRY(attempt("user of the group", "lists without other users' purchases", door, member, lists, tells));
        }
        const auto still = m_agent.owner("GET", path);
        m_context.expect(still && still->value("state", "") == "active",
                         "another user ended the honest user's purchase");
        return {};
    }

    Expected<void> othersTokens() {
        const auto made = m_agent.token(AbusedAgent::honest, "request");
        if (!made) return tl::unexpected(made.error());
        const auto own = m_agent.ask(ApiDoor::Agent, AbusedAgent::honest, {{"GET", "/v1/tokens"}});
        if (!own) return tl::unexpected(own.error());
        const Json list = own->front().body().value("tokens", Json::array());
        if (list.empty()) return fail(LabErrc::Evidence, "no list of tokens: " + own->front().text);
        const std::string id = list[0]["id"].is_string() ? list[0]["id"].get<std::string>() : list[0]["id"].dump();
        return attempt("user of the group", "another user's token", ApiDoor::Agent, member,
                       {{"DELETE", "/v1/tokens/" + id}, {"GET", "/v1/tokens/" + id}}, answered);
    }

    Expected<void> withoutToken() {
        const auto readOnly = m_agent.token(member, "read");
        if (!readOnly) return tl::unexpected(readOnly.error());
        const Headers host{{"Host", ownHost}};
        Headers wrong = bearer(std::string(readOnly->size(), 'a'));
        Headers basic = host;
        basic.emplace_back("Authorization", "Basic " + *readOnly);
        std::vector<ApiRequest> requests;
        for (const char* path : {"/v1/status", "/v1/purchases", "/v1/watch", "/v1/tokens", "/v1/services"}) {
            requests.push_back({"GET", path, "", host});
            requests.push_back({"GET", path, "", wrong});
            requests.push_back({"GET", path, "", basic});
            requests.push_back({"GET", std::string(path) + "?access_token=" + *readOnly, "", host});
        }
        LAB_TRY(attempt("user outside the group", "no token, or a wrong one", ApiDoor::Tcp, AbusedAgent::outsider,
                        requests, answered));
        return attempt("holder of a token to read", "requests", ApiDoor::Tcp, member,
                       {{"POST", "/v1/purchases", flowJson(), bearer(*readOnly)},
                        {"POST", "/v1/quotes", flowJson(), bearer(*readOnly)},
                        {"POST", "/v1/tokens", R"({"client":"x","role":"request"})", bearer(*readOnly)},
                        {"POST", "/quality-on-demand/v1/sessions", "{}", bearer(*readOnly)}},
                       answered);
    }

    // As browsers of all ages send what a page asks for; the page may even know a token.
    Expected<void> webPages() {
        const auto token = m_agent.token(member, "request");
        if (!token) return tl::unexpected(token.error());
        const std::vector<std::pair<std::string, Headers>> pages{
            {"with Origin", {{"Origin", "https://evil.example"}}},
            {"with an opaque Origin", {{"Origin", "null"}}},
            {"with Origin of this machine", {{"Origin", "http://localhost"}}},
            {"with Referer", {{"Referer", "https://evil.example/page"}}},
            {"with Sec-Fetch-Site", {{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "no-cors"}}},
            {"with Sec-Fetch-Mode", {{"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "iframe"}}}};
        for (const auto& [how, said] : pages) {
            LAB_TRY(page(how, ApiDoor::Tcp, ownHost, said, *token));
            LAB_TRY(page(how, ApiDoor::Tcp, ownHost, said, ""));
            LAB_TRY(page(how, ApiDoor::Agent, "netpas", said, ""));
            LAB_TRY(page(how, ApiDoor::Secretary, "netpas", said, ""));
        }
        // DNS rebinding: the page's own name leads here now, and for the browser that is no other site.
        LAB_TRY(page("rebound name", ApiDoor::Tcp, foreignHost, {}, *token));
        LAB_TRY(page("rebound name", ApiDoor::Agent, foreignHost, {}, ""));
        LAB_TRY(page("rebound name", ApiDoor::Secretary, foreignHost, {}, ""));
        LAB_TRY(page("right name and another one", ApiDoor::Tcp, ownHost, {{"Host", foreignHost}}, *token));
        return attempt("web page", "without Host", ApiDoor::Tcp, member,
                       {{"GET", "/v1/status", "", {{"Authorization", "Bearer " + *token}}, "HTTP/1.0"},
                        {"GET", "/v1/status", "", {{"Authorization", "Bearer " + *token}}}},
                       answered);
    }

    Expected<void> page(const std::string& how, ApiDoor door, const std::string& host, const Headers& said,
                        const std::string& token) {
        Headers headers{{"Host", host}};
        headers.insert(headers.end(), said.begin(), said.end());
        if (!token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
        Headers simple = headers;  // of a form, or of fetch() without asking first
        simple.emplace_back("Content-Type", "text/plain");
        Headers preflight = headers;
        preflight.emplace_back("Access-Control-Request-Method", "POST");
        const std::vector<ApiRequest> requests{{"GET", "/v1/status", "", headers},
                                               {"GET", "/v1/watch", "", headers},
                                               {"GET", "/v1/purchases", "", headers},
                                               {"POST", "/v1/purchases", flowJson(), simple},
                                               {"POST", "/v1/quotes", flowJson(), simple},
                                               {"POST", "/v1/tokens", R"({"client":"page","role":"request"})", simple},
                                               {"OPTIONS", "/v1/purchases", "", preflight},
                                               {"DELETE", "/v1/purchases/" + m_purchase, "", headers},
                                               {"GET", "/qos-profiles/v1/qos-profiles/most", "", headers}};
        return attempt("web page", how + (token.empty() ? "" : ", and a token"), door, member, requests,
                       [](const ApiAnswer& answer) { return answered(answer) || letsPagesRead(answer); });
    }

    const AbusedAgent& m_agent;
    ScenarioContext& m_context;
    std::string m_purchase;
    uint64_t m_granted = 0;
};

}  // namespace

Expected<uint64_t> intrude(const AbusedAgent& agent, const std::string& purchase) {
    return Intrusion(agent, purchase).run();
}

}  // namespace netpas::lab
