#include "core/audit/exporter.h"

namespace netpas::audit {

using namespace accounting;

namespace {

constexpr size_t confirmationsAtOnce = 4000;
constexpr size_t batchesAtOnce = 8;

BillSide sideOf(const Sum& sum) { return {sum.total, sum.count}; }

}  // namespace

tl::expected<Exporter, store::StoreError> Exporter::begin(AccountingServer& server, const Identity& identity) {
    Books& books = server.booksForAudit();
    if (!books.readable() || books.dirty()) return tl::unexpected(store::StoreError::Failed);
    const AuditFacts facts = server.auditFacts();
    const Head head{facts.isp, facts.name, identity.publicKey(), facts.now, facts.logFrom, facts.logFrom};
    Exporter exporter(server, FileWriter(head, identity));
    const auto newest = books.newestLogged();
    if (!newest) return tl::unexpected(newest.error());
    exporter.m_newest = *newest;
    for (const auto& [number, entry] : books.outbox()) {
        if (!entry.countersign) exporter.m_waiting.insert(entry.confirmation.id);
    }
    for (const ConfirmationId& id : books.waitingInBatches()) exporter.m_waiting.insert(id);
    exporter.m_newestBatch = books.newestBatch();
    for (const auto& [holder, key] : facts.keys) exporter.m_writer.add(KnownKey{holder, key});
    exporter.addSums();
    const auto payments =
        books.readPayments([&](Bytes record) { exporter.m_writer.add(LoggedPayment{std::move(record)}); });
    if (!payments) return tl::unexpected(payments.error());
    exporter.addRest(facts, identity);
    return exporter;
}

void Exporter::addSums() {
    const Books& books = m_server->books();
    for (const auto& [which, sum] : books.sums())
        m_writer.add(SumEntry{which.first, which.second, sideOf(sum), books.summarised(which.first, which.second)});
    for (const auto& [which, sum] : books.paymentSums())
        m_writer.add(
            PaymentSumEntry{which.first, which.second, sideOf(sum), books.summarised(which.first, which.second)});
}

void Exporter::addRest(const AuditFacts& facts, const Identity& identity) {
    const Books& books = m_server->books();
    for (const AuditFacts::Counters& one : facts.counters) {
        CounterStatement statement{
            facts.isp, one.subject, one.isp, one.comparison.counted, one.comparison.confirmed, one.comparison.tolerance,
            facts.now, {}};
        sign(statement, identity);
        m_writer.add(statement);
    }
    for (const auto& [customer, statement] : facts.statements) m_writer.add(UsageEntry{customer, statement});
    for (const Alarm& alarm : books.alarms()) {
        m_writer.add(AlarmEntry{alarm.time, std::string(describe(alarm.kind)), alarm.subject, alarm.text});
        if (alarm.kind != AlarmKind::WrongSignature || alarm.evidence.empty()) continue;
        Reader reader(alarm.evidence);
        const Confirmation shown = decodeProven(reader);
        if (reader.finished())
            m_writer.add(Evidence{Claim::ForgedConfirmation, alarm.subject, alarm.text, alarm.time, {shown}});
    }
    for (const auto& [which, record] : books.bills()) {
        if (record.closed) m_writer.add(record.bill);
    }
    for (const auto& [party, block] : books.blocks()) m_writer.add(Block{party, block.since, block.reason});
}

tl::expected<Bytes, store::StoreError> Exporter::next() {
    if (m_done) return m_writer.take();
    Books& books = m_server->booksForAudit();
    const auto add = [this](const Confirmation& one, Role role) {
        const auto upstream = m_server->upstreamOf(one, role);
        m_writer.add(LoggedConfirmation{role, upstream, upstream && m_waiting.contains(one.id), one});
    };
    const auto last = m_batches ? books.readBatches(m_at, m_newestBatch, batchesAtOnce, add)
                                : books.readLog(m_at, m_newest, confirmationsAtOnce, add);
    if (!last) return tl::unexpected(last.error());
    m_at = *last;
    if (*last != 0) return m_writer.take();
    if (m_batches) {
        m_writer.finish();
        m_done = true;
    }
    m_batches = true;
    // Nothing at all would be the end.
    Bytes bytes = m_writer.take();
    if (bytes.empty()) return next();
    return bytes;
}

}  // namespace netpas::audit
