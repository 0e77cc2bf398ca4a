#include "app/agent/peer_watch.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <utility>

namespace netpas::agent {

namespace asio = boost::asio;

class PeerWatch::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(asio::io_context& io, std::function<void()> onEnd, size_t most)
        : m_io(io), m_onEnd(std::move(onEnd)), m_most(most) {}

    void saw(pid_t process) {
        if (const auto known = m_peers.find(process); known != m_peers.end()) {
            known->second.seen = ++m_now;
            return;
        }
        const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
        if (descriptor < 0) return;  // it has ended already, and was not there in the last set
        if (m_peers.size() >= m_most) forgetOldest();
        const auto peer =
            m_peers.emplace(process, Peer{asio::posix::stream_descriptor(m_io, descriptor), ++m_now}).first;
        peer->second.descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                           [weak = weak_from_this(), process](const boost::system::error_code& error) {
                                               const auto self = weak.lock();
                                               if (self && !error) self->ended(process);
                                           });
    }

    [[nodiscard]] std::vector<uint32_t> running() const {
        std::vector<uint32_t> numbers;
        for (const auto& [process, peer] : m_peers) numbers.push_back(static_cast<uint32_t>(process));
        return numbers;
    }

    void stop() {
        m_onEnd = nullptr;
        m_peers.clear();
    }

private:
    struct Peer {
        asio::posix::stream_descriptor descriptor;
        uint64_t seen = 0;
    };

    void ended(pid_t process) {
        if (m_peers.erase(process) != 0 && m_onEnd) m_onEnd();
    }

    void forgetOldest() {
        m_peers.erase(std::min_element(m_peers.begin(), m_peers.end(), [](const auto& one, const auto& other) {
            return one.second.seen < other.second.seen;
        }));
    }

    asio::io_context& m_io;
    std::function<void()> m_onEnd;
    size_t m_most;
    std::map<pid_t, Peer> m_peers;
    uint64_t m_now = 0;
};

PeerWatch::PeerWatch(asio::io_context& io, std::function<void()> onEnd, size_t most)
    : m_impl(std::make_shared<Impl>(io, std::move(onEnd), most)) {}
PeerWatch::~PeerWatch() { m_impl->stop(); }
void PeerWatch::saw(pid_t process) { m_impl->saw(process); }
std::vector<uint32_t> PeerWatch::running() const { return m_impl->running(); }

}  // namespace netpas::agent
