// netpas measurements: what the agent has measured on the ways in use, with what it does not know for sure.
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

std::string classesText(const json& measured) {
    std::string text;
    for (const json& bought : measured.value("classes", json::array())) {
        text += (text.empty() ? "" : " ") + std::to_string(bought.value("isp", 0)) + "=" +
                std::to_string(bought.value("class", 0));
    }
    return text.empty() ? "best effort" : text;
}

std::string ageText(const json& measured) {
    for (const char* name : {"round_trip_ms", "loss_there", "rate_mbit"}) {
        const json age = at(measured, {name, "age_s"});
        if (age.is_number()) return std::to_string(static_cast<int64_t>(age.get<double>())) + " s";
    }
    return "-";
}

std::string whereText(const json& measured, const std::string& source) {
    const std::string isp = std::to_string(measured.value("isp", 0));
    if (source == "stamp") return "ISP " + isp;
    if (source == "shared") return "ISP " + std::to_string(measured.value("from_isp", 0)) + " to " + isp;
    return textAt(measured, "destination");
}

// What others say is nobody's own measurement.
std::string byText(const json& measured, const std::string& source) {
    return source == "shared" ? std::to_string(measured.value("members", 0)) + " others" : source;
}

void show(const json& body) {
    constexpr double percent = 100;
    Rows rows{{"TO", "BY", "CLASSES", "ROUND TRIP ms", "LOSS THERE %", "RATE Mbit/s", "AGE"}};
    for (const json& one : body.value("measurements", json::array())) {
        const std::string source = textAt(one, "source");
        rows.push_back({whereText(one, source), byText(one, source), classesText(one),
                        estimateText(one.value("round_trip_ms", json()), 1, 2),
                        estimateText(one.value("loss_there", json()), percent, 2),
                        estimateText(one.value("rate_mbit", json()), 1, 1), ageText(one)});
        if (const std::string problem = textAt(one, "problem"); !problem.empty())
            rows.push_back({"", "", problem, "", "", "", ""});
    }
    if (rows.size() == 1) {
        print("nothing is measured: no way is in use; netpas measurements --to ADDRESS\n");
    } else {
        print(table(rows));
    }
}

Exit measurements(const Client& client, Output output, const std::string& to) {
    const std::string target =
        to.empty() ? "/v1/measurements" : "/v1/measurements?to=" + netpas::net::encodeQueryValue(to);
    const auto answer = client.call("GET", target);
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        show(answer->body);
    }
    return Exit::Ok;
}

}  // namespace

void addMeasurementVerbs(CLI::App& app, Action& chosen) {
    const auto to = std::make_shared<std::string>();
    CLI::App* const verb =
        addVerb(app, chosen, "measurements", "what was measured on the ways in use",
                [to](const Client& client, Output output) { return measurements(client, output, *to); });
    verb->add_option("--to", *to, "the way to this address, which is measured from now on for five minutes");
}

}  // namespace netpas::cli
