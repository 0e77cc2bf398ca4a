// netpas-secretary-population: writes a population of simulated users for netpas-secretary-sim.
#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tests/sim/users.h"

using namespace netpas::sim;

int main(int argc, char** argv) {
    CLI::App app("Writes JSON lines: requests of simulated users in time order, users interleaved.");
    std::string kind = "consistent";
    uint64_t users = 20;
    uint64_t requests = 1200;
    uint64_t seed = 1;
    std::string choices;
    for (const Kind& one : kinds())
        choices += "\n  " + one.name + (one.withheld ? " (withheld)" : "") + ": " + one.meaning;
    app.footer("Kinds:" + choices);
    app.add_option("--kind", kind);
    app.add_option("--users", users)->check(CLI::PositiveNumber);
    app.add_option("--requests", requests, "of each user")->check(CLI::PositiveNumber);
    app.add_option("--seed", seed);
    CLI11_PARSE(app, argc, argv);

    std::vector<std::unique_ptr<SimulatedUser>> population;
    for (uint64_t i = 0; i < users; ++i) {
        population.push_back(makeUser(kind, seed * 1'000'003 + i, requests));
        if (!population.back()) {
            std::cerr << "netpas-secretary-population: no kind " << kind << "; there are:" << choices << '\n';
            return 2;
        }
    }
    std::vector<uint64_t> left(users, requests);
    Dice order(seed ^ 0x5ca1ab1e);
    std::vector<size_t> active(users);
    for (size_t i = 0; i < users; ++i) active[i] = i;
    while (!active.empty()) {
        const size_t slot = order.below(active.size());
        const size_t user = active[slot];
        const SimulatedRequest request = population[user]->next();
        const nlohmann::ordered_json line{{"user", "u" + std::to_string(user)},
                                          {"app", request.app},
                                          {"purpose", request.purpose},
                                          {"payee", request.payee},
                                          {"group", request.group},
                                          {"domain", request.domain},
                                          {"price_nano", request.price},
                                          {"per", request.perMinute ? "minute" : "item"},
                                          {"willing_nano", request.willing},
                                          {"answer", request.accepts ? "accept" : "refuse"}};
        std::cout << line.dump() << '\n';
        if (--left[user] == 0) active.erase(active.begin() + static_cast<std::ptrdiff_t>(slot));
    }
    return 0;
}
