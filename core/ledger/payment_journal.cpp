#include "core/ledger/payment_journal.h"

#include "core/crypto/hex.h"

namespace netpas::ledger {

namespace {

constexpr std::string_view kind = "payment-order";

// An order without a signature, then text and salt of its description.
Bytes toBody(const payments::PaymentOrder& order, const std::optional<Description>& description) {
    Writer writer;
    payments::encode(writer, payments::SignedOrder{order, {}});
    writer.u8(description ? 1 : 0);
    if (description) {
        writer.bytes(description->salt);
        writer.blob16({reinterpret_cast<const uint8_t*>(description->text.data()), description->text.size()});
    }
    return writer.take();
}

std::optional<payments::PaymentOrder> fromBody(ByteView body) {
    Reader reader(body);
    payments::SignedOrder order = payments::decodeSignedOrder(reader);
    if (reader.u8() == 1) {
        payments::DescriptionSalt salt{};
        reader.array(salt);
        (void)reader.blob16(payments::maxDescription);
    }
    if (!reader.finished()) return std::nullopt;
    return std::move(order.order);
}

bool describes(const std::optional<Description>& description, const payments::DescriptionHash& hash) {
    if (!description) return hash == payments::DescriptionHash{};
    return description->text.size() <= payments::maxDescription &&
           payments::describe(description->text, description->salt) == hash;
}

}  // namespace

std::string_view describe(JournalError error) {
    switch (error) {
    case JournalError::BadOrder: return "the payment is not one that can be made: check amount, fees and times";
    case JournalError::BadDescription: return "the payment's description is too long, or is not the one it names";
    case JournalError::Expired: return "the payment has expired; make a new one";
    case JournalError::IdUsed: return "the payment's identifier was used for another payment; make a new one";
    case JournalError::TooMany: return "too many payments are under way; wait until some have ended";
    case JournalError::Storage: return "the ledger cannot be written, so nothing is paid: free disk space";
    }
    return "unknown journal error";
}

tl::expected<PaymentJournal, store::StoreError> PaymentJournal::open(store::Documents& documents) {
    PaymentJournal journal(documents);
    const auto stored = documents.all(kind);
    if (!stored) return tl::unexpected(stored.error());
    for (const store::Document& document : *stored) {
        auto order = fromBody(document.body);
        if (!order || toHex(order->payment.id) != document.id) return tl::unexpected(store::StoreError::Damaged);
        journal.m_orders.emplace(order->payment.id, std::move(*order));
    }
    return journal;
}

tl::expected<RecordedOrder, JournalError> PaymentJournal::record(const payments::PaymentOrder& order,
                                                                 const std::optional<Description>& description,
                                                                 SystemTime now) {
    if (!payments::check(order)) return tl::unexpected(JournalError::BadOrder);
    if (!describes(description, order.payment.description)) return tl::unexpected(JournalError::BadDescription);
    if (const auto known = m_orders.find(order.payment.id); known != m_orders.end()) {
        if (known->second != order) return tl::unexpected(JournalError::IdUsed);
        return RecordedOrder(order);
    }
    if (order.payment.expires <= now) return tl::unexpected(JournalError::Expired);
    if (m_orders.size() >= maxOrders) return tl::unexpected(JournalError::TooMany);
    if (!m_documents->put({std::string(kind), toHex(order.payment.id), toBody(order, description)}))
        return tl::unexpected(JournalError::Storage);
    m_orders.emplace(order.payment.id, order);
    return RecordedOrder(order);
}

std::optional<RecordedOrder> PaymentJournal::find(const payments::PaymentId& id) const {
    const auto found = m_orders.find(id);
    if (found == m_orders.end()) return std::nullopt;
    return RecordedOrder(found->second);
}

tl::expected<void, store::StoreError> PaymentJournal::forget(const payments::PaymentId& id) {
    if (auto gone = m_documents->erase(std::string(kind), toHex(id)); !gone) return gone;
    m_orders.erase(id);
    return {};
}

tl::expected<void, store::StoreError> PaymentJournal::forgetExpired(SystemTime now) {
    std::vector<store::DocumentChange> changes;
    for (const auto& [id, order] : m_orders) {
        if (order.payment.expires + retention <= now)
            changes.push_back({{std::string(kind), toHex(id), {}}, /*erase=*/true});
    }
    if (changes.empty()) return {};
    if (auto gone = m_documents->apply(changes); !gone) return gone;
    std::erase_if(m_orders, [now](const auto& entry) { return entry.second.payment.expires + retention <= now; });
    return {};
}

}  // namespace netpas::ledger
