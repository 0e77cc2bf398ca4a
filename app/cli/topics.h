// The verbs of each topic. A topic adds its own to the command line: add<Topic>Verbs in <topic>_commands.cpp, declared here
// and called in addTopics.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>

#include "app/cli/commands.h"

namespace netpas::cli {

using Action = std::function<Exit(const Client&, Output)>;

// `action` becomes what is done when this verb is given.
inline CLI::App* addVerb(CLI::App& parent, Action& chosen, const std::string& name, const std::string& help,
                         Action action) {
    CLI::App* const verb = parent.add_subcommand(name, help);
    verb->callback([&chosen, action = std::move(action)] { chosen = action; });
    return verb;
}

void addAuditVerbs(CLI::App& app, Action& chosen);
void addDecisionVerbs(CLI::App& app, Action& chosen);  // budget, pending, review, mode
void addCareVerbs(CLI::App& app, Action& chosen);      // log, bugreport, completion, help
void addContactVerbs(CLI::App& app, Action& chosen);
void addDeliveryVerbs(CLI::App& app, Action& chosen);
void addFetchVerbs(CLI::App& app, Action& chosen);
void addNeighbourVerbs(CLI::App& app, Action& chosen);  // neighbours, agreements
void addPayeeVerbs(CLI::App& app, Action& chosen);
void addPaymentVerbs(CLI::App& app, Action& chosen);  // pay, payments, receive, received
void addPairVerbs(CLI::App& app, Action& chosen);
void addPathVerbs(CLI::App& app, Action& chosen);
void addPingVerbs(CLI::App& app, Action& chosen);
void addMeasurementVerbs(CLI::App& app, Action& chosen);
void addSpeedTestVerbs(CLI::App& app, Action& chosen);
void addStandingVerbs(CLI::App& app, Action& chosen);  // up, down, netcheck
void addRoamVerbs(CLI::App& app, Action& chosen);
void addRouteVerbs(CLI::App& app, Action& chosen);
void addQuoteVerbs(CLI::App& app, Action& chosen);
void addRuleVerbs(CLI::App& app, Action& chosen);
void addLedgerVerbs(CLI::App& app, Action& chosen);  // history, totals, balance, statements, label
void addTokenVerbs(CLI::App& app, Action& chosen);
void addVaultVerbs(CLI::App& app, Action& chosen);  // lock, unlock, passphrase, recovery words, backup, restore, doctor

inline void addTopics(CLI::App& app, Action& chosen) {
    addStandingVerbs(app, chosen);
    addLedgerVerbs(app, chosen);
    addVaultVerbs(app, chosen);
    addDecisionVerbs(app, chosen);
    addContactVerbs(app, chosen);
    addDeliveryVerbs(app, chosen);
    addPayeeVerbs(app, chosen);
    addPaymentVerbs(app, chosen);
    addFetchVerbs(app, chosen);
    addNeighbourVerbs(app, chosen);
    addPairVerbs(app, chosen);
    addPathVerbs(app, chosen);
    addPingVerbs(app, chosen);
    addMeasurementVerbs(app, chosen);
    addSpeedTestVerbs(app, chosen);
    addRoamVerbs(app, chosen);
    addRouteVerbs(app, chosen);
    addQuoteVerbs(app, chosen);
    addRuleVerbs(app, chosen);
    addTokenVerbs(app, chosen);
    addAuditVerbs(app, chosen);
    addCareVerbs(app, chosen);
}

}  // namespace netpas::cli
