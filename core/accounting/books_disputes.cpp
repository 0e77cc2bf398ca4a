// Disputes with neighbours in the books.
#include "core/accounting/books.h"

namespace netpas::accounting {

using store::StoreError;

tl::expected<void, StoreError> Books::loadDisputes() {
    auto rows = m_database.prepare("SELECT number, body FROM dispute ORDER BY number DESC LIMIT 1000");
    if (!rows) return tl::unexpected(rows.error());
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected(row.error());
        if (!*row) return {};
        auto dispute = decodeDispute(rows->integer(0), rows->blob(1));
        if (!dispute) return tl::unexpected(StoreError::Damaged);
        m_disputes.emplace(dispute->number, std::move(*dispute));
    }
}

void Books::setDispute(const Dispute& dispute, SystemTime now) {
    m_now = now;
    if (auto* s = statement("INSERT OR REPLACE INTO dispute (number, body) VALUES (?, ?)")) {
        s->bind(1, dispute.number).bind(2, encodeDispute(dispute));
        run(s);
    }
    m_disputes.insert_or_assign(dispute.number, dispute);
}

}  // namespace netpas::accounting
