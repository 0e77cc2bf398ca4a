#include "app/lab/scenario/payment_judge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "app/lab/tools/crowd_journal.h"
#include "core/accounting/payment_record.h"
#include "core/crypto/hex.h"
#include "core/store/database.h"

namespace netpas::lab {
namespace {

using accounting::Party;
using accounting::PaymentRecord;
using accounting::PaymentState;
using accounting::PaymentSum;
using payments::PaymentId;
using SumKey = std::pair<PaymentSum, std::string>;

constexpr size_t mostListed = 50;  // disagreements that are written out

struct Books {
    std::map<PaymentId, PaymentRecord> records;
    std::map<SumKey, Money> sums;
    std::optional<CrowdJournal> journal;
};

Expected<Books> readBooks(const JudgedIsp& isp) {
    const auto bad = [&](store::StoreError error) {
        return fail(LabErrc::Evidence, isp.books + ": " + std::string(store::describe(error)));
    };
    const auto key = store::loadOrCreateKey(isp.booksKey);
    if (!key) return bad(key.error());
    auto database = store::Database::open({isp.books, *key, true, std::chrono::milliseconds(5000)});
    if (!database) return bad(database.error());
    const auto wrong = database->integrityCheck();
    if (!wrong || !wrong->empty()) return fail(LabErrc::Evidence, isp.books + " is damaged");
    Books books;
    auto rows = database->prepare("SELECT body FROM payment");
    if (!rows) return bad(rows.error());
    for (auto row = rows->step(); row && *row; row = rows->step()) {
        auto record = accounting::decodeRecord(rows->blob(0));
        if (!record) return bad(store::StoreError::Damaged);
        const PaymentId id = record->payment.id;
        books.records.emplace(id, std::move(*record));
    }
    auto sums = database->prepare("SELECT kind, party, total FROM payment_sum");
    if (!sums) return bad(sums.error());
    for (auto row = sums->step(); row && *row; row = sums->step()) {
        const SumKey which{static_cast<PaymentSum>(sums->integer(0)), std::string(sums->text(1))};
        books.sums[which] = Money::fromEighths(sums->integer(2));
    }
    if (isp.journal.empty()) return books;
    auto journal = CrowdJournal::open(isp.journal);
    if (!journal) return tl::unexpected(journal.error());
    books.journal = std::move(*journal);
    return books;
}

class Judge {
public:
    explicit Judge(std::map<uint16_t, Books> books) : m_books(std::move(books)) {}

    PaymentJudgement run() {
        for (const auto& [isp, books] : m_books) {
            if (!books.journal) continue;
            for (const auto& [id, attempt] : books.journal->attempts()) judgeAttempt(isp, id, attempt);
            for (const auto& [id, receipt] : books.journal->receipts()) judgeReceipt(isp, id, receipt);
        }
        for (const auto& [isp, books] : m_books) {
            for (const auto& [id, record] : books.records) judgeRecord(isp, id, record);
        }
        for (const auto& [isp, books] : m_books) judgeSums(isp, books);
        for (const auto& [intent, times] : m_charged) m_result.paidTwice += times > 1 ? 1 : 0;
        for (const auto& [invoice, ids] : m_credited) {
            const auto borne =
                std::count_if(ids.begin(), ids.end(), [&](const auto& id) { return m_borne.contains(id); });
            m_result.paidTwice += std::ssize(ids) - borne > 1 ? 1U : 0U;
        }
        return std::move(m_result);
    }

private:
    const PaymentRecord* recordOf(uint16_t isp, const PaymentId& id) const {
        const auto books = m_books.find(isp);
        if (books == m_books.end()) return nullptr;
        const auto found = books->second.records.find(id);
        return found == books->second.records.end() ? nullptr : &found->second;
    }

    void disagree(const PaymentId& id, const std::string& text) {
        m_result.disagreements.push_back(toHex(id) + ": " + text);
    }
    void allow(const PaymentId& id, const std::string& who, Money amount, const std::string& why) {
        m_result.allowed.push_back({toHex(id), who, amount.toString(), why});
    }
    void expectSum(uint16_t isp, PaymentSum kind, const Party& party, Money amount) {
        Money& sum = m_expected[isp][{kind, party.text()}];
        sum = checkedAdd(sum, amount).value_or(Money::max());
    }
    static std::string ispName(uint16_t isp) { return "isp " + std::to_string(isp); }
    static bool posted(const PaymentRecord* record) {
        return record != nullptr && record->state == PaymentState::Confirmed;
    }

