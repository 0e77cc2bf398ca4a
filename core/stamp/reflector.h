// The other end of a measurement (RFC 8762 §4.3): answers each test packet with one of the same size, so that it amplifies nothing. It keeps a
// little state for each sender, so that losses there and back can be told apart. No sockets, no thread; belongs to its caller.
#pragma once

#include <list>
#include <unordered_map>

#include "core/net_address.h"
#include "core/stamp/stamp_packet.h"

namespace netpas::stamp {

struct ReflectorOptions {
    std::optional<Key> key;             // authenticated mode; others are not answered
    ErrorEstimate clock;                // of this machine's
    uint32_t perSecond = 200;           // packets of one address
    size_t maxSessions = 4096;          // the one that was silent for longest makes room
    std::chrono::seconds silence{900};  // then a session is forgotten (RFC 8762 leaves it open; RFC 5357's REFWAIT)
};

// How a packet came.
struct Arrival {
    Endpoint from;
    SystemTime time;  // of the kernel, where it says so
    uint8_t ttl = 255;
    uint8_t trafficClass = 0;  // DSCP and ECN
};

class Reflector {
public:
    explicit Reflector(ReflectorOptions options) : m_options(options) {}

    // The answer; nothing for what is no test packet, or when the sender sends too much. `now` is when the answer leaves.
    [[nodiscard]] std::optional<Bytes> answer(ByteView request, const Arrival& arrival, SystemTime now);

    struct Counts {
        uint64_t answered = 0;
        uint64_t malformed = 0;
        uint64_t unauthenticated = 0;
        uint64_t tooMany = 0;
    };
    [[nodiscard]] const Counts& counts() const { return m_counts; }
    [[nodiscard]] size_t sessions() const { return m_sessions.size(); }

private:
    struct Name {
        Endpoint from;
        uint16_t session = 0;
        friend bool operator==(const Name&, const Name&) = default;
    };
    struct Hash {
        size_t operator()(const Name& name) const {
            return std::hash<IpAddress>()(name.from.address) ^
                   (size_t{name.from.port} << 16 | name.session) * 0x9e3779b97f4a7c15U;
        }
    };
    struct Session {
        Name name;
        uint32_t next = 0;  // our own sequence number
        uint32_t received = 0;
        SystemTime last;
    };
    struct Rate {
        int64_t second = 0;
        uint32_t count = 0;
    };
    using Sessions = std::list<Session>;  // the longest silent one last

    Session& sessionOf(const Name& name, SystemTime now);
    bool tooMany(const IpAddress& from, SystemTime now);
    void answerTlv(Tlv& tlv, const Session& session, const Arrival& arrival) const;

    ReflectorOptions m_options;
    Counts m_counts;
    Sessions m_order;
    std::unordered_map<Name, Sessions::iterator, Hash> m_sessions;
    std::unordered_map<IpAddress, Rate> m_rates;  // of the current second
    int64_t m_second = 0;
};

}  // namespace netpas::stamp
