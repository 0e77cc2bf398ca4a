#include "app/lab/tools/stolen_channel.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "app/lab/netns.h"
#include "app/lab/tools/process_memory.h"

namespace netpas::lab {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds writePatience{2000};

// The socket whose other end was made by the process that starts secretaries.
int channelOf(pid_t agent) {
    pid_t starter = -1;
    for (const pid_t pid : descendantsOf(agent)) starter = nameOfProcess(pid) == "netpas-starter" ? pid : starter;
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, agent, 0));
    if (starter < 0 || process < 0) return -1;
    int found = -1;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(agent) + "/fd", error)) {
        const int copy =
            static_cast<int>(::syscall(SYS_pidfd_getfd, process, std::atoi(entry.path().filename().c_str()), 0));
        ucred peer{};
        socklen_t size = sizeof peer;
        const bool known = copy >= 0 && ::getsockopt(copy, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
        if (known && peer.pid == starter && found < 0) {
            found = copy;
        } else if (copy >= 0) {
            ::close(copy);
        }
    }
    ::close(process);
    return found;
}

int connectTo(const Endpoint& endpoint) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(endpoint.port);
    const auto bytes = endpoint.address.bytes();
    if (bytes.size() != 4) return -1;
    std::memcpy(&to.sin_addr, bytes.data(), 4);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return fd;
    if (fd >= 0) ::close(fd);
    return -1;
}

bool writeAll(int fd, ByteView bytes) {
    const auto end = Steady::now() + writePatience;
    while (!bytes.empty()) {
        const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) {
            bytes = bytes.subspan(static_cast<size_t>(count));
        } else if (errno != EAGAIN || Steady::now() > end) {
            return false;
        } else {
            pollfd ready{fd, POLLOUT, 0};
            (void)::poll(&ready, 1, 50);
        }
    }
    return true;
}

}  // namespace

Expected<std::unique_ptr<StolenChannel>> StolenChannel::take(pid_t agent, const std::string& netns) {
    ::kill(agent, SIGSTOP);
    const int fd = channelOf(agent);
    if (fd < 0) {
        ::kill(agent, SIGCONT);
        return fail(LabErrc::System, "the agent's channel to its secretary is not found");
    }
    return std::unique_ptr<StolenChannel>(new StolenChannel(agent, fd, netns));
}

StolenChannel::StolenChannel(pid_t agent, int fd, std::string netns)
    : m_agent(agent), m_fd(fd), m_netns(std::move(netns)) {}

StolenChannel::~StolenChannel() {
    for (const auto& [stream, fd] : m_streams) ::close(fd);
    ::close(m_fd);
    ::kill(m_agent, SIGCONT);
}

void StolenChannel::hello(uint64_t incarnation, std::vector<channel::FlowCounters> held) {
    m_next = 0;
    m_parts.clear();
    for (const auto& [stream, fd] : std::exchange(m_streams, {})) ::close(fd);
    channel::Hello hello;
    hello.nonce = incarnation ^ static_cast<uint64_t>(Steady::now().time_since_epoch().count());
    hello.incarnation = incarnation;
    hello.name = "intruder";
    hello.held = std::move(held);
    (void)say(hello);
}

bool StolenChannel::say(const channel::Message& message) {
    const auto bytes = channel::encode(message);
    if (!bytes) return false;
    ByteView rest(*bytes);
    for (bool first = true; first || !rest.empty(); first = false) {
        const ByteView part = rest.first(std::min(rest.size(), channel::maxFramePayload));
        rest = rest.subspan(part.size());
        const channel::FrameHeader header{channel::protocolVersion, first, rest.empty(), m_next++};
        if (!write(m_framing->wrap(channel::makeFrame(header, part)))) return false;
    }
    return true;
}

bool StolenChannel::write(ByteView bytes) { return !m_hungUp && writeAll(m_fd, bytes); }

