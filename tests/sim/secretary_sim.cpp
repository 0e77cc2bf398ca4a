// netpas-secretary-sim: runs the engine, and two policies to compare it with, against simulated users. Reads JSON
// lines in time order, one request a line, users interleaved; streams, and prints the same for the same input.
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tests/sim/population_line.h"
#include "tests/sim/simulated_secretary.h"

using namespace netpas;
using namespace netpas::secretary::learning;
using netpas::sim::Outcome;
using netpas::sim::PopulationLine;
using netpas::sim::SimulatedSecretary;

namespace {

// Figures count from here on, for each user.
constexpr uint64_t warmUp = 200;
// A population carries no times; a user is taken to make this many requests a day.
constexpr int64_t requestsPerDay = 40;

SystemTime timeOf(uint64_t request) {
    return SystemTime(std::chrono::microseconds(86'400'000'000 / requestsPerDay * int64_t(request)));
}

// Sums are statistics (in eighths of a nanodollar), not accounts: a double neither overflows nor matters here.
struct Tally {
    uint64_t requests = 0;
    uint64_t prompts = 0;
    uint64_t promptsBefore = 0;
    uint64_t wrongApprovals = 0;
    uint64_t wrongRefusals = 0;
    double spent = 0;
    double overspent = 0;
    double lost = 0;
    double attainable = 0;

    void add(const PopulationLine& line, const Outcome& outcome, bool warmingUp) {
        if (warmingUp) {
            promptsBefore += outcome.prompted ? 1 : 0;
            return;
        }
        ++requests;
        prompts += outcome.prompted ? 1 : 0;
        const auto price = double(line.request.price.eighths());
        const double surplus = double(line.willing.eighths()) - price;
        attainable += std::max(0.0, surplus);
        const bool accepted = outcome.decided == Answer::Accept;
        if (accepted) spent += price;
        if (accepted && surplus < 0) {
            ++wrongApprovals;
            overspent -= surplus;
            lost -= surplus;
        } else if (!accepted && surplus >= 0) {
            ++wrongRefusals;
            lost += surplus;
        }
    }

    [[nodiscard]] nlohmann::ordered_json report(size_t users) const {
        const auto rounded = [](double value) { return std::round(value * 1000) / 1000; };
        const auto share = [&](double part, double whole, double scale) {
            return whole > 0 ? rounded(part / whole * scale) : 0.0;
        };
        const auto perThousand = [&](uint64_t count) { return share(double(count), double(requests), 1000); };
        return {{"prompts_per_1000", perThousand(prompts)},
                {"wrong_approvals_per_1000", perThousand(wrongApprovals)},
                {"wrong_refusals_per_1000", perThousand(wrongRefusals)},
                {"overspend_percent", share(overspent, spent, 100)},
                {"regret_percent", share(lost, attainable, 100)},
                {"prompts_first_200", share(double(promptsBefore), double(users), 1)}};
    }
};

struct User {
    SimulatedSecretary secretary;
    std::map<std::array<std::string, 4>, Answer> remembered;
    uint64_t seen = 0;
};

// One line a decision, for finding out where figures come from.
void traceDecision(std::ostream& out, const User& user, const PopulationLine& line, const Outcome& outcome) {
    const bool accepted = outcome.decided == Answer::Accept;
    out << line.user << '\t' << user.seen << '\t' << (outcome.prompted ? "ask" : accepted ? "approve" : "refuse");
    for (const std::string& text : line.request.fields) out << '\t' << text;
    out << '\t' << line.request.price.toString() << '\t' << line.willing.toString() << '\t'
        << (line.answer == Answer::Accept ? "accept" : "refuse") << '\t' << outcome.reason << '\n';
}

Outcome decideByEngine(User& user, const PopulationLine& line, SystemTime now, std::ostream* trace) {
    Outcome outcome = user.secretary.decide(line.request, line.answer, now);
    if (trace) traceDecision(*trace, user, line, outcome);
    return outcome;
}

Outcome decideByMemory(User& user, const PopulationLine& line) {
    const Request& request = line.request;
    const auto [entry, isNew] = user.remembered.try_emplace(
        {request[Field::App], request[Field::Purpose], request[Field::Payee], request[Field::Group]}, line.answer);
    return {isNew, entry->second, {}};
}

struct Report {
    Tally engine;
    Tally askAlways;
    Tally remember;
};

using Population = std::unordered_map<std::string, User>;

// Returns the number of requests.
uint64_t simulate(std::istream& in, bool onlyEngine, std::ostream* trace, Report& report, Population& population) {
    uint64_t requests = 0;
    std::string text;
    for (uint64_t number = 1; std::getline(in, text); ++number) {
        if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
        const auto parsed = netpas::sim::parsePopulationLine(text);
        if (!parsed) throw std::runtime_error("line " + std::to_string(number) + ": " + parsed.error());
        const PopulationLine& line = *parsed;
        User& user = population.try_emplace(line.user).first->second;
        const bool warmingUp = user.seen < warmUp;
        const SystemTime now = timeOf(user.seen);
        ++user.seen;
        ++requests;
        report.engine.add(line, decideByEngine(user, line, now, trace), warmingUp);
        if (onlyEngine) continue;
        report.askAlways.add(line, {true, line.answer, {}}, warmingUp);
        report.remember.add(line, decideByMemory(user, line), warmingUp);
    }
    return requests;
}

void print(const std::string& policy, const nlohmann::ordered_json& figures) {
    std::cout << policy << '\n';
    for (const auto& [figure, value] : figures.items()) {
        std::cout << "  " << figure << ' ' << value << '\n';
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "Runs the secretary's engine against simulated users and judges its decisions by their true willingness.");
    std::string population;
    bool json = false;
    bool onlyEngine = false;
    std::string rulesOf;
    std::string traceFile;
    app.add_option("--population", population, "JSON lines, one request a line; - reads standard input")->required();
    app.add_flag("--json", json, "print JSON");
    app.add_flag("--only-engine", onlyEngine, "leave out the policies that the engine is compared with");
    app.add_option("--rules", rulesOf, "print the rules proposed to this user at the end");
    app.add_option("--trace", traceFile, "write every decision of the engine to this file, tab-separated");
    CLI11_PARSE(app, argc, argv);
    std::ifstream file;
    if (population != "-") {
        file.open(population);
        if (!file) {
            std::cerr << "netpas-secretary-sim: cannot read " << population << '\n';
            return 1;
        }
    }
    std::ofstream traced;
    if (!traceFile.empty()) traced.open(traceFile);
    if (!traceFile.empty() && !traced) {
        std::cerr << "netpas-secretary-sim: cannot write " << traceFile << '\n';
        return 1;
    }
    std::ostream* trace = traceFile.empty() ? nullptr : &traced;
    Report report;
    Population users;
    uint64_t requests = 0;
    try {
        requests = simulate(population == "-" ? std::cin : file, onlyEngine, trace, report, users);
    } catch (const std::exception& error) {
        std::cerr << "netpas-secretary-sim: " << population << ": " << error.what() << '\n';
        return 1;
    }
    nlohmann::ordered_json out{
        {"users", users.size()}, {"requests", requests}, {"engine", report.engine.report(users.size())}};
    if (!onlyEngine) {
        out["ask_always"] = report.askAlways.report(users.size());
        out["remember"] = report.remember.report(users.size());
    }
    if (!rulesOf.empty()) {
        const auto user = users.find(rulesOf);
        if (user == users.end()) {
            std::cerr << "netpas-secretary-sim: " << population << " has no user " << rulesOf << '\n';
            return 2;
        }
        out["rules"] = nlohmann::ordered_json::array();
        for (const RuleProposal& rule : user->second.secretary.proposals(timeOf(user->second.seen))) {
            out["rules"].push_back(
                {{"sentence", rule.sentence}, {"answers", rule.answers}, {"agreeing", rule.agreeing}});
        }
    }
    if (json) {
        std::cout << out.dump() << '\n';
        return 0;
    }
    for (const auto& [key, value] : out.items()) {
        if (value.is_object()) print(key, value);
    }
    if (!out.contains("rules")) return 0;
    for (const auto& rule : out["rules"]) {
        std::cout << rule["sentence"].get<std::string>() << " (" << rule["agreeing"] << " of " << rule["answers"]
                  << " answers)\n";
    }
    return 0;
}
