#include "core/store/snapshot.h"

#include <sqlite3.h>

namespace netpas::store {

tl::expected<Snapshot, StoreError> Snapshot::begin(Database& source, const std::filesystem::path& file,
                                                   const DatabaseKey& key) {
    std::error_code error;
    if (std::filesystem::exists(file, error)) return tl::unexpected(StoreError::Constraint);
    DatabaseOptions options;
    options.path = file;
    options.key = key;
    auto copy = Database::open(options);
    wipeKey(options.key);
    if (!copy) return tl::unexpected(copy.error());
    // No log: an unfinished copy is worthless, and without one its pages reach the file as they come, not all at the end.
    if (auto set = copy->execute("PRAGMA journal_mode = OFF;"); !set) return tl::unexpected(set.error());
    sqlite3_backup* const backup = sqlite3_backup_init(copy->m_handle, "main", source.m_handle, "main");
    if (backup == nullptr) return tl::unexpected(StoreError::Failed);
    return Snapshot(std::move(*copy), backup);
}

Snapshot::Snapshot(Snapshot&& other) noexcept
    : m_copy(std::move(other.m_copy)), m_backup(std::exchange(other.m_backup, nullptr)) {}

Snapshot::~Snapshot() {
    if (m_backup != nullptr) sqlite3_backup_finish(m_backup);
}

tl::expected<bool, StoreError> Snapshot::step(int pages) {
    if (m_backup == nullptr) return true;
    const int code = sqlite3_backup_step(m_backup, pages);
    if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) return false;
    const int finished = sqlite3_backup_finish(std::exchange(m_backup, nullptr));
    if (code != SQLITE_DONE || finished != SQLITE_OK)
        return tl::unexpected(errorOf(code == SQLITE_DONE ? finished : code));
    return true;
}

tl::expected<void, StoreError> Snapshot::finish() {
    for (;;) {
        constexpr int pagesAtOnce = 1024;
        auto done = step(pagesAtOnce);
        if (!done) return tl::unexpected(done.error());
        if (*done) return {};
    }
}

}  // namespace netpas::store
