// A process that abuses the local API on many connections at once, in one of the ways of api_abuse_kinds.h, until it is told to end.
// Reports what it sent and what it was told.
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "app/lab/tools/api_abuse_kinds.h"
#include "app/lab/tools/other_user.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr std::string_view statusMark = "HTTP/1.1 ";
constexpr size_t statusLength = 3;
constexpr int opensInARow = 512;

struct Connection {
    int fd = -1;
    std::string text;  // of this exchange
    size_t sent = 0;   // … of it
    size_t slowSent = 0;
    uint64_t fillerSent = 0;
    uint64_t answered = 0;  // of this exchange
    Steady::time_point nextByte;
    std::string tail;  // what may be the beginning of a status line
};

class Abuser {
public:
    Abuser(const ToolArguments& arguments, ApiAbuse abuse)
        : m_abuse(std::move(abuse)),
          m_path(arguments.text("socket")),
          m_port(static_cast<uint16_t>(arguments.number("port", 0))),
          m_sources(arguments.number("sources", 1)),
          m_connections(arguments.number("connections", 16)),
          m_epoll(::epoll_create1(EPOLL_CLOEXEC)) {}

    Json run() {
        std::array<epoll_event, 512> events{};
        while (!toolShouldEnd()) {
            openSome();
            const int count = ::epoll_wait(m_epoll, events.data(), static_cast<int>(events.size()), 5);
            for (int i = 0; i < count; ++i) {
                Connection& connection = m_connections[events[static_cast<size_t>(i)].data.u64];
                if (connection.fd >= 0 && (events[static_cast<size_t>(i)].events & ~EPOLLOUT) != 0) receive(connection);
                if (connection.fd >= 0) send(connection);
            }
            if (!m_abuse.slow.empty()) dribble();
        }
        for (const auto& [status, number] : m_answers) m_report["answers"][status] = number;
        m_report["connections"] = m_opened;
        m_report["most_at_once"] = m_most;
        m_report["not_allowed"] = m_notAllowed;
        m_report["turned_away"] = m_turnedAway;
        m_report["closed_by_agent"] = m_closed;
        m_report["requests"] = m_requests;
        m_report["bytes_sent"] = m_bytesSent;
        return m_report;
    }

private:
    // Closed ones are opened again.
    void openSome() {
        int opened = 0;
        for (size_t tried = 0; tried < m_connections.size() && opened < opensInARow; ++tried) {
            m_next = (m_next + 1) % m_connections.size();
            if (m_connections[m_next].fd >= 0) continue;
            if (!open(m_connections[m_next])) break;
            ++opened;
        }
    }

