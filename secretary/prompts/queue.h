// The questions that wait for a person: one is shown, the rest wait; what nobody answers in time is missed, and costs
// nothing (UX, The decision). Decides nothing itself: it says what became of each ticket. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/prompts/cool_downs.h"
#include "secretary/prompts/prompt.h"

namespace netpas::secretary::prompts {

struct QueueSettings {
    size_t mostEntries = 1000;    // kept; the oldest missed one goes first
    size_t mostWaiting = 100;     // asked at the same time, by everybody …
    size_t mostWaitingEach = 20;  // … and by one user and node
    size_t mostTickets = 16;      // merged into one question
    uint32_t shownPerHour = 6;
    std::chrono::seconds patience{120};     // for a request whose quote states no end
    std::chrono::seconds longestWait{900};  // whatever the quote says
    std::chrono::seconds lease{40};         // a window that was not heard of for so long is gone
    size_t closedKept = 64;                 // answered questions that late windows are told about
};

using Ticket = Id<struct TicketTag, uint64_t, UINT64_MAX>;

// How a ticket ended without an answer to it.
enum class Unanswered : uint8_t {
    Expired,      // the quote ran out
    NoFrontEnd,   // nobody to ask
    CoolingDown,  // a person does not want to be asked
    Full,         // too many questions wait, or too many of the same
};

struct Asked {
    EntryId entry;
    // Set: it is over already. Else the ticket waits, and onUnanswered() or take() ends it.
    std::optional<Unanswered> over;
};

enum class AnswerProblem : uint8_t {
    Unknown,   // no such question, any more
    Answered,  // somebody else was first
    Changed,   // what was shown is not what is asked now: look again
    Storage,
};
struct Closed {
    EntryId id;
    std::string by;  // front end, or "rules" when the queue decided anew
    Verdict verdict = Verdict::NotNow;
    bool answered = true;  // false: by no person, see `by`
};
struct Refused {
    AnswerProblem problem = AnswerProblem::Unknown;
    std::optional<Closed> closed;  // of Answered
};

struct Taken {
    Entry entry;
    struct Waiting {
        Ticket ticket;
        SpendRequest request;
    };
    std::vector<Waiting> tickets;  // none: the entry had been missed
};

class Queue {
public:
    Queue(store::Documents& documents, const Clock& clock, const QueueSettings& settings = {});

    // Reads what was kept. What waited is missed now: nobody is left who would be answered.
    [[nodiscard]] tl::expected<void, store::StoreError> load();

    [[nodiscard]] tl::expected<Asked, store::StoreError> ask(Ticket ticket, SpendRequest request);
    // Whoever asked is gone, or was decided without a person. Its question goes with its last ticket, and leaves no trace.
    void withdraw(Ticket ticket, const std::string& by);
    // Removes the question: the first answer wins. `revision`: what the person saw; nothing: whatever is asked now.
    // "Not now" begins a cool-down, any other answer ends the row.
    [[nodiscard]] tl::expected<Taken, Refused> take(EntryId id, std::optional<uint32_t> revision, const Answer& answer,
                                                    const std::string& by);
    // Removes a missed entry without a decision.
    [[nodiscard]] tl::expected<void, Refused> dismiss(EntryId id);

    [[nodiscard]] std::vector<Taken::Waiting> waiting() const;
    // In the order in which they were asked; waiting ones first.
    [[nodiscard]] std::vector<Entry> entries() const;
    [[nodiscard]] std::optional<Entry> find(EntryId id) const;
    // The one that is shown now.
    [[nodiscard]] std::optional<EntryId> visible() const { return m_visible; }
    [[nodiscard]] std::vector<Taken::Waiting> waitingFor(EntryId id) const;
    [[nodiscard]] const std::deque<Closed>& closed() const { return m_closed; }

    [[nodiscard]] Mode mode() const { return m_mode; }
    [[nodiscard]] tl::expected<void, store::StoreError> setMode(Mode mode);
    // Locked: nothing is shown.
    void setLocked(bool locked);

    // A window (or several of one name) is there and heard of now.
    void attend(const std::string& frontEnd);
    void leave(const std::string& frontEnd);
    [[nodiscard]] size_t frontEnds() const { return m_frontEnds.size(); }

    // Ends what has run out, and shows what may be shown. Call at nextEvent(), and more often if you like.
    void tick();
    [[nodiscard]] std::optional<SystemTime> nextEvent() const;

    // Called from ask(), tick() and the setters, never for the ticket that is being asked.
    void onUnanswered(std::function<void(Ticket, Unanswered)> listener) { m_unanswered = std::move(listener); }
    // What entries(), visible(), mode() or closed() say has changed.
    void onChange(std::function<void()> listener) { m_changed = std::move(listener); }
    // Grows with every such change.
    [[nodiscard]] uint64_t revision() const { return m_revision; }

private:
    struct Waiter {
        Ticket ticket;
        SpendRequest request;
        SystemTime deadline;
    };
    struct Item {
        Entry entry;
        std::string subject;  // subjectDigest() of it
        std::string band;     // of its price
        std::vector<Waiter> waiters;
    };

    [[nodiscard]] SystemTime deadlineOf(const SpendRequest& request) const;
    [[nodiscard]] Item* waitingLike(const std::string& subject, const std::string& band);
    [[nodiscard]] bool crowded(const SpendRequest& request) const;
    [[nodiscard]] tl::expected<Asked, store::StoreError> keepMissed(SpendRequest request, Missed why, Unanswered how);
    [[nodiscard]] tl::expected<Asked, store::StoreError> merge(Item& item, Ticket ticket, SpendRequest request);
    void dropMissedLike(const std::string& subject, std::vector<store::DocumentChange>& changes);
    void makeRoom(std::vector<store::DocumentChange>& changes);
    [[nodiscard]] tl::expected<void, store::StoreError> insert(Item item, std::vector<store::DocumentChange> changes);
    void becomeMissed(Item& item, Missed why);
    void expire(SystemTime now);
    void show(SystemTime now);
    void close(EntryId id, Closed how);
    void changed();

    store::Documents& m_documents;
    const Clock& m_clock;
    QueueSettings m_settings;
    CoolDowns m_coolDowns;
    Mode m_mode = Mode::Ask;
    bool m_locked = false;
    std::map<uint64_t, Item> m_items;  // by id, which grows
    uint64_t m_lastId = 0;
    std::optional<EntryId> m_visible;
    std::deque<SystemTime> m_shown;  // within the last hour
    std::deque<Closed> m_closed;
    std::map<std::string, SystemTime, std::less<>> m_frontEnds;  // when last heard of
    std::function<void(Ticket, Unanswered)> m_unanswered;
    std::function<void()> m_changed;
    uint64_t m_revision = 0;
};

}  // namespace netpas::secretary::prompts
