// Learns from traffic that flows anyway (DESIGN §9): the kernel's counts of this machine's TCP connections, by destination and by what is
// bought for them. No sockets, no thread; belongs to its caller.
#pragma once

#include <compare>
#include <map>
#include <vector>

#include "cartographer/measure/estimators.h"
#include "cartographer/measure/prober.h"
#include "core/tcp_counts.h"

namespace netpas::measure {

struct PassiveSubject {
    IpAddress destination;
    std::vector<ClassOn> classes;  // of all ISPs of the way, in path order; none: best effort
    friend auto operator<=>(const PassiveSubject&, const PassiveSubject&) = default;
};

struct PassiveReport {
    PassiveSubject subject;
    // Between the least that the kernel saw and what it sees on average, which the other end's delayed acknowledgements and own queues only lengthen.
    Estimate roundTrip;
    Estimate lossThere;  // of segments that this machine sent
    Estimate rate;       // of IP packets sent, while the network alone held the connection back
};

class PassiveTcp {
public:
    struct Options {
        size_t subjects = 64;
        size_t connections = 1024;  // further ones are not looked at
        std::chrono::microseconds systematic{500};
        Series::Options series{};
    };
    explicit PassiveTcp(Options options) : m_options(options) {}
    PassiveTcp() : PassiveTcp(Options{}) {}

    // A look at all connections of interest, with what is bought for each now; those not in it are over.
    struct Seen {
        TcpCounts counts;
        PassiveSubject subject;
    };
    void take(SteadyTime now, const std::vector<Seen>& connections);
    [[nodiscard]] std::vector<PassiveReport> report(SteadyTime now);

private:
    struct Known {
        TcpCounts counts;
        PassiveSubject subject;
        SteadyTime at{};
    };
    struct Lines {
        explicit Lines(const Options& options);
        LatencyEstimator average;
        // With what the other end says to have had already taken off, and with it. Data that was cut anew on its way (paid packets are smaller) is sent
        // again whole when a piece is lost, and the other end then has some of it twice: the truth is in between.
        LossEstimator fewest, most;
        RateEstimator rate;
        std::chrono::microseconds least = std::chrono::microseconds::max();
        SteadyTime leastAt{};
        SteadyTime usedAt{};
    };
    Lines& linesOf(const PassiveSubject& subject, SteadyTime now);
    static void learn(Lines& lines, const Known& before, const TcpCounts& now, SteadyTime at,
                      std::chrono::seconds memory);
    [[nodiscard]] Estimate roundTripOf(Lines& lines, SteadyTime now) const;
    [[nodiscard]] static Estimate lossOf(Lines& lines, SteadyTime now);

    Options m_options;
    std::map<uint64_t, Known> m_known;  // by cookie
    std::map<PassiveSubject, Lines> m_lines;
};

}  // namespace netpas::measure
