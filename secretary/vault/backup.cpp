#include "secretary/vault/backup.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string_view>

#include "secretary/vault/identity_store.h"
#include "secretary/vault/private_file.h"

namespace netpas::secretary {

namespace {

namespace fs = std::filesystem;

constexpr size_t manifestSize = 21;
constexpr size_t keySize = 32;
constexpr size_t prefaceSize = manifestSize + keySize;  // of the first chunk; then the database

auto failure(VaultError kind) { return tl::unexpected(BackupError{kind, std::string(describe(kind))}); }
auto failure(VaultError kind, std::string message) { return tl::unexpected(BackupError{kind, std::move(message)}); }

tl::unexpected<BackupError> failure(store::StoreError error) {
    const bool full = error == store::StoreError::Full;
    return tl::unexpected(BackupError{
        full ? VaultError::CannotWrite : VaultError::Malformed,
        std::string(store::describe(error)) + (full ? "; free some, then try again" : "; see `netpas doctor`")});
}
tl::unexpected<BackupError> failure(ledger::LedgerError error) {
    return tl::unexpected(BackupError{VaultError::Malformed, std::string(ledger::describe(error))});
}

store::DatabaseOptions optionsOf(const fs::path& file, const DataKey& key) {
    store::DatabaseOptions options;
    options.path = file;
    options.key = key.bytes();
    return options;
}

void removeDatabase(const fs::path& file) {
    for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
        fs::path path = file;
        path += suffix;
        ::unlink(path.c_str());
    }
}

// Writes a file that is nobody else's to read; tells at the end whether all of it is on the disk.
class Output {
public:
    explicit Output(const fs::path& file)
        : m_fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)), m_good(m_fd >= 0) {}
    ~Output() {
        if (m_fd >= 0) ::close(m_fd);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    void write(ByteView bytes) {
        while (m_good && !bytes.empty()) {
            const ssize_t written = ::write(m_fd, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            m_good = written > 0;
            if (m_good) bytes = bytes.subspan(static_cast<size_t>(written));
        }
    }
    [[nodiscard]] bool good() const { return m_good; }
    [[nodiscard]] bool sync() { return m_good && ::fsync(m_fd) == 0; }

private:
    int m_fd;
    bool m_good;
};

// As many bytes as there are, up to `count`.
Bytes readSome(std::istream& in, size_t count) {
    Bytes bytes(count);
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
    bytes.resize(static_cast<size_t>(in.gcount()));
    return bytes;
}

// Takes the identity out, so that not even its freed pages are left.
BackupResult<void> forgetIdentity(const fs::path& file, const DataKey& key) {
    auto options = optionsOf(file, key);
    auto database = store::Database::open(options);
    store::wipeKey(options.key);
    if (!database) return failure(database.error());
    auto done = database->execute("PRAGMA secure_delete = ON; DELETE FROM document WHERE kind = '" +
                                  std::string(identityKind) + "'; PRAGMA wal_checkpoint(TRUNCATE);");
    if (!done) return failure(done.error());
    return {};
}

}  // namespace

Bytes BackupManifest::encode() const {
    Writer writer;
    writer.u64(static_cast<uint64_t>(made.time_since_epoch().count()));
    writer.u32(schema);
    writer.u8(withIdentity ? 1 : 0);
    writer.u64(databaseSize);
    return writer.take();
}

std::optional<BackupManifest> BackupManifest::decode(ByteView bytes) {
    Reader reader(bytes);
    BackupManifest manifest;
    manifest.made = SystemTime{std::chrono::microseconds{static_cast<int64_t>(reader.u64())}};
    manifest.schema = reader.u32();
    const uint8_t identity = reader.u8();
    manifest.withIdentity = identity == 1;
    manifest.databaseSize = reader.u64();
    if (!reader.finished() || identity > 1) return std::nullopt;
    return manifest;
}

