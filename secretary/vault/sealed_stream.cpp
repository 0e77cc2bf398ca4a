#include "secretary/vault/sealed_stream.h"

#include <sodium.h>

#include <algorithm>

namespace netpas::secretary {

namespace {

constexpr std::array<uint8_t, 8> magic{'N', 'E', 'T', 'P', 'A', 'S', 'B', 1};
static_assert(crypto_secretstream_xchacha20poly1305_HEADERBYTES == 24);
static_assert(crypto_secretstream_xchacha20poly1305_ABYTES == sealedOverhead);

struct StreamState {
    crypto_secretstream_xchacha20poly1305_state secret{};
    Bytes authenticated;  // with the first chunk; then empty
    bool first = true;
    bool last = false;

    StreamState() = default;
    StreamState(const StreamState&) = delete;
    StreamState& operator=(const StreamState&) = delete;
    ~StreamState() { wipe(&secret, sizeof secret); }
};

}  // namespace

struct Sealer::State : StreamState {
    SealedHead head;
};
struct Unsealer::State : StreamState {};

Bytes SealedHead::encode() const {
    Writer writer;
    writer.bytes(magic);
    writer.u32(cost.passes);
    writer.u32(cost.memoryKib);
    writer.bytes(salt);
    writer.bytes(stream);
    return writer.take();
}

tl::expected<SealedHead, VaultError> SealedHead::decode(ByteView bytes) {
    if (bytes.size() < magic.size() || !std::equal(magic.begin(), magic.end() - 1, bytes.begin())) {
        return tl::unexpected(VaultError::Malformed);
    }
    const uint8_t version = bytes[magic.size() - 1];
    if (version > magic.back()) return tl::unexpected(VaultError::Newer);
    if (version != magic.back()) return tl::unexpected(VaultError::Malformed);
    Reader reader(bytes.subspan(magic.size()));
    SealedHead head;
    head.cost.passes = reader.u32();
    head.cost.memoryKib = reader.u32();
    reader.array(head.salt);
    reader.array(head.stream);
    if (!reader.finished() || !head.cost.isAllowed()) return tl::unexpected(VaultError::Malformed);
    return head;
}

Sealer::Sealer(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Sealer::Sealer(Sealer&&) noexcept = default;
Sealer::~Sealer() = default;

tl::expected<Sealer, VaultError> Sealer::begin(const SecretText& passphrase, const Argon2Cost& cost) {
    auto state = std::make_unique<State>();
    state->head.cost = cost;
    randombytes_buf(state->head.salt.data(), state->head.salt.size());
    const auto key = deriveKey(passphrase, cost, state->head.salt);
    if (!key) return tl::unexpected(key.error());
    crypto_secretstream_xchacha20poly1305_init_push(&state->secret, state->head.stream.data(), key->bytes().data());
    state->authenticated = state->head.encode();
    return Sealer(std::move(state));
}

const SealedHead& Sealer::head() const { return m_state->head; }

Bytes Sealer::seal(ByteView chunk, bool last) {
    Bytes sealed(chunk.size() + sealedOverhead);
    const uint8_t tag =
        last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
    crypto_secretstream_xchacha20poly1305_push(&m_state->secret, sealed.data(), nullptr, chunk.data(), chunk.size(),
                                               m_state->authenticated.data(), m_state->authenticated.size(), tag);
    m_state->authenticated.clear();
    return sealed;
}

Unsealer::Unsealer(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Unsealer::Unsealer(Unsealer&&) noexcept = default;
Unsealer::~Unsealer() = default;

tl::expected<Unsealer, VaultError> Unsealer::begin(const SealedHead& head, const SecretText& passphrase) {
    const auto key = deriveKey(passphrase, head.cost, head.salt);
    if (!key) return tl::unexpected(key.error());
    auto state = std::make_unique<State>();
    if (crypto_secretstream_xchacha20poly1305_init_pull(&state->secret, head.stream.data(), key->bytes().data()) != 0) {
        return tl::unexpected(VaultError::Malformed);
    }
    state->authenticated = head.encode();
    return Unsealer(std::move(state));
}

tl::expected<Bytes, VaultError> Unsealer::open(ByteView chunk) {
    if (m_state->last || chunk.size() < sealedOverhead || chunk.size() > sealedChunk + sealedOverhead) {
        return tl::unexpected(VaultError::Malformed);
    }
    Bytes plain(chunk.size() - sealedOverhead);
    uint8_t tag = 0;
    const int failed = crypto_secretstream_xchacha20poly1305_pull(
        &m_state->secret, plain.data(), nullptr, &tag, chunk.data(), chunk.size(), m_state->authenticated.data(),
        m_state->authenticated.size());
    m_state->authenticated.clear();
    const bool first = std::exchange(m_state->first, false);
    if (failed != 0) return tl::unexpected(first ? VaultError::WrongPassphrase : VaultError::Malformed);
    m_state->last = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    return plain;
}

bool Unsealer::finished() const { return m_state->last; }

}  // namespace netpas::secretary
