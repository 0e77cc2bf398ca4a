#include "secretary/vault/vault_file.h"

#include <sodium.h>
#include <sys/sysinfo.h>

#include <algorithm>

namespace netpas::secretary {

namespace {

constexpr std::array<uint8_t, 8> magic{'N', 'E', 'T', 'P', 'A', 'S', 'V', 1};
static_assert(32 + crypto_aead_xchacha20poly1305_ietf_ABYTES == 48);
static_assert(crypto_pwhash_SALTBYTES == 16 && crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == 24);

Bytes header(const VaultFile& file) {
    Writer writer;
    writer.bytes(magic);
    writer.u32(file.cost.passes);
    writer.u32(file.cost.memoryKib);
    writer.bytes(file.salt);
    writer.bytes(file.nonce);
    return writer.take();
}

}  // namespace

void wipe(void* memory, size_t size) { sodium_memzero(memory, size); }

std::string_view describe(VaultError error) {
    switch (error) {
    case VaultError::WrongPassphrase: return "that is not the passphrase; nothing was spent, try again";
    case VaultError::TooSoon: return "too soon after a wrong passphrase; wait two seconds";
    case VaultError::BadPassphrase: return "a passphrase has 8 to 1024 bytes";
    case VaultError::Locked: return "the secretary is locked; unlock it with `netpas unlock`";
    case VaultError::NotProtected: return "there is no passphrase; set one with `netpas passphrase set`";
    case VaultError::CannotRead: return "a file of the secretary cannot be read; see `netpas doctor`";
    case VaultError::CannotWrite:
        return "a file of the secretary cannot be written; free disk space, or see `netpas doctor`";
    case VaultError::TooOpen: return "others may read a secret file of the secretary; chmod 600 it";
    case VaultError::Malformed: return "a file of the secretary is damaged";
    case VaultError::Newer: return "written by a newer version of this program; install that version";
    case VaultError::NoMemory: return "not enough memory to derive the key; end some programs, then try again";
    case VaultError::NoKey: return "the database is there, but the file with its key is not";
    }
    return "unknown";
}

Argon2Cost Argon2Cost::forThisMachine() {
    struct sysinfo info {};
    constexpr uint64_t enough = uint64_t{256} << 20;
    if (::sysinfo(&info) == 0 && uint64_t{info.totalram} * info.mem_unit < enough) return small();
    return {};
}

tl::expected<DataKey, VaultError> deriveKey(const SecretText& passphrase, const Argon2Cost& cost,
                                            const Argon2Salt& salt) {
    if (!cost.isAllowed()) return tl::unexpected(VaultError::Malformed);
    DataKey key;
    const std::string_view text = passphrase.view();
    if (crypto_pwhash(key.bytes().data(), key.bytes().size(), text.data(), text.size(), salt.data(), cost.passes,
                      size_t{cost.memoryKib} * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return tl::unexpected(VaultError::NoMemory);
    }
    return key;
}

Bytes VaultFile::encode() const {
    Bytes bytes = header(*this);
    bytes.insert(bytes.end(), wrapped.begin(), wrapped.end());
    return bytes;
}

tl::expected<VaultFile, VaultError> VaultFile::decode(ByteView bytes) {
    if (bytes.size() < magic.size() || !std::equal(magic.begin(), magic.end() - 1, bytes.begin())) {
        return tl::unexpected(VaultError::Malformed);
    }
    if (bytes[magic.size() - 1] > magic.back()) return tl::unexpected(VaultError::Newer);
    if (bytes[magic.size() - 1] != magic.back()) return tl::unexpected(VaultError::Malformed);
    Reader reader(bytes.subspan(magic.size()));
    VaultFile file;
    file.cost.passes = reader.u32();
    file.cost.memoryKib = reader.u32();
    reader.array(file.salt);
    reader.array(file.nonce);
    reader.array(file.wrapped);
    if (!reader.finished() || !file.cost.isAllowed()) return tl::unexpected(VaultError::Malformed);
    return file;
}

tl::expected<VaultFile, VaultError> VaultFile::wrap(const DataKey& key, const SecretText& passphrase,
                                                    const Argon2Cost& cost) {
    VaultFile file;
    file.cost = cost;
    randombytes_buf(file.salt.data(), file.salt.size());
    randombytes_buf(file.nonce.data(), file.nonce.size());
    const auto wrapping = deriveKey(passphrase, cost, file.salt);
    if (!wrapping) return tl::unexpected(wrapping.error());
    const Bytes authenticated = header(file);
    crypto_aead_xchacha20poly1305_ietf_encrypt(file.wrapped.data(), nullptr, key.bytes().data(), key.bytes().size(),
                                               authenticated.data(), authenticated.size(), nullptr, file.nonce.data(),
                                               wrapping->bytes().data());
    return file;
}

tl::expected<DataKey, VaultError> VaultFile::unwrap(const SecretText& passphrase) const {
    const auto wrapping = deriveKey(passphrase, cost, salt);
    if (!wrapping) return tl::unexpected(wrapping.error());
    const Bytes authenticated = header(*this);
    DataKey key;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(key.bytes().data(), nullptr, nullptr, wrapped.data(), wrapped.size(),
                                                   authenticated.data(), authenticated.size(), nonce.data(),
                                                   wrapping->bytes().data()) != 0) {
        return tl::unexpected(VaultError::WrongPassphrase);
    }
    return key;
}

}  // namespace netpas::secretary
