// Blacklisted ISPs, frozen accounts and complaints (NetPaS §4.1.4, §4.1.5).
#include <nlohmann/json.hpp>

#include "core/accounting/server_engine.h"
#include "core/accounting/visitors.h"
#include "core/crypto/hex.h"

namespace netpas::accounting {

namespace {

using Json = nlohmann::ordered_json;

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }
Money minus(Money a, Money b) { return checkedSub(a, b).value_or(Money::zero()); }

}  // namespace

void AccountingServer::Engine::blocksStart() {
    for (const auto& [party, block] : m_books.blocks()) {
        if (party.isCustomer()) {
            m_desk->setFrozen(party.customer, true);
        } else {
            m_blacklist.push_back(party.isp);
        }
    }
}

// What the books have is what counts, also after a failure to write them.
void AccountingServer::Engine::applyBlocks() {
    m_blacklist.clear();
    for (const CustomerConfig& customer : m_config.customers)
        m_desk->setFrozen(customer.name, customer.payments.frozen);
    for (const auto& [account, key] : m_books.customers()) {
        const CustomerConfig* const line = isVisitorAccount(account) ? customerConfig(account) : nullptr;
        if (line != nullptr) m_desk->setFrozen(account, line->payments.frozen);
    }
    blocksStart();
    for (const PeerPtr& peer : std::set(m_peers)) {
        if (peer->kind == PeerKind::Edge && peer->welcomed) send(peer, SetBlacklist{m_blacklist});
        // Who was refused while the account was frozen does not ask again.
        if (peer->kind != PeerKind::Customer || !peer->asked || peer->receives) continue;
        if (m_desk->mayReceive(peer->customer)) continue;
        peer->receives = true;
        m_desk->connected(Party{peer->customer, {}});
    }
}

void AccountingServer::Engine::setBlacklist(std::vector<IspId> isps) {
    const SystemTime now = m_clock.now();
    std::vector<Party> gone;
    for (const auto& [party, block] : m_books.blocks()) {
        if (!party.isCustomer() && std::find(isps.begin(), isps.end(), party.isp) == isps.end()) gone.push_back(party);
    }
    for (const Party& party : gone) m_books.unblock(party);
    for (const IspId isp : isps) {
        if (!m_books.blocks().contains(Party{{}, isp})) m_books.block({{}, isp}, "blacklisted", now);
    }
    m_blacklist = std::move(isps);
    // The routers hear of it when it is durable.
    afterCommit([this] { applyBlocks(); });
    scheduleCommit();
}

bool AccountingServer::Engine::setFrozen(const std::string& customer, bool frozen, std::string reason) {
    if (customerConfig(customer) == nullptr) return false;
    const Party party{customer, {}};
    if (frozen) {
        m_books.block(party, std::move(reason), m_clock.now());
    } else {
        m_books.unblock(party);
        // What was complained about was looked at: it does not count again.
        m_books.settleComplaints(customer);
    }
    commit();
    applyBlocks();
    return m_books.blocks().contains(party) == frozen;
}

// --- complaints

bool AccountingServer::Engine::complain(const payments::PaymentId& payment, std::string reason) {
    const auto record = m_books.paymentEver(payment);
    // An organisation's payments are ordered in its own name: its ISP complains.
    if (!record || !record->from.isCustomer() || record->to.isProvider()) return false;
    if (record->state != PaymentState::Confirmed && record->state != PaymentState::Cancelled) return false;
    PayeeComplaint complaint{payment, record->payment.payee, m_config.isp, m_clock.now(), std::move(reason), {}};
    sign(complaint, m_identity);
    passOn(complaint, *record);
    commit();
    return m_books.readable();
}

// Along the hops that the payment took. A payee of our own is here already.
void AccountingServer::Engine::passOn(const PayeeComplaint& complaint, const PaymentRecord& record) {
    if (record.to.isCustomer()) return lookInto(complaint, record);
    if (m_books.complaintOutbox().contains(complaint.payment)) return;  // on its way
    m_books.queueComplaint(record.to, complaint);
    send(record.to, complaint);
}

// What was not taken on an earlier connection goes again.
void AccountingServer::Engine::repeatPayeeComplaints(const Party& party) {
    for (const auto& [payment, waiting] : m_books.complaintOutbox()) {
        if (waiting.to == party) send(party, waiting.complaint);
    }
}

