// SQLite's dialect as the books use it, for PostgreSQL. Pure functions on text that we wrote ourselves.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace netpas::store::dialect {

// Types and keys of CREATE TABLE.
[[nodiscard]] std::string schema(std::string_view sql);

// "?" and "?3" become "$n"; INSERT OR REPLACE and OR IGNORE become ON CONFLICT. `primaryKey` answers a table's columns.
using PrimaryKeyOf = std::function<std::vector<std::string>(const std::string& table)>;
[[nodiscard]] std::string query(std::string_view sql, const PrimaryKeyOf& primaryKey);

// Text that the server takes: what is no UTF-8, and NUL, becomes a question mark.
[[nodiscard]] std::string text(std::string_view bytes);

}  // namespace netpas::store::dialect