bool StolenChannel::serve(milliseconds atMost, const std::function<bool()>& done) {
    const auto end = Steady::now() + atMost;
    while (!m_hungUp && !(done && done())) {
        const auto left = std::chrono::duration_cast<milliseconds>(end - Steady::now());
        if (left.count() <= 0) break;
        std::vector<pollfd> events{{m_fd, POLLIN, 0}};
        std::vector<uint32_t> streams;
        for (const auto& [stream, fd] : m_streams) {
            events.push_back({fd, POLLIN, 0});
            streams.push_back(stream);
        }
        constexpr milliseconds glance{20};
        if (::poll(events.data(), events.size(), static_cast<int>(std::min(left, glance).count())) <= 0) continue;
        if (events[0].revents != 0) readChannel();
        for (size_t i = 0; i < streams.size(); ++i) {
            if (events[i + 1].revents != 0) readStream(streams[i]);
        }
    }
    return done && done();
}

void StolenChannel::readChannel() {
    std::array<uint8_t, 65536> input{};
    const ssize_t count = ::recv(m_fd, input.data(), input.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
        m_hungUp = true;
        return;
    }
    const auto frame = [this](ByteView bytes) {
        const auto header = channel::readFrameHeader(bytes);
        if (!header) return;
        const ByteView payload = bytes.subspan(channel::frameHeaderSize);
        Bytes whole(payload.begin(), payload.end());
        if (!header->first || !header->last) {
            if (header->first) m_parts.clear();
            m_parts.insert(m_parts.end(), payload.begin(), payload.end());
            if (!header->last) return;
            whole = std::exchange(m_parts, {});
        }
        if (const auto message = channel::decode(whole)) take(*message);
    };
    if (!m_framing->feed({input.data(), static_cast<size_t>(count)}, frame)) m_hungUp = true;
}

void StolenChannel::take(const channel::Message& message) {
    if (const auto* ping = std::get_if<channel::Ping>(&message)) {
        (void)say(channel::Pong{ping->number});
    } else if (const auto* wanted = std::get_if<channel::StreamOpen>(&message)) {
        open(*wanted);
    } else if (const auto* data = std::get_if<channel::StreamData>(&message)) {
        const auto found = m_streams.find(data->stream);
        if (found == m_streams.end()) return;
        (void)writeAll(found->second, data->bytes);
        (void)say(channel::StreamCredit{data->stream, static_cast<uint32_t>(data->bytes.size())});
    } else if (const auto* closed = std::get_if<channel::StreamClosed>(&message)) {
        if (const auto gone = m_streams.extract(closed->stream)) {
            ::close(gone.mapped());
            ++m_cut;
        }
    } else {
        m_goodbyes += std::holds_alternative<channel::Goodbye>(message) ? 1U : 0U;
        if (onMessage) onMessage(message);
    }
}

void StolenChannel::open(const channel::StreamOpen& wanted) {
    const auto to = relayTo ? relayTo(wanted.endpoint) : std::nullopt;
    if (!to) return;
    int fd = -1;
    (void)inNamespace(m_netns, [&]() -> Expected<void> {
        fd = connectTo(*to);
        return {};
    });
    if (fd < 0) {
        (void)say(channel::StreamClosed{wanted.stream, channel::StreamEnd::CannotConnect});
        return;
    }
    m_streams[wanted.stream] = fd;
    ++m_opened;
    (void)say(channel::StreamOpened{wanted.stream});
}

void StolenChannel::readStream(uint32_t stream) {
    const auto found = m_streams.find(stream);
    if (found == m_streams.end()) return;
    std::array<uint8_t, 8192> input{};
    const ssize_t count = ::recv(found->second, input.data(), input.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count > 0) {
        (void)say(channel::StreamData{stream, Bytes(input.data(), input.data() + count)});
        return;
    }
    ::close(found->second);
    m_streams.erase(found);
    (void)say(channel::StreamClosed{stream, channel::StreamEnd::Closed});
}

}  // namespace netpas::lab
