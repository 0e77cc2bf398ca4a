// Which local users' processes that have asked for something still run. Watched by process descriptors, so that a number which was given
// to another process is not taken for the first one. Control thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

class PeerWatch {
public:
    // `onEnd`: one or more have ended; never called from inside a call.
    PeerWatch(boost::asio::io_context& io, std::function<void()> onEnd, size_t most = 512);
    ~PeerWatch();
    PeerWatch(const PeerWatch&) = delete;
    PeerWatch& operator=(const PeerWatch&) = delete;

    // A process that is connected now. Where too many are watched, the one that was seen longest ago is forgotten.
    void saw(pid_t process);
    // Ascending.
    [[nodiscard]] std::vector<uint32_t> running() const;

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
