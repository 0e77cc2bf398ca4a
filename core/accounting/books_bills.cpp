// Billing by neighbour and cycle, and what is kept of records that are deleted: balances never change with them.
#include <algorithm>

#include "core/accounting/billing_cycle.h"
#include "core/accounting/books.h"

namespace netpas::accounting {

using store::StoreError;

namespace {

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }
SystemTime timeOf(int64_t micros) { return SystemTime(std::chrono::microseconds(micros)); }

Bytes bodyOf(const Bill& bill) {
    Writer writer;
    encode(writer, bill);
    return writer.take();
}

// Which line, and whose debt.
struct Place {
    BillItem item;
    bool theirs;
};

std::optional<Place> placeOf(PaymentSum kind) {
    switch (kind) {
    case PaymentSum::OwedBy: return Place{BillItem::Payments, true};
    case PaymentSum::OwedTo: return Place{BillItem::Payments, false};
    case PaymentSum::TakenBackFrom: return Place{BillItem::TakenBack, true};
    case PaymentSum::TakenBackTo: return Place{BillItem::TakenBack, false};
    case PaymentSum::LateBy: return Place{BillItem::Late, true};
    case PaymentSum::LateTo: return Place{BillItem::Late, false};
    // Between servers of one ISP; with customers, who get invoices.
    case PaymentSum::CarriedFor:
    case PaymentSum::CarriedBy:
    case PaymentSum::ShareTo:
    case PaymentSum::ShareFrom:
    case PaymentSum::Delegated: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

CycleNumber BillingCycle::at(SystemTime time) const {
    if (length) return static_cast<CycleNumber>(time.time_since_epoch() / *length);
    const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
    return static_cast<CycleNumber>(int{day.year()} * 12 + static_cast<int>(unsigned{day.month()}) - 1);
}

SystemTime BillingCycle::begin(CycleNumber cycle) const {
    if (length) return SystemTime(*length * cycle);
    const std::chrono::year year(static_cast<int>(cycle / 12));
    return SystemTime(std::chrono::sys_days(year / std::chrono::month(cycle % 12 + 1) / 1).time_since_epoch());
}

// --- bills

Bill& Books::openBill(IspId neighbour, SystemTime made, SystemTime now) {
    CycleNumber cycle = std::max(m_options.billing.at(std::min(made, now)), m_options.billing.oldestOpen(now));
    // A clock that was set back does not open what is closed.
    for (auto last = m_bills.lower_bound({neighbour, cycle}); last != m_bills.end() && last->first.first == neighbour;
         ++last) {
        if (last->second.closed) cycle = last->first.second + 1;
    }
    BillRecord& record = m_bills[{neighbour, cycle}];
    Bill& bill = record.bill;
    bill.neighbour = neighbour;
    bill.cycle = cycle;
    bill.from = m_options.billing.begin(cycle);
    bill.to = m_options.billing.end(cycle);
    m_dirtyBills[{neighbour, cycle}] = true;
    m_dirty = true;
    return bill;
}

void Books::bill(IspId neighbour, BillItem item, bool theirs, Money amount, SystemTime made, SystemTime now) {
    BillLine& line = openBill(neighbour, made, now).line(item);
    BillSide& side = theirs ? line.theirs : line.ours;
    if (raise(side.total, amount, "bill of ISP " + std::to_string(neighbour.value()), now)) ++side.count;
}

void Books::bill(PaymentSum kind, const Party& party, const PaymentRecord& record, SystemTime now) {
    if (kind == PaymentSum::OwedTo && party.isCustomer()) receive(party.customer, record.passed, now);
    const auto place = placeOf(kind);
    if (party.isCustomer() || party.isSibling() || !place) return;
    const Money amount = place->theirs ? record.owed : record.passed;
    bill(party.isp, place->item, place->theirs, amount, record.payment.time, now);
    if (kind != PaymentSum::OwedBy) return;
    const Money fee = checkedSub(record.owed, record.passed).value_or(Money::zero());
    (void)raise(openBill(party.isp, record.payment.time, now).fees, fee, "fees", now);
}

void Books::writeBill(const BillRecord& record) {
    if (auto* s = statement("INSERT OR REPLACE INTO bill (neighbour, cycle, closed, body, paid, reference) "
                            "VALUES (?, ?, ?, ?, ?, ?)")) {
        s->bind(1, int64_t{record.bill.neighbour.value()}).bind(2, int64_t{record.bill.cycle});
        s->bind(3, int64_t{record.closed ? 1 : 0}).bind(4, std::span<const uint8_t>(bodyOf(record.bill)));
        s->bind(5, record.settled ? micros(record.settled->paid) : 0);
        s->bind(6, record.settled ? std::string_view(record.settled->reference) : std::string_view());
        run(s);
    }
}

void Books::writeBills() {
    for (const auto& [which, unused] : m_dirtyBills) writeBill(m_bills.at(which));
    m_dirtyBills.clear();
}

size_t Books::closeBills(IspId issuer, const Identity& identity, SystemTime now) {
    m_now = now;
    const CycleNumber open = m_options.billing.oldestOpen(now);
    size_t closed = 0;
    for (auto& [which, record] : m_bills) {
        if (record.closed || which.second >= open) continue;
        record.closed = true;
        record.bill.issuer = issuer;
        record.bill.closed = now;
        sign(record.bill, identity);
        m_dirtyBills[which] = true;
        m_dirty = true;
        ++closed;
    }
    return closed;
}

bool Books::settle(IspId neighbour, CycleNumber cycle, Settlement settlement) {
    const auto found = m_bills.find({neighbour, cycle});
    if (found == m_bills.end() || !found->second.closed) return false;
    const bool again = found->second.settled.has_value();
    found->second.settled = std::move(settlement);
    if (!again) countSettled(found->second);
    m_dirtyBills[found->first] = true;
    m_dirty = true;
    return true;
}

void Books::countSettled(const BillRecord& record) {
    SettledPayments& sums = m_settledPayments[record.bill.neighbour];
    const auto add = [&](Money& sum, BillItem item) {
        sum = checkedAdd(sum, record.bill.line(item).theirs.total).value_or(Money::max());
    };
    add(sums.passed, BillItem::Payments);
    add(sums.takenBack, BillItem::TakenBack);
}

Money Books::settledPaymentsOf(IspId neighbour) const {
    const auto found = m_settledPayments.find(neighbour);
    if (found == m_settledPayments.end()) return Money::zero();
    return checkedSub(found->second.passed, found->second.takenBack).value_or(Money::zero());
}

tl::expected<void, StoreError> Books::loadBills(SystemTime now) {
    auto rows = m_database.prepare("SELECT neighbour, cycle, closed, body, paid, reference FROM bill");
    if (!rows) return tl::unexpected(rows.error());
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) break;
        Reader reader(rows->blob(3));
        BillRecord record{decodeBill(reader), rows->integer(2) != 0, std::nullopt};
        if (!reader.finished()) return tl::unexpected(StoreError::Damaged);
        if (rows->integer(4) != 0) record.settled = Settlement{timeOf(rows->integer(4)), std::string(rows->text(5))};
        if (record.settled) countSettled(record);
        const IspId neighbour(static_cast<uint16_t>(rows->integer(0)));
        m_bills.emplace(std::pair(neighbour, static_cast<CycleNumber>(rows->integer(1))), std::move(record));
    }
    if (m_bills.empty()) billWhatIsOld(now);
    return loadNeighbourBills();
}

tl::expected<void, StoreError> Books::loadNeighbourBills() {
    auto rows = m_database.prepare("SELECT body FROM neighbour_bill ORDER BY number");
    if (!rows) return tl::unexpected(rows.error());
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        Reader reader(rows->blob(0));
        Bill bill = decodeBill(reader);
        if (!reader.finished()) return tl::unexpected(StoreError::Damaged);
        m_neighbourBills[{bill.issuer, bill.cycle}].push_back(std::move(bill));
    }
}

