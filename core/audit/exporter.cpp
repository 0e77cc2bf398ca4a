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
    addBills();
    addDisputes(facts, identity);
    for (const auto& [party, block] : books.blocks()) m_writer.add(Block{party, block.since, block.reason});
}

// Ours, and what the neighbours have signed: the same figures, or evidence that they say something else.
void Exporter::addBills() {
    const Books& books = m_server->books();
    for (const auto& [which, record] : books.bills()) {
        if (!record.closed) continue;
        m_writer.add(record.bill);
        const auto theirs = books.neighbourBills().find(which);
        if (theirs == books.neighbourBills().end()) continue;
        const std::string neighbour = Party{{}, which.first}.text();
        const std::string cycle = "cycle " + std::to_string(which.second);
        for (const Bill& one : theirs->second) {
            const auto differences = compare(record.bill, one);
            if (differences && differences->empty()) {
                m_writer.add(one);
            } else {
                m_writer.add(Evidence{Claim::Observed,
                                      neighbour,
                                      "its bill for " + cycle + " differs from ours in " +
                                          std::to_string(differences ? differences->size() : 0) + " places",
                                      one.closed,
                                      {record.bill, one}});
            }
        }
        if (theirs->second.size() > 1)
            m_writer.add(Evidence{Claim::ConflictingBills,
                                  neighbour,
                                  "it has signed two bills for " + cycle,
                                  theirs->second[1].closed,
                                  {theirs->second[0], theirs->second[1]}});
    }
}

// What we counted when we complained, under our signature as everything in this file, and what was said about it.
void Exporter::addDisputes(const AuditFacts& facts, const Identity& identity) {
    for (const auto& [number, dispute] : m_server->books().disputes()) {
        const Complaint& complaint = dispute.complaint;
        const bool ours = complaint.from == facts.isp;
        const bool accuses = ours && dispute.state != DisputeState::Resolved;
        std::vector<Exhibit> exhibits;
        if (ours) {
            CounterStatement statement{facts.isp,           complaint.subject,   complaint.isp,  complaint.counted,
                                       complaint.confirmed, complaint.tolerance, complaint.time, {}};
            sign(statement, identity);
            exhibits.emplace_back(statement);
        }
        exhibits.emplace_back(RawMessage{accounting::encode(Message(complaint))});
        if (dispute.answer) exhibits.emplace_back(RawMessage{accounting::encode(Message(*dispute.answer))});
        m_writer.add(Evidence{accuses ? Claim::CountersDisagree : Claim::Observed,
                              Party{{}, ours ? complaint.to : complaint.from}.text(), dispute.text(facts.isp),
                              complaint.time, std::move(exhibits)});
    }
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
