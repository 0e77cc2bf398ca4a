#include "secretary/vault/state_folder.h"

#include <unistd.h>

#include <cerrno>

#include "secretary/vault/private_file.h"

namespace netpas::secretary {

namespace {

namespace fs = std::filesystem;

bool isThere(const fs::path& file) {
    std::error_code error;
    return fs::exists(fs::symlink_status(file, error));
}

fs::path with(fs::path file, const char* suffix) {
    file += suffix;
    return file;
}

bool removeWithLog(const fs::path& database) {
    bool good = true;
    for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
        good = (::unlink(with(database, suffix).c_str()) == 0 || errno == ENOENT) && good;
    }
    return good;
}

bool move(const fs::path& from, const fs::path& to) { return ::rename(from.c_str(), to.c_str()) == 0; }

// Each step may have been done already.
bool finishRestore(const StateFolder& folder) {
    if (isThere(folder.restored())) {
        if (isThere(folder.database())) {
            if (!removeWithLog(folder.replaced())) return false;
            // The log goes with its database: left behind, it would be written into the new one.
            for (const char* suffix : {"-wal", "-shm"}) {
                const fs::path log = with(folder.database(), suffix);
                if (isThere(log) && !move(log, with(folder.replaced(), suffix))) return false;
            }
            if (!move(folder.database(), folder.replaced())) return false;
        }
        if (!syncFolderOf(folder.database()) || !move(folder.restored(), folder.database())) return false;
    }
    if (!syncFolderOf(folder.database())) return false;
    return ::unlink(folder.restoreMark().c_str()) == 0 && syncFolderOf(folder.database());
}

}  // namespace

tl::expected<void, VaultError> tidy(const StateFolder& folder) {
    bool good = removeWithLog(folder.snapshot()) && removeWithLog(folder.sealed()) && removeWithLog(folder.incoming());
    if (good && isThere(folder.restoreMark())) {
        good = finishRestore(folder);
    } else if (good) {
        good = removeWithLog(folder.restored());
    }
    if (!good) return tl::unexpected(VaultError::CannotWrite);
    return {};
}

bool databaseIsLost(const StateFolder& folder) {
    if (!isThere(folder.begun())) return false;
    std::error_code error;
    const auto size = fs::file_size(folder.database(), error);
    return error == std::errc::no_such_file_or_directory || (!error && size == 0);
}

void markBegun(const StateFolder& folder) {
    if (!isThere(folder.begun())) (void)writePrivateFile(folder.begun(), {});
}

tl::expected<void, VaultError> adoptFirstRelease(const fs::path& stateDir, const StateFolder& folder) {
    const fs::path database = folder.database();
    // The database comes last but for the keys: until it has moved, the old place is the one that counts.
    const std::pair<fs::path, fs::path> moves[] = {{stateDir / "ledger.db-wal", with(database, "-wal")},
                                                   {stateDir / "ledger.db-shm", with(database, "-shm")},
                                                   {stateDir / "ledger.key", folder.vault().keyFile},
                                                   {stateDir / "identity.key", folder.oldIdentity()},
                                                   {stateDir / "ledger.db", database}};
    if (!isThere(stateDir / "ledger.db") || isThere(database)) return {};
    for (const auto& [from, to] : moves) {
        if (isThere(from) && !move(from, to)) return tl::unexpected(VaultError::CannotWrite);
    }
    if (!syncFolderOf(database) || !syncFolderOf(stateDir / "ledger.db")) {
        return tl::unexpected(VaultError::CannotWrite);
    }
    return {};
}

}  // namespace netpas::secretary
