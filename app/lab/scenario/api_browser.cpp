// api-abuse: a page in the real Chromium asks the agent's loopback port, by its address and by a name of the page's own that leads here.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/scenario/api_abuse.h"
#include "app/lab/tools/media.h"

namespace netpas::lab {
namespace {

namespace fs = std::filesystem;

constexpr uint16_t sitePort = 8088;

// Says for each request whether the page could read the answer. The first is of its own site: it must be readable.
constexpr const char* pageText = R"page(<!doctype html><title>page</title><body><script>
const agent = ['http://127.0.0.1:46720', 'http://localhost:46720', 'http://rebound.example:46720'];
const token = {Authorization: 'Bearer TOKEN'};
const asks = [['own site', '/page.html', {}]];
for (const at of agent) {
  for (const path of ['/v1/status', '/v1/purchases', '/v1/watch', '/v1/tokens']) {
    asks.push(['cors', at + path, {}]);
    asks.push(['no-cors', at + path, {mode: 'no-cors'}]);
    asks.push(['with a token', at + path, {headers: token}]);
  }
  const body = '{"to":"192.0.2.1","cap":"0.01"}';
  asks.push(['form', at + '/v1/purchases', {method: 'POST', mode: 'no-cors', body}]);
  asks.push(['json', at + '/v1/purchases', {method: 'POST', body, headers: {'Content-Type': 'application/json', ...token}}]);
  asks.push(['put', at + '/v1/mode', {method: 'PUT', body: '{"mode":"ask"}'}]);
}
(async () => {
  const told = [];
  for (const [how, url, options] of asks) {
    let text = '';
    try { text = await (await fetch(url, options)).text(); } catch (error) {}
    told.push({how, url, readable: text.length > 0});
  }
  const out = document.createElement('pre');
  out.id = 'told';
  out.textContent = JSON.stringify(told);
  document.body.append(out);
})();
</script></body>
)page";

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
    const size_t from = text.find(begin);
    const size_t to = from == std::string::npos ? from : text.find(end, from + begin.size());
    return to == std::string::npos ? std::string{} : text.substr(from + begin.size(), to - from - begin.size());
}

// What the page is in the end.
Expected<std::string> browse(const AbusedAgent& agent, const std::string& folder, const std::string& url) {
    const std::string user = std::to_string(AbusedAgent::firstMember);
    const auto shown = runCommand({"ip",
                                   "netns",
                                   "exec",
                                   agent.lab().netns(AbusedAgent::host),
                                   "timeout",
                                   "-s",
                                   "KILL",
                                   "90",
                                   "setpriv",
                                   "--reuid=" + user,
                                   "--regid=" + user,
                                   "--clear-groups",
                                   "env",
                                   "HOME=" + folder,
                                   "chromium",
                                   "--headless",
                                   "--no-sandbox",
                                   "--disable-gpu",
                                   "--disable-dev-shm-usage",
                                   "--no-first-run",
                                   "--user-data-dir=" + folder + "/profile",
                                   "--host-resolver-rules=MAP evil.example 127.0.0.1,MAP rebound.example 127.0.0.1",
                                   "--virtual-time-budget=20000",
                                   "--dump-dom",
                                   url});
    if (!shown) return tl::unexpected(shown.error());
    if (shown->status != 0 || shown->out.empty()) {
        return fail(LabErrc::Process,
                    "chromium ended with " + std::to_string(shown->status) + ": " + shown->err.substr(0, 500));
    }
    return shown->out;
}

}  // namespace

Expected<uint64_t> intrudeByBrowser(const AbusedAgent& agent) {
    ScenarioContext& context = agent.context();
    Json& result = context.result();
    if (!fs::exists("/usr/bin/chromium")) {
        context.say("There is no chromium here: no page of a real browser asks.");
        result["chromium"] = "not installed";
        return 0;
    }
    const std::string folder = agent.lab().folder() + "/page";
    std::error_code error;
    fs::create_directories(folder + "/home", error);
    fs::permissions(folder + "/home", fs::perms::all, error);
    const auto token = agent.token(AbusedAgent::firstMember, "request");
    if (!token) return tl::unexpected(token.error());
    std::string page = pageText;
    page.replace(page.find("TOKEN"), sizeof "TOKEN" - 1, *token);
    std::ofstream(folder + "/page.html") << page;
    const auto server = startWebServer(agent.lab(), AbusedAgent::host, Film{folder, "page.html", 0}, sitePort);
    if (!server) return tl::unexpected(server.error());
    const auto shown =
        browse(agent, folder + "/home", "http://evil.example:" + std::to_string(sitePort) + "/page.html");
    if (!shown) return tl::unexpected(shown.error());
    const Json told = Json::parse(between(*shown, "<pre id=\"told\">", "</pre>"), nullptr, false);
    if (!told.is_array() || told.size() < 2) return fail(LabErrc::Evidence, "the page did not report: " + *shown);
    context.expect(told[0].value("readable", false), "the page cannot even read its own site: nothing is proved");
    uint64_t granted = 0;
    for (size_t i = 1; i < told.size(); ++i) {
        const bool got = told[i].value("readable", true);
        granted += got ? 1 : 0;
        context.expect(!got, "a page can read " + told[i].dump());
    }
    // Gone to by that name, the agent's answer is the page.
    const auto rebound = browse(agent, folder + "/home",
                                "http://rebound.example:" + std::to_string(AbusedAgent::tcpPort) + "/v1/status");
    if (!rebound) return tl::unexpected(rebound.error());
    const bool refused = rebound->find("RESTRICTED") != std::string::npos;
    granted += refused ? 0 : 1;
    context.expect(refused, "a rebound name leads to " + *rebound);
    agent.lab().stopProgram(*server);
    result["chromium"] = {{"requests", told.size()}, {"granted", granted}};
    return granted;
}

}  // namespace netpas::lab
