// Whether what is paid for is delivered (DESIGN §9): test packets that travel as the paid ones do are compared with best-effort ones to the same
// reflector, window by window. Only what stays bad counts: one burst, an outage, a congested way back or a longer route convict nobody. Pure: no
// clock, no sockets; one thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "cartographer/measure/prober.h"

namespace netpas::measure {

// What the ISPs of a way promise together in their menus; what one of them does not promise is not promised of the way.
struct PromisedQuality {
    std::optional<std::chrono::nanoseconds> latency;  // one way
    std::optional<double> loss;                       // share, 0..1
    friend bool operator==(const PromisedQuality&, const PromisedQuality&) = default;
};

// The beginning of a purchase's way, up to an ISP with a reflector.
struct WatchedWay {
    ProbeRoute paid;
    ProbeRoute control;  // best effort to the same reflector
    std::vector<ClassOn>
        suspects;  // of paid.classes: those of the stretch behind the watched way before it, the likeliest first
    PromisedQuality promised;
    // Bits a second that this machine may send itself without being the one who fills the way.
    double fairLoad = 0;
    friend bool operator==(const WatchedWay&, const WatchedWay&) = default;
};

enum class Vote : uint8_t {
    None,     // too few packets, or nobody gets through
    Better,   // best effort suffers, and what is paid for does not
    Fine,     // nobody suffers
    Unclear,  // bad, but still better than best effort, or this machine may fill the way itself
    Bad,      // as bad as best effort or worse
};
[[nodiscard]] std::string_view name(Vote vote);

// What became of one kind of packets that were sent within one window.
struct WindowSide {
    uint32_t sent = 0;
    uint32_t answered = 0;
    uint32_t counted = 0;    // whose fate on the way there the reflector's numbers tell …
    uint32_t lostThere = 0;  // … and of these
    // Median queueing delay on the way there: over the least of the last half hour, and not more than the round trips show.
    std::optional<std::chrono::nanoseconds> delay;
    std::optional<std::chrono::nanoseconds> leastDelay;
};

struct DeliveryWindow {
    SteadyTime begin{};
    WindowSide paid, control;
    double load = 0;  // bits a second that this machine sent
    Vote vote = Vote::None;
};

struct NotDelivered {
    WatchedWay way;  // one of way.suspects is to blame
    SteadyTime since{};
    std::vector<DeliveryWindow> windows;  // the last ones, oldest first
};

struct Standing {
    WatchedWay way;
    double doubt = 0;    // 0: none; 1: enough for a verdict
    uint64_t votes = 0;  // windows in which something was to be seen
    Vote last = Vote::None;
};

class DeliveryJudge {
public:
    struct Options {
        std::chrono::milliseconds window{500};
        std::chrono::milliseconds patience{1000};  // for answers, after a window's end
        std::chrono::milliseconds leastDelay{20};  // queueing that nobody is blamed for
        double leastLoss = 0.02;                   // share, likewise
        // Of doubt, which is never below 0.
        double bad = 2;
        double fine = -0.7;
        double better = -2;
        double nothingSeen = -0.05;
        double verdict = 24;
        std::chrono::milliseconds firstLook{4000};  // a new way is looked at closely
        std::chrono::milliseconds closely{3000};    // after anything that looks bad
        std::chrono::seconds pause{15};             // between two verdicts on one way
        std::chrono::minutes memory{30};            // of the least delay
        double drift = 5e-5;                        // of two clocks
        size_t lossWindows = 4;                     // losses are few: those of so many windows count together
        size_t windows = 32;                        // kept as evidence
    };
    explicit DeliveryJudge(Options options) : m_options(options) {}
    DeliveryJudge() : DeliveryJudge(Options{}) {}

    // Exactly these. What is known of one that stays, stays.
    void watch(SteadyTime now, const std::vector<WatchedWay>& ways);
    void sent(const ProbeRoute& route, SteadyTime at);
    void answered(const ProbeRoute& route, const stamp::Sample& sample);
    // What this machine sends, in bits a second, as last looked at.
    void load(double bitsPerSecond) { m_load = bitsPerSecond; }
    // Closes windows. What has turned out not to be delivered since the last call; the ISP nearest to this machine is blamed.
    [[nodiscard]] std::vector<NotDelivered> run(SteadyTime now);
    // Routes that should be measured more often now.
    [[nodiscard]] std::set<ProbeRoute> urgent(SteadyTime now) const;
    [[nodiscard]] std::vector<Standing> standing() const;

private:
    // The least of lately, in bounded memory.
    class Least {
    public:
        void add(SteadyTime at, std::chrono::nanoseconds value, std::chrono::nanoseconds memory);
        // `drift`: by which share of the time since then a value may have grown without meaning anything.
        [[nodiscard]] std::optional<std::chrono::nanoseconds> value(SteadyTime at, double drift) const;

    private:
        struct Span {
            SteadyTime begin;
            std::chrono::nanoseconds least;
        };
        std::deque<Span> m_spans;
    };
    // To one reflector, whatever is paid.
    struct Target {
        Least there, roundTrip;
    };
    struct Packet {
        SteadyTime at;
        std::chrono::nanoseconds there, roundTrip;
    };
    struct Side {
        WindowSide counts;
        std::vector<Packet> packets;
    };
    struct Open {
        SteadyTime begin;
        Side paid, control;
    };
    struct Watched {
        WatchedWay way;
        SteadyTime since{};
        SteadyTime closeUntil{};
        SteadyTime quietUntil{};  // after a verdict
        double doubt = 0;
        uint64_t votes = 0;
        Vote last = Vote::None;
        std::deque<Open> open;
        std::deque<DeliveryWindow> closed;
    };
    Open* windowAt(Watched& one, SteadyTime at);
    [[nodiscard]] std::chrono::nanoseconds allowedDelay(const Watched& one) const;
    [[nodiscard]] double allowedLoss(const Watched& one) const;
    [[nodiscard]] std::chrono::nanoseconds delayOf(const ProbeRoute& route, const Packet& packet) const;
    void finish(const ProbeRoute& route, Side& side) const;
    [[nodiscard]] Vote vote(const Watched& one, const DeliveryWindow& window) const;
    [[nodiscard]] DeliveryWindow withLossesBefore(const Watched& one, DeliveryWindow window) const;
    void close(Watched& one, Open& open);
    [[nodiscard]] bool isLongerWay(const Watched& one) const;
    [[nodiscard]] bool blameIsClear(const Watched& one) const;

    Options m_options;
    double m_load = 0;
    std::map<std::vector<ClassOn>, std::map<Endpoint, Watched>> m_ways;
    std::map<Endpoint, Target> m_targets;
};

}  // namespace netpas::measure
