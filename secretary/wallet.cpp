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
