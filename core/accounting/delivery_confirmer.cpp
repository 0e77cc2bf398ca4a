#include "core/accounting/delivery_confirmer.h"

#include "core/random.h"

namespace netpas::accounting {

bool DeliveryConfirmer::confirm(const AccountingHeader& header, const PacketExcerpt& excerpt) {
    const auto hops = header.hops();
    if (!m_terms.on || hops.empty() || hops.back().isp != m_terms.isp) return false;
    if (m_waiting.size() >= most) {
        ++m_lost;
        return false;
    }
    Confirmation made;
    store64(made.id.data(), systemRandom().below(UINT64_MAX));
    store64(made.id.data() + 8, systemRandom().below(UINT64_MAX));
    made.time = m_clock.now();
    made.confirming = made.beneficiary = m_terms.isp;
    made.amount = m_terms.threshold;
    made.header = header;
    made.excerpt = excerpt;
    made.confirmingSignature = m_identity.sign(delegateMessage(made));
    m_send(made);
    m_waiting.emplace(made.id, std::move(made));
    return true;
}

void DeliveryConfirmer::acknowledged(const AckEntry& entry) {
    if (entry.result == AckResult::FromTheFuture || m_waiting.erase(entry.id) == 0) return;
    ++(isAccepted(entry.result) ? m_accepted : m_refused);
}

void DeliveryConfirmer::sendAgain() {
    for (const auto& [id, confirmation] : m_waiting) m_send(confirmation);
}

}  // namespace netpas::accounting
