#include "app/payee/proof_book.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/crypto/hex.h"

namespace netpas::payee {

namespace {

constexpr std::string_view kind = "proof";

uint64_t toNumber(SystemTime time) { return static_cast<uint64_t>(time.time_since_epoch().count()); }

}  // namespace

std::string_view code(ProofVerdict verdict) {
    switch (verdict) {
    case ProofVerdict::First:
    case ProofVerdict::Again: return {};
    case ProofVerdict::NotPaid: return "payment_not_received";
    case ProofVerdict::OtherResource: return "invalid_resource";
    case ProofVerdict::Expired: return "proof_expired";
    case ProofVerdict::TooOften: return "proof_shown_too_often";
    }
    return {};
}

tl::expected<ProofBook, store::StoreError> ProofBook::open(store::Documents& documents, ProofRules rules) {
    ProofBook book(documents, rules);
    const auto kept = documents.all(kind);
    if (!kept) return tl::unexpected(kept.error());
    for (const store::Document& one : *kept) {
        payments::PaymentId id{};
        Reader reader(one.body);
        Entry entry;
        entry.made = SystemTime(SystemTime::duration(static_cast<int64_t>(reader.u64())));
        entry.amount = Money::fromEighths(static_cast<int64_t>(reader.u64()));
        entry.shows = reader.u32();
        const ByteView resource = reader.blob16();
        entry.resource.assign(resource.begin(), resource.end());
        if (!fromHex(one.id, id) || !reader.finished()) return tl::unexpected(store::StoreError::Damaged);
        book.m_entries.emplace(id, std::move(entry));
    }
    return book;
}

tl::expected<void, store::StoreError> ProofBook::keep(const payments::PaymentId& id, const Entry& entry) {
    Writer writer;
    writer.u64(toNumber(entry.made));
    writer.u64(static_cast<uint64_t>(entry.amount.eighths()));
    writer.u32(entry.shows);
    writer.blob16({reinterpret_cast<const uint8_t*>(entry.resource.data()), entry.resource.size()});
    if (auto done = m_documents->put({std::string(kind), toHex(id), writer.take()}); !done) return done;
    m_entries.insert_or_assign(id, entry);
    return {};
}

tl::expected<void, store::StoreError> ProofBook::paid(const payments::Payment& payment) {
    if (m_entries.contains(payment.id)) return {};
    if (auto done = keep(payment.id, Entry{payment.time, payment.amount, {}, 0}); !done) return done;
    m_arriving.push_back(payment.id);
    return {};
}

void ProofBook::written(bool done) {
    for (const payments::PaymentId& id : std::exchange(m_arriving, {})) {
        if (!done) m_entries.erase(id);
    }
}

tl::expected<void, store::StoreError> ProofBook::takenBack(const payments::PaymentId& id) {
    if (auto done = m_documents->erase(std::string(kind), toHex(id)); !done) return done;
    m_entries.erase(id);
    return {};
}

ProofVerdict ProofBook::judge(const payments::Payment& payment, std::string_view resource, SystemTime now) const {
    if (now > payment.time + m_rules.window) return ProofVerdict::Expired;
    const auto found = m_entries.find(payment.id);
    if (found == m_entries.end()) return ProofVerdict::NotPaid;
    const Entry& entry = found->second;
    if (entry.shows == 0) return ProofVerdict::First;
    if (entry.resource != resource) return ProofVerdict::OtherResource;
    return entry.shows < m_rules.mostShows ? ProofVerdict::Again : ProofVerdict::TooOften;
}

tl::expected<ProofVerdict, store::StoreError> ProofBook::redeem(const payments::Payment& payment,
                                                                std::string_view resource, SystemTime now) {
    const ProofVerdict verdict = judge(payment, resource, now);
    if (!isGood(verdict)) return verdict;
    Entry entry = m_entries.at(payment.id);
    entry.resource = resource;
    ++entry.shows;
    if (auto done = keep(payment.id, entry); !done) return tl::unexpected(done.error());
    return verdict;
}

tl::expected<void, store::StoreError> ProofBook::forgetExpired(SystemTime now) {
    constexpr size_t atOnce = 10'000;
    std::vector<store::DocumentChange> old;
    for (const auto& [id, entry] : m_entries) {
        if (old.size() < atOnce && now > entry.made + m_rules.window)
            old.push_back({{std::string(kind), toHex(id), {}}, true});
    }
    if (old.empty()) return {};
    if (auto done = m_documents->apply(old); !done) return done;
    for (const auto& change : old) {
        payments::PaymentId id{};
        if (fromHex(change.document.id, id)) m_entries.erase(id);
    }
    return {};
}

ProofTotals ProofBook::totals() const {
    ProofTotals totals;
    totals.kept = m_entries.size();
    for (const auto& [id, entry] : m_entries) {
        if (entry.shows == 0) continue;
        ++totals.redeemed;
        totals.shows += entry.shows;
        totals.amount = checkedAdd(totals.amount, entry.amount).value_or(Money::max());
    }
    return totals;
}

}  // namespace netpas::payee
