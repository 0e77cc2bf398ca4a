// What the way to the internet through one neighbour is worth (agreements note): a capacity test (ndt7) over a policy route of its own, upload first, then download.
// It touches marked packets only. Works in the network namespace of the calling thread, also after privileges were given up. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "app/common/timers.h"
#include "core/channel/messages.h"
#include "core/ndt7/client.h"

namespace netpas::agent {

// Packets with it take the way that is tested; nothing diverts them.
inline constexpr uint32_t neighbourTestMark = 0x4e700000;
inline constexpr uint32_t neighbourTestTable = 20592;
inline constexpr uint32_t neighbourTestPriority = 5271;

class NeighbourTester {
public:
    using Tell = std::function<void(const channel::NeighbourTested&)>;

    // `server`: on the internet; nothing: nobody serves tests, and each question is answered so. What an agent that was killed has left is removed.
    NeighbourTester(boost::asio::io_context& io, std::optional<ndt7::Target> server, Tell tell);
    ~NeighbourTester();
    NeighbourTester(const NeighbourTester&) = delete;
    NeighbourTester& operator=(const NeighbourTester&) = delete;

    void on(const channel::TestNeighbour& wanted);
    void stop();

private:
    void begin(ndt7::Direction direction);
    void done(ndt7::Direction direction, const tl::expected<ndt7::Result, net::NetError>& result);
    void finish(std::string trouble);
    void removeWay();

    boost::asio::io_context& m_io;
    std::optional<ndt7::Target> m_server;
    Tell m_tell;
    std::optional<channel::TestNeighbour> m_wanted;
    channel::NeighbourTested m_result;
    std::unique_ptr<ndt7::Client> m_client;
    std::shared_ptr<bool> m_alive = std::make_shared<bool>(true);
};

}  // namespace netpas::agent
