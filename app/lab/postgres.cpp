#include "app/lab/postgres.h"

#include <pwd.h>

#include <csignal>
#include <filesystem>

#include "app/lab/command.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

constexpr const char* program = "postgres";

// Debian keeps the programs of each version in a folder of its own.
std::string serverPrograms() {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
        if (fs::exists(entry.path() / "bin/initdb")) return entry.path() / "bin";
    }
    return {};
}

}  // namespace

PostgresServer::PostgresServer(Lab& lab, std::string programs)
    : m_lab(lab), m_programs(std::move(programs)), m_folder(lab.folder() + "/postgres") {
    m_user = ::getpwnam("postgres") != nullptr ? "postgres" : "nobody";
}

PostgresServer::~PostgresServer() {
    // At once, but in order: clients are hung up on.
    if (Process* running = m_lab.program(program)) {
        running->signal(SIGINT);
        (void)running->wait(std::chrono::seconds(10));
    }
    m_lab.stopProgram(program);
}

std::vector<std::string> PostgresServer::asUser(std::vector<std::string> words) const {
    std::vector<std::string> all{"setpriv", "--reuid=" + m_user, "--clear-groups", "--"};
    words.front() = m_programs + "/" + words.front();
    all.insert(all.end(), words.begin(), words.end());
    return all;
}

Expected<std::unique_ptr<PostgresServer>> PostgresServer::start(Lab& lab, const std::string& node) {
    const std::string programs = serverPrograms();
    if (programs.empty())
        return fail(LabErrc::System, "PostgreSQL's server programs are not installed (Debian: postgresql)");
    std::unique_ptr<PostgresServer> server(new PostgresServer(lab, programs));
    const std::string& folder = server->m_folder;
    LAB_TRY(requireCommand({"install", "-d", "-m", "0700", "-o", server->m_user, folder}));
    LAB_TRY(requireCommand(server->asUser(
        {"initdb", "-N", "-A", "trust", "-E", "UTF8", "--locale=C", "-U", "netpas", "-D", folder + "/data"})));
    LAB_TRY(lab.startProgram(program, node,
                             server->asUser({"postgres", "-D", folder + "/data", "-k", folder, "-c",
                                             "listen_addresses=", "-c", "shared_buffers=16MB"})));
    LAB_TRY(waitUntil("the PostgreSQL server", std::chrono::seconds(30), [&] {
        const auto ready =
            runCommand(server->asUser({"pg_isready", "-q", "-h", folder, "-U", "netpas", "-d", "postgres"}));
        return ready && ready->status == 0;
    }));
    return server;
}

Expected<std::string> PostgresServer::createDatabase(const std::string& name) {
    const auto made = requireCommand(asUser({"createdb", "-h", m_folder, "-U", "netpas", name}));
    if (!made) return tl::unexpected(made.error());
    return "postgresql:///" + name + "?host=" + m_folder + "&user=netpas";
}

Expected<std::string> PostgresServer::query(const std::string& database, const std::string& sql) {
    return requireCommand(
        asUser({"psql", "-q", "-A", "-t", "-h", m_folder, "-U", "netpas", "-d", database, "-c", sql}));
}

}  // namespace netpas::lab
