// Confirmations with shared signatures in the log and in the neighbours' queues: one row for each message.
#include "core/accounting/books.h"
#include "core/accounting/confirmation_batch.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

std::optional<ConfirmationBatch> fromBody(ByteView body) {
    Reader reader(body);
    ConfirmationBatch batch = readBatchBody(reader);
    if (!reader.finished()) return std::nullopt;
    return batch;
}

}  // namespace

tl::expected<void, StoreError> Books::loadBatches(SystemTime now) {
    auto recent = m_database.prepare("SELECT body, role FROM confirmation_batch WHERE newest >= ? ORDER BY number");
    if (!recent) return tl::unexpected(recent.error());
    recent->bind(1, micros(now - m_options.idMemory));
    while (true) {
        const auto row = recent->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        const auto batch = fromBody(recent->blob(0));
        if (!batch) return tl::unexpected(StoreError::Damaged);
        const auto role = static_cast<Role>(recent->integer(1));
        for (const BatchEntry& entry : batch->entries) {
            (void)remember(entry.confirmation, digestOf(entry.confirmation), now);
            if (role == Role::Made || role == Role::SelfMade) rememberSample(entry.confirmation.id, now);
        }
    }
    auto newest = m_database.prepare("SELECT coalesce(max(number), 0) FROM confirmation_batch");
    if (!newest) return tl::unexpected(newest.error());
    if (const auto row = newest->step(); !row) return tl::unexpected(row.error());
    m_nextBatch = newest->integer(0) + 1;
    auto waiting = m_database.prepare(
        "SELECT q.number, q.neighbour, q.server, q.count, b.body FROM batch_outbox q "
        "JOIN confirmation_batch b ON b.number = q.number ORDER BY q.number");
    if (!waiting) return tl::unexpected(waiting.error());
    while (true) {
        const auto row = waiting->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        const Party neighbour{{}, IspId(static_cast<uint16_t>(waiting->integer(1))), std::string(waiting->text(2))};
        const auto body = waiting->blob(4);
        WaitingBatch batch{waiting->integer(0), neighbour, std::make_shared<const Bytes>(body.begin(), body.end()),
                           static_cast<size_t>(waiting->integer(3))};
        m_batchesWaiting[neighbour.isp] += batch.count;
        m_batchOutbox.emplace(batch.number, std::move(batch));
    }
}

int64_t Books::recordBatch(const ConfirmationBatch& batch, Role role, const std::optional<Party>& neighbour,
                           SystemTime now) {
    m_now = now;
    const int64_t number = m_nextBatch++;
    SystemTime oldest = SystemTime::max();
    SystemTime newest = SystemTime::min();
    for (const BatchEntry& entry : batch.entries) {
        oldest = std::min(oldest, entry.confirmation.time);
        newest = std::max(newest, entry.confirmation.time);
    }
    Writer writer;
    writeBatchBody(writer, batch);
    const auto body = std::make_shared<const Bytes>(writer.take());
    if (auto* s =
            statement("INSERT INTO confirmation_batch (number, oldest, newest, role, body) VALUES (?, ?, ?, ?, ?)")) {
        s->bind(1, number).bind(2, micros(oldest)).bind(3, micros(newest)).bind(4, static_cast<int64_t>(role));
        s->bind(5, *body);
        run(s);
    }
    if (!neighbour) return number;
    m_batchOutbox.emplace(number, WaitingBatch{number, *neighbour, body, batch.entries.size()});
    m_batchesWaiting[neighbour->isp] += batch.entries.size();
    if (auto* s = statement("INSERT INTO batch_outbox (number, neighbour, count, server) VALUES (?, ?, ?, ?)")) {
        s->bind(1, number).bind(2, int64_t{neighbour->isp.value()}).bind(3, static_cast<int64_t>(batch.entries.size()));
        s->bind(4, neighbour->server);
        run(s);
    }
    return number;
}

void Books::unqueueBatch(int64_t number) {
    const auto found = m_batchOutbox.find(number);
    if (found == m_batchOutbox.end()) return;
    m_batchesWaiting[found->second.neighbour.isp] -= found->second.count;
    m_batchOutbox.erase(found);
    if (auto* s = statement("DELETE FROM batch_outbox WHERE number = ?")) {
        s->bind(1, number);
        run(s);
    }
}

size_t Books::waitingFor(IspId neighbour) const {
    const auto batches = m_batchesWaiting.find(neighbour);
    size_t count = batches == m_batchesWaiting.end() ? 0 : batches->second;
    for (const auto& [number, entry] : m_outbox) {
        if (entry.neighbour.isp == neighbour) ++count;
    }
    return count;
}

