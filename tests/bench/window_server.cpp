#include "tests/bench/window_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace netpas::bench {

using nlohmann::json;

namespace {

constexpr const char* apps[] = {"/usr/bin/mpv", "/usr/bin/vlc", "/usr/bin/firefox", "/usr/lib/jitsi/jitsi", ""};
constexpr const char* purposes[] = {"video", "video-call", "game", "music", "article", "comic", "backup"};
constexpr const char* sites[] = {"films.example", "arena.example",   "radio.example",
                                 "news.example",  "grandma.example", "comics.example"};

constexpr const char* standing =
    R"({"role":"admin","ledger":"ok","isp":{"name":"Z","connected":true},"spent_today":"0.0125"})";

template <size_t N>
const char* pick(const char* const (&list)[N], size_t number) {
    return list[number % N];
}

std::string rulesOf(size_t count) {
    json rules = json::array();
    for (size_t i = 1; i <= count; ++i) {
        const std::string sentence = std::string("up to ") + std::to_string(i % 90 + 1) + "¢ a minute for " +
                                     pick(purposes, i * 7) + " in " + pick(apps, i * 3) + " from site" +
                                     std::to_string(i) + '.' + pick(sites, i);
        rules.push_back({{"id", std::to_string(i)},
                         {"sentence", sentence},
                         {"state", "active"},
                         {"hits", i % 50},
                         {"spent", "0.000125"},
                         {"last_used", nullptr},
                         {"enabled", true}});
    }
    return json{{"rules", std::move(rules)}}.dump();
}

size_t numberIn(const std::string& target, const std::string& name, size_t otherwise) {
    const size_t at = target.find(name + '=');
    return at == std::string::npos ? otherwise : std::strtoull(target.c_str() + at + name.size() + 1, nullptr, 10);
}

}  // namespace

WindowServer::WindowServer(std::string socket, size_t payments, size_t rules)
    : m_socket(std::move(socket)), m_payments(payments), m_rules(rulesOf(rules)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, m_socket.c_str(), sizeof address.sun_path - 1);
    m_listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)::bind(m_listener, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    (void)::listen(m_listener, 64);
    m_thread = std::thread([this] { run(); });
}

WindowServer::~WindowServer() {
    m_over = true;
    m_thread.join();
    ::close(m_listener);
    ::unlink(m_socket.c_str());
}

void WindowServer::run() {
    while (!m_over) {
        pollfd ready{m_listener, POLLIN, 0};
        constexpr int lookAround = 200;
        if (::poll(&ready, 1, lookAround) <= 0) continue;
        const int connection = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection >= 0) serve(connection);
    }
}

void WindowServer::serve(int connection) const {
    std::string request;
    char part[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t length = ::read(connection, part, sizeof part);
        if (length <= 0) break;
        request.append(part, static_cast<size_t>(length));
    }
    const size_t space = request.find(' ');
    const std::string target = request.substr(space + 1, request.find(' ', space + 1) - space - 1);
    // What changes is told when it does, which is never after the first look: such connections stay open until the window ends.
    const bool stays = target.find("watch") != std::string::npos;
    if (stays && target.starts_with("/v1/pending")) return;
    const std::string body = answer(target);
    std::string reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body;
    if (stays) {
        char size[32];
        std::snprintf(size, sizeof size, "%zx", body.size());
        reply = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n" +
                std::string(size) + "\r\n" + body + "\r\n";
    }
    for (size_t sent = 0; sent < reply.size();) {
        const ssize_t length = ::send(connection, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
        if (length <= 0) break;
        sent += static_cast<size_t>(length);
    }
    if (!stays) ::close(connection);
}

std::string WindowServer::answer(const std::string& target) const {
    if (target.starts_with("/v1/status")) return standing;
    if (target.starts_with("/v1/watch"))
        return std::string(R"({"event":"snapshot","trouble":null,"purchases":[],"status":)") + standing + "}\n";
    if (target.starts_with("/v1/history"))
        return history(numberIn(target, "before", m_payments + 1), numberIn(target, "limit", 100));
    if (target.starts_with("/v1/rules")) return m_rules;
    if (target.starts_with("/v1/purchases")) return R"({"purchases":[]})";
    if (target.starts_with("/v1/pending"))
        return R"({"revision":1,"mode":"ask","visible":null,"pending":[],"closed":[]})";
    return "{}";
}

// Newest first, as the ledger has it.
std::string WindowServer::history(size_t before, size_t limit) const {
    json entries = json::array();
    for (size_t id = before - 1; id > 0 && entries.size() < limit; --id) {
        const std::string app = pick(apps, id * 13);
        entries.push_back({{"id", std::to_string(id)},
                           {"requested_at",
                            "2026-0" + std::to_string(id % 9 + 1) + "-1" + std::to_string(id % 10) + "T12:00:00.000Z"},
                           {"app", app},
                           {"purpose", pick(purposes, id * 5)},
                           {"domain", pick(sites, id * 11)},
                           {"state", "settled"},
                           {"reason", "stopped"},
                           {"why", "a rule: up to 1¢ a minute"},
                           {"label", nullptr},
                           {"charged", "0.000" + std::to_string(1000 + id % 9000) + "125"}});
    }
    return json{{"entries", std::move(entries)}}.dump();
}

}  // namespace netpas::bench