void Books::keepNeighbourBill(const Bill& theirs) {
    auto& versions = m_neighbourBills[{theirs.issuer, theirs.cycle}];
    const bool known = std::any_of(versions.begin(), versions.end(),
                                   [&](const Bill& one) { return billMessage(one) == billMessage(theirs); });
    if (known || versions.size() >= versionsKept) return;
    versions.push_back(theirs);
    const Bytes body = bodyOf(theirs);
    if (auto* s = statement("INSERT INTO neighbour_bill (neighbour, cycle, body) VALUES (?, ?, ?)")) {
        s->bind(1, int64_t{theirs.issuer.value()}).bind(2, int64_t{theirs.cycle}).bind(3, body);
        run(s);
    }
}

// Books from before there were bills: what is in the sums already goes into the present cycle.
void Books::billWhatIsOld(SystemTime now) {
    const auto carry = [&](IspId isp, Place place, const Sum& sum) {
        if (sum.count == 0) return;
        BillLine& line = openBill(isp, now, now).line(place.item);
        BillSide& side = place.theirs ? line.theirs : line.ours;
        if (raise(side.total, sum.total, "bill", now)) side.count += sum.count;
    };
    for (const auto& [which, sum] : m_sums) {
        if (which.first == SumKind::OwedBy) carry(which.second, {BillItem::Confirmations, true}, sum);
        if (which.first == SumKind::OwedTo) carry(which.second, {BillItem::Confirmations, false}, sum);
    }
    for (const auto& [which, sum] : m_paymentSums) {
        const auto place = placeOf(which.first);
        if (place && !which.second.isCustomer() && !which.second.isSibling()) carry(which.second.isp, *place, sum);
    }
}

}  // namespace netpas::accounting