    // --- the payer's journal and its ISP

    void judgeAttempt(uint16_t isp, const PaymentId& id, const Attempt& attempt) {
        ++m_result.attempts;
        const payments::PaymentOrder& order = attempt.order.order;
        m_result.longestPath = std::max<uint64_t>(m_result.longestPath, order.fees.size());
        const PaymentRecord* record = recordOf(isp, id);
        if (record == nullptr) {
            ++m_result.neverTaken;
            if (attempt.state != AttemptState::Unpaid)
                disagree(id, "the payer knows of a payment that its ISP does not");
            return;
        }
        countEnd(*record);
        if (record->from != Party{attempt.payer, {}}) disagree(id, "the ISP has it from somebody else");
        if (record->owed != payments::total(order).value_or(Money::zero())) disagree(id, "the ISP charges another sum");
        const bool charged = posted(record);
        if (charged) ++m_charged[attempt.intent];
        switch (attempt.state) {
        case AttemptState::Open: disagree(id, "the payer never learnt how it ended"); break;
        case AttemptState::Paid:
            if (!charged) disagree(id, "the payer holds a confirmation and is not charged");
            break;
        case AttemptState::Unpaid:
            if (charged) disagree(id, "the payer is charged although its ISP has signed that nothing is owed");
            break;
        case AttemptState::Lost:
            if (charged) {
                allow(id, "customer " + attempt.payer, record->owed,
                      "found the wrong signature of the confirmation after its second");
            }
            break;
        }
        if (!charged) return;
        const bool right = record->confirmation && payments::verify(*record->confirmation, order.payment).has_value();
        if (!right && attempt.state != AttemptState::Lost) ++m_result.paidWithoutConfirmation;
    }

    void countEnd(const PaymentRecord& record) {
        switch (record.state) {
        case PaymentState::Confirmed: ++m_result.posted; break;
        case PaymentState::Refused: ++m_result.refused; break;
        case PaymentState::Expired: ++m_result.expired; break;
        case PaymentState::Cancelled: ++m_result.cancelled; break;
        case PaymentState::Pending:
        case PaymentState::Unknown: disagree(record.payment.id, "it has not ended"); break;
        }
    }

    // --- the payee's journal and its ISP

    void judgeReceipt(uint16_t isp, const PaymentId& id, const Receipt& receipt) {
        const PaymentRecord* record = recordOf(isp, id);
        if (record == nullptr) return disagree(id, "the payee has a payment that its ISP never heard of");
        const bool owed = posted(record);
        switch (receipt.state) {
        case ReceiptState::Signed: disagree(id, "the payee never learnt whether it was credited"); break;
        case ReceiptState::Credited:
            if (!owed) disagree(id, "the payee was told of a credit that its ISP does not owe");
            m_credited[toHex(receipt.payment.description)].push_back(id);
            break;
        case ReceiptState::Refused:
            if (owed) disagree(id, "the payee was told that it came too late, and its ISP owes it");
            break;
        case ReceiptState::TakenBack:
            if (owed) disagree(id, "the payee was told that it was taken back, and its ISP owes it");
            break;
        }
    }

    // --- each record, and what the next hop says

    void judgeRecord(uint16_t isp, const PaymentId& id, const PaymentRecord& record) {
        const bool counted = record.state == PaymentState::Confirmed || record.state == PaymentState::Cancelled;
        if (counted) {
            expectSum(isp, PaymentSum::OwedBy, record.from, record.owed);
            expectSum(isp, PaymentSum::OwedTo, record.to, record.passed);
        }
        if (record.state == PaymentState::Cancelled) {
            expectSum(isp, PaymentSum::TakenBackFrom, record.from, record.owed);
            expectSum(isp, PaymentSum::TakenBackTo, record.to, record.passed);
        }
        if (record.state == PaymentState::Pending) disagree(id, ispName(isp) + " still waits");
        if (!record.from.isCustomer() && recordOf(record.from.isp.value(), id) == nullptr) {
            disagree(id, ispName(isp) + " has it from " + record.from.text() + ", which does not know of it");
        }
        if (record.to.isCustomer()) return judgeLastHop(isp, id, record);
        judgeHop(isp, id, record);
    }

