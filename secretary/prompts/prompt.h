// Questions to a person about spending money, and the answers (UX, The decision). Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/clock.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::prompts {

// Numbers are stored: never reuse one.
enum class Mode : uint8_t {
    Ask = 1,    // prompts are shown
    Quiet = 2,  // nothing is shown; rules and budgets decide, the rest waits in the queue
    Pause = 3,  // nothing is spent
};
[[nodiscard]] std::string_view name(Mode mode);
[[nodiscard]] std::optional<Mode> modeNamed(std::string_view text);

using EntryId = Id<struct EntryIdTag, uint64_t, INT64_MAX>;

enum class EntryState : uint8_t {
    Waiting = 1,  // an answer still decides what was asked
    Missed = 2,   // nothing was paid; an answer decides for the next time
};
// Why nobody decided in time.
enum class Missed : uint8_t {
    No = 0,
    Expired = 1,     // the quote did
    NoFrontEnd = 2,  // no window was there to ask in
    CoolingDown = 3,
    Restarted = 4,  // with the secretary, whoever asked is gone
    QueueFull = 5,
};
[[nodiscard]] std::string_view name(Missed why);

struct Entry {
    EntryId id;
    SpendRequest request;  // the dearest of those that were merged
    EntryState state = EntryState::Waiting;
    Missed why = Missed::No;
    uint32_t requests = 1;  // that were merged, ever
    // Grows with every change of what is shown. An answer names the revision that was seen, so that nobody approves what
    // took its place.
    uint32_t revision = 1;
    SystemTime since;     // of the newest request
    SystemTime deadline;  // of Waiting
    friend bool operator==(const Entry&, const Entry&) = default;
};

enum class EntryError {
    Malformed,       // stored bytes that are no entry
    UnknownVersion,  // written by a newer version
};
inline constexpr size_t longestText = 256;
inline constexpr size_t mostFacts = 8;
inline constexpr size_t mostTiers = 4;
// The form is described at the top of codec.cpp. What is too long is cut, at a character.
[[nodiscard]] Bytes encode(const Entry& entry);
[[nodiscard]] tl::expected<Entry, EntryError> decodeEntry(ByteView bytes);

// Texts cut to what is kept, and lists to their bounds.
[[nodiscard]] SpendRequest bounded(SpendRequest request);

enum class Verdict : uint8_t { NotNow, ApproveOnce, ApproveRule, Refuse };
[[nodiscard]] std::string_view name(Verdict verdict);
[[nodiscard]] std::optional<Verdict> verdictNamed(std::string_view text);

enum class Lifetime : uint8_t { Once, AppExit, Hour, Today, Until, Always };
[[nodiscard]] std::string_view name(Lifetime lifetime);
[[nodiscard]] std::optional<Lifetime> lifetimeNamed(std::string_view text);

// What the rule that an answer makes is about; what is left out may be anything.
enum class Part : uint8_t { App, Purpose, Payee, Contact, Group, Domain, User, Node };
inline constexpr std::array allParts{Part::App,   Part::Purpose, Part::Payee, Part::Contact,
                                     Part::Group, Part::Domain,  Part::User,  Part::Node};
[[nodiscard]] std::string_view name(Part part);
[[nodiscard]] std::optional<Part> partNamed(std::string_view text);

struct Answer {
    Verdict verdict = Verdict::NotNow;
    // Of ApproveRule, and of Refuse unless Once:
    Lifetime lifetime = Lifetime::Once;
    SystemTime until;                        // of Lifetime::Until
    std::optional<Money> upTo;               // of ApproveRule; none: the price that was shown
    std::optional<std::vector<Part>> parts;  // none: those suggested
};

}  // namespace netpas::secretary::prompts
