#include "cartographer/routes/babel_socket.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace netpas::routes {

namespace {

constexpr size_t maxReadAtOnce = 1 << 20;
constexpr unsigned maxMalformed = 16;
constexpr int connectWithin = 200;  // milliseconds: inside the machine it is done at once

bool isInterfaceName(const std::string& name) {
    if (name.empty() || name.size() > 15) return false;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && std::strchr("._-", c) == nullptr) return false;
    }
    return true;
}

// 0: neither a path nor a port.
socklen_t addressOf(const std::string& place, sockaddr_storage& out) {
    uint16_t port = 0;
    const char* const end = place.data() + place.size();
    if (const auto read = std::from_chars(place.data(), end, port); read.ptr == end && port != 0) {
        auto& tcp = reinterpret_cast<sockaddr_in6&>(out);
        tcp.sin6_family = AF_INET6;
        tcp.sin6_port = htons(port);
        tcp.sin6_addr = in6addr_loopback;
        return sizeof tcp;
    }
    auto& local = reinterpret_cast<sockaddr_un&>(out);
    if (place.empty() || place.size() >= sizeof local.sun_path || place.find('\0') != std::string::npos) return 0;
    local.sun_family = AF_UNIX;
    std::copy(place.begin(), place.end(), local.sun_path);
    return sizeof local;
}

int connectTo(int socket, const sockaddr_storage& there, socklen_t size) {
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&there), size) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    pollfd done{socket, POLLOUT, 0};
    if (::poll(&done, 1, connectWithin) != 1) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof error;
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

}  // namespace

std::string_view describe(BabelError error) {
    switch (error) {
    case BabelError::BadPath: return "this is neither the path of a socket nor a port";
    case BabelError::NobodyThere: return "no babeld listens there; start it with -G and this path or port";
    case BabelError::NotAllowed: return "this user may not open babeld's socket; see --babel in netpasd(8)";
    case BabelError::NotBabel: return "whoever listens there is not babeld";
    case BabelError::Closed: return "babeld has closed the connection";
    case BabelError::Behind: return "babeld cannot be understood, or does not read";
    }
    return "";
}

tl::expected<BabelSocket, BabelError> BabelSocket::connect(const std::string& place) {
    sockaddr_storage there{};
    const socklen_t size = addressOf(place, there);
    if (size == 0) return tl::unexpected(BabelError::BadPath);
    BabelSocket made(::socket(there.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (made.m_socket < 0) return tl::unexpected(BabelError::NobodyThere);
    if (const int error = connectTo(made.m_socket, there, size); error != 0) {
        const bool forbidden = error == EACCES || error == EPERM;
        return tl::unexpected(forbidden ? BabelError::NotAllowed : BabelError::NobodyThere);
    }
    if (auto sent = made.send("monitor\n"); !sent) return tl::unexpected(sent.error());
    return made;
}

BabelSocket::BabelSocket(BabelSocket&& other) noexcept { *this = std::move(other); }

BabelSocket& BabelSocket::operator=(BabelSocket&& other) noexcept {
    if (this == &other) return *this;
    if (m_socket >= 0) ::close(m_socket);
    m_socket = std::exchange(other.m_socket, -1);
    m_table = std::move(other.m_table);
    m_rest = std::move(other.m_rest);
    m_malformed = other.m_malformed;
    m_answers = other.m_answers;
    m_greeted = other.m_greeted;
    m_complete = other.m_complete;
    m_asked = other.m_asked;
    m_answered = other.m_answered;
    m_refused = other.m_refused;
    return *this;
}

BabelSocket::~BabelSocket() {
    if (m_socket >= 0) ::close(m_socket);
}

tl::expected<void, BabelError> BabelSocket::send(const std::string& text) {
    // Requests are shorter than any socket's buffer: a part of one that is taken means that nobody reads.
    const ssize_t sent = ::send(m_socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(text.size())) return {};
    return tl::unexpected(sent < 0 && errno != EAGAIN ? BabelError::Closed : BabelError::Behind);
}

tl::expected<bool, BabelError> BabelSocket::read() {
    bool changed = false;
    std::array<char, 16'384> buffer{};
    for (size_t had = 0; had < maxReadAtOnce;) {
        const ssize_t size = ::recv(m_socket, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (size <= 0) return tl::unexpected(BabelError::Closed);
        had += static_cast<size_t>(size);
        m_rest.append(buffer.data(), static_cast<size_t>(size));
        size_t begin = 0;
        for (size_t end = m_rest.find('\n'); end != std::string::npos; end = m_rest.find('\n', begin)) {
            const BabelTable::Line line = m_table.take(std::string_view(m_rest).substr(begin, end - begin));
            begin = end + 1;
            if (!m_greeted && line != BabelTable::Line::Greeting) return tl::unexpected(BabelError::NotBabel);
            m_greeted = true;
            const bool malformed = line == BabelTable::Line::Malformed;
            m_malformed = malformed ? m_malformed + 1 : 0;
            if (m_malformed > maxMalformed) return tl::unexpected(BabelError::Behind);
            changed |= line == BabelTable::Line::Change;
            if (line == BabelTable::Line::Refused) ++m_refused;
            // The greeting is answered with ok, and so is what was asked first.
            if (m_complete) {
                m_answered += line == BabelTable::Line::Ok || line == BabelTable::Line::Refused ? 1U : 0U;
            } else if (line == BabelTable::Line::Ok) {
                m_complete = ++m_answers == 2;
            }
        }
        m_rest.erase(0, begin);
        if (m_rest.size() > maxBabelLine) return tl::unexpected(BabelError::Behind);
    }
    return changed;
}

bool isBabelWords(std::string_view words) {
    const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '#' && c != '"'; };
    return words.size() <= maxBabelWords && std::all_of(words.begin(), words.end(), plain) &&
           words.find("rxcost") == std::string_view::npos;
}

tl::expected<void, BabelError> BabelSocket::ask(const std::string& interface, BabelCost cost,
                                                const std::string& words) {
    if (!isInterfaceName(interface) || !isBabelWords(words)) return tl::unexpected(BabelError::BadPath);
    m_asked += 2;
    // Without link-detect it does not see that an interface rests.
    return send("link-detect true\ninterface " + interface + (words.empty() ? "" : " ") + words + " rxcost " +
                std::to_string(cost) + "\n");
}

}  // namespace netpas::routes
