#include "secretary/prompts/queue.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace netpas::secretary::prompts {

namespace {

using namespace std::chrono_literals;
using store::DocumentChange;

constexpr std::string_view entryKind = "pending";
constexpr std::string_view modeKind = "mode";

// Prices within a factor of two ask the same question. Of one price or none: the band below all others.
std::string bandOf(const SpendRequest& request) {
    const auto price = static_cast<uint64_t>(std::max<int64_t>(0, request.price.eighths()));
    return std::to_string(std::bit_width(price));
}

std::string idText(EntryId id) {
    std::string digits = std::to_string(id.value());
    return std::string(20 - std::min<size_t>(20, digits.size()), '0') + digits;
}

DocumentChange kept(const Entry& entry) { return {{std::string(entryKind), idText(entry.id), encode(entry)}, false}; }
DocumentChange gone(EntryId id) { return {{std::string(entryKind), idText(id), {}}, true}; }

}  // namespace

Queue::Queue(store::Documents& documents, const Clock& clock, const QueueSettings& settings)
    : m_documents(documents), m_clock(clock), m_settings(settings), m_coolDowns(documents) {}

tl::expected<void, store::StoreError> Queue::load() {
    const auto entries = m_documents.all(entryKind);
    if (!entries) return tl::unexpected(entries.error());
    const auto mode = m_documents.all(modeKind);
    if (!mode) return tl::unexpected(mode.error());
    if (auto loaded = m_coolDowns.load(); !loaded) return loaded;
    std::vector<DocumentChange> changes;
    for (const store::Document& document : *entries) {
        auto entry = decodeEntry(document.body);
        if (!entry || idText(entry->id) != document.id) return tl::unexpected(store::StoreError::Damaged);
        if (entry->state == EntryState::Waiting) {
            entry->state = EntryState::Missed;
            entry->why = Missed::Restarted;
            changes.push_back(kept(*entry));
        }
        const uint64_t id = entry->id.value();
        m_lastId = std::max(m_lastId, id);
        std::string subject = subjectDigest(entry->request);
        m_items.emplace(id, Item{std::move(*entry), std::move(subject), {}, {}});
    }
    for (const store::Document& document : *mode) {
        if (document.body.size() != 1) return tl::unexpected(store::StoreError::Damaged);
        // What is not known is the most careful one.
        m_mode = Mode::Pause;
        for (const Mode known : {Mode::Ask, Mode::Quiet}) {
            if (document.body[0] == static_cast<uint8_t>(known)) m_mode = known;
        }
    }
    return m_documents.apply(changes);
}

SystemTime Queue::deadlineOf(const SpendRequest& request) const {
    const SystemTime now = m_clock.now();
    if (request.quoteExpires == SystemTime{}) return now + m_settings.patience;
    return std::min(request.quoteExpires, now + m_settings.longestWait);
}

Queue::Item* Queue::waitingLike(const std::string& subject, const std::string& band) {
    for (auto& [id, item] : m_items) {
        if (item.entry.state == EntryState::Waiting && item.subject == subject && item.band == band) return &item;
    }
    return nullptr;
}

bool Queue::crowded(const SpendRequest& request) const {
    size_t all = 0;
    size_t same = 0;
    for (const auto& [id, item] : m_items) {
        if (item.entry.state != EntryState::Waiting) continue;
        ++all;
        if (item.entry.request.uid == request.uid && item.entry.request.node == request.node) ++same;
    }
    return all >= m_settings.mostWaiting || same >= m_settings.mostWaitingEach;
}

