// netpas up, down, netcheck: whether anything is bought at all, and what stands in the way.
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

class Findings {
public:
    void good(const char* check, const std::string& message) { add("good", check, message, ""); }
    void warning(const char* check, const std::string& message, const std::string& remedy) {
        add("warning", check, message, remedy);
        if (m_level == "good") m_level = "warning";
    }
    void bad(const char* check, const std::string& message, const std::string& remedy) {
        add("bad", check, message, remedy);
        m_level = "bad";
    }
    [[nodiscard]] json body() const { return {{"level", m_level}, {"findings", m_list}}; }
    [[nodiscard]] bool isBad() const { return m_level == "bad"; }

private:
    void add(const char* level, const char* check, const std::string& message, const std::string& remedy) {
        m_list.push_back({{"level", level}, {"check", check}, {"message", message}, {"remedy", remedy}});
    }
    json m_list = json::array();
    std::string m_level = "good";
};

std::string milliseconds(std::chrono::steady_clock::duration time) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f ms", std::chrono::duration<double, std::milli>(time).count());
    return text.data();
}

void checkIsp(const json& status, Findings& found) {
    const json isp = at(status, {"isp"});
    if (isp.is_null()) {
        return found.bad("ISP", "none is joined: there is nobody to buy from", "netpas join https://ADDRESS:PORT/#KEY");
    }
    const std::string name = textAt(isp, "id") + " " + textAt(isp, "name");
    if (isp.value("connected", false)) return found.good("ISP", name + ", its accounting server is connected");
    found.bad("ISP", name + ": its accounting server is not connected, nothing can be bought",
              "check the connection; netpas log");
}

void checkSecretary(const json& status, Findings& found) {
    const std::string ledger = textAt(status, "ledger");
    if (ledger == "ok") return found.good("secretary", "open");
    if (ledger == "locked") return found.bad("secretary", "locked: nothing is spent", "netpas unlock");
    found.bad("secretary", "its ledger cannot be used: nothing is spent", "netpas doctor");
}

void checkPlane(const json& status, Findings& found) {
    const std::string trouble = textAt(at(status, {"data_plane"}), "trouble");
    if (!trouble.empty()) return found.bad("data plane", trouble, "netpas log");
    const json edges = at(status, {"data_plane", "unreachable_edges"});
    if (edges.empty()) return found.good("data plane", "up");
    for (const json& edge : edges) {
        found.warning("edge router", textAt(json{{"edge", edge}}, "edge") + " is unreachable: best effort",
                      "wait, or ask your ISP");
    }
}

void checkMode(const Client& client, Findings& found) {
    const auto mode = client.call("GET", "/v1/mode");
    if (mode && textAt(mode->body, "mode") == "pause") {
        found.warning("mode", "spending is paused", "netpas up");
    }
    const auto budget = client.call("GET", "/v1/budget");
    if (!budget) return;
    const std::string clock = textAt(at(budget->body, {"clock"}), "trouble");
    if (!clock.empty()) found.bad("clock", clock, textAt(at(budget->body, {"clock"}), "hint"));
}

void checkMenus(const Client& client, Findings& found) {
    const auto asked = std::chrono::steady_clock::now();
    const auto menu = client.call("GET", "/v1/services");
    if (!menu) return found.bad("menu", menu.error().message, menu.error().hint);
    found.good("menu", std::to_string(at(menu->body, {"classes"}).size()) + " classes, answered in " +
                           milliseconds(std::chrono::steady_clock::now() - asked));
}

std::string namesOf(const json& menus) {
    std::string text;
    for (const json& menu : menus)
        text += (text.empty() ? "" : " → ") + textAt(menu, "isp") + " " + textAt(menu, "name");
    return text;
}

void checkWay(const Client& client, const std::string& to, Findings& found) {
    const auto survey = client.call("GET", "/v1/services?to=" + net::encodeQueryValue(to));
    if (!survey) return found.bad("way", survey.error().message, survey.error().hint);
    const json paths = at(survey->body, {"paths"});
    if (paths.empty()) {
        return found.warning("way", "no paid way to " + to + " is known; it stays best effort", "netpas services");
    }
    for (const json& path : paths) {
        found.good("way", namesOf(path));
        for (const json& menu : path) {
            const std::string problem = textAt(menu, "problem");
            if (!problem.empty()) found.warning("menu", textAt(menu, "isp") + ": " + problem, "wait, or ask this ISP");
        }
    }
    const auto measured = client.call("GET", "/v1/measurements?to=" + net::encodeQueryValue(to));
    for (const json& one : measured ? at(measured->body, {"segments"}) : json::array()) {
        const json trip = at(one, {"round_trip_ms"});
        if (trip.is_object())
            found.good("round trip",
                       textAt(one, "to_isp") + " " + textAt(one, "name") + ": " + estimateText(trip, 1, 1) + " ms");
    }
}

Exit netcheck(const Client& client, Output output, const std::string& to) {
    Findings found;
    {
        const Progress progress("checking");
        const auto asked = std::chrono::steady_clock::now();
        const auto status = client.call("GET", "/v1/status");
        if (!status) return report(status.error(), output);
        found.good("agent", "version " + textAt(status->body, "version") + ", answered in " +
                                milliseconds(std::chrono::steady_clock::now() - asked));
        checkSecretary(status->body, found);
        if (textAt(status->body, "ledger") == "ok") {
            checkIsp(status->body, found);
            checkMode(client, found);
        }
        checkPlane(status->body, found);
        if (!at(status->body, {"isp"}).is_null()) checkMenus(client, found);
        if (!to.empty()) checkWay(client, to, found);
    }
    if (output.json) {
        printJson(found.body());
    } else {
        printFindings(found.body());
    }
    return found.isBad() ? Exit::Failed : Exit::Ok;
}

// What was pausing on purpose stays as it is in every other respect: rules and budgets are not touched.
Exit up(const Client& client, Output output) {
    const auto mode = client.call("GET", "/v1/mode");
    if (!mode) return report(mode.error(), output);
    if (textAt(mode->body, "mode") == "pause") {
        const auto set = client.call("PUT", "/v1/mode", {{"mode", "ask"}});
        if (!set) return report(set.error(), output);
    }
    return netcheck(client, output, "");
}

Exit down(const Client& client, Output output) {
    auto set = client.call("PUT", "/v1/mode", {{"mode", "pause"}});
    if (!set) {
        if (set.error().exit == Exit::Denied) set.error().hint = "sudo netpas down; netpas stop --all ends your own";
        return report(set.error(), output);
    }
    const Exit stopped = stop(client, output, {}, true);
    if (!output.json && stopped == Exit::Ok) print("everything is best effort; next: netpas up\n");
    return stopped;
}

}  // namespace

void addStandingVerbs(CLI::App& app, Action& chosen) {
    addVerb(app, chosen, "up", "let spending go on after `down` or a pause, and say what stands in the way", up);
    addVerb(app, chosen, "down", "end every purchase and buy nothing until `up`: all is best effort", down);
    const auto to = std::make_shared<std::string>();
    addVerb(app, chosen, "netcheck", "whether everything that buying needs is there, piece by piece",
            [to](const Client& client, Output output) { return netcheck(client, output, *to); })
        ->add_option("--to", *to, "the way to this address, too");
}

}  // namespace netpas::cli