BackupResult<BackupSnapshot> BackupSnapshot::begin(ledger::Ledger& ledger, const StateFolder& folder,
                                                   bool withIdentity) {
    DataKey key;
    randombytes_buf(key.bytes().data(), key.bytes().size());
    removeDatabase(folder.snapshot());
    auto snapshot = ledger.snapshot(folder.snapshot(), key.bytes());
    if (!snapshot) return failure(snapshot.error());
    return BackupSnapshot(std::move(*snapshot), std::move(key), folder.snapshot(), withIdentity);
}

BackupResult<bool> BackupSnapshot::step(int pages) {
    if (!m_snapshot) return true;
    const auto done = m_snapshot->step(pages);
    if (!done) {
        m_snapshot.reset();
        removeDatabase(m_file);
        return failure(done.error());
    }
    if (!*done) return false;
    m_snapshot.reset();
    if (!m_withIdentity) {
        if (auto gone = forgetIdentity(m_file, m_key); !gone) return tl::unexpected(gone.error());
    }
    return true;
}

BackupResult<BackupManifest> sealBackup(const BackupSnapshot& snapshot, const StateFolder& folder,
                                        const SecretText& passphrase, const Argon2Cost& cost, SystemTime now) {
    if (!Vault::isAllowed(passphrase)) return failure(VaultError::BadPassphrase);
    auto sealer = Sealer::begin(passphrase, cost);
    if (!sealer) return failure(sealer.error());
    std::error_code error;
    const BackupManifest manifest{now, static_cast<uint32_t>(ledger::Ledger::schemaVersion()), snapshot.m_withIdentity,
                                  fs::file_size(snapshot.m_file, error)};
    std::ifstream in(snapshot.m_file, std::ios::binary);
    if (error || !in) return failure(VaultError::CannotRead);
    ::unlink(folder.sealed().c_str());
    Output out(folder.sealed());
    out.write(sealer->head().encode());
    Bytes chunk = manifest.encode();
    chunk.insert(chunk.end(), snapshot.m_key.bytes().begin(), snapshot.m_key.bytes().end());
    uint64_t left = manifest.databaseSize;
    for (;;) {
        const Bytes more = readSome(in, static_cast<size_t>(std::min<uint64_t>(left, sealedChunk - chunk.size())));
        left -= more.size();
        chunk.insert(chunk.end(), more.begin(), more.end());
        const bool last = left == 0;
        if (!last && chunk.size() < sealedChunk) return failure(VaultError::CannotRead);
        out.write(sealer->seal(chunk, last));
        wipe(chunk.data(), chunk.size());
        chunk.clear();
        if (last || !out.good()) break;
    }
    const bool kept = out.sync() && syncFolderOf(folder.sealed());
    removeDatabase(folder.snapshot());
    if (!kept) {
        ::unlink(folder.sealed().c_str());
        return failure(VaultError::CannotWrite);
    }
    return manifest;
}

