// netpas routes: which neighbour packets go to, and what it asks for that.
#include <memory>
#include <string>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

std::string numberAt(const json& route, const char* name) {
    return route.contains(name) ? std::to_string(route.value(name, 0)) : "-";
}

void show(const json& body, const std::string& to) {
    if (const std::string trouble = textAt(body, "trouble"); !trouble.empty()) print(trouble + "\n");
    Rows rows{{"TO", "INTERFACE", "NEIGHBOUR", "ASKS $/kB", "METRIC", "ITS OWN WAY"}};
    for (const json& route : body.value("routes", json::array())) {
        const std::string price = textAt(route, "price_per_kb");
        rows.push_back({textAt(route, "to"), textAt(route, "interface"), textAt(route, "via"),
                        price.empty() ? "-" : price, numberAt(route, "metric"), numberAt(route, "neighbour_claims")});
    }
    if (rows.size() == 1) {
        print(to.empty() ? "no route goes through a neighbour\n" : "no route to " + to + " goes through a neighbour\n");
        return;
    }
    print(table(rows));
    if (body.value("more", false)) print("and more; netpas routes --to ADDRESS\n");
    print("by " + std::string(textAt(body, "source") == "babeld" ? "babeld" : "the kernel's table") + "\n");
}

Exit routes(const Client& client, Output output, const std::string& to) {
    const std::string target = to.empty() ? "/v1/routes" : "/v1/routes?to=" + netpas::net::encodeQueryValue(to);
    const auto answer = client.call("GET", target);
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        show(answer->body, to);
    }
    return Exit::Ok;
}

}  // namespace

void addRouteVerbs(CLI::App& app, Action& chosen) {
    const auto to = std::make_shared<std::string>();
    CLI::App* const verb = addVerb(app, chosen, "routes", "which neighbour packets go to, and what it asks",
                                   [to](const Client& client, Output output) { return routes(client, output, *to); });
    verb->add_option("--to", *to, "the route to this address");
}

}  // namespace netpas::cli
