#include "app/secretary/vault_service.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "app/secretary/router.h"
#include "secretary/vault/identity_store.h"
#include "secretary/vault/recovery_words.h"

namespace netpas::secretaryd {

using secretary::BackupManifest;
using secretary::DataKey;
using secretary::RestorePlan;
using secretary::SecretText;
using secretary::VaultError;

namespace {

constexpr uint64_t longestBackup = uint64_t{4} << 30;
constexpr std::chrono::hours keepBackup{1};
constexpr std::chrono::milliseconds betweenSteps{1};
constexpr int pagesOfStep = 64;

ApiFailure failureOf(VaultError error, std::string message) {
    switch (error) {
    case VaultError::WrongPassphrase: return {403, "WRONG_PASSPHRASE", std::move(message), "try again in two seconds"};
    case VaultError::TooSoon: return {429, "RATE_LIMITED", std::move(message), "try again in two seconds"};
    case VaultError::BadPassphrase: return {400, "INVALID_ARGUMENT", std::move(message), "netpas passphrase set"};
    case VaultError::Locked: return {423, "LOCKED", std::move(message), "netpas unlock"};
    case VaultError::NotProtected: return {409, "CONFLICT", std::move(message), "netpas passphrase set"};
    case VaultError::Malformed:
    case VaultError::Newer: return {422, "INVALID_BACKUP", std::move(message), "netpas doctor"};
    case VaultError::CannotRead:
    case VaultError::CannotWrite:
    case VaultError::TooOpen:
    case VaultError::NoMemory:
    case VaultError::NoKey: return {500, "LOCAL_FAILURE", std::move(message), "netpas doctor"};
    }
    return {500, "LOCAL_FAILURE", std::move(message), "netpas doctor"};
}
auto failed(VaultError error) { return tl::unexpected(failureOf(error, std::string(describe(error)))); }
auto failed(const secretary::BackupError& error) { return tl::unexpected(failureOf(error.kind, error.message)); }

// What another thread works on and gives back; shared, so that it outlives whoever asked.
template <typename T>
struct Parcel {
    SecretText secret;
    std::optional<T> result;
};

}  // namespace

struct VaultService::BackupJob {
    secretary::BackupSnapshot snapshot;
    SecretText passphrase;
    Answer<BackupManifest> done;
};

std::string_view nameOf(Condition condition) {
    switch (condition) {
    case Condition::Open: return "open";
    case Condition::Locked: return "locked";
    case Condition::Failed: return "failed";
    }
    return "unknown";
}

VaultService::VaultService(Ports ports) : m_ports(std::move(ports)), m_alive(std::make_shared<bool>(true)) {}

VaultService::~VaultService() { m_ports.timers.cancel(m_forgetBackup); }

template <typename Function>
auto VaultService::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) mutable {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

std::optional<ApiFailure> VaultService::busy() const {
    if (!m_busy) return std::nullopt;
    return ApiFailure{409, "CONFLICT", "another operation on the vault is under way", "try again when it has ended"};
}

void VaultService::start() {
    if (!m_ports.vault.locked()) (void)openCustody();
}

tl::expected<void, ApiFailure> VaultService::openCustody() {
    m_trouble.reset();
    if (secretary::databaseIsLost(m_ports.folder)) {
        m_condition = Condition::Failed;
        m_trouble =
            ApiFailure{503, "DAMAGED", "the database is gone or empty, and with it what was spent; nothing is spent",
                       "netpas restore FILE --force; or, to begin with nothing, remove " +
                           m_ports.folder.begun().string() + " and restart netpasd"};
        return tl::unexpected(*m_trouble);
    }
    auto opened = m_ports.custody.open(m_ports.vault.key()->bytes());
    if (opened) {
        secretary::markBegun(m_ports.folder);
        m_condition = Condition::Open;
        return {};
    }
    m_condition = Condition::Failed;
    m_trouble = opened.error().answer;
    if (opened.error().damaged) {
        m_trouble = ApiFailure{503, "DAMAGED", opened.error().answer.message + "; nothing is spent",
                               "netpas doctor, then netpas restore FILE --force"};
    }
    return tl::unexpected(*m_trouble);
}

std::optional<net::HttpResponse> VaultService::refusalNow() const {
    switch (m_condition) {
    case Condition::Open: return std::nullopt;
    case Condition::Locked: return refusal(423, "LOCKED", "the secretary is locked: nothing is spent", "netpas unlock");
    case Condition::Failed: break;
    }
    return refusal(m_trouble->status, m_trouble->code, m_trouble->message, m_trouble->hint);
}

std::vector<secretary::Finding> VaultService::examine() const {
    auto found = secretary::examineFolder(m_ports.folder);
    const secretary::Finding::Level bad = secretary::Finding::Level::Bad;
    if (m_condition == Condition::Open) {
        auto inside = secretary::examineLedger(*m_ports.custody.ledger(), m_ports.clock.now());
        std::move(inside.begin(), inside.end(), std::back_inserter(found));
    } else if (m_condition == Condition::Failed) {
        found.push_back({bad, "database", m_trouble->message, m_trouble->hint});
    } else {
        found.push_back({secretary::Finding::Level::Warning, "database", "locked, so it was not examined",
                         "netpas unlock, then netpas doctor"});
    }
    return found;
}

void VaultService::withPassphrase(SecretText passphrase, Done then) {
    const auto file = m_ports.vault.beginTry();
    if (!file) return then(failed(file.error()));
    auto parcel = std::make_shared<Parcel<tl::expected<DataKey, VaultError>>>();
    parcel->secret = std::move(passphrase);
    m_ports.worker.run([parcel, file = *file] { parcel->result.emplace(file.unwrap(parcel->secret)); },
                       whileAlive([this, parcel, then = std::move(then)] {
                           const auto done = m_ports.vault.endTry(std::move(*parcel->result));
                           if (!done) return then(failed(done.error()));
                           then({});
                       }));
}

void VaultService::unlock(SecretText passphrase, Done done) {
    if (m_condition == Condition::Open) return done({});
    if (auto other = busy()) return done(tl::unexpected(*other));
    if (m_ports.vault.protection() == secretary::Protection::KeyFile) {
        const auto opened = m_ports.vault.unlockWithoutPassphrase();
        if (!opened) return done(failed(opened.error()));
        return done(openCustody());
    }
    withPassphrase(std::move(passphrase), [this, done = std::move(done)](const auto& proved) {
        if (!proved) return done(proved);
        done(m_condition == Condition::Open ? tl::expected<void, ApiFailure>{} : openCustody());
    });
}

void VaultService::lock(Done done) {
    if (busy()) {
        // Whoever locks is not sent away because of a backup: it is done as soon as that has ended.
        m_ports.timers.after(betweenSteps, whileAlive([this, done = std::move(done)] { lock(done); }));
        return;
    }
    const bool open = m_condition == Condition::Open;
    m_condition = Condition::Locked;  // nothing new from now on
    if (!open) {
        m_ports.vault.lock();
        return done({});
    }
    m_busy = true;
    m_ports.custody.close(ledger::EndReason::Locked, whileAlive([this, done = std::move(done)] {
                              m_busy = false;
                              m_ports.vault.lock();
                              done({});
                          }));
}

void VaultService::setPassphrase(SecretText present, SecretText fresh, Done done) {
    if (!secretary::Vault::isAllowed(fresh)) return done(failed(VaultError::BadPassphrase));
    if (m_ports.vault.locked()) return done(failed(VaultError::Locked));
    if (m_ports.vault.protection() == secretary::Protection::KeyFile) return protect(std::move(fresh), std::move(done));
    auto held = std::make_shared<SecretText>(std::move(fresh));
    withPassphrase(std::move(present), [this, held, done = std::move(done)](const auto& proved) {
        if (!proved) return done(proved);
        protect(std::move(*held), done);
    });
}

void VaultService::protect(SecretText fresh, Done done) {
    struct Wrapping : Parcel<tl::expected<secretary::VaultFile, VaultError>> {
        DataKey key;
    };
    auto parcel = std::make_shared<Wrapping>();
    parcel->secret = std::move(fresh);
    parcel->key = DataKey(m_ports.vault.key()->bytes());
    const auto cost = secretary::Argon2Cost::forThisMachine();
    m_ports.worker.run(
        [parcel, cost] { parcel->result.emplace(secretary::VaultFile::wrap(parcel->key, parcel->secret, cost)); },
        whileAlive([this, parcel, done = std::move(done)] {
            const auto& wrapped = *parcel->result;
            const auto kept = wrapped ? m_ports.vault.protectWith(*wrapped) : tl::unexpected(wrapped.error());
            if (!kept) return done(failed(kept.error()));
            done({});
        }));
}

void VaultService::removePassphrase(SecretText present, Done done) {
    if (m_ports.vault.locked()) return done(failed(VaultError::Locked));
    withPassphrase(std::move(present), [this, done = std::move(done)](const auto& proved) {
        if (!proved) return done(proved);
        const auto gone = m_ports.vault.unprotect();
        if (!gone) return done(failed(gone.error()));
        done({});
    });
}

void VaultService::recoveryWords(SecretText passphrase, Answer<SecretText> done) {
    if (m_condition != Condition::Open) return done(failed(VaultError::Locked));
    withPassphrase(std::move(passphrase), [this, done = std::move(done)](const auto& proved) {
        if (!proved) return done(tl::unexpected(proved.error()));
        if (m_condition != Condition::Open) return done(failed(VaultError::Locked));
        const auto seed = secretary::findSeed(m_ports.custody.ledger()->documents());
        if (!seed || !*seed) {
            const std::string why = seed ? "there is no identity yet" : std::string(describe(seed.error()));
            return done(tl::unexpected(ApiFailure{500, "LOCAL_FAILURE", why, "netpas doctor"}));
        }
        done(secretary::wordsFromSeed(**seed));
    });
}

void VaultService::restoreWords(const SecretText& words, bool force, Done done) {
    if (m_condition != Condition::Open) return done(failed(VaultError::Locked));
    if (auto other = busy()) return done(tl::unexpected(*other));
    const auto seed = secretary::seedFromWords(words.view());
    if (!seed) {
        return done(tl::unexpected(
            ApiFailure{400, "INVALID_ARGUMENT", seed.error().message, "look at the paper again, word by word"}));
    }
    store::Documents& documents = m_ports.custody.ledger()->documents();
    const auto present = secretary::findSeed(documents);
    if (present && *present && (*present)->bytes() == seed->bytes()) return done({});
    const auto unsettled = m_ports.custody.ledger()->unfinished();
    if (present && *present && !force) {
        return done(tl::unexpected(ApiFailure{
            409, "CONFLICT",
            "another identity is here, and its recovery words may not have been written down" +
                std::string(unsettled && !unsettled->empty() ? "; it has purchases that are not settled" : ""),
            "netpas recovery-words, then netpas restore --words --force"}));
    }
    if (auto kept = secretary::storeSeed(documents, *seed); !kept) {
        return done(
            tl::unexpected(ApiFailure{500, "LOCAL_FAILURE", std::string(describe(kept.error())), "netpas doctor"}));
    }
    // Everything that stands on the identity begins anew.
    m_busy = true;
    m_ports.custody.close(ledger::EndReason::AgentStopped, whileAlive([this, done = std::move(done)] {
                              m_busy = false;
                              done(openCustody());
                          }));
}

void VaultService::backup(SecretText passphrase, bool withIdentity, Answer<BackupManifest> done) {
    if (m_condition != Condition::Open) return done(failed(VaultError::Locked));
    if (auto other = busy()) return done(tl::unexpected(*other));
    if (!secretary::Vault::isAllowed(passphrase)) return done(failed(VaultError::BadPassphrase));
    m_backupSize.reset();
    auto snapshot = secretary::BackupSnapshot::begin(*m_ports.custody.ledger(), m_ports.folder, withIdentity);
    if (!snapshot) return done(failed(snapshot.error()));
    m_busy = true;
    stepBackup(std::make_shared<BackupJob>(BackupJob{std::move(*snapshot), std::move(passphrase), std::move(done)}));
}

void VaultService::stepBackup(std::shared_ptr<BackupJob> job) {
    const auto done = job->snapshot.step(pagesOfStep);
    if (!done) {
        m_busy = false;
        return job->done(failed(done.error()));
    }
    if (*done) return sealBackup(std::move(job));
    m_ports.timers.after(betweenSteps, whileAlive([this, job] { stepBackup(job); }));
}

void VaultService::sealBackup(std::shared_ptr<BackupJob> job) {
    auto parcel = std::make_shared<Parcel<secretary::BackupResult<BackupManifest>>>();
    const auto cost = secretary::Argon2Cost::forThisMachine();
    m_ports.worker.run(
        [parcel, job, cost, folder = m_ports.folder, now = m_ports.clock.now()] {
            parcel->result.emplace(secretary::sealBackup(job->snapshot, folder, job->passphrase, cost, now));
        },
        whileAlive([this, parcel, job] {
            m_busy = false;
            if (!*parcel->result) return job->done(failed(parcel->result->error()));
            std::error_code error;
            m_backupSize = std::filesystem::file_size(m_ports.folder.sealed(), error);
            m_ports.timers.cancel(m_forgetBackup);
            m_forgetBackup = m_ports.timers.after(keepBackup, whileAlive([this] {
                                                      m_forgetBackup = 0;
                                                      m_backupSize.reset();
                                                      ::unlink(m_ports.folder.sealed().c_str());
                                                  }));
            job->done(**parcel->result);
        }));
}

std::optional<uint64_t> VaultService::backupSize() const { return m_backupSize; }

tl::expected<Bytes, ApiFailure> VaultService::readBackup(uint64_t offset, size_t most) const {
    if (!m_backupSize || offset > *m_backupSize) {
        return tl::unexpected(ApiFailure{404, "NOT_FOUND", "there is no such part of a backup", "netpas backup FILE"});
    }
    std::ifstream in(m_ports.folder.sealed(), std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    Bytes part(static_cast<size_t>(std::min<uint64_t>(most, *m_backupSize - offset)));
    in.read(reinterpret_cast<char*>(part.data()), static_cast<std::streamsize>(part.size()));
    if (static_cast<size_t>(in.gcount()) != part.size()) return failed(VaultError::CannotRead);
    return part;
}

tl::expected<uint64_t, ApiFailure> VaultService::writeRestore(uint64_t offset, ByteView piece) {
    if (auto other = busy()) return tl::unexpected(*other);
    if (offset > longestBackup) return failed(VaultError::Malformed);
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (offset == 0 ? O_TRUNC : 0);
    const int fd = ::open(incoming().c_str(), flags, 0600);
    if (fd < 0) return failed(VaultError::CannotWrite);
    // What is written must begin where the file ends.
    const bool inPlace = ::lseek(fd, 0, SEEK_END) == static_cast<off_t>(offset);
    const bool good = inPlace && ::write(fd, piece.data(), piece.size()) == static_cast<ssize_t>(piece.size());
    ::close(fd);
    if (!inPlace) {
        return tl::unexpected(
            ApiFailure{409, "CONFLICT", "this part of the backup is not the next one", "netpas restore FILE"});
    }
    if (!good) {
        ::unlink(incoming().c_str());
        return failed(VaultError::CannotWrite);
    }
    return offset + piece.size();
}

void VaultService::restore(SecretText passphrase, bool force, Answer<RestorePlan> done) {
    if (m_ports.vault.locked()) return done(failed(VaultError::Locked));
    if (auto other = busy()) return done(tl::unexpected(*other));
    ledger::Ledger* const present = m_ports.custody.ledger();
    const bool empty = present != nullptr && secretary::isEmpty(*present);
    if (!empty && !force) {
        return done(
            tl::unexpected(ApiFailure{409, "CONFLICT", "the present history, rules and contacts would be replaced",
                                      "netpas backup FILE first, then netpas restore FILE --force"}));
    }
    // The worker reads and checks the backup; the control thread's ledger is only asked for the identity, before it.
    struct Restoring : Parcel<secretary::BackupResult<RestorePlan>> {
        DataKey key;
        std::optional<secretary::SeedSecret> identity;
    };
    auto parcel = std::make_shared<Restoring>();
    parcel->secret = std::move(passphrase);
    parcel->key = DataKey(m_ports.vault.key()->bytes());
    if (present != nullptr) {
        auto identity = secretary::findSeed(present->documents());
        if (!identity) {
            return done(tl::unexpected(
                ApiFailure{500, "LOCAL_FAILURE", std::string(describe(identity.error())), "netpas doctor"}));
        }
        parcel->identity = std::move(*identity);
    }
    m_busy = true;
    m_ports.worker.run(
        [parcel, folder = m_ports.folder, from = incoming()] {
            const secretary::SeedSecret* const identity = parcel->identity ? &*parcel->identity : nullptr;
            parcel->result.emplace(secretary::prepareRestore(from, folder, parcel->secret, parcel->key, identity));
        },
        whileAlive([this, parcel, done = std::move(done)]() mutable {
            ::unlink(incoming().c_str());
            if (!*parcel->result) {
                m_busy = false;
                return done(failed(parcel->result->error()));
            }
            commitRestore(**parcel->result, std::move(done));
        }));
}

void VaultService::commitRestore(const RestorePlan& plan, Answer<RestorePlan> done) {
    auto exchange = whileAlive([this, plan, done = std::move(done)] {
        m_busy = false;
        const auto committed = secretary::commitRestore(m_ports.folder);
        const auto opened = openCustody();
        if (!committed) return done(failed(committed.error()));
        if (!opened) return done(tl::unexpected(opened.error()));
        done(plan);
    });
    if (m_condition != Condition::Open) return exchange();
    m_condition = Condition::Locked;
    m_ports.custody.close(ledger::EndReason::AgentStopped, std::move(exchange));
}

}  // namespace netpas::secretaryd
