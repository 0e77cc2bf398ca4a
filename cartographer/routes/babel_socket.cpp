#include "cartographer/routes/babel_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace netpas::routes {

namespace {

constexpr size_t maxReadAtOnce = 1 << 20;
constexpr unsigned maxMalformed = 16;

bool isInterfaceName(const std::string& name) {
    if (name.empty() || name.size() > 15) return false;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && std::strchr("._-", c) == nullptr) return false;
    }
    return true;
}

}  // namespace

std::string_view describe(BabelError error) {
    switch (error) {
    case BabelError::BadPath: return "this is no path of a socket";
    case BabelError::NobodyThere: return "no babeld listens there; start it with -G and this path";
    case BabelError::NotAllowed: return "this user may not open babeld's socket";
    case BabelError::NotBabel: return "whoever listens there is not babeld";
    case BabelError::Closed: return "babeld has closed the connection";
    case BabelError::Behind: return "babeld cannot be understood, or does not read";
    }
    return "";
}

tl::expected<BabelSocket, BabelError> BabelSocket::connect(const std::string& path) {
    sockaddr_un there{};
    there.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof there.sun_path || path.find('\0') != std::string::npos)
        return tl::unexpected(BabelError::BadPath);
    std::memcpy(there.sun_path, path.data(), path.size());
    BabelSocket made(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (made.m_socket < 0) return tl::unexpected(BabelError::NobodyThere);
    if (::connect(made.m_socket, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
        const bool forbidden = errno == EACCES || errno == EPERM;
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
            if (line == BabelTable::Line::Ok && !m_complete) m_complete = ++m_answers == 2;
        }
        m_rest.erase(0, begin);
        if (m_rest.size() > maxBabelLine) return tl::unexpected(BabelError::Behind);
    }
    return changed;
}

tl::expected<void, BabelError> BabelSocket::ask(const std::string& interface, BabelCost cost) {
    if (!isInterfaceName(interface)) return tl::unexpected(BabelError::BadPath);
    return send("flush interface " + interface + "\ninterface " + interface + " rxcost " + std::to_string(cost) + "\n");
}

}  // namespace netpas::routes
