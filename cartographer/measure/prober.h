// Measures all the time, and cheaply: test packets (STAMP) to the reflectors of ISPs on ways that are in use, as best effort and in the classes that
// are paid for; never more in a minute than allowed. A reflector that gives impossible answers is not believed. No sockets, no thread; belongs to
// its caller.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cartographer/measure/estimators.h"
#include "core/ids.h"
#include "core/net_address.h"
#include "core/random.h"
#include "core/stamp/sender.h"

namespace netpas::measure {

// What is bought on the way; none: best effort.
struct ClassOn {
    IspId isp;
    ServiceClass service;
    friend auto operator<=>(const ClassOn&, const ClassOn&) = default;
};

// From here into an ISP: to its reflector.
struct ProbeRoute {
    IspId isp;
    Endpoint reflector;
    std::vector<ClassOn> classes;  // of the ISPs up to this one, in path order
    friend auto operator<=>(const ProbeRoute&, const ProbeRoute&) = default;
};

struct ProbeReport {
    ProbeRoute route;
    Estimate roundTrip;  // seconds, without the reflector's own time
    Estimate loss;       // of round trips
    Estimate lossThere;
    Estimate lossBack;
    stamp::Tally tally;
    std::string trouble;  // why nothing is measured; empty when it is
};

class Prober {
public:
    struct Options {
        std::chrono::milliseconds every{1000};  // of one route
        uint32_t perMinute = 600;  // of all routes together; they are measured less often when they would be more
        size_t routes = 32;        // further ones wait
        std::chrono::milliseconds patience{2000};
        // How wrong the two ends' clock readings may be: software's, on machines with other things to do.
        std::chrono::microseconds systematic{250};
        std::chrono::milliseconds believed{2};  // of the time that a reflector says to have taken
        std::chrono::seconds distrust{600};     // after lies
        Series::Options series{};
    };
    // Sends on this route; false when it cannot.
    using Send = std::function<bool(const ProbeRoute& route, ByteView packet)>;
    Prober(Options options, const Clock& clock, RandomSource& random, Send send);

    // Exactly these. What is known of one that stays, stays; one that goes is remembered for as long as its samples count.
    void setRoutes(const std::vector<ProbeRoute>& routes);
    [[nodiscard]] std::vector<ProbeRoute> routes() const;
    // Sends what is due and gives up what was waited for too long. Then again at `nextDue`; nothing: when there are routes.
    void run();
    [[nodiscard]] std::optional<SteadyTime> nextDue() const;
    // What came from a route's reflector at `arrived` by the wall clock and `steady`.
    void take(const ProbeRoute& route, ByteView packet, SystemTime arrived, SteadyTime steady);

    [[nodiscard]] std::vector<ProbeReport> report();
    [[nodiscard]] uint64_t packetsSent() const { return m_packets; }

private:
    struct Line {
        Line(const ProbeRoute& route, const Options& options);
        ProbeRoute route;
        bool active = false;
        SteadyTime due{};
        SteadyTime usedAt{};
        std::unique_ptr<stamp::SenderSession> session;
        stamp::Tally before;   // of earlier sessions
        stamp::Tally counted;  // of this session, already in the estimates
        LatencyEstimator roundTrip;
        LossEstimator loss, lossThere, lossBack;
        bool refused = false;  // the last packet could not be sent
        unsigned lies = 0;     // sessions in a row that ended by them
        SteadyTime distrustedUntil{};
    };
    void begin(Line& line);
    void judge(Line& line);
    void countFates(Line& line);
    [[nodiscard]] std::chrono::nanoseconds interval() const;

    Options m_options;
    const Clock& m_clock;
    RandomSource& m_random;
    Send m_send;
    std::map<ProbeRoute, Line> m_lines;
    uint64_t m_packets = 0;
};

}  // namespace netpas::measure
