// Stands where babeld would: its local interface, on a socket or a port, which says and hears what a test wants.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <array>
#include <cstring>
#include <string>
#include <utility>

namespace netpas::fake {

inline const std::string greeting = "BABEL 1.0\nversion babeld-1.12.1\nhost h\nmy-id 02:00:00:00:00:00:00:01\nok\n";

class Babel {
public:
    explicit Babel(bool tcp = false) : m_tcp(tcp) { start(); }
    ~Babel() { stop(); }
    Babel(const Babel&) = delete;
    Babel& operator=(const Babel&) = delete;

    [[nodiscard]] std::string place() const {
        return m_tcp ? std::to_string(m_port) : m_folder.filePath("s").toStdString();
    }
    void start() {
        sockaddr_storage here{};
        socklen_t size = sizeof(sockaddr_in6);
        if (m_tcp) {
            auto& at = reinterpret_cast<sockaddr_in6&>(here);
            at.sin6_family = AF_INET6;
            at.sin6_addr = in6addr_loopback;
        } else {
            auto& at = reinterpret_cast<sockaddr_un&>(here);
            at.sun_family = AF_UNIX;
            const std::string path = place();
            std::memcpy(at.sun_path, path.data(), path.size());
            size = sizeof at;
        }
        m_listener = ::socket(here.ss_family, SOCK_STREAM, 0);
        const bool bound = ::bind(m_listener, reinterpret_cast<const sockaddr*>(&here), size) == 0;
        if (!bound || ::listen(m_listener, 4) != 0) qFatal("no socket");
        if (!m_tcp) return;
        (void)::getsockname(m_listener, reinterpret_cast<sockaddr*>(&here), &size);
        m_port = ntohs(reinterpret_cast<const sockaddr_in6&>(here).sin6_port);
    }
    // As when babeld is killed.
    void stop() {
        hangUp();
        ::close(std::exchange(m_listener, -1));
        if (!m_tcp) ::unlink(place().c_str());
    }
    void accept() { m_client = ::accept(m_listener, nullptr, nullptr); }
    void say(const std::string& text) const {
        if (::send(m_client, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
            qFatal("nobody listens");
    }
    [[nodiscard]] std::string heard() const {
        std::array<char, 4096> buffer{};
        const ssize_t size = ::recv(m_client, buffer.data(), buffer.size(), MSG_DONTWAIT);
        return size > 0 ? std::string(buffer.data(), static_cast<size_t>(size)) : "";
    }
    void hangUp() {
        if (m_client >= 0) ::close(std::exchange(m_client, -1));
    }

private:
    QTemporaryDir m_folder;
    bool m_tcp;
    uint16_t m_port = 0;
    int m_listener = -1;
    int m_client = -1;
};

}  // namespace netpas::fake
