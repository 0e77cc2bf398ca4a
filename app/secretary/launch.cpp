#include "app/secretary/launch.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "app/secretary/starter.h"

namespace netpas::secretary {

namespace asio = boost::asio;

namespace {

enum class Received { Nothing, Descriptor, Gone };

Received receiveDescriptor(int control, int& descriptor) {
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) char buffer[CMSG_SPACE(sizeof(int))]{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = buffer;
    message.msg_controllen = sizeof buffer;
    const ssize_t count = ::recvmsg(control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0) return errno == EAGAIN || errno == EINTR ? Received::Nothing : Received::Gone;
    if (count == 0) return Received::Gone;
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return Received::Nothing;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return Received::Descriptor;
}

}  // namespace

struct LaunchedSecretary::Impl : std::enable_shared_from_this<Impl> {
    int control = -1;
    pid_t starter = -1;
    std::optional<asio::posix::stream_descriptor> watched;
    std::function<void(int)> onChannel;
    std::function<void()> onGone;

    ~Impl() {
        if (!watched && control >= 0) ::close(control);
    }

    void wait() {
        watched->async_wait(asio::posix::stream_descriptor::wait_read,
                            [weak = weak_from_this()](const boost::system::error_code& error) {
                                const auto self = weak.lock();
                                if (self && !error) self->readable();
                            });
    }

    void readable() {
        int descriptor = -1;
        switch (receiveDescriptor(control, descriptor)) {
        case Received::Nothing: return wait();
        case Received::Descriptor:
            wait();
            if (onChannel) {
                onChannel(descriptor);
            } else {
                ::close(descriptor);
            }
            return;
        case Received::Gone:
            (void)::waitpid(starter, nullptr, 0);
            if (const auto gone = std::exchange(onGone, nullptr)) gone();
            return;
        }
    }
};

LaunchedSecretary::LaunchedSecretary(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
LaunchedSecretary::~LaunchedSecretary() {
    m_impl->onChannel = nullptr;
    m_impl->onGone = nullptr;
    boost::system::error_code ignored;
    if (m_impl->watched) m_impl->watched->close(ignored);
}

tl::expected<std::unique_ptr<LaunchedSecretary>, app::PrivilegeFailure> LaunchedSecretary::start(
    const LaunchOptions& options) {
    const auto failed = [](const char* what) {
        return tl::unexpected(
            app::PrivilegeFailure{std::string("the secretary cannot be started: ") + what + ": " + std::strerror(errno),
                                  "free some memory and processes, then try again"});
    };
    int control[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) return failed("no socket pair");
    const pid_t agent = ::getpid();
    const pid_t starter = ::fork();
    if (starter == 0) {
        ::close(control[0]);
        starterMain(options, control[1], agent);
    }
    ::close(control[1]);
    if (starter < 0) {
        ::close(control[0]);
        return failed("no process");
    }
    auto impl = std::make_shared<Impl>();
    impl->control = control[0];
    impl->starter = starter;
    return std::unique_ptr<LaunchedSecretary>(new LaunchedSecretary(std::move(impl)));
}

void LaunchedSecretary::watch(asio::io_context& io, std::function<void(int)> onChannel, std::function<void()> onGone) {
    m_impl->onChannel = std::move(onChannel);
    m_impl->onGone = std::move(onGone);
    m_impl->watched.emplace(io, m_impl->control);
    m_impl->wait();
}

void LaunchedSecretary::askToStop() {
    const char byte = 's';
    (void)::send(m_impl->control, &byte, 1, MSG_NOSIGNAL);
}

}  // namespace netpas::secretary
