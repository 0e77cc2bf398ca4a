// What the attacks of hijacked-host have in common: the attacker's view of B's machine, the owner's door, and the evidence of the
// first ISP, which is believed by nobody's word.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/lab/json.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/key_thief.h"

namespace netpas::lab {

struct Spent {
    uint64_t packets = 0;
    Money amount;
};

// A purchase of B's, and the session key that pays for it.
struct OpenPurchase {
    std::string id;
    SessionKeyId key;
    Money keyCap;
};

struct Answer {
    unsigned status = 0;  // 0: nobody answered
    Json body;
};

class Hijack {
public:
    static constexpr const char* host = "b";
    static constexpr const char* purchaseCap = "0.0016";  // its keys get an eighth each

    static Expected<Hijack> prepare(ScenarioContext& context);

    ScenarioContext& context() const { return m_context; }
    Lab& lab() const { return m_lab; }
    const std::string& router() const { return m_router; }
    pid_t agent() const { return m_lab.program(agentProgram(host))->pid(); }
    // Nothing while there is none.
    pid_t secretary() const;
    std::string door() const;  // the owner's

    // Through the owner's door, as root; through the agent's, as whoever the agent says.
    Answer owner(const std::string& method, const std::string& path, const Json& body = {}) const;
    Answer user(const std::string& method, const std::string& path, const std::string& body = {}) const;

    Expected<OpenPurchase> buy(uint16_t port) const;
    // As the last key of the purchase stands at its edge router.
    Expected<OpenPurchase> reload(const OpenPurchase& purchase) const;
    // From memory: the attacker does not ask the secretary for it.
    Expected<SessionKey> steal(const OpenPurchase& purchase) const;
    // Another machine on B's line; it pays `perHop`, or what is asked.
    Expected<std::unique_ptr<KeyThief>> thief(const SessionKey& key, Money perHop = Money::zero()) const;

    // What the edge router counted for a key that it still has.
    Spent spentWith(SessionKeyId key) const;
    // What the ISP charges B for all keys together.
    Money invoice() const;
    uint64_t verdict(const std::string& name) const;

private:
    Hijack(ScenarioContext& context, std::string router, AttackPlan plan);
    Json counters() const;

    ScenarioContext& m_context;
    Lab& m_lab;
    std::string m_router;
    AttackPlan m_plan;
    mutable uint64_t m_thieves = 0;
};

// The agent's channel in the attacker's hands (hijacked_channel.cpp).
Expected<void> attackTheChannel(const Hijack& hijack);

}  // namespace netpas::lab
