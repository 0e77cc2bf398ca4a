// Two households on a link, one of which pays the other for its packets, and somebody on the link who attacks them: what the scenario of attacks stands on, and judges by.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/lab/scenario/mesh_attacker.h"
#include "app/lab/scenario/mesh_traffic.h"
#include "app/lab/scenario/process_tree.h"
#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

class MeshSiege {
public:
    explicit MeshSiege(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

protected:
    using Names = std::vector<std::string>;
    // The attacker's address that a has a route through, and what is there.
    static constexpr const char* attackersAddress = "10.99.0.66";
    static constexpr const char* behindAttacker = "198.18.0.66";

    // To where a buys from b, and both are known to the attacker and have been watched while all was quiet.
    Expected<void> begin();
    // Fifty times a second, with a's packets on their way; and b must have refused something for each of these reasons.
    Expected<void> during(const std::string& attack, int steps, const Names& refused,
                          const std::function<void(int)>& step);
    // What others on the link have said since.
    void collect();
    Json ask(const std::string& host, const std::string& what);
    Expected<void> waitFor(const std::string& what, const std::function<bool()>& ready);
    // Of b's agent with its secretary.
    ProcessLoad effort();
    // The agreement runs, nothing else was bought, all packets passed and count, and nothing has grown without bounds.
    Expected<void> judge();

    ScenarioContext& m_context;
    Lab& m_lab;
    MeshAttacker m_attacker, m_elsewhere;              // on the link of both, and on another one of b's
    MeshSpot m_me = MeshAttacker::nobody(1);           // the attacker's own place
    std::map<std::string, MeshSpot> m_spots;           // a's and b's
    std::map<std::string, std::vector<Bytes>> m_said;  // their adverts
    std::string m_agreement;
    ProcessLoad m_quiet;

private:
    Expected<void> connect();
    Expected<void> agree();
    Expected<void> known();
    [[nodiscard]] const InterfacePlan& uplink(const std::string& host) const;
    Json agreements(const std::string& host);
    std::string active(const std::string& host);
    uint64_t bytesOf(const std::string& host);

    MeshTraffic m_near, m_far;
    uint64_t m_sent = 0, m_arrived = 0;
};

}  // namespace netpas::lab