void AccountingServer::Engine::handle(const Link& link, const PayeeComplaintAck& ack) {
    const auto found = m_books.complaintOutbox().find(ack.payment);
    if (found == m_books.complaintOutbox().end() || found->second.to != link.party) return;
    if (!ack.taken) {
        m_books.alarm(
            AlarmKind::PayeeComplaint, link.name(),
            "it does not take a complaint about payment " + toHex(ack.payment) + ": " + found->second.complaint.reason,
            m_clock.now());
    }
    m_books.unqueueComplaint(ack.payment);
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const PayeeComplaint& complaint) {
    const bool taken = take(peer->party, complaint);
    afterCommit([this, peer, ack = PayeeComplaintAck{complaint.payment, taken}] { send(peer, ack); });
}

// Only who brought a payment that was confirmed may complain about it, and once.
bool AccountingServer::Engine::take(const Party& from, const PayeeComplaint& complaint) {
    const auto record = m_books.paymentEver(complaint.payment);
    if (!record || record->from != from || record->payment.payee != complaint.payee) return false;
    if (record->state != PaymentState::Confirmed && record->state != PaymentState::Cancelled) return false;
    const auto keys = keysOf(complaint.by);
    const auto fits = [&](const PublicKey* key) { return verify(complaint, *key); };
    if (!keys.empty() && std::none_of(keys.begin(), keys.end(), fits)) {
        if (m_forgeries.pass(m_clock.steady()))
            m_books.alarm(AlarmKind::BadConfirmation, from.text(), "a complaint with a wrong signature", m_clock.now());
        return false;
    }
    passOn(complaint, *record);
    return true;
}

void AccountingServer::Engine::lookInto(const PayeeComplaint& complaint, const PaymentRecord& record) {
    const std::string& customer = record.to.customer;
    const SystemTime now = m_clock.now();
    if (!m_books.addComplaint(customer, complaint, now)) return;
    const size_t complaints = m_books.complaints(customer).size();
    const auto [recent, usual] = m_books.receipts(customer, now);
    const FreezeTerms& terms = m_config.freeze;
    const Money suspicious = checkedMul(usual, terms.growth).value_or(Money::max());
    const bool grows = recent >= terms.least && recent > suspicious;
    m_books.alarm(AlarmKind::PayeeComplaint, record.to.text(),
                  "ISP " + std::to_string(complaint.by.value()) + " complains about a payment of " +
                      record.payment.amount.toString() + ": " + complaint.reason,
                  now);
    if (terms.complaints == 0 || complaints < terms.complaints || !grows) return;
    if (m_books.blocks().contains(record.to)) return;
    const std::string reason = std::to_string(complaints) + " payments complained about, " + recent.toString() +
                               " received in a day where " + usual.toString() + " is usual";
    m_books.block(record.to, reason, now);
    m_books.alarm(AlarmKind::PayeeComplaint, record.to.text(), "the account is frozen: " + reason, now);
    afterCommit([this] { applyBlocks(); });
}

std::string AccountingServer::Engine::blocksJson() const {
    Json json{{"isp", m_config.isp.value()}, {"name", m_config.name}};
    Json blacklist = Json::array();
    Json frozen = Json::array();
    for (const auto& [party, block] : m_books.blocks()) {
        Json entry{{"since", micros(block.since)}, {"reason", block.reason}};
        if (!party.isCustomer()) {
            entry["isp"] = party.isp.value();
            blacklist.push_back(std::move(entry));
            continue;
        }
        entry["customer"] = party.customer;
        // Not paid out while it is frozen.
        entry["held"] =
            minus(m_books.sum(PaymentSum::OwedTo, party).total, m_books.sum(PaymentSum::TakenBackTo, party).total)
                .toString();
        frozen.push_back(std::move(entry));
    }
    json["blacklist"] = std::move(blacklist);
    json["frozen"] = std::move(frozen);
    Json complaints = Json::array();
    for (const CustomerConfig& customer : m_config.customers) {
        for (const auto& [id, complaint] : m_books.complaints(customer.name)) {
            complaints.push_back({{"customer", customer.name},
                                  {"by", complaint.by.value()},
                                  {"time", micros(complaint.time)},
                                  {"reason", complaint.reason}});
        }
    }
    json["complaints"] = std::move(complaints);
    Json waiting = Json::array();
    for (const auto& [payment, one] : m_books.complaintOutbox())
        waiting.push_back({{"payment", toHex(payment)}, {"to", one.to.text()}, {"reason", one.complaint.reason}});
    json["complaints_waiting"] = std::move(waiting);
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace netpas::accounting