    void judgeLastHop(uint16_t isp, const PaymentId& id, const PaymentRecord& record) {
        const auto books = m_books.find(isp);
        if (!posted(&record) || !books->second.journal) return;
        const auto& receipts = books->second.journal->receipts();
        if (!receipts.contains(id)) {
            ++m_result.paidWithoutConfirmation;
            disagree(id, ispName(isp) + " owes a payee that has signed nothing");
        }
    }

    void judgeHop(uint16_t isp, const PaymentId& id, const PaymentRecord& up) {
        const uint16_t next = up.to.isp.value();
        const PaymentRecord* down = recordOf(next, id);
        if (down != nullptr && (down->from != Party{{}, IspId(isp)} || down->owed != up.passed)) {
            return disagree(id,
                            "the hop from " + ispName(isp) + " to " + ispName(next) + " is not the same in both books");
        }
        const bool owes = posted(&up);
        const bool claims = posted(down);
        if (owes == claims) return;
        if (owes) return disagree(id, ispName(isp) + " owes what " + ispName(next) + " does not claim");
        if (up.state == PaymentState::Cancelled) {
            expectSum(isp, PaymentSum::LateTo, up.to, up.passed);
            return allow(id, ispName(isp), up.passed,
                         "its cancellation reached " + ispName(next) + " too late, which still claims the amount");
        }
        m_borne.insert(id);
        expectSum(next, PaymentSum::LateBy, down->from, down->owed);
        allow(id, ispName(next), down->owed,
              "its confirmation reached " + ispName(isp) + " after the expiry, which owes nothing");
    }

    // --- totals

    // What an ISP writes off must be what the other side's books do not owe, payment by payment.
    void judgeSums(uint16_t isp, const Books& books) {
        std::set<SumKey> all;
        for (const auto& [which, amount] : books.sums) all.insert(which);
        for (const auto& [which, amount] : m_expected[isp]) all.insert(which);
        for (const SumKey& which : all) {
            const auto stated = books.sums.find(which);
            const Money said = stated == books.sums.end() ? Money::zero() : stated->second;
            const Money expected = m_expected[isp][which];
            if (said == expected) continue;
            m_result.disagreements.push_back(ispName(isp) + ", sum " + std::to_string(static_cast<int>(which.first)) +
                                             " of " + which.second + ": its books say " + said.toString() +
                                             ", the payments come to " + expected.toString());
        }
    }

    std::map<uint16_t, Books> m_books;
    std::map<uint16_t, std::map<SumKey, Money>> m_expected;
    std::map<uint64_t, uint64_t> m_charged;
    std::map<std::string, std::vector<PaymentId>> m_credited;  // by invoice
    std::set<PaymentId> m_borne;                               // by an ISP on the way, not by the payer
    PaymentJudgement m_result;
};

}  // namespace

Expected<PaymentJudgement> judgePayments(const std::vector<JudgedIsp>& isps) {
    std::map<uint16_t, Books> all;
    for (const JudgedIsp& isp : isps) {
        auto books = readBooks(isp);
        if (!books) return tl::unexpected(books.error());
        all.emplace(isp.isp, std::move(*books));
    }
    return Judge(std::move(all)).run();
}

void reportJudgement(Json& result, const PaymentJudgement& judgement) {
    result["attempts"] = judgement.attempts;
    result["posted"] = judgement.posted;
    result["expired"] = judgement.expired;
    result["cancelled"] = judgement.cancelled;
    result["refused"] = judgement.refused;
    result["never_taken"] = judgement.neverTaken;
    result["longest_path"] = judgement.longestPath;
    result["paid_twice"] = judgement.paidTwice;
    result["paid_without_confirmation"] = judgement.paidWithoutConfirmation;
    result["disagreement_count"] = judgement.disagreements.size();
    Json disagreements = Json::array();
    for (const std::string& text : judgement.disagreements) {
        if (disagreements.size() < mostListed) disagreements.push_back(text);
    }
    result["disagreements"] = std::move(disagreements);
    Json allowed = Json::array();
    for (const auto& entry : judgement.allowed) {
        allowed.push_back(
            {{"payment", entry.payment}, {"who", entry.who}, {"amount", entry.amount}, {"why", entry.why}});
    }
    result["allowed"] = std::move(allowed);
}

}  // namespace netpas::lab
