// Which neighbour to buy upstream from, and which downstream (agreements note): two rankings by price and quality, each with hysteresis. Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "core/agreement/terms.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/money.h"

namespace netpas::neighbours {

// Of the way to or from the internet through one neighbour, in one direction: at least that good in 95 of 100 cases.
struct Measured {
    double bitsPerSecond = 0;
    double arrives = 1;  // of the packets
    SteadyTime at{};     // of the newest observation
};

struct Candidate {
    PublicKey neighbour;
    Money perKb;                       // as its advert has it
    std::optional<Measured> measured;  // nothing: never tested, nor used
};

// What is good enough for this household.
struct Need {
    double bitsPerSecond = 5e6;
    double arrives = 0.98;
    std::chrono::seconds forget{3600};  // older measurements are none
};

// For people, and for the answer to "why this one?".
enum class Reason : uint8_t {
    CheapestGood,   // of those that are good enough, per kB that arrives
    BestThereIs,    // none is good enough
    CheapestKnown,  // nothing is measured yet
};
[[nodiscard]] std::string_view describe(Reason reason);

struct Choice {
    PublicKey neighbour;
    Reason reason = Reason::CheapestKnown;
    friend bool operator==(const Choice&, const Choice&) = default;
};

// Best first. Equal ones by key, so that the order is the same for the same facts.
[[nodiscard]] std::vector<Choice> rank(const std::vector<Candidate>& candidates, const Need& need, SteadyTime now);

// Stays with a neighbour until another one has been clearly better for a while: changing costs an agreement, and two who leave each other for a
// third and back cost everybody routes.
class Chooser {
public:
    struct Options {
        double betterBy = 0.15;  // of the price, or of the rate where none is good enough
        std::chrono::seconds forSoLong{60};
    };
    explicit Chooser(Options options) : m_options(options) {}

    // Nothing: there are no candidates.
    [[nodiscard]] std::optional<Choice> choose(const std::vector<Candidate>& candidates, const Need& need,
                                               SteadyTime now);

private:
    Options m_options;
    std::optional<PublicKey> m_chosen;
    std::optional<PublicKey> m_rival;
    SteadyTime m_rivalSince{};
};

// Speedtests are paid like any other packets: so much in an hour, for all neighbours together.
class TestAllowance {
public:
    struct Options {
        Money perHour = Money::fromEighths(Money::eighthsPerDollar / 100);  // a cent
        uint64_t bytes = 2'000'000;                                         // of one test
        std::chrono::seconds every{600};                                    // of one neighbour at most
        std::chrono::seconds useful{300};                                   // useful traffic that recent needs no test
    };
    explicit TestAllowance(Options options) : m_options(options) {}

    // Whom to test now, if anybody: who was never measured, then the one whose measurement is oldest. What it will cost at most is taken off the allowance.
    [[nodiscard]] std::optional<PublicKey> next(const std::vector<Candidate>& candidates, SteadyTime now);
    [[nodiscard]] Money spent() const { return m_spent; }
    [[nodiscard]] Money costOf(Money perKb) const;

private:
    void refill(SteadyTime now);

    Options m_options;
    Money m_left{};
    Money m_spent{};
    std::optional<SteadyTime> m_filled;
    std::map<PublicKey, SteadyTime> m_tested;
};

}  // namespace netpas::neighbours
