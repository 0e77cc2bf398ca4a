// The user's identity, what it signs, and the session keys minted under it (DESIGN §6, §8; NetPaS §4.1.2). One thread.
#pragma once

#include <filesystem>
#include <vector>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/ledger/payment_journal.h"
#include "core/payments/micropayment.h"
#include "core/session_key.h"

namespace netpas::secretary {

class Wallet {
public:
    // Loads the identity, or makes one at the first start.
    [[nodiscard]] static tl::expected<Wallet, IdentityError> open(const std::filesystem::path& identityFile);
    // From a seed that was kept elsewhere, which is wiped.
    [[nodiscard]] static Wallet fromSeed(Identity::Seed& seed);

    // For connections that prove the identity to the ISP. The private key never leaves the process, and is wiped with the wallet.
    [[nodiscard]] const Identity& identity() const { return m_identity; }
    // Promises money: only of an order that is durable, and in this identity's name.
    [[nodiscard]] tl::expected<payments::SignedOrder, payments::PaymentError> sign(
        const ledger::RecordedOrder& recorded) const;
    // As a payee: signs that a payment to this identity has arrived. The caller has made it durable.
    [[nodiscard]] tl::expected<payments::PaymentConfirmation, payments::PaymentError> confirm(
        const payments::Payment& payment, SystemTime now) const;
    // A fresh key: identifier and secret are random, the identifier never 0. The secret is in memory only, here and in
    // what the caller makes of it.
    [[nodiscard]] SessionKey mint(Money cap, Money capPerSecond, std::vector<IspId> allowed, SystemTime expires) const;

private:
    explicit Wallet(Identity identity) : m_identity(std::move(identity)) {}
    Identity m_identity;
};

}  // namespace netpas::secretary