namespace {

// Lays the sealed database at `file`; the key that it is encrypted with.
BackupResult<DataKey> unseal(const fs::path& sealed, const fs::path& file, const SecretText& passphrase,
                             BackupManifest& manifest) {
    std::ifstream in(sealed, std::ios::binary);
    if (!in) return failure(VaultError::CannotRead, "the backup cannot be read: check its name and its owner");
    const auto head = SealedHead::decode(readSome(in, SealedHead::encodedSize));
    if (!head) {
        if (head.error() == VaultError::Newer) return failure(head.error());
        return failure(VaultError::Malformed, "this is no backup of NetPaS: choose another file");
    }
    auto unsealer = Unsealer::begin(*head, passphrase);
    if (!unsealer) return failure(unsealer.error());
    DataKey key;
    uint64_t written = 0;
    Output out(file);
    for (bool first = true; !unsealer->finished(); first = false) {
        auto chunk = unsealer->open(readSome(in, sealedChunk + sealedOverhead));
        if (!chunk && chunk.error() == VaultError::WrongPassphrase) {
            return failure(chunk.error(), "that is not the passphrase of this backup, or the backup is damaged");
        }
        if (!chunk) return failure(chunk.error(), "the backup is damaged or cut short: take another copy of it");
        ByteView content = *chunk;
        if (first) {
            const auto read =
                content.size() < prefaceSize ? std::nullopt : BackupManifest::decode(content.first(manifestSize));
            if (!read) return failure(VaultError::Malformed);
            if (read->schema > ledger::Ledger::schemaVersion()) return failure(VaultError::Newer);
            manifest = *read;
            std::copy_n(content.begin() + manifestSize, keySize, key.bytes().begin());
            content = content.subspan(prefaceSize);
        }
        out.write(content);
        written += content.size();
        wipe(chunk->data(), chunk->size());
        if (!out.good()) return failure(VaultError::CannotWrite);
    }
    if (in.peek() != std::ifstream::traits_type::eof() || written != manifest.databaseSize) {
        return failure(VaultError::Malformed, "the backup is damaged: take another copy of it");
    }
    if (!out.sync()) return failure(VaultError::CannotWrite);
    return key;
}

BackupResult<void> verify(const ledger::Ledger& book) {
    const auto integrity = book.integrityCheck();
    if (!integrity) return failure(integrity.error());
    if (!integrity->empty()) return failure(VaultError::Malformed, "the backup's database is damaged");
    const auto discrepancies = book.check();
    if (!discrepancies) return failure(discrepancies.error());
    if (!discrepancies->empty()) {
        return failure(VaultError::Malformed, "the backup's book does not add up: " + discrepancies->front().what);
    }
    return {};
}

BackupResult<void> settleIdentity(ledger::Ledger& book, const SeedSecret* present, RestorePlan& plan) {
    const auto inBackup = findSeed(book.documents());
    if (!inBackup) return failure(VaultError::Malformed, std::string(describe(inBackup.error())));
    plan.keepsIdentity = !*inBackup && present != nullptr;
    plan.needsIdentity = !*inBackup && present == nullptr;
    if (plan.keepsIdentity && !storeSeed(book.documents(), *present)) return failure(VaultError::CannotWrite);
    return {};
}

}  // namespace

BackupResult<RestorePlan> prepareRestore(const fs::path& sealed, const StateFolder& folder,
                                         const SecretText& passphrase, const DataKey& key, const SeedSecret* present) {
    removeDatabase(folder.snapshot());
    removeDatabase(folder.restored());
    RestorePlan plan;
    const auto unsealedKey = unseal(sealed, folder.snapshot(), passphrase, plan.manifest);
    if (!unsealedKey) {
        removeDatabase(folder.snapshot());
        return tl::unexpected(unsealedKey.error());
    }
    BackupResult<void> done;
    {
        auto book = ledger::Ledger::open(folder.snapshot(), unsealedKey->bytes());
        done = book ? verify(**book) : BackupResult<void>(failure(book.error()));
        if (done) done = settleIdentity(**book, present, plan);
        if (done) {
            const auto unsettled = (*book)->unfinished();
            const auto newest = (*book)->history(std::nullopt, 1);
            plan.unsettled = unsettled ? unsettled->size() : 0;
            plan.purchases = newest && !newest->empty() ? newest->front().id.value() : 0;
            auto copy = (*book)->snapshot(folder.restored(), key.bytes());
            const auto copied = copy ? copy->finish() : tl::unexpected(copy.error());
            if (!copied) done = failure(copied.error());
        }
    }
    removeDatabase(folder.snapshot());
    if (!done) {
        removeDatabase(folder.restored());
        return tl::unexpected(done.error());
    }
    return plan;
}

BackupResult<void> commitRestore(const StateFolder& folder) {
    std::error_code error;
    if (!fs::exists(folder.restored(), error)) return failure(VaultError::Malformed, "no restore was prepared");
    // From here on a crash means that the next start finishes it.
    const std::string_view mark = "restore\n";
    const auto marked =
        writePrivateFile(folder.restoreMark(), {reinterpret_cast<const uint8_t*>(mark.data()), mark.size()});
    if (!marked) return failure(marked.error());
    if (auto done = tidy(folder); !done) return failure(done.error());
    return {};
}

bool isEmpty(const ledger::Ledger& ledger) {
    const auto newest = ledger.history(std::nullopt, 1);
    return newest && newest->empty();
}

}  // namespace netpas::secretary