bool Books::loggedInBatch(const Confirmation& confirmation) {
    auto rows = m_database.prepare(
        "SELECT body FROM confirmation_batch WHERE newest >= ? AND oldest <= ? "
        "ORDER BY newest LIMIT 50");
    if (!rows) return false;
    rows->bind(1, micros(confirmation.time)).bind(2, micros(confirmation.time));
    const Bytes wanted = confirmingMessage(confirmation);
    for (auto row = rows->step(); row && *row; row = rows->step()) {
        const auto batch = fromBody(rows->blob(0));
        if (!batch) continue;
        for (const BatchEntry& entry : batch->entries) {
            if (entry.confirmation.id == confirmation.id && confirmingMessage(entry.confirmation) == wanted)
                return true;
        }
    }
    return false;
}

bool Books::forEachConfirmation(SystemTime from, SystemTime until,
                                const std::function<bool(const Confirmation&, Role)>& each) {
    if (m_failed) return false;
    auto singles =
        m_database.prepare("SELECT body, role FROM confirmation WHERE made >= ? AND made <= ? ORDER BY number");
    if (!singles) return false;
    singles->bind(1, micros(from)).bind(2, micros(until));
    auto row = singles->step();
    for (; row && *row; row = singles->step()) {
        Reader reader(singles->blob(0));
        const Confirmation confirmation = decodeConfirmation(reader);
        if (!reader.finished()) return false;
        if (!each(confirmation, static_cast<Role>(singles->integer(1)))) return true;
    }
    if (!row) return false;
    auto batches = m_database.prepare(
        "SELECT body, role FROM confirmation_batch WHERE newest >= ? AND oldest <= ? "
        "ORDER BY number");
    if (!batches) return false;
    batches->bind(1, micros(from)).bind(2, micros(until));
    row = batches->step();
    for (; row && *row; row = batches->step()) {
        auto batch = fromBody(batches->blob(0));
        const auto role = static_cast<Role>(batches->integer(1));
        const auto opened = batch ? openBatch(std::move(*batch)) : std::nullopt;
        if (!opened) return false;
        for (const ProvenConfirmation& proven : opened->confirmations) {
            const SystemTime time = proven.confirmation.time;
            if (time >= from && time <= until && !each(standalone(proven), role)) return true;
        }
    }
    return row.has_value();
}

void Books::addAll(SumKind kind, IspId isp, const Sum& several, SystemTime now) {
    if (several.count == 0) return;
    Sum& sum = m_sums[{kind, isp}];
    if (!raise(sum.total, several.total, "sum " + std::to_string(static_cast<int>(kind)), now)) return;
    sum.count += several.count;
    sum.largest = std::max(sum.largest, several.largest);
    m_dirtySums[{kind, isp}] = true;
    m_dirty = true;
}

bool Books::pruneBatches(SystemTime logFrom, const UpstreamOf& upstreamOf) {
    constexpr int64_t mostAtOnce = 20;
    if (m_failed) return false;
    auto rows = m_database.prepare(
        "SELECT number, role, body FROM confirmation_batch WHERE newest < ? AND number NOT IN "
        "(SELECT number FROM batch_outbox) ORDER BY newest LIMIT ?");
    if (!rows) return false;
    rows->bind(1, micros(logFrom)).bind(2, mostAtOnce);
    std::vector<int64_t> gone;
    for (auto row = rows->step(); row && *row; row = rows->step()) {
        gone.push_back(rows->integer(0));
        const auto role = static_cast<Role>(rows->integer(1));
        const auto batch = fromBody(rows->blob(2));
        if (!batch) continue;
        for (const BatchEntry& entry : batch->entries) summarise(entry.confirmation, role, upstreamOf);
    }
    for (const int64_t number : gone) {
        auto* s = statement("DELETE FROM confirmation_batch WHERE number = ?");
        if (s == nullptr) return false;
        s->bind(1, number);
        run(s);
    }
    return gone.size() == mostAtOnce;
}

tl::expected<int64_t, StoreError> Books::readBatches(int64_t after, int64_t newest, size_t most,
                                                     const std::function<void(const Confirmation&, Role)>& each) {
    auto rows = m_database.prepare(
        "SELECT number, role, body FROM confirmation_batch WHERE number > ? AND number <= ? "
        "ORDER BY number LIMIT ?");
    if (!rows) return tl::unexpected(rows.error());
    rows->bind(1, after).bind(2, newest).bind(3, static_cast<int64_t>(most));
    int64_t last = 0;
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return last;
        auto batch = fromBody(rows->blob(2));
        const auto opened = batch ? openBatch(std::move(*batch)) : std::nullopt;
        if (!opened) return tl::unexpected(StoreError::Damaged);
        last = rows->integer(0);
        const auto role = static_cast<Role>(rows->integer(1));
        for (const ProvenConfirmation& proven : opened->confirmations) each(standalone(proven), role);
    }
}

std::vector<ConfirmationId> Books::waitingInBatches() const {
    std::vector<ConfirmationId> ids;
    for (const auto& [number, waiting] : m_batchOutbox) {
        const auto batch = fromBody(*waiting.body);
        if (!batch || batch->countersign) continue;
        for (const BatchEntry& entry : batch->entries) ids.push_back(entry.confirmation.id);
    }
    return ids;
}

}  // namespace netpas::accounting
