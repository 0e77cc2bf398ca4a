// What the links to neighbours are worth: a small datagram each second that the neighbour sends back with its count of what came over the link. Pure; one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/link_address.h"

namespace netpas::agent {

class LinkEchoes {
public:
    using Place = std::pair<std::string, LinkAddress>;
    struct Worth {
        double arrives = 1;  // of packets, one way
        double seconds = 0;  // one way
        uint64_t bitsPerSecond = 0;
    };
    static constexpr uint8_t askKind = 12, answerKind = 13;
    static constexpr size_t most = 1024;       // neighbours
    static constexpr size_t remembered = 120;  // questions to each

    // To be sent to that neighbour now.
    [[nodiscard]] Bytes ask(const Place& to, SteadyTime now);
    // What goes back, for a question; else nothing.
    [[nodiscard]] std::optional<Bytes> answerTo(const Place& from, ByteView datagram) const;
    void answered(const Place& from, ByteView datagram, SteadyTime now);
    // So many bytes were sent over it since it was first counted.
    void sent(const Place& to, uint64_t bytes, SteadyTime now);
    // So many have come from there.
    void came(const Place& from, uint64_t bytes, SteadyTime now);
    // Nothing: too little is known yet.
    [[nodiscard]] std::optional<Worth> worth(const Place& of, SteadyTime now) const;

private:
    struct Question {
        uint64_t nonce = 0;
        SteadyTime asked{};
        std::optional<std::chrono::nanoseconds> took;
    };
    // What came there of what was sent here, as the neighbour says, by its own clock. No time: it has not counted.
    struct Arrived {
        uint64_t bytes = 0, nanoseconds = 0;
        uint64_t sent = 0;  // until then
    };
    struct Link {
        std::deque<Question> questions;
        uint64_t bytes = 0, best = 0;
        std::optional<SteadyTime> counted;
        uint64_t here = 0;  // bytes that came from there
        std::optional<SteadyTime> hereCounted;
        Arrived first, last;   // of what is compared with what was sent, and of what a rate is made of
        uint64_t highest = 0;  // bits a second, since the first of these
        uint64_t carried = 0;  // bits a second
    };
    // `arrives`: of packets, by the link's own fault; 0: not known.
    static void arrived(Link& link, Arrived now, double arrives);
    std::map<Place, Link> m_links;
};

}  // namespace netpas::agent
