// The secretary of one simulated user: limits, rules, experience and prompts as in netpas-secretary, with its records in
// memory and the user's answers at hand. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "secretary/learning/proposal.h"

namespace netpas::sim {

struct Outcome {
    bool prompted = false;
    secretary::learning::Answer decided = secretary::learning::Answer::Refuse;
    std::string reason;  // as the person is told
};

class SimulatedSecretary {
public:
    SimulatedSecretary();
    ~SimulatedSecretary();
    SimulatedSecretary(SimulatedSecretary&&) noexcept;
    SimulatedSecretary& operator=(SimulatedSecretary&&) = delete;

    // `ifAsked` is what the user says to a prompt; nobody looks at it otherwise. `now` never goes back.
    [[nodiscard]] Outcome decide(const secretary::learning::Request& request, secretary::learning::Answer ifAsked,
                                 SystemTime now);
    [[nodiscard]] std::vector<secretary::learning::RuleProposal> proposals(SystemTime now);

private:
    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

}  // namespace netpas::sim
