#include "secretary/vault/doctor.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "core/store/database.h"
#include "secretary/vault/private_file.h"

namespace netpas::secretary {

namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

constexpr uint64_t mebibyte = uint64_t{1} << 20;

std::optional<struct stat> statusOf(const fs::path& file) {
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) return std::nullopt;
    return status;
}

// Nothing when all is well.
std::optional<Finding> privacyOf(const fs::path& path, const struct stat& status, mode_t forbidden) {
    if (S_ISLNK(status.st_mode)) {
        return Finding{Level::Bad, "permissions", path.string() + " is a link", "replace it by the file itself"};
    }
    if ((status.st_mode & forbidden) != 0) {
        const char* const mode = S_ISDIR(status.st_mode) ? "700 " : "600 ";
        return Finding{Level::Bad, "permissions", "others may enter or read " + path.string(),
                       std::string("chmod ") + mode + path.string()};
    }
    return std::nullopt;
}

void examineFiles(const StateFolder& folder, std::vector<Finding>& found) {
    const VaultFiles files = folder.vault();
    const size_t before = found.size();
    const auto root = statusOf(folder.root);
    for (const fs::path& path : {folder.root, folder.database(), files.keyFile, files.vault}) {
        const auto status = statusOf(path);
        if (!status) continue;
        if (auto problem = privacyOf(path, *status, 077)) found.push_back(std::move(*problem));
        if (status->st_uid != root->st_uid) {
            found.push_back({Level::Bad, "permissions", path.string() + " belongs to another user than its folder",
                             "chown --reference=" + folder.root.string() + " " + path.string()});
        }
    }
    if (found.size() == before) found.push_back({Level::Good, "permissions", "only their owner reads the files", {}});
}

void examineVault(const StateFolder& folder, std::vector<Finding>& found) {
    const VaultFiles files = folder.vault();
    const bool hasVault = statusOf(files.vault).has_value(), hasKey = statusOf(files.keyFile).has_value();
    if (hasVault) {
        const auto bytes = readPrivateFile(files.vault, VaultFile::encodedSize);
        const auto file = bytes ? VaultFile::decode(*bytes) : tl::unexpected(bytes.error());
        if (!file) {
            found.push_back({Level::Bad, "vault", files.vault.string() + ": " + std::string(describe(file.error())),
                             "move " + files.vault.string() + " and " + folder.database().string() +
                                 " away, restart netpasd, then netpas restore FILE"});
        } else {
            found.push_back({Level::Good,
                             "vault",
                             "the database is protected by a passphrase (Argon2id, " +
                                 std::to_string(file->cost.memoryKib / 1024) + " MiB, " +
                                 std::to_string(file->cost.passes) + " passes)",
                             {}});
        }
        if (hasKey) {
            found.push_back({Level::Warning, "vault", "a bare key lies beside the passphrase's file, left by a crash",
                             "netpas lock, then netpas unlock: that removes it"});
        }
    } else if (hasKey) {
        found.push_back(
            {Level::Good, "vault", "the database opens by itself: its key lies in " + files.keyFile.string(), {}});
    } else if (statusOf(folder.database())) {
        found.push_back({Level::Bad, "vault", std::string(describe(VaultError::NoKey)),
                         "bring back " + files.keyFile.string() + " or " + files.vault.string() + "; or move " +
                             folder.database().string() + " away, restart netpasd, then netpas restore FILE"});
    } else {
        found.push_back({Level::Good, "vault", "nothing is here yet: the first start makes a key", {}});
    }
}

void examineSpace(const StateFolder& folder, std::vector<Finding>& found) {
    struct statvfs space {};
    if (::statvfs(folder.root.c_str(), &space) != 0) return;
    const uint64_t free = uint64_t{space.f_bavail} * space.f_frsize;
    const std::string message = std::to_string(free / mebibyte) + " MiB free for " + folder.root.string();
    if (free < 8 * mebibyte) {
        found.push_back({Level::Bad, "disk", message, "free some: nothing is bought that cannot be written down"});
    } else if (free < 64 * mebibyte) {
        found.push_back({Level::Warning, "disk", message, "free some soon"});
    } else {
        found.push_back({Level::Good, "disk", message, {}});
    }
    if (space.f_favail == 0 && space.f_files > 0) {
        found.push_back({Level::Bad, "disk", "no file can be made any more in " + folder.root.string(),
                         "remove files that nobody needs"});
    }
}

void examineLeftovers(const StateFolder& folder, std::vector<Finding>& found) {
    if (statusOf(folder.restoreMark())) {
        found.push_back({Level::Warning, "restore", "a restore was interrupted",
                         "restart netpasd: its start finishes the restore"});
    }
    if (statusOf(folder.oldIdentity()) && statusOf(folder.database())) {
        found.push_back(
            {Level::Warning, "identity", folder.oldIdentity().string() + " is not in the database",
             "restart netpasd, which moves it there; if it stays, it is another identity: keep or remove it"});
    }
    const auto replaced = statusOf(folder.replaced());
    if (replaced) {
        found.push_back({Level::Good,
                         "restore",
                         folder.replaced().string() + " is what the last restore replaced; remove it when all is well",
                         {}});
    }
}

