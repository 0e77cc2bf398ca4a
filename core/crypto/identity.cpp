#include "core/crypto/identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <sodium.h>

#include "core/crypto/hex.h"

namespace netpas {

namespace {

constexpr size_t seedDigits = 64;

class File {
public:
    explicit File(int fd) : m_fd(fd) {}
    ~File() {
        if (m_fd >= 0) ::close(m_fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] int fd() const { return m_fd; }

private:
    int m_fd;
};

bool syncFolderOf(const std::filesystem::path& file) {
    const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
    const File handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return handle.fd() >= 0 && ::fsync(handle.fd()) == 0;
}

// Under a name of its own first, so that a crash leaves no half-written key behind.
bool writeNew(const std::filesystem::path& file, std::string_view text) {
    std::filesystem::path fresh = file;
    fresh += ".new";
    {
        ::unlink(fresh.c_str());
        const File handle(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (handle.fd() < 0) return false;
        if (::write(handle.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
            ::fsync(handle.fd()) != 0) {
            ::unlink(fresh.c_str());
            return false;
        }
    }
    const bool linked = ::link(fresh.c_str(), file.c_str()) == 0;  // never replaces a key that is there
    ::unlink(fresh.c_str());
    return linked && syncFolderOf(file);
}

}  // namespace

bool initCrypto() { return sodium_init() >= 0; }

std::optional<PublicKey> PublicKey::parse(std::string_view hex) {
    PublicKey key;
    if (!fromHex(hex, key.bytes)) return std::nullopt;
    return key;
}

std::string PublicKey::hex() const { return toHex(bytes); }

NodeId PublicKey::nodeId() const { return NodeId(blake2b256(bytes)); }

std::string_view describe(IdentityError error) {
    switch (error) {
    case IdentityError::CannotRead: return "the key file cannot be read";
    case IdentityError::CannotWrite: return "the key file cannot be written";
    case IdentityError::TooOpen: return "others may read the key file; run chmod 600 on it";
    case IdentityError::Malformed: return "the key file does not hold 64 hexadecimal digits";
    }
    return "unknown identity error";
}

Identity Identity::generate() {
    Seed seed{};
    randombytes_buf(seed.data(), seed.size());
    Identity identity = fromSeed(seed);
    sodium_memzero(seed.data(), seed.size());
    return identity;
}

Identity Identity::fromSeed(const Seed& seed) {
    Identity identity;
    crypto_sign_ed25519_seed_keypair(identity.m_public.bytes.data(), identity.m_secret.data(), seed.data());
    return identity;
}

tl::expected<Identity, IdentityError> Identity::load(const std::filesystem::path& file) {
    const File handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (handle.fd() < 0 || ::fstat(handle.fd(), &status) != 0) return tl::unexpected(IdentityError::CannotRead);
    if ((status.st_mode & 077) != 0) return tl::unexpected(IdentityError::TooOpen);
    std::array<char, seedDigits + 1> text{};
    const ssize_t length = ::read(handle.fd(), text.data(), text.size());
    if (length < 0) return tl::unexpected(IdentityError::CannotRead);
    auto count = static_cast<size_t>(length);
    if (count == seedDigits + 1 && text[seedDigits] == '\n') --count;
    Seed seed{};
    const bool good = fromHex({text.data(), count}, seed);
    sodium_memzero(text.data(), text.size());
    if (!good) return tl::unexpected(IdentityError::Malformed);
    Identity identity = fromSeed(seed);
    sodium_memzero(seed.data(), seed.size());
    return identity;
}

tl::expected<Identity, IdentityError> Identity::loadOrCreate(const std::filesystem::path& file) {
    if (::access(file.c_str(), F_OK) != 0) {
        Identity fresh = generate();
        Seed seed = fresh.seed();
        std::string text = toHex(seed) + "\n";
        const bool written = writeNew(file, text);
        sodium_memzero(seed.data(), seed.size());
        sodium_memzero(text.data(), text.size());
        if (written) return fresh;
        if (::access(file.c_str(), F_OK) != 0) return tl::unexpected(IdentityError::CannotWrite);
    }
    return load(file);
}

Identity::Identity(Identity&& other) noexcept : m_secret(other.m_secret), m_public(other.m_public) {
    sodium_memzero(other.m_secret.data(), other.m_secret.size());
}

Identity& Identity::operator=(Identity&& other) noexcept {
    if (this != &other) {
        m_secret = other.m_secret;
        m_public = other.m_public;
        sodium_memzero(other.m_secret.data(), other.m_secret.size());
    }
    return *this;
}

Identity::~Identity() { sodium_memzero(m_secret.data(), m_secret.size()); }

Signature Identity::sign(std::span<const uint8_t> message) const {
    Signature signature;
    crypto_sign_ed25519_detached(signature.bytes.data(), nullptr, message.data(), message.size(), m_secret.data());
    return signature;
}

Identity::Seed Identity::seed() const {
    Seed seed{};
    crypto_sign_ed25519_sk_to_seed(seed.data(), m_secret.data());
    return seed;
}

bool verify(const PublicKey& key, std::span<const uint8_t> message, const Signature& signature) {
    return crypto_sign_ed25519_verify_detached(signature.bytes.data(), message.data(), message.size(),
                                               key.bytes.data()) == 0;
}

std::array<uint8_t, 32> blake2b256(std::span<const uint8_t> message) {
    std::array<uint8_t, 32> hash{};
    crypto_generichash_blake2b(hash.data(), hash.size(), message.data(), message.size(), nullptr, 0);
    return hash;
}

}  // namespace netpas
