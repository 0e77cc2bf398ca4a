// netpas deliveries: what was paid for and not delivered, with what was measured, and the classes that are avoided because of it.
#include <cstdio>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

std::string classText(const json& sold) {
    return std::to_string(sold.value("isp", 0)) + "-" + std::to_string(sold.value("class", 0));
}

std::string classesText(const json& list) {
    std::string text;
    for (const json& one : list) text += (text.empty() ? "" : " ") + classText(one);
    return text;
}

// Over the windows that spoke against it: packets that were lost on the way there, and how long the others waited.
struct Sum {
    uint64_t counted = 0, lost = 0, windows = 0;
    double queueing = 0;
    void add(const json& side) {
        counted += side.value("counted", uint64_t{0});
        lost += side.value("lost_there", uint64_t{0});
        const json delay = at(side, {"queueing_ms"});
        if (!delay.is_number()) return;
        queueing += delay.get<double>();
        ++windows;
    }
    [[nodiscard]] std::string text() const {
        char out[64];
        const double share = counted > 0 ? 100.0 * static_cast<double>(lost) / static_cast<double>(counted) : 0;
        const double wait = windows > 0 ? queueing / static_cast<double>(windows) : 0;
        std::snprintf(out, sizeof out, "%.0f ms, %.0f %% lost", wait, share);
        return out;
    }
};

void show(const json& body) {
    Rows rows{{"CASE", "AT", "PURCHASE", "CLASS", "PAID FOR", "BEST EFFORT", "PAID $", "THEN"}};
    for (const json& one : at(body, {"cases"})) {
        Sum paid, bestEffort;
        for (const json& window : at(one, {"evidence", "windows"})) {
            if (textAt(window, "vote") != "bad") continue;
            paid.add(at(window, {"paid"}));
            bestEffort.add(at(window, {"best_effort"}));
        }
        rows.push_back({std::to_string(one.value("number", uint64_t{0})), textAt(one, "at"), textAt(one, "purchase"),
                        classesText(at(one, {"not_delivered"})), paid.text(), bestEffort.text(), textAt(one, "paid"),
                        textAt(one, "outcome")});
    }
    print(rows.size() == 1 ? "everything that was paid for was delivered, as far as could be measured\n" : table(rows));
    Rows avoided{{"AVOIDED", "UNTIL", "TIMES"}};
    for (const json& one : at(body, {"classes"})) {
        if (one.value("avoided", false))
            avoided.push_back({classText(one), textAt(one, "until"), std::to_string(one.value("times", 0))});
    }
    if (avoided.size() > 1) print("\n" + table(avoided) + "next: netpas deliveries --forgive " + avoided[1][0] + "\n");
}

Exit deliveries(const Client& client, Output output, const std::string& forgive) {
    const auto answer = forgive.empty()
                            ? client.call("GET", "/v1/deliveries")
                            : client.call("DELETE", "/v1/deliveries/classes/" + netpas::net::encodeQueryValue(forgive));
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else if (forgive.empty()) {
        show(answer->body);
    } else {
        print("class " + forgive + " may be chosen again\n");
    }
    return Exit::Ok;
}

}  // namespace

void addDeliveryVerbs(CLI::App& app, Action& chosen) {
    const auto forgive = std::make_shared<std::string>();
    CLI::App* const verb =
        addVerb(app, chosen, "deliveries", "what was paid for and not delivered, and what is avoided because of it",
                [forgive](const Client& client, Output output) { return deliveries(client, output, *forgive); });
    verb->add_option("--forgive", *forgive, "let a class be chosen again at once, such as 25-1: class 1 of ISP 25");
}

}  // namespace netpas::cli
