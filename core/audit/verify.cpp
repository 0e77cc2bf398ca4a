#include "core/audit/verify.h"

#include <algorithm>
#include <unordered_set>

namespace netpas::audit {

using namespace accounting;

namespace {

constexpr size_t maxDetails = 10;

std::string nameOf(IspId isp) { return "ISP " + std::to_string(isp.value()); }

std::string hexOf(ByteView bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

// Sums that an adversary's file may overflow: then nothing holds.
struct Total {
    Money money;
    uint64_t count = 0;
    bool fits = true;
    void add(Money amount) {
        const auto sum = checkedAdd(money, amount);
        fits = fits && sum.has_value();
        money = sum.value_or(money);
        ++count;
    }
    void add(const BillSide& side) {
        const auto sum = checkedAdd(money, side.total);
        fits = fits && sum.has_value();
        money = sum.value_or(money);
        count += side.count;
    }
    [[nodiscard]] bool equals(const Total& other) const {
        return fits && other.fits && money == other.money && count == other.count;
    }
};

// One kind of check over many things.
struct Tally {
    uint64_t holds = 0;
    uint64_t fails = 0;
    uint64_t unchecked = 0;
    std::string details;

    void good() { ++holds; }
    void unknown() { ++unchecked; }
    void bad(const std::string& what) {
        if (fails++ < maxDetails) details += (details.empty() ? ": " : "; ") + what;
    }
    void decide(bool holdsTrue, const std::string& what) { holdsTrue ? good() : bad(what); }

    [[nodiscard]] Finding finding(const std::string& check, const std::string& what) const {
        Finding finding{check, Outcome::Holds, {}, holds + fails + unchecked};
        if (fails > 0) {
            finding.outcome = Outcome::Fails;
            finding.text =
                what + ": " + std::to_string(fails) + " of " + std::to_string(finding.count) + " do not hold" + details;
        } else if (unchecked > 0) {
            finding.outcome = Outcome::Unchecked;
            finding.text = what + ": " + std::to_string(holds) + " hold, " + std::to_string(unchecked) +
                           " cannot be checked without more keys";
        } else {
            finding.text = what + ": all " + std::to_string(holds) + " hold";
        }
        return finding;
    }
};

class Verifier {
public:
    explicit Verifier(const TrustedKeys& trusted) : m_trusted(trusted) {}

    // Keys and the head are read first: records may refer to keys that stand later.
    void learn(const Record& record) {
        if (const auto* head = std::get_if<Head>(&record)) {
            m_report.head = *head;
            learnKey({{{}, head->isp}, head->key});
        } else if (const auto* known = std::get_if<KnownKey>(&record)) {
            learnKey(*known);
        }
    }

    void check(const Record& record) {
        std::visit([this](const auto& value) { look(value); }, record);
    }

    Report finish() {
        addFinding(m_keys, "keys", "keys in the file that you gave as well");
        addFinding(m_signatures, "confirmation-signatures", "signatures of confirmations");
        addFinding(m_paths, "paths", "paths of confirmations");
        addFinding(m_duplicates, "duplicates", "identifiers are used once");
        addFinding(m_orders, "order-signatures", "payers' signed orders");
        addFinding(m_payees, "payment-confirmations", "payees' signatures");
        addFinding(m_statements, "usage-statements", "statements about session keys");
        addFinding(m_bills, "bills", "bills: signature and netting");
        addFinding(m_counters, "counters", "counters agree with confirmed sums");
        checkSums();
        checkPaymentSums();
        checkBillTotals();
        addFinding(m_sums, "sums", "running totals");
        return std::move(m_report);
    }

private:
    void addFinding(const Tally& tally, const char* check, const char* what) {
        if (tally.holds + tally.fails + tally.unchecked > 0) m_report.findings.push_back(tally.finding(check, what));
    }

    void learnKey(const KnownKey& known) {
        const auto [there, isNew] = m_claimed.emplace(known.holder, known.key);
        if (!isNew && there->second != known.key) m_keys.bad(known.holder.text() + " has two keys in this file");
        if (known.holder.isCustomer()) return;
        const auto [first, last] = m_trusted.isps.equal_range(known.holder.isp);
        if (first == last) return;
        m_keys.decide(std::any_of(first, last, [&](const auto& entry) { return entry.second == known.key; }),
                      "the file has another key for " + nameOf(known.holder.isp));
    }

    // What the verifier knows goes before what the file says.
    [[nodiscard]] std::vector<PublicKey> keysOf(IspId isp) const {
        std::vector<PublicKey> keys;
        const auto [first, last] = m_trusted.isps.equal_range(isp);
        for (auto trusted = first; trusted != last; ++trusted) keys.push_back(trusted->second);
        if (!keys.empty()) return keys;
        for (const auto& [holder, key] : m_claimed) {
            if (!holder.isCustomer() && holder.isp == isp) keys.push_back(key);
        }
        return keys;
    }
    // Whether one of an ISP's keys fits; unknown without any.
    template <typename Fits>
    void decide(Tally& tally, IspId isp, const Fits& fits, const std::string& what) const {
        const std::vector<PublicKey> keys = keysOf(isp);
        if (keys.empty()) return tally.unknown();
        tally.decide(std::any_of(keys.begin(), keys.end(), fits), what);
    }
    [[nodiscard]] IspId me() const { return m_report.head.isp; }

    void look(const Head&) {}
    void look(const KnownKey&) { ++m_report.counts["keys"]; }
    void look(const AlarmEntry&) { ++m_report.counts["alarms"]; }
    void look(const Block&) { ++m_report.counts["blocks"]; }

    // --- confirmations

    void look(const LoggedConfirmation& logged) {
        ++m_report.counts["confirmations"];
        const Confirmation& one = logged.confirmation;
        const std::string name = "confirmation " + hexOf(one.id);
        m_duplicates.decide(m_confirmations.insert(one.id).second, name);
        checkSignatures(logged, name);
        const bool sound = soundPath(logged) && soundUpstream(logged);
        m_paths.decide(sound, name);
        if (sound) count(logged);
    }

    void checkSignatures(const LoggedConfirmation& logged, const std::string& name) {
        const Confirmation& one = logged.confirmation;
        decide(
            m_signatures, one.confirming, [&](const PublicKey& key) { return verifyConfirming(one, key); },
            name + " by " + nameOf(one.confirming));
        // What this ISP made was written down before the beneficiary had signed.
        if (one.confirming == me() && one.beneficiary != me() && one.beneficiarySignature == Signature{}) return;
        decide(
            m_signatures, one.beneficiary, [&](const PublicKey& key) { return verifyBeneficiary(one, key); },
            name + " by " + nameOf(one.beneficiary));
    }

    [[nodiscard]] bool soundPath(const LoggedConfirmation& logged) const {
        const Confirmation& one = logged.confirmation;
        const auto path = pathOf(one);
        const auto here = hopOf(one.header, me());
        if (!path || !here || one.amount <= Money::zero()) return false;
        switch (logged.role) {
        case Role::Made: return !path->selfConfirmed && path->confirming == *here;
        case Role::SelfMade: return path->selfConfirmed && path->beneficiary == *here;
        case Role::Countersigned: return !path->selfConfirmed && path->beneficiary == *here;
        case Role::Forwarded: return path->beneficiary > *here;
        case Role::Relayed: return path->beneficiary >= *here || path->confirming == *here;
        }
        return false;
    }

    // It went to the ISP before us, or to nobody where the path begins and while its beneficiary has not signed.
    [[nodiscard]] bool soundUpstream(const LoggedConfirmation& logged) const {
        if (!logged.upstream || logged.upstream->isSibling()) return true;
        const size_t here = *hopOf(logged.confirmation.header, me());
        return here > 0 && logged.confirmation.header.hops()[here - 1].isp == logged.upstream->isp;
    }

    // The same sums that the books keep, from the log.
    void count(const LoggedConfirmation& logged) {
        const Confirmation& one = logged.confirmation;
        const auto hops = one.header.hops();
        const size_t here = *hopOf(one.header, me());
        switch (logged.role) {
        case Role::Made: m_listed[{SumKind::MadeFor, one.beneficiary}].add(one.amount); return;
        case Role::SelfMade: m_listed[{SumKind::ConfirmedOwn, me()}].add(one.amount); break;
        case Role::Countersigned: m_listed[{SumKind::ConfirmedOwn, one.confirming}].add(one.amount); break;
        case Role::Forwarded:
            m_listed[{SumKind::OwedTo, hops[here + 1].isp}].add(one.amount);
            m_listed[{SumKind::ConfirmedVia, hops[here + 1].isp}].add(one.amount);
            m_listed[{SumKind::ConfirmedIsp, one.beneficiary}].add(one.amount);
            break;
        case Role::Relayed: break;
        }
        // What passes between servers of one ISP is settled inside it.
        if (!logged.upstream || logged.upstream->isSibling()) return;
        m_listed[{SumKind::OwedBy, logged.upstream->isp}].add(one.amount);
        if (logged.waiting) m_waiting[logged.upstream->isp].add(one.amount);
    }

    void look(const SumEntry& entry) {
        m_stated[{entry.kind, entry.isp}].add(entry.all);
        m_summarised[{entry.kind, entry.isp}].add(entry.summarised);
    }

    void checkSums() {
        using enum SumKind;
        for (const SumKind kind : {OwedTo, ConfirmedOwn, ConfirmedVia, ConfirmedIsp, MadeFor, OwedBy}) {
            std::map<IspId, bool> isps;
            for (const auto* sums : {&m_stated, &m_summarised, &m_listed}) {
                for (const auto& [which, total] : *sums) {
                    if (which.first == kind) isps[which.second] = true;
                }
            }
            for (const auto& [isp, unused] : isps) {
                Total stated = m_stated[{kind, isp}];
                Total shown = m_listed[{kind, isp}];
                addTotal(shown, m_summarised[{kind, isp}]);
                if (kind == OwedBy) {
                    // What went upstream was taken, refused, or is still waiting.
                    addTotal(stated, m_stated[{RefusedBy, isp}]);
                    addTotal(stated, m_waiting[isp]);
                }
                m_sums.decide(stated.equals(shown), "sum " + std::to_string(static_cast<int>(kind)) + " of " +
                                                        nameOf(isp) + " is " + stated.money.toString() +
                                                        ", the records show " + shown.money.toString());
            }
        }
    }

    static void addTotal(Total& total, const Total& more) {
        total.fits = total.fits && more.fits;
        total.add(BillSide{more.money, more.count});
    }

    // --- micropayments

    void look(const LoggedPayment& logged) {
        ++m_report.counts["payments"];
        const auto record = decodeRecord(logged.record);
        if (!record) return;
        const std::string name = "payment " + hexOf(record->payment.id);
        m_duplicates.decide(m_payments.insert(record->payment.id).second, name);
        checkOrder(*record, name);
        const bool was = record->state == PaymentState::Confirmed || record->state == PaymentState::Cancelled;
        if (!was) return;
        const bool good = record->confirmation && payments::verify(*record->confirmation, record->payment).has_value();
        // Taken back only with the payee's key and a wrong signature (NetPaS §4.3.1).
        const bool wanted = record->state == PaymentState::Confirmed;
        m_payees.decide(record->confirmation && good == wanted,
                        name + (wanted ? " is booked without the payee's signature"
                                       : " was taken back although the payee has signed"));
        m_paymentsListed[{PaymentSum::OwedBy, record->from}].add(record->owed);
        m_paymentsListed[{PaymentSum::OwedTo, record->to}].add(record->passed);
        if (record->state != PaymentState::Cancelled) return;
        m_paymentsListed[{PaymentSum::TakenBackFrom, record->from}].add(record->owed);
        m_paymentsListed[{PaymentSum::TakenBackTo, record->to}].add(record->passed);
    }

    void checkOrder(const PaymentRecord& record, const std::string& name) {
        m_orders.decide(record.owed >= record.passed, name + " passes more on than it brings");
        if (record.position != 0 || record.order.empty()) return;
        Reader reader(record.order);
        const payments::SignedOrder order = payments::decodeSignedOrder(reader);
        const auto total = reader.finished() ? payments::total(order.order) : tl::unexpected(payments::PaymentError{});
        if (!total || order.order.payment != record.payment || *total != record.owed ||
            order.order.fees.front().isp != me())
            return m_orders.bad(name + " is not what the payer ordered");
        const auto payer = m_claimed.find(record.from);
        if (payer == m_claimed.end()) return m_orders.unknown();
        const PublicKey& key = payer->second;
        m_orders.decide(key.nodeId() == order.order.payer &&
                            netpas::verify(key, payments::orderMessage(order.order), order.signature),
                        name + ": the payer has not signed it");
    }

    void look(const PaymentSumEntry& entry) {
        m_paymentsStated[{entry.kind, entry.party}].add(entry.all);
        m_paymentsSummarised[{entry.kind, entry.party}].add(entry.summarised);
    }

    void checkPaymentSums() {
        std::map<std::pair<PaymentSum, Party>, bool> all;
        for (const auto* sums : {&m_paymentsStated, &m_paymentsSummarised, &m_paymentsListed}) {
            for (const auto& [which, total] : *sums) all[which] = true;
        }
        for (const auto& [which, unused] : all) {
            // That a neighbour was late is known from its answer, which no record keeps; the rest is between siblings.
            if (which.first > PaymentSum::TakenBackTo) continue;
            Total shown = m_paymentsListed[which];
            addTotal(shown, m_paymentsSummarised[which]);
            const Total& stated = m_paymentsStated[which];
            m_sums.decide(stated.equals(shown), "payments of " + which.second.text() + ": stated " +
                                                    stated.money.toString() + ", the records show " +
                                                    shown.money.toString());
        }
    }

    // --- statements and bills

    void look(const UsageEntry& entry) {
        ++m_report.counts["usage statements"];
        decide(
            m_statements, me(),
            [&](const PublicKey& key) {
                return netpas::verify(key, usageStatementMessage(entry.statement, entry.customer),
                                      entry.statement.signature);
            },
            "session key " + std::to_string(entry.statement.key.value()));
    }

    void look(const CounterStatement& statement) {
        ++m_report.counts["counters"];
        const std::string name = "counters about " + nameOf(statement.isp);
        decide(
            m_counters, statement.stating, [&](const PublicKey& key) { return verify(statement, key); },
            name + ": wrong signature");
        const auto difference = checkedSub(statement.confirmed, statement.counted);
        const bool fits = difference && *difference <= statement.tolerance &&
                          Money::fromEighths(-difference->eighths()) <= statement.tolerance;
        m_counters.decide(fits, name + ": counted " + statement.counted.toString() + ", confirmed " +
                                    statement.confirmed.toString() + ", chance explains " +
                                    statement.tolerance.toString());
    }

    void look(const Bill& bill) {
        ++m_report.counts["bills"];
        const std::string name = "bill of " + nameOf(bill.issuer) + " about " + nameOf(bill.neighbour) + ", cycle " +
                                 std::to_string(bill.cycle);
        decide(
            m_bills, bill.issuer, [&](const PublicKey& key) { return accounting::verify(bill, key); },
            name + ": wrong signature");
        const auto netting = netted(bill);
        m_bills.decide(netting.has_value() && bill.from < bill.to, name + ": its sums do not fit");
        const bool isNew = m_billsSeen.emplace(std::tuple(bill.issuer, bill.neighbour, bill.cycle), bill).second;
        m_duplicates.decide(isNew, name);
        if (const auto other = m_billsSeen.find(std::tuple(bill.neighbour, bill.issuer, bill.cycle));
            other != m_billsSeen.end()) {
            const auto differences = compare(bill, other->second);
            m_bills.decide(differences && differences->empty(), name + " differs from the neighbour's");
        }
        if (bill.issuer != me()) return;
        m_billed[{SumKind::OwedBy, bill.neighbour}].add(bill.line(BillItem::Confirmations).theirs);
        m_billed[{SumKind::OwedTo, bill.neighbour}].add(bill.line(BillItem::Confirmations).ours);
    }

    // A cycle that is closed cannot have more than the running total.
    void checkBillTotals() {
        for (const auto& [which, billed] : m_billed) {
            const Total& stated = m_stated[which];
            m_sums.decide(billed.fits && billed.money <= stated.money && billed.count <= stated.count,
                          "bills of " + nameOf(which.second) + " have " + billed.money.toString() + " of " +
                              stated.money.toString());
        }
    }

    void look(const Evidence& evidence) {
        ++m_report.counts["evidence"];
        m_report.evidence.push_back(judge(evidence, [this](IspId isp) { return keysOf(isp); }));
    }

    const TrustedKeys& m_trusted;
    Report m_report;
    std::map<Party, PublicKey> m_claimed;
    Tally m_keys, m_signatures, m_paths, m_duplicates, m_orders, m_payees, m_statements, m_bills, m_counters, m_sums;
    std::unordered_set<ConfirmationId, ConfirmationIdHash> m_confirmations;
    std::unordered_set<payments::PaymentId, payments::PaymentIdHash> m_payments;
    using Sums = std::map<std::pair<SumKind, IspId>, Total>;
    Sums m_stated, m_summarised, m_listed, m_billed;
    std::map<IspId, Total> m_waiting;
    using PaymentSums = std::map<std::pair<PaymentSum, Party>, Total>;
    PaymentSums m_paymentsStated, m_paymentsSummarised, m_paymentsListed;
    std::map<std::tuple<IspId, IspId, CycleNumber>, Bill> m_billsSeen;
};

}  // namespace

std::string_view describe(Outcome outcome) {
    switch (outcome) {
    case Outcome::Holds: return "holds";
    case Outcome::Fails: return "fails";
    case Outcome::Unchecked: return "unchecked";
    }
    return "unknown";
}

bool Report::good() const {
    const auto fails = [](const auto& finding) { return finding.outcome == Outcome::Fails; };
    return read && std::none_of(findings.begin(), findings.end(), fails) &&
           std::none_of(evidence.begin(), evidence.end(), fails);
}

Report verify(ByteView file, const TrustedKeys& keys) {
    Verifier verifier(keys);
    uint64_t records = 0;
    const auto read = readFile(file, [&](Record&& record) {
        verifier.learn(record);
        ++records;
    });
    if (!read) {
        // Whoever is named in an unsealed head has not said so.
        Report report;
        report.findings.push_back({"seal", Outcome::Fails, std::string(describe(read.error())), records});
        return report;
    }
    (void)readFile(file, [&](Record&& record) { verifier.check(record); });
    Report report = verifier.finish();
    report.read = true;
    const bool trusted = keys.isps.contains(report.head.isp);
    if (keys.exporter) {
        const bool his = report.head.isp == *keys.exporter;
        const bool known = his && trusted;
        report.findings.insert(
            report.findings.begin(),
            Finding{"exporter", known ? Outcome::Holds : Outcome::Fails,
                    known ? "these are the books of " + nameOf(*keys.exporter)
                    : his ? "whether these are the books of " + nameOf(*keys.exporter) +
                                " cannot be told without its key: give --key " +
                                std::to_string(keys.exporter->value()) + "=HEX"
                          : "these are the books of " + nameOf(report.head.isp) + ", not of " + nameOf(*keys.exporter),
                    1});
    }
    report.findings.insert(
        report.findings.begin(),
        Finding{"seal", trusted ? Outcome::Holds : Outcome::Unchecked,
                "sealed with key " + report.head.key.hex() +
                    (trusted ? std::string()
                             : ", which only the file says is that of " + nameOf(report.head.isp) + ": give --key " +
                                   std::to_string(report.head.isp.value()) + "=HEX"),
                records});
    return report;
}

}  // namespace netpas::audit
