// The exchange of statements about flows that pass this node (VERIFICATION.md here): the end of the mesh signs what came, every node compares, passes it back
// with its own claim, and asks the next one when the truth is worse than that one claimed. No sockets, no waiting, no keys. One thread.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "cartographer/verify/evidence.h"
#include "cartographer/verify/locate.h"
#include "cartographer/verify/messages.h"
#include "cartographer/verify/moments.h"
#include "core/clock.h"

namespace netpas::verification {

// Of one flow at this node, since it began: the counters as they were read last, at least once. Less than before: it began anew. All times are by one clock, which need not
// be the exchange's own.
struct Passed {
    Route route;
    std::vector<Reading> readings;  // ascending
    SteadyTime came{};              // the statement that this is about
};

struct ExchangeOptions {
    std::chrono::milliseconds window{10'000};    // the end of the mesh signs so often
    std::chrono::milliseconds askAgain{2'000};   // what was not answered
    std::chrono::milliseconds patience{12'000};  // then the link is named by what there is
    std::chrono::seconds forgetAfter{120};       // flows without statements
    size_t leastWindows = 4;                     // to judge by
    uint64_t leastPackets = 20;                  // worth a statement
    size_t signedFlows = 32;                     // with most packets, in each window
    size_t maxFlows = 128;
    Tolerance tolerance;
};

// Why a message changed nothing.
enum class Unheard : uint8_t {
    Malformed,
    Stranger,    // not from the neighbour that the flow goes to, or comes from
    Forged,      // signed by somebody else than who should, or not at all
    Impossible,  // of another flow, of the future, or of nothing that passed here
    Stale,
    Flood,
};
[[nodiscard]] std::string_view describe(Unheard why);
// One word.
[[nodiscard]] std::string_view name(Unheard why);

struct Verdict {
    Metric metric{};
    PublicKey near, far;  // the link's ends, in the direction of the flow; one of them lies
    double confidence = 0;
    SystemTime at;
};

// Of the way from this node to the end of the mesh.
struct RouteReport {
    Route route;
    std::optional<PublicKey> destination, next;
    Quality claimed;
    Quality observed;  // what was not verified is as claimed
    size_t windows = 0;
    bool arrives = false, throughput = false, latency = false;  // verified
    std::optional<Verdict> verdict;
};

struct Overhead {
    uint64_t datagrams = 0;
    uint64_t bytes = 0;
};

class Exchange {
public:
    struct Ports {
        const Clock& clock;
        PublicKey me;
        std::function<void(const PublicKey& neighbour, Bytes)> send;
        // The answers come by signedStatement() and signedClaim(), now or later, in any order.
        std::function<void(const Statement&)> signStatement;
        std::function<void(const Claim&)> signClaim;
        // All flows that were counted here.
        std::function<std::vector<Passed>()> passed;
        // When a statement came about it.
        std::function<std::optional<Passed>(const Route&)> passedOf;
        // The neighbour that a flow comes from; nothing: it begins here, or in this household.
        std::function<std::optional<PublicKey>(const Route&)> previous;
        // The one that it goes to; nothing: it leaves the mesh here.
        std::function<std::optional<PublicKey>(const Route&)> next;
        // As this node knows its link to a neighbour.
        std::function<Quality(const PublicKey& neighbour)> link;
        std::function<std::optional<uint64_t>(uint64_t hash)> timeOf;
        std::function<std::vector<PacketTime>(const Route&, uint64_t since)> sightings;
    };

    Exchange(Ports ports, ExchangeOptions options);

    tl::expected<void, Unheard> receive(const PublicKey& from, ByteView datagram);
    void signedStatement(ByteView bytes);
    void signedClaim(ByteView bytes);
    // What is due. Again at least every tenth of a second, while there is traffic.
    void run();

    [[nodiscard]] std::vector<RouteReport> reports() const;
    [[nodiscard]] const Overhead& said() const { return m_said; }

private:
    // A window of a flow at this node.
    struct Record {
        Statement theirs, mine;
        SteadyTime since{};  // when the destination began to count, as far as was known then
        Bytes view;          // mine, signed; empty: not yet
        Quality claimed;     // by this node, when it was told this
        Bytes told;          // by the next one then; empty: it is the destination
        Quality toldWorth;   // what that says
    };
    // A node behind this one, as far as it has answered.
    struct Witness {
        PublicKey key;
        bool answered = false, holds = false;
        Views views;
        Claims told;  // what the next one claimed to it; nothing: that is the destination
        std::map<uint32_t, std::pair<Bytes, Bytes>> raw;  // of both, as they were signed
    };
    struct Dispute {
        PublicKey destination;
        Quality link;  // then, to the next one
        SteadyTime began{}, nextAsk{};
        Views mine, theirs;
        Claims claimed, told;            // by this node, and to it; also a little later
        std::vector<Witness> witnesses;  // from the next node on
        bool concluded = false;
    };
    struct Flow {
        Route route;
        std::optional<PublicKey> destination, next;  // where its statements come from
        SteadyTime began{}, heard{};
        std::deque<Record> records;
        Moments moments;
        std::optional<SteadyTime> counted;  // since then, for the times in this node's views
        uint32_t lastWindow = 0;
        Bytes lastStatement;
        Bytes told;  // by the next node; empty: it is the destination
        std::optional<Claim> toldClaim;
        std::optional<Quality> mine;  // what this node claims
        uint32_t number = 0;
        Bytes claim;           // that, signed; empty: not yet
        bool waiting = false;  // to pass the last statement on
        std::optional<Dispute> dispute;
        std::optional<PublicKey> vague;  // answered the last questions about too little
        SteadyTime askedUntil{}, nextQuestion{};
        uint32_t askedFirst = 0, askedLast = 0;
        std::optional<Verdict> verdict;
        uint32_t namedUntil = 0;  // the last window when the link to the next node was named
    };
    // Of a flow that leaves the mesh here.
    struct Ending {
        SteadyTime began{};
        uint32_t window = 0;
        uint64_t packets = 0, since = 0;
    };
    struct Bucket {
        SteadyTime at{};
        double left = 0;
    };

    tl::expected<void, Unheard> onTold(const PublicKey& from, const Told& told);
    tl::expected<void, Unheard> onQuestion(const PublicKey& from, const Question& question);
    tl::expected<void, Unheard> onAnswer(const PublicKey& from, const Answer& answer);
    [[nodiscard]] bool mayCome(const PublicKey& from);
    void say(const PublicKey& to, const FlowMessage& message);

    [[nodiscard]] Flow* room(const Route& route);
    [[nodiscard]] tl::expected<Statement, Unheard> heard(const Flow& flow, const PublicKey& from, const Told& told,
                                                         std::optional<Claim>& claim) const;
    void record(Flow& flow, const Statement& theirs, const Passed& passed);
    void compose(Flow& flow, const PublicKey& next);
    void passOn(Flow& flow);
    // This node and the destination.
    [[nodiscard]] std::vector<Hop> ownEnds(const Flow& flow) const;
    [[nodiscard]] bool holds(const Flow& flow) const;
    void judge(Flow& flow);

    void dispute(Flow& flow);
    void ask(Flow& flow);
    // What was asked is about other windows than this node's own questions.
    [[nodiscard]] bool isElsewhere(const Flow& flow) const;
    [[nodiscard]] bool asked(const Flow& flow, uint32_t window) const;
    void answer(const Flow& flow, const Record& record);
    static void note(Dispute& dispute, const Record& record);
    void conclude(Flow& flow);
    [[nodiscard]] std::optional<Verdict> named(const std::vector<Seen>& seen, const std::vector<PublicKey>& keys) const;

    void signEndings();
    void end(const Passed& passed);

    Ports m_ports;
    ExchangeOptions m_options;
    std::map<FlowId, Flow> m_flows;
    std::map<FlowId, std::pair<Route, Ending>> m_endings;
    std::map<PublicKey, Bucket> m_buckets;
    SteadyTime m_nextWindow{};
    Overhead m_said;
};

}  // namespace netpas::verification
