// The agent's end of the channel (DESIGN §2): does what the secretary says with the data plane, answers its questions about the
// network, carries its streams to the ISP, and hands requests of local users to it. When the channel is lost everything goes
// best effort at once; counters and gates stay for the next session. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/agent/data_plane.h"
#include "app/agent/executables.h"
#include "app/common/log.h"
#include "app/common/timers.h"
#include "cartographer/cartographer.h"
#include "core/channel/line.h"
#include "core/channel/messages.h"
#include "core/net/http.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

struct LinkContext {
    boost::asio::io_context& io;
    DataPlane& plane;
    cartographer::Cartographer& cartographer;
    Executables& executables;
    app::Timers& timers;
    app::LogSink log;
    std::string name;               // of this machine, for people
    std::function<void()> useHome;  // the cartographer has another home ISP, or fresher words of it
    // The secretary has said who is paired; also, that it does not know.
    std::function<void(const channel::Devices&)> devices;
    // What it says of neighbours; `meshUp`: it is there, and is to be told everything.
    std::function<void()> meshUp;
    std::function<void(const channel::SetMesh&)> setMesh;
    std::function<void(const channel::MeshSay&)> meshSay;
    std::function<void(const channel::TestNeighbour&)> testNeighbour;
};

class SecretaryLink {
public:
    using Reply = std::function<void(net::HttpResponse)>;

    // The context's parts outlive the link.
    SecretaryLink(LinkContext context, std::unique_ptr<channel::LineSource> source);
    ~SecretaryLink();
    SecretaryLink(const SecretaryLink&) = delete;
    SecretaryLink& operator=(const SecretaryLink&) = delete;

    void start();
    // Best effort for everything; no handler is called any more.
    void stop();
    [[nodiscard]] bool isUp() const;

    // `request.peer` says who asks; `node`: from which device behind this machine, empty for its own users. Answered with 503
    // when there is no secretary.
    void forward(const net::HttpRequest& request, const std::string& node, Reply reply);
    // A device stands at the door. Answered with 503 when there is no secretary.
    void ask(channel::DeviceAsks asks, std::function<void(const channel::DeviceAnswer&)> reply);
    // Tells the secretary, if it is there.
    void notDelivered(const channel::NotDelivered& trouble);
    // Of neighbours; lost while it is not there.
    void tellMesh(const channel::Message& message);
    // Tells the secretary what the cartographer's home is now.
    void homeChanged();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
