// Timers of the control thread, over Asio.
#pragma once

#include <memory>

#include "app/common/timers.h"

namespace boost::asio {
class io_context;
}

namespace netpas::app {

class AsioTimers final : public Timers {
public:
    explicit AsioTimers(boost::asio::io_context& io);
    ~AsioTimers() override;  // nothing fires any more
    Id after(std::chrono::milliseconds delay, std::function<void()> fire) override;
    void cancel(Id id) override;

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::app
