// A real PostgreSQL server for tests: made in a temporary folder, reached over a Unix socket only, gone with the test.
#pragma once

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <QTemporaryDir>

#include "core/store/postgres/postgres.h"

namespace netpas::test {

class PostgresServer {
public:
    // Nothing, with the reason, when none is installed or it does not start.
    static std::unique_ptr<PostgresServer> start(std::string& reason) {
        std::unique_ptr<PostgresServer> server(new PostgresServer);
        reason = server->make();
        return reason.empty() ? std::move(server) : nullptr;
    }
    ~PostgresServer() { stop(SIGINT); }
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    // A database of its own for each name; libpq's connection string.
    std::string database(const std::string& name) {
        if (std::find(m_databases.begin(), m_databases.end(), name) == m_databases.end()) {
            if (run({m_programs / "createdb", "-h", m_folder, "-U", "netpas", name}) != 0) qFatal("createdb fails");
            m_databases.push_back(name);
        }
        return connectionTo(name);
    }
    [[nodiscard]] std::string connectionTo(const std::string& name) const {
        return "postgresql:///" + name + "?host=" + m_folder + "&user=netpas";
    }

    // SIGQUIT: at once, as a crash; SIGINT: at once, in order.
    void stop(int signal) {
        if (m_server <= 0) return;
        ::kill(m_server, signal);
        ::waitpid(m_server, nullptr, 0);
        m_server = -1;
    }
    std::string launch() {
        m_server = spawn({m_programs / "postgres", "-D", m_folder + "/data", "-k", m_folder, "-c",
                          "listen_addresses=", "-c", "max_connections=40", "-c", "shared_buffers=16MB"});
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (std::chrono::steady_clock::now() < end) {
            if (run({m_programs / "pg_isready", "-q", "-h", m_folder, "-U", "netpas", "-d", "postgres"}) == 0)
                return {};
            if (::waitpid(m_server, nullptr, WNOHANG) != 0) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return "the PostgreSQL server does not start: " + log();
    }
    [[nodiscard]] const std::string& folder() const { return m_folder; }
    // psql for whatever a test does behind the program's back.
    int sql(const std::string& name, const std::string& text) {
        return run({m_programs / "psql", "-q", "-h", m_folder, "-U", "netpas", "-d", name, "-c", text});
    }

private:
    PostgresServer() = default;

    std::string make() {
        for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", m_ignored)) {
            if (std::filesystem::exists(entry.path() / "bin/initdb")) m_programs = entry.path() / "bin";
        }
        if (m_programs.empty()) return "PostgreSQL's server programs are not installed (Debian: postgresql)";
        m_folder = m_temporary.path().toStdString();
        // Its server refuses to run as root.
        if (::geteuid() == 0) {
            const passwd* user = ::getpwnam("postgres");
            if (user == nullptr) user = ::getpwnam("nobody");
            if (user == nullptr) return "there is no unprivileged user";
            m_user = user->pw_uid;
            m_group = user->pw_gid;
            if (::chown(m_folder.c_str(), m_user, m_group) != 0) return "the temporary folder cannot be given away";
        }
        if (run({m_programs / "initdb", "-N", "-A", "trust", "-E", "UTF8", "--locale=C", "-U", "netpas", "-D",
                 m_folder + "/data"}) != 0)
            return "initdb fails: " + log();
        return launch();
    }

    [[nodiscard]] std::string log() const {
        std::ifstream file(m_folder + "/log");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    pid_t spawn(const std::vector<std::string>& words) {
        const std::string out = m_folder + "/log";
        const pid_t child = ::fork();
        if (child != 0) return child;
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (m_user != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(m_group) != 0 || ::setuid(m_user) != 0))
            ::_exit(126);
        // The uid has changed: that resets it.
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (std::freopen(out.c_str(), "a", stdout) == nullptr || std::freopen(out.c_str(), "a", stderr) == nullptr)
            ::_exit(126);
        if (::chdir(m_folder.c_str()) != 0) ::_exit(126);
        std::vector<char*> arguments;
        for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        ::execv(arguments.front(), arguments.data());
        ::_exit(127);
    }
    int run(const std::vector<std::string>& words) {
        int status = 0;
        const pid_t child = spawn(words);
        if (child < 0 || ::waitpid(child, &status, 0) != child) return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    QTemporaryDir m_temporary;
    std::string m_folder;
    std::filesystem::path m_programs;
    std::error_code m_ignored;
    std::vector<std::string> m_databases;
    uid_t m_user = 0;
    gid_t m_group = 0;
    pid_t m_server = -1;
};

}  // namespace netpas::test