tl::expected<Asked, store::StoreError> Queue::ask(Ticket ticket, SpendRequest request) {
    request = bounded(std::move(request));
    tick();
    const SystemTime now = m_clock.now();
    if (m_coolDowns.active(request, now)) {
        return keepMissed(std::move(request), Missed::CoolingDown, Unanswered::CoolingDown);
    }
    if (m_frontEnds.empty()) return keepMissed(std::move(request), Missed::NoFrontEnd, Unanswered::NoFrontEnd);
    const std::string subject = subjectDigest(request);
    const std::string band = bandOf(request);
    if (Item* same = waitingLike(subject, band)) return merge(*same, ticket, std::move(request));
    if (crowded(request)) return keepMissed(std::move(request), Missed::QueueFull, Unanswered::Full);
    const SystemTime deadline = deadlineOf(request);
    if (deadline <= now) return keepMissed(std::move(request), Missed::Expired, Unanswered::Expired);
    Item fresh;
    fresh.entry.id = EntryId(m_lastId + 1);
    fresh.entry.request = request;
    fresh.entry.since = now;
    fresh.entry.deadline = deadline;
    fresh.subject = subject;
    fresh.band = band;
    fresh.waiters.push_back({ticket, std::move(request), deadline});
    const EntryId id = fresh.entry.id;
    std::vector<DocumentChange> changes;
    dropMissedLike(subject, changes);
    if (auto inserted = insert(std::move(fresh), std::move(changes)); !inserted) {
        return tl::unexpected(inserted.error());
    }
    show(now);
    changed();
    return Asked{id, {}};
}

// One more that asks the same. What is shown is the dearest, so that an answer to it covers all.
tl::expected<Asked, store::StoreError> Queue::merge(Item& item, Ticket ticket, SpendRequest request) {
    if (item.waiters.size() >= m_settings.mostTickets) return Asked{item.entry.id, Unanswered::Full};
    const SystemTime deadline = deadlineOf(request);
    if (deadline <= m_clock.now()) return Asked{item.entry.id, Unanswered::Expired};
    Entry changed = item.entry;
    ++changed.requests;
    ++changed.revision;
    changed.deadline = std::max(changed.deadline, deadline);
    const bool attended = changed.request.attended || request.attended;
    if (request.price > changed.request.price) changed.request = request;
    changed.request.attended = attended;
    const DocumentChange change = kept(changed);
    if (auto written = m_documents.apply({&change, 1}); !written) return tl::unexpected(written.error());
    item.entry = std::move(changed);
    item.waiters.push_back({ticket, std::move(request), deadline});
    show(m_clock.now());
    this->changed();
    return Asked{item.entry.id, {}};
}

// What nobody is asked about is kept for a later decision; the same thing once.
tl::expected<Asked, store::StoreError> Queue::keepMissed(SpendRequest request, Missed why, Unanswered how) {
    const std::string subject = subjectDigest(request);
    for (auto& [id, item] : m_items) {
        if (item.entry.state != EntryState::Missed || item.subject != subject) continue;
        // A flood of the same is one entry, and hardly ever a write.
        const bool stale = item.entry.why != why || m_clock.now() - item.entry.since > 1min ||
                           item.entry.request.price != request.price;
        ++item.entry.requests;
        if (stale) {
            item.entry.why = why;
            item.entry.since = m_clock.now();
            item.entry.request = std::move(request);
            ++item.entry.revision;
            const DocumentChange change = kept(item.entry);
            if (auto written = m_documents.apply({&change, 1}); !written) return tl::unexpected(written.error());
            changed();
        }
        return Asked{item.entry.id, how};
    }
    Item fresh;
    fresh.entry.id = EntryId(m_lastId + 1);
    fresh.entry.request = std::move(request);
    fresh.entry.state = EntryState::Missed;
    fresh.entry.why = why;
    fresh.entry.since = m_clock.now();
    fresh.subject = subject;
    const EntryId id = fresh.entry.id;
    if (auto inserted = insert(std::move(fresh), {}); !inserted) return tl::unexpected(inserted.error());
    changed();
    return Asked{id, how};
}

void Queue::dropMissedLike(const std::string& subject, std::vector<DocumentChange>& changes) {
    for (auto it = m_items.begin(); it != m_items.end();) {
        const Entry& entry = it->second.entry;
        if (entry.state == EntryState::Missed && it->second.subject == subject) {
            changes.push_back(gone(entry.id));
            it = m_items.erase(it);
        } else {
            ++it;
        }
    }
}

void Queue::makeRoom(std::vector<DocumentChange>& changes) {
    while (m_items.size() >= m_settings.mostEntries) {
        const auto oldest = std::find_if(m_items.begin(), m_items.end(), [](const auto& item) {
            return item.second.entry.state == EntryState::Missed;
        });
        if (oldest == m_items.end()) return;
        changes.push_back(gone(oldest->second.entry.id));
        m_items.erase(oldest);
    }
}

