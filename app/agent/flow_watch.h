// The agent's part of statements about routes (cartographer/verify/VERIFICATION.md): what passes here, observed when a statement comes and now and then, and what the
// links to neighbours are worth. The secretary compares, signs and decides. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include <tl/expected.hpp>

#include "app/agent/mesh.h"

namespace netpas::agent {

class FlowWatch {
public:
    struct Ports {
        boost::asio::io_context& io;
        app::Timers& timers;
        const Clock& clock;
        app::LogSink log;
        std::function<void(const channel::Message&)> tell;
        std::function<bool(const std::string& interface, const IpAddress& to, ByteView bytes)> say;
        // By how much the clock may be off; nothing: nobody knows, and times of packets are not told.
        std::function<std::optional<std::chrono::nanoseconds>()> clockError;
    };

    // The failure is for people.
    [[nodiscard]] static tl::expected<std::unique_ptr<FlowWatch>, std::string> open(
        Ports ports, const std::set<std::string>& interfaces);
    ~FlowWatch();
    FlowWatch(const FlowWatch&) = delete;
    FlowWatch& operator=(const FlowWatch&) = delete;

    void start();
    void stop();
    // A neighbour's datagram of a kind from 9 on.
    void heard(const std::string& interface, const MeshDatagram& datagram);

    // The packet filter's counters of neighbours.
    void counted(const channel::MeshCounts& counts);

private:
    struct Impl;
    explicit FlowWatch(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
