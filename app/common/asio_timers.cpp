#include "app/common/asio_timers.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

namespace netpas::app {

struct AsioTimers::Impl {
    boost::asio::io_context& io;
    std::map<Id, boost::asio::steady_timer> waiting;
    Id last = 0;
};

AsioTimers::AsioTimers(boost::asio::io_context& io) : m_impl(std::make_shared<Impl>(Impl{io, {}, 0})) {}
AsioTimers::~AsioTimers() = default;

Timers::Id AsioTimers::after(std::chrono::milliseconds delay, std::function<void()> fire) {
    const Id id = ++m_impl->last;
    auto& timer = m_impl->waiting.emplace(id, boost::asio::steady_timer(m_impl->io, delay)).first->second;
    timer.async_wait(
        [weak = std::weak_ptr<Impl>(m_impl), id, fire = std::move(fire)](const boost::system::error_code& error) {
            const auto impl = weak.lock();
            // A cancelled timer is no longer listed, even when it had expired already.
            if (!impl || error || impl->waiting.erase(id) == 0) return;
            fire();
        });
    return id;
}

void AsioTimers::cancel(Id id) { m_impl->waiting.erase(id); }

}  // namespace netpas::app
