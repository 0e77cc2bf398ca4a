// A consistent copy of an open database, made a few pages at a time while its owner goes on writing.
#pragma once

#include <filesystem>
#include <utility>

#include <tl/expected.hpp>

#include "core/store/database.h"

struct sqlite3_backup;

namespace netpas::store {

class Snapshot {
public:
    // `file` must not be there; the copy is encrypted with `key`. `source` outlives this.
    [[nodiscard]] static tl::expected<Snapshot, StoreError> begin(Database& source, const std::filesystem::path& file,
                                                                  const DatabaseKey& key);
    Snapshot(Snapshot&& other) noexcept;
    Snapshot& operator=(Snapshot&&) = delete;
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    ~Snapshot();

    // True when the copy is whole and durable: it is the database as of this call. What is left unfinished is worthless.
    [[nodiscard]] tl::expected<bool, StoreError> step(int pages);
    // In one go.
    [[nodiscard]] tl::expected<void, StoreError> finish();

private:
    Snapshot(Database copy, sqlite3_backup* backup) : m_copy(std::move(copy)), m_backup(backup) {}

    Database m_copy;
    sqlite3_backup* m_backup;
};

}  // namespace netpas::store
