// Confirmations against counters (NetPaS §4.3.2, §4.3.3, §4.3.5): how far they may differ by chance, and when a difference
// is an alarm.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>

#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"

namespace netpas::accounting {

enum class SamplerKind : uint8_t { Stratified, Smart };

struct WatchOptions {
    SamplerKind sampler = SamplerKind::Stratified;  // what all ISPs of this internet use
    double falseAlarm = 1e-9;                       // probability that honest sampling raises one comparison's alarm
    std::chrono::milliseconds grace{10000};         // longer than any report or confirmation takes
    uint32_t lossPerMille = 10;  // packets lost between two ISPs are counted here and confirmed nowhere
    std::chrono::milliseconds investigation{30000};  // how long a path is counted exactly after an alarm
    std::chrono::milliseconds disputeTime{3600000};  // for the neighbour to correct what was wrong
    bool blacklist = false;                          // then packets that go on to a neighbour that has not are refused
};

// What is compared with counters of packets that left.
enum class Subject : uint8_t {
    Own,         // our service, by the neighbour that confirms it; by ourselves where the path ends
    Via,         // all later ISPs' services, by the neighbour that passes the confirmations on
    Downstream,  // one later ISP's service, through whichever neighbour
};

// |confirmed - counted| stays below this when every payment passed one of `samplers` stratified samplers and those saw
// nothing else; one spare for a restart.
[[nodiscard]] Money stratifiedTolerance(Money threshold, size_t samplers);
// Bernstein's bound: sampling payments of `total` with steps of at most `threshold` strays further, to one side, with less
// than `probability`. Holds for smart sampling, and for a stratified sampler's confirmations of a part of its payments.
[[nodiscard]] Money sampledTolerance(Money total, Money threshold, double probability);

struct Comparison {
    Money counted;
    Money confirmed;
    Money difference;  // confirmed - counted
    Money tolerance;
};

enum class WatchVerdict : uint8_t { Fits, TooMuch, TooLittle };

// Keeps a short history, because a payment is counted, sampled and confirmed at different times.
class Watch {
public:
    explicit Watch(WatchOptions options) : m_options(options) {}

    [[nodiscard]] const WatchOptions& options() const { return m_options; }
    // `samplers` counts the links to the neighbour. `allowance` is for counters that died with a router. `fresh`: all
    // routers report; `reachable`: confirmations can arrive. Answers a verdict only when it has changed.
    struct Observation {
        Money counted;
        Money confirmed;
        Money threshold;  // the largest single confirmation seen
        Money allowance;
        size_t samplers = 1;
        bool fresh = true;
        bool reachable = true;
    };
    [[nodiscard]] bool observe(Subject subject, IspId isp, const Observation& observation, SteadyTime now);
    [[nodiscard]] WatchVerdict verdict(Subject subject, IspId isp) const;
    // The largest growth of the counter between two observations: what a router's death may have lost.
    [[nodiscard]] Money largestStep(Subject subject, IspId isp) const;
    [[nodiscard]] Comparison compare(Subject subject, const Observation& observation) const;

private:
    struct Point {
        SteadyTime time;
        Money counted;
        Money confirmed;
    };
    struct History {
        std::deque<Point> points;
        Money largestStep;
        SteadyTime unreachable{};  // the last time that it was not reachable
        SteadyTime stale{};
        bool everUnreachable = false;
        bool everStale = false;
        WatchVerdict verdict = WatchVerdict::Fits;
    };
    [[nodiscard]] Money tolerance(Subject subject, const Observation& observation) const;
    [[nodiscard]] WatchVerdict judge(Subject subject, const History& history, const Observation& observation,
                                     SteadyTime now) const;

    WatchOptions m_options;
    std::map<std::pair<Subject, IspId>, History> m_histories;
};

}  // namespace netpas::accounting
