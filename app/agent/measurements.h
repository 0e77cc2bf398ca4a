// What the agent measures while it runs (DESIGN §9): test packets to the ISPs on ways that are in use or were asked for, as best effort and in the
// classes that are paid for, and the kernel's counts of TCP connections there. Control thread.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/agent/data_plane.h"
#include "app/agent/sharing.h"
#include "app/common/log.h"
#include "app/common/timers.h"
#include "cartographer/cartographer.h"
#include "core/channel/messages.h"
#include "core/clock.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

struct MeasureOptions {
    std::chrono::milliseconds every{1000};  // a test packet on each route
    uint32_t perMinute = 600;               // test packets at most, of all routes together
};

struct MeasureContext {
    boost::asio::io_context& io;
    DataPlane& plane;
    cartographer::Cartographer& cartographer;
    app::Timers& timers;
    const Clock& clock;
    app::LogSink log;
    MeasureOptions options;
    // Something is paid for and not delivered.
    std::function<void(const channel::NotDelivered&)> notDelivered{};
};

class Measurements {
public:
    // The context's parts outlive this.
    explicit Measurements(MeasureContext context);
    ~Measurements();
    Measurements(const Measurements&) = delete;
    Measurements& operator=(const Measurements&) = delete;

    // Measures the way there for some minutes, whether or not anything is bought.
    void ask(const IpAddress& destination);
    // Everything that is known, or what concerns the way to this destination.
    [[nodiscard]] nlohmann::json report(const std::optional<IpAddress>& destination);
    // What is known of the stretches between ISPs on those ways.
    [[nodiscard]] SegmentKnowledge segments();
    // The ISPs on the ways there, as far as they are known.
    [[nodiscard]] std::set<IspId> onTheWay(const IpAddress& destination) const;
    void stop();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
