// What the parts of the scenario `settlement` share: two neighbours with routers, customers, and an operator's commands.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/json.h"
#include "app/lab/postgres.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/scenario/threat_net.h"

namespace netpas::lab::settlement {

inline constexpr uint16_t y = 25;
inline constexpr uint16_t x = 24;
inline constexpr const char* freezeLeast = "0.05";

// A command's end, and its JSON when it printed one.
struct Answer {
    int status = 0;
    Json json;
    std::string said;  // both outputs
};

struct World {
    ScenarioContext& context;
    Lab& lab;
    std::unique_ptr<PostgresServer> postgres;  // null: embedded books
    std::unique_ptr<OverlayThread> thread;
    std::unique_ptr<ThreatNet> net;
    std::unique_ptr<PaidSender> b, a;                     // customers of Y and X who pay for packets, …
    std::unique_ptr<PaidSink> atX, atY;                   // … which arrive here
    std::vector<std::unique_ptr<OverlayCustomer>> homes;  // of Y, who pay …
    std::unique_ptr<OverlayCustomer> shop;                // … this one of X
    std::unique_ptr<OverlayCustomer> office, kiosk;       // of X, who pays this one of Y

    [[nodiscard]] std::string socket(uint16_t isp) const { return net->overlay().socket(isp); }
    [[nodiscard]] std::string file(const std::string& name) const { return lab.folder() + "/" + name; }
    // netpas-isp COMMAND --socket …: `words` begin with the command (and its verb).
    Expected<Answer> operate(uint16_t isp, std::vector<std::string> words) const;
    // netpas audit verify as somebody who knows both ISPs' keys and wants the books of that one.
    Expected<Answer> verify(const std::string& file, uint16_t isp) const;
    // Exports the books and verifies them: the verifier's answer.
    Expected<Answer> audit(uint16_t isp, const std::string& file) const;
    Expected<void> restart(uint16_t isp);  // kill -9, then started again
    void expect(bool condition, const std::string& otherwise) const { (void)context.expect(condition, otherwise); }
    [[nodiscard]] Json& result() const { return context.result(); }
};

// Amounts that both ends must agree on, from what payers were told and from what arrived.
struct Due {
    Money toX, toY;  // micropayments: Y owes X, X owes Y
    uint64_t paymentsToX = 0, paymentsToY = 0;
};

Expected<World> prepare(ScenarioContext& context);
// A confirmed payment is added to `due`; the reason of a refusal otherwise.
Expected<std::optional<accounting::PaymentRefusal>> pay(World& world, OverlayCustomer& payer,
                                                        const OverlayCustomer& payee, uint16_t payeeIsp,
                                                        const std::string& amount, Due& due,
                                                        payments::SignedOrder* order = nullptr);

Expected<void> bills(World& world, Due& due);
Expected<void> liedAbout(World& world);
Expected<void> audits(World& world);
Expected<void> frozenAccounts(World& world, Due& due);
Expected<void> retention(World& world, Due& due);

}  // namespace netpas::lab::settlement
