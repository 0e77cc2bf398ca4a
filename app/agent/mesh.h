// The agent's part of agreements with neighbours (core/agreement/AGREEMENTS.md): their datagrams to and from the secretary, who may have packets
// forwarded into the packet filter, its counters to the secretary. It signs and verifies nothing. Works in the network namespace of the calling thread,
// also after privileges were given up. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/agent/mesh_socket.h"
#include "app/common/log.h"
#include "app/common/timers.h"
#include "core/channel/messages.h"
#include "core/clock.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

struct MeshOptions {
    std::vector<std::string> interfaces;   // where neighbours are
    std::vector<std::string> uplinks;      // to the internet
    uint32_t freeBytesPerSecond = 0;       // to and from each neighbour for nothing
    std::optional<Endpoint> testServer{};  // of capacity tests (ndt7), on the internet
    std::optional<PublicKey> testKey{};    // its, over TLS; nothing: plain TCP
};

class Mesh {
public:
    struct Ports {
        boost::asio::io_context& io;
        app::Timers& timers;
        const Clock& clock;
        app::LogSink log;
        std::function<void(const channel::Message&)> tell;  // the secretary; lost while it is not there
    };
    using Heard = std::function<void(const std::string& interface, const MeshDatagram&)>;

    // The failure is for people.
    [[nodiscard]] static tl::expected<std::unique_ptr<Mesh>, std::string> open(Ports ports, const MeshOptions& options);
    ~Mesh();
    Mesh(const Mesh&) = delete;
    Mesh& operator=(const Mesh&) = delete;

    void start();
    void stop();
    // Kinds from 9 on belong to whoever takes them here; those that nobody takes, the secretary is told.
    void onOther(Heard heard);
    // False: not sent, or there is no such interface now.
    bool say(const std::string& interface, const std::optional<IpAddress>& to, ByteView bytes);

    // A session with the secretary has begun.
    void secretaryUp();
    void on(const channel::SetMesh& wanted);
    void on(const channel::MeshSay& said);

private:
    struct Impl;
    explicit Mesh(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
