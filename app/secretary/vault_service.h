// Lock and unlock, passphrase, recovery words, backup and restore, as the API offers them. Control thread; keys are derived
// and files sealed on the worker's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/common/timers.h"
#include "app/secretary/custody.h"
#include "core/net/http.h"
#include "secretary/vault/backup.h"
#include "secretary/vault/doctor.h"
#include "secretary/vault/vault.h"

namespace netpas::secretaryd {

enum class Condition : uint8_t { Open, Locked, Failed };
[[nodiscard]] std::string_view nameOf(Condition condition);

class VaultService {
public:
    struct Ports {
        secretary::StateFolder folder;
        secretary::Vault& vault;
        Custody& custody;
        Worker& worker;
        app::Timers& timers;
        const Clock& clock;
    };
    template <typename T>
    using Answer = std::function<void(tl::expected<T, ApiFailure>)>;
    using Done = Answer<void>;

    explicit VaultService(Ports ports);
    ~VaultService();
    VaultService(const VaultService&) = delete;
    VaultService& operator=(const VaultService&) = delete;

    // Opens what needs no passphrase.
    void start();
    [[nodiscard]] Condition condition() const { return m_condition; }
    [[nodiscard]] secretary::Protection protection() const { return m_ports.vault.protection(); }
    [[nodiscard]] std::optional<secretary::Argon2Cost> cost() const { return m_ports.vault.cost(); }
    // Why it failed to open; with remedy.
    [[nodiscard]] const std::optional<ApiFailure>& trouble() const { return m_trouble; }
    // For the router: what every request is answered while it is not open.
    [[nodiscard]] std::optional<net::HttpResponse> refusalNow() const;
    [[nodiscard]] std::vector<secretary::Finding> examine() const;

    void unlock(secretary::SecretText passphrase, Done done);
    // Revokes the session keys first.
    void lock(Done done);
    // `present` is not looked at where there is no passphrase yet.
    void setPassphrase(secretary::SecretText present, secretary::SecretText fresh, Done done);
    // Back to a key file, for a box that starts unattended.
    void removePassphrase(secretary::SecretText present, Done done);
    void recoveryWords(secretary::SecretText passphrase, Answer<secretary::SecretText> done);
    // Becomes the identity of these words; another one that is there is replaced only with `force`.
    void restoreWords(const secretary::SecretText& words, bool force, Done done);

    // Makes a sealed backup, which stays until the next one or an hour.
    void backup(secretary::SecretText passphrase, bool withIdentity, Answer<secretary::BackupManifest> done);
    [[nodiscard]] std::optional<uint64_t> backupSize() const;
    [[nodiscard]] tl::expected<Bytes, ApiFailure> readBackup(uint64_t offset, size_t most) const;

    // A backup comes in piece by piece, each where the one before ended; offset 0 begins anew.
    [[nodiscard]] tl::expected<uint64_t, ApiFailure> writeRestore(uint64_t offset, ByteView piece);
    // Checks it and puts it in the place of the present database. Without `force` only of one that holds nothing.
    void restore(secretary::SecretText passphrase, bool force, Answer<secretary::RestorePlan> done);

private:
    struct BackupJob;

    // Checks the passphrase on the worker, then calls on.
    void withPassphrase(secretary::SecretText passphrase, Done then);
    void protect(secretary::SecretText fresh, Done done);
    tl::expected<void, ApiFailure> openCustody();
    void stepBackup(std::shared_ptr<BackupJob> job);
    void sealBackup(std::shared_ptr<BackupJob> job);
    void commitRestore(const secretary::RestorePlan& plan, Answer<secretary::RestorePlan> done);
    [[nodiscard]] std::optional<ApiFailure> busy() const;
    [[nodiscard]] std::filesystem::path incoming() const { return m_ports.folder.incoming(); }
    template <typename Function>
    auto whileAlive(Function function);

    Ports m_ports;
    Condition m_condition = Condition::Locked;
    std::optional<ApiFailure> m_trouble;
    bool m_busy = false;  // with one of the long operations
    std::optional<uint64_t> m_backupSize;
    app::Timers::Id m_forgetBackup = 0;
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
