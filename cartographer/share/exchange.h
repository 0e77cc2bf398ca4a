// What this host knows of segments is told to its community, and what the community says becomes estimates that are marked as shared (NetPaS §5.3). Whatever
// comes in is bounded in rate and in memory. No sockets; one thread; belongs to its caller.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "cartographer/measure/estimate.h"
#include "cartographer/share/transport.h"
#include "cartographer/share/trust.h"
#include "core/random.h"

namespace netpas::share {

struct Subject {
    Segment segment;
    Aspect aspect;
    friend auto operator<=>(const Subject&, const Subject&) = default;
};

// Of this host's own measurements.
struct OwnEstimate {
    Subject subject;
    measure::Estimate estimate;
};

// What others say. Good only when at least three members whose word counts say so.
struct SharedEstimate {
    Subject subject;
    measure::Estimate estimate;
    size_t members = 0;  // whose word counts
    size_t heard = 0;    // who said something of it
    double weight = 0;   // of their words together; three who are wholly believed have 3
};

// Why something that came was not taken.
enum class Rejected : uint8_t {
    TooMany,   // faster than is looked at
    Unsealed,  // not with this community's secret, or for another topic
    Malformed,
    Stranger,  // not on the list of members
    Forged,
    OtherSegment,
    Expired,
    FromTheFuture,
    Replayed,  // not newer than what this member has said of it
};
inline constexpr size_t rejectedKinds = 9;
[[nodiscard]] std::string_view name(Rejected why);

class Exchange {
public:
    struct Options {
        std::chrono::milliseconds publishEvery{60'000};  // of one segment; a bit more or less each time
        std::chrono::seconds lifetime{300};              // of what is published
        std::chrono::seconds ahead{30};                  // another's clock may be
        size_t segments = 32;                            // that are followed
        uint32_t perSecond = 100;                        // values that are looked at, on average
    };
    struct Counters {
        uint64_t published = 0;
        uint64_t taken = 0;
        std::array<uint64_t, rejectedKinds> rejected{};
    };

    // `me` signs; the references outlive this. Takes over the transport's onValue.
    Exchange(Options options, Community community, const Identity& me, Transport& transport, const Clock& clock,
             RandomSource& random);

    // What members say of exactly these is of interest; further ones than `segments` are left out.
    void follow(const std::vector<Segment>& segments);
    // All that this host measures now. Only what is Good, of segments that are followed, is told.
    void offer(std::vector<OwnEstimate> own);
    // Publishes what is due. Then again at nextDue(); nothing: when something is offered.
    void run();
    [[nodiscard]] std::optional<SteadyTime> nextDue() const;

    [[nodiscard]] std::vector<SharedEstimate> estimates();
    [[nodiscard]] const Counters& counters() const { return m_counters; }
    [[nodiscard]] const Community& community() const { return m_community; }
    [[nodiscard]] TrustBook& trust() { return m_trust; }

private:
    struct Said {
        SystemTime issued;
        SystemTime expires;
        std::vector<Figure> figures;
    };
    struct Followed {
        Segment segment;
        SteadyTime due{};   // of this host's next record
        SystemTime told{};  // the last record's time: the next one is later
        std::map<PublicKey, Said> said;
    };
    void take(const Topic& topic, ByteView value);
    [[nodiscard]] std::optional<Rejected> judge(Followed& at, const SignedRecord& record);
    void learnFrom(const Followed& at, const Record& record);
    void publish(const Topic& topic, Followed& at);
    void forgetExpired();
    [[nodiscard]] bool withinRate();
    [[nodiscard]] std::vector<Opinion> opinionsOn(const Followed& at, const Aspect& aspect,
                                                  const std::optional<PublicKey>& without) const;
    [[nodiscard]] std::optional<SharedEstimate> estimateOf(const Followed& at, const Aspect& aspect) const;
    [[nodiscard]] std::optional<Opinion> ownOpinion(const Subject& subject) const;

    Options m_options;
    Community m_community;
    const Identity& m_me;
    Transport& m_transport;
    const Clock& m_clock;
    RandomSource& m_random;
    TrustBook m_trust;
    std::map<Topic, Followed> m_followed;
    std::map<Subject, measure::Estimate> m_own;
    Counters m_counters;
    double m_allowance;  // values that may be looked at now
    SteadyTime m_allowedAt{};
};

}  // namespace netpas::share
