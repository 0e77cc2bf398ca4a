// Lines over Unix sockets: inherited, dialled, accepted.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "core/channel/retry.h"
#include "core/channel/stream_line.h"

namespace netpas::channel {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using OnLine = std::function<void(std::shared_ptr<Line>)>;
using OnTrouble = std::function<void(const std::string&)>;

namespace {

std::shared_ptr<Line> lineOver(Socket socket, bool onlyOne = false) {
    StreamLine<Socket>::Traits traits;
    traits.onlyOne = onlyOne;
    traits.framing = lengthFraming();
    return std::make_shared<StreamLine<Socket>>(std::move(socket), std::move(traits));
}

std::optional<uint32_t> peerUser(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
    return credentials.uid;
}

bool isAmong(const std::vector<uint32_t>& users, std::optional<uint32_t> user) {
    return user && std::ranges::find(users, *user) != users.end();
}

class Inherited final : public InheritedSource {
public:
    Inherited(asio::io_context& io, int descriptor) : m_io(io), m_next(descriptor) {}
    ~Inherited() override { drop(); }

    void start(OnLine onLine, OnTrouble) override {
        m_onLine = std::move(onLine);
        if (m_next >= 0) offer();
    }
    void give(int descriptor) override {
        drop();
        m_next = descriptor;
        if (m_onLine) offer();
    }
    void again() override {}
    void stop() override {
        m_onLine = nullptr;
        drop();
    }

private:
    void offer() {
        asio::post(m_io, [this, alive = std::weak_ptr(m_alive)] {
            if (alive.expired() || m_next < 0 || !m_onLine) return;
            const int descriptor = std::exchange(m_next, -1);
            Socket socket(m_io);
            error_code error;
            socket.assign({AF_UNIX, 0}, descriptor, error);
            if (error) {
                ::close(descriptor);
            } else {
                m_onLine(lineOver(std::move(socket), true));
            }
        });
    }
    void drop() {
        if (m_next >= 0) ::close(std::exchange(m_next, -1));
    }

    asio::io_context& m_io;
    int m_next;
    OnLine m_onLine;
    std::shared_ptr<int> m_alive = std::make_shared<int>();
};

class UnixDialer final : public LineSource {
public:
    UnixDialer(asio::io_context& io, std::string path, std::vector<uint32_t> peers)
        : m_shared(std::make_shared<Shared>(io, std::move(path), std::move(peers))) {}
    ~UnixDialer() override { stop(); }
    void start(OnLine onLine, OnTrouble onTrouble) override {
        m_shared->onLine = std::move(onLine);
        m_shared->onTrouble = std::move(onTrouble);
        asio::post(m_shared->io, [shared = m_shared] { shared->attempt(); });
    }
    void again() override { m_shared->later(); }
    void stop() override {
        m_shared->stopped = true;
        m_shared->retry.cancel();
        m_shared->onLine = nullptr;
        m_shared->onTrouble = nullptr;
    }

private:
    struct Shared : std::enable_shared_from_this<Shared> {
        Shared(asio::io_context& context, std::string at, std::vector<uint32_t> users)
            : io(context), retry(context), path(std::move(at)), peers(std::move(users)) {}

        // Connecting to a Unix socket does not wait.
        void attempt() {
            if (stopped) return;
            stream_protocol::socket socket(io);
            error_code error;
            if (path.size() >= sizeof(sockaddr_un::sun_path)) {
                error = asio::error::name_too_long;
            } else {
                socket.connect(stream_protocol::endpoint(path), error);
            }
            if (error) return failed("no secretary answers at " + path + ": " + error.message());
            if (!isAmong(peers, peerUser(socket.native_handle()))) {
                return failed("the process at " + path +
                              " runs as another user than the secretary's: name the right "
                              "socket, or the right user");
            }
            retry.made();
            onLine(lineOver(Socket(std::move(socket))));
        }
        void failed(const std::string& why) {
            if (onTrouble) onTrouble(why);
            later();
        }
        void later() {
            if (stopped) return;
            retry.after([weak = weak_from_this()] {
                if (const auto self = weak.lock()) self->attempt();
            });
        }

