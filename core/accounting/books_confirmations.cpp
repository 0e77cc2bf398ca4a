// The log of confirmations, the ids that were seen, and what waits for neighbours.
#include "core/accounting/books.h"
#include "core/accounting/confirmation_batch.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

Bytes bodyOf(const Confirmation& confirmation) {
    Writer writer;
    encode(writer, confirmation);
    return writer.take();
}

std::optional<Confirmation> fromBody(ByteView body) {
    Reader reader(body);
    Confirmation confirmation = decodeConfirmation(reader);
    if (!reader.finished()) return std::nullopt;
    return confirmation;
}

}  // namespace

tl::expected<void, StoreError> Books::loadConfirmations(SystemTime now) {
    auto recent = m_database.prepare("SELECT body, role FROM confirmation WHERE made >= ? ORDER BY made");
    if (!recent) return tl::unexpected(recent.error());
    recent->bind(1, micros(now - m_options.idMemory));
    while (true) {
        const auto row = recent->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        const auto confirmation = fromBody(recent->blob(0));
        if (!confirmation) return tl::unexpected(StoreError::Damaged);
        (void)remember(*confirmation, digestOf(*confirmation), now);
        const auto role = static_cast<Role>(recent->integer(1));
        // Forgotten later than needed, never earlier.
        if (role == Role::Made || role == Role::SelfMade) rememberSample(confirmation->id, now);
    }
    if (auto batches = loadBatches(now); !batches) return batches;
    auto waiting =
        m_database.prepare("SELECT number, neighbour, server, countersign, body FROM outbox ORDER BY number");
    if (!waiting) return tl::unexpected(waiting.error());
    while (true) {
        const auto row = waiting->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        auto confirmation = fromBody(waiting->blob(4));
        if (!confirmation) return tl::unexpected(StoreError::Damaged);
        const int64_t number = waiting->integer(0);
        const Party neighbour{{}, IspId(static_cast<uint16_t>(waiting->integer(1))), std::string(waiting->text(2))};
        m_outboxIds[{neighbour, confirmation->id}] = number;
        m_outbox.emplace(number, OutboxEntry{number, neighbour, waiting->integer(3) != 0, std::move(*confirmation)});
        m_nextOutbox = number + 1;
    }
}

namespace {

Books::Known knownBy(ReplayTable::Seen seen) {
    switch (seen) {
    case ReplayTable::Seen::No:
    case ReplayTable::Seen::Outside: return Books::Known::No;  // whoever asks has looked at the time
    case ReplayTable::Seen::Before: return Books::Known::Same;
    case ReplayTable::Seen::Other: return Books::Known::Other;
    case ReplayTable::Seen::Full: return Books::Known::Full;
    }
    return Books::Known::Full;
}

}  // namespace

Books::Known Books::known(const Confirmation& confirmation) const {
    const auto known = knownBy(m_replay.look(confirmation.id, digestOf(confirmation), confirmation.time));
    return known == Known::No && m_replay.full() ? Known::Full : known;
}

Books::Known Books::remember(const Confirmation& confirmation, uint64_t digest, SystemTime now) {
    return knownBy(m_replay.insert(confirmation.id, digest, confirmation.time, now));
}

// By the indexed time, which is as good as unique: a random index would cost ten times as much to write.
bool Books::logged(const Confirmation& confirmation) {
    if (m_failed) return false;
    auto rows = m_database.prepare("SELECT body FROM confirmation WHERE made = ? LIMIT 1000");
    if (!rows) return false;
    rows->bind(1, micros(confirmation.time));
    const Bytes wanted = confirmingMessage(confirmation);
    for (auto row = rows->step(); row && *row; row = rows->step()) {
        const auto stored = fromBody(rows->blob(0));
        if (stored && confirmingMessage(*stored) == wanted) return true;
    }
    return loggedInBatch(confirmation);
}

void Books::record(const Confirmation& confirmation, Role role, SystemTime now) {
    m_now = now;
    (void)remember(confirmation, digestOf(confirmation), now);
    if (role == Role::Made || role == Role::SelfMade) rememberSample(confirmation.id, now);
    if (auto* s = statement("INSERT INTO confirmation (made, role, body) VALUES (?, ?, ?)")) {
        s->bind(1, micros(confirmation.time)).bind(2, static_cast<int64_t>(role)).bind(3, bodyOf(confirmation));
        run(s);
    }
}

void Books::recordDelegate(const Confirmation& confirmation, const std::string& customer) {
    if (auto* s = statement("INSERT INTO delegated (made, customer, body) VALUES (?, ?, ?)")) {
        s->bind(1, micros(confirmation.time)).bind(2, customer).bind(3, bodyOf(confirmation));
        run(s);
    }
}

void Books::queue(const Party& neighbour, bool countersign, const Confirmation& confirmation) {
    const int64_t number = m_nextOutbox++;
    m_outboxIds[{neighbour, confirmation.id}] = number;
    m_outbox.emplace(number, OutboxEntry{number, neighbour, countersign, confirmation});
    if (auto* s =
            statement("INSERT INTO outbox (number, neighbour, countersign, body, server) VALUES (?, ?, ?, ?, ?)")) {
        s->bind(1, number).bind(2, int64_t{neighbour.isp.value()}).bind(3, int64_t{countersign ? 1 : 0});
        s->bind(4, bodyOf(confirmation)).bind(5, neighbour.server);
        run(s);
    }
}

const OutboxEntry* Books::waiting(const Party& neighbour, const ConfirmationId& id) const {
    const auto number = m_outboxIds.find({neighbour, id});
    if (number == m_outboxIds.end()) return nullptr;
    const auto found = m_outbox.find(number->second);
    return found == m_outbox.end() ? nullptr : &found->second;
}

void Books::unqueue(int64_t number) {
    const auto found = m_outbox.find(number);
    if (found == m_outbox.end()) return;
    m_outboxIds.erase({found->second.neighbour, found->second.confirmation.id});
    m_outbox.erase(found);
    if (auto* s = statement("DELETE FROM outbox WHERE number = ?")) {
        s->bind(1, number);
        run(s);
    }
}

tl::expected<int64_t, StoreError> Books::newestLogged() {
    auto row = m_database.prepare("SELECT coalesce(max(number), 0) FROM confirmation");
    if (!row) return tl::unexpected(row.error());
    const auto there = row->step();
    if (!there) return tl::unexpected(there.error());
    return *there ? row->integer(0) : 0;
}

tl::expected<int64_t, StoreError> Books::readLog(int64_t after, int64_t newest, size_t most,
                                                 const std::function<void(const Confirmation&, Role)>& each) {
    auto rows = m_database.prepare(
        "SELECT number, role, body FROM confirmation WHERE number > ? AND number <= ? "
        "ORDER BY number LIMIT ?");
    if (!rows) return tl::unexpected(rows.error());
    rows->bind(1, after).bind(2, newest).bind(3, static_cast<int64_t>(most));
    int64_t last = 0;
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return last;
        const auto confirmation = fromBody(rows->blob(2));
        if (!confirmation) return tl::unexpected(StoreError::Damaged);
        last = rows->integer(0);
        each(*confirmation, static_cast<Role>(rows->integer(1)));
    }
}

}  // namespace netpas::accounting
