#include "core/accounting/payment_desk.h"

#include <algorithm>

#include "core/accounting/visitors.h"

namespace netpas::accounting {

using payments::Fee;
using payments::PaymentConfirmation;
using payments::PaymentId;
using payments::SignedOrder;

namespace {

constexpr auto clockSkew = std::chrono::seconds(5);
constexpr std::chrono::hours certificateKept{24};
constexpr std::chrono::minutes absenceKept{5};
// Ends of payments that a customer may have missed while it was away.
constexpr std::chrono::minutes toldAgain{5};
constexpr size_t mostCertifying = 1024;
constexpr size_t mostReminders = 256;  // of one neighbour at once
// A confirmation that got lost is said again a few times within the second that its hop has (NetPaS §5.2).
constexpr std::chrono::milliseconds firstPatience{250};
constexpr std::chrono::milliseconds longestPatience{8000};

Money minus(Money a, Money b) { return checkedSub(a, b).value_or(Money::zero()); }
Money leftOf(Money limit, Money used) { return std::max(Money::zero(), minus(limit, used)); }

Bytes bytesOf(const SignedOrder& order) {
    Writer writer;
    payments::encode(writer, order);
    return writer.take();
}

Party customerParty(const std::string& name) { return {name, {}}; }

}  // namespace

PaymentDesk::PaymentDesk(IspId isp, const Identity& identity, PaymentTerms terms, Books& books, const Clock& clock,
                         Surroundings& around)
    : m_isp(isp), m_identity(identity), m_terms(std::move(terms)), m_books(books), m_clock(clock), m_around(around) {
    reload();
}

PaymentDesk::~PaymentDesk() = default;

void PaymentDesk::reload() {
    m_deadlines.clear();
    m_unheard.clear();
    for (const auto& [id, record] : m_books.payments()) {
        if (record.state == PaymentState::Pending) m_deadlines.emplace(record.confirmUntil(), id);
    }
}

const PaymentAccount& PaymentDesk::account(const std::string& customer) const {
    static const PaymentAccount usual;
    auto found = m_terms.accounts.find(customer);
    if (found == m_terms.accounts.end()) found = m_terms.accounts.find(configuredName(customer));
    return found == m_terms.accounts.end() ? usual : found->second;
}

PaymentRefused PaymentDesk::refusal(const PaymentId& id, PaymentRefusal reason, Money limit, std::string remedy) const {
    return {id, m_isp, reason, limit, std::move(remedy)};
}

// --- from payers

bool PaymentDesk::tooOften(const std::string& payer) {
    const SteadyTime now = m_clock.steady();
    Rate& rate = m_rates[payer];
    if (now - rate.since >= std::chrono::seconds(1)) rate = {now, 0};
    return ++rate.count > account(payer).perSecond;
}

void PaymentDesk::order(const std::string& payer, const SignedOrder& order) {
    const Party from = customerParty(payer);
    const PaymentId& id = order.order.payment.id;
    if (const auto known = m_books.paymentEver(id)) {
        // Sent again after a lost answer: nothing is paid again.
        if (known->from == from && known->order == bytesOf(order)) return sayState(*known);
        return m_around.send(from, refusal(id, PaymentRefusal::Conflict, {}, "draw another id"));
    }
    if (const auto no = judgeOrder(payer, order)) return m_around.send(from, *no);
    PaymentRecord record;
    record.payment = order.order.payment;
    record.from = from;
    record.owed = payments::total(order.order).value_or(Money::max());
    record.rest = static_cast<uint8_t>(order.order.fees.size());
    record.order = bytesOf(order);
    if (certified(payer, order)) pass(std::move(record), order.order.fees);
}

std::optional<PaymentRefused> PaymentDesk::judgeOrder(const std::string& payer, const SignedOrder& order) {
    const payments::Payment& payment = order.order.payment;
    const PaymentAccount& may = account(payer);
    if (!may.maySend) return refusal(payment.id, PaymentRefusal::MayNotSend, {}, "ask your ISP to allow it");
    if (may.frozen) return refusal(payment.id, PaymentRefusal::Frozen, {}, "ask your ISP why");
    const SystemTime now = m_clock.now();
    const Money most = std::min(may.perPayment, leftOf(may.perDay, m_books.spentOf(customerParty(payer), now)));
    // The sum would pass: the same order may come again.
    if (tooOften(payer)) return refusal(payment.id, PaymentRefusal::RateLimit, most, "pay more slowly");
    const auto key = m_around.keyOf(payer);
    if (!key) return refusal(payment.id, PaymentRefusal::BadOrder, {}, "join first");
    if (const auto good = payments::verify(order, *key, now); !good) {
        const bool late = good.error() == payments::PaymentError::Expired;
        return refusal(payment.id, late ? PaymentRefusal::Expired : PaymentRefusal::BadOrder, {},
                       std::string(payments::describe(good.error())));
    }
    const auto sum = payments::total(order.order);
    if (!sum || *sum > most) return refusal(payment.id, PaymentRefusal::RateLimit, most, "pay less, or later");
    if (auto rule = m_around.forbids(payer, order)) {
        return refusal(payment.id, PaymentRefusal::Forbidden, {}, std::move(*rule));
    }
    return std::nullopt;
}

// False while nothing is known of the payee's certificates, and when they are not good enough.
bool PaymentDesk::certified(const std::string& payer, const SignedOrder& order) {
    const auto& wanted = account(payer).payees;
    if (!wanted) return true;
    const payments::Payment& payment = order.order.payment;
    const Party from = customerParty(payer);
    if (const auto classes = m_books.certifiedClasses(payment.payee, m_clock.now())) {
        if ((*classes & *wanted) != 0) return true;
        m_around.send(from, refusal(payment.id, PaymentRefusal::NotCertified, {},
                                    "accept more classes of payees, or pay somebody else"));
        return false;
    }
    if (m_certifying.contains(payment.id)) return false;  // sent again meanwhile: one answer is on its way
    if (m_certifying.size() >= mostCertifying) {
        m_around.send(from, refusal(payment.id, PaymentRefusal::RateLimit,
                                    payments::total(order.order).value_or(Money::max()), "try again in a moment"));
        return false;
    }
    m_certifying.insert(payment.id);
    m_around.certify(payment.payee, order.order.fees.back().isp,
                     [this, alive = std::weak_ptr(m_alive), payer, order](std::optional<Certification> found) {
                         if (alive.expired()) return;
                         m_certifying.erase(order.order.payment.id);
                         const SystemTime now = m_clock.now();
                         const SystemTime until =
                             found ? std::min(found->goodUntil, now + certificateKept) : now + absenceKept;
                         m_books.setCertified(order.order.payment.payee, found ? found->classes : 0, until, now);
                         this->order(payer, order);
                     });
    return false;
}

PaymentStatement PaymentDesk::statement(const std::string& payer, const PaymentQuery& query) {
    PaymentStatement said;
    said.request = query.request;
    said.id = query.id;
    said.state = PaymentState::Unknown;
    said.time = m_clock.now();
    const auto known = m_books.paymentEver(query.id);
    const auto key = m_around.keyOf(payer);
    if (known && known->from == customerParty(payer)) {
        said.state = known->state;
        said.final = known->state != PaymentState::Pending &&
                     (known->state != PaymentState::Confirmed || said.time > known->cancelUntil());
        if (known->state == PaymentState::Confirmed) said.charged = known->owed;
    }
    said.signature = m_identity.sign(paymentStatementMessage(said, key ? key->nodeId() : NodeId{}));
    return said;
}

std::optional<PaymentRefusal> PaymentDesk::mayReceive(const std::string& customer) const {
    const PaymentAccount& may = account(customer);
    if (!may.mayReceive) return PaymentRefusal::MayNotReceive;
    if (may.frozen) return PaymentRefusal::Frozen;
    return std::nullopt;
}

void PaymentDesk::setFrozen(const std::string& customer, bool frozen) {
    m_terms.accounts.try_emplace(customer, account(customer)).first->second.frozen = frozen;
}

// --- towards the payee

void PaymentDesk::forwarded(const Party& party, const ForwardPayment& message) {
    if (const auto known = m_books.paymentEver(message.payment.id)) {
        if (known->from != party || known->payment != message.payment) {
            m_around.send(party, refusal(message.payment.id, PaymentRefusal::Conflict, {}, "draw another id"));
        } else if (known->refusal) {
            m_around.send(party, *known->refusal);
        }
        return;
    }
    if ((message.position == 0 && !party.isSibling()) || message.fees.empty() || message.fees.front().isp != m_isp) {
        return m_around.send(party, refusal(message.payment.id, PaymentRefusal::BadOrder, {}, "it is not for us"));
    }
    PaymentRecord record;
    record.payment = message.payment;
    record.from = party;
    record.position = message.position;
    record.rest = static_cast<uint8_t>(message.fees.size());
    Money owed = message.payment.amount;
    for (const Fee& fee : message.fees) {
        const auto sum = checkedAdd(owed, fee.amount);
        if (!sum) {
            return m_around.send(party, refusal(message.payment.id, PaymentRefusal::BadOrder, {}, "pay less"));
        }
        owed = *sum;
    }
    record.owed = owed;
    pass(std::move(record), message.fees);
}

void PaymentDesk::pass(PaymentRecord record, std::vector<Fee> fees) {
    auto no = judge(record, fees);
    if (!no) no = route(record, fees);
    if (no) return m_around.send(record.from, *no);
    const SystemTime now = m_clock.now();
    record.received = now;
    ForwardPayment next;
    next.position = static_cast<uint8_t>(record.position + 1);
    next.payment = record.payment;
    next.fees.assign(fees.begin() + 1, fees.end());
    if (record.to.isSibling()) {
        // Still the same ISP, whose fee stays here.
        next.position = record.position;
        next.fees.insert(next.fees.begin(), Fee{m_isp, Money::zero()});
    }
    const Party to = record.to;
    m_deadlines.emplace(record.confirmUntil(), record.payment.id);
    m_books.setPayment(std::move(record), now);
    m_around.send(to, std::move(next));
}

std::optional<PaymentRefused> PaymentDesk::judge(const PaymentRecord& record, const std::vector<Fee>& fees) const {
    const payments::Payment& payment = record.payment;
    const SystemTime now = m_clock.now();
    const auto no = [&](PaymentRefusal reason, Money limit, const char* remedy) {
        return refusal(payment.id, reason, limit, remedy);
    };
    if (payment.currency != payments::dollars) return no(PaymentRefusal::BadOrder, {}, "pay in USD");
    if (payment.time > now + clockSkew) return no(PaymentRefusal::BadOrder, {}, "set the payer's clock");
    if (now > record.forwardUntil()) return no(PaymentRefusal::Expired, {}, "nothing is owed; make a new payment");
    if (payment.amount < m_terms.smallest) return no(PaymentRefusal::TooSmall, m_terms.smallest, "pay more at once");
    if (fees.front().isp != m_isp) return no(PaymentRefusal::BadOrder, {}, "name this ISP first");
    if (record.from.isSibling()) return std::nullopt;  // it has looked at the fee and at who pays
    const Money fee = m_terms.fee.of(payment.amount);
    if (fees.front().amount < fee) return no(PaymentRefusal::FeeTooSmall, fee, "ask for the fees again");
    if (!record.from.isCustomer()) {
        const auto credit = m_terms.credit.find(record.from.isp);
        const Money limit = credit == m_terms.credit.end() ? Money::zero() : credit->second;
        const Money left = leftOf(limit, owedBy(record.from.isp));
        if (record.owed > left) return no(PaymentRefusal::CreditLimit, left, "pay less, or another way");
    }
    return std::nullopt;
}

// With everything that is pending, without what its settled bills were about. Confirmations that it did not take count as well:
// otherwise whoever says that each of them came too late would have no limit.
Money PaymentDesk::owedBy(IspId neighbour) const {
    Money owed = m_books.total(PaymentSum::OwedBy, neighbour);
    owed = minus(owed, m_books.total(PaymentSum::TakenBackFrom, neighbour));
    owed = minus(owed, m_books.settledPaymentsOf(neighbour));
    return checkedAdd(owed, m_books.pendingOf(neighbour)).value_or(Money::max());
}

std::optional<PaymentRefused> PaymentDesk::route(PaymentRecord& record, const std::vector<Fee>& fees) const {
    const PaymentId& id = record.payment.id;
    const Party& from = record.from;
    // Never twice between servers of one ISP: no loop.
    const bool direct = from.isSibling();
    if (const auto provider = m_around.provider()) {
        record.to = *provider;
        record.passed = record.owed;
        if (m_around.isThere(record.to)) return std::nullopt;
        return refusal(id, PaymentRefusal::NoRoute, {}, "the organisation's ISP cannot be reached; try again later");
    }
    if (fees.size() > 1) {
        record.to = m_around.towards(fees[1].isp, direct);
        record.passed = minus(record.owed, fees.front().amount);
        if (!from.isCustomer() && !from.isSibling() && from.isp == fees[1].isp)
            return refusal(id, PaymentRefusal::BadOrder, {}, "it would go back");
        if (m_around.isThere(record.to)) return std::nullopt;
        return refusal(id, PaymentRefusal::NoRoute, {}, "ask for another way");
    }
    const auto payee = m_around.payee(record.payment.payee);
    const auto elsewhere = payee || direct ? std::nullopt : m_around.payeeElsewhere(record.payment.payee);
    if (elsewhere) {
        record.to = *elsewhere;
        record.passed = record.payment.amount;
        if (m_around.isThere(record.to)) return std::nullopt;
        return refusal(id, PaymentRefusal::PayeeAway, {}, "try again later");
    }
    if (!payee) return refusal(id, PaymentRefusal::UnknownPayee, {}, "check the payee's identifier and ISP");
    record.to = customerParty(*payee);
    record.passed = record.payment.amount;
    if (record.to == record.from) return refusal(id, PaymentRefusal::BadOrder, {}, "payer and payee are the same");
    if (const auto not_ = mayReceive(*payee)) return refusal(id, *not_, {}, "nothing was paid");
    if (m_around.isThere(record.to)) return std::nullopt;
    return refusal(id, PaymentRefusal::PayeeAway, {}, "try again later");
}

// --- back to the payer

void PaymentDesk::confirmed(const Party& from, const PaymentConfirmed& message) {
    const PaymentResult result = confirm(from, message.confirmation);
    m_around.send(from, PaymentAck{{{message.confirmation.id, false, result}}});
}

PaymentResult PaymentDesk::confirm(const Party& from, const PaymentConfirmation& confirmation) {
    const PaymentRecord* known = m_books.payment(confirmation.id);
    if (known == nullptr) return PaymentResult::Unknown;
    if (known->to != from) return PaymentResult::NotYours;
    // Also what was taken back since: who says it again has not heard of either.
    const bool taken = known->state == PaymentState::Confirmed || known->state == PaymentState::Cancelled;
    if (taken) return PaymentResult::Already;
    if (known->state != PaymentState::Pending) return PaymentResult::TooLate;
    // The signature is the payer's to check (NetPaS §4.2.1); whose key it is, anybody can see.
    if (confirmation.payee.nodeId() != known->payment.payee) return PaymentResult::BadProof;
    // The payer could take back what was badly signed, when it is spent already.
    const bool spends = from.isCustomer() && account(from.customer).spendsReceived;
    if (spends && !payments::verify(confirmation, known->payment)) return PaymentResult::BadProof;
    const SystemTime now = m_clock.now();
    if (confirmation.time > known->payment.expires || now > known->confirmUntil()) return PaymentResult::TooLate;
    PaymentRecord record = *known;
    record.state = PaymentState::Confirmed;
    record.confirmation = confirmation;
    record.toldFrom = record.from.isCustomer();
    m_books.add(PaymentSum::OwedBy, record.from, record.owed, now);
    m_books.add(PaymentSum::OwedTo, record.to, record.passed, now);
    m_books.bill(PaymentSum::OwedBy, record.from, record, now);
    m_books.bill(PaymentSum::OwedTo, record.to, record, now);
    m_books.setPayment(record, now);
    sayUntilHeard(record, firstPatience);
    return PaymentResult::Done;
}

void PaymentDesk::refused(const Party& from, const PaymentRefused& message) {
    const PaymentRecord* known = m_books.payment(message.id);
    if (known == nullptr || known->to != from || known->state != PaymentState::Pending) return;
    PaymentRefused why = message;
    if (from.isCustomer()) why = refusal(message.id, PaymentRefusal::PayeeRefused, {}, message.remedy);
    end(*known, PaymentState::Refused, why);
}

void PaymentDesk::end(PaymentRecord record, PaymentState state, const PaymentRefused& why) {
    const Party back = record.from;
    record.state = state;
    record.refusal = why;
    m_books.setPayment(std::move(record), m_clock.now());
    // A neighbour knows by its own clock when a payment has expired.
    if (back.isCustomer() || state != PaymentState::Expired) m_around.send(back, why);
}

// Its confirmation to where it came from or, once it is taken back, that to where it went.
void PaymentDesk::sayUntilHeard(const PaymentRecord& record, std::chrono::milliseconds patience) {
    if (!record.confirmation) return;
    const payments::PaymentId& id = record.payment.id;
    const bool takenBack = record.state == PaymentState::Cancelled;
    const Party& hearer = takenBack ? record.to : record.from;
    if (!takenBack) m_around.send(hearer, PaymentConfirmed{*record.confirmation});
    if (takenBack) m_around.send(hearer, CancelPayment{id, record.confirmation->payee});
    if (!hearer.isCustomer()) m_unheard.emplace(m_clock.now() + patience, Unheard{id, patience});
}

void PaymentDesk::sayAgain() {
    const SystemTime now = m_clock.now();
    while (!m_unheard.empty() && m_unheard.begin()->first <= now) {
        const Unheard due = m_unheard.begin()->second;
        m_unheard.erase(m_unheard.begin());
        const PaymentRecord* known = m_books.payment(due.id);
        if (known == nullptr) continue;
        const bool takenBack = known->state == PaymentState::Cancelled;
        if (takenBack ? known->toldTo : known->toldFrom) continue;
        // One that is away hears everything when it is there again.
        if (!m_around.isThere(takenBack ? known->to : known->from)) continue;
        sayUntilHeard(*known, std::min(2 * due.patience, longestPatience));
    }
}

void PaymentDesk::tick() {
    sayAgain();
    const SystemTime now = m_clock.now();
    while (!m_deadlines.empty() && m_deadlines.begin()->first < now) {
        const PaymentId id = m_deadlines.begin()->second;
        m_deadlines.erase(m_deadlines.begin());
        const PaymentRecord* known = m_books.payment(id);
        if (known == nullptr || known->state != PaymentState::Pending) continue;
        end(*known, PaymentState::Expired, refusal(id, PaymentRefusal::Expired, {}, "nothing is owed"));
    }
}

std::optional<SystemTime> PaymentDesk::nextDeadline() const {
    std::optional<SystemTime> next;
    if (!m_deadlines.empty()) next = m_deadlines.begin()->first;
    if (!m_unheard.empty()) next = std::min(next.value_or(SystemTime::max()), m_unheard.begin()->first);
    return next;
}

void PaymentDesk::sayState(const PaymentRecord& record) {
    if (record.state == PaymentState::Confirmed && record.confirmation) {
        m_around.send(record.from, PaymentConfirmed{*record.confirmation});
    } else if (record.refusal) {
        m_around.send(record.from, *record.refusal);
    }
}

// --- taken back

void PaymentDesk::cancel(const Party& from, const CancelPayment& message) {
    m_around.send(from, PaymentAck{{{message.id, true, takeBack(from, message)}}});
}

// Everybody checks the evidence for himself (NetPaS §4.3.1).
PaymentResult PaymentDesk::takeBack(const Party& from, const CancelPayment& message) {
    const PaymentRecord* known = m_books.payment(message.id);
    if (known == nullptr) return PaymentResult::Unknown;
    if (known->from != from) return PaymentResult::NotYours;
    if (known->state == PaymentState::Cancelled) return PaymentResult::Already;
    const SystemTime now = m_clock.now();
    if (known->state != PaymentState::Confirmed || now > known->cancelUntil()) return PaymentResult::TooLate;
    const bool payeesKey = message.payee.nodeId() == known->payment.payee;
    if (!payeesKey || !known->confirmation || payments::verify(*known->confirmation, known->payment)) {
        return PaymentResult::BadProof;
    }
    PaymentRecord record = *known;
    record.state = PaymentState::Cancelled;
    record.refusal = refusal(message.id, PaymentRefusal::Cancelled, {}, "nothing is owed");
    record.toldTo = record.to.isCustomer();
    record.toldFrom = true;  // who takes it back has had the confirmation
    m_books.add(PaymentSum::TakenBackFrom, record.from, record.owed, now);
    m_books.add(PaymentSum::TakenBackTo, record.to, record.passed, now);
    m_books.bill(PaymentSum::TakenBackFrom, record.from, record, now);
    m_books.bill(PaymentSum::TakenBackTo, record.to, record, now);
    m_books.setPayment(record, now);
    sayUntilHeard(record, firstPatience);
    return PaymentResult::Done;
}

// --- what neighbours have taken

void PaymentDesk::acknowledged(const Party& party, const PaymentAckEntry& entry) {
    const auto known = m_books.paymentEver(entry.id);
    if (!known) return;
    const bool open =
        entry.cancellation ? known->to == party && !known->toldTo : known->from == party && !known->toldFrom;
    if (!open) return;
    const SystemTime now = m_clock.now();
    if (entry.result != PaymentResult::Done && entry.result != PaymentResult::Already) {
        // Whoever is late bears it (NetPaS §5.2).
        m_books.add(entry.cancellation ? PaymentSum::LateTo : PaymentSum::LateBy, party,
                    entry.cancellation ? known->passed : known->owed, now);
        m_books.bill(entry.cancellation ? PaymentSum::LateTo : PaymentSum::LateBy, party, *known, now);
        m_books.alarm(AlarmKind::Refused, party.text(),
                      std::string("it did not take the ") + (entry.cancellation ? "cancellation" : "confirmation") +
                          " of a payment: " + std::string(describe(entry.result)),
                      now);
    }
    m_books.setHeard(entry.id, entry.cancellation, now);
}

void PaymentDesk::connected(const Party& party) {
    if (party.isCustomer()) return connectedCustomer(party);
    for (const auto& [id, record] : m_books.payments()) {
        const bool takenBack = record.state == PaymentState::Cancelled;
        const bool waits = takenBack ? record.to == party && !record.toldTo : record.from == party && !record.toldFrom;
        if (waits) sayUntilHeard(record, firstPatience);
    }
    remind(party);
}

// Of old payments that it never acknowledged: nothing is at stake any more but who bears them.
void PaymentDesk::remind(const Party& party) {
    for (const PaymentRecord& record : m_books.unheardBy(party, mostReminders)) {
        sayUntilHeard(record, firstPatience);
    }
}

void PaymentDesk::connectedCustomer(const Party& party) {
    const SystemTime now = m_clock.now();
    for (const auto& [id, record] : m_books.payments()) {
        if (record.to == party && record.state == PaymentState::Pending) {
            const auto position = static_cast<uint8_t>(record.position + 1);
            m_around.send(party, ForwardPayment{position, record.payment, {}});
        }
        // A payee does not acknowledge a cancellation, and may have been away when it came.
        if (record.to == party && record.state == PaymentState::Cancelled && now - record.changed < toldAgain) {
            sayUntilHeard(record, firstPatience);
        }
        if (record.from == party && now - record.changed < toldAgain) sayState(record);
    }
}

}  // namespace netpas::accounting
