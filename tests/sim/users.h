// Simulated users of several kinds: what they request, at which price, what it is worth to them and what they say.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/random.h"

namespace netpas::sim {

// Random numbers that are the same on every machine.
class Dice {
public:
    explicit Dice(uint64_t seed) : m_random(seed) {}
    double uniform();  // [0, 1)
    double normal();   // standard
    double heavy();    // Student's t with 2 degrees of freedom, within ±5
    size_t below(size_t bound) { return static_cast<size_t>(m_random.below(bound)); }
    size_t zipf(size_t count, double exponent);

private:
    SeededRandom m_random;
};

struct SimulatedRequest {
    std::string app;
    std::string purpose;
    std::string payee;
    std::string group;
    std::string domain;
    bool perMinute = false;
    int64_t price = 0;  // nanodollars, as is `willing`
    int64_t willing = 0;
    bool accepts = false;  // what the user says, slips included
};

class SimulatedUser {
public:
    virtual ~SimulatedUser() = default;
    virtual SimulatedRequest next() = 0;
};

// Kinds by name; `withheld` ones were kept away while the engine's constants were chosen.
struct Kind {
    std::string name;
    bool withheld;
    std::string meaning;
};
[[nodiscard]] const std::vector<Kind>& kinds();
// `requests` is how many the user is going to make (what drifts does so over them). Null when there is no such kind.
[[nodiscard]] std::unique_ptr<SimulatedUser> makeUser(const std::string& kind, uint64_t seed, uint64_t requests);

}  // namespace netpas::sim