// To the second.
std::string readable(SystemTime time) { return timeText(time).substr(0, 19) + "Z"; }

void examineClock(const ledger::Ledger& ledger, SystemTime now, std::vector<Finding>& found) {
    const auto last = ledger.lastEntry();
    constexpr SystemTime release{std::chrono::hours{24} * 365 * 54};  // no clock of a running program was earlier
    constexpr std::chrono::minutes tolerance{2};
    if (now < release) {
        found.push_back(
            {Level::Bad, "clock", "the clock says " + readable(now), "set the clock, or start an NTP client"});
    } else if (last && *last && now + tolerance < **last) {
        found.push_back({Level::Bad, "clock",
                         "the clock says " + readable(now) + ", but the newest entry is of " + readable(**last) +
                             ": the clock was set back",
                         "set the clock, or start an NTP client; until then budgets count those entries as today's"});
    } else {
        found.push_back({Level::Good, "clock", "the clock says " + readable(now), {}});
    }
}

void examineUnsettled(const ledger::Ledger& ledger, SystemTime now, std::vector<Finding>& found) {
    const auto open = ledger.unfinished();
    if (!open) return;
    const auto old = std::count_if(open->begin(), open->end(), [&](const ledger::Purchase& purchase) {
        return purchase.state >= ledger::PurchaseState::Stopping && purchase.changedAt + std::chrono::hours{24} < now;
    });
    if (old > 0) {
        found.push_back({Level::Warning, "settlement",
                         std::to_string(old) + " purchases have waited for the ISP's final statement for over a day",
                         "see netpas purchases; ask the ISP whether its accounting server is up"});
    }
}

}  // namespace

std::vector<Finding> examineFolder(const StateFolder& folder) {
    std::vector<Finding> found;
    const auto root = statusOf(folder.root);
    if (!root || !S_ISDIR(root->st_mode) || ::access(folder.root.c_str(), R_OK | X_OK) != 0) {
        found.push_back({Level::Bad, "folder", folder.root.string() + " is not there, or not yours to enter",
                         "start netpasd once, or run this as root"});
        return found;
    }
    examineFiles(folder, found);
    examineVault(folder, found);
    examineSpace(folder, found);
    examineLeftovers(folder, found);
    return found;
}

std::vector<Finding> examineLedger(const ledger::Ledger& ledger, SystemTime now) {
    std::vector<Finding> found;
    const char* const restore = "netpas restore FILE --force, with your newest backup; nothing is spent until then";
    const auto integrity = ledger.integrityCheck();
    if (!integrity) {
        const bool unread = integrity.error() == ledger::LedgerError::Storage;
        const std::string_view why = unread ? "a page of it cannot be read" : ledger::describe(integrity.error());
        found.push_back({Level::Bad, "database", std::string(why), restore});
        return found;
    }
    for (const std::string& problem : *integrity) found.push_back({Level::Bad, "database", problem, restore});
    if (integrity->empty()) found.push_back({Level::Good, "database", "every page is authentic and in order", {}});
    const auto discrepancies = ledger.check();
    if (!discrepancies) {
        found.push_back({Level::Bad, "book", std::string(ledger::describe(discrepancies.error())), restore});
    } else {
        for (const auto& problem : *discrepancies) found.push_back({Level::Bad, "book", problem.what, restore});
        if (discrepancies->empty()) found.push_back({Level::Good, "book", "every sum is that of its entries", {}});
    }
    examineClock(ledger, now, found);
    examineUnsettled(ledger, now, found);
    return found;
}

Finding describeUnopened(ledger::LedgerError error) {
    const std::string message(ledger::describe(error));
    switch (error) {
    case ledger::LedgerError::InUse:
        return {Level::Good, "database", "in use by a running secretary, which examines it itself", {}};
    case ledger::LedgerError::NewerSchema: return {Level::Bad, "database", message, "install the newer version again"};
    case ledger::LedgerError::CannotOpen:
        return {Level::Bad, "database", message + ", or that the file is not damaged",
                "netpas restore FILE --force, with your newest backup; nothing is spent until then"};
    case ledger::LedgerError::Damaged:
    case ledger::LedgerError::KeyUsed:
    case ledger::LedgerError::UnknownPurchase:
    case ledger::LedgerError::UnknownKey:
    case ledger::LedgerError::KeyOpen:
    case ledger::LedgerError::WrongState:
    case ledger::LedgerError::IdempotencyConflict:
    case ledger::LedgerError::AmountTooHigh:
    case ledger::LedgerError::Overflow:
        return {Level::Bad, "database", message,
                "netpas restore FILE --force, with your newest backup; nothing is spent until then"};
    case ledger::LedgerError::Storage:
        return {Level::Bad, "database", message, "free some disk space, then restart netpasd"};
    }
    return {Level::Bad, "database", message, {}};
}

Level worst(const std::vector<Finding>& findings) {
    Level level = Level::Good;
    for (const Finding& finding : findings) level = std::max(level, finding.level);
    return level;
}

std::string_view nameOf(Level level) {
    switch (level) {
    case Level::Good: return "good";
    case Level::Warning: return "warning";
    case Level::Bad: return "bad";
    }
    return "unknown";
}

}  // namespace netpas::secretary
