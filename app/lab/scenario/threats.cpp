// netpas-lab run threats: every row of the paper's Table 1 is attacked.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/threats.h"

namespace netpas::lab {
namespace {

using threats::Finding;
using threats::Row;
using threats::Run;

constexpr uint16_t ispsOfARow = 100;

std::vector<Row> allRows() {
    std::vector<Row> all;
    for (auto rows : {threats::hijackerRows(), threats::endpointRows(), threats::ispRows(), threats::remainingRows()}) {
        all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
}

// "3,11-14" of the rows, from 1; empty: all.
std::vector<size_t> chosenRows(const std::string& text, size_t count) {
    std::vector<size_t> chosen;
    for (size_t i = 1; i <= count; ++i) {
        bool wanted = text.empty();
        for (size_t at = 0; at < text.size();) {
            const size_t end = std::min(text.find(',', at), text.size());
            const std::string part = text.substr(at, end - at);
            const size_t dash = part.find('-');
            const size_t from = std::strtoul(part.c_str(), nullptr, 10);
            const size_t to = dash == std::string::npos ? from : std::strtoul(part.c_str() + dash + 1, nullptr, 10);
            wanted = wanted || (from <= i && i <= to);
            at = end + 1;
        }
        if (wanted) chosen.push_back(i - 1);
    }
    return chosen;
}

Json rowJson(const Row& row, const Finding& finding, const std::string& result, const std::string& evidence) {
    Json json{{"threat", row.threat},
              {"section", row.section},
              {"attack", row.attack},
              {"result", result},
              {"attempts", finding.attempts},
              {"refused", finding.refused},
              {"loss", finding.loss.toString()},
              {"bound", finding.bound.toString()}};
    json["seconds_to_detect"] = finding.secondsToDetect ? Json(*finding.secondsToDetect) : Json();
    json["evidence"] = evidence;
    json["seen"] = finding.seen;
    return json;
}

Expected<void> honest(ScenarioContext& context, OverlayThread& thread, threats::EvidenceFile& evidence) {
    if (context.options().honest == 0) return {};
    context.say("Without attackers:");
    Run one(context, thread, evidence, 0, context.options().seed);
    const auto honest = threats::honestRuns(one, context.options().honest);
    if (!honest) return tl::unexpected(honest.error());
    context.result()["honest_seeds"] = honest->seeds;
    context.result()["honest_confirmed"] = honest->confirmed.toString();
    context.result()["false_alarms"] = std::to_string(honest->alarms);
    context.result()["alarms"] = honest->texts;
    context.expect(honest->alarms == 0, std::to_string(honest->alarms) + " alarms, and nobody has cheated");
    for (const std::string& unmet : one.unmet()) context.expect(false, unmet);
    return {};
}

// Written by us, judged by the program that an auditor would use.
Expected<void> writeAndVerify(ScenarioContext& context, const threats::EvidenceFile& evidence,
                              const std::string& path) {
    LAB_TRY(evidence.write(path));
    const auto verified = threats::verifyEvidence(path);
    context.result()["evidence_file"] = path;
    context.result()["evidence_pieces"] = evidence.size();
    context.result()["evidence_verified"] = verified.has_value();
    if (!context.expect(verified.has_value(), verified ? "" : verified.error().text)) return {};
    uint64_t proven = 0;
    for (const Json& piece : verified->value("evidence", Json::array()))
        proven += static_cast<uint64_t>(piece.value("outcome", "") == "proven");
    context.result()["evidence_proven"] = proven;
    context.say("Evidence is in " + path + ": " + std::to_string(evidence.size()) + " pieces, " +
                std::to_string(proven) + " of them prove what they say without anybody's word.");
    return {};
}

Expected<void> run(ScenarioContext& context) {
    const std::string netns = context.lab().netns(context.topology().nodes().front());
    auto thread = OverlayThread::start(netns);
    if (!thread) return tl::unexpected(thread.error());
    const std::vector<Row> rows = allRows();
    threats::EvidenceFile evidence;
    const std::string path =
        context.options().evidence.empty() ? stateRoot() + "/threats.evidence" : context.options().evidence;
    Json all = Json::array();
    for (const size_t i : chosenRows(context.options().rows, rows.size())) {
        const Row& row = rows[i];
        context.say(std::to_string(i + 1) + ". " + row.threat + " (§" + row.section + "): " + row.attack + ".");
        Run one(context, **thread, evidence, static_cast<uint16_t>(1000 + ispsOfARow * i), context.options().seed);
        const auto finding = row.run(one);
        const std::string result =
            finding ? threats::conclude(*finding, one.unmet()) : "FAILED: " + finding.error().text;
        context.expect(result.rfind("FAILED", 0) != 0, row.threat + ": " + result);
        context.say("    " + result + "; lost " + finding.value_or(Finding{}).loss.toString() + " of at most " +
                    finding.value_or(Finding{}).bound.toString());
        std::string numbers;
        for (const size_t number : one.exhibited()) numbers += (numbers.empty() ? "#" : ",") + std::to_string(number);
        context.expect(!numbers.empty(), row.threat + ": no evidence");
        all.push_back(rowJson(row, finding.value_or(Finding{}), result, path + numbers));
    }
    context.result()["rows"] = std::move(all);
    if (evidence.size() > 0) LAB_TRY(writeAndVerify(context, evidence, path));
    return honest(context, **thread, evidence);
}

}  // namespace

Scenario threatsScenario() {
    return {"threats", "every threat of the paper's Table 1, carried out", "overlay", {}, run, false, true};
}

}  // namespace netpas::lab
