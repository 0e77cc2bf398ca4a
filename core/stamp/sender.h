// The measuring end of a STAMP session (RFC 8762 §4.2): numbers its test packets, matches the answers, and counts what is lost on which way.
// No sockets, no thread; belongs to its caller.
#pragma once

#include <deque>
#include <vector>

#include "core/stamp/stamp_packet.h"

namespace netpas::stamp {

// One answered test packet. Times of one clock only are compared, unless both are synchronized.
struct Sample {
    uint32_t sequence = 0;
    std::chrono::nanoseconds roundTrip{};  // without the time that the reflector took
    // Only when both ends say that their clocks are synchronized to UTC.
    std::optional<std::chrono::nanoseconds> there;
    std::optional<std::chrono::nanoseconds> back;
    SteadyTime sentAt{};  // by this machine's clock that nobody sets
    // From then to its arrival there by the reflector's clock: only differences between samples mean anything.
    std::chrono::nanoseconds toReflector{};
    uint8_t hopsThere = 0;  // by what was left of the 255 that a packet begins with
    // Since the answer before, by the reflector's own numbers: of `sent` packets `arrived` there, and this one's answer alone came back. Zero
    // when this answer was overtaken.
    uint32_t sent = 0;
    uint32_t arrived = 0;
};

struct Tally {
    uint64_t sent = 0;
    uint64_t answered = 0;
    uint64_t lost = 0;  // no answer in time
    // Of the lost ones, by the reflector's own numbers; the rest of them was lost after the last answer and is not known.
    uint64_t lostThere = 0;
    uint64_t lostBack = 0;
    uint64_t duplicates = 0;
    uint64_t late = 0;       // answered after they were given up
    uint64_t reordered = 0;  // answers that were overtaken
    uint64_t foreign = 0;    // what is no answer to anything of ours
    // Answers that no honest reflector gives: it had the packet for less than no time or for longer than it was away, gave a number twice, or
    // answered more than was sent. They are no samples.
    uint64_t impossible = 0;
};

class SenderSession {
public:
    struct Options {
        std::optional<Key> key;
        ErrorEstimate clock;                       // of this machine's
        uint16_t session = 0;                      // drawn at random, so that others cannot guess it
        size_t size = 0;                           // of the packet; padded with an Extra Padding TLV
        std::chrono::milliseconds patience{2000};  // for an answer
        // How much of the time that a reflector says to have taken is believed: whoever claims more makes its network look faster.
        std::chrono::nanoseconds believed = std::chrono::nanoseconds::max();
    };
    explicit SenderSession(Options options) : m_options(options) {}

    // The next test packet, to leave at `now` by the wall clock and `steady`.
    [[nodiscard]] Bytes next(SystemTime now, SteadyTime steady);
    // Whether this answers a packet of this session, by its number.
    [[nodiscard]] bool isAsked(ByteView bytes) const;
    // What came at `arrived` by the wall clock and `steady`. Nothing when it is no answer, or no new one.
    [[nodiscard]] std::optional<Sample> take(ByteView bytes, SystemTime arrived, SteadyTime steady);
    // Gives up what has been waited for too long.
    void expire(SteadyTime now);

    [[nodiscard]] const Tally& tally() const { return m_tally; }
    [[nodiscard]] bool waiting() const { return !m_sent.empty(); }

private:
    struct Sent {
        uint32_t sequence = 0;
        uint64_t timestamp = 0;
        SteadyTime at;
        bool answered = false;
    };

    void countWays(const ReflectorPacket& packet, Sample& sample);
    // Whether an honest reflector can say this, having been asked `whole` ago; remembers its number.
    [[nodiscard]] bool isPossible(const ReflectorPacket& packet, std::chrono::nanoseconds whole);

    Options m_options;
    Tally m_tally;
    uint32_t m_next = 0;
    std::deque<Sent> m_sent;  // without a gap; answered ones leave at the front
    // The last answer in order: what the reflector had seen and sent by then.
    std::optional<std::pair<uint32_t, uint32_t>> m_last;  // our sequence, its sequence
    std::deque<uint32_t> m_numbers;                       // of the reflector's last answers
};

}  // namespace netpas::stamp