        asio::io_context& io;
        Retry retry;
        std::string path;
        std::vector<uint32_t> peers;
        OnLine onLine;
        OnTrouble onTrouble;
        bool stopped = false;
    };
    std::shared_ptr<Shared> m_shared;
};

class UnixListener final : public LineSource {
public:
    UnixListener(asio::io_context& io, std::string path, std::vector<uint32_t> peers, std::optional<uint32_t> owner)
        : m_shared(std::make_shared<Shared>(io, std::move(path), std::move(peers), owner)) {
        m_shared->failed = m_shared->open();
    }
    ~UnixListener() override { stop(); }
    void start(OnLine onLine, OnTrouble onTrouble) override {
        m_shared->onLine = std::move(onLine);
        m_shared->onTrouble = std::move(onTrouble);
        asio::post(m_shared->io, [shared = m_shared] { shared->listen(); });
    }
    void again() override {}
    void stop() override {
        if (std::exchange(m_shared->stopped, true)) return;
        m_shared->retry.cancel();
        error_code ignored;
        if (m_shared->acceptor.is_open()) ::unlink(m_shared->path.c_str());
        m_shared->acceptor.close(ignored);
        m_shared->onLine = nullptr;
        m_shared->onTrouble = nullptr;
    }

private:
    struct Shared : std::enable_shared_from_this<Shared> {
        Shared(asio::io_context& context, std::string at, std::vector<uint32_t> users, std::optional<uint32_t> user)
            : io(context),
              acceptor(context),
              retry(context),
              path(std::move(at)),
              peers(std::move(users)),
              owner(user) {}

        void listen() {
            if (stopped) return;
            if (std::exchange(failed, error_code())) failed = open();
            if (const auto error = failed) {
                if (onTrouble) onTrouble("cannot listen on " + path + ": " + error.message());
                return retry.after([weak = weak_from_this()] {
                    if (const auto self = weak.lock()) self->listen();
                });
            }
            accept();
        }

        error_code open() {
            if (path.size() >= sizeof(sockaddr_un::sun_path)) return asio::error::name_too_long;
            error_code error;
            stream_protocol::socket probe(io);
            probe.connect(stream_protocol::endpoint(path), error);
            if (!error) return asio::error::address_in_use;
            ::unlink(path.c_str());  // nobody listens there any more
            acceptor.open({}, error);
            if (error) return error;
            // Never open to more than it shall be, not even for a moment.
            const mode_t before = ::umask(0177);
            acceptor.bind(stream_protocol::endpoint(path), error);
            ::umask(before);
            if (!error && owner && ::chown(path.c_str(), *owner, static_cast<gid_t>(-1)) != 0) {
                error = {errno, boost::system::system_category()};
            }
            if (!error) acceptor.listen(8, error);
            error_code ignored;
            if (error) acceptor.close(ignored);
            return error;
        }

        void accept() {
            acceptor.async_accept([self = shared_from_this()](const error_code& error, stream_protocol::socket socket) {
                if (self->stopped) return;
                if (error) {
                    return self->retry.after([weak = self->weak_from_this()] {
                        const auto again = weak.lock();
                        if (again && !again->stopped) again->accept();
                    });
                }
                if (isAmong(self->peers, peerUser(socket.native_handle()))) {
                    self->onLine(lineOver(Socket(std::move(socket))));
                } else if (self->onTrouble) {
                    self->onTrouble("a process of another user was turned away from " + self->path);
                }
                self->accept();
            });
        }

        asio::io_context& io;
        stream_protocol::acceptor acceptor;
        Retry retry;
        std::string path;
        std::vector<uint32_t> peers;
        std::optional<uint32_t> owner;
        OnLine onLine;
        OnTrouble onTrouble;
        error_code failed;
        bool stopped = false;
    };
    std::shared_ptr<Shared> m_shared;
};

}  // namespace

std::unique_ptr<InheritedSource> inheritedSource(asio::io_context& io, int descriptor) {
    return std::make_unique<Inherited>(io, descriptor);
}
std::unique_ptr<LineSource> unixDialer(asio::io_context& io, std::string path, std::vector<uint32_t> peers) {
    return std::make_unique<UnixDialer>(io, std::move(path), std::move(peers));
}
std::unique_ptr<LineSource> unixListener(asio::io_context& io, std::string path, std::vector<uint32_t> peers,
                                         std::optional<uint32_t> owner) {
    return std::make_unique<UnixListener>(io, std::move(path), std::move(peers), owner);
}

}  // namespace netpas::channel