tl::expected<void, store::StoreError> Queue::insert(Item item, std::vector<DocumentChange> changes) {
    makeRoom(changes);
    changes.push_back(kept(item.entry));
    if (auto written = m_documents.apply(changes); !written) return written;
    m_lastId = item.entry.id.value();
    m_items.emplace(m_lastId, std::move(item));
    return {};
}

void Queue::withdraw(Ticket ticket, const std::string& by) {
    for (auto& [id, item] : m_items) {
        const auto found = std::find_if(item.waiters.begin(), item.waiters.end(),
                                        [&](const Waiter& waiter) { return waiter.ticket == ticket; });
        if (found == item.waiters.end()) continue;
        item.waiters.erase(found);
        if (!item.waiters.empty()) return;
        // Should it stay on disk, it is missed after the next start, which is harmless.
        (void)m_documents.erase(std::string(entryKind), idText(item.entry.id));
        close(item.entry.id, {item.entry.id, by, Verdict::NotNow, false});
        show(m_clock.now());
        changed();
        return;
    }
}

// The entry is no more; `how` is what late windows are told.
void Queue::close(EntryId id, Closed how) {
    if (m_visible == id) m_visible.reset();
    m_items.erase(id.value());
    m_closed.push_back(std::move(how));
    while (m_closed.size() > m_settings.closedKept) m_closed.pop_front();
}

tl::expected<Taken, Refused> Queue::take(EntryId id, std::optional<uint32_t> revision, const Answer& answer,
                                         const std::string& by) {
    tick();
    const auto found = m_items.find(id.value());
    if (found == m_items.end()) {
        const auto earlier =
            std::find_if(m_closed.rbegin(), m_closed.rend(), [&](const Closed& closed) { return closed.id == id; });
        if (earlier == m_closed.rend()) return tl::unexpected(Refused{AnswerProblem::Unknown, {}});
        return tl::unexpected(Refused{AnswerProblem::Answered, *earlier});
    }
    Item& item = found->second;
    if (revision && *revision != item.entry.revision) return tl::unexpected(Refused{AnswerProblem::Changed, {}});
    const auto rested = answer.verdict == Verdict::NotNow ? m_coolDowns.notNow(item.entry.request, m_clock.now())
                                                          : m_coolDowns.decided(item.entry.request);
    if (!rested || !m_documents.erase(std::string(entryKind), idText(id))) {
        return tl::unexpected(Refused{AnswerProblem::Storage, {}});
    }
    Taken taken{item.entry, {}};
    for (Waiter& waiter : item.waiters) taken.tickets.push_back({waiter.ticket, std::move(waiter.request)});
    close(id, {id, by, answer.verdict, true});
    show(m_clock.now());
    changed();
    return taken;
}

tl::expected<void, Refused> Queue::dismiss(EntryId id) {
    const auto found = m_items.find(id.value());
    if (found == m_items.end() || found->second.entry.state != EntryState::Missed) {
        return tl::unexpected(Refused{AnswerProblem::Unknown, {}});
    }
    if (!m_documents.erase(std::string(entryKind), idText(id))) {
        return tl::unexpected(Refused{AnswerProblem::Storage, {}});
    }
    m_items.erase(found);
    changed();
    return {};
}

std::vector<Taken::Waiting> Queue::waiting() const {
    std::vector<Taken::Waiting> list;
    for (const auto& [id, item] : m_items) {
        for (const Waiter& waiter : item.waiters) list.push_back({waiter.ticket, waiter.request});
    }
    return list;
}

std::vector<Entry> Queue::entries() const {
    std::vector<Entry> list;
    for (const EntryState state : {EntryState::Waiting, EntryState::Missed}) {
        for (const auto& [id, item] : m_items) {
            if (item.entry.state == state) list.push_back(item.entry);
        }
    }
    return list;
}

std::optional<Entry> Queue::find(EntryId id) const {
    const auto found = m_items.find(id.value());
    if (found == m_items.end()) return std::nullopt;
    return found->second.entry;
}

