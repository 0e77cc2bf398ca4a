// A customer with a large network that runs an accounting server of its own (NetPaS §5.4): central rules on what its hosts
// may spend, and what its ISP has delegated to it. Pure decisions; server_enterprise.cpp acts on them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/crypto/identity.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::accounting {

enum class Spending : uint8_t { Payment, Packets };

// The first rule that fits decides; what no rule fits is allowed. An empty list fits everything.
struct EnterpriseRule {
    std::string name;
    bool allow = false;
    std::optional<Spending> what;  // empty: both
    std::vector<std::string> hosts;
    std::vector<NodeId> payees;  // such a rule fits payments only
    std::vector<IspId> isps;     // of the payee; of packets: any that may be paid
    Money above;                 // fits only what is more than that
};

// What a host asks for.
struct SpendingAsked {
    Spending what{};
    std::string host;
    std::optional<NodeId> payee;
    std::vector<IspId> isps;
    Money amount;
};

[[nodiscard]] bool fits(const EnterpriseRule& rule, const SpendingAsked& asked);
// The rule that forbids it, if one does.
[[nodiscard]] const EnterpriseRule* ruleAgainst(const std::vector<EnterpriseRule>& rules, const SpendingAsked& asked);

// What an ISP transfers of the payments to a class, in 1024ths.
struct ClassShare {
    ServiceClass service;
    uint32_t per1024 = 0;
    friend bool operator==(const ClassShare&, const ClassShare&) = default;
};
// Of one confirmed amount, rounded down to the eighth: both sides come to the same.
[[nodiscard]] Money shareOf(const std::vector<ClassShare>& shares, ServiceClass service, Money amount);

// At the ISP: a customer that confirms the ISP's service to its prefixes.
struct Delegation {
    std::vector<ClassShare> shares;
    ExitPoint counter{0};    // under which routers count what is delivered there; 0: nothing is delegated
    bool onRequest = false;  // while an endpoint takes part (NetPaS §2); else always, and the routers are configured so
};

// At the enterprise.
struct ProviderConfig {
    std::string name;
    Endpoint server;
    PublicKey key;
    std::vector<EnterpriseRule> rules;
    Money paymentsPerDay = Money::max();  // of all hosts
    Money packetsPerDay = Money::max();   // … caps of keys in use, amounts of those that are done
    std::vector<ClassShare> shares;       // as agreed with the ISP
};

}  // namespace netpas::accounting
