// Billing with the neighbours by cycle, what auditors see, and the deletion of old records.
#include <nlohmann/json.hpp>

#include "core/accounting/server_engine.h"
#include "core/crypto/hex.h"

namespace netpas::accounting {

namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t ticksBetweenTidying = 64;

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

Json toJson(const BillSide& side) { return {{"total", side.total.toString()}, {"count", side.count}}; }

std::string text(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json toJson(const BillRecord& record, IspId issuer) {
    const Bill& bill = record.bill;
    Json lines;
    for (const BillItem item : billItems) {
        const BillLine& line = bill.line(item);
        lines[std::string(describe(item))] = {{"theirs", toJson(line.theirs)}, {"ours", toJson(line.ours)}};
    }
    Json json{{"isp", bill.neighbour.value()},
              {"cycle", bill.cycle},
              {"from", micros(bill.from)},
              {"to", micros(bill.to)},
              {"state", record.closed ? "closed" : "open"},
              {"lines", std::move(lines)},
              {"fees", bill.fees.toString()}};
    if (const auto netting = netted(bill)) {
        json["theirs"] = netting->theirs.toString();
        json["ours"] = netting->ours.toString();
        json["net"] = netting->net.toString();
        const bool even = netting->net == Money::zero();
        json["payer"] = even ? Json() : Json(netting->net > Money::zero() ? bill.neighbour.value() : issuer.value());
    }
    if (record.settled)
        json["settled"] = {{"paid", micros(record.settled->paid)}, {"reference", record.settled->reference}};
    if (record.closed) {
        Writer writer;
        encode(writer, bill);
        json["closed"] = micros(bill.closed);
        json["bill"] = toHex(writer.data());
    }
    return json;
}

}  // namespace

// Nothing for what is only to be countersigned, and where the path begins.
std::optional<Party> AccountingServer::Engine::upstreamOf(const Confirmation& confirmation, Role role) const {
    const auto path = pathOf(confirmation);
    if (!path || role == Role::Made) return std::nullopt;
    const auto here = hopOf(confirmation.header, m_config.isp);
    if (role == Role::Relayed && here && !path->selfConfirmed && path->confirming == *here) return std::nullopt;
    return previousOf(confirmation);
}

void AccountingServer::Engine::tidy() {
    const SystemTime now = m_clock.now();
    if (m_books.closeBills(m_config.isp, m_identity, now) > 0) log(LogLevel::Info, "a billing cycle was closed");
    if (!m_morePruning && m_ticks % ticksBetweenTidying != 1) return;
    m_morePruning = true;  // put off, not left out, while somebody reads the log
    if (m_clock.steady() < m_keepLogUntil) return;
    m_morePruning = m_books.prune(now, now - m_config.logKept, [this](const Confirmation& confirmation, Role role) {
        return upstreamOf(confirmation, role);
    });
}

std::string AccountingServer::Engine::billsJson() const {
    Json json{{"isp", m_config.isp.value()}, {"name", m_config.name}, {"currency", "USD"}};
    Json bills = Json::array();
    for (const auto& [which, record] : m_books.bills()) {
        Json entry = toJson(record, m_config.isp);
        for (const NeighbourConfig& neighbour : m_config.neighbours) {
            if (neighbour.isp == which.first) entry["name"] = neighbour.name;
        }
        bills.push_back(std::move(entry));
    }
    json["bills"] = std::move(bills);
    return text(json);
}

std::string AccountingServer::Engine::compareJson(const Bill& theirs) {
    Json json{{"isp", theirs.issuer.value()}, {"cycle", theirs.cycle}};
    bool known = false;
    bool good = false;
    for (const NeighbourConfig& neighbour : m_config.neighbours) {
        if (neighbour.isp != theirs.issuer) continue;
        known = true;
        good = good || verify(theirs, neighbour.key);
    }
    json["signature"] = !known ? "unknown-isp" : good ? "good" : "wrong";
    const auto found = m_books.bills().find({theirs.issuer, theirs.cycle});
    // A cycle in which nothing happened has no bill.
    Bill mine;
    mine.issuer = m_config.isp;
    mine.neighbour = theirs.issuer;
    mine.cycle = theirs.cycle;
    if (found != m_books.bills().end()) mine = found->second.bill;
    mine.issuer = m_config.isp;
    json["state"] = found == m_books.bills().end() ? "none" : found->second.closed ? "closed" : "open";
    const auto differences = compare(mine, theirs);
    json["comparable"] = differences.has_value();
    Json list = Json::array();
    for (const BillDifference& one : differences.value_or(std::vector<BillDifference>{})) {
        list.push_back({{"item", describe(one.item)},
                        {"owed_by", one.owedToIssuer ? theirs.issuer.value() : m_config.isp.value()},
                        {"here", toJson(one.first)},
                        {"there", toJson(one.second)}});
    }
    json["differences"] = std::move(list);
    json["agrees"] = good && differences && differences->empty();
    // What a neighbour has signed is kept: it cannot say otherwise later, and the auditor sees both.
    if (good && differences && found != m_books.bills().end() && found->second.closed) {
        m_books.keepNeighbourBill(theirs);
        commit();
    }
    const auto versions = m_books.neighbourBills().find({theirs.issuer, theirs.cycle});
    json["versions_signed"] = versions == m_books.neighbourBills().end() ? 0 : versions->second.size();
    return text(json);
}

bool AccountingServer::Engine::settle(IspId neighbour, CycleNumber cycle, Settlement settlement) {
    if (!m_books.settle(neighbour, cycle, std::move(settlement))) return false;
    commit();
    const auto found = m_books.bills().find({neighbour, cycle});
    return found != m_books.bills().end() && found->second.settled.has_value();
}

Books& AccountingServer::Engine::booksForAudit() {
    if (m_books.dirty()) commit();
    return m_books;
}

AuditFacts AccountingServer::Engine::auditFacts() const {
    AuditFacts facts;
    facts.isp = m_config.isp;
    facts.name = m_config.name;
    facts.now = m_clock.now();
    facts.logFrom = facts.now - m_config.logKept;
    for (const auto& [party, link] : m_links) {
        facts.keys.emplace_back(party.isSibling() ? Party{{}, m_config.isp, party.server} : party, link.config.key);
    }
    std::map<IspId, unsigned> servers;
    for (const KnownSigner& signer : m_config.signers) {
        Party party{{}, signer.isp};
        if (const unsigned more = servers[signer.isp]++; more > 0) party.server = "key " + std::to_string(more + 1);
        const bool there =
            std::any_of(facts.keys.begin(), facts.keys.end(), [&](const auto& one) { return one.first == party; });
        if (!there) facts.keys.emplace_back(party, signer.key);
    }
    for (const auto& [name, key] : m_books.customers()) facts.keys.emplace_back(Party{name, {}}, key);
    for (const auto& [subject, isp] : subjects())
        facts.counters.push_back({subject, isp, m_watch.compare(subject, observation(subject, isp))});
    for (const auto& [id, record] : m_books.keys()) {
        if (record.state != KeyState::Final) continue;
        const auto customer = m_books.customers().find(record.customer);
        const NodeId node = customer == m_books.customers().end() ? NodeId{} : customer->second.nodeId();
        facts.statements.emplace_back(node, statementFor(record, 0));
    }
    return facts;
}

}  // namespace netpas::accounting
