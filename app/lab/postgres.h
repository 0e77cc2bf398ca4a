// A real PostgreSQL server for scenarios: made in the lab's folder, reached over a Unix socket only, gone with the lab.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/lab/lab.h"

namespace netpas::lab {

class PostgresServer {
public:
    // An error says what is missing when none is installed.
    static Expected<std::unique_ptr<PostgresServer>> start(Lab& lab, const std::string& node);
    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    // Makes it; libpq's connection string.
    Expected<std::string> createDatabase(const std::string& name);
    // What psql prints for it: rows as lines, columns by '|'.
    Expected<std::string> query(const std::string& database, const std::string& sql);

private:
    PostgresServer(Lab& lab, std::string programs);
    // Runs it as the user that the server belongs to: it refuses to run as root.
    [[nodiscard]] std::vector<std::string> asUser(std::vector<std::string> words) const;

    Lab& m_lab;
    std::string m_programs;
    std::string m_folder;
    std::string m_user;
};

}  // namespace netpas::lab
