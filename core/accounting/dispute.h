// Disagreements with a neighbour about sums of confirmations, settled between the two before anybody is punished (NetPaS
// §4.3.5, §4.3.6), and the exact count of one path that goes with them (§5.1 step 8). Plain values; encoding is canonical.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/accounting/watch.h"
#include "core/bytes.h"
#include "core/crypto/identity.h"
#include "core/wire/accounting_header.h"

namespace netpas::accounting {

inline constexpr size_t maxCountedPaths = 16;

using PathIsps = std::vector<IspId>;  // at most AccountingHeader::maxHops
[[nodiscard]] PathIsps ispsOf(const AccountingHeader& header);

// --- neighbour -> neighbour: what the sender has counted and what it got confirmed. Signed.
struct Complaint {
    uint64_t number = 0;  // of the sender's books
    IspId from;
    IspId to;
    Subject subject{};
    IspId isp;  // whose service; for `Own` and `Via` the receiver as the neighbour
    bool tooMuch = false;
    Money counted;
    Money confirmed;
    Money tolerance;  // what chance explains
    PathIsps path;    // on which it was seen last; may be empty
    SystemTime time;
    Signature signature;
};
enum class ComplaintReply : uint8_t {
    LooksIntoIt = 1,  // it is wrong behind the receiver too, or something is still under way
    Rectified = 2,    // what was missing is confirmed
    Disagrees = 3,    // the receiver's own figures show nothing wrong
};
[[nodiscard]] std::string_view describe(ComplaintReply reply);
// May come again with more.
struct ComplaintAnswer {
    uint64_t number = 0;  // the complaint's
    IspId from;
    IspId to;
    ComplaintReply reply{};
    Money counted;  // by the answerer
    Money confirmed;
    Money rectified;
    SystemTime time;
    Signature signature;
};

// --- accounting server <-> edge router: these paths and no others are counted exactly, each from 0 when it is new
struct CountPaths {
    struct Path {
        uint32_t id = 0;
        PathIsps isps;
        friend bool operator==(const Path&, const Path&) = default;
    };
    std::vector<Path> paths;
};
struct PathCounts {
    struct Count {
        uint32_t id = 0;
        uint64_t packets = 0;
        std::vector<Money> amounts;  // by position on the path
    };
    std::vector<Count> counts;
};

void write(Writer& w, const Complaint& m);
void write(Writer& w, const ComplaintAnswer& m);
void write(Writer& w, const CountPaths& m);
void write(Writer& w, const PathCounts& m);
[[nodiscard]] Complaint readComplaint(Reader& r);
[[nodiscard]] ComplaintAnswer readComplaintAnswer(Reader& r);
[[nodiscard]] CountPaths readCountPaths(Reader& r);
[[nodiscard]] PathCounts readPathCounts(Reader& r);
[[nodiscard]] Bytes complaintMessage(const Complaint& complaint);
[[nodiscard]] Bytes complaintAnswerMessage(const ComplaintAnswer& answer);

enum class DisputeState : uint8_t {
    Open = 1,
    Resolved = 2,    // the sums fit again
    Unresolved = 3,  // they do not, after the time that was left for it
};
[[nodiscard]] std::string_view describe(DisputeState state);

// As the books keep it: of the one who complains and of the other.
struct Dispute {
    int64_t number = 0;
    Complaint complaint;
    DisputeState state = DisputeState::Open;
    SystemTime changed;
    std::optional<ComplaintAnswer> answer;
    std::string finding;  // of the path that was counted, for people
    // About that path alone, with its figures: sums over all paths do not show it (§4.3.6), so they do not settle it either.
    bool onPath = false;
    // The whole of it in sentences, for people; `own` is who reads.
    [[nodiscard]] std::string text(IspId own) const;
};
[[nodiscard]] Bytes encodeDispute(const Dispute& dispute);
[[nodiscard]] std::optional<Dispute> decodeDispute(int64_t number, ByteView body);

}  // namespace netpas::accounting