std::vector<Taken::Waiting> Queue::waitingFor(EntryId id) const {
    std::vector<Taken::Waiting> list;
    const auto found = m_items.find(id.value());
    if (found == m_items.end()) return list;
    for (const Waiter& waiter : found->second.waiters) list.push_back({waiter.ticket, waiter.request});
    return list;
}

tl::expected<void, store::StoreError> Queue::setMode(Mode mode) {
    if (auto written = m_documents.put({std::string(modeKind), "mode", Bytes{static_cast<uint8_t>(mode)}}); !written) {
        return written;
    }
    m_mode = mode;
    if (mode != Mode::Ask) m_visible.reset();
    show(m_clock.now());
    changed();
    return {};
}

void Queue::setLocked(bool locked) {
    m_locked = locked;
    if (locked) m_visible.reset();
    show(m_clock.now());
    changed();
}

void Queue::attend(const std::string& frontEnd) {
    const bool fresh = !m_frontEnds.contains(frontEnd);
    m_frontEnds[frontEnd] = m_clock.now();
    if (!fresh) return;
    show(m_clock.now());
    changed();
}

void Queue::leave(const std::string& frontEnd) {
    if (m_frontEnds.erase(frontEnd) == 0) return;
    if (m_frontEnds.empty()) m_visible.reset();
    changed();
}

void Queue::becomeMissed(Item& item, Missed why) {
    item.entry.state = EntryState::Missed;
    item.entry.why = why;
    ++item.entry.revision;
    if (m_visible == item.entry.id) m_visible.reset();
    // Should this not be written, it is missed after the next start all the same.
    const DocumentChange change = kept(item.entry);
    (void)m_documents.apply({&change, 1});
}

void Queue::expire(SystemTime now) {
    std::vector<Ticket> over;
    bool any = false;
    for (auto& [id, item] : m_items) {
        if (item.entry.state != EntryState::Waiting) continue;
        std::erase_if(item.waiters, [&](const Waiter& waiter) {
            if (waiter.deadline > now) return false;
            over.push_back(waiter.ticket);
            return true;
        });
        if (!item.waiters.empty()) continue;
        becomeMissed(item, Missed::Expired);
        any = true;
    }
    if (any) changed();
    for (const Ticket ticket : over) {
        if (m_unanswered) m_unanswered(ticket, Unanswered::Expired);
    }
}

// Shows the oldest question that may interrupt somebody now.
void Queue::show(SystemTime now) {
    // A clock that was set back leaves times ahead of it: they count until it has caught up, at most for an hour.
    while (!m_shown.empty() && (m_shown.front() <= now - 1h || m_shown.front() > now + 1h)) m_shown.pop_front();
    if (m_visible || m_mode != Mode::Ask || m_locked || m_frontEnds.empty()) return;
    if (m_shown.size() >= m_settings.shownPerHour) return;
    for (const auto& [id, item] : m_items) {
        if (item.entry.state != EntryState::Waiting || !item.entry.request.attended) continue;
        m_visible = item.entry.id;
        m_shown.push_back(now);
        return;
    }
}

void Queue::tick() {
    const SystemTime now = m_clock.now();
    const size_t before = m_frontEnds.size();
    std::erase_if(m_frontEnds, [&](const auto& one) { return now - one.second > m_settings.lease; });
    const auto shown = m_visible;
    if (m_frontEnds.empty()) m_visible.reset();
    expire(now);
    show(now);
    if (m_frontEnds.size() != before || m_visible != shown) changed();
}

std::optional<SystemTime> Queue::nextEvent() const {
    std::optional<SystemTime> next;
    const auto consider = [&](SystemTime time) { next = next ? std::min(*next, time) : time; };
    for (const auto& [id, item] : m_items) {
        for (const Waiter& waiter : item.waiters) consider(waiter.deadline);
    }
    for (const auto& [name, heard] : m_frontEnds) consider(heard + m_settings.lease + 1us);
    if (!m_visible && !m_shown.empty() && m_shown.size() >= m_settings.shownPerHour) consider(m_shown.front() + 1h);
    return next;
}

void Queue::changed() {
    ++m_revision;
    if (m_changed) m_changed();
}

}  // namespace netpas::secretary::prompts
