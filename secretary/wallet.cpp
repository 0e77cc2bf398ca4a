#include "secretary/wallet.h"

#include <sodium.h>

#include <utility>

#include "core/random.h"

namespace netpas::secretary {

tl::expected<Wallet, IdentityError> Wallet::open(const std::filesystem::path& identityFile) {
    auto identity = Identity::loadOrCreate(identityFile);
    if (!identity) return tl::unexpected(identity.error());
    return Wallet(std::move(*identity));
}

Wallet Wallet::fromSeed(Identity::Seed& seed) {
    Wallet wallet(Identity::fromSeed(seed));
    sodium_memzero(seed.data(), seed.size());
    return wallet;
}

tl::expected<payments::SignedOrder, payments::PaymentError> Wallet::sign(const ledger::RecordedOrder& recorded) const {
    const payments::PaymentOrder& order = recorded.order();
    if (order.payer != m_identity.nodeId()) return tl::unexpected(payments::PaymentError::WrongPayer);
    return payments::SignedOrder{order, m_identity.sign(payments::orderMessage(order))};
}

tl::expected<payments::PaymentConfirmation, payments::PaymentError> Wallet::confirm(const payments::Payment& payment,
                                                                                    SystemTime now) const {
    if (auto good = payments::check(payment); !good) return tl::unexpected(good.error());
    if (payment.payee != m_identity.nodeId()) return tl::unexpected(payments::PaymentError::OtherPayee);
    if (payment.expires < now) return tl::unexpected(payments::PaymentError::Expired);
    return payments::confirm(payment, m_identity, now);
}

SessionKey Wallet::mint(Money cap, Money capPerSecond, std::vector<IspId> allowed, SystemTime expires) const {
    SessionKey key;
    key.id = SessionKeyId{static_cast<uint32_t>(1 + systemRandom().below(SessionKeyId::maxValue))};
    randombytes_buf(key.secret.data(), key.secret.size());
    key.cap = cap;
    key.capPerSecond = capPerSecond;
    key.allowed = std::move(allowed);
    key.expires = expires;
    return key;
}

}  // namespace netpas::secretary