    bool open(Connection& connection) {
        const int fd = ::socket(m_path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) return false;
        if (const int why = m_path.empty() ? connectTcp(fd) : connectUnix(fd); why != 0 && why != EINPROGRESS) {
            ::close(fd);
            (why == EACCES ? m_notAllowed : m_turnedAway) += 1;
            return false;
        }
        ++m_opened;
        connection = {};
        connection.fd = fd;
        begin(connection);
        epoll_event event{};
        event.events = EPOLLOUT | EPOLLRDHUP | EPOLLET | (m_abuse.reads ? EPOLLIN : 0U);
        event.data.u64 = static_cast<uint64_t>(&connection - m_connections.data());
        ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, fd, &event);
        m_most = std::max(m_most, ++m_open);
        send(connection);
        return true;
    }

    int connectUnix(int fd) const {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        m_path.copy(to.sun_path, sizeof to.sun_path - 1);
        return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
    }
    // From many addresses of the loopback network, as many as are asked for: caps by address see another peer each time.
    int connectTcp(int fd) {
        sockaddr_in from{}, to{};
        from.sin_family = to.sin_family = AF_INET;
        from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<uint32_t>(m_opened % m_sources));
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(m_port);
        const int on = 1;
        ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) return errno;
        return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
    }

    void begin(Connection& connection) {
        connection.text = m_abuse.text(m_exchanges++);
        connection.sent = connection.slowSent = 0;
        connection.answered = connection.fillerSent = 0;
        connection.nextByte = Steady::now() + 1s;
        m_requests += m_abuse.requests;
    }

    void close(Connection& connection) {
        ::close(connection.fd);
        connection.fd = -1;
        --m_open;
    }

    // False: nothing more goes out for now.
    bool put(Connection& connection, const char* bytes, size_t size, size_t& done) {
        const ssize_t count = ::send(connection.fd, bytes, size, MSG_NOSIGNAL);
        if (count > 0) {
            done += static_cast<size_t>(count);
            m_bytesSent += static_cast<uint64_t>(count);
            return true;
        }
        if (errno != EAGAIN && errno != ENOTCONN && errno != EINPROGRESS) {
            receive(connection);  // why
            if (connection.fd >= 0) close(connection);
        }
        return false;
    }

    void send(Connection& connection) {
        while (connection.fd >= 0 && connection.sent < connection.text.size()) {
            if (!put(connection, connection.text.data() + connection.sent, connection.text.size() - connection.sent,
                     connection.sent))
                return;
        }
        while (connection.fd >= 0 && connection.fillerSent < m_abuse.fillerBytes && !toolShouldEnd()) {
            const size_t at = connection.fillerSent % m_abuse.filler.size();
            size_t done = 0;
            if (!put(connection, m_abuse.filler.data() + at, m_abuse.filler.size() - at, done)) return;
            connection.fillerSent += done;
        }
        if (connection.fd >= 0 && m_abuse.hangsUp) close(connection);
    }

    void dribble() {
        const auto now = Steady::now();
        for (Connection& connection : m_connections) {
            if (connection.fd < 0 || connection.slowSent >= m_abuse.slow.size() || now < connection.nextByte) continue;
            connection.nextByte = now + 1s;
            (void)put(connection, m_abuse.slow.data() + connection.slowSent, 1, connection.slowSent);
        }
    }

    void receive(Connection& connection) {
        std::array<char, 65536> piece{};
        while (m_abuse.reads) {
            const ssize_t count = ::recv(connection.fd, piece.data(), piece.size(), 0);
            if (count < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
            if (count <= 0) {
                ++m_closed;
                return close(connection);
            }
            take(connection, std::string_view(piece.data(), static_cast<size_t>(count)));
            if (connection.fd < 0) return;
        }
        // Who reads nothing only notices the end.
        char one = 0;
        if (::recv(connection.fd, &one, 1, MSG_PEEK) == 0) {
            ++m_closed;
            close(connection);
        }
    }

    void take(Connection& connection, std::string_view bytes) {
        std::string text = std::exchange(connection.tail, {}).append(bytes);
        size_t from = 0;
        for (size_t at = 0; (at = text.find(statusMark, from)) != std::string::npos &&
                            at + statusMark.size() + statusLength <= text.size();) {
            ++m_answers[text.substr(at + statusMark.size(), statusLength)];
            ++connection.answered;
            from = at + statusMark.size() + statusLength;
        }
        constexpr size_t kept = statusMark.size() + statusLength - 1;
        connection.tail = text.substr(std::max(from, text.size() > kept ? text.size() - kept : 0));
        const bool over = connection.sent == connection.text.size() && connection.answered >= m_abuse.requests;
        if (!m_abuse.goesOn || !over) return;
        begin(connection);
        send(connection);
    }

    ApiAbuse m_abuse;
    std::string m_path;
    uint16_t m_port;
    uint64_t m_sources;
    std::vector<Connection> m_connections;
    int m_epoll;
    size_t m_next = 0;
    uint64_t m_exchanges = 0, m_opened = 0, m_open = 0, m_most = 0, m_notAllowed = 0, m_turnedAway = 0, m_closed = 0;
    uint64_t m_requests = 0, m_bytesSent = 0;
    std::map<std::string, uint64_t> m_answers;  // by status
    Json m_report{{"answers", Json::object()}};
};

}  // namespace

int apiAbuserTool(const ToolArguments& arguments) {
    const std::string port = arguments.text("port");
    const std::string host = "Host: " + (port.empty() ? "netpas" : "127.0.0.1:" + port) + "\r\n";
    const std::string token = arguments.text("token");
    auto abuse = apiAbuse(arguments.text("kind"), host, token.empty() ? "" : "Authorization: Bearer " + token + "\r\n",
                          arguments.number("seed", 1));
    if (!abuse) {
        std::cerr << "netpas-lab: no such abuse: " << arguments.text("kind") << std::endl;
        return 2;
    }
    raiseDescriptorLimit();
    if (!becomeOtherUser(arguments)) return 1;
    sayReady();
    printResult(Abuser(arguments, std::move(*abuse)).run());
    return 0;
}

}  // namespace netpas::lab
