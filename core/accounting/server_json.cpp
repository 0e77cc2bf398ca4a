// The books as JSON, for people and for tests: GET /v1/books and /v1/invoices.
#include <nlohmann/json.hpp>

#include "core/accounting/server_engine.h"
#include "core/accounting/visitors.h"
#include "core/crypto/hex.h"

namespace netpas::accounting {

namespace {

using Json = nlohmann::ordered_json;

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

std::string_view stateName(KeyState state) {
    switch (state) {
    case KeyState::Installing: return "installing";
    case KeyState::Active: return "active";
    case KeyState::Removing: return "removing";
    case KeyState::Final: return "final";
    }
    return "unknown";
}

std::string_view verdictName(WatchVerdict verdict) {
    switch (verdict) {
    case WatchVerdict::Fits: return "fits";
    case WatchVerdict::TooMuch: return "too-much";
    case WatchVerdict::TooLittle: return "too-little";
    }
    return "unknown";
}

Json toJson(const Comparison& comparison, WatchVerdict verdict) {
    return {{"counted", comparison.counted.toString()},
            {"confirmed", comparison.confirmed.toString()},
            {"difference", comparison.difference.toString()},
            {"tolerance", comparison.tolerance.toString()},
            {"verdict", verdictName(verdict)}};
}

std::string text(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Money subtract(Money a, Money b) { return checkedSub(a, b).value_or(Money::zero()); }

// By party: what is owed for micropayments, and how many are under way.
Json paymentsOf(const Books& books) {
    std::map<Party, Json> parties;
    const auto entry = [&](const Party& party) -> Json& {
        Json& json = parties[party];
        if (json.is_null()) {
            json = {{party.isCustomer() ? "customer" : "isp",
                     party.isCustomer() ? Json(party.customer) : Json(party.isp.value())}};
            for (const char* name : {"owes", "owed", "taken_back_from", "taken_back_to", "late_by", "late_to"})
                json[name] = "0";
            json["confirmed_from"] = json["confirmed_to"] = 0;
            json["pending"] = books.pendingOf(party).toString();
        }
        return json;
    };
    for (const auto& [which, sum] : books.paymentSums()) {
        if (which.second.isSibling()) continue;  // siblingsOf
        Json& json = entry(which.second);
        const std::string total = sum.total.toString();
        switch (which.first) {
        case PaymentSum::OwedBy:
            json["owes"] = total;
            json["confirmed_from"] = sum.count;
            break;
        case PaymentSum::OwedTo:
            json["owed"] = total;
            json["confirmed_to"] = sum.count;
            break;
        case PaymentSum::TakenBackFrom: json["taken_back_from"] = total; break;
        case PaymentSum::TakenBackTo: json["taken_back_to"] = total; break;
        case PaymentSum::LateBy: json["late_by"] = total; break;
        case PaymentSum::LateTo: json["late_to"] = total; break;
        case PaymentSum::ShareTo: json["share_to"] = total; break;
        case PaymentSum::ShareFrom: json["share_from"] = total; break;
        case PaymentSum::Delegated: json["delegated"] = total; break;
        case PaymentSum::CarriedFor:
        case PaymentSum::CarriedBy: break;
        }
    }
    for (const auto& [id, record] : books.payments()) {
        if (record.state == PaymentState::Pending && !record.from.isSibling()) entry(record.from);
    }
    Json all = Json::array();
    for (auto& [party, json] : parties) all.push_back(std::move(json));
    return all;
}

// What two servers of one ISP owe each other: confirmations and payments that passed from one to the other.
Json siblingOf(const Books& books, const Party& party, bool connected, size_t customers) {
    const auto total = [&](PaymentSum kind) { return books.sum(kind, party).total; };
    const auto add = [](Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); };
    const Money paidTo =
        add(subtract(total(PaymentSum::OwedTo), total(PaymentSum::TakenBackTo)), total(PaymentSum::LateTo));
    const Money paidBy =
        subtract(total(PaymentSum::OwedBy), add(total(PaymentSum::TakenBackFrom), total(PaymentSum::LateBy)));
    const auto waiting = std::count_if(books.outbox().begin(), books.outbox().end(),
                                       [&](const auto& entry) { return entry.second.neighbour == party; });
    return {{"name", party.server},
            {"connected", connected},
            {"customers", customers},
            {"confirmations_to", total(PaymentSum::CarriedFor).toString()},
            {"confirmations_by", total(PaymentSum::CarriedBy).toString()},
            {"payments_to", paidTo.toString()},
            {"payments_by", paidBy.toString()},
            {"owed_to", add(total(PaymentSum::CarriedFor), paidTo).toString()},
            {"owed_by", add(total(PaymentSum::CarriedBy), paidBy).toString()},
            {"waiting", waiting}};
}

// Those whose end somebody has still to hear of.
Json openPaymentsOf(const Books& books) {
    uint64_t pending = 0;
    uint64_t unacknowledged = 0;
    for (const auto& [id, record] : books.payments()) {
        if (record.state == PaymentState::Pending) ++pending;
        if (!record.toldFrom || !record.toldTo) ++unacknowledged;
    }
    return {{"in_memory", books.payments().size()}, {"pending", pending}, {"unacknowledged", unacknowledged}};
}

}  // namespace

std::string AccountingServer::Engine::booksJson() const {
    Json json{
        {"isp", m_config.isp.value()}, {"name", m_config.name}, {"currency", "USD"}, {"time", micros(m_clock.now())}};
    const auto compared = [&](Subject subject, IspId isp) {
        return toJson(m_watch.compare(subject, observation(subject, isp)), m_watch.verdict(subject, isp));
    };

    Json customers = Json::array();
    for (const CustomerConfig& customer : m_config.customers) {
        const Invoice invoice = invoiceFor(customer.name, 0);
        Json keys = Json::array();
        for (const auto& [id, record] : m_books.keys()) {
            if (record.customer != customer.name) continue;
            keys.push_back({{"id", id.value()},
                            {"state", stateName(record.state)},
                            {"router", record.router},
                            {"cap", record.key.cap.toString()},
                            {"packets", record.usage.packets},
                            {"bytes", record.usage.bytes},
                            {"amount", record.usage.amount.toString()}});
        }
        const auto enrolled = m_books.customers().find(customer.name);
        customers.push_back(
            {{"name", customer.name},
             {"node", enrolled == m_books.customers().end() ? Json() : Json(enrolled->second.nodeId().hex())},
             {"packets", invoice.packets},
             {"amount", invoice.total.toString()},
             {"keys", std::move(keys)}});
    }
    json["customers"] = std::move(customers);
    Json visitors = Json::array();
    for (const auto& [account, key] : m_books.customers()) {
        if (!isVisitorAccount(account)) continue;
        const Party party{account, {}};
        const Invoice invoice = invoiceFor(account, 0);
        visitors.push_back({{"account", account},
                            {"node", key.nodeId().hex()},
                            {"received", subtract(m_books.sum(PaymentSum::OwedTo, party).total,
                                                  m_books.sum(PaymentSum::TakenBackTo, party).total)
                                             .toString()},
                            {"packets", invoice.packets},
                            {"amount", invoice.total.toString()},
                            {"left", leftOf(account).toString()}});
    }
    if (!visitors.empty()) json["visitors"] = std::move(visitors);

    Json neighbours = Json::array();
    for (const auto& [party, link] : m_links) {
        if (party.isSibling() || !party.server.empty()) continue;  // each ISP once
        const IspId isp = party.isp;
        const Money owedTo = m_books.sum(SumKind::OwedTo, isp).total;
        const Money owedBy = m_books.sum(SumKind::OwedBy, isp).total;
        neighbours.push_back({{"isp", isp.value()},
                              {"name", link.config.name},
                              {"connected", connectedTo(isp)},
                              {"owed_to", owedTo.toString()},
                              {"owed_by", owedBy.toString()},
                              {"balance", subtract(owedBy, owedTo).toString()},
                              {"made", m_books.sum(SumKind::MadeFor, isp).total.toString()},
                              {"refused", m_books.sum(SumKind::RefusedBy, isp).total.toString()},
                              {"waiting", m_books.waitingFor(isp)},
                              {"batches", m_reach.takes(isp)},
                              {"own", compared(Subject::Own, isp)},
                              {"downstream", compared(Subject::Via, isp)}});
    }
    json["neighbours"] = std::move(neighbours);
    if (const auto isp = provider()) {
        const auto waiting = std::count_if(m_books.outbox().begin(), m_books.outbox().end(),
                                           [&](const auto& entry) { return entry.second.neighbour == *isp; });
        json["provider"] = {{"name", m_config.provider->name},
                            {"connected", m_providerJoined && m_links.at(*isp).connection != nullptr},
                            {"packets_invoice", m_providerInvoice ? Json(m_providerInvoice->total.toString()) : Json()},
                            {"made", m_books.sum(SumKind::MadeFor, m_config.isp).total.toString()},
                            {"accepted", m_books.sum(PaymentSum::Delegated, *isp).total.toString()},
                            {"refused", m_books.sum(SumKind::RefusedBy, m_config.isp).total.toString()},
                            {"share", m_books.sum(PaymentSum::ShareFrom, *isp).total.toString()},
                            {"waiting", waiting}};
    }
    Json delegations = Json::array();
    for (const CustomerConfig& customer : m_config.customers) {
        if (!customer.delegation) continue;
        const auto watched = m_delegatedWatch.find(customer.name);
        Json one{{"customer", customer.name},
                 {"confirmed", m_books.sum(PaymentSum::Delegated, {customer.name, {}}).total.toString()},
                 {"share", m_books.sum(PaymentSum::ShareTo, {customer.name, {}}).total.toString()}};
        if (customer.delegation->onRequest) one["takes_part"] = m_takingPart.contains(customer.name);
        if (watched != m_delegatedWatch.end()) {
            one["comparison"] = toJson(watched->second.compare(Subject::Own, delegated(customer)),
                                       watched->second.verdict(Subject::Own, m_config.isp));
        }
        delegations.push_back(std::move(one));
    }
    json["delegations"] = std::move(delegations);
    Json servers = Json::array();
    for (const auto& [party, link] : m_links) {
        if (!party.isSibling()) continue;
        const auto theirs = std::count_if(m_elsewhere.begin(), m_elsewhere.end(),
                                          [&p = party](const auto& entry) { return entry.second == p; });
        servers.push_back(siblingOf(m_books, party, link.connection != nullptr, static_cast<size_t>(theirs)));
    }
    json["servers"] = std::move(servers);
    json["payments"] = paymentsOf(m_books);
    json["payments_open"] = openPaymentsOf(m_books);

    Json downstream = Json::array();
    Json links = Json::array();
    for (const auto& [subject, isp] : subjects()) {
        if (subject != Subject::Downstream) continue;
        Json entry = compared(subject, isp);
        entry["isp"] = isp.value();
        downstream.push_back(std::move(entry));
    }
    json["downstream_isps"] = std::move(downstream);
    json["delivered"] = compared(Subject::Own, m_config.isp);
    for (const auto& [isp, totals] : m_books.links()) {
        links.push_back({{"isp", isp.value()},
                         {"packets", totals.packets},
                         {"bytes", totals.bytes},
                         {"own", totals.own.toString()},
                         {"downstream", totals.downstream.toString()}});
    }
    json["links"] = std::move(links);
    Json upstream = Json::array();
    for (const auto& [isp, amount] : m_books.upstream()) {
        upstream.push_back({{"isp", isp.value()}, {"sampled_from", amount.toString()}});
    }
    json["upstream"] = std::move(upstream);

    Json edges = Json::array();
    for (const auto& [router, state] : m_edges) {
        edges.push_back({{"router", router}, {"connected", edge(router) != nullptr}, {"reported", state.reported}});
    }
    json["edges"] = std::move(edges);
    json["verdicts"] = m_books.verdicts();
    Json alarms = Json::array();
    for (const Alarm& alarm : m_books.alarms()) {
        alarms.push_back({{"number", alarm.number},
                          {"time", micros(alarm.time)},
                          {"kind", describe(alarm.kind)},
                          {"subject", alarm.subject},
                          {"text", alarm.text}});
        if (!alarm.evidence.empty()) alarms.back()["evidence"] = toHex(alarm.evidence);
    }
    Json disputes = Json::array();
    for (const auto& [number, dispute] : m_books.disputes()) {
        disputes.push_back({{"number", number},
                            {"from", dispute.complaint.from.value()},
                            {"to", dispute.complaint.to.value()},
                            {"time", micros(dispute.complaint.time)},
                            {"state", describe(dispute.state)},
                            {"answer", dispute.answer ? Json(describe(dispute.answer->reply)) : Json()},
                            {"text", dispute.text(m_config.isp)},
                            {"evidence", toHex(encodeDispute(dispute))}});
    }
    json["disputes"] = std::move(disputes);
    json["alarm_count"] = m_books.alarmCount();
    json["alarms"] = std::move(alarms);
    json["counts"] = {{"duplicates", m_count.duplicates},
                      {"refused", m_count.refused},
                      {"turned_away", m_count.turnedAway},
                      {"commits", m_count.commits}};
    return text(json);
}

std::string AccountingServer::Engine::invoicesJson() const {
    Json json{
        {"isp", m_config.isp.value()}, {"name", m_config.name}, {"currency", "USD"}, {"time", micros(m_clock.now())}};
    Json customers = Json::array();
    for (const CustomerConfig& customer : m_config.customers) {
        const Invoice invoice = invoiceFor(customer.name, 0);
        Json lines = Json::array();
        for (const InvoiceLine& line : invoice.lines) {
            lines.push_back({{"key", line.key.value()},
                             {"packets", line.packets},
                             {"amount", line.amount.toString()},
                             {"final", line.final}});
        }
        customers.push_back({{"customer", customer.name},
                             {"packets", invoice.packets},
                             {"amount", invoice.total.toString()},
                             {"lines", std::move(lines)}});
    }
    json["customers"] = std::move(customers);
    Json neighbours = Json::array();
    for (const auto& [party, link] : m_links) {
        if (party.isSibling() || !party.server.empty()) continue;
        const IspId isp = party.isp;
        const Sum owedTo = m_books.sum(SumKind::OwedTo, isp);
        const Sum owedBy = m_books.sum(SumKind::OwedBy, isp);
        neighbours.push_back({{"isp", isp.value()},
                              {"name", link.config.name},
                              {"owed_to", owedTo.total.toString()},
                              {"confirmations_from", owedTo.count},
                              {"owed_by", owedBy.total.toString()},
                              {"confirmations_to", owedBy.count},
                              {"balance", subtract(owedBy.total, owedTo.total).toString()}});
    }
    json["neighbours"] = std::move(neighbours);
    return text(json);
}

}  // namespace netpas::accounting
