// Measures all the time, and cheaply: test packets (STAMP) to the reflectors of ISPs on ways that are in use, as best effort and in the classes that
// are paid for; never more in a minute than allowed. A reflector that gives impossible answers is not believed. No sockets, no thread; belongs to
// its caller.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
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
        // Routes in a hurry, so that a purchase can be judged within seconds: as often as this, all of them together at most `hurryFactor` times
        // `perMinute`, besides what is measured anyway; for so long on end, and `perMinute` on average.
        std::chrono::milliseconds hurried{100};
        uint32_t hurryFactor = 5;
        std::chrono::seconds hurryFor{30};
        size_t routes = 32;  // further ones wait
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
    // These are measured more often until the next call.
    void hurry(const std::set<ProbeRoute>& routes);
    // Told of each packet as it leaves, and of each answer that is believed.
    struct Listener {
        std::function<void(const ProbeRoute& route, SteadyTime at)> sent;
        std::function<void(const ProbeRoute& route, const stamp::Sample& sample)> answered;
    };
    void listen(Listener listener) { m_listener = std::move(listener); }
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
        bool hurried = false;
        SteadyTime due{};
        SteadyTime usedAt{};
        std::unique_ptr<stamp::SenderSession> session;
        // While in a hurry, besides; not for the estimates, which would else be made mostly of what went wrong.
        std::unique_ptr<stamp::SenderSession> closer;
        SteadyTime closerDue{};
        stamp::Tally before;   // of earlier sessions
        stamp::Tally counted;  // of this session, already in the estimates
        LatencyEstimator roundTrip;
        LossEstimator loss, lossThere, lossBack;
        bool refused = false;  // the last packet could not be sent
        unsigned lies = 0;     // sessions in a row that ended by them
        SteadyTime distrustedUntil{};
    };
    [[nodiscard]] std::unique_ptr<stamp::SenderSession> newSession();
    void begin(Line& line);
    void runCloser(Line& line, SteadyTime now);
    void send(Line& line, stamp::SenderSession& session);
    void judge(Line& line);
    void countFates(Line& line);
    [[nodiscard]] std::chrono::nanoseconds interval() const;
    [[nodiscard]] std::chrono::nanoseconds hurriedInterval() const;
    [[nodiscard]] double mostHaste() const;
    void refill(SteadyTime now);

    Options m_options;
    const Clock& m_clock;
    RandomSource& m_random;
    Send m_send;
    Listener m_listener;
    double m_haste = 0;  // packets that may be sent in a hurry
    SteadyTime m_refilledAt{};
    std::map<ProbeRoute, Line> m_lines;
    uint64_t m_packets = 0;
};

}  // namespace netpas::measure
